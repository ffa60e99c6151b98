//! The rules of linking against a JVM: apps compiled by javac against one version of a library, and run
//! with another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde::Deserialize;
use sparkbake::classpath::{self, Jar, ModuleFlags, Required, Role, Runtime};
use sparkbake::outside::ReadAt;
use sparkbake::problem::At;
use sparkbake::profile::Located;

use super::{fresh, have, repository};

/// The JVM that is asked.
pub(super) const JAVA: &str = "/usr/lib/jvm/java-17-openjdk-amd64";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    v1: String,
    v2: String,
    stub: Option<String>,
    app: String,
    /// Options of javac.
    options: Option<String>,
    /// Flags of the JVM.
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    require: Vec<String>,
    /// Classes of the first version that the second keeps.
    #[serde(default)]
    mixed: Vec<String>,
    /// Classes of the library under another file name.
    #[serde(default)]
    rename: BTreeMap<String, String>,
    /// More files of the jars: those below `app` or `v2`.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Signs the library's jar; `changed` gives it another manifest afterwards, as a fat jar has it.
    signed: Option<String>,
    /// The major version that the library's classes get.
    major: Option<u16>,
    jvm: String,
    ours: Vec<String>,
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

pub(super) fn jdk() -> bool {
    have("openjdk-17-jdk-headless", Path::new(JAVA).join("bin/javac").exists())
}

#[test]
fn every_case_ends_in_the_jvm_as_it_was_foretold() {
    if !jdk() {
        return;
    }
    let data = repository().join("tests/data/classpath");
    let cases: Cases = toml::from_str(&fs::read_to_string(data.join("cases.toml")).unwrap()).unwrap();
    let root = fresh("classpath-cases");
    let places: Vec<PathBuf> = (0..cases.case.len()).map(|i| root.join(format!("{i:03}"))).collect();
    for (case, place) in cases.case.iter().zip(&places) {
        write(case, place);
    }
    let compile = data.join("Compile.java");
    super::tool(&format!("{JAVA}/bin/java"), &[compile.to_str().unwrap(), root.to_str().unwrap()]);
    let image = fs::read(format!("{JAVA}/lib/modules")).unwrap();
    let runtime = Runtime::read("lib/modules", &image, 2).unwrap();
    let faults: Mutex<Vec<String>> = Mutex::default();
    let all: Vec<(&Case, &PathBuf)> = cases.case.iter().zip(&places).collect();
    sparkbake::threads::each(&all, 2, |(case, place)| {
        adjust(case, place);
        let jvm = run(case, place);
        let ours = foretell(case, place, &runtime);
        if jvm != case.jvm || ours != case.ours {
            let fault =
                format!("{}\n  JVM: {jvm}, not {}\n  ours: {ours:#?}\n  not: {:#?}", case.name, case.jvm, case.ours);
            faults.lock().unwrap().push(fault);
        }
        if jvm != "OK" && !case.ours.iter().any(|line| line.starts_with(&jvm) || line.starts_with("its package")) {
            faults.lock().unwrap().push(format!("{}: nothing foretells {jvm}", case.name));
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn write(case: &Case, place: &Path) {
    fs::create_dir_all(place).unwrap();
    let put = |name: &str, text: &str| fs::write(place.join(name), text).unwrap();
    put("v1.txt", &case.v1);
    put("v2.txt", &case.v2);
    put("app.txt", &case.app);
    if let Some(stub) = &case.stub {
        put("stub.txt", stub);
    }
    if let Some(options) = &case.options {
        put("options.txt", options);
    }
}

/// What javac cannot do: classes of both versions, other names, other versions.
fn adjust(case: &Case, place: &Path) {
    for (name, text) in &case.files {
        let file = place.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let v2 = place.join("v2");
    for class in &case.mixed {
        fs::copy(place.join("v1").join(class), v2.join(class)).unwrap();
    }
    for (from, to) in &case.rename {
        fs::rename(v2.join(from), v2.join(to)).unwrap();
    }
    if let Some(major) = case.major {
        let file = v2.join("l/B.class");
        let mut bytes = fs::read(&file).unwrap();
        bytes[6..8].copy_from_slice(&major.to_be_bytes());
        fs::write(&file, bytes).unwrap();
    }
    for (jar, classes) in [("app.jar", "app"), ("lib.jar", "v2")] {
        let touched = case.files.keys().any(|file| file.starts_with(classes));
        let odd = !case.mixed.is_empty() || !case.rename.is_empty() || case.major.is_some();
        if touched || odd && classes == "v2" {
            pack(&place.join(jar), &place.join(classes));
        }
    }
    if let Some(how) = &case.signed {
        sign(&place.join("lib.jar"), how == "changed");
    }
}

fn pack(jar: &Path, classes: &Path) {
    let [jar, classes] = [jar, classes].map(|path| path.to_str().unwrap());
    super::tool(&format!("{JAVA}/bin/jar"), &["--create", "--no-manifest", "--file", jar, "-C", classes, "."]);
}

/// Signs a jar with a key of its own.
fn sign(jar: &Path, and_change: bool) {
    let keys = jar.with_extension("keys");
    let [jar, keys] = [jar, &keys].map(|path| path.to_str().unwrap());
    let secret = ["-storepass", "secret", "-keystore", keys];
    let key = ["-genkeypair", "-alias", "a", "-keyalg", "EC", "-dname", "CN=a"];
    super::tool(&format!("{JAVA}/bin/keytool"), &[&key[..], &secret].concat());
    super::tool(&format!("{JAVA}/bin/jarsigner"), &[&secret[..], &[jar, "a"]].concat());
    if and_change {
        let more = format!("{jar}.txt");
        fs::write(&more, "Built-By: another\n").unwrap();
        super::tool(&format!("{JAVA}/bin/jar"), &["--update", "--file", jar, "--manifest", &more]);
    }
}

/// The simple name of the first error.
fn run(case: &Case, place: &Path) -> String {
    let path = format!("{}:{}", place.join("app.jar").display(), place.join("lib.jar").display());
    let mut command = Command::new(format!("{JAVA}/bin/java"));
    command.args(["-XX:TieredStopAtLevel=1", "-Xshare:auto"]).args(&case.flags).args(["-cp", &path, "App"]);
    let ran = command.output().unwrap();
    if ran.status.success() {
        return "OK".to_owned();
    }
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let line = said.lines().find_map(|line| {
        line.strip_prefix("Exception in thread \"main\" ").or_else(|| line.strip_prefix("Caused by: "))
    });
    let name = line.unwrap_or(&said).split([':', ' ', '\n']).next().unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

fn foretell(case: &Case, place: &Path, runtime: &Runtime) -> Vec<String> {
    let jars: Vec<Jar> = ["app.jar", "lib.jar"]
        .iter()
        .map(|name| Jar {
            name: (*name).to_owned(),
            via: String::new(),
            at: None,
            role: Role::Added,
            group: String::new(),
            known_by: String::new(),
            bytes: Box::new(fs::read(place.join(name)).unwrap()),
        })
        .collect();
    let bytes: Vec<&dyn ReadAt> = jars.iter().map(|jar| jar.bytes.as_ref()).collect();
    let facts = classpath::facts(&bytes, 17, 1);
    let mut flags = ModuleFlags::default();
    flags.add(case.flags.iter().map(String::as_str));
    let named = |name: &String| Located { value: name.clone(), at: At::default() };
    let require: Vec<Required> = case.require.iter().map(|name| Required::from(named(name))).collect();
    let request = classpath::Request {
        jars: &jars,
        facts: &facts,
        runtime,
        java: 17,
        flags: &flags,
        require: &require,
        details: true,
        threads: 1,
    };
    let report = classpath::verify(&request, None);
    let details = report.details.unwrap();
    let guard = |guard: &str| if guard == "none" { String::new() } else { format!(" ({guard})") };
    let refused = details.unloadable.iter().chain(&details.unlinkable).map(|refusal| refusal.text.clone());
    let failing = details.references.iter().map(|r| format!("{}{}", r.text, guard(r.guard)));
    let told = ["class-broken", "class-missing", "service-broken", "package-split", "jar-unreadable"];
    let told = report.problems.into_iter().filter(|problem| told.contains(&problem.code.name));
    // A required class is told by its own problem alone where that is about reflection.
    let required: Vec<String> = told.filter_map(|problem| problem.notes.first().cloned()).collect();
    refused.chain(failing).chain(required).collect()
}

#[test]
fn what_a_manifest_or_an_index_brings_is_what_a_jvm_finds() {
    if !jdk() {
        return;
    }
    let root = fresh("brought");
    let at = |path: &str| root.join(path).to_str().unwrap().to_owned();
    fs::write(at("B.java"), "package l; public class B { }").unwrap();
    fs::write(at("M.java"), "package m; public class M { }").unwrap();
    fs::write(
        at("App.java"),
        "class App { public static void main(String[] a) throws Exception { Class.forName(a[0]); } }",
    )
    .unwrap();
    super::tool(&format!("{JAVA}/bin/javac"), &["-d", &at("b"), &at("B.java"), &at("M.java")]);
    super::tool(&format!("{JAVA}/bin/javac"), &["-d", &at("app"), &at("App.java")]);
    fs::create_dir_all(at("jars/lib")).unwrap();
    for name in ["jars/B.jar", "jars/lib/B.jar", "jars/a b.jar", "C.jar"] {
        pack(&root.join(name), &root.join("b"));
    }
    let absolute = at("C.jar");
    let class_path = |value: &str| format!("Manifest-Version: 1.0\nClass-Path: {value}\n");
    let mut faults = Vec::new();
    // The manifest, the index, the class that is asked for, and whether it is found.
    let mut cases: Vec<(String, &str, &str, bool)> = vec![
        ("Class-Path: B.jar".to_owned(), "", "l.B", false),
        (class_path("B.jar"), "JarIndex-Version: 1.0\n\nA.jar\nApp\n\nlib/B.jar\nl\nm\n", "l.B", true),
        (class_path("B.jar"), "JarIndex-Version: 1.0\n\nA.jar\nApp\n", "l.B", false),
        (String::new(), "JarIndex-Version: 1.0\n\nA.jar\nApp\n\nB.jar\nl\nm\n", "l.B", true),
        (String::new(), "JarIndex-Version: 1.0\n\nA.jar\nApp\n\nB.jar\nl\n", "m.M", false),
    ];
    for (value, found) in [
        ("B.jar", true),
        ("gone.jar lib/B.jar", true),
        ("../C.jar", true),
        (&absolute, true),
        (&format!("file:{absolute}"), true),
        ("a%20b.jar", true),
        ("B.jar#x", true),
        ("gone.jar", false),
        ("*.jar", false),
        ("http:B.jar", false),
        ("b%2.jar", false),
    ] {
        cases.push((class_path(value), "", "l.B", found));
    }
    for (manifest, index, class, found) in cases {
        fs::create_dir_all(at("app/META-INF")).unwrap();
        fs::write(at("app/META-INF/MANIFEST.MF"), &manifest).unwrap();
        let listing = root.join("app/META-INF/INDEX.LIST");
        if index.is_empty() {
            let _ = fs::remove_file(&listing);
        } else {
            fs::write(&listing, index).unwrap();
        }
        pack(&root.join("jars/A.jar"), &root.join("app"));
        let jar = at("jars/A.jar");
        let jvm = Command::new(format!("{JAVA}/bin/java")).args(["-cp", &jar, "App", class]).output().unwrap();
        let args = ["classpath", "--java", JAVA, "--jars", &jar, "--require", class];
        let ours = super::sparkbake_in(&super::place("classpath-cache"), &root, &args);
        let both = (jvm.status.success(), ours.status.success());
        if both != (found, found) {
            faults.push(format!("{manifest}{index}: JVM and we {both:?}\n{}{}", super::said(&jvm), super::said(&ours)));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

//! The closures that pip and uv choose for the Python of bookworm.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sparkbake::outside::Registry;

use super::recorder::Recorder;
use super::resolved;
use crate::{Fresh, fresh, have, said, tenth, tool};

/// Debian's own, which is the target's to the last number: pip evaluates markers by what runs it.
const PYTHON: &str = "/usr/bin/python3";
const FULL: &str = "3.11.2";

/// The oracles, which PyPI has.
const PIP: &str = "pip==26.3";
const UV: &str = "uv==0.13.9";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    closures: Vec<Vec<String>>,
    given: Vec<String>,
    between_them: std::collections::BTreeMap<String, String>,
}

/// Whether this machine's Python is the target's.
fn is_the_target() -> bool {
    let full = Command::new(PYTHON).arg("--version").output().ok();
    let same = full.is_some_and(|told| String::from_utf8_lossy(&told.stdout).trim().ends_with(FULL));
    have("bookworm's Python", same)
}

type Closure = Result<BTreeSet<String>, String>;

/// The two tools, and what both are told.
struct Tools {
    folder: Fresh,
    pip: PathBuf,
    uv: PathBuf,
    root: String,
}

impl Tools {
    fn fetch(root: String, given: &[String]) -> Self {
        let folder = fresh("python-tools");
        let wheels = folder.join("wheels");
        let at = wheels.display().to_string();
        tool(PYTHON, &["-m", "pip", "download", "--quiet", "--no-deps", "--dest", &at, PIP, UV]);
        let wheel = |name: &str| {
            let mut files = fs::read_dir(&wheels).unwrap().map(|entry| entry.unwrap().path());
            files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap()
        };
        let (pip, uv) = (wheel("pip-"), wheel("uv-"));
        let unpacked = folder.join("uv");
        tool(PYTHON, &["-m", "zipfile", "-e", uv.to_str().unwrap(), unpacked.to_str().unwrap()]);
        let version = UV.split_once("==").unwrap().1;
        let uv = unpacked.join(format!("uv-{version}.data/scripts/uv"));
        tool("chmod", &["+x", uv.to_str().unwrap()]);
        let links = folder.join("given");
        fs::create_dir(&links).unwrap();
        for given in given {
            let (name, version) = given.split_once("==").unwrap();
            empty_wheel(&links, name, version);
        }
        Self { folder, pip: pip.join("pip"), uv, root }
    }

    fn links(&self) -> String {
        self.folder.join("given").display().to_string()
    }

    fn pip(&self, roots: &[String]) -> Closure {
        let report = self.folder.join("report.json");
        let mut pip = Command::new(PYTHON);
        pip.arg(&self.pip).args(["install", "--isolated", "--quiet", "--dry-run", "--ignore-installed"]);
        pip.args(["--break-system-packages", "--no-cache-dir", "--only-binary", ":all:", "--index-url", &self.root]);
        pip.args(["--find-links", &self.links(), "--report"]).arg(&report).args(roots);
        if let Some(bundle) = std::env::var_os("SSL_CERT_FILE") {
            pip.arg("--cert").arg(bundle);
        }
        let ran = pip.output().unwrap();
        if !ran.status.success() {
            return Err(said(&ran));
        }
        let report = crate::json(&report);
        let pinned = report["install"].as_array().unwrap().iter().map(|one| {
            let of = |field: &str| one["metadata"][field].as_str().unwrap();
            format!("{}=={}", sparkbake::pypi::normalise(of("name")), of("version"))
        });
        Ok(pinned.collect())
    }

    fn uv(&self, roots: &[String]) -> Closure {
        let asked = self.folder.join("asked.txt");
        fs::write(&asked, roots.join("\n")).unwrap();
        let mut uv = Command::new(&self.uv);
        uv.args(["pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate", "--no-progress"]);
        uv.args(["--only-binary", ":all:", "--python", PYTHON, "--python-version", FULL]);
        uv.args(["--python-platform", "x86_64-manylinux_2_36", "--index-url", &self.root, "--find-links"]);
        uv.arg(self.links()).arg("--cache-dir").arg(self.folder.join("uv-cache")).arg(&asked);
        let ran = uv.env_clear().envs(without_its_own_settings()).output().unwrap();
        if !ran.status.success() {
            return Err(said(&ran));
        }
        let told = String::from_utf8(ran.stdout).unwrap();
        Ok(told.lines().filter(|line| line.contains("==")).map(|line| line.trim().to_owned()).collect())
    }
}

fn without_its_own_settings() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("UV_"))
}

/// A wheel of nothing, so that a project that has none counts as there.
fn empty_wheel(folder: &Path, name: &str, version: &str) {
    let file = fs::File::create(folder.join(format!("{name}-{version}-py3-none-any.whl"))).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    let info = format!("{name}-{version}.dist-info");
    let texts = [
        ("METADATA", format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        ("WHEEL", "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
        ("RECORD", String::new()),
    ];
    for (name, text) in texts {
        zip.start_file(format!("{info}/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn ours(root: &str, store: &Path, roots: &[String], given: &[String]) -> Closure {
    let given = given.iter().flat_map(|given| ["--no-deps-of", given]);
    let roots = std::iter::once("--").chain(roots.iter().map(String::as_str));
    asked(root, store, &given.chain(roots).collect::<Vec<_>>())
}

/// `sparkbake resolve python` with these words.
fn asked(root: &str, store: &Path, words: &[&str]) -> Closure {
    let arguments = [&["python", "--python", FULL, "--glibc", "2.36"], words].concat();
    let closure = resolved(&[("SPARKBAKE_PYPI_URL", root)], store, &arguments)?;
    let name = |one: &serde_json::Value| one["coordinate"].as_str().unwrap().trim_start_matches("pypi:").to_owned();
    Ok(closure.iter().map(name).collect())
}

/// What projects of PySpark's users lock.
const LOCKED: [&str; 4] = ["uvicorn[standard]<1", "pyarrow<20", "scikit-learn", "requests; sys_platform == 'linux'"];

/// uv locks a project, and writes the lock in the two other forms: each is the closure that uv itself would install.
#[test]
fn locks_of_other_tools_pin_what_those_install() {
    if !is_the_target() {
        return;
    }
    let store = fresh("python-locks");
    let recorder = Recorder::before(Registry::Pypi, &store.join("recorded"));
    let tools = Tools::fetch(recorder.root.clone(), &[]);
    let project = store.join("project");
    fs::create_dir(&project).unwrap();
    let list = LOCKED.map(|one| format!("\"{one}\"")).join(", ");
    let text = format!(
        "[project]\nname = \"app\"\nversion = \"0\"\nrequires-python = \">=3.10\"\ndependencies = [{list}]\n\
         [dependency-groups]\ndev = [\"iniconfig\"]\n"
    );
    fs::write(project.join("pyproject.toml"), text).unwrap();
    let uv = |words: &[&str]| {
        let mut uv = Command::new(&tools.uv);
        uv.args(words).args(["--no-config", "--no-progress", "--quiet", "--python", PYTHON, "--default-index"]);
        uv.arg(&recorder.root).arg("--cache-dir").arg(tools.folder.join("uv-cache")).current_dir(&project);
        let ran = uv.env_clear().envs(without_its_own_settings()).output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}", said(&ran));
    };
    uv(&["lock"]);
    for (format, file) in [("requirements.txt", "requirements.txt"), ("pylock.toml", "pylock.toml")] {
        uv(&["export", "--frozen", "--no-dev", "--no-emit-project", "--format", format, "--output-file", file]);
    }
    let theirs = tools.uv(&LOCKED.map(str::to_owned)).unwrap();
    assert!(theirs.iter().any(|one| one.starts_with("httptools==")), "{theirs:?}");
    for file in ["uv.lock", "requirements.txt", "pylock.toml"] {
        let path = project.join(file);
        let ours = asked(&recorder.root, &store, &["--lock", path.to_str().unwrap()]);
        assert_eq!(ours.as_ref(), Ok(&theirs), "{file}");
    }
}

#[test]
fn a_closure_is_the_one_that_pip_and_uv_choose() {
    if !is_the_target() {
        return;
    }
    let store = fresh("python-store");
    let recorder = Recorder::before(Registry::Pypi, &store.join("recorded"));
    let table: Table = toml::from_str(include_str!("../../data/resolvers/python.toml")).unwrap();
    let tools = Tools::fetch(recorder.root.clone(), &table.given);
    let mut differ = String::new();
    for roots in tenth("python closures", &table.closures) {
        let (mut pip, mut uv) = (tools.pip(&roots), tools.uv(&roots));
        for closure in [&mut pip, &mut uv].into_iter().flatten() {
            closure.retain(|one| !table.given.contains(one));
        }
        let ours = ours(&recorder.root, &store, &roots, &table.given);
        let line = roots.join(", ");
        let same = |theirs: &Closure| match (&ours, theirs) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        let fine = match (same(&pip), same(&uv)) {
            (true, true) => !table.between_them.contains_key(&line),
            (true, false) | (false, true) => table.between_them.contains_key(&line),
            (false, false) => false,
        };
        if !fine {
            let _ = writeln!(differ, "{line}");
            for (who, theirs) in [("pip", &pip), ("uv", &uv)] {
                let _ = match (&ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        let (more, less): (Vec<_>, Vec<_>) =
                            (ours.difference(theirs).collect(), theirs.difference(ours).collect());
                        writeln!(differ, "  ours alone {more:?}, {who}'s alone {less:?}")
                    }
                    (Err(said), Ok(theirs)) => writeln!(differ, "  {who}'s {theirs:?}, we refuse: {said}"),
                    (Ok(_), Err(said)) => writeln!(differ, "  {who} refuses: {said}"),
                    (Err(_), Err(_)) => writeln!(differ, "  {who} refuses, and so do we"),
                };
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

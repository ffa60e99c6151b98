//! Whole distributions against a JVM, and distributions with one thing broken.
//!
//! A random tenth of all classes is asked for in each run, all of them under `SPARKBAKE_TEST_ALL`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::cells::java_of;
use super::classpath::{JAVA, jdk};
use super::{Fresh, cache, emptied, fresh, place, repository, said, sparkbake_in, tenth, tool};

/// The source distribution of PySpark that a shipped lock names.
pub(super) fn sdist(profile: &str) -> PathBuf {
    let lock: toml::Table =
        toml::from_str(&fs::read_to_string(repository().join(format!("lockfiles/{profile}.lock"))).unwrap()).unwrap();
    let artifacts = lock["artifact"].as_array().unwrap();
    let is_pyspark = |artifact: &&toml::Value| artifact["coordinate"].as_str().unwrap().starts_with("pypi:pyspark=");
    let digest = &artifacts.iter().find(is_pyspark).unwrap()["sha256"].as_str().unwrap()[7..];
    cache().join("blobs/sha256").join(digest)
}

/// The `jars` of a distribution whose lock is shipped.
pub(super) fn stock(profile: &str) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sdist = sdist(profile);
    let jars = place("distributions").join(sdist.file_name().unwrap());
    if !jars.exists() {
        let half = emptied(&format!("unpacking-{profile}"));
        let to = half.to_str().unwrap();
        let args =
            ["-xzf", sdist.to_str().unwrap(), "-C", to, "--wildcards", "*/deps/jars/*.jar", "--strip-components=3"];
        tool("tar", &args);
        fs::rename(&half, &jars).unwrap();
    }
    jars
}

fn jars_of(dir: &Path) -> Vec<PathBuf> {
    let mut jars: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    jars.retain(|path| path.is_file());
    jars.sort();
    jars
}

/// Every class that some jar has, by binary name.
fn names(jars: &[PathBuf]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for jar in jars {
        let zip = zip::ZipArchive::new(fs::File::open(jar).unwrap()).unwrap();
        let files = zip.file_names().filter_map(Result::ok);
        let classes = files.filter_map(|name| name.strip_suffix(".class").map(str::to_owned));
        let plain = classes.filter(|name| !name.starts_with("META-INF/") && *name != "module-info");
        names.extend(plain.map(|name| name.replace('/', ".")));
    }
    names.into_iter().collect()
}

/// What a JVM refuses of these classes, a line each.
fn refused_by_the_jvm(dir: &Path, java: &str, flags: &[&str], jars: &[PathBuf], names: &[String]) -> BTreeSet<String> {
    let data = repository().join("tests/data/classpath");
    let [boot, own] = [dir.join("boot"), dir.join("own")].map(|path| path.to_str().unwrap().to_owned());
    let source = |name: &str| data.join(name).to_str().unwrap().to_owned();
    tool(&format!("{JAVA}/bin/javac"), &["-d", &boot, &source("WhiteBox.java")]);
    tool(&format!("{JAVA}/bin/javac"), &["-cp", &boot, "-d", &own, &source("Oracle.java")]);
    let [asked, answer] = [dir.join("names"), dir.join("refused")];
    fs::write(&asked, names.join("\n")).unwrap();
    let path: Vec<String> =
        std::iter::once(own).chain(jars.iter().map(|jar| jar.to_str().unwrap().to_owned())).collect();
    let ran = Command::new(format!("{java}/bin/java"))
        .args(["-Xmx3g", "-XX:+UnlockDiagnosticVMOptions", "-XX:+WhiteBoxAPI", "-Xlog:disable", "-Xshare:auto"])
        .args(flags)
        .args([&format!("-Xbootclasspath/a:{boot}"), "-cp", &path.join(":"), "Oracle"])
        .args([&asked, &answer])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    fs::read_to_string(answer).unwrap().lines().map(str::to_owned).collect()
}

pub(super) fn report(args: &[&str]) -> Value {
    report_on(JAVA, args)
}

fn report_on(java: &str, args: &[&str]) -> Value {
    let all = [&["classpath", "--java", java, "--json"][..], args].concat();
    let ran = sparkbake_in(&place("classpath-cache"), repository(), &all);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{}", said(&ran));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn what_cannot_be_loaded_or_linked_is_what_a_jvm_refuses() {
    if !jdk() {
        return;
    }
    // The flag of Spark's launcher that brings a module; PyPI's Java 21 does not have it.
    let vector = &["--add-modules=jdk.incubator.vector"][..];
    let java_21 = java_of("21");
    for (profile, java, flags) in
        [("spark-3.5", JAVA, &[][..]), ("spark-4.1", JAVA, vector), ("spark-4.1", &java_21, &[])]
    {
        let stock = stock(profile);
        let jars = jars_of(&stock);
        let asked = tenth(profile, &names(&jars));
        let jvm = refused_by_the_jvm(&fresh(&format!("oracle-{profile}")), java, flags, &jars, &asked);
        let report =
            report_on(java, &["--jars", stock.to_str().unwrap(), "--baseline", stock.to_str().unwrap(), "--all"]);
        let asked: BTreeSet<&str> = asked.iter().map(String::as_str).collect();
        let refused = |what: &str, list: &str| -> Vec<String> {
            let all = report["all"][list].as_array().unwrap().iter();
            let all = all.map(|refusal| (refusal["class"].as_str().unwrap(), refusal["error"].as_str().unwrap()));
            all.filter(|(class, _)| asked.contains(class))
                .map(|(class, error)| format!("{what} {class} {error}"))
                .collect()
        };
        let ours: BTreeSet<String> =
            refused("load", "unloadable").into_iter().chain(refused("link", "unlinkable")).collect();
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join("\n");
        assert!(jvm == ours, "{profile} {java}\nonly the JVM:\n{}\nonly we:\n{}", only(&jvm, &ours), only(&ours, &jvm));
        assert!(!jvm.is_empty(), "{profile}: a JVM that refuses nothing was not asked");
    }
}

#[test]
fn untouched_distributions_show_nothing() {
    if !jdk() {
        return;
    }
    for profile in ["spark-3.5", "spark-4.1"] {
        let stock = stock(profile);
        let report = report(&["--jars", stock.to_str().unwrap(), "--baseline", stock.to_str().unwrap()]);
        assert_eq!(report["problems"], Value::Array(Vec::new()), "{profile}");
    }
}

/// Spark 3.5's jars with some left out and others added.
pub(super) fn plant(name: &str, gone: &[&str], added: &[&Path]) -> Fresh {
    let dir = fresh(&format!("planted-{name}"));
    for jar in jars_of(&stock("spark-3.5")) {
        let file = jar.file_name().unwrap().to_str().unwrap();
        if !gone.iter().any(|gone| file.starts_with(gone)) {
            fs::hard_link(&jar, dir.join(file)).unwrap();
        }
    }
    for jar in added {
        fs::copy(jar, dir.join(jar.file_name().unwrap())).unwrap();
    }
    dir
}

/// The problems of Spark 3.5's jars with some left out and others added: code and message.
fn planted(name: &str, gone: &[&str], added: &[&Path]) -> Vec<String> {
    let dir = plant(name, gone, added);
    causes(&report(&["--jars", dir.to_str().unwrap(), "--baseline", stock("spark-3.5").to_str().unwrap()]))
}

/// Code and message of each problem of a report.
pub(super) fn causes(report: &Value) -> Vec<String> {
    let problems = report["problems"].as_array().unwrap().iter();
    problems
        .map(|problem| format!("{}: {}", problem["code"].as_str().unwrap(), problem["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_planted_breakage_has_one_cause() {
    if !jdk() {
        return;
    }
    let found = [
        planted("runtime", &["hadoop-client-runtime-"], &[]),
        planted("reflect", &["scala-reflect-"], &[]),
        planted("jackson", &["jackson-core-2"], &[]),
        planted("netty", &["netty-common-"], &[]),
    ];
    let lines: Vec<String> = found.iter().map(|problems| problems.join("\n")).collect();
    insta::assert_snapshot!(lines.join("\n---\n"), @r#"
    jar-removed: hadoop-client-runtime-3.3.4.jar is not there, and 283 classes of it are needed by 2283 classes
    ---
    jar-removed: scala-reflect-2.12.18.jar is not there, and 566 classes of it are needed by 1756 classes
    ---
    jar-removed: jackson-core-2.15.2.jar is not there, and 63 classes of it are needed by 440 classes
    ---
    jar-removed: netty-common-4.1.96.Final.jar is not there, and 81 classes of it are needed by 718 classes
    "#);
}

#[test]
fn a_clean_verdict_lasts_as_long_as_the_class_path_does() {
    if !jdk() {
        return;
    }
    let (stock, dir) = (stock("spark-3.5"), fresh("kept"));
    for jar in jars_of(&stock).iter().filter(|jar| jar.to_str().unwrap().contains("slf4j")) {
        fs::copy(jar, dir.join(jar.file_name().unwrap())).unwrap();
    }
    let ask = || report(&["--jars", dir.to_str().unwrap(), "--baseline", dir.to_str().unwrap()]);
    let clean = ask();
    assert_eq!(
        (&clean["problems"], clean["jars"].as_u64().unwrap() > 1),
        (&Value::Array(Vec::new()), true),
        "{clean:#}"
    );
    assert_eq!(ask(), clean);
    // Broken under its name, and whole again.
    let jar = jars_of(&dir).pop().unwrap();
    let whole = fs::read(&jar).unwrap();
    fs::write(&jar, &whole[..whole.len() / 2]).unwrap();
    assert_ne!(ask()["problems"], clean["problems"]);
    fs::write(&jar, whole).unwrap();
    assert_eq!(ask(), clean);
}

/// What `lock` says of Spark 3.5 with these lines in `[maven]`, by first lines.
fn locked(name: &str, maven: &str, file: Option<&Path>) -> String {
    let profile = format!(
        "[target.aci]\ncpu = 2\nmemory-gb = 4\n[stack]\nspark = \"3.5.9\"\njava = \"17\"\npython = \"3.11\"\n\
         debian = \"bookworm\"\n[debian]\nsecurity = false\n[python]\nrequirements = [\"numpy==1.26.*\"]\n[maven]\n{maven}\n"
    );
    let dir = super::project(name, &profile);
    if let Some(file) = file {
        fs::copy(file, dir.join(file.file_name().unwrap())).unwrap();
    }
    let ran = sparkbake_in(cache(), &dir, &["lock", "--color", "never"]);
    let said = String::from_utf8(ran.stderr).unwrap();
    // What the matrix thinks of the versions is another test's affair.
    let first = said.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
    first.filter(|line| !line.contains("[stack-")).collect::<Vec<_>>().join("\n")
}

/// A class for each setting that names one, as Spark's own defaults and documents have them: all of them can be made.
const NAMED: &str = r#"
[spark.conf]
"spark.sql.extensions" = "io.delta.sql.DeltaSparkSessionExtension"
"spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
"spark.sql.catalog.db" = "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog"
"spark.sql.catalog.db.driver" = "org.apache.derby.jdbc.EmbeddedDriver"
"spark.serializer" = "org.apache.spark.serializer.KryoSerializer"
"spark.shuffle.manager" = "org.apache.spark.shuffle.sort.SortShuffleManager"
"spark.extraListeners" = "org.apache.spark.scheduler.StatsReportListener"
"spark.io.compression.codec" = "org.apache.spark.io.ZStdCompressionCodec"
"spark.sql.cache.serializer" = "org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer"
"spark.sql.sources.commitProtocolClass" = "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol"
"spark.sql.streaming.commitProtocolClass" = "org.apache.spark.sql.execution.streaming.ManifestFileCommitProtocol"
"spark.sql.parquet.output.committer.class" = "org.apache.parquet.hadoop.ParquetOutputCommitter"
"spark.hadoop.fs.abfss.impl" = "org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem"
"spark.hadoop.fs.AbstractFileSystem.abfss.impl" = "org.apache.hadoop.fs.azurebfs.Abfss"
"#;

#[test]
fn a_lock_names_the_line_that_breaks_the_class_path() {
    if !jdk() {
        return;
    }
    let source = place("too-new").join("New.java");
    fs::write(&source, "package too; public class New {}").unwrap();
    let [classes, jar] =
        ["classes", "new-1.0.jar"].map(|name| place("too-new").join(name).to_str().unwrap().to_owned());
    tool(&format!("{JAVA}/bin/javac"), &["-d", &classes, source.to_str().unwrap()]);
    let class = Path::new(&classes).join("too/New.class");
    let mut bytes = fs::read(&class).unwrap();
    bytes[7] = 65;
    fs::write(&class, bytes).unwrap();
    tool(&format!("{JAVA}/bin/jar"), &["--create", "--file", &jar, "-C", &classes, "."]);
    let found = [
        locked("guava", "override = { \"com.google.guava:guava\" = \"31.1-jre\" }", None),
        locked("newer", "files = [\"new-1.0.jar\"]", Some(Path::new(&jar))),
        locked(
            "connectors",
            &format!(
                "jars = [\"org.apache.hadoop:hadoop-azure\", \"io.delta:delta-spark_2.12:3.3.2\", \
                 \"org.apache.spark:spark-avro_2.12:3.5.9\", \"org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7\"]\n{NAMED}"
            ),
            None,
        ),
        locked("plugin", "[spark.conf]\n\"spark.plugins\" = \"org.apache.spark.SparkContext\"", None),
    ];
    insta::assert_snapshot!(found.join("\n---\n"), @r"
    error[does-not-link]: guava-31.1-jre.jar does not do for bonecp-0.8.0.RELEASE.jar and 3 more: it lacks 1 class and has 7 members in another shape or not at all
    ---
    error[class-too-new]: new-1.0.jar is compiled for Java 21, and the image has Java 17
    ---

    ---
    error[class-broken]: the required class org.apache.spark.SparkContext has no instance that Spark could make
    ");
}

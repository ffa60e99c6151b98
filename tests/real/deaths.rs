//! Broken class paths, run: `spark-submit` dies of the very class or member that the report has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use super::bulk::{causes, plant, report, sdist, stock};
use super::classpath::{JAVA, jdk};
use super::{emptied, fresh, place, repository, said, tool};

/// The Python whose pip is asked.
const PYTHON: &str = "/usr/bin/python3";

/// A class path, and what a job does on it.
struct Plant {
    name: &'static str,
    /// Beginnings of the names of jars that are left out.
    gone: &'static [&'static str],
    /// A requirement of PyPI whose jars are added.
    added: Option<&'static str>,
    /// Class and static method that the job calls.
    calls: &'static [&'static str],
}

const fn without(name: &'static str, gone: &'static [&'static str]) -> Plant {
    Plant { name, gone, added: None, calls: &[] }
}

const PLANTS: [Plant; 6] = [
    without("nothing", &[]),
    without("runtime", &["hadoop-client-runtime-"]),
    without("reflect", &["scala-reflect-"]),
    without("jackson", &["jackson-core-2"]),
    without("netty", &["netty-common-"]),
    // Made for Spark 4, and so for Scala 2.13.
    Plant {
        name: "scala",
        gone: &[],
        added: Some("pyspark-extension==2.15.0.4.0"),
        calls: &["uk.co.gresearch.spark.diff.DiffOptions", "default"],
    },
];

#[test]
fn a_job_dies_of_what_the_report_names() {
    if !jdk() {
        return;
    }
    let (job, bin) = (job(), bin());
    let told: Mutex<Vec<(usize, String)>> = Mutex::default();
    let all: Vec<(usize, &Plant)> = PLANTS.iter().enumerate().collect();
    sparkbake::threads::each(&all, 2, |(at, plant)| {
        let line = told_of(plant, &job, &bin);
        told.lock().unwrap().push((*at, line));
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    let lines: Vec<String> = told.into_iter().map(|(_, line)| line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    nothing: runs
      nothing
    runtime: NoClassDefFoundError: org.apache.hadoop.shaded.com.ctc.wstx.io.InputBootstrapper
      jar-removed: hadoop-client-runtime-3.3.4.jar is not there, and 283 classes of it are needed by 2283 classes
    reflect: NoClassDefFoundError: scala.reflect.api.TypeCreator
      jar-removed: scala-reflect-2.12.18.jar is not there, and 566 classes of it are needed by 1756 classes
    jackson: NoClassDefFoundError: com.fasterxml.jackson.core.Versioned
      jar-removed: jackson-core-2.15.2.jar is not there, and 63 classes of it are needed by 440 classes
    netty: NoClassDefFoundError: io.netty.util.concurrent.EventExecutorGroup
      jar-removed: netty-common-4.1.96.Final.jar is not there, and 81 classes of it are needed by 718 classes
    scala: NoSuchMethodError: java.lang.Object scala.collection.Map$.empty()
      wrong-scala: spark-extension_2.13-2.15.0-4.0.jar is built for Scala 2.13, and the class path has Scala 2.12
    ");
}

#[test]
fn a_fat_jar_is_the_one_to_blame() {
    if std::env::var_os("SPARKBAKE_TEST_ALL").is_none() {
        eprintln!("SKIPPED: a download of 232 MB; SPARKBAKE_TEST_ALL=1 does it");
        return;
    }
    if !jdk() {
        return;
    }
    let added = jars_from_pypi("h2o_pysparkling_3.5==3.46.0.6.post1");
    let dir = plant("fat", &[], &added.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let report = report(&["--jars", text(&dir), "--baseline", text(&stock("spark-3.5"))]);
    insta::assert_snapshot!(causes(&report).join("\n"), @r"
    does-not-link: sparkling_water_assembly.jar does not fit avro-1.11.5.jar, which has 1 member in another shape or not at all
    does-not-link: sparkling_water_assembly.jar does not fit hive-exec-2.3.9-core.jar, which lacks 1 class and has 1 member in another shape or not at all
    does-not-link: sparkling_water_assembly.jar does not fit kubernetes-client-api-6.7.2.jar, which lacks 1 class and has 1 member in another shape or not at all
    does-not-link: sparkling_water_assembly.jar does not fit Java 17, which has 13 members in another shape or not at all
    order-decides: sparkling_water_assembly.jar has 2855 classes that 15 other jars have in another shape
    service-broken: sparkling_water_assembly.jar names 1 provider of water.rapids.ast.AstRoot that Java refuses
    ");
}

/// How the job ends and what the report says; where it dies, of something that the report has.
fn told_of(planted: &Plant, job: &Path, bin: &Path) -> String {
    let added = planted.added.map(jars_from_pypi).unwrap_or_default();
    let jars = plant(
        &format!("death-{}", planted.name),
        planted.gone,
        &added.iter().map(PathBuf::as_path).collect::<Vec<_>>(),
    );
    let home = fresh(&format!("death-home-{}", planted.name));
    for (name, to) in [("bin", bin), ("jars", &*jars)] {
        std::os::unix::fs::symlink(to, home.join(name)).unwrap();
    }
    let ran = Command::new(home.join("bin/spark-submit"))
        .args(["--master", "local[1]", "--conf", "spark.ui.enabled=false", "--class", "Job", text(job)])
        .args(planted.calls)
        .current_dir(&home)
        .env_clear()
        .envs([
            ("SPARK_HOME", text(&home)),
            ("JAVA_HOME", JAVA),
            ("SPARK_LOCAL_IP", "127.0.0.1"),
            ("PATH", "/usr/bin:/bin"),
        ])
        .output()
        .unwrap();
    let report = report(&["--jars", text(&jars), "--baseline", text(&stock("spark-3.5")), "--all"]);
    let causes = causes(&report);
    let verdict = if causes.is_empty() { "nothing".to_owned() } else { causes.join("; ") };
    let name = planted.name;
    if ran.status.success() {
        assert!(String::from_utf8_lossy(&ran.stdout).contains("rows: 94"), "{name}: {}", said(&ran));
        return format!("{name}: runs\n  {verdict}");
    }
    let death = death(&String::from_utf8_lossy(&ran.stderr)).unwrap_or_else(|| panic!("{name}: {}", said(&ran)));
    assert!(foretold(&report).contains(&death), "{name}: the report has no {death:?}: {verdict}");
    format!("{name}: {}: {}\n  {verdict}", death.0, death.1)
}

/// The error of the main thread, and the class or member that it names, as a report writes it.
fn death(said: &str) -> Option<(String, String)> {
    let line = said.lines().find_map(|line| line.strip_prefix("Exception in thread \"main\" java.lang."))?;
    let (error, what) = line.split_once(": ")?;
    let what =
        if error == "NoClassDefFoundError" { what.replace('/', ".") } else { what.trim_matches('\'').to_owned() };
    Some((error.to_owned(), what))
}

/// Every error, with the class or member that is to blame, beyond those of the untouched distribution.
fn foretold(report: &Value) -> BTreeSet<(String, String)> {
    let list = |name: &str, blamed: &str| -> Vec<(String, String)> {
        let all = report["all"][name].as_array().unwrap().iter().filter(|one| one["baseline"] == false);
        all.map(|one| (one["error"].as_str().unwrap().to_owned(), one[blamed].as_str().unwrap().to_owned())).collect()
    };
    let all = [list("unloadable", "because"), list("unlinkable", "because"), list("references", "to")];
    all.into_iter().flatten().collect()
}

/// The jar of the job.
fn job() -> PathBuf {
    let dir = emptied("death-job");
    let [classes, jar] = ["classes", "job.jar"].map(|name| dir.join(name));
    let path = format!("{}/*", text(&stock("spark-3.5")));
    let source = repository().join("tests/data/classpath/Job.java");
    tool(&format!("{JAVA}/bin/javac"), &["-cp", &path, "-d", text(&classes), text(&source)]);
    tool(&format!("{JAVA}/bin/jar"), &["--create", "--file", text(&jar), "-C", text(&classes), "."]);
    jar
}

/// Spark's own scripts.
fn bin() -> PathBuf {
    let dir = emptied("death-scripts");
    let sdist = sdist("spark-3.5");
    tool("tar", &["-xzf", text(&sdist), "-C", text(&dir), "--wildcards", "*/deps/bin/*", "--strip-components=2"]);
    dir.join("bin")
}

/// The jars in what pip downloads.
fn jars_from_pypi(requirement: &str) -> Vec<PathBuf> {
    let dir = place("from-pypi").join(requirement);
    if !dir.exists() {
        let half = emptied(&format!("from-pypi-{requirement}"));
        tool(PYTHON, &["-m", "pip", "download", "--quiet", "--no-deps", "--dest", text(&half), requirement]);
        let file = fs::read_dir(&half).unwrap().next().unwrap().unwrap().path();
        if file.extension().is_some_and(|extension| extension == "whl") {
            tool(PYTHON, &["-m", "zipfile", "-e", text(&file), text(&half)]);
        } else {
            tool("tar", &["-xzf", text(&file), "-C", text(&half)]);
        }
        fs::rename(&half, &dir).unwrap();
    }
    let mut jars: Vec<PathBuf> = tool("find", &[text(&dir), "-name", "*.jar"]).lines().map(PathBuf::from).collect();
    jars.sort();
    assert!(!jars.is_empty(), "{requirement} has no jar");
    jars
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

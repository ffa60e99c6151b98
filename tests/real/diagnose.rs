//! `diagnose`, asked about logs that were really produced: whole, the first cause among all must be the right one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::containers::{MINIMAL_JOB, PANDAS_JOB, engine, job};
use crate::{drawn, fresh, repository, said, tenth};

/// A session, and nothing else that could be in the way.
const SESSION: &str = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n";

/// A run of `tests/data/diagnose/runs.toml`, which says what the fields are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    cause: String,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    setup: Option<String>,
    #[serde(default)]
    job: String,
    #[serde(default)]
    timeout: Option<u32>,
    #[serde(default)]
    upstream: bool,
}

#[derive(Deserialize)]
struct Runs {
    run: Vec<Run>,
}

impl Run {
    /// The container's log, both streams as they came, and its exit code.
    fn log(&self, engine: &str, at: usize) -> (Vec<u8>, i32) {
        let script = job(&format!("diagnose-{at}"), &format!("{SESSION}{}\n", self.job));
        let mount = format!("{}:/job:ro", script.parent().unwrap().display());
        let mut line = vec!["--host", engine, "run", "--rm", "--network", "none", "-v", &mount];
        if !self.options.iter().any(|option| option == "--memory") {
            let memory = if self.image.is_none() { "2000000000" } else { "4000000000" };
            line.extend(["--memory", memory, "--memory-swap", memory]);
        }
        line.extend(self.options.iter().map(String::as_str));
        let python = self.timeout.map_or_else(String::new, |seconds| format!("timeout {seconds} "));
        let python = format!("{python}python3 /job/job.py");
        let shell = format!("{}\nexec {python}\n", self.setup.as_deref().unwrap_or_default());
        let image = self.image.as_deref().unwrap_or("minimal");
        if self.setup.is_some() {
            line.extend(["--user", "0", "--entrypoint", "/bin/sh", image, "-c", &shell]);
        } else if self.upstream {
            line.extend(["--entrypoint", "/bin/sh", image, "-c", &shell]);
        } else {
            line.extend([image, "python3", "/job/job.py"]);
        }
        // One stream, in the order of a container's log.
        let folder = fresh(&format!("diagnose-log-{at}"));
        let place = folder.join("log");
        let file = fs::File::create(&place).unwrap();
        let status = Command::new("docker")
            .args(line)
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        (fs::read(place).unwrap(), status.code().unwrap_or(-1))
    }
}

/// What `diagnose` says of a log on its standard input.
pub(crate) fn diagnose(log: &[u8], more: &[&str]) -> (Output, Value) {
    let mut child = Command::new(crate::program())
        .args(["diagnose", "--json"])
        .args(more)
        .env("SPARKBAKE_CACHE_DIR", crate::place("diagnose-cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(log).unwrap();
    let ran = child.wait_with_output().unwrap();
    let answer = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&ran)));
    (ran, answer)
}

#[test]
fn runs_that_fail_are_told_by_their_first_cause() {
    let Some(engine) = engine() else { return };
    let text = fs::read_to_string(repository().join("tests/data/diagnose/runs.toml")).unwrap();
    let runs: Vec<(usize, Run)> = toml::from_str::<Runs>(&text).unwrap().run.into_iter().enumerate().collect();
    let only = std::env::var("SPARKBAKE_TEST_CAUSE").ok();
    let chosen = match &only {
        Some(cause) => runs.into_iter().filter(|(_, run)| run.cause == *cause).collect(),
        None => tenth("failing runs", &runs),
    };
    let mut wrong = Vec::new();
    for (at, run) in chosen {
        let (log, code) = run.log(engine, at);
        // The log alone, as most people have it; then with the code.
        for more in [&[][..], &["--exited", &code.to_string()]] {
            let (ran, answer) = diagnose(&log, more);
            let cause = answer["cause"]["id"].as_str().unwrap_or("unknown");
            // The exit code of an OOM kill says it as well.
            if cause != run.cause || ran.status.code() != Some(0) {
                let log = String::from_utf8_lossy(&log);
                wrong.push(format!("{} was told as {cause} (exit {code}, {more:?}):\n{log}", run.cause));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n----\n"));
}

/// Runs in which nothing failed, with all that Spark warns of on the way.
#[test]
fn healthy_runs_have_no_cause() {
    let Some(engine) = engine() else { return };
    let info = "\nspark = SparkSession.builder.getOrCreate()\nspark.sparkContext.setLogLevel(\"INFO\")\nprint(spark.range(9).count())\n";
    // The engine copies the two streams one by one.
    let caught = "\ntry:\n    SparkSession.builder.getOrCreate().read.text(\"/no\")\nexcept Exception:\n    import time, traceback; traceback.print_exc()\n    time.sleep(1)\nprint(\"went on\")\n";
    let (bare, upstream) = (&[][..], &["-e", "SPARK_CONF_DIR=/none", "--entrypoint", ""][..]);
    let mut table: Vec<(&str, String, &[&str])> = Vec::new();
    for image in ["minimal", "spark-3.5", "spark-4.1"] {
        for options in [bare, upstream] {
            table.push((image, MINIMAL_JOB.to_owned(), options));
            table.push((image, format!("{SESSION}{info}"), options));
            table.push((image, format!("{SESSION}{caught}"), options));
        }
    }
    table.extend(["spark-3.5", "spark-4.1"].map(|image| (image, PANDAS_JOB.to_owned(), upstream)));
    for (at, (image, text, options)) in drawn("healthy runs", &table, 3).into_iter().enumerate() {
        let script = job(&format!("healthy-{at}"), &text);
        let (log, success) = run_healthy(engine, image, &script, options);
        let (ran, answer) = diagnose(&log, &[]);
        let log = String::from_utf8_lossy(&log);
        assert!(success, "{log}");
        assert_eq!(answer["end"], "well", "{image}: {answer:#}\n{log}");
        assert_eq!((ran.status.code(), &answer["cause"]), (Some(0), &Value::Null), "{image}: {answer:#}\n{log}");
    }
}

fn run_healthy(engine: &str, image: &str, script: &Path, options: &[&str]) -> (Vec<u8>, bool) {
    let mount = format!("{}:/job:ro", script.parent().unwrap().display());
    let place = script.with_file_name("log");
    let file = fs::File::create(&place).unwrap();
    let memory = ["--memory", "4000000000", "--memory-swap", "4000000000"];
    let status = Command::new("docker")
        .args(["--host", engine, "run", "--rm", "--network", "none", "-v", &mount])
        .args(memory)
        .args(options)
        .args([image, "python3", "/job/job.py"])
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    (fs::read(place).unwrap(), status.success())
}

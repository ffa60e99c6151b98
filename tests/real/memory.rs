//! The plan is true: jobs that use memory in every way, in every size that `check` says is enough.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use crate::run::{measured, ran};
use crate::{cache, docker, drawn, place, project, repository, said, sparkbake_in};

/// vCPUs and memory as the command line takes them.
const SIZES: [(&str, &str); 4] = [("1", "1.5"), ("1", "2"), ("2", "4"), ("4", "8")];
const LINES: [&str; 2] = ["spark-3.5", "spark-4.1"];

#[derive(Deserialize)]
struct Jobs {
    job: Vec<Job>,
}

#[derive(Deserialize, Clone)]
struct Job {
    name: String,
    /// `[memory]` of the profile.
    #[serde(default)]
    memory: toml::Table,
    code: String,
}

impl Job {
    fn text(&self) -> String {
        let begin = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\nsc = spark.sparkContext\n";
        format!("{begin}{}\nimport time; time.sleep(1)\nspark.stop()\nprint('done')\n", self.code)
    }
}

#[derive(Clone)]
struct Cell {
    line: &'static str,
    size: (&'static str, &'static str),
    job: Job,
}

/// Every job in every size of both lines.
fn cells() -> Vec<Cell> {
    let text = fs::read_to_string(repository().join("tests/data/memory/jobs.toml")).unwrap();
    let jobs: Jobs = toml::from_str(&text).unwrap();
    let mut cells = Vec::new();
    for line in LINES {
        for size in SIZES {
            cells.extend(jobs.job.iter().map(|job| Cell { line, size, job: job.clone() }));
        }
    }
    cells
}

/// No container that `check` says is large enough is killed for memory, and every part keeps what it was given, or
/// another leaves it.
#[test]
fn what_fits_by_the_plan_fits() {
    let Some(engine) = docker() else { return };
    let mut table = String::new();
    let mut faults = Vec::new();
    for cell in drawn("memory", &cells(), 5) {
        match row(&engine, &cell) {
            Ok(row) => {
                eprintln!("{row}");
                let _ = writeln!(table, "{row}");
            }
            Err(fault) => faults.push(fault),
        }
    }
    fs::write(place("memory").join("table.md"), &table).unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A row of the table in docs/memory.md.
fn row(engine: &str, cell: &Cell) -> Result<String, String> {
    let Cell { line, size: (cpu, gb), job } = cell;
    let text = fs::read_to_string(repository().join(format!("profiles/{line}.toml"))).unwrap();
    let memory = if job.memory.is_empty() { String::new() } else { format!("\n[memory]\n{}", job.memory) };
    let cwd = project("memory", &format!("{text}{memory}"));
    fs::copy(repository().join(format!("lockfiles/{line}.lock")), cwd.join("sparkbake.lock")).unwrap();
    let name = format!("| {line} | {cpu} / {gb} | {} |", job.name);
    let plan = sparkbake_in(cache(), &cwd, &["plan", "--cpu", cpu, "--memory", gb]);
    if !plan.status.success() {
        let fits = said(&plan).contains("memory-too-small");
        return if fits { Ok(format!("{name} refused by `check` | | | | | |")) } else { Err(said(&plan)) };
    }
    let begun = Instant::now();
    let told = ran(engine, &cwd, &["--cpu", cpu, "--memory", gb, "--json"], &job.text());
    let seconds = begun.elapsed().as_secs();
    let report = measured(&told);
    let log = String::from_utf8_lossy(&told.stderr);
    if !told.status.success() || !log.contains("done") {
        return Err(format!("{name}\n{}", said(&told)));
    }
    Ok(format!("{name} ran, {seconds} s |{}", parts(&report["measured"])))
}

/// Plan and peak of the parts, and what was used of the limit.
fn parts(measured: &Value) -> String {
    let row = |name: &str| measured["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    let mut text = String::new();
    for name in ["heap", "JVM beside it", "Python"] {
        let _ = write!(text, " {} of {} |", row(name)["peak-mib"], row(name)["plan-mib"]);
    }
    let (used, limit, mapped) = (&measured["used-mib"], &measured["limit-mib"], &row("mapped files")["peak-mib"]);
    let _ = write!(text, " {used} of {limit} | {mapped} |");
    text
}

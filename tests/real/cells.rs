//! Stacks that are really started, against what the matrix says of them: `tests/data/cells/`.
//!
//! Each run takes eight cells at random, four that must work and four that must fail; under
//! `SPARKBAKE_TEST_ALL` it takes all of them.

mod workshop;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::Value;
use sparkbake::matrix;

use crate::{cache, drawn, have, place, repository, sparkbake_in};
pub(crate) use workshop::java_of;
use workshop::{PYTHON, Workshop};

/// The cells of each kind that every run takes.
const EACH_RUN: usize = 4;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    /// Words of `matrix check`.
    stack: String,
    #[serde(default)]
    passes: Vec<String>,
    /// `step rule`.
    fails: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cells {
    cell: Vec<Cell>,
}

impl Cell {
    /// The step that must fail, and its rule.
    fn failing(&self) -> Option<(&str, &str)> {
        self.fails.as_deref().map(|fails| fails.split_once(' ').unwrap())
    }

    /// Every step that the job is told to take.
    fn steps(&self) -> Vec<&str> {
        let failing = self.failing().map(|(step, _)| step).filter(|step| !START.contains(step));
        self.passes.iter().map(String::as_str).chain(failing).collect()
    }
}

/// The steps that every job takes.
const START: [&str; 3] = ["import", "gateway", "session"];

/// A step as the matrix calls it: `connector` of `connector:delta`.
fn of_matrix(step: &str) -> &str {
    step.split_once(':').map_or(step, |(step, _)| step)
}

#[test]
fn started_stacks_end_as_the_matrix_says() {
    let found = table();
    let works = found.iter().filter(|cell| cell.fails.is_none()).count();
    let rules: BTreeSet<&str> = found.iter().filter_map(Cell::failing).map(|(_, rule)| rule).collect();
    assert!(works >= 12 && rules.len() >= 12, "the table has lost cells");
    if !have("Python 3.11 with pip", python_is_there()) {
        return;
    }
    let (good, bad): (Vec<Cell>, Vec<Cell>) = found.into_iter().partition(|cell| cell.fails.is_none());
    let mut cells = drawn("cells that work", &good, EACH_RUN);
    cells.extend(drawn("cells that fail", &bad, EACH_RUN));
    let faults: Mutex<Vec<String>> = Mutex::default();
    let mut workshop = Workshop::open();
    let ready: Vec<_> = cells.iter().filter_map(|cell| Some((cell, workshop.prepare(&cell.stack)?))).collect();
    sparkbake::threads::each(&ready, 2, |(cell, bench)| {
        let log = bench.run(&cell.steps());
        let wrong: Vec<String> = foretold(cell).into_iter().chain(seen(cell, &log)).collect();
        if !wrong.is_empty() {
            faults.lock().unwrap().push(format!("{}\n  {}\n{log}", cell.stack, wrong.join("\n  ")));
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), ready.len(), faults.join("\n"));
}

fn table() -> Vec<Cell> {
    let text = fs::read_to_string(repository().join("tests/data/cells/cells.toml")).unwrap();
    toml::from_str::<Cells>(&text).unwrap().cell
}

fn python_is_there() -> bool {
    let asked =
        std::process::Command::new(PYTHON).args(["-c", "import sys, pip; print(*sys.version_info[:2])"]).output();
    asked.is_ok_and(|ran| ran.stdout == b"3 11\n")
}

/// Where `matrix check` says something else than the cell.
fn foretold(cell: &Cell) -> Vec<String> {
    let steps: Vec<&str> = cell.steps().into_iter().map(of_matrix).collect();
    let optional: Vec<&str> = steps.into_iter().filter(|step| sparkbake::profile::USES.contains(step)).collect();
    // An app that takes none of the optional steps says so by one that no rule of a cell speaks of.
    let word = format!("uses={}", if optional.is_empty() { "streaming".to_owned() } else { optional.join(",") });
    let ran = sparkbake_in(cache(), &place("cell-check"), &["matrix", "check", &cell.stack, &word, "--json"]);
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", crate::said(&ran)));
    let failing: Vec<(&str, Vec<&str>)> = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "fails")
        .map(|finding| {
            let steps = finding["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap());
            (finding["rule"].as_str().unwrap(), steps.collect())
        })
        .collect();
    let mut wrong = Vec::new();
    if ran.status.code() != Some(i32::from(cell.fails.is_some())) {
        wrong.push(format!("matrix check ends with {:?}", ran.status.code()));
    }
    for step in START.iter().copied().filter(|_| cell.fails.is_none()).chain(cell.passes.iter().map(|s| of_matrix(s))) {
        for (rule, _) in failing.iter().filter(|(_, steps)| steps.contains(&step)) {
            wrong.push(format!("{rule} says that {step} fails"));
        }
    }
    if let Some((step, rule)) = cell.failing()
        && !failing.iter().any(|(id, steps)| *id == rule && steps.contains(&of_matrix(step)))
    {
        wrong.push(format!("{rule} does not say that {step} fails; {failing:?} do"));
    }
    wrong
}

/// Where the job ended otherwise than the cell says.
fn seen(cell: &Cell, log: &str) -> Vec<String> {
    let ended = |step: &str, how: &str| log.lines().any(|line| line == format!("STEP {step} {how}"));
    let mut wrong = Vec::new();
    let before = START.iter().copied().take_while(|start| cell.failing().is_none_or(|(step, _)| step != *start));
    for step in before.chain(cell.passes.iter().map(String::as_str)) {
        if !ended(step, "passed") {
            wrong.push(format!("{step} does not pass"));
        }
    }
    if !log.lines().any(|line| line == "END") {
        wrong.push("the job did not come to its end".to_owned());
    }
    let Some((step, rule)) = cell.failing() else { return wrong };
    if !ended(step, "failed") {
        wrong.push(format!("{step} does not fail"));
    }
    let shown = |rule: &matrix::Rule| rule.symptom.iter().filter(|symptom| shows(log, symptom)).map(String::len).max();
    let own = matrix::rule(rule).and_then(shown);
    if own.is_none() {
        wrong.push(format!("the log shows no symptom of {rule}"));
    }
    // A rule whose longer symptom is in the log would explain it better.
    let better = matrix::rules().filter(|other| shown(other) > own);
    wrong.extend(better.map(|other| format!("the log rather shows {}", other.id)));
    wrong
}

/// Whether some line has the parts of a symptom, in their order.
fn shows(log: &str, symptom: &str) -> bool {
    log.lines().any(|line| {
        let mut rest = line;
        symptom.split('*').all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

/// The job, for a container or the machine.
fn job() -> PathBuf {
    repository().join("tests/data/cells/job.py")
}

/// A path as text.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

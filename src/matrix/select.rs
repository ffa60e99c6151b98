//! Choosing: [`select`] goes through every row that the pins leave open and takes the best.

use std::cmp::Reverse;

use crate::problem::codes::matrix as code;
use crate::problem::{Level, Problem};
use crate::profile::{Located, Profile, StackRequest};

use super::evaluate::{Finding, findings};
use super::facts::facts;
use super::row::Row;
use super::version::compare;
use super::{Selection, Stack};

/// What every axis may be. Hadoop and Scala follow Spark where they are not pinned.
#[derive(Clone)]
struct Choices<'a> {
    spark: Vec<&'a str>,
    hadoop: Option<&'a str>,
    scala: Option<&'a str>,
    java: Vec<&'a str>,
    python: Vec<&'a str>,
    debian: Vec<&'a str>,
}

/// The axes that [`StackRequest`] can pin.
const AXES: [&str; 6] = ["spark", "hadoop", "scala", "java", "python", "debian"];

/// Fills what the profile leaves open: the row with the fewest warnings, among those the newest
/// Spark, then the newest Java and Python. A Spark line stands for its newest release.
///
/// # Errors
/// Every conflict of the best row, where no row is free of them, and every pin that is no version.
pub fn select(profile: &Profile) -> Result<Selection, Vec<Problem>> {
    let mut problems = unknown(&profile.stack);
    let choices = Choices::of(&profile.stack, "");
    let asked = Row::asked(profile);
    let best = best(&asked, &choices, &profile.stack);
    let denied = |finding: &Finding| finding.code(&best.row).level == Level::Deny;
    let warnings = best.findings.iter().filter(|f| !denied(f)).map(|f| f.problem(&best.row));
    if problems.is_empty() && !best.findings.iter().any(denied) {
        return Ok(Selection { stack: best.stack, warnings: warnings.collect() });
    }
    let changes = smallest_changes(&asked, &profile.stack);
    for finding in best.findings.iter().filter(|f| denied(f)) {
        let mut problem = finding.problem(&best.row);
        for (axis, change) in &changes {
            if finding.concerns(axis) || changes.len() == 1 {
                problem.help.insert(0, change.clone());
            }
        }
        problems.push(problem);
    }
    Err(problems)
}

struct Scored {
    stack: Stack,
    row: Row,
    findings: Vec<Finding>,
    denied: usize,
}

fn best(asked: &Row, choices: &Choices<'_>, pins: &StackRequest) -> Scored {
    let mut best: Option<((usize, usize), Scored)> = None;
    for stack in choices.rows() {
        let row = asked.clone().with_stack(&stack, pins);
        let findings = findings(&row);
        let codes = || findings.iter().map(|finding| finding.code(&row));
        let denied = codes().filter(|c| c.level == Level::Deny).count();
        let doubtful = codes().filter(|c| *c == code::DEGRADES || *c == code::UNSUPPORTED).count();
        if best.as_ref().is_none_or(|(score, _)| (denied, doubtful) < *score) {
            best = Some(((denied, doubtful), Scored { stack, row, findings, denied }));
        }
    }
    best.map_or_else(|| unreachable!("every axis has a choice"), |(_, scored)| scored)
}

impl<'a> Choices<'a> {
    /// The choices under these pins, less the one of `freed`.
    fn of(pins: &'a StackRequest, freed: &str) -> Self {
        let pin = |axis: &str| if axis == freed { None } else { pinned(pins, axis) };
        let suites = &facts().suites;
        let releases = || facts().lines.iter().flat_map(|line| &line.releases).map(|r| r.version.as_str());
        let line = pin("spark").filter(|line| releases().any(|v| is_of(v, line)));
        let mut choices = Self {
            spark: releases().filter(|v| line.is_none_or(|line| is_of(v, line))).collect(),
            hadoop: pin("hadoop"),
            scala: pin("scala"),
            java: pin("java").map_or_else(
                || suites.iter().flat_map(|suite| &suite.java).map(String::as_str).collect(),
                |java| vec![java],
            ),
            python: pin("python")
                .map_or_else(|| suites.iter().map(|suite| suite.python.as_str()).collect(), |python| vec![python]),
            debian: pin("debian")
                .filter(|pin| suites.iter().any(|suite| suite.codename == *pin))
                .map_or_else(|| suites.iter().map(|suite| suite.codename.as_str()).collect(), |pin| vec![pin]),
        };
        // Newest first: of equally good rows the first wins.
        for axis in [&mut choices.spark, &mut choices.java, &mut choices.python] {
            axis.sort_by(|a, b| compare(b, a));
        }
        choices.debian.sort_by_key(|name| Reverse(suites.iter().position(|suite| suite.codename == *name)));
        choices
    }

    fn rows(&self) -> Vec<Stack> {
        let mut rows = Vec::new();
        for &spark in &self.spark {
            let Some((line, _)) = facts().release(spark) else { continue };
            for &java in &self.java {
                for &python in &self.python {
                    rows.extend(self.debian.iter().map(|&debian| Stack {
                        spark: spark.to_owned(),
                        scala: self.scala.unwrap_or(&line.scala).to_owned(),
                        hadoop: self.hadoop.unwrap_or(&line.hadoop).to_owned(),
                        java: java.to_owned(),
                        python: python.to_owned(),
                        debian: debian.to_owned(),
                    }));
                }
            }
        }
        rows
    }
}

/// Whether a release is the version or of the line that was asked for: `3.5.9` is of `3.5`.
fn is_of(release: &str, line: &str) -> bool {
    release.strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn pin<'a>(pins: &'a StackRequest, axis: &str) -> Option<&'a Located<String>> {
    match axis {
        "spark" => pins.spark.as_ref(),
        "hadoop" => pins.hadoop.as_ref(),
        "scala" => pins.scala.as_ref(),
        "java" => pins.java.as_ref(),
        "python" => pins.python.as_ref(),
        "debian" => pins.debian.as_ref(),
        _ => None,
    }
}

fn pinned<'a>(pins: &'a StackRequest, axis: &str) -> Option<&'a str> {
    pin(pins, axis).map(|pin| pin.value.as_str())
}

/// The single pins whose change makes the rest consistent, each with the sentence that says so.
fn smallest_changes(asked: &Row, pins: &StackRequest) -> Vec<(&'static str, String)> {
    let mut changes = Vec::new();
    for axis in AXES {
        let Some(old) = pinned(pins, axis) else { continue };
        let found = best(asked, &Choices::of(pins, axis), pins);
        let new = match axis {
            "spark" => &found.stack.spark,
            "hadoop" => &found.stack.hadoop,
            "scala" => &found.stack.scala,
            "java" => &found.stack.java,
            "python" => &found.stack.python,
            _ => &found.stack.debian,
        };
        if found.denied == 0 && new != old {
            changes.push((axis, format!("the rest is consistent with `{axis} = \"{new}\"` in place of `\"{old}\"`")));
        }
    }
    changes
}

/// Pins that are no version the facts know, or not of the form that the key takes.
fn unknown(pins: &StackRequest) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |pin: &Located<String>, message: String, help: String| {
        problems.push(Problem::new(code::UNKNOWN_VERSION, message).at(&pin.at, "no such version").help(help));
    };
    if let Some(spark) = &pins.spark {
        let releases: Vec<&str> =
            facts().lines.iter().flat_map(|line| &line.releases).map(|r| r.version.as_str()).collect();
        if !releases.iter().any(|v| is_of(v, &spark.value)) {
            let line = facts().lines.iter().find(|line| is_of(&spark.value, &line.spark));
            let help = match line.and_then(|line| line.releases.last().map(|newest| (line, newest))) {
                Some((line, newest)) => {
                    format!("the newest release of {} that is known is `{}`", line.spark, newest.version)
                }
                None => nearest(&spark.value, &releases),
            };
            refuse(spark, format!("PySpark {} is not known", spark.value), help);
        }
    }
    if let Some(debian) = &pins.debian {
        let suites: Vec<&str> = facts().suites.iter().map(|suite| suite.codename.as_str()).collect();
        if !suites.contains(&debian.value.as_str()) {
            refuse(debian, format!("the Debian suite {} is not known", debian.value), nearest(&debian.value, &suites));
        }
    }
    let is_number = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(java) = pins.java.as_ref().filter(|java| !is_number(&java.value)) {
        let help = "the feature release alone: `17`; `[debian] pin` pins the package".to_owned();
        refuse(java, format!("{} is no feature release of Java", java.value), help);
    }
    let is_minor = |text: &str| text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor));
    if let Some(python) = pins.python.as_ref().filter(|python| !is_minor(&python.value)) {
        let help = "major and minor alone: `3.11`; `[debian] pin` pins the package".to_owned();
        refuse(python, format!("{} is no minor release of Python", python.value), help);
    }
    problems
}

fn nearest(wrong: &str, known: &[&str]) -> String {
    let close = known.iter().max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)));
    let newest = known.last().copied().unwrap_or_default();
    match close {
        Some(close) if strsim::jaro_winkler(wrong, close) > 0.7 && *close != newest => {
            format!("did you mean `{close}`? The newest is `{newest}`")
        }
        _ => format!("known are `{}` to `{newest}`", known.first().copied().unwrap_or_default()),
    }
}

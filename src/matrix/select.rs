//! Choosing: [`select`] goes through every row that the pins leave open and takes the best.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::problem::codes::matrix as code;
use crate::problem::{At, Level, Problem};
use crate::profile::{Located, Profile, StackRequest, levels};

use super::evaluate::{Finding, findings};
use super::facts::{AS_OF, facts};
use super::name::AXES;
use super::release::Release;
use super::row::Row;
use super::version::{Range, compare, is_of};
use super::{Selection, Stack};

/// Most ways out that are named beside a conflict.
const CHANGES_MAX: usize = 3;

/// What every axis may be.
#[derive(Clone, Default)]
pub(super) struct Wishes {
    axes: Vec<(&'static str, Range)>,
}

impl Wishes {
    /// The pins of a profile. One that is no version the facts know is left to [`unknown`].
    fn of(pins: &StackRequest) -> Self {
        let mut wishes = Self::default();
        for (axis, _) in AXES {
            if let Some(pin) = pin(pins, axis) {
                wishes.add(axis, &pin.value);
            }
        }
        wishes
    }

    /// Adds what an axis may be, as rules write it; what is no range adds nothing.
    pub(super) fn add(&mut self, axis: &'static str, range: &str) {
        self.axes.extend(Range::parse(axis, range).map(|range| (axis, range)));
    }

    fn allows(&self, axis: &str, version: &str) -> bool {
        self.axes.iter().filter(|(name, _)| *name == axis).all(|(_, range)| match axis {
            "java" | "python" => range.contains_line(version) != Some(false),
            _ => range.contains(version),
        })
    }

    /// The versions of an axis: those that are known, and those that the wish itself names.
    fn versions(&self, axis: &str, known: impl Iterator<Item = String>) -> Vec<String> {
        let own = self.axes.iter().filter(|(name, _)| *name == axis).flat_map(|(_, range)| range.bounds());
        let mut all: Vec<String> = known.chain(own).filter(|version| self.allows(axis, version)).collect();
        all.sort_by(|a, b| compare(b, a));
        all.dedup();
        all
    }

    /// The stacks that they leave open, the newest first. With `patches`, every release of PySpark, else
    /// the newest of each line that is wished for.
    pub(super) fn stacks(&self, newer: Option<&Release>, patches: bool) -> Vec<Stack> {
        let mut stacks = Vec::new();
        let mut releases: Vec<&Release> =
            newer.into_iter().filter(|release| self.allows("spark", &release.version)).collect();
        for line in facts().lines.iter().rev() {
            let wished = line.releases.iter().rev().filter(|release| self.allows("spark", &release.version));
            releases.extend(wished.take(if patches { usize::MAX } else { 1 }));
        }
        let mut suites: Vec<_> = facts().suites.iter().filter(|suite| self.allows("debian", &suite.codename)).collect();
        suites.sort_by_key(|suite| Reverse(facts().suites.iter().position(|other| other.codename == suite.codename)));
        for release in releases {
            let scala = self.versions("scala", release.scala().into_iter());
            let hadoop = self.versions("hadoop", release.hadoop().map(str::to_owned).into_iter());
            let mut rows: Vec<Stack> = Vec::new();
            for suite in &suites {
                for java in self.versions("java", suite.java.iter().cloned()) {
                    for python in self.versions("python", std::iter::once(suite.python.clone())) {
                        let each = scala.iter().flat_map(|scala| hadoop.iter().map(move |hadoop| (scala, hadoop)));
                        rows.extend(each.map(|(scala, hadoop)| Stack {
                            spark: release.version.clone(),
                            scala: scala.clone(),
                            hadoop: hadoop.clone(),
                            java: java.clone(),
                            python: python.clone(),
                            debian: suite.codename.clone(),
                        }));
                    }
                }
            }
            rows.sort_by(|a, b| compare(&b.java, &a.java).then_with(|| compare(&b.python, &a.python)));
            stacks.extend(rows);
        }
        stacks
    }
}

/// [`select`], with the axes of an earlier choice wherever the profile leaves them open and a row without denial has
/// them: a newer release alone is no reason to move.
///
/// # Errors
/// As [`select`].
pub fn reselect(
    profile: &Profile,
    kept: &BTreeMap<&'static str, String>,
    newer: Option<&Release>,
) -> Result<Selection, Vec<Problem>> {
    let mut near = profile.clone();
    for (axis, version) in kept {
        match pin_mut(&mut near.stack, axis) {
            Some(Some(pin)) if is_of(version, &pin.value) => pin.value.clone_from(version),
            Some(open @ None) => *open = Some(Located { value: version.clone(), at: At::default() }),
            _ => {}
        }
    }
    let Ok(mut selection) = select(&near, newer) else { return select(profile, newer) };
    for warning in &mut selection.warnings {
        // What the profile leaves open stands nowhere in it.
        warning.at = warning.at.take().filter(|at| !at.key.is_empty());
        warning.also.retain(|(at, _)| !at.key.is_empty());
    }
    Ok(selection)
}

/// Fills what the profile leaves open: the row with the fewest warnings, among those the newest
/// Spark, then the newest Java and Python. `newer` is what an sdist tells of a PySpark that the facts
/// do not know.
///
/// # Errors
/// Every conflict of the best row, where no row is free of them and `[lints]` does not allow them, and every pin
/// that is no version.
pub fn select(profile: &Profile, newer: Option<&Release>) -> Result<Selection, Vec<Problem>> {
    let mut problems = unknown(&profile.stack, newer);
    if !problems.is_empty() {
        if let Err(more) = select(&without(profile, &problems), newer) {
            problems.extend(more);
        }
        return Err(problems);
    }
    let best = best(profile, newer).ok_or_else(Vec::new)?;
    if best.denied() == 0 {
        let warnings = best.findings.iter().map(|f| f.problem(&best.row)).collect();
        return Ok(Selection { stack: best.stack, warnings });
    }
    let changes = smallest_changes(profile, newer);
    for finding in best.findings.iter().filter(|finding| finding.is_denied(&best.row)) {
        let mut problem = finding.problem(&best.row);
        let concerning = changes.iter().filter(|change| {
            changes.len() == 1
                || change.pins.len() > 1
                || change.pins.iter().any(|pin| finding.concerns(&pin.component))
        });
        problem.help.splice(0..0, concerning.map(|change| change.text.clone()));
        problems.push(problem);
    }
    // Whoever allows a conflict by name gets the row all the same.
    let weighed = levels(problems.clone(), &profile.lints, false);
    if weighed.iter().any(|(level, _)| *level == Level::Deny) {
        return Err(problems);
    }
    let doubts = best.findings.iter().filter(|finding| !finding.is_denied(&best.row));
    problems.extend(doubts.map(|finding| finding.problem(&best.row)));
    Ok(Selection { stack: best.stack, warnings: problems })
}

/// The row that comes nearest to what the profile asks, whatever speaks against it: for what depends little on the
/// stack where [`select`] refused.
#[must_use]
pub fn nearest_stack(profile: &Profile) -> Option<Stack> {
    let rest = without(profile, &unknown(&profile.stack, None));
    best(&rest, None).map(|best| best.stack)
}

/// The profile without its pins that are no version, so that the other conflicts show too.
fn without(profile: &Profile, unknown: &[Problem]) -> Profile {
    let at_fault =
        |pin: &Located<String>| unknown.iter().filter_map(|problem| problem.at.as_ref()).any(|at| at.key == pin.at.key);
    let mut rest = profile.clone();
    for (axis, _) in AXES {
        if let Some(slot) = pin_mut(&mut rest.stack, axis) {
            slot.take_if(|pin| at_fault(pin));
        }
    }
    rest
}

/// A stack with what the rules say of it.
pub(super) struct Scored<'f> {
    pub(super) stack: Stack,
    pub(super) row: Row<'f>,
    pub(super) findings: Vec<Finding>,
}

impl<'f> Scored<'f> {
    pub(super) fn new(stack: Stack, row: Row<'f>) -> Self {
        let findings = findings(&row);
        Self { stack, row, findings }
    }

    /// How many rules refuse it.
    pub(super) fn denied(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_denied(&self.row)).count()
    }

    /// Refusals, then doubts.
    pub(super) fn score(&self) -> (usize, usize) {
        let codes = || self.findings.iter().map(|finding| finding.code(&self.row));
        (self.denied(), codes().filter(|c| *c == code::DEGRADES || *c == code::UNSUPPORTED).count())
    }
}

fn best<'f>(profile: &Profile, newer: Option<&'f Release>) -> Option<Scored<'f>> {
    let asked = Row::asked(profile);
    let wishes = Wishes::of(&profile.stack);
    let best_of = |patches| {
        let mut best: Option<((usize, usize), Scored<'f>)> = None;
        for stack in wishes.stacks(newer, patches) {
            let row = asked.clone().with_stack(&stack, &profile.stack, newer);
            let scored = Scored::new(stack, row);
            let score = scored.score();
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, scored));
            }
        }
        best
    };
    match best_of(false) {
        Some(((0, _), scored)) => Some(scored),
        other => best_of(true).or(other).map(|(_, scored)| scored),
    }
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

fn pin_mut<'a>(pins: &'a mut StackRequest, axis: &str) -> Option<&'a mut Option<Located<String>>> {
    match axis {
        "spark" => Some(&mut pins.spark),
        "hadoop" => Some(&mut pins.hadoop),
        "scala" => Some(&mut pins.scala),
        "java" => Some(&mut pins.java),
        "python" => Some(&mut pins.python),
        "debian" => Some(&mut pins.debian),
        _ => None,
    }
}

/// Something that the profile pins and could leave open.
#[derive(Clone)]
struct Pin {
    component: String,
    at: At,
}

/// A way out of a conflict.
struct Change {
    /// Of the stack that it leads to.
    score: (usize, usize),
    pins: Vec<Pin>,
    text: String,
}

/// Every pin of the profile.
fn pins(profile: &Profile) -> Vec<Pin> {
    let row = Row::asked(profile);
    let axes = AXES.iter().filter_map(|(axis, _)| pin(&profile.stack, axis).map(|pin| (*axis, &pin.at)));
    let mut all: Vec<Pin> = axes.map(|(axis, at)| Pin { component: axis.to_owned(), at: at.clone() }).collect();
    let packages = profile.python.requirements.iter().chain(&profile.maven.jars);
    all.extend(packages.filter_map(|text| {
        let component = row.pinned_at(&text.at)?;
        Some(Pin { component: component.to_owned(), at: text.at.clone() })
    }));
    all
}

/// The profile with these pins left open.
fn freed(profile: &Profile, pins: &[&Pin]) -> Profile {
    let mut free = profile.clone();
    for pin in pins {
        if let Some(slot) = pin_mut(&mut free.stack, &pin.component) {
            *slot = None;
        }
        for text in free.python.requirements.iter_mut().chain(&mut free.maven.jars) {
            if text.at == pin.at {
                text.value.clone_from(&pin.component);
            }
        }
    }
    free
}

/// The fewest pins whose change makes the rest consistent: every single one that does, else pairs.
fn smallest_changes(profile: &Profile, newer: Option<&Release>) -> Vec<Change> {
    let pins = pins(profile);
    let singles: Vec<Vec<&Pin>> = pins.iter().map(|pin| vec![pin]).collect();
    let pairs = pins.iter().enumerate().flat_map(|(i, a)| pins.iter().skip(i + 1).map(move |b| vec![a, b])).collect();
    for sets in [singles, pairs] {
        let mut changes: Vec<Change> = sets.iter().filter_map(|set| change(profile, set, newer)).collect();
        if !changes.is_empty() {
            changes.sort_by_key(|change| change.score);
            changes.truncate(CHANGES_MAX);
            return changes;
        }
    }
    Vec::new()
}

fn change(profile: &Profile, set: &[&Pin], newer: Option<&Release>) -> Option<Change> {
    let found = best(&freed(profile, set), newer).filter(|found| found.denied() == 0)?;
    let asked = Row::asked(profile);
    let words = set.iter().map(|free| match pin(&profile.stack, &free.component) {
        Some(old) => {
            let new = found.stack.axis(&free.component)?;
            (new != old.value).then(|| format!("`{} = \"{new}\"` instead of \"{}\"", free.component, old.value))
        }
        None => Some(format!("`{}` instead of {}", free.component, asked.describe(&free.component))),
    });
    let words: Vec<String> = words.collect::<Option<_>>()?;
    let text = format!("set {}: the rest is consistent with it", words.join(" and "));
    Some(Change { score: found.score(), pins: set.iter().map(|pin| (*pin).clone()).collect(), text })
}

/// The release that `[stack] spark` names, where it is newer than the facts: of a line whose newest
/// release is older, or of a line after the last.
#[must_use]
pub fn newer_spark(profile: &Profile) -> Option<&Located<String>> {
    let spark = profile.stack.spark.as_ref()?;
    let numbers: Vec<&str> = spark.value.split('.').collect();
    let exact = numbers.len() == 3
        && numbers.iter().all(|n| (1..=4).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let newest = match facts().line(&spark.value) {
        Some(line) => Some(line.newest()),
        None => facts().lines.last().map(super::release::Line::newest),
    };
    (exact && newest.is_some_and(|newest| compare(&spark.value, &newest.version).is_gt())).then_some(spark)
}

/// That the facts are older than that release.
#[must_use]
pub fn newer(spark: &Located<String>) -> Problem {
    let problem = Problem::new(code::NEWER, format!("PySpark {} is newer than the compatibility facts", spark.value))
        .at(&spark.at, "not known to the facts")
        .note(format!("they are of {AS_OF}; what it carries is read from its source distribution when it is locked"))
        .note("no rule of upstream is known for it: which Java, Python packages and connectors it works with, is open");
    let newest = facts().line(&spark.value).or(facts().lines.last()).map(|line| &line.newest().version);
    newest.into_iter().fold(problem, |problem, newest| problem.help(format!("the nearest that is known is `{newest}`")))
}

/// Pins that are no version the facts know, or not of the form that the key takes.
fn unknown(pins: &StackRequest, newer: Option<&Release>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |pin: &Located<String>, message: String, help: String| {
        problems.push(Problem::new(code::UNKNOWN_VERSION, message).at(&pin.at, "no such version").help(help));
    };
    if let Some(spark) = &pins.spark {
        let releases: Vec<&str> = facts().releases().chain(newer).map(|release| release.version.as_str()).collect();
        if !releases.iter().any(|version| is_of(version, &spark.value)) {
            let help = match facts().line(&spark.value) {
                Some(line) => {
                    format!("the newest release of {} that is known is `{}`", line.name, line.newest().version)
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

/// What was probably meant, and which versions there are.
pub(super) fn nearest(wrong: &str, known: &[&str]) -> String {
    let close = known.iter().max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)));
    let newest = known.last().copied().unwrap_or_default();
    match close {
        Some(close) if strsim::jaro_winkler(wrong, close) > 0.7 && *close != newest => {
            format!("did you mean `{close}`? The newest is `{newest}`")
        }
        _ => format!("known are `{}` to `{newest}`", known.first().copied().unwrap_or_default()),
    }
}

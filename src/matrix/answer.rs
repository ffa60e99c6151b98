//! Answers about one combination ([`judge`]) and about what is left open ([`solve`]).

use std::collections::BTreeSet;

use super::evaluate::{Finding, findings};
use super::name::{AXES, Kind, shown};
use super::question::{self, Key, Word};
use super::row::Row;
use super::rule::{Rule, Severity, Step};
use super::select::{Scored, Wishes};
use super::{RuleSetting, Stack, settings_of};

/// Most stacks that are named after the best.
const OTHERS_MAX: usize = 4;

/// What a rule says of a combination.
#[derive(Debug, Clone)]
pub struct Told {
    /// The rule.
    pub rule: &'static Rule,
    /// What does not go together, in one line.
    pub message: String,
    /// What it comes to here: a failure at a step that the app does not use degrades.
    pub severity: Severity,
    /// Where it shows.
    pub steps: Vec<Step>,
    /// The rule's reason, for this combination.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// What the rules say of a combination.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The combination as it was understood, component and version, the axes first.
    pub stack: Vec<(String, String)>,
    /// The steps that the app is taken to use.
    pub uses: Vec<&'static str>,
    /// What the rules say, the worst first.
    pub told: Vec<Told>,
    /// What the image would set.
    pub settings: Vec<RuleSetting>,
}

impl Verdict {
    /// Whether a step that is used fails.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.told.iter().any(|told| told.severity == Severity::Fails)
    }
}

/// Judges `key=value` words: exact versions of axes, packages, jars and connectors.
///
/// # Errors
/// Every word that makes no sense, with what was probably meant.
pub fn judge(words: &[String]) -> Result<Verdict, Vec<String>> {
    let row = question::row(&question::read(words)?)?;
    let mut stack: Vec<(String, String)> =
        AXES.iter().filter_map(|(axis, name)| Some(((*name).to_owned(), row.version(axis)?.to_owned()))).collect();
    let packages = row.names().filter(|name| !matches!(Kind::of(name), Kind::Axis | Kind::Uses));
    stack.extend(packages.map(|name| {
        let text = row.describe(name);
        let version = text.strip_prefix(shown(name)).unwrap_or_default().trim_start_matches([' ', '=']).to_owned();
        (shown(name).to_owned(), version)
    }));
    let found = findings(&row);
    Ok(Verdict {
        stack,
        uses: row.uses.iter().copied().collect(),
        told: tell(&found, &row),
        settings: settings_of(&row),
    })
}

/// The findings as they are told, the worst first.
fn tell(found: &[Finding], row: &Row<'_>) -> Vec<Told> {
    let mut told: Vec<Told> = found.iter().map(|finding| finding.told(row)).collect();
    told.sort_by_key(|told| told.severity);
    told
}

impl Finding {
    fn told(&self, row: &Row<'_>) -> Told {
        let unused = self.rule.severity == Severity::Fails && !self.is_denied(row);
        Told {
            rule: self.rule,
            message: self.message(row),
            severity: if unused { Severity::Degrades } else { self.rule.severity },
            steps: self.steps(row),
            reason: self.text(row, &self.rule.reason),
            remedy: self.text(row, &self.rule.remedy),
        }
    }
}

/// A stack that no rule refuses.
#[derive(Debug, Clone)]
pub struct Solution {
    /// The stack.
    pub stack: Stack,
    /// Jars of the connectors that were asked for, `group:artifact:version`.
    pub jars: Vec<String>,
    /// What speaks against it all the same.
    pub doubts: Vec<Told>,
}

/// What [`solve`] found.
#[derive(Debug, Clone)]
pub enum Solved {
    /// The best stack, then others, and the Python requirements of the question.
    Found(Vec<Solution>, Vec<String>),
    /// The fewest words that cannot stand together, and what the rules say of the stack nearest to them.
    Impossible(Vec<String>, Vec<Told>),
}

/// Looks for stacks within `key=range` words.
///
/// # Errors
/// Every word that makes no sense, with what was probably meant.
pub fn solve(words: &[String]) -> Result<Solved, Vec<String>> {
    let words = question::read(words)?;
    let all: Vec<&Word> = words.iter().collect();
    let found = candidates(&all);
    let good: Vec<&Candidate> = found.iter().filter(|candidate| candidate.is_good()).collect();
    if good.is_empty() {
        let core = core(&all);
        let why = candidates(&core).into_iter().min_by_key(|candidate| candidate.scored.score());
        let told = why.map(|c| tell(&c.scored.findings, &c.scored.row)).unwrap_or_default();
        let failing = told.into_iter().filter(|told| told.severity == Severity::Fails).collect();
        return Ok(Solved::Impossible(core.into_iter().map(|word| word.text.clone()).collect(), failing));
    }
    let mut seen = BTreeSet::new();
    let different =
        |c: &&&Candidate| seen.insert((super::version::minor(&c.scored.stack.spark), c.scored.stack.java.clone()));
    let mut best: Vec<&&Candidate> = good.iter().filter(different).collect();
    best.sort_by_key(|candidate| candidate.scored.score());
    let solutions = best.into_iter().take(1 + OTHERS_MAX).map(|candidate| candidate.solution()).collect();
    let python =
        words.iter().filter(|word| matches!(word.key, Key::Component) && Kind::of(word.name()) == Kind::Python);
    Ok(Solved::Found(solutions, python.filter_map(requirement).collect()))
}

fn requirement(word: &Word) -> Option<String> {
    let (name, value) = (word.name(), &word.value);
    match value.as_str() {
        "absent" => None,
        "*" | "present" => Some(name.to_owned()),
        _ if value.starts_with(['<', '>', '=', '!', '~']) => Some(format!("{name}{value}")),
        // A line, not its first release.
        _ if value.split('.').count() < 3 && value.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Some(format!("{name}=={value}.*"))
        }
        _ => Some(format!("{name}=={value}")),
    }
}

struct Candidate {
    scored: Scored<'static>,
    jars: Vec<String>,
    /// Whether a connector has no version for it.
    unserved: bool,
}

impl Candidate {
    fn is_good(&self) -> bool {
        !self.unserved && self.scored.denied() == 0
    }

    fn solution(&self) -> Solution {
        let doubts = tell(&self.scored.findings, &self.scored.row);
        let doubts = doubts.into_iter().filter(|told| told.severity != Severity::Note).collect();
        Solution { stack: self.scored.stack.clone(), jars: self.jars.clone(), doubts }
    }
}

/// Every stack within the words, with what the rules say; every release of PySpark only where the newest
/// of each line does not do.
fn candidates(words: &[&Word]) -> Vec<Candidate> {
    let mut wishes = Wishes::default();
    for word in words {
        if let Key::Axis(axis) = word.key {
            wishes.add(axis, &word.value);
        }
    }
    let others: Vec<Word> = words.iter().map(|word| (*word).clone()).collect();
    let of = |patches| -> Vec<Candidate> {
        wishes.stacks(None, patches).into_iter().map(|stack| candidate(stack, &others)).collect()
    };
    let newest = of(false);
    if newest.iter().any(Candidate::is_good) { newest } else { of(true) }
}

fn candidate(stack: Stack, words: &[Word]) -> Candidate {
    let mut row = Row::default().with_stack(&stack, &crate::profile::StackRequest::default(), None);
    for word in words.iter().filter(|word| matches!(word.key, Key::Axis("arch"))) {
        row.insert("arch", super::row::Known::Exact(word.value.clone()), None);
    }
    let unserved = question::add_components(&mut row, words, &stack);
    let jars = row.names().filter(|name| Kind::of(name) == Kind::Maven);
    let jars = jars.map(|name| row.version(name).map_or(name.to_owned(), |version| format!("{name}:{version}")));
    let jars = jars.collect();
    Candidate { scored: Scored::new(stack, row), jars, unserved: unserved.is_some() }
}

/// The words without which nothing is lost taken away, one by one: those that are left cannot stand together,
/// and without any one of them they can.
fn core<'w>(words: &[&'w Word]) -> Vec<&'w Word> {
    let mut core = words.to_vec();
    // A word can make another one harmless (`uses=` leaves out steps that fail), so that a word which was needed
    // beside it is not needed after it: the passes go on until one of them takes nothing away.
    loop {
        let before = core.len();
        // The last words are the first to go: what was named first matters most.
        for word in words.iter().rev() {
            let without: Vec<&Word> = core.iter().filter(|other| other.text != word.text).copied().collect();
            if without.len() < core.len() && !candidates(&without).iter().any(Candidate::is_good) {
                core = without;
            }
        }
        if core.len() == before {
            return core;
        }
    }
}

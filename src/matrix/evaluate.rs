//! Rules applied to a row.

use crate::problem::codes::matrix as code;
use crate::problem::{Code, Level, Problem};

use super::facts::{fill, rules};
use super::row::Row;
use super::rule::{Rule, Severity, Step, Template};
use super::version::Range;

/// A rule that the row breaks.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) rule: &'static Rule,
    pub(super) subject: String,
    /// The component that is not as the rule wants it; `None` where the subject alone is at fault.
    pub(super) other: Option<String>,
}

/// Every rule that the row breaks, in the order of the facts.
pub(super) fn findings(row: &Row<'_>) -> Vec<Finding> {
    broken(row, rules())
}

/// The broken rules that concern a component, an axis or a package.
pub(super) fn findings_about(row: &Row<'_>, component: &str) -> Vec<Finding> {
    let speaks = |rule: &&Rule| {
        rule.subject == component || rule.requires.contains_key(component) || rule.conflicts.contains_key(component)
    };
    let mut found = broken(row, rules().filter(speaks));
    found.retain(|finding| finding.concerns(component));
    found
}

fn broken(row: &Row<'_>, rules: impl Iterator<Item = &'static Rule>) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in rules {
        for subject in row.matching(&rule.subject).filter(|subject| applies(row, rule, subject)) {
            let finding =
                |other: Option<&str>| Finding { rule, subject: subject.to_owned(), other: other.map(str::to_owned) };
            if rule.requires.is_empty() && rule.conflicts.is_empty() {
                found.push(finding(None));
            }
            for (conditions, wrong) in [(&rule.read.requires, false), (&rule.read.conflicts, true)] {
                for (pattern, range) in conditions {
                    let broken = |name: &str| meets(row, subject, name, range) == Some(wrong);
                    let mut others = row.matching(pattern).filter(|name| broken(name)).peekable();
                    if others.peek().is_some() {
                        found.extend(others.map(|name| finding(Some(name))));
                    } else if row.matching(pattern).next().is_none() && broken(pattern) {
                        found.push(finding(Some(pattern)));
                    }
                }
            }
        }
    }
    found
}

/// The rules that apply to the row, broken or not.
pub(super) fn applying(row: &Row<'_>) -> impl Iterator<Item = &'static Rule> {
    rules().filter(move |rule| row.matching(&rule.subject).any(|subject| applies(row, rule, subject)))
}

/// Whether the rule speaks about this subject in this row. Nothing known of a component is as good as
/// its absence here; what is only known in part decides nothing.
fn applies(row: &Row<'_>, rule: &Rule, subject: &str) -> bool {
    meets(row, subject, subject, &rule.read.range) == Some(true)
        && rule.read.when.iter().all(|(name, range)| match range {
            Template::Fixed(Range::Absent) => row.has(name) != Some(true),
            _ => meets(row, subject, name, range) == Some(true),
        })
}

/// Whether a component meets the range that a rule about `subject` writes; `None` = not known.
fn meets(row: &Row<'_>, subject: &str, name: &str, range: &Template) -> Option<bool> {
    match range {
        Template::Fixed(range) => row.meets(name, range),
        Template::Open(text) => {
            let text = fill(text, &|placeholder| row.placeholder(subject, placeholder))?;
            row.meets(name, &Range::parse(name, &text)?)
        }
    }
}

impl Finding {
    /// The code, which decides the level: a step that the app does not use cannot fail.
    pub(super) fn code(&self, row: &Row<'_>) -> Code {
        match self.rule.severity {
            Severity::Fails if self.is_unused(row) => code::DEGRADES,
            Severity::Fails => code::FAILS,
            Severity::Degrades => code::DEGRADES,
            Severity::Unsupported => code::UNSUPPORTED,
            Severity::Unwise => code::UNWISE,
            Severity::Note => code::NOTE,
        }
    }

    /// Whether the stack cannot be.
    pub(super) fn is_denied(&self, row: &Row<'_>) -> bool {
        self.code(row).level == Level::Deny
    }

    fn is_unused(&self, row: &Row<'_>) -> bool {
        let steps = &self.rule.steps;
        !steps.is_empty() && !steps.iter().any(|step| step.is_always() || row.uses.contains(step.name()))
    }

    /// The steps at which it shows: those that the app uses, where it uses any.
    pub(super) fn steps(&self, row: &Row<'_>) -> Vec<Step> {
        let steps = self.rule.steps.iter().copied();
        let used = steps.clone().filter(|step| step.is_always() || row.uses.contains(step.name()));
        if self.is_unused(row) { steps.collect() } else { used.collect() }
    }

    /// Whether the component takes part.
    pub(super) fn concerns(&self, component: &str) -> bool {
        self.subject == component || self.other.as_deref() == Some(component)
    }

    /// The rule's text with the row's values in place of its placeholders.
    pub(super) fn text(&self, row: &Row<'_>, template: &str) -> String {
        // Alternatives of a range read as a list.
        let value = |name: &str| row.placeholder(&self.subject, name).map(|value| value.replace('|', ", "));
        fill(template, &value).unwrap_or_else(|| template.to_owned())
    }

    /// What does not go together, in one line.
    pub(super) fn message(&self, row: &Row<'_>) -> String {
        let subject = row.describe(&self.subject);
        let verb = match self.rule.severity {
            Severity::Fails => "fails",
            Severity::Degrades => "is not right",
            Severity::Unsupported => "is not supported",
            Severity::Unwise => "is unwise",
            Severity::Note => return subject,
        };
        let with = match &self.other {
            Some(other) if row.has(other) == Some(true) => format!(" with {}", row.describe(other)),
            Some(other) => match self.rule.setting() {
                Some((key, value)) => format!(" without {key}={value}"),
                None => format!(" without {}", row.describe(other)),
            },
            None => String::new(),
        };
        let steps = self.steps(row);
        let phrases: Vec<&str> = steps.iter().map(|step| step.phrase()).collect();
        let at = match phrases.as_slice() {
            [] => String::new(),
            _ if self.is_unused(row) => {
                let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
                format!(" where the app uses {}", listed(&names, "or"))
            }
            all => format!(" at {}", listed(all, "and")),
        };
        format!("{subject} {verb}{with}{at}")
    }

    /// What the user is told.
    pub(super) fn problem(&self, row: &Row<'_>) -> Problem {
        let rule = self.rule;
        // The rule's name is part of the message so that an entry of `[lints]` can be for it alone.
        let message = format!("{} [{}]", self.message(row), rule.id);
        let mut problem = Problem::new(self.code(row), message).note(self.text(row, &rule.reason)).note(format!(
            "known from ({}): {}",
            rule.certainty.name(),
            rule.source.join("; ")
        ));
        if self.is_unused(row) {
            let names: Vec<&str> = rule.steps.iter().map(|step| step.name()).collect();
            let names = listed(&names, "or");
            problem = problem.note(format!("nothing shows that the app uses {names}; `[stack] uses` can say so"));
        }
        problem = problem.help(self.text(row, &rule.remedy));
        let places = [self.other.as_deref(), Some(self.subject.as_str())].into_iter().flatten();
        for name in places {
            let Some(at) = row.get(name).and_then(|component| component.at.as_ref()) else { continue };
            problem = match problem.at {
                None => problem.at(at, row.describe(name)),
                Some(ref first) if first == at => problem,
                Some(_) => problem.also(at, row.describe(name)),
            };
        }
        problem
    }
}

/// `a, b and c`.
pub(super) fn listed(all: &[&str], word: &str) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} {word} {last}", head.join(", ")),
    }
}

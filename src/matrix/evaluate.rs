//! Rules applied to a row.

use crate::problem::codes::matrix as code;
use crate::problem::{Code, Problem};
use crate::profile::USES;

use super::facts::{Rule, Severity, fill, rules};
use super::row::Row;
use super::version::Range;

/// A rule that the row breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    rule: &'static Rule,
    subject: String,
    /// The component that is not as the rule wants it; `None` where the subject alone is at fault.
    other: Option<String>,
}

/// Every rule that the row breaks. Rules that ask for a setting are not among them.
pub(super) fn findings(row: &Row) -> Vec<Finding> {
    let mut found = Vec::new();
    for (rule, subject) in subjects(row).filter(|(rule, _)| rule.setting.is_none()) {
        let finding = |other: Option<&str>| Finding { rule, subject: subject.clone(), other: other.map(str::to_owned) };
        if rule.requires.is_empty() && rule.conflicts.is_empty() {
            found.push(finding(None));
        }
        for (conditions, wrong) in [(&rule.requires, false), (&rule.conflicts, true)] {
            for (pattern, range) in conditions {
                let broken = |name: &&str| holds(row, &subject, name, range) == Some(wrong);
                let mut others = row.matching(pattern);
                if others.is_empty() {
                    others.push(pattern);
                }
                found.extend(others.into_iter().filter(broken).map(|name| finding(Some(name))));
            }
        }
    }
    found
}

/// The rules that apply to the row, broken or not.
pub(super) fn applying(row: &Row) -> impl Iterator<Item = &'static Rule> {
    subjects(row).map(|(rule, _)| rule)
}

fn subjects(row: &Row) -> impl Iterator<Item = (&'static Rule, String)> {
    rules().flat_map(move |rule| {
        let applies = |name: &&str| {
            holds(row, name, name, &rule.range) == Some(true)
                && rule.when.iter().all(|(other, range)| holds(row, name, other, range) == Some(true))
        };
        row.matching(&rule.subject)
            .into_iter()
            .filter(applies)
            .map(move |name| (rule, name.to_owned()))
            .collect::<Vec<_>>()
    })
}

/// Whether a component meets the range that a rule about `subject` writes; `None` = not known.
fn holds(row: &Row, subject: &str, name: &str, range: &str) -> Option<bool> {
    if row.get(name).is_none() && range != "present" && range != "absent" {
        return None;
    }
    let text = fill(range, &|placeholder| row.placeholder(subject, placeholder))?;
    row.meets(name, &Range::parse(name, &text)?)
}

impl Finding {
    /// The finding that the setting a rule asks for is not set.
    pub(super) fn of_setting(rule: &'static Rule) -> Self {
        Self { rule, subject: rule.subject.clone(), other: None }
    }

    /// The code, which decides the level: a step that the app does not use cannot fail.
    pub(super) fn code(&self, row: &Row) -> Code {
        match self.rule.severity {
            Severity::Fails if self.is_unused(row) => code::DEGRADES,
            Severity::Fails => code::FAILS,
            Severity::Degrades => code::DEGRADES,
            Severity::Unsupported => code::UNSUPPORTED,
            Severity::Unwise => code::UNWISE,
        }
    }

    fn is_unused(&self, row: &Row) -> bool {
        USES.contains(&self.rule.step.as_str()) && !row.uses.contains(self.rule.step.as_str())
    }

    /// Whether the axis takes part.
    pub(super) fn concerns(&self, axis: &str) -> bool {
        self.subject == axis || self.other.as_deref() == Some(axis)
    }

    /// What the user is told.
    pub(super) fn problem(&self, row: &Row) -> Problem {
        let rule = self.rule;
        let text = |template: &str| {
            fill(template, &|name| row.placeholder(&self.subject, name)).unwrap_or_else(|| template.to_owned())
        };
        let verb = match rule.severity {
            Severity::Fails => "fails",
            Severity::Degrades => "is not right",
            Severity::Unsupported => "is not supported",
            Severity::Unwise => "is unwise",
        };
        let with = match (&self.other, &rule.setting) {
            (Some(other), _) => format!(" with {}", row.describe(other)),
            (None, Some(setting)) => format!(" without {}={}", setting.key, setting.value),
            (None, None) => String::new(),
        };
        let step = match rule.step.as_str() {
            "" => String::new(),
            step if USES.contains(&step) => format!(" where the app uses {step}"),
            step => format!(", at {step}"),
        };
        // The rule's name is part of the message so that an entry of `[lints]` can be for it alone.
        let message = format!("{} {verb}{with}{step} [{}]", row.describe(&self.subject), rule.id);
        let mut problem = Problem::new(self.code(row), message).note(text(&rule.reason)).note(format!(
            "known from ({}): {}",
            rule.certainty.name(),
            rule.source.join("; ")
        ));
        if self.is_unused(row) {
            problem = problem.note(format!("nothing shows that the app uses {}; `[stack] uses` can say so", rule.step));
        }
        problem = problem.help(text(&rule.remedy));
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

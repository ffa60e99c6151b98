//! Ways out of what the rules find: the versions to which a Python package would have to keep.

use pep440_rs::VersionSpecifiers;

use crate::artifact::Coordinate;
use crate::profile::Profile;

use super::Stack;
use super::evaluate::{Finding, findings};
use super::facts::fill;
use super::name::{Kind, matches};
use super::release::Release;
use super::row::Row;
use super::rule::{Severity, Template};
use super::version::Range;

/// Versions of a Python package with which a rule would find nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// Id of the rule.
    pub rule: &'static str,
    /// Normalised name of the package.
    pub name: String,
    /// Whether it has to be within the versions, or outside of them.
    pub within: bool,
    /// The versions: any of these.
    pub versions: Vec<VersionSpecifiers>,
}

/// For everything in the Python packages that fails or degrades, the ways out of it, the nearest first; none where
/// no version of a package is one.
///
/// Jars may be left out of `resolved`: rules that speak of them are not asked.
#[must_use]
pub fn ways_out(
    profile: &Profile,
    stack: &Stack,
    resolved: &[Coordinate],
    newer: Option<&Release>,
) -> Vec<Vec<WayOut>> {
    let row = Row::resolved(profile, stack, resolved, newer);
    let hurts = |finding: &&Finding| {
        matches!(finding.rule.severity, Severity::Fails | Severity::Degrades) && is_of_packages(finding)
    };
    findings(&row).iter().filter(hurts).map(|finding| ways(finding, &row)).collect()
}

/// Whether the rule can be judged before the jars are known.
fn is_of_packages(finding: &Finding) -> bool {
    let of_jars = |name: &str| matches!(Kind::of(name), Kind::Maven | Kind::Links);
    let names = [finding.subject.as_str()].into_iter().chain(finding.other.as_deref());
    !names.chain(finding.rule.when.keys().map(String::as_str)).any(of_jars)
}

/// What is required is met by moving the other; else the subject leaves the versions that the rule is about.
fn ways(finding: &Finding, row: &Row<'_>) -> Vec<WayOut> {
    let read = &finding.rule.read;
    let way = |name: &str, template: &Template, within: bool| {
        let versions = versions(name, template, finding, row)?;
        Some(WayOut { rule: &finding.rule.id, name: name.to_owned(), within, versions })
    };
    let other = finding.other.as_deref().and_then(|other| {
        let of = |conditions: &'static [(String, Template)], within| {
            let (_, template) = conditions.iter().find(|(pattern, _)| matches(pattern, other))?;
            way(other, template, within)
        };
        of(&read.requires, true).or_else(|| of(&read.conflicts, false))
    });
    let own = way(&finding.subject, &read.range, false);
    if read.conflicts.is_empty() { [other, own] } else { [own, other] }.into_iter().flatten().collect()
}

fn versions(name: &str, template: &Template, finding: &Finding, row: &Row<'_>) -> Option<Vec<VersionSpecifiers>> {
    if Kind::of(name) != Kind::Python {
        return None;
    }
    let range = match template {
        Template::Fixed(range) => range.clone(),
        Template::Open(text) => {
            Range::parse(name, &fill(text, &|placeholder| row.placeholder(&finding.subject, placeholder))?)?
        }
    };
    match range {
        Range::Pep440(versions) => Some(versions),
        _ => None,
    }
}

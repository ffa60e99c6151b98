//! The compatibility matrix: from a profile's pins to the one consistent [`Stack`].
//!
//! In go a [`Profile`] and the facts under `facts/`, out comes the [`Selection`] or every conflict at
//! once. [`check`] applies the same rules again to what the resolvers really chose.
//! Absent on purpose: a registry's newest versions. The facts are of one date and say so.

mod connectors;
mod evaluate;
mod facts;
mod row;
mod select;
mod version;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::artifact::Coordinate;
use crate::problem::Problem;
use crate::profile::Profile;

pub use connectors::jar_versions;
pub use facts::{Certainty, Rule, Setting, Severity, rule, rules};
pub use select::select;

use evaluate::Finding;
use row::Row;

/// The row of the matrix that an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// PySpark's release: `3.5.9`.
    pub spark: String,
    /// Scala's binary version: `2.12`.
    pub scala: String,
    /// Version of the Hadoop client.
    pub hadoop: String,
    /// Java's feature release: `17`.
    pub java: String,
    /// Python's minor: `3.11`.
    pub python: String,
    /// Codename of the Debian suite.
    pub debian: String,
}

/// What [`select`] chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The row.
    pub stack: Stack,
    /// Problems whose default level is not deny.
    pub warnings: Vec<Problem>,
}

/// A setting of Spark that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetting {
    /// Name of the setting.
    pub key: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Id of the rule, for `sparkbake explain`.
    pub rule: &'static str,
    /// Why it is needed.
    pub reason: &'static str,
    /// Where that is known from.
    pub source: &'static [String],
}

/// Version of the C library of a Debian suite (`2.36`), which decides the wheels that run there;
/// `None` where the facts do not know the suite.
#[must_use]
pub fn glibc(debian: &str) -> Option<&'static str> {
    facts::facts().suites.iter().find(|suite| suite.codename == debian).map(|suite| suite.glibc.as_str())
}

/// Applies the rules to what was resolved: the exact versions of Python packages, jars and Debian
/// packages. The profile gives the places that problems point at, and what the app uses.
#[must_use]
pub fn check(profile: &Profile, stack: &Stack, resolved: &[Coordinate]) -> Vec<Problem> {
    let row = Row::resolved(profile, stack, resolved);
    let mut problems: Vec<Problem> = evaluate::findings(&row).iter().map(|finding| finding.problem(&row)).collect();
    for (key, value) in &profile.spark_conf {
        let other = settings(stack, resolved).into_iter().find(|s| s.key == key.value && s.value != value.value);
        if let Some(setting) = other.and_then(|s| rule(s.rule)) {
            problems.push(Finding::of_setting(setting).problem(&row).at(&value.at, "another value is set here"));
        }
    }
    problems
}

/// The settings that the rules ask for with these artifacts, in the order of the rules.
#[must_use]
pub fn settings(stack: &Stack, resolved: &[Coordinate]) -> Vec<RuleSetting> {
    let row = Row::of_artifacts(stack, resolved);
    evaluate::applying(&row)
        .filter_map(|rule| {
            rule.setting.as_ref().map(|setting| RuleSetting {
                key: &setting.key,
                value: &setting.value,
                rule: &rule.id,
                reason: &rule.reason,
                source: &rule.source,
            })
        })
        .collect()
}

//! The compatibility matrix: from a profile's pins to the one consistent [`Stack`], and every question
//! that people ask of the table.
//!
//! In go a [`Profile`] and the facts under `facts/`, out comes the [`Selection`] or every conflict at
//! once. [`check`] applies the same rules again to what the resolvers really chose.
//! Absent on purpose: a registry's newest versions. The facts are of one date and say so.

mod answer;
mod complete;
mod connectors;
mod derive;
mod evaluate;
mod facts;
mod name;
pub mod page;
mod question;
mod release;
mod row;
mod rule;
mod select;
mod table;
mod version;
mod ways;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::artifact::Coordinate;
use crate::problem::Problem;
use crate::profile::Profile;

pub use answer::{Solution, Solved, Told, Verdict, judge, solve};
pub use complete::{completions, connector_names, values};
pub use connectors::jar_versions;
pub use derive::{CHECKING, Evidence, derive, shipped};
pub use facts::{AS_OF, LeftOut, formerly, rule, rules};
pub use question::strangers;
pub use release::Release;
pub use rule::{Certainty, Rule, Severity, Step};
pub use select::{nearest_stack, newer, newer_spark, reselect, select};
pub use table::{Ending, Moves, Published, State, TableRow, ends, moves, placeholders, published, table};
pub use ways::{WayOut, ways_out};

use name::Kind;
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

impl Stack {
    /// The axes by the names that the profile has for them.
    #[must_use]
    pub fn axes(&self) -> [(&'static str, &str); 6] {
        let Self { spark, scala, hadoop, java, python, debian } = self;
        [("spark", spark), ("scala", scala), ("hadoop", hadoop), ("java", java), ("python", python), ("debian", debian)]
    }

    /// The version on an axis.
    #[must_use]
    pub fn axis(&self, axis: &str) -> Option<&str> {
        self.axes().into_iter().find_map(|(name, version)| (name == axis).then_some(version))
    }
}

/// What [`select`] chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The row.
    pub stack: Stack,
    /// Problems whose default level is not deny, and those that `[lints]` lets through.
    pub warnings: Vec<Problem>,
}

/// A setting of Spark that a rule asks for, and that the image bakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetting {
    /// Name of the setting.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Id of the rule, for `sparkbake explain`.
    pub rule: String,
    /// Why it is needed.
    pub reason: String,
    /// Where that is known from.
    pub source: String,
}

/// Version of the C library of a Debian suite (`2.36`), which decides the wheels that run there;
/// `None` where the facts do not know the suite.
#[must_use]
pub fn glibc(debian: &str) -> Option<&'static str> {
    facts::facts().suites.iter().find(|suite| suite.codename == debian).map(|suite| suite.glibc.as_str())
}

/// Applies the rules to what was resolved: the exact versions of Python packages, jars and Debian
/// packages. The profile gives the places that problems point at, and what the app uses; `newer` is what an
/// sdist tells of a PySpark that the facts do not know. That a setting of the profile replaces a rule's is
/// said where settings are baked, unless something fails of it.
#[must_use]
pub fn check(profile: &Profile, stack: &Stack, resolved: &[Coordinate], newer: Option<&Release>) -> Vec<Problem> {
    let row = Row::resolved(profile, stack, resolved, newer);
    let baked = |other: &String| Kind::of(other) == Kind::Conf;
    let found = evaluate::findings(&row);
    let told = found.iter().filter(|f| f.rule.severity == Severity::Fails || !f.other.as_ref().is_some_and(baked));
    told.map(|finding| finding.problem(&row)).collect()
}

/// The settings that the rules ask for with these artifacts, in the order of the rules.
#[must_use]
pub fn settings(stack: &Stack, resolved: &[Coordinate]) -> Vec<RuleSetting> {
    settings_of(&Row::of_artifacts(stack, resolved))
}

fn settings_of(row: &Row<'_>) -> Vec<RuleSetting> {
    let asking = evaluate::applying(row).filter_map(|rule| rule.setting().map(|setting| (rule, setting)));
    asking
        .map(|(rule, (key, value))| RuleSetting {
            key: key.to_owned(),
            value: value.to_owned(),
            rule: rule.id.clone(),
            reason: rule.reason.clone(),
            source: rule.source.join(", "),
        })
        .collect()
}

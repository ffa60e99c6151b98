//! Misspelt Spark settings: Spark itself ignores them without a word.

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::problem::codes::spark as codes;
use crate::profile::Located;

/// Below these prefixes any key may stand: they are handed to something else, or named by the user.
const OPEN: &[&str] = &[
    "spark.executorEnv.",
    "spark.hadoop.",
    "spark.hive.",
    "spark.metrics.conf.",
    "spark.scheduler.",
    "spark.sql.catalog.",
    "spark.sql.hive.metastore.",
];

/// A warning for every key of `conf` that is not in `known`, with the nearest key that is.
///
/// `known` is what the jars of the image define; an empty set says that nobody looked.
#[must_use]
pub fn unknown_keys(conf: &[(Located<String>, Located<String>)], known: &BTreeSet<String>) -> Vec<Problem> {
    if known.is_empty() {
        return Vec::new();
    }
    conf.iter()
        .map(|(key, _)| key)
        .filter(|key| !known.contains(&key.value) && !OPEN.iter().any(|prefix| key.value.starts_with(prefix)))
        .map(|key| unknown(key, known))
        .collect()
}

fn unknown(key: &Located<String>, known: &BTreeSet<String>) -> Problem {
    let problem = Problem::new(codes::UNKNOWN_SETTING, format!("no jar of the image knows `{}`", key.value))
        .at(&key.at, "unknown to Spark")
        .note("Spark ignores a setting that it does not know");
    match nearest(&key.value, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("if a library of yours reads it, allow it: `[lints] unknown-setting`"),
    }
}

/// The known key with the least edits, if they are few: a third of the last part, at most.
fn nearest<'a>(key: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    const LONGEST: usize = 200;
    if key.len() > LONGEST {
        return None;
    }
    let most = (key.len() / 8).clamp(1, 4);
    known
        .iter()
        .filter(|other| other.len().abs_diff(key.len()) <= most)
        .map(|other| (strsim::osa_distance(key, other), other))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, other)| other.as_str())
}

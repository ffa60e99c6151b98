//! Classes in several jars, and libraries in several versions. The JVM takes the jars of a wildcard
//! in the order of the directory, so which copy runs would depend on the file system.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::problem::codes::classpath as code;

use super::Jar;
use super::jar::Contents;

/// A line for each pair of jars that hold different classes of one name, or one library twice. At
/// least one of a pair is not stock. Equal CRC-32 and size count as the same class.
pub(super) fn problems(jars: &[Jar], contents: &[Contents]) -> Vec<Problem> {
    let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let added = |i: &usize| jars.get(*i).is_some_and(|jar| !jar.stock);
    for (i, jar) in contents.iter().enumerate().filter(|(i, _)| added(i)) {
        for name in jar.classes.keys() {
            providers.entry(name).or_default().push(i);
        }
    }
    let mut pairs: BTreeMap<(usize, usize), Pair<'_>> = BTreeMap::new();
    for (i, jar) in contents.iter().enumerate() {
        for (name, evidence) in &jar.classes {
            for &other in providers.get(name.as_str()).map_or(&[][..], Vec::as_slice) {
                // Two added jars meet twice; count them once.
                if other == i || (added(&i) && other < i) {
                    continue;
                }
                let pair = pairs.entry((other, i)).or_default();
                pair.total += 1;
                if contents.get(other).and_then(|c| c.classes.get(name)) != Some(evidence) {
                    pair.differing += 1;
                    pair.example.get_or_insert(name);
                }
            }
        }
    }
    let versions = two_versions(jars);
    for &pair in &versions {
        pairs.entry(pair).or_default();
    }
    let line = |((a, b), pair): (&(usize, usize), &Pair<'_>)| {
        problem(jars.get(*a)?, jars.get(*b)?, pair, versions.contains(&(*a, *b)))
    };
    pairs.iter().filter_map(line).collect()
}

#[derive(Default)]
struct Pair<'a> {
    total: usize,
    differing: usize,
    example: Option<&'a str>,
}

fn problem(added: &Jar, other: &Jar, pair: &Pair<'_>, two_versions: bool) -> Option<Problem> {
    let whose = if other.stock { "Spark's own " } else { "" };
    let problem = if two_versions {
        added.problem(code::TWO_VERSIONS, format!("{} and {whose}{} are one library twice", added.name, other.name))
    } else if pair.differing > 0 {
        let message =
            format!("{} and {whose}{} have {} different classes of one name", added.name, other.name, pair.differing);
        added.problem(code::DUPLICATES, message)
    } else {
        return None;
    };
    let problem = match pair.example {
        Some(name) => problem.note(format!(
            "{} classes are in both, {} with other bytes (by CRC-32 and size), such as {}",
            pair.total,
            pair.differing,
            name.replace('/', ".")
        )),
        None => problem,
    };
    Some(problem.note("which copy the JVM loads depends on the order of the directory").help(format!(
        "leave one out with `[maven] exclude`{}",
        if other.stock { ", or replace Spark's with `[maven] override`" } else { "" }
    )))
}

/// Pairs of jars whose file names differ in the version alone.
fn two_versions(jars: &[Jar]) -> BTreeSet<(usize, usize)> {
    let mut by_artifact: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (i, jar) in jars.iter().enumerate() {
        if let Some((artifact, version)) = library(&jar.name) {
            by_artifact.entry(artifact).or_default().push((i, version));
        }
    }
    let mut pairs = BTreeSet::new();
    for same in by_artifact.values() {
        for (a, a_version) in same {
            for (b, b_version) in same {
                let is_added = |i: &usize| jars.get(*i).is_some_and(|jar| !jar.stock);
                let other = plain(a_version) != plain(b_version);
                if other && is_added(a) && (!is_added(b) || a < b) {
                    pairs.insert((*a, *b));
                }
            }
        }
    }
    pairs
}

/// Artifact and version by Maven's layout. The version begins at the last dash before a digit that a
/// dot follows (`hive-shims-0.23-2.3.9`), else at the first dash before a digit.
fn library(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".jar")?;
    let dashes = stem.match_indices('-').filter_map(|(i, _)| Some((stem.get(..i)?, stem.get(i + 1..)?)));
    let versions: Vec<_> = dashes.filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit())).collect();
    versions.iter().rev().find(|(_, rest)| rest.contains('.')).or(versions.first()).copied()
}

/// The version without a classifier: `4.1.96.Final` of `4.1.96.Final-linux-x86_64`.
fn plain(version: &str) -> &str {
    let mut dashes = version.match_indices('-').map(|(i, _)| i);
    let classifier = dashes.find(|i| !version.as_bytes().get(i + 1).is_some_and(u8::is_ascii_digit));
    classifier.and_then(|i| version.get(..i)).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_library_and_version() {
        for (file, expected) in [
            ("delta-spark_2.12-3.3.2.jar", Some(("delta-spark_2.12", "3.3.2"))),
            ("hive-shims-0.23-2.3.9.jar", Some(("hive-shims-0.23", "2.3.9"))),
            ("zstd-jni-1.5.5-4.jar", Some(("zstd-jni", "1.5.5-4"))),
            ("netty-4.1.96.Final-linux-x86_64.jar", Some(("netty", "4.1.96.Final"))),
            ("jta-1.jar", Some(("jta", "1"))),
            ("ours.jar", None),
        ] {
            assert_eq!(library(file).map(|(artifact, version)| (artifact, plain(version))), expected, "{file}");
        }
    }
}

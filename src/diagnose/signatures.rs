//! What is known to be said when something fails: [`hits`] finds it in a log.
//!
//! Data: a `.toml` a stage below `signatures/`. A pattern is searched in the whole text, line by line.

use std::sync::{LazyLock, OnceLock};

use regex::{Regex, RegexSet};
use serde::Deserialize;

use super::lines::Log;

/// A cause says by itself why the run ended; what weighs less is a symptom or a wrapper.
pub(super) const CAUSE: u32 = 60;
/// A symptom is an answer where there is no cause; what weighs less is none.
pub(super) const SYMPTOM: u32 = 20;
/// How far the lines are searched that `near` asks for, and those that `unless` forbids.
const NEAR: usize = 40;
const JUST_BEFORE: usize = 3;
/// Most places of one signature that are looked at.
const PLACES_MAX: usize = 10_000;

/// Stage and data, in the order in which a start goes through them.
const FILES: [(&str, &str); 10] = [
    ("launcher", include_str!("signatures/launcher.toml")),
    ("image", include_str!("signatures/image.toml")),
    ("java", include_str!("signatures/java.toml")),
    ("submit", include_str!("signatures/submit.toml")),
    ("context", include_str!("signatures/context.toml")),
    ("classpath", include_str!("signatures/classpath.toml")),
    ("runtime", include_str!("signatures/runtime.toml")),
    ("python", include_str!("signatures/python.toml")),
    ("platform", include_str!("signatures/platform.toml")),
    ("noise", include_str!("signatures/noise.toml")),
];

/// One thing that is said when something fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    #[serde(skip)]
    pub(super) stage: &'static str,
    pub(super) id: String,
    /// Up to 100; see [`CAUSE`] and [`SYMPTOM`].
    pub(super) weight: u32,
    /// What is said; `None` where only a rule of [`super`] finds it.
    pattern: Option<String>,
    /// What must stand within some lines of it.
    near: Option<String>,
    /// What must not stand just before it.
    unless: Option<String>,
    /// Why, with `{1}` for what the pattern's first group found.
    pub(super) cause: String,
    pub(super) remedy: String,
    /// Key of the profile that decides about it.
    pub(super) key: Option<String>,
    pub(super) source: String,
    /// What it looks like; empty where it is seen by what is missing.
    #[serde(default)]
    pub(super) sample: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    signature: Vec<Signature>,
}

struct Table {
    signatures: Vec<Signature>,
    set: RegexSet,
    patterns: Vec<[OnceLock<Option<Regex>>; 3]>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut signatures = Vec::new();
    for (stage, text) in FILES {
        // The data is the tool's own; a test reads all of it.
        let file: File = toml::from_str(text).unwrap_or_else(|error| unreachable!("{stage}: {error}"));
        signatures.extend(file.signature.into_iter().map(|signature| Signature { stage, ..signature }));
    }
    // What has no pattern goes to the end, so that a pattern's number is its signature's.
    signatures.sort_by_key(|signature: &Signature| signature.pattern.is_none());
    let set = RegexSet::new(signatures.iter().filter_map(|signature| signature.pattern.as_ref()));
    let set = set.unwrap_or_else(|error| unreachable!("{error}"));
    let patterns = signatures.iter().map(|_| Default::default()).collect();
    Table { signatures, set, patterns }
});

impl Table {
    fn regex(&self, at: usize, which: usize) -> Option<&Regex> {
        let signature = &self.signatures[at];
        let text = signature.regexes()[which]?;
        self.patterns[at][which].get_or_init(|| Regex::new(text).ok()).as_ref()
    }
}

impl Signature {
    fn regexes(&self) -> [Option<&String>; 3] {
        [self.pattern.as_ref(), self.near.as_ref(), self.unless.as_ref()]
    }
}

/// A signature at its first place in a log.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) signature: &'static Signature,
    /// The line, counted from zero.
    pub(super) line: usize,
    /// The last place.
    pub(super) last: usize,
    pub(super) count: usize,
    /// What the groups of the pattern found.
    pub(super) groups: Vec<String>,
}

impl Hit {
    /// A text of the signature with what was found.
    pub(super) fn filled(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (i, group) in self.groups.iter().enumerate() {
            out = out.replace(&format!("{{{}}}", i + 1), group);
        }
        out
    }
}

/// By its name.
pub(super) fn named(id: &str) -> Option<&'static Signature> {
    TABLE.signatures.iter().find(|signature| signature.id == id)
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Signature> {
    TABLE.signatures.iter()
}

/// Every signature that the log shows, by first place.
pub(super) fn hits(log: &Log) -> Vec<Hit> {
    let mut hits: Vec<Hit> = TABLE.set.matches(log.text()).into_iter().filter_map(|at| hit(at, log)).collect();
    hits.sort_by_key(|hit| (hit.line, std::cmp::Reverse(hit.signature.weight)));
    hits
}

fn hit(at: usize, log: &Log) -> Option<Hit> {
    let (pattern, signature) = (TABLE.regex(at, 0)?, &TABLE.signatures[at]);
    let mut found: Option<Hit> = None;
    let mut seen = None;
    for captures in pattern.captures_iter(log.text()).take(PLACES_MAX) {
        let line = log.at(captures.get(0)?.start());
        if seen.replace(line) == Some(line) || !stands(at, line, log) {
            continue;
        }
        if let Some(hit) = &mut found {
            hit.last = line;
            hit.count += 1;
            continue;
        }
        let groups = captures.iter().skip(1);
        let groups = groups.map(|group| group.map_or_else(String::new, |group| group.as_str().to_owned()));
        found = Some(Hit { signature, line, last: line, count: 1, groups: groups.collect() });
    }
    found
}

/// Whether what must stand beside it does, and what must not does not.
fn stands(at: usize, line: usize, log: &Log) -> bool {
    let near = |regex: &Regex| {
        (line.saturating_sub(NEAR)..(line + NEAR).min(log.len())).any(|line| regex.is_match(log.line(line)))
    };
    let before = |regex: &Regex| (line.saturating_sub(JUST_BEFORE)..line).any(|line| regex.is_match(log.line(line)));
    TABLE.regex(at, 1).is_none_or(near) && !TABLE.regex(at, 2).is_some_and(before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pattern_compiles_and_finds_its_sample() {
        let mut names = BTreeSet::new();
        let rules: Vec<&str> = TABLE.signatures[TABLE.set.len()..].iter().map(|one| one.id.as_str()).collect();
        assert_eq!(
            rules,
            ["gateway-exited-silent", "submit-args-exit-zero-hang", "jvm-killed", "application-error", "killed"]
        );
        for (at, signature) in TABLE.signatures.iter().enumerate() {
            let id = &signature.id;
            assert!(names.insert(id), "{id} is there twice");
            assert!(signature.weight <= 100 && !signature.source.is_empty(), "{id}");
            for which in 0..3 {
                assert_eq!(TABLE.regex(at, which).is_some(), signature.regexes()[which].is_some(), "{id}");
            }
            let Some(pattern) = TABLE.regex(at, 0) else { continue };
            // What stands near it in a real log is not always in the sample.
            let found = pattern.captures(&signature.sample);
            let groups = found.unwrap_or_else(|| panic!("{id} does not find its sample")).len();
            for text in [&signature.cause, &signature.remedy] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{id}: {text}");
                let beyond = (groups..10).find(|group| text.contains(&format!("{{{group}}}")));
                assert_eq!(beyond, None, "{id}: {text}");
            }
        }
        assert!(names.len() > 110);
        // `explain` takes all kinds of names.
        for name in names {
            let other = crate::problem::codes::find(name).is_some() || crate::matrix::rule(name).is_some();
            assert!(!other, "{name} is a problem or a rule as well");
        }
    }
}

//! What people type: `spark=3.5.9 java=21 pandas=3.0.0 delta=*` as [`Word`]s, and the row that they make.

use std::collections::BTreeSet;

use pep440_rs::VersionSpecifiers;

use crate::profile::USES;

use super::connectors::{artifact_of, versions_of};
use super::facts::{Connector, facts, rules};
use super::name::{AXES, Kind};
use super::row::{Known, Row, stated_uses};
use super::select::nearest;
use super::version::{Range, compare, is_of};
use super::{AS_OF, Stack};

/// The longest word that is read, in bytes.
const WORD_MAX: usize = 200;

/// One `key=value`.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// As it was typed.
    pub(super) text: String,
    pub(super) key: Key,
    pub(super) value: String,
}

/// What a word is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Axis(&'static str),
    Connector(&'static Connector),
    /// What the app uses, joined by commas.
    Uses,
    /// A Python package, a jar, or one of the prefixed kinds; the name is the word's.
    Component,
}

impl Word {
    /// The name before the `=`.
    pub(super) fn name(&self) -> &str {
        parted(&self.text).0
    }
}

/// Reads the words of a question.
///
/// # Errors
/// Every word that is none, each with what was probably meant.
pub(super) fn read(words: &[String]) -> Result<Vec<Word>, Vec<String>> {
    let (mut all, mut mistakes): (Vec<Word>, Vec<String>) = (Vec::new(), Vec::new());
    // One argument may hold several words, as `explain 'spark=3.5 java=25'` does.
    for text in words.iter().flat_map(|word| word.split_whitespace()) {
        match word(text) {
            Ok(word) if all.iter().any(|other| other.name() == word.name()) => {
                mistakes.push(format!("`{}` is asked for twice", word.name()));
            }
            Ok(word) => all.push(word),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

fn word(text: &str) -> Result<Word, String> {
    if text.len() > WORD_MAX || text.chars().any(char::is_control) {
        return Err("a word is not of the form key=value".to_owned());
    }
    let (name, value) = parted(text);
    let key = key(name)?;
    if value.is_empty() {
        return Err(format!("`{text}` has no version behind the `=`"));
    }
    let value = canonical(key, value);
    check_value(name, key, &value)?;
    Ok(Word { text: text.to_owned(), key, value })
}

/// Name and value of `key=value`, or of a requirement as pip writes it: `key==value`, `key>=value`.
fn parted(text: &str) -> (&str, &str) {
    let is_free = matches!(Kind::of(text), Kind::Conf | Kind::Env);
    let operator = text.find(|c| c == '=' || !is_free && ['<', '>', '!', '~'].contains(&c));
    let Some((name, rest)) = operator.and_then(|at| text.split_at_checked(at)) else { return (text, "*") };
    let exact = rest.strip_prefix("==").filter(|version| !is_free && !version.contains(['*', ',']));
    (name, exact.or_else(|| rest.strip_prefix('=').filter(|_| !rest.starts_with("=="))).unwrap_or(rest))
}

/// A version as the facts write it, of what `java -version`, `uname -m` and `dpkg --print-architecture` say.
fn canonical(key: Key, value: &str) -> String {
    let Key::Axis(axis) = key else { return value.to_owned() };
    match (axis, value) {
        ("arch", "x86_64" | "x64") => "amd64".to_owned(),
        ("arch", "aarch64") => "arm64".to_owned(),
        // JEP 223: 1.8.0_392 and 8u392 are of feature release 8, and a build follows a plus.
        ("java", _) if value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)) => {
            let feature = value.strip_prefix("1.").unwrap_or(value);
            feature.split(['u', '_', '+', '-']).next().unwrap_or(feature).trim_end_matches(".0").to_owned()
        }
        _ => value.to_owned(),
    }
}

fn key(name: &str) -> Result<Key, String> {
    if let Some((axis, _)) = AXES.iter().find(|(axis, _)| *axis == name) {
        return Ok(Key::Axis(axis));
    }
    if name == "uses" {
        return Ok(Key::Uses);
    }
    if let Some(connector) = facts().connectors.iter().find(|connector| connector.id == name) {
        return Ok(Key::Connector(connector));
    }
    let known = names();
    if Kind::of(name) != Kind::Python || known.contains(name) {
        return Ok(Key::Component);
    }
    let close = known.iter().chain(AXES.iter().map(|(axis, _)| axis)).copied();
    let close = close.chain(["uses"]).max_by(|a, b| near(name, a).total_cmp(&near(name, b)));
    Err(match close.filter(|close| near(name, close) > 0.8) {
        Some(close) => format!("no rule speaks of `{name}`; did you mean `{close}`?"),
        None => format!(
            "no rule speaks of `{name}`; there are {}, Python packages, connectors and group:artifact",
            AXES.map(|(axis, _)| axis).join(", ")
        ),
    })
}

fn near(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

/// Connectors, and the Python packages of which some rule speaks.
pub(super) fn names() -> BTreeSet<&'static str> {
    let spoken = rules().flat_map(|rule| {
        let conditions = rule.when.keys().chain(rule.requires.keys()).chain(rule.conflicts.keys());
        conditions.chain([&rule.subject]).map(String::as_str)
    });
    let packages = spoken.filter(|name| Kind::of(name) == Kind::Python);
    packages.chain(facts().connectors.iter().map(|connector| connector.id.as_str())).collect()
}

fn check_value(name: &str, key: Key, value: &str) -> Result<(), String> {
    let no_version = || format!("`{value}` is no version and no range of `{name}`");
    match key {
        Key::Uses => {
            let wrong: Vec<String> = value
                .split(',')
                .filter(|step| *step != "all" && !USES.contains(step))
                .map(|step| format!("`{step}`"))
                .collect();
            match wrong.as_slice() {
                [] => Ok(()),
                [one] => Err(format!("{one} is no step; there are {} and all", USES.join(", "))),
                several => {
                    Err(format!("{} are no steps; there are {} and all", several.join(" and "), USES.join(", ")))
                }
            }
        }
        Key::Connector(connector) => {
            let artifact = connector.lines.first().map_or("", |line| line.artifact.as_str());
            Range::parse(artifact, value).map(drop).ok_or_else(no_version)
        }
        Key::Component => match Kind::of(name) {
            Kind::Python if value.parse::<pep440_rs::Version>().is_ok() => Ok(()),
            Kind::Conf | Kind::Env => Ok(()),
            _ => Range::parse(name, value).map(drop).ok_or_else(no_version),
        },
        Key::Axis(axis) => {
            let range = Range::parse(axis, value).ok_or_else(no_version)?;
            for bound in range.bounds() {
                known(axis, &bound)?;
            }
            Ok(())
        }
    }
}

/// The versions of an axis that the facts know, for completion and for the nearest.
pub(super) fn versions(axis: &str) -> Vec<&'static str> {
    let facts = facts();
    let of_lines: Vec<&str> = match axis {
        "spark" => facts.releases().map(|release| release.version.as_str()).collect(),
        "debian" => facts.suites.iter().map(|suite| suite.codename.as_str()).collect(),
        "arch" => vec!["amd64"],
        "scala" => vec!["2.12", "2.13"],
        "hadoop" => facts.releases().filter_map(super::release::Release::hadoop).collect(),
        _ => facts.ends.iter().filter(|end| end.axis == axis).map(|end| end.version.as_str()).collect(),
    };
    let mut seen = BTreeSet::new();
    of_lines.into_iter().filter(|version| seen.insert(*version)).collect()
}

/// Whether an axis can have that version. PySpark and Debian are those of the facts; the others are open.
fn known(axis: &str, version: &str) -> Result<(), String> {
    let all = versions(axis);
    let digits = version.starts_with(|c: char| c.is_ascii_digit());
    let fits = match axis {
        "spark" => all.iter().any(|known| is_of(known, version)),
        "debian" | "arch" => all.contains(&version) || axis == "arch",
        "python" | "scala" => version.parse::<pep440_rs::Version>().is_ok(),
        _ => digits,
    };
    if fits {
        return Ok(());
    }
    let shown = super::name::shown(axis);
    let help = match facts().line(version).filter(|_| axis == "spark") {
        Some(line) => format!("the newest release of {} is `{}`", line.name, line.newest().version),
        None => nearest(version, &all),
    };
    Err(format!("{shown} {version} is not known ({AS_OF}); {help}"))
}

/// What is said of versions that the facts do not know, and that are judged all the same: a Java or a Python
/// may be newer than the facts, or mistyped. Words that make no sense say nothing here.
#[must_use]
pub fn strangers(words: &[String]) -> Vec<String> {
    read(words).unwrap_or_default().iter().flat_map(strange).collect()
}

fn strange(word: &Word) -> Vec<String> {
    let (shown, mut known, subject): (&str, Vec<String>, &str) = match word.key {
        Key::Axis(axis) => (super::name::shown(axis), versions(axis).into_iter().map(str::to_owned).collect(), axis),
        Key::Connector(connector)
            if !connector.lines.iter().all(|line| line.versions.iter().any(|v| v.contains('{'))) =>
        {
            let artifact = connector.lines.first().map_or("", |line| line.artifact.as_str());
            (&connector.id, connector.lines.iter().flat_map(|line| line.versions.clone()).collect(), artifact)
        }
        _ => return Vec::new(),
    };
    let Some(range) = Range::parse(subject, &word.value) else { return Vec::new() };
    known.sort_by(|a, b| compare(a, b));
    let is_known = |bound: &String| known.iter().any(|known| is_of(bound, known) || is_of(known, bound));
    let unknown = range.bounds().into_iter().filter(|bound| !is_known(bound));
    let all: Vec<&str> = known.iter().map(String::as_str).collect();
    unknown
        .map(|bound| {
            format!(
                "{shown} {bound} is not among the versions that the facts know ({AS_OF}); {}",
                nearest(&bound, &all)
            )
        })
        .collect()
}

/// A stack with unknown axes left empty, as far as the words tell: for templates.
pub(super) fn stack_of(row: &Row<'_>) -> Stack {
    let axis = |name: &str| row.version(name).unwrap_or_default().to_owned();
    Stack {
        spark: axis("spark"),
        scala: axis("scala"),
        hadoop: axis("hadoop"),
        java: axis("java"),
        python: axis("python"),
        debian: axis("debian"),
    }
}

/// The row that the words make: exact versions where a word gives one, what Spark carries where none does.
///
/// # Errors
/// A word whose value is a range, where one version is needed.
pub(super) fn row(words: &[Word]) -> Result<Row<'static>, Vec<String>> {
    let mut row = Row::default();
    let mut mistakes = Vec::new();
    for word in words {
        let Key::Axis(axis) = word.key else { continue };
        if word.value.starts_with(['<', '>', '=', '!', '~', '*']) || word.value.contains(['|', ',']) {
            mistakes.push(format!("`{}` leaves the version open; `sparkbake matrix solve` chooses one", word.text));
            continue;
        }
        match axis {
            // A line stands for its newest release.
            "spark" => {
                let newest = facts().releases().filter(|release| is_of(&release.version, &word.value)).last();
                row.set_spark(newest.map_or(word.value.as_str(), |release| release.version.as_str()), None, None);
            }
            "java" | "python" => row.insert(axis, Known::Line(word.value.clone()), None),
            _ => row.insert(axis, Known::Exact(word.value.clone()), None),
        }
    }
    if let Some(release) = row.release() {
        for (axis, version) in [("scala", release.scala()), ("hadoop", release.hadoop().map(str::to_owned))] {
            if let Some(version) = version.filter(|_| row.get(axis).is_none()) {
                row.insert(axis, Known::Exact(version), None);
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let stack = stack_of(&row);
    add_components(&mut row, words, &stack);
    Ok(row)
}

/// Adds packages, jars, settings and uses. Gives the connector of which no version suits, where there is one.
pub(super) fn add_components(row: &mut Row<'_>, words: &[Word], stack: &Stack) -> Option<&'static str> {
    let mut unserved = None;
    for word in words {
        match word.key {
            Key::Axis(_) | Key::Uses => {}
            Key::Connector(connector) => match choose(connector, &word.value, stack) {
                Some((artifact, version)) => row.insert(&artifact, version.map_or(Known::Unstated, Known::Exact), None),
                None => unserved = Some(connector.id.as_str()),
            },
            Key::Component if word.value == "absent" => row.leave_out(word.name()),
            Key::Component => row.insert(word.name(), component(word), None),
        }
    }
    let stated = words.iter().find(|word| matches!(word.key, Key::Uses));
    let uses = match stated.map(|word| word.value.as_str()) {
        Some("all") => USES.iter().copied().collect(),
        Some(value) => stated_uses(value.split(',')),
        None => row.shown_uses(true),
    };
    row.use_steps(uses);
    unserved
}

fn component(word: &Word) -> Known {
    let value = &word.value;
    match Kind::of(word.name()) {
        Kind::Python if value.parse::<pep440_rs::Version>().is_err() => {
            value.parse::<VersionSpecifiers>().map_or(Known::Unstated, Known::Requirement)
        }
        _ if value == "*" || value == "present" => Known::Unstated,
        _ => Known::Exact(value.clone()),
    }
}

/// The artifact of a connector for a stack, with the best version that the value allows. Where Spark is
/// not known or none suits, a version that is stated is taken at its word.
fn choose(connector: &'static Connector, value: &str, stack: &Stack) -> Option<(String, Option<String>)> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (hadoop, java) = (given(&stack.hadoop), given(&stack.java));
    let suits = |line: &&super::facts::ConnectorLine| line.suits(&stack.spark, hadoop.as_deref(), java.as_deref());
    for line in connector.lines.iter().filter(suits) {
        let Some(artifact) = artifact_of(line, stack) else { continue };
        let Some(range) = Range::parse(&artifact, value) else { continue };
        if let Some(version) = versions_of(line, stack).into_iter().find(|version| range.contains(version)) {
            return Some((artifact, Some(version)));
        }
    }
    if value.starts_with(['<', '>', '!', '*']) {
        return None;
    }
    // The line that the version belongs to, whatever Spark that is for.
    let version = value.trim_start_matches('=');
    let belongs = |line: &&super::facts::ConnectorLine| {
        let ranged = line.rule.as_ref().and_then(|(_, range)| Range::parse(&line.artifact, range));
        ranged.is_some_and(|range| range.contains(version)) || line.versions.iter().any(|known| known == version)
    };
    let mut lines = connector.lines.iter();
    let line =
        lines.clone().filter(suits).find(belongs).or_else(|| lines.clone().find(belongs)).or_else(|| lines.next())?;
    let artifact = artifact_of(line, stack)?;
    Some((artifact, Some(version.to_owned())))
}

//! The facts: data in `facts/*.toml`, one file an axis or connector, embedded in the binary.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::version::{self, Range};

/// What happens where a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The step fails.
    Fails,
    /// It works, with a loss.
    Degrades,
    /// Upstream does not list it; it may work.
    Unsupported,
    /// It works; something else speaks against it.
    Unwise,
}

/// How well a rule is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The combination was started and watched.
    Executed,
    /// Read from the published artifacts or signed indexes themselves.
    Measured,
    /// Two independent documents agree.
    TwoSources,
    /// One document says so.
    OneSource,
}

impl Certainty {
    /// As a word in a note.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Measured => "measured",
            Self::TwoSources => "two sources",
            Self::OneSource => "one source",
        }
    }
}

/// One rule of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Kebab-case, unique among rules and codes.
    pub id: String,
    /// The component it is about: an axis (`spark`), a Python package, `group:artifact` with `*`
    /// for any run of characters, or `deb:package`.
    pub subject: String,
    /// Versions of the subject for which it holds.
    pub range: String,
    /// Further conditions, by component.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// What the other components must be, where they are there.
    #[serde(default)]
    pub requires: BTreeMap<String, String>,
    /// What the other components must not be.
    #[serde(default)]
    pub conflicts: BTreeMap<String, String>,
    /// What happens otherwise.
    pub severity: Severity,
    /// How well it is founded.
    pub certainty: Certainty,
    /// The step at which it shows; where it is one of [`crate::profile::USES`], an app that does
    /// not use that gets a warning.
    #[serde(default)]
    pub step: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// Issues, documents and trials it is known from.
    pub source: Vec<String>,
    /// The setting that mends it.
    pub setting: Option<Setting>,
}

/// A remedy that is a setting of Spark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Name of the setting.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A Spark line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Line {
    pub(super) spark: String,
    pub(super) scala: String,
    pub(super) hadoop: String,
    pub(super) java: String,
    pub(super) python: String,
    pub(super) requires_python: String,
    pub(super) pandas: String,
    pub(super) pyarrow: String,
    pub(super) numpy: String,
    /// Oldest first.
    pub(super) releases: Vec<Release>,
}

/// A PySpark release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) py4j: String,
}

/// A Debian suite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suite {
    pub(super) codename: String,
    pub(super) java: Vec<String>,
    pub(super) python: String,
    /// Version of the C library, which decides the wheels that run.
    pub(super) glibc: String,
}

/// A jar whose version follows from the stack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connector {
    pub(super) artifact: String,
    pub(super) versions: Vec<Candidates>,
}

/// The versions of a connector for a range of Spark, the best first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidates {
    pub(super) spark: String,
    pub(super) candidates: Vec<String>,
}

/// All that is known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Facts {
    #[serde(rename = "line")]
    pub(super) lines: Vec<Line>,
    #[serde(rename = "suite")]
    pub(super) suites: Vec<Suite>,
    #[serde(rename = "rule")]
    pub(super) rules: Vec<Rule>,
    #[serde(rename = "connector")]
    pub(super) connectors: Vec<Connector>,
}

const FILES: [&str; 8] = [
    include_str!("facts/spark.toml"),
    include_str!("facts/debian.toml"),
    include_str!("facts/java.toml"),
    include_str!("facts/python.toml"),
    include_str!("facts/hadoop.toml"),
    include_str!("facts/spark-modules.toml"),
    include_str!("facts/delta.toml"),
    include_str!("facts/iceberg.toml"),
];

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let mut all = Facts::default();
    for text in FILES {
        let file: Facts = toml::from_str(text).unwrap_or_else(|e| unreachable!("the embedded facts are tested: {e}"));
        all.lines.extend(file.lines);
        all.suites.extend(file.suites);
        all.rules.extend(file.rules);
        all.connectors.extend(file.connectors);
    }
    all
});

/// All that is known.
pub(super) fn facts() -> &'static Facts {
    &FACTS
}

/// Every rule, in the order of the files.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    FACTS.rules.iter()
}

/// The rule of that id, for `sparkbake explain`.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

impl Facts {
    /// The line and the release of an exact PySpark version.
    pub(super) fn release(&self, version: &str) -> Option<(&Line, &Release)> {
        self.lines.iter().find_map(|line| {
            line.releases.iter().find(|release| release.version == version).map(|release| (line, release))
        })
    }
}

impl Connector {
    /// The candidates for a release of Spark.
    pub(super) fn candidates(&self, spark: &str) -> impl Iterator<Item = &String> {
        self.versions
            .iter()
            .filter(move |row| Range::parse("spark", &row.spark).is_some_and(|range| range.contains(spark)))
            .flat_map(|row| row.candidates.iter())
    }
}

/// Whether a component's name matches a pattern in which `*` stands for any run of characters.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// Puts the stack's values in place of the placeholders of a text; `None` where one is not known.
pub(super) fn fill(text: &str, values: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&values(name)?);
        rest = tail;
    }
    filled.push_str(rest);
    Some(filled)
}

/// The value of a placeholder that a line and release of Spark decide.
pub(super) fn placeholder(name: &str, line: &Line, release: &Release) -> Option<String> {
    let value = match name {
        "spark" => &release.version,
        "spark.minor" => return Some(version::minor(&release.version)),
        "hadoop.bundled" => &line.hadoop,
        "scala.bundled" => &line.scala,
        "java.listed" => &line.java,
        "python.listed" => &line.python,
        "python.required" => &line.requires_python,
        "py4j" => &release.py4j,
        "numpy.minimum" => &line.numpy,
        "pandas.minimum" => &line.pandas,
        "pyarrow.minimum" => &line.pyarrow,
        _ => return None,
    };
    Some(value.clone())
}

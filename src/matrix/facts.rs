//! The facts: data in `facts/`, one file a Spark line, an axis or a connector, embedded in the binary.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::release::{Line, Release};
use super::rule::{Certainty, Rule, Severity, Step};
use super::version::Range;

/// The day on which the registries were read.
pub const AS_OF: &str = "2026-11-22";

/// A Debian suite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Suite {
    pub(super) codename: String,
    pub(super) java: Vec<String>,
    pub(super) python: String,
    /// Version of the C library, which decides the wheels that run.
    pub(super) glibc: String,
    /// Last day of full support.
    pub(super) ends: String,
    /// Last day of long-term support.
    pub(super) lts_ends: String,
}

/// A line of an axis whose support ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) axis: String,
    pub(super) version: String,
    /// Last day of support.
    pub(super) date: String,
}

/// A library beside Spark, with its versions for each Spark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Connector {
    pub(super) id: String,
    /// What it is, in a few words.
    pub(super) about: String,
    /// What a jar on another Spark than its line's comes to, and why.
    #[serde(default = "unsupported")]
    pub(super) severity: Severity,
    #[serde(default = "documented")]
    pub(super) certainty: Certainty,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) remedy: String,
    #[serde(default)]
    pub(super) symptom: Vec<String>,
    pub(super) source: Vec<String>,
    /// Settings that its documentation asks for.
    #[serde(default)]
    pub(super) settings: Vec<String>,
    #[serde(rename = "line")]
    pub(super) lines: Vec<ConnectorLine>,
}

fn unsupported() -> Severity {
    Severity::Unsupported
}

fn documented() -> Certainty {
    Certainty::Documented
}

/// The versions of one artifact of a connector for a range of Spark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ConnectorLine {
    pub(super) artifact: String,
    #[serde(default = "any")]
    pub(super) spark: String,
    #[serde(default = "any")]
    pub(super) hadoop: String,
    #[serde(default = "any")]
    pub(super) java: String,
    /// The best first. `{spark.patches}` stands for the other releases of the line.
    #[serde(default)]
    pub(super) versions: Vec<String>,
    /// Versions that belong to this line and no other: then there is a rule of this name.
    #[serde(default)]
    pub(super) rule: Option<(String, String)>,
    /// What must stand beside it.
    #[serde(default)]
    pub(super) needs: Vec<String>,
    /// Whether no registry and no document that was read names the versions: they follow from others.
    #[serde(default)]
    pub(super) unconfirmed: bool,
    /// What may stand beside it.
    #[serde(default)]
    pub(super) note: Option<String>,
}

fn any() -> String {
    "*".to_owned()
}

impl ConnectorLine {
    /// Whether it is for this Spark, Hadoop and Java; what is not known excludes nothing.
    pub(super) fn suits(&self, spark: &str, hadoop: Option<&str>, java: Option<&str>) -> bool {
        let range = |axis: &str, text: &str| Range::parse(axis, text);
        range("spark", &self.spark).is_some_and(|range| range.contains(spark))
            && hadoop.is_none_or(|hadoop| range("hadoop", &self.hadoop).is_some_and(|range| range.contains(hadoop)))
            && java.is_none_or(|java| {
                range("java", &self.java).is_some_and(|range| range.contains_line(java) != Some(false))
            })
    }
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Spark's lines, oldest first.
    pub(super) lines: Vec<Line>,
    /// Oldest first.
    pub(super) suites: Vec<Suite>,
    pub(super) ends: Vec<End>,
    pub(super) rules: Vec<Rule>,
    pub(super) connectors: Vec<Connector>,
    pub(super) names: Names,
}

/// Names under which rules were known, and what is no rule: `names.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Names {
    /// The rules that speak now, by the former name.
    pub(super) now: BTreeMap<String, Vec<String>>,
    pub(super) left_out: Vec<LeftOut>,
}

/// What is known and is no rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// What is known, in a few words.
    pub what: String,
    /// Why it is no rule.
    pub why: String,
    /// Names under which it was one.
    #[serde(default)]
    pub names: Vec<String>,
}

/// A file of an axis or a connector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "suite")]
    suites: Vec<Suite>,
    #[serde(default, rename = "end")]
    ends: Vec<End>,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
    #[serde(default, rename = "connector")]
    connectors: Vec<Connector>,
}

macro_rules! files {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("facts/", $name, ".toml")))),*] };
}

const LINES: &[(&str, &str)] = files!("spark/3.0" "spark/3.1" "spark/3.2" "spark/3.3" "spark/3.4" "spark/3.5" "spark/4.0" "spark/4.1" "spark/4.2" "spark/4.3");

const FILES: &[(&str, &str)] = files!(
    "spark" "java" "python" "scala" "hadoop" "debian" "py4j" "pandas" "numpy" "pyarrow" "connect" "logging" "libraries"
    "connectors/azure-cosmos-spark" "connectors/azure-eventhubs-spark" "connectors/delta" "connectors/graphframes"
    "connectors/hadoop-aws" "connectors/hadoop-azure" "connectors/hudi" "connectors/iceberg" "connectors/kafka"
    "connectors/mongo-spark" "connectors/mssql-jdbc" "connectors/postgresql" "connectors/snowflake" "connectors/spark-modules"
    "connectors/spark-mssql-connector" "connectors/spark-nlp" "connectors/spark-xml" "connectors/synapseml"
    "connectors/xgboost4j-spark"
);

const NAMES: &str = include_str!("facts/names.toml");

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let mut all = Facts::default();
    for (name, text) in LINES {
        all.lines.push(Line::read(text).unwrap_or_else(|e| unreachable!("the embedded facts are tested: {name}: {e}")));
    }
    for (name, text) in FILES {
        let file: File =
            toml::from_str(text).unwrap_or_else(|e| unreachable!("the embedded facts are tested: {name}: {e}"));
        all.suites.extend(file.suites);
        all.ends.extend(file.ends);
        all.rules.extend(file.rules.into_iter().map(Rule::read));
        all.rules.extend(file.connectors.iter().flat_map(Connector::rules));
        all.connectors.extend(file.connectors);
    }
    all.names = toml::from_str(NAMES).unwrap_or_else(|e| unreachable!("the embedded facts are tested: names: {e}"));
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

/// The rule of that id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// What a name stands for that a rule or a known fact once had: the rules that speak now, or why there is none.
#[must_use]
pub fn formerly(name: &str) -> Option<Result<Vec<&'static Rule>, &'static LeftOut>> {
    let names = &FACTS.names;
    let now = names.now.get(name).map(|ids| Ok(ids.iter().filter_map(|id| rule(id)).collect()));
    now.or_else(|| names.left_out.iter().find(|fact| fact.names.iter().any(|own| own == name)).map(Err))
}

impl Facts {
    /// The line and the release of an exact PySpark version.
    pub(super) fn release(&self, version: &str) -> Option<(&Line, &Release)> {
        self.lines.iter().find_map(|line| {
            line.releases.iter().find(|release| release.version == version).map(|release| (line, release))
        })
    }

    /// Every release of PySpark, oldest line first.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Release> {
        self.lines.iter().flat_map(|line| &line.releases)
    }

    /// The line of a version, known or not: 3.5 for 3.5.99.
    pub(super) fn line(&self, version: &str) -> Option<&Line> {
        self.lines.iter().find(|line| super::version::is_of(version, &line.name))
    }
}

impl Connector {
    /// The rules that follow from its lines: a version of a line wants that line's Spark.
    fn rules(&self) -> impl Iterator<Item = Rule> {
        self.lines.iter().filter_map(|line| {
            let (id, range) = line.rule.as_ref()?;
            let rule = Rule {
                id: id.clone(),
                subject: line.artifact.replace("{scala}", "*"),
                range: range.clone(),
                when: BTreeMap::default(),
                requires: [("spark".to_owned(), line.spark.clone())].into(),
                conflicts: BTreeMap::default(),
                severity: self.severity,
                certainty: self.certainty,
                steps: vec![Step::Connector],
                reason: self.reason.clone(),
                remedy: self.remedy.clone(),
                symptom: self.symptom.clone(),
                fixed_in: BTreeMap::default(),
                source: self.source.clone(),
                read: super::rule::Read::default(),
            };
            Some(rule.read())
        })
    }
}

/// Puts a row's values in place of the placeholders of a text; `None` where one is not known.
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

//! The settings that the jars of the image know: read from their classes, never from a list of ours.
//!
//! [`read`] takes what `classpath::constants` has seen. Entries of Spark's `ConfigBuilder` say their kind,
//! accepted values, default and version; keys that code only names as a text are known without a kind.
//! [`check`] holds the settings of a profile against them.

mod check;
mod entries;
mod explain;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::classpath::constants::{Look, Ranges};

pub use check::check;
pub use entries::read;
pub use explain::{explain, explain_json};

/// Number of the rules by which settings are read; a change of what is recorded raises it.
pub const RULES: u32 = 1;

const BUILDER: &str = "org/apache/spark/internal/config/ConfigBuilder";
const SPARK_CONF: &str = "org/apache/spark/SparkConf";
/// What reads a `SparkConf` asks through this from Spark 4 on.
const SPARK_CONF_4: &str = "org/apache/spark/ReadOnlySparkConf";
const SPARK_DEPRECATED: &str = "org/apache/spark/SparkConf$DeprecatedConfig";
const SPARK_ALTERNATE: &str = "org/apache/spark/SparkConf$AlternateConfig";
const SQL_DEPRECATED: &str = "org/apache/spark/sql/internal/SQLConf$DeprecatedConfig";
const ENUMERATED: &str = "scala/Enumeration$Value";
const SQL_REMOVED: &str = "org/apache/spark/sql/internal/SQLConf$RemovedConfig";

/// What to look for in the jars.
pub const LOOK: Look<'static> = Look {
    wanted: &[
        BUILDER,
        "org/apache/spark/internal/config/ConfigEntry",
        "org/apache/spark/internal/config/OptionalConfigEntry",
        SPARK_DEPRECATED,
        SPARK_ALTERNATE,
        SQL_DEPRECATED,
        SQL_REMOVED,
        ENUMERATED,
    ],
    beside: &["scala/Tuple2"],
    asked: &[SPARK_CONF, SPARK_CONF_4],
    text: &|text| is_spark_key(text) || is_pattern(text) || is_hadoop_key(text),
};

/// The settings that are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Declared settings, by key; a setting's other names point to the same.
    pub entries: BTreeMap<String, Entry>,
    /// Keys, and beginnings of keys (with a dot at the end), that code names as texts.
    pub texts: BTreeSet<String>,
    /// Keys that code puts together, with `*` for what it puts in.
    pub patterns: BTreeSet<String>,
    /// Keys that are refused or ignored now.
    pub removed: BTreeMap<String, Removed>,
    /// Keys that are still read, with a warning.
    pub deprecated: BTreeMap<String, Deprecated>,
}

/// A setting as Spark declares it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What its value is.
    pub kind: Kind,
    /// Whether the value is a list with commas.
    pub is_list: bool,
    /// Whether upper and lower case are the same.
    pub folds_case: bool,
    /// The accepted values, where they are counted up.
    pub choices: Vec<String>,
    /// What numbers are accepted, in the kind's unit, with Spark's words for it.
    pub ranges: Vec<(Ranges, String)>,
    /// The default, as Spark writes it; none where there is none, or it is computed.
    pub default: Option<String>,
    /// Since when it is there.
    pub since: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// Any text.
    #[default]
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// A time; a number alone counts so many milliseconds.
    Time(f64),
    /// A size; a number alone counts so many bytes.
    Bytes(u64),
}

/// A setting that went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// In which version.
    pub version: String,
    /// The only value that is not refused.
    pub default: String,
    /// Spark's words.
    pub comment: String,
}

/// A setting that is going.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecated {
    /// Since which version.
    pub version: String,
    /// The key to use.
    pub instead: Option<String>,
    /// Spark's words.
    pub comment: String,
}

/// What is put in by `String.format`.
const FORMATTED: &str = "%s";

/// Whether a text is a key of Spark's with places to fill in.
fn is_pattern(text: &str) -> bool {
    text.contains(FORMATTED) && is_spark_key(&text.replace(FORMATTED, "x"))
}

/// Whether a text is a key of Spark's, or, with a dot at its end, the beginning of some.
fn is_spark_key(text: &str) -> bool {
    text.strip_prefix("spark.").is_some_and(|rest| is_dotted(rest.strip_suffix('.').unwrap_or(rest)))
}

/// The keys that a Python module names as texts.
pub fn in_python(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.match_indices(['"', '\'']).filter_map(|(at, quote)| {
        let inside = text.get(at + 1..)?;
        inside.split_once(quote).map(|(inside, _)| inside)
    });
    quoted.filter(|text| is_spark_key(text))
}

/// First parts of the keys that Hadoop's clients read.
const HADOOP: [&str; 9] = ["dfs", "file", "fs", "hadoop", "io", "ipc", "mapreduce", "parquet", "yarn"];

/// Whether a text may be a key of Hadoop's, or the beginning of some.
fn is_hadoop_key(text: &str) -> bool {
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    HADOOP.contains(&first) && is_dotted(rest.strip_suffix('.').unwrap_or(rest))
}

/// Words with dots between them.
fn is_dotted(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.len() < 200 && text.split('.').all(is_word)
}

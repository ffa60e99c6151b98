//! [`Rule`]: one constraint between components, with its reason and where that is known from.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::version::Range;

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
    /// Worth knowing.
    Note,
}

impl Severity {
    /// As a word in data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Degrades => "degrades",
            Self::Unsupported => "unsupported",
            Self::Unwise => "unwise",
            Self::Note => "note",
        }
    }
}

/// How well a rule is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The combination was run and watched, or read from the published files themselves.
    Measured,
    /// Upstream or another project says so.
    Documented,
    /// It follows from the others; nobody has seen it.
    Inferred,
}

impl Certainty {
    /// As a word in data and notes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Documented => "documented",
            Self::Inferred => "inferred",
        }
    }
}

macro_rules! steps {
    ($($step:ident $name:literal $always:literal $phrase:literal;)*) => {
        /// Where in an image's life something fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub enum Step {
            $(#[doc = $phrase] #[serde(rename = $name)] $step,)*
        }

        impl Step {
            /// Every step, in the order in which an app meets them.
            pub const ALL: &[Self] = &[$(Self::$step),*];

            /// As a word in data.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$step => $name),* }
            }

            /// As people say it, after "at".
            #[must_use]
            pub fn phrase(self) -> &'static str {
                match self { $(Self::$step => $phrase),* }
            }

            /// Whether every app takes it. The others are of [`crate::profile::USES`].
            #[must_use]
            pub fn is_always(self) -> bool {
                match self { $(Self::$step => $always),* }
            }
        }
    };
}

steps! {
    Install "install" true "installation";
    Import "import" true "`import pyspark`";
    Gateway "gateway" true "the start of the Java gateway";
    Session "session" true "the start of the session";
    Logging "logging" true "logging";
    Query "query" true "the first SQL expression";
    Files "files" true "the first file access";
    Connector "connector" true "the jar's first use";
    PythonUdf "python-udf" false "the first Python function (UDF or lambda)";
    ToPandas "to-pandas" false "toPandas and createDataFrame";
    Arrow "arrow" false "the Arrow path (pandas UDFs, toPandas with Arrow)";
    PandasOnSpark "pandas-on-spark" false "`import pyspark.pandas`";
    Ml "ml" false "pyspark.ml";
    Streaming "streaming" false "a streaming query";
    Connect "connect" false "a Spark Connect session";
    Wasb "wasb" false "the first wasb:// path";
}

/// One rule of the matrix.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Kebab-case, unique among rules and codes.
    pub id: String,
    /// The component it is about: an axis (`spark`), a Python package, `group:artifact` with `*` for any
    /// run of characters, `deb:package`, `uses:step`, `conf:spark.key`, `env:NAME` or `links:package`.
    pub subject: String,
    /// Versions of the subject for which it holds.
    #[serde(default = "any")]
    pub range: String,
    /// Further conditions, by component. A component of which nothing is known counts as absent.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// What the other components must be, where they are there. A setting that the image may choose is baked.
    #[serde(default)]
    pub requires: BTreeMap<String, String>,
    /// What the other components must not be.
    #[serde(default)]
    pub conflicts: BTreeMap<String, String>,
    /// What happens otherwise.
    pub severity: Severity,
    /// How well it is founded.
    pub certainty: Certainty,
    /// The steps at which it shows. Where none of them is used, a failure is a warning.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// What the log says, any of these; `*` stands for any run of characters.
    #[serde(default)]
    pub symptom: Vec<String>,
    /// The first versions, by component, in which it is mended.
    #[serde(default)]
    pub fixed_in: BTreeMap<String, String>,
    /// Issues, documents and trials it is known from.
    pub source: Vec<String>,
    /// The conditions, read.
    #[serde(skip)]
    pub(super) read: Read,
}

fn any() -> String {
    "*".to_owned()
}

/// The conditions of a rule, read once.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    pub(super) range: Template,
    pub(super) when: Vec<(String, Template)>,
    pub(super) requires: Vec<(String, Template)>,
    pub(super) conflicts: Vec<(String, Template)>,
}

/// A range, perhaps with placeholders that a row fills.
#[derive(Debug, Clone)]
pub(super) enum Template {
    Fixed(Range),
    Open(String),
}

impl Default for Template {
    fn default() -> Self {
        Self::Fixed(Range::Present)
    }
}

impl Template {
    /// Reads the condition on the named component. What is no range stays open and is never met; a test
    /// sees to it that the facts have none.
    pub(super) fn new(component: &str, text: &str) -> Self {
        match Range::parse(component, text) {
            Some(range) if !text.contains('{') => Self::Fixed(range),
            _ => Self::Open(text.to_owned()),
        }
    }
}

impl Rule {
    /// The same rule with its conditions read.
    pub(super) fn read(mut self) -> Self {
        let all = |conditions: &BTreeMap<String, String>| {
            conditions.iter().map(|(name, range)| (name.clone(), Template::new(name, range))).collect()
        };
        self.read = Read {
            range: Template::new(&self.subject, &self.range),
            when: all(&self.when),
            requires: all(&self.requires),
            conflicts: all(&self.conflicts),
        };
        self
    }

    /// The setting of Spark that mends it, where there is one: key and value.
    #[must_use]
    pub fn setting(&self) -> Option<(&str, &str)> {
        self.requires.iter().find_map(|(name, value)| Some((name.strip_prefix("conf:")?, value.as_str())))
    }
}

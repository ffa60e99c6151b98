//! [`Line`] and [`Release`]: what upstream says of a Spark line, and what each PySpark carries.
//!
//! A file of a line names for each release what differs from the one before it; read, every release is
//! complete. What a release carries can be read from its sdist: [`super::derive`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::version::minor;

/// A Spark line.
#[derive(Debug)]
pub(super) struct Line {
    /// `3.5`.
    pub(super) name: String,
    /// Day of the first release.
    pub(super) released: String,
    /// Last day of support.
    pub(super) ends: String,
    /// Whether upstream has not named that day.
    pub(super) ends_estimated: bool,
    pub(super) lts: bool,
    /// Java's feature releases that upstream lists.
    pub(super) java: Vec<String>,
    /// Oldest first; never empty.
    pub(super) releases: Vec<Release>,
}

/// A PySpark release, as its sdist tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Release {
    /// `3.5.9`.
    pub version: String,
    /// Day of the upload; empty where that is not known.
    pub published: String,
    /// `Requires-Python`; empty where it says nothing.
    pub requires_python: String,
    /// Minors of Python that it declares.
    pub python: Vec<String>,
    /// Its requirement on py4j.
    pub py4j: String,
    /// The least version of each optional Python package: the higher of what it declares and what it checks.
    pub minimum: BTreeMap<String, String>,
    /// Versions of the jars that the matrix follows, by artifact.
    pub jars: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LineFile {
    line: String,
    released: String,
    ends: String,
    #[serde(default)]
    ends_estimated: bool,
    #[serde(default)]
    lts: bool,
    java: Vec<String>,
    release: Vec<Change>,
}

/// What differs from the release before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Change {
    version: String,
    published: String,
    requires_python: Option<String>,
    python: Option<Vec<String>>,
    py4j: Option<String>,
    minimum: Option<BTreeMap<String, String>>,
    #[serde(default)]
    jars: BTreeMap<String, String>,
}

impl Line {
    /// Reads a file of `facts/spark/`.
    pub(super) fn read(text: &str) -> Result<Self, toml::de::Error> {
        let file: LineFile = toml::from_str(text)?;
        let mut releases: Vec<Release> = Vec::new();
        for change in file.release {
            let before = releases.last();
            let mut jars = before.map(|release| release.jars.clone()).unwrap_or_default();
            jars.extend(change.jars);
            jars.retain(|_, version| version != "absent");
            let inherited = |own: Option<String>, of: fn(&Release) -> &String| {
                own.or_else(|| before.map(|release| of(release).clone())).unwrap_or_default()
            };
            releases.push(Release {
                requires_python: inherited(change.requires_python, |r| &r.requires_python),
                python: change.python.or_else(|| before.map(|r| r.python.clone())).unwrap_or_default(),
                py4j: inherited(change.py4j, |r| &r.py4j),
                minimum: change.minimum.or_else(|| before.map(|r| r.minimum.clone())).unwrap_or_default(),
                version: change.version,
                published: change.published,
                jars,
            });
        }
        Ok(Self {
            name: file.line,
            released: file.released,
            ends: file.ends,
            ends_estimated: file.ends_estimated,
            lts: file.lts,
            java: file.java,
            releases,
        })
    }

    /// The newest release that is known.
    pub(super) fn newest(&self) -> &Release {
        self.releases.last().unwrap_or_else(|| unreachable!("a test sees to it that no line is empty"))
    }
}

impl Release {
    /// Scala's binary version: `2.12`.
    #[must_use]
    pub fn scala(&self) -> Option<String> {
        self.jars.get("scala-library").map(|version| minor(version))
    }

    /// Version of the Hadoop client.
    #[must_use]
    pub fn hadoop(&self) -> Option<&str> {
        self.jars.get("hadoop-client-api").or_else(|| self.jars.get("hadoop-client")).map(String::as_str)
    }

    /// The table as a file of `facts/spark/` has it, complete.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!("[[release]]\nversion = \"{}\"\n", self.version);
        let quoted = |all: &[String]| all.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "published = \"{}\"", self.published);
        let _ = writeln!(text, "requires-python = \"{}\"", self.requires_python);
        let _ = writeln!(text, "python = [{}]", quoted(&self.python));
        let _ = writeln!(text, "py4j = \"{}\"", self.py4j);
        let minimum: Vec<String> = self.minimum.iter().map(|(name, least)| format!("{name} = \"{least}\"")).collect();
        let _ = writeln!(text, "minimum = {{ {} }}", minimum.join(", "));
        text.push_str("[release.jars]\n");
        let mut jars: Vec<_> = self.jars.iter().collect();
        jars.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        for (name, version) in jars {
            let name = if name.contains('.') { format!("\"{name}\"") } else { name.clone() };
            let _ = writeln!(text, "{name} = \"{version}\"");
        }
        text
    }
}

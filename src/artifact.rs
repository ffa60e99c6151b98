//! What the lock pins: [`Artifact`], one file of one of the three ecosystems, and its [`Coordinate`].
//!
//! A coordinate says what a file is, never where it lies: the same one is found at any registry or
//! mirror that the user's own tools are configured for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a file is, in the words of its ecosystem.
///
/// Written `maven:group:artifact:version`, `maven:group:artifact:extension:classifier:version`,
/// `pypi:name==version` or `deb:name=version:arch`; that spelling is the identity in lockfiles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[expect(missing_docs, reason = "the fields are the ecosystem's own words")]
pub enum Coordinate {
    /// A file of a Maven repository (Maven, "POM Reference": Maven Coordinates).
    Maven {
        group: String,
        artifact: String,
        version: String,
        /// File extension; `jar` nearly always.
        extension: String,
        /// Empty where the artifact is the main one.
        classifier: String,
    },
    /// A distribution of a Python package index, under its normalised name (PEP 503).
    Pypi { name: String, version: String },
    /// A binary package of a Debian archive (Debian Policy 5.6).
    Debian { name: String, version: String, arch: String },
}

/// The text was none of the three spellings of a [`Coordinate`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a coordinate: `maven:group:artifact:version`, `pypi:name==version` or `deb:name=version:arch`")]
pub struct NotACoordinate(pub String);

impl Coordinate {
    /// The main jar of a Maven artifact.
    #[must_use]
    pub fn jar(group: &str, artifact: &str, version: &str) -> Self {
        Self::Maven {
            group: group.to_owned(),
            artifact: artifact.to_owned(),
            version: version.to_owned(),
            extension: "jar".to_owned(),
            classifier: String::new(),
        }
    }

    /// The package's name without its version: `group:artifact` for Maven.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Maven { group, artifact, .. } => format!("{group}:{artifact}"),
            Self::Pypi { name, .. } | Self::Debian { name, .. } => name.clone(),
        }
    }

    /// What it is a version of: `maven:group:artifact`, `pypi:name`, `deb:name:arch`.
    #[must_use]
    pub fn unversioned(&self) -> String {
        match self {
            Self::Maven { group, artifact, extension, classifier, .. } => {
                let parts =
                    [extension.as_str(), classifier.as_str()].into_iter().filter(|part| !matches!(*part, "" | "jar"));
                parts.fold(format!("maven:{group}:{artifact}"), |text, part| format!("{text}:{part}"))
            }
            Self::Pypi { name, .. } => format!("pypi:{name}"),
            Self::Debian { name, arch, .. } => format!("deb:{name}:{arch}"),
        }
    }

    /// The version in the ecosystem's own spelling.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Maven { version, .. } | Self::Pypi { version, .. } | Self::Debian { version, .. } => version,
        }
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maven { group, artifact, version, extension, classifier } => {
                match (extension.as_str(), classifier.as_str()) {
                    ("jar", "") => write!(f, "maven:{group}:{artifact}:{version}"),
                    (_, "") => write!(f, "maven:{group}:{artifact}:{extension}:{version}"),
                    _ => write!(f, "maven:{group}:{artifact}:{extension}:{classifier}:{version}"),
                }
            }
            Self::Pypi { name, version } => write!(f, "pypi:{name}=={version}"),
            Self::Debian { name, version, arch } => write!(f, "deb:{name}={version}:{arch}"),
        }
    }
}

impl FromStr for Coordinate {
    type Err = NotACoordinate;

    fn from_str(text: &str) -> Result<Self, NotACoordinate> {
        read(text).filter(Coordinate::is_plain).ok_or_else(|| NotACoordinate(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Coordinate> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "maven" => {
            let parts: Vec<&str> = rest.split(':').collect();
            let (group, artifact, extension, classifier, version) = match parts.as_slice() {
                [group, artifact, version] => (group, artifact, &"jar", &"", version),
                [group, artifact, extension, version] => (group, artifact, extension, &"", version),
                [group, artifact, extension, classifier, version] => (group, artifact, extension, classifier, version),
                _ => return None,
            };
            let own = |s: &&str| (*s).to_owned();
            Some(Coordinate::Maven {
                group: own(group),
                artifact: own(artifact),
                version: own(version),
                extension: own(extension),
                classifier: own(classifier),
            })
        }
        "pypi" => {
            let (name, version) = rest.split_once("==")?;
            Some(Coordinate::Pypi { name: name.to_owned(), version: version.to_owned() })
        }
        "deb" => {
            let (name, rest) = rest.split_once('=')?;
            let (version, arch) = rest.rsplit_once(':')?;
            Some(Coordinate::Debian { name: name.to_owned(), version: version.to_owned(), arch: arch.to_owned() })
        }
        _ => None,
    }
}

impl Coordinate {
    /// Whether every part is a plain word that can stand in a path or a URL without changing its shape.
    fn is_plain(&self) -> bool {
        let word = |s: &str| {
            !s.is_empty()
                && !s.contains("..")
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+~:!".contains(&b))
        };
        match self {
            Self::Maven { group, artifact, version, extension, classifier } => {
                [group, artifact, version, extension].into_iter().all(|s| word(s))
                    && (classifier.is_empty() || word(classifier))
            }
            Self::Pypi { name, version } => word(name) && word(version),
            Self::Debian { name, version, arch } => word(name) && word(version) && word(arch),
        }
    }
}

impl TryFrom<String> for Coordinate {
    type Error = NotACoordinate;

    fn try_from(text: String) -> Result<Self, NotACoordinate> {
        text.parse()
    }
}

impl From<Coordinate> for String {
    fn from(coordinate: Coordinate) -> Self {
        coordinate.to_string()
    }
}

/// One pinned file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// What it is.
    pub coordinate: Coordinate,
    /// Its file name; for Debian its path below the archive's root (`pool/…`).
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the file as the registry serves it.
    pub sha256: Digest,
    /// The Python index of the user's own that has it, by the name that the profile gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Why it is here: the key of the profile, or the name of the artifact that needs it
    /// (`maven.jars`, `org.apache.hadoop:hadoop-azure`), first the reason that decided.
    pub via: Vec<String>,
}

/// A version of a Maven artifact that somebody wants and does not get: a nearer one was taken, or Spark's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmet {
    /// `group:artifact`.
    pub name: String,
    /// The version that is wanted.
    pub wanted: String,
    /// The version that is there.
    pub got: String,
    /// Who wants it, as [`Artifact::via`] says it.
    pub via: Vec<String>,
}

impl Unmet {
    /// Of single wishes, each an artifact as it is there, the version that is wanted, and who wants it; sorted.
    #[must_use]
    pub fn of<'a>(wishes: impl Iterator<Item = ((String, &'a str), &'a str, &'a str)>) -> Vec<Self> {
        let mut all: BTreeMap<((String, &str), &str), BTreeSet<&str>> = BTreeMap::new();
        for (there, wanted, who) in wishes.filter(|((_, got), wanted, _)| wanted != got) {
            all.entry((there, wanted)).or_default().insert(who);
        }
        let told = |(((name, got), wanted), via): (((String, &str), &str), BTreeSet<&str>)| Self {
            name,
            wanted: wanted.to_owned(),
            got: got.to_owned(),
            via: via.into_iter().map(str::to_owned).collect(),
        };
        all.into_iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_read_back_as_written() {
        for text in [
            "maven:io.delta:delta-spark_2.12:3.3.2",
            "maven:org.example:native:jar:linux-x86_64:1.0",
            "maven:org.example:pack:zip:1.0",
            "pypi:numpy==1.26.4",
            "deb:openjdk-17-jre-headless=17.0.19+10-1~deb12u2:amd64",
            "deb:libc6=1:2.36-9+deb12u14:amd64",
        ] {
            assert_eq!(text.parse::<Coordinate>().map(|c| c.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_thing_is_the_same_in_every_version() {
        for (text, expected) in [
            ("maven:io.delta:delta-spark_2.12:3.3.2", "maven:io.delta:delta-spark_2.12"),
            ("maven:org.example:native:jar:linux-x86_64:1.0", "maven:org.example:native:linux-x86_64"),
            ("pypi:tzdata==2026.1", "pypi:tzdata"),
            ("deb:tzdata=2026b-0:all", "deb:tzdata:all"),
        ] {
            assert_eq!(text.parse::<Coordinate>().unwrap().unversioned(), expected);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "maven:a:b", "pypi:numpy", "deb:libc6=2", "gem:x==1", "maven:a:../b:1", "pypi:==1", "pypi:a/b==1"]
        {
            assert_eq!(text.parse::<Coordinate>(), Err(NotACoordinate(text.to_owned())));
        }
    }
}

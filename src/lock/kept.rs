//! What a new lock keeps of the old one: whatever still fits stays, so that a lock moves only what must move.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::{Artifact, Coordinate};

use super::Lock;

/// What may move although it still fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing.
    Nothing,
    /// Everything.
    All,
    /// These artifacts, by name, and axes of the stack.
    Names(Vec<String>),
}

/// The versions of an old lock that are to stay where they still fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Axes of the stack, by name.
    pub stack: BTreeMap<&'static str, String>,
    /// Projects of a Python index, by normalised name.
    pub python: BTreeMap<String, String>,
    /// Maven's `group:artifact`.
    pub maven: BTreeMap<String, String>,
    /// Debian's packages.
    pub debian: BTreeMap<String, String>,
}

impl Kept {
    /// What an upgrade leaves of a lock.
    ///
    /// # Errors
    /// The names that are neither in the lock nor an axis.
    pub fn of(lock: &Lock, upgrade: &Upgrade) -> Result<Self, Vec<String>> {
        let names: BTreeSet<&str> = match upgrade {
            Upgrade::All => return Ok(Self::default()),
            Upgrade::Nothing => BTreeSet::new(),
            Upgrade::Names(names) => names.iter().map(String::as_str).collect(),
        };
        let axes = lock.stack.axes();
        let known = |name: &str| {
            axes.iter().any(|(axis, _)| *axis == name) || lock.artifacts.iter().any(|artifact| is_named(artifact, name))
        };
        let unknown: Vec<String> = names.iter().filter(|name| !known(name)).map(|&name| name.to_owned()).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut kept = Self::default();
        let open = axes.into_iter().filter(|(axis, _)| !names.contains(axis));
        kept.stack.extend(open.map(|(axis, version)| (axis, version.to_owned())));
        for artifact in &lock.artifacts {
            if names.iter().any(|name| is_named(artifact, name)) {
                continue;
            }
            let (name, version) = (artifact.coordinate.name(), artifact.coordinate.version().to_owned());
            match artifact.coordinate {
                Coordinate::Maven { .. } => kept.maven.insert(name, version),
                Coordinate::Pypi { .. } => kept.python.insert(name, version),
                Coordinate::Debian { .. } => kept.debian.insert(name, version),
            };
        }
        Ok(kept)
    }
}

/// Whether a person means the artifact by that name: Maven's artifact alone is enough.
#[must_use]
pub fn is_named(artifact: &Artifact, name: &str) -> bool {
    is_named_so(&artifact.coordinate.name(), name)
}

/// As [`is_named`], of an artifact's own name.
#[must_use]
pub fn is_named_so(own: &str, name: &str) -> bool {
    own == name || own.rsplit(':').next() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::layer::Recipe;
    use crate::matrix::Stack;

    fn lock() -> Lock {
        let artifact = |coordinate: &str| Artifact {
            coordinate: coordinate.parse().unwrap(),
            file: "f".to_owned(),
            size: 1,
            sha256: Digest::of(b"f"),
            index: None,
            via: Vec::new(),
        };
        Lock {
            version: super::super::VERSION,
            epoch: 0,
            recipe: Recipe::One,
            verified: 1,
            stack: Stack {
                spark: "3.5.9".into(),
                scala: "2.12".into(),
                hadoop: "3.3.4".into(),
                java: "17".into(),
                python: "3.11".into(),
                debian: "bookworm".into(),
            },
            base: None,
            inputs: BTreeMap::new(),
            releases: Vec::new(),
            layers: Vec::new(),
            artifacts: [
                "maven:org.example:lib:1.0",
                "pypi:tzdata==2026.1",
                "deb:tzdata=2026b-0:all",
                "pypi:six==1.16.0",
            ]
            .map(artifact)
            .to_vec(),
            unmet: Vec::new(),
        }
    }

    #[test]
    fn an_upgrade_takes_names_out() {
        let kept = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Kept::of(&lock(), &Upgrade::Names(names))
        };
        let all = Kept::of(&lock(), &Upgrade::Nothing).unwrap();
        assert_eq!((all.stack.len(), all.python.len(), all.maven.len(), all.debian.len()), (6, 2, 1, 1));
        assert_eq!(Kept::of(&lock(), &Upgrade::All).unwrap(), Kept::default());
        let some = kept(&["lib", "tzdata", "java"]).unwrap();
        assert_eq!((some.stack.len(), some.maven.len(), some.debian.len()), (5, 0, 0));
        assert_eq!(some.python.keys().collect::<Vec<_>>(), ["six"]);
        assert!(kept(&["org.example:lib"]).unwrap().maven.is_empty());
        assert_eq!(kept(&["sixx", "six", "spark-3.5"]).unwrap_err(), ["sixx", "spark-3.5"]);
    }
}

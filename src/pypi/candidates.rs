//! The versions of a project that could be installed on the target, and why the others could not.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use super::index::File;
use super::normalise;
use super::tags::{Tags, WheelName};

/// One version of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The version.
    pub version: Version,
    /// The wheel that pip would take, or why there is none.
    pub wheel: Result<File, Unusable>,
}

/// Why no file of a version can be installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// There are wheels, but for other Pythons by `Requires-Python`, which is here.
    Python(String),
    /// There are wheels, but none whose tags fit the target.
    Tags,
    /// There is no wheel at all.
    Source,
}

impl Unusable {
    /// The reason, to be read after the name and version.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Python(wanted) => format!("needs Python {wanted}"),
            Self::Tags => "has no wheel for this Python and platform".to_owned(),
            Self::Source => "is published as source only, without a wheel".to_owned(),
        }
    }
}

/// Versions that others keep a project to; what is asked of it holds besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Normalised name of the project.
    pub name: String,
    /// Whether it stays within the versions, or outside of them.
    pub within: bool,
    /// The versions: any of these.
    pub versions: Vec<VersionSpecifiers>,
    /// Who says so, as `via` says it.
    pub why: String,
}

impl Limit {
    /// Whether a version keeps to it.
    #[must_use]
    pub fn admits(&self, version: &Version) -> bool {
        self.versions.iter().any(|one| one.contains(version)) == self.within
    }
}

impl Candidate {
    /// Whether the wheel was withdrawn (PEP 592).
    #[must_use]
    pub fn is_yanked(&self) -> bool {
        self.wheel.as_ref().is_ok_and(|file| file.yanked.is_some())
    }
}

/// Sorts a project's files into versions, newest first. Files of other projects, and those whose
/// version is not PEP 440, are left out as pip leaves them out.
#[must_use]
pub fn candidates(project: &str, files: Vec<File>, tags: &Tags, python: &Version) -> Vec<Candidate> {
    type Rank = (bool, usize, Reverse<(u64, String)>);
    let mut versions: BTreeMap<Version, (Option<(Rank, File)>, Unusable)> = BTreeMap::new();
    for file in files {
        let wheel = WheelName::parse(&file.name);
        let Some(version) = version_of(project, &file.name, wheel.as_ref()) else { continue };
        let (best, why) = versions.entry(version).or_insert((None, Unusable::Source));
        let Some(wheel) = wheel else { continue };
        match (tags.rank(&wheel), &file.requires_python) {
            (None, _) => *why = Unusable::Tags.min(why.clone()),
            (Some(_), Some(wanted)) if !admits(wanted, python) => *why = Unusable::Python(wanted.clone()),
            (Some(rank), _) => {
                let rank = (file.yanked.is_some(), rank, Reverse(wheel.build));
                if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                    *best = Some((rank, file));
                }
            }
        }
    }
    let candidate = |(version, (best, why)): (Version, (Option<(Rank, File)>, Unusable))| Candidate {
        version,
        wheel: best.map(|(_, file)| file).ok_or(why),
    };
    versions.into_iter().rev().map(candidate).collect()
}

/// Whether a `Requires-Python` admits a Python. One that makes no sense admits all, as with pip.
pub(super) fn admits(requires_python: &str, python: &Version) -> bool {
    VersionSpecifiers::from_str(requires_python).map_or(true, |wanted| wanted.contains(python))
}

fn version_of(project: &str, file: &str, wheel: Option<&WheelName>) -> Option<Version> {
    let (name, version) = match wheel {
        Some(wheel) => (wheel.name.as_str(), wheel.version.as_str()),
        None => [".tar.gz", ".zip"].iter().find_map(|end| file.strip_suffix(end))?.rsplit_once('-')?,
    };
    (normalise(name) == project).then(|| Version::from_str(version).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, requires_python: Option<&str>, yanked: bool) -> File {
        File {
            name: name.to_owned(),
            url: String::new(),
            sha256: None,
            size: None,
            requires_python: requires_python.map(str::to_owned),
            yanked: yanked.then(String::new),
            metadata: None,
        }
    }

    #[test]
    fn each_version_has_pips_wheel_or_a_reason() {
        let files = vec![
            file("foo-1.0.tar.gz", None, false),
            file("foo-2.0-py3-none-any.whl", None, false),
            file("foo-2.0-1-py3-none-any.whl", None, false),
            file("foo-2.0-10-py3-none-any.whl", None, false),
            file("foo-2.0-cp311-cp311-manylinux_2_28_x86_64.whl", None, true),
            file("foo-3.0-cp312-cp312-linux_x86_64.whl", None, false),
            file("foo-3.0.tar.gz", None, false),
            file("foo-4.0-py3-none-any.whl", Some(">=3.11.3"), false),
            file("foo_bar-9.0-py3-none-any.whl", None, false),
            file("foo-nonsense.zip", None, false),
        ];
        let tags = Tags::of(11, (2, 36), "x86_64");
        let found = candidates("foo", files, &tags, &Version::new([3, 11, 2]));
        let shown: Vec<String> = found
            .iter()
            .map(|c| match &c.wheel {
                Ok(file) => format!("{} {}", c.version, file.name),
                Err(why) => format!("{} {}", c.version, why.reason()),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "4.0 needs Python >=3.11.3",
                "3.0 has no wheel for this Python and platform",
                "2.0 foo-2.0-10-py3-none-any.whl",
                "1.0 is published as source only, without a wheel",
            ]
        );
    }
}

//! Which library a jar is: by its only `pom.properties`, or the one that its file name agrees with, else by the
//! file name alone. Other descriptors inside tell of shaded copies.

use super::facts::{Facts, JarFacts};
use super::{Jar, Role};

/// A library, and the version that a jar is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// `artifact`, without Maven's group: file names have none.
    pub(super) artifact: String,
    /// `group`, where a descriptor tells it.
    pub(super) group: Option<String>,
    pub(super) version: String,
}

/// The identity of a jar; none where nothing tells it.
pub(super) fn of(file: &str, facts: &JarFacts) -> Option<Identity> {
    let by_name = library(file);
    let described = facts.poms.iter().filter_map(|pom| {
        let mut parts = pom.splitn(3, ':');
        Some((parts.next()?, parts.next()?, parts.next()?))
    });
    let described: Vec<(&str, &str, &str)> = described.collect();
    let own = match described.as_slice() {
        [only] if by_name.is_none_or(|(artifact, _)| artifact == only.1) => Some(*only),
        many => many
            .iter()
            .copied()
            .find(|(_, artifact, version)| by_name.is_some_and(|(a, v)| a == *artifact && plain(v) == *version)),
    };
    match (own, by_name) {
        (Some((group, artifact, version)), _) => {
            Some(Identity { artifact: artifact.to_owned(), group: Some(group.to_owned()), version: version.to_owned() })
        }
        (None, Some((artifact, version))) => {
            Some(Identity { artifact: artifact.to_owned(), group: None, version: plain(version).to_owned() })
        }
        (None, None) => None,
    }
}

/// The place of the jar that is of the same library as one that is gone, and did not come with the distribution.
pub(super) fn successor(gone: &(&Jar, &Facts), path: &[(&Jar, &Facts)]) -> Option<u32> {
    let (jar, facts) = gone;
    let lost = of(&jar.name, &facts.jar)?;
    let is_it = |(jar, facts): &(&Jar, &Facts)| {
        jar.role != Role::Stock && of(&jar.name, &facts.jar).is_some_and(|other| other.is_other_version_of(&lost))
    };
    u32::try_from(path.iter().position(is_it)?).ok()
}

impl Identity {
    /// Whether both are one library in two versions.
    pub(super) fn is_other_version_of(&self, other: &Self) -> bool {
        let same_group = match (&self.group, &other.group) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same_group && self.artifact == other.artifact && self.version != other.version
    }
}

/// Artifact and version by Maven's layout. The version begins at the last dash before a digit that a
/// dot follows (`hive-shims-0.23-2.3.9`), else at the first dash before a digit.
pub(super) fn library(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".jar")?;
    let dashes = stem.match_indices('-').filter_map(|(i, _)| Some((stem.get(..i)?, stem.get(i + 1..)?)));
    let versions: Vec<_> = dashes.filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit())).collect();
    versions.iter().rev().find(|(_, rest)| rest.contains('.')).or(versions.first()).copied()
}

/// The version without a classifier: `4.1.96.Final` of `4.1.96.Final-linux-x86_64`.
fn plain(version: &str) -> &str {
    let mut dashes = version.match_indices('-').map(|(i, _)| i);
    let classifier = dashes.find(|i| !version.as_bytes().get(i + 1).is_some_and(u8::is_ascii_digit));
    classifier.and_then(|i| version.get(..i)).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_library_and_version() {
        for (file, expected) in [
            ("delta-spark_2.12-3.3.2.jar", Some(("delta-spark_2.12", "3.3.2"))),
            ("hive-shims-0.23-2.3.9.jar", Some(("hive-shims-0.23", "2.3.9"))),
            ("zstd-jni-1.5.5-4.jar", Some(("zstd-jni", "1.5.5-4"))),
            ("netty-4.1.96.Final-linux-x86_64.jar", Some(("netty", "4.1.96.Final"))),
            ("jta-1.jar", Some(("jta", "1"))),
            ("ours.jar", None),
        ] {
            assert_eq!(library(file).map(|(artifact, version)| (artifact, plain(version))), expected, "{file}");
        }
    }

    #[test]
    fn descriptors_count_where_the_file_name_agrees() {
        let of = |file: &str, poms: &[&str]| {
            let facts = JarFacts { poms: poms.iter().map(|&pom| pom.to_owned()).collect(), ..JarFacts::default() };
            of(file, &facts).map(|i| format!("{}:{}:{}", i.group.unwrap_or_default(), i.artifact, i.version))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("guava-14.0.1.jar", &["com.google.guava:guava:14.0.1"]), some("com.google.guava:guava:14.0.1"));
        assert_eq!(of("guava.jar", &["com.google.guava:guava:14.0.1"]), some("com.google.guava:guava:14.0.1"));
        assert_eq!(of("fat-1.0.jar", &["a:b:1", "c:d:2"]), some(":fat:1.0"));
        assert_eq!(of("d-2.jar", &["a:b:1", "c:d:2"]), some("c:d:2"));
        assert_eq!(of("fat.jar", &["a:b:1", "c:d:2"]), None);
    }
}

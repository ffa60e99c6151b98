//! What Spark's own `jars/` holds already, and what of a closure is left beside it.
//!
//! For a transitive artifact Spark's copy wins, as it does at run time, whatever its version; the
//! classpath's verification judges the result. A jar that the profile names stays.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Chosen;
use crate::artifact::Coordinate;
use crate::error::Error;

/// One jar of Spark's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Artifact id.
    pub artifact: String,
    /// Version, without the classifier.
    pub version: String,
    /// Classifier; empty for none.
    pub classifier: String,
    /// File name.
    pub file: String,
}

/// Classifiers that Spark's jars have, so that they are told from a version's qualifier.
const CLASSIFIERS: &[&str] = &[
    "-linux-x86_64",
    "-linux-aarch_64",
    "-linux-riscv64",
    "-osx-x86_64",
    "-osx-aarch_64",
    "-windows-x86_64",
    "-core",
    "-nohive",
    "-shaded-protobuf",
    "-hadoop3",
    "-jdk8",
    "-tests",
];

impl Bundled {
    /// Reads `artifact-version[-classifier].jar`; the version begins at the first digit after a `-`
    /// that is followed by nothing but a version: digits, dots and a qualifier.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".jar")?;
        let starts = stem.match_indices('-').map(|(at, _)| at);
        let begins = |at: &usize| {
            let rest = &stem[at + 1..];
            let head = rest.split('-').next().unwrap_or(rest);
            // `log4j-1.2-api-2.20.0`: what looks like a version and is followed by a word is none.
            let next = rest.get(head.len() + 1..).unwrap_or_default();
            let word = next.split('-').next().unwrap_or_default();
            let follows =
                next.split('-').any(|part| part.starts_with(|c: char| c.is_ascii_digit()) && part.contains('.'));
            head.starts_with(|c: char| c.is_ascii_digit()) && (word.is_empty() || !follows)
        };
        let at = starts.into_iter().find(begins)?;
        let (artifact, rest) = (&stem[..at], &stem[at + 1..]);
        let classifier = CLASSIFIERS.iter().find(|classifier| rest.ends_with(**classifier));
        let (version, classifier) = match classifier {
            Some(classifier) => (rest.strip_suffix(classifier).unwrap_or(rest), &classifier[1..]),
            None => (rest, ""),
        };
        (!artifact.is_empty()).then(|| Self {
            artifact: artifact.to_owned(),
            version: version.to_owned(),
            classifier: classifier.to_owned(),
            file: file.to_owned(),
        })
    }
}

/// A chosen artifact that Spark's own copy stands in for, or that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// What was chosen.
    pub coordinate: Coordinate,
    /// Its version.
    pub wanted: String,
    /// The version of Spark's copy.
    pub got: String,
    /// The file of Spark's copy.
    pub by: String,
}

/// A closure without what Spark has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtracted {
    /// Jars to add, in class path order.
    pub kept: Vec<Chosen>,
    /// Those that Spark's copies stand in for.
    pub replaced: Vec<Replaced>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shaded {
    jar: String,
    provides: Vec<String>,
    #[expect(dead_code, reason = "for whoever reads the data")]
    reason: String,
    #[expect(dead_code, reason = "for whoever reads the data")]
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    shaded: Vec<Shaded>,
}

/// Leaves out what Spark's `jars/` holds. A root (its `via` is the profile's `maven.jars`) of another
/// version than Spark's is kept.
///
/// # Errors
/// None in practice: the data that is read is part of the tool.
pub fn subtract(chosen: Vec<Chosen>, bundled: &[Bundled]) -> Result<Subtracted, Error> {
    let facts: Facts =
        toml::from_str(include_str!("bundled.toml")).map_err(|error| Error::archive("bundled.toml", error))?;
    let mut subtracted = Subtracted::default();
    for one in chosen {
        let Coordinate::Maven { artifact, version, extension, classifier, .. } = &one.coordinate else { continue };
        if extension != "jar" {
            continue;
        }
        let is_root = one.via.first().is_some_and(|via| via == "maven.jars");
        let same = bundled.iter().find(|jar| jar.artifact == *artifact && jar.classifier == *classifier);
        let stands_in = same.or_else(|| if is_root { None } else { shaded(artifact, bundled, &facts) });
        match stands_in {
            Some(jar) if !is_root || jar.version == *version => subtracted.replaced.push(Replaced {
                wanted: version.clone(),
                got: jar.version.clone(),
                by: jar.file.clone(),
                coordinate: one.coordinate,
            }),
            _ => subtracted.kept.push(one),
        }
    }
    prune(&mut subtracted.kept);
    Ok(subtracted)
}

/// Drops what only replaced artifacts asked for: Spark's copy of one comes with what Spark's
/// distribution gives it, and brings nothing of its own.
fn prune(kept: &mut Vec<Chosen>) {
    loop {
        let names: BTreeSet<String> = kept.iter().map(|one| one.coordinate.name()).collect();
        let before = kept.len();
        kept.retain_mut(|one| {
            one.via.retain(|via| via == "maven.jars" || names.contains(via));
            !one.via.is_empty()
        });
        if kept.len() == before {
            return;
        }
    }
}

fn shaded<'a>(artifact: &str, bundled: &'a [Bundled], facts: &Facts) -> Option<&'a Bundled> {
    let holds = |pattern: &String| match pattern.strip_suffix('*') {
        Some(head) => artifact.starts_with(head),
        None => artifact == pattern,
    };
    let by = facts.shaded.iter().find(|shaded| shaded.provides.iter().any(holds))?;
    bundled.iter().find(|jar| jar.artifact == by.jar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_of_sparks_jars() {
        for (file, expected) in [
            ("jackson-core-asl-1.9.13.jar", "jackson-core-asl 1.9.13 "),
            ("spark-core_2.12-3.5.9.jar", "spark-core_2.12 3.5.9 "),
            (
                "netty-transport-native-epoll-4.1.96.Final-linux-x86_64.jar",
                "netty-transport-native-epoll 4.1.96.Final linux-x86_64",
            ),
            ("netty-transport-native-epoll-4.1.96.Final.jar", "netty-transport-native-epoll 4.1.96.Final "),
            ("log4j-1.2-api-2.20.0.jar", "log4j-1.2-api 2.20.0 "),
            ("JTransforms-3.1.jar", "JTransforms 3.1 "),
            ("zstd-jni-1.5.5-4.jar", "zstd-jni 1.5.5-4 "),
            ("hive-exec-2.3.9-core.jar", "hive-exec 2.3.9 core"),
            ("orc-core-1.9.8-shaded-protobuf.jar", "orc-core 1.9.8 shaded-protobuf"),
            ("jsr305-3.0.0.jar", "jsr305 3.0.0 "),
            ("arpack_combined_all-0.1.jar", "arpack_combined_all 0.1 "),
            ("breeze-macros_2.12-2.1.0.jar", "breeze-macros_2.12 2.1.0 "),
            ("jakarta.ws.rs-api-2.1.6.jar", "jakarta.ws.rs-api 2.1.6 "),
            ("ST4-4.0.4.jar", "ST4 4.0.4 "),
            ("hk2-api-2.6.1.jar", "hk2-api 2.6.1 "),
            ("joda-time-2.12.5.jar", "joda-time 2.12.5 "),
            ("py4j-0.10.9.9.jar", "py4j 0.10.9.9 "),
        ] {
            let parsed = Bundled::parse(file).map(|jar| format!("{} {} {}", jar.artifact, jar.version, jar.classifier));
            assert_eq!(parsed.as_deref(), Some(expected));
        }
        for bad in ["readme.txt", "nodigits.jar", "-1.0.jar"] {
            assert_eq!(Bundled::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sparks_copy_wins_over_what_comes_along_and_never_over_what_was_asked_for() {
        let chosen = |text: &str, via: &str| Chosen {
            coordinate: format!("maven:{text}").parse().unwrap(),
            via: vec![via.to_owned()],
            wanted: Vec::new(),
        };
        let bundled: Vec<Bundled> = ["guava-14.0.1.jar", "hadoop-client-api-3.3.4.jar", "gson-2.2.4.jar"]
            .into_iter()
            .filter_map(Bundled::parse)
            .collect();
        let closure = vec![
            chosen("org.apache.hadoop:hadoop-azure:3.3.4", "maven.jars"),
            chosen("com.google.guava:guava:27.0-jre", "org.apache.hadoop:hadoop-azure"),
            chosen("org.apache.hadoop:hadoop-common:3.3.4", "org.apache.hadoop:hadoop-azure"),
            chosen("com.google.code.gson:gson:2.9.0", "maven.jars"),
            chosen("org.example:parent:pom:1", "org.apache.hadoop:hadoop-azure"),
            chosen("org.example:of-guava:1", "com.google.guava:guava"),
            chosen("org.example:further:1", "org.example:of-guava"),
        ];
        let Subtracted { kept, replaced } = subtract(closure, &bundled).unwrap();
        let kept: Vec<String> = kept.iter().map(|one| one.coordinate.to_string()).collect();
        assert_eq!(kept, ["maven:org.apache.hadoop:hadoop-azure:3.3.4", "maven:com.google.code.gson:gson:2.9.0"]);
        let replaced: Vec<String> = replaced.iter().map(|r| format!("{} {} {}", r.wanted, r.got, r.by)).collect();
        assert_eq!(replaced, ["27.0-jre 14.0.1 guava-14.0.1.jar", "3.3.4 3.3.4 hadoop-client-api-3.3.4.jar"]);
    }
}

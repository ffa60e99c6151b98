//! What Spark already ships: the closure without the artifacts that its `jars/` has.
//!
//! Spark was built and tested with its own copies, and a second copy of a library beside them would
//! mix the classes of both. So Spark's copy wins over anything that only a dependency asks for, and
//! what the profile itself asks for stays. Identity is the file name, for Spark's jars come without
//! POMs; `bundled.toml` holds what names do not tell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Chosen;
use crate::artifact::{Coordinate, Unmet};

/// Who asked, where it was the profile itself.
const ROOT: &str = "maven.jars";

/// A file of Spark's `jars/`, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Artifact.
    pub artifact: String,
    /// Version.
    pub version: String,
    /// Classifier; empty for the main jar.
    pub classifier: String,
    /// The file name.
    pub file: String,
}

/// An artifact of the closure that Spark ships too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// As the closure has it.
    pub chosen: Chosen,
    /// The version of Spark's file.
    pub got: String,
    /// Spark's file that holds it or stands for it.
    pub by: String,
}

/// The closure beside Spark's own jars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtracted {
    /// Jars to add, in class path order.
    pub kept: Vec<Chosen>,
    /// What Spark ships too. An entry that is also in `kept` was asked for by the profile in
    /// another version than Spark's: then both are there, unless Spark's is taken away.
    pub replaced: Vec<Replaced>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Knowledge {
    #[serde(default)]
    shaded: Vec<Shaded>,
    #[serde(default)]
    group: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Shaded {
    artifact: String,
    group: String,
    stands_for: Vec<String>,
    #[serde(rename = "reason")]
    _reason: String,
    #[serde(rename = "source")]
    _source: String,
}

impl Bundled {
    /// Reads `artifact-version[-classifier].jar`; `None` for any other name.
    ///
    /// The version begins behind the first `-` before a digit after which no dotted number follows
    /// but its own: in `log4j-1.2-api-2.20.0.jar` it is `2.20.0`. It takes in the qualifiers that
    /// follow it (`33.4.8-jre`, `1.5.5-4`); the rest is the classifier.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let stem = file_name.strip_suffix(".jar")?;
        let splits = stem.match_indices('-').map(|(at, _)| (&stem[..at], &stem[at + 1..]));
        let (artifact, rest) = splits.into_iter().find(|(artifact, rest)| !artifact.is_empty() && is_version(rest))?;
        let first = rest.find('-').unwrap_or(rest.len());
        let mut end = first;
        for token in rest[first..].split('-').skip(1) {
            if !is_qualifier(token) {
                break;
            }
            end += 1 + token.len();
        }
        Some(Self {
            artifact: artifact.to_owned(),
            version: rest[..end].to_owned(),
            classifier: rest.get(end + 1..).unwrap_or_default().to_owned(),
            file: file_name.to_owned(),
        })
    }
}

fn is_version(text: &str) -> bool {
    let mut tokens = text.split('-');
    let number = |token: &str| token.starts_with(|c: char| c.is_ascii_digit());
    // `_` joins an artifact's name and its Scala version: `spark-sql-kafka-0-10_2.12`.
    tokens.next().is_some_and(|head| number(head) && !head.contains('_'))
        && tokens.all(|token| !token.is_empty() && (!number(token) || token.bytes().all(|b| b.is_ascii_digit())))
}

/// Whether it continues a version: `4`, `M11`, `m3`, `beta2`, `jre`.
fn is_qualifier(token: &str) -> bool {
    let word = token.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
    let known = [
        "",
        "alpha",
        "beta",
        "m",
        "rc",
        "cr",
        "ga",
        "sp",
        "final",
        "release",
        "incubating",
        "jre",
        "android",
        "snapshot",
    ];
    known.contains(&word.as_str())
}

/// The closure without what Spark ships; nothing but jars is kept.
#[must_use]
pub fn subtract(chosen: Vec<Chosen>, bundled: &[Bundled]) -> Subtracted {
    let shelf = Shelf::new(bundled);
    let mut subtracted = Subtracted::default();
    // Whose place a jar of Spark's takes: what nobody else needs is in that jar, or Spark's
    // distribution does without it.
    let mut inside: BTreeMap<String, &Bundled> = BTreeMap::new();
    for one in chosen {
        let Coordinate::Maven { group, artifact, version, extension, classifier } = &one.coordinate else { continue };
        if extension != "jar" {
            continue;
        }
        let root = one.via.first().is_some_and(|via| via == ROOT);
        let own = shelf.same(group, artifact, classifier);
        let shaded = own.is_none().then(|| shelf.shaded(group, artifact)).flatten();
        match own.or(shaded) {
            None => subtracted.kept.push(one),
            Some(by) => {
                subtracted.replaced.push(replaced(one.clone(), by));
                if root && *version != by.version {
                    subtracted.kept.push(one);
                } else {
                    inside.insert(one.coordinate.name(), by);
                }
            }
        }
    }
    drop_the_inside(&mut subtracted, inside);
    subtracted
}

fn replaced(chosen: Chosen, by: &Bundled) -> Replaced {
    Replaced { chosen, got: by.version.clone(), by: by.file.clone() }
}

impl Subtracted {
    /// The versions that somebody wants and does not get, sorted. What lies within another jar of Spark's has no version
    /// of its own, and what Spark's own jars want was settled where Spark was built.
    #[must_use]
    pub fn unmet(&self) -> Vec<Unmet> {
        let is_kept = |one: &Chosen| self.kept.iter().any(|kept| kept.coordinate == one.coordinate);
        let is_itself = |one: &Replaced| {
            matches!(&one.chosen.coordinate, Coordinate::Maven { artifact, .. }
                if Bundled::parse(&one.by).is_some_and(|by| by.artifact == *artifact))
        };
        let instead = self.replaced.iter().filter(|one| is_itself(one) && !is_kept(&one.chosen));
        let instead = instead.map(|one| (&one.chosen, one.got.as_str()));
        let all = self.kept.iter().map(|one| (one, one.coordinate.version())).chain(instead);
        let is_here = |who: &str| who == ROOT || self.kept.iter().any(|kept| kept.coordinate.name() == who);
        let wishes = all.flat_map(|(one, got)| {
            let others = one.wanted.iter().map(|(who, version)| (who.as_str(), version.as_str()));
            let has_other = |who: &&String| one.wanted.iter().any(|(other, _)| other == *who);
            let own = one.via.iter().filter(move |who| !has_other(who));
            let own = own.map(|who| (who.as_str(), one.coordinate.version()));
            others.chain(own).map(move |(who, wanted)| ((one.coordinate.name(), got), wanted, who))
        });
        Unmet::of(wishes.filter(|(_, _, who)| is_here(who)))
    }
}

/// Takes out what only replaced artifacts asked for, until nothing changes.
fn drop_the_inside(subtracted: &mut Subtracted, mut inside: BTreeMap<String, &Bundled>) {
    loop {
        let (out, kept): (Vec<Chosen>, Vec<Chosen>) = std::mem::take(&mut subtracted.kept)
            .into_iter()
            .partition(|one| one.via.iter().all(|v| inside.contains_key(v)));
        subtracted.kept = kept;
        if out.is_empty() {
            return;
        }
        for one in out {
            if let Some(&by) = one.via.first().and_then(|via| inside.get(via)) {
                inside.insert(one.coordinate.name(), by);
                subtracted.replaced.push(replaced(one, by));
            }
        }
    }
}

/// Spark's jars by name.
struct Shelf<'a> {
    by_name: BTreeMap<(&'a str, &'a str), &'a Bundled>,
    knowledge: Knowledge,
}

impl<'a> Shelf<'a> {
    fn new(bundled: &'a [Bundled]) -> Self {
        let by_name = bundled.iter().map(|b| ((b.artifact.as_str(), b.classifier.as_str()), b)).collect();
        // A test reads the data, so there is nothing to report here.
        let knowledge = toml::from_str(include_str!("bundled.toml")).unwrap_or_default();
        Self { by_name, knowledge }
    }

    fn same(&self, group: &str, artifact: &str, classifier: &str) -> Option<&'a Bundled> {
        let other = self.knowledge.group.get(artifact).is_some_and(|of_spark| of_spark != group);
        self.by_name.get(&(artifact, classifier)).copied().filter(|_| !other)
    }

    fn shaded(&self, group: &str, artifact: &str) -> Option<&'a Bundled> {
        let stands = |s: &&Shaded| s.group == group && s.stands_for.iter().any(|name| name == artifact);
        let shaded = self.knowledge.shaded.iter().find(stands)?;
        self.by_name.get(&(shaded.artifact.as_str(), "")).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_data_is_sound() {
        let knowledge: Knowledge = toml::from_str(include_str!("bundled.toml")).unwrap();
        let names: BTreeSet<_> = knowledge.shaded.iter().map(|s| s.artifact.as_str()).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["hadoop-client-api", "hadoop-client-runtime"]);
        assert!(!knowledge.group.is_empty());
    }

    #[test]
    fn names_of_spark_s_jars() {
        let table = [
            ("jackson-core-asl-1.9.13", "jackson-core-asl", "1.9.13", ""),
            ("spark-core_2.12-3.5.9", "spark-core_2.12", "3.5.9", ""),
            (
                "netty-transport-native-epoll-4.1.96.Final-linux-x86_64",
                "netty-transport-native-epoll",
                "4.1.96.Final",
                "linux-x86_64",
            ),
            (
                "netty-transport-native-kqueue-4.2.7.Final-osx-aarch_64",
                "netty-transport-native-kqueue",
                "4.2.7.Final",
                "osx-aarch_64",
            ),
            ("hive-storage-api-2.8.1", "hive-storage-api", "2.8.1", ""),
            ("hive-exec-2.3.9-core", "hive-exec", "2.3.9", "core"),
            ("hive-shims-0.23-2.3.9", "hive-shims-0.23", "2.3.9", ""),
            ("hive-shims-2.3.9", "hive-shims", "2.3.9", ""),
            ("JTransforms-3.1", "JTransforms", "3.1", ""),
            ("ST4-4.0.4", "ST4", "4.0.4", ""),
            ("datanucleus-api-jdo-4.2.4", "datanucleus-api-jdo", "4.2.4", ""),
            ("log4j-1.2-api-2.20.0", "log4j-1.2-api", "2.20.0", ""),
            ("log4j-slf4j2-impl-2.20.0", "log4j-slf4j2-impl", "2.20.0", ""),
            ("jakarta.annotation-api-1.3.5", "jakarta.annotation-api", "1.3.5", ""),
            ("aopalliance-repackaged-2.6.1", "aopalliance-repackaged", "2.6.1", ""),
            ("oro-2.0.8", "oro", "2.0.8", ""),
            ("RoaringBitmap-0.9.45", "RoaringBitmap", "0.9.45", ""),
            ("stax-api-1.0.1", "stax-api", "1.0.1", ""),
            ("spark-network-common_2.12-3.5.9", "spark-network-common_2.12", "3.5.9", ""),
            ("spark-sql-kafka-0-10_2.12-3.5.9", "spark-sql-kafka-0-10_2.12", "3.5.9", ""),
            ("arrow-memory-netty-buffer-patch-18.1.0", "arrow-memory-netty-buffer-patch", "18.1.0", ""),
            ("zstd-jni-1.5.5-4", "zstd-jni", "1.5.5-4", ""),
            ("json4s-ast_2.12-3.7.0-M11", "json4s-ast_2.12", "3.7.0-M11", ""),
            ("javax.jdo-3.2.0-m3", "javax.jdo", "3.2.0-m3", ""),
            ("guava-33.4.8-jre", "guava", "33.4.8-jre", ""),
            ("javassist-3.30.2-GA", "javassist", "3.30.2-GA", ""),
            ("jline-3.29.0-jdk8", "jline", "3.29.0", "jdk8"),
            ("orc-core-1.9.8-shaded-protobuf", "orc-core", "1.9.8", "shaded-protobuf"),
            ("kryo-shaded-4.0.2", "kryo-shaded", "4.0.2", ""),
            (
                "dropwizard-metrics-hadoop-metrics2-reporter-0.1.2",
                "dropwizard-metrics-hadoop-metrics2-reporter",
                "0.1.2",
                "",
            ),
        ];
        for (stem, artifact, version, classifier) in table {
            let file = format!("{stem}.jar");
            let [artifact, version, classifier] = [artifact, version, classifier].map(str::to_owned);
            assert_eq!(Bundled::parse(&file), Some(Bundled { artifact, version, classifier, file: file.clone() }));
        }
        for other in ["", ".jar", "-.jar", "-1.jar", "connect-repl", "our.jar", "a-1.2.txt", "a--1-.jar", "é-x.jar"] {
            assert_eq!(Bundled::parse(other), None, "{other}");
        }
    }

    fn chosen(text: &str, via: &[&str]) -> Chosen {
        let via = via.iter().map(|v| (*v).to_owned()).collect();
        Chosen { coordinate: format!("maven:{text}").parse().unwrap(), via, wanted: Vec::new() }
    }

    #[test]
    fn spark_s_copy_wins_over_dependencies_and_not_over_the_profile() {
        let files = [
            "commons-io-2.16.1.jar",
            "hadoop-client-api-3.3.4.jar",
            "hadoop-client-runtime-3.3.4.jar",
            "json-1.8.jar",
            "slf4j-api-2.0.7.jar",
            "snappy-java-1.1.10.5.jar",
            "netty-codec-4.1.96.Final-linux-x86_64.jar",
        ];
        let bundled = files.map(|file| Bundled::parse(file).unwrap());
        let subtracted = subtract(
            vec![
                chosen("org.apache.hadoop:hadoop-azure:3.3.4", &["maven.jars"]),
                chosen("org.apache.hadoop:hadoop-common:3.3.6", &["org.apache.hadoop:hadoop-azure"]),
                chosen("org.apache.hadoop.thirdparty:hadoop-shaded-guava:1.1.1", &["org.apache.hadoop:hadoop-azure"]),
                chosen("com.jcraft:jsch:0.1.55", &["org.apache.hadoop:hadoop-common"]),
                chosen("x:below:1", &["com.jcraft:jsch"]),
                Chosen {
                    wanted: vec![("org.apache.hadoop:hadoop-azure".to_owned(), "0.9".to_owned())],
                    ..chosen("x:shared:1", &["org.apache.hadoop:hadoop-common", "org.apache.hadoop:hadoop-azure"])
                },
                chosen("commons-io:commons-io:2.8.0", &["org.apache.hadoop:hadoop-azure", "maven.jars"]),
                chosen("org.slf4j:slf4j-api:2.0.7", &["maven.jars"]),
                chosen("org.xerial.snappy:snappy-java:1.1.8.2", &["maven.jars"]),
                chosen("org.json:json:20240303", &["x:shared"]),
                chosen("io.netty:netty-codec:4.1.96.Final", &["x:shared"]),
                chosen("x:bom:pom:1", &["x:shared"]),
            ],
            &bundled,
        );
        let kept: Vec<String> = subtracted.kept.iter().map(|one| one.coordinate.to_string()).collect();
        insta::assert_snapshot!(kept.join("\n"), @r"
        maven:org.apache.hadoop:hadoop-azure:3.3.4
        maven:x:shared:1
        maven:org.xerial.snappy:snappy-java:1.1.8.2
        maven:org.json:json:20240303
        maven:io.netty:netty-codec:4.1.96.Final
        ");
        let line = |r: &Replaced| {
            let wanted = &r.chosen.coordinate;
            format!("{}: {} -> {} by {}", wanted.name(), wanted.version(), r.got, r.by)
        };
        let replaced: Vec<String> = subtracted.replaced.iter().map(line).collect();
        insta::assert_snapshot!(replaced.join("\n"), @r"
        org.apache.hadoop:hadoop-common: 3.3.6 -> 3.3.4 by hadoop-client-api-3.3.4.jar
        org.apache.hadoop.thirdparty:hadoop-shaded-guava: 1.1.1 -> 3.3.4 by hadoop-client-runtime-3.3.4.jar
        commons-io:commons-io: 2.8.0 -> 2.16.1 by commons-io-2.16.1.jar
        org.slf4j:slf4j-api: 2.0.7 -> 2.0.7 by slf4j-api-2.0.7.jar
        org.xerial.snappy:snappy-java: 1.1.8.2 -> 1.1.10.5 by snappy-java-1.1.10.5.jar
        com.jcraft:jsch: 0.1.55 -> 3.3.4 by hadoop-client-api-3.3.4.jar
        x:below: 1 -> 3.3.4 by hadoop-client-api-3.3.4.jar
        ");
        let line = |u: &Unmet| format!("{}: {} -> {} for {}", u.name, u.wanted, u.got, u.via.join(", "));
        let unmet: Vec<String> = subtracted.unmet().iter().map(line).collect();
        insta::assert_snapshot!(unmet.join("\n"), @"
        commons-io:commons-io: 2.8.0 -> 2.16.1 for maven.jars, org.apache.hadoop:hadoop-azure
        x:shared: 0.9 -> 1 for org.apache.hadoop:hadoop-azure
        ");
    }
}

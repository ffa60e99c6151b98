mod cells;
mod derive;
mod facts;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use super::version::{Range, compare};
use super::*;
use crate::problem::{At, SourceFile};
use crate::profile::{Located, Size, Sku, Target};

fn located<T>(key: &str, value: T) -> Located<T> {
    Located { value, at: At::new(key, 0..0) }
}

/// A profile of the pins `axis=value`, requirements `py:…` and jars `jar:…`.
fn profile(pins: &[&str]) -> Profile {
    let size = Size { cpu_milli: located("cpu", 1000), memory_milli_gb: located("memory", 2000), sku: Sku::Standard };
    let mut profile = Profile {
        name: "test".to_owned(),
        source: SourceFile::default(),
        target: Target { size, sizes: BTreeMap::new() },
        stack: crate::profile::StackRequest::default(),
        maven: crate::profile::MavenRequest::default(),
        python: crate::profile::PythonRequest::default(),
        debian: crate::profile::DebianRequest::default(),
        require: Vec::new(),
        memory: crate::profile::MemoryRequest::default(),
        spark_conf: Vec::new(),
        log_level: crate::profile::LogLevel::default(),
        app: crate::profile::App::default(),
        image: crate::profile::ImageRequest::default(),
        lints: Vec::new(),
    };
    for text in pins {
        if let Some(requirement) = text.strip_prefix("py:") {
            profile.python.requirements.push(located("python.requirements[0]", requirement.to_owned()));
        } else if let Some(jar) = text.strip_prefix("jar:") {
            profile.maven.jars.push(located("maven.jars[0]", jar.to_owned()));
        } else {
            let (axis, value) = text.split_once('=').unwrap();
            let pin = Some(located(&format!("stack.{axis}"), value.to_owned()));
            match axis {
                "spark" => profile.stack.spark = pin,
                "hadoop" => profile.stack.hadoop = pin,
                "scala" => profile.stack.scala = pin,
                "java" => profile.stack.java = pin,
                "python" => profile.stack.python = pin,
                "debian" => profile.stack.debian = pin,
                _ => profile.stack.uses = Some(vec![located("stack.uses[0]", value.to_owned())]),
            }
        }
    }
    profile
}

/// The rules of the problems that are shown.
fn ids(problems: &[Problem]) -> Vec<String> {
    problems.iter().filter(|problem| problem.code.level != crate::problem::Level::Allow).map(id).collect()
}

/// The rule of a problem, which stands at the end of its message.
fn id(problem: &Problem) -> String {
    let named = problem.message.rsplit_once('[').map(|(_, id)| id.trim_end_matches(']').to_owned());
    named.unwrap_or_else(|| problem.code.name.to_owned())
}

fn row(stack: &Stack) -> String {
    let Stack { spark, scala, hadoop, java, python, debian } = stack;
    format!("{spark} {scala} {hadoop} {java} {python} {debian}")
}

#[test]
fn what_is_left_open_is_chosen() {
    for (pins, expected) in [
        (&[][..], "4.3.0 2.13 3.5.0 25 3.13 trixie"),
        (&["spark=3.5"], "3.5.9 2.12 3.3.4 17 3.11 bookworm"),
        (&["spark=4.1"], "4.1.4 2.13 3.4.2 21 3.13 trixie"),
        (&["spark=4.0.5", "java=17"], "4.0.5 2.13 3.4.1 17 3.11 bookworm"),
        (&["scala=2.12"], "3.5.9 2.12 3.3.4 17 3.11 bookworm"),
        (&["jar:io.delta:delta-spark_2.13"], "4.2.1 2.13 3.5.0 25 3.13 trixie"),
        (&["jar:org.apache.hadoop:hadoop-azure:3.3.4"], "3.5.9 2.12 3.3.4 17 3.11 bookworm"),
    ] {
        let selection = select(&profile(pins), None).unwrap();
        assert_eq!(row(&selection.stack), expected, "{pins:?}");
    }
}

#[test]
fn conflicts_are_found_together() {
    for (pins, expected) in [
        (&["spark=3.5.9", "java=21", "debian=bookworm"][..], &["bookworm-java"][..]),
        (&["spark=3.5.9", "java=25", "debian=bookworm"], &["bookworm-java", "java-getsubject"]),
        (&["spark=3.5.9", "java=21", "py:pyarrow==15.*"], &["java21-arrow-on-35"]),
        (&["spark=4.1.4", "jar:io.delta:delta-spark_2.12:3.3.2"], &["scala-212-jar", "delta-35"]),
        (&["spark=3.5.9", "uses=pandas-on-spark", "py:numpy==2.*"], &["numpy2-on-3x"]),
        (&["spark=3.6"], &["unknown-version"]),
        (&["java=17.0.1"], &["unknown-version"]),
        (&["debian=bullseye"], &["unknown-version"]),
    ] {
        let problems = select(&profile(pins), None).unwrap_err();
        let ids: BTreeSet<String> = problems.iter().map(id).collect();
        let expected: BTreeSet<String> = expected.iter().map(|&id| id.to_owned()).collect();
        assert!(expected.is_subset(&ids), "{pins:?}: {ids:?}");
        assert!(problems.iter().all(|p| p.at.is_some() && !p.help.is_empty()), "{problems:?}");
    }
}

#[test]
fn a_step_that_is_not_used_is_a_warning() {
    let selection = select(&profile(&["spark=3.5.9", "py:numpy==2.*"]), None).unwrap();
    assert_eq!(ids(&selection.warnings), ["numpy2-on-3x"]);
}

#[test]
fn the_smallest_change_is_named() {
    let problems = select(&profile(&["spark=3.5.9", "java=17", "debian=trixie"]), None).unwrap_err();
    let help: Vec<&str> = problems.iter().flat_map(|p| &p.help).map(String::as_str).collect();
    assert!(
        help.contains(&"set `debian = \"bookworm\"` instead of \"trixie\": the rest is consistent with it"),
        "{help:?}"
    );
}

#[test]
fn what_was_resolved_is_checked_again() {
    let profile = profile(&["spark=3.5.9", "py:pyarrow", "jar:org.apache.hadoop:hadoop-azure"]);
    let stack = select(&profile, None).unwrap().stack;
    let resolved: Vec<Coordinate> =
        ["pypi:pyarrow==26.0.1", "pypi:numpy==1.26.4", "maven:org.apache.hadoop:hadoop-azure:3.3.4"]
            .map(|text| text.parse().unwrap())
            .to_vec();
    assert_eq!(ids(&check(&profile, &stack, &resolved, None)), ["pyarrow26-numpy2"]);
    let settings = settings(&stack, &resolved);
    assert_eq!(
        settings.iter().map(|s| (s.key.as_str(), s.value.as_str(), s.rule.as_str())).collect::<Vec<_>>(),
        [("spark.hadoop.fs.azure.readaheadqueue.depth", "0", "abfs-readahead")]
    );
}

#[test]
fn jars_without_a_version_get_the_stacks() {
    let stack = |pins: &[&str]| select(&profile(pins), None).unwrap().stack;
    let (spark35, spark41) = (stack(&["spark=3.5.9"]), stack(&["spark=4.1.4"]));
    for (stack, group, artifact, first) in [
        (&spark35, "org.apache.hadoop", "hadoop-azure", Some("3.3.4")),
        (&spark41, "org.apache.hadoop", "hadoop-azure", Some("3.4.2")),
        (&spark35, "io.delta", "delta-spark_2.12", Some("3.3.3")),
        (&spark41, "io.delta", "delta-spark_4.1_2.13", Some("4.4.1")),
        (&spark41, "io.delta", "delta-spark_2.12", None),
        (&spark35, "org.example", "unknown", None),
    ] {
        assert_eq!(jar_versions(stack, group, artifact).first().map(String::as_str), first, "{artifact}");
    }
    assert_eq!(
        jar_versions(&spark41, "org.apache.spark", "spark-avro_2.13"),
        ["4.1.4", "4.1.3", "4.1.2", "4.1.1", "4.1.0"]
    );
}

#[test]
fn versions_are_ordered() {
    let order = ["3.3.4-rc1", "3.3.4", "3.3.10", "4.0.0.dev1", "4", "17.0.19+10-1~deb12u2", "25.0.3"];
    for (i, a) in order.iter().enumerate() {
        for (j, b) in order.iter().enumerate() {
            assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
        }
    }
    for (range, requirement, expected) in [
        (">=2", "==2.*", Some(true)),
        (">=2", "<2", Some(false)),
        (">=2", ">=1.20", None),
        (">=2", "==1.26.4", Some(false)),
        (">=3.0", "==2.2.*", Some(false)),
        (">=26", ">=15,<27", None),
    ] {
        let parsed = Range::parse("numpy", range).unwrap();
        assert_eq!(parsed.covers(&requirement.parse().unwrap()), expected, "{range} {requirement}");
    }
}

/// What the rules find in packages has a way out wherever the versions of one of them decide it.
#[test]
fn packages_have_ways_out() {
    let stack = |spark: &str| select(&profile(&[&format!("spark={spark}")]), None).unwrap().stack;
    let pypi = |text: &&str| {
        let (name, version) = text.split_once("==").unwrap();
        Coordinate::Pypi { name: name.to_owned(), version: version.to_owned() }
    };
    let ways = |spark: &str, packages: &[&str]| {
        let resolved: Vec<Coordinate> = packages.iter().map(pypi).collect();
        let found = ways_out(&profile(&[&format!("spark={spark}")]), &stack(spark), &resolved, None);
        let shown = |way: &WayOut| {
            let side = if way.within { "" } else { "not " };
            format!("{} {side}{}", way.name, way.versions.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        };
        found.iter().map(|ways| ways.iter().map(shown).collect::<Vec<_>>().join(", ")).collect::<Vec<_>>()
    };
    insta::assert_debug_snapshot!(ways("3.5.9", &["pyarrow==26.0.0", "numpy==2.1.0", "pandas==3.0.0"]), @r#"
    [
        "pandas not >=3.0",
        "numpy not >=2",
    ]
    "#);
    insta::assert_debug_snapshot!(ways("3.5.9", &["pyarrow==26.0.0", "numpy==1.26.4", "pandas==2.2.3"]), @r#"
    [
        "numpy >=2, pyarrow not >=26",
    ]
    "#);
    assert!(ways("3.5.9", &["pyarrow==20.0.0", "numpy==1.26.4", "pandas==2.2.3"]).is_empty());
}

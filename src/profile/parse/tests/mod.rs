mod app;
mod document;
mod pins;

use crate::problem::{Level, SourceFile, json, render};
use crate::profile::{LogLevel, Profile, Sku, levels, parse};

const SIZE: &str = "[target.aci]\ncpu = 2\nmemory-gb = 4\n";

fn source(text: &str) -> SourceFile {
    SourceFile { name: "sparkbake.toml".to_owned(), text: text.to_owned() }
}

fn read(text: &str) -> Profile {
    parse("sparkbake", source(text)).unwrap_or_else(|_| panic!("{}", shown(text)))
}

/// What the user sees.
fn shown(text: &str) -> String {
    let problems = parse("sparkbake", source(text)).expect_err("a profile with mistakes");
    render(&levels(problems, &[], false), &source(text), false)
}

/// What the user sees of a profile that has a size.
fn beside_size(text: &str) -> String {
    shown(&format!("{text}\n{SIZE}"))
}

#[test]
fn a_profile_with_every_key() {
    let profile = read(include_str!("every-key.toml"));
    insta::assert_debug_snapshot!((&profile.target.sizes["small"].sku, profile.log_level, &profile.require[0].value), @r#"
    (
        Spot,
        Warn,
        "org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem",
    )
    "#);
    assert_eq!(profile.target.size.sku, Sku::Standard);
    assert_eq!(profile.target.size.memory_milli_gb.value, 3500);
    assert_eq!(profile.memory.heap_mib.map(|heap| heap.value), Some(1800));
    assert_eq!(profile.app.ports[0].value, 8080);
    assert_eq!(profile.app.copies[0].to.at.key, "app.copy[0].to");
    let settings: Vec<_> =
        profile.spark_conf.iter().map(|(key, value)| (key.value.as_str(), value.value.as_str())).collect();
    assert_eq!(settings, [("spark.sql.session.timeZone", "UTC"), ("spark.hadoop.fs.azure.always.use.https", "true")]);
    let lints: Vec<_> =
        profile.lints.iter().map(|lint| (lint.code.value.as_str(), lint.level, lint.only.as_deref())).collect();
    assert_eq!(lints, [("path-missing", Level::Warn, None), ("unused-lint", Level::Allow, Some("path-missing"))]);
}

#[test]
fn what_is_left_out_stays_open() {
    let profile = read(SIZE);
    assert_eq!(profile.stack.spark, None);
    assert_eq!(profile.stack.uses, None);
    assert_eq!(profile.debian.security, None);
    assert_eq!(profile.log_level, LogLevel::Warn);
}

#[test]
fn places_are_those_of_the_values() {
    let text = "[maven]\njars = [\"a:b\", \"c:d:1\"]\n[target.aci]\ncpu = 0.5\nmemory-gb = 1.25\n";
    let profile = read(text);
    let at = &profile.maven.jars[1].at;
    assert_eq!((at.key.as_str(), &text[at.span.clone()]), ("maven.jars[1]", "\"c:d:1\""));
    let at = &profile.target.size.cpu_milli;
    assert_eq!((at.value, at.at.key.as_str(), &text[at.at.span.clone()]), (500, "target.aci.cpu", "0.5"));
}

#[test]
fn the_same_for_machines() {
    let text = format!("{SIZE}[maven]\njars = [\"größe\", \"x:y:1\", \"x:y:2\"]\n");
    let problems = parse("sparkbake", source(&text)).expect_err("two mistakes");
    let shown = json(&levels(problems, &[], false), &source(&text));
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
    [
      {
        "also": [],
        "code": "bad-value",
        "help": [],
        "level": "deny",
        "message": "`größe` is not a Maven coordinate",
        "notes": [],
        "place": {
          "column": 9,
          "file": "sparkbake.toml",
          "key": "maven.jars[0]",
          "label": "expected the like of `group:artifact` or `group:artifact:version`",
          "line": 5
        }
      },
      {
        "also": [
          {
            "column": 18,
            "file": "sparkbake.toml",
            "key": "maven.jars[1]",
            "label": "first here",
            "line": 5
          }
        ],
        "code": "duplicate",
        "help": [],
        "level": "deny",
        "message": "`x:y` is listed twice",
        "notes": [],
        "place": {
          "column": 27,
          "file": "sparkbake.toml",
          "key": "maven.jars[2]",
          "label": "again here",
          "line": 5
        }
      }
    ]
    "#);
}

/// Every profile that is shipped or shown.
#[test]
fn shipped_profiles_read() {
    for (name, text) in [
        ("spark-3.5", include_str!("../../../../profiles/spark-3.5.toml")),
        ("spark-4.1", include_str!("../../../../profiles/spark-4.1.toml")),
        ("minimal", include_str!("../../../../profiles/minimal.toml")),
        ("batch-score", include_str!("../../../../examples/batch-score/sparkbake.toml")),
    ] {
        let profile = read(text);
        assert_eq!(profile.debian.security.map(|security| security.value), Some(false), "{name}");
        assert_eq!(profile.stack.debian.map(|debian| debian.value).as_deref(), Some("bookworm"), "{name}");
    }
}

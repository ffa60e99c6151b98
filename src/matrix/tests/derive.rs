//! Reading what an sdist says.

use super::super::*;

#[test]
fn an_sdist_tells_what_it_carries() {
    let text = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
    let headers: Vec<(String, String)> = [
        ("Name", "pyspark"),
        ("Version", "4.9.0"),
        ("Requires-Python", ">=3.11"),
        ("Classifier", "Programming Language :: Python :: 3.11"),
        ("Classifier", "Programming Language :: Python :: 3"),
        ("Classifier", "Programming Language :: Python :: Implementation :: CPython"),
        ("Classifier", "Programming Language :: Python :: 3.15"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let requires = text(&[
        "py4j<0.10.9.10,>=0.10.9.7",
        "numpy>=1.21; extra == \"ml\"",
        "pandas>=2.2.0 ; extra == 'sql'",
        "grpcio>=1.76.0; extra == \"connect\"",
        "not a requirement!!",
    ]);
    let jars = text(&[
        "scala-library-2.13.18.jar",
        "hadoop-client-api-3.5.0.jar",
        "hive-exec-2.3.10-core.jar",
        "unheard-of-1.0.jar",
        "README",
    ]);
    let modules = text(&["    minimum_numpy_version = \"1.22\"\nminimum_grpc_version = \"1.48.1\"\nx = \"y\"\n"]);
    let evidence = Evidence { headers: &headers, requires: &requires, jars: &jars, modules: &modules };
    insta::assert_snapshot!(derive(&evidence).unwrap().to_toml(), @r#"
    [[release]]
    version = "4.9.0"
    published = ""
    requires-python = ">=3.11"
    python = ["3.11", "3.15"]
    py4j = ">=0.10.9.7,<0.10.9.10"
    minimum = { grpcio = "1.76.0", numpy = "1.22", pandas = "2.2.0" }
    [release.jars]
    hadoop-client-api = "3.5.0"
    hive-exec = "2.3.10-core"
    scala-library = "2.13.18"
    "#);
    let without = |headers: &[(String, String)], jars: &[String]| {
        derive(&Evidence { headers, requires: &requires, jars, modules: &modules }).unwrap_err()
    };
    assert_eq!(without(&headers[1..], &jars), "is not the source distribution of pyspark");
    assert_eq!(without(&headers[..1], &jars), "names no version");
    assert_eq!(without(&headers, &jars[..1]), "carries no Scala library or no Hadoop client");
}

/// What a derived release writes is read back as the same.
#[test]
fn the_table_of_a_release_reads_back() {
    for version in ["3.0.0", "3.5.9", "4.3.0"] {
        let release = shipped(version).unwrap();
        let (line, _) = version.rsplit_once('.').unwrap();
        let text = format!("line = \"{line}\"\nreleased = \"\"\nends = \"\"\njava = []\n\n{}", release.to_toml());
        assert_eq!(&release::Line::read(&text).unwrap().releases[0], release);
    }
}

/// A release after the facts is chosen with what its sdist says, and with no rule of upstream.
#[test]
fn a_newer_release_is_chosen_from_its_sdist() {
    let newer = Release { version: "4.3.1".to_owned(), ..shipped("4.3.0").unwrap().clone() };
    let profile = super::profile(&["spark=4.3.1"]);
    assert_eq!(newer_spark(&profile).map(|spark| spark.value.as_str()), Some("4.3.1"));
    let selection = select(&profile, Some(&newer)).unwrap();
    assert_eq!(super::row(&selection.stack), "4.3.1 2.13 3.5.0 25 3.13 trixie");
    assert!(select(&profile, None).is_err());
    let resolved = ["pypi:pyarrow==17.0.0".parse().unwrap()];
    let least = |newer| super::ids(&check(&profile, &selection.stack, &resolved, newer));
    assert!(least(Some(&newer)).contains(&"pyarrow-minimum".to_owned()), "its sdist asks for 18");
    assert!(!least(None).contains(&"pyarrow-minimum".to_owned()));
    for (spark, expected) in
        [("4.3.0", false), ("4.3", false), ("3.5.10", true), ("3.6.0", false), ("5.0.0", true), ("4.3.0.dev1", false)]
    {
        assert_eq!(newer_spark(&super::profile(&[&format!("spark={spark}")])).is_some(), expected, "{spark}");
    }
}

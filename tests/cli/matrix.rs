//! Questions to the compatibility matrix, as people ask them.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::expect;
use crate::world::{PROFILE, World};

fn ask(args: &[&str]) -> Output {
    World::new(PROFILE).run(args)
}

/// What was answered on standard output, with an exit code.
#[track_caller]
fn answer(code: i32, args: &[&str]) -> String {
    let ran = ask(args);
    assert_eq!(ran.status.code(), Some(code), "{}", crate::said(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

#[track_caller]
fn json(code: i32, args: &[&str]) -> Value {
    serde_json::from_str(&answer(code, args)).unwrap()
}

#[test]
fn the_page_of_the_documentation_is_the_table() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matrix.md")).unwrap();
    let made = answer(0, &["matrix", "show", "--format", "markdown"]);
    assert!(page == made, "docs/matrix.md is stale: sparkbake matrix show --format markdown > docs/matrix.md");
}

#[test]
fn the_table_is_readable_at_a_hundred_columns() {
    let table = answer(0, &["matrix", "show"]);
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    insta::assert_snapshot!(answer(0, &["matrix", "show", "--spark", "4.1"]), @"
    PySpark  Java                  Python          Scala  Hadoop  support ends
    4.1.4    8! 11! 17 21 25! 26!  3.6-9! 3.10-14  2.13   3.4.2   2027-06-11

    PySpark  pandas        NumPy   PyArrow   Debian
    4.1.4    >=2.2.0,<3.0  >=1.22  >=15.0.0  bookworm trixie

    17 upstream lists it  21? it starts, not listed or with a loss  25! it fails; as of 2026-11-22
    ");
}

#[test]
fn a_combination_that_works_with_doubts() {
    insta::assert_snapshot!(answer(0, &["matrix", "check", "spark=3.5.9", "java=21", "pandas=3.0.0"]), @"
    PySpark 3.5.9 · Java 21 · Scala 2.12 · Hadoop 3.3.4 · pandas 3.0.0
    used: python-udf, to-pandas

    degrades: PySpark 3.5.9 fails with pandas 3.0.0 where the app uses pandas-on-spark [pandas3-builtin-table]
      the pandas API uses pandas.core.common._builtin_table, which pandas 3 removed; UDFs and toPandas pass
      remedy: pandas<3
      measured: SPARK-57974; PySpark 3.5.9 and 4.1.4 run with pandas 3.0.6

    unsupported: PySpark 3.5.9 is not supported with Java 21 [java-listed]
      this Spark line lists Java 8, 11, 17 only
      remedy: a Java release of that list
      documented: Spark's overview page of the line; apache/spark-docker versions.json

    works: 1 degrades, 1 unsupported
    ");
}

#[test]
fn a_combination_that_fails() {
    let said = json(1, &["matrix", "check", "spark=4.0", "java=11", "--json"]);
    assert_eq!(said["verdict"], "fails");
    assert_eq!(said["stack"]["PySpark"], "4.0.5");
    let finding = &said["findings"][0];
    assert_eq!(finding["rule"], "java17-floor");
    assert_eq!(finding["steps"], serde_json::json!(["gateway"]));
    assert_eq!(finding["symptom"][0], "UnsupportedClassVersionError*org/apache/spark/launcher/Main");
}

#[test]
fn the_best_stack_and_what_cannot_stand_together() {
    insta::assert_snapshot!(answer(0, &["matrix", "solve", "java=>=21", "delta=*"]), @r#"
    [stack]
    spark = "4.2.1"
    java = "25"
    python = "3.13"
    debian = "trixie"

    [maven]
    jars = ["io.delta:delta-spark_4.2_2.13:4.4.1"]

    consistent: no rule speaks against it

    or PySpark  Java  Python  Debian  jars                        doubts
    4.2.1       21    3.13    trixie  delta-spark_4.2_2.13 4.4.1  none
    4.1.4       21    3.13    trixie  delta-spark_4.1_2.13 4.4.1  none
    4.0.5       21    3.13    trixie  delta-spark_4.0_2.13 4.4.1  none
    3.5.9       21    3.13    trixie  delta-spark_2.12 3.3.3      1 degrades, 2 unsupported
    "#);
    let core = json(1, &["matrix", "solve", "spark=3.5.9", "java=25", "debian=trixie", "--json"]);
    assert_eq!(core["core"], serde_json::json!(["spark=3.5.9", "java=25"]));
    assert_eq!(core["findings"][0]["rule"], "java-getsubject");
}

#[test]
fn connectors_have_exact_coordinates() {
    insta::assert_snapshot!(answer(0, &["matrix", "connectors", "--spark", "3.5.9", "delta"]), @"
    io.delta:delta-spark_2.12:3.3.3
      Delta Lake tables
      needs      io.delta:delta-storage:3.3.3
      setting    spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension
      setting    spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog
      others     3.3.2, 3.3.1, 3.3.0, 3.2.1, 3.2.0, 3.1.0, 3.0.0
      source     delta-io/delta, build.sbt of the release; Delta's compatibility table; Delta of other lines run with PySpark 3.3.4 to 4.3.0
    ");
    let all = answer(0, &["matrix", "connectors", "--spark", "4.1"]);
    for coordinate in ["org.apache.spark:spark-avro_2.13:4.1.4", "org.apache.hadoop:hadoop-azure:3.4.2"] {
        assert!(all.contains(coordinate), "no `{coordinate}` in:\n{all}");
    }
}

#[test]
fn what_moves_between_two_releases() {
    assert_eq!(answer(0, &["matrix", "diff", "3.5.9", "3.5.9"]), "nothing moves\n");
    let moves = answer(0, &["matrix", "diff", "3.5.9", "4.1.4"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = moves.lines().map(words).collect();
    for line in ["Scala 2.12 2.13", "py4j 0.10.9.7 0.10.9.9", "fails java17-floor", "degrades okhttp-gone-40"] {
        assert!(lines.contains(&words(line)), "no `{line}` in:\n{moves}");
    }
}

#[test]
fn support_ends_on_a_day() {
    let line = |day: &str| {
        let all = answer(0, &["matrix", "eol", "--on", day]);
        all.lines().find(|line| line.starts_with("Java    17")).unwrap().to_owned()
    };
    assert_eq!(line("2027-10-30"), "Java    17        2027-10-31              ends tomorrow");
    assert_eq!(line("2027-11-02"), "Java    17        2027-10-31              ended 2 days ago");
}

#[test]
fn a_rule_at_length() {
    insta::assert_snapshot!(answer(0, &["explain", "java-getsubject"]), @"
    java-getsubject: fails (measured)

    Hadoop's UserGroupInformation calls Subject.getSubject, which throws since the security manager was removed

      about      hadoop <3.4.3
      when       spark <4.1.0
      conflicts  java >=23
      fails at   the start of the session
      in the log UnsupportedOperationException … getSubject is not supported
      mended in  hadoop 3.4.3, spark 4.2.0
      remedy     Java 21 or older, or PySpark 4.2 and newer
      source     HADOOP-19212; HADOOP-19703; JEP 486; PySpark 3.3.4, 3.5.9 and 4.0.5 started on Java 25
    ");
    let both = answer(0, &["explain", "spark=3.5 java=25"]);
    assert!(both.contains("in the log UnsupportedOperationException … getSubject is not supported"), "{both}");
    assert_eq!(json(0, &["explain", "java-getsubject", "--json"])["conflicts"]["java"], ">=23");
}

#[test]
fn mistakes_are_told_with_what_was_meant() {
    for (args, said) in [
        (&["matrix", "check", "sprk=3.5.9"][..], "no rule speaks of `sprk`; did you mean `spark`?"),
        (&["matrix", "check", "spark=3.5.99"], "the newest release of 3.5 is `3.5.9`"),
        (&["matrix", "diff", "3.5.9", "4.7"], "PySpark 4.7 is not known"),
        (&["matrix", "connectors", "--spark", "3.5", "dleta"], "did you mean `delta`?"),
        (&["matrix", "eol", "--on", "never"], "--on is `never`; it must be a day such as"),
        (&["explain", "java-getsubjct"], "did you mean `java-getsubject`?"),
    ] {
        expect(&ask(args), 2, &[said]);
    }
}

//! `diagnose` as a person reads it.

use crate::world::{PROFILE, World};
use crate::{expect, said};

const GATEWAY: &str = "Traceback (most recent call last):
  File \"/app/score.py\", line 2, in <module>
    spark = SparkSession.builder.getOrCreate()
pyspark.errors.exceptions.base.PySparkRuntimeError: [JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.
";

/// What it answers about a log, and with which exit code.
fn told(log: &str, more: &[&str]) -> String {
    let world = World::new(PROFILE);
    world.write("project/log", log);
    let ran = world.run(&[&["diagnose", "log"], more].concat());
    format!("{}[{}]", String::from_utf8_lossy(&ran.stdout), ran.status.code().unwrap())
}

#[test]
fn the_cause_with_its_evidence_and_the_line_to_change() {
    let log = format!(
        "Unrecognized VM option 'UseConcMarkSweepGC'\nError: Could not create the Java Virtual Machine.\n/opt/spark/bin/spark-class: line 97: CMD: bad array subscript\n{GATEWAY}"
    );
    insta::assert_snapshot!(told(&log, &["--profile", "sparkbake.toml"]), @r#"
    cause: this Java does not know the option UseConcMarkSweepGC any more, or does not know it yet [vm-option-unrecognized]
      line 1: Unrecognized VM option 'UseConcMarkSweepGC'
      remedy: remove the option from JAVA_TOOL_OPTIONS
      sparkbake.toml:7: java = "17"
      source: measured: pyspark 4.3.0 on OpenJDK 17.0.15

    then: the small Java that builds Spark's command line printed nothing that could be used: the first call of java failed already [launcher-bad-array-subscript]
      line 3: /opt/spark/bin/spark-class: line 97: CMD: bad array subscript
    [0]
    "#);
}

#[test]
fn memory_leads_to_the_size() {
    insta::assert_snapshot!(told(GATEWAY, &["--profile", "sparkbake.toml", "--exited", "1"]), @r#"
    cause: Java was gone before it said a word: it was killed, in most cases by the kernel, for memory that its first heap touched [gateway-exited-silent]
      line 4: pyspark.errors.exceptions.base.PySparkRuntimeError: [JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.
      remedy: a larger size, or less in it: heap, Java beside the heap and Python together must fit
      sparkbake.toml:3: memory-gb = 4
      source: measured: JVMs and Python killed in memory cgroups
    [0]
    "#);
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let log = "loading\nTraceback (most recent call last):\n  File \"/app/score.py\", line 9, in <module>\npy4j.protocol.Py4JError: An error occurred while calling o45.amount\n";
    insta::assert_snapshot!(told(log, &[]), @r#"
    unknown: the run failed, and nothing in the log is known to say why
      line 1: loading
      line 2: Traceback (most recent call last):
      line 3: File "/app/score.py", line 9, in <module>
      line 4: py4j.protocol.Py4JError: An error occurred while calling o45.amount
      what helps: the whole log from its first line, the exit code (--exited N), and whether the container was started again in between
    [1]
    "#);
    insta::assert_snapshot!(told("", &[]), @r#"
    unknown: how the run ended is not clear, and nothing in the log is known to say why
      what helps: the whole log from its first line, the exit code (--exited N), and whether the container was started again in between
    [1]
    "#);
}

#[test]
fn a_run_that_ended_well_says_so() {
    let log = "26/11/26 10:00:00 WARN DependencyUtils: Local jar /no.jar does not exist, skipping.\nscored 200 trips\n";
    insta::assert_snapshot!(told(log, &["--exited", "0"]), @"
    the run ended well

    beside it: /no.jar is named in spark.jars or --jars and is not in the image; Spark warns and goes on, and its classes are missed later [local-jar-missing]
      line 1: 26/11/26 10:00:00 WARN DependencyUtils: Local jar /no.jar does not exist, skipping.
    [0]
    ");
    // A log alone cannot say so.
    insta::assert_snapshot!(told("scored 200 trips\n", &[]), @"
    no failure shows in the log

    note: the log shows no failure; that the run ended well its exit code alone can say (`--exited N`), for a container that is killed may leave such a log too
    [0]
    ");
}

#[test]
fn failures_have_names_that_explain_takes() {
    let world = World::new(PROFILE);
    let ran = world.run(&["explain", "heap-size-invalid"]);
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout), @r#"
    Java does not understand the heap …: spark.driver.memory goes to -Xmx as it is, and takes neither fractions nor units of two letters [heap-size-invalid]
      looks like: Invalid maximum heap size: -Xmx1.5g
      remedy: write whole MiB, such as 1536m; or leave the heap to the memory plan
      source: measured: pyspark 4.3.0 on OpenJDK 17.0.15
    "#);
    expect(&world.run(&["diagnose", "none.log"]), 3, &["none.log"]);
    let mut escape = world.command(&["diagnose", "log"]);
    world.write("project/log", "\u{1b}]0;title\u{7}Unrecognized VM option '\u{1b}[31mX'\nError: no\n");
    let ran = escape.output().unwrap();
    assert!(!ran.stdout.contains(&0x1b) && !ran.stdout.contains(&7), "{}", said(&ran));
}

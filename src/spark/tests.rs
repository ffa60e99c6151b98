use std::fmt::Write as _;

use super::*;
use crate::memory::tests::{located, profile, shown, size, stack};
use crate::profile::{Located, MemoryRequest, Sku};
use crate::tree::Kind;

fn baked(profile: &Profile, spark: &str, rules: &[RuleSetting]) -> Result<Settings, Vec<Problem>> {
    let stack = stack(spark);
    let memory = memory::plan(profile, &size(2000, 4000, Sku::Standard), &stack)?;
    settings(profile, &stack, &memory, rules, None)
}

fn conf(pairs: &[(&str, &str)]) -> Vec<(Located<String>, Located<String>)> {
    let pair = |(key, value): &(&str, &str)| {
        (located((*key).to_owned(), &format!("key {key}")), located((*value).to_owned(), key))
    };
    pairs.iter().map(pair).collect()
}

fn with_conf(pairs: &[(&str, &str)]) -> Profile {
    Profile { spark_conf: conf(pairs), ..profile(MemoryRequest::default()) }
}

fn rule() -> RuleSetting {
    RuleSetting {
        key: "spark.sql.execution.arrow.pyspark.enabled".to_owned(),
        value: "true".to_owned(),
        rule: "arrow-on".to_owned(),
        reason: "rows go by Arrow".to_owned(),
        source: "SPARK-0".to_owned(),
    }
}

fn file(settings: &Settings, path: &str) -> String {
    let entry = settings.entries.iter().find(|entry| entry.path.as_str() == path);
    match entry.map(|entry| &entry.kind) {
        Some(Kind::File(Source::Bytes(bytes))) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_files_of_an_image() {
    let profile = with_conf(&[("spark.sql.shuffle.partitions", "32"), ("spark.app.path", r"C:\x y")]);
    let settings = baked(&profile, "4.3.0", &[rule()]).unwrap();
    let mut out = file(&settings, "etc/spark/spark-defaults.conf");
    out += "----\n";
    out += &file(&settings, "etc/spark/sparkbake-plan.sh");
    out += "----\n";
    for entry in &settings.entries {
        let _ = writeln!(out, "{:o} {} {}", entry.mode, entry.uid, entry.path);
    }
    let _ = writeln!(out, "{:?}", settings.entrypoint);
    insta::assert_snapshot!(out, @r#"
    # Baked by sparkbake; the whole plan is in sparkbake-plan.json.

    # one task a vCPU, rounded up; local[*] would follow the machine that the container runs on
    spark.master local[2]

    # the heap of the memory plan
    spark.driver.memory 2689m

    # two fifths of the heap; Spark's default is 1g whatever the heap
    spark.driver.maxResultSize 1075m

    # a task's result is handed over in the heap; above 1 MiB it would go through Netty's direct memory
    spark.task.maxDirectResultSize 1075m

    # the same, which it bounds
    spark.rpc.message.maxSize 1075

    # the JVM's terms of the memory plan; extraJavaOptions is added to these
    spark.driver.defaultJavaOptions -XX:+UseG1GC -XX:MaxDirectMemorySize=96m -XX:ReservedCodeCacheSize=64m -XX:ActiveProcessorCount=2 -XX:+ExitOnOutOfMemoryError -Dio.netty.maxDirectMemory=0

    # batches lie in direct memory, about four times; 10,000 wide rows would not fit
    spark.sql.execution.arrow.maxRecordsPerBatch 4000

    # [spark.conf] of the profile
    spark.sql.shuffle.partitions 32

    # the default is the working directory, which need not be writable
    spark.sql.warehouse.dir file:/var/lib/spark/warehouse

    # a log is no terminal
    spark.ui.showConsoleProgress false

    # the same, whatever the rows; Spark 3 has no such bound
    spark.sql.execution.arrow.maxBytesPerBatch 8m

    # arrow-on: rows go by Arrow (SPARK-0)
    spark.sql.execution.arrow.pyspark.enabled true

    # [spark.conf] of the profile
    spark.app.path C:\\x y
    ----
    # Read by the entrypoint; the same numbers are in sparkbake-plan.json.
    PLAN_LIMIT_BYTES=3999997952
    PLAN_LEAST_BYTES=3799719936
    PLAN_GB=4
    PLAN_CPU_MILLI=2000
    PLAN_CPU=2
    PLAN_TEXT='planned for 2 vCPU and 4 GB: heap 2689 MiB, G1, 2 task(s) at a time, 2 Python worker(s)'
    PLAN_HELP='see the memory plan (sparkbake plan), then raise memory-gb, or driver-mib and worker-mib'
    ----
    755 0 /etc/spark
    644 0 /etc/spark/log4j2.properties
    644 0 /etc/spark/spark-defaults.conf
    644 0 /etc/spark/sparkbake-plan.json
    644 0 /etc/spark/sparkbake-plan.sh
    755 185 /home/spark
    755 0 /usr/lib/sparkbake
    755 0 /usr/lib/sparkbake/entrypoint
    755 185 /var/lib/spark
    755 185 /var/lib/spark/local
    755 185 /var/lib/spark/warehouse
    ["/usr/bin/tini", "--", "/usr/lib/sparkbake/entrypoint"]
    "#);
}

#[test]
fn the_environment_has_no_flags_for_java() {
    let settings = baked(&profile(MemoryRequest::default()), "3.5.9", &[]).unwrap();
    let shown: Vec<String> = settings.environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    HOME=/home/spark
    JAVA_HOME=/usr/lib/jvm/java-17-openjdk-amd64
    LANG=C.UTF-8
    MALLOC_ARENA_MAX=2
    OMP_NUM_THREADS=2
    OPENBLAS_NUM_THREADS=2
    PATH=/opt/spark/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    PYSPARK_DRIVER_PYTHON=/usr/bin/python3
    PYSPARK_PYTHON=/usr/bin/python3
    PYTHONUNBUFFERED=1
    SPARK_CONF_DIR=/etc/spark
    SPARK_HOME=/opt/spark
    SPARK_LOCAL_DIRS=/var/lib/spark/local
    SPARK_LOCAL_HOSTNAME=localhost
    ");
}

#[test]
fn settings_that_are_refused() {
    let cases: &[&[(&str, &str)]] = &[
        &[("spark.driver.memory", "3g"), ("spark.master", "local[*]"), ("spark.submit.deployMode", "cluster")],
        &[("spark.driver.extraJavaOptions", "-Xmx3g -XX:+UseParallelGC -Xms1g -Dmy.flag=1")],
        &[("spark.driver.defaultJavaOptions", "-Da=b")],
        &[("spark.executor.memory", "400m"), ("spark.driver.maxResultSize", "4g")],
        &[("spark.memory.offHeap.enabled", "true")],
        &[("spark.memory.offHeap.enabled", "true"), ("spark.memory.offHeap.size", "500m")],
        &[("fs.azure.account.key", "x"), ("spark.a b", "x"), ("spark.a", "x\ny")],
    ];
    let out: Vec<String> =
        cases.iter().map(|pairs| shown(&baked(&with_conf(pairs), "3.5.9", &[]).err().unwrap_or_default())).collect();
    insta::assert_snapshot!(out.join("\n\n"), @r#"
    setting-fights-the-plan at spark.driver.memory (set here): `3g` is another heap than the plan's 2731 MiB
      note: the plan leaves room for Python and for the JVM beside its heap
      help: leave it out: a greater heap needs a greater `target.aci.memory-gb`
    setting-fights-the-plan at spark.master (set here): `local[*]` is another master than the plan's local[2]
      note: the image is one container in which Spark runs by itself; its tasks follow `target.aci.cpu`
      help: leave it out
    setting-breaks-the-start at spark.submit.deployMode (set here): deploy mode `cluster` does not exist in local mode
      help: leave it out

    setting-breaks-the-start at spark.driver.extraJavaOptions (set here): Spark refuses the heap `-Xmx3g` in Java options
      note: spark-submit: "Not allowed to specify max heap(Xmx) memory settings through java options"
      help: use `[memory] heap-mib`
    setting-breaks-the-start at spark.driver.extraJavaOptions (set here): `-XX:+UseParallelGC` stands beside the plan's `-XX:+UseG1GC`
      note: a JVM with two collectors does not start ("Multiple garbage collectors selected")
      help: leave it out: the plan has memory for its own collector
    setting-fights-the-plan at spark.driver.extraJavaOptions (set here): `-Xms1g` changes a number of the memory plan
      note: a size error then is a silent kill by the kernel instead of a message
      help: leave it out

    setting-fights-the-plan at spark.driver.defaultJavaOptions (set here): this replaces the JVM flags of the plan
      help: use `spark.driver.extraJavaOptions`, which is added to them

    setting-breaks-the-start at spark.executor.memory (set here): an executor memory of `400m` is below 450 MiB
      note: Spark checks it in local mode too, where it sizes nothing (UnifiedMemoryManager)
      help: leave it out
    setting-fights-the-plan at spark.driver.maxResultSize (set here): results of up to `4g` do not fit into a heap of 2731 MiB
      help: ask for less, or leave it out: 1092 MiB

    setting-breaks-the-start at spark.memory.offHeap.enabled (set here): off-heap memory is on, and its size is 0
      note: Spark requires spark.memory.offHeap.size > 0 then
      help: leave it out, or set `spark.memory.offHeap.size` and pin the heap

    setting-fights-the-plan at spark.memory.offHeap.enabled (set here): 500 MiB of off-heap memory, and 0 are free
      note: the plan gives the heap all that is left, unless it is pinned
      help: pin a heap that leaves room: `[memory] heap-mib = 2231`

    bad-setting at key fs.azure.account.key (no `spark.`): `fs.azure.account.key` is no key of Spark's
      note: Spark ignores what does not start with `spark.`
      help: for Hadoop: `spark.hadoop.fs.azure.account.key`
    bad-setting at key spark.a b (in a properties file): the key `spark.a b` holds a character that ends it
      help: Spark's keys are letters, digits, `.`, `-`, `_`
    bad-setting at spark.a (holds a control character): the value of `spark.a` is not one line
      help: set it in the application
    "#);
}

#[test]
fn settings_that_agree_with_the_plan_are_taken() {
    let pairs = [
        ("spark.driver.memory", "2731m"),
        ("spark.master", "local[2]"),
        ("spark.driver.extraJavaOptions", "-XX:+UseG1GC -Dmy.flag=1"),
        ("spark.memory.offHeap.enabled", "false"),
    ];
    let settings = baked(&with_conf(&pairs), "3.5.9", &[]).unwrap();
    assert_eq!(settings.warnings, []);
    let settings = baked(&with_conf(&[("spark.executor.memory", "1g")]), "3.5.9", &[]).unwrap();
    assert_eq!(settings.warnings.iter().map(|problem| problem.code).collect::<Vec<_>>(), [codes::NO_EFFECT]);
    let pinned = MemoryRequest { heap_mib: Some(located(1800, "memory.heap-mib")), ..MemoryRequest::default() };
    let off_heap = [("spark.memory.offHeap.enabled", "true"), ("spark.memory.offHeap.size", "500m")];
    let roomy = Profile { spark_conf: conf(&off_heap), ..profile(pinned) };
    assert_eq!(baked(&roomy, "3.5.9", &[]).map(|settings| settings.warnings), Ok(Vec::new()));
}

#[test]
fn a_rule_that_is_overridden_is_a_warning() {
    let rule = rule();
    let settings = baked(&with_conf(&[(&rule.key, "false")]), "3.5.9", std::slice::from_ref(&rule)).unwrap();
    assert_eq!(
        shown(&settings.warnings).lines().next(),
        Some(
            "rule-setting-overridden at spark.sql.execution.arrow.pyspark.enabled (the profile's value wins): `false` replaces `true`, which the rule arrow-on asks for"
        )
    );
}

#[test]
fn the_environment_of_the_application() {
    let mut profile = profile(MemoryRequest::default());
    for (key, value) in [("JAVA_TOOL_OPTIONS", "-Xms1g"), ("SPARK_HOME", "/x"), ("SPARK_MEM", "2g"), ("MODEL", "/m")] {
        profile.app.env.insert(key.to_owned(), located(value.to_owned(), &format!("app.env.{key}")));
    }
    let problems = baked(&profile, "3.5.9", &[]).err().unwrap_or_default();
    let codes: Vec<(&str, &str)> =
        problems.iter().map(|p| (p.at.as_ref().map_or("", |at| at.key.as_str()), p.code.name)).collect();
    assert_eq!(
        codes,
        [
            ("app.env.JAVA_TOOL_OPTIONS", "setting-breaks-the-start"),
            ("app.env.SPARK_HOME", "setting-fights-the-plan"),
            ("app.env.SPARK_MEM", "setting-fights-the-plan"),
        ]
    );
}

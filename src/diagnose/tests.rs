use super::*;

fn cause(text: &str) -> Option<String> {
    diagnose(text.as_bytes(), None).cause.map(|cause| cause.id)
}

const GATEWAY: &str = "Traceback (most recent call last):
  File \"/app/score.py\", line 2, in <module>
    spark = SparkSession.builder.getOrCreate()
pyspark.errors.exceptions.base.PySparkRuntimeError: [JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.
";

#[test]
fn the_cause_stands_above_the_gateways_sentence() {
    let log = format!(
        "/opt/spark/bin/spark-class: line 71: /no/bin/java: No such file or directory\n/opt/spark/bin/spark-class: line 97: CMD: bad array subscript\n{GATEWAY}"
    );
    let found = diagnose(log.as_bytes(), None);
    assert_eq!(found.end, End::Badly);
    let first = found.cause.unwrap();
    assert_eq!((first.id.as_str(), first.evidence.unwrap().line), ("java-home-wrong", 1));
    assert!(first.cause.contains("/no/bin/java"), "{}", first.cause);
    let after: Vec<&str> = found.consequences.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(after, ["launcher-bad-array-subscript"]);
}

#[test]
fn what_is_missing_is_a_cause_too() {
    assert_eq!(cause(GATEWAY).as_deref(), Some("gateway-exited-silent"));
    assert_eq!(
        cause(&format!("WARNING: Using incubator modules: jdk.incubator.vector\n{GATEWAY}")).as_deref(),
        Some("gateway-exited-silent")
    );
    let hang = "Welcome to\n      ____              __\n   /___/ .__/\\_,_/_/ /_/\\_\\   version 3.5.9\n\nType --help for more information.\n";
    assert_eq!(cause(hang).as_deref(), Some("submit-args-exit-zero-hang"));
    let refused = "Traceback (most recent call last):\n  File \"/x/py4j/clientserver.py\", line 438, in connect\nConnectionRefusedError: [Errno 111] Connection refused\n";
    assert_eq!(cause(refused).as_deref(), Some("jvm-killed"));
    let code = diagnose(b"working\n", Some(137)).cause.unwrap();
    assert_eq!((code.id.as_str(), code.evidence), ("killed", None));
}

#[test]
fn a_missing_jar_explains_the_class_that_is_not_found() {
    let warned = "26/11/26 10:00:00 WARN DependencyUtils: Local jar /jars/x.jar does not exist, skipping.\n";
    let missed = "Traceback (most recent call last):\n  File \"a.py\"\npy4j.protocol.Py4JJavaError: An error occurred.\n: java.lang.ClassNotFoundException: com.example.X\n";
    assert_eq!(cause(&format!("{warned}{missed}")).as_deref(), Some("local-jar-missing"));
    assert_eq!(cause(missed).as_deref(), Some("class-not-found-generic"));
    // It alone ended nothing.
    let found = diagnose(format!("{warned}sum 3\n").as_bytes(), Some(0));
    assert_eq!((found.end, found.cause.is_none(), found.beside.len()), (End::Well, true, 1));
}

#[test]
fn a_name_that_does_not_resolve_counts_where_spark_asks_for_it() {
    let unknown = "java.net.UnknownHostException: box: box: Name or service not known\n";
    let spark = format!(
        "Exception in thread \"main\" {unknown}\tat java.base/java.net.InetAddress.getLocalHost(InetAddress.java)\n\tat org.apache.spark.util.Utils$.findLocalInetAddress(Utils.scala)\n{GATEWAY}"
    );
    assert_eq!(cause(&spark).as_deref(), Some("hostname-unresolvable"));
    let log4j = format!(
        "StatusLogger Could not determine local host name\n {unknown}\tat org.apache.logging.log4j.core.util.NetUtils\nsum 3\n"
    );
    assert_eq!(diagnose(log4j.as_bytes(), None).end, End::Well);
}

#[test]
fn a_run_that_went_on_has_no_cause() {
    let log = "Traceback (most recent call last):\n  File \"a.py\"\npy4j.protocol.Py4JJavaError: x\n: java.lang.OutOfMemoryError: Java heap space\nrequest 2 served\n";
    let found = diagnose(log.as_bytes(), None);
    assert_eq!((found.end, found.cause.is_none()), (End::Well, true));
    assert_eq!(found.beside[0].id, "heap-oom");
}

#[test]
fn nothing_is_guessed() {
    let found = diagnose(b"Traceback (most recent call last):\n  File \"a.py\"\npy4j.protocol.Py4JError: no\n", None);
    assert_eq!((found.end, found.cause.is_none()), (End::Badly, true));
    assert_eq!(found.last.last().unwrap().text, "py4j.protocol.Py4JError: no");
    let own = b"Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nKeyError: 'amount'\n";
    let own = diagnose(own, None).cause.unwrap();
    assert_eq!((own.id.as_str(), own.evidence.unwrap().line), ("application-error", 3));
    assert!(
        own.cause.ends_with("KeyError") && own.remedy.contains("File \"a.py\", line 3"),
        "{} {}",
        own.cause,
        own.remedy
    );
    let found = diagnose(b"", None);
    assert_eq!((found.end, found.cause.is_none()), (End::Unclear, true));
    assert_eq!(diagnose(b"sum 3\n", None).end, End::Well);
    for bytes in
        [&b"\xff\xfe\x00"[..], &b"{"[..], &b"[{\"log\": 1}]"[..], "\n".repeat(100_000).as_bytes(), &[0x1b; 1000][..]]
    {
        let _ = diagnose(bytes, None);
    }
}

#[test]
fn a_log_that_was_cut_says_so() {
    let cut = format!("\tat org.apache.spark.X\n{GATEWAY}");
    let found = diagnose(cut.as_bytes(), None);
    assert_eq!(found.notes.len(), 1);
    let long = format!("{}\n{GATEWAY}", "x".repeat(16_000 - GATEWAY.len()));
    assert!(diagnose(long.as_bytes(), None).notes[0].contains("16 KB"));
}

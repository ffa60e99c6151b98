use super::check::fits;
use super::value::refusal;
use super::*;
use crate::classpath::constants::{Seen, Traced, Value};
use crate::problem::At;
use crate::profile::Located;

fn entry(kind: Kind) -> Entry {
    Entry { kind, ..Entry::default() }
}

#[test]
fn values_as_spark_reads_them() {
    let positive = (Ranges(vec![(Some(1.0), None)]), "must be positive.".to_owned());
    let at_least_a_mib = (Ranges(vec![(Some(1.0), None)]), String::new());
    let choice = Entry { choices: vec!["STATIC".to_owned(), "DYNAMIC".to_owned()], ..Entry::default() };
    let folding = Entry { folds_case: true, ..choice.clone() };
    let numbers = Entry { is_list: true, ..entry(Kind::Int) };
    let bounded = Entry { ranges: vec![positive.clone()], ..entry(Kind::Int) };
    let sized = Entry { ranges: vec![at_least_a_mib], ..entry(Kind::Bytes(1 << 20)) };
    let timed = Entry { ranges: vec![positive], ..entry(Kind::Time(1e3)) };
    let table: &[(&Entry, &str, &str)] = &[
        (&entry(Kind::Text), "anything", ""),
        (&entry(Kind::Bool), " TRUE ", ""),
        (&entry(Kind::Bool), "yes", "is neither true nor false"),
        (&entry(Kind::Int), "+7", ""),
        (&entry(Kind::Int), "2147483648", "is no whole number of 32 bits"),
        (&entry(Kind::Long), "2147483648", ""),
        (&entry(Kind::Double), "1e-3", ""),
        (&entry(Kind::Double), "0.5f", ""),
        (&entry(Kind::Double), "half", "is no number"),
        (&entry(Kind::Double), "${spark.other}", ""),
        (&entry(Kind::Time(1.0)), "-1", ""),
        (&entry(Kind::Time(1.0)), "5min", ""),
        (&entry(Kind::Time(1.0)), "1y", "has the unit `y`, and Spark's times have us, ms, s, m or min, h, d"),
        (&entry(Kind::Time(1.0)), "1.5s", "is no time: a whole number and a unit, as in 50s or 100ms"),
        (&timed, "999ms", "is out of range (Spark: \"must be positive\")"),
        (&timed, "1", ""),
        (&entry(Kind::Bytes(1)), "64MB", ""),
        (
            &entry(Kind::Bytes(1)),
            "64MiB",
            "has the unit `mib`, and Spark's sizes have b, k, m, g, t, p, each with or without a b behind it",
        ),
        (&entry(Kind::Bytes(1)), "1.5g", "is a fraction, and Spark's sizes are whole numbers: 1536m is 1.5g"),
        (&entry(Kind::Bytes(1)), "lots", "is no size: a whole number and a unit, as in 512m or 2g"),
        (&sized, "1023k", "is out of range"),
        (&sized, "1024k", ""),
        (&sized, "1", ""),
        (&choice, "static", "is none of STATIC, DYNAMIC"),
        (&folding, "static", ""),
        (&numbers, "1, 2,,3", ""),
        (&numbers, "1, two", "is no whole number of 32 bits"),
        (&bounded, "0", "is out of range (Spark: \"must be positive\")"),
    ];
    for (entry, value, expected) in table {
        assert_eq!(refusal(value, entry).unwrap_or_default(), *expected, "{value}");
    }
}

#[test]
fn keys_that_code_puts_together() {
    for (key, pattern, expected) in [
        ("spark.a.x.b", "spark.a.*.b", true),
        ("spark.a.x.y.b", "spark.a.*.b", true),
        ("spark.a.b", "spark.a.*.b", false),
        ("spark.a..b", "spark.a.*.b", false),
        ("spark.a.x", "spark.a.*", true),
        ("spark.a.", "spark.a.*", false),
        ("spark.b.x", "spark.a.*", false),
    ] {
        assert_eq!(fits(key, pattern), expected, "{key} {pattern}");
    }
}

#[test]
fn keys_in_python() {
    let text = "conf.get(\"spark.python.profile\", 'spark.x') # 'no key', \"spark.\", \"spark.a b\"";
    assert_eq!(in_python(text).collect::<Vec<_>>(), ["spark.python.profile", "spark.x"]);
}

#[test]
fn settings_against_what_is_known() {
    let mut known = Known::default();
    known.entries.insert(
        "spark.sql.shuffle.partitions".to_owned(),
        Entry { default: Some("200".to_owned()), ..entry(Kind::Int) },
    );
    for key in ["spark.sql.shuffle.minNumPostShufflePartitions", "spark.sql.shuffle.x", "spark.sql.session.timeZone"] {
        known.entries.insert(key.to_owned(), Entry::default());
    }
    let texts = [
        "spark.sql.shuffle.",
        "spark.executorEnv.",
        "spark.executorEnv.OMP_NUM_THREADS",
        "spark.driver",
        "io.maxRetries",
        "fs.azure.account.auth.type",
        "fs.azure.",
    ];
    known.texts = texts.map(str::to_owned).into();
    known.patterns = ["spark.security.credentials.*.enabled".to_owned()].into();
    let removed =
        Removed { version: "3.0.0".to_owned(), default: "false".to_owned(), comment: "Too\n  slow.".to_owned() };
    known.removed.insert("spark.sql.old".to_owned(), removed);
    let instead = Some("spark.new".to_owned());
    let deprecated = Deprecated { version: "1.4".to_owned(), instead, comment: String::new() };
    known.deprecated.insert("spark.older".to_owned(), deprecated);
    let said = |key: &str, value: &str| {
        let located = |text: &str| Located { value: text.to_owned(), at: At::default() };
        let problems = check(&[(located(key), located(value))], &known);
        let said = |p: &crate::problem::Problem| [vec![p.code.name.to_owned()], p.help.clone()].concat().join(": ");
        problems.iter().map(said).collect::<Vec<_>>().join(" | ")
    };
    for (key, value, expected) in [
        ("spark.sql.shuffle.partitions", "8", ""),
        ("spark.sql.shuffle.partitions", "x", "setting-value: write another, or leave it out: the default is `200`"),
        ("spark.sql.shufle.partitions", "8", "unknown-setting: did you mean `spark.sql.shuffle.partitions`?"),
        ("spark.sql.session.timezone", "UTC", "unknown-setting: did you mean `spark.sql.session.timeZone`?"),
        (
            "spark.nothing.like.it",
            "1",
            "unknown-setting: if a library of yours reads it, allow it: `[lints] unknown-setting`",
        ),
        ("spark.executorEnv.ANY", "1", ""),
        ("spark.executorEnv.OMP_NUM_THREAD", "1", "unknown-setting: did you mean `spark.executorEnv.OMP_NUM_THREADS`?"),
        ("spark.driver.resource.gpu.amount", "1", ""),
        ("spark.shuffle.io.maxRetries", "1", ""),
        ("spark.security.credentials.hive.enabled", "true", ""),
        ("spark.hadoop.anything.at.all", "1", ""),
        ("spark.hadoop.fs.azure.account.auth.typ", "x", ""),
        ("spark.sql.old", "true", "setting-removed: leave it out"),
        ("spark.sql.old", "false", "setting-deprecated: leave it out"),
        ("spark.older", "1", "setting-deprecated: write `spark.new`"),
        ("spark.executor.memory", "4x", ""),
        ("spark.yarn.queu", "x", ""),
    ] {
        assert_eq!(said(key, value), expected, "{key}");
    }
}

/// Fields that name each other many times over, as only a hostile jar has them.
#[test]
fn a_jar_that_repeats_itself() {
    let name = |at: usize| format!("f{at}");
    let fields = (0..15).map(|at| {
        let next = Value::Field("A".into(), name(at + 1).into());
        (name(at), Value::Concat(vec![next; 200].into()))
    });
    let last = Value::Text("spark.a.b.c.".into());
    let fields = fields.chain([(name(15), last)]).collect();
    let joined = [0, 15].map(|at| Value::Concat([Value::Field("A".into(), name(at).into()), Value::Unknown].into()));
    let class = Traced { name: "A".to_owned(), fields, joined: joined.into(), ..Traced::default() };
    let known = read(&[Seen { classes: vec![class], ..Seen::default() }]);
    assert_eq!(known.patterns.into_iter().collect::<Vec<_>>(), ["spark.a.b.c.*"]);
}

#[test]
fn settings_in_words() {
    let mut known = Known::default();
    let choices = vec!["A".to_owned(), "B".to_owned()];
    let ranges = vec![(Ranges(vec![(Some(1.0), None)]), "must be\n  positive.".to_owned())];
    let since = Some("3.0.0".to_owned());
    known.entries.insert(
        "spark.x.wait".to_owned(),
        Entry { ranges, since, default: Some("3s".to_owned()), ..entry(Kind::Time(1e3)) },
    );
    known.entries.insert("spark.x.mode".to_owned(), Entry { choices, folds_case: true, ..entry(Kind::Text) });
    known.entries.insert("spark.executor.cores".to_owned(), Entry { is_list: true, ..entry(Kind::Bytes(1 << 20)) });
    known.texts.insert("spark.x.read".to_owned());
    let removed = Removed { version: "3.0.0".to_owned(), default: "false".to_owned(), comment: "Too slow.".to_owned() };
    known.removed.insert("spark.x.old".to_owned(), removed);
    let instead = Some("spark.x.new".to_owned());
    known
        .deprecated
        .insert("spark.x.older".to_owned(), Deprecated { version: "1.4".to_owned(), instead, comment: String::new() });
    let keys = ["spark.x.wait", "spark.x.mode", "spark.executor.cores", "spark.x.read", "spark.x.old", "spark.x.older"];
    let told: String = keys.iter().map(|key| explain(key, &known).unwrap()).collect();
    insta::assert_snapshot!(told, @"
    spark.x.wait
      takes: a time such as `30s`; a number alone counts seconds
      Spark: must be positive.
      default: `3s`
      since: 3.0.0
    spark.x.mode
      takes: a text
      one of: A, B, in any case
      default: none, or computed
    spark.executor.cores
      takes: a size such as `64m`; a number alone counts MiB, several with commas
      default: none, or computed
      without effect in this image: there are no executors; tasks follow `target.aci.cpu`
    spark.x.read
      code reads it, and does not declare what it takes
    spark.x.old
      removed in 3.0.0: Too slow.
      any value but `false` is refused
    spark.x.older
      deprecated since 1.4
      write `spark.x.new`
    ");
    assert_eq!(explain("spark.x.none", &known), None);
    assert_eq!(explain_json("spark.x.none", &known), serde_json::Value::Null);
    let json = explain_json("spark.x.wait", &known);
    assert_eq!((&json["declared"]["kind"], &json["declared"]["unit"]), (&"time".into(), &"seconds".into()));
}

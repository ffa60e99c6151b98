//! Spark's documented settings, and mistakes made of each, held against what the jars of an image know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::{cache, project, repository, said, sparkbake_in};

/// A shipped profile with the documentation of the nearest release that has one.
const LINES: [(&str, &str); 2] = [("spark-3.5", "3.5.9"), ("spark-4.1", "4.1.3")];

/// A documented key with its default.
type Row = (String, String);

/// The keys of the documentation's tables; a placeholder stands for a word.
fn documented(version: &str) -> Vec<Row> {
    let file = repository().join(format!("tests/data/settings/{version}.tsv"));
    let text = fs::read_to_string(file).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut fields = line.split('\t').map(str::to_owned);
        (fields.next().unwrap(), fields.next().unwrap())
    });
    rows.flat_map(|(key, default)| {
        let ui = ["port", "keyStoreType", "needClientAuth", "trustStoreType"];
        let last = key.rsplit('.').next().unwrap();
        let namespaces: &[&str] =
            if ui.contains(&last) { &["spark.ssl.ui"] } else { &["spark.ssl.ui", "spark.ssl.rpc"] };
        let keys: Vec<String> = match key.strip_prefix("${ns}") {
            // What only one of the two has is known of it: the other's name is no mistake that anybody makes.
            Some(rest) => namespaces.iter().map(|namespace| format!("{namespace}{rest}")).collect(),
            None => vec![filled(&key)],
        };
        keys.into_iter().map(move |key| (key, default.clone()))
    })
    .collect()
}

/// A key with a word for each placeholder.
fn filled(key: &str) -> String {
    let mut filled = String::new();
    let mut rest = key;
    while let Some((before, after)) = rest.split_once(['[', '{', '*']) {
        filled += before.trim_end_matches('$');
        filled += "word";
        rest = after.split_once([']', '}']).map_or("", |(_, rest)| rest);
    }
    filled + rest
}

/// What `check` says of settings: code and help of each problem, by key.
fn checked(profile: &str, settings: &[Row]) -> BTreeMap<String, Vec<(String, String)>> {
    // Tests run side by side.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let text = fs::read_to_string(repository().join(format!("profiles/{profile}.toml"))).unwrap();
    let mut text = format!("{text}\n[spark.conf]\n");
    for (key, value) in settings {
        writeln!(text, "{} = {}", Value::from(key.as_str()), Value::from(value.as_str())).unwrap();
    }
    let cwd = project(&format!("settings-{}", ASKED.fetch_add(1, Ordering::Relaxed)), &text);
    fs::copy(repository().join(format!("lockfiles/{profile}.lock")), cwd.join("sparkbake.lock")).unwrap();
    let ran = sparkbake_in(cache(), &cwd, &["check", "--offline", "--json"]);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{}", said(&ran));
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", said(&ran)));
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for problem in report[0]["problems"].as_array().unwrap() {
        let place = problem["place"]["key"].as_str().unwrap_or_else(|| panic!("{problem}"));
        let key = place.strip_prefix("spark.conf.").unwrap_or(place).trim_matches('"').to_owned();
        let code = problem["code"].as_str().unwrap().to_owned();
        found.entry(key).or_default().push((code, problem["help"].to_string()));
    }
    found
}

/// Documented, and of no jar of the image: the keys of jars that are not in it, and two that Spark does not read
/// under the name that its documentation gives.
const NOT_READ: [&[&str]; 2] = [
    &[
        // The documentation's own; nothing in Spark 3.5 has the name.
        "spark.appStatusStore.diskStoreDir",
        // spark-connect, which PySpark 3.5 has not.
        "spark.connect.extensions.command.classes",
        "spark.connect.extensions.expression.classes",
        "spark.connect.extensions.relation.classes",
        "spark.connect.grpc.interceptor.classes",
        "spark.connect.grpc.maxInboundMessageSize",
        "spark.connect.jvmStacktrace.maxSize",
        "spark.sql.connect.ui.retainedSessions",
        "spark.sql.connect.ui.retainedStatements",
        // spark-streaming-kafka.
        "spark.streaming.kafka.maxRatePerPartition",
        "spark.streaming.kafka.minRatePerPartition",
    ],
    &[
        // Spark reads `openSslEnabled`.
        "spark.ssl.rpc.openSSLEnabled",
        "spark.streaming.kafka.maxRatePerPartition",
        "spark.streaming.kafka.minRatePerPartition",
    ],
];

/// Whether a documented default is a value and no words about one.
fn is_value(default: &str) -> bool {
    let number = default.strip_prefix('-').unwrap_or(default);
    let letters = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(default, "true" | "false")
        || number.starts_with(|c: char| c.is_ascii_digit()) && letters.bytes().all(|b| b.is_ascii_alphabetic())
}

/// The keys with a problem of this code.
fn with<'a>(found: &'a BTreeMap<String, Vec<(String, String)>>, code: &str) -> Vec<&'a str> {
    let has = |problems: &[(String, String)]| problems.iter().any(|(found, _)| found == code);
    found.iter().filter(|(_, problems)| has(problems)).map(|(key, _)| key.as_str()).collect()
}

#[test]
fn every_documented_setting_is_known_and_its_default_is_taken() {
    for ((profile, version), not_read) in LINES.into_iter().zip(NOT_READ) {
        let rows = documented(version);
        let found = checked(profile, &rows);
        assert_eq!(with(&found, "unknown-setting"), not_read, "{version}");
        assert_eq!(with(&found, "setting-removed"), [""; 0], "{version}");
        let refused = with(&found, "setting-value");
        let values: Vec<&Row> = rows.iter().filter(|(_, default)| is_value(default)).collect();
        assert!(values.len() > 450, "{}", values.len());
        let refused: Vec<_> = values.iter().filter(|(key, _)| refused.contains(&key.as_str())).collect();
        assert!(refused.is_empty(), "{version}: {refused:?}");
    }
}

/// Beginnings behind which Spark puts words that it names nowhere together with them: anything may stand there.
const OPEN: [&str; 3] = ["spark.rpc.io.", "spark.sql.streaming.stateStore.rocksdb.", "spark.ssl."];

/// The settings of the memory plan have a second problem: they fight it.
const PLANNED: [&str; 2] = ["spark.driver.maxResultSize", "spark.driver.memory"];

#[test]
fn every_mistake_in_a_documented_setting_is_found_once() {
    let mut missed_kinds = BTreeSet::new();
    for ((profile, version), not_read) in LINES.into_iter().zip(NOT_READ) {
        let mut rows = documented(version);
        rows.retain(|(key, default)| is_value(default) && !not_read.contains(&key.as_str()));
        let of = |make: &dyn Fn(&Row) -> Option<Row>| rows.iter().filter_map(make).collect::<Vec<Row>>();

        // A letter is missing in the last word.
        let misspelt = |(key, default): &Row| {
            let (parent, last) = key.rsplit_once('.')?;
            let cut = last.char_indices().nth(last.len() / 2)?.0;
            let wrong = format!("{parent}.{}{}", &last[..cut], &last[cut + 1..]);
            let is_open = OPEN.iter().any(|begin| key.starts_with(begin));
            (last.len() > 3 && !is_open && !rows.iter().any(|(key, _)| *key == wrong)).then(|| (wrong, default.clone()))
        };
        let wrong = of(&misspelt);
        let found = checked(profile, &wrong);
        let missed: Vec<_> = wrong.iter().filter(|(key, _)| found.get(key).is_none_or(|all| all.len() != 1)).collect();
        assert!(missed.is_empty(), "{version}, misspelt: {missed:?}");
        let near = wrong.iter().filter(|(key, _)| found[key][0].1.contains("did you mean")).count();
        let managed = with(&found, "setting-without-effect").len();
        assert!(near + managed >= wrong.len() * 95 / 100, "{near} and {managed} of {}", wrong.len());

        // A word where a number, a time, a size or a truth value belongs, and a unit that is none.
        let word = of(&|(key, _)| Some((key.clone(), "maybe".to_owned())));
        let unit = of(&|(key, default)| {
            let digits = default.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            (digits.len() < default.len() && !digits.is_empty()).then(|| (key.clone(), format!("{digits}x")))
        });
        assert!(unit.len() > 60, "{}", unit.len());
        for wrong in [word, unit] {
            let found = checked(profile, &wrong);
            let twice = found.iter().filter(|(_, all)| all.len() > 1).map(|(key, _)| key.as_str());
            assert!(twice.clone().all(|key| PLANNED.contains(&key)), "{:?}", twice.collect::<Vec<_>>());
            let missed: Vec<_> = wrong.iter().map(|(key, _)| key).filter(|key| !found.contains_key(*key)).collect();
            missed_kinds.extend(missed.into_iter().cloned());
        }
    }
    let file = repository().join("tests/data/settings/undeclared.txt");
    let undeclared = fs::read_to_string(file).unwrap();
    let undeclared: BTreeSet<String> =
        undeclared.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert_eq!(missed_kinds, undeclared);
}

/// What Spark 4.1 refuses to start with (`SQLConf.removedSQLConfigs`).
#[test]
fn what_is_gone_is_said_and_its_old_default_is_let_through() {
    let gone = ["spark.sql.parquet.int64AsTimestampMillis", "spark.sql.ansi.strictIndexOperator"];
    let rows = |value: [&str; 2]| {
        gone.iter().zip(value).map(|(key, value)| ((*key).to_owned(), value.to_owned())).collect::<Vec<Row>>()
    };
    assert_eq!(
        with(&checked("spark-4.1", &rows(["true", "false"])), "setting-removed"),
        ["spark.sql.ansi.strictIndexOperator", "spark.sql.parquet.int64AsTimestampMillis"]
    );
    let found = checked("spark-4.1", &rows(["false", "true"]));
    assert_eq!(with(&found, "setting-removed"), [""; 0]);
    assert_eq!(with(&found, "setting-deprecated").len(), 2);
}

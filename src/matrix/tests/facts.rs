//! The facts against themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evaluate::findings;
use super::super::facts::{AS_OF, facts, fill};
use super::super::name::{Kind, matches};
use super::super::question::{read, row};
use super::super::row::{Known, Row};
use super::super::version::{Range, compare, is_of};
use super::super::*;
use crate::problem::codes;
use crate::profile::USES;

/// A row of a release in which a rule's subject is there, in a version of its range.
fn example(rule: &Rule, release: &str) -> Row<'static> {
    let mut row = row(&read(&[format!("spark={release} java=17 python=3.11 debian=bookworm")]).unwrap()).unwrap();
    if row.get(&rule.subject).is_none() {
        row.insert(&rule.subject.replace('*', "x_2.12"), Known::Exact("1.0.0".to_owned()), None);
    }
    row
}

fn conditions(rule: &Rule) -> impl Iterator<Item = (&String, &String)> {
    let own = [(&rule.subject, &rule.range)].into_iter();
    own.chain(&rule.when).chain(&rule.requires).chain(&rule.conflicts)
}

/// The releases about which a rule speaks.
fn releases(rule: &Rule) -> Vec<&'static str> {
    let ranges: Vec<Range> = conditions(rule)
        .filter(|(name, range)| {
            *name == "spark" && !range.contains('{') && (rule.subject == "spark" || rule.when.contains_key("spark"))
        })
        .filter(|(_, range)| *range == &rule.range || rule.when.get("spark") == Some(range))
        .filter_map(|(name, range)| Range::parse(name, range))
        .collect();
    let all = facts().releases().map(|release| release.version.as_str());
    all.filter(|version| ranges.iter().all(|range| range.contains(version))).collect()
}

#[test]
fn every_rule_has_a_name_a_reason_a_remedy_and_a_source() {
    let mut ids = BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(&rule.id), "{} twice", rule.id);
        assert!(codes::find(&rule.id).is_none(), "{} is a problem's name", rule.id);
        assert!(
            rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)),
            "{}",
            rule.id
        );
        assert!(!rule.source.is_empty() && rule.source.iter().all(|source| !source.trim().is_empty()), "{}", rule.id);
        for text in [&rule.reason, &rule.remedy] {
            assert!(
                !text.is_empty() && !text.ends_with('.') && !text.starts_with(char::is_whitespace),
                "{}: {text}",
                rule.id
            );
        }
        assert!(rule.severity != Severity::Fails || !rule.steps.is_empty(), "{} fails at no step", rule.id);
        assert!(rule.symptom.iter().all(|symptom| symptom.trim_matches('*').len() > 3), "{}", rule.id);
        let dual: Vec<_> = rule.requires.keys().filter(|name| rule.conflicts.contains_key(*name)).collect();
        assert!(dual.is_empty(), "{}: {dual:?} both required and refused", rule.id);
    }
}

#[test]
fn every_range_and_placeholder_is_read() {
    for rule in rules() {
        let of = releases(rule);
        assert!(!of.is_empty(), "{} speaks of no release", rule.id);
        for (name, range) in conditions(rule) {
            let read = of.iter().any(|release| {
                let row = example(rule, release);
                let subject = rule.subject.replace('*', "x_2.12");
                let filled = fill(range, &|placeholder| row.placeholder(&subject, placeholder));
                filled.and_then(|text| Range::parse(name, &text)).is_some_and(|range| range.is_possible())
            });
            assert!(read, "{}: {name} {range}", rule.id);
        }
        for text in [&rule.reason, &rule.remedy] {
            let read = of.iter().any(|release| {
                let row = example(rule, release);
                let subject = rule.subject.replace('*', "x_2.12");
                fill(text, &|placeholder| row.placeholder(&subject, placeholder)).is_some()
            });
            assert!(read, "{}: {text}", rule.id);
        }
        for (name, version) in &rule.fixed_in {
            if *name == rule.subject {
                let range = Range::parse(name, &rule.range).unwrap();
                assert!(!range.contains(version), "{} is said to be mended in {version}, and speaks of it", rule.id);
            }
        }
    }
}

#[test]
fn names_are_of_the_known_kinds() {
    let steps: Vec<&str> = Step::ALL.iter().filter(|step| !step.is_always()).map(|step| step.name()).collect();
    assert_eq!(steps, USES);
    for rule in rules() {
        for (name, _) in conditions(rule) {
            match Kind::of(name) {
                Kind::Uses => assert!(steps.contains(&name.trim_start_matches("uses:")), "{}: {name}", rule.id),
                Kind::Python => assert_eq!(name.as_str(), name.to_ascii_lowercase().replace('_', "-"), "{}", rule.id),
                _ => {}
            }
        }
        if let Some((_, value)) = rule.setting() {
            assert!(!value.contains(['<', '>', '|', '*']), "{}: {value} is no value", rule.id);
        }
    }
}

/// For every release and every component that a rule demands something of, some version is not refused.
#[test]
fn no_rules_contradict_each_other() {
    let mut demanded: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for rule in rules().filter(|rule| rule.severity == Severity::Fails) {
        for (name, range) in rule.requires.iter().chain(&rule.conflicts) {
            if name.contains('*') || matches!(Kind::of(name), Kind::Conf | Kind::Uses) || name == "spark" {
                continue;
            }
            if ["present", "absent"].contains(&range.as_str()) {
                continue;
            }
            let versions = demanded.entry(name).or_default();
            for release in facts().releases() {
                let row = example(rule, &release.version);
                let filled = fill(range, &|placeholder| row.placeholder(&rule.subject, placeholder));
                let bounds = filled.and_then(|text| Range::parse(name, &text)).map(|range| range.bounds());
                versions.extend(bounds.into_iter().flatten());
            }
            versions.extend(["0.0.1", "99999"].map(str::to_owned));
            versions.extend(question::versions(name).into_iter().map(str::to_owned));
        }
    }
    for release in facts().releases() {
        for (name, versions) in &demanded {
            let shipped = name.split_once(':').and_then(|(_, artifact)| release.jars.get(artifact));
            let free = versions.iter().chain(shipped).any(|version| {
                let mut row = row(&read(&[format!("spark={} uses=all", release.version)]).unwrap()).unwrap();
                let known = if ["java", "python"].contains(name) { Known::Line } else { Known::Exact };
                row.insert(name, known(version.clone()), None);
                findings(&row).iter().all(|f| f.rule.severity != Severity::Fails || !f.concerns(name))
            });
            assert!(free, "PySpark {}: no version of {name} is free of errors", release.version);
        }
    }
}

#[test]
fn lines_and_suites_are_in_order_and_complete() {
    let facts = facts();
    for pair in facts.lines.windows(2) {
        assert!(compare(&pair[0].name, &pair[1].name).is_lt() && pair[0].released < pair[1].released);
    }
    let day = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
    };
    let ended = Range::parse("spark", &rule("spark-ended").unwrap().range).unwrap();
    for line in &facts.lines {
        assert!(day(&line.released) && day(&line.ends) && !line.java.is_empty(), "{}", line.name);
        assert_eq!(ended.contains(&line.newest().version), line.ends.as_str() <= AS_OF, "{}: spark-ended", line.name);
        for pair in line.releases.windows(2) {
            assert!(compare(&pair[0].version, &pair[1].version).is_lt(), "{}", pair[1].version);
        }
        for release in &line.releases {
            assert!(is_of(&release.version, &line.name) && day(&release.published), "{}", release.version);
            assert!(release.scala().is_some() && release.hadoop().is_some() && !release.python.is_empty());
            for package in ["numpy", "pandas", "pyarrow"] {
                assert!(release.minimum.contains_key(package), "{}: {package}", release.version);
            }
        }
    }
    assert_eq!(facts.releases().count(), 46);
    for suite in &facts.suites {
        let java = rule(&format!("{}-java", suite.codename)).unwrap();
        assert_eq!(java.requires.get("java"), Some(&suite.java.join("|")));
        let python = rule(&format!("{}-python", suite.codename)).unwrap();
        assert_eq!(python.requires.get("python"), Some(&suite.python));
        assert!(suite.glibc.starts_with("2.") && day(&suite.ends) && suite.ends < suite.lts_ends);
    }
    for end in &facts.ends {
        assert!(["java", "python", "hadoop"].contains(&end.axis.as_str()) && day(&end.date), "{}", end.version);
    }
}

#[test]
fn every_line_of_a_connector_is_for_some_release() {
    for connector in &facts().connectors {
        assert!(!connector.about.is_empty() && !connector.source.is_empty(), "{}", connector.id);
        for line in &connector.lines {
            let of = facts().releases().find(|release| line.suits(&release.version, release.hadoop(), None));
            // A Hadoop that no PySpark carries is there for those who exchange the client.
            assert!(of.is_some() || line.hadoop != "*", "{}: {}", connector.id, line.spark);
            assert!(
                line.rule.is_none() || !connector.reason.is_empty() && !connector.remedy.is_empty(),
                "{}",
                connector.id
            );
            let Some(release) = of else { continue };
            let stack = question::stack_of(&row(&read(&[format!("spark={}", release.version)]).unwrap()).unwrap());
            assert!(connectors::artifact_of(line, &stack).is_some_and(|name| name.contains(':')), "{}", line.artifact);
            let versions = connectors::versions_of(line, &stack);
            assert!(!versions.is_empty(), "{}: {} has no version", connector.id, line.artifact);
            let (_, range) = line.rule.clone().unwrap_or_default();
            if let Some(range) = Range::parse(&line.artifact, &range) {
                let stray: Vec<_> = versions.iter().filter(|version| !range.contains(version)).collect();
                assert!(stray.is_empty(), "{}: {stray:?} are not of the line", connector.id);
            }
        }
    }
}

#[test]
fn former_names_lead_to_rules_or_to_why_there_is_none() {
    let names = &facts().names;
    for (name, ids) in &names.now {
        assert!(rule(name).is_none(), "{name} is a rule's own name");
        assert!(!ids.is_empty() && ids.iter().all(|id| rule(id).is_some()), "{name}: {ids:?}");
        assert_eq!(formerly(name).unwrap().unwrap().len(), ids.len(), "{name}");
    }
    for fact in &names.left_out {
        assert!(!fact.what.is_empty() && !fact.why.is_empty());
        for name in &fact.names {
            assert!(rule(name).is_none() && !names.now.contains_key(name), "{name} is a rule after all");
            assert_eq!(formerly(name).unwrap().unwrap_err().what, fact.what);
        }
    }
    assert!(formerly("java-getsubject").is_none() && formerly("").is_none());
}

#[test]
fn patterns_match_any_run() {
    for (pattern, text, expected) in [
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*", "b", false),
        ("abc", "abcd", false),
        ("*:*_2.13", "io.delta:delta-spark_2.13", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

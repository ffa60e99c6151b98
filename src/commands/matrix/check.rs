//! `matrix check`: what the rules say of one combination; and what `explain` makes of it.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::MatrixWords;
use crate::matrix::{self, Rule, Verdict};

use super::{BAD, GOOD, Stop, World, document, painted, say, say_json, strangers, tally, told_json, told_text, usage};

pub(super) fn check(request: &MatrixWords, world: &World) -> Result<(), Stop> {
    let verdict = matrix::judge(&request.words).map_err(|mistakes| usage(&mistakes))?;
    let strangers = strangers(&request.words, world);
    if request.json {
        say_json(&verdict_json(&verdict, &strangers))?;
    } else {
        say(&text(&verdict, world))?;
    }
    if verdict.fails() { Err(Stop::Problems) } else { Ok(()) }
}

fn verdict_json(verdict: &Verdict, strangers: &[String]) -> serde_json::Value {
    let settings = verdict.settings.iter();
    let settings = settings.map(|s| json!({ "key": s.key, "value": s.value, "rule": s.rule, "reason": s.reason }));
    document(json!({
        "stack": verdict.stack.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "uses": verdict.uses,
        "unknown": strangers,
        "verdict": if verdict.fails() { "fails" } else { "works" },
        "findings": verdict.told.iter().map(told_json).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
    }))
}

fn text(verdict: &Verdict, world: &World) -> String {
    let stack: Vec<String> =
        verdict.stack.iter().map(|(name, version)| format!("{name} {version}").trim_end().to_owned()).collect();
    let mut text = format!("{}\n", stack.join(" · "));
    let _ = writeln!(text, "used: {}\n", verdict.uses.join(", "));
    for told in &verdict.told {
        let _ = writeln!(text, "{}", told_text(told, world));
    }
    for setting in &verdict.settings {
        let _ = writeln!(
            text,
            "the image sets {}={} [{}]\n  {}\n",
            setting.key, setting.value, setting.rule, setting.reason
        );
    }
    let outcome =
        if verdict.fails() { painted(BAD.bold(), "fails", world) } else { painted(GOOD.bold(), "works", world) };
    let tally = tally(&verdict.told);
    let _ = writeln!(
        text,
        "{outcome}{}",
        if tally.is_empty() { ": no rule speaks against it".to_owned() } else { format!(": {tally}") }
    );
    text
}

/// A rule at length; or, of a combination, every rule that speaks.
pub(in crate::commands) fn explain(name: &str, world: &World) -> Result<Option<String>, Stop> {
    if let Some(rule) = matrix::rule(name) {
        return Ok(Some(rule_text(rule)));
    }
    if let Some(now) = matrix::formerly(name) {
        return Ok(Some(match now {
            Ok(rules) => {
                let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
                let texts: Vec<String> = rules.iter().map(|rule| rule_text(rule)).collect();
                format!("{name} is now {}\n\n{}", ids.join(", "), texts.join("\n"))
            }
            Err(fact) => format!("{name} is no rule: {}\n  {}\n", fact.what, fact.why),
        }));
    }
    if !name.contains('=') {
        return Ok(None);
    }
    let words = [name.to_owned()];
    let verdict = matrix::judge(&words).map_err(|mistakes| usage(&mistakes))?;
    strangers(&words, world);
    let mut parts = vec![text(&verdict, world)];
    parts.extend(verdict.told.iter().map(|told| rule_text(told.rule)));
    Ok(Some(parts.join("\n")))
}

/// The same for machines.
pub(in crate::commands) fn explain_json(name: &str, world: &World) -> Result<Option<serde_json::Value>, Stop> {
    if let Some(rule) = matrix::rule(name) {
        return Ok(Some(rule_json(rule)));
    }
    if let Some(now) = matrix::formerly(name) {
        return Ok(Some(match now {
            Ok(rules) => json!({ "name": name, "rules": rules.iter().map(|rule| rule_json(rule)).collect::<Vec<_>>() }),
            Err(fact) => json!({ "name": name, "rules": [], "known": fact.what, "why-no-rule": fact.why }),
        }));
    }
    if !name.contains('=') {
        return Ok(None);
    }
    let words = [name.to_owned()];
    let verdict = matrix::judge(&words).map_err(|mistakes| usage(&mistakes))?;
    Ok(Some(verdict_json(&verdict, &strangers(&words, world))))
}

/// A rule for machines.
pub(super) fn rule_json(rule: &Rule) -> serde_json::Value {
    json!({
        "rule": rule.id,
        "subject": rule.subject,
        "range": rule.range,
        "when": rule.when,
        "requires": rule.requires,
        "conflicts": rule.conflicts,
        "severity": rule.severity.name(),
        "certainty": rule.certainty.name(),
        "steps": rule.steps.iter().map(|step| step.name()).collect::<Vec<_>>(),
        "reason": rule.reason,
        "remedy": rule.remedy,
        "symptom": rule.symptom,
        "fixed-in": rule.fixed_in,
        "source": rule.source,
    })
}

/// A rule at length, with its placeholders as they stand.
fn rule_text(rule: &Rule) -> String {
    let mut text = format!("{}: {} ({})\n\n{}\n\n", rule.id, rule.severity.name(), rule.certainty.name(), rule.reason);
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {label:<10} {value}");
        }
    };
    let pair = |(name, range): (&String, &String)| format!("{name} {range}");
    let pairs = |all: &std::collections::BTreeMap<String, String>| all.iter().map(pair).collect::<Vec<_>>().join(", ");
    let range = if rule.range == "*" { "any version" } else { &rule.range };
    line("about", format!("{} {range}", rule.subject));
    line("when", pairs(&rule.when));
    line("requires", pairs(&rule.requires));
    line("conflicts", pairs(&rule.conflicts));
    line("fails at", rule.steps.iter().map(|step| step.phrase()).collect::<Vec<_>>().join("; "));
    for symptom in &rule.symptom {
        line("in the log", symptom.replace('*', " … "));
    }
    line("mended in", pairs(&rule.fixed_in));
    line("remedy", rule.remedy.clone());
    if let Some((key, value)) = rule.setting() {
        line("baked", format!("{key}={value}"));
    }
    line("source", rule.source.join("; "));
    for (name, values) in matrix::placeholders(rule) {
        let of_lines = by_value(&values);
        let meaning = if of_lines.is_empty() { "as the question has it".to_owned() } else { of_lines };
        let _ = writeln!(text, "  {:<10} {meaning}", format!("{{{name}}}"));
    }
    text
}

/// `PySpark 3.4 and 3.5: 8, 11, 17; 4.0: 17, 21`: lines in a row that have the same value stand together.
fn by_value(values: &[(&str, String)]) -> String {
    let runs = values.chunk_by(|(_, a), (_, b)| a == b);
    let words = runs.filter_map(|run| match run {
        [(line, value)] => Some(format!("{line}: {value}")),
        [(first, value), .., (last, _)] => Some(format!("{first} to {last}: {value}")),
        [] => None,
    });
    words.collect::<Vec<_>>().join("; ")
}

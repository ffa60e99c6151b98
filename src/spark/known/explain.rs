//! What is known of a setting, in words: [`explain`].

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Deprecated, Entry, Kind, Known, Removed};
use crate::spark::conf::elsewhere;

/// What the jars say of a setting, a line each; none where they do not know it.
#[must_use]
pub fn explain(key: &str, known: &Known) -> Option<String> {
    let mut out = String::new();
    let entry = known.entries.get(key);
    if let Some(entry) = entry {
        of_entry(entry, &mut out);
    }
    if let Some(removed) = known.removed.get(key) {
        let _ = writeln!(out, "  removed in {}: {}", removed.version, one_line(&removed.comment));
        let _ = writeln!(out, "  any value but `{}` is refused", removed.default);
    }
    if let Some(deprecated) = known.deprecated.get(key) {
        let comment = one_line(&deprecated.comment);
        let why = if comment.is_empty() { comment } else { format!(": {comment}") };
        let _ = writeln!(out, "  deprecated since {}{why}", deprecated.version);
        if let Some(instead) = &deprecated.instead {
            let _ = writeln!(out, "  write `{instead}`");
        }
    }
    if out.is_empty() {
        if !known.knows(key) {
            return None;
        }
        out.push_str("  code reads it, and does not declare what it takes\n");
    }
    if let Some(why) = elsewhere(key) {
        let _ = writeln!(out, "  without effect in this image: {why}");
    }
    Some(format!("{key}\n{out}"))
}

/// The same for machines; `null` where nothing is known.
#[must_use]
pub fn explain_json(key: &str, known: &Known) -> Value {
    if explain(key, known).is_none() {
        return Value::Null;
    }
    let removed =
        |removed: &Removed| json!({ "in": removed.version, "accepted": removed.default, "comment": removed.comment });
    let deprecated = |old: &Deprecated| json!({ "since": old.version, "instead": old.instead, "comment": old.comment });
    json!({
        "setting": key,
        "declared": known.entries.get(key).map(declared),
        "removed": known.removed.get(key).map(removed),
        "deprecated": known.deprecated.get(key).map(deprecated),
        "without-effect": elsewhere(key),
    })
}

fn declared(entry: &Entry) -> Value {
    let (kind, unit) = match entry.kind {
        Kind::Text => ("text", None),
        Kind::Bool => ("boolean", None),
        Kind::Int => ("int", None),
        Kind::Long => ("long", None),
        Kind::Double => ("double", None),
        Kind::Time(unit) => ("time", Some(time(unit))),
        Kind::Bytes(unit) => ("bytes", Some(size(unit))),
    };
    json!({
        "kind": kind,
        "unit": unit,
        "list": entry.is_list,
        "choices": entry.choices,
        "any-case": entry.folds_case,
        "bounds": entry.ranges.iter().map(|(_, words)| one_line(words)).collect::<Vec<_>>(),
        "default": entry.default,
        "since": entry.since,
    })
}

fn of_entry(entry: &Entry, out: &mut String) {
    let kind = match entry.kind {
        Kind::Text => "a text".to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Int => "a whole number of 32 bits".to_owned(),
        Kind::Long => "a whole number of 64 bits".to_owned(),
        Kind::Double => "a number".to_owned(),
        Kind::Time(unit) => format!("a time such as `30s`; a number alone counts {}", time(unit)),
        Kind::Bytes(unit) => format!("a size such as `64m`; a number alone counts {}", size(unit)),
    };
    let list = if entry.is_list { ", several with commas" } else { "" };
    let _ = writeln!(out, "  takes: {kind}{list}");
    if !entry.choices.is_empty() {
        let case = if entry.folds_case { ", in any case" } else { "" };
        let _ = writeln!(out, "  one of: {}{case}", entry.choices.join(", "));
    }
    for (_, words) in entry.ranges.iter().filter(|(_, words)| !words.is_empty()) {
        let _ = writeln!(out, "  Spark: {}", one_line(words));
    }
    let _ = match &entry.default {
        Some(default) => writeln!(out, "  default: `{default}`"),
        None => writeln!(out, "  default: none, or computed"),
    };
    if let Some(since) = &entry.since {
        let _ = writeln!(out, "  since: {since}");
    }
}

fn time(milliseconds: f64) -> &'static str {
    match milliseconds {
        ms if ms >= 8.64e7 => "days",
        ms if ms >= 3.6e6 => "hours",
        ms if ms >= 6e4 => "minutes",
        ms if ms >= 1e3 => "seconds",
        ms if ms >= 1.0 => "milliseconds",
        ms if ms >= 1e-3 => "microseconds",
        _ => "nanoseconds",
    }
}

fn size(bytes: u64) -> &'static str {
    match bytes {
        1 => "bytes",
        0x400 => "KiB",
        0x10_0000 => "MiB",
        0x4000_0000 => "GiB",
        _ => "TiB and more",
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

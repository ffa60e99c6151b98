//! `matrix`: questions to the compatibility matrix. All but `derive` of a release are answered offline.

mod check;
mod connectors;
mod derive;
mod diff;
mod eol;
mod show;
mod solve;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli::{Matrix, MatrixAction};
use crate::matrix::{self, Severity, Told};

use crate::error::Error;

use super::{Stop, World, say};

pub(super) use check::{explain, explain_json};

pub(super) fn matrix(command: &Matrix, world: &World) -> Result<(), Stop> {
    match &command.action {
        MatrixAction::Show(request) => show::show(request, world),
        MatrixAction::Check(request) => check::check(request, world),
        MatrixAction::Solve(request) => solve::solve(request, world),
        MatrixAction::Connectors(request) => connectors::connectors(request, world),
        MatrixAction::Diff(request) => diff::diff(request, world),
        MatrixAction::Eol(request) => eol::eol(request, world),
        MatrixAction::Derive(request) => derive::derive(request, world),
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();

fn painted(style: Style, text: &str, world: &World) -> String {
    if world.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The mistakes of a question, all of them.
fn usage(mistakes: &[String]) -> Stop {
    Stop::Usage(mistakes.join("\nerror: "))
}

/// Says of each version that the facts do not know that it is judged all the same; the sentences, for documents.
fn strangers(words: &[String], world: &World) -> Vec<String> {
    let strangers = matrix::strangers(words);
    for stranger in &strangers {
        world.ui.warn(format_args!("{stranger}"));
    }
    strangers
}

fn say_json(value: &Value) -> Result<(), Error> {
    say(&format!("{value:#}\n"))
}

/// What the facts are of, for documents.
fn document(fields: Value) -> Value {
    let mut document = json!({ "as-of": matrix::AS_OF });
    if let (Some(all), Value::Object(fields)) = (document.as_object_mut(), fields) {
        all.extend(fields);
    }
    document
}

/// A finding for people: severity and message, then why, what to do, and where that is known from.
fn told_text(told: &Told, world: &World) -> String {
    let style = match told.severity {
        Severity::Fails => BAD,
        Severity::Degrades | Severity::Unsupported | Severity::Unwise => DOUBTFUL,
        Severity::Note => NOTE,
    };
    let severity = painted(style.bold(), told.severity.name(), world);
    let mut text = format!("{severity}: {} [{}]\n", told.message, told.rule.id);
    let _ = writeln!(text, "  {}", told.reason);
    let _ = writeln!(text, "  remedy: {}", told.remedy);
    let _ = writeln!(text, "  {}: {}", told.rule.certainty.name(), told.rule.source.join("; "));
    text
}

/// A finding for machines.
fn told_json(told: &Told) -> Value {
    json!({
        "rule": told.rule.id,
        "severity": told.severity.name(),
        "rule-severity": told.rule.severity.name(),
        "message": told.message,
        "steps": told.steps.iter().map(|step| step.name()).collect::<Vec<_>>(),
        "reason": told.reason,
        "remedy": told.remedy,
        "symptom": told.rule.symptom,
        "certainty": told.rule.certainty.name(),
        "fixed-in": told.rule.fixed_in,
        "source": told.rule.source,
    })
}

/// `2 fail, 1 is unsupported`: how many findings of each severity.
fn tally(told: &[Told]) -> String {
    let all = [Severity::Fails, Severity::Degrades, Severity::Unsupported, Severity::Unwise, Severity::Note];
    let counts = all.map(|severity| (severity, told.iter().filter(|told| told.severity == severity).count()));
    let words =
        counts.iter().filter(|(_, count)| *count > 0).map(|(severity, count)| format!("{count} {}", severity.name()));
    words.collect::<Vec<_>>().join(", ")
}

/// Rows under a head, columns as wide as their widest cell, each cell with its width without colours.
fn columns(head: &[&str], rows: &[Vec<(String, usize)>]) -> String {
    let widths: Vec<usize> = (0..head.len())
        .map(|i| {
            rows.iter().filter_map(|row| row.get(i)).map(|(_, width)| *width).chain([head[i].len()]).max().unwrap_or(0)
        })
        .collect();
    let plain = |text: &&str| ((*text).to_owned(), text.chars().count());
    let head: Vec<(String, usize)> = head.iter().map(plain).collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for ((cell, width), full) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(full - width + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cell(text: impl Into<String>) -> (String, usize) {
    let text = text.into();
    let width = text.chars().count();
    (text, width)
}

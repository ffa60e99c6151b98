//! `matrix diff`: what moves from one PySpark to another, and what breaks.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::MatrixDiff;
use crate::matrix::{self, Rule, Severity};

use super::check::rule_json;
use super::{BAD, DOUBTFUL, NOTE, Stop, World, cell, columns, document, painted, say, say_json, usage};

type Moved = (String, String, String);

pub(super) fn diff(request: &MatrixDiff, world: &World) -> Result<(), Stop> {
    let moves = matrix::moves(&request.from, &request.to).map_err(|mistakes| usage(&mistakes))?;
    if request.json {
        let rows = |all: &[Moved]| -> Value {
            all.iter().map(|(name, before, after)| json!({ "name": name, "from": before, "to": after })).collect()
        };
        let rules = |all: &[(&Rule, String)]| all.iter().map(|(rule, _)| rule_json(rule)).collect::<Value>();
        say_json(&document(json!({
            "axes": rows(&moves.axes),
            "jars": rows(&moves.jars),
            "connectors": rows(&moves.connectors),
            "new-rules": rules(&moves.new),
            "gone-rules": rules(&moves.gone),
        })))?;
        return Ok(());
    }
    let mut text = table(["", &request.from, &request.to], &moves.axes);
    for (head, all) in [("jars", &moves.jars), ("connectors", &moves.connectors)] {
        if !all.is_empty() {
            let _ = write!(text, "\n{}", table([head, &request.from, &request.to], all));
        }
    }
    for (head, all) in [("what now matters", &moves.new), ("what no longer matters", &moves.gone)] {
        if !all.is_empty() {
            let _ = writeln!(text, "\n{head}");
        }
        let mut worst_first: Vec<_> = all.iter().collect();
        worst_first.sort_by_key(|(rule, _)| rule.severity);
        for (rule, reason) in worst_first {
            let _ = writeln!(text, "  {} {}\n      {}", severity(rule, world), rule.id, reason);
        }
    }
    if moves.axes.is_empty() {
        text.replace_range(.., "nothing moves\n");
    }
    say(&text)?;
    Ok(())
}

fn severity(rule: &Rule, world: &World) -> String {
    let style = match rule.severity {
        Severity::Fails => BAD,
        Severity::Note => NOTE,
        _ => DOUBTFUL,
    };
    painted(style, &format!("{:<11}", rule.severity.name()), world)
}

fn table(head: [&str; 3], all: &[Moved]) -> String {
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let rows: Vec<_> = all
        .iter()
        .map(|(name, before, after)| vec![cell(name.clone()), cell(shown(before)), cell(shown(after))])
        .collect();
    columns(&head, &rows)
}

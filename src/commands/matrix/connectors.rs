//! `matrix connectors`: the exact coordinates for a Spark, and what else they need.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::MatrixConnectors;
use crate::matrix::{self, Published};

use super::{DOUBTFUL, GOOD, Stop, World, document, painted, say, say_json, usage};

pub(super) fn connectors(request: &MatrixConnectors, world: &World) -> Result<(), Stop> {
    let axes = [("spark", Some(&request.spark)), ("java", request.java.as_ref()), ("hadoop", request.hadoop.as_ref())];
    let words: Vec<String> =
        axes.iter().filter_map(|(axis, value)| value.map(|value| format!("{axis}={value}"))).collect();
    let all = matrix::published(&words, request.name.as_deref()).map_err(|mistakes| usage(&mistakes))?;
    if request.json {
        let connectors = all.iter().map(|one| {
            json!({
                "connector": one.connector,
                "about": one.about,
                "coordinate": if one.coordinate.is_empty() { None } else { Some(&one.coordinate) },
                "other-versions": one.others,
                "confirmed": one.confirmed,
                "needs": one.needs,
                "settings": one.settings,
                "note": one.note,
                "source": one.source,
            })
        });
        say_json(&document(json!({ "spark": request.spark, "connectors": connectors.collect::<Vec<_>>() })))?;
    } else {
        let text: Vec<String> = all.iter().map(|one| text(one, request, world)).collect();
        say(&text.join(if request.name.is_some() { "\n" } else { "" }))?;
    }
    if all.iter().all(|one| one.coordinate.is_empty()) { Err(Stop::Problems) } else { Ok(()) }
}

/// One line each; at length where one is asked for.
fn text(one: &Published, request: &MatrixConnectors, world: &World) -> String {
    let coordinate = if one.coordinate.is_empty() {
        painted(DOUBTFUL, &format!("none for Spark {}", request.spark), world)
    } else {
        painted(GOOD, &one.coordinate, world)
    };
    if request.name.is_none() {
        return format!("{:<22}  {coordinate}\n", one.connector);
    }
    let mut text = format!("{coordinate}\n  {}\n", one.about);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {label:<10} {value}");
        }
    };
    for need in &one.needs {
        line("needs", need);
    }
    if !one.coordinate.is_empty() {
        for setting in &one.settings {
            line("setting", setting);
        }
        line("others", &one.others.join(", "));
    }
    if !one.confirmed {
        line("version", "inferred: nothing that was read names it, and a registry may not have it");
    }
    line("note", one.note.as_deref().unwrap_or_default());
    line("source", &one.source.join("; "));
    text
}

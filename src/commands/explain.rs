//! `explain`: what a problem, a rule of the matrix, or a combination means.

use serde_json::json;

use crate::cli;
use crate::problem;

use super::{Stop, World, matrix, say};

pub(super) fn explain(command: &cli::Explain, world: &World) -> Result<(), Stop> {
    let name = &command.name;
    if command.json {
        return as_json(name);
    }
    if let Some(text) = problem::explain(name) {
        say(&text);
        return Ok(());
    }
    match matrix::explain(name, world)? {
        Some(text) => {
            say(&text);
            Ok(())
        }
        None => Err(unknown(name)),
    }
}

fn as_json(name: &str) -> Result<(), Stop> {
    let value = match problem::codes::find(name) {
        Some(code) => json!({ "problem": code.name, "explanation": code.explanation }),
        None => matrix::explain_json(name)?.ok_or_else(|| unknown(name))?,
    };
    say(&format!("{value:#}\n"));
    Ok(())
}

fn unknown(name: &str) -> Stop {
    let rules = crate::matrix::rules().map(|rule| rule.id.clone());
    let names = problem::codes::all().map(|code| code.name.to_owned()).chain(rules);
    let near = names
        .map(|known| (strsim::damerau_levenshtein(&known, name), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min();
    let hint = near.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    Stop::Usage(format!("no problem and no rule is called `{name}`{hint}"))
}

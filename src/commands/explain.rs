//! `explain`: what a problem or a rule of the matrix means.

use std::fmt::Write as _;

use crate::cli;
use crate::matrix;
use crate::problem;

use super::{Stop, World, say};

pub(super) fn explain(command: &cli::Explain, _world: &World) -> Result<(), Stop> {
    let name = &command.name;
    if let Some(text) = problem::explain(name) {
        say(&text);
        return Ok(());
    }
    if let Some(rule) = matrix::rule(name) {
        let mut text = format!("{name}\n\n{}\n", rule.reason);
        if let Some((key, value)) = rule.setting() {
            let _ = writeln!(text, "\nThe image sets {key} {value}.");
        }
        if !rule.source.is_empty() {
            let _ = writeln!(text, "\nSource: {}", rule.source.join("; "));
        }
        say(&text);
        return Ok(());
    }
    let names =
        problem::codes::all().map(|code| code.name.to_owned()).chain(matrix::rules().map(|rule| rule.id.clone()));
    let near = names
        .map(|known| (strsim::damerau_levenshtein(&known, name), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min();
    let hint = near.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    Err(Stop::Usage(format!("no problem and no rule is called `{name}`{hint}")))
}

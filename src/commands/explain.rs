//! `explain`: what a problem, a rule of the matrix, or a combination means.

use serde_json::json;

use crate::cli;
use crate::diagnose;
use crate::problem;
use crate::spark::known;

use super::{Stop, World, matrix, say, settings, visible};

pub(super) fn explain(command: &cli::Explain, world: &World) -> Result<(), Stop> {
    let name = &command.name;
    if name.starts_with(SETTING) && !name.contains('=') {
        return setting(command, world);
    }
    if command.json {
        return as_json(name, world);
    }
    if let Some(text) = problem::explain(name) {
        say(&text)?;
        return Ok(());
    }
    if let Some(known) = diagnose::known(name) {
        let said = known.evidence.map_or_else(String::new, |line| format!("  looks like: {}\n", line.text));
        say(&format!("{} [{name}]\n{said}  remedy: {}\n  source: {}\n", known.cause, known.fix, known.source))?;
        return Ok(());
    }
    match matrix::explain(name, world)? {
        Some(text) => {
            say(&text)?;
            Ok(())
        }
        None => Err(unknown(name)),
    }
}

/// What every setting of Spark's begins with.
const SETTING: &str = "spark.";

/// A setting, by the jars that read it.
fn setting(command: &cli::Explain, world: &World) -> Result<(), Stop> {
    let name = &command.name;
    let (whose, known) = settings::of(command.profile.as_deref(), world)?;
    let text = known::explain(name, &known).ok_or_else(|| {
        let hint = known.nearest(name).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Stop::Usage(format!("no jar of {whose} knows the setting `{name}`{hint}"))
    })?;
    if command.json {
        say(&format!("{:#}\n", known::explain_json(name, &known)))?;
    } else {
        say(&visible(&format!("{text}  by the jars of {whose}\n")))?;
    }
    Ok(())
}

fn as_json(name: &str, world: &World) -> Result<(), Stop> {
    let value = match problem::codes::find(name) {
        Some(code) => json!({ "problem": code.name, "explanation": code.explanation }),
        None if diagnose::known(name).is_some() => json!({ "failure": name, "known": diagnose::known(name) }),
        None => matrix::explain_json(name, world)?.ok_or_else(|| unknown(name))?,
    };
    say(&format!("{value:#}\n"))?;
    Ok(())
}

fn unknown(name: &str) -> Stop {
    let rules = crate::matrix::rules().map(|rule| rule.id.clone());
    let names = problem::codes::all().map(|code| code.name.to_owned()).chain(rules);
    let names = names.chain(diagnose::names().map(str::to_owned));
    let near = names
        .map(|known| (strsim::damerau_levenshtein(&known, name), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min();
    let hint = near.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    Stop::Usage(format!("no problem, rule or failure is called `{name}`{hint}"))
}

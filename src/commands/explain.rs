//! `explain`: what a problem, a rule of the matrix, or a combination means.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli;
use crate::diagnose;
use crate::matrix::{Rule, rules};
use crate::problem;
use crate::spark::known;

use super::{Stop, World, matrix, say, settings, visible};

/// Most names with a word in them that are told where no name is near to it.
const HINTS: usize = 8;

pub(super) fn explain(command: &cli::Explain, world: &World) -> Result<(), Stop> {
    let Some(name) = &command.name else { return all(command.json) };
    if name.starts_with(SETTING) && !name.contains('=') {
        return setting(name, command, world);
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
        say(&format!("{} [{name}]\n{said}  remedy: {}\n  source: {}\n", known.cause, known.remedy, known.source))?;
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

/// Every name that is explained, a line each.
fn all(as_json: bool) -> Result<(), Stop> {
    if as_json {
        let all = json!({
            "problems": problem::codes::all().map(|code| code.name).collect::<Vec<_>>(),
            "rules": rules().map(|rule| rule.id.as_str()).collect::<Vec<_>>(),
            "failures": diagnose::names().collect::<Vec<_>>(),
        });
        say(&format!("{all:#}\n"))?;
        return Ok(());
    }
    let first = |text: &str| text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned();
    let problems = problem::codes::all().map(|code| (code.name, first(code.explanation)));
    let subject = |rule: &Rule| format!("{}: {}", rule.severity.name(), first(&rule.reason));
    let rules = rules().map(|rule| (rule.id.as_str(), subject(rule)));
    let failures = diagnose::names().filter_map(|name| Some((name, diagnose::known(name)?.cause)));
    let parts: [(&str, Vec<(&str, String)>); 3] = [
        ("Problems of a profile", problems.collect()),
        ("Rules of the matrix", rules.collect()),
        ("Failures in a log", failures.collect()),
    ];
    let mut text = String::new();
    for (title, rows) in &parts {
        let _ = writeln!(text, "{title}");
        for (name, what) in rows {
            let _ = writeln!(text, "  {name:<34} {what}");
        }
        text.push('\n');
    }
    text.push_str("And every setting of Spark's, such as spark.driver.memory\n");
    say(&text)?;
    Ok(())
}

/// What every setting of Spark's begins with.
const SETTING: &str = "spark.";

/// A setting, by the jars that read it.
fn setting(name: &str, command: &cli::Explain, world: &World) -> Result<(), Stop> {
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
    let names = problem::codes::all().map(|code| code.name).chain(rules().map(|rule| rule.id.as_str()));
    let names: Vec<&str> = names.chain(diagnose::names()).collect();
    let near = names.iter().map(|known| (strsim::damerau_levenshtein(known, name), known));
    let near = near.filter(|(distance, known)| *distance <= 2.max(known.len() / 3)).min();
    let lower = name.to_ascii_lowercase();
    let with: Vec<&str> = names.iter().copied().filter(|known| known.contains(&lower)).take(HINTS).collect();
    let hint = match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None if !lower.is_empty() && !with.is_empty() => format!("there is {}", with.join(", ")),
        None => "`sparkbake explain` lists all".to_owned(),
    };
    Stop::Usage(format!("no problem, rule or failure is called `{name}`; {hint}"))
}

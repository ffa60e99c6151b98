//! Libraries that make a Spark session of their own.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::problem::Problem;
use crate::problem::codes::app as codes;

use super::said::What;
use super::{App, weighed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    library: Vec<Library>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    /// Dotted names of the functions.
    calls: Vec<String>,
    /// Whether it downloads jars at the start.
    #[serde(default)]
    downloads: bool,
    /// Whether it takes a session that is there already.
    #[serde(default)]
    takes_session: bool,
    /// What begins the name of the jar that it brings.
    brings: Option<String>,
    /// What it undoes, to be read after the call's name.
    undoes: String,
    /// How to hand it the image's session.
    instead: String,
    /// Where that is known from.
    source: String,
}

static FACTS: LazyLock<Option<Facts>> = LazyLock::new(|| toml::from_str(include_str!("facts/libraries.toml")).ok());

pub(super) fn problems(app: &App<'_>) -> Vec<Problem> {
    let has_session = app.mentions().any(|(_, sure, what)| sure && matches!(what, What::Session));
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for (file, sure, what) in app.mentions() {
        match what {
            What::Call { name, span } => {
                let Some(library) = find(name) else { continue };
                if library.takes_session && has_session || !told.insert((file, name)) {
                    continue;
                }
                let code = if library.downloads { codes::DOWNLOADS } else { codes::LIBRARY };
                let short = name.rsplit('.').next().unwrap_or(name);
                let problem = Problem::new(weighed(code, sure), format!("`{short}` {}", library.undoes));
                let problem = problem.at(&app.at(file, span), "called here").note(library.source.clone());
                problems.push(problem.help(library.instead.clone()));
            }
            What::Collect(word) => problems.push(collects(app, file, &word.text, &word.span)),
            _ => {}
        }
    }
    problems
}

fn find(name: &str) -> Option<&'static Library> {
    FACTS.as_ref()?.library.iter().find(|library| library.calls.iter().any(|call| call == name))
}

/// The beginning of the jar's name that a call makes Spark take.
pub(super) fn brings(name: &str) -> Option<&'static str> {
    find(name)?.brings.as_deref()
}

fn collects(app: &App<'_>, file: usize, method: &str, span: &std::ops::Range<usize>) -> Problem {
    let heap = app.request.plans.iter().map(|plan| plan.heap_mib).min().unwrap_or_default();
    let result = app.request.plans.iter().map(|plan| plan.max_result_mib).min().unwrap_or_default();
    Problem::new(codes::COLLECTS, format!("`{method}` brings the whole result to Python"))
        .at(&app.at(file, span), "all rows")
        .note(format!("the heap has {heap} MiB, and results of more than {result} MiB are refused; Python holds the rows once more"))
        .help("`limit` or an aggregate before it, or write the result; `[memory] driver-mib` leaves room for what Python holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_can_be_read() {
        let facts = FACTS.as_ref().unwrap();
        assert!(facts.library.iter().all(|library| !library.source.is_empty() && !library.calls.is_empty()));
    }
}

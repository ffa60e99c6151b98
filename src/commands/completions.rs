//! `completions`: the script for a shell, and what that script asks for.
//!
//! The script hands the words of the line over; what they can become is clap's answer, with the matrix's
//! axes, versions and rules in it.

use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use crate::cli::{Cli, Completions, Shell};
use crate::matrix;
use crate::problem;

use super::{Stop, say};

pub(super) fn completions(request: &Completions) -> Result<(), Stop> {
    if request.words.is_empty() {
        let script = match request.shell {
            Shell::Bash => include_str!("completions/sparkbake.bash"),
            Shell::Zsh => include_str!("completions/sparkbake.zsh"),
            Shell::Fish => include_str!("completions/sparkbake.fish"),
        };
        return Ok(say(script)?);
    }
    let last = request.words.len() - 1;
    // What cannot be completed is no mistake: the shell says nothing either.
    let found = complete(&mut command(), request.words.clone(), last, None).unwrap_or_default();
    let lines: Vec<String> = found.iter().map(|one| format!("{}\n", one.get_value().to_string_lossy())).collect();
    Ok(say(&lines.concat())?)
}

/// The command line with the values that the facts know.
fn command() -> clap::Command {
    let words = |name: &'static str, completer: fn(&OsStr) -> Vec<CompletionCandidate>| {
        move |action: clap::Command| action.mut_arg(name, |arg| arg.add(ArgValueCompleter::new(completer)))
    };
    let axes = ["spark", "java", "python", "scala", "hadoop", "debian"];
    Cli::command()
        .mut_subcommand("matrix", |matrix| {
            matrix
                .mut_subcommand("show", |show| axes.iter().fold(show, |show, axis| words(axis, version_of(axis))(show)))
                .mut_subcommand("check", words("words", word))
                .mut_subcommand("solve", words("words", word))
                .mut_subcommand("connectors", words("spark", version_of("spark")))
                .mut_subcommand("connectors", words("java", version_of("java")))
                .mut_subcommand("connectors", words("hadoop", version_of("hadoop")))
                .mut_subcommand("connectors", words("name", connector))
                .mut_subcommand("diff", words("from", version_of("spark")))
                .mut_subcommand("diff", words("to", version_of("spark")))
        })
        .mut_subcommand("explain", words("name", rule))
        .mut_subcommand("init", words("spark", version_of("spark")))
}

fn candidates(all: impl IntoIterator<Item = String>, begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    all.into_iter().filter(|one| one.starts_with(&*begun)).map(CompletionCandidate::new).collect()
}

fn word(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(matrix::completions(&begun.to_string_lossy()), begun)
}

fn version_of(axis: &str) -> fn(&OsStr) -> Vec<CompletionCandidate> {
    match axis {
        "spark" => |begun| candidates(matrix::values("spark"), begun),
        "java" => |begun| candidates(matrix::values("java"), begun),
        "python" => |begun| candidates(matrix::values("python"), begun),
        "scala" => |begun| candidates(matrix::values("scala"), begun),
        "hadoop" => |begun| candidates(matrix::values("hadoop"), begun),
        _ => |begun| candidates(matrix::values("debian"), begun),
    }
}

fn connector(begun: &OsStr) -> Vec<CompletionCandidate> {
    candidates(matrix::connector_names().map(str::to_owned), begun)
}

fn rule(begun: &OsStr) -> Vec<CompletionCandidate> {
    let rules = matrix::rules().map(|rule| rule.id.clone());
    let found = candidates(problem::codes::all().map(|code| code.name.to_owned()).chain(rules), begun);
    if found.is_empty() { word(begun) } else { found }
}

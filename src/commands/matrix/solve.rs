//! `matrix solve`: the best stack within ranges, or the words that cannot stand together.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::MatrixWords;
use crate::matrix::{self, Solution, Solved};

use super::{
    BAD, GOOD, Stop, World, cell, columns, document, painted, say, say_json, strangers, tally, told_json, told_text,
    usage,
};

pub(super) fn solve(request: &MatrixWords, world: &World) -> Result<(), Stop> {
    let solved = matrix::solve(&request.words).map_err(|mistakes| usage(&mistakes))?;
    let strangers = strangers(&request.words, world);
    match solved {
        Solved::Found(solutions, python) => {
            if request.json {
                say_json(&document(json!({
                    "solutions": solutions.iter().map(|one| solution_json(one, &python)).collect::<Vec<_>>(),
                    "unknown": strangers,
                })))?;
            } else {
                say(&found(&solutions, &python, world))?;
            }
            Ok(())
        }
        Solved::Impossible(core, why) => {
            if request.json {
                let why: Vec<Value> = why.iter().map(told_json).collect();
                say_json(&document(json!({ "solutions": [], "core": core, "findings": why, "unknown": strangers })))?;
            } else {
                let mut text = format!("{}: {}\n", painted(BAD.bold(), "cannot stand together", world), core.join(" "));
                for told in &why {
                    let _ = write!(text, "\n{}", told_text(told, world));
                }
                if why.is_empty() {
                    text.push_str("  nothing that the facts know is all of this\n");
                }
                say(&text)?;
            }
            Err(Stop::Problems)
        }
    }
}

fn solution_json(solution: &Solution, python: &[String]) -> Value {
    json!({
        "stack": solution.stack,
        "jars": solution.jars,
        "requirements": python,
        "doubts": solution.doubts.iter().map(told_json).collect::<Vec<_>>(),
        "toml": block(solution, python),
    })
}

fn found(solutions: &[Solution], python: &[String], world: &World) -> String {
    let Some((best, others)) = solutions.split_first() else { return String::new() };
    let mut text = block(best, python);
    for told in &best.doubts {
        let _ = write!(text, "\n{}", told_text(told, world));
    }
    if best.doubts.is_empty() {
        let _ = writeln!(text, "\n{}: no rule speaks against it", painted(GOOD.bold(), "consistent", world));
    }
    if !others.is_empty() {
        let rows = others.iter().map(|one| {
            let stack = &one.stack;
            let doubts = if one.doubts.is_empty() { "none".to_owned() } else { tally(&one.doubts) };
            let jars =
                one.jars.iter().map(|jar| jar.split(':').skip(1).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
            [&stack.spark, &stack.java, &stack.python, &stack.debian, &jars.join(", "), &doubts].map(cell).to_vec()
        });
        let rows: Vec<_> = rows.collect();
        let _ = write!(text, "\n{}", columns(&["or PySpark", "Java", "Python", "Debian", "jars", "doubts"], &rows));
    }
    text
}

/// What goes into a profile.
fn block(solution: &Solution, python: &[String]) -> String {
    let stack = &solution.stack;
    let mut text = format!(
        "[stack]\nspark = \"{}\"\njava = \"{}\"\npython = \"{}\"\ndebian = \"{}\"\n",
        stack.spark, stack.java, stack.python, stack.debian
    );
    if matrix::shipped(&stack.spark).and_then(|release| release.hadoop()) != Some(&stack.hadoop) {
        let _ = writeln!(text, "hadoop = \"{}\"", stack.hadoop);
    }
    let quoted = |all: &[String]| all.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ");
    if !solution.jars.is_empty() {
        let _ = writeln!(text, "\n[maven]\njars = [{}]", quoted(&solution.jars));
    }
    if !python.is_empty() {
        let _ = writeln!(text, "\n[python]\nrequirements = [{}]", quoted(python));
    }
    text
}

//! The closures that the real tools make: Maven, pip and uv, apt.
//!
//! Both sides read through a [`recorder::Recorder`], so that an index that moves between two reads
//! fails no test. The tables are in tests/data/resolvers, one line a closure.

mod debian;
mod maven;
mod python;
mod recorder;

use serde_json::Value;

use crate::{command_in, said};

/// `sparkbake resolve …` over a registry; the closure, or what was said.
fn resolved(environment: &[(&str, &str)], store: &std::path::Path, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let (of, rest) = arguments.split_first().unwrap();
    let arguments: Vec<&str> = ["resolve", of, "--json"].iter().chain(rest).copied().collect();
    let ran = command_in(store, store, &arguments).envs(environment.iter().copied()).output().unwrap();
    if !ran.status.success() {
        return Err(said(&ran));
    }
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
    Ok(answer["closure"].as_array().unwrap().clone())
}

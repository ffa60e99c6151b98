//! The binary on bad input: what it says, and with which exit code. Nothing here leaves the machine;
//! registries are directories, or servers on loopback.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests of the whole")]

mod answers;
mod app;
mod completions;
mod diagnose;
mod faults;
mod formats;
mod indexes;
mod interrupted;
mod matrix;
mod origins;
mod profiles;
mod registries;
mod resolve;
mod run;
mod sizes;
mod streams;
mod trees;
mod world;

use std::process::Output;

/// What was said on standard error.
fn said(ran: &Output) -> String {
    String::from_utf8(ran.stderr.clone()).unwrap()
}

/// Asserts an exit code and what standard error must hold.
#[track_caller]
fn expect(ran: &Output, code: i32, parts: &[&str]) {
    let text = said(ran);
    assert_eq!(ran.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

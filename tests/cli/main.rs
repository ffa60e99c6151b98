//! The binary on bad input: what it says, and with which exit code. Nothing here leaves the machine;
//! registries are directories, or servers on loopback.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests of the whole")]

mod answers;
mod app;
mod archive;
mod completions;
mod diagnose;
mod faults;
mod formats;
mod indexes;
mod interrupted;
mod killed;
mod matrix;
mod origins;
mod parts;
mod profiles;
mod registries;
mod resolve;
mod run;
mod sizes;
mod streams;
mod trees;
#[path = "../common/whole.rs"]
mod whole;
mod world;

use std::fs;
use std::path::Path;
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

/// Copies a directory with all that is in it.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

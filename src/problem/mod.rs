//! The user's mistakes as values: [`Problem`], its [`Code`], and the place in the user's file that caused it.
//!
//! A stage collects every mistake it can see and returns them together; nothing here stops at the
//! first. [`render`] draws them with carets. World failures are [`crate::error::Error`], not problems.

use std::ops::Range;
use std::sync::Arc;

pub mod codes;
mod formats;
mod render;

pub use codes::Code;
pub use formats::{github, sarif};
pub use render::{explain, json, render};

/// How much a problem weighs before `[lints]` and `--deny` have spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Not shown.
    Allow,
    /// Shown; the command goes on.
    Warn,
    /// Shown; nothing is built.
    Deny,
}

/// A place in the profile, or in another file of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct At {
    /// The file; `None` is the profile.
    pub file: Option<Arc<SourceFile>>,
    /// In the profile the dotted key path, list elements by index: `maven.jars[1]`, `target.aci.cpu`.
    /// In another file its name.
    pub key: String,
    /// Byte range in the file's text.
    pub span: Range<usize>,
}

impl At {
    /// A place in the profile.
    #[must_use]
    pub fn new(key: impl Into<String>, span: Range<usize>) -> Self {
        Self { file: None, key: key.into(), span }
    }

    /// A place in another file.
    #[must_use]
    pub fn in_file(file: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self { file: Some(Arc::clone(file)), key: file.name.clone(), span }
    }
}

/// One mistake, with all that is needed to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind of mistake.
    pub code: Code,
    /// What is wrong, in one line without a full stop; names the values involved.
    pub message: String,
    /// Where the user wrote the cause; `None` where no line is at fault.
    pub at: Option<At>,
    /// What stands beside the caret of `at`; empty for none.
    pub label: String,
    /// Other places that take part, each with its label.
    pub also: Vec<(At, String)>,
    /// Reasons and sources, a line each.
    pub notes: Vec<String>,
    /// Remedies, a line each, the best first.
    pub help: Vec<String>,
}

impl Problem {
    /// A problem without a place yet.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at: None,
            label: String::new(),
            also: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// The same problem, pointing at the cause.
    #[must_use]
    pub fn at(self, at: &At, label: impl Into<String>) -> Self {
        Self { at: Some(at.clone()), label: label.into(), ..self }
    }

    /// The same problem, pointing at one more place.
    #[must_use]
    pub fn also(mut self, at: &At, label: impl Into<String>) -> Self {
        self.also.push((at.clone(), label.into()));
        self
    }

    /// The same problem with one more reason or source.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same problem with one more remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// A number of things in words: `1 class`, `2 classes`.
#[must_use]
pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A text that problems point into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFile {
    /// The path as the user knows it, or the name of a built-in profile.
    pub name: String,
    /// The whole text.
    pub text: String,
}

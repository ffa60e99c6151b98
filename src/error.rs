//! The world failed: [`Error`] carries the object on which it failed. And [`Failure`], what ends a
//! stage that asks the outside: the user's problems, or the world's error.

use std::io;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::problem::Problem;

/// Something outside of the user's files went wrong.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each variant says what its fields are")]
pub enum Error {
    /// A local file could not be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A local file could not be written.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A server could not be reached, or the exchange broke off. The URL holds no secrets.
    #[error("cannot fetch {url}: {reason}")]
    Http { url: String, reason: String, transient: bool },
    /// A container registry refused, or the exchange with it broke off; `what` was to be done.
    #[error("{what}: {reason}")]
    Exchange { what: String, reason: String, transient: bool },
    /// Bytes are not the promised ones.
    #[error("{what} is not what was promised: expected {expected}, got {got}")]
    Digest { what: String, expected: String, got: String },
    /// A registry's answer makes no sense, or a signature does not hold.
    #[error("{what}: {reason}")]
    Registry { what: String, reason: String },
    /// An archive, jar, wheel or package is damaged, hostile, or of a shape we do not know.
    #[error("{what}: {reason}")]
    Archive { what: String, reason: String },
    /// The network would be needed and may not be used.
    #[error("{what} is not in the store, and --offline forbids fetching it")]
    Offline { what: String },
    /// No registry is configured; `help` is the line to paste.
    #[error("no {registry} registry is configured: {reason}")]
    NoEndpoint { registry: String, reason: String, help: String },
    /// A program that was asked for help failed.
    #[error("{program}: {reason}")]
    Program { program: String, reason: String },
}

impl Error {
    /// An [`Error::Read`] of a path.
    pub fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    /// An [`Error::Write`] to a path.
    pub fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// An [`Error::Archive`] about `what`.
    #[expect(clippy::needless_pass_by_value, reason = "what is said is at its end here")]
    pub fn archive(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Archive { what: what.into(), reason: reason.to_string() }
    }

    /// An [`Error::Registry`] about `what`.
    #[expect(clippy::needless_pass_by_value, reason = "what is said is at its end here")]
    pub fn registry(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Registry { what: what.into(), reason: reason.to_string() }
    }

    /// An [`Error::Digest`] of two digests.
    pub fn mismatch(what: impl Into<String>, expected: &Digest, got: &Digest) -> Self {
        Self::Digest { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// Whether the same command may succeed if it is run again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Http { transient: true, .. } | Self::Exchange { transient: true, .. })
    }
}

/// Why a stage stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The user's files are at fault; every mistake that could be seen is here.
    #[error("{} problem(s)", .0.len())]
    Problems(Vec<Problem>),
    /// The world is at fault.
    #[error(transparent)]
    World(#[from] Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

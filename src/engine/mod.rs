//! Container engines of this machine: what `build --load` fills, and what `run` starts images with.
//!
//! docker and podman are [`Client`]s of an engine that has images of its own; crun and runc are [`Runtime`]s, which
//! start a directory. Both run a container in the foreground and a program in it beside, and [`watch`] follows both.

mod client;
mod runtime;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::environment::Environment;
use crate::error::Error;

pub use client::{Client, load};
pub use runtime::{Bundle, Process, Runtime, user};
pub use watch::{Ended, watch};

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Docker's command line.
    Docker,
    /// Podman.
    Podman,
    /// The OCI runtime in C.
    Crun,
    /// The OCI runtime in Go.
    Runc,
}

impl Kind {
    /// In the order they are tried.
    const ALL: [Self; 4] = [Self::Docker, Self::Podman, Self::Crun, Self::Runc];

    /// Its program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Crun => "crun",
            Self::Runc => "runc",
        }
    }
}

/// What a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes; swap is none beside it.
    pub memory: u64,
    /// vCPUs in thousandths.
    pub cpu_milli: u32,
}

impl Limits {
    /// The period of the scheduler's quota, in microseconds.
    const PERIOD: u64 = 100_000;
    /// Azure Container Instances has no setting for it, and this is what container runtimes give.
    const SHM: u64 = 64 << 20;

    /// Microseconds of CPU time in each period.
    fn quota(self) -> u64 {
        u64::from(self.cpu_milli) * Self::PERIOD / 1000
    }
}

/// An engine that answers.
#[derive(Debug)]
pub enum Engine {
    /// It has images of its own.
    Client(Client),
    /// It starts a directory.
    Runtime(Runtime),
}

/// The engine that was asked for, or the first that is there and answers.
///
/// # Errors
/// [`Error::Program`] where there is none, with what is wrong with each.
pub fn find(environment: &Environment, wanted: Option<Kind>) -> Result<Engine, Error> {
    let mut reasons = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| wanted.is_none_or(|wanted| wanted == *kind)) {
        match at(environment, kind) {
            Ok(engine) => return Ok(engine),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(Error::Program { program: "no container engine".to_owned(), reason: reasons.join("; ") })
}

fn at(environment: &Environment, kind: Kind) -> Result<Engine, String> {
    let name = kind.name();
    let program = environment.program(name).ok_or_else(|| format!("{name} is not on PATH"))?;
    if matches!(kind, Kind::Crun | Kind::Runc) {
        return Ok(Engine::Runtime(Runtime::new(name, program)));
    }
    // Whether its engine answers, too.
    let mut version = Command::new(&program);
    let said = output(version.arg("version")).map_err(|error| error.to_string())?;
    if said.status.success() {
        Ok(Engine::Client(Client::new(name, program)))
    } else {
        Err(format!("{name}: {}", excerpt(&said.stderr)))
    }
}

/// What a program says, whose input is empty.
fn output(command: &mut Command) -> Result<std::process::Output, Error> {
    let program = PathBuf::from(command.get_program());
    command.stdin(Stdio::null()).output().map_err(|error| failed(&program.display().to_string(), error))
}

fn failed(program: &str, reason: impl std::fmt::Display) -> Error {
    Error::Program { program: program.to_owned(), reason: reason.to_string() }
}

/// What a program said of its failure, fit for a terminal.
fn excerpt(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect()
}

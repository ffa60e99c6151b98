//! docker and podman, whose command lines agree in what is used here.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit};

use crate::environment::Environment;
use crate::error::Error;

use super::{Kind, Limits, excerpt, failed, output};

/// The command line of an engine.
#[derive(Debug)]
pub struct Client {
    name: &'static str,
    program: PathBuf,
}

/// Streams an archive into the first engine on `PATH` and returns the engine's name.
///
/// # Errors
/// [`Error::Program`] where there is no engine or it refuses; what `write` fails with.
pub fn load(
    environment: &Environment,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<&'static str, Error> {
    let names = [Kind::Docker.name(), Kind::Podman.name()];
    let found = names.iter().find_map(|name| environment.program(name).map(|path| Client::new(name, path)));
    let client = found.ok_or_else(|| {
        failed("--load", "neither docker nor podman is on PATH; write an archive instead: -o docker-archive:FILE")
    })?;
    client.load(write)?;
    Ok(client.name)
}

/// What a container is given where the caller has no less: the kernel's own bounds of open files (`fs.nr_open`) and, by
/// default, of processes (`kernel.pid_max`).
const FILES: u64 = 1 << 20;
const PROCESSES: u64 = 1 << 15;

/// A limit for the container that the caller may give.
fn capped(name: &str, resource: Resource, most: u64) -> String {
    let most = getrlimit(resource).maximum.map_or(most, |own| own.min(most));
    format!("--ulimit={name}={most}:{most}")
}

impl Client {
    pub(super) fn new(name: &'static str, program: PathBuf) -> Self {
        Self { name, program }
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Streams an archive into the engine.
    ///
    /// # Errors
    /// [`Error::Program`] where the engine refuses; what `write` fails with.
    pub fn load(&self, write: impl FnOnce(&mut dyn Write) -> Result<(), Error>) -> Result<(), Error> {
        let failed = |reason: String| failed(&format!("{} load", self.name), reason);
        let mut child = Command::new(&self.program)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let stdin = child.stdin.take().ok_or_else(|| failed("it takes no input".to_owned()))?;
        let mut buffered = io::BufWriter::with_capacity(1 << 20, stdin);
        let written = write(&mut buffered);
        drop(buffered);
        let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(excerpt(&output.stderr)));
        }
        written
    }

    /// Whether the engine has an image of that name.
    ///
    /// # Errors
    /// [`Error::Program`] where the engine cannot be asked.
    pub fn has(&self, image: &str) -> Result<bool, Error> {
        Ok(output(Command::new(&self.program).args(["image", "inspect", image]))?.status.success())
    }

    /// Runs an image in the foreground; the container's identity is written to `id`, a file that is not there yet.
    #[must_use]
    pub fn run(&self, image: &str, limits: Limits, command: &[String], id: &Path) -> Command {
        let mut run = Command::new(&self.program);
        let number = |flag: &str, value: u64| format!("--{flag}={value}");
        run.args(["run", "--rm", "--pull=never", "--cidfile"]).arg(id);
        // A quota instead of `--cpus`, which docker refuses beyond the machine's own.
        run.args([
            number("memory", limits.memory),
            number("memory-swap", limits.memory),
            number("cpu-period", Limits::PERIOD),
            number("cpu-quota", limits.quota()),
            number("shm-size", Limits::SHM),
        ]);
        if self.name == Kind::Podman.name() {
            // Its own defaults may be above what its caller may give; docker's service has limits of its own.
            run.args([capped("nofile", Resource::Nofile, FILES), capped("nproc", Resource::Nproc, PROCESSES)]);
        }
        run.arg(image).args(command);
        run
    }

    /// Runs a shell's text in a container.
    #[must_use]
    pub fn exec(&self, container: &str, text: &str) -> Command {
        let mut exec = Command::new(&self.program);
        exec.args(["exec", container, "sh", "-c", text].map(OsStr::new));
        exec
    }
}

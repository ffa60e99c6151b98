//! The container engine of this machine, for `build --load`.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::environment::Environment;
use crate::error::Error;

/// Engines that read a `docker save` archive from standard input, in the order they are tried.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// Streams an archive into the first engine on `PATH` and returns the engine's name.
///
/// # Errors
/// [`Error::Program`] where there is no engine or it refuses; what `write` fails with.
pub fn load(
    environment: &Environment,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<&'static str, Error> {
    let found = ENGINES.iter().find_map(|name| environment.program(name).map(|path| (*name, path)));
    let (name, path) = found.ok_or_else(|| Error::Program {
        program: "--load".to_owned(),
        reason: "neither docker nor podman is on PATH; write an archive instead: -o docker-archive:FILE".to_owned(),
    })?;
    let failed = |reason: String| Error::Program { program: format!("{name} load"), reason };
    let mut child = Command::new(path)
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
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.trim().chars().filter(|c| !c.is_control()).take(2000).collect()));
    }
    written.map(|()| name)
}

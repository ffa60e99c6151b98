//! Other people's programs that answer soon: helpers that know a password, tools that tell a default.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long one may take: some ask the user.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest pause between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(100);
/// The most that is heard of one, in bytes.
const SAYS: u64 = 1 << 20;

/// Runs a program: what it printed, and whether it succeeded. What it says on standard error nobody hears, as it may
/// hold a secret.
///
/// # Errors
/// What starting it fails with; [`io::ErrorKind::TimedOut`] where it takes longer than a minute.
pub fn ask(command: &mut Command, input: &[u8]) -> io::Result<(String, bool)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input may still know the answer.
        let _ = stdin.write_all(input);
    }
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map(|out| out.take(SAYS).read_to_end(&mut said));
        (said, read)
    });
    let success = wait(&mut child)?;
    let (said, _) = reader.join().unwrap_or_default();
    Ok((String::from_utf8_lossy(&said).into_owned(), success))
}

/// Waits a while, and ends a child that does not end.
fn wait(child: &mut Child) -> io::Result<bool> {
    let mut pause = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(pause);
        waited += pause;
        pause = PAUSE.min(pause * 2);
    }
    child.kill()?;
    child.wait()?;
    Err(io::Error::new(io::ErrorKind::TimedOut, "did not answer within a minute"))
}

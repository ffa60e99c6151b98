//! Other people's programs that answer soon: helpers that know a password, tools that tell a default.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long one may take: some ask the user.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest pause between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(100);
/// How long what it said may take to arrive once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The most that one says which knows a secret, in bytes.
pub const SECRET: u64 = 64 << 10;
/// The most that one says which tells about itself, in bytes.
pub const HELP: u64 = 1 << 20;

/// Runs a program: what it printed, up to so many bytes, and whether it succeeded. What it says on standard error nobody
/// hears, as it may hold a secret.
///
/// # Errors
/// What starting it fails with; [`io::ErrorKind::TimedOut`] where it takes longer than a minute.
pub fn ask(command: &mut Command, input: &[u8], most: u64) -> io::Result<(String, bool)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input may still know the answer.
        let _ = stdin.write_all(input);
    }
    let stdout = child.stdout.take();
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stdout.map(|out| out.take(most).read_to_end(&mut said));
        let _ = tell.send(said);
    });
    let success = wait(&mut child)?;
    // A daemon that it left behind may hold its output open for ever.
    let said = heard.recv_timeout(LAST_WORDS).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str) -> (String, bool) {
        ask(Command::new("sh").args(["-c", script]), b"asked", SECRET).unwrap()
    }

    #[test]
    fn whatever_a_program_does_it_is_left_behind() {
        assert_eq!(said("cat"), ("asked".to_owned(), true));
        assert_eq!(said("echo no; exit 3"), ("no\n".to_owned(), false));
        assert_eq!(said("head -c 3000000 /dev/zero").0.len(), usize::try_from(SECRET).unwrap());
        // Its child goes on, with its output open.
        assert!(said("sleep 7 & echo $!").1);
    }
}

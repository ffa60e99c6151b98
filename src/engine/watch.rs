//! A container in the foreground, what it says, and a program in it beside.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::Error;

use super::failed;

/// This much of the log's end is kept, in bytes: as much as Azure Container Instances keeps of a running container.
const KEPT: usize = 4 << 20;
/// Between two tries to look into a container that is about to start.
const PAUSE: Duration = Duration::from_millis(200);
/// A longer line of the program beside is cut, in bytes.
const LINE_MAX: u64 = 1 << 20;

/// How a container ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; 128 and the signal where one ended the engine's program.
    pub code: i32,
    /// The end of what it said, both streams as they came.
    pub log: Vec<u8>,
}

/// Runs a container to its end. What it says goes to standard output and error at once, or to standard error alone.
/// Meanwhile `beside` is asked for a command until it gives one that runs, whose lines `line` takes.
///
/// # Errors
/// [`Error::Program`] where the engine's program cannot be started.
pub fn watch(
    mut run: Command,
    only_error: bool,
    beside: &(dyn Fn() -> Option<Command> + Sync),
    line: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Ended, Error> {
    let program = run.get_program().display().to_string();
    let cannot = |error: io::Error| failed(&program, error);
    run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().map_err(cannot)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let log = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    let looking = Mutex::new(None);
    let status = thread::scope(|scope| {
        scope.spawn(|| err.map(|err| copy(err, &mut io::stderr(), &log)));
        scope.spawn(|| match out {
            Some(out) if only_error => copy(out, &mut io::stderr(), &log),
            Some(out) => copy(out, &mut io::stdout(), &log),
            None => {}
        });
        scope.spawn(|| look(beside, line, &is_over, &looking));
        let status = child.wait();
        is_over.store(true, Ordering::Release);
        if let Some(looking) = lock(&looking).as_mut() {
            // It ends with its container; where the engine is slow to notice, it is not waited for.
            let _ = Child::kill(looking);
        }
        status
    });
    let status = status.map_err(cannot)?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(Ended { code, log: log.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies a stream as it comes; a reader that has gone away is nobody's failure.
fn copy(mut from: impl Read, to: &mut dyn Write, log: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let read = buffer.get(..count).unwrap_or_default();
        let _ = to.write_all(read).and_then(|()| to.flush());
        let mut log = lock(log);
        log.extend_from_slice(read);
        let over = log.len().saturating_sub(KEPT);
        if over > KEPT {
            log.drain(..over);
        }
    }
}

/// Starts the program beside until it says something, and takes its lines.
fn look(
    beside: &(dyn Fn() -> Option<Command> + Sync),
    line: &mut (dyn FnMut(&[u8]) + Send),
    is_over: &AtomicBool,
    looking: &Mutex<Option<Child>>,
) {
    while !is_over.load(Ordering::Acquire) {
        let spawn = |mut command: Command| {
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
        };
        let Some(mut child) = beside().and_then(spawn) else {
            thread::sleep(PAUSE);
            continue;
        };
        let lines = child.stdout.take();
        *lock(looking) = Some(child);
        let said = lines.map_or(0, |lines| take(BufReader::new(lines), line));
        let child = lock(looking).take();
        if let Some(mut child) = child {
            let _ = child.wait();
        }
        if said > 0 {
            return;
        }
        thread::sleep(PAUSE);
    }
}

fn take(mut from: impl BufRead, line: &mut (dyn FnMut(&[u8]) + Send)) -> usize {
    let mut count = 0;
    let mut bytes = Vec::new();
    while let Ok(1..) = (&mut from).take(LINE_MAX).read_until(b'\n', &mut bytes) {
        line(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
        bytes.clear();
        count += 1;
    }
    count
}

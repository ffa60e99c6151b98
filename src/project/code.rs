//! The Python of `[[app.copy]]`, as text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::app;
use crate::error::{Error, Failure};
use crate::problem::{Problem, SourceFile, codes, plural};
use crate::profile::Profile;
use crate::tree::ImagePath;

use super::copies::{Found, walk};
use super::{Project, read_bounded};

/// A larger file holds data.
const FILE_MAX: u64 = 2 << 20;
/// Bytes of all files together.
const ALL_MAX: u64 = 64 << 20;
/// Files.
const FILES_MAX: usize = 20_000;

/// The app's code.
#[derive(Debug, Default)]
pub struct Code {
    /// Its Python files.
    pub files: Vec<app::File>,
    /// Paths of everything that is copied.
    pub copied: Vec<ImagePath>,
    /// What is not read, and what should not be copied.
    pub problems: Vec<Problem>,
}

/// Reads the Python files of every `[[app.copy]]`.
///
/// # Errors
/// As [`super::copies`].
pub fn code(project: &Project, profile: &Profile) -> Result<Code, Failure> {
    let mut code = Code::default();
    let mut problems = Vec::new();
    let mut left: u64 = ALL_MAX;
    for copy in &profile.app.copies {
        let below = copy.to.value.trim_matches('/').to_owned();
        let (mut unread, mut keys) = (Vec::new(), Vec::new());
        let mut take = |found: Found<'_>| {
            let Found::File { source, to, .. } = found else {
                if let Found::Link(to, _) = found {
                    code.copied.push(to);
                }
                return Ok(());
            };
            let path = to.clone();
            code.copied.push(to);
            if source.extension().is_none_or(|extension| extension != "py") {
                if is_private_key(source)? {
                    keys.push(shown(project, source));
                }
                return Ok(());
            }
            let text = read_bounded(source, FILE_MAX.min(left)).map(String::from_utf8);
            match text {
                Ok(Ok(text)) if code.files.len() < FILES_MAX => {
                    left = left.saturating_sub(text.len() as u64);
                    let source = Arc::new(SourceFile { name: shown(project, source), text });
                    code.files.push(app::File { path, below: below.clone(), source });
                }
                Ok(_) | Err(Error::Archive { .. }) => unread.push(shown(project, source)),
                Err(error) => return Err(error),
            }
            Ok(())
        };
        match walk(project, copy, &mut take, &mut Vec::new()) {
            Ok(()) => {}
            Err(Failure::Problems(more)) => problems.extend(more),
            Err(world) => return Err(world),
        }
        if let Some(first) = keys.first() {
            let count = plural(keys.len(), "private key", "private keys");
            let problem = Problem::new(codes::app::PRIVATE_KEY, format!("{count} would be in the image: {first}"));
            let problem = problem.at(&copy.from.at, "copied from here").note("whoever can pull the image can read it");
            code.problems.push(problem.help("name it in `exclude`, and give it to the container when it starts"));
        }
        if let Some(first) = unread.first() {
            let count = plural(unread.len(), "Python file is", "Python files are");
            let problem = Problem::new(codes::app::UNREAD, format!("{count} not read, such as {first}"));
            let problem = problem.at(&copy.from.at, "copied from here");
            code.problems.push(problem.note("larger than 2 MiB, no UTF-8, or beyond 64 MiB and 20,000 files together"));
        }
    }
    if problems.is_empty() { Ok(code) } else { Err(problems.into()) }
}

/// Whether a file begins as a private key in PEM does (RFC 7468, section 10; RFC 1421 for what is older).
fn is_private_key(path: &Path) -> Result<bool, Error> {
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head)).map_err(Error::read(path))?;
    let text = String::from_utf8_lossy(&head);
    Ok(text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with("PRIVATE KEY-----")))
}

/// A file's path as the profile's was typed.
fn shown(project: &Project, source: &Path) -> String {
    let below = source.strip_prefix(&project.directory).unwrap_or(source);
    let typed = Path::new(&project.source.name).parent().unwrap_or(Path::new(""));
    let path = if project.lock_path.is_some() { typed.join(below) } else { below.to_owned() };
    path.display().to_string()
}

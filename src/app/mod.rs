//! The app's own code: the user's Python files read, never run.
//!
//! In go the files of `[[app.copy]]`, what the image holds and what is baked; out come problems with
//! carets in those files. A file is parsed (`parse`), its names are bound (`names`) and what it
//! says is collected (`walk`, `calls`); the rules of the other files then judge that. What rests on
//! a guess weighs less: a branch that a run decides, a default, a file that the command does not reach.
//! Absent on purpose: reading files and jars, and any rule of a setting that `[spark.conf]` has too.

mod calls;
mod files;
mod image;
mod imports;
mod libraries;
mod names;
mod parse;
mod program;
mod reach;
mod said;
mod search;
mod settings;
mod sources;
mod values;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use ruff_python_ast::{PythonVersion, Stmt};

use crate::matrix::Stack;
use crate::memory::MemoryPlan;
use crate::problem::codes::app as codes;
use crate::problem::{At, Code, Problem, SourceFile};
use crate::profile::Profile;
use crate::tree::ImagePath;

pub use image::Image;

use parse::Fault;
use program::Program;
use said::{Mention, What};

/// A Python file of the app.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it lies in the image.
    pub path: ImagePath,
    /// The directory that its copy goes to, as a path of the image.
    pub below: String,
    /// The file as the user knows it.
    pub source: Arc<SourceFile>,
}

/// What is read, and what it is held against.
pub struct Request<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The row of the matrix.
    pub stack: &'a Stack,
    /// The Python files.
    pub files: &'a [File],
    /// Paths of everything that `[[app.copy]]` brings.
    pub copied: &'a [ImagePath],
    /// Everything else in the image; `None` where nobody has looked.
    pub image: Option<&'a Image>,
    /// A plan a size.
    pub plans: &'a [MemoryPlan],
    /// What the image bakes of the environment.
    pub environment: &'a BTreeMap<String, String>,
}

/// Everything that is wrong with the app's code.
#[must_use]
pub fn check(request: &Request<'_>) -> Vec<Problem> {
    if request.files.is_empty() {
        return Vec::new();
    }
    // Trees are as deep as the code, and so are walks through them and their ends.
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(parse::STACK).spawn_scoped(scope, || read(request));
        match reader.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(problems)) => problems,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => {
                vec![Problem::new(codes::UNREAD, format!("the app's code is not read: no thread for it: {error}"))]
            }
        }
    })
}

fn read(request: &Request<'_>) -> Vec<Problem> {
    let python = python_of(&request.stack.python);
    let parsed: Vec<_> = request.files.iter().map(|file| parse::parse(&file.source.text, python)).collect();
    let bodies: Vec<Option<&[Stmt]>> =
        parsed.iter().map(|parsed| parsed.as_ref().ok().map(|parsed| parsed.syntax().body.as_slice())).collect();
    let packages: Vec<String> =
        request.files.iter().map(|file| program::dotted(reach::parent(file.path.as_str()))).collect();
    let command: Vec<&str> = request.profile.app.command.iter().map(|word| word.value.as_str()).collect();
    let start = reach::start(&command, request.files, request.environment);
    let everywhere = reach::all_directories(request.files);
    let known = !start.roots.is_empty();
    let wide = if known { [start.directories.clone(), everywhere.clone()].concat() } else { everywhere };
    let program = Program::new(request.files, &bodies, &packages, (&wide, !known), request.environment, python);
    let said: Vec<Vec<Mention>> = (0..request.files.len()).map(|file| walk::walk(&program, file)).collect();
    let roots = if known {
        start.roots
    } else {
        let runs = |at: &usize| request.files.get(*at).is_some_and(|file| !reach::is_test(file));
        (0..request.files.len()).filter(runs).collect()
    };
    let reached = reach::reached(&roots, &said, &program, request.files);
    let moved = reached.iter().filter_map(|file| said.get(*file)).flatten();
    let moved = moved.clone().any(|mention| matches!(mention.what, What::SearchPath));
    let copied = request.copied.iter().map(|path| path.as_str().to_owned());
    let image = request.image.map(|image| image.with(copied));
    let app = App {
        request,
        image: image.as_ref(),
        said: &said,
        reached: &reached,
        wide: &wide,
        narrow: &start.directories,
        known,
        exact: known && !moved,
        vendored: &reach::vendored(request.copied),
    };
    let mut problems = app.faults(&parsed);
    problems.extend(imports::problems(&app));
    problems.extend(settings::problems(&app));
    problems.extend(files::problems(&app));
    problems.extend(sources::problems(&app));
    problems.extend(libraries::problems(&app));
    problems
}

/// What the rules look at.
struct App<'a> {
    request: &'a Request<'a>,
    /// The image with the app in it.
    image: Option<&'a Image>,
    said: &'a [Vec<Mention>],
    reached: &'a BTreeSet<usize>,
    /// Every directory of the app that may be looked into for modules.
    wide: &'a [String],
    /// Those that the command makes Python look into.
    narrow: &'a [String],
    /// Whether the command names files of the app.
    known: bool,
    /// Whether Python looks into those alone.
    exact: bool,
    /// Directories of the app that hold installed packages.
    vendored: &'a [String],
}

impl<'a> App<'a> {
    /// What is said in files that may run: the file's number, whether it holds for sure, and what it is. Of files
    /// that the command does not reach nothing is sure.
    fn mentions(&self) -> impl Iterator<Item = (usize, bool, &'a What)> {
        let runs = |(file, said): (usize, &'a Vec<Mention>)| {
            self.counts(file).then(|| (file, self.reached.contains(&file), said))
        };
        self.said.iter().enumerate().filter_map(runs).flat_map(|(file, reached, said)| {
            said.iter().map(move |mention| (file, reached && mention.sure, &mention.what))
        })
    }

    /// Whether a file is the user's own, and no test that the command does not reach.
    fn counts(&self, number: usize) -> bool {
        self.file(number).is_some_and(|file| {
            let is_own = !self.vendored.iter().any(|directory| file.path.as_str().starts_with(directory));
            is_own && (self.reached.contains(&number) || !reach::is_test(file))
        })
    }

    fn file(&self, number: usize) -> Option<&'a File> {
        self.request.files.get(number)
    }

    fn at(&self, file: usize, span: &Range<usize>) -> At {
        self.file(file).map_or_else(At::default, |file| At::in_file(&file.source, span.clone()))
    }

    fn faults<T>(&self, parsed: &[Result<T, Fault>]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (number, parsed) in parsed.iter().enumerate() {
            let (Err(fault), Some(file)) = (parsed, self.file(number)) else { continue };
            if !self.counts(number) {
                continue;
            }
            let reached = self.reached.contains(&number);
            let python = &self.request.stack.python;
            let message = format!("Python {python} does not take `{}`: {}", file.source.name, fault.message);
            let problem = Problem::new(weighed(codes::SYNTAX, reached), message).at(&self.at(number, &fault.span), "");
            problems.push(match &fault.since {
                Some(since) => problem.help(format!(
                    "Python {since} takes it, and newer ones: another `[stack] python`, or write it for {python}"
                )),
                None => problem,
            });
        }
        problems
    }
}

/// The code at its own level where it holds for sure, else as a warning.
fn weighed(code: Code, sure: bool) -> Code {
    if sure { code } else { code.doubtful() }
}

/// The target's Python as the parser counts; its newest for one that it cannot read.
fn python_of(text: &str) -> PythonVersion {
    let minor = text.split('.').nth(1).and_then(|minor| minor.parse().ok());
    minor.map_or(PythonVersion::latest(), |minor| PythonVersion { major: 3, minor })
}

/// The name closest to one that is not there, if it could be a slip: one edit, two in a long name. Short names
/// are too close to each other for a letter more or less.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> Option<&'n String> {
    let most = 1 + usize::from(name.len() > 7);
    let differ = if name.len() < 6 { 0 } else { most };
    let close = known.filter(|other| name.len() > 3 && other.len().abs_diff(name.len()) <= differ);
    let scored = close.map(|other| (strsim::osa_distance(name, other), other));
    scored.filter(|(edits, _)| *edits <= most).min().map(|(_, other)| other)
}

//! Looking at jars before the image is built: class files too new for the Java, classes that come
//! twice, classes that are required and missing.
//!
//! In go jars as bytes, out come problems. Absent on purpose: linking of members, and the classes of
//! the JDK. Spark's own jars are the baseline: what they do among themselves is never reported.

mod class;
mod duplicates;
mod jar;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::thread;

use crate::error::Error;
use crate::outside::ReadAt;
use crate::problem::codes::classpath as code;
use crate::problem::{At, Problem};
use crate::profile::Located;

use jar::Contents;

/// A jar of the class path.
pub struct Jar {
    /// File name: `delta-spark_2.12-3.3.2.jar`.
    pub name: String,
    /// Why it is here, as in the lock.
    pub via: String,
    /// Where the user asked for it, where that is known.
    pub at: Option<At>,
    /// Whether it is one of Spark's own, untouched.
    pub stock: bool,
    /// Its bytes.
    pub bytes: Box<dyn ReadAt>,
}

impl Jar {
    fn problem(&self, code: crate::problem::Code, message: String) -> Problem {
        let problem = Problem::new(code, message);
        let problem = match &self.at {
            Some(at) => problem.at(at, self.name.clone()),
            None => problem,
        };
        if self.via.is_empty() {
            problem
        } else {
            problem.note(format!("{} is here because of {}", self.name, self.via))
        }
    }
}

/// Every problem of the class path that the jars show. `java` is the feature release; `require` are
/// binary or source names of classes.
///
/// # Errors
/// [`Error::Archive`] about the first jar, in their order, that cannot be read as one.
pub fn verify(jars: &[Jar], java: u32, require: &[Located<String>]) -> Result<Vec<Problem>, Error> {
    let contents = read_all(jars)?;
    let mut problems: Vec<Problem> =
        jars.iter().zip(&contents).filter_map(|(jar, contents)| too_new(jar, contents, java)).collect();
    problems.extend(duplicates::problems(jars, &contents));
    problems.extend(missing(&contents, java, require));
    Ok(problems)
}

/// The contents of every jar, in their order, read on all cores.
fn read_all(jars: &[Jar]) -> Result<Vec<Contents>, Error> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jars.len().max(1));
    let mut read: Vec<(usize, Result<Contents, Error>)> = thread::scope(|scope| {
        let work = |first: usize| {
            move || {
                let own = jars.iter().enumerate().skip(first).step_by(workers);
                own.map(|(i, jar)| (i, Contents::read(jar))).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..workers).map(|first| scope.spawn(work(first))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<_>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    });
    read.sort_by_key(|(i, _)| *i);
    read.into_iter().map(|(_, contents)| contents).collect()
}

fn too_new(jar: &Jar, contents: &Contents, java: u32) -> Option<Problem> {
    let newest = class::newest_for(java);
    let mut too_new = contents.majors.iter().filter(|(_, major)| *major > newest);
    let (example, _) = too_new.next()?;
    let count = 1 + too_new.count();
    let needed = contents.majors.iter().map(|(_, major)| class::java_of(*major)).max()?;
    let problem = jar
        .problem(code::TOO_NEW, format!("{} is compiled for Java {needed}, and the image has Java {java}", jar.name));
    Some(
        problem
            .note(format!("{count} class(es), such as {}", example.replace('/', ".")))
            .note("an older JVM refuses them with UnsupportedClassVersionError (JVMS 4.1)")
            .help(format!("`java = \"{needed}\"`, or a version of the jar that is made for Java {java}")),
    )
}

fn missing(contents: &[Contents], java: u32, require: &[Located<String>]) -> Vec<Problem> {
    if require.is_empty() {
        return Vec::new();
    }
    let present: BTreeSet<String> = contents
        .iter()
        .flat_map(|jar| {
            let versioned = jar.versioned.iter().filter(|(version, _)| *version <= java).map(|(_, name)| name);
            jar.classes.keys().chain(versioned).map(|name| name.replace('/', "."))
        })
        .collect();
    // A source name writes a nested class with a dot.
    let is_there = |wanted: &str| {
        let mut name = wanted.replace('/', ".");
        loop {
            if present.contains(&name) {
                return true;
            }
            let Some(last) = name.rfind('.') else { return false };
            name.replace_range(last..=last, "$");
        }
    };
    let absent = require.iter().filter(|wanted| !is_there(&wanted.value));
    absent.map(|wanted| missing_problem(wanted, &present)).collect()
}

fn missing_problem(wanted: &Located<String>, present: &BTreeSet<String>) -> Problem {
    let problem = Problem::new(code::MISSING, format!("no jar has the required class {}", wanted.value))
        .at(&wanted.at, "in no jar of the class path");
    let simple = |name: &str| name.rsplit(['.', '$']).next().unwrap_or_default().to_owned();
    let own = simple(&wanted.value);
    let same = present.iter().find(|name| simple(name) == own);
    let close = same.or_else(|| {
        let near = present.iter().map(|name| (strsim::jaro(&wanted.value, name), name));
        near.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    });
    match close {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None => problem.help("add the jar that has it to `[maven] jars`"),
    }
}

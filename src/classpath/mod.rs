//! The class path, linked as the JVM would link it, before the image exists.
//!
//! ```text
//! jar bytes ──zip, class──▶ Facts ─┐
//! lib/modules ──jimage──▶ Runtime ─┴─universe─▶ link ──▶ [Finding] ──causes──▶ Report ──▶ [Problem]
//! ```
//!
//! [`Facts`] are what linking needs of a jar, and follow from its bytes alone; the caller may keep them.
//! `universe` says which class a name denotes; `link/` loads and links every class and resolves every
//! reference by the rules of the JVMS. What the untouched distribution has too is left out, and what is left
//! is grouped by `causes`: a report has one line for each.
//!
//! Absent on purpose: other class loaders than the system's (`spark.jars`, Hive's isolated client), and any
//! list of known exceptions.

mod bytes;
mod causes;
mod class;
mod details;
mod duplicates;
mod facts;
mod findings;
mod form;
mod gather;
mod id;
mod identity;
mod jar;
mod jimage;
mod link;
mod manifest;
mod modules;
mod report;
mod required;
mod scala;
mod settings;
mod site;
mod universe;
mod work;
mod zip;

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::outside::ReadAt;
use crate::problem::codes::classpath as code;
use crate::problem::{At, Problem, plural};
use crate::profile::Located;

pub use causes::Baseline;
pub use details::{Details, Reference, Refusal};
pub use facts::{FACTS_VERSION, Facts};
pub use modules::ModuleFlags;
pub use settings::named_classes;

use facts::mark;
use id::Table;
use link::changes::Changes;
use link::load::{Loads, is_refused};
use modules::BootLayer;
use universe::{ABSENT, RUNTIME, Universe};

/// Raised with every change of what is found.
pub const RULES_VERSION: u32 = 2;

/// A jar of the class path.
pub struct Jar {
    /// File name: `delta-spark_2.12-3.3.2.jar`.
    pub name: String,
    /// Why it is here, as in the lock.
    pub via: String,
    /// Where the user asked for it, where that is known.
    pub at: Option<At>,
    /// How it came here.
    pub role: Role,
    /// What its bytes are known by: others have another. Empty where nothing is to be kept of it.
    pub known_by: String,
    /// Its bytes.
    pub bytes: Box<dyn ReadAt>,
}

/// How a jar came to the class path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// With the distribution, untouched.
    Stock,
    /// By a coordinate: what its POM asks for is there, too.
    Added,
    /// As a file of the user's own: nobody knows what it needs.
    Own,
    /// It came with the distribution and is not there any more.
    Removed,
}

/// The classes and modules of the Java runtime of the image.
#[derive(Debug, Default)]
pub struct Runtime {
    contents: jimage::Contents,
}

impl Runtime {
    /// Reads `lib/modules`.
    ///
    /// # Errors
    /// [`Error::Archive`] where it is none, or compressed in a way that is not known here.
    pub fn read(name: &str, bytes: &dyn ReadAt, threads: usize) -> Result<Self, Error> {
        let contents = jimage::read(bytes, threads).map_err(|reason| Error::archive(name, reason))?;
        Ok(Self { contents })
    }

    /// The runtime as bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.contents.to_bytes()
    }

    /// A runtime that was kept; none where the bytes are of other rules, or not whole.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self { contents: jimage::Contents::from_bytes(bytes)? })
    }
}

/// What is to be verified.
pub struct Request<'a> {
    /// All jars, those of the class path in its order.
    pub jars: &'a [Jar],
    /// Their facts.
    pub facts: &'a [Facts],
    /// The Java runtime.
    pub runtime: &'a Runtime,
    /// Its feature release.
    pub java: u32,
    /// Flags of the JVM that concern modules.
    pub flags: &'a ModuleFlags,
    /// Binary or source names of classes that somebody will ask for.
    pub require: &'a [Located<String>],
    /// Whether [`Report::details`] is wanted.
    pub details: bool,
    /// Threads that work at once.
    pub threads: usize,
}

/// The facts of jars, in their order.
pub fn facts(jars: &[&dyn ReadAt], java: u32, threads: usize) -> Vec<Facts> {
    jar::facts(jars, java, threads)
}

/// The flags that Spark's launcher gives to every JVM: the strings of its `JavaModuleOptions`.
#[must_use]
pub fn spark_flags(jars: &[Jar], facts: &[Facts]) -> ModuleFlags {
    let wanted = id::id(b"org/apache/spark/launcher/JavaModuleOptions");
    let mut flags = ModuleFlags::default();
    for (jar, facts) in jars.iter().zip(facts).filter(|(jar, _)| jar.role != Role::Removed) {
        let classes = facts.segments.iter().flat_map(|segment| segment.classes.iter().map(move |c| (segment, c)));
        let found = classes.filter(|(segment, c)| segment.symbol(c.name).is_some_and(|symbol| symbol.id == wanted));
        for (_, class) in found {
            let mut bytes = Vec::new();
            if jar::Reader::new(jar.bytes.as_ref()).class(class, &mut bytes)
                && let Ok(class) = class::ClassFile::parse(&bytes, Vec::new())
            {
                let strings = (1..class.pool.count()).filter_map(|index| class.pool.string(index));
                flags.add(strings.filter_map(|text| std::str::from_utf8(text).ok()));
            }
        }
    }
    flags
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// A problem for each cause, the jars that cannot be read first.
    pub problems: Vec<Problem>,
    /// Jars on the class path.
    pub jars: usize,
    /// Classes in them.
    pub classes: usize,
    /// Classes that only optional code misses.
    pub optional: usize,
    /// Everything that does not link, known or not.
    pub details: Option<Details>,
}

/// What the untouched distribution has among itself: the jars that are stock or were removed.
#[must_use]
pub fn baseline(request: &Request<'_>) -> Baseline {
    let layer = BootLayer::resolve(&request.runtime.contents.modules, request.flags);
    let of_stock: Vec<_> = request.of_jars(|role| matches!(role, Role::Stock | Role::Removed)).collect();
    let facts: Vec<&Facts> = of_stock.iter().map(|(_, facts)| *facts).collect();
    let bytes: Vec<&dyn ReadAt> = of_stock.iter().map(|(jar, _)| jar.bytes.as_ref()).collect();
    let universe = Universe::new(&request.runtime.contents.segments, &layer, &facts, request.threads);
    let loads = request.loads(&universe, &facts);
    let nothing = Table::default();
    let changes = Changes::of(&universe, &|_| true, &nothing, true);
    Baseline::of(&universe, &link::link(&universe, &loads, &bytes, &changes, request.threads))
}

/// Verifies the class path. Without a baseline everything counts that does not link.
#[must_use]
pub fn verify(request: &Request<'_>, baseline: Option<&Baseline>) -> Report {
    let layer = BootLayer::resolve(&request.runtime.contents.modules, request.flags);
    let on_path: Vec<(&Jar, &Facts)> = request.of_jars(|role| role != Role::Removed).collect();
    let path: Vec<&Jar> = on_path.iter().map(|(jar, _)| *jar).collect();
    let facts: Vec<&Facts> = on_path.iter().map(|(_, facts)| *facts).collect();
    let universe = Universe::new(&request.runtime.contents.segments, &layer, &facts, request.threads);
    let loads = request.loads(&universe, &facts);
    let bytes: Vec<&dyn ReadAt> = path.iter().map(|jar| jar.bytes.as_ref()).collect();
    let roles: Vec<Role> = path.iter().map(|jar| jar.role).collect();
    let role = |at: u32| usize::try_from(at).ok().and_then(|at| roles.get(at)).copied();
    let is_stock = |jar: u32| role(jar) == Some(Role::Stock);
    let gone: Vec<(&Jar, &Facts)> = request.of_jars(|role| role == Role::Removed).collect();
    let removed = causes::removed_classes(&gone);
    // What is as the distribution has it links as it does there.
    let everything = baseline.is_none() || request.details;
    let changes = Changes::of(&universe, &is_stock, &removed, everything);
    let findings = link::link(&universe, &loads, &bytes, &changes, request.threads);
    let successors: Vec<Option<u32>> = gone.iter().map(|gone| identity::successor(gone, &on_path)).collect();
    let causes = causes::causes(&universe, &findings, &path, &removed, &successors, baseline);
    let gone_jars: Vec<&Jar> = gone.iter().map(|(jar, _)| *jar).collect();
    let words = report::Words { universe: &universe, path: &path, facts: &facts, java: request.java };
    let mut problems: Vec<Problem> = on_path.iter().filter_map(|(jar, facts)| unreadable(jar, facts)).collect();
    problems.extend((0..).zip(&on_path).filter_map(|(at, (jar, _))| request.too_new(&universe, at, jar)));
    problems.extend((0..).zip(&on_path).filter_map(|(at, (jar, _))| malformed(&universe, at, jar)));
    let matters = |a: u32, b: u32| !is_stock(a) || !is_stock(b);
    let pairs = duplicates::pairs(&universe, &matters);
    problems.extend(words.causes(&causes, &pairs, &gone_jars));
    problems.extend(words.duplicates(&pairs));
    problems.extend(required::problems(&universe, &loads, request.require));
    let classes = facts.iter().flat_map(|facts| &facts.segments).map(|segment| segment.classes.len()).sum();
    let details = request.details.then(|| details::details(&universe, &findings, &path, baseline));
    Report { problems, jars: path.len(), classes, optional: causes.optional.len(), details }
}

impl Request<'_> {
    fn of_jars(&self, of: impl Fn(Role) -> bool) -> impl Iterator<Item = (&Jar, &Facts)> {
        self.jars.iter().zip(self.facts).filter(move |(jar, _)| of(jar.role))
    }

    /// The newest major version that the Java takes: 61 for 17 (JVMS, table 4.1-A).
    fn newest(&self) -> u16 {
        u16::try_from(self.java.saturating_add(44)).unwrap_or(u16::MAX)
    }

    fn loads(&self, universe: &Universe<'_>, facts: &[&Facts]) -> Loads {
        let bad: Vec<bool> = facts.iter().map(|facts| facts.jar.bad_manifest.is_some()).collect();
        Loads::of(universe, self.newest(), &bad)
    }

    fn too_new(&self, universe: &Universe<'_>, at: u32, jar: &Jar) -> Option<Problem> {
        if jar.role == Role::Stock {
            return None;
        }
        let newest = self.newest();
        let mut found = classes_of(universe, at).filter(|(_, facts)| is_refused(facts.major, facts.minor, newest));
        let (example, first) = found.next()?;
        let rest: Vec<u16> = found.map(|(_, facts)| facts.major).collect();
        let needed = rest.iter().copied().chain([first.major]).max()?.saturating_sub(44);
        let java = self.java;
        let message = format!("{} is compiled for Java {needed}, and the image has Java {java}", jar.name);
        Some(
            jar.problem(code::TOO_NEW, message)
                .note(format!("{} class(es), such as {}", 1 + rest.len(), site::dotted(&example)))
                .note("an older JVM refuses them with UnsupportedClassVersionError (JVMS 4.1)")
                .help(format!("`java = \"{needed}\"`, or a version of the jar that is made for Java {java}")),
        )
    }
}

/// The classes of a jar that are found by their names.
fn classes_of<'u>(universe: &'u Universe<'_>, jar: u32) -> impl Iterator<Item = (String, &'u facts::ClassFacts)> + 'u {
    universe.segments.iter().filter(move |segment| segment.jar == jar && jar != RUNTIME).flat_map(move |segment| {
        let found = segment.numbers.iter().zip(&segment.facts.classes);
        let found = found.filter(|(number, _)| **number != ABSENT && !universe.is_hidden(**number));
        found.map(|(_, facts)| (universe::text(segment.facts, facts.name), facts))
    })
}

/// What keeps the JVM from reading a jar at all.
fn unreadable(jar: &Jar, facts: &Facts) -> Option<Problem> {
    if let Some(reason) = &facts.jar.unreadable {
        let problem = jar.problem(code::UNREADABLE, format!("the JVM cannot open {}: {reason}", jar.name));
        return Some(problem.note("it says nothing about it: the jar's classes are simply not there"));
    }
    let reason = facts.jar.bad_manifest.as_ref()?;
    let problem = jar.problem(code::UNREADABLE, format!("the manifest of {} is malformed: {reason}", jar.name));
    Some(problem.note("no class of a jar with such a manifest can be loaded"))
}

/// Class files of a jar that the JVM refuses to parse.
fn malformed(universe: &Universe<'_>, at: u32, jar: &Jar) -> Option<Problem> {
    if jar.role == Role::Stock {
        return None;
    }
    let segments = universe.segments.iter().filter(|segment| segment.jar == at);
    let broken: Vec<(String, &str)> = segments
        .flat_map(|segment| {
            segment.facts.malformed.iter().filter_map(|(index, reason)| {
                let class = segment.facts.class(*index)?;
                // Classes below a folder of their own are somebody's data, and those of a newer Java are told apart.
                let is_data = reason.starts_with("is named");
                (class.has(mark::MALFORMED) && !is_data && !reason.contains("version"))
                    .then(|| (universe::text(segment.facts, class.name), reason.as_str()))
            })
        })
        .collect();
    let (name, reason) = broken.first()?;
    let message =
        format!("{} has {} that the JVM refuses", jar.name, plural(broken.len(), "class file", "class files"));
    Some(jar.problem(code::MALFORMED, message).note(format!("ClassFormatError: {} {reason}", site::dotted(name))))
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

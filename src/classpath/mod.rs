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
//! is grouped by `causes`: a report has one line for each. `proof` tells what an override breaks and mends,
//! [`explain`] all about one class.
//!
//! Absent on purpose: other class loaders than the system's (`spark.jars`, Hive's isolated client), and any
//! list of known exceptions.

mod bytes;
mod causes;
mod class;
pub mod constants;
mod details;
mod explain;
mod duplicates;
mod facts;
mod findings;
mod form;
mod gather;
mod guards;
mod id;
mod identity;
mod index;
mod jar;
mod jimage;
mod link;
mod manifest;
mod modules;
mod proof;
mod report;
mod required;
mod scala;
mod services;
mod settings;
mod signature;
mod site;
mod split;
mod universe;
mod work;
mod zip;

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::outside::ReadAt;
use crate::problem::codes::classpath as code;
use crate::problem::{At, Problem, plural};

pub use causes::Baseline;
pub use details::{Details, Named, Reference, Refusal};
pub use explain::{Copy, Explanation, Fate, Member, Step, Users, explain};
pub use facts::{FACTS_VERSION, Facts};
pub use modules::ModuleFlags;
pub use proof::Proof;
pub use settings::{Making, Required, named_classes};

use facts::mark;
use id::Table;
use link::changes::Changes;
use link::load::{FaultKind, Loads, is_refused};
use modules::BootLayer;
use universe::{ABSENT, RUNTIME, Universe};

/// Raised with every change of what is found.
pub const RULES_VERSION: u32 = 5;

/// A jar of the class path.
pub struct Jar {
    /// File name: `delta-spark_2.12-3.3.2.jar`.
    pub name: String,
    /// Maven's group, where it came by a coordinate; empty where that is not known.
    pub group: String,
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
    /// Classes that somebody will ask for.
    pub require: &'a [Required],
    /// Whether [`Report::details`] is wanted.
    pub details: bool,
    /// Threads that work at once.
    pub threads: usize,
}

/// The facts of jars, in their order.
pub fn facts(jars: &[&dyn ReadAt], java: u32, threads: usize) -> Vec<Facts> {
    jar::facts(jars, java, threads)
}

/// The paths of the files that a jar brings to the class path beside itself, relative to its own directory unless
/// absolute; a directory ends with a slash. URLs of other schemes than `file` are ignored, as Java ignores them.
#[must_use]
pub fn brings(jar: &dyn ReadAt, java: u32) -> Vec<String> {
    jar::brings(jar, java)
}

/// The names of a jar's classes, with dots, but for those inside of others; none where the JVM cannot open it.
#[must_use]
pub fn class_names(jar: &dyn ReadAt) -> Vec<String> {
    let Ok(archive) = zip::Archive::open(jar) else { return Vec::new() };
    let name = |entry| {
        let name = std::str::from_utf8(archive.name(entry)).ok()?.strip_suffix(".class")?;
        (!name.contains('$') && !name.starts_with("META-INF/")).then(|| name.replace('/', "."))
    };
    archive.entries.iter().filter_map(name).collect()
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
                && let Ok(class) = class::ClassFile::parse(&bytes, class::Places::default())
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
    /// What came of each jar of the distribution that another stands in for.
    pub proofs: Vec<Proof>,
    /// Everything that does not link, known or not.
    pub details: Option<Details>,
}

/// Some jars of a request, each with the class files that it gives, and which of them can be loaded.
struct Ready<'a> {
    path: Vec<&'a Jar>,
    facts: Vec<&'a Facts>,
    bytes: Vec<&'a dyn ReadAt>,
    universe: Universe<'a>,
    loads: Loads,
}

impl<'a> Ready<'a> {
    fn of(request: &'a Request<'a>, layer: &'a BootLayer, roles: impl Fn(Role) -> bool) -> Self {
        let (path, facts): (Vec<&Jar>, Vec<&Facts>) = request.of_jars(roles).unzip();
        let universe = Universe::new(&request.runtime.contents.segments, layer, &facts, request.threads);
        let loads = request.loads(&universe, &facts);
        let bytes = path.iter().map(|jar| jar.bytes.as_ref()).collect();
        Self { path, facts, bytes, universe, loads }
    }

    /// As a distribution that nobody touched.
    fn baseline(&self, threads: usize) -> Baseline {
        let nothing = Table::default();
        let changes = Changes::of(&self.universe, &|_| true, &nothing, true);
        let findings = link::link(&self.universe, &self.loads, &self.bytes, &changes, threads);
        let services = services::faults(&self.universe, &self.loads, &self.facts, &findings);
        Baseline::of(&self.universe, &findings, services.iter().map(services::Fault::key))
    }
}

/// Whether a jar of that role belongs to the untouched distribution.
fn is_of_distribution(role: Role) -> bool {
    matches!(role, Role::Stock | Role::Removed)
}

/// Whether a jar of that role is on the class path.
fn is_on_path(role: Role) -> bool {
    role != Role::Removed
}

/// What the untouched distribution has among itself: the jars that are stock or were removed.
#[must_use]
pub fn baseline(request: &Request<'_>) -> Baseline {
    let layer = request.layer();
    Ready::of(request, &layer, is_of_distribution).baseline(request.threads)
}

/// Verifies the class path. Without a baseline everything counts that does not link.
#[must_use]
pub fn verify(request: &Request<'_>, baseline: Option<&Baseline>) -> Report {
    let layer = request.layer();
    report(request, &layer, &Ready::of(request, &layer, is_on_path), baseline)
}

/// Verifies the class path against a distribution of which nothing is known yet, and gives what it has.
#[must_use]
pub fn verify_anew(request: &Request<'_>) -> (Baseline, Report) {
    if request.jars.iter().any(|jar| jar.role != Role::Stock) {
        let baseline = baseline(request);
        let report = verify(request, Some(&baseline));
        return (baseline, report);
    }
    let layer = request.layer();
    let ready = Ready::of(request, &layer, is_on_path);
    let baseline = ready.baseline(request.threads);
    let report = report(request, &layer, &ready, Some(&baseline));
    (baseline, report)
}

fn report(request: &Request<'_>, layer: &BootLayer, ready: &Ready<'_>, baseline: Option<&Baseline>) -> Report {
    let Ready { path, facts, bytes, universe, loads } = ready;
    let on_path: Vec<(&Jar, &Facts)> = path.iter().copied().zip(facts.iter().copied()).collect();
    let roles: Vec<Role> = path.iter().map(|jar| jar.role).collect();
    let role = |at: u32| usize::try_from(at).ok().and_then(|at| roles.get(at)).copied();
    let is_stock = |jar: u32| role(jar) == Some(Role::Stock);
    let gone: Vec<(&Jar, &Facts)> = request.of_jars(|role| role == Role::Removed).collect();
    let removed = causes::removed_classes(&gone);
    // What is as the distribution has it links as it does there.
    let everything = baseline.is_none() || request.details;
    let changes = Changes::of(universe, &is_stock, &removed, everything);
    let findings = link::link(universe, loads, bytes, &changes, request.threads);
    let services = services::faults(universe, loads, facts, &findings);
    let successors: Vec<Option<u32>> = gone.iter().map(|gone| identity::successor(gone, &on_path)).collect();
    let causes = causes::causes(universe, &findings, path, &removed, &successors, baseline);
    let now = proof::Now { universe, changes: &changes, findings: &findings, causes: &causes, path };
    let proofs = proof::proofs(request, layer, &now, &gone, &successors);
    let gone_jars: Vec<&Jar> = gone.iter().map(|(jar, _)| *jar).collect();
    let words = report::Words { universe, path, facts, java: request.java };
    let mut problems: Vec<Problem> = on_path.iter().filter_map(|(jar, facts)| unreadable(jar, facts)).collect();
    problems.extend((0..).zip(&on_path).filter_map(|(at, (jar, _))| request.too_new(universe, at, jar)));
    problems.extend((0..).zip(&on_path).filter_map(|(at, (jar, _))| malformed(universe, at, jar)));
    let matters = |a: u32, b: u32| !is_stock(a) || !is_stock(b);
    let pairs = duplicates::pairs(universe, &matters);
    problems.extend(words.causes(&causes, &pairs, &gone_jars));
    problems.extend(words.duplicates(&pairs));
    let is_known = |key| baseline.is_some_and(|baseline| baseline.has_key(key));
    problems.extend(index::problems(universe, facts, path, request.java));
    problems.extend(split::problems(universe, facts, path));
    let is_told = |provider: &str, class| {
        let gone = removed.get(id::id(provider.replace('.', "/").as_bytes()));
        causes.tell(class) || gone.is_some_and(|jar| causes.tell_removed(jar, &successors))
    };
    problems.extend(services::problems(&services, path, &is_known, &is_told));
    problems.extend(required::problems(universe, loads, bytes, request.require, request.threads));
    let classes = facts.iter().flat_map(|facts| &facts.segments).map(|segment| segment.classes.len()).sum();
    let details = request.details.then(|| details::details(universe, &findings, path, facts, request.java, baseline));
    Report { problems, jars: path.len(), classes, optional: causes.optional.len(), proofs, details }
}

impl Request<'_> {
    fn layer(&self) -> BootLayer {
        BootLayer::resolve(&self.runtime.contents.modules, self.flags)
    }

    fn of_jars(&self, of: impl Fn(Role) -> bool) -> impl Iterator<Item = (&Jar, &Facts)> {
        self.jars.iter().zip(self.facts).filter(move |(jar, _)| of(jar.role))
    }

    /// The newest major version that the Java takes: 61 for 17 (JVMS, table 4.1-A).
    fn newest(&self) -> u16 {
        u16::try_from(self.java.saturating_add(44)).unwrap_or(u16::MAX)
    }

    fn loads(&self, universe: &Universe<'_>, facts: &[&Facts]) -> Loads {
        let fault = |facts: &&Facts| {
            let manifest = facts.jar.bad_manifest.as_ref().map(|_| FaultKind::BadManifest);
            manifest.or(facts.jar.bad_signature.as_ref().map(|_| FaultKind::BadSignature))
        };
        let bad: Vec<Option<FaultKind>> = facts.iter().map(fault).collect();
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
                .note(format!("{}, such as {}", plural(1 + rest.len(), "class", "classes"), site::dotted(&example)))
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
    if let Some(reason) = &facts.jar.bad_signature {
        let problem = jar.problem(code::UNREADABLE, format!("the signature of {} is broken: {reason}", jar.name));
        let problem = problem.note("SecurityException: no class of such a jar can be loaded");
        return Some(problem.help("leave META-INF/*.SF, *.RSA, *.DSA and *.EC out when you pack jars into one"));
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

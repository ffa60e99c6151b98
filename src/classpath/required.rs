//! Classes that somebody will ask for by name: each must be there, load, link, and say its members to Py4J,
//! which asks for all of them at once.

use crate::outside::ReadAt;
use crate::problem::Problem;
use crate::problem::codes::classpath as code;
use crate::profile::Located;

use super::class::{ClassFile, Places, code as body, flag};
use super::facts::{Kind, how, mark};
use super::findings::{Finding, FindingKind, Guard};
use super::id::{Table, id, member, package};
use super::jar::Shelf;
use super::link::changes::Changes;
use super::link::load::Loads;
use super::link::{self, verification};
use super::report::phrase;
use super::settings::{Making, Required};
use super::site::{Site, dotted, parameters, site};
use super::universe::{ClassNo, DEEP, RUNTIME, Universe, text};

/// A problem for each required class that fails.
pub(super) fn problems(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    require: &[Required],
    threads: usize,
) -> Vec<Problem> {
    let found: Vec<ClassNo> = require.iter().filter_map(|wanted| find(universe, &wanted.class.value)).collect();
    let judge = Judge { universe, loads, findings: findings(universe, loads, jars, &found, threads) };
    let mut reader = Shelf::new(jars.iter().copied());
    require.iter().filter_map(|wanted| judge.problem(wanted, &mut reader)).collect()
}

/// What does not link of these classes and those above them.
fn findings(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    classes: &[ClassNo],
    threads: usize,
) -> Vec<Finding> {
    let nothing = Table::default();
    let segments = universe.segments_of(classes);
    let changes = Changes::of(universe, &|_| true, &nothing, true);
    if segments.is_empty() {
        Vec::new()
    } else {
        link::link_segments(universe, loads, jars, &changes, &segments, threads)
    }
}

struct Judge<'a, 'u> {
    universe: &'u Universe<'a>,
    loads: &'u Loads,
    findings: Vec<Finding>,
}

impl Judge<'_, '_> {
    fn problem(&self, required: &Required, reader: &mut Shelf<'_>) -> Option<Problem> {
        let (universe, wanted) = (self.universe, &required.class);
        let Some(class) = find(universe, &wanted.value) else {
            return Some(hidden(universe, wanted).unwrap_or_else(|| missing(universe, wanted)));
        };
        let broken = |what: &str, label: &str| {
            let problem = Problem::new(code::BROKEN, format!("the required class {} {what}", wanted.value));
            problem.at(&wanted.at, label)
        };
        if let Some(fault) = self.loads.fault(class) {
            let other = universe.class(fault.at).map(|(segment, _)| dotted(&text(segment.facts, fault.other)));
            let site = Site { from: dotted(&universe.name(fault.at)), to: other.unwrap_or_default() };
            let note = phrase(&Finding::of_load(class, fault), &site);
            return Some(broken("cannot be loaded", "cannot be loaded").note(note));
        }
        if let Some(finding) = self.link_fault(class) {
            let note = phrase(finding, &site(universe, finding, reader));
            return Some(broken("cannot be linked", "cannot be linked").note(note));
        }
        if let Some(making) = required.making
            && let Some(note) = self.unmakable(class, making)
        {
            let problem = broken("has no instance that Spark could make", "cannot be instantiated").note(note);
            return Some(problem.note(format!("it is made by {}", making.source)));
        }
        if let Some(finding) = self.certain(class, required.making, reader) {
            let note = phrase(finding, &site(universe, finding, reader));
            return Some(broken("fails as soon as it is used", "fails when it is initialised").note(note));
        }
        let unloadable = surface(universe, self.loads, class)?;
        Some(
            broken("cannot be asked for its members", "fails by reflection")
                .note(format!(
                    "NoClassDefFoundError: a field or method of it names {unloadable}, which cannot be loaded"
                ))
                .note("reflection, and so Py4J, resolves every type of a class's members at once"),
        )
    }

    /// Why the class, or one above it, is not linked.
    fn link_fault(&self, class: ClassNo) -> Option<&Finding> {
        let of = |class: ClassNo| self.findings.iter().find(|f| f.source == class && verification::is_refusal(f.kind));
        let mut at = class;
        // The one at which it shows says more than those below it.
        for _ in 0..DEEP {
            let finding = of(at)?;
            if finding.kind != FindingKind::LinkAbove || of(finding.found).is_none() {
                return Some(finding);
            }
            at = finding.found;
        }
        None
    }

    /// Why no instance can be made of the class.
    fn unmakable(&self, class: ClassNo, making: &Making) -> Option<String> {
        let universe = self.universe;
        let name = dotted(&universe.name(class));
        if let Some(of) = universe.find(id(making.of.as_bytes()))
            && !universe.is_subtype(class, of)
        {
            return Some(format!("{name} is no {}", dotted(making.of)));
        }
        if making.constructors.is_empty() {
            return None;
        }
        if universe.flags(class) & (flag::ABSTRACT | flag::INTERFACE) != 0 {
            return Some(format!("InstantiationException: {name} is abstract"));
        }
        if !making.any_access && universe.flags(class) & flag::PUBLIC == 0 {
            return Some(format!("IllegalAccessException: {name} is not public"));
        }
        if self.constructor(class, making).is_some() {
            return None;
        }
        let wanted = making.constructors.iter().filter_map(|of| Some(format!("({})", parameters(of.as_bytes())?)));
        let wanted = wanted.collect::<Vec<_>>().join(" or ");
        let public = if making.any_access { "" } else { "public " };
        Some(format!("NoSuchMethodException: {name} has no {public}constructor {wanted}"))
    }

    /// The descriptor of the constructor that is called.
    fn constructor(&self, class: ClassNo, making: &Making) -> Option<&'static str> {
        making.constructors.iter().copied().find(|of| {
            let declared = self.universe.declared(class, false, member(id(b"<init>"), id(of.as_bytes())));
            declared.is_some_and(|declared| making.any_access || declared.flags & flag::PUBLIC != 0)
        })
    }

    /// A reference that fails and that is certain to be used: in the static initialiser of the class or of one
    /// above it, or in the constructor that is called, before any branch and outside of every handler.
    fn certain(&self, class: ClassNo, making: Option<&Making>, reader: &mut Shelf<'_>) -> Option<&Finding> {
        let constructor = making.and_then(|making| self.constructor(class, making));
        for above in self.universe.chain(class).take_while(|class| self.universe.jar(*class) != RUNTIME) {
            let own = self.findings.iter().filter(|f| f.source == above && f.kind.is_reference());
            let own: Vec<&Finding> = own.filter(|finding| finding.guard == Guard::None).collect();
            let Some(bytes) = (!own.is_empty()).then(|| reader.class(self.universe, above)).flatten() else { continue };
            let Ok(parsed) = ClassFile::parse(&bytes, Places::default()) else { continue };
            let constructor = constructor.filter(|_| above == class);
            let used = straight(&parsed, constructor);
            let (segment, _) = self.universe.class(above)?;
            let names = |finding: &&&Finding| {
                let owner = segment.facts.symbol(finding.target).map_or(0, |symbol| symbol.id);
                let at = usize::try_from(finding.member).ok();
                let wanted = at.and_then(|at| segment.facts.members.get(at)).map(|member| (member.id, member.kind));
                used.iter().any(|used| used.owner == owner && used.member == wanted)
            };
            if let Some(finding) = own.iter().find(names) {
                return Some(finding);
            }
        }
        None
    }
}

/// What an instruction resolves.
struct Resolves {
    /// Number of the class.
    owner: u64,
    /// Number and kind of the member, where it names one.
    member: Option<(u64, Kind)>,
}

/// What the static initialiser, and the constructor of that descriptor, are certain to resolve.
fn straight(class: &ClassFile<'_>, constructor: Option<&str>) -> Vec<Resolves> {
    let pool = &class.pool;
    let mut found = Vec::new();
    for method in &class.methods {
        let (name, of) = (pool.utf8(method.name).unwrap_or_default(), pool.utf8(method.descriptor).unwrap_or_default());
        let called = name == b"<clinit>" || name == b"<init>" && constructor.map(str::as_bytes) == Some(of);
        let Some(code) = method.code.as_ref().filter(|_| called) else { continue };
        for (at, opcode) in code.instructions() {
            let guarded = code.handlers().any(|h| usize::from(h.start) <= at && at < usize::from(h.end));
            // Branches, returns and throws end what is certain.
            if guarded || matches!(opcode, 0x99..=0xb1 | 0xbf | 0xc6..=0xc9) {
                break;
            }
            let Some(index) = body::operand(code.bytes, at) else { continue };
            match opcode {
                0xb2..=0xb9 => found.extend(
                    pool.member(index)
                        .and_then(|(owner, name, of)| {
                            let owner = id(pool.class_name(owner)?);
                            let (name, of) = (pool.utf8(name)?, pool.utf8(of)?);
                            let kind = match opcode {
                                0xb2..=0xb5 => Kind::Field,
                                _ if name == b"<init>" => Kind::Constructor,
                                _ if pool.tag(index) == super::class::pool::tag::INTERFACE_METHOD => {
                                    Kind::InterfaceMethod
                                }
                                _ => Kind::Method,
                            };
                            Some([(owner, None), (owner, Some((member(id(name), id(of)), kind)))])
                        })
                        .into_iter()
                        .flatten()
                        .map(|(owner, member)| Resolves { owner, member }),
                ),
                0xbb => found.extend(pool.class_name(index).map(|name| Resolves { owner: id(name), member: None })),
                _ => {}
            }
        }
    }
    found
}

/// The class of a binary or source name: in source a nested class has a dot.
pub(super) fn find(universe: &Universe<'_>, wanted: &str) -> Option<ClassNo> {
    let mut name = wanted.replace('.', "/");
    loop {
        if let Some(class) = universe.find(id(name.as_bytes())) {
            return Some(class);
        }
        let slash = name.rfind('/')?;
        name.replace_range(slash..=slash, "$");
    }
}

/// A type in a member's descriptor of the class or a class above it that cannot be loaded.
fn surface(universe: &Universe<'_>, loads: &Loads, class: ClassNo) -> Option<String> {
    universe.chain(class).take_while(|class| universe.jar(*class) != RUNTIME).find_map(|class| {
        let (segment, facts) = universe.class(class)?;
        let mentions = facts.mentions.of(&segment.facts.mentions);
        let named = mentions.iter().filter(|mention| mention.how & how::DECLARED != 0);
        let lost = named
            .map(|mention| mention.symbol)
            .find(|symbol| !segment.denoted(*symbol).is_some_and(|class| loads.is_loadable(class)))?;
        Some(dotted(&text(segment.facts, lost)))
    })
}

/// A class that some jar has in a package of the Java runtime.
fn hidden(universe: &Universe<'_>, wanted: &Located<String>) -> Option<Problem> {
    let name = wanted.value.replace('.', "/");
    let number = id(package(name.as_bytes()));
    let module = universe.layer.module(number)?;
    let message = format!("no jar can give the required class {}", wanted.value);
    Some(Problem::new(code::MISSING, message).at(&wanted.at, "hidden by the Java runtime").note(format!(
        "its package belongs to the module {module} of the Java runtime, so the JVM does not look for it in a jar"
    )))
}

fn missing(universe: &Universe<'_>, wanted: &Located<String>) -> Problem {
    let problem = Problem::new(code::MISSING, format!("no jar has the required class {}", wanted.value))
        .at(&wanted.at, "in no jar of the class path");
    let name = wanted.value.replace('.', "/");
    let simple = |name: &str| name.rsplit(['/', '$']).next().unwrap_or_default().to_owned();
    let own = simple(&name);
    let mut best: Option<(f64, String)> = None;
    for segment in universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
        for class in segment.facts.classes.iter().filter(|class| !class.has(mark::MALFORMED)) {
            let other = text(segment.facts, class.name);
            let score = if simple(&other) == own { 2.0 } else { strsim::jaro(&name, &other) };
            if score > best.as_ref().map_or(0.9, |(score, _)| *score) {
                best = Some((score, other));
            }
        }
    }
    match best {
        Some((_, name)) => problem.help(format!("did you mean `{}`?", dotted(&name))),
        None => problem.help("add the jar that has it to `[maven] jars`"),
    }
}

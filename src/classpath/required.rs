//! Classes that somebody will ask for by name: each must be there, load, link, and say its members to Py4J,
//! which asks for all of them at once.

use crate::problem::Problem;
use crate::problem::codes::classpath as code;
use crate::profile::Located;

use super::facts::{how, mark};
use super::findings::{Finding, FindingKind, Guard};
use super::id::{id, package};
use super::link::load::Loads;
use super::report::phrase;
use super::site::{Site, dotted};
use super::universe::{ClassNo, RUNTIME, Universe, text};

/// A problem for each required class that fails.
pub(super) fn problems(universe: &Universe<'_>, loads: &Loads, require: &[Located<String>]) -> Vec<Problem> {
    require.iter().filter_map(|wanted| problem(universe, loads, wanted)).collect()
}

fn problem(universe: &Universe<'_>, loads: &Loads, wanted: &Located<String>) -> Option<Problem> {
    let Some(class) = find(universe, &wanted.value) else {
        return Some(hidden(universe, wanted).unwrap_or_else(|| missing(universe, wanted)));
    };
    if let Some(fault) = loads.fault(class) {
        let other = universe.class(fault.at).map(|(segment, _)| dotted(&text(segment.facts, fault.other)));
        let site = Site { from: dotted(&universe.name(fault.at)), to: other.unwrap_or_default() };
        let finding = Finding {
            source: class,
            segment: 0,
            kind: FindingKind::Load(fault.kind),
            target: fault.other,
            member: 0,
            found: fault.at,
            id: 0,
            guard: Guard::None,
        };
        let problem = Problem::new(code::BROKEN, format!("the required class {} cannot be loaded", wanted.value));
        return Some(problem.at(&wanted.at, "cannot be loaded").note(phrase(&finding, &site)));
    }
    let unloadable = surface(universe, loads, class)?;
    let message = format!("the required class {} cannot be asked for its members", wanted.value);
    Some(
        Problem::new(code::BROKEN, message)
            .at(&wanted.at, "fails by reflection")
            .note(format!("NoClassDefFoundError: a field or method of it names {unloadable}, which cannot be loaded"))
            .note("reflection, and so Py4J, resolves every type of a class's members at once"),
    )
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

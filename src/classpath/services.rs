//! Providers that `META-INF/services` names, as `java.util.ServiceLoader` (JDK 17) takes them. What a jar's
//! module descriptor provides says nothing on the class path.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::codes::classpath as code;
use crate::problem::{Problem, plural};

use super::Jar;
use super::class::flag;
use super::facts::{Facts, how};
use super::findings::{Finding, FindingKind};
use super::id::{Id, id, member};
use super::link::load::Loads;
use super::link::verification::is_refusal;
use super::site::dotted;
use super::universe::{ABSENT, ClassNo, RUNTIME, Universe};

/// Providers that a report names of one jar.
const SHOWN: usize = 2;

/// A provider that `ServiceLoader` refuses.
#[derive(Debug)]
pub(super) struct Fault {
    /// Place of the jar that names it.
    jar: u32,
    /// The service and the provider, binary names.
    service: String,
    provider: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Its line is no name of a class, and so the whole file is refused.
    Syntax,
    Missing,
    /// It, or the class given, cannot be loaded or linked; with the error.
    Refused(ClassNo, &'static str),
    NoSubtype,
    NoConstructor,
    NoInstance,
}

impl Fault {
    /// A number that the same fault has on every class path.
    pub(super) fn key(&self) -> Id {
        let what = match self.what {
            What::Syntax => 1,
            What::Missing | What::Refused(..) => 2,
            What::NoSubtype => 3,
            What::NoConstructor | What::NoInstance => 4,
        };
        member(id(self.service.as_bytes()), id(self.provider.as_bytes())) ^ what
    }

    /// The error as Java has it.
    fn text(&self) -> String {
        let Self { service, provider, what, .. } = self;
        match what {
            What::Syntax => format!("ServiceConfigurationError: {service}: `{provider}` is no name of a class"),
            What::Missing => format!("ServiceConfigurationError: {service}: Provider {provider} not found"),
            What::Refused(_, error) => format!("{error}: when {service} is asked for its provider {provider}"),
            What::NoSubtype => format!("ServiceConfigurationError: {service}: {provider} not a subtype"),
            What::NoConstructor => {
                format!("ServiceConfigurationError: {service}: {provider} has no public constructor without parameters")
            }
            What::NoInstance => {
                format!("ServiceConfigurationError: {service}: Provider {provider} could not be instantiated")
            }
        }
    }
}

/// Every provider that is refused of every service that can be loaded and that somebody asks for.
pub(super) fn faults(universe: &Universe<'_>, loads: &Loads, facts: &[&Facts], findings: &[Finding]) -> Vec<Fault> {
    let unlinkable = findings.iter().filter(|finding| is_refusal(finding.kind));
    let unlinkable: BTreeMap<ClassNo, &'static str> = unlinkable.map(|f| (f.source, f.kind.error())).collect();
    let mut found = Vec::new();
    for (jar, facts) in (0..).zip(facts) {
        for (name, providers) in &facts.jar.services {
            let Some(service) = find(universe, name).filter(|service| loads.is_loadable(*service)) else { continue };
            for provider in providers {
                let what = fault(universe, loads, &unlinkable, service, provider);
                let fault = |what| Fault { jar, service: name.clone(), provider: provider.clone(), what };
                found.extend(what.map(fault));
            }
        }
    }
    let asked = asked(universe, found.iter().map(|fault| fault.service.as_str()));
    found.retain(|fault| asked.contains(fault.service.as_str()));
    found
}

/// The class of a binary name.
fn find(universe: &Universe<'_>, name: &str) -> Option<ClassNo> {
    universe.find(id(name.replace('.', "/").as_bytes()))
}

/// Those of the services that the runtime has, or that some class names in an instruction: as it would to
/// hand them to `ServiceLoader.load`.
fn asked<'s>(universe: &Universe<'_>, services: impl Iterator<Item = &'s str>) -> BTreeSet<String> {
    let numbers = services.filter_map(|name| Some((find(universe, name)?, name.to_owned())));
    let mut open: BTreeMap<ClassNo, String> = numbers.collect();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    open.retain(|class, name| universe.jar(*class) != RUNTIME || !asked.insert(name.clone()));
    for segment in universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
        if open.is_empty() {
            break;
        }
        for mention in segment.facts.mentions.iter().filter(|mention| mention.how & how::TYPE != 0) {
            if let Some(name) = segment.denoted(mention.symbol).and_then(|class| open.remove(&class)) {
                asked.insert(name);
            }
        }
    }
    asked
}

/// What is wrong with a provider. One that is a class of the runtime's modules is passed over in silence.
fn fault(
    universe: &Universe<'_>,
    loads: &Loads,
    unlinkable: &BTreeMap<ClassNo, &'static str>,
    service: ClassNo,
    provider: &str,
) -> Option<What> {
    let mut letters = provider.chars();
    let begins = letters.next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '$'));
    if !begins || letters.any(char::is_whitespace) {
        return Some(What::Syntax);
    }
    let Some(class) = find(universe, provider) else { return Some(What::Missing) };
    if universe.jar(class) == RUNTIME {
        return None;
    }
    if let Some(fault) = loads.fault(class) {
        return Some(What::Refused(fault.at, FindingKind::Load(fault.kind).error()));
    }
    if !universe.is_subtype(class, service) {
        return Some(What::NoSubtype);
    }
    let constructor = universe.declared(class, false, member(id(b"<init>"), id(b"()V")));
    if constructor.is_none_or(|declared| declared.flags & flag::PUBLIC == 0) {
        return Some(What::NoConstructor);
    }
    let flags = universe.flags(class);
    if flags & (flag::ABSTRACT | flag::INTERFACE) != 0 || flags & flag::PUBLIC == 0 {
        return Some(What::NoInstance);
    }
    unlinkable.get(&class).map(|error| What::Refused(class, error))
}

/// A problem for each jar with such providers. What the distribution has too is left out, and what another
/// cause tells (`is_told`).
pub(super) fn problems(
    faults: &[Fault],
    path: &[&Jar],
    is_known: &dyn Fn(Id) -> bool,
    is_told: &dyn Fn(&str, ClassNo) -> bool,
) -> Vec<Problem> {
    let mut by_jar: BTreeMap<u32, Vec<&Fault>> = BTreeMap::new();
    for fault in faults.iter().filter(|fault| !is_known(fault.key())) {
        let class = if let What::Refused(class, _) = fault.what { class } else { ABSENT };
        let lost = matches!(fault.what, What::Missing | What::Refused(..));
        if !lost || !is_told(&fault.provider, class) {
            by_jar.entry(fault.jar).or_default().push(fault);
        }
    }
    let problem = |(jar, faults): (u32, Vec<&Fault>)| {
        let jar = path.get(usize::try_from(jar).ok()?)?;
        let services: BTreeSet<&str> = faults.iter().map(|fault| fault.service.as_str()).collect();
        let of = match services.iter().collect::<Vec<_>>().as_slice() {
            [only] => dotted(only),
            many => plural(many.len(), "service", "services"),
        };
        let message =
            format!("{} names {} of {of} that Java refuses", jar.name, plural(faults.len(), "provider", "providers"));
        let problem = faults
            .iter()
            .take(SHOWN)
            .fold(jar.problem(code::SERVICE, message), |problem, fault| problem.note(fault.text()));
        Some(problem.help("add the jar that has them, or leave this one out: whoever asks for the service fails"))
    };
    by_jar.into_iter().filter_map(problem).collect()
}

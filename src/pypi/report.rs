//! What is wrong with requirements, in words: mistakes of a single one, and contradictions of several.

use std::collections::BTreeSet;

use pep440_rs::Version;
use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};
use pubgrub::{DerivationTree, External, Ranges};

use crate::error::Error;
use crate::problem::{At, Code, Problem, codes::python as codes};
use crate::profile::{Located, requirement};

use super::candidates::Candidate;
use super::normalise;
use super::resolve::{Asked, Choice, Given, OwnWheel, Package, STACK, Search, range};
use super::tags::{Tags, WheelName};

/// The most lines of a derivation that are shown.
const LINES_MAX: usize = 24;

/// Reads the profile's requirements; those that cannot be read are problems.
pub(super) fn roots(requirements: &[Located<String>]) -> (Vec<Asked>, Vec<Problem>) {
    let mut asked = Vec::new();
    let mut problems = Vec::new();
    for Located { value, at } in requirements {
        match requirement::read::<VerbatimUrl>(value) {
            Ok(requirement) if matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_))) => problems.push(
                Problem::new(codes::REQUIREMENT, format!("`{value}` names a URL"))
                    .at(at, "a URL")
                    .note("a lock holds what a package index has, by name, version and digest")
                    .help("require a version of it, or name the wheel in python.files"),
            ),
            Ok(requirement) => asked.push(Asked { at: Some(at.clone()), key: "python.requirements", requirement }),
            Err(reason) => problems.push(
                Problem::new(codes::REQUIREMENT, format!("`{value}` is not a requirement"))
                    .at(at, reason)
                    .help("write it as PEP 508 has it: `name`, `name==1.2`, `name[extra]>=1,<2`"),
            ),
        }
    }
    (asked, problems)
}

/// Why a requirement has no hope whatever the others say; `None` where it has.
pub(super) fn hopeless(search: &Search<'_>, asked: &Asked) -> Result<Option<Problem>, Error> {
    let name = asked.requirement.name.to_string();
    let range = range(&asked.requirement);
    if search.newest(&name, &range)?.is_some() {
        return Ok(None);
    }
    let text = written(&asked.requirement);
    let found = search.project(&name)?;
    let point = |problem: Problem, label: &str| match &asked.at {
        Some(at) => problem.at(at, label),
        None => problem,
    };
    let Some(candidates) = found else {
        let (whose, help) = match search.request.indexes.of(&name) {
            Some(index) => {
                (format!("the index `{index}`"), "check the spelling, or say in python.indexes that another has it")
            }
            None => (
                "the package index".to_owned(),
                "check the spelling; an index of your own is asked for what python.indexes says it has",
            ),
        };
        let problem = Problem::new(codes::UNKNOWN_PROJECT, format!("{whose} has no project `{name}`"));
        return Ok(Some(point(problem, "no such project").help(help)));
    };
    if let Some(given) = given(search, &name) {
        let problem = Problem::new(codes::REQUIREMENT, format!("`{text}` does not admit {}", whose(given)));
        let help = format!("leave it out: {} decides the version of {name}", given.key);
        return Ok(Some(point(problem, "another version").help(help)));
    }
    let within: Vec<&Candidate> = candidates.iter().filter(|c| range.contains(&c.version)).collect();
    if let (Some(pin), true) = (search.pin_of(&name), within.is_empty()) {
        let message =
            format!("the package index has no file of {name} {} with a digest that the lock has", pin.version);
        let problem = point(Problem::new(codes::LOCK, message), "none of these files");
        return Ok(Some(
            problem.help("lock it anew, or name the index that it was locked from (`sparkbake endpoints`)"),
        ));
    }
    let mut problem = if within.is_empty() {
        let problem =
            Problem::new(codes::UNSATISFIABLE, format!("the package index has no version that `{text}` admits"));
        let problem = point(problem, "no such version");
        candidates.first().map_or(problem.clone(), |c| problem.note(format!("the newest {name} is {}", c.version)))
    } else {
        let python = &search.request.python_full;
        let problem = Problem::new(
            codes::NO_WHEEL,
            format!("no {name} that `{text}` admits can be installed for Python {python}"),
        );
        reasons(&name, &within).into_iter().fold(point(problem, "nothing to install"), Problem::note)
    };
    problem = match search.newest(&name, &Ranges::full())? {
        Some(version) => problem.help(format!("{name} {version} is the newest that can be installed")),
        None => problem.help(format!("build a wheel of {name} and name it in python.files")),
    };
    Ok(Some(problem))
}

/// The project as it is given, where its version is decided elsewhere.
fn given<'s>(search: &Search<'s>, name: &str) -> Option<&'s Given> {
    search.request.given.iter().find(|given| normalise(&given.name) == name)
}

fn whose(given: &Given) -> String {
    match given.key {
        STACK => format!("the stack's PySpark {}", given.version),
        _ => format!("{} {}, which is given", given.name, given.version),
    }
}

/// Why versions cannot be used, versions of one reason in one line.
fn reasons(name: &str, candidates: &[&Candidate]) -> Vec<String> {
    let mut out: Vec<(String, Vec<&Version>)> = Vec::new();
    for candidate in candidates {
        let why = match &candidate.wheel {
            Err(why) => why.reason(),
            Ok(file) if file.yanked.is_some() => "was withdrawn and is not pinned with `==`".to_owned(),
            Ok(_) => "is a pre-release, and none is asked for".to_owned(),
        };
        match out.last_mut().filter(|(last, _)| *last == why) {
            Some((_, versions)) => versions.push(&candidate.version),
            None => out.push((why, vec![&candidate.version])),
        }
    }
    out.into_iter().take(LINES_MAX).map(|(why, versions)| format!("{name} {} {why}", span(&versions))).collect()
}

/// Versions, newest first, as one word: `2.0`, or `1.0 to 2.0`.
fn span(versions: &[&Version]) -> String {
    match versions {
        [newest, .., oldest] => format!("{oldest} to {newest}"),
        [one] => one.to_string(),
        [] => String::new(),
    }
}

/// What is chosen and another tool's lock does not pin.
pub(super) fn unpinned(search: &Search<'_>, choices: &[Choice]) -> Vec<Problem> {
    let Some(lock) = &search.request.lock else { return Vec::new() };
    let is_own = |choice: &Choice| choice.via.iter().any(|via| via == "python.files");
    let loose = choices.iter().filter(|choice| search.pin_of(&choice.coordinate.name()).is_none() && !is_own(choice));
    let problem = |choice: &Choice| {
        let message =
            format!("{} is needed by {} and not in the lock", choice.coordinate.name(), choice.via.join(", "));
        Problem::new(codes::LOCK, message).at(&At::in_file(lock, 0..0), "this lock").help("lock it anew")
    };
    loose.map(problem).collect()
}

/// Whether an own wheel runs on the target.
pub(super) fn is_usable(own: &OwnWheel, tags: &Tags) -> bool {
    WheelName::parse(&own.file).is_some_and(|wheel| tags.rank(&wheel).is_some())
}

/// The problem of an own wheel that does not.
pub(super) fn own_wheel(own: &OwnWheel, python: &str) -> Problem {
    Problem::new(codes::NO_WHEEL, format!("{} cannot be installed for Python {python}", own.file))
        .at(&own.at, "its tags do not fit")
        .help("build it for the image's Python and platform")
}

/// A requirement as people write it, without its marker: `pandas[sql]>=2,<3`.
pub(super) fn written(requirement: &Requirement<VerbatimUrl>) -> String {
    let extras: Vec<String> = requirement.extras.iter().map(ToString::to_string).collect();
    let mut out = match extras.as_slice() {
        [] => requirement.name.to_string(),
        extras => format!("{}[{}]", requirement.name, extras.join(",")),
    };
    if let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url {
        let specifiers: Vec<String> = specifiers.iter().map(|s| s.to_string().replace(' ', "")).collect();
        out += &specifiers.join(",");
    }
    out
}

type Tree = DerivationTree<Package, Ranges<Version>, String>;

/// The problem of requirements that contradict each other, with the chain that leads there.
pub(super) fn contradiction(search: &Search<'_>, tree: &Tree) -> Problem {
    let mut leaves = leaves(tree);
    // What was asked first, then what that brings, then what there is not.
    leaves.sort_by_key(|leaf| match leaf {
        External::FromDependencyOf(Package::Root, ..) => 0,
        External::FromDependencyOf(..) => 1,
        _ => 2,
    });
    let mut lines: Vec<String> = Vec::new();
    let mut involved: BTreeSet<&str> = BTreeSet::new();
    let mut code: Code = codes::UNSATISFIABLE;
    for leaf in leaves {
        if let External::FromDependencyOf(Package::Root, _, to, _) = leaf {
            involved.extend(to.project());
        }
        if let External::NoVersions(package, _) = leaf
            && is_without_wheels(search, package)
        {
            code = codes::NO_WHEEL;
        }
        for line in said(search, leaf) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let roots: Vec<&Asked> =
        search.roots.iter().filter(|asked| involved.contains(asked.requirement.name.to_string().as_str())).collect();
    let texts: Vec<String> = roots.iter().map(|asked| format!("`{}`", written(&asked.requirement))).collect();
    let message = match texts.as_slice() {
        [one] => format!("{one} cannot be met"),
        _ => format!("{} cannot be met together", texts.join(", ")),
    };
    let mut problem = Problem::new(code, message);
    for (asked, text) in roots.iter().zip(&texts) {
        problem = match &asked.at {
            Some(at) if problem.at.is_none() => problem.at(at, format!("asks for {text}")),
            Some(at) => problem.also(at, format!("asks for {text}")),
            None => problem,
        };
    }
    let more = lines.len().saturating_sub(LINES_MAX);
    problem = lines.into_iter().take(LINES_MAX).fold(problem, Problem::note);
    if more > 0 {
        problem = problem.note(format!("and {more} more such reasons"));
    }
    problem.help("widen or drop one of the requirements named here")
}

fn is_without_wheels(search: &Search<'_>, package: &Package) -> bool {
    let found = package.project().and_then(|name| search.project(name).ok().flatten());
    found.is_some_and(|candidates| candidates.iter().all(|c| c.wheel.is_err()))
}

/// The facts at the ends of the tree, in the order of the derivation; shared parts once.
fn leaves(tree: &Tree) -> Vec<&External<Package, Ranges<Version>, String>> {
    let mut out = Vec::new();
    let mut shared = BTreeSet::new();
    let mut stack = vec![tree];
    while let Some(node) = stack.pop() {
        match node {
            DerivationTree::External(external) => out.push(external),
            DerivationTree::Derived(derived) => {
                if derived.shared_id.is_none_or(|id| shared.insert(id)) {
                    stack.push(&derived.cause2);
                    stack.push(&derived.cause1);
                }
            }
        }
    }
    out
}

/// A fact in plain words, where it tells anything.
fn said(search: &Search<'_>, leaf: &External<Package, Ranges<Version>, String>) -> Vec<String> {
    match leaf {
        External::NotRoot(..) => Vec::new(),
        External::FromDependencyOf(from, _, to, _) if from.project() == to.project() => Vec::new(),
        External::FromDependencyOf(from, versions, to, wanted) => {
            let key = (from.clone(), to.clone(), wanted.to_string());
            let text = search.texts.borrow().get(&key).cloned().unwrap_or_else(|| format!("{to} {wanted}"));
            match from {
                Package::Root => vec![format!("{text} is asked for")],
                _ => vec![format!("{} needs {text}", named(search, from, versions))],
            }
        }
        External::Custom(package, versions, reason) => vec![format!("{} {reason}", named(search, package, versions))],
        External::NoVersions(package, versions) => {
            let Some(name) = package.project() else { return Vec::new() };
            let Ok(Some(candidates)) = search.project(name) else {
                return vec![format!("the package index has no project `{name}`")];
            };
            let within: Vec<&Candidate> = candidates.iter().filter(|c| versions.contains(&c.version)).collect();
            match within.as_slice() {
                [] => {
                    if let Some(given) = given(search, name) {
                        return vec![format!("{} is decided by {}", whose(given), given.key)];
                    }
                    let all: Vec<&Version> = candidates.iter().map(|c| &c.version).collect();
                    vec![format!("the package index has {name} {}", span(&all))]
                }
                _ => reasons(name, &within),
            }
        }
    }
}

/// A package with those of its versions that a range holds.
fn named(search: &Search<'_>, package: &Package, versions: &Ranges<Version>) -> String {
    let found = package.project().and_then(|name| search.project(name).ok().flatten());
    let candidates = found.as_deref().unwrap_or_default();
    let usable = |c: &&Candidate| c.wheel.is_ok();
    let within: Vec<&Version> =
        candidates.iter().filter(usable).map(|c| &c.version).filter(|version| versions.contains(version)).collect();
    if within.is_empty() { format!("{package} {versions}") } else { format!("{package} {}", span(&within)) }
}

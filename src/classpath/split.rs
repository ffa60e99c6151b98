//! Packages that two jars share and one of them seals or signs: `SecurityException` for the classes of the one
//! that is read second (`BuiltinClassLoader.getAndVerifyPackage`, `ClassLoader.checkCerts`, JDK 17).

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::codes::classpath as code;
use crate::problem::{Problem, plural};

use super::facts::Facts;
use super::id::{Id, Table};
use super::universe::{ABSENT, RUNTIME, Universe};
use super::{Jar, Role};

/// A package of two jars of which one does not let the other have it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Split {
    /// Place of the jar that seals or signs the package.
    strict: u32,
    /// Place of the other one.
    other: u32,
    seals: bool,
    /// Internal form.
    package: String,
}

/// Every such package, by its first pair of jars.
fn splits(universe: &Universe<'_>, facts: &[&Facts]) -> Vec<Split> {
    let jar = |number: u32| usize::try_from(number).ok().and_then(|at| facts.get(at)).map(|facts| &facts.jar);
    let is_strict = |facts: &Facts| facts.jar.signed || !facts.jar.sealed.is_empty();
    let mut closed = Table::default();
    for segment in facts.iter().filter(|facts| is_strict(facts)).flat_map(|facts| &facts.segments) {
        for symbol in segment.classes.iter().filter_map(|class| segment.symbol(class.name)) {
            closed.get_or_insert(symbol.package, 0);
        }
    }
    // Packages by number, each with its name and jars; only what is found by name counts.
    let mut shared: BTreeMap<Id, (String, BTreeSet<u32>)> = BTreeMap::new();
    for segment in universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
        let mut last = None;
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            let Some(symbol) = segment.facts.symbol(facts.name) else { continue };
            // Most classes are of the package of the one before.
            if last == Some(symbol.package) || !closed.contains(symbol.package) {
                continue;
            }
            if class == ABSENT || universe.is_hidden(class) {
                continue;
            }
            last = Some(symbol.package);
            let folder = || {
                let name = String::from_utf8_lossy(segment.facts.text(facts.name)).into_owned();
                name.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
            };
            shared.entry(symbol.package).or_insert_with(|| (folder(), BTreeSet::new())).1.insert(segment.jar);
        }
    }
    let mut found = BTreeSet::new();
    for (folder, jars) in shared.values().filter(|(_, jars)| jars.len() > 1) {
        for &strict in jars {
            let Some(of) = jar(strict) else { continue };
            let own = |wanted: &str| of.sealed.iter().find(|(name, _)| name == wanted).map(|(_, sealed)| *sealed);
            let seals = !folder.is_empty() && own(&format!("{folder}/")).or(own("")).unwrap_or(false);
            let against = jars.iter().find(|number| {
                **number != strict && (seals || of.signed && jar(**number).is_some_and(|other| !other.signed))
            });
            if let Some(&other) = against {
                found.insert(Split { strict, other, seals, package: folder.clone() });
            }
        }
    }
    found.into_iter().collect()
}

/// A problem for each pair of jars; those of the distribution among itself are not the user's.
pub(super) fn problems(universe: &Universe<'_>, facts: &[&Facts], path: &[&Jar]) -> Vec<Problem> {
    let jar = |number: u32| usize::try_from(number).ok().and_then(|at| path.get(at)).copied();
    let mut pairs: BTreeMap<(u32, u32, bool), Vec<Split>> = BTreeMap::new();
    for split in splits(universe, facts) {
        pairs.entry((split.strict, split.other, split.seals)).or_default().push(split);
    }
    let problem = |((strict, other, seals), of): ((u32, u32, bool), Vec<Split>)| {
        let (strict, other) = (jar(strict)?, jar(other)?);
        if strict.role == Role::Stock && other.role == Role::Stock {
            return None;
        }
        let package = of.first()?.package.replace('/', ".");
        let blamed = if strict.role == Role::Stock { other } else { strict };
        let verb = if seals { "seals" } else { "signs" };
        let message = format!(
            "{} {verb} {} that {} has classes in, too",
            strict.name,
            if let [_] = of.as_slice() {
                format!("the package {package}")
            } else {
                plural(of.len(), "package", "packages")
            },
            other.name
        );
        let reason = if seals {
            format!("SecurityException: sealing violation: package {package} is sealed")
        } else {
            format!("SecurityException: signer information of classes in the package {package} does not match")
        };
        let problem = blamed.problem(code::PACKAGE_SPLIT, message).note(reason);
        Some(problem.help("leave one of the two out, or use versions of them that do not share packages"))
    };
    pairs.into_iter().filter_map(problem).collect()
}

//! The closure of what was asked for, as apt's own resolver has it (`apt-get install
//! --no-install-recommends` on an empty system).
//!
//! All roots count as chosen before any alternative is decided. Then each root's dependencies are
//! followed depth first: a group that a chosen package satisfies is done, else its first alternative
//! that has a candidate is chosen. Nothing is taken back: where apt would give up, so does this.
//! Absent on purpose: Recommends, and the Essential packages that nothing asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Failure;
use crate::problem::codes::debian as codes;
use crate::problem::{At, Problem};

use super::packages::Relation;
use super::universe::Universe;

/// A package that was asked for.
#[derive(Debug, Clone)]
pub struct Root {
    /// Package or virtual package.
    pub name: String,
    /// The reason for `via`: `debian.packages` or `base`.
    pub reason: &'static str,
    /// Where the user wrote it.
    pub at: Option<At>,
}

/// Why a package was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// By the root of this number.
    Root(usize),
    /// By a dependency of this candidate.
    Package(usize),
}

/// The closure: candidates of the universe, each with its `via`.
pub type Closure = BTreeMap<usize, Vec<String>>;

/// Chooses.
///
/// # Errors
/// Problems `unknown-package`, `several-providers`, `unsatisfiable-dependency`, `package-conflict`;
/// [`crate::error::Error::Registry`] where a dependency field is malformed.
pub fn resolve(universe: &Universe<'_>, roots: &[Root]) -> Result<Closure, Failure> {
    let mut search = Search { universe, roots, chosen: BTreeMap::new(), problems: Vec::new() };
    let starts = search.choose_roots();
    for start in starts {
        search.follow(start)?;
    }
    search.check_conflicts()?;
    if search.problems.is_empty() { search.explain() } else { Err(search.problems.into()) }
}

struct Search<'u, 'a> {
    universe: &'u Universe<'a>,
    roots: &'u [Root],
    chosen: BTreeMap<usize, Cause>,
    problems: Vec<Problem>,
}

impl<'a> Search<'_, 'a> {
    fn choose_roots(&mut self) -> Vec<usize> {
        let mut starts = Vec::new();
        for (number, root) in self.roots.iter().enumerate() {
            if let Some(found) = self.find_root(root) {
                self.chosen.entry(found).or_insert(Cause::Root(number));
                starts.push(found);
            }
        }
        starts
    }

    /// The candidate that a root means: the package of that name, or the only one that provides it.
    fn find_root(&mut self, root: &Root) -> Option<usize> {
        let name = root.name.as_str();
        if let Some(found) = self.universe.named(name) {
            return Some(found);
        }
        let providers: BTreeSet<usize> = self.universe.providers(name).collect();
        let problem = if providers.is_empty() {
            let problem = Problem::new(codes::UNKNOWN_PACKAGE, format!("there is no package {}", name.escape_debug()));
            match (nearest(name, self.universe.names()), name.split_once(['=', ':', '/'])) {
                (_, Some((bare, _))) => {
                    let bare = bare.escape_debug();
                    problem.help(format!("name the package alone: `{bare}`; a version goes to [debian] pins"))
                }
                (Some(near), None) => problem.help(format!("perhaps `{near}` is meant")),
                (None, None) => problem,
            }
        } else if providers.len() == 1 {
            return providers.first().copied();
        } else {
            let names: Vec<&str> = providers.iter().map(|i| self.universe.package(*i).name).collect();
            Problem::new(codes::SEVERAL_PROVIDERS, format!("{name} is provided by {} packages", names.len()))
                .note(format!("they are {}", names.join(", ")))
                .help(format!("name one of them instead of {name}"))
        };
        self.problems.push(match &root.at {
            Some(at) => problem.at(at, "asked for here"),
            None => problem.note(format!("{} is one of the packages of every image", name.escape_debug())),
        });
        None
    }

    /// Follows one root's dependencies, depth first, without recursion.
    fn follow(&mut self, start: usize) -> Result<(), Failure> {
        let mut stack = vec![(start, self.universe.needs(start)?.into_iter())];
        while let Some((package, groups)) = stack.last_mut() {
            let package = *package;
            let Some(group) = groups.next() else {
                stack.pop();
                continue;
            };
            if let Some(next) = self.decide(package, &group) {
                stack.push((next, self.universe.needs(next)?.into_iter()));
            }
        }
        Ok(())
    }

    /// What a dependency of `package` newly chooses.
    fn decide(&mut self, package: usize, group: &[Relation<'a>]) -> Option<usize> {
        let satisfying = |relation| self.universe.satisfying(relation);
        if group.iter().flat_map(satisfying).any(|i| self.chosen.contains_key(&i)) {
            return None;
        }
        let first = group.iter().flat_map(satisfying).next();
        match first {
            Some(found) => {
                self.chosen.insert(found, Cause::Package(package));
            }
            None => self.report_unsatisfiable(package, group),
        }
        first
    }

    fn report_unsatisfiable(&mut self, package: usize, group: &[Relation<'a>]) {
        let name = self.universe.package(package).name;
        let wanted: Vec<String> = group.iter().map(ToString::to_string).collect();
        let mut problem = Problem::new(
            codes::UNSATISFIABLE,
            format!("{name} needs {}, which the suite does not have", wanted.join(" or ")),
        );
        for relation in group {
            problem = match self.universe.named(relation.name) {
                Some(other) => {
                    let other = self.universe.package(other);
                    problem.note(format!("the candidate of {} is {}", other.name, other.version.escape_debug()))
                }
                None => problem.note(format!("there is no package {}", relation.name)),
            };
        }
        let problem = self.with_chain(problem, package);
        self.problems.push(problem.help("a pin on one package often asks for the same pin on those built with it"));
    }

    /// Adds who wanted a package, up to the root.
    fn with_chain(&self, problem: Problem, package: usize) -> Problem {
        let mut names = vec![self.universe.package(package).name];
        let mut at = package;
        loop {
            match self.chosen.get(&at) {
                Some(Cause::Package(parent)) => {
                    at = *parent;
                    names.push(self.universe.package(at).name);
                }
                Some(Cause::Root(number)) => {
                    let root = &self.roots[*number];
                    names.push(root.reason);
                    names.reverse();
                    let problem = problem.note(format!("wanted by {}", names.join(" → ")));
                    return match &root.at {
                        Some(at) if problem.at.is_none() => problem.at(at, "because of this"),
                        Some(at) => problem.also(at, "and of this"),
                        None => problem,
                    };
                }
                None => return problem,
            }
        }
    }

    /// Conflicts and Breaks on the final set. A package never refuses itself, also not by what it
    /// provides, and a versioned entry misses an unversioned Provides (Policy 7.4, 7.5).
    fn check_conflicts(&mut self) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        for package in self.chosen.keys().copied().collect::<Vec<_>>() {
            for (field, relation) in self.universe.refuses(package)? {
                let bare = Relation { qualifier: "", ..relation };
                let met = self.universe.satisfying(&bare).filter(|i| *i != package && self.chosen.contains_key(i));
                for other in met.collect::<Vec<_>>() {
                    if !seen.insert((package.min(other), package.max(other))) {
                        continue;
                    }
                    let (a, b) = (self.universe.package(package), self.universe.package(other));
                    let problem =
                        Problem::new(codes::CONFLICT, format!("{} and {} cannot be together", a.name, b.name))
                            .note(format!("{} says {field}: {relation}", a.name));
                    let problem = self.with_chain(self.with_chain(problem, package), other);
                    self.problems.push(problem);
                }
            }
        }
        Ok(())
    }

    /// `via` of every chosen package: what decided it, then who else needs it directly, sorted.
    fn explain(&self) -> Result<Closure, Failure> {
        let mut needed_by: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for package in self.chosen.keys() {
            for relation in self.universe.needs(*package)?.iter().flatten() {
                for found in self.universe.satisfying(relation).filter(|i| i != package && self.chosen.contains_key(i))
                {
                    needed_by.entry(found).or_default().insert(self.universe.package(*package).name);
                }
            }
        }
        let explain = |(package, cause): (&usize, &Cause)| {
            let first = match cause {
                Cause::Root(number) => self.roots[*number].reason,
                Cause::Package(parent) => self.universe.package(*parent).name,
            };
            let others = needed_by.get(package).into_iter().flatten().filter(|name| **name != first);
            (*package, std::iter::once(&first).chain(others).map(|name| (*name).to_owned()).collect())
        };
        Ok(self.chosen.iter().map(explain).collect())
    }
}

/// The name that a misspelt one most likely means.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .filter(|other| other.len().abs_diff(name.len()) <= 2)
        .map(|other| (strsim::osa_distance(name, other), other))
        .filter(|(distance, other)| *distance <= 2 && *distance * 3 <= other.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

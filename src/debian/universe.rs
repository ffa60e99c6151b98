//! The packages that can be chosen: [`Universe`], one candidate of each name, and who provides what.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;

use super::packages::{self, Package, Relation, Relations};
use super::version;

/// The candidates: of each name the highest version over the suites, or the highest that its pin
/// lets pass (apt_preferences(5)). As in apt, nothing but the candidates counts.
pub struct Universe<'a> {
    arch: &'a str,
    candidates: Vec<Package<'a>>,
    by_name: BTreeMap<&'a str, usize>,
    /// Providers of each name, the one that apt would prefer first.
    providers: BTreeMap<&'a str, Vec<(usize, Relation<'a>)>>,
    versions: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Universe<'a> {
    /// Of the stanzas of several indexes (the preferred first among equal versions) and pins, name
    /// to version or glob. A pin that no version matches leaves its package without candidate.
    ///
    /// # Errors
    /// [`Error::Registry`] where a `Provides` is malformed.
    pub fn new(indexes: &[Vec<Package<'a>>], pins: &BTreeMap<&str, &str>, arch: &'a str) -> Result<Self, Error> {
        let mut all: Vec<Package<'a>> = indexes.iter().flatten().copied().collect();
        all.sort_by(|a, b| a.name.cmp(b.name).then_with(|| version::compare(b.version, a.version)));
        let mut universe = Self {
            arch,
            candidates: Vec::with_capacity(all.len()),
            by_name: BTreeMap::new(),
            providers: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        for package in &all {
            if let Some(pin) = pins.get(package.name) {
                universe.versions.entry(package.name).or_default().insert(package.version);
                if !version::matches_pin(package.version, pin) {
                    continue;
                }
            }
            if universe.candidates.last().is_some_and(|last| last.name == package.name) {
                continue;
            }
            universe.candidates.push(*package);
        }
        universe.by_name = universe.candidates.iter().enumerate().map(|(i, p)| (p.name, i)).collect();
        universe.read_provides()?;
        Ok(universe)
    }

    fn read_provides(&mut self) -> Result<(), Error> {
        for (i, package) in self.candidates.iter().enumerate() {
            for relation in self.relations(i, "Provides", package.provides)?.into_iter().flatten() {
                self.providers.entry(relation.name).or_default().push((i, relation));
            }
        }
        let rank = |i: usize| {
            let order = ["required", "important", "standard", "optional"];
            order.iter().position(|p| *p == self.candidates[i].priority).unwrap_or(order.len())
        };
        let mut providers = std::mem::take(&mut self.providers);
        for list in providers.values_mut() {
            list.sort_by_key(|(i, _)| rank(*i));
        }
        self.providers = providers;
        Ok(())
    }

    /// A candidate.
    #[must_use]
    pub fn package(&self, i: usize) -> &Package<'a> {
        &self.candidates[i]
    }

    /// Every candidate, sorted by name.
    pub fn candidates(&self) -> impl Iterator<Item = (usize, &Package<'a>)> {
        self.candidates.iter().enumerate()
    }

    /// The candidate of that very name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Who provides the name, versioned or not, the preferred first.
    pub fn providers(&self, name: &str) -> impl Iterator<Item = usize> {
        self.providers.get(name).into_iter().flatten().map(|(i, _)| *i)
    }

    /// The versions that the archive has of a pinned package.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.versions.get(name).into_iter().flatten().copied()
    }

    /// Every name that can be asked for.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.by_name.keys().copied()
    }

    /// Candidates that satisfy a dependency: the package itself, then its providers. An unversioned
    /// Provides satisfies no versioned dependency (Policy 7.5).
    pub fn satisfying<'s>(&'s self, relation: &Relation<'s>) -> impl Iterator<Item = usize> + use<'s, 'a> {
        let relation = *relation;
        let own = self.named(relation.name).filter(move |i| relation.admits(self.candidates[*i].version));
        let provided = self.providers.get(relation.name).into_iter().flatten();
        let provided = provided.filter(move |(_, provides)| match provides.bound {
            None => relation.bound.is_none(),
            Some((_, version)) => relation.admits(version),
        });
        own.into_iter().chain(provided.map(|(i, _)| *i)).filter(move |i| self.is_of(*i, relation.qualifier))
    }

    /// Whether a candidate may answer for `name:qualifier`: `any` asks for `Multi-Arch: allowed`.
    fn is_of(&self, i: usize, qualifier: &str) -> bool {
        match qualifier {
            "" | "native" => true,
            "any" => self.candidates[i].multi_arch == "allowed",
            arch => arch == self.arch,
        }
    }

    /// What a candidate needs: Pre-Depends, then Depends.
    ///
    /// # Errors
    /// [`Error::Registry`] where a field is malformed.
    pub fn needs(&self, i: usize) -> Result<Relations<'a>, Error> {
        let mut needs = self.relations(i, "Pre-Depends", self.candidates[i].pre_depends)?;
        needs.extend(self.relations(i, "Depends", self.candidates[i].depends)?);
        Ok(needs)
    }

    /// What a candidate cannot be with: the field's name and the entry.
    ///
    /// # Errors
    /// [`Error::Registry`] where a field is malformed.
    pub fn refuses(&self, i: usize) -> Result<Vec<(&'static str, Relation<'a>)>, Error> {
        let package = &self.candidates[i];
        let mut refused = Vec::new();
        for (field, text) in [("Conflicts", package.conflicts), ("Breaks", package.breaks)] {
            let entries = self.relations(i, field, text)?;
            refused.extend(entries.into_iter().flatten().map(|relation| (field, relation)));
        }
        Ok(refused)
    }

    fn relations(&self, i: usize, field: &str, text: &'a str) -> Result<Relations<'a>, Error> {
        packages::relations(text, self.arch).map_err(|entry| {
            let name = self.candidates[i].name.escape_default();
            Error::registry(format!("package {name}"), format!("its {field} has {entry}, which is no relation"))
        })
    }
}

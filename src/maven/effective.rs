//! Effective POMs: parents inherited, profiles injected, texts interpolated, management applied.
//!
//! [`Poms`] reads from the index and remembers; no page is asked for twice. Absent on purpose:
//! `repositories` of POMs, settings, plugins, and the properties and environment of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::pom::{self, Body, Declared, Gav, Pom, Relocation};
use super::version::Version;
use super::{Platform, activation, place};
use crate::error::Error;
use crate::outside::{Index, Page, Registry};

/// Most generations of parents, and most BOMs that import each other in a row.
const MAX_GENERATIONS: usize = 64;
/// Longest text that interpolation may make, and its deepest recursion.
const MAX_TEXT: usize = 16 << 10;
const MAX_EXPANSIONS: usize = 32;
/// Most entries of one POM's dependency management, with what it imports.
const MAX_MANAGED: usize = 100_000;

/// A POM as resolution sees it.
#[derive(Debug, Default)]
pub(super) struct Effective {
    /// In the order in which they are walked.
    pub(super) dependencies: Vec<Declared>,
    managed: Vec<Declared>,
    pub(super) relocation: Option<Relocation>,
}

/// Why there is no effective POM.
#[derive(Debug, Clone)]
pub(super) enum Lack {
    /// The repository has none; Maven goes on without dependencies.
    Missing,
    /// It is malformed; Maven goes on without dependencies.
    Invalid(String),
    /// A parent or an imported BOM is missing; Maven stops.
    Unresolvable(String),
}

type Outcome = Result<Arc<Effective>, Lack>;

/// Where POMs come from.
pub(super) struct Poms<'a> {
    index: &'a dyn Index,
    platform: &'a Platform,
    read: BTreeMap<Gav, Result<Arc<Pom>, Lack>>,
    made: BTreeMap<Gav, Outcome>,
    versions: BTreeMap<(String, String), Vec<Version>>,
}

impl<'a> Poms<'a> {
    pub(super) fn new(index: &'a dyn Index, platform: &'a Platform) -> Self {
        let (read, made, versions) = Default::default();
        Self { index, platform, read, made, versions }
    }

    /// Reads these POMs and all their parents, each generation side by side.
    pub(super) fn warm(&mut self, wanted: impl Iterator<Item = Gav>) -> Result<(), Error> {
        let mut wanted: BTreeSet<Gav> = wanted.collect();
        while !wanted.is_empty() {
            wanted.retain(|gav| !self.read.contains_key(gav));
            let pages: Vec<Page> = wanted.iter().filter_map(page).collect();
            self.index.prefetch(&pages);
            let mut parents = BTreeSet::new();
            for gav in wanted {
                if let Ok(pom) = self.read(&gav)? {
                    parents.extend(pom.parent.clone());
                }
            }
            wanted = parents;
        }
        Ok(())
    }

    /// The versions that the repository lists, lowest first; none where it has no list.
    pub(super) fn versions(&mut self, group: &str, artifact: &str) -> Result<Vec<Version>, Error> {
        let key = (group.to_owned(), artifact.to_owned());
        if let Some(known) = self.versions.get(&key) {
            return Ok(known.clone());
        }
        let served = match place::metadata(group, artifact) {
            Some(path) => self.index.get(&Page::new(Registry::Maven, path))?,
            None => None,
        };
        let listed = served.map(|served| {
            pom::versions(&served.bytes)
                .map_err(|reason| Error::registry(format!("maven-metadata.xml of {group}:{artifact}"), reason))
        });
        let mut versions: Vec<Version> =
            listed.transpose()?.unwrap_or_default().iter().map(|v| Version::new(v)).collect();
        versions.sort();
        self.versions.insert(key, versions.clone());
        Ok(versions)
    }

    fn read(&mut self, gav: &Gav) -> Result<Result<Arc<Pom>, Lack>, Error> {
        if let Some(known) = self.read.get(gav) {
            return Ok(known.clone());
        }
        let served = match page(gav) {
            Some(page) => self.index.get(&page)?,
            None => None,
        };
        let outcome = match served.map(|served| pom::parse(&served.bytes)) {
            None => Err(Lack::Missing),
            Some(Err(reason)) => Err(Lack::Invalid(reason)),
            Some(Ok(pom)) => Ok(Arc::new(pom)),
        };
        self.read.insert(gav.clone(), outcome.clone());
        Ok(outcome)
    }

    /// The effective POM.
    pub(super) fn effective(&mut self, gav: &Gav) -> Result<Outcome, Error> {
        self.make(gav, 0)
    }

    fn make(&mut self, gav: &Gav, imports: usize) -> Result<Outcome, Error> {
        if let Some(known) = self.made.get(gav) {
            return Ok(known.clone());
        }
        // An import that leads back here finds this: Maven refuses such cycles.
        self.made.insert(gav.clone(), Err(Lack::Invalid(format!("{gav} imports itself"))));
        let outcome = if imports > MAX_GENERATIONS {
            Err(Lack::Invalid(format!("{gav} is imported through more than {MAX_GENERATIONS} BOMs")))
        } else {
            match self.lineage(gav)? {
                Err(lack) => Err(lack),
                Ok(lineage) => self.assemble(&lineage, imports)?,
            }
        };
        self.made.insert(gav.clone(), outcome.clone());
        Ok(outcome)
    }

    /// The POM and its parents, the child first.
    fn lineage(&mut self, gav: &Gav) -> Result<Result<Vec<Arc<Pom>>, Lack>, Error> {
        self.warm(std::iter::once(gav.clone()))?;
        let mut lineage: Vec<Arc<Pom>> = Vec::new();
        let mut next = Some(gav.clone());
        while let Some(gav) = next.take() {
            let pom = match self.read(&gav)? {
                Ok(pom) => pom,
                Err(Lack::Missing) if !lineage.is_empty() => {
                    return Ok(Err(Lack::Unresolvable(format!("the parent {gav}"))));
                }
                Err(lack) => return Ok(Err(lack)),
            };
            if lineage.len() >= MAX_GENERATIONS {
                return Ok(Err(Lack::Invalid(format!("more than {MAX_GENERATIONS} generations of parents"))));
            }
            if !lineage.is_empty() && pom.packaging != "pom" {
                return Ok(Err(Lack::Invalid(format!("the parent {gav} has packaging `{}`", pom.packaging))));
            }
            next.clone_from(&pom.parent);
            lineage.push(pom);
        }
        Ok(Ok(lineage))
    }

    fn assemble(&mut self, lineage: &[Arc<Pom>], imports: usize) -> Result<Outcome, Error> {
        let model = match Model::of(lineage, self.platform) {
            Ok(model) => model,
            Err(reason) => return Ok(Err(Lack::Invalid(reason))),
        };
        let managed = match self.import(model.managed, imports)? {
            Ok(managed) => managed,
            Err(lack) => return Ok(Err(lack)),
        };
        let mut by_key: BTreeMap<_, Vec<&Declared>> = BTreeMap::new();
        for entry in &managed {
            by_key.entry(entry.key()).or_default().push(entry);
        }
        let mut dependencies = model.dependencies;
        for dependency in &mut dependencies {
            let [group, artifact, kind, classifier] =
                [&dependency.group, &dependency.artifact, &dependency.kind, &dependency.classifier].map(Clone::clone);
            for entry in by_key.get(&(&*group, &*artifact, &*kind, &*classifier)).into_iter().flatten() {
                complete(dependency, entry);
            }
        }
        let incomplete =
            dependencies.iter().find(|d| d.version.is_none() || d.group.is_empty() || d.artifact.is_empty());
        if let Some(Declared { group, artifact, .. }) = incomplete {
            return Ok(Err(Lack::Invalid(format!("its dependency `{group}:{artifact}` has no version"))));
        }
        Ok(Ok(Arc::new(Effective { dependencies, managed, relocation: model.relocation })))
    }

    /// Replaces entries `type = pom, scope = import` by what the BOMs they name manage. What the
    /// POM or its parents manage themselves goes before any import, an earlier import before a later one.
    fn import(&mut self, managed: Vec<Declared>, imports: usize) -> Result<Result<Vec<Declared>, Lack>, Error> {
        let is_import = |d: &Declared| d.kind == "pom" && d.scope.as_deref() == Some("import");
        let (boms, mut own): (Vec<_>, Vec<_>) = managed.into_iter().partition(is_import);
        let mut gavs = Vec::new();
        for Declared { group, artifact, version, .. } in boms {
            match version {
                Some(version) => gavs.push(Gav { group, artifact, version }),
                None => return Ok(Err(Lack::Invalid(format!("it imports `{group}:{artifact}` without a version")))),
            }
        }
        self.warm(gavs.iter().cloned())?;
        let key = |d: &Declared| {
            let (group, artifact, kind, classifier) = d.key();
            [group, artifact, kind, classifier].map(str::to_owned)
        };
        let mut known: BTreeSet<[String; 4]> = own.iter().map(key).collect();
        for gav in gavs {
            let bom = match self.make(&gav, imports + 1)? {
                Ok(bom) => bom,
                Err(Lack::Missing) => return Ok(Err(Lack::Unresolvable(format!("the imported BOM {gav}")))),
                Err(lack) => return Ok(Err(lack)),
            };
            own.extend(bom.managed.iter().filter(|entry| known.insert(key(entry))).cloned());
            if own.len() > MAX_MANAGED {
                return Ok(Err(Lack::Invalid(format!("more than {MAX_MANAGED} managed dependencies"))));
            }
        }
        Ok(Ok(own))
    }
}

fn page(gav: &Gav) -> Option<Page> {
    Some(Page::new(Registry::Maven, place::pom(&gav.group, &gav.artifact, &gav.version)?))
}

/// Fills what the dependency leaves open from a management entry.
fn complete(dependency: &mut Declared, entry: &Declared) {
    let fill = |own: &mut Option<String>, managed: &Option<String>| {
        if own.is_none() {
            own.clone_from(managed);
        }
    };
    fill(&mut dependency.version, &entry.version);
    fill(&mut dependency.scope, &entry.scope);
    fill(&mut dependency.optional, &entry.optional);
    if dependency.exclusions.is_empty() {
        dependency.exclusions.clone_from(&entry.exclusions);
    }
}

/// A lineage as one POM, before imports and management.
struct Model {
    dependencies: Vec<Declared>,
    managed: Vec<Declared>,
    relocation: Option<Relocation>,
}

impl Model {
    fn of(lineage: &[Arc<Pom>], platform: &Platform) -> Result<Self, String> {
        let Some(child) = lineage.first() else { return Err("no POM".to_owned()) };
        let bodies: Vec<Body> = lineage.iter().map(|pom| inject(pom, platform)).collect::<Result<_, _>>()?;
        let mut properties = BTreeMap::new();
        for body in bodies.iter().rev() {
            properties.extend(body.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        }
        let parent = child.parent.as_ref();
        let group = child.group.as_deref().or(parent.map(|p| p.group.as_str())).ok_or("`groupId` is missing")?;
        let version = child.version.as_deref().or(parent.map(|p| p.version.as_str())).ok_or("`version` is missing")?;
        let mut project = BTreeMap::from([
            ("groupId", group),
            ("artifactId", child.artifact.as_str()),
            ("version", version),
            ("packaging", child.packaging.as_str()),
        ]);
        if let Some(parent) = parent {
            project.extend([
                ("parent.groupId", parent.group.as_str()),
                ("parent.artifactId", parent.artifact.as_str()),
                ("parent.version", parent.version.as_str()),
            ]);
        }
        let texts = Texts { properties, project, platform };
        let fill = |text: &str| texts.interpolate(text, &mut Vec::new());
        let change = |declared: &Declared| declared.map(&fill);
        let dependencies = inherit(bodies.iter().map(|body| &body.dependencies)).map(change).collect();
        let managed = inherit(bodies.iter().map(|body| &body.managed)).map(change).collect();
        let relocation = child.relocation.as_ref().map(|Relocation { group, artifact, version }| Relocation {
            group: group.as_deref().map(fill),
            artifact: artifact.as_deref().map(fill),
            version: version.as_deref().map(fill),
        });
        Ok(Self { dependencies, managed, relocation })
    }
}

/// What the generations declare, the child's first; what a child declares again is not inherited.
fn inherit<'a>(generations: impl Iterator<Item = &'a Vec<Declared>>) -> impl Iterator<Item = &'a Declared> {
    let mut nearer = BTreeSet::new();
    let mut all = Vec::new();
    for generation in generations {
        let fresh: Vec<&Declared> = generation.iter().filter(|one| !nearer.contains(&one.key())).collect();
        nearer.extend(fresh.iter().map(|one| one.key()));
        all.extend(fresh);
    }
    all.into_iter()
}

/// The POM with its active profiles.
fn inject(pom: &Pom, platform: &Platform) -> Result<Body, String> {
    let holding: Vec<bool> = pom.profiles.iter().map(|p| p.activation.holds(platform)).collect::<Result<_, _>>()?;
    let none = !holding.contains(&true);
    let mut body = pom.body.clone();
    for (profile, holds) in pom.profiles.iter().zip(holding) {
        if holds || (none && profile.activation.by_default) {
            body.properties.extend(profile.body.properties.clone());
            overlay(&mut body.dependencies, &profile.body.dependencies);
            overlay(&mut body.managed, &profile.body.managed);
        }
    }
    Ok(body)
}

/// A profile's declaration replaces the POM's of the same key, in its place.
fn overlay(own: &mut Vec<Declared>, profile: &[Declared]) {
    for one in profile {
        match own.iter_mut().find(|other| other.key() == one.key()) {
            Some(other) => other.clone_from(one),
            None => own.push(one.clone()),
        }
    }
}

/// Where `${…}` finds its values.
struct Texts<'a> {
    properties: BTreeMap<&'a str, &'a str>,
    project: BTreeMap<&'static str, &'a str>,
    platform: &'a Platform,
}

impl Texts<'_> {
    /// The text with every known `${…}` replaced; an unknown one, or one that leads to itself, stays.
    fn interpolate(&self, text: &str, within: &mut Vec<String>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, following)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            rest = following;
            let open = within.len() >= MAX_EXPANSIONS || within.iter().any(|outer| outer == name);
            match self.value(name).filter(|_| !open && out.len() < MAX_TEXT) {
                Some(value) => {
                    within.push(name.to_owned());
                    out.push_str(&self.interpolate(&value, within));
                    within.pop();
                }
                None => out.extend(["${", name, "}"]),
            }
            // Beyond the bound nothing grows any more; such a text is no coordinate anyway.
            if out.len() > MAX_TEXT {
                out.clear();
                break;
            }
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str) -> Option<String> {
        let prefixed = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
        let of_project = |name: &str| self.project.get(name).map(|value| (*value).to_owned());
        prefixed
            .and_then(of_project)
            .or_else(|| self.properties.get(name).map(|value| (*value).to_owned()))
            .or_else(|| activation::system_property(name, self.platform))
            .or_else(|| of_project(name))
    }
}

//! From requirements to pinned wheels: [`resolve`], a PubGrub search over one target environment.
//!
//! Markers are evaluated with the target's values, extras are packages of their own that hold the
//! plain project at their version. As with pip the newest version that fits is taken; pre-releases only
//! where a requirement names one or admits nothing else, yanked ones only where `==` pins them.
//! What is given, like PySpark, is the one candidate of its name although it has no wheel.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use pep440_rs::{Operator, Version};
use pep508_rs::{ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, Requirement, VerbatimUrl, VersionOrUrl};
use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges,
};

use crate::artifact::{Artifact, Coordinate};
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::outside::{Index, Page};
use crate::problem::{At, SourceFile};
use crate::profile::{Located, requirement};

use super::candidates::{Candidate, Limit, admits, candidates};
use super::index::{self, File, Indexes};
use super::metadata::{self, Metadata};
use super::pins::{self, Pin};
use super::tags::Tags;
use super::{normalise, report};

/// What is asked for, and for which target.
#[derive(Debug, Clone)]
pub struct Request {
    /// PEP 508 requirements of the profile.
    pub requirements: Vec<Located<String>>,
    /// Projects that are decided elsewhere.
    pub given: Vec<Given>,
    /// The target's full Python version, which markers see: `3.11.2`.
    pub python_full: String,
    /// The target's glibc ([`super::tags::glibc`]).
    pub glibc: (u32, u32),
    /// The target's machine as Python says it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Own wheels, each the one candidate of its project.
    pub files: Vec<OwnWheel>,
    /// Versions that are taken wherever they fit, by normalised name.
    pub kept: BTreeMap<String, String>,
    /// What others keep projects to.
    pub limits: Vec<Limit>,
    /// Which projects an index of the user's own has.
    pub indexes: Indexes,
    /// Another tool's lock: every package is one that it pins, at its version and with its digests.
    pub lock: Option<Arc<SourceFile>>,
}

/// A project whose version is decided elsewhere, and which need not have a wheel. It is asked for, but
/// not among what is answered.
#[derive(Debug, Clone)]
pub struct Given {
    /// Who decides, as `via` says it.
    pub key: &'static str,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Its PEP 508 requirements.
    pub requires: Vec<String>,
}

/// The [`Given::key`] of the stack's PySpark.
pub const STACK: &str = "stack.spark";

/// A wheel of the user's own.
#[derive(Debug, Clone)]
pub struct OwnWheel {
    /// Where the profile names it.
    pub at: At,
    /// File name without directories.
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the file.
    pub sha256: Digest,
    /// The bytes of its `METADATA` ([`super::wheel::metadata_of`]).
    pub metadata: Vec<u8>,
}

/// Pins every project that the requirements lead to, sorted by coordinate. What is given is left out;
/// own wheels are in, with `python.files` among their `via`.
///
/// # Errors
/// [`Failure::Problems`] with codes of [`crate::problem::codes::python`], every mistake of a single
/// requirement at once, else the one contradiction; [`Failure::World`] where the index fails.
pub fn resolve(request: &Request, index: &dyn Index) -> Result<Vec<Artifact>, Failure> {
    let search = Search::new(request, index)?;
    let pin = |Choice { coordinate, file, via }: Choice| {
        let name = coordinate.name();
        let (size, sha256) = search.measured(&name, &file)?;
        let index = request.indexes.of(&name).filter(|_| !file.url.is_empty()).map(str::to_owned);
        Ok(Artifact { coordinate, file: file.name, size, sha256, index, via })
    };
    Ok(search.run()?.into_iter().map(pin).collect::<Result<_, Error>>()?)
}

/// The same without the size and digest of files about which the index keeps quiet: no wheel is downloaded for them.
///
/// # Errors
/// As [`resolve`].
pub fn choose(request: &Request, index: &dyn Index) -> Result<Vec<Choice>, Failure> {
    Search::new(request, index)?.run()
}

/// A chosen wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// A [`Coordinate::Pypi`].
    pub coordinate: Coordinate,
    /// What the index tells of it.
    pub file: File,
    /// Who asked for it.
    pub via: Vec<String>,
}

/// A node of the search.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Package {
    /// The profile.
    Root,
    /// A project under its normalised name.
    Project(String),
    /// A project with one of its extras.
    Extra(String, ExtraName),
}

impl Package {
    pub(super) fn project(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Project(name) | Self::Extra(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the profile"),
            Self::Project(name) => f.write_str(name),
            Self::Extra(name, extra) => write!(f, "{name}[{extra}]"),
        }
    }
}

/// One requirement of the profile, read.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Where it stands; `None` for what the stack brings.
    pub(super) at: Option<At>,
    /// The key it is known by in `via`.
    pub(super) key: &'static str,
    pub(super) requirement: Requirement<VerbatimUrl>,
}

/// What requirements seen so far say about a project's special versions.
#[derive(Debug, Default)]
struct Wanted {
    ranges: Vec<Ranges<Version>>,
    names_a_prerelease: bool,
    pins: BTreeSet<Version>,
}

/// The state of one resolution: the request, and what was read of the index.
pub(super) struct Search<'a> {
    pub(super) request: &'a Request,
    pub(super) index: &'a dyn Index,
    tags: Tags,
    environment: MarkerEnvironment,
    python: Version,
    pub(super) roots: Vec<Asked>,
    projects: RefCell<BTreeMap<String, Option<Rc<[Candidate]>>>>,
    pub(super) metadata: RefCell<BTreeMap<(String, Version), Rc<Metadata>>>,
    /// Size and digest of files that the index keeps quiet about, by URL.
    pub(super) learned: RefCell<BTreeMap<String, (u64, Digest)>>,
    /// What another tool's lock pins, by name.
    pins: BTreeMap<String, Pin>,
    wanted: RefCell<BTreeMap<String, Wanted>>,
    order: RefCell<BTreeMap<Package, usize>>,
    /// How a dependency was written: from, to, range.
    pub(super) texts: RefCell<BTreeMap<(Package, Package, String), String>>,
    /// Versions whose requirements were looked at since the search began, by project.
    tried: RefCell<BTreeMap<String, BTreeSet<Version>>>,
    /// Projects that are chosen before others.
    early: RefCell<BTreeSet<String>>,
    /// Whether the search is to begin anew.
    again: Cell<bool>,
}

/// Versions of a project that are tried beside what was chosen before it: then it is chosen first instead, in a new search.
/// Without that, a project whose requirements are narrow falls back to the last release that wrote none (uv, "Resolver
/// internals", has the same number).
const PATIENCE: usize = 5;

impl<'a> Search<'a> {
    fn new(request: &'a Request, index: &'a dyn Index) -> Result<Self, Failure> {
        let python = Version::from_str(&request.python_full)
            .map_err(|e| Error::registry(format!("the Python version `{}`", request.python_full), e))?;
        let minor = python.release().get(1).and_then(|&minor| u32::try_from(minor).ok()).unwrap_or_default();
        let environment = environment(request, minor)
            .map_err(|e| Error::registry(format!("the Python version `{}`", request.python_full), e))?;
        let mut search = Self {
            request,
            index,
            tags: Tags::of(minor, request.glibc, &request.arch),
            environment,
            python,
            roots: Vec::new(),
            projects: RefCell::default(),
            metadata: RefCell::default(),
            learned: RefCell::default(),
            pins: BTreeMap::new(),
            wanted: RefCell::default(),
            order: RefCell::default(),
            texts: RefCell::default(),
            tried: RefCell::default(),
            early: RefCell::default(),
            again: Cell::default(),
        };
        search.give()?;
        search.pin()?;
        let (roots, mut problems) = report::roots(&search.request.requirements);
        let applies = |asked: &Asked| asked.requirement.evaluate_markers(&search.environment, &[]);
        let roots: Vec<Asked> = roots.into_iter().filter(applies).collect();
        search.roots.extend(roots);
        search.prefetch(search.roots.iter().map(|asked| asked.requirement.name.to_string()));
        for asked in &search.roots {
            search.note(&asked.requirement);
        }
        for asked in &search.roots {
            problems.extend(report::hopeless(&search, asked)?);
        }
        if problems.is_empty() { Ok(search) } else { Err(problems.into()) }
    }

    /// Enters what is given and the own wheels as the one candidate of their names, and asks for them.
    fn give(&mut self) -> Result<(), Failure> {
        let request = self.request;
        for Given { key, name, version, requires } in &request.given {
            let (name, version, requires_dist) = (name.clone(), version.clone(), requires.clone());
            let metadata = Metadata { name, version, requires_dist, ..Metadata::default() };
            self.given(key, None, metadata, None)?;
        }
        let mut problems = Vec::new();
        for own in &request.files {
            let metadata = metadata::parse(&own.metadata, &own.file)?;
            if report::is_usable(own, &self.tags) {
                self.given("python.files", Some(&own.at), metadata, Some(own))?;
            } else {
                problems.push(report::own_wheel(own, &request.python_full));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
    }

    /// Asks for everything that another tool's lock pins.
    fn pin(&mut self) -> Result<(), Failure> {
        let Some(lock) = &self.request.lock else { return Ok(()) };
        let applies = |marker: &str| {
            let asked = requirement::read::<VerbatimUrl>(&format!("x; {marker}"))?;
            Ok(asked.evaluate_markers(&self.environment, &[]))
        };
        for pin in pins::read(lock, &pins::Target { applies: &applies, python: &self.python })? {
            let text = format!("{}=={}", pin.name, pin.version);
            let requirement = requirement::read(&text).map_err(|reason| Error::archive(&lock.name, reason))?;
            self.roots.push(Asked { at: Some(pin.at.clone()), key: pins::KEY, requirement });
            self.pins.insert(pin.name.clone(), pin);
        }
        Ok(())
    }

    fn given(
        &mut self,
        key: &'static str,
        at: Option<&At>,
        metadata: Metadata,
        own: Option<&OwnWheel>,
    ) -> Result<(), Error> {
        let what = format!("{} {}", metadata.name, metadata.version);
        let name = normalise(&metadata.name);
        let version = Version::from_str(&metadata.version).map_err(|e| Error::archive(&what, e))?;
        let text = format!("{name}=={version}");
        let requirement = requirement::read(&text).map_err(|e| Error::archive(&what, e))?;
        let file = File {
            name: own.map_or_else(String::new, |own| own.file.clone()),
            url: String::new(),
            sha256: own.map(|own| own.sha256),
            size: own.map(|own| own.size),
            requires_python: None,
            yanked: None,
            metadata: None,
        };
        let candidate = Candidate { version: version.clone(), wheel: Ok(file) };
        self.projects.get_mut().insert(name.clone(), Some(Rc::from([candidate])));
        self.metadata.get_mut().insert((name, version), Rc::new(metadata));
        self.roots.push(Asked { at: at.cloned(), key, requirement });
        Ok(())
    }

    /// A project's versions, newest first; `None` where the index does not have the project.
    pub(super) fn project(&self, name: &str) -> Result<Option<Rc<[Candidate]>>, Error> {
        if let Some(known) = self.projects.borrow().get(name) {
            return Ok(known.clone());
        }
        let found = match self.index.get(&self.page_of(name))? {
            None => None,
            Some(served) => {
                let mut files = index::files(&served)?;
                if let Some(pin) = self.pins.get(name) {
                    files.retain(|file| file.sha256.is_some_and(|digest| pin.hashes.contains(&digest)));
                }
                let found = candidates(name, files, &self.tags, &self.python);
                Some(Rc::from(found))
            }
        };
        self.projects.borrow_mut().insert(name.to_owned(), found.clone());
        Ok(found)
    }

    fn page_of(&self, name: &str) -> Page {
        index::page(name).of(self.request.indexes.of(name))
    }

    /// Tells the index which projects will be looked at.
    fn prefetch(&self, names: impl Iterator<Item = String>) {
        let known = self.projects.borrow();
        let new: BTreeSet<String> = names.filter(|name| !known.contains_key(name)).collect();
        if !new.is_empty() {
            self.index.prefetch(&new.iter().map(|name| self.page_of(name)).collect::<Vec<_>>());
        }
    }

    /// Remembers what a requirement says about pre-releases and pins.
    fn note(&self, requirement: &Requirement<VerbatimUrl>) {
        let mut all = self.wanted.borrow_mut();
        let wanted = all.entry(requirement.name.to_string()).or_default();
        if let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url {
            wanted.names_a_prerelease |= specifiers.iter().any(|s| s.version().any_prerelease());
            let pins = specifiers.iter().filter(|s| matches!(s.operator(), Operator::Equal | Operator::ExactEqual));
            wanted.pins.extend(pins.map(|s| s.version().clone()));
        }
        wanted.ranges.push(range(requirement));
    }

    /// The version of a project that an earlier choice had, where a range holds it and it can be installed.
    fn kept(&self, name: &str, range: &Ranges<Version>) -> Result<Option<Version>, Error> {
        let kept = self.request.kept.get(name).and_then(|text| Version::from_str(text).ok());
        let fits = |version: &Version| range.contains(version) && self.limits(name).all(|limit| limit.admits(version));
        let Some(version) = kept.filter(fits) else { return Ok(None) };
        let found = self.project(name)?;
        let mut candidates = found.as_deref().unwrap_or_default().iter();
        let there = candidates.any(|c| c.version == version && c.wheel.is_ok() && !c.is_yanked());
        Ok(there.then_some(version))
    }

    /// The newest version of a project within a range that pip would take.
    pub(super) fn newest(&self, name: &str, range: &Ranges<Version>) -> Result<Option<Version>, Error> {
        let Some(candidates) = self.project(name)? else { return Ok(None) };
        let all = self.wanted.borrow();
        let wanted = all.get(name);
        let usable = |c: &&Candidate| {
            let pinned = wanted.is_some_and(|wanted| wanted.pins.contains(&c.version));
            c.wheel.is_ok() && (pinned || !c.is_yanked())
        };
        let stable = |c: &&Candidate| !c.version.any_prerelease();
        let nothing_else = |range: &Ranges<Version>| {
            let mut within = candidates.iter().filter(usable).filter(|c| range.contains(&c.version)).peekable();
            within.peek().is_some() && !within.any(|c| stable(&c))
        };
        let pre = wanted.is_some_and(|w| w.names_a_prerelease || w.ranges.iter().any(nothing_else));
        let within = |version: &Version| range.contains(version) && self.limits(name).all(|l| l.admits(version));
        let mut fit = candidates.iter().filter(usable).filter(|c| within(&c.version));
        Ok(fit.find(|c| pre || stable(c)).map(|c| c.version.clone()))
    }

    fn limits(&self, name: &str) -> impl Iterator<Item = &Limit> {
        self.request.limits.iter().filter(move |limit| limit.name == name)
    }

    /// The requirements of a node that apply on the target, or why they cannot be used.
    fn requirements(
        &self,
        package: &Package,
        version: &Version,
    ) -> Result<Result<Vec<Requirement<VerbatimUrl>>, String>, Error> {
        let Some(name) = package.project() else {
            return Ok(Ok(self.roots.iter().map(|asked| asked.requirement.clone()).collect()));
        };
        let metadata = self.metadata(name, version)?;
        if let Some(wanted) = metadata.requires_python.as_ref().filter(|wanted| !admits(wanted, &self.python)) {
            return Ok(Err(format!("needs Python {wanted}")));
        }
        let mut out = Vec::new();
        for text in &metadata.requires_dist {
            let Ok(requirement) = requirement::read::<VerbatimUrl>(text) else {
                return Ok(Err(format!("has the requirement `{}`, which makes no sense", text.escape_debug())));
            };
            let plain = requirement.evaluate_markers(&self.environment, &[]);
            let applies = match package {
                Package::Extra(_, extra) => {
                    !plain && requirement.evaluate_markers(&self.environment, std::slice::from_ref(extra))
                }
                _ => plain,
            };
            if applies && matches!(requirement.version_or_url, Some(VersionOrUrl::Url(_))) {
                return Ok(Err(format!("needs a URL: `{}`", text.escape_debug())));
            }
            if applies {
                out.push(requirement);
            }
        }
        Ok(Ok(out))
    }

    /// The edges of a requirement: one to each extra and one to the plain project.
    fn edges(&self, from: &Package, requirement: &Requirement<VerbatimUrl>) -> Vec<(Package, Ranges<Version>)> {
        let name = requirement.name.to_string();
        let range = range(requirement);
        let extras = requirement.extras.iter().map(|extra| Package::Extra(name.clone(), extra.clone()));
        let targets = extras.chain([Package::Project(name.clone())]).filter(|to| to != from);
        let mut order = self.order.borrow_mut();
        let mut texts = self.texts.borrow_mut();
        let edge = |to: Package| {
            let next = order.len();
            order.entry(to.clone()).or_insert(next);
            let key = (from.clone(), to.clone(), range.to_string());
            texts.entry(key).or_insert_with(|| report::written(requirement));
            (to, range.clone())
        };
        targets.map(edge).collect()
    }

    fn run(&self) -> Result<Vec<Choice>, Failure> {
        let mut outcome = pubgrub::resolve(self, Package::Root, Version::new([0]));
        while self.again.take() {
            self.tried.borrow_mut().clear();
            outcome = pubgrub::resolve(self, Package::Root, Version::new([0]));
        }
        let chosen: BTreeMap<Package, Version> = match outcome {
            Ok(chosen) => chosen.into_iter().collect(),
            Err(PubGrubError::NoSolution(tree)) => return Err(report::contradiction(self, &tree).into()),
            Err(
                PubGrubError::ErrorRetrievingDependencies { source, .. }
                | PubGrubError::ErrorChoosingVersion { source, .. }
                | PubGrubError::ErrorInShouldCancel(source),
            ) => return Err(source.into()),
        };
        let choices = self.choices(&chosen)?;
        let problems = report::unpinned(self, &choices);
        if problems.is_empty() { Ok(choices) } else { Err(problems.into()) }
    }

    /// Whether this is one version too many that is tried of a project; it is chosen first from then on.
    fn is_stuck(&self, name: &str, version: &Version) -> bool {
        let mut tried = self.tried.borrow_mut();
        let versions = tried.entry(name.to_owned()).or_default();
        versions.insert(version.clone());
        versions.len() > PATIENCE && self.early.borrow_mut().insert(name.to_owned())
    }

    /// How another tool's lock pins the project.
    pub(super) fn pin_of(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    /// The wheels of the chosen projects.
    fn choices(&self, chosen: &BTreeMap<Package, Version>) -> Result<Vec<Choice>, Error> {
        let mut via: BTreeMap<String, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
        for asked in &self.roots {
            via.entry(asked.requirement.name.to_string()).or_default().0.insert(asked.key);
        }
        for (package, version) in chosen {
            let Some(name) = package.project() else { continue };
            for requirement in self.requirements(package, version)?.unwrap_or_default() {
                let to = requirement.name.to_string();
                if to != name {
                    via.entry(to).or_default().1.insert(name);
                }
            }
        }
        let mut out = Vec::new();
        for (package, version) in chosen {
            let Package::Project(name) = package else { continue };
            let Some(file) = self.wheel(name, version)?.filter(|file| !file.name.is_empty()) else { continue };
            let (keys, names) = via.remove(name).unwrap_or_default();
            let limited = self.limits(name).map(|limit| limit.why.clone());
            out.push(Choice {
                coordinate: Coordinate::Pypi { name: name.clone(), version: version.to_string() },
                file,
                via: keys.into_iter().chain(names).map(str::to_owned).chain(limited).collect(),
            });
        }
        Ok(out)
    }
}

impl DependencyProvider for Search<'_> {
    type P = Package;
    type V = Version;
    type VS = Ranges<Version>;
    type Priority = (bool, u32, bool, Reverse<usize>);
    type M = String;
    type Err = Error;

    fn prioritize(
        &self,
        package: &Package,
        range: &Ranges<Version>,
        statistics: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let seen = self.order.borrow().get(package).copied().unwrap_or(usize::MAX);
        let is_early = package.project().is_some_and(|name| self.early.borrow().contains(name));
        (is_early, statistics.conflict_count(), range.as_singleton().is_some(), Reverse(seen))
    }

    fn should_cancel(&self) -> Result<(), Error> {
        if self.again.get() { Err(Error::registry("the search", "begins anew")) } else { Ok(()) }
    }

    fn choose_version(&self, package: &Package, range: &Ranges<Version>) -> Result<Option<Version>, Error> {
        match package.project() {
            None => Ok(Some(Version::new([0]))),
            Some(name) => match self.kept(name, range)? {
                Some(version) => Ok(Some(version)),
                None => self.newest(name, range),
            },
        }
    }

    fn get_dependencies(
        &self,
        package: &Package,
        version: &Version,
    ) -> Result<Dependencies<Package, Ranges<Version>, String>, Error> {
        self.again.set(self.again.get() || package.project().is_some_and(|name| self.is_stuck(name, version)));
        let requirements = match self.requirements(package, version)? {
            Ok(requirements) => requirements,
            Err(reason) => return Ok(Dependencies::Unavailable(reason)),
        };
        self.prefetch(requirements.iter().map(|requirement| requirement.name.to_string()));
        let mut edges = Vec::new();
        if let Package::Extra(name, _) = package {
            edges.push((Package::Project(name.clone()), Ranges::singleton(version.clone())));
        }
        for requirement in &requirements {
            if *package != Package::Root {
                self.note(requirement);
            }
            edges.extend(self.edges(package, requirement));
        }
        Ok(Dependencies::Available(edges.into_iter().collect::<DependencyConstraints<_, _>>()))
    }
}

/// The versions that a requirement admits.
pub(super) fn range(requirement: &Requirement<VerbatimUrl>) -> Ranges<Version> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Ranges::from(specifiers.clone()),
        _ => Ranges::full(),
    }
}

/// The target's values of the markers (PyPA "Dependency specifiers", Environment Markers). The
/// kernel's own are not known before the image runs and are empty.
fn environment(request: &Request, minor: u32) -> Result<MarkerEnvironment, pep440_rs::VersionParseError> {
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &request.python_full,
        os_name: "posix",
        platform_machine: &request.arch,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &request.python_full,
        python_version: &format!("3.{minor}"),
        sys_platform: "linux",
    })
}

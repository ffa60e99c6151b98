//! Debian's wing: from a suite and the names of packages to pinned files.
//!
//! [`resolve()`] verifies the suites' signed indexes, reads their packages and chooses the closure
//! that apt would choose. Its parts: [`keyring`] whose signatures count, [`release`] the signed
//! index, [`packages`] the stanzas, [`version`] their order, [`universe`] the candidates, [`base`]
//! the packages of every image. Absent on purpose: anything that runs dpkg, apt or a script.

pub mod base;
pub mod deb;
pub mod keyring;
pub mod packages;
pub mod release;
pub mod resolve;
pub mod root;
pub mod universe;
pub mod version;

mod archive;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::artifact::Artifact;
use crate::error::{Error, Failure};
use crate::outside::{Index, Registry};
use crate::problem::Problem;
use crate::problem::codes::debian as codes;
use crate::profile::Located;

use keyring::Keyring;
use packages::Package;
use universe::Universe;

/// What is wanted of Debian.
#[derive(Debug, Clone)]
pub struct Request {
    /// Codename of the suite: `bookworm`.
    pub suite: String,
    /// Debian's name of the architecture: `amd64`.
    pub arch: String,
    /// Whether the security archive joins.
    pub security: bool,
    /// Java's feature release, which brings the packages of [`base`] with it; `None` asks for nothing but `packages`.
    pub java: Option<String>,
    /// The user's packages.
    pub packages: Vec<Located<String>>,
    /// Whether the suite's Essential packages are asked for too, as dpkg wants them on every system.
    pub essential: bool,
    /// Package → version or glob.
    pub pins: Vec<(Located<String>, Located<String>)>,
    /// Versions of packages that stay as long as the archive has them and they go together.
    pub kept: BTreeMap<String, String>,
    /// Whose signatures count.
    pub keyring: Keyring,
    /// Seconds since 1970 at which signatures, keys and `Valid-Until` are judged.
    pub now: u64,
}

/// The pinned packages.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// The releases that were believed.
    pub releases: Vec<Believed>,
    /// The closure, sorted by coordinate; `via` begins with what decided each.
    pub artifacts: Vec<Artifact>,
    /// Upstream version of the closure's Python: `3.11.2`; `None` where it has none.
    pub python: Option<String>,
    /// Essential packages of the suite that the image does without, sorted.
    pub omitted: Vec<String>,
    /// Findings that stop nothing.
    pub warnings: Vec<Problem>,
}

/// A verified release, as the lock keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// `bookworm`, `bookworm-updates`, `bookworm-security`.
    pub suite: String,
    /// Its `Date`, RFC 3339 in UTC.
    pub date: String,
    /// Fingerprints of the primary keys whose signatures were good, upper-case hexadecimal.
    pub keys: Vec<String>,
}

/// The archive that a file of the pool is in: only the security archive has `pool/updates/`.
#[must_use]
pub fn registry_of(file: &str) -> Registry {
    if file.starts_with("pool/updates/") { Registry::DebianSecurity } else { Registry::Debian }
}

/// Chooses and pins the packages of an image.
///
/// # Errors
/// Every problem of section `debian` of the codes; [`Error::Registry`] where an index is not
/// signed, not current, damaged or absent, and whatever `index` fails with.
pub fn resolve(request: &Request, index: &dyn Index) -> Result<Resolution, Failure> {
    let roots = roots(request)?;
    let archives = archive::archives(request);
    let releases = archive::releases(&archives, request, index)?;
    let texts = archive::packages(&releases, request, index)?;
    let indexes = archive::read(&releases, &texts, &request.arch)?;
    let pins: Pins = request.pins.iter().map(|(name, pin)| (name.value.as_str(), pin.value.as_str())).collect();
    let near = with_kept(request, &indexes, &pins);
    let (universe, closure) = match choose(&indexes, &near, &roots, request) {
        Err(Failure::Problems(_)) if near != pins => choose(&indexes, &pins, &roots, request),
        chosen => chosen,
    }?;
    let mut artifacts = Vec::with_capacity(closure.len());
    for (package, via) in &closure {
        artifacts.push(Artifact { via: via.clone(), ..universe.package(*package).artifact()? });
    }
    artifacts.sort();
    let omitted = universe.candidates().filter(|(i, package)| package.essential && !closure.contains_key(i));
    Ok(Resolution {
        releases: releases.iter().map(archive::Found::believed).collect(),
        python: python(&artifacts)?,
        omitted: omitted.map(|(_, package)| package.name.to_owned()).collect(),
        warnings: unused_pins(request, &artifacts),
        artifacts,
    })
}

type Pins<'r> = BTreeMap<&'r str, &'r str>;

/// The user's pins, and one for what is kept and still there.
fn with_kept<'r>(request: &'r Request, indexes: &[Vec<Package<'_>>], pins: &Pins<'r>) -> Pins<'r> {
    let mut near = pins.clone();
    for package in indexes.iter().flatten() {
        if let Some((name, version)) = request.kept.get_key_value(package.name)
            && version == package.version
        {
            near.entry(name).or_insert(version);
        }
    }
    near
}

fn choose<'a>(
    indexes: &[Vec<Package<'a>>],
    pins: &Pins<'_>,
    roots: &[resolve::Root],
    request: &'a Request,
) -> Result<(Universe<'a>, resolve::Closure), Failure> {
    let universe = Universe::new(indexes, pins, &request.arch)?;
    let broken = broken_pins(request, &universe);
    if !broken.is_empty() {
        return Err(broken.into());
    }
    let essential = universe.candidates().filter(|(_, package)| request.essential && package.essential);
    let essential =
        essential.map(|(_, package)| resolve::Root { name: package.name.to_owned(), reason: "essential", at: None });
    let roots: Vec<resolve::Root> = roots.iter().cloned().chain(essential).collect();
    let closure = resolve::resolve(&universe, &roots)?;
    Ok((universe, closure))
}

/// The user's packages and the base's, or what is wrong with the suite and Java.
fn roots(request: &Request) -> Result<Vec<resolve::Root>, Failure> {
    // The user's come first: what is chosen by hand decides the alternatives.
    let asked = request.packages.iter().map(|package| resolve::Root {
        name: package.value.clone(),
        reason: "debian.packages",
        at: Some(package.at.clone()),
    });
    let mut roots: Vec<resolve::Root> = asked.collect();
    let Some(java) = &request.java else { return Ok(roots) };
    let base = base::base()?;
    let mut problems = Vec::new();
    let known: Vec<&str> = base.suites.iter().map(|suite| suite.codename.as_str()).collect();
    match base.suites.iter().find(|suite| suite.codename == request.suite) {
        None => {
            let name = request.suite.escape_debug();
            let problem = Problem::new(codes::UNKNOWN_SUITE, format!("Debian suite {name} is not known"))
                .note(format!("known are {}", known.join(", ")));
            problems.push(match resolve::nearest(&request.suite, known.into_iter()) {
                Some(near) => problem.help(format!("perhaps `{near}` is meant")),
                None => problem,
            });
        }
        Some(suite) if !suite.java.contains(java) => problems.push(
            Problem::new(codes::NO_JAVA, format!("Debian {} has no OpenJDK {}", suite.codename, java.escape_debug()))
                .note(format!("it has OpenJDK {}", suite.java.join(", "))),
        ),
        Some(_) => {}
    }
    roots.extend(base.roots.iter().map(|root| resolve::Root {
        name: root.package.replace("{java}", java),
        reason: "base",
        at: None,
    }));
    if problems.is_empty() { Ok(roots) } else { Err(problems.into()) }
}

fn broken_pins(request: &Request, universe: &Universe<'_>) -> Vec<Problem> {
    let broken = request.pins.iter().filter(|(name, _)| universe.named(&name.value).is_none());
    broken
        .map(|(name, pin)| {
            let versions: Vec<String> = universe.versions(&name.value).map(|v| v.escape_debug().to_string()).collect();
            let package = name.value.escape_debug();
            if versions.is_empty() {
                let problem = Problem::new(codes::UNKNOWN_PACKAGE, format!("there is no package {package}"))
                    .at(&name.at, "pinned here");
                return match resolve::nearest(&name.value, universe.names()) {
                    Some(near) => problem.help(format!("perhaps `{near}` is meant")),
                    None => problem,
                };
            }
            let message = format!("no version of {package} matches {}", pin.value.escape_debug());
            Problem::new(codes::PIN_WITHOUT_VERSION, message)
                .at(&pin.at, "pinned here")
                .note(format!("the archive has {}", versions.join(", ")))
                .help("pin one of these, or a glob such as `17.0.*`")
        })
        .collect()
}

fn unused_pins(request: &Request, artifacts: &[Artifact]) -> Vec<Problem> {
    let used = |name: &str| artifacts.iter().any(|artifact| artifact.coordinate.name() == name);
    let unused = request.pins.iter().filter(|(name, _)| !used(&name.value));
    unused
        .map(|(name, _)| {
            Problem::new(codes::UNUSED_PIN, format!("{} is pinned, but not in the image", name.value))
                .at(&name.at, "pinned here")
        })
        .collect()
}

/// The upstream version of the `python3.N` of the closure, of which there is one at most.
fn python(artifacts: &[Artifact]) -> Result<Option<String>, Error> {
    let minor = |name: &str| name.strip_prefix("python3.").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let found: BTreeMap<String, &str> = artifacts
        .iter()
        .map(|artifact| (artifact.coordinate.name(), artifact.coordinate.version()))
        .filter(|(name, _)| minor(name))
        .collect();
    let mut versions = found.values();
    match (versions.next(), versions.next()) {
        (Some(version), None) => {
            let upstream = version::upstream(version);
            let end = upstream.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(upstream.len());
            Ok(Some(upstream[..end].to_owned()))
        }
        (None, _) => Ok(None),
        _ => Err(Error::registry("python3", format!("the suite's python3 leads to {} Pythons, not one", found.len()))),
    }
}

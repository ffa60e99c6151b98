//! Python packages of a profile: resolved as pip would, within what the matrix knows to go together.

use std::sync::Arc;

use pep440_rs::{VersionSpecifier, VersionSpecifiers};

use crate::artifact::Artifact;
use crate::error::{Error, Failure};
use crate::matrix::{Stack, WayOut};
use crate::net::Registries;
use crate::outside::Blobs;
use crate::problem::codes::python::UNKNOWN_PROJECT;
use crate::problem::{Problem, SourceFile};
use crate::profile::{Located, PythonRequest};
use crate::pypi::candidates::Limit;
use crate::pypi::index::Indexes;
use crate::pypi::resolve::{self, Given, OwnWheel, Request, STACK};
use crate::pypi::{tags, wheel};

use super::World;
use super::resolve::Asked;

/// Limits that are tried together where one alone only moves the trouble.
const TOGETHER: usize = 3;

/// What the rules find in packages, a list of ways out each.
type Found = Vec<Vec<WayOut>>;

/// The packages. Where the rules find that some of them fail or degrade together, ways out are tried as limits, and
/// stay where packages that keep to them exist and the rules find less.
pub(super) fn resolve(
    request: &Request,
    judge: &dyn Fn(&[Artifact]) -> Found,
    registries: &Registries<'_>,
    world: &World,
) -> Result<Vec<Artifact>, Failure> {
    let wheels = resolve::resolve(request, registries).map_err(|failure| hinted(failure, world))?;
    let mut best = Kept { ways: Vec::new(), found: judge(&wheels), wheels };
    let attempt = |ways: &[WayOut]| {
        let request = Request { limits: ways.iter().map(limit).collect(), ..request.clone() };
        match resolve::resolve(&request, registries) {
            Ok(wheels) => Ok(Some((judge(&wheels), wheels))),
            // The profile asks for what the rule speaks against: told by the matrix, with its place.
            Err(Failure::Problems(_)) => Ok(None),
            Err(Failure::World(error)) => Err(error),
        }
    };
    while let Some(better) = better(&best.ways, &best.found, best.found.len(), &attempt, TOGETHER)? {
        best = better;
    }
    for way in &best.ways {
        world.ui.step("Limiting", format_args!("{}, by rule {}", versions(way), way.rule));
    }
    Ok(best.wheels)
}

/// Packages, the limits that they keep to, and what the rules still find in them.
struct Kept {
    ways: Vec<WayOut>,
    found: Found,
    wheels: Vec<Artifact>,
}

/// The packages with these limits, and what the rules find in them; `None` where there are none.
type Attempt<'a> = &'a dyn Fn(&[WayOut]) -> Result<Option<(Found, Vec<Artifact>)>, Error>;

/// More limits with which the rules find less than before, the fewest first.
fn better(
    ways: &[WayOut],
    found: &Found,
    before: usize,
    attempt: Attempt<'_>,
    left: usize,
) -> Result<Option<Kept>, Error> {
    let mut no_better = Vec::new();
    for way in found.iter().flatten().filter(|way| !ways.contains(way)) {
        let more = [ways, std::slice::from_ref(way)].concat();
        let Some((found, wheels)) = attempt(&more)? else { continue };
        if found.len() < before {
            return Ok(Some(Kept { ways: more, found, wheels }));
        }
        no_better.push((more, found));
    }
    if left > 1 {
        for (more, found) in no_better {
            let deeper = better(&more, &found, before, attempt, left - 1)?;
            if deeper.is_some() {
                return Ok(deeper);
            }
        }
    }
    Ok(None)
}

fn limit(way: &WayOut) -> Limit {
    let WayOut { rule, name, within, versions } = way.clone();
    Limit { name, within, versions, why: format!("matrix.{rule}") }
}

/// `pyarrow to <26`, `numpy to others than >=1.2,<1.4`.
fn versions(way: &WayOut) -> String {
    let others = |versions: &VersionSpecifiers| match versions.iter().as_slice() {
        [one] => VersionSpecifier::from_version(one.operator().negate()?, one.version().clone()).ok(),
        _ => None,
    };
    let name = &way.name;
    if let (false, [versions]) = (way.within, way.versions.as_slice())
        && let Some(rest) = others(versions)
    {
        return format!("{name} to {rest}");
    }
    let versions: Vec<String> = way.versions.iter().map(ToString::to_string).collect();
    let side = if way.within { "to" } else { "to others than" };
    format!("{name} {side} {}", versions.join(" or "))
}

/// Where pip or uv would have asked further indexes for a project that ours does not have, it is said.
fn hinted(failure: Failure, world: &World) -> Failure {
    let (Failure::Problems(problems), Ok(Some(origin))) = (&failure, world.endpoints.beside()) else { return failure };
    let note = format!(
        "{origin} names further indexes, which are not asked beside the first: whoever publishes a private name there would win"
    );
    let hinted = |problem: Problem| if problem.code == UNKNOWN_PROJECT { problem.note(&note) } else { problem };
    Failure::Problems(problems.iter().cloned().map(hinted).collect())
}

/// What is asked of the package index for a profile.
pub(super) fn request(
    asked: &Asked<'_>,
    stack: &Stack,
    requires: &[String],
    python_full: &str,
    world: &World,
) -> Result<Request, Failure> {
    let Asked { profile, own, .. } = *asked;
    let mut files = Vec::new();
    for path in &profile.python.files {
        let Some((digest, size)) = own.stored.get(&path.value) else { continue };
        let bytes = Blobs::open(&*world.store, digest)?;
        files.push(OwnWheel {
            at: path.at.clone(),
            file: path.value.rsplit('/').next().unwrap_or(&path.value).to_owned(),
            size: *size,
            sha256: *digest,
            metadata: wheel::metadata_of(bytes.as_ref(), &path.value)?,
        });
    }
    let lock = match &profile.python.lock {
        Some(path) => own.small.get(&path.value).map(|bytes| {
            let text = String::from_utf8(bytes.clone()).map_err(|_| Error::archive(&path.value, "is not UTF-8"))?;
            Ok::<_, Error>(Arc::new(SourceFile { name: path.value.clone(), text }))
        }),
        None => None,
    };
    let lock = lock.transpose()?;
    let glibc = tags::glibc(&stack.debian)
        .ok_or_else(|| Error::archive(&stack.debian, "the C library of this suite is not known"))?;
    Ok(Request {
        requirements: profile.python.requirements.clone(),
        given: vec![Given {
            key: STACK,
            name: "pyspark".to_owned(),
            version: stack.spark.clone(),
            requires: requires.to_vec(),
        }],
        python_full: python_full.to_owned(),
        glibc,
        arch: "x86_64".to_owned(),
        files,
        kept: asked.kept.python.clone(),
        limits: Vec::new(),
        indexes: indexes(&profile.python),
        lock,
    })
}

/// Which projects come from which index of the user's own.
fn indexes(python: &PythonRequest) -> Indexes {
    let of = |(index, projects): &(Located<String>, Vec<Located<String>>)| {
        projects.iter().map(|project| (project.value.clone(), index.value.clone())).collect::<Vec<_>>()
    };
    Indexes::new(python.indexes.iter().flat_map(of).collect())
}

//! Profile → stack and artifacts: the matrix chooses, the three wings resolve, digests are pinned.

use std::path::Path;

use crate::artifact::{Artifact, Coordinate, Unmet};
use crate::debian;
use crate::debian::keyring::Keyring;
use crate::endpoints;
use crate::error::{Error, Failure};
use crate::fetch;
use crate::lock::{Kept, LockedRelease};
use crate::matrix::{self, Release, Stack};
use crate::maven::{self, Exclusion, Platform, Requested, Root, bundled, place};
use crate::net::Registries;
use crate::outside::{Index, Page, ReadAt, Registry, Slice};
use crate::problem::{At, Problem, codes};
use crate::profile::Profile;
use crate::project::{self, OwnFiles};
use crate::pypi;
use crate::tree::MemberKind;

use super::{World, base, gather, inputs, wheels};

/// What is resolved.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The profile.
    pub(super) profile: &'a Profile,
    /// Its directory.
    pub(super) directory: &'a Path,
    /// The files that it names.
    pub(super) own: &'a OwnFiles,
    /// What stays of an earlier lock where it still fits.
    pub(super) kept: &'a Kept,
}

/// What the profile comes down to.
pub(super) struct Resolved {
    /// The chosen row.
    pub(super) stack: Stack,
    /// Every file, in the store already.
    pub(super) artifacts: Vec<Artifact>,
    /// The versions of jars that somebody wants and does not get.
    pub(super) unmet: Vec<Unmet>,
    /// The Debian indexes that were believed.
    pub(super) releases: Vec<LockedRelease>,
    /// The base, where the profile names one.
    pub(super) base: Option<base::Fresh>,
    /// Findings that stop nothing by themselves.
    pub(super) problems: Vec<Problem>,
}

/// Chooses, resolves, pins and fetches.
pub(super) fn resolve(asked: &Asked<'_>, world: &World) -> Result<Resolved, Failure> {
    let registries = world.registries();
    let profile = asked.profile;
    let base = base::find(profile, asked.directory, world)?;
    let pinned = match (&profile.stack.base, &base) {
        (Some(at), Some(base)) => Some(crate::base::pinned(profile, at, &base.found)?),
        _ => None,
    };
    let profile = pinned.as_ref().unwrap_or(profile);
    let asked = Asked { profile, ..*asked };
    let newer = newer(profile, &registries, world)?;
    let selection = matrix::reselect(profile, &asked.kept.stack, newer.as_ref())?;
    let stack = selection.stack;
    let mut problems = selection.warnings;
    problems.extend(matrix::newer_spark(profile).map(matrix::newer));
    world.ui.step(
        "Resolving",
        format_args!("Spark {} on Java {}, Python {}, {}", stack.spark, stack.java, stack.python, stack.debian),
    );

    let mut releases = Vec::new();
    let (debian, python, jdk) = if let Some(base) = &base {
        (Vec::new(), base.found.python.clone(), base.found.java.clone())
    } else {
        let debian = debian::resolve(&debian_request(&asked, &stack, world)?, &registries)?;
        problems.extend(debian.warnings);
        let believed = debian.releases.into_iter();
        releases.extend(believed.map(|r| LockedRelease { suite: r.suite, date: r.date, keys: r.keys }));
        let jdk = java_version(&stack, &debian.artifacts);
        let python = debian.python.ok_or_else(|| Error::registry("python3", "the suite's closure has no Python"))?;
        (debian.artifacts, python, jdk)
    };
    // An index that does not tell its size has it downloaded here.
    let work = world.ui.work("Finding", 1);
    work.doing("PySpark");
    let pyspark = pypi::pyspark::artifact(&stack.spark, &registries)?;
    drop(work);
    fetch(std::slice::from_ref(&pyspark), &registries, world)?;
    let sdist = gather::sdist(&pyspark, world)?;
    let shipped = pypi::pyspark::bundled_jars(&sdist);

    let request = wheels::request(&asked, &stack, &sdist.requires, &python, world)?;
    let judge = |wheels: &[Artifact]| {
        let beside = debian.iter().chain([&pyspark]).chain(wheels);
        let coordinates: Vec<Coordinate> = beside.map(|artifact| artifact.coordinate.clone()).collect();
        matrix::ways_out(profile, &stack, &coordinates, newer.as_ref())
    };
    let wheels = wheels::resolve(&request, &judge, &registries, world)?;
    if world.endpoints.get(Registry::Maven).is_err() {
        suggest_maven(&pyspark, &sdist, world);
    }
    let (jars, unmet, more) = jars(&asked, (&stack, &jdk), &shipped, &registries, world)?;
    problems.extend(more);

    let mut artifacts = debian;
    artifacts.push(pyspark);
    artifacts.extend(wheels);
    artifacts.extend(jars);
    artifacts.sort_by_key(|artifact| artifact.coordinate.to_string());
    let coordinates: Vec<Coordinate> = artifacts.iter().map(|artifact| artifact.coordinate.clone()).collect();
    problems.extend(matrix::check(profile, &stack, &coordinates, newer.as_ref()));
    fetch(&artifacts, &registries, world)?;
    for artifact in &artifacts {
        if let Coordinate::Pypi { .. } = &artifact.coordinate {
            let wheel = world.store.open_unchecked(&artifact.sha256)?;
            pypi::served::check(&artifact.sha256, &wheel, &artifact.file, &registries)?;
        }
    }
    Ok(Resolved { stack, artifacts, unmet, releases, base, problems })
}

/// What a PySpark carries that the matrix does not know yet, from its sdist.
fn newer(profile: &Profile, registries: &Registries<'_>, world: &World) -> Result<Option<Release>, Failure> {
    let Some(spark) = matrix::newer_spark(profile) else { return Ok(None) };
    let artifact = pypi::pyspark::artifact(&spark.value, registries).map_err(|failure| match failure {
        Failure::Problems(problems) => {
            problems.into_iter().map(|problem| problem.at(&spark.at, "asked for here")).collect::<Vec<_>>().into()
        }
        world @ Failure::World(_) => world,
    })?;
    fetch(std::slice::from_ref(&artifact), registries, world)?;
    Ok(Some(gather::release(&artifact, world)?))
}

/// Brings artifacts into the store; Python distributions are found again by name and digest.
pub(super) fn fetch(artifacts: &[Artifact], registries: &Registries<'_>, world: &World) -> Result<(), Error> {
    if let Some(source) = inputs::Source::open(world)? {
        source.fetch(artifacts, world)?;
    }
    let locate = |artifact: &Artifact| -> Result<Vec<Page>, Error> {
        let Coordinate::Pypi { name, .. } = &artifact.coordinate else { return Ok(Vec::new()) };
        let index = artifact.index.as_deref();
        let Some(served) = registries.get(&pypi::index::page(name).of(index))? else { return Ok(Vec::new()) };
        let url = pypi::index::find(&served, &artifact.file, &artifact.sha256)?;
        Ok(url.into_iter().map(|url| Page::new(Registry::Pypi, url).of(index)).collect())
    };
    fetch::fetch(artifacts, registries, &locate, &world.ui)
}

fn debian_request(asked: &Asked<'_>, stack: &Stack, world: &World) -> Result<debian::Request, Failure> {
    let Asked { profile, own, kept, .. } = *asked;
    let files = project::keyrings(|path| world.environment.system(path));
    let extra: Vec<_> = profile
        .debian
        .keys
        .iter()
        .filter_map(|path| Some((path.at.clone(), own.small.get(&path.value)?.clone())))
        .collect();
    Ok(debian::Request {
        suite: stack.debian.clone(),
        arch: "amd64".to_owned(),
        security: profile.debian.security.as_ref().is_none_or(|security| security.value),
        java: Some(stack.java.clone()),
        packages: profile.debian.packages.clone(),
        essential: false,
        kept: kept.debian.clone(),
        pins: profile.debian.pins.clone(),
        keyring: Keyring::read(&files, &extra)?,
        now: world.environment.now,
    })
}

/// Java's full version, from the package that brings it: `17.0.19+10-1~deb12u2` is 17.0.19.
fn java_version(stack: &Stack, artifacts: &[Artifact]) -> String {
    let package = format!("openjdk-{}-jre-headless", stack.java);
    let found = artifacts.iter().find(|artifact| artifact.coordinate.name() == package);
    let version =
        found.map_or(stack.java.as_str(), |artifact| debian::version::upstream(artifact.coordinate.version()));
    version.split(['+', '~', '-']).next().unwrap_or(version).to_owned()
}

/// Where no tool of the user's names a Maven repository, the one that `spark-submit --packages` would use.
fn suggest_maven(pyspark: &Artifact, sdist: &pypi::sdist::Sdist, world: &World) {
    let ivy = sdist.members.iter().find(|member| {
        let name = member.path.name();
        name.starts_with("ivy-") && std::path::Path::new(name).extension().is_some_and(|e| e == "jar")
    });
    let Some(MemberKind::File { offset, size, .. }) = ivy.map(|member| &member.kind) else { return };
    let Ok(spool) = crate::outside::Blobs::unpacked(&*world.store, &pyspark.sha256) else { return };
    let jar: Box<dyn ReadAt> = Box::new(Slice::new(spool, *offset, *size));
    if let Some(root) = endpoints::maven_from_ivy(jar.as_ref()) {
        world.endpoints.suggest_maven(root);
    }
}

type Jars = (Vec<Artifact>, Vec<Unmet>, Vec<Problem>);

/// The jars beside and instead of Spark's.
fn jars(
    asked: &Asked<'_>,
    (stack, jdk): (&Stack, &str),
    shipped: &[String],
    registries: &Registries<'_>,
    world: &World,
) -> Result<Jars, Failure> {
    let profile = asked.profile;
    let shipped: Vec<bundled::Bundled> = shipped.iter().filter_map(|file| bundled::Bundled::parse(file)).collect();
    let mut problems = Vec::new();
    let roots = roots(asked, stack, registries, &mut problems)?;
    let mut instead = overrides(profile, stack, &shipped, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let platform = Platform { jdk: jdk.to_owned(), arch: "amd64".to_owned() };
    instead.extend(hadoop(profile, stack, &shipped, &platform, registries)?);
    if roots.is_empty() && instead.is_empty() {
        return Ok((Vec::new(), Vec::new(), problems));
    }
    let exclude: Vec<Exclusion> =
        profile.maven.exclude.iter().filter_map(|text| Exclusion::parse(&text.value)).collect();
    let resolution = maven::resolve(
        &maven::Request { roots, platform, exclude, kept: asked.kept.maven.clone(), ..maven::Request::default() },
        registries,
    )?;
    for (pom, reason) in &resolution.ignored {
        world
            .ui
            .warn(format_args!("{pom} is not a POM and counts as one without dependencies, as for Maven: {reason}"));
    }
    let subtracted = bundled::subtract(resolution.chosen, &shipped);
    if world.verbose {
        for replaced in &subtracted.replaced {
            world.ui.note(format_args!(
                "{}: wanted {}, Spark's own {} wins",
                replaced.chosen.coordinate.name(),
                replaced.chosen.coordinate.version(),
                replaced.got
            ));
        }
    }
    let unmet = subtracted.unmet();
    let mut wanted: Vec<(Coordinate, Vec<String>)> =
        subtracted.kept.into_iter().map(|chosen| (chosen.coordinate, chosen.via)).collect();
    wanted.extend(instead);
    let pages: Option<Vec<Page>> =
        wanted.iter().map(|(c, _)| place::file(c).map(|path| Page::new(Registry::Maven, path))).collect();
    let pages = pages.ok_or_else(|| Error::archive("Maven", "a chosen coordinate has no place in a repository"))?;
    let pinned = fetch::pin(&pages, registries, &world.ui)?;
    let artifacts = wanted.into_iter().zip(pinned).map(|((coordinate, via), (sha256, size))| {
        let file = place::file_name(&coordinate).unwrap_or_default();
        Artifact { coordinate, file, size, sha256, index: None, via }
    });
    Ok((artifacts.collect(), unmet, problems))
}

/// `[maven] jars` with every version; one without is the matrix's, the first that the registry has.
fn roots(
    asked: &Asked<'_>,
    stack: &Stack,
    registries: &Registries<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Root>, Error> {
    let mut roots = Vec::new();
    for jar in &asked.profile.maven.jars {
        let requested = match maven::parse_request(&jar.value) {
            Ok(requested) => requested,
            Err(reason) => {
                problems.push(Problem::new(codes::maven::UNKNOWN_JAR, reason).at(&jar.at, "asked for here"));
                continue;
            }
        };
        let (group, artifact) = (&requested.group, &requested.artifact);
        let version = if let Some(version) = &requested.version {
            Some(version.clone())
        } else {
            let mut versions = matrix::jar_versions(stack, group, artifact);
            let kept = asked.kept.maven.get(&format!("{group}:{artifact}"));
            // Of what the matrix knows, first what is locked.
            versions.sort_by_key(|version| Some(version) != kept);
            published(group, artifact, &versions, registries)?
        };
        let Some(version) = version else {
            let message = format!("no version of `{group}:{artifact}` for Spark {} is known", stack.spark);
            let problem = Problem::new(codes::maven::UNKNOWN_JAR, message).at(&jar.at, "a version is needed here");
            problems.push(problem.help(format!("write it: \"{group}:{artifact}:VERSION\"")));
            continue;
        };
        let coordinate = Requested { version: Some(version), ..requested }.coordinate();
        roots.extend(coordinate.map(|coordinate| Root { coordinate, at: jar.at.clone() }));
    }
    Ok(roots)
}

/// The first of the versions whose POM the registry has.
fn published(
    group: &str,
    artifact: &str,
    versions: &[String],
    index: &Registries<'_>,
) -> Result<Option<String>, Error> {
    for version in versions {
        let Some(path) = place::pom(group, artifact, version) else { continue };
        if index.get(&Page::new(Registry::Maven, path))?.is_some() {
            return Ok(Some(version.clone()));
        }
    }
    Ok(None)
}

/// Hadoop's jars where another Hadoop than Spark's is asked for: those that Spark ships, and what their closure has of
/// Hadoop's other projects and Spark ships too, such as its shaded Guava.
fn hadoop(
    profile: &Profile,
    stack: &Stack,
    shipped: &[bundled::Bundled],
    platform: &Platform,
    registries: &Registries<'_>,
) -> Result<Vec<(Coordinate, Vec<String>)>, Failure> {
    let is_other = |jar: &&bundled::Bundled| jar.artifact.starts_with("hadoop-") && jar.version != stack.hadoop;
    let is_numbered_apart = |jar: &&bundled::Bundled| jar.artifact == HADOOP_GUAVA;
    let (apart, others): (Vec<_>, Vec<_>) = shipped.iter().filter(is_other).partition(is_numbered_apart);
    let coordinates = others.iter().map(|jar| Coordinate::jar("org.apache.hadoop", &jar.artifact, &stack.hadoop));
    let coordinates: Vec<Coordinate> = coordinates.collect();
    let mut chosen = coordinates.clone();
    if !apart.is_empty() && !coordinates.is_empty() {
        let at =
            profile.stack.hadoop.as_ref().map_or_else(|| At::new("stack.hadoop", 0..0), |hadoop| hadoop.at.clone());
        let roots = coordinates.into_iter().map(|coordinate| Root { coordinate, at: at.clone() }).collect();
        let asked = maven::Request { roots, platform: platform.clone(), ..maven::Request::default() };
        let closure = maven::resolve(&asked, registries)?.chosen;
        let differs = |one: &Coordinate| apart.iter().any(|jar| is_version_of(one, jar));
        chosen.extend(closure.into_iter().map(|one| one.coordinate).filter(differs));
    }
    Ok(chosen.into_iter().map(|coordinate| (coordinate, vec!["stack.hadoop".to_owned()])).collect())
}

/// Of the project `hadoop-thirdparty`, whose releases have numbers of their own.
const HADOOP_GUAVA: &str = "hadoop-shaded-guava";

/// Whether a jar is another version of one that Spark ships.
fn is_version_of(one: &Coordinate, shipped: &bundled::Bundled) -> bool {
    matches!(one, Coordinate::Maven { group, artifact, version, .. }
        if group.starts_with("org.apache.hadoop") && *artifact == shipped.artifact && *version != shipped.version)
}

/// `[maven] override`.
fn overrides(
    profile: &Profile,
    stack: &Stack,
    shipped: &[bundled::Bundled],
    problems: &mut Vec<Problem>,
) -> Vec<(Coordinate, Vec<String>)> {
    let mut all = Vec::new();
    for (name, version) in &profile.maven.overrides {
        let Some((group, artifact)) = name.value.split_once(':') else { continue };
        if shipped.iter().any(|jar| jar.artifact == artifact) {
            all.push((
                Coordinate::jar(group, artifact, &version.value),
                vec![format!("maven.override.{}", name.value)],
            ));
        } else {
            let message = format!("Spark {} ships no `{artifact}` that could be replaced", stack.spark);
            let problem = Problem::new(codes::maven::NOTHING_TO_OVERRIDE, message).at(&name.at, "named here");
            problems.push(
                problem.help(format!("to add it, write \"{}:{}\" into `[maven] jars`", name.value, version.value)),
            );
        }
    }
    all
}

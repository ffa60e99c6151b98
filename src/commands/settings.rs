//! `[spark.conf]` held against the settings that the image's own jars know.

use crate::artifact::{Artifact, Coordinate};
use crate::classpath::constants;
use crate::error::Error;
use crate::outside::{Blobs, ReadAt, Slice};
use crate::problem::Problem;
use crate::profile::Profile;
use crate::project::{self, OwnFiles};
use crate::pypi;
use crate::spark::known::{self, Known, LOOK};

use super::gather::{key, sdist};
use super::{Request, Stop, World, lock};

/// What the jars of the lock say of the profile's settings. Nothing is fetched for it.
pub(super) fn problems(
    profile: &Profile,
    artifacts: &[Artifact],
    java: &str,
    own: &OwnFiles,
    world: &World,
) -> Result<Vec<Problem>, Error> {
    if profile.spark_conf.is_empty() {
        return Ok(Vec::new());
    }
    let Some(known) = known(artifacts, java, own, world)? else {
        world.ui.note("[spark.conf] is not held against Spark's own settings: locked files are not in the store");
        return Ok(Vec::new());
    };
    Ok(known::check(&profile.spark_conf, &known))
}

/// What the jars of a profile know of a setting: those of the profile that was typed, of the one here, or of the
/// built-in one of the oldest line that is kept up.
pub(super) fn of(typed: Option<&str>, world: &World) -> Result<(String, Known), Stop> {
    let here = "sparkbake.toml";
    let default = || if project::exists(&world.environment.cwd.join(here)) { here } else { "spark-3.5" };
    let request = Request::open(typed.unwrap_or_else(default), None, world)?;
    let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
    let name = request.project.source.name.clone();
    let lock = lock::held(&request.project, world)?;
    let known = known(&lock.artifacts, &lock.stack.java, &own, world)?;
    let missing = "its jars, which know the settings, are not in the store: `sparkbake build` brings them";
    Ok((format!("{name}, Spark {}", lock.stack.spark), known.ok_or_else(|| Error::archive(&name, missing))?))
}

/// The settings that these jars and PySpark's modules know; none where they were never read and are not here.
fn known(artifacts: &[Artifact], java: &str, own: &OwnFiles, world: &World) -> Result<Option<Known>, Error> {
    let is_pyspark = |coordinate: &Coordinate| matches!(coordinate, Coordinate::Pypi { name, .. } if name == "pyspark");
    let is_jar = |artifact: &&Artifact| matches!(artifact.coordinate, Coordinate::Maven { .. });
    let Some(pyspark) = artifacts.iter().find(|artifact| is_pyspark(&artifact.coordinate)) else { return Ok(None) };
    let added: Vec<_> = artifacts.iter().filter(is_jar).map(|artifact| (artifact.sha256, artifact.size)).collect();
    let jars = own.stored.iter().filter(|(path, _)| path.strip_suffix(".jar").is_some()).map(|(_, stored)| *stored);
    let all: Vec<_> = std::iter::once((pyspark.sha256, pyspark.size)).chain(added).chain(jars).collect();
    let rules = [known::RULES.to_string(), java.to_owned()];
    let key = key(rules.into_iter().chain(all.iter().map(|(digest, _)| digest.to_string())));
    if let Some(known) = world.store.record("settings", &key)? {
        return Ok(Some(known));
    }
    if !all.iter().all(|(digest, size)| world.store.has(digest, *size)) {
        return Ok(None);
    }
    let java = java.parse().map_err(|_| Error::archive(java, "is no feature release of Java"))?;
    let sdist = sdist(pyspark, world)?;
    let mut opened: Vec<Box<dyn ReadAt>> = Vec::new();
    for (offset, size) in pypi::pyspark::files(&sdist, is_of_settings) {
        opened.push(Box::new(Slice::new(world.store.unpacked(&pyspark.sha256)?, offset, size)));
    }
    for (digest, _) in all.iter().skip(1) {
        opened.push(world.store.open(digest)?);
    }
    let opened: Vec<&dyn ReadAt> = opened.iter().map(AsRef::as_ref).collect();
    let mut known = known::read(&constants::read(&opened, java, world.threads, &LOOK));
    let spool = world.store.unpacked(&pyspark.sha256)?;
    let is_module = |path: &str| path.starts_with("pyspark/") && path.strip_suffix(".py").is_some();
    for (offset, size) in pypi::pyspark::files(&sdist, is_module) {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        spool.read_exact_at(&mut bytes, offset).map_err(Error::read(&pyspark.file))?;
        known.texts.extend(known::in_python(&String::from_utf8_lossy(&bytes)).map(str::to_owned));
    }
    world.store.put_record("settings", &key, &known)?;
    Ok(Some(known))
}

/// The jars in which Spark and Hadoop's clients read their settings.
fn is_of_settings(path: &str) -> bool {
    let name = path.strip_prefix("deps/jars/").filter(|name| name.strip_suffix(".jar").is_some());
    // The other half of Hadoop's client holds libraries of others under changed names.
    name.is_some_and(|name| {
        name.starts_with("spark-") || name.starts_with("hadoop-") && !name.starts_with("hadoop-client-runtime-")
    })
}

//! `matrix derive`: what a PySpark carries, read from its sdist, as the facts write it.

use std::fs::File;
use std::path::Path;

use crate::cli::MatrixDerive;
use crate::error::{Error, Failure};
use crate::matrix::{self, Release};
use crate::pypi;
use crate::store::Disk;

use super::super::{gather, resolve};
use super::{Stop, World, document, say, say_json};

pub(super) fn derive(request: &MatrixDerive, world: &World) -> Result<(), Stop> {
    let release = release(&request.sdist, world)?;
    if request.json {
        say_json(&document(serde_json::json!({ "release": release })))?;
    } else {
        say(&release.to_toml())?;
    }
    if let Some(known) = matrix::shipped(&release.version) {
        let known = Release { published: String::new(), ..known.clone() };
        let same = if known == release { "the facts say the same" } else { "the facts say OTHERWISE" };
        world.ui.note(format_args!("PySpark {}: {same}", release.version));
    } else {
        world.ui.note(format_args!("PySpark {} is not in the facts of {}", release.version, matrix::AS_OF));
    }
    Ok(())
}

/// From a file; else from the package index, by its version.
#[expect(clippy::disallowed_methods, reason = "the command reads the file that it is given")]
fn release(sdist: &str, world: &World) -> Result<Release, Stop> {
    if sdist.split('.').all(|part| part.parse::<u32>().is_ok()) {
        let registries = world.registries();
        let artifact = pypi::pyspark::artifact(sdist, &registries).map_err(|failure| match failure {
            Failure::World(error) => Stop::World(error),
            Failure::Problems(problems) => {
                Stop::Usage(problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; "))
            }
        })?;
        resolve::fetch(std::slice::from_ref(&artifact), &registries, world)?;
        return Ok(gather::release(&artifact, world)?);
    }
    let path = world.environment.cwd.join(Path::new(sdist));
    let mut file = File::open(&path).map_err(Error::read(&path))?;
    let mut spool = tempfile::tempfile().map_err(Error::write(&path))?;
    let unpacked = pypi::sdist::unpack(&mut file, sdist, &mut spool)?;
    Ok(gather::derive(&unpacked, &Disk::new(spool, &path)?, sdist)?)
}

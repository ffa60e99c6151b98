//! The locked files in a registry of the user's own: one tagged artifact a lock, and the way back.

use std::collections::BTreeSet;

use oci_spec::image::Descriptor;

use crate::artifact::Artifact;
use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::artifact::{EMPTY, File, artifact};
use crate::image::content::Content;
use crate::layer::Layer;
use crate::lock::Lock;
use crate::outside::{Blobs, ReadAt};
use crate::problem::plural;
use crate::reference::{Reference, Repository};
use crate::registry::Host;
use crate::threads::all;
use crate::ui;

use super::remote::{Remote, fetched};
use super::resolve::fetch;
use super::{Stop, World};

/// What the artifact is, so that no tool takes it for an image.
const KIND: &str = "application/vnd.sparkbake.inputs.v1";
/// Files that are fetched at once.
const WIDTH: usize = 8;
/// The lock's inputs that are digests of the user's own files, without which nothing can be rebuilt.
const OWN: [&str; 3] = ["maven.files.", "python.files.", "debian.ca-certificates."];

/// The tag of a lock's inputs.
fn tag(lock: &Lock) -> Result<String, Error> {
    Ok(format!("inputs-{}", Digest::of(lock.to_toml()?.as_bytes()).short()))
}

/// Pushes everything that the lock names, the user's own files with it where the store has them.
pub(super) fn push(lock: &Lock, repository: &str, choice: &cli::RegistryChoice, world: &World) -> Result<(), Stop> {
    fetch(&lock.artifacts, &world.registries(), world)?;
    let locked = lock.artifacts.iter().map(|artifact| File {
        name: artifact.file.rsplit('/').next().unwrap_or(&artifact.file).to_owned(),
        digest: artifact.sha256,
        size: artifact.size,
    });
    let mut files: Vec<File> = locked.collect();
    files.extend(lock.base_layers().iter().map(|layer| File {
        name: format!("{}.tar.gz", layer.name),
        digest: layer.digest,
        size: layer.size,
    }));
    for (key, value) in &lock.inputs {
        let Some(path) = OWN.iter().find_map(|start| key.strip_prefix(start)) else { continue };
        let Ok(digest) = value.parse::<Digest>() else { continue };
        match world.store.open(&digest) {
            Ok(blob) => {
                let name = path.rsplit('/').next().unwrap_or(path).to_owned();
                files.push(File { name, digest, size: blob.size() });
            }
            Err(_) => world.ui.warn(format_args!("{path} is not in the store and not among the inputs")),
        }
    }
    let content = artifact(KIND, &files)?;
    let remote = Remote::open(repository, choice, world)?;
    let open = |digest: &Digest| -> Result<Option<Box<dyn ReadAt>>, Error> {
        if *digest == Digest::of(EMPTY) {
            return Ok(Some(Box::new(EMPTY.to_vec())));
        }
        Ok(Some(Box::new(world.store.open_unchecked(digest)?)))
    };
    remote.push(&content, &[tag(lock)?], &open, world)?;
    Ok(())
}

/// Where locked files are taken from first.
pub(super) struct Source<'a> {
    host: Host<'a>,
    repository: Repository,
}

impl<'a> Source<'a> {
    /// What `--inputs-from` names.
    pub(super) fn open(world: &'a World) -> Result<Option<Self>, Error> {
        let Some((repository, plain_http)) = &world.inputs_from else { return Ok(None) };
        let host = world.host(&repository.host, *plain_http)?;
        Ok(Some(Self { host, repository: repository.clone() }))
    }

    /// Brings the artifacts to the store that the repository has; the others are left to their registries.
    pub(super) fn fetch(&self, artifacts: &[Artifact], world: &World) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let absent = |artifact: &&Artifact| !world.store.has(&artifact.sha256, artifact.size);
        let wanted: Vec<&Artifact> =
            artifacts.iter().filter(absent).filter(|artifact| seen.insert(artifact.sha256)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let found = all(&wanted, WIDTH, |artifact| {
            let what = artifact.coordinate.to_string();
            fetched(&self.host, &self.repository, (&artifact.sha256, artifact.size), &what, world)
        })?;
        let (count, size) = wanted
            .iter()
            .zip(found)
            .filter(|(_, found)| *found)
            .fold((0, 0), |(count, size), (artifact, _)| (count + 1, size + artifact.size));
        let files = plural(count, "file", "files");
        world
            .ui
            .step("Fetched", format_args!("{files} of {}, {} from {}", wanted.len(), ui::size(size), self.repository));
        Ok(())
    }

    /// Brings layers of a base to the store, and leaves those that it has not.
    pub(super) fn layers(&self, absent: &mut Vec<&Layer>, world: &World) -> Result<(), Error> {
        let mut left = Vec::new();
        for layer in absent.drain(..) {
            if !fetched(&self.host, &self.repository, (&layer.digest, layer.size), &layer.name, world)? {
                left.push(layer);
            }
        }
        *absent = left;
        Ok(())
    }

    /// Brings one of the user's own files to the store, whose size only the artifact tells.
    pub(super) fn own(&self, lock: &Lock, digest: &Digest, world: &World) -> Result<Option<u64>, Error> {
        let reference = Reference { repository: self.repository.clone(), tag: Some(tag(lock)?), digest: None };
        let Some(pulled) = self.host.pull(&reference)? else { return Ok(None) };
        let index = |_: &Descriptor| Err(Error::archive(reference.to_string(), "is an index, and no list of inputs"));
        let content = Content::parse(pulled.bytes, &pulled.media_type, &mut { index })?;
        let Some((_, size)) = content.blobs.iter().find(|(blob, _)| blob == digest) else { return Ok(None) };
        let there = fetched(&self.host, &self.repository, (digest, *size), &digest.to_string(), world)?;
        Ok(there.then_some(*size))
    }
}

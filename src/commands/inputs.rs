//! The locked files in a registry of the user's own or in a bundle: one tagged artifact a lock, and the way back.

use std::collections::BTreeSet;
use std::fmt;

use oci_spec::image::Descriptor;

use crate::artifact::Artifact;
use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::artifact::{EMPTY, File, artifact};
use crate::image::content::Content;
use crate::layer::Layer;
use crate::layout::Opened;
use crate::lock::Lock;
use crate::outside::{Blobs, ReadAt};
use crate::problem::plural;
use crate::reference::{Reference, Repository};
use crate::registry::Host;
use crate::threads::all;
use crate::ui;

use super::remote::{Remote, fetched};
use super::resolve::fetch;
use super::seen::keep;
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
    let (tag, content) = artifact_of(lock, world)?;
    let remote = Remote::open(repository, choice, world)?;
    let open = |digest: &Digest| -> Result<Option<Box<dyn ReadAt>>, Error> {
        if *digest == Digest::of(EMPTY) {
            return Ok(Some(Box::new(EMPTY.to_vec())));
        }
        Ok(Some(Box::new(world.store.open_unchecked(digest)?)))
    };
    remote.push(&content, &[tag], &open, world)?;
    Ok(())
}

/// The artifact of everything that the lock names, and its tag; its files are in the store then.
pub(super) fn artifact_of(lock: &Lock, world: &World) -> Result<(String, Content), Error> {
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
    Ok((tag(lock)?, artifact(KIND, &files)?))
}

/// Where locked files are taken from first.
pub(super) enum Source<'a> {
    /// What `--inputs-from` names.
    Registry(Box<Host<'a>>, Repository),
    /// What `--bundle` names, as it was typed.
    Bundle(Opened, String),
}

impl<'a> Source<'a> {
    /// What the command line names.
    pub(super) fn open(world: &'a World) -> Result<Option<Self>, Error> {
        let cli::InputsFrom { inputs_from, bundle } = &world.inputs.0;
        if let Some(path) = bundle {
            let opened = Opened::open(&world.environment.cwd.join(path))?;
            return Ok(Some(Self::Bundle(opened, path.display().to_string())));
        }
        let Some(repository) = inputs_from else { return Ok(None) };
        let host = Box::new(world.host(&repository.host, world.inputs.1)?);
        Ok(Some(Self::Registry(host, repository.clone())))
    }

    /// Brings a blob to the store; `false` where it is not there.
    fn bring(&self, digest: &Digest, size: u64, what: &str, world: &World) -> Result<bool, Error> {
        match self {
            Self::Registry(host, repository) => fetched(host, repository, (digest, size), what, world),
            Self::Bundle(..) if world.store.intact(digest, size)? => Ok(true),
            Self::Bundle(opened, _) => match opened.blob(digest)? {
                Some(blob) => keep(blob.as_ref(), digest, what, world).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// Brings the artifacts to the store that are there; the others are left to their registries.
    pub(super) fn fetch(&self, artifacts: &[Artifact], world: &World) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let absent = |artifact: &&Artifact| !world.store.has(&artifact.sha256, artifact.size);
        let wanted: Vec<&Artifact> =
            artifacts.iter().filter(absent).filter(|artifact| seen.insert(artifact.sha256)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let found = all(&wanted, WIDTH, |artifact| {
            self.bring(&artifact.sha256, artifact.size, &artifact.coordinate.to_string(), world)
        })?;
        let (count, size) = wanted
            .iter()
            .zip(found)
            .filter(|(_, found)| *found)
            .fold((0, 0), |(count, size), (artifact, _)| (count + 1, size + artifact.size));
        let files = plural(count, "file", "files");
        world.ui.step("Fetched", format_args!("{files} of {}, {} from {self}", wanted.len(), ui::size(size)));
        Ok(())
    }

    /// Brings layers of a base to the store, and leaves those that it has not.
    pub(super) fn layers(&self, absent: &mut Vec<&Layer>, world: &World) -> Result<(), Error> {
        let mut left = Vec::new();
        for layer in absent.drain(..) {
            if !self.bring(&layer.digest, layer.size, &layer.name, world)? {
                left.push(layer);
            }
        }
        *absent = left;
        Ok(())
    }

    /// Brings one of the user's own files to the store, whose size the lock does not tell.
    pub(super) fn own(&self, lock: &Lock, digest: &Digest, world: &World) -> Result<Option<u64>, Error> {
        let size = match self {
            Self::Bundle(opened, _) => opened.blob(digest)?.map(|blob| blob.size()),
            Self::Registry(host, repository) => {
                let reference = Reference { repository: repository.clone(), tag: Some(tag(lock)?), digest: None };
                let Some(pulled) = host.pull(&reference)? else { return Ok(None) };
                let index =
                    |_: &Descriptor| Err(Error::archive(reference.to_string(), "is an index, and no list of inputs"));
                let content = Content::parse(pulled.bytes, &pulled.media_type, &mut { index })?;
                content.blobs.iter().find(|(blob, _)| blob == digest).map(|(_, size)| *size)
            }
        };
        let Some(size) = size else { return Ok(None) };
        let there = self.bring(digest, size, &digest.to_string(), world)?;
        Ok(there.then_some(size))
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(_, repository) => repository.fmt(f),
            Self::Bundle(_, path) => f.write_str(path),
        }
    }
}

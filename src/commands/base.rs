//! The base image: found, brought to the store layer by layer, and read once.

use std::io;
use std::path::Path;

use oci_spec::image::{Arch, ImageManifest, MediaType, Os};

use crate::base::{self, Found, Keep, Kept, Root};
use crate::digest::{Digest, HashingReader};
use crate::error::{Error, Failure};
use crate::image::MAX_LAYERS;
use crate::image::content::document;
use crate::layer::{self, Layer};
use crate::lock::{Lock, LockedBase};
use crate::outside::Blobs;
use crate::problem::{Problem, codes::base as codes};
use crate::profile::{Located, Profile};
use crate::reference::{Origin, Place, Repository};

use super::gather::key;
use super::remote::fetched;
use super::seen::{LayerSeen, Seen, tar};
use super::{Stop, World, inputs};

/// Number of the rules by which a base is read; a change of what is recorded raises it.
const RULES: &str = "base-1";
/// Media types of the layers that an image can stand on; the bytes of both are the same.
const LAYER_TYPES: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"];

/// Most layers of a base: with ours it must stay below what engines take.
const LAYERS_MAX: usize = MAX_LAYERS - 20;
/// Most bytes of a base's layers (Azure Container Instances' FAQ).
const SIZE_MAX: u64 = 15_000_000_000;

/// A base whose layers are in the store.
pub(super) struct Ground {
    pub(super) locked: LockedBase,
    pub(super) layers: Vec<Layer>,
    pub(super) root: Root,
}

impl Ground {
    /// Java's classes.
    pub(super) fn modules(&self) -> Option<(Digest, u64)> {
        self.root.blob(&format!("{}/lib/modules", self.locked.java_home))
    }
}

/// A base that no lock holds yet.
pub(super) struct Fresh {
    pub(super) ground: Ground,
    pub(super) found: Found,
    /// Seconds since 1970.
    pub(super) created: u64,
}

/// Where the base is, as the profile names it.
pub(super) fn origin(base: &Located<String>) -> Result<Origin, Error> {
    base.value.parse().map_err(|error| Error::archive("stack.base", error))
}

/// The repository of the base, where it is in a registry: its layers can be mounted from there.
pub(super) fn repository(profile: &Profile) -> Result<Option<Repository>, Error> {
    let Some(base) = &profile.stack.base else { return Ok(None) };
    Ok(match origin(base)?.place {
        Place::Registry(repository) => Some(repository),
        Place::Here(_) | Place::Unsaid => None,
    })
}

/// Reads the base that the profile names, its layers brought to the store; `None` where it names none.
pub(super) fn find(profile: &Profile, directory: &Path, world: &World) -> Result<Option<Fresh>, Failure> {
    let Some(at) = &profile.stack.base else { return Ok(None) };
    let Origin { place, digest } = origin(at)?;
    let nowhere = || Error::archive(digest.to_string(), "is named as the base, and not where it is");
    let typed = typed(&place, &digest, directory).ok_or_else(nowhere)?;
    world.ui.step("Reading", format_args!("the base {}", at.value));
    let seen = Seen::read(&typed, false, world).map_err(|stop| match stop {
        Stop::World(error) => Failure::World(error),
        other => Error::archive("stack.base", other).into(),
    })?;
    let lacks = |message: String| Failure::from(Problem::new(codes::LACKS, message).at(&at.at, "this base"));
    let platform = format!("{}/{}", seen.config.os(), seen.config.architecture());
    if (seen.config.os(), seen.config.architecture()) != (&Os::Linux, &Arch::Amd64) {
        return Err(lacks(format!("the base is for {platform}; Azure Container Instances runs linux/amd64")));
    }
    if let Some(reason) = refused(&seen)? {
        return Err(lacks(format!("the base {reason}")));
    }
    let layers = layers(&seen)?;
    for (at, layer) in layers.iter().enumerate() {
        if layers[..at].iter().any(|other| other.diff_id == layer.diff_id) {
            return Err(lacks(format!("the base has one layer twice: {}", layer.diff_id)));
        }
    }
    for layer in &seen.layers {
        seen.bring(layer, world)?;
    }
    let root = read(&layers, world)?;
    let pairs = seen.config.config().as_ref().and_then(|config| config.env().clone()).unwrap_or_default();
    let (environment, left_out) = base::environment(&pairs);
    let found = base::examine(&root, &environment, &at.at)?;
    if !left_out.is_empty() {
        world.ui.note(format_args!("not taken over of the base: {}", super::visible(&left_out.join(", "))));
    }
    let created = seen.config.created().as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let locked = LockedBase {
        digest: seen.content.digest,
        layers: layers.len(),
        java: found.java.clone(),
        java_home: found.java_home.clone(),
        python: found.python.clone(),
        environment,
    };
    let created = created.and_then(|time| u64::try_from(time.as_second()).ok()).unwrap_or_default();
    Ok(Some(Fresh { ground: Ground { locked, layers, root }, found, created }))
}

/// As `inspect` takes it.
fn typed(place: &Place, digest: &Digest, directory: &Path) -> Option<String> {
    match place {
        Place::Registry(repository) => Some(format!("{repository}@{digest}")),
        Place::Here(named) => {
            let (kind, path) = named.split_once(':')?;
            Some(format!("{kind}:{}@{digest}", directory.join(path).display()))
        }
        Place::Unsaid => None,
    }
}

/// Why an image cannot stand on it, by what its manifest names.
fn refused(seen: &Seen<'_>) -> Result<Option<String>, Error> {
    let manifest: ImageManifest = document("the base's manifest", &seen.content.bytes)?;
    for layer in manifest.layers() {
        if layer.urls().as_ref().is_some_and(|urls| !urls.is_empty()) {
            return Ok(Some("has a layer that lies at a URL of its own, which no registry has".to_owned()));
        }
        let media_type: &MediaType = layer.media_type();
        if !LAYER_TYPES.contains(&media_type.as_ref()) {
            let what = super::visible(media_type.as_ref());
            return Ok(Some(format!("has a layer of the type {what}: only gzip is known to run everywhere")));
        }
    }
    let size: u64 = seen.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    Ok(match seen.layers.len() {
        0 => Some("has no layers".to_owned()),
        count if count > LAYERS_MAX => Some(format!("has {count} layers; an image of ours has room for {LAYERS_MAX}")),
        _ if size > SIZE_MAX => Some("is larger than the 15 GB that Azure Container Instances guarantees".to_owned()),
        _ => None,
    })
}

fn layers(seen: &Seen<'_>) -> Result<Vec<Layer>, Error> {
    let layer = |(at, layer): (usize, &LayerSeen)| {
        let diff_id = layer.diff_id.parse().map_err(|error| Error::archive("the base's config", error))?;
        Ok(Layer { name: format!("base-{}", at + 1), diff_id, digest: layer.digest, size: layer.size })
    };
    seen.layers.iter().enumerate().map(layer).collect()
}

/// The base of a lock, its layers brought to the store; `None` where it has none.
pub(super) fn of_lock(
    lock: &Lock,
    profile: &Profile,
    directory: &Path,
    world: &World,
) -> Result<Option<Ground>, Failure> {
    let Some(locked) = &lock.base else { return Ok(None) };
    let layers = lock.base_layers().to_vec();
    let mut absent = Vec::new();
    for layer in &layers {
        if !world.store.intact(&layer.digest, layer.size)? {
            absent.push(layer);
        }
    }
    if let Some(source) = inputs::Source::open(world)? {
        source.layers(&mut absent, world)?;
    }
    if !absent.is_empty() {
        bring(&absent, locked, profile, directory, world)?;
    }
    let root = read(&layers, world)?;
    Ok(Some(Ground { locked: locked.clone(), layers, root }))
}

/// Brings layers of a locked base to the store, from where the profile says that it is.
fn bring(
    absent: &[&Layer],
    locked: &LockedBase,
    profile: &Profile,
    directory: &Path,
    world: &World,
) -> Result<(), Error> {
    let place = profile.stack.base.as_ref().map(origin).transpose()?.map(|origin| origin.place);
    let missing = |layer: &Layer, whence: &str| {
        Error::archive(format!("{} of the base {}", layer.name, locked.digest), format!("is not in {whence}"))
    };
    match place {
        Some(Place::Registry(repository)) => {
            let host = world.host(&repository.host, false)?;
            for layer in absent {
                if !fetched(&host, &repository, (&layer.digest, layer.size), &layer.name, world)? {
                    return Err(missing(layer, &repository.to_string()));
                }
            }
        }
        Some(Place::Here(named)) => {
            let path = named.split_once(':').map_or(named.as_str(), |(_, path)| path);
            let opened = crate::layout::Opened::open(&directory.join(path))?;
            for layer in absent {
                let blob = opened.blob(&layer.digest)?.ok_or_else(|| missing(layer, &named))?;
                super::seen::keep(blob.as_ref(), &layer.digest, &layer.name, world)?;
            }
        }
        Some(Place::Unsaid) | None => {
            return absent
                .first()
                .map_or(Ok(()), |layer| Err(missing(layer, "the store, and nothing says where else")));
        }
    }
    Ok(())
}

/// The layers laid over each other; remembered by both digests of each, as only a blob that was read is known to be
/// what the config says of it.
fn read(layers: &[Layer], world: &World) -> Result<Root, Error> {
    let identities = layers.iter().map(|layer| format!("{} {}", layer.digest, layer.diff_id));
    let key = key([RULES.to_owned()].into_iter().chain(identities));
    if let Some(root) = world.store.record::<Root>("base", &key)? {
        let mut whole = true;
        for (digest, size) in root.blobs() {
            whole &= world.store.intact(digest, *size)?;
        }
        if whole {
            return Ok(root);
        }
    }
    let work = world.ui.work("Reading", layers.len() as u64);
    let mut root = Root::default();
    for layer in layers {
        work.doing(&layer.name);
        let (found, kept) = read_layer(layer, world)?;
        root.apply(&format!("{} of the base", layer.name), &found, kept)?;
        work.advance(1);
    }
    world.store.put_record("base", &key, &root)?;
    Ok(root)
}

fn read_layer(layer: &Layer, world: &World) -> Result<(Vec<layer::Found>, Kept), Error> {
    let what = format!("{} of the base", layer.name);
    let blob = world.store.open(&layer.digest)?;
    let mut hashing = HashingReader::new(tar(blob.as_ref()));
    let mut kept = Kept::default();
    let found = layer::read(&what, &mut hashing, &mut |found, contents| {
        match kept.wants(found)? {
            Keep::Nothing => {}
            Keep::Text => {
                let mut bytes = Vec::new();
                contents.read_to_end(&mut bytes).map_err(|error| Error::archive(&what, error))?;
                kept.texts.insert(found.path.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
            Keep::Blob => {
                let put = |out: &mut (dyn io::Write + Send)| {
                    io::copy(contents, out).map_err(|error| Error::archive(&what, error))
                };
                let (digest, size, _) = world.store.put(put)?;
                kept.blobs.insert(found.path.clone(), (digest, size));
            }
        }
        Ok(())
    })?;
    io::copy(&mut hashing, &mut io::sink()).map_err(|error| Error::archive(&what, error))?;
    let (got, _) = hashing.finish();
    if got == layer.diff_id { Ok((found, kept)) } else { Err(Error::mismatch(what, &layer.diff_id, &got)) }
}

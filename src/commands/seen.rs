//! An image of a layout, an archive or a registry as `inspect` and `diff` see it: its documents and the small
//! layers that tell what the others hold. Nothing large is read.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use oci_spec::image::ImageConfiguration;
use serde::Serialize;
use serde_json::Value;

use crate::digest::{Digest, HashingReader};
use crate::error::Error;
use crate::image::content::{Content, sha256};
use crate::image::{Document, Image};
use crate::layer::{self, Layer};
use crate::layout::Opened;
use crate::lock::Lock;
use crate::outside::{Blobs, Range, ReadAt};
use crate::plan::{LOCK_PATH, PROFILE_PATH};
use crate::project;
use crate::reference::Reference;
use crate::registry::Host;
use crate::spark::{PLAN_PATH, SETTINGS_PATH};

use super::push::Named;
use super::remote::fetched;
use super::{Stop, World};

/// The most that is read of a config, or unpacked of a small layer, in bytes.
const SMALL: u64 = 64 << 20;
/// The most that is unpacked of any layer, in bytes; Azure Container Instances guarantees images up to 15 GB.
const TAR_MAX: u64 = 32 << 30;

/// What an image says of itself.
pub(super) struct Seen<'a> {
    source: Source<'a>,
    pub(super) content: Content,
    /// The config, to the byte.
    pub(super) config_bytes: Vec<u8>,
    pub(super) config: ImageConfiguration,
    pub(super) layers: Vec<LayerSeen>,
    /// What sparkbake made it of; `None` for an image of others.
    pub(super) lock: Option<Lock>,
    /// The profile in its normal form, without its size.
    pub(super) profile: Option<String>,
    /// Every file that lies beside the lock, the profile's certificates among them.
    pub(super) carried: BTreeMap<Digest, Vec<u8>>,
    /// The memory plan that is baked in.
    pub(super) plan: Option<Value>,
    /// The settings that are baked in, by key.
    pub(super) settings: BTreeMap<String, String>,
}

/// A layer of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct LayerSeen {
    /// Name that `build` gave it; `created_by` of another builder's.
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) diff_id: String,
    pub(super) size: u64,
}

impl<'a> Seen<'a> {
    /// Reads the image that was typed.
    pub(super) fn read(typed: &str, plain_http: bool, world: &'a World) -> Result<Self, Stop> {
        let (source, named) = open(typed, plain_http, world)?;
        let content = source.content(&named)?.of_platform("linux", "amd64")?;
        let Some((config, layers)) = content.blobs.split_first() else {
            let reason = "is an index without an image for linux/amd64";
            return Err(Error::archive(content.digest.to_string(), reason).into());
        };
        let config_bytes = source.blob(&config.0, config.1, world)?;
        let config: ImageConfiguration =
            serde_json::from_slice(&config_bytes).map_err(|error| Error::archive(config.0.to_string(), error))?;
        let layers = layers_of(&config, layers)?;
        let files = |layer: &str| -> Result<BTreeMap<String, Vec<u8>>, Error> {
            let found = layers.iter().find(|seen| seen.name == layer);
            found.map_or(Ok(BTreeMap::new()), |seen| files(layer, &source.blob(&seen.digest, seen.size, world)?))
        };
        let (made_of, settings) = (files("lock")?, files("settings")?);
        let lock = text(&made_of, LOCK_PATH)?.map(|text| Lock::parse("the image's lock", text)).transpose()?;
        let profile = text(&made_of, PROFILE_PATH)?.map(str::to_owned);
        let plan = text(&settings, PLAN_PATH)?.map(serde_json::from_str).transpose();
        let plan = plan.map_err(|error| Error::archive("the image's plan", error))?;
        let pairs = pairs(text(&settings, SETTINGS_PATH)?.unwrap_or_default());
        let settings = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let carried = made_of.into_values().map(|bytes| (Digest::of(&bytes), bytes)).collect();
        Ok(Self { source, content, config_bytes, config, layers, lock, profile, carried, plan, settings })
    }

    /// A layer's blob, checked.
    pub(super) fn layer(&self, layer: &LayerSeen, world: &World) -> Result<Box<dyn ReadAt>, Error> {
        match &self.source {
            Source::Here(opened) => {
                let missing = || Error::archive(layer.digest.to_string(), "is not there");
                let blob = opened.blob(&layer.digest)?.ok_or_else(missing)?;
                let mut hashing = HashingReader::new(Range::all(blob.as_ref()));
                io::copy(&mut hashing, &mut io::sink()).map_err(Error::read(layer.digest.to_string()))?;
                let (got, _) = hashing.finish();
                if got != layer.digest {
                    return Err(Error::mismatch(format!("layer {}", layer.name), &layer.digest, &got));
                }
                Ok(blob)
            }
            Source::There(host, reference) => {
                let what = format!("layer {}", layer.name);
                if !fetched(host, &reference.repository, (&layer.digest, layer.size), &what, world)? {
                    return Err(Error::registry(layer.digest.to_string(), "is not there"));
                }
                world.store.open(&layer.digest)
            }
        }
    }

    /// Brings a layer to the store.
    pub(super) fn bring(&self, layer: &LayerSeen, world: &World) -> Result<(), Error> {
        match &self.source {
            Source::Here(opened) if !world.store.intact(&layer.digest, layer.size)? => {
                let missing = || Error::archive(layer.digest.to_string(), "is not there");
                let blob = opened.blob(&layer.digest)?.ok_or_else(missing)?;
                keep(blob.as_ref(), &layer.digest, &layer.name, world)
            }
            Source::Here(_) => Ok(()),
            Source::There(..) => self.layer(layer, world).map(drop),
        }
    }

    /// Brings the layers of the lock's base to the store: the image has what the lock names by digest.
    pub(super) fn bring_base(&self, lock: &Lock, world: &World) -> Result<(), Error> {
        let carried =
            lock.base_layers().iter().filter_map(|layer| self.layers.iter().find(|l| l.digest == layer.digest));
        carried.into_iter().try_for_each(|layer| self.bring(layer, world))
    }

    /// Its documents and layers as those of an image of ours.
    pub(super) fn image(&self) -> Result<Image, Error> {
        let document = |bytes: &[u8], media_type: &str| Document {
            bytes: bytes.to_vec(),
            digest: Digest::of(bytes),
            media_type: media_type.into(),
        };
        let layer = |seen: &LayerSeen| -> Result<Layer, Error> {
            let diff_id = seen.diff_id.parse().map_err(|error| Error::archive(&seen.diff_id, error))?;
            Ok(Layer { name: seen.name.clone(), diff_id, digest: seen.digest, size: seen.size })
        };
        Ok(Image {
            config: document(&self.config_bytes, "application/vnd.oci.image.config.v1+json"),
            manifest: document(&self.content.bytes, &self.content.media_type),
            layers: self.layers.iter().map(layer).collect::<Result<_, _>>()?,
        })
    }

    /// Compressed bytes of the layers and the config.
    pub(super) fn size(&self) -> u64 {
        self.content.blobs.iter().map(|(_, size)| size).sum()
    }

    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.config.config().as_ref().and_then(|config| config.labels().clone());
        labels.unwrap_or_default().into_iter().collect()
    }
}

/// Copies a blob to the store, if it is the one that it should be.
pub(super) fn keep(blob: &dyn ReadAt, digest: &Digest, name: &str, world: &World) -> Result<(), Error> {
    let copy = |out: &mut (dyn io::Write + Send)| {
        io::copy(&mut Range::all(blob), out).map_err(Error::read(digest.to_string()))
    };
    let (got, ..) = world.store.put(copy)?;
    if got == *digest { Ok(()) } else { Err(Error::mismatch(format!("layer {name}"), digest, &got)) }
}

/// Where an image lies.
enum Source<'a> {
    Here(Opened),
    There(Box<Host<'a>>, Reference),
}

impl Source<'_> {
    fn content(&self, named: &Named) -> Result<Content, Error> {
        match self {
            Self::Here(opened) => opened.image(named.name.as_deref(), named.digest.as_ref()),
            Self::There(host, reference) => {
                let missing = || Error::registry(reference.to_string(), "there is no such image");
                let pulled = host.pull(reference)?.ok_or_else(missing)?;
                Content::parse(pulled.bytes, &pulled.media_type, &mut |descriptor| {
                    let digest = sha256(descriptor)?;
                    let one = Reference { digest: Some(digest), ..reference.clone() };
                    Ok(host
                        .pull(&one)?
                        .ok_or_else(|| Error::registry(one.to_string(), "there is no such image"))?
                        .bytes)
                })
            }
        }
    }

    /// A small blob, checked.
    fn blob(&self, digest: &Digest, size: u64, world: &World) -> Result<Vec<u8>, Error> {
        let what = digest.to_string();
        if size > SMALL {
            return Err(Error::archive(what, "is larger than a config or a layer of settings"));
        }
        let bytes = match self {
            Self::Here(opened) => {
                let blob = opened.blob(digest)?.ok_or_else(|| Error::archive(&what, "is not there"))?;
                project::read_all(blob.as_ref(), &what, SMALL)?
            }
            Self::There(..) if world.store.has(digest, size) => {
                project::read_all(world.store.open(digest)?.as_ref(), &what, SMALL)?
            }
            Self::There(host, reference) => {
                let mut bytes = Vec::new();
                if !host.read_blob(&reference.repository, digest, size, &mut bytes)? {
                    return Err(Error::registry(what, "is not there"));
                }
                bytes
            }
        };
        let got = Digest::of(&bytes);
        if got == *digest { Ok(bytes) } else { Err(Error::mismatch("a blob", digest, &got)) }
    }
}

fn open<'a>(typed: &str, plain_http: bool, world: &'a World) -> Result<(Source<'a>, Named), Stop> {
    match Named::parse(typed, &world.environment.cwd) {
        Ok(named) => Ok((Source::Here(Opened::open(&world.environment.cwd.join(&named.path))?), named)),
        Err(stop) => match typed.parse::<Reference>() {
            Ok(reference) if !typed.starts_with("oci") => {
                let named = Named { path: String::new(), name: None, digest: reference.digest };
                let host = Box::new(world.host(&reference.repository.host, plain_http)?);
                Ok((Source::There(host, reference), named))
            }
            _ => Err(stop),
        },
    }
}

/// Names come from the history: one entry a layer, those that made none left out.
fn layers_of(config: &ImageConfiguration, layers: &[(Digest, u64)]) -> Result<Vec<LayerSeen>, Error> {
    let diff_ids = config.rootfs().diff_ids();
    if diff_ids.len() != layers.len() {
        return Err(Error::archive(
            "the config",
            format!("names {} layers, the manifest {}", diff_ids.len(), layers.len()),
        ));
    }
    let history = config.history().clone().unwrap_or_default();
    let made: Vec<String> = history
        .iter()
        .filter(|entry| entry.empty_layer() != Some(true))
        .map(|entry| entry.created_by().clone().unwrap_or_default())
        .collect();
    let name = |at: usize| made.get(at).map_or_else(String::new, |by| by.trim_start_matches("sparkbake: ").to_owned());
    let all = layers.iter().zip(diff_ids).enumerate();
    Ok(all
        .map(|(at, ((digest, size), diff_id))| LayerSeen {
            name: name(at),
            digest: *digest,
            diff_id: diff_id.clone(),
            size: *size,
        })
        .collect())
}

/// The files of a small layer.
fn files(name: &str, packed: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut files = BTreeMap::new();
    let packed = packed.to_vec();
    let tar = tar(&packed).take(SMALL);
    let what = format!("layer {name}");
    layer::read(&what, tar, &mut |found, contents| {
        let mut bytes = Vec::new();
        contents.read_to_end(&mut bytes).map_err(|error| Error::archive(&what, error))?;
        files.insert(found.path.clone(), bytes);
        Ok(())
    })?;
    Ok(files)
}

fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, path: &str) -> Result<Option<&'f str>, Error> {
    let read = |bytes: &'f Vec<u8>| std::str::from_utf8(bytes).map_err(|error| Error::archive(path, error));
    files.get(path).map(read).transpose()
}

/// The tar of a layer's blob: gzip, zstd, or as it is.
pub(super) fn tar(blob: &dyn ReadAt) -> Box<dyn Read + '_> {
    let mut start = [0; 4];
    let known = blob.size() > 4 && blob.read_exact_at(&mut start, 0).is_ok();
    let whole = io::BufReader::with_capacity(1 << 18, Range::all(blob));
    match start {
        [0x1f, 0x8b, ..] if known => Box::new(MultiGzDecoder::new(whole).take(TAR_MAX)),
        // A frame, or one that is skipped (RFC 8878, sections 3.1.1 and 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] if known => {
            Box::new(crate::layer::zstd(whole).take(TAR_MAX))
        }
        _ => Box::new(whole),
    }
}

/// The settings of a `spark-defaults.conf`.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(char::is_whitespace)).map(|(key, value)| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_spark_reads_them() {
        let text = "# a comment\nspark.driver.memory 1033m\nspark.x   a b\n\n";
        let found: Vec<_> = pairs(text).collect();
        assert_eq!(found, [("spark.driver.memory", "1033m"), ("spark.x", "a b")]);
    }

    #[test]
    fn a_member_is_found_in_a_packed_layer_and_nothing_in_a_broken_one() {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_ustar();
        header.set_size(2);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        tar.append_data(&mut header, "etc/x", b"hi".as_slice()).unwrap();
        let layer = tar.into_inner().unwrap().finish().unwrap();
        let found = files("x", &layer).unwrap();
        assert_eq!(text(&found, "etc/x").unwrap(), Some("hi"));
        assert_eq!(text(&found, "etc/y").unwrap(), None);
        assert!(files("x", &layer[..layer.len() / 2]).is_err());
    }
}

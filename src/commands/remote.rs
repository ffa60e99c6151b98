//! The registry's side of `build --push` and `push`: where images go, and where their layers already are.

use std::io::Read;

use serde_json::{Value, json};

use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::content::Content;
use crate::layer::Layer;
use crate::outside::Blobs;
use crate::plan::Outline;
use crate::project;
use crate::reference::{self, Repository};
use crate::registry::{Host, Open, Pushed, Sent, Way};
use crate::threads::all;
use crate::ui;

use super::{Stop, World};

/// Questions that are asked of a registry at once.
const WIDTH: usize = 4;
/// An outline is a list of links and directories; this is more than any image has, in bytes.
const OUTLINE_MAX: u64 = 64 << 20;

/// A repository that images go to.
pub(super) struct Remote<'a> {
    host: Host<'a>,
    pub(super) repository: Repository,
    /// Where else layers may be: of the same registry, to be mounted.
    mounts: Vec<Repository>,
    /// The same of other registries, to be fetched.
    others: Vec<(Host<'a>, Repository)>,
}

impl<'a> Remote<'a> {
    pub(super) fn open(repository: &str, choice: &cli::RegistryChoice, world: &'a World) -> Result<Self, Stop> {
        let parse = |text: &str| text.parse::<Repository>().map_err(|error| Stop::Usage(error.to_string()));
        let repository = parse(repository)?;
        let caches = choice.cache_from.iter().map(|text| parse(text)).collect::<Result<Vec<_>, Stop>>()?;
        let (mounts, others): (Vec<_>, Vec<_>) = caches.into_iter().partition(|one| one.host == repository.host);
        let others = others.into_iter().map(|one| Ok((world.host(&one.host, choice.plain_http)?, one)));
        Ok(Self {
            host: world.host(&repository.host, choice.plain_http)?,
            mounts,
            others: others.collect::<Result<_, Error>>()?,
            repository,
        })
    }

    /// Whether all of the layers are at the registry, or could be brought to the store from another.
    pub(super) fn have(&self, layers: &[&Layer], world: &World) -> Result<bool, Error> {
        let there = all(layers, WIDTH, |layer| {
            let mut places = std::iter::once(&self.repository).chain(&self.mounts);
            if places.try_fold(false, |found, place| Ok(found || self.host.has_layer(place, &layer.digest)?))? {
                return Ok(true);
            }
            for (host, repository) in &self.others {
                if fetched_layer(host, repository, layer, world)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        Ok(there.into_iter().all(|there| there))
    }

    /// What the locked layers look like from above, from the layer that says it.
    pub(super) fn outline(&self, layer: &Layer, world: &World) -> Result<Option<Outline>, Error> {
        if !world.store.has(&layer.digest, layer.size) {
            let places = std::iter::once(&self.repository).chain(&self.mounts);
            let mut found = false;
            for place in places {
                found = found || fetched_layer(&self.host, place, layer, world)?;
            }
            if !found {
                return Ok(None);
            }
        }
        let blob = world.store.open(&layer.digest)?;
        let packed = project::read_all(blob.as_ref(), &format!("layer {}", layer.name), OUTLINE_MAX)?;
        let unpacked = flate2::read::GzDecoder::new(packed.as_slice()).take(OUTLINE_MAX);
        crate::plan::read_outline(unpacked)
    }

    /// Pushes, and says what it took.
    pub(super) fn push(
        &self,
        content: &Content,
        tags: &[String],
        open: Open<'_>,
        world: &World,
    ) -> Result<Pushed, Error> {
        let pushed = self.host.push(content, &self.repository, tags, &self.mounts, open)?;
        let names = pushed.tags.join(", ");
        world.ui.step("Pushed", format_args!("{}:{names}: {}", self.repository, summary(&pushed)));
        Ok(pushed)
    }

    /// References by tag.
    pub(super) fn names(&self, typed: &[String], suffix: &str) -> Result<Vec<String>, Stop> {
        Ok(tags(typed, suffix)?.into_iter().map(|tag| format!("{}:{tag}", self.repository)).collect())
    }

    /// The reference by digest.
    pub(super) fn reference(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.repository)
    }
}

fn fetched_layer(host: &Host<'_>, repository: &Repository, layer: &Layer, world: &World) -> Result<bool, Error> {
    fetched(host, repository, (&layer.digest, layer.size), &format!("layer {}", layer.name), world)
}

/// Brings a blob of a repository to the store; `false` where it is not there.
pub(super) fn fetched(
    host: &Host<'_>,
    repository: &Repository,
    (digest, size): (&Digest, u64),
    what: &str,
    world: &World,
) -> Result<bool, Error> {
    if world.store.intact(digest, size)? {
        return Ok(true);
    }
    let mut partial = world.store.partial(digest, size)?;
    if !host.read_blob(repository, digest, size, &mut partial)? {
        return Ok(false);
    }
    world.store.complete(&partial, digest, &format!("{what} of {repository}"))?;
    Ok(true)
}

/// Tags as they were typed, or `latest`.
pub(super) fn tags(typed: &[String], suffix: &str) -> Result<Vec<String>, Stop> {
    if let Some(bad) = typed.iter().find(|tag| !reference::is_tag(tag)) {
        let text = format!("-t is `{bad}`; a registry's tag has letters, digits and _ . - alone, and no repository");
        return Err(Stop::Usage(text));
    }
    let typed = if typed.is_empty() { vec!["latest".to_owned()] } else { typed.to_vec() };
    Ok(typed.into_iter().map(|tag| format!("{tag}{suffix}")).collect())
}

fn summary(pushed: &Pushed) -> String {
    if pushed.existed {
        return "it was there already".to_owned();
    }
    let count = |wanted: &dyn Fn(&Way) -> bool| pushed.blobs.iter().filter(|blob| wanted(&blob.way)).count();
    let sent: u64 = pushed.blobs.iter().map(|blob| blob.bytes).sum();
    let kept: u64 = pushed.blobs.iter().filter(|blob| blob.way != Way::Uploaded).map(|blob| blob.size).sum();
    let mut parts = vec![format!("sent {}", ui::size(sent))];
    let (existed, mounted) = (count(&|way| *way == Way::Existed), count(&|way| matches!(way, Way::Mounted(_))));
    if existed + mounted > 0 {
        parts.push(format!("reused {} of {} blobs, {}", existed + mounted, pushed.blobs.len(), ui::size(kept)));
    }
    let mut from: Vec<String> = pushed
        .blobs
        .iter()
        .filter_map(|blob| if let Way::Mounted(from) = &blob.way { Some(from.to_string()) } else { None })
        .collect();
    from.sort();
    from.dedup();
    if mounted > 0 {
        parts.push(format!("{mounted} mounted from {}", from.join(", ")));
    }
    parts.join("; ")
}

/// What became of every blob.
pub(super) fn report(remote: &Remote<'_>, content: &Content, pushed: &Pushed) -> Value {
    let blob = |sent: &Sent| {
        let (way, from) = match &sent.way {
            Way::Existed => ("existed", Value::Null),
            Way::Mounted(from) => ("mounted", json!(from.to_string())),
            Way::Uploaded => ("uploaded", Value::Null),
        };
        let seconds = (sent.seconds * 1000.0).round() / 1000.0;
        json!({ "digest": sent.digest, "size": sent.size, "way": way, "from": from, "bytes": sent.bytes,
            "retries": sent.retries, "seconds": seconds })
    };
    json!({
        "reference": remote.reference(&content.digest),
        "digest": content.digest,
        "media-type": content.media_type,
        "tags": pushed.tags,
        "existed": pushed.existed,
        "bytes": pushed.blobs.iter().map(|blob| blob.bytes).sum::<u64>(),
        "blobs": pushed.blobs.iter().map(blob).collect::<Vec<_>>(),
    })
}

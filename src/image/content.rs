//! A manifest or an index of anybody's, and all that it names: [`Content`].
//!
//! The bytes stay what they are, whatever they hold that we do not know (OCI distribution-spec: a manifest is
//! stored and given back exactly).

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::de::DeserializeOwned;

use super::{INDEX_TYPES, Image, MANIFEST_TYPES};
use crate::digest::Digest;
use crate::error::Error;

/// The most indexes within indexes; tools make one, image-spec sets no limit.
pub const MAX_DEPTH: usize = 4;
/// The most documents below one index.
const MAX_CHILDREN: usize = 1000;

/// A document with what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The document, to the byte.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Config and layers of a manifest, in its order, with their sizes in bytes.
    pub blobs: Vec<(Digest, u64)>,
    /// The documents that an index names.
    pub children: Vec<Content>,
}

impl Content {
    /// Reads a document; `child` reads those that an index names.
    ///
    /// # Errors
    /// [`Error::Archive`] where it is neither a manifest nor an index, or both; what `child` fails with.
    pub fn parse(
        bytes: Vec<u8>,
        media_type: &str,
        child: &mut dyn FnMut(&Descriptor) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        Self::parse_below(bytes, media_type, child, 0)
    }

    fn parse_below(
        bytes: Vec<u8>,
        media_type: &str,
        child: &mut dyn FnMut(&Descriptor) -> Result<Vec<u8>, Error>,
        depth: usize,
    ) -> Result<Self, Error> {
        let digest = Digest::of(&bytes);
        let bad = |reason: &str| Error::archive(digest.to_string(), reason);
        let (mut blobs, mut children) = (Vec::new(), Vec::new());
        if MANIFEST_TYPES.contains(&media_type) {
            let manifest: ImageManifest = document(&digest.to_string(), &bytes)?;
            for descriptor in std::iter::once(manifest.config()).chain(manifest.layers()) {
                blobs.push((sha256(descriptor)?, descriptor.size()));
            }
        } else if INDEX_TYPES.contains(&media_type) {
            let index: ImageIndex = document(&digest.to_string(), &bytes)?;
            if depth == MAX_DEPTH || index.manifests().len() > MAX_CHILDREN {
                return Err(bad("is an index with too much in it"));
            }
            for descriptor in index.manifests() {
                let bytes = child(descriptor)?;
                let found = Self::parse_below(bytes, descriptor.media_type().as_ref(), child, depth + 1)?;
                if found.digest != sha256(descriptor)? {
                    return Err(Error::mismatch("a document of an index", &sha256(descriptor)?, &found.digest));
                }
                children.push(found);
            }
        } else {
            return Err(bad(&format!("is neither a manifest nor an index, but {media_type}")));
        }
        Ok(Self { bytes, digest, media_type: media_type.to_owned(), blobs, children })
    }
}

impl Content {
    /// The image of an index for a platform, the first as the image-spec has it; a manifest is itself.
    ///
    /// # Errors
    /// [`Error::Archive`] as [`document`].
    pub fn of_platform(self, os: &str, architecture: &str) -> Result<Self, Error> {
        if self.children.is_empty() {
            return Ok(self);
        }
        let index: ImageIndex = document(&self.digest.to_string(), &self.bytes)?;
        let fits = |descriptor: &Descriptor| {
            let platform = descriptor.platform().as_ref();
            platform.is_some_and(|one| one.os().to_string() == os && one.architecture().to_string() == architecture)
        };
        let at = index.manifests().iter().position(fits);
        let found = at.and_then(|at| self.children.get(at).cloned());
        match found {
            Some(child) => child.of_platform(os, architecture),
            None => Ok(self),
        }
    }
}

impl From<&Image> for Content {
    fn from(image: &Image) -> Self {
        let config = (image.config.digest, image.config.bytes.len() as u64);
        let layers = image.layers.iter().map(|layer| (layer.digest, layer.size));
        Self {
            bytes: image.manifest.bytes.clone(),
            digest: image.manifest.digest,
            media_type: image.manifest.media_type.to_string(),
            blobs: std::iter::once(config).chain(layers).collect(),
            children: Vec::new(),
        }
    }
}

/// The digest of a descriptor.
///
/// # Errors
/// [`Error::Archive`] where it is of another algorithm than sha256.
pub fn sha256(descriptor: &Descriptor) -> Result<Digest, Error> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|error| Error::archive("a descriptor", error))
}

/// Reads a manifest or index; what it does not know it passes over, and a document that could be
/// both is refused (CVE-2021-41190).
///
/// # Errors
/// [`Error::Archive`] about `name`.
pub fn document<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    let bad = |error: &dyn std::fmt::Display| Error::archive(name, error);
    let document: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| bad(&error))?;
    if document.get("layers").is_some() && document.get("manifests").is_some() {
        return Err(bad(&"has both `layers` and `manifests`: it is neither a manifest nor an index"));
    }
    serde_json::from_slice(bytes).map_err(|error| bad(&error))
}

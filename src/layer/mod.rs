//! Entries to bytes: [`render`] makes one layer's tar and compresses it by a numbered [`Recipe`].
//!
//! The same entries, epoch and recipe give the same bytes on every host, at every number of
//! threads, in every release of sparkbake. In goes a list of [`Entry`], in any order; out go the
//! compressed bytes, streamed, and the diff id. Absent on purpose: knowledge of what a layer is for.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, HashingWriter};
use crate::error::Error;
use crate::outside::Blobs;
use crate::tree::Entry;

mod compare;
mod contents;
mod gzip;
mod order;
mod read;
mod tar;
mod zstd;

pub use compare::{Difference, compare};
pub use contents::{EXPLAINED_MAX, explain};
pub use order::ordered;
pub use read::{Found, read};
pub use zstd::zstd;

/// A layer whose bytes are known: plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Layer {
    /// Name: `base`, `java`, `spark-jars-1`, …
    pub name: String,
    /// Digest of the tar.
    pub diff_id: Digest,
    /// Digest of the compressed blob.
    pub digest: Digest,
    /// Size of the compressed blob in bytes.
    pub size: u64,
}

/// A numbered way from a tar to a blob. Its bytes never change once it has been released; a better
/// way gets a new number, and the old one stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Recipe {
    /// One gzip member; raw deflate of independent blocks of 1 MiB of the tar by zlib-rs at level 6,
    /// each ended by a sync flush, the stream ended by an empty final block.
    One,
}

impl Recipe {
    /// What new locks are made with.
    pub const NEWEST: Self = Self::One;
}

impl From<Recipe> for u32 {
    fn from(recipe: Recipe) -> Self {
        match recipe {
            Recipe::One => 1,
        }
    }
}

impl TryFrom<u32> for Recipe {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            1 => Ok(Self::One),
            _ => Err(format!("recipe {number} is not known to this version of sparkbake")),
        }
    }
}

/// How a layer is rendered, apart from what is in it.
#[derive(Debug, Clone, Copy)]
pub struct Rendering {
    /// From tar to blob.
    pub recipe: Recipe,
    /// Modification time of every entry, in seconds since 1970.
    pub epoch: u64,
    /// Threads that compress, at least 1. The bytes do not depend on it.
    pub threads: usize,
}

/// Writes the compressed layer to `out` and returns the diff id.
///
/// Memory is bounded by a few blocks of 1 MiB a thread, whatever the layer's size.
///
/// # Errors
/// [`Error::Archive`] where the entries cannot be one layer (see [`ordered`]), [`Error::Read`] and
/// [`Error::Write`] where the store or `out` fails.
pub fn render(
    name: &str,
    entries: &[Entry],
    how: &Rendering,
    blobs: &dyn Blobs,
    out: &mut (dyn Write + Send),
) -> Result<Digest, Error> {
    let entries = ordered(name, entries)?;
    let wrote = |source: io::Error| Error::Write { path: format!("layer {name}").into(), source };
    let Recipe::One = how.recipe;
    gzip::compress(how.threads, out, |blocks| {
        let mut tar = HashingWriter::new(blocks);
        tar::write(&entries, how.epoch, blobs, &mut tar)?;
        let (_, diff_id, _) = tar.finish();
        Ok(diff_id)
    })
    .map_err(|failure| match failure {
        gzip::Failure::Producer(error) => error,
        gzip::Failure::Output(source) => wrote(source),
    })
}

#[cfg(test)]
mod tests;

//! What an image is made of, to the byte: [`Lock`].
//!
//! The lock pins inputs (every artifact by coordinate, size and digest) and outputs (the digests of
//! the layers that follow from them). It holds no host name, no URL, no absolute path and no time
//! but the image's one epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::layer::{Layer, Recipe};
use crate::matrix::Stack;

/// The format of lockfile that this version reads and writes.
pub const VERSION: u32 = 1;

/// A lockfile's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    /// [`VERSION`].
    pub version: u32,
    /// Seconds since 1970: the time of every file and document of the image.
    pub epoch: u64,
    /// How the layers were encoded.
    pub recipe: Recipe,
    /// The chosen stack.
    pub stack: Stack,
    /// The profile's values that the lock follows from, by key path; staleness names these keys.
    pub inputs: BTreeMap<String, String>,
    /// The signed Debian indexes that were believed.
    #[serde(default, rename = "release")]
    pub releases: Vec<LockedRelease>,
    /// The layers that follow from the artifacts, lowest first.
    #[serde(default, rename = "layer")]
    pub layers: Vec<Layer>,
    /// Every file, sorted by coordinate.
    #[serde(default, rename = "artifact")]
    pub artifacts: Vec<Artifact>,
}

/// A Debian `InRelease` that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedRelease {
    /// Codename with the archive: `bookworm`, `bookworm-security`.
    pub suite: String,
    /// Its `Date`, RFC 3339 in UTC.
    pub date: String,
    /// Fingerprints of the primary keys whose signatures were good, upper-case hexadecimal.
    pub keys: Vec<String>,
}

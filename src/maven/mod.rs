//! The Maven wing: from requested coordinates to the closure that Maven 3 would put on the class path.
//!
//! In: a [`Request`], and a repository's pages by [`crate::outside::Index`]. Out: a [`Resolution`]. Absent on purpose: downloads, snapshots, repositories that POMs name.

mod activation;
pub mod bundled;
mod effective;
pub mod place;
mod pom;
mod resolve;
pub mod version;
mod xml;

pub use resolve::{Chosen, Resolution, resolve};

use std::collections::BTreeMap;

use crate::artifact::Coordinate;
use crate::problem::At;

/// What profiles of POMs are decided by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platform {
    /// The image's full Java version: `17.0.19`.
    pub jdk: String,
    /// Java's name of the architecture: `amd64`.
    pub arch: String,
}

/// What is left out of the closure; either part may be `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The group, or `*`.
    pub group: String,
    /// The artifact, or `*`.
    pub artifact: String,
}

/// What a closure is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The artifacts, in the order in which ties are decided.
    pub roots: Vec<Root>,
    /// What profiles of POMs are decided by.
    pub platform: Platform,
    /// What is left out wherever it would come in.
    pub exclude: Vec<Exclusion>,
    /// Versions that stand for whatever a POM asks for, as `<dependencyManagement>` of the project that asks: by
    /// group, artifact, extension and classifier. A root keeps its own.
    pub managed: BTreeMap<[String; 4], String>,
    /// Artifacts whose dependencies are not wanted.
    pub alone: Vec<Exclusion>,
    /// Versions that ranges take wherever they hold them, by `group:artifact`.
    pub kept: BTreeMap<String, String>,
}

impl Exclusion {
    /// Reads `group:artifact`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (group, artifact) = text.split_once(':')?;
        Some(Self { group: group.to_owned(), artifact: artifact.to_owned() })
    }
}

/// One artifact that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// A [`Coordinate::Maven`].
    pub coordinate: Coordinate,
    /// Where it was asked for.
    pub at: At,
}

/// A request of the profile; without a version one is chosen elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Group.
    pub group: String,
    /// Artifact.
    pub artifact: String,
    /// Version, where one was written.
    pub version: Option<String>,
    /// File extension; `jar` where none was written.
    pub extension: String,
    /// Classifier; empty where none was written.
    pub classifier: String,
}

impl Requested {
    /// As a coordinate, where a version was written.
    #[must_use]
    pub fn coordinate(self) -> Option<Coordinate> {
        let Self { group, artifact, version, extension, classifier } = self;
        Some(Coordinate::Maven { group, artifact, version: version?, extension, classifier })
    }
}

/// Reads `group:artifact`, or any spelling of [`Coordinate::Maven`] without its `maven:`.
///
/// # Errors
/// Why the text is no such request, in one line.
pub fn parse_request(text: &str) -> Result<Requested, String> {
    let bare = text.split(':').count() == 2;
    let full = if bare { format!("maven:{text}:0") } else { format!("maven:{text}") };
    let wrong = || {
        format!(
            "`{text}` is not `group:artifact`, `group:artifact:version` or `group:artifact:extension[:classifier]:version`"
        )
    };
    match full.parse().map_err(|_| wrong())? {
        Coordinate::Maven { group, artifact, version, extension, classifier } => {
            Ok(Requested { group, artifact, version: (!bare).then_some(version), extension, classifier })
        }
        _ => Err(wrong()),
    }
}

/// The sum that a side file `.sha512`, `.sha256` or `.sha1` holds, in lower-case hexadecimal digits.
/// Known forms: bare, `HEX  NAME` (coreutils) and `SHA1(NAME)= HEX` (OpenSSL); `length` is the number of digits.
#[must_use]
pub fn parse_checksum(text: &str, length: usize) -> Option<String> {
    let tail = text.rsplit_once('=').map_or(text, |(_, tail)| tail);
    let word = tail.split_whitespace().next()?;
    let good = word.len() == length && word.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| word.to_ascii_lowercase())
}

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

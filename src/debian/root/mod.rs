//! The root file system of unpacked packages, without running dpkg or a script.
//!
//! [`root()`] lays the packages' files into the tree of a merged /usr, adds what their scripts would
//! have made (data of `effects.toml`, and what is computed of the packages' contents), and dpkg's
//! database. Scripts that nobody has judged are problems. Absent on purpose: `/etc/hostname` and
//! `/etc/resolv.conf`, which container engines make; byte code of Python; `/etc/alternatives`.

pub mod certificates;
pub mod ldso;

mod computed;
mod database;
mod effects;
mod scripts;
mod tree;

#[cfg(test)]
mod tests;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::Blobs;
use crate::problem::Problem;
use crate::tree::{Entry, ImagePath};

use super::deb;

/// What the root is made of.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The closure.
    pub packages: &'a [Unpacked<'a>],
    /// Java's feature release: `17`.
    pub java: &'a str,
    /// Minor of the suite's Python: `3.11`.
    pub python: &'a str,
    /// The user's own certificate authorities: file stem and PEM text.
    pub certificates: &'a [(String, Vec<u8>)],
    /// The image's time, in seconds since 1970; the Java keystore holds it.
    pub epoch: u64,
}

/// An unpacked package.
#[derive(Debug, Clone, Copy)]
pub struct Unpacked<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version with epoch.
    pub version: &'a str,
    /// Digest of the `.deb`, by which [`Blobs::unpacked`] knows its spool.
    pub archive: Digest,
    /// What it holds.
    pub package: &'a deb::Package,
}

/// The root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Everything but the root directory itself, in the order of paths; each path once, each in a directory.
    pub entries: Vec<Owned>,
    /// Files and directories that lost their set-user-ID or set-group-ID bit, sorted.
    pub dropped_set_id: Vec<ImagePath>,
    /// Maintainer scripts that are unknown or have changed.
    pub problems: Vec<Problem>,
}

/// An entry and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The package; empty for what sparkbake made. Hard links stay within one package.
    pub package: String,
    /// The entry.
    pub entry: Entry,
}

impl Request<'_> {
    fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

/// Lays out the root file system.
///
/// # Errors
/// [`Error::Archive`] where packages do not fit together, or lack a file that is needed of them;
/// [`Error::Read`] where one was not unpacked before.
pub fn root(request: &Request<'_>, blobs: &dyn Blobs) -> Result<Root, Error> {
    let effects = effects::effects()?;
    let mut tree = tree::Tree::of(request.packages, &effects.exclude)?;
    effects.apply(request, &mut tree)?;
    computed::apply(request, blobs, &mut tree)?;
    tree.ours(effects.dpkg_configuration()?);
    for file in database::files(request.packages, &tree, &effects.exclude)? {
        tree.claim(file)?;
    }
    computed::loader_cache(request, blobs, &mut tree)?;
    tree.close()?;
    let dropped_set_id = tree.dropped_set_id.iter().cloned().collect();
    Ok(Root { dropped_set_id, problems: scripts::check(request.packages)?, entries: tree.owned() })
}

/// A path of ours, parts of which may come from the request.
fn path(text: impl Into<String>) -> Result<ImagePath, Error> {
    ImagePath::new(text).map_err(|e| Error::archive("the root file system", e))
}

//! `cache verify` and `cache prune`.

#![expect(clippy::disallowed_methods, reason = "an edge module: the store is on disk")]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Store, read_plain};
use crate::digest::Digest;
use crate::error::Error;
use crate::threads;

impl Store {
    /// Hashes every blob; damaged ones are removed. The numbers of sound and of removed ones.
    ///
    /// # Errors
    /// [`Error::Read`] where the store cannot be read.
    pub fn check(&self, threads: usize) -> Result<(usize, usize), Error> {
        let folder = self.root.join("blobs/sha256");
        let listed = fs::read_dir(&folder).map_err(Error::read(&folder))?;
        let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let digests: Vec<Digest> = names.filter_map(|name| Digest::from_hex(&name).ok()).collect();
        let sound = threads::all(&digests, threads, |digest| match self.verified(digest) {
            Ok(_) => Ok(true),
            Err(Error::Digest { .. }) => Ok(false),
            Err(error) => Err(error),
        })?;
        let good = sound.iter().filter(|sound| **sound).count();
        Ok((good, sound.len() - good))
    }

    /// Removes what is not kept: blobs by their digest, results that neither follow from a kept file nor name one,
    /// pages and unfinished downloads. The bytes that went.
    ///
    /// What follows from a kept file stays with it, such as the contents of an archive that was unpacked.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Write`] where the store cannot be read or changed.
    pub fn prune_but(&self, kept: &BTreeSet<Digest>) -> Result<u64, Error> {
        let mut freed = 0;
        let mut kept = kept.clone();
        for kind in entries(&self.root.join("records"))? {
            for record in entries(&kind)? {
                let key = record.file_stem().and_then(|stem| Digest::from_hex(stem.to_str()?).ok());
                let named = if record.extension().is_some_and(|e| e == "json") {
                    digests(&read_plain(&record)?.unwrap_or_default())
                } else {
                    BTreeSet::new()
                };
                if key.is_some_and(|key| kept.contains(&key)) || !named.is_disjoint(&kept) {
                    kept.extend(named);
                } else {
                    freed += remove(&record)?;
                }
            }
        }
        for blob in entries(&self.root.join("blobs/sha256"))? {
            let digest = blob.file_name().and_then(|name| Digest::from_hex(name.to_str()?).ok());
            if !digest.is_some_and(|digest| kept.contains(&digest)) {
                freed += remove(&blob)?;
            }
        }
        for folder in ["pages", "partial", "tmp"] {
            for file in entries(&self.root.join(folder))? {
                freed += remove(&file)?;
            }
        }
        Ok(freed)
    }

    /// Empties the store; the bytes that were in it. Layouts that share blobs by hard links keep them.
    ///
    /// # Errors
    /// [`Error::Write`] where something cannot be removed.
    pub fn prune(&self) -> Result<u64, Error> {
        let mut freed = 0;
        for folder in ["blobs", "records", "pages", "partial", "tmp"] {
            let path = self.root.join(folder);
            freed += weight(&path);
            match fs::remove_dir_all(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(Error::Write { path, source }),
                _ => {}
            }
        }
        Ok(freed)
    }
}

/// Every digest that a record's text names.
fn digests(text: &[u8]) -> BTreeSet<Digest> {
    let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    let words = text.split(|b| !hex(b)).filter(|word| word.len() == 64);
    words.filter_map(|word| Digest::from_hex(std::str::from_utf8(word).ok()?).ok()).collect()
}

/// What is in a directory, sorted; nothing where it is not there.
fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let listed = match fs::read_dir(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(Error::read(path))?,
    };
    let mut paths = listed
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::read(path))?;
    paths.sort();
    Ok(paths)
}

/// Removes a file that another process may have removed first; its size.
fn remove(path: &Path) -> Result<u64, Error> {
    let size = fs::symlink_metadata(path).map_or(0, |meta| meta.len());
    match fs::remove_file(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(Error::Write { path: path.to_owned(), source }),
        Ok(()) => Ok(size),
    }
}

fn weight(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => weight(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

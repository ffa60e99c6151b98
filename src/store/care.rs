//! `cache verify` and `cache prune`.

#![expect(clippy::disallowed_methods, reason = "an edge module: the store is on disk")]

use std::fs;
use std::io;
use std::path::Path;

use super::Store;
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

fn weight(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => weight(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

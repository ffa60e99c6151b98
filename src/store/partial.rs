//! A download that goes on where an earlier one broke off: [`Partial`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{CHUNK, Store, lock};
use crate::digest::Digest;
use crate::error::Error;

/// The beginning of a file whose digest is known, locked against other processes.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    hash: Sha256,
    position: u64,
}

impl Store {
    /// What is there of a blob. Waits for another process that is fetching the same one, so ask
    /// [`Store::intact`] again afterwards.
    ///
    /// # Errors
    /// [`Error::Write`] where the file cannot be opened, locked or read back.
    pub fn partial(&self, digest: &Digest, size: u64) -> Result<Partial, Error> {
        let path = self.root.join("partial").join(digest.hex());
        let file = open_locked(&path).map_err(Error::write(&path))?;
        let mut partial = Partial { file, path, hash: Sha256::new(), position: 0 };
        partial.take_up()?;
        if partial.position > size {
            partial.restart()?;
        }
        Ok(partial)
    }

    /// Makes a complete download the blob that it is.
    ///
    /// # Errors
    /// [`Error::Digest`] where the bytes are others than promised; they are thrown away.
    pub fn complete(&self, partial: &Partial, digest: &Digest, what: &str) -> Result<(), Error> {
        let got = partial.digest();
        if got != *digest {
            fs::remove_file(&partial.path).map_err(Error::write(&partial.path))?;
            return Err(Error::mismatch(what, digest, &got));
        }
        self.adopt(partial)?;
        Ok(())
    }

    /// Makes a download of which nothing was promised a blob: its digest, and its size in bytes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn adopt(&self, partial: &Partial) -> Result<(Digest, u64), Error> {
        let digest = partial.digest();
        let blob = self.path(&digest);
        fs::rename(&partial.path, &blob).map_err(Error::write(&blob))?;
        lock(&self.verified).insert(digest);
        Ok((digest, partial.position))
    }
}

/// Opens and locks; starts over where the file was renamed away while we waited for the lock.
fn open_locked(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(path)?;
        file.lock()?;
        let ours = file.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => return Ok(file),
            _ => {}
        }
    }
}

impl Partial {
    /// Number of bytes that are there.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Digest of the bytes that are there.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hash.clone().finalize().into())
    }

    /// Passes the bytes that are there to `look`, piece by piece.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn review(&self, mut look: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK];
        let mut at = 0;
        loop {
            let n = self.file.read_at(&mut chunk, at).map_err(Error::read(&self.path))?;
            if n == 0 {
                return Ok(());
            }
            look(&chunk[..n]);
            at += n as u64;
        }
    }

    /// Throws away what is there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.file.set_len(0).map_err(Error::write(&self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(Error::write(&self.path))?;
        self.hash = Sha256::new();
        self.position = 0;
        Ok(())
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::write(&self.path))?;
        self.hash.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn take_up(&mut self) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = self.file.read(&mut chunk).map_err(Error::read(&self.path))?;
            if n == 0 {
                return Ok(());
            }
            self.hash.update(&chunk[..n]);
            self.position += n as u64;
        }
    }
}

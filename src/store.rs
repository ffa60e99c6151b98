//! The store: files by digest, pages of registries, and small memoised results, in one private
//! directory that several processes may share.
//!
//! ```text
//! blobs/sha256/HEX    whole files, layers, spools; an OCI layout's `blobs` has the same shape
//! partial/HEX         a download that is not complete; survives a crash and is taken up again
//! pages/HEX           a registry's page behind a line of JSON that says how it was served
//! records/KIND/HEX.json   results that follow from their key; .bin where they have a form of their own
//! tmp/                files being written
//! ```
//!
//! A file appears under its name by one rename, whole. Nothing is flushed to the disk first: what
//! a power cut leaves behind has the wrong size or digest, and both are checked on first use in
//! every process, so a damaged file is removed and made or fetched again.
//! Absent on purpose: an index, a database, locks around reading.
#![expect(clippy::disallowed_methods, reason = "the store is files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::digest::{Digest, HashingReader, HashingWriter};
use crate::error::Error;
use crate::outside::{Blobs, ReadAt};

mod care;
mod pages;
mod partial;
#[cfg(test)]
mod tests;

pub use pages::{Kept, Validators};
pub use partial::Partial;

/// Files in `tmp/` that nobody touched for so long belong to a process that is gone.
const STALE: Duration = Duration::from_hours(24);

/// Bytes at once when a file is hashed or copied.
const CHUNK: usize = 256 * 1024;

/// An open store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Whether nothing that was made before is believed.
    anew: bool,
    /// Blobs whose bytes this process has hashed.
    verified: Mutex<BTreeSet<Digest>>,
    /// The spool of each archive that this process unpacked or found unpacked.
    spools: Mutex<BTreeMap<Digest, (Digest, u64)>>,
}

/// What `unpack` remembers about an archive.
#[derive(Serialize, Deserialize)]
struct Unpacked<T> {
    spool: Digest,
    size: u64,
    value: T,
}

impl Store {
    /// Opens the store below `root`, making it where it is missing. `now` is in seconds since 1970
    /// and decides which unfinished files are stale.
    ///
    /// # Errors
    /// [`Error::Write`] where the directories cannot be made, and where they belong to somebody else.
    pub fn open(root: impl Into<PathBuf>, now: u64) -> Result<Self, Error> {
        let root = root.into();
        for dir in ["blobs/sha256", "partial", "pages", "records", "tmp"] {
            let dir = root.join(dir);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(Error::write(&dir))?;
        }
        let owner = fs::symlink_metadata(root.join("blobs")).map_err(Error::read(&root))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            let reason = io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user");
            return Err(Error::Write { path: root, source: reason });
        }
        let store = Self { root, anew: false, verified: Mutex::default(), spools: Mutex::default() };
        store.clean(now);
        Ok(store)
    }

    /// The same store for somebody who makes everything again: no memoised result is read, so that archives are
    /// unpacked and layers rendered anew. Downloads stay; their bytes are checked as always.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { anew: true, ..self }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the blob lies, whether or not it is there.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Whether a blob of that size is there; its bytes are not looked at.
    #[must_use]
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::symlink_metadata(self.path(digest)).is_ok_and(|meta| meta.is_file() && meta.len() == size)
    }

    /// Whether the blob is there and its bytes are right. One that is damaged is removed.
    ///
    /// # Errors
    /// [`Error::Read`] where it is there and cannot be read.
    pub fn intact(&self, digest: &Digest, size: u64) -> Result<bool, Error> {
        if !self.has(digest, size) {
            return Ok(false);
        }
        match self.verified(digest) {
            Ok(_) => Ok(true),
            Err(Error::Digest { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The size of a blob that is there and whose bytes are right. One that is damaged is removed.
    ///
    /// # Errors
    /// As [`Store::intact`].
    pub fn held(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let Ok(meta) = fs::symlink_metadata(self.path(digest)) else { return Ok(None) };
        Ok(self.intact(digest, meta.len())?.then_some(meta.len()))
    }

    /// A blob for somebody who checks its bytes: they are not looked at here.
    ///
    /// # Errors
    /// [`Error::Read`] where it cannot be opened.
    pub fn open_unchecked(&self, digest: &Digest) -> Result<Disk, Error> {
        let path = self.path(digest);
        Disk::new(open_plain(&path)?.ok_or_else(|| missing(&path))?, &path)
    }

    /// Keeps what `write` writes: its digest, its size in bytes, and what `write` returned.
    ///
    /// # Errors
    /// What `write` fails with, and [`Error::Write`].
    pub fn put<T>(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> Result<T, Error>,
    ) -> Result<(Digest, u64, T), Error> {
        let file = self.temporary()?;
        let mut writer = HashingWriter::new(BufWriter::with_capacity(CHUNK, file));
        let value = write(&mut writer)?;
        let (buffered, digest, size) = writer.finish();
        let path = self.path(&digest);
        let file = buffered.into_inner().map_err(|e| Error::Write { path: path.clone(), source: e.into_error() })?;
        persist(file, &path)?;
        lock(&self.verified).insert(digest);
        Ok((digest, size, value))
    }

    /// Unpacks an archive of the store once. `unpack` reads the archive, writes its spool (the
    /// contents of its files, one after the other) and returns what it learnt; later calls read
    /// that back. `rules` is the number of `unpack`'s rules: with another number it runs again.
    ///
    /// # Errors
    /// What `unpack` fails with, and whatever keeps the store from reading and writing.
    pub fn unpack<T: Serialize + DeserializeOwned>(
        &self,
        archive: &Digest,
        rules: u32,
        unpack: impl FnOnce(&dyn ReadAt, &mut dyn Write) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let kind = format!("unpacked-{rules}");
        if let Some(known) = self.record::<Unpacked<T>>(&kind, archive)?
            && self.intact(&known.spool, known.size)?
        {
            lock(&self.spools).insert(*archive, (known.spool, known.size));
            return Ok(known.value);
        }
        let bytes = self.open_blob(archive)?;
        let (spool, size, value) = self.put(|out| unpack(&bytes, out))?;
        let made = Unpacked { spool, size, value };
        self.put_record(&kind, archive, &made)?;
        lock(&self.spools).insert(*archive, (spool, size));
        Ok(made.value)
    }

    /// A memoised result. One that cannot be understood counts as missing.
    ///
    /// # Errors
    /// [`Error::Read`] where it is there and cannot be read.
    pub fn record<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Result<Option<T>, Error> {
        if self.anew {
            return Ok(None);
        }
        Ok(read_plain(&self.record_path(kind, key))?.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// A memoised result that has a form of its own, and says itself whether it is whole.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn bytes(&self, kind: &str, key: &Digest) -> Result<Option<Vec<u8>>, Error> {
        if self.anew { Ok(None) } else { read_plain(&self.record_path(kind, key).with_extension("bin")) }
    }

    /// Memoises it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn put_bytes(&self, kind: &str, key: &Digest, bytes: &[u8]) -> Result<(), Error> {
        let path = self.record_path(kind, key).with_extension("bin");
        self.make_kind(kind)?;
        let mut file = self.temporary()?;
        file.write_all(bytes).map_err(Error::write(&path))?;
        persist(file, &path)
    }

    /// Memoises a result under its kind (a plain word) and the digest of what it follows from.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn put_record<T: Serialize>(&self, kind: &str, key: &Digest, value: &T) -> Result<(), Error> {
        let path = self.record_path(kind, key);
        self.make_kind(kind)?;
        let mut file = BufWriter::new(self.temporary()?);
        serde_json::to_writer(&mut file, value).map_err(|e| Error::Write { path: path.clone(), source: e.into() })?;
        let file = file.into_inner().map_err(|e| Error::Write { path: path.clone(), source: e.into_error() })?;
        persist(file, &path)
    }

    fn make_kind(&self, kind: &str) -> Result<(), Error> {
        let dir = self.root.join("records").join(kind);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(Error::write(&dir))
    }

    fn record_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.root.join("records").join(kind).join(format!("{}.json", key.hex()))
    }

    fn temporary(&self) -> Result<NamedTempFile, Error> {
        let dir = self.root.join("tmp");
        NamedTempFile::new_in(&dir).map_err(Error::write(dir))
    }

    /// A blob whose bytes were checked in this process, now or before.
    fn open_blob(&self, digest: &Digest) -> Result<Disk, Error> {
        if lock(&self.verified).contains(digest) {
            let path = self.path(digest);
            let file = open_plain(&path)?.ok_or_else(|| missing(&path))?;
            return Disk::new(file, &path);
        }
        self.verified(digest)
    }

    fn verified(&self, digest: &Digest) -> Result<Disk, Error> {
        let path = self.path(digest);
        let file = open_plain(&path)?.ok_or_else(|| missing(&path))?;
        if !lock(&self.verified).contains(digest) {
            let mut reader = HashingReader::new(&file);
            let mut chunk = vec![0; CHUNK];
            while reader.read(&mut chunk).map_err(Error::read(&path))? > 0 {}
            let (got, _) = reader.finish();
            if got != *digest {
                fs::remove_file(&path).map_err(Error::write(&path))?;
                let what = format!("{} (damaged, and now removed; run the command again)", path.display());
                return Err(Error::mismatch(what, digest, &got));
            }
            lock(&self.verified).insert(*digest);
        }
        Disk::new(file, &path)
    }

    /// Removes what crashed processes left in `tmp/`. A failure costs nothing but space.
    fn clean(&self, now: u64) {
        let Ok(entries) = fs::read_dir(self.root.join("tmp")) else { return };
        for entry in entries.flatten() {
            let age = entry
                .metadata()
                .and_then(|meta| meta.modified())
                .ok()
                .and_then(|time| (UNIX_EPOCH + Duration::from_secs(now)).duration_since(time).ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Blobs for Store {
    fn open(&self, digest: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        Ok(Box::new(self.open_blob(digest)?))
    }

    fn unpacked(&self, archive: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        let spool = lock(&self.spools).get(archive).map(|(spool, _)| *spool);
        let spool = spool.ok_or_else(|| missing(&self.root.join("records").join(archive.hex())))?;
        Ok(Box::new(self.open_blob(&spool)?))
    }
}

/// A file that is open for reading.
pub struct Disk {
    file: File,
    size: u64,
}

impl Disk {
    /// The file that was opened at `path`, as long as it is now.
    ///
    /// # Errors
    /// [`Error::Read`] where its length cannot be told.
    pub fn new(file: File, path: &Path) -> Result<Self, Error> {
        let size = file.metadata().map_err(Error::read(path))?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for Disk {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Opens a regular file, never what a symbolic link points to; `None` where there is nothing.
fn open_plain(path: &Path) -> Result<Option<File>, Error> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    match OpenOptions::new().read(true).custom_flags(no_follow).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Read { path: path.to_owned(), source: error }),
    }
}

/// The whole of such a file.
fn read_plain(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let Some(mut file) = open_plain(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::read(path))?;
    Ok(Some(bytes))
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.persist(path).map_err(|e| Error::Write { path: path.to_owned(), source: e.error })?;
    Ok(())
}

fn missing(path: &Path) -> Error {
    Error::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// What a thread that panicked left behind is still whole: every change here is one insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Where an upload stopped, beside the store: so that the next run goes on there, whatever killed this one.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::store::Store;

/// A registry's session for one blob. The URL may hold a secret of the registry's, so the file is for
/// the user's eyes alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Where the next part goes.
    pub(super) location: String,
    /// The smallest part that the registry takes, in bytes (`OCI-Chunk-Min-Length`).
    #[serde(default)]
    pub(super) smallest: u64,
}

/// The entry of one blob in one repository, locked against other processes.
pub(super) struct Journal {
    /// `None` while another process writes it: that one goes on, and this one begins anew.
    file: Option<File>,
    path: PathBuf,
}

impl Journal {
    /// Opens the entry.
    ///
    /// # Errors
    /// [`Error::Write`] where the store cannot be written.
    pub(super) fn open(store: &Store, repository: &str, digest: &Digest) -> Result<Self, Error> {
        let path = path(store, repository, digest);
        let directory = store.root().join("uploads");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(Error::write(&directory))?;
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(&path)
            .map_err(Error::write(&path))?;
        let file = file.try_lock().is_ok().then_some(file);
        Ok(Self { file, path })
    }

    /// The session that was open last. One that a crash left half-written counts as none.
    pub(super) fn session(&self) -> Option<Session> {
        let file = self.file.as_ref()?;
        let mut text = vec![0; usize::try_from(file.metadata().ok()?.len().min(64 << 10)).ok()?];
        file.read_exact_at(&mut text, 0).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Remembers a session.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn keep(&self, session: &Session) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec(session).map_err(|error| Error::archive("upload journal", error))?;
        file.set_len(0).and_then(|()| file.write_all_at(&text, 0)).map_err(Error::write(&self.path))
    }

    /// What a run left behind that was killed between the registry's answer and its own note of it.
    pub(super) fn forget(store: &Store, repository: &str, digest: &Digest) {
        let _ = fs::remove_file(path(store, repository, digest));
    }

    /// Whether nothing was kept.
    fn is_empty(&self) -> bool {
        self.file.as_ref().and_then(|file| file.metadata().ok()).is_some_and(|meta| meta.len() == 0)
    }

    /// The blob is there, or its session is gone.
    pub(super) fn close(&self) {
        if self.file.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn path(store: &Store, repository: &str, digest: &Digest) -> PathBuf {
    store.root().join("uploads").join(Digest::of(format!("{repository}@{digest}").as_bytes()).hex())
}

/// An entry in which nothing was kept leaves no file behind.
impl Drop for Journal {
    fn drop(&mut self) {
        if self.is_empty() {
            self.close();
        }
    }
}

//! Pages of registries as they were served, with what it takes to ask whether they changed.

use std::fs;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{Store, open_plain, persist};
use crate::digest::Digest;
use crate::error::Error;

/// What a server gave to recognise this state of a page by (RFC 9110, section 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether there is nothing to ask with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// A page of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The body.
    pub bytes: Vec<u8>,
    /// Media type without parameters.
    pub media_type: Option<String>,
    /// Where it was served from in the end, without secrets.
    pub url: String,
    /// How to ask again.
    pub validators: Validators,
}

#[derive(Serialize, Deserialize)]
struct Head {
    media_type: Option<String>,
    url: String,
    validators: Validators,
    sha256: Digest,
}

impl Store {
    /// The page that is kept under `key`. A damaged one counts as missing.
    ///
    /// # Errors
    /// [`Error::Read`] where it is there and cannot be read.
    pub fn page(&self, key: &Digest) -> Result<Option<Kept>, Error> {
        let path = self.root.join("pages").join(key.hex());
        let Some(mut file) = open_plain(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::read(&path))?;
        Ok(parse(bytes))
    }

    /// Keeps no page under `key` any more.
    ///
    /// # Errors
    /// [`Error::Write`] where there is one and it stays.
    pub fn drop_page(&self, key: &Digest) -> Result<(), Error> {
        let path = self.root.join("pages").join(key.hex());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Write { path, source: error }),
            _ => Ok(()),
        }
    }

    /// Keeps a page under `key`.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn put_page(&self, key: &Digest, page: &Kept) -> Result<(), Error> {
        let path = self.root.join("pages").join(key.hex());
        let head = Head {
            media_type: page.media_type.clone(),
            url: page.url.clone(),
            validators: page.validators.clone(),
            sha256: Digest::of(&page.bytes),
        };
        let mut line = serde_json::to_vec(&head).map_err(|e| Error::Write { path: path.clone(), source: e.into() })?;
        line.push(b'\n');
        let mut file = self.temporary()?;
        file.write_all(&line).and_then(|()| file.write_all(&page.bytes)).map_err(Error::write(&path))?;
        persist(file, &path)
    }
}

fn parse(mut bytes: Vec<u8>) -> Option<Kept> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    bytes.drain(..=end);
    let whole = Digest::of(&bytes) == head.sha256;
    whole.then_some(Kept { bytes, media_type: head.media_type, url: head.url, validators: head.validators })
}

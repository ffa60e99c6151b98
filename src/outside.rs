//! The two seams by which the outside enters the pure rooms: [`Index`], the pages of a registry,
//! and [`Blobs`], the bytes of files by digest.
//!
//! The edge implements both over the network and the store; tests implement them over a map.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;

/// A kind of registry that sparkbake reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registry {
    /// A Python package index: the root of its simple API (PEP 503).
    Pypi,
    /// A Maven repository.
    Maven,
    /// A Debian archive: the directory that holds `dists` and `pool`.
    Debian,
    /// A Debian security archive.
    DebianSecurity,
}

impl Registry {
    /// Its name on the command line and in `endpoints.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Debian => "debian",
            Self::DebianSecurity => "debian-security",
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One page of a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page {
    /// Whose page.
    pub registry: Registry,
    /// A reference relative to the registry's root, or an absolute URL that a page of the same
    /// registry named.
    pub path: String,
    /// The Python index of the user's own that has it, by name; `None` where it is the registry's.
    pub index: Option<String>,
    /// Size and digest where another page has promised them; other bytes are an error.
    pub expect: Option<(u64, Digest)>,
}

impl Page {
    /// A page about which nothing is known yet.
    #[must_use]
    pub fn new(registry: Registry, path: impl Into<String>) -> Self {
        Self { registry, path: path.into(), index: None, expect: None }
    }

    /// The same of a Python index of the user's own.
    #[must_use]
    pub fn of(self, index: Option<&str>) -> Self {
        Self { index: index.map(str::to_owned), ..self }
    }

    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// A page as it was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The body, decoded from any transfer encoding.
    pub bytes: Vec<u8>,
    /// The media type without parameters, where the server gave one.
    pub media_type: Option<String>,
    /// The absolute URL of the page, against which its relative references resolve.
    pub url: String,
}

/// A file with its size in bytes and its digest.
pub struct Whole {
    /// How many bytes it has.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
    /// The bytes.
    pub bytes: Box<dyn ReadAt>,
}

/// The pages of the registries.
pub trait Index: Sync {
    /// The page, or `None` where the registry answers that it has no such page.
    ///
    /// # Errors
    /// Whatever kept the registry from answering, [`Error::Digest`] where the page is not the
    /// promised one, [`Error::Offline`] where it would have to be asked for.
    fn get(&self, page: &Page) -> Result<Option<Served>, Error>;

    /// A whole file, however large: where there is a store it is there afterwards. `None` where the registry does not
    /// have it.
    ///
    /// # Errors
    /// As [`Index::get`]; [`Error::Digest`] where it is not the one that `promised` says.
    fn file(&self, page: &Page, promised: Option<&Digest>) -> Result<Option<Whole>, Error> {
        let Some(served) = self.get(page)? else { return Ok(None) };
        let (size, sha256) = (served.bytes.len() as u64, Digest::of(&served.bytes));
        match promised {
            Some(promised) if *promised != sha256 => Err(Error::mismatch(page.name(), promised, &sha256)),
            _ => Ok(Some(Whole { size, sha256, bytes: Box::new(served.bytes) })),
        }
    }

    /// Tells which pages will be asked for soon, so that they can be fetched side by side.
    /// A failure here is reported by the `get` that follows.
    fn prefetch(&self, _pages: &[Page]) {}

    /// What [`Index::keep`] was given under that key, now or in an earlier run.
    fn kept(&self, _key: &Digest) -> Option<Vec<u8>> {
        None
    }

    /// Keeps what costs more to make of a page than to read, where there is a store; else nothing happens.
    fn keep(&self, _key: &Digest, _bytes: &[u8]) {}

    /// A file of that size, of which only what is read is asked for; nobody has checked it. `None` where it has to be
    /// taken whole.
    ///
    /// # Errors
    /// As [`Index::get`].
    fn parts<'a>(&'a self, _page: &Page, _size: u64) -> Result<Option<Box<dyn ReadAt + 'a>>, Error> {
        Ok(None)
    }
}

/// Bytes that can be read at any place, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where the bytes end before `buf` is full.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Length in bytes.
    fn size(&self) -> u64;
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let from = start.checked_add(buf.len()).and_then(|end| self.get(start..end));
        buf.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// The bytes of files by digest.
pub trait Blobs: Sync {
    /// A whole file.
    ///
    /// # Errors
    /// [`Error::Read`] where it cannot be opened.
    fn open(&self, digest: &Digest) -> Result<Box<dyn ReadAt>, Error>;

    /// The spool of an archive that was unpacked before: the contents of its regular files, one
    /// after the other, at the offsets that its [`crate::tree::Member`]s tell.
    ///
    /// # Errors
    /// [`Error::Read`] where the archive was not unpacked.
    fn unpacked(&self, archive: &Digest) -> Result<Box<dyn ReadAt>, Error>;
}

/// A range of a [`ReadAt`] as a reader that can be sought in; position 0 is the range's start.
pub struct Range<'a> {
    of: &'a dyn ReadAt,
    start: u64,
    size: u64,
    position: u64,
}

impl<'a> Range<'a> {
    /// The `size` bytes from `start` on.
    #[must_use]
    pub fn new(of: &'a dyn ReadAt, start: u64, size: u64) -> Self {
        Self { of, start, size, position: 0 }
    }

    /// All of it.
    #[must_use]
    pub fn all(of: &'a dyn ReadAt) -> Self {
        Self::new(of, 0, of.size())
    }
}

impl io::Read for Range<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let n = left.min(buf.len());
        self.of.read_exact_at(&mut buf[..n], self.start + self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl io::Seek for Range<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(n) => Some(n),
            io::SeekFrom::Current(n) => self.position.checked_add_signed(n),
            io::SeekFrom::End(n) => self.size.checked_add_signed(n),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// A range of bytes that owns what it is a range of.
pub struct Slice {
    of: Box<dyn ReadAt>,
    start: u64,
    size: u64,
}

impl Slice {
    /// The `size` bytes from `start` on.
    #[must_use]
    pub fn new(of: Box<dyn ReadAt>, start: u64, size: u64) -> Self {
        Self { of, start, size }
    }
}

impl ReadAt for Slice {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.of.read_exact_at(buf, self.start + offset)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Opens what an entry's bytes come from.
///
/// # Errors
/// As [`Blobs`].
pub fn open(source: &crate::tree::Source, blobs: &dyn Blobs) -> Result<Box<dyn ReadAt>, Error> {
    use crate::tree::Source;
    Ok(match source {
        Source::Bytes(bytes) => Box::new(bytes.clone()),
        Source::Blob { digest, .. } => blobs.open(digest)?,
        Source::Member { archive, offset, size } => Box::new(Slice::new(blobs.unpacked(archive)?, *offset, *size)),
    })
}

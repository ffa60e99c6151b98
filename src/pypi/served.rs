//! What the index serves of a version: its metadata, its wheel, their digests.

use std::rc::Rc;
use std::str::FromStr as _;

use pep440_rs::Version;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Index, Page, ReadAt, Registry, Whole};

use super::index::File;
use super::metadata::{self, Metadata};
use super::resolve::Search;
use super::{normalise, wheel};

impl Search<'_> {
    /// The metadata of a chosen version: beside the wheel (PEP 658), else from within it.
    pub(super) fn metadata(&self, name: &str, version: &Version) -> Result<Rc<Metadata>, Error> {
        let key = (name.to_owned(), version.clone());
        if let Some(known) = self.metadata.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let what = format!("{name} {version}");
        let file = self.wheel(name, version)?.ok_or_else(|| Error::registry(&what, "has no wheel"))?;
        let bytes = match self.beside(name, &file)? {
            Some(bytes) => bytes,
            None => self.within(name, &file)?,
        };
        let read = metadata::parse(&bytes, &file.name)?;
        if normalise(&read.name) != name || Version::from_str(&read.version).ok().as_ref() != Some(version) {
            return Err(Error::archive(&file.name, format!("its metadata is that of {} {}", read.name, read.version)));
        }
        let read = Rc::new(read);
        self.metadata.borrow_mut().insert(key, Rc::clone(&read));
        Ok(read)
    }

    pub(super) fn wheel(&self, name: &str, version: &Version) -> Result<Option<File>, Error> {
        let found = self.project(name)?;
        let candidate = found.as_deref().unwrap_or_default().iter().find(|c| c.version == *version);
        Ok(candidate.and_then(|c| c.wheel.as_ref().ok()).cloned())
    }

    /// A page that the project's own names.
    fn page(&self, name: &str, url: &str) -> Page {
        Page::new(Registry::Pypi, url).of(self.request.indexes.of(name))
    }

    fn beside(&self, name: &str, file: &File) -> Result<Option<Vec<u8>>, Error> {
        let Some(promised) = file.metadata else { return Ok(None) };
        let url = format!("{}.metadata", file.url);
        let Some(served) = self.index.get(&self.page(name, &url))? else { return Ok(None) };
        let got = Digest::of(&served.bytes);
        match promised {
            Some(promised) if promised != got => {
                Err(Error::mismatch(format!("{}.metadata", file.name), &promised, &got))
            }
            _ => Ok(Some(served.bytes)),
        }
    }

    /// From within a wheel. It may be large and never be chosen, so of one that has a digest only parts are read where
    /// that can be: [`check`] makes up for it.
    fn within(&self, name: &str, file: &File) -> Result<Vec<u8>, Error> {
        if let (Some(size), Some(sha256)) = (file.size, &file.sha256) {
            let key = key(sha256);
            if let Some(known) = self.index.kept(&key) {
                return Ok(known);
            }
            // What is wrong with an archive is told of the whole.
            let parts = self.index.parts(&self.page(name, &file.url), size);
            let read = parts.ok().flatten().and_then(|parts| wheel::metadata_of(parts.as_ref(), &file.name).ok());
            if let Some(bytes) = read {
                self.index.keep(&key, &bytes);
                // Where nothing is kept, nothing could be checked.
                if self.index.kept(&key).is_some() {
                    return Ok(bytes);
                }
            }
        }
        wheel::metadata_of(self.whole(name, file)?.bytes.as_ref(), &file.name)
    }

    /// A whole file, checked against what the index promised; its size and digest are remembered.
    fn whole(&self, name: &str, file: &File) -> Result<Whole, Error> {
        let found = self.index.file(&self.page(name, &file.url), file.sha256.as_ref())?;
        let whole = found.ok_or_else(|| Error::registry(&file.name, "its index names it but does not have it"))?;
        self.learned.borrow_mut().insert(file.url.clone(), (whole.size, whole.sha256));
        Ok(whole)
    }

    /// Size and digest of a file, which is downloaded where its index does not tell both.
    pub(super) fn measured(&self, name: &str, file: &File) -> Result<(u64, Digest), Error> {
        if let (Some(size), Some(sha256)) = (file.size, file.sha256) {
            return Ok((size, sha256));
        }
        let known = self.learned.borrow().get(&file.url).copied();
        match known {
            Some(known) => Ok(known),
            None => self.whole(name, file).map(|whole| (whole.size, whole.sha256)),
        }
    }
}

/// Under which the metadata of a wheel is kept that was read of parts of it.
fn key(wheel: &Digest) -> Digest {
    Digest::of(format!("METADATA of {wheel}").as_bytes())
}

/// Whether a wheel of that digest, which is here now, has the metadata that it was chosen by.
///
/// # Errors
/// [`Error::Archive`] where it has not: a registry gave other bytes of a part than of the whole. What the wheel has is
/// kept from then on.
pub fn check(sha256: &Digest, wheel: &dyn ReadAt, what: &str, index: &dyn Index) -> Result<(), Error> {
    let key = key(sha256);
    let Some(believed) = index.kept(&key) else { return Ok(()) };
    let holds = wheel::metadata_of(wheel, what)?;
    if holds == believed {
        return Ok(());
    }
    index.keep(&key, &holds);
    Err(Error::archive(what, "holds other metadata than its registry gave of it before the whole; resolve again"))
}

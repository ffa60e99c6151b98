//! What the index serves of a version: its metadata, its wheel, their digests.

use std::rc::Rc;
use std::str::FromStr as _;

use pep440_rs::Version;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Page, Registry, Whole};

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
            None => wheel::metadata_of(self.whole(name, &file)?.bytes.as_ref(), &file.name)?,
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

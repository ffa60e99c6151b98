//! Layouts and archives as they are read: [`Opened`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex};

use super::{DOCUMENT_MAX, read_document};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::content::{self, Content};
use crate::outside::{ReadAt, Slice};
use crate::store::Disk;

/// The most files that an archive may hold; an image has some dozens.
const MEMBERS_MAX: usize = 10_000;

/// A layout, in a directory or as the members of a tar.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
    /// Where each member of an archive lies; `None` for a directory.
    members: Option<BTreeMap<String, (u64, u64)>>,
    index: Vec<Descriptor>,
}

impl Opened {
    /// Opens a layout's directory, or an archive of one.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Archive`] where it is no layout.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let is_file = fs::metadata(path).map_err(Error::read(path))?.is_file();
        let members = is_file.then(|| members(path)).transpose().map_err(|error| match error {
            Error::Archive { what, reason } => Error::archive(
                what,
                format!("is no image, neither the directory of an OCI layout nor its archive: {reason}"),
            ),
            other => other,
        })?;
        let mut opened = Self { path: path.to_owned(), members, index: Vec::new() };
        let bytes = opened.document("index.json")?;
        let no_layout = || Error::archive(path.display().to_string(), "is no OCI layout: it has no index.json");
        let index: ImageIndex = content::document(&path.display().to_string(), &bytes.ok_or_else(no_layout)?)?;
        opened.index.clone_from(index.manifests());
        Ok(opened)
    }

    /// The image of that name or digest; the only one where neither is given.
    ///
    /// # Errors
    /// [`Error::Archive`] where there is no such image, or several and none was named: the names are told.
    pub fn image(&self, name: Option<&str>, digest: Option<&Digest>) -> Result<Content, Error> {
        let named = |descriptor: &Descriptor| {
            descriptor.annotations().as_ref().and_then(|all| all.get("org.opencontainers.image.ref.name").cloned())
        };
        let fits = |descriptor: &&Descriptor| {
            name.is_none_or(|name| named(descriptor).as_deref() == Some(name))
                && digest.is_none_or(|digest| content::sha256(descriptor).ok().as_ref() == Some(digest))
        };
        let found: Vec<&Descriptor> = self.index.iter().filter(fits).collect();
        let [one] = found.as_slice() else {
            let all: Vec<String> = self.index.iter().filter_map(named).collect();
            let there = if all.is_empty() { String::new() } else { format!(" (there are {})", all.join(", ")) };
            let reason = if found.is_empty() {
                format!("has no such image{there}")
            } else {
                format!("has several images{there}: name one, as in oci:{}:NAME", self.path.display())
            };
            return Err(Error::archive(self.path.display().to_string(), reason));
        };
        let bytes = self.bytes_of(one)?;
        Content::parse(bytes, one.media_type().as_ref(), &mut |descriptor| self.bytes_of(descriptor))
    }

    fn bytes_of(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let digest = content::sha256(descriptor)?;
        let missing = || Error::archive(self.path.display().to_string(), format!("lacks {digest}"));
        let bytes = self.document(&format!("blobs/sha256/{}", digest.hex()))?.ok_or_else(missing)?;
        let got = Digest::of(&bytes);
        if got == digest { Ok(bytes) } else { Err(Error::mismatch(self.path.display().to_string(), &digest, &got)) }
    }

    /// A blob's bytes, unchecked; `None` where it is not there.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn blob(&self, digest: &Digest) -> Result<Option<Box<dyn ReadAt>>, Error> {
        let name = format!("blobs/sha256/{}", digest.hex());
        let (path, range) = match &self.members {
            None => (self.path.join(&name), None),
            Some(members) => match members.get(&name) {
                Some(range) => (self.path.clone(), Some(*range)),
                None => return Ok(None),
            },
        };
        let file = match fs::symlink_metadata(&path) {
            // A link could lead out of the layout.
            Ok(meta) if meta.is_file() => File::open(&path).map_err(Error::read(&path))?,
            Ok(_) => return Err(Error::archive(path.display().to_string(), "is not a regular file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let disk = Disk::new(file, &path)?;
        Ok(Some(match range {
            None => Box::new(disk),
            Some((start, size)) => Box::new(Slice::new(Box::new(disk), start, size)),
        }))
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(members) = &self.members else { return read_document(&self.path.join(name)) };
        let Some((start, size)) = members.get(name).copied() else { return Ok(None) };
        if size > DOCUMENT_MAX {
            return Err(Error::archive(format!("{name} in {}", self.path.display()), "is larger than 4 MiB"));
        }
        let file = File::open(&self.path).map_err(Error::read(&self.path))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        Disk::new(file, &self.path)?.read_exact_at(&mut bytes, start).map_err(Error::read(&self.path))?;
        Ok(Some(bytes))
    }
}

/// Where the files of a tar lie.
fn members(path: &Path) -> Result<BTreeMap<String, (u64, u64)>, Error> {
    let bad = |reason: &dyn std::fmt::Display| Error::archive(path.display().to_string(), reason);
    let file = File::open(path).map_err(Error::read(path))?;
    let mut start = [0; 2];
    (&file).read_exact(&mut start).map_err(Error::read(path))?;
    if start == [0x1f, 0x8b] {
        return Err(bad(&"is compressed; unpack it first (gunzip)"));
    }
    let file = File::open(path).map_err(Error::read(path))?;
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(file).entries_with_seek().map_err(|error| bad(&error))? {
        let entry = entry.map_err(|error| bad(&error))?;
        if found.len() == MEMBERS_MAX {
            return Err(bad(&format!("holds more than {MEMBERS_MAX} files")));
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let place = (entry.raw_file_position(), entry.size());
        if found.insert(name.clone(), place).is_some() {
            return Err(bad(&format!("holds {name} twice")));
        }
    }
    Ok(found)
}

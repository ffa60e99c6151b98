//! A layer's tar as it was written, whoever wrote it: [`read`].

use std::collections::BTreeMap;
use std::io::{self, Read};

use ::tar::EntryType;

use crate::digest::{Digest, HashingReader};
use crate::error::Error;

/// Most entries of one layer; Debian and Spark together have some 10,000.
const ENTRIES_MAX: usize = 1 << 20;
/// Most bytes of a long name or of an entry's PAX records.
const RECORDS_MAX: u64 = 1 << 20;
/// Most bytes of all names and records of one layer.
const TEXT_MAX: usize = 256 << 20;

/// One entry of a layer, every field as the headers say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path, without the `./` before and the `/` behind; empty for the root.
    pub path: String,
    /// What it is: `file`, `directory`, `symbolic link`, …
    pub kind: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// The owner's name; empty where none is written.
    pub user: String,
    /// The group's name.
    pub group: String,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Target of a link.
    pub link: Option<String>,
    /// PAX records that are no name: extended attributes, times with fractions.
    pub records: BTreeMap<String, String>,
    /// Bytes of its contents.
    pub size: u64,
    /// Digest of a file's contents.
    pub sha256: Option<Digest>,
}

/// Reads a tar to its end; `keep` is given the contents of every regular file, and reads as much of them as it
/// wants.
///
/// # Errors
/// [`Error::Archive`] about `what` where it is no tar, or holds more than a layer ever has; what `keep` fails with.
pub fn read(
    what: &str,
    tar: impl Read,
    keep: &mut dyn FnMut(&Found, &mut dyn Read) -> Result<(), Error>,
) -> Result<Vec<Found>, Error> {
    let bad = |reason: &dyn std::fmt::Display| Error::archive(what, reason);
    let mut archive = ::tar::Archive::new(tar);
    let mut said = Said::default();
    let mut all: Vec<Found> = Vec::new();
    let mut text = 0_usize;
    // Raw, so that no header makes the library read more than is allowed here.
    for entry in archive.entries().map_err(|error| bad(&error))?.raw(true) {
        let mut entry = entry.map_err(|error| bad(&error))?;
        let kind = entry.header().entry_type();
        if said.takes(kind, &mut entry).map_err(|reason| bad(&reason))? {
            continue;
        }
        let mut found = std::mem::take(&mut said).found(&entry).map_err(|reason| bad(&reason))?;
        text += found.path.len() + found.records.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        if all.len() == ENTRIES_MAX || text > TEXT_MAX {
            return Err(bad(&"has more entries than a layer can"));
        }
        if found.kind == "file" {
            let mut hashing = HashingReader::new(&mut entry);
            keep(&found, &mut hashing)?;
            io::copy(&mut hashing, &mut io::sink()).map_err(|error| bad(&error))?;
            let (digest, size) = hashing.finish();
            if size != found.size {
                return Err(bad(&format!("ends within {}", found.path)));
            }
            found.sha256 = Some(digest);
        }
        all.push(found);
    }
    Ok(all)
}

/// What the headers before an entry say of it.
#[derive(Default)]
struct Said {
    path: Option<String>,
    link: Option<String>,
    records: BTreeMap<String, String>,
}

impl Said {
    /// Whether the entry is one that says something of the next.
    fn takes(&mut self, kind: EntryType, entry: &mut impl Read) -> Result<bool, String> {
        match kind {
            EntryType::GNULongName => self.path = Some(name(&bounded(entry)?)),
            EntryType::GNULongLink => self.link = Some(name(&bounded(entry)?)),
            EntryType::XHeader => {
                for (key, value) in pax(&bounded(entry)?)? {
                    match key.as_str() {
                        "path" => self.path = Some(value),
                        "linkpath" => self.link = Some(value),
                        "size" => return Err("holds a file of more than 8 GiB, which is not read".to_owned()),
                        _ => _ = self.records.insert(key, value),
                    }
                }
            }
            EntryType::XGlobalHeader => _ = bounded(entry)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn found<R: Read>(self, entry: &::tar::Entry<'_, R>) -> Result<Found, String> {
        let header = entry.header();
        let number = |number: io::Result<u64>| number.map_err(|error| error.to_string());
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let path = self.path.unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
        Ok(Found {
            path: path.trim_start_matches("./").trim_end_matches('/').to_owned(),
            kind: kind(header.entry_type()),
            mode: header.mode().map_err(|error| error.to_string())? & 0o7777,
            uid: number(header.uid())?,
            gid: number(header.gid())?,
            user: text(header.username_bytes()),
            group: text(header.groupname_bytes()),
            mtime: number(header.mtime())?,
            link: self.link.or(link),
            records: self.records,
            size: number(header.entry_size())?,
            sha256: None,
        })
    }
}

fn kind(of: EntryType) -> &'static str {
    match of {
        EntryType::Regular | EntryType::Continuous => "file",
        EntryType::Directory => "directory",
        EntryType::Symlink => "symbolic link",
        EntryType::Link => "hard link",
        EntryType::Char => "character device",
        EntryType::Block => "block device",
        EntryType::Fifo => "pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "entry of an unknown kind",
    }
}

fn bounded(entry: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    entry.take(RECORDS_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > RECORDS_MAX { Err("has a name of more than 1 MiB".to_owned()) } else { Ok(bytes) }
}

/// GNU's long names end in a NUL.
fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned()
}

/// `length key=value` records (POSIX.1-2017, pax Extended Header).
fn pax(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut records = Vec::new();
    for record in ::tar::PaxExtensions::new(bytes) {
        let record = record.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        records.push((text(record.key_bytes()), text(record.value_bytes())));
    }
    Ok(records)
}

//! Jars: the central directory of a zip archive (APPNOTE.TXT 4.3), and the heads of the class files.
//!
//! Sizes and counts are those of the directory, each held against the bytes that are there. Of two
//! entries of one name the last wins, as in the JVM.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress};

use crate::error::Error;
use crate::outside::ReadAt;

use super::Jar;
use super::class::{self, HEAD};

/// The largest central directory that is read, in bytes; that of the largest jar known takes 3 MB.
const MAX_DIRECTORY: u64 = 256 << 20;
/// Length of the end-of-central-directory record without its comment (4.3.16).
const END: usize = 22;
/// Length of a file's record in the central directory without names (4.3.12).
const RECORD: usize = 46;
/// Length of a local file header without names (4.3.7).
const LOCAL: usize = 30;
/// Compressed bytes read for a head; a dynamic Huffman table fits.
const PROBE: u64 = 1024;

/// Evidence of what a class file is: CRC-32 and size from the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    crc: u32,
    size: u64,
}

/// What a jar holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Binary names with slashes, without those of `META-INF`, `module-info` and `package-info`.
    pub(super) classes: BTreeMap<String, Evidence>,
    /// Classes below `META-INF/versions/N`, with N. The manifest's `Multi-Release` is not read.
    pub(super) versioned: Vec<(u32, String)>,
    /// The major version of every class of a jar that is not stock.
    pub(super) majors: Vec<(String, u16)>,
}

struct Entry {
    name: String,
    evidence: Evidence,
    method: u16,
    compressed: u64,
    offset: u64,
}

impl Contents {
    /// Reads a jar.
    pub(super) fn read(jar: &Jar) -> Result<Self, Error> {
        let bytes = jar.bytes.as_ref();
        let bad = |reason: &str| Error::archive(jar.name.clone(), reason);
        let directory = directory(bytes).map_err(bad)?;
        let mut contents = Self::default();
        let mut inflate = Decompress::new(false);
        for entry in entries(&directory).map_err(bad)? {
            let Some(name) = entry.name.strip_suffix(".class") else { continue };
            if let Some(rest) = name.strip_prefix("META-INF/versions/") {
                let versioned = rest.split_once('/').and_then(|(n, name)| Some((n.parse().ok()?, name.to_owned())));
                contents.versioned.extend(versioned);
                continue;
            }
            let simple = name.rsplit('/').next().unwrap_or(name);
            if name.starts_with("META-INF/") || simple == "module-info" || simple == "package-info" {
                continue;
            }
            if !jar.stock {
                let head = head(bytes, &entry, &mut inflate).map_err(bad)?;
                contents.majors.extend(head.and_then(class::major).map(|major| (name.to_owned(), major)));
            }
            contents.classes.insert(name.to_owned(), entry.evidence);
        }
        Ok(contents)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

fn read(bytes: &dyn ReadAt, offset: u64, size: u64) -> Option<Vec<u8>> {
    if size > MAX_DIRECTORY || offset.checked_add(size)? > bytes.size() {
        return None;
    }
    let mut buffer = vec![0; usize::try_from(size).ok()?];
    bytes.read_exact_at(&mut buffer, offset).ok()?;
    Some(buffer)
}

/// The bytes of the central directory.
fn directory(bytes: &dyn ReadAt) -> Result<Vec<u8>, &'static str> {
    let tail_size = bytes.size().min(END as u64 + u64::from(u16::MAX));
    let tail_start = bytes.size() - tail_size;
    let tail = read(bytes, tail_start, tail_size).ok_or("cannot be read")?;
    let end = (0..tail.len().saturating_sub(END - 1)).rev().find(|&i| {
        let comment = u16_at(&tail, i + 20).map(usize::from);
        u32_at(&tail, i) == Some(0x0605_4b50) && comment == Some(tail.len() - i - END)
    });
    let end = end.ok_or("is no zip archive: it has no end-of-central-directory record")?;
    let plain = || Some((u64::from(u32_at(&tail, end + 16)?), u64::from(u32_at(&tail, end + 12)?)));
    let (mut offset, mut size) = plain().ok_or("ends early")?;
    if offset == u64::from(u32::MAX) || size == u64::from(u32::MAX) {
        // Zip64: a locator of 20 bytes stands before the record and names the wide one (4.3.14, 4.3.15).
        let wide = || {
            let locator = read(bytes, (tail_start + end as u64).checked_sub(20)?, 20)?;
            let record = read(bytes, u64_at(&locator, 8)?, 56)?;
            (u32_at(&record, 0)? == 0x0606_4b50).then_some((u64_at(&record, 48)?, u64_at(&record, 40)?))
        };
        (offset, size) = wide().ok_or("has a broken zip64 record")?;
    }
    read(bytes, offset, size).ok_or("has a central directory beyond its end")
}

/// The entries of a directory; of several of one name the last.
fn entries(directory: &[u8]) -> Result<Vec<Entry>, &'static str> {
    let mut found = Vec::new();
    let mut at = 0;
    while u32_at(directory, at) == Some(0x0201_4b50) {
        let (entry, next) = entry(directory, at).ok_or("has a record cut short in its central directory")?;
        found.push(entry);
        at = next;
    }
    found.reverse();
    found.sort_by(|a: &Entry, b| a.name.cmp(&b.name));
    found.dedup_by(|later, first| later.name == first.name);
    Ok(found)
}

fn entry(directory: &[u8], at: usize) -> Option<(Entry, usize)> {
    let lengths = [28, 30, 32].map(|field| u16_at(directory, at + field).map(usize::from));
    let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
    let names = at + RECORD;
    let next = names + name + extra + comment;
    directory.get(at..next)?;
    let entry = Entry {
        name: String::from_utf8_lossy(directory.get(names..names + name)?).into_owned(),
        evidence: Evidence { crc: u32_at(directory, at + 16)?, size: u64::from(u32_at(directory, at + 24)?) },
        method: u16_at(directory, at + 10)?,
        compressed: u64::from(u32_at(directory, at + 20)?),
        offset: u64::from(u32_at(directory, at + 42)?),
    };
    Some((entry, next))
}

/// The first bytes of an entry, or `None` where it has fewer or cannot be inflated.
fn head(bytes: &dyn ReadAt, entry: &Entry, inflate: &mut Decompress) -> Result<Option<[u8; HEAD]>, &'static str> {
    let size = (bytes.size().saturating_sub(entry.offset)).min(LOCAL as u64 + PROBE + entry.compressed.min(PROBE));
    let local = read(bytes, entry.offset, size).ok_or("has an entry beyond its end")?;
    if u32_at(&local, 0) != Some(0x0403_4b50) {
        return Err("has an entry without a local header");
    }
    let names = [26, 28].map(|field| u16_at(&local, field).map_or(0, usize::from));
    let data = local.get(LOCAL + names.iter().sum::<usize>()..).unwrap_or_default();
    let mut head = [0; HEAD];
    match entry.method {
        0 => return Ok(data.first_chunk().copied()),
        8 => {
            inflate.reset(false);
            // A broken stream is a class the JVM cannot load either; it has no version to judge.
            let _status = inflate.decompress(data, &mut head, FlushDecompress::None);
        }
        _ => return Err("is packed with a method that the JVM does not read"),
    }
    Ok((inflate.total_out() == HEAD as u64).then_some(head))
}

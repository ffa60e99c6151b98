//! Jars as the JVM opens them: the central directory alone (APPNOTE.TXT 4.3.12, and
//! `java.util.zip.ZipFile` of JDK 17, whose acts differ from the specification).
//!
//! The directory lies directly before its end record and all offsets count from where that puts
//! the first byte, so bytes before the archive do no harm. Of two entries of one name the last wins,
//! and a directory's name hides a file's. One entry that is encrypted or packed with another method
//! than deflate takes the whole jar away. CRCs and local names are not looked at; sizes are those
//! of the directory.

use std::ops::Range;

use libdeflater::Decompressor;

use crate::outside::ReadAt;

use super::bytes::{le16, le32, le64};
use super::id::{Table, id};

/// Why the JVM does not open a jar, or does not read an entry.
pub(super) type Reason = &'static str;

/// The largest central directory that is read, in bytes; that of the largest jar known takes 30 MB.
const MAX_DIRECTORY: u64 = 256 << 20;
/// The largest entry that is inflated, in bytes. The largest class file that `javac` can write is
/// below 16 MB: 65,535 constants of 65,535 bytes are never met together.
pub(super) const MAX_ENTRY: u64 = 64 << 20;
/// Length of the end record without its comment (4.3.16).
const END: usize = 22;
/// Length of an entry's record without names (4.3.12).
const RECORD: usize = 46;
/// Length of a local header without names (4.3.7).
const LOCAL: u64 = 30;

/// A jar's directory.
#[derive(Debug, Default)]
pub(super) struct Archive {
    directory: Vec<u8>,
    /// In the order of the directory; of several of one name only the last.
    pub(super) entries: Vec<Entry>,
}

/// A file of a jar.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    name: Range<usize>,
    /// CRC-32 of the contents, as the directory has it.
    pub(super) crc: u32,
    /// Size of the contents.
    pub(super) size: u64,
    /// Size of the bytes in the archive.
    pub(super) compressed: u64,
    /// Place of the local header.
    pub(super) offset: u64,
    pub(super) deflated: bool,
}

impl Entry {
    /// An entry whose name does not matter any more.
    pub(super) fn at(offset: u64, compressed: u32, size: u32, deflated: bool) -> Self {
        Self { name: 0..0, crc: 0, size: u64::from(size), compressed: u64::from(compressed), offset, deflated }
    }
}

impl Archive {
    /// Opens a jar.
    pub(super) fn open(bytes: &dyn ReadAt) -> Result<Self, Reason> {
        let end = End::find(bytes)?;
        let directory = read(bytes, end.directory, end.size).ok_or("the central directory cannot be read")?;
        let mut entries = Vec::new();
        let mut at = 0;
        while at < directory.len() {
            let (entry, next) = entry(&directory, at, end.base)?;
            entries.push(entry);
            at = next;
        }
        let mut archive = Self { directory, entries };
        archive.drop_hidden();
        Ok(archive)
    }

    /// The entry's name as its bytes.
    pub(super) fn name(&self, entry: &Entry) -> &[u8] {
        self.directory.get(entry.name.clone()).unwrap_or_default()
    }

    /// Of several entries of one name the last stays. A trailing slash makes no other name.
    fn drop_hidden(&mut self) {
        // Backwards, the first of a name is the last.
        let mut seen = Table::with_room(self.entries.len());
        let kept: Vec<bool> = self
            .entries
            .iter()
            .rev()
            .map(|entry| {
                let name = self.name(entry);
                let number = id(name.strip_suffix(b"/").unwrap_or(name));
                let is_first = !seen.contains(number);
                seen.get_or_insert(number, 0);
                is_first
            })
            .collect();
        let mut kept = kept.into_iter().rev();
        self.entries.retain(|_| kept.next().unwrap_or(true));
    }
}

/// Where the directory is.
struct End {
    directory: u64,
    size: u64,
    /// Where offset 0 is.
    base: u64,
}

impl End {
    fn find(bytes: &dyn ReadAt) -> Result<Self, Reason> {
        let length = bytes.size();
        let tail_size = length.min(END as u64 + u64::from(u16::MAX));
        let tail_start = length - tail_size;
        let tail = read(bytes, tail_start, tail_size).ok_or("the file cannot be read")?;
        let starts = (0..tail.len().saturating_sub(END - 1)).rev();
        let found = starts.filter(|&i| le32(&tail, i) == Some(0x0605_4b50)).find_map(|i| {
            let comment = usize::from(le16(&tail, i + 20)?);
            let (size, offset) = (u64::from(le32(&tail, i + 12)?), u64::from(le32(&tail, i + 16)?));
            let at = tail_start + i as u64;
            // Bytes after the comment are forgiven where the directory is found all the same.
            let closes = comment == tail.len() - i - END;
            let forgiven = || {
                let directory = at.checked_sub(size)?;
                let record = le32(&read(bytes, directory, 4)?, 0)? == 0x0201_4b50;
                let first = le32(&read(bytes, directory.checked_sub(offset)?, 4)?, 0)? == 0x0403_4b50;
                (record && first).then_some(())
            };
            (closes || forgiven().is_some()).then_some((at, size, offset, le16(&tail, i + 10)?))
        });
        let (at, size, offset, total) = found.ok_or("it is no zip archive: its end record is missing")?;
        let (at, size, offset) = if size == u64::from(u32::MAX) || offset == u64::from(u32::MAX) || total == u16::MAX {
            wide(bytes, at).unwrap_or((at, size, offset))
        } else {
            (at, size, offset)
        };
        let directory = at.checked_sub(size).ok_or("the central directory is larger than the file")?;
        let base = directory.checked_sub(offset).ok_or("the central directory lies beyond its end")?;
        Ok(Self { directory, size, base })
    }
}

/// Zip64: a locator of 20 bytes stands before the end record and names the wide one (4.3.14, 4.3.15).
fn wide(bytes: &dyn ReadAt, end: u64) -> Option<(u64, u64, u64)> {
    let locator = read(bytes, end.checked_sub(20)?, 20)?;
    let at = le64(&locator, 8).filter(|_| le32(&locator, 0) == Some(0x0706_4b50))?;
    let record = read(bytes, at, 56)?;
    (le32(&record, 0)? == 0x0606_4b50).then_some((at, le64(&record, 40)?, le64(&record, 48)?))
}

/// The record at `at`, and where the next begins.
fn entry(directory: &[u8], at: usize, base: u64) -> Result<(Entry, usize), Reason> {
    const SHORT: Reason = "the central directory is cut short";
    if le32(directory, at) != Some(0x0201_4b50) {
        return Err("the central directory holds something that is no entry");
    }
    let half = |field: usize| le16(directory, at + field).map(usize::from).ok_or(SHORT);
    let word = |field: usize| le32(directory, at + field).map(u64::from).ok_or(SHORT);
    let (name, extra, comment) = (half(28)?, half(30)?, half(32)?);
    let names = at + RECORD;
    let next = names + name + extra + comment;
    let extra = directory.get(names + name..names + name + extra).ok_or(SHORT)?;
    if next > directory.len() {
        return Err(SHORT);
    }
    if half(8)? & 1 != 0 {
        return Err("an entry is encrypted");
    }
    let deflated = match half(10)? {
        0 => false,
        8 => true,
        _ => return Err("an entry is packed with a method that the JVM does not read"),
    };
    let (mut size, mut compressed, mut offset) = (word(24)?, word(20)?, word(42)?);
    let mut wide = zip64(extra).unwrap_or_default();
    for field in [&mut size, &mut compressed, &mut offset] {
        if *field == u64::from(u32::MAX)
            && let Some((value, rest)) = wide.split_first_chunk()
        {
            (*field, wide) = (u64::from_le_bytes(*value), rest);
        }
    }
    let offset = base.checked_add(offset).ok_or("an entry lies beyond the end")?;
    let crc = le32(directory, at + 16).ok_or(SHORT)?;
    Ok((Entry { name: names..names + name, crc, size, compressed, offset, deflated }, next))
}

/// The zip64 field among an entry's extra fields (4.5.3).
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let size = usize::from(le16(extra, 2)?);
        let field = extra.get(4..4 + size)?;
        if le16(extra, 0)? == 1 {
            return Some(field);
        }
        extra = extra.get(4 + size..)?;
    }
}

fn read(bytes: &dyn ReadAt, offset: u64, size: u64) -> Option<Vec<u8>> {
    if size > MAX_DIRECTORY || offset.checked_add(size)? > bytes.size() {
        return None;
    }
    let mut buffer = vec![0; usize::try_from(size).ok()?];
    bytes.read_exact_at(&mut buffer, offset).ok()?;
    Some(buffer)
}

/// A stretch of the archive in memory, through which neighbouring entries are read.
pub(super) struct Window {
    start: u64,
    bytes: Vec<u8>,
    inflate: Decompressor,
}

/// Bytes read at once.
const STRETCH: u64 = 256 << 10;
/// A local header's names and extra fields that a first read is likely to cover.
const SLACK: u64 = 512;

impl Default for Window {
    fn default() -> Self {
        Self { start: 0, bytes: Vec::new(), inflate: Decompressor::new() }
    }
}

impl Window {
    /// Forgets what was read: another archive follows.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The contents of an entry, into `into`.
    pub(super) fn contents(&mut self, bytes: &dyn ReadAt, entry: &Entry, into: &mut Vec<u8>) -> Result<(), Reason> {
        const CUT: Reason = "its bytes lie beyond the end of the jar";
        let header = self.slice(bytes, entry.offset, LOCAL, LOCAL + SLACK + entry.compressed).ok_or(CUT)?;
        if le32(header, 0) != Some(0x0403_4b50) {
            return Err("its local header is missing");
        }
        let names = [26, 28].map(|field| le16(header, field).map_or(0, u64::from));
        if entry.size > MAX_ENTRY || entry.compressed > MAX_ENTRY {
            return Err("is larger than any class file");
        }
        let start = entry.offset + LOCAL + names.iter().sum::<u64>();
        let size = usize::try_from(entry.size).map_err(|_| CUT)?;
        let at = self.place(bytes, start, entry.compressed, entry.compressed).ok_or(CUT)?;
        let packed = self.bytes.get(at).ok_or(CUT)?;
        if entry.deflated {
            // Deflate makes at most 1,032 bytes of one, so a lie about the size costs no memory.
            if entry.size > entry.compressed.saturating_mul(1032) + 64 {
                return Err("its compressed bytes are broken");
            }
            if into.len() < size {
                into.resize(size, 0);
            }
            let made = self.inflate.deflate_decompress(packed, into.get_mut(..size).unwrap_or_default());
            if made != Ok(size) {
                return Err("its compressed bytes are broken, or its size is wrong");
            }
            into.truncate(size);
        } else {
            into.clear();
            into.extend_from_slice(packed.get(..size).ok_or("its size is wrong")?);
        }
        Ok(())
    }

    /// A stretch of the file as it is.
    pub(super) fn slice(&mut self, bytes: &dyn ReadAt, start: u64, size: u64, likely: u64) -> Option<&[u8]> {
        let range = self.place(bytes, start, size, likely)?;
        self.bytes.get(range)
    }

    /// Where in the window a range of the archive is, after reading it where it was not.
    fn place(&mut self, bytes: &dyn ReadAt, start: u64, size: u64, likely: u64) -> Option<Range<usize>> {
        let end = start.checked_add(size)?;
        if end > bytes.size() {
            return None;
        }
        let wanted_end = start.checked_add(likely.max(size))?.min(bytes.size());
        let have = self.start..self.start + self.bytes.len() as u64;
        if start < have.start || end > have.end {
            let length = (wanted_end - start).max(STRETCH).min(bytes.size() - start);
            self.bytes.resize(usize::try_from(length).ok()?, 0);
            self.start = start;
            if bytes.read_exact_at(&mut self.bytes, start).is_err() {
                self.bytes.clear();
                return None;
            }
        }
        let from = usize::try_from(start - self.start).ok()?;
        Some(from..from + usize::try_from(size).ok()?)
    }
}

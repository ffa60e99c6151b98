//! The loader's cache: [`cache`] writes the `/etc/ld.so.cache` that ldconfig would write.
//!
//! The format is glibc's new one alone, the default since 2.32 (sysdeps/generic/dl-cache.h); rules
//! and order are those of ldconfig 2.36. Absent on purpose: libraries of other machines and those
//! in `glibc-hwcaps` and the older capability directories, all of which the loader can do without;
//! and the making of links: where the link of a soname is missing, the file itself is named.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Blobs, ReadAt};
use crate::tree::{Entry, ImagePath, Kind, Source};

#[cfg(test)]
mod tests;

/// Magic and version of the new format (dl-cache.h: `CACHEMAGIC_VERSION_NEW`).
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of the header (dl-cache.h: `struct cache_file_new`).
const HEADER: usize = 48;
/// Bytes of an entry (dl-cache.h: `struct file_entry_new`).
const ENTRY: usize = 24;
/// `cache_file_new_flags_endian_little` (dl-cache.h).
const LITTLE_ENDIAN: u32 = 2;
/// `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64` (sysdeps/generic/ldconfig.h).
const X86_64_LIBC6: u32 = 0x0303;
/// `cache_extension_magic` (dl-cache.h).
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// `cache_extension_tag_generator` (dl-cache.h).
const GENERATOR_TAG: u32 = 0;
/// Who made the cache, for `ldconfig -p`; the loader does not read it.
const GENERATOR: &str = "sparkbake";

/// The most symbolic links that one lookup follows (Linux: `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// The most program headers of a library; usual are some ten.
const MAX_SEGMENTS: u16 = 256;
/// The most bytes of a dynamic section; usual are some 500.
const MAX_DYNAMIC: u64 = 1 << 16;
/// The most bytes of a soname with its NUL: a file name (Linux: `NAME_MAX`).
const MAX_SONAME: u64 = 256;

/// The bytes of `/etc/ld.so.cache` for the libraries that lie directly in `directories`.
///
/// `tree` and `directories` are canonical (`usr/lib`, never `lib`); earlier directories win, and
/// those that repeat or do not exist count for nothing. `usr/lib*` is shown as `/lib*`, the
/// spelling of Debian's `/etc/ld.so.conf.d`, which reaches the same directories.
///
/// A file that is not an x86-64 shared object, be it damaged or hostile, is not a library.
///
/// # Errors
/// [`Error::Read`] where a blob cannot be opened; [`Error::Archive`] where one is shorter than the
/// tree says, or where the cache would exceed its 32-bit offsets.
pub fn cache(
    tree: &BTreeMap<ImagePath, Entry>,
    blobs: &dyn Blobs,
    directories: &[ImagePath],
) -> Result<Vec<u8>, Error> {
    let mut files = Files { tree, blobs, opened: BTreeMap::new() };
    let mut seen = BTreeSet::new();
    let mut libraries: Vec<(String, String)> = Vec::new();
    for directory in directories {
        if seen.insert(directory) {
            let shown = shown(directory);
            for (soname, name) in libraries_of(directory, &mut files)? {
                libraries.push((soname, format!("{shown}/{name}")));
            }
        }
    }
    // Stable: where the loader's order sees no difference, the earlier directory stays first.
    libraries.sort_by_cached_key(|(soname, _)| Reverse(Rank::of(soname)));
    encode(&libraries)
        .ok_or_else(|| Error::archive("/etc/ld.so.cache", "the libraries' names do not fit into 32-bit offsets"))
}

/// A directory as Debian's configuration of the loader spells it.
fn shown(directory: &ImagePath) -> String {
    match directory.as_str().strip_prefix("usr/") {
        Some(below) if below.starts_with("lib") => format!("/{below}"),
        _ => directory.to_string(),
    }
}

/// Soname → file name for one directory (elf/ldconfig.c: `search_dir`).
fn libraries_of(directory: &ImagePath, files: &mut Files<'_>) -> Result<BTreeMap<String, String>, Error> {
    let prefix = format!("{}/", directory.as_str());
    let mut libraries: BTreeMap<String, String> = BTreeMap::new();
    // Every name of a library begins with `l`.
    let Ok(first) = directory.join("l") else { return Ok(libraries) };
    let tree = files.tree;
    for (path, entry) in tree.range(&first..).take_while(|(path, _)| path.as_str().starts_with(first.as_str())) {
        let Some(name) = path.as_str().strip_prefix(prefix.trim_start_matches('/')).filter(|n| is_library_name(n))
        else {
            continue;
        };
        let Some(source) = resolve(tree, path) else { continue };
        let contents = files.open(path, source)?;
        let Some(own) = soname(&contents)? else { continue };
        let mut soname = own.unwrap_or_else(|| name.to_owned());
        // The link for ld(1), `libfoo.so` of `libfoo.so.1`, stands for itself.
        let development = has_so_suffix(name) && soname.starts_with(name);
        if development && matches!(entry.kind, Kind::Symlink(_)) {
            name.clone_into(&mut soname);
        }
        if soname.is_empty() || soname.contains('/') {
            continue; // the loader looks up file names only
        }
        match libraries.get_mut(&soname) {
            None => {
                libraries.insert(soname, name.to_owned());
            }
            // The soname's own link or file stands for all; without it, the newest file does.
            Some(best) if *best != soname && (name == soname || Rank::of(name) > Rank::of(best)) => {
                name.clone_into(best);
            }
            Some(_) => {}
        }
    }
    Ok(libraries)
}

/// Whether a file directly in a directory is named as a library or the loader (elf/dl-is_dso.h).
fn is_library_name(name: &str) -> bool {
    let named = (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so");
    (named || name.starts_with("ld.so.") || name.starts_with("ld64.so.")) && !name.contains('/')
}

fn has_so_suffix(name: &str) -> bool {
    name.as_bytes().ends_with(b".so")
}

/// The regular file that `path` leads to; `None` for dangling and circular links, and directories.
fn resolve<'t>(tree: &'t BTreeMap<ImagePath, Entry>, path: &ImagePath) -> Option<&'t Source> {
    let mut links = 0;
    let mut at = ImagePath::root();
    let mut rest: Vec<&str> = path.as_str().rsplit('/').collect();
    let mut found: Option<&'t Kind> = None;
    while let Some(name) = rest.pop() {
        match name {
            "" | "." => continue,
            ".." => {
                at = at.parent().unwrap_or(at);
                found = None;
                continue;
            }
            _ => {}
        }
        if matches!(found, Some(Kind::File(_) | Kind::Hardlink(_))) {
            return None;
        }
        let next = at.join(name).ok()?;
        found = tree.get(&next).map(|entry| &entry.kind);
        if let Some(Kind::Symlink(target)) = found {
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            if target.starts_with('/') {
                at = ImagePath::root();
            }
            rest.extend(target.rsplit('/'));
        } else {
            at = next;
        }
    }
    match found? {
        Kind::File(source) => Some(source),
        Kind::Hardlink(to) => match &tree.get(to)?.kind {
            Kind::File(source) => Some(source),
            _ => None,
        },
        Kind::Directory | Kind::Symlink(_) => None,
    }
}

/// The files of the tree, each archive opened once.
struct Files<'a> {
    tree: &'a BTreeMap<ImagePath, Entry>,
    blobs: &'a dyn Blobs,
    /// By digest, and whether it is the spool of an archive.
    opened: BTreeMap<(Digest, bool), Box<dyn ReadAt>>,
}

impl Files<'_> {
    fn open<'s>(&'s mut self, path: &'s ImagePath, source: &'s Source) -> Result<Contents<'s>, Error> {
        let (digest, offset, spool) = match source {
            Source::Bytes(bytes) => return Ok(Contents { path, of: bytes, start: 0, size: bytes.len() as u64 }),
            Source::Blob { digest, .. } => (*digest, 0, false),
            Source::Member { archive, offset, .. } => (*archive, *offset, true),
        };
        if !self.opened.contains_key(&(digest, spool)) {
            let file = if spool { self.blobs.unpacked(&digest)? } else { self.blobs.open(&digest)? };
            self.opened.insert((digest, spool), file);
        }
        Ok(Contents { path, of: self.opened[&(digest, spool)].as_ref(), start: offset, size: source.size() })
    }
}

/// The bytes of one file.
struct Contents<'a> {
    path: &'a ImagePath,
    of: &'a dyn ReadAt,
    start: u64,
    size: u64,
}

impl Contents<'_> {
    /// `len` bytes from `offset` on; `None` where the file ends before.
    fn read(&self, offset: u64, len: u64) -> Result<Option<Vec<u8>>, Error> {
        let within = offset.checked_add(len).is_some_and(|end| end <= self.size);
        let (true, Ok(bytes), Some(at)) = (within, usize::try_from(len), self.start.checked_add(offset)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; bytes];
        self.of.read_exact_at(&mut bytes, at).map_err(|e| Error::archive(self.path.to_string(), e))?;
        Ok(Some(bytes))
    }
}

/// A segment of a library: the fields of a program header that matter (System V ABI, chapter 5).
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// The soname of an x86-64 shared object, `Some(None)` where it has none; `None` for another file.
#[expect(clippy::option_option, reason = "a library without a soname is not the same as no library")]
fn soname(file: &Contents<'_>) -> Result<Option<Option<String>>, Error> {
    let Some(header) = file.read(0, 64)? else { return Ok(None) };
    let Some((table, count)) = program_headers(&header) else { return Ok(None) };
    let Some(headers) = file.read(table, u64::from(count) * 56)? else { return Ok(None) };
    let segments: Vec<Segment> = headers.chunks_exact(56).filter_map(segment).collect();
    // PT_DYNAMIC
    let Some(dynamic) = segments.iter().rfind(|s| s.kind == 2).filter(|s| s.size <= MAX_DYNAMIC) else {
        return Ok(None);
    };
    let Some(dynamic) = file.read(dynamic.offset, dynamic.size)? else { return Ok(None) };
    let tags: Vec<(u64, u64)> = dynamic
        .chunks_exact(16)
        .filter_map(|d| Some((u64_at(d, 0)?, u64_at(d, 8)?)))
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let value = |wanted| tags.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
    // DT_STRTAB, DT_SONAME
    let Some(strings) = value(5) else { return Ok(None) };
    let Some(name) = value(14) else { return Ok(Some(None)) };
    // An address outside of all PT_LOADs is taken for an offset, as ldconfig takes it.
    let load = segments.iter().find(|s| s.kind == 1 && strings.checked_sub(s.address).is_some_and(|o| o < s.size));
    let strings = load.map_or(Some(strings), |s| (strings - s.address).checked_add(s.offset));
    let Some(start) = strings.and_then(|s| s.checked_add(name)) else { return Ok(None) };
    let Some(text) = file.read(start, MAX_SONAME.min(file.size.saturating_sub(start)))? else { return Ok(None) };
    let end = text.iter().position(|b| *b == 0);
    let text = end.and_then(|end| std::str::from_utf8(&text[..end]).ok());
    Ok(text.map(|text| Some(text.to_owned())))
}

/// Offset and number of the program headers of an ELF64, little-endian, `ET_DYN`, `EM_X86_64` file.
fn program_headers(header: &[u8]) -> Option<(u64, u16)> {
    let fits = header.starts_with(b"\x7fELF\x02\x01") && u16_at(header, 16)? == 3 && u16_at(header, 18)? == 62;
    let count = u16_at(header, 56)?;
    (fits && u16_at(header, 54)? == 56 && count <= MAX_SEGMENTS).then_some((u64_at(header, 32)?, count))
}

fn segment(header: &[u8]) -> Option<Segment> {
    let kind = u32::from_le_bytes(header.get(..4)?.try_into().ok()?);
    Some(Segment { kind, offset: u64_at(header, 8)?, address: u64_at(header, 16)?, size: u64_at(header, 32)? })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A name's place in the loader's order (elf/dl-cache.c: `_dl_cache_libcmp`): runs of digits are
/// numbers and come after all else, other bytes compare as signed, and the end is a NUL.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(Vec<Token>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Byte(i8),
    Number(i32),
}

impl Rank {
    fn of(name: &str) -> Self {
        let mut bytes = name.bytes().chain(iter::once(0)).peekable();
        let mut tokens = Vec::new();
        while let Some(byte) = bytes.next() {
            if !byte.is_ascii_digit() {
                tokens.push(Token::Byte(byte.cast_signed()));
                continue;
            }
            let mut number = i32::from(byte - b'0');
            while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                // The loader's `int` wraps as well.
                number = number.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'));
            }
            tokens.push(Token::Number(number));
        }
        Self(tokens)
    }
}

/// The file for entries of key and value, in their order; `None` where an offset exceeds 32 bits.
fn encode(libraries: &[(String, String)]) -> Option<Vec<u8>> {
    let base = HEADER.checked_add(libraries.len().checked_mul(ENTRY)?)?;
    let (strings, offsets) = strings(libraries.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    let extension = base.checked_add(strings.len())?.checked_next_multiple_of(4)?;
    let word = |n: usize| u32::try_from(n).ok();

    let mut file = Vec::with_capacity(extension + 24 + GENERATOR.len());
    file.extend_from_slice(MAGIC);
    for n in [word(libraries.len())?, word(strings.len())?, LITTLE_ENDIAN, word(extension)?, 0, 0, 0] {
        file.extend_from_slice(&n.to_le_bytes());
    }
    for (key, value) in libraries {
        let at = |text: &str| word(base + offsets.get(text)?);
        // Flags, key, value, the unused version of the system, and no capabilities (64 bits).
        for n in [X86_64_LIBC6, at(key)?, at(value)?, 0, 0, 0] {
            file.extend_from_slice(&n.to_le_bytes());
        }
    }
    file.extend_from_slice(&strings);
    file.resize(extension, 0);
    for n in [EXTENSION_MAGIC, 1, GENERATOR_TAG, 0, word(extension + 24)?, word(GENERATOR.len())?] {
        file.extend_from_slice(&n.to_le_bytes());
    }
    file.extend_from_slice(GENERATOR.as_bytes());
    Some(file)
}

/// A table of NUL-terminated strings that share their tails, and the offset of each
/// (elf/stringtable.c: `stringtable_finalize`).
fn strings<'a>(texts: impl Iterator<Item = &'a str>) -> (Vec<u8>, BTreeMap<&'a str, usize>) {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable_by(|a, b| b.bytes().rev().cmp(a.bytes().rev()));
    let mut table = Vec::new();
    let mut offsets = BTreeMap::new();
    let mut previous = None;
    for text in texts {
        if !previous.is_some_and(|p: &str| p.ends_with(text)) {
            table.extend_from_slice(text.as_bytes());
            table.push(0);
        }
        offsets.insert(text, table.len() - 1 - text.len());
        previous = Some(text);
    }
    (table, offsets)
}

//! Entries as a tar stream: ustar headers with every field set, PAX records only where ustar cannot
//! say it (POSIX.1-2017, pax Interchange Format). No access times, no names of users, no devices.

use std::io::{Read, Write};

use tar::{EntryType, Header};

use crate::error::Error;
use crate::outside::{Blobs, Range, ReadAt};
use crate::tree::{Entry, ImagePath, Kind, Source};

/// What one octal field of eleven digits can say.
const OCTAL_MAX: u64 = 0o777_7777_7777;
const BLOCK: usize = 512;

/// Writes the entries, in the order given, and the end of the archive.
pub(super) fn write(entries: &[Entry], epoch: u64, blobs: &dyn Blobs, out: &mut dyn Write) -> Result<(), Error> {
    let mut sources = Sources { blobs, last: None };
    let mut buffer = vec![0; 1 << 18];
    for entry in entries {
        write_entry(entry, epoch, &mut sources, &mut buffer, out).map_err(|error| match error {
            // The path says more than the layer that is being written.
            Failure::Io(source) => Error::Write { path: entry.path.to_string().into(), source },
            Failure::World(error) => error,
        })?;
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(Error::write("the end of the layer"))
}

enum Failure {
    Io(std::io::Error),
    World(Error),
}

impl From<std::io::Error> for Failure {
    fn from(source: std::io::Error) -> Self {
        Self::Io(source)
    }
}

/// Keeps the last archive open: entries of one archive follow each other more often than not.
struct Sources<'a> {
    blobs: &'a dyn Blobs,
    last: Option<(Source, Box<dyn ReadAt>)>,
}

impl Sources<'_> {
    fn open(&mut self, source: &Source) -> Result<&dyn ReadAt, Error> {
        let same = match (&self.last, source) {
            (Some((Source::Member { archive: a, .. }, _)), Source::Member { archive: b, .. }) => a == b,
            _ => false,
        };
        if !same {
            let opened = match source {
                Source::Bytes(bytes) => Box::new(bytes.clone()) as Box<dyn ReadAt>,
                Source::Blob { digest, .. } => self.blobs.open(digest)?,
                Source::Member { archive, .. } => self.blobs.unpacked(archive)?,
            };
            self.last = Some((source.clone(), opened));
        }
        self.last.as_ref().map(|(_, opened)| opened.as_ref()).ok_or_else(|| Error::archive("layer", "no source"))
    }
}

fn write_entry(
    entry: &Entry,
    epoch: u64,
    sources: &mut Sources<'_>,
    buffer: &mut [u8],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (kind, size, link) = match &entry.kind {
        Kind::Directory => (EntryType::Directory, 0, ""),
        Kind::File(source) => (EntryType::Regular, source.size(), ""),
        Kind::Symlink(target) => (EntryType::Symlink, 0, target.as_str()),
        Kind::Hardlink(target) => (EntryType::Link, 0, target.as_str()),
    };
    let path = tar_path(&entry.path, kind);
    let mut pax = Vec::new();
    let mut header = header(kind, entry, epoch);
    if !set_path(&mut header, &path) {
        record(&mut pax, "path", path.as_bytes());
    }
    if !set_link(&mut header, link) {
        record(&mut pax, "linkpath", link.as_bytes());
    }
    if size <= OCTAL_MAX {
        header.set_size(size);
    } else {
        record(&mut pax, "size", size.to_string().as_bytes());
    }
    if !pax.is_empty() {
        write_pax(&entry.path, epoch, &pax, out)?;
    }
    header.set_cksum();
    out.write_all(header.as_bytes())?;
    if let Kind::File(source) = &entry.kind {
        copy(source, sources, buffer, out)?;
        out.write_all(padding(size))?;
    }
    Ok(())
}

/// The root is `./`, directories end in `/`, nothing else is prefixed.
fn tar_path(path: &ImagePath, kind: EntryType) -> String {
    match (path.is_root(), kind) {
        (true, _) => "./".to_owned(),
        (false, EntryType::Directory) => format!("{}/", path.as_str()),
        (false, _) => path.as_str().to_owned(),
    }
}

fn header(kind: EntryType, entry: &Entry, epoch: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(epoch);
    header.set_size(0);
    if let Some(ustar) = header.as_ustar_mut() {
        // As GNU tar and Go write it: zero, not empty.
        ustar.set_device_major(0);
        ustar.set_device_minor(0);
    }
    header
}

/// Puts the path into the name and prefix fields; `false` where it does not fit and a PAX record
/// must say it, the fields then hold its beginning.
fn set_path(header: &mut Header, path: &str) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    if path.is_ascii() {
        if path.len() <= ustar.name.len() {
            ustar.name[..path.len()].copy_from_slice(path.as_bytes());
            return true;
        }
        // The split nearest to the end, as POSIX leaves the choice to the writer.
        let from = path.len().saturating_sub(ustar.name.len() + 1);
        let split = path.bytes().enumerate().skip(from).find(|&(i, b)| b == b'/' && i + 1 < path.len());
        if let Some((at, _)) = split.filter(|&(at, _)| at > 0 && at <= ustar.prefix.len()) {
            ustar.prefix[..at].copy_from_slice(&path.as_bytes()[..at]);
            let name = &path.as_bytes()[at + 1..];
            ustar.name[..name.len()].copy_from_slice(name);
            return true;
        }
    }
    let kept = path.len().min(ustar.name.len());
    ustar.name[..kept].copy_from_slice(&path.as_bytes()[..kept]);
    false
}

fn set_link(header: &mut Header, link: &str) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    let kept = link.len().min(ustar.linkname.len());
    ustar.linkname[..kept].copy_from_slice(&link.as_bytes()[..kept]);
    link.is_ascii() && kept == link.len()
}

/// One `length key=value` record; the length counts its own digits.
fn record(pax: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(format!("{length} {key}=").as_bytes());
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

fn write_pax(path: &ImagePath, epoch: u64, records: &[u8], out: &mut dyn Write) -> Result<(), std::io::Error> {
    let carrier = Entry { path: path.clone(), mode: 0o644, uid: 0, gid: 0, kind: Kind::Directory };
    let mut header = header(EntryType::XHeader, &carrier, epoch);
    header.set_size(records.len() as u64);
    // The name of an extended header is for readers that do not know PAX.
    set_path(&mut header, "PaxHeaders/0");
    header.set_cksum();
    out.write_all(header.as_bytes())?;
    out.write_all(records)?;
    out.write_all(padding(records.len() as u64))
}

fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    &ZEROS[..(BLOCK - over) % BLOCK]
}

fn copy(source: &Source, sources: &mut Sources<'_>, buffer: &mut [u8], out: &mut dyn Write) -> Result<(), Failure> {
    let (offset, size) = match source {
        Source::Bytes(bytes) => return Ok(out.write_all(bytes)?),
        Source::Blob { size, .. } => (0, *size),
        Source::Member { offset, size, .. } => (*offset, *size),
    };
    let opened = sources.open(source).map_err(Failure::World)?;
    let mut from = Range::new(opened, offset, size);
    let mut left = size;
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        from.read_exact(&mut buffer[..want])
            .map_err(|source| Failure::World(Error::Read { path: "the store".into(), source }))?;
        out.write_all(&buffer[..want])?;
        left -= want as u64;
    }
    Ok(())
}

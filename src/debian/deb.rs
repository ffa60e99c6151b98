//! Debian binary packages: [`unpack`] turns a `.deb` into a [`Package`] and a spool of contents.
//!
//! The container is an `ar` archive of `debian-binary`, `control.tar*` and `data.tar*` (deb(5)).
//! Everything is streamed; the contents of regular files go to the spool one after the other, and
//! nothing is ever extracted to a path. Absent on purpose: PAX headers, sparse files, devices,
//! fifos and sockets, as dpkg itself refuses the first and no package of the archive needs the rest.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::tree::Member;

mod ar;
mod tarball;

#[cfg(test)]
mod tests;

use tarball::Budget;

/// The most bytes that one package may unpack to: 4 GiB, some ten times the largest that an image needs.
const MAX_UNPACKED: u64 = 4 << 30;
/// The most bytes of the control archive; the largest of the closures has less than 1 MiB.
const MAX_CONTROL: u64 = 16 << 20;
/// The most members of one archive.
const MAX_MEMBERS: usize = 500_000;
/// The most that data may grow by decompression, beyond [`RATIO_FREE`] bytes.
const MAX_RATIO: u64 = 1000;
/// Bytes that may always come out, so that small regular packages never meet the ratio.
const RATIO_FREE: u64 = 16 << 20;
/// Memory an xz stream may ask for, in KiB (`xz -9` needs 65 MiB to decode: xz(1)).
const XZ_MEMORY_KIB: u32 = 160 << 10;
/// The largest zstd window, in bytes (RFC 8878, 3.1.1.1.2 recommends 8 MiB; `zstd --long` uses 128).
const ZSTD_WINDOW: u64 = 128 << 20;

/// What a package holds, apart from the contents of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The fields of `control` in their order: name, and text with its continuation lines.
    pub control: Vec<(String, String)>,
    /// Absolute paths of configuration files, as the package lists them.
    pub conffiles: Vec<String>,
    /// The text of `md5sums`; empty where the package has none.
    pub md5sums: String,
    /// Maintainer scripts by name (`preinst`, `postinst`, `prerm`, `postrm`, `config`).
    pub scripts: BTreeMap<String, Script>,
    /// The text of `triggers`; empty where the package has none.
    pub triggers: String,
    /// The members of the data archive, in its order.
    pub members: Vec<Member>,
}

/// A maintainer script. It is read, never run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Digest of the whole script.
    pub sha256: Digest,
    /// Its text; `None` where it is a compiled program.
    pub text: Option<String>,
}

impl Package {
    /// The text of a control field; names compare without regard to case (Debian Policy 5.1).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.control.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, text)| text.as_str())
    }
}

/// Reads the package `what` from `deb`, writing the contents of its regular files to `spool`.
///
/// # Errors
/// [`Error::Archive`] where the package is damaged, hostile or of an unknown shape;
/// [`Error::Write`] where the spool cannot be written.
pub fn unpack(deb: &mut dyn Read, what: &str, spool: &mut dyn Write) -> Result<Package, Error> {
    let fault = |reason: String| Error::archive(what, reason);
    let mut archive = ar::Archive::new(deb).map_err(&fault)?;

    let head = archive.next().map_err(&fault)?.ok_or_else(|| fault("is empty".to_owned()))?;
    if head.name != "debian-binary" {
        return Err(fault(format!("begins with `{}` instead of `debian-binary`", head.name.escape_debug())));
    }
    let version = small(&mut archive.member(), 16).map_err(&fault)?;
    if !version.starts_with(b"2.") || !version.ends_with(b"\n") {
        return Err(fault("is not of format 2 (deb(5))".to_owned()));
    }

    let suffix = part(&mut archive, "control.tar").map_err(&fault)?;
    let control = read_part(archive.member(), &suffix, MAX_CONTROL, tarball::control).map_err(&fault)?;

    let suffix = part(&mut archive, "data.tar").map_err(&fault)?;
    let members = read_part(archive.member(), &suffix, MAX_UNPACKED, |tar, budget| tarball::data(tar, budget, spool));
    let members = members.map_err(&fault)?;

    while let Some(head) = archive.next().map_err(&fault)? {
        if !head.name.starts_with('_') {
            return Err(fault(format!("has an unknown member `{}`", head.name.escape_debug())));
        }
    }
    package(control, members).map_err(fault)
}

/// Finds the next member of that name and any compression; those that start with `_` are passed over (deb(5)).
fn part(archive: &mut ar::Archive<'_>, name: &str) -> Result<String, String> {
    loop {
        let head = archive.next()?.ok_or_else(|| format!("has no `{name}`"))?;
        match head.name.strip_prefix(name) {
            Some(suffix) => return Ok(suffix.to_owned()),
            None if head.name.starts_with('_') => {}
            None => return Err(format!("has `{}` where `{name}` belongs", head.name.escape_debug())),
        }
    }
}

/// Decompresses one part and reads it to its end.
fn read_part<T>(
    member: ar::Content<'_, '_>,
    suffix: &str,
    limit: u64,
    read: impl FnOnce(&mut dyn Read, &Budget) -> Result<T, String>,
) -> Result<T, String> {
    let limit = limit.min(member.size().saturating_mul(MAX_RATIO).max(RATIO_FREE));
    let mut plain: Box<dyn Read + '_> = match suffix {
        "" => Box::new(member),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(member)),
        ".xz" => Box::new(lzma_rust2::XzReader::new_mem_limit(member, true, XZ_MEMORY_KIB)),
        ".zst" => Box::new(
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(member, ZSTD_WINDOW)
                .map_err(|e| format!("is not zstd: {e}"))?,
        ),
        other => return Err(format!("is compressed as `{}`, which is not supported", other.escape_debug())),
    };
    let mut bounded = Bounded { inner: &mut plain, left: limit };
    let value = read(&mut bounded, &Budget { members: MAX_MEMBERS })?;
    // Reading on to the end makes the decoder check its sums, and refuses data behind the archive's end.
    let mut rest = [0; 8192];
    loop {
        match bounded.read(&mut rest).map_err(|e| e.to_string())? {
            0 => return Ok(value),
            n if rest[..n].iter().all(|b| *b == 0) => {}
            _ => return Err("has data behind the end of its archive".to_owned()),
        }
    }
}

/// A reader that fails, rather than ends, where more than `left` bytes come.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.left =
            self.left.checked_sub(n as u64).ok_or_else(|| io::Error::other("unpacks to more than is allowed"))?;
        Ok(n)
    }
}

/// All bytes of a reader that must not hold more than `limit`.
fn small(from: &mut dyn Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > limit { Err(format!("has a part larger than {limit} bytes")) } else { Ok(bytes) }
}

fn package(mut parts: BTreeMap<String, Vec<u8>>, members: Vec<Member>) -> Result<Package, String> {
    let mut text = |name: &str| match parts.remove(name) {
        Some(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| format!("has a `{name}` that is not UTF-8")),
        None => Ok(None),
    };
    let control = stanza(&text("control")?.ok_or("has no `control` file")?)?;
    let conffiles = text("conffiles")?.unwrap_or_default();
    // A line may begin with the flag `remove-on-upgrade`; such a file is not in the package (deb-conffiles(5)).
    let conffiles = conffiles.lines().map(str::trim).filter(|l| l.starts_with('/')).map(str::to_owned).collect();
    let md5sums = text("md5sums")?.unwrap_or_default();
    let triggers = text("triggers")?.unwrap_or_default();
    let scripts = ["preinst", "postinst", "prerm", "postrm", "config"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), parts.remove(name)?)))
        .map(|(name, bytes)| (name, Script { sha256: Digest::of(&bytes), text: String::from_utf8(bytes).ok() }))
        .map(|(name, script)| (name, Script { text: script.text.filter(|t| !t.contains('\0')), ..script }))
        .collect();
    Ok(Package { control, conffiles, md5sums, scripts, triggers, members })
}

/// The fields of a single stanza (Debian Policy 5.1), in their order.
fn stanza(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.trim_end().lines() {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut().ok_or("has a `control` that begins with a continuation line")?;
            value.push('\n');
            value.push_str(line.trim_end());
        } else if !line.starts_with('#') {
            let (name, value) = line.split_once(':').ok_or("has a `control` line without a colon")?;
            let plain = !name.is_empty() && name.bytes().all(|b| (0x21..=0x7e).contains(&b));
            if !plain || fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
                return Err(format!("has a `control` with a bad or repeated field `{}`", name.escape_debug()));
            }
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    for name in ["Package", "Version", "Architecture"] {
        if !fields.iter().any(|(n, v)| n == name && !v.is_empty() && !v.contains(['/', '\n', '\0', ' '])) {
            return Err(format!("has a `control` without a usable `{name}`"));
        }
    }
    Ok(fields)
}

//! Wheels as archives: [`unpack`] checks one and spools its contents (PyPA "Binary distribution format").
//!
//! Nothing is repaired: a wheel that is not exactly what its `RECORD` says is refused, as the format
//! demands ("installation will fail if any file in the archive is not both mentioned and correctly
//! hashed in RECORD"). Laying the files out is [`super::install`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read, Seek, Write};

use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use crate::digest::{Digest, HashingWriter};
use crate::error::Error;
use crate::outside::{Range, ReadAt};
use crate::tree::{ImagePath, Member, MemberKind};

use super::metadata::{self, Metadata};

/// The most members of an archive; the largest wheels of PyPI have some ten thousand.
pub(super) const MEMBERS_MAX: usize = 500_000;
/// The most bytes of a text that is read whole: `METADATA`, `RECORD`, `WHEEL`, `entry_points.txt`.
const TEXT_MAX: u64 = 64 << 20;
/// A wheel may unpack to this many times its size, beside [`SLACK`]; real ones stay below 12.
const RATIO_MAX: u64 = 100;
/// What any wheel may unpack to, in bytes.
const SLACK: u64 = 64 << 20;

/// A wheel that was checked; its contents lie in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wheel {
    /// Every member, in the archive's order.
    pub members: Vec<Member>,
    /// `Name` of its metadata.
    pub name: String,
    /// `Version` of its metadata.
    pub version: String,
    /// Name of the `.dist-info` directory.
    pub dist_info: String,
    /// Name of the `.data` directory, whether there is one or not.
    pub data_dir: String,
    /// Whether the root is meant for `purelib`; the schemes of Debian make no difference.
    pub root_is_purelib: bool,
    /// The programs that installation writes.
    pub scripts: Vec<Script>,
}

/// A `console_scripts` or `gui_scripts` entry point (PyPA "Entry points specification").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Script {
    /// File name of the program.
    pub name: String,
    /// Dotted module.
    pub module: String,
    /// Dotted attribute within it that is called.
    pub attribute: String,
}

/// Checks a wheel and writes the contents of its files, one after the other, to `spool`; `what` names
/// it in errors.
///
/// # Errors
/// [`Error::Archive`] where it is damaged, hostile, of another major version than 1, or differs from
/// its `RECORD`; [`Error::Digest`] where a file is not the recorded one.
pub fn unpack(wheel: &dyn ReadAt, what: &str, spool: &mut dyn Write) -> Result<Wheel, Error> {
    let bad = |reason: &dyn ToString| Error::archive(what, reason.to_string());
    let mut zip = open(Range::all(wheel), what)?;
    zip.validate_header_consistency().map_err(|e| bad(&e))?;
    if zip.offset() != 0 || zip.len() > MEMBERS_MAX {
        return Err(bad(&"has data before its first member, or too many members"));
    }
    let budget = wheel.size().saturating_mul(RATIO_MAX).saturating_add(SLACK);
    let mut members = Vec::with_capacity(zip.len());
    let mut written = 0;
    for index in 0..zip.len() {
        let member = spool_member(&mut zip, index, what, &mut *spool, (written, budget))?;
        if let MemberKind::File { size, .. } = member.kind {
            written += size;
        }
        members.push(member);
    }
    unique(&members).map_err(|reason| bad(&reason))?;
    let info = dist_info(members.iter().map(|m| m.path.as_str())).map_err(|reason| bad(&reason))?;
    let mut text = |name: &str| member_text(&mut zip, &format!("{info}/{name}"), what);
    let need = |name: &str, text: Option<String>| text.ok_or_else(|| bad(&format!("has no {info}/{name}")));
    let metadata = need("METADATA", text("METADATA")?)?;
    let Metadata { name, version, .. } = metadata::parse(metadata.as_bytes(), what)?;
    let record = need("RECORD", text("RECORD")?)?;
    let root_is_purelib = format(&need("WHEEL", text("WHEEL")?)?, what)?;
    let scripts = text("entry_points.txt")?.map_or_else(|| Ok(Vec::new()), |text| entry_points(&text));
    let scripts = scripts.map_err(|reason| bad(&reason))?;
    check_record(&members, &info, &record, what)?;
    let data_dir = format!("{}.data", info.trim_end_matches(".dist-info"));
    Ok(Wheel { members, name, version, dist_info: info, data_dir, root_is_purelib, scripts })
}

/// The bytes of `METADATA` of a wheel that is not unpacked.
///
/// # Errors
/// [`Error::Archive`] where the archive is damaged or has no such member.
pub fn metadata_of(wheel: &dyn ReadAt, what: &str) -> Result<Vec<u8>, Error> {
    let mut zip = open(Range::all(wheel), what)?;
    let names: Vec<String> = zip.file_names().filter_map(|name| name.ok().map(Cow::into_owned)).collect();
    let info = dist_info(names.iter().map(String::as_str)).map_err(|reason| Error::archive(what, reason))?;
    let text = member_text(&mut zip, &format!("{info}/METADATA"), what)?;
    text.map(String::into_bytes).ok_or_else(|| Error::archive(what, "has no METADATA"))
}

type Zip<'a> = ZipArchive<BufReader<Range<'a>>>;

fn open<'a>(range: Range<'a>, what: &str) -> Result<Zip<'a>, Error> {
    ZipArchive::new(BufReader::with_capacity(64 << 10, range)).map_err(|e| Error::archive(what, e))
}

fn member_text<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str, what: &str) -> Result<Option<String>, Error> {
    let Some(index) = zip.index_for_name(name) else { return Ok(None) };
    let file = zip.by_index(index).map_err(|e| Error::archive(what, e))?;
    if file.size() > TEXT_MAX {
        return Err(Error::archive(what, format!("{name} is larger than 64 MiB")));
    }
    let mut bytes = Vec::new();
    file.take(TEXT_MAX + 1).read_to_end(&mut bytes).map_err(|e| Error::archive(what, e))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(text))
}

/// Checks one member and appends its contents to the spool; `written` bytes are there already, and
/// `budget` is the most that may ever be.
fn spool_member(
    zip: &mut Zip<'_>,
    index: usize,
    what: &str,
    spool: &mut dyn Write,
    (written, budget): (u64, u64),
) -> Result<Member, Error> {
    let bad = |reason: &dyn ToString| Error::archive(what, reason.to_string());
    let mut file = zip.by_index(index).map_err(|e| bad(&e))?;
    let name = String::from_utf8(file.name_raw().to_vec()).map_err(|_| bad(&"has a name that is not UTF-8"))?;
    let path = ImagePath::new(name.strip_suffix('/').unwrap_or(&name)).map_err(|e| bad(&e))?;
    let unix = file.unix_mode().unwrap_or(0);
    let kind = unix & 0o170_000;
    if path.is_root() || name.contains('\\') || file.encrypted() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err(bad(&format!("`{}` is neither a plain file nor a directory", name.escape_debug())));
    }
    let permissions = unix & 0o7777;
    let mode = if permissions == 0 { 0o644 } else { permissions };
    if name.ends_with('/') {
        return match file.size() {
            0 => Ok(Member { path, mode, uid: 0, gid: 0, kind: MemberKind::Directory }),
            _ => Err(bad(&format!("the directory {path} has contents"))),
        };
    }
    let size = file.size();
    if size > budget.saturating_sub(written) {
        return Err(bad(&format!("unpacks to more than {budget} bytes")));
    }
    let mut out = HashingWriter::new(spool);
    let copied = io::copy(&mut Read::by_ref(&mut file).take(size + 1), &mut out);
    copied.map_err(|e| bad(&format!("{path}: {e}")))?;
    let (_, sha256, count) = out.finish();
    if count != size {
        return Err(bad(&format!("{path} has not the size that the archive's directory tells")));
    }
    Ok(Member { path, mode, uid: 0, gid: 0, kind: MemberKind::File { offset: written, size, sha256 } })
}

/// Refuses two members of one path, and a file where another member needs a directory.
pub(super) fn unique(members: &[Member]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for member in members {
        if seen.insert(&member.path, &member.kind).is_some() {
            return Err(format!("has two members {}", member.path));
        }
    }
    let mut known = BTreeSet::new();
    for member in members {
        for above in member.path.ancestors() {
            if seen.get(&above).is_some_and(|kind| !matches!(kind, MemberKind::Directory)) {
                return Err(format!("{above} is a file, and {} lies below it", member.path));
            }
            if !known.insert(above) {
                break;
            }
        }
    }
    Ok(())
}

fn dist_info<'a>(paths: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let tops = paths.filter_map(|path| path.split_once('/').map(|(top, _)| top));
    let mut found: BTreeSet<&str> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    match (found.pop_first(), found.pop_first()) {
        (Some(one), None) => Ok(one.to_owned()),
        (None, _) => Err("has no .dist-info directory".to_owned()),
        (Some(one), Some(other)) => Err(format!("has two .dist-info directories, {one} and {other}")),
    }
}

/// `Root-Is-Purelib` of a `WHEEL` file of format 1.x.
fn format(text: &str, what: &str) -> Result<bool, Error> {
    let headers = metadata::headers(text.as_bytes(), what)?;
    let get = |key: &str| headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_str());
    match get("Wheel-Version") {
        Some(version) if version.split('.').next() == Some("1") => {
            Ok(get("Root-Is-Purelib").is_some_and(|value| value.eq_ignore_ascii_case("true")))
        }
        other => {
            Err(Error::archive(what, format!("is of wheel format `{}`, not 1.x", other.unwrap_or("").escape_debug())))
        }
    }
}

/// The scripts of `entry_points.txt`; other groups are not installation's business.
fn entry_points(text: &str) -> Result<Vec<Script>, String> {
    let mut group = "";
    let mut out = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[') {
            group = name.trim_end_matches(']').trim();
        } else if matches!(group, "console_scripts" | "gui_scripts") {
            let script =
                script(line).ok_or_else(|| format!("the entry point `{}` makes no sense", line.escape_debug()))?;
            out.push(script);
        }
    }
    out.sort();
    out.dedup_by(|a, b| a.name == b.name);
    Ok(out)
}

fn script(line: &str) -> Option<Script> {
    let (name, target) = line.split_once('=')?;
    let target = target.split('[').next()?;
    let (module, attribute) = target.split_once(':')?;
    let [name, module, attribute] = [name, module, attribute].map(|part| part.trim().to_owned());
    let word = |text: &str| {
        text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let dotted = |text: &str| text.split('.').all(word);
    let plain = !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b));
    (plain && dotted(&module) && dotted(&attribute)).then_some(Script { name, module, attribute })
}

/// Compares the members with `RECORD`. The record itself and its signatures carry no digest.
fn check_record(members: &[Member], info: &str, text: &str, what: &str) -> Result<(), Error> {
    let bad = |reason: String| Error::archive(what, reason);
    let mut recorded: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let [path, digest, ..] = &csv(line)[..] else {
            return Err(bad("has a RECORD line without a digest".to_owned()));
        };
        recorded.insert(path.clone(), digest.clone());
    }
    for member in members {
        let MemberKind::File { sha256, .. } = &member.kind else { continue };
        let path = member.path.as_str();
        let exempt = ["RECORD", "RECORD.jws", "RECORD.p7s"];
        if path.strip_prefix(info).and_then(|p| p.strip_prefix('/')).is_some_and(|name| exempt.contains(&name)) {
            recorded.remove(path);
            continue;
        }
        let expected = recorded.remove(path).ok_or_else(|| bad(format!("{path} is not in its RECORD")))?;
        let got = format!("sha256={}", base64(sha256));
        if !expected.starts_with("sha256=") {
            return Err(bad(format!("{path} is recorded without a sha256")));
        }
        if expected.trim_end_matches('=') != got {
            return Err(Error::Digest { what: format!("{path} of {what}"), expected, got });
        }
    }
    match recorded.pop_first() {
        Some((path, _)) => Err(bad(format!("RECORD names `{}`, which is not there", path.escape_debug()))),
        None => Ok(()),
    }
}

/// The fields of one CSV line; a quote inside quotes is doubled (RFC 4180).
fn csv(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields.last_mut().into_iter().for_each(|field| field.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
}

/// A digest as `RECORD` spells it: URL-safe base64 without padding (RFC 4648, section 5).
pub(super) fn base64(digest: &Digest) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(43);
    for chunk in digest.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let sextets = [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize]));
        out.extend(&sextets[..=chunk.len()]);
    }
    out
}

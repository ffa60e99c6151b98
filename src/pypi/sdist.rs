//! Source distributions as archives: [`unpack`] checks one and spools its contents (PyPA "Source
//! distribution format"). Nothing in one is ever run.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use tar::EntryType;

use crate::digest::HashingWriter;
use crate::error::Error;
use crate::tree::{ImagePath, Member, MemberKind};

use super::metadata;
use super::wheel::{MEMBERS_MAX, unique};

/// The most bytes that an sdist may unpack to: PySpark 4's unpack to about 0.6 GB.
const UNPACKED_MAX: u64 = 8 << 30;
/// The largest text that is read whole, in bytes.
const TEXT_MAX: u64 = 16 << 20;
/// The largest numeric owner; higher ones are not portable.
const ID_MAX: u64 = i32::MAX as u64;

/// An sdist that was checked; its contents lie in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdist {
    /// Every member, in the archive's order.
    pub members: Vec<Member>,
    /// The one top directory: `pyspark-3.5.9`.
    pub root: String,
    /// Its `PKG-INFO`.
    pub pkg_info: String,
    /// Its dependencies as PEP 508 requirements, from `PKG-INFO`, else from setuptools' `requires.txt`.
    pub requires: Vec<String>,
}

/// Checks a gzipped tar and writes the contents of its files, one after the other, to `spool`; `what`
/// names it in errors.
///
/// # Errors
/// [`Error::Archive`] where it is damaged, hostile, or holds anything but files and directories
/// below one top directory.
pub fn unpack(sdist: &mut dyn Read, what: &str, spool: &mut dyn Write) -> Result<Sdist, Error> {
    let bad = |reason: &dyn ToString| Error::archive(what, reason.to_string());
    let mut tar = tar::Archive::new(MultiGzDecoder::new(sdist).take(UNPACKED_MAX));
    let mut members = Vec::new();
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut written = 0;
    for entry in tar.entries().map_err(|e| bad(&e))? {
        let mut entry = entry.map_err(|e| bad(&e))?;
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            continue;
        }
        let member = member(&mut entry, written).map_err(|reason| bad(&reason))?;
        if members.len() == MEMBERS_MAX {
            return Err(bad(&"has too many members"));
        }
        let MemberKind::File { offset, size, .. } = member.kind else {
            members.push(member);
            continue;
        };
        let mut out = HashingWriter::new(&mut *spool);
        let copied = if is_text(member.path.as_str()) && size <= TEXT_MAX {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).and_then(|_| out.write_all(&bytes)).map_err(|e| bad(&e))?;
            texts.push((member.path.as_str().to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
            bytes.len() as u64
        } else {
            io::copy(&mut entry, &mut out).map_err(|e| bad(&e))?
        };
        if copied != size {
            return Err(bad(&format!("ends within {}", member.path)));
        }
        let (_, sha256, _) = out.finish();
        written += size;
        members.push(Member { kind: MemberKind::File { offset, size, sha256 }, ..member });
    }
    unique(&members).map_err(|reason| bad(&reason))?;
    let root = root(&members).ok_or_else(|| bad(&"has not one top directory"))?;
    let text = |name: &str| texts.iter().find(|(path, _)| path == name).map(|(_, text)| text.as_str());
    let pkg_info = text(&format!("{root}/PKG-INFO")).ok_or_else(|| bad(&"has no PKG-INFO"))?;
    let mut requires = metadata::parse(pkg_info.as_bytes(), what)?.requires_dist;
    if requires.is_empty()
        && let Some((_, text)) = texts.iter().find(|(path, _)| path.ends_with(".egg-info/requires.txt"))
    {
        requires = requires_txt(text);
    }
    Ok(Sdist { root, pkg_info: pkg_info.to_owned(), requires, members })
}

fn is_text(path: &str) -> bool {
    match path.split('/').collect::<Vec<_>>()[..] {
        [_, "PKG-INFO"] => true,
        [_, info, "requires.txt"] => info.ends_with(".egg-info"),
        _ => false,
    }
}

/// A member as its header tells, contents not yet read; the digest is filled in later.
fn member<R: Read>(entry: &mut tar::Entry<'_, R>, offset: u64) -> Result<Member, String> {
    let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| "has a name that is not UTF-8")?;
    let name = name.strip_prefix("./").unwrap_or(&name);
    let path = ImagePath::new(name.strip_suffix('/').unwrap_or(name)).map_err(|e| e.to_string())?;
    if path.is_root() {
        return Err("has a member without a name".to_owned());
    }
    consistent(entry).map_err(|reason| format!("{path} {reason}"))?;
    let header = entry.header();
    let id = |id: io::Result<u64>| match id {
        Ok(id) if id <= ID_MAX => u32::try_from(id).map_err(|e| e.to_string()),
        _ => Err(format!("{path} has an owner that is out of range")),
    };
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            MemberKind::File { offset, size: entry.size(), sha256: crate::digest::Digest::from_bytes([0; 32]) }
        }
        EntryType::Directory => MemberKind::Directory,
        _ => return Err(format!("{path} is neither a file nor a directory")),
    };
    let mode = header.mode().map_err(|e| e.to_string())? & 0o7777;
    Ok(Member { mode, uid: id(header.uid())?, gid: id(header.gid())?, path, kind })
}

/// Refuses a size in an extended header that contradicts the plain one: readers disagree on which
/// counts, and so on what the archive holds (RUSTSEC-2025-0110, RUSTSEC-2026-0068).
fn consistent<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<(), String> {
    let plain = entry.header().entry_size().map_err(|e| e.to_string())?;
    let Some(extensions) = entry.pax_extensions().map_err(|e| e.to_string())? else { return Ok(()) };
    for extension in extensions {
        let extension = extension.map_err(|e| e.to_string())?;
        if extension.key_bytes() == b"size" && extension.value().ok().and_then(|v| v.parse().ok()) != Some(plain) {
            return Err("has two sizes".to_owned());
        }
    }
    Ok(())
}

fn root(members: &[Member]) -> Option<String> {
    let mut tops = members.iter().map(|m| m.path.as_str().split('/').next().unwrap_or_default());
    let first = tops.next()?;
    tops.all(|top| top == first).then(|| first.to_owned())
}

/// setuptools' `requires.txt` as PEP 508: sections are `[extra]`, `[:marker]` or `[extra:marker]`.
fn requires_txt(text: &str) -> Vec<String> {
    let mut condition = String::new();
    let mut out = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(section) => {
                let (extra, marker) = section.split_once(':').unwrap_or((section, ""));
                let extra = if extra.is_empty() { String::new() } else { format!("extra == \"{extra}\"") };
                condition = match (marker, extra.as_str()) {
                    ("", _) => extra,
                    (_, "") => marker.to_owned(),
                    _ => format!("({marker}) and {extra}"),
                };
            }
            None if condition.is_empty() => out.push(line.to_owned()),
            None => out.push(format!("{line} ; {condition}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::ReadAt as _;

    fn tar_gz(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, kind, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            header.set_uid(0);
            header.set_gid(0);
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    const PKG: &[u8] = b"Name: x\nVersion: 1\n\n";

    #[test]
    fn contents_are_spooled_one_after_the_other() {
        let bytes = tar_gz(&[
            ("x-1/", EntryType::Directory, b""),
            ("x-1/PKG-INFO", EntryType::Regular, PKG),
            (
                "x-1/x.egg-info/requires.txt",
                EntryType::Regular,
                b"py4j>=1\n\n[ml]\nnumpy\n[:python_version<\"3\"]\nsix\n",
            ),
            ("x-1/a.py", EntryType::Regular, b"pass"),
        ]);
        let mut spool = Vec::new();
        let sdist = unpack(&mut bytes.as_slice(), "x", &mut spool).unwrap();
        assert_eq!(sdist.requires, ["py4j>=1", "numpy ; extra == \"ml\"", "six ; python_version<\"3\""]);
        assert_eq!(sdist.root, "x-1");
        let MemberKind::File { offset, size, sha256 } = sdist.members[3].kind else { panic!("no file") };
        let mut buf = vec![0; usize::try_from(size).unwrap()];
        spool.read_exact_at(&mut buf, offset).unwrap();
        assert_eq!((buf.as_slice(), sha256), (b"pass".as_slice(), crate::digest::Digest::of(b"pass")));
    }

    #[test]
    fn hostile_archives_are_refused() {
        for (members, reason) in [
            (
                vec![("x-1/../../etc/passwd", EntryType::Regular, PKG)],
                "the path `x-1/../../etc/passwd` has a `.` or `..` component",
            ),
            (vec![("/etc/passwd", EntryType::Regular, PKG)], "the path `/etc/passwd` is absolute"),
            (vec![("x-1/a", EntryType::Symlink, b"".as_slice())], "/x-1/a is neither a file nor a directory"),
            (vec![("x-1/a", EntryType::Char, b"")], "/x-1/a is neither a file nor a directory"),
            (vec![("x-1/a", EntryType::Regular, PKG), ("x-1/a", EntryType::Regular, PKG)], "has two members /x-1/a"),
            (
                vec![("x-1/a", EntryType::Regular, PKG), ("x-1/a/b", EntryType::Regular, PKG)],
                "/x-1/a is a file, and /x-1/a/b lies below it",
            ),
            (vec![("x-1/a", EntryType::Regular, PKG), ("y", EntryType::Regular, PKG)], "has not one top directory"),
            (vec![("x-1/a", EntryType::Regular, PKG)], "has no PKG-INFO"),
        ] {
            let error = unpack(&mut tar_gz(&members).as_slice(), "x", &mut io::sink()).unwrap_err();
            assert_eq!(error.to_string(), format!("x: {reason}"));
        }
    }
}

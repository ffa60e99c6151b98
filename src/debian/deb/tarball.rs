//! The two tar archives of a package, iterated header by header.
//!
//! Read raw: the only extensions understood are GNU's long name and long link. PAX headers are
//! refused, as dpkg refuses them, which leaves no second place where a size or a name could be told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use tar::EntryType;

use super::{MAX_CONTROL, small};
use crate::digest::HashingWriter;
use crate::tree::{ImagePath, Member, MemberKind};

/// What an archive may cost.
pub(super) struct Budget {
    pub(super) members: usize,
}

/// The largest uid or gid: ids are signed in some runtimes.
const MAX_ID: u64 = (1 << 31) - 1;
/// The longest target of a symbolic link in bytes, as for a path.
const MAX_TARGET: usize = crate::tree::PATH_MAX;

type Entry<'a, 'r> = tar::Entry<'a, &'r mut dyn Read>;

/// One member as its headers tell it.
struct Head {
    path: Vec<u8>,
    link: Option<Vec<u8>>,
}

/// Calls `each` for every member, long names resolved.
fn walk<'r>(
    from: &'r mut dyn Read,
    budget: &Budget,
    mut each: impl FnMut(Head, &mut Entry<'_, 'r>) -> Result<(), String>,
) -> Result<(), String> {
    let mut archive = tar::Archive::new(from);
    let (mut name, mut link) = (None, None);
    let mut count = 0_usize;
    for entry in archive.entries().map_err(|e| e.to_string())?.raw(true) {
        let mut entry = entry.map_err(|e| e.to_string())?;
        count += 1;
        if count > budget.members {
            return Err(format!("has more than {} members", budget.members));
        }
        let slot = match entry.header().entry_type() {
            EntryType::GNULongName => &mut name,
            EntryType::GNULongLink => &mut link,
            _ => {
                let path = name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                let to = link.take().or_else(|| entry.link_name_bytes().map(std::borrow::Cow::into_owned));
                each(Head { path, link: to }, &mut entry)?;
                continue;
            }
        };
        if slot.is_some() {
            return Err("has two long names for one member".to_owned());
        }
        let mut text = small(&mut entry, MAX_TARGET as u64 + 1)?;
        if text.last() == Some(&0) {
            text.pop();
        }
        *slot = Some(text);
    }
    if name.is_some() || link.is_some() { Err("ends with a long name for no member".to_owned()) } else { Ok(()) }
}

/// The files of the control archive by name.
pub(super) fn control(from: &mut dyn Read, budget: &Budget) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    walk(from, budget, |head, entry| {
        let path = clean(&head.path)?;
        match entry.header().entry_type() {
            EntryType::Directory if path.is_root() => Ok(()),
            EntryType::Regular if path.parent().is_some_and(|p| p.is_root()) => {
                let bytes = small(entry, MAX_CONTROL)?;
                match files.insert(path.as_str().to_owned(), bytes) {
                    None => Ok(()),
                    Some(_) => Err(format!("has `{path}` twice in its control archive")),
                }
            }
            _ => Err(format!("has `{path}` in its control archive, which is not a plain file")),
        }
    })?;
    Ok(files)
}

/// The members of the data archive; contents go to `spool`.
pub(super) fn data(from: &mut dyn Read, budget: &Budget, spool: &mut dyn Write) -> Result<Vec<Member>, String> {
    let mut members = Vec::new();
    let mut seen = Seen::default();
    let mut offset = 0_u64;
    walk(from, budget, |head, entry| {
        let path = clean(&head.path)?;
        let (mode, uid, gid) = attributes(&path, entry.header())?;
        let kind = match entry.header().entry_type() {
            EntryType::Directory => MemberKind::Directory,
            EntryType::Regular | EntryType::Continuous => {
                let mut hashing = HashingWriter::new(&mut *spool);
                io::copy(entry, &mut hashing).map_err(|e| format!("fails at `{path}`: {e}"))?;
                let (_, sha256, size) = hashing.finish();
                if size != entry.header().entry_size().map_err(|e| e.to_string())? {
                    return Err(format!("ends within `{path}`"));
                }
                let start = offset;
                offset += size;
                MemberKind::File { offset: start, size, sha256 }
            }
            EntryType::Symlink => MemberKind::Symlink(target(&path, head.link)?),
            EntryType::Link => MemberKind::Hardlink(clean(&head.link.unwrap_or_default())?),
            other => return Err(format!("has `{path}` of the refused kind {other:?}")),
        };
        if !matches!(kind, MemberKind::File { .. }) && entry.header().entry_size().unwrap_or(1) != 0 {
            return Err(format!("has data in `{path}`, which is not a file"));
        }
        seen.admit(&path, &kind)?;
        members.push(Member { path, mode, uid, gid, kind });
        Ok(())
    })?;
    Ok(members)
}

/// What earlier members were, to refuse what would go through or over them.
#[derive(Default)]
struct Seen {
    directories: BTreeSet<ImagePath>,
    files: BTreeSet<ImagePath>,
    links: BTreeSet<ImagePath>,
    /// Ancestors of members; they can be nothing but directories.
    implied: BTreeSet<ImagePath>,
}

impl Seen {
    fn admit(&mut self, path: &ImagePath, kind: &MemberKind) -> Result<(), String> {
        if self.directories.contains(path) || self.files.contains(path) || self.links.contains(path) {
            return Err(format!("has `{path}` twice"));
        }
        if let Some(through) = path.ancestors().find(|a| self.files.contains(a) || self.links.contains(a)) {
            return Err(format!("has `{path}` below `{through}`, which is not a directory"));
        }
        if *kind != MemberKind::Directory && (path.is_root() || self.implied.contains(path)) {
            return Err(format!("has members below `{path}`, which is not a directory"));
        }
        let set = match kind {
            MemberKind::Directory => &mut self.directories,
            MemberKind::File { .. } => &mut self.files,
            MemberKind::Symlink(_) => &mut self.links,
            MemberKind::Hardlink(to) if self.files.contains(to) => &mut self.links,
            MemberKind::Hardlink(to) => {
                return Err(format!("has the hard link `{path}` to `{to}`, which is no earlier file"));
            }
        };
        set.insert(path.clone());
        for ancestor in path.ancestors() {
            if !self.implied.insert(ancestor) {
                break;
            }
        }
        Ok(())
    }
}

/// The canonical path: one leading `./` and one trailing `/` are dropped, everything else must be clean.
fn clean(raw: &[u8]) -> Result<ImagePath, String> {
    if raw.len() > MAX_TARGET + 4 {
        return Err("has a path longer than 4095 bytes".to_owned());
    }
    let text = std::str::from_utf8(raw)
        .map_err(|_| format!("has the path `{}`, which is not UTF-8", String::from_utf8_lossy(raw).escape_debug()))?;
    if text.is_empty() {
        return Err("has a member without a name".to_owned());
    }
    let text = if text == "." { "" } else { text.strip_prefix("./").unwrap_or(text) };
    let text = if text == "/" { text } else { text.strip_suffix('/').unwrap_or(text) };
    ImagePath::new(text).map_err(|e| e.to_string())
}

fn target(path: &ImagePath, link: Option<Vec<u8>>) -> Result<String, String> {
    let bad = || format!("has the symbolic link `{path}` with an unusable target");
    let text = String::from_utf8(link.unwrap_or_default()).map_err(|_| bad())?;
    if text.is_empty() || text.len() > MAX_TARGET || text.contains('\0') { Err(bad()) } else { Ok(text) }
}

fn attributes(path: &ImagePath, header: &tar::Header) -> Result<(u32, u32, u32), String> {
    let bad = |what: &str| format!("has `{path}` with a {what} out of range");
    let mode = header.mode().ok().filter(|m| *m & !0o177_777 == 0).ok_or_else(|| bad("mode"))?;
    let id = |id: io::Result<u64>| id.ok().filter(|id| *id <= MAX_ID).and_then(|id| u32::try_from(id).ok());
    let uid = id(header.uid()).ok_or_else(|| bad("uid"))?;
    let gid = id(header.gid()).ok_or_else(|| bad("gid"))?;
    Ok((mode & 0o7777, uid, gid))
}

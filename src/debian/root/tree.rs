//! One tree of many packages: paths of the merged /usr, one record a directory, no set-ID bits.
//!
//! In go the packages' members, then the entries of ours; out come the entries in the order of their
//! paths. Two packages may share a file only where it is the same, or where one replaces the other
//! (Debian Policy 7.6.1). Absent on purpose: diversions, of which no package of an image has need.

use std::collections::{BTreeMap, BTreeSet};

use crate::debian::packages;
use crate::digest::Digest;
use crate::error::Error;
use crate::tree::{Entry, ImagePath, Kind, Member, MemberKind, Source};

use super::effects::Exclude;
use super::{Owned, Unpacked};

/// Directories that a merged /usr has as links into /usr (file-hierarchy(7), Debian's usrmerge).
const MERGED: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];
/// Those of [`MERGED`] that are there even if they lead to nothing, as in base-files of Debian 13.
const ALWAYS: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// An entry and where it came from.
struct Placed {
    /// Index of its package; `None` for ours.
    owner: Option<usize>,
    entry: Entry,
    /// Digest of a package's file.
    sha256: Option<Digest>,
    /// What a hard link's file holds.
    linked: Option<Source>,
}

/// The tree while it grows.
pub(super) struct Tree<'a> {
    packages: &'a [Unpacked<'a>],
    placed: BTreeMap<ImagePath, Placed>,
    /// What had a set-ID bit.
    pub dropped_set_id: BTreeSet<ImagePath>,
    /// Files of packages that another package replaces.
    pub lost: BTreeSet<(usize, ImagePath)>,
}

/// The path in a merged /usr.
pub(super) fn canonical(path: &ImagePath) -> Result<ImagePath, Error> {
    let first = path.as_str().split('/').next().unwrap_or_default();
    if !MERGED.contains(&first) {
        return Ok(path.clone());
    }
    ImagePath::new(format!("usr/{}", path.as_str())).map_err(|e| Error::archive(path.to_string(), e))
}

impl<'a> Tree<'a> {
    /// The members of all packages; base-files first, so that its directories count.
    pub(super) fn of(packages: &'a [Unpacked<'a>], excludes: &[Exclude]) -> Result<Self, Error> {
        let mut tree =
            Self { packages, placed: BTreeMap::new(), dropped_set_id: BTreeSet::new(), lost: BTreeSet::new() };
        let mut order: Vec<usize> = (0..packages.len()).collect();
        order.sort_by_key(|i| (packages[*i].name != "base-files", packages[*i].name));
        for index in order {
            tree.package(index, excludes)?;
        }
        Ok(tree)
    }

    fn package(&mut self, index: usize, excludes: &[Exclude]) -> Result<(), Error> {
        let package = &self.packages[index];
        let mut sources: BTreeMap<&ImagePath, (Source, Digest)> = BTreeMap::new();
        for member in &package.package.members {
            let path = canonical(&member.path)?;
            let content = match &member.kind {
                MemberKind::File { offset, size, sha256 } => {
                    let source = Source::Member { archive: package.archive, offset: *offset, size: *size };
                    sources.insert(&member.path, (source.clone(), *sha256));
                    Some((source, *sha256))
                }
                MemberKind::Hardlink(target) => Some(sources.get(target).cloned().ok_or_else(|| {
                    Error::archive(package.name, format!("links {} to {target}, which is no file of it", member.path))
                })?),
                MemberKind::Directory | MemberKind::Symlink(_) => None,
            };
            if let (MemberKind::Hardlink(_), Some((source, sha256))) = (&member.kind, &content) {
                sources.insert(&member.path, (source.clone(), *sha256));
            }
            let plain = matches!(member.kind, MemberKind::File { .. } | MemberKind::Hardlink(_));
            if path.is_root() || merged_link(member, package)? || excludes.iter().any(|e| e.covers(&path, plain)) {
                continue;
            }
            self.member(index, path, member, content)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        index: usize,
        path: ImagePath,
        member: &Member,
        content: Option<(Source, Digest)>,
    ) -> Result<(), Error> {
        let (source, sha256) = content.unzip();
        let (kind, linked) = match (&member.kind, source) {
            (MemberKind::Symlink(target), _) => (Kind::Symlink(target.clone()), None),
            (MemberKind::Hardlink(target), source) => (Kind::Hardlink(canonical(target)?), source),
            (_, Some(source)) => (Kind::File(source), None),
            (_, None) => (Kind::Directory, None),
        };
        if member.mode & 0o6000 != 0 && !matches!(kind, Kind::Symlink(_)) {
            self.dropped_set_id.insert(path.clone());
        }
        let mode = if matches!(kind, Kind::Symlink(_)) { 0o777 } else { member.mode & 0o1777 };
        let entry = Entry { path: path.clone(), mode, uid: member.uid, gid: member.gid, kind };
        let new = Placed { owner: Some(index), entry, sha256, linked };
        match self.placed.get(&path) {
            None => {}
            Some(old) if same(old, &new) => return Ok(()),
            Some(Placed { owner: Some(old), .. }) if *old != index && self.replaces(index, *old)? => {
                self.lost.insert((*old, path.clone()));
            }
            Some(Placed { owner: Some(old), .. }) if *old != index && self.replaces(*old, index)? => {
                self.lost.insert((index, path));
                return Ok(());
            }
            Some(old) => {
                let other = old.owner.map_or("sparkbake", |i| self.packages[i].name);
                let reason = format!("{path} is also in {other}, differs there, and neither replaces the other");
                return Err(Error::archive(self.packages[index].name, reason));
            }
        }
        self.placed.insert(path, new);
        Ok(())
    }

    /// Whether package `a` says `Replaces: b`.
    fn replaces(&self, a: usize, b: usize) -> Result<bool, Error> {
        let (a, b) = (&self.packages[a], &self.packages[b]);
        let arch = a.package.field("Architecture").unwrap_or_default();
        let field = a.package.field("Replaces").unwrap_or_default();
        let groups = packages::relations(field, arch)
            .map_err(|entry| Error::archive(a.name, format!("has {entry} in its Replaces")))?;
        Ok(groups.iter().flatten().any(|r| r.name == b.name && r.admits(b.version)))
    }

    /// The entry at a path.
    pub(super) fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.placed.get(path).map(|placed| &placed.entry)
    }

    /// All entries so far, in the order of their paths.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.placed.values().map(|placed| &placed.entry)
    }

    /// The entries below a directory.
    pub(super) fn below<'t>(&'t self, directory: &'t ImagePath) -> impl Iterator<Item = &'t Entry> {
        // `jvm-tools` and what is in it sort between `jvm` and `jvm/java`.
        let name = directory.as_str();
        let near = self.placed.range(directory..).take_while(move |(path, _)| path.as_str().starts_with(name));
        near.map(|(_, placed)| &placed.entry).filter(move |entry| entry.path.as_str()[name.len()..].starts_with('/'))
    }

    /// Adds an entry of ours. As with a script's "if it is not there yet", what packages brought
    /// stays; but a link takes the place of a directory, and directories get their final mode.
    pub(super) fn ours(&mut self, entry: Entry) {
        if let Some(old) = self.placed.get_mut(&entry.path) {
            match (&old.entry.kind, &entry.kind) {
                (Kind::Directory, Kind::Directory) => {
                    old.entry = entry;
                    return;
                }
                (Kind::Directory, Kind::Symlink(_)) => {}
                _ => return,
            }
        }
        self.placed.insert(entry.path.clone(), Placed { owner: None, entry, sha256: None, linked: None });
    }

    /// Adds a file that no package may bring: what is read from it must be true.
    pub(super) fn claim(&mut self, entry: Entry) -> Result<(), Error> {
        if let Some(Placed { owner: Some(owner), .. }) = self.placed.get(&entry.path) {
            return Err(Error::archive(
                self.packages[*owner].name,
                format!("has {}, which is ours to make", entry.path),
            ));
        }
        self.ours(entry);
        Ok(())
    }

    /// Links of the merged /usr, missing parents, and hard links within one package alone; then
    /// every entry lies in a directory, or the packages do not fit together.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        for name in ALWAYS {
            let target = super::path(format!("usr/{name}"))?;
            if !self.placed.contains_key(&target) {
                self.ours(Entry::directory(target, 0o755));
            }
        }
        let mut missing = BTreeSet::new();
        for path in self.placed.keys() {
            missing.extend(path.ancestors().take_while(|a| !a.is_root() && !self.placed.contains_key(a)));
        }
        for path in missing {
            self.ours(Entry::directory(path, 0o755));
        }
        for name in MERGED {
            let target = super::path(format!("usr/{name}"))?;
            if self.placed.contains_key(&target) {
                self.ours(Entry::symlink(super::path(name)?, target.as_str()));
            }
        }
        for (path, placed) in &self.placed {
            let parent = path.parent().filter(|parent| !parent.is_root());
            let held = parent.and_then(|parent| self.placed.get(&parent));
            if held.is_some_and(|held| held.entry.kind != Kind::Directory) {
                let what = placed.owner.map_or("sparkbake", |i| self.packages[i].name);
                return Err(Error::archive(what, format!("{path} lies in something that is no directory")));
            }
        }
        self.unlink();
        Ok(())
    }

    /// Makes a file of each hard link whose target is not a file of the same package.
    fn unlink(&mut self) {
        let whole = |placed: &Placed| match &placed.entry.kind {
            Kind::Hardlink(target) => {
                let held = self.placed.get(target);
                !held.is_some_and(|held| held.owner == placed.owner && matches!(held.entry.kind, Kind::File(_)))
            }
            _ => false,
        };
        let paths: Vec<ImagePath> =
            self.placed.iter().filter(|(_, placed)| whole(placed)).map(|(path, _)| path.clone()).collect();
        for path in paths {
            if let Some(placed) = self.placed.get_mut(&path)
                && let Some(source) = placed.linked.take()
            {
                placed.entry.kind = Kind::File(source);
            }
        }
    }

    /// The entries with the names of their packages.
    pub(super) fn owned(self) -> Vec<Owned> {
        let name = |owner: Option<usize>| owner.map_or_else(String::new, |i| self.packages[i].name.to_owned());
        self.placed.into_values().map(|placed| Owned { package: name(placed.owner), entry: placed.entry }).collect()
    }
}

/// Whether nothing is lost if only one of them stays. Of directories the first counts, as in dpkg.
fn same(a: &Placed, b: &Placed) -> bool {
    match (&a.entry.kind, &b.entry.kind) {
        (Kind::Directory, Kind::Directory) => true,
        (Kind::Symlink(a), Kind::Symlink(b)) => a == b,
        _ => {
            let rights = |p: &Placed| (p.entry.mode, p.entry.uid, p.entry.gid);
            a.sha256.is_some() && a.sha256 == b.sha256 && rights(a) == rights(b)
        }
    }
}

/// Whether a member is a package's own link of the merged /usr, which is ours to make.
fn merged_link(member: &Member, package: &Unpacked<'_>) -> Result<bool, Error> {
    let path = member.path.as_str();
    match &member.kind {
        MemberKind::Symlink(target) if MERGED.contains(&path) => {
            let rest = target.trim_start_matches('/').strip_prefix("usr/");
            if rest == Some(path) {
                return Ok(true);
            }
            Err(Error::archive(package.name, format!("has /{path} as a link to `{}`", target.escape_debug())))
        }
        MemberKind::File { .. } | MemberKind::Hardlink(_) if MERGED.contains(&path) => {
            Err(Error::archive(package.name, format!("has /{path} as a file")))
        }
        _ => Ok(false),
    }
}

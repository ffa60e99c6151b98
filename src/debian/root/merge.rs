//! Packages into one tree: merged `/usr`, one entry a path, no set-ID bits, no documentation.

use std::collections::{BTreeMap, BTreeSet};

use super::Unpacked;
use crate::digest::Digest;
use crate::error::Error;
use crate::tree::{Entry, ImagePath, Kind, MemberKind, Source};

/// Top-level directories that are links into `/usr` (Debian Policy 9.1, UsrMerge).
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib64", "lib32", "libx32"];
/// Those that every image has.
const LINKED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// What is left out of packages, in the words of dpkg's `path-exclude`: nobody reads manuals or
/// translations in a container, and they are a tenth of the base. Licences stay.
pub(super) const EXCLUDED: &[&str] = &[
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bug/",
    "usr/share/doc-base/",
    "usr/share/menu/",
];

/// An entry and who brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The package; empty for what no package holds.
    pub package: String,
    /// The entry.
    pub entry: Entry,
}

/// The tree that grows.
pub(super) struct Tree {
    entries: BTreeMap<ImagePath, Owned>,
    /// Digests of regular files, to compare what two packages bring.
    digests: BTreeMap<ImagePath, Digest>,
    packages: BTreeSet<String>,
    set_id: Vec<ImagePath>,
}

impl Tree {
    pub(super) fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.entries.get(path).map(|owned| &owned.entry)
    }

    pub(super) fn has_package(&self, name: &str) -> bool {
        self.packages.contains(name)
    }

    /// Adds or replaces an entry.
    pub(super) fn put(&mut self, package: &str, entry: Entry) {
        self.digests.remove(&entry.path);
        self.entries.insert(entry.path.clone(), Owned { package: package.to_owned(), entry });
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|owned| &owned.entry)
    }

    /// Paths that begin with the text.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a ImagePath> {
        self.entries.keys().filter(move |path| path.as_str().starts_with(prefix))
    }

    /// The paths of each package, for dpkg's lists.
    pub(super) fn by_package(&self) -> BTreeMap<String, Vec<ImagePath>> {
        let mut all: BTreeMap<String, Vec<ImagePath>> = BTreeMap::new();
        for owned in self.entries.values().filter(|owned| !owned.package.is_empty()) {
            all.entry(owned.package.clone()).or_default().push(owned.entry.path.clone());
        }
        all
    }

    pub(super) fn finish(self) -> (Vec<Owned>, Vec<ImagePath>) {
        (self.entries.into_values().collect(), self.set_id)
    }

    /// Whether the entry stands for the one that is there already: directories agree, equal files are one.
    fn take(&mut self, package: &Unpacked<'_>, entry: Entry, digest: Option<Digest>) -> Result<(), Error> {
        let Some(there) = self.entries.get(&entry.path) else {
            if let Some(digest) = digest {
                self.digests.insert(entry.path.clone(), digest);
            }
            self.put_with(package.name, entry, digest);
            return Ok(());
        };
        let same = match (&there.entry.kind, &entry.kind) {
            (Kind::Directory, Kind::Directory) => true,
            (Kind::File(_), Kind::File(_)) => digest.is_some() && self.digests.get(&entry.path) == digest.as_ref(),
            (Kind::Symlink(a), Kind::Symlink(b)) => a == b,
            _ => false,
        };
        if same {
            return Ok(());
        }
        if replaces(package, &there.package) {
            self.put_with(package.name, entry, digest);
            return Ok(());
        }
        let reason = format!(
            "{} and {} bring different things here, and neither replaces the other",
            there.package, package.name
        );
        Err(Error::archive(entry.path.to_string(), reason))
    }

    fn put_with(&mut self, package: &str, entry: Entry, digest: Option<Digest>) {
        let path = entry.path.clone();
        self.put(package, entry);
        if let Some(digest) = digest {
            self.digests.insert(path, digest);
        }
    }
}

/// Debian Policy 7.6.1.
fn replaces(package: &Unpacked<'_>, other: &str) -> bool {
    let field = package.package.field("Replaces").unwrap_or_default();
    field.split(',').any(|one| one.split_whitespace().next() == Some(other))
}

/// All packages in one tree. base-files comes first, because the directories are its own; a package
/// that replaces files of another comes after it.
pub(super) fn merge(packages: &[Unpacked<'_>]) -> Result<Tree, Error> {
    let mut tree = Tree {
        entries: BTreeMap::new(),
        digests: BTreeMap::new(),
        packages: packages.iter().map(|package| package.name.to_owned()).collect(),
        set_id: Vec::new(),
    };
    for name in LINKED {
        let at = super::path(name)?;
        tree.put("", Entry::symlink(at, format!("usr/{name}")));
        tree.put("", Entry::directory(super::path(&format!("usr/{name}"))?, 0o755));
    }
    let mut order: Vec<&Unpacked<'_>> = packages.iter().collect();
    let rank = |package: &Unpacked<'_>| (package.name != "base-files", package.package.field("Replaces").is_some());
    order.sort_by_key(|package| (rank(package), package.name));
    for package in order {
        add(&mut tree, package)?;
    }
    Ok(tree)
}

fn add(tree: &mut Tree, package: &Unpacked<'_>) -> Result<(), Error> {
    let what = |reason: String| Error::archive(package.name, reason);
    for member in &package.package.members {
        let Some(at) = merged(&member.path).map_err(|bad| what(bad.to_string()))? else { continue };
        if is_excluded(at.as_str()) {
            continue;
        }
        let entry = |mode, kind| Entry { path: at.clone(), mode, uid: member.uid, gid: member.gid, kind };
        let (entry, digest) = match &member.kind {
            MemberKind::Directory => (entry(member.mode & 0o7777, Kind::Directory), None),
            MemberKind::Symlink(target) => (entry(0o777, Kind::Symlink(target.clone())), None),
            MemberKind::File { offset, size, sha256 } => {
                if member.mode & 0o6000 != 0 {
                    tree.set_id.push(at.clone());
                }
                let source = Source::Member { archive: package.archive, offset: *offset, size: *size };
                (entry(member.mode & 0o1777, Kind::File(source)), Some(*sha256))
            }
            MemberKind::Hardlink(target) => {
                let target = merged(target).map_err(|bad| what(bad.to_string()))?;
                let target = target.ok_or_else(|| what(format!("{at} is a hard link to a directory")))?;
                (entry(member.mode & 0o1777, Kind::Hardlink(target)), None)
            }
        };
        tree.take(package, entry, digest)?;
    }
    Ok(())
}

/// The path below a merged `/usr`; `None` for the directories that became links.
fn merged(path: &ImagePath) -> Result<Option<ImagePath>, crate::tree::BadPath> {
    let text = path.as_str();
    match text.split_once('/') {
        None if MERGED.contains(&text) => Ok(None),
        Some((first, _)) if MERGED.contains(&first) => ImagePath::new(format!("usr/{text}")).map(Some),
        _ => Ok(Some(path.clone())),
    }
}

fn is_excluded(path: &str) -> bool {
    if EXCLUDED.iter().any(|prefix| path.starts_with(prefix)) {
        return true;
    }
    match path.strip_prefix("usr/share/doc/").and_then(|rest| rest.split_once('/')) {
        Some((_, inner)) => inner != "copyright",
        None => false,
    }
}

//! The image as a value: layers of entries and the config, before a byte of it exists.
//!
//! [`compose`] makes layers out of what the rooms bring, so that all of them agree on every
//! directory; [`locked`] splits what follows from the lock; [`own`] adds what follows from the
//! user's files and size. Absent on purpose: reading archives, and any decision about memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::image::Runtime;
use crate::tree::{Entry, ImagePath, Kind};

mod locked;
mod named;
mod own;

pub use locked::{Contents, Jar, OUTLINE, jars, locked, read_outline};
pub use named::{NamedPath, NamedPaths, named_paths, names_paths};
pub use own::{LOCK_PATH, PROFILE_PATH, certificate_path, own, runtime};

/// One layer to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPlan {
    /// Name: `base`, `java`, `spark-jars-1`, …
    pub name: String,
    /// What it holds, ancestors included.
    pub entries: Vec<Entry>,
}

/// The whole image to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The layers, lowest first.
    pub layers: Vec<LayerPlan>,
    /// What the config tells a container runtime.
    pub runtime: Runtime,
}

/// Mode and owner of a directory: the same in every layer that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0 }
    }
}

/// What a layer above must know about the layers below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Directories whose attributes are not the default ones.
    pub directories: BTreeMap<ImagePath, Attributes>,
    /// Symbolic links: no path of a layer above may lead through one.
    pub symlinks: BTreeSet<ImagePath>,
}

/// Layers that hold every ancestor of their entries, with one attribute record a directory over all
/// of them and the layers below.
///
/// # Errors
/// [`Error::Archive`] names the first path that two layers bring, or that leads through something
/// that is not a directory: a runtime would replace the link by a directory (OCI image-spec,
/// layer.md: Applying Changesets).
pub fn compose(below: &Outline, parts: Vec<LayerPlan>) -> Result<(Vec<LayerPlan>, Outline), Error> {
    let mut outline = below.clone();
    let mut files: BTreeMap<ImagePath, String> = BTreeMap::new();
    let mut listed: BTreeSet<ImagePath> = below.directories.keys().cloned().collect();
    for part in &parts {
        for entry in &part.entries {
            let twice = |other: &str| fault(&part.name, &entry.path, &format!("is also brought by {other}"));
            if entry.kind == Kind::Directory {
                if listed.insert(entry.path.clone()) {
                    let attributes = Attributes { mode: entry.mode, uid: entry.uid, gid: entry.gid };
                    outline.directories.insert(entry.path.clone(), attributes);
                }
                continue;
            }
            if matches!(entry.kind, Kind::Symlink(_)) {
                outline.symlinks.insert(entry.path.clone());
            }
            if let Some(other) = files.insert(entry.path.clone(), part.name.clone()) {
                return Err(twice(&format!("layer {other}")));
            }
        }
    }
    let layers = parts.into_iter().map(|part| complete(part, &outline, &files)).collect::<Result<Vec<_>, Error>>()?;
    outline.directories.retain(|_, attributes| *attributes != Attributes::default());
    Ok((layers, outline))
}

fn fault(layer: &str, path: &ImagePath, reason: &str) -> Error {
    Error::archive(format!("layer {layer}"), format!("{path} {reason}"))
}

/// The layer with every ancestor, each directory with its one record.
fn complete(part: LayerPlan, outline: &Outline, files: &BTreeMap<ImagePath, String>) -> Result<LayerPlan, Error> {
    let mut directories: BTreeSet<ImagePath> = BTreeSet::new();
    let mut entries = Vec::with_capacity(part.entries.len());
    for entry in part.entries {
        // An ancestor that is there already has been checked with all of its own.
        for ancestor in entry.path.ancestors() {
            if !directories.insert(ancestor) {
                break;
            }
        }
        match entry.kind {
            Kind::Directory => _ = directories.insert(entry.path),
            _ => entries.push(entry),
        }
    }
    for path in directories {
        if outline.symlinks.contains(&path) || files.contains_key(&path) {
            return Err(fault(&part.name, &path, "is a directory here and something else in another place"));
        }
        let Attributes { mode, uid, gid } = outline.directories.get(&path).copied().unwrap_or_default();
        entries.push(Entry { mode, uid, gid, ..Entry::directory(path, mode) });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(LayerPlan { name: part.name, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Source;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn file(at: &str) -> Entry {
        Entry::file(path(at), 0o644, Source::Bytes(Vec::new()))
    }

    fn part(name: &str, entries: Vec<Entry>) -> LayerPlan {
        LayerPlan { name: name.to_owned(), entries }
    }

    fn shown(layers: &[LayerPlan]) -> Vec<String> {
        let line = |layer: &LayerPlan, entry: &Entry| {
            format!("{} {:o} {}:{} {}", layer.name, entry.mode, entry.uid, entry.gid, entry.path)
        };
        layers.iter().flat_map(|layer| layer.entries.iter().map(move |entry| line(layer, entry))).collect()
    }

    #[test]
    fn every_layer_has_all_ancestors_with_one_record_each() {
        let base = part(
            "base",
            vec![Entry::directory(path("tmp"), 0o1777), Entry::directory(path("home/a"), 0o700).owned_by(185, 185)],
        );
        let app = part("app", vec![file("tmp/x"), file("home/a/b/y"), Entry::directory(path("home/a"), 0o755)]);
        let (layers, outline) = compose(&Outline::default(), vec![base, app]).unwrap();
        insta::assert_snapshot!(shown(&layers).join("\n"), @"
        base 755 0:0 /
        base 755 0:0 /home
        base 700 185:185 /home/a
        base 1777 0:0 /tmp
        app 755 0:0 /
        app 755 0:0 /home
        app 700 185:185 /home/a
        app 755 0:0 /home/a/b
        app 644 0:0 /home/a/b/y
        app 1777 0:0 /tmp
        app 644 0:0 /tmp/x
        ");
        // The same when the layers below are known by their outline alone.
        let app = part("app", vec![file("tmp/x"), file("home/a/b/y"), Entry::directory(path("home/a"), 0o755)]);
        let (above, _) = compose(&outline, vec![app]).unwrap();
        assert_eq!(above[0], layers[1]);
    }

    #[test]
    fn no_path_leads_through_a_link_and_none_is_brought_twice() {
        let base = || part("base", vec![Entry::symlink(path("bin"), "usr/bin"), file("etc/passwd")]);
        let (_, outline) = compose(&Outline::default(), vec![base()]).unwrap();
        let cases = [
            compose(&Outline::default(), vec![base(), part("app", vec![file("bin/sh")])]),
            compose(&outline, vec![part("app", vec![file("bin/sh")])]),
            compose(&Outline::default(), vec![base(), part("app", vec![file("etc/passwd/x")])]),
            compose(&Outline::default(), vec![base(), part("app", vec![file("etc/passwd")])]),
        ];
        let said: Vec<String> = cases.into_iter().map(|case| case.unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        layer app: /bin is a directory here and something else in another place
        layer app: /bin is a directory here and something else in another place
        layer app: /etc/passwd is a directory here and something else in another place
        layer app: /etc/passwd is also brought by layer base
        ");
    }
}

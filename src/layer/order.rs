//! The one order of a layer's entries, and the rules that every layer obeys.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::tree::{Entry, ImagePath, Kind};

/// The entries in canonical order: bytewise by path, so that parents come first; of a set of hard
/// links the first path is the file, so that targets come before their links.
///
/// # Errors
/// [`Error::Archive`] names the first entry that no layer of ours may hold: a path given twice (OCI
/// image-spec, layer.md: duplicate entries), an ancestor that has no directory entry of its own
/// (hcsshim PR 2270, distroless issue 1676), a set-ID bit, `lost+found` at the root (hcsshim
/// `compactext4`), a hard link whose target is not a file of the same layer, no entry at all.
pub fn ordered(layer: &str, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
    let fault = |path: &ImagePath, reason: &str| Error::archive(format!("layer {layer}"), format!("{path} {reason}"));
    let mut by_path: BTreeMap<ImagePath, Entry> = BTreeMap::new();
    for entry in entries {
        if entry.mode & 0o6000 != 0 && entry.kind != Kind::Directory {
            return Err(fault(&entry.path, "has a set-ID bit"));
        }
        if entry.path.as_str() == "lost+found" {
            return Err(fault(&entry.path, "is a name that ext4 keeps for itself"));
        }
        if by_path.insert(entry.path.clone(), entry.clone()).is_some() {
            return Err(fault(&entry.path, "is given twice"));
        }
    }
    if by_path.is_empty() {
        return Err(Error::archive(format!("layer {layer}"), "it holds no entry"));
    }
    for path in by_path.keys() {
        if let Some(parent) = path.parent() {
            match by_path.get(&parent).map(|entry| &entry.kind) {
                Some(Kind::Directory) => {}
                Some(_) => return Err(fault(path, "lies below something that is not a directory")),
                None => return Err(fault(path, "lies in a directory that the layer does not hold")),
            }
        }
    }
    settle_links(&mut by_path).map_err(|path| fault(&path, "is a hard link to no file of the layer"))?;
    Ok(by_path.into_values().collect())
}

/// Makes the first path of each set of hard links the file and the others links to it.
fn settle_links(by_path: &mut BTreeMap<ImagePath, Entry>) -> Result<(), ImagePath> {
    let mut sets: BTreeMap<ImagePath, BTreeSet<ImagePath>> = BTreeMap::new();
    for (path, entry) in by_path.iter() {
        if let Kind::Hardlink(target) = &entry.kind {
            if !matches!(by_path.get(target).map(|entry| &entry.kind), Some(Kind::File(_))) {
                return Err(path.clone());
            }
            sets.entry(target.clone()).or_default().insert(path.clone());
        }
    }
    for (file, links) in sets {
        let Some(first) = links.first().filter(|first| **first < file).cloned() else { continue };
        let Some(original) = by_path.get(&file).cloned() else { continue };
        for path in links.iter().chain([&file]) {
            let kind = if *path == first { original.kind.clone() } else { Kind::Hardlink(first.clone()) };
            by_path.insert(path.clone(), Entry { path: path.clone(), kind, ..original.clone() });
        }
    }
    Ok(())
}

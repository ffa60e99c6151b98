//! Images on disk: an OCI layout, or one archive that every loader reads.
//!
//! A layout is changed by adding blobs and then replacing `index.json`, so whatever kills the
//! process, the layout is the old one or the new one. Layers come from the store by reflink or hard
//! link, and are copied only where the file system can do neither.

#![expect(clippy::disallowed_methods, reason = "an edge module: it writes the user's output")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde_json::json;

use crate::digest::Digest;
use crate::error::Error;
use crate::image::artifact::EMPTY;
use crate::image::content::{Content, MAX_DEPTH, document};
use crate::image::{self, Document, Image};

mod read;
#[cfg(test)]
mod tests;

pub use read::Opened;

/// `oci-layout` (OCI image-spec, image-layout.md).
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Documents larger than this are not read (OCI distribution-spec: clients expect 4 MiB).
const DOCUMENT_MAX: u64 = 4 << 20;

/// An image, and what it is to be called.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name inside of a layout: `org.opencontainers.image.ref.name`.
    pub name: String,
    /// References that a container engine gives it when it loads the archive: `score:latest`.
    pub tags: Vec<String>,
    /// The image.
    pub image: Image,
}

/// Where the store keeps a blob.
pub type Locate<'a> = &'a dyn Fn(&Digest) -> PathBuf;

/// Adds the images to the layout at `directory`, which is made where it is absent. An image of the
/// same name is replaced, and blobs that nothing refers to any more are removed. Images of others
/// stay as they are, to the byte.
///
/// # Errors
/// [`Error::Write`] and [`Error::Read`]; [`Error::Archive`] where the directory holds something else
/// than a layout, or a layout that cannot be read: then no image is written.
pub fn commit(directory: &Path, images: &[Named], locate: Locate<'_>) -> Result<(), Error> {
    let blobs = directory.join("blobs/sha256");
    let index_path = directory.join("index.json");
    if read_document(&index_path)?.is_none() && !is_empty(directory)? {
        return Err(Error::archive(directory.display().to_string(), "is neither an OCI layout nor empty"));
    }
    fs::create_dir_all(&blobs).map_err(Error::write(&blobs))?;
    let lock_path = directory.join("oci-layout");
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.map_err(Error::write(&lock_path))?;
    lock.lock().map_err(Error::write(&lock_path))?;
    let before = match read_document(&index_path)? {
        Some(bytes) => document::<ImageIndex>(&index_path.display().to_string(), &bytes)?.manifests().clone(),
        None => Vec::new(),
    };
    let kept = survivors(&before, images);
    let dead = dead(&blobs, &before, &kept, images)?;
    // In place: a new file would not be the one that others wait for.
    if fs::read(&lock_path).map_err(Error::read(&lock_path))? != OCI_LAYOUT {
        lock.set_len(0).and_then(|()| (&lock).write_all(OCI_LAYOUT)).map_err(Error::write(&lock_path))?;
    }
    for named in images {
        for layer in &named.image.layers {
            link(&locate(&layer.digest), &blobs.join(layer.digest.hex()), layer.size)?;
        }
        for document in [&named.image.config, &named.image.manifest] {
            place(&blobs.join(document.digest.hex()), &document.bytes)?;
        }
    }
    let ours = images.iter().map(|named| Ok((named.name.clone(), named.image.manifest.descriptor()?)));
    let all: Vec<(String, Descriptor)> = ours.chain(kept.into_iter().map(Ok)).collect::<Result<_, Error>>()?;
    place(&index_path, &image::index(&all)?.bytes)?;
    for path in dead.iter().map(|hex| blobs.join(hex)) {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(Error::Write { path, source }),
            _ => {}
        }
    }
    Ok(())
}

/// The images of an index that the new ones do not replace.
fn survivors(before: &[Descriptor], images: &[Named]) -> Vec<(String, Descriptor)> {
    let name = |descriptor: &Descriptor| {
        let annotations = descriptor.annotations().as_ref();
        annotations.and_then(|all| all.get("org.opencontainers.image.ref.name").cloned()).unwrap_or_default()
    };
    let named = before.iter().map(|descriptor| (name(descriptor), descriptor.clone()));
    named.filter(|(name, _)| !images.iter().any(|image| image.name == *name)).collect()
}

/// The blobs that only the images that go refer to.
fn dead(
    blobs: &Path,
    before: &[Descriptor],
    kept: &[(String, Descriptor)],
    images: &[Named],
) -> Result<BTreeSet<String>, Error> {
    let (mut dead, mut live) = (BTreeSet::new(), BTreeSet::new());
    for descriptor in before {
        reach(blobs, descriptor, 0, &mut dead)?;
    }
    for (_, descriptor) in kept {
        reach(blobs, descriptor, 0, &mut live)?;
    }
    for image in images.iter().map(|named| &named.image) {
        let layers = image.layers.iter().map(|layer| &layer.digest);
        live.extend(layers.chain([&image.config.digest, &image.manifest.digest]).map(Digest::hex));
    }
    Ok(dead.difference(&live).cloned().collect())
}

/// Adds the hexadecimal digests of a descriptor's blob and of what that refers to.
fn reach(blobs: &Path, descriptor: &Descriptor, depth: usize, reached: &mut BTreeSet<String>) -> Result<(), Error> {
    let Ok(digest) = Digest::from_hex(descriptor.digest().digest()) else { return Ok(()) };
    reached.insert(digest.hex());
    let path = blobs.join(digest.hex());
    if depth > MAX_DEPTH {
        return Err(Error::archive(path.display().to_string(), "lies too many indexes deep"));
    }
    let media_type = descriptor.media_type().to_string();
    let (is_index, is_manifest) =
        (image::INDEX_TYPES.contains(&media_type.as_str()), image::MANIFEST_TYPES.contains(&media_type.as_str()));
    let found = if is_index || is_manifest { read_document(&path)? } else { None };
    let name = path.display().to_string();
    let below = match found {
        Some(bytes) if is_index => document::<ImageIndex>(&name, &bytes)?.manifests().clone(),
        Some(bytes) => {
            let manifest = document::<ImageManifest>(&name, &bytes)?;
            [manifest.layers().as_slice(), std::slice::from_ref(manifest.config())].concat()
        }
        None => Vec::new(),
    };
    below.iter().try_for_each(|descriptor| reach(blobs, descriptor, depth + 1, reached))
}

fn read_document(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path: path.into(), source }),
        Ok(meta) if !meta.is_file() => return Err(Error::archive(path.display().to_string(), "is not a regular file")),
        Ok(meta) if meta.len() > DOCUMENT_MAX => {
            return Err(Error::archive(path.display().to_string(), "is larger than 4 MiB"));
        }
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(Error::read(path))
}

fn is_empty(directory: &Path) -> Result<bool, Error> {
    match fs::read_dir(directory) {
        Ok(entries) => {
            // What a killed run has left: no index yet.
            let foreign = |entry: io::Result<fs::DirEntry>| {
                entry.is_ok_and(|entry| {
                    !matches!(entry.file_name().to_str(), Some("blobs" | "oci-layout")) && !is_temporary(&entry)
                })
            };
            Ok(!entries.into_iter().any(foreign))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Error::Read { path: directory.into(), source }),
    }
}

fn is_temporary(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_str().is_some_and(|name| name.starts_with(".tmp"))
}

/// Puts bytes at a path as a whole.
fn place(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(Error::write(path))?;
    file.write_all(bytes).map_err(Error::write(path))?;
    publish(file, path)
}

/// Gives a finished temporary file its name and ordinary permissions.
fn publish(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Error> {
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(Error::write(path))?;
    file.as_file().sync_all().map_err(Error::write(path))?;
    file.persist(path).map_err(|error| Error::Write { path: path.into(), source: error.error })?;
    Ok(())
}

/// Brings a blob of the store to `to`.
fn link(from: &Path, to: &Path, size: u64) -> Result<(), Error> {
    if fs::symlink_metadata(to).is_ok_and(|meta| meta.is_file() && meta.len() == size) {
        return Ok(());
    }
    let parent = to.parent().unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(parent).map_err(Error::write(to))?;
    let source = File::open(from).map_err(Error::read(from))?;
    if reflink(&source, file.as_file()) {
        return publish(file, to);
    }
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(to).map_err(Error::write(to))?;
            if fs::hard_link(from, to).is_ok() {
                return Ok(());
            }
        }
        Err(_) => {}
    }
    // io::copy between files is copy_file_range where the kernel has it.
    let copied = io::copy(&mut &source, &mut file.as_file()).map_err(Error::write(to))?;
    if copied != size {
        return Err(Error::archive(from.display().to_string(), format!("has {copied} bytes, not {size}")));
    }
    publish(file, to)
}

#[cfg(target_os = "linux")]
fn reflink(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_: &File, _: &File) -> bool {
    false
}

/// Which archive is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// An OCI layout in a tar, with Docker's `manifest.json` beside it: skopeo, podman, `ctr images
    /// import` and `docker load` all read it.
    Oci,
    /// What `docker save` writes: `manifest.json`, configs and layers.
    Docker,
}

/// Writes the images as one archive, whose bytes follow from the images alone.
///
/// # Errors
/// [`Error::Write`] where `out` fails, [`Error::Read`] where the store does.
pub fn archive(
    kind: Archive,
    images: &[Named],
    epoch: u64,
    locate: Locate<'_>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut files: Vec<(String, Bytes)> = Vec::new();
    let (config_path, layer_path): (Place, Place) = match kind {
        Archive::Oci => (|d| format!("blobs/sha256/{}", d.hex()), |d| format!("blobs/sha256/{}", d.hex())),
        Archive::Docker => (|d| format!("{}.json", d.hex()), |d| format!("{}.tar.gz", d.hex())),
    };
    for named in images {
        files.push((config_path(&named.image.config.digest), Bytes::Here(named.image.config.bytes.clone())));
        for layer in &named.image.layers {
            files.push((layer_path(&layer.digest), Bytes::There(locate(&layer.digest), layer.size)));
        }
    }
    if kind == Archive::Oci {
        let manifests = images.iter().map(|n| &n.image.manifest);
        files.extend(manifests.map(|m: &Document| (config_path(&m.digest), Bytes::Here(m.bytes.clone()))));
        let named = images.iter().map(|n| Ok((n.name.clone(), n.image.manifest.descriptor()?)));
        let index = image::index(&named.collect::<Result<Vec<_>, Error>>()?)?;
        files.push(("index.json".to_owned(), Bytes::Here(index.bytes)));
        files.push(("oci-layout".to_owned(), Bytes::Here(OCI_LAYOUT.to_vec())));
    }
    let docker: Vec<serde_json::Value> = images
        .iter()
        .map(|named| {
            let layers: Vec<String> = named.image.layers.iter().map(|layer| layer_path(&layer.digest)).collect();
            json!({ "Config": config_path(&named.image.config.digest), "RepoTags": named.tags, "Layers": layers })
        })
        .collect();
    let docker = serde_json::to_vec(&docker).map_err(|error| Error::archive("manifest.json", error))?;
    files.push(("manifest.json".to_owned(), Bytes::Here(docker)));
    write_tar(files, epoch, out)
}

/// Writes documents that are no images, each under its name, with all that they name, as the archive of an OCI layout.
///
/// # Errors
/// As [`archive`].
pub fn bundle(named: &[(String, Content)], epoch: u64, locate: Locate<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let mut files = vec![("oci-layout".to_owned(), Bytes::Here(OCI_LAYOUT.to_vec()))];
    let mut all = Vec::new();
    for (name, content) in named {
        files.extend(content.blobs.iter().map(|(digest, size)| {
            let nothing = *digest == Digest::of(EMPTY);
            (path(digest), if nothing { Bytes::Here(EMPTY.to_vec()) } else { Bytes::There(locate(digest), *size) })
        }));
        files.push((path(&content.digest), Bytes::Here(content.bytes.clone())));
        let media_type = content.media_type.as_str().into();
        let document = Document { bytes: content.bytes.clone(), digest: content.digest, media_type };
        all.push((name.clone(), document.descriptor()?));
    }
    files.push(("index.json".to_owned(), Bytes::Here(image::index(&all)?.bytes)));
    write_tar(files, epoch, out)
}

/// Where a blob lies in an archive.
type Place = fn(&Digest) -> String;

/// The bytes of a file of an archive.
enum Bytes {
    Here(Vec<u8>),
    There(PathBuf, u64),
}

fn write_tar(mut files: Vec<(String, Bytes)>, epoch: u64, out: &mut dyn Write) -> Result<(), Error> {
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files.dedup_by(|(a, _), (b, _)| a == b);
    let wrote = || Error::write("the archive");
    let mut tar = tar::Builder::new(out);
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(epoch);
        header.set_path(&path).map_err(wrote())?;
        match content {
            Bytes::Here(bytes) => {
                header.set_size(bytes.len() as u64);
                header.set_cksum();
                tar.append(&header, bytes.as_slice()).map_err(wrote())?;
            }
            Bytes::There(from, size) => {
                header.set_size(size);
                header.set_cksum();
                let file = File::open(&from).map_err(Error::read(&from))?;
                if file.metadata().map_err(Error::read(&from))?.len() != size {
                    return Err(Error::archive(from.display().to_string(), format!("is not {size} bytes long")));
                }
                tar.append(&header, file).map_err(wrote())?;
            }
        }
    }
    tar.finish().map_err(wrote())?;
    tar.into_inner().and_then(Write::flush).map_err(wrote())
}

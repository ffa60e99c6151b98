//! What a file in the image is: [`Entry`] at an [`ImagePath`], with its bytes still at their [`Source`].
//!
//! An entry says everything a tar header will say except the time, which is the image's one epoch.
//! No names of users or groups, no extended attributes, no devices: a layer of ours never has any.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The longest name of one path component, in bytes (ext4; hcsshim `compactext4`).
pub const NAME_MAX: usize = 255;
/// The longest whole path, in bytes (Linux `PATH_MAX` less the terminating NUL).
pub const PATH_MAX: usize = 4095;

/// A canonical path below the image's root: UTF-8, relative, no empty, `.` or `..` component.
/// The root itself is the empty path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePath(String);

/// Why a text is not an [`ImagePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{}` {reason}", path.escape_debug())]
pub struct BadPath {
    /// The text as given.
    pub path: String,
    /// What is wrong, to be read after the path.
    pub reason: &'static str,
}

impl ImagePath {
    /// The image's root directory.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Checks a path that is already relative and clean; nothing is repaired.
    ///
    /// # Errors
    /// [`BadPath`] names the first rule that the text breaks. Names that start with `.wh.` are
    /// refused because a layer would delete with them (OCI image-spec, layer.md: Whiteouts).
    pub fn new(path: impl Into<String>) -> Result<Self, BadPath> {
        let path = path.into();
        match fault(&path) {
            Some(reason) => Err(BadPath { path, reason }),
            None => Ok(Self(path)),
        }
    }

    /// The text; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds this path; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(self.0.rfind('/').map_or_else(Self::root, |i| Self(self.0[..i].to_owned())))
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Every proper ancestor, nearest first, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// A path below this one.
    ///
    /// # Errors
    /// [`BadPath`] as [`ImagePath::new`].
    pub fn join(&self, below: &str) -> Result<Self, BadPath> {
        if self.is_root() { Self::new(below) } else { Self::new(format!("{}/{below}", self.0)) }
    }
}

fn fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return None;
    }
    if path.len() > PATH_MAX {
        return Some("is longer than 4095 bytes");
    }
    if path.contains('\0') {
        return Some("contains a NUL byte");
    }
    if path.starts_with('/') {
        return Some("is absolute");
    }
    path.split('/').find_map(|name| match name {
        "" => Some("has an empty component"),
        "." | ".." => Some("has a `.` or `..` component"),
        _ if name.len() > NAME_MAX => Some("has a component longer than 255 bytes"),
        _ if name.starts_with(".wh.") => Some("has a component that a layer would read as a whiteout"),
        _ => None,
    })
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl TryFrom<String> for ImagePath {
    type Error = BadPath;

    fn try_from(path: String) -> Result<Self, BadPath> {
        Self::new(path)
    }
}

impl From<ImagePath> for String {
    fn from(path: ImagePath) -> Self {
        path.0
    }
}

/// One file, directory or link of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it lies.
    pub path: ImagePath,
    /// Permission bits; set-user-ID and set-group-ID never occur on files.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// What it is.
    pub kind: Kind,
}

/// The four kinds of entry that a layer of ours holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Source),
    /// A symbolic link and its target, as it will be stored.
    Symlink(String),
    /// Another name of an earlier regular file of the same layer.
    Hardlink(ImagePath),
}

/// Where the bytes of a regular file come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "digest, offset and size in bytes say themselves")]
pub enum Source {
    /// Made by us and held in memory; small.
    Bytes(#[serde(with = "text_or_hex")] Vec<u8>),
    /// A whole file of the store.
    Blob { digest: Digest, size: u64 },
    /// A byte range of an archive's unpacked contents (see [`crate::outside::Blobs::unpacked`]).
    Member { archive: Digest, offset: u64, size: u64 },
}

impl Source {
    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { size, .. } | Self::Member { size, .. } => *size,
        }
    }
}

impl Entry {
    /// A directory of root's.
    #[must_use]
    pub fn directory(path: ImagePath, mode: u32) -> Self {
        Self { path, mode, uid: 0, gid: 0, kind: Kind::Directory }
    }

    /// A regular file of root's.
    #[must_use]
    pub fn file(path: ImagePath, mode: u32, source: Source) -> Self {
        Self { path, mode, uid: 0, gid: 0, kind: Kind::File(source) }
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(path: ImagePath, target: impl Into<String>) -> Self {
        Self { path, mode: 0o777, uid: 0, gid: 0, kind: Kind::Symlink(target.into()) }
    }

    /// The same entry with another owner.
    #[must_use]
    pub fn owned_by(self, uid: u32, gid: u32) -> Self {
        Self { uid, gid, ..self }
    }
}

/// One member of an unpacked archive, in the archive's own order; its bytes lie in the spool that
/// was written beside it (see [`crate::outside::Blobs::unpacked`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Canonical path within the archive, leading `./` dropped; validated as an image path would be.
    pub path: ImagePath,
    /// Permission bits as the archive gives them, with set-ID bits still present.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// What it is.
    pub kind: MemberKind,
}

/// What a [`Member`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "offset and size in bytes say themselves")]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A regular file: where its bytes lie in the spool, and their digest.
    File { offset: u64, size: u64, sha256: Digest },
    /// A symbolic link and its target.
    Symlink(String),
    /// Another name of an earlier regular file of the same archive.
    Hardlink(ImagePath),
}

mod text_or_hex {
    //! Bytes of a plan as people read them: text where they are UTF-8, else `hex:` and digits.
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with("hex:") => to.serialize_str(text),
            _ => to.serialize_str(&format!("hex:{}", hex::encode(bytes))),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        match text.strip_prefix("hex:") {
            Some(digits) => hex::decode(digits).map_err(D::Error::custom),
            None => Ok(text.into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_paths_are_refused_not_repaired() {
        let long = "x".repeat(256);
        for (path, reason) in [
            ("/etc/passwd", "is absolute"),
            ("../etc/passwd", "has a `.` or `..` component"),
            ("a/./b", "has a `.` or `..` component"),
            ("a//b", "has an empty component"),
            ("a/", "has an empty component"),
            ("a\0b", "contains a NUL byte"),
            ("etc/.wh.passwd", "has a component that a layer would read as a whiteout"),
            (&long, "has a component longer than 255 bytes"),
        ] {
            assert_eq!(ImagePath::new(path), Err(BadPath { path: path.to_owned(), reason }));
        }
    }

    #[test]
    fn ancestors_end_at_the_root() {
        let path = ImagePath::new("usr/lib/jvm").unwrap();
        let shown: Vec<String> = path.ancestors().map(|p| p.to_string()).collect();
        assert_eq!(shown, ["/usr/lib", "/usr", "/"]);
        assert_eq!(path.name(), "jvm");
    }
}

//! The file system of an image's layers, laid over each other as a runtime does (OCI image-spec, layer.md:
//! Applying Changesets): [`Root`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::layer::Found;
use crate::plan::{Attributes, Outline};
use crate::tree::ImagePath;

/// The most links that one path is followed through, as Linux has it.
const LINKS_MAX: usize = 40;
/// The most paths of one image; Debian with Java and Python has some 10,000.
const NODES_MAX: usize = 1 << 20;
/// The most files whose contents are kept of one image.
const KEPT_MAX: usize = 64;
/// The most bytes of a file that is read as a text.
const TEXT_MAX: u64 = 1 << 20;
/// The same of dpkg's database; that of a whole desktop is some 5 MB.
const STATUS_MAX: u64 = 32 << 20;
/// The most bytes of Java's classes; those of a JDK with everything are some 150 MB.
const MODULES_MAX: u64 = 1 << 30;
/// The texts that are asked for by their whole path.
const TEXTS: [&str; 6] =
    ["etc/debian_version", "etc/group", "etc/os-release", "etc/passwd", "usr/lib/os-release", "var/lib/dpkg/status"];

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    /// A directory.
    Directory(Attributes),
    /// A regular file.
    File,
    /// A symbolic link and its target.
    Link(String),
    /// A device or a pipe.
    Other,
}

/// What is kept of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing but that it is there.
    Nothing,
    /// Its text.
    Text,
    /// Its bytes, in the store.
    Blob,
}

/// The contents that were kept of one layer, by path.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Small files.
    pub texts: BTreeMap<String, String>,
    /// Large ones: digest and size in bytes.
    pub blobs: BTreeMap<String, (Digest, u64)>,
}

impl Kept {
    /// What to keep of a file that a layer holds.
    ///
    /// # Errors
    /// [`Error::Archive`] where it is larger than such a file can be, or one of too many.
    pub fn wants(&self, found: &Found) -> Result<Keep, Error> {
        let (path, name) = (found.path.as_str(), found.path.rsplit('/').next().unwrap_or_default());
        let (keep, most) = match () {
            () if path == "var/lib/dpkg/status" => (Keep::Text, STATUS_MAX),
            () if TEXTS.contains(&path) => (Keep::Text, TEXT_MAX),
            // Beside Java's bin; other programs have files of that name too.
            () if name == "release" && found.size <= TEXT_MAX => (Keep::Text, TEXT_MAX),
            () if path.ends_with("/lib/modules") => (Keep::Blob, MODULES_MAX),
            () => return Ok(Keep::Nothing),
        };
        if found.size > most {
            return Err(Error::archive(format!("/{path}"), format!("is larger than {most} bytes")));
        }
        if self.texts.len() + self.blobs.len() >= KEPT_MAX {
            return Err(Error::archive(format!("/{path}"), format!("is one of more than {KEPT_MAX} of its kind")));
        }
        Ok(keep)
    }
}

/// All paths of an image, and the contents of those that decide whether ours can stand on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    nodes: BTreeMap<String, Node>,
    texts: BTreeMap<String, String>,
    blobs: BTreeMap<String, (Digest, u64)>,
}

impl Root {
    /// Lays one more layer over it.
    ///
    /// # Errors
    /// [`Error::Archive`] names the first entry that no layer may have: a path that leads out of the image or
    /// through a link, a hard link to nothing, a whiteout of nothing, a kind that is not known.
    pub fn apply(&mut self, what: &str, layer: &[Found], kept: Kept) -> Result<(), Error> {
        // Whiteouts hide what lies below the layer, wherever in the layer they stand.
        for found in layer {
            if let Some(hidden) = whiteout(&found.path).map_err(|reason| fault(what, &found.path, reason))? {
                match hidden {
                    Hidden::Path(path) => self.remove(&path),
                    Hidden::Below(directory) => self.empty(&directory),
                }
            }
        }
        for found in layer {
            if whiteout(&found.path).is_ok_and(|hidden| hidden.is_some()) {
                continue;
            }
            self.place(found).map_err(|reason| fault(what, &found.path, &reason))?;
        }
        self.texts.extend(kept.texts);
        self.blobs.extend(kept.blobs);
        Ok(())
    }

    fn place(&mut self, found: &Found) -> Result<(), String> {
        let path = ImagePath::new(found.path.clone()).map_err(|bad| bad.reason.to_owned())?;
        for ancestor in path.ancestors() {
            match self.nodes.get(ancestor.as_str()) {
                Some(Node::Directory(_)) => break,
                // A layer need not name the directories above its files; a runtime makes them.
                None => _ = self.nodes.insert(ancestor.into(), Node::Directory(Attributes::default())),
                Some(_) => return Err(format!("leads through {ancestor}, which is no directory")),
            }
        }
        let link = found.link.clone().unwrap_or_default();
        let node = match found.kind {
            "directory" => {
                let id = |id: u64| u32::try_from(id).map_err(|_| "has an owner beyond 32 bits".to_owned());
                Node::Directory(Attributes { mode: found.mode, uid: id(found.uid)?, gid: id(found.gid)? })
            }
            "file" => Node::File,
            "symbolic link" => Node::Link(link),
            "hard link" => {
                let target = link.trim_start_matches("./").trim_start_matches('/');
                match self.nodes.get(target) {
                    Some(Node::Directory(_)) | None => return Err(format!("is a hard link to no file: {target}")),
                    Some(node) => {
                        let node = node.clone();
                        self.remove(path.as_str());
                        if let Some(text) = self.texts.get(target).cloned() {
                            self.texts.insert(path.as_str().to_owned(), text);
                        }
                        node
                    }
                }
            }
            "character device" | "block device" | "pipe" => Node::Other,
            kind => return Err(format!("is neither file, directory nor link: {kind}")),
        };
        let is_directory = matches!(node, Node::Directory(_));
        if found.kind != "hard link" && !(is_directory && self.is_directory(path.as_str())) {
            self.remove(path.as_str());
        }
        self.nodes.insert(path.into(), node);
        if self.nodes.len() > NODES_MAX { Err(format!("is one of more than {NODES_MAX}")) } else { Ok(()) }
    }

    fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        self.texts.remove(path);
        self.blobs.remove(path);
        self.empty(path);
    }

    fn empty(&mut self, directory: &str) {
        let start = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let below = self.nodes.range(start.clone()..).map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(&start)).filter(|path| !path.is_empty());
        for path in below.cloned().collect::<Vec<_>>() {
            self.nodes.remove(&path);
            self.texts.remove(&path);
            self.blobs.remove(&path);
        }
    }

    /// What is at a path itself.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    fn is_directory(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Node::Directory(_)))
    }

    /// The path that a path leads to, through links; `None` where that is nowhere.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                _ => at.push(name),
            }
            if let Node::Link(target) = self.nodes.get(&at.join("/"))? {
                links += 1;
                if links > LINKS_MAX {
                    return None;
                }
                at.pop();
                if target.starts_with('/') {
                    at.clear();
                }
                left.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Some(at.join("/"))
    }

    /// Whether a path leads to a regular file.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.resolve(path).is_some_and(|path| self.nodes.get(&path) == Some(&Node::File))
    }

    /// The names in a directory.
    pub fn names<'s>(&'s self, directory: &'s str) -> impl Iterator<Item = &'s str> {
        let below = self.nodes.range(format!("{directory}/")..).map(|(path, _)| path.as_str());
        below.map_while(move |path| path.strip_prefix(directory)?.strip_prefix('/')).filter(|name| !name.contains('/'))
    }

    /// The text that a path leads to, where it was kept.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(&self.resolve(path)?).map(String::as_str)
    }

    /// The texts of that name, by the directory that they lie in.
    pub fn texts_named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (&'s str, &'s str)> {
        self.texts
            .iter()
            .filter_map(move |(path, text)| Some((path.strip_suffix(name)?.strip_suffix('/')?, text.as_str())))
    }

    /// The large file at a path.
    #[must_use]
    pub fn blob(&self, path: &str) -> Option<(Digest, u64)> {
        self.blobs.get(&self.resolve(path)?).copied()
    }

    /// The large files, whose bytes must be in the store.
    pub fn blobs(&self) -> impl Iterator<Item = &(Digest, u64)> {
        self.blobs.values()
    }

    /// What layers above must know.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let mut outline = Outline::default();
        for (path, node) in &self.nodes {
            let Ok(path) = ImagePath::new(path.clone()) else { continue };
            match node {
                Node::Directory(attributes) if *attributes != Attributes::default() => {
                    outline.directories.insert(path, *attributes);
                }
                Node::Link(_) => _ = outline.symlinks.insert(path),
                _ => {}
            }
        }
        outline
    }
}

fn fault(what: &str, path: &str, reason: &str) -> Error {
    Error::archive(what, format!("/{path} {reason}"))
}

/// What a whiteout hides.
enum Hidden {
    Path(String),
    Below(String),
}

/// Reads a path as a whiteout (layer.md: Whiteouts).
fn whiteout(path: &str) -> Result<Option<Hidden>, &'static str> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(hidden) = name.strip_prefix(".wh.") else { return Ok(None) };
    if hidden == ".wh..opq" {
        return Ok(Some(Hidden::Below(directory.to_owned())));
    }
    if matches!(hidden, "" | "." | "..") || hidden.starts_with(".wh.") {
        return Err("is a whiteout of nothing that can be");
    }
    let path = if directory.is_empty() { hidden.to_owned() } else { format!("{directory}/{hidden}") };
    Ok(Some(Hidden::Path(path)))
}

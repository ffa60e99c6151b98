//! The data of `effects.toml`: what the image leaves out, and what scripts would have made.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::error::Error;
use crate::tree::{Entry, ImagePath, Kind, Source};

use super::tree::Tree;
use super::{Request, path};

/// All of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effects {
    pub exclude: Vec<Exclude>,
    effect: Vec<Effect>,
}

/// A directory that stays empty, apart from files named `keep` in its subdirectories.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exclude {
    path: ImagePath,
    keep: Option<String>,
    reason: String,
}

/// What is made if a package is in the image, or always where none is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Effect {
    package: String,
    #[expect(dead_code, reason = "for readers of the data; that it is there is checked by reading")]
    reason: String,
    #[serde(default)]
    directories: Vec<Directory>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    copies: Vec<Copy>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    path: String,
    mode: u32,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    path: String,
    target: String,
}

/// A file of mode 0644.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    text: String,
}

/// The same content at another place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    path: String,
    from: String,
}

impl Exclude {
    /// Whether the image does without this path; `plain` tells a file from directories and links.
    ///
    /// Of a directory with `keep`, its subdirectories and the links that stand for such stay.
    pub(super) fn covers(&self, path: &ImagePath, plain: bool) -> bool {
        let below = path.as_str().strip_prefix(self.path.as_str()).and_then(|rest| rest.strip_prefix('/'));
        match (below, &self.keep) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(rest), Some(keep)) => match rest.split_once('/') {
                None => plain,
                Some((_, name)) => name != keep,
            },
        }
    }
}

/// The data.
pub(super) fn effects() -> Result<Effects, Error> {
    toml::from_str(include_str!("effects.toml")).map_err(|e| Error::archive("effects.toml", e))
}

impl Effects {
    /// Makes what belongs to the packages of the request.
    pub(super) fn apply(&self, request: &Request<'_>, tree: &mut Tree<'_>) -> Result<(), Error> {
        let fill = |text: &str| text.replace("{java}", request.java).replace("{python}", request.python);
        let place = |text: &str| path(fill(text));
        for effect in &self.effect {
            let package = fill(&effect.package);
            if !package.is_empty() && !request.has(&package) {
                continue;
            }
            for directory in &effect.directories {
                let entry = Entry::directory(place(&directory.path)?, directory.mode);
                tree.ours(entry.owned_by(directory.uid, directory.gid));
            }
            for link in &effect.links {
                tree.ours(Entry::symlink(place(&link.path)?, fill(&link.target)));
            }
            for file in &effect.files {
                tree.ours(Entry::file(place(&file.path)?, 0o644, Source::Bytes(file.text.clone().into_bytes())));
            }
            for copy in &effect.copies {
                let from = place(&copy.from)?;
                let Some(Kind::File(source)) = tree.get(&from).map(|entry| entry.kind.clone()) else {
                    return Err(Error::archive(package, format!("has no file {from}")));
                };
                tree.ours(Entry::file(place(&copy.path)?, 0o644, source));
            }
        }
        Ok(())
    }

    /// The same exclusions for a dpkg that runs in the image later (dpkg.cfg(5), path-exclude).
    pub(super) fn dpkg_configuration(&self) -> Result<Entry, Error> {
        let mut text = String::new();
        for exclude in &self.exclude {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "# {}\npath-exclude={}/*", exclude.reason, exclude.path);
            if let Some(keep) = &exclude.keep {
                let _ = writeln!(text, "path-include={}/*/{keep}", exclude.path);
            }
        }
        let path = path("etc/dpkg/dpkg.cfg.d/sparkbake")?;
        Ok(Entry::file(path, 0o644, Source::Bytes(text.into_bytes())))
    }
}

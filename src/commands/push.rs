//! `push`: an image of a layout or archive to a registry.

use std::path::Path;

use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::layout::Opened;
use crate::project;
use crate::reference::Reference;

use super::remote::{Remote, report, tags};
use super::seen::Seen;
use super::{Request, Stop, World, inputs, say};

pub(super) fn push(command: &cli::Push, world: &World) -> Result<(), Stop> {
    let named = Named::parse(&command.image, &world.environment.cwd)?;
    let opened = Opened::open(&world.environment.cwd.join(&named.path))?;
    let content = opened.image(named.name.as_deref(), named.digest.as_ref())?;
    let (repository, mut wanted) = destination(command, world)?;
    wanted.extend(command.tag.iter().cloned());
    let tags = tags(&wanted, "")?;
    let remote = Remote::open(&repository, &command.registry, world)?;
    if let Some(repository) = &command.inputs {
        let none = || Error::archive(content.digest.to_string(), "holds no lock that could name its inputs");
        let seen = Seen::read(&command.image, false, world)?;
        let lock = seen.lock.as_ref().ok_or_else(none)?;
        seen.bring_base(lock, world)?;
        inputs::push(lock, repository, &command.registry, world)?;
    }
    let pushed = remote.push(&content, &tags, &|digest| opened.blob(digest), world)?;
    if command.json {
        say(&format!("{:#}\n", report(&remote, &content, &pushed)))?;
    } else {
        say(&format!("{}\n", remote.reference(&content.digest)))?;
    }
    Ok(())
}

/// Repository, and the tag that the reference itself has.
fn destination(command: &cli::Push, world: &World) -> Result<(String, Vec<String>), Stop> {
    if let Some(text) = &command.reference {
        let reference: Reference =
            text.parse().map_err(|error: crate::reference::NotAReference| Stop::Usage(error.to_string()))?;
        if reference.digest.is_some() {
            return Err(Stop::Usage(format!("`{text}` has a digest; where an image is pushed to is a tag's business")));
        }
        return Ok((reference.repository.to_string(), reference.tag.into_iter().collect()));
    }
    let file = "sparkbake.toml";
    let none = || Stop::Usage(format!("push where? Write HOST/NAME:TAG, or `[image] repository` into {file}"));
    if !project::exists(&world.environment.cwd.join(file)) {
        return Err(none());
    }
    let request = Request::open(file, None, world)?;
    let repository = request.profile.image.repository.as_ref().ok_or_else(none)?;
    Ok((repository.value.clone(), Vec::new()))
}

/// An image on this machine, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) digest: Option<Digest>,
}

impl Named {
    /// `oci:DIR`, `oci:DIR:NAME`, `oci:DIR@DIGEST`, the same with `oci-archive:FILE`, or the path alone.
    pub(super) fn parse(text: &str, cwd: &Path) -> Result<Self, Stop> {
        let bare = ["oci:", "oci-archive:"].iter().find_map(|kind| text.strip_prefix(kind));
        if text.starts_with("docker-archive:") {
            let way = "build with -o oci-archive:FILE, which docker loads too";
            return Err(Stop::Usage(format!("a docker-archive has no manifest for a registry; {way}")));
        }
        let rest = bare.unwrap_or(text);
        let (rest, digest) = match rest.rsplit_once('@') {
            Some((path, digest)) => match digest.parse() {
                Ok(digest) => (path, Some(digest)),
                Err(error) => return Err(Stop::Usage(format!("{text}: {error}"))),
            },
            None => (rest, None),
        };
        let whole = Self { path: rest.to_owned(), name: None, digest };
        if project::exists(&cwd.join(rest)) {
            return Ok(whole);
        }
        match rest.rsplit_once(':') {
            Some((path, name)) if !name.is_empty() && project::exists(&cwd.join(path)) => {
                Ok(Self { path: path.to_owned(), name: Some(name.to_owned()), ..whole })
            }
            _ => Err(Stop::Usage(format!(
                "there is no `{rest}` here; write oci:DIR or oci-archive:FILE, as `build -o` does"
            ))),
        }
    }
}

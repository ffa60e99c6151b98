//! Where images go: layouts, archives, the local engine; and the references on standard output.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli;
use crate::digest::Digest;
use crate::engine;
use crate::error::Error;
use crate::image::content::Content;
use crate::layout::{self, Archive, Named};
use crate::outside::ReadAt;
use crate::project;
use crate::reference::Reference;
use crate::registry::Pushed;

use super::remote::{Remote, report};
use super::{Stop, World, say};

/// One `-o`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// A directory.
    Layout(String),
    /// A file.
    Archive(Archive, String),
}

impl Output {
    pub(super) fn parse(text: &str) -> Result<Self, Stop> {
        match text.split_once(':') {
            Some((_, "")) | None => {}
            Some(("oci", path)) => return Ok(Self::Layout(path.to_owned())),
            Some(("oci-archive", path)) => return Ok(Self::Archive(Archive::Oci, path.to_owned())),
            Some(("docker-archive", path)) => return Ok(Self::Archive(Archive::Docker, path.to_owned())),
            Some(_) => {}
        }
        Err(Stop::Usage(format!("-o is `{text}`; it must be oci:DIR, oci-archive:FILE or docker-archive:FILE")))
    }

    fn shown(&self) -> String {
        match self {
            Self::Layout(path) => format!("oci:{path}"),
            Self::Archive(Archive::Oci, path) => format!("oci-archive:{path}"),
            Self::Archive(Archive::Docker, path) => format!("docker-archive:{path}"),
        }
    }
}

/// The images of one profile.
pub(super) struct Baked<'a> {
    /// Their time.
    pub(super) epoch: u64,
    /// One a size.
    pub(super) images: Vec<Named>,
    /// Where they are pushed to.
    pub(super) remote: Option<Remote<'a>>,
}

/// Writes everything that was asked for, then says the references, an image a line, in the order
/// asked.
pub(super) fn publish(
    command: &cli::Build,
    outputs: &[Output],
    baked: &[Baked<'_>],
    world: &World,
) -> Result<(), Stop> {
    let locate = |digest: &Digest| world.store.path(digest);
    let epoch = baked.iter().map(|one| one.epoch).max().unwrap_or_default();
    let all: Vec<Named> = baked.iter().flat_map(|one| one.images.iter().cloned()).collect();
    if all.len() > 1 && !command.tag.is_empty() && !command.push {
        return Err(Stop::Usage("-t names one image, and several are built".to_owned()));
    }
    let place = |path: &str| world.environment.cwd.join(path);
    let mut references = Vec::new();
    if outputs.is_empty() && !command.load && !command.push {
        for Baked { images, .. } in baked {
            let name = images.first().map_or("sparkbake", |image| image.name.as_str());
            let output = Output::Layout(format!("{name}.oci"));
            write(&output, images, epoch, &place, &locate)?;
            references.extend(images.iter().map(|image| format!("{}@{}", output.shown(), image.image.manifest.digest)));
        }
    }
    for output in outputs {
        write(output, &all, epoch, &place, &locate)?;
    }
    if command.load {
        let engine =
            engine::load(&world.environment, |out| layout::archive(Archive::Docker, &all, epoch, &locate, out))?;
        let tags: Vec<&str> = all.iter().flat_map(|image| image.tags.iter().map(String::as_str)).collect();
        world.ui.step("Loaded", format_args!("{} into {engine}", tags.join(", ")));
    }
    let mut reports = Vec::new();
    for (remote, images) in baked.iter().filter_map(|one| Some((one.remote.as_ref()?, &one.images))) {
        for named in images {
            let (content, done) = pushed(remote, named, world)?;
            references.push(remote.reference(&content.digest));
            reports.push(report(remote, &content, &done));
        }
    }
    if command.push {
        // What was pushed is what the images are called.
    } else if let Some(first) = outputs.first() {
        references.extend(all.iter().map(|image| format!("{}@{}", first.shown(), image.image.manifest.digest)));
    } else if references.is_empty() {
        references.extend(all.iter().map(|image| image.image.config.digest.to_string()));
    }
    let metadata = metadata(&all, &references, &reports);
    if let Some(path) = &command.metadata_file {
        project::write_whole(&world.environment.cwd.join(path), metadata.as_bytes())?;
    }
    say(&if command.json { metadata } else { references.join("\n") + "\n" })?;
    Ok(())
}

/// Pushes an image.
fn pushed(remote: &Remote<'_>, Named { image, tags, .. }: &Named, world: &World) -> Result<(Content, Pushed), Error> {
    let content = Content::from(image);
    let open = |digest: &Digest| -> Result<Option<Box<dyn ReadAt>>, Error> {
        if *digest == image.config.digest {
            return Ok(Some(Box::new(image.config.bytes.clone())));
        }
        let layer = image.layers.iter().find(|layer| layer.digest == *digest);
        match layer.filter(|layer| world.store.has(digest, layer.size)) {
            Some(_) => Ok(Some(Box::new(world.store.open_unchecked(digest)?))),
            None => Ok(None),
        }
    };
    let tags: Vec<String> = tags.iter().filter_map(|name| name.parse::<Reference>().ok()?.tag).collect();
    let done = remote.push(&content, &tags, &open, world)?;
    Ok((content, done))
}

fn write(
    output: &Output,
    images: &[Named],
    epoch: u64,
    place: &dyn Fn(&str) -> PathBuf,
    locate: layout::Locate<'_>,
) -> Result<(), Error> {
    match output {
        Output::Layout(path) => layout::commit(&place(path), images, locate),
        Output::Archive(kind, path) => whole(&place(path), |out| layout::archive(*kind, images, epoch, locate, out)),
    }
}

/// A file that is written as a stream, and appears as a whole or not at all.
pub(super) fn whole(path: &Path, stream: impl FnOnce(&mut dyn Write) -> Result<(), Error>) -> Result<(), Error> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".tmp").tempfile_in(parent).map_err(Error::write(path))?;
    let ordinary = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(ordinary).map_err(Error::write(path))?;
    stream(&mut BufWriter::with_capacity(1 << 20, file.as_file()))?;
    file.persist(path).map_err(|error| Error::Write { path: path.into(), source: error.error })?;
    Ok(())
}

/// The images, and of those that were pushed what that took; `reports` are as many as the images, or none.
fn metadata(images: &[Named], references: &[String], reports: &[Value]) -> String {
    let images = images.iter().zip(references).enumerate().map(|(at, (named, reference))| {
        let layers = named.image.layers.iter();
        let layers = layers.map(
            |layer| json!({ "name": layer.name, "digest": layer.digest, "diff-id": layer.diff_id, "size": layer.size }),
        );
        json!({
            "name": named.name,
            "tags": named.tags,
            "reference": reference,
            "digest": named.image.manifest.digest,
            "config": named.image.config.digest,
            "media-type": named.image.manifest.media_type.to_string(),
            "size": named.image.size(),
            "layers": layers.collect::<Vec<_>>(),
            "push": reports.get(at),
        })
    });
    format!("{:#}\n", json!({ "images": images.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_kind_and_path() {
        let shown = |text: &str| Output::parse(text).map(|output| output.shown()).map_err(|stop| stop.to_string());
        assert_eq!(shown("oci:a:b").as_deref(), Ok("oci:a:b"));
        assert_eq!(shown("docker-archive:x.tar").as_deref(), Ok("docker-archive:x.tar"));
        for bad in ["", "oci", "oci:", "docker:x", "x.tar"] {
            assert!(shown(bad).is_err_and(|text| text.contains("it must be oci:DIR")), "{bad}");
        }
    }
}

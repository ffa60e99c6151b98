//! Files that are no image, as an image's manifest (OCI image-spec, manifest.md: Guidelines for Artifact Usage).

use std::collections::BTreeMap;

use oci_spec::image::{ImageManifestBuilder, MediaType, SCHEMA_VERSION};

use super::content::Content;
use super::{Document, built, descriptor};
use crate::digest::Digest;
use crate::error::Error;

/// What a config is where there is none: image-spec's empty descriptor.
pub const EMPTY: &[u8] = b"{}";
/// Most files of one artifact; a manifest of more would not be taken (distribution-spec: 4 MiB).
const FILES_MAX: usize = 10_000;

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

/// The artifact of these files: sorted by name, each digest once.
///
/// # Errors
/// [`Error::Registry`] where there are more than a manifest can name.
pub fn artifact(kind: &str, files: &[File]) -> Result<Content, Error> {
    let by_digest: BTreeMap<&Digest, &File> = files.iter().map(|file| (&file.digest, file)).collect();
    let mut files: Vec<&File> = by_digest.into_values().collect();
    files.sort_by_key(|file| (&file.name, file.digest));
    if files.len() > FILES_MAX {
        return Err(Error::registry(kind, format!("would have {} files; {FILES_MAX} can be", files.len())));
    }
    let layer = |file: &&File| {
        let mut layer = descriptor(MediaType::Other(media_type(&file.name).to_owned()), &file.digest, file.size)?;
        let title = ("org.opencontainers.image.title".to_owned(), file.name.clone());
        layer.set_annotations(Some([title].into()));
        Ok(layer)
    };
    let (config, config_size) = (Digest::of(EMPTY), EMPTY.len() as u64);
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .artifact_type(MediaType::Other(kind.to_owned()))
        .config(descriptor(MediaType::EmptyJSON, &config, config_size)?)
        .layers(files.iter().map(layer).collect::<Result<Vec<_>, Error>>()?);
    let Document { bytes, digest, media_type } = Document::new(&built(manifest.build())?, MediaType::ImageManifest)?;
    let layers = files.iter().map(|file| (file.digest, file.size));
    let blobs = std::iter::once((config, config_size)).chain(layers).collect();
    Ok(Content { bytes, digest, media_type: media_type.to_string(), blobs, children: Vec::new() })
}

/// IANA's name of what a file is, by the end of its own.
fn media_type(name: &str) -> &'static str {
    let ends = |end: &str| name.ends_with(end);
    match () {
        () if ends(".deb") => "application/vnd.debian.binary-package",
        () if ends(".jar") => "application/java-archive",
        () if ends(".whl") || ends(".zip") => "application/zip",
        () if ends(".gz") => "application/gzip",
        () if ends(".pem") => "application/x-pem-file",
        () => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_layers_by_name_and_each_digest_is_there_once() {
        let file = |name: &str, text: &str| File {
            name: name.to_owned(),
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        };
        let files = [file("b.jar", "b"), file("a.deb", "a"), file("c.whl", "b")];
        let made = artifact("application/vnd.example", &files).unwrap();
        assert_eq!(made.blobs.len(), 3);
        assert_eq!(artifact("application/vnd.example", &[files[1].clone(), files[2].clone()]).unwrap(), made);
        let value: serde_json::Value = serde_json::from_slice(&made.bytes).unwrap();
        insta::assert_snapshot!(format!("{value:#}"), @r#"
        {
          "artifactType": "application/vnd.example",
          "config": {
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "mediaType": "application/vnd.oci.empty.v1+json",
            "size": 2
          },
          "layers": [
            {
              "annotations": {
                "org.opencontainers.image.title": "a.deb"
              },
              "digest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
              "mediaType": "application/vnd.debian.binary-package",
              "size": 1
            },
            {
              "annotations": {
                "org.opencontainers.image.title": "c.whl"
              },
              "digest": "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
              "mediaType": "application/zip",
              "size": 1
            }
          ],
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "schemaVersion": 2
        }
        "#);
    }
}

//! Config, manifest and index as bytes: [`assemble`] turns layers and a [`Runtime`] into an [`Image`].
//!
//! oci-spec's types give the fields their names; the bytes come from `serde_json::Value`, whose
//! objects are sorted, because oci-spec's own maps have no order. One plain image manifest, never
//! an index at the tag: Azure Container Instances has refused indexes.

use std::collections::BTreeMap;

use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, HistoryBuilder, ImageConfigurationBuilder, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, RootFsBuilder, SCHEMA_VERSION, Sha256Digest,
};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::layer::Layer;

pub mod artifact;
pub mod content;
#[cfg(test)]
mod tests;

/// What the config tells a container runtime (OCI image-spec, config.md: Properties, `config`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Numeric `uid:gid`.
    pub user: String,
    /// Environment by name.
    pub environment: BTreeMap<String, String>,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub command: Vec<String>,
    /// `WorkingDir`, absolute.
    pub working_dir: String,
    /// TCP ports, ascending.
    pub ports: Vec<u16>,
    /// Labels, repeated as annotations of the manifest.
    pub labels: BTreeMap<String, String>,
}

/// Which family of media types the documents name. The layers' bytes are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// OCI image-spec 1.1.
    #[default]
    Oci,
    /// Docker image manifest version 2, schema 2.
    Docker,
}

/// The signal that Python and the JVM end on in good order.
const STOP_SIGNAL: &str = "SIGTERM";
/// Media types of a manifest: OCI's and Docker's.
pub const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// Media types of an index: OCI's and Docker's.
pub const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// Where every container engine still works (moby `maxLayerDepth` is 125).
pub const MAX_LAYERS: usize = 120;
/// Azure Container Instances guarantees images up to 15 GB (its FAQ); decimal.
const ACI_MAX_BYTES: u64 = 15_000_000_000;

/// A document with its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// As stored, no trailing newline.
    pub bytes: Vec<u8>,
    /// Digest of `bytes`.
    pub digest: Digest,
    /// Media type that descriptors give it.
    pub media_type: MediaType,
}

impl Document {
    fn new<T: Serialize>(value: &T, media_type: MediaType) -> Result<Self, Error> {
        // Through Value: its objects are BTreeMaps, so keys come out sorted (the test
        // `no_crate_turns_on_preserve_order` watches over that).
        let bytes = serde_json::to_value(value).and_then(|value| serde_json::to_vec(&value));
        let bytes = bytes.map_err(|error| Error::registry(media_type.to_string(), error))?;
        Ok(Self { digest: Digest::of(&bytes), bytes, media_type })
    }

    /// Its descriptor.
    ///
    /// # Errors
    /// None in practice; oci-spec's builders check their required fields at run time.
    pub fn descriptor(&self) -> Result<Descriptor, Error> {
        descriptor(self.media_type.clone(), &self.digest, self.bytes.len() as u64)
    }
}

/// An image: everything but the layers' bytes, which lie in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The config; its digest is the image's ID.
    pub config: Document,
    /// The manifest; its digest is the reference.
    pub manifest: Document,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
}

impl Image {
    /// Compressed bytes of all layers and both documents.
    #[must_use]
    pub fn size(&self) -> u64 {
        let documents = self.config.bytes.len() + self.manifest.bytes.len();
        self.layers.iter().map(|layer| layer.size).sum::<u64>() + documents as u64
    }

    /// Whether the image is within a tenth of the size that Azure Container Instances guarantees to
    /// take, or beyond it.
    #[must_use]
    pub fn strains_aci(&self) -> bool {
        self.size() > ACI_MAX_BYTES / 10 * 9
    }
}

/// Seconds since 1970 as RFC 3339 in UTC.
///
/// # Errors
/// [`Error::Registry`] beyond the year 9999.
pub fn rfc3339(epoch: u64) -> Result<String, Error> {
    let seconds = i64::try_from(epoch).ok();
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_string())
        .ok_or_else(|| Error::registry(epoch.to_string(), "is no time before the year 10000"))
}

/// The image of these layers.
///
/// # Errors
/// [`Error::Registry`] where two layers are the same (hcsshim PR 1441), where there are none or more
/// than [`MAX_LAYERS`], or where the epoch is no time.
pub fn assemble(runtime: &Runtime, layers: &[Layer], epoch: u64, format: Format) -> Result<Image, Error> {
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        return Err(Error::registry("image", format!("{} layers; 1 to {MAX_LAYERS} can be", layers.len())));
    }
    for (i, layer) in layers.iter().enumerate() {
        if let Some(twin) = layers[..i].iter().find(|twin| twin.diff_id == layer.diff_id) {
            return Err(Error::registry("image", format!("layers `{}` and `{}` are the same", twin.name, layer.name)));
        }
    }
    let config = config(runtime, layers, epoch, format)?;
    let manifest = manifest(runtime, layers, &config, epoch, format)?;
    Ok(Image { config, manifest, layers: layers.to_vec() })
}

fn built<T>(result: Result<T, oci_spec::OciSpecError>) -> Result<T, Error> {
    result.map_err(|error| Error::registry("image document", error))
}

fn descriptor(media_type: MediaType, digest: &Digest, size: u64) -> Result<Descriptor, Error> {
    let digest: Sha256Digest = built(digest.hex().parse())?;
    built(DescriptorBuilder::default().media_type(media_type).digest(digest).size(size).build())
}

fn config(runtime: &Runtime, layers: &[Layer], epoch: u64, format: Format) -> Result<Document, Error> {
    let created = rfc3339(epoch)?;
    let environment: Vec<String> = runtime.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let config = ConfigBuilder::default()
        .user(runtime.user.clone())
        .env(environment)
        .entrypoint(runtime.entrypoint.clone())
        .working_dir(runtime.working_dir.clone())
        .stop_signal(STOP_SIGNAL.to_owned())
        .labels(labels(runtime, &created));
    let config = if runtime.command.is_empty() { config } else { config.cmd(runtime.command.clone()) };
    let config = if runtime.ports.is_empty() {
        config
    } else {
        config.exposed_ports(runtime.ports.iter().map(|port| format!("{port}/tcp")).collect::<Vec<_>>())
    };
    let history = layers
        .iter()
        .map(|layer| {
            built(
                HistoryBuilder::default()
                    .created(created.clone())
                    .created_by(format!("sparkbake: {}", layer.name))
                    .build(),
            )
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let rootfs = built(RootFsBuilder::default().typ("layers".to_owned()).diff_ids(diff_ids).build())?;
    let value = ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .created(created)
        .config(built(config.build())?)
        .rootfs(rootfs)
        .history(history)
        .build();
    let media_type = match format {
        Format::Oci => MediaType::ImageConfig,
        Format::Docker => MediaType::Other("application/vnd.docker.container.image.v1+json".to_owned()),
    };
    Document::new(&built(value)?, media_type)
}

fn manifest(
    runtime: &Runtime,
    layers: &[Layer],
    config: &Document,
    epoch: u64,
    format: Format,
) -> Result<Document, Error> {
    let (media_type, layer_type) = match format {
        Format::Oci => (MediaType::ImageManifest, MediaType::ImageLayerGzip),
        Format::Docker => (
            MediaType::Other(MANIFEST_TYPES[1].to_owned()),
            MediaType::Other("application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned()),
        ),
    };
    let descriptors = layers
        .iter()
        .map(|layer| descriptor(layer_type.clone(), &layer.digest, layer.size))
        .collect::<Result<Vec<_>, Error>>()?;
    let value = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(media_type.clone())
        .config(config.descriptor()?)
        .layers(descriptors);
    let value = match format {
        Format::Oci => value.annotations(labels(runtime, &rfc3339(epoch)?)),
        Format::Docker => value,
    };
    Document::new(&built(value.build())?, media_type)
}

#[expect(clippy::disallowed_types, reason = "oci-spec's maps; their order is lost again in Document::new")]
fn labels(runtime: &Runtime, created: &str) -> std::collections::HashMap<String, String> {
    let created = ("org.opencontainers.image.created".to_owned(), created.to_owned());
    runtime.labels.clone().into_iter().chain([created]).collect()
}

/// The index of a layout: each image with the name that `org.opencontainers.image.ref.name` gives it.
///
/// # Errors
/// As [`Document::descriptor`].
pub fn index(images: &[(String, Descriptor)]) -> Result<Document, Error> {
    let named = images.iter().map(|(name, manifest)| {
        let mut annotations = manifest.annotations().clone().unwrap_or_default();
        annotations.insert("org.opencontainers.image.ref.name".to_owned(), name.clone());
        let mut manifest = manifest.clone();
        manifest.set_annotations(Some(annotations));
        manifest
    });
    let value = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(named.collect::<Vec<_>>())
        .build();
    Document::new(&built(value)?, MediaType::ImageIndex)
}

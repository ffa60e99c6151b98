//! Layouts that hold more than our own images.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::image::{Format, Runtime};
use crate::layer::Layer;

/// An image of one layer, whose blob lies in `store`.
fn named(store: &Path, name: &str, layer: &[u8]) -> Named {
    let digest = Digest::of(layer);
    fs::write(store.join(digest.hex()), layer).unwrap();
    let layer =
        Layer { name: "only".to_owned(), diff_id: Digest::of(name.as_bytes()), digest, size: layer.len() as u64 };
    let runtime = Runtime {
        user: "185:185".to_owned(),
        environment: BTreeMap::new(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        working_dir: "/".to_owned(),
        ports: Vec::new(),
        labels: BTreeMap::new(),
    };
    let image = image::assemble(&runtime, &[layer], 0, Format::Oci).unwrap();
    Named { name: name.to_owned(), tags: vec![format!("{name}:latest")], image }
}

/// A store and a layout that somebody else made: an index of one manifest, spaced as we never write
/// it, with fields, nulls and media types of the future.
struct World {
    folder: tempfile::TempDir,
    foreign: Vec<String>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("layout/blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let mut foreign = Vec::new();
        let mut descriptor = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes);
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
            foreign.push(digest.hex());
            json!({ "mediaType": media_type, "digest": digest, "size": bytes.len(), "annotations": null })
        };
        let layer = descriptor("application/x-future+brotli", b"shared");
        let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
        let manifest =
            json!({ "schemaVersion": 2, "config": config, "layers": [layer], "novelty": [1], "subject": null });
        let manifest = format!("{manifest:#}\n");
        let manifest = descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
        let index = format!("{:#}", json!({ "schemaVersion": 2, "manifests": [manifest] }));
        let index = descriptor("application/vnd.oci.image.index.v1+json", index.as_bytes());
        let odd = descriptor("application/x-future", b"whatever");
        let top = json!({ "schemaVersion": 2, "manifests": [index, odd], "annotations": null, "novelty": {} });
        fs::write(folder.path().join("layout/index.json"), top.to_string()).unwrap();
        fs::write(folder.path().join("layout/oci-layout"), "{ \"imageLayoutVersion\": \"1.0.0\" }").unwrap();
        Self { folder, foreign }
    }

    fn layout(&self) -> PathBuf {
        self.folder.path().join("layout")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn commit(&self, images: &[Named]) -> Result<(), Error> {
        commit(&self.layout(), images, &|digest| self.store().join(digest.hex()))
    }

    fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.layout().join("blobs/sha256")).unwrap().map(Result::unwrap);
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.layout().join("index.json")).unwrap()).unwrap()
    }
}

#[test]
fn images_of_others_stay_to_the_byte_and_ours_come_first() {
    let world = World::new();
    let before = world.blobs();
    // Ours shares its layer with the foreign image, and then no longer does.
    world.commit(&[named(&world.store(), "ours", b"shared")]).unwrap();
    world.commit(&[named(&world.store(), "ours", b"own")]).unwrap();
    let after = world.blobs();
    for digest in &world.foreign {
        assert_eq!(after.get(digest), before.get(digest), "{digest}");
    }
    assert_eq!(after.len(), before.len() + 3, "layer, config and manifest of the image that stays");
    let index = world.index();
    let types: Vec<&str> =
        index["manifests"].as_array().unwrap().iter().map(|m| m["mediaType"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json",
            "application/x-future"
        ]
    );
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "ours");
}

#[test]
fn a_document_that_is_manifest_and_index_at_once_is_refused() {
    let world = World::new();
    let text = r#"{ "schemaVersion": 2, "manifests": [], "layers": [], "config": {} }"#;
    fs::write(world.layout().join("index.json"), text).unwrap();
    let error = world.commit(&[named(&world.store(), "ours", b"x")]).unwrap_err().to_string();
    assert!(error.ends_with("has both `layers` and `manifests`: it is neither a manifest nor an index"), "{error}");
    assert_eq!(fs::read_to_string(world.layout().join("index.json")).unwrap(), text);
    assert_eq!(world.blobs().len(), world.foreign.len());
}

#[test]
fn commits_at_once_lose_no_image() {
    let world = World::new();
    let names: Vec<String> = (0..8).map(|i| format!("image-{i}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let world = &world;
            scope.spawn(move || world.commit(&[named(&world.store(), name, name.as_bytes())]).unwrap());
        }
    });
    assert_eq!(world.index()["manifests"].as_array().unwrap().len(), names.len() + 2);
}

#[test]
fn an_archive_is_readable_by_docker_and_by_oci() {
    let world = World::new();
    let images = [named(&world.store(), "a", b"layer")];
    let listed = |kind| {
        let mut out = Vec::new();
        archive(kind, &images, 7, &|digest| world.store().join(digest.hex()), &mut out).unwrap();
        let mut archive = tar::Archive::new(out.as_slice());
        let entries = archive.entries().unwrap().map(Result::unwrap);
        let all: Vec<String> = entries
            .map(|entry| {
                assert_eq!(entry.header().mtime().unwrap(), 7);
                entry.path().unwrap().display().to_string()
            })
            .collect();
        all
    };
    let (config, layer) = (images[0].image.config.digest.hex(), images[0].image.layers[0].digest.hex());
    let manifest = images[0].image.manifest.digest.hex();
    let mut blobs = [config.clone(), layer.clone(), manifest].map(|hex| format!("blobs/sha256/{hex}")).to_vec();
    blobs.sort();
    let rest = ["index.json", "manifest.json", "oci-layout"].map(str::to_owned);
    assert_eq!(listed(Archive::Oci), [blobs, rest.to_vec()].concat());
    let mut docker = vec![format!("{config}.json"), format!("{layer}.tar.gz"), "manifest.json".to_owned()];
    docker.sort();
    assert_eq!(listed(Archive::Docker), docker);
}

//! The documents as values: which fields they have, in which order, and what is refused.

use serde_json::{Value, json};

use super::*;

const EPOCH: u64 = 1_700_000_000;

fn runtime() -> Runtime {
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Runtime {
        user: "185:185".to_owned(),
        environment: pairs(&[("PATH", "/usr/bin"), ("JAVA_HOME", "/usr/lib/jvm")]),
        entrypoint: words(&["/usr/bin/tini", "--"]),
        command: words(&["python3", "/app/score.py"]),
        working_dir: "/home/spark".to_owned(),
        ports: vec![4040, 8080],
        labels: pairs(&[("org.opencontainers.image.title", "score"), ("team", "pricing")]),
    }
}

fn layer(n: usize) -> Layer {
    let of = |what: &str| Digest::of(format!("{what} {n}").as_bytes());
    Layer { name: format!("layer-{n}"), diff_id: of("tar"), digest: of("blob"), size: 1000 + n as u64 }
}

fn layers(count: usize) -> Vec<Layer> {
    (0..count).map(layer).collect()
}

fn made(format: Format) -> Image {
    assemble(&runtime(), &layers(2), EPOCH, format).unwrap()
}

fn read(document: &Document) -> Value {
    serde_json::from_slice(&document.bytes).unwrap()
}

#[test]
fn the_documents_are_these_bytes_for_ever() {
    let image = made(Format::Oci);
    insta::assert_snapshot!(String::from_utf8_lossy(&image.config.bytes), @r#"{"architecture":"amd64","config":{"Cmd":["python3","/app/score.py"],"Entrypoint":["/usr/bin/tini","--"],"Env":["JAVA_HOME=/usr/lib/jvm","PATH=/usr/bin"],"ExposedPorts":{"4040/tcp":{},"8080/tcp":{}},"Labels":{"org.opencontainers.image.created":"2023-11-14T22:13:20Z","org.opencontainers.image.title":"score","team":"pricing"},"StopSignal":"SIGTERM","User":"185:185","WorkingDir":"/home/spark"},"created":"2023-11-14T22:13:20Z","history":[{"created":"2023-11-14T22:13:20Z","created_by":"sparkbake: layer-0"},{"created":"2023-11-14T22:13:20Z","created_by":"sparkbake: layer-1"}],"os":"linux","rootfs":{"diff_ids":["sha256:90f6fd2018ddebdce88b1af71a72bfbb73a0c5f74c825a6af08a56c73a27efa5","sha256:5f618eb2d12fd37ddf40aaefe16e1c765e1c0d933c2c4bc0d8a1c82bb8e02082"],"type":"layers"}}"#);
    insta::assert_snapshot!(String::from_utf8_lossy(&image.manifest.bytes), @r#"{"annotations":{"org.opencontainers.image.created":"2023-11-14T22:13:20Z","org.opencontainers.image.title":"score","team":"pricing"},"config":{"digest":"sha256:b4a205becaa57347a1e9c2b4d53d907d53bcee8a6a8266510df05d5ff2a5186a","mediaType":"application/vnd.oci.image.config.v1+json","size":777},"layers":[{"digest":"sha256:a32b217ef17069c89f5f22c5a0b1b0f1292375d7304acc3f5d8a6ecc7e0c7208","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":1000},{"digest":"sha256:8ea720af7d06fc784e8a1e71cf77659b56e75cbed34969abb290689af960c86d","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":1001}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#);
    let index = index(&[("score".to_owned(), image.manifest.descriptor().unwrap())]).unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&index.bytes), @r#"{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"score"},"digest":"sha256:743c168734d4a786418deebd8791aa2682c0e1921bbbab0957fbb06a04d09d86","mediaType":"application/vnd.oci.image.manifest.v1+json","size":689}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#);
    insta::assert_snapshot!(image.manifest.digest, @"sha256:743c168734d4a786418deebd8791aa2682c0e1921bbbab0957fbb06a04d09d86");
}

#[test]
fn each_layer_has_one_history_entry_and_one_diff_id() {
    let image = made(Format::Oci);
    let (config, manifest) = (read(&image.config), read(&image.manifest));
    let history = config["history"].as_array().unwrap();
    assert!(history.iter().all(|entry| entry.get("empty_layer").is_none()));
    let names: Vec<&str> = history.iter().map(|entry| entry["created_by"].as_str().unwrap()).collect();
    assert_eq!(names, ["sparkbake: layer-0", "sparkbake: layer-1"]);
    let expected: Vec<Digest> = layers(2).iter().map(|layer| layer.diff_id).collect();
    assert_eq!(config["rootfs"]["diff_ids"], json!(expected));
    let blobs: Vec<Value> = layers(2).iter().map(|layer| json!([layer.digest, layer.size])).collect();
    let said: Vec<Value> =
        manifest["layers"].as_array().unwrap().iter().map(|layer| json!([layer["digest"], layer["size"]])).collect();
    assert_eq!(said, blobs);
}

#[test]
fn the_epoch_is_the_only_time() {
    let image = made(Format::Oci);
    let text = [image.config.bytes.clone(), image.manifest.bytes.clone()].concat();
    let text = String::from_utf8(text).unwrap();
    let times: Vec<&str> = text.match_indices("20").filter_map(|(at, _)| text.get(at..at + 20)).collect();
    let times: Vec<&&str> = times.iter().filter(|time| time.ends_with('Z')).collect();
    // created, two of the history, the label and the annotation.
    assert_eq!(times, [&"2023-11-14T22:13:20Z"; 5]);
    assert!(rfc3339(u64::MAX).is_err() && rfc3339(253_402_300_800).is_err());
}

#[test]
fn ports_are_keys_and_empty_fields_are_absent() {
    let config = &read(&made(Format::Oci).config)["config"];
    assert_eq!(config["ExposedPorts"], json!({ "4040/tcp": {}, "8080/tcp": {} }));
    let bare = Runtime { command: Vec::new(), ports: Vec::new(), ..runtime() };
    let config = read(&assemble(&bare, &layers(1), EPOCH, Format::Oci).unwrap().config);
    for field in ["Cmd", "ExposedPorts", "Volumes"] {
        assert_eq!(config["config"].get(field), None, "{field}");
    }
}

#[test]
fn layers_that_no_runtime_takes_are_refused() {
    let twins = [layer(1), layer(2), Layer { name: "twin".to_owned(), ..layer(1) }];
    let said =
        |layers: &[Layer]| assemble(&runtime(), layers, EPOCH, Format::Oci).map(|_| ()).map_err(|e| e.to_string());
    insta::assert_snapshot!(said(&twins).unwrap_err(), @"image: layers `layer-1` and `twin` are the same");
    insta::assert_snapshot!(said(&[]).unwrap_err(), @"image: 0 layers; 1 to 120 can be");
    insta::assert_snapshot!(said(&layers(121)).unwrap_err(), @"image: 121 layers; 1 to 120 can be");
    assert_eq!(said(&layers(120)), Ok(()));
}

#[test]
fn dockers_documents_name_the_same_layers() {
    let (oci, docker) = (made(Format::Oci), made(Format::Docker));
    let (ours, theirs) = (read(&oci.manifest), read(&docker.manifest));
    let types = |manifest: &Value| {
        let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["mediaType"].clone());
        [manifest["mediaType"].clone(), manifest["config"]["mediaType"].clone()]
            .into_iter()
            .chain(layers)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        types(&ours),
        [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ]
    );
    assert_eq!(
        types(&theirs),
        [
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ]
    );
    assert_eq!(oci.config.bytes, docker.config.bytes);
    assert_eq!(ours["layers"][0]["digest"], theirs["layers"][0]["digest"]);
    assert_eq!(theirs.get("annotations"), None, "schema 2 has none");
}

#[test]
fn the_size_that_azure_guarantees_is_approached_with_a_warning() {
    let of = |bytes: u64| {
        let layers = [Layer { size: bytes, ..layer(1) }];
        assemble(&runtime(), &layers, EPOCH, Format::Oci).unwrap()
    };
    assert_eq!(of(5_000).size(), 5_000 + (of(5_000).config.bytes.len() + of(5_000).manifest.bytes.len()) as u64);
    assert!(!of(13_400_000_000).strains_aci());
    assert!(of(13_500_000_000).strains_aci());
}

#[test]
fn of_an_index_the_image_for_a_platform_is_taken() {
    let manifest = |name: &str| {
        let blob = |what: &str| json!({ "mediaType": "x", "digest": Digest::of(format!("{name} {what}").as_bytes()), "size": 1 });
        json!({ "schemaVersion": 2, "config": blob("config"), "layers": [blob("layer")] }).to_string().into_bytes()
    };
    let all = [("unknown", "unknown"), ("linux", "arm64"), ("linux", "amd64"), ("windows", "amd64")];
    let descriptor = |(os, architecture): &(&str, &str)| {
        let bytes = manifest(&format!("{os} {architecture}"));
        json!({
            "mediaType": MANIFEST_TYPES[0], "digest": Digest::of(&bytes), "size": bytes.len(),
            "platform": { "os": os, "architecture": architecture },
        })
    };
    let index = json!({ "schemaVersion": 2, "manifests": all.iter().map(descriptor).collect::<Vec<_>>() });
    let mut child = |descriptor: &Descriptor| {
        let platform = descriptor.platform().as_ref().unwrap();
        Ok(manifest(&format!("{} {}", platform.os(), platform.architecture())))
    };
    let read = content::Content::parse(index.to_string().into_bytes(), INDEX_TYPES[0], &mut child).unwrap();
    let found = |os: &str, architecture: &str| read.clone().of_platform(os, architecture).unwrap();
    assert_eq!(found("linux", "amd64").digest, Digest::of(&manifest("linux amd64")));
    // A manifest is itself, and an index without such an image has no blobs.
    assert_eq!(found("linux", "amd64").of_platform("plan9", "amd64").unwrap(), found("linux", "amd64"));
    assert!(found("plan9", "amd64").blobs.is_empty());
}

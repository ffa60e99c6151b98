//! What a command leaves behind is whole, whatever ended it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;
use sparkbake::digest::Digest;

/// Every blob that a store got of its own is what its name says; what it shares with another was there before.
#[track_caller]
pub(crate) fn store_is_whole(store: &Path) {
    for entry in fs::read_dir(store.join("blobs/sha256")).unwrap().map(Result::unwrap) {
        if entry.metadata().unwrap().nlink() == 1 {
            let digest = Digest::of(&fs::read(entry.path()).unwrap());
            assert_eq!(digest.hex(), entry.file_name().to_str().unwrap());
        }
    }
}

/// All that the layout's index leads to is there, to the byte; the digest of its only image.
#[track_caller]
pub(crate) fn layout_is_whole(layout: &Path) -> String {
    let blob = |digest: &str| {
        let bytes = fs::read(layout.join("blobs/sha256").join(&digest[7..])).unwrap();
        assert_eq!(Digest::of(&bytes).to_string(), digest);
        bytes
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let index = json(&fs::read(layout.join("index.json")).unwrap());
    let digest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let manifest = json(&blob(&digest));
    for named in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
        blob(named["digest"].as_str().unwrap());
    }
    digest
}

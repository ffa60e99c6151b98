//! The binary against a registry on loopback that misbehaves as registries have been seen to. Names begin
//! with the demands of docs/conformance.md that they prove.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests of the whole")]

mod auth;
mod azure;
mod faults;
mod protocol;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use server::{Server, digest};
use tempfile::TempDir;

/// The parts in which blobs travel, in bytes.
const PART: usize = 16 << 20;

/// A layout with one image of these layers, a store, a home, and nothing else.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new(layers: &[Vec<u8>]) -> Self {
        Self::described(layers, json!({ "architecture": "amd64", "os": "linux" }))
    }

    /// The same; `config` is what its config says beside the layers.
    fn described(layers: &[Vec<u8>], mut config: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory };
        let blobs = place.path("image/blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::create_dir(place.path("home")).unwrap();
        let put = |bytes: &[u8], media_type: &str| {
            let digest = digest(bytes);
            fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
            json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
        };
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
        let layers: Vec<Value> =
            layers.iter().map(|layer| put(layer, "application/vnd.oci.image.layer.v1.tar+gzip")).collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        // With a field that nobody knows, and spaces: foreign bytes stay what they are.
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers, "x": 1 });
        let manifest = put(&serde_json::to_vec_pretty(&manifest).unwrap(), media_type);
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(place.path("image/index.json"), index.to_string()).unwrap();
        fs::write(place.path("image/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        place
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    fn manifest(&self) -> String {
        let index: Value = serde_json::from_slice(&fs::read(self.path("image/index.json")).unwrap()).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sparkbake"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.env("HOME", self.path("home")).env("SPARKBAKE_CACHE_DIR", self.path("store"));
        command.env("PATH", self.path("bin"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Pushes the image as `HOST/team/score:1`.
    fn push(&self, server: &Server, more: &[&str]) -> Output {
        let to = format!("{}/team/score:1", server.host);
        self.run(&[&["push", "oci:image", &to, "-v"], more].concat())
    }

    /// Pushes, and demands that the registry has the image afterwards, to the byte.
    #[track_caller]
    fn pushed(&self, server: &Server, more: &[&str]) -> Output {
        let ran = self.push(server, more);
        assert!(ran.status.success(), "{}", said(&ran));
        self.is_there(server);
        ran
    }

    #[track_caller]
    fn is_there(&self, server: &Server) {
        let state = server.state.lock().unwrap();
        let (_, manifest) = &state.manifests[&("team/score".to_owned(), "1".to_owned())];
        assert_eq!(digest(manifest), self.manifest());
        for blob in fs::read_dir(self.path("image/blobs/sha256")).unwrap().map(Result::unwrap) {
            let bytes = fs::read(blob.path()).unwrap();
            if bytes == *manifest {
                continue;
            }
            let key = ("team/score".to_owned(), digest(&bytes));
            assert!(state.blobs.get(&key).is_some_and(|there| *there == bytes), "{key:?}");
        }
    }
}

/// Bytes that do not repeat, and differ by the seed.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..size.div_ceil(8)).flat_map(|_| step()).take(size).collect()
}

fn said(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

fn stdout(ran: &Output) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}

/// Writes a program that a test puts on `PATH`.
fn program(at: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
}

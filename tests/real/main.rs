//! Real registries, real containers, real clients.
//!
//! `tests/run` starts the engine and says where it is (`SPARKBAKE_TEST_DOCKER`). Without it the tests
//! that need it say loudly that they are skipped; in CI (`SPARKBAKE_TEST_CI`) they fail instead.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests of the whole")]

mod app;
mod base;
mod bulk;
mod bytes;
mod cells;
mod classpath;
mod clients;
mod conformance;
mod containers;
mod deaths;
mod diagnose;
mod failing;
mod jars;
mod killed;
mod locks;
mod matrix;
mod memory;
mod mishaps;
mod network;
mod pipelines;
mod push;
mod rebuild;
mod registries;
mod resolvers;
mod run;
mod runtimes;
mod settings;
#[path = "../common/whole.rs"]
mod whole;

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// The shipped profiles.
const SHIPPED: [&str; 3] = ["minimal", "spark-3.5", "spark-4.1"];

/// A directory of this test binary; everything below it can go at any time.
fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real").join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// An empty directory that stays.
fn emptied(name: &str) -> PathBuf {
    let path = place(name);
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir_all(&path).unwrap();
    path
}

/// An empty directory of the caller's own, whoever else says the same name, that goes with this value: a
/// run of all tests must fit on a small disk. Where the test failed it stays, to be looked at.
fn fresh(name: &str) -> Fresh {
    static GIVEN: AtomicUsize = AtomicUsize::new(0);
    Fresh(emptied(&format!("{name}-{}", GIVEN.fetch_add(1, Ordering::Relaxed))))
}

struct Fresh(PathBuf);

impl Deref for Fresh {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Fresh {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<OsStr> for Fresh {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A container may have left a file that only its user can remove.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The store that all tests share, with every shipped profile built once.
fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let cache = place("cache");
        let out = emptied("shipped");
        for profile in SHIPPED {
            let output = format!("oci:{}/{profile}", out.display());
            let ran = sparkbake_in(&cache, &out, &["build", profile, "-o", &output]);
            assert!(ran.status.success(), "{profile}: {}", said(&ran));
        }
        cache
    })
}

/// The program that the tests drive: a release build where `tests/run` names one, as it is the one that people have.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        std::env::var("SPARKBAKE_TEST_RELEASE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sparkbake").to_owned())
    })
}

fn sparkbake_in(cache: &Path, cwd: &Path, args: &[&str]) -> Output {
    command_in(cache, cwd, args).output().unwrap()
}

fn command_in(cache: &Path, cwd: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).current_dir(cwd).env("SPARKBAKE_CACHE_DIR", cache).env("CI", "1");
    command
}

/// Runs with the shared store and must succeed; standard output.
fn sparkbake(cwd: &Path, args: &[&str]) -> String {
    let ran = sparkbake_in(cache(), cwd, args);
    assert!(ran.status.success(), "{args:?}: {}", said(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

fn said(ran: &Output) -> String {
    format!("{}\n{}{}", ran.status, String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

/// A program of the system; what it said, with success demanded.
fn tool(program: &str, args: &[&str]) -> String {
    let ran = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(ran.status.success(), "{program} {args:?}: {}", said(&ran));
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// Whether a tool is here; in CI it must be.
fn have(what: &str, found: bool) -> bool {
    if !found {
        assert!(std::env::var_os("SPARKBAKE_TEST_CI").is_none(), "CI skips nothing, and {what} is missing");
        eprintln!("SKIPPED: {what} is missing; run ./tests/run as root on Debian");
    }
    found
}

fn on_path(program: &str) -> bool {
    have(program, Command::new(program).arg("--version").output().is_ok())
}

/// The engine's address.
fn docker() -> Option<String> {
    let address = std::env::var("SPARKBAKE_TEST_DOCKER").ok();
    have("a docker engine", address.is_some());
    address
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest and the config of the first image of a layout.
fn image(layout: &Path) -> (Value, Value) {
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        json(&layout.join("blobs/sha256").join(digest))
    };
    let manifest = blob(&json(&layout.join("index.json"))["manifests"][0]);
    let config = blob(&manifest["config"]);
    (manifest, config)
}

/// Digest of the first manifest of a layout.
fn manifest_digest(layout: &Path) -> String {
    json(&layout.join("index.json"))["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// A store that has the locked files of the shared one and nothing that was made from them.
fn inputs_only(name: &str) -> Fresh {
    let new = fresh(name);
    link_inputs(&new);
    new
}

/// Links the locked files of the shared store into another.
fn link_inputs(new: &Path) {
    let made: Vec<String> = SHIPPED
        .iter()
        .flat_map(|profile| {
            let (manifest, _) = image(&place("shipped").join(profile));
            let layers = manifest["layers"].as_array().unwrap().clone();
            layers.into_iter().map(|layer| layer["digest"].as_str().unwrap()[7..].to_owned())
        })
        .collect();
    let blobs = new.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    for entry in fs::read_dir(cache().join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        if !made.contains(&entry.file_name().into_string().unwrap()) {
            fs::hard_link(entry.path(), blobs.join(entry.file_name())).unwrap();
        }
    }
}

/// A random tenth of a slow table, at least one row.
fn tenth<T: Clone>(what: &str, all: &[T]) -> Vec<T> {
    drawn(what, all, all.len().div_ceil(10))
}

/// Some rows of a slow table, at random; all of it under `SPARKBAKE_TEST_ALL`. The seed is printed, and
/// `SPARKBAKE_TEST_SEED` takes it again.
fn drawn<T: Clone>(what: &str, all: &[T], count: usize) -> Vec<T> {
    if std::env::var_os("SPARKBAKE_TEST_ALL").is_some() {
        return all.to_vec();
    }
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("SPARKBAKE_TEST_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    eprintln!("{what}: {count} of {}, SPARKBAKE_TEST_SEED={seed}", all.len());
    let mut state = seed;
    let mut left = all.to_vec();
    let draw = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        left.swap_remove((state >> 33) as usize % left.len())
    };
    (0..count.min(all.len())).map(draw).collect()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A project of its own in an empty directory.
fn project(name: &str, profile: &str) -> Fresh {
    let directory = fresh(name);
    fs::write(directory.join("sparkbake.toml"), profile).unwrap();
    directory
}

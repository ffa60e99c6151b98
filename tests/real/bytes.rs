//! The same bytes everywhere.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::{
    Fresh, SHIPPED, cache, command_in, fresh, have, image, inputs_only, json, manifest_digest, place, project,
    repository, said, sparkbake,
};

/// The layers of an image: name from the history, digest.
fn layers(layout: &Path) -> Vec<(String, String)> {
    let (manifest, config) = image(layout);
    let names = config["history"].as_array().unwrap().iter();
    let digests = manifest["layers"].as_array().unwrap().iter();
    names
        .zip(digests)
        .map(|(name, layer)| (name["created_by"].to_string(), layer["digest"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_shipped_profile_is_what_its_lockfile_promises() {
    cache();
    for profile in SHIPPED {
        let lock = fs::read_to_string(repository().join(format!("lockfiles/{profile}.lock"))).unwrap();
        for (name, digest) in layers(&place("shipped").join(profile)) {
            let locked = !["lock", "settings"].iter().any(|own| name.contains(own));
            assert_eq!(lock.contains(&digest), locked, "{profile} {name}");
        }
    }
}

/// What the surroundings of a build may be: threads, umask, and variables.
type Surroundings = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SURROUNDINGS: [Surroundings; 2] = [
    ("1", "077", &[("TZ", "Asia/Kathmandu"), ("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8")]),
    ("16", "000", &[("TZ", "America/New_York"), ("LANG", "de_DE@euro"), ("TMPDIR", "/dev/shm")]),
];

/// Builds in surroundings, with names of this host that are found again if they get anywhere.
fn build_in((jobs, umask, variables): Surroundings, store: &Path, cwd: &Path, profile: &str) {
    let program = crate::program();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\""), program, "build", profile]);
    shell.args(["-j", jobs, "--offline", "-o", "oci:x"]).current_dir(cwd).env("SPARKBAKE_CACHE_DIR", store).arg0("sh");
    for (name, value) in [("USER", CANARY), ("LOGNAME", CANARY), ("HOSTNAME", CANARY), ("HOME", CANARY_HOME)] {
        shell.env(name, value);
    }
    let ran = shell.envs(variables.iter().copied()).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
}

const CANARY: &str = "canary7f3a";
const CANARY_HOME: &str = "/tmp/canary7f3a";

#[test]
fn d1_d6_nothing_of_the_host_is_in_an_image() {
    cache();
    let expected = manifest_digest(&place("shipped").join("minimal"));
    for (i, surroundings) in SURROUNDINGS.into_iter().enumerate() {
        let (store, cwd) = (inputs_only(&format!("bytes-store-{i}")), fresh(&format!("bytes {i}")));
        build_in(surroundings, &store, &cwd, "minimal");
        assert_eq!(manifest_digest(&cwd.join("x")), expected, "{surroundings:?}");
    }
}

/// The smallest shipped profile with an app, which is still empty.
fn with_app(name: &str) -> Fresh {
    let cwd = fresh(name);
    app_in(&cwd);
    cwd
}

fn app_in(cwd: &Path) {
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let text = format!("{text}\n[[app.copy]]\nfrom = \"app\"\nto = \"/app\"\n");
    fs::write(cwd.join("sparkbake.toml"), text).unwrap();
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    fs::create_dir(cwd.join("app")).unwrap();
}

#[test]
fn d2_the_order_of_a_directory_is_no_matter() {
    let out = fresh("order");
    let names: Vec<String> = (0..40).map(|i| format!("file-{i}")).collect();
    let made = |to: &str, names: &mut dyn Iterator<Item = &String>| {
        // In memory a directory is listed as its files were made.
        let cwd = tempfile::tempdir_in("/dev/shm").unwrap();
        app_in(cwd.path());
        let app = cwd.path().join("app");
        for name in names {
            fs::write(app.join(name), name).unwrap();
        }
        let listed: Vec<_> = fs::read_dir(app).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        sparkbake(cwd.path(), &["build", "--locked", "-o", &format!("oci:{}", out.join(to).display())]);
        (listed, manifest_digest(&out.join(to)))
    };
    let (one, other) = (made("one", &mut names.iter()), made("other", &mut names.iter().rev()));
    assert_ne!(one.0, other.0, "the two directories are listed alike, and show nothing");
    assert_eq!(one.1, other.1);
}

#[test]
fn d11_no_name_of_the_host_gets_into_an_image() {
    cache();
    let cwd = with_app(CANARY);
    fs::write(cwd.join("app/score.py"), "print()\n").unwrap();
    build_in(SURROUNDINGS[0], cache(), &cwd, "sparkbake.toml");
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned();
    let layout = cwd.join("x");
    let (manifest, config) = image(&layout);
    assert!(config.to_string().contains("created_by"));
    let mut all = vec![manifest.to_string().into_bytes(), config.to_string().into_bytes()];
    for layer in manifest["layers"].as_array().unwrap() {
        let blob = layout.join("blobs/sha256").join(&layer["digest"].as_str().unwrap()[7..]);
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(fs::File::open(blob).unwrap()).read_to_end(&mut tar).unwrap();
        all.push(tar);
    }
    let canaries = [CANARY, env!("CARGO_MANIFEST_DIR"), host.as_str()];
    for canary in canaries.into_iter().filter(|canary| canary.len() > 5) {
        let finder = memmem(canary.as_bytes());
        for (at, bytes) in all.iter().enumerate() {
            assert!(!finder(bytes), "{canary} is in part {at}");
        }
    }
}

#[test]
fn x28_what_is_secret_by_custom_is_in_no_layer_and_a_private_key_is_told() {
    let cwd = with_app("secrets");
    let app = cwd.join("app");
    let hidden = [".env", ".env.local", ".git/config", ".ssh/config", ".aws/credentials", "id_rsa", "sub/.netrc"];
    for path in hidden {
        let path = app.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, CANARY).unwrap();
    }
    fs::write(app.join("sub/score.py"), "print()\n").unwrap();
    // Whoever asked for a file by a name of their own gets it, and is told what it is.
    fs::write(app.join("server.pem"), "a\n-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n").unwrap();
    let ran = command_in(cache(), &cwd, &["build", "--locked", "-o", "oci:x"]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    for path in [".env", ".env.local", ".git", ".ssh", ".aws", "id_rsa", "sub/.netrc"] {
        let note = format!("left out of the image: {}\n", app.join(path).display());
        assert!(said(&ran).contains(&note), "{path}: {}", said(&ran));
    }
    assert!(said(&ran).contains("1 private key would be in the image: app/server.pem"), "{}", said(&ran));
    let layout = cwd.join("x");
    let names: Vec<(String, String)> = layers(&layout);
    let (_, digest) = names.iter().find(|(name, _)| name.contains(": app")).unwrap_or_else(|| panic!("{names:?}"));
    let blob = fs::File::open(layout.join("blobs/sha256").join(&digest[7..])).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(blob));
    let paths: Vec<String> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(paths.iter().filter(|path| path.starts_with("app/")).count(), 4, "{paths:?}");
    let denied = ["build", "--locked", "-o", "oci:y", "--deny", "warnings"];
    assert_eq!(command_in(cache(), &cwd, &denied).output().unwrap().status.code(), Some(1));
}

/// Finds bytes in bytes.
fn memmem(needle: &[u8]) -> impl Fn(&[u8]) -> bool + '_ {
    move |hay| hay.windows(needle.len()).any(|window| window[0] == needle[0] && window == needle)
}

#[test]
fn d12_a_file_counts_by_its_bytes_and_whether_it_can_be_run() {
    let cwd = with_app("touched");
    let file = cwd.join("app/score.py");
    fs::write(&file, "print()\n").unwrap();
    let built = || sparkbake(&cwd, &["build", "--locked", "-o", "oci:x"]);
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let first = built();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    assert_eq!(built(), first);
    // Who may read it is the checkout's business; whether it can be run is the app's.
    mode(0o600);
    assert_eq!(built(), first);
    mode(0o755);
    assert_ne!(built(), first);
    mode(0o644);
    assert_eq!(built(), first);
    fs::write(&file, "print(1)\n").unwrap();
    assert_ne!(built(), first);
}

#[test]
fn d4_a_time_that_is_none_is_refused_and_the_locks_own_is_taken() {
    let cwd = with_app("epoch");
    fs::write(cwd.join("app/score.py"), "print()\n").unwrap();
    let expected = sparkbake(&cwd, &["build", "--locked", "-o", "oci:x"]);
    let ran =
        |args: &[&str], epoch: &str| command_in(cache(), &cwd, args).env("SOURCE_DATE_EPOCH", epoch).output().unwrap();
    for epoch in ["-1", "1.5", "+1", " 1", "1e9", "0x1", "now", "99999999999999999999", "300000000000"] {
        for args in [&["build", "-o", "oci:y"][..], &["lock"]] {
            let ran = ran(args, epoch);
            assert_eq!(ran.status.code(), Some(2), "`{epoch}`: {}", said(&ran));
            assert!(said(&ran).contains("it must be a whole number of seconds since 1970"), "{}", said(&ran));
        }
    }
    let ran = ran(&["build", "--locked", "-o", "oci:x"], "5");
    assert!(said(&ran).contains("SOURCE_DATE_EPOCH is 5, and the lock's own time"), "{}", said(&ran));
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
}

/// What is beside the tests is a debug build as they are; `tests/run` makes the release build.
#[test]
fn a_debug_build_makes_the_same_bytes() {
    let debug = env!("CARGO_BIN_EXE_sparkbake");
    if !have("a release build of sparkbake", crate::program() != debug) {
        return;
    }
    cache();
    let (store, cwd) = (inputs_only("debug-store"), fresh("debug"));
    let mut command = Command::new(debug);
    command.args(["build", "minimal", "--offline", "-o", "oci:x"]).current_dir(&cwd);
    let ran = command.env("SPARKBAKE_CACHE_DIR", &store).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("x")), manifest_digest(&place("shipped").join("minimal")));
}

#[test]
fn another_size_changes_the_settings_alone() {
    let cwd = fresh("sizes");
    sparkbake(&cwd, &["build", "spark-3.5", "-o", "oci:four"]);
    sparkbake(&cwd, &["build", "spark-3.5", "--memory", "8", "-o", "oci:eight"]);
    let (four, eight) = (layers(&cwd.join("four")), layers(&cwd.join("eight")));
    let changed: Vec<&str> =
        four.iter().zip(&eight).filter(|(a, b)| a != b).map(|((name, _), _)| name.as_str()).collect();
    assert_eq!(changed, ["\"sparkbake: settings\""]);
}

#[test]
fn several_sizes_are_several_images_that_share_their_layers() {
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let sized = text.replace(
        "[target.aci]",
        "[target.aci]\nsizes = { small = { cpu = 1, memory-gb = 1.5 }, large = { cpu = 2, memory-gb = 8 } }",
    );
    assert_ne!(sized, text);
    let cwd = project("named-sizes", &sized);
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    let out = sparkbake(
        &cwd,
        &["build", "--locked", "--size", "small", "--size", "large", "-o", "oci:both", "--metadata-file", "m.json"],
    );
    let metadata = json(&cwd.join("m.json"));
    let images = metadata["images"].as_array().unwrap();
    let references: Vec<String> =
        images.iter().map(|image| format!("oci:both@{}", image["digest"].as_str().unwrap())).collect();
    assert_eq!(out.lines().collect::<Vec<_>>(), references);
    assert_eq!(
        images.iter().map(|image| image["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["sparkbake-small", "sparkbake-large"]
    );
    let blobs = fs::read_dir(cwd.join("both/blobs/sha256")).unwrap().count();
    let layers = images[0]["layers"].as_array().unwrap().len();
    assert_eq!(blobs, layers + 1 + 4, "one settings layer more, two configs, two manifests");
}

#[test]
fn archives_are_the_same_bytes_twice() {
    let cwd = fresh("archives");
    for round in ["1", "2"] {
        sparkbake(
            &cwd,
            &[
                "build",
                "minimal",
                "-o",
                &format!("oci-archive:oci{round}"),
                "-o",
                &format!("docker-archive:docker{round}"),
            ],
        );
    }
    for kind in ["oci", "docker"] {
        let read = |round: &str| fs::read(cwd.join(format!("{kind}{round}"))).unwrap();
        assert!(read("1") == read("2"), "{kind}");
    }
}

#[test]
fn a_layout_keeps_what_is_not_ours() {
    let cwd = fresh("shared-layout");
    sparkbake(&cwd, &["build", "minimal", "-o", "oci:x"]);
    let before = json(&cwd.join("x/index.json"));
    sparkbake(&cwd, &["build", "minimal", "--memory", "3", "-o", "oci:x"]);
    let after = json(&cwd.join("x/index.json"));
    assert_eq!(after["manifests"].as_array().unwrap().len(), 1, "the image of the same name is replaced");
    assert_ne!(before, after);
    let (manifest, _) = image(&cwd.join("x"));
    let expected = manifest["layers"].as_array().unwrap().len() + 2;
    assert_eq!(
        fs::read_dir(cwd.join("x/blobs/sha256")).unwrap().count(),
        expected,
        "the old image's own blobs are gone"
    );

    fs::create_dir(cwd.join("mine")).unwrap();
    fs::write(cwd.join("mine/letter"), "dear").unwrap();
    let ran = command_in(cache(), &cwd, &["build", "minimal", "-o", "oci:mine"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert!(said(&ran).contains("is neither an OCI layout nor empty"), "{}", said(&ran));
    assert_eq!(fs::read_dir(cwd.join("mine")).unwrap().count(), 1);
}

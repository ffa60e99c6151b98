//! The same bytes everywhere.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{
    SHIPPED, cache, command_in, fresh, have, image, inputs_only, json, manifest_digest, place, project, repository,
    said, sparkbake,
};

/// The layers of an image: name from the history, digest.
fn layers(layout: &std::path::Path) -> Vec<(String, String)> {
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

#[test]
fn nothing_of_the_host_is_in_an_image() {
    let first = place("shipped").join("minimal");
    cache();
    let expected = manifest_digest(&first);
    for (i, (jobs, zone, umask)) in
        [("1", "Asia/Kathmandu", "077"), ("2", "America/New_York", "000")].into_iter().enumerate()
    {
        let store = inputs_only(&format!("bytes-store-{i}"));
        let cwd = fresh(&format!("bytes {i}"));
        let program = env!("CARGO_BIN_EXE_sparkbake");
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            &format!("umask {umask}; exec \"$0\" \"$@\""),
            program,
            "build",
            "minimal",
            "-j",
            jobs,
            "--offline",
            "-o",
            "oci:x",
        ]);
        shell
            .current_dir(&cwd)
            .env("SPARKBAKE_CACHE_DIR", &store)
            .env("TZ", zone)
            .env("LANG", "tr_TR.UTF-8")
            .arg0("sh");
        let ran = shell.output().unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(manifest_digest(&cwd.join("x")), expected, "{jobs} {zone} {umask}");
        fs::remove_dir_all(store).unwrap();
    }
}

/// `tests/run` makes the other binary in CI and where all of the slow parts are asked for.
#[test]
fn a_debug_build_makes_the_same_bytes() {
    let Some(program) = std::env::var_os("SPARKBAKE_TEST_DEBUG") else {
        have("a debug build of sparkbake", false);
        return;
    };
    cache();
    let (store, cwd) = (inputs_only("debug-store"), fresh("debug"));
    let mut command = Command::new(program);
    command.args(["build", "minimal", "--offline", "-o", "oci:x"]).current_dir(&cwd);
    let ran = command.env("SPARKBAKE_CACHE_DIR", &store).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("x")), manifest_digest(&place("shipped").join("minimal")));
    fs::remove_dir_all(store).unwrap();
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

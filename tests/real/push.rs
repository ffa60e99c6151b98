//! Registries that are not ours, and clients that are not ours.

use std::fs;
use std::path::Path;

use crate::registries::{KINDS, Kind, Meter, Registry, crane};
use crate::{Fresh, cache, command_in, fresh, manifest_digest, network, on_path, project, repository, said, tool};

/// The smallest shipped profile, with its lock and where it goes.
pub(crate) fn minimal(name: &str, to: &str) -> Fresh {
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let cwd = project(name, &format!("{text}\n[image]\nrepository = \"{to}\"\n"));
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    cwd
}

/// Builds and pushes with a store; the reference.
fn build(store: &Path, cwd: &Path, more: &[&str]) -> String {
    let mut command = command_in(store, cwd, &[&["build", "--locked", "--push"], more].concat());
    // Nothing of a push may need the archives: they are not there.
    for name in ["PYPI", "MAVEN", "DEBIAN", "DEBIAN_SECURITY"] {
        command.env(format!("SPARKBAKE_{name}_URL"), "file:///nowhere");
    }
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

#[test]
fn p31_a_registry_and_skopeo_agree_with_us_from_a_full_store_and_from_an_empty_one() {
    if on_path("skopeo") {
        KINDS.into_iter().for_each(agrees);
    }
}

fn agrees(kind: Kind) {
    let Some(registry) = Registry::start(kind, "registry") else { return };
    eprintln!("{kind:?}");
    let meter = Meter::before(&registry);
    let cwd = minimal("push", &format!("{}/team/score", meter.host));
    let reference = build(cache(), &cwd, &[]);
    let digest = reference.rsplit('@').next().unwrap().to_owned();
    assert_eq!(registry.digest_at("team/score:latest"), digest);
    meter.take();

    // Nothing has changed.
    assert_eq!(build(cache(), &cwd, &[]), reference);
    let (sent, received) = meter.take();
    assert!(sent + received < 3_000, "{sent} {received}");

    // A machine that has nothing: another size, from what the registry has.
    let other = build(&fresh("empty-store"), &cwd, &["--cpu", "2", "--memory", "4", "-t", "two"]);
    assert_ne!(other, reference);
    let (sent, received) = meter.take();
    assert!(sent < 20_000 && received < 40_000, "{sent} bytes sent, {received} received");
    // It is the image that a machine with everything builds.
    let ran = command_in(cache(), &cwd, &["build", "--cpu", "2", "--memory", "4", "-o", "oci:two"]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(other.rsplit('@').next().unwrap(), manifest_digest(&cwd.join("two")));
    assert_eq!(registry.digest_at("team/score:two"), manifest_digest(&cwd.join("two")));

    // Both are looked at where they lie, for some kilobytes.
    let at = |tag: &str| format!("{}/team/score:{tag}", meter.host);
    let look = |args: &[&str]| command_in(&fresh("empty-store"), &cwd, args).output().unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&look(&["inspect", &at("two"), "--json"]).stdout).unwrap();
    assert_eq!(
        (&seen["stack"]["spark"], &seen["plan"]["memory-milli-gb"]),
        (&"3.5.9".into(), &4000.into()),
        "{seen:#}"
    );
    let ran = look(&["diff", &at("latest"), &at("two"), "--json"]);
    assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
    let difference: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let names: Vec<&str> =
        difference["layers"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["settings"], "{difference:#}");
    assert!(difference["upload"].as_u64().unwrap() < 10_000 && difference["artifacts"] == serde_json::json!([]));
    let (sent, received) = meter.take();
    assert!(sent + received < 200_000, "{sent} bytes sent, {received} received");

    // Another repository takes its layers from the first.
    let second = minimal("push-second", &format!("{}/team/second", meter.host));
    build(&fresh("empty-store"), &second, &["--cache-from", &format!("{}/team/score", meter.host)]);
    let (sent, received) = meter.take();
    assert!(sent < 30_000 && received < 40_000, "{sent} bytes sent, {received} received");

    // What skopeo brings to a layout, push brings back.
    let copied = format!("oci:{}/copied:x", cwd.display());
    tool(
        "skopeo",
        &[
            "copy",
            "--quiet",
            "--insecure-policy",
            "--src-tls-verify=false",
            &format!("docker://{}/team/second:latest", registry.host),
            &copied,
        ],
    );
    let third = format!("{}/third/x:1", registry.host);
    let ran = command_in(&fresh("empty-store"), &cwd, &["push", "oci:copied:x", &third]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(registry.digest_at("third/x:1"), digest);
}

#[test]
fn p31_crane_reads_what_we_push_and_we_read_what_crane_pushes() {
    if !on_path("umoci") {
        return;
    }
    let Some(crane) = crane() else { return };
    let crane = crane.display().to_string();
    let cwd = network::image("crane");
    let digest = manifest_digest(&cwd.join("image"));
    let layout = |name: &str| cwd.join(name).display().to_string();
    for kind in KINDS {
        let Some(registry) = Registry::start(kind, "crane-registry") else { continue };
        let (ours, theirs) = (format!("{}/team/ours:1", registry.host), format!("{}/team/theirs:1", registry.host));
        let store = fresh("crane-store");
        let ran = |args: &[&str]| {
            let ran = command_in(&store, &cwd, args).output().unwrap();
            assert!(ran.status.success(), "{kind:?} {args:?}: {}", said(&ran));
            String::from_utf8(ran.stdout).unwrap()
        };
        ran(&["push", "oci:image:x", &ours]);
        assert_eq!(tool(&crane, &["digest", "--insecure", &ours]).trim(), digest);
        // Every digest, size and diff id, by somebody else's reckoning.
        tool(&crane, &["validate", "--insecure", "--remote", &ours]);
        let pulled = format!("pulled-{kind:?}");
        tool(&crane, &["pull", "--insecure", "--format", "oci", &ours, &layout(&pulled)]);
        assert_eq!(manifest_digest(&cwd.join(&pulled)), digest);
        // And back: by crane, whose index names the image as it likes.
        tool(&crane, &["push", "--insecure", &layout(&pulled), &theirs]);
        let inspected: serde_json::Value = serde_json::from_str(&ran(&["inspect", &theirs, "--json"])).unwrap();
        assert_eq!(inspected["digest"], digest.as_str(), "{inspected:#}");
        assert_eq!(ran(&["diff", &theirs, "oci:image:x", "--files"]), "no difference\n");
        // A layer of crane's push is mounted into ours, and the report says so.
        let third = format!("{}/third/x:1", registry.host);
        let cache = theirs.trim_end_matches(":1");
        let report: serde_json::Value =
            serde_json::from_str(&ran(&["push", "oci:image:x", &third, "--cache-from", cache, "--json"])).unwrap();
        let blobs = report["blobs"].as_array().unwrap();
        assert!(blobs.iter().all(|blob| blob["way"] == "mounted" && blob["from"] == cache), "{kind:?}: {report:#}");
        assert_eq!(tool(&crane, &["digest", "--insecure", &third]).trim(), digest);
    }
}

#[test]
fn p29_a_build_tells_what_became_of_every_blob() {
    let Some(registry) = Registry::start(Kind::Docker, "report-registry") else { return };
    let cwd = minimal("push-report", &format!("{}/team/score", registry.host));
    let sizes = ["--cpu", "2", "--memory", "4"];
    let report = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&build(cache(), &cwd, &[&["--json"], more].concat())).unwrap()
    };
    let first = &report(&[])["images"][0];
    let blobs = first["push"]["blobs"].as_array().unwrap();
    assert_eq!(blobs.len(), first["layers"].as_array().unwrap().len() + 1, "{first:#}");
    for blob in blobs {
        assert_eq!((&blob["way"], &blob["bytes"]), (&"uploaded".into(), &blob["size"]), "{blob}");
    }
    assert_eq!(first["push"]["reference"], first["reference"]);
    assert_eq!(registry.digest_at("team/score:latest"), first["digest"].as_str().unwrap());
    // Another size: the settings and the config.
    let second = &report(&sizes)["images"][0];
    let ways = second["push"]["blobs"].as_array().unwrap().iter().map(|blob| blob["way"].as_str().unwrap());
    assert_eq!(ways.filter(|way| *way == "uploaded").count(), 2, "{second:#}");
    let third = &report(&sizes)["images"][0];
    assert_eq!((&third["push"]["existed"], &third["push"]["bytes"]), (&true.into(), &0.into()), "{third:#}");
}

#[test]
fn a_guarded_registry_takes_what_docker_stored_and_nobody_else() {
    let Some(registry) = Registry::guarded("registry-guarded") else { return };
    let cwd = minimal("push-guarded", &format!("{}/team/score", registry.host));
    let archive = ["build", "--locked", "-o", "oci-archive:image.tar"];
    let ran = command_in(cache(), &cwd, &archive).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let push = |config: &str| {
        fs::write(cwd.join("config.json"), config).unwrap();
        let mut command = command_in(cache(), &cwd, &["push", "oci-archive:image.tar", "-t", "1"]);
        command.env("DOCKER_CONFIG", &cwd).output().unwrap()
    };
    let ran = push("{}");
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("401 Unauthorized; `docker login`"), "{}", said(&ran));
    let ran = push(&format!(r#"{{"auths":{{"{}":{{"auth":"bWU6Y2FuYXJ5"}}}}}}"#, registry.host));
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(!said(&ran).contains("canary"));
}

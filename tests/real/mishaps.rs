//! What goes wrong on the way, and what must be left when it does.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cache, command_in, fresh, inputs_only, json, manifest_digest, place, project, repository, said, sparkbake,
    sparkbake_in,
};

#[test]
fn without_a_network_a_warm_store_is_enough_and_a_cold_one_says_what_it_lacks() {
    let cwd = fresh("offline");
    sparkbake(&cwd, &["build", "minimal", "--offline", "-o", "oci:x"]);
    let cold = fresh("offline-store");
    let ran = sparkbake_in(&cold, &cwd, &["build", "minimal", "--offline", "-o", "oci:y"]);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert!(said(&ran).contains("--offline forbids fetching it"), "{}", said(&ran));
    assert!(!cwd.join("y").exists());
}

#[test]
fn a_build_that_was_killed_leaves_nothing_half_written() {
    cache();
    let (store, cwd) = (inputs_only("killed-store"), fresh("killed"));
    for milliseconds in [50, 400, 1500, 3000] {
        let mut child = command_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // The only way to be in the middle of something is to wait for it.
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
        let index = cwd.join("x/index.json");
        if index.exists() {
            json(&index);
        }
    }
    let ran = sparkbake_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"]);
    assert!(ran.status.success(), "{}", said(&ran));
    let text = String::from_utf8(ran.stdout).unwrap();
    let again = sparkbake(&fresh("killed-again"), &["build", "minimal", "-o", "oci:x"]);
    assert_eq!(text, again);
    fs::remove_dir_all(store).unwrap();
}

#[test]
fn ctrl_c_while_a_layer_is_written_leaves_no_image() {
    cache();
    let (store, cwd) = (inputs_only("interrupted-store"), fresh("interrupted"));
    let mut child = command_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let written = || {
        let files = fs::read_dir(store.join("tmp")).map(|files| files.flatten().collect::<Vec<_>>());
        files.unwrap_or_default().iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum::<u64>()
    };
    while written() < 1 << 20 {
        assert!(child.try_wait().unwrap().is_none(), "the build ended before a layer was seen");
        thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(status.signal() == Some(2) || status.code() == Some(130), "{status:?}");
    assert!(!cwd.join("x").exists());
    let ran = sparkbake_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("x")), manifest_digest(&place("shipped").join("minimal")));
    fs::remove_dir_all(store).unwrap();
}

#[test]
fn two_builds_at_once_share_a_store() {
    cache();
    let (store, cwd) = (inputs_only("twice-store"), fresh("twice"));
    let start = |out: &str| {
        command_in(&store, &cwd, &["build", "minimal", "--offline", "-o", out])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (one, two) = (start("oci:a"), start("oci:b"));
    let (one, two) = (one.wait_with_output().unwrap(), two.wait_with_output().unwrap());
    assert!(one.status.success() && two.status.success(), "{}{}", said(&one), said(&two));
    let digest = |out: Vec<u8>| String::from_utf8(out).unwrap().split_once('@').unwrap().1.to_owned();
    assert_eq!(digest(one.stdout), digest(two.stdout));
    fs::remove_dir_all(store).unwrap();
}

#[test]
fn a_stale_lock_names_the_input_and_the_line_to_type() {
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let cwd = project("stale", &text);
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    sparkbake(&cwd, &["lock", "--check"]);
    fs::write(cwd.join("sparkbake.toml"), text.replace("security = false", "security = true")).unwrap();
    let ran = sparkbake_in(cache(), &cwd, &["build", "-o", "oci:x"]);
    assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
    let log = said(&ran);
    assert!(
        log.contains("error[stale-lock]: `debian.security` is true, and sparkbake.lock was made with false"),
        "{log}"
    );
    assert!(log.contains("sparkbake lock sparkbake.toml"), "{log}");
    assert!(!cwd.join("x").exists());
}

#[test]
fn a_damaged_file_of_the_store_is_found() {
    cache();
    let (store, cwd) = (inputs_only("damaged-store"), fresh("damaged"));
    let lock = fs::read_to_string(repository().join("lockfiles/minimal.lock")).unwrap();
    let stanza = lock.split("[[artifact]]").find(|stanza| stanza.contains("deb:bash=")).unwrap();
    let digest = stanza.split("sha256:").nth(1).unwrap().split('"').next().unwrap();
    let blob = store.join("blobs/sha256").join(digest);
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // The blob is a hard link into the shared store, which must stay whole.
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
    let ran = sparkbake_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"]);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert!(!cwd.join("x").exists() && !blob.exists(), "{}", said(&ran));
    fs::remove_dir_all(store).unwrap();
}

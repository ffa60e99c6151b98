//! What goes wrong on the way, and what must be left when it does.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::whole::store_is_whole;
use crate::{
    cache, command_in, fresh, have, inputs_only, json, manifest_digest, place, project, repository, said, sparkbake,
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
fn d7_an_offline_build_of_a_lock_opens_no_socket_and_names_the_first_file_that_is_missing() {
    cache();
    if !have("strace", Command::new("strace").arg("-V").output().is_ok()) {
        return;
    }
    let (store, cwd) = (inputs_only("socket-store"), fresh("sockets"));
    let trace = cwd.join("trace");
    let program = crate::program();
    let build = ["build", "minimal", "--locked", "--offline", "-o", "oci:x"];
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=socket,connect,sendto", "-o"]).arg(&trace).arg(program).args(build);
    let ran = strace.current_dir(&cwd).env("SPARKBAKE_CACHE_DIR", &store).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(fs::read_to_string(&trace).unwrap(), "");
    // One file is gone: it is named by what it is, at once.
    let lock = fs::read_to_string(repository().join("lockfiles/minimal.lock")).unwrap();
    let stanza = lock.split("[[artifact]]").find(|stanza| stanza.contains("deb:bash=")).unwrap();
    let coordinate = stanza.split('"').nth(1).unwrap();
    let digest = stanza.split("sha256:").nth(1).unwrap().split('"').next().unwrap();
    let cold = inputs_only("socket-cold");
    fs::remove_file(cold.join("blobs/sha256").join(digest)).unwrap();
    let started = std::time::Instant::now();
    let ran = sparkbake_in(&cold, &cwd, &build);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert!(said(&ran).contains(&format!("{coordinate} is not in the store, and --offline")), "{}", said(&ran));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
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
}

#[test]
fn x34_builds_at_once_share_a_store_and_a_layout() {
    cache();
    // Two of one image and one of another, which shares most packages with it; all into one layout.
    let (store, cwd) = (inputs_only("twice-store"), fresh("twice"));
    let profiles = ["minimal", "minimal", "spark-3.5"];
    let start = |profile: &str| {
        let mut command = command_in(&store, &cwd, &["build", profile, "--offline", "-o", "oci:all"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = profiles.iter().map(|profile| start(profile)).collect();
    for (child, profile) in children.into_iter().zip(profiles) {
        let ran = child.wait_with_output().unwrap();
        assert!(ran.status.success(), "{profile}: {}", said(&ran));
        let expected = format!("oci:all@{}\n", manifest_digest(&place("shipped").join(profile)));
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
    }
    // Nothing is half there, and nothing is left of what was being written.
    store_is_whole(&store);
    assert_eq!(fs::read_dir(store.join("tmp")).unwrap().count(), 0);
    let index = json(&cwd.join("all/index.json"));
    let mut there: Vec<&str> =
        index["manifests"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
    there.sort_unstable();
    let mut expected = ["minimal", "spark-3.5"].map(|profile| manifest_digest(&place("shipped").join(profile)));
    expected.sort();
    assert_eq!(there, expected);
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
}

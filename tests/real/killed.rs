//! X33: `lock`, `build` and `push` killed at any moment. What is there stays whole, and the next run finishes. `cli
//! killed::` kills many more locks and builds, of a small image.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::registries::{KINDS, Registry};
use crate::whole::{layout_is_whole, store_is_whole};
use crate::{cache, command_in, emptied, fresh, manifest_digest, network, on_path, repository, said, tenth};

/// Moments of a push to each registry.
const MOMENTS: u32 = 34;
/// Moments of a lock and of a build.
const FEW: u32 = 8;

/// Kills the command at so many moments of its run; a random tenth, but for `SPARKBAKE_TEST_ALL`. `after` hears of each
/// before the next run, and `done` when that has ended. Moment 0 is a run that nothing happens to.
fn killed(what: &str, moments: u32, command: &dyn Fn(u32) -> Command, after: &dyn Fn(u32), done: &dyn Fn(u32)) {
    // One run to its end tells how long a run is; the clock decides nothing else.
    let started = Instant::now();
    let ran = command(0).output().unwrap();
    assert!(ran.status.success(), "{what}: {}", said(&ran));
    let whole = started.elapsed();
    done(0);
    for moment in tenth(what, &(1..=moments).collect::<Vec<u32>>()) {
        let mut child = command(moment).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(whole * (moment - 1) / moments + Duration::from_millis(3));
        child.kill().unwrap();
        child.wait().unwrap();
        after(moment);
        let ran = command(moment).output().unwrap();
        assert!(ran.status.success(), "{what}, moment {moment} of {moments}: {}", said(&ran));
        done(moment);
    }
}

#[test]
fn x33_a_lock_that_is_killed_leaves_the_old_lockfile_or_the_new_one() {
    cache();
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let old = fs::read(repository().join("lockfiles/spark-3.5.lock")).unwrap();
    let name = |moment: u32| format!("killed-lock-{moment}");
    (0..=FEW).for_each(|moment| drop(emptied(&name(moment))));
    let command = |moment: u32| {
        let store = crate::place(&name(moment)).join("store");
        if !store.exists() {
            let cwd = crate::place(&name(moment));
            fs::write(cwd.join("sparkbake.toml"), &text).unwrap();
            fs::write(cwd.join("sparkbake.lock"), &old).unwrap();
            crate::tool("cp", &["-al", &cache().display().to_string(), &store.display().to_string()]);
        }
        command_in(&store, &crate::place(&name(moment)), &["lock"])
    };
    let lock = |moment: u32| fs::read(crate::place(&name(moment)).join("sparkbake.lock")).unwrap();
    let new = OnceLock::new();
    let after = |moment: u32| {
        store_is_whole(&crate::place(&name(moment)).join("store"));
        assert!([&old, new.get().unwrap()].contains(&&lock(moment)), "moment {moment}: half a lockfile");
    };
    let done = |moment: u32| {
        assert_eq!(new.get_or_init(|| lock(moment)), &lock(moment), "moment {moment}");
        fs::remove_dir_all(crate::place(&name(moment))).unwrap();
    };
    killed("lock", FEW, &command, &after, &done);
    assert_ne!(new.get(), Some(&old));
}

#[test]
fn x33_a_build_that_is_killed_leaves_the_old_layout_or_the_new_one() {
    cache();
    let new = manifest_digest(&crate::place("shipped").join("minimal"));
    // The same name in another size is what the build replaces.
    let before = fresh("killed-build-before");
    let ran =
        command_in(cache(), &before, &["build", "minimal", "--cpu", "2", "--memory", "4", "-o", "oci:x"]).output();
    assert!(ran.as_ref().unwrap().status.success(), "{}", said(&ran.unwrap()));
    let old = manifest_digest(&before.join("x"));
    let name = |moment: u32| format!("killed-build-{moment}");
    (0..=FEW).for_each(|moment| drop(emptied(&name(moment))));
    let command = |moment: u32| {
        let cwd = crate::place(&name(moment));
        let store = cwd.join("store");
        if !store.exists() {
            fs::create_dir(&store).unwrap();
            crate::link_inputs(&store);
            crate::tool("cp", &["-al", &before.join("x").display().to_string(), &cwd.display().to_string()]);
        }
        command_in(&store, &cwd, &["build", "minimal", "--offline", "-o", "oci:x"])
    };
    let after = |moment: u32| {
        store_is_whole(&crate::place(&name(moment)).join("store"));
        let found = layout_is_whole(&crate::place(&name(moment)).join("x"));
        assert!([&old, &new].contains(&&found), "moment {moment}: {found}");
    };
    let done = |moment: u32| {
        after(moment);
        assert_eq!(manifest_digest(&crate::place(&name(moment)).join("x")), new, "moment {moment}");
        fs::remove_dir_all(crate::place(&name(moment))).unwrap();
    };
    killed("build", FEW, &command, &after, &done);
    assert_ne!(old, new);
}

#[test]
fn x33_a_push_that_is_killed_moves_no_tag_and_is_finished_by_the_next() {
    if !(on_path("umoci") && on_path("skopeo")) {
        return;
    }
    let cwd = network::image("killed-pushes");
    let digest = crate::manifest_digest(&cwd.join("image"));
    for kind in KINDS {
        let Some(registry) = Registry::start(kind, "killed-registry") else { continue };
        let store = fresh(&format!("killed-push-store-{kind:?}"));
        let command = |moment: u32| {
            let to = format!("{}/killed/at-{moment}:1", registry.host);
            command_in(&store, &cwd, &["push", "oci:image:x", &to])
        };
        let found = |moment: u32| registry.finds(&format!("killed/at-{moment}:1"));
        let after = |moment: u32| assert!(found(moment).is_none_or(|found| found == digest), "{kind:?}, {moment}");
        let done = |moment: u32| assert_eq!(found(moment).as_ref(), Some(&digest), "{kind:?}, {moment}");
        killed(&format!("push to {kind:?}"), MOMENTS, &command, &after, &done);
        assert_eq!(fs::read_dir(store.join("uploads")).map_or(0, Iterator::count), 0, "{kind:?}");
    }
}

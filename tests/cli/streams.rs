//! Where the answer goes, what is said there, and what the environment says of it.

use std::fs;
use std::process::Stdio;

use crate::world::{PROFILE, World};
use crate::{expect, said};

/// An answer that is not written whole is no answer.
#[test]
fn a_full_disk_is_told() {
    let world = World::new(PROFILE);
    for arguments in
        [&["matrix", "show"][..], &["matrix", "show", "--json"], &["explain", "no-lock"], &["cache", "dir"]]
    {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = world.command(arguments).stdout(full).output().unwrap();
        expect(&ran, 3, &["cannot write standard output"]);
    }
}

/// A reader that went away is no failure, on either stream.
#[test]
fn a_reader_may_go() {
    let world = World::new("nonsense");
    let mut child = world.command(&["check"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut child = world.command(&["matrix", "show"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_flag_in_the_environment_is_written_as_people_write_it() {
    let world = World::new(PROFILE);
    for (value, offline) in [("1", true), ("yes", true), ("true", true), ("0", false), ("", false), ("false", false)] {
        let arguments = ["resolve", "maven", "com.example:gone:1"];
        let ran = world.command(&arguments).env("SPARKBAKE_OFFLINE", value).output().unwrap();
        assert_eq!(said(&ran).contains("--offline forbids"), offline, "{value}: {}", said(&ran));
        assert_eq!(ran.status.code(), Some(if offline { 3 } else { 1 }), "{value}: {}", said(&ran));
    }
}

#[test]
fn a_directory_without_a_profile_says_how_to_begin() {
    let world = World::new(PROFILE);
    let empty = tempfile::tempdir().unwrap();
    for command in ["check", "build", "lock", "plan"] {
        let ran = world.command(&[command]).current_dir(empty.path()).output().unwrap();
        expect(&ran, 3, &["there is no sparkbake.toml here", "sparkbake init", "minimal"]);
    }
}

/// What none of the locks given needs goes.
#[test]
fn pruning_may_keep() {
    let world = World::new(PROFILE);
    let ran = world.run(&["cache", "prune", "--keep", "minimal"]);
    expect(&ran, 0, &["Removed"]);
    expect(&world.run(&["cache", "prune", "--keep", "sparkbake.toml"]), 1, &["sparkbake.lock does not exist"]);
    expect(&world.run(&["cache", "prune", "--keep", "gone.lock"]), 3, &["gone.lock"]);
}

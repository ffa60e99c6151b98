//! Sizes that the command line asks for, and profiles that `init` writes.

use std::fmt::Write as _;

use crate::world::{PROFILE, World};

/// What a terminal would show of these commands, one after the other in one project.
fn transcript(world: &World, commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for arguments in commands {
        let ran = world.run(arguments);
        let said = [&ran.stderr[..], &ran.stdout].map(String::from_utf8_lossy).concat();
        let _ = writeln!(text, "$ sparkbake {}\n{said}[{}]\n", arguments.join(" "), ran.status.code().unwrap());
    }
    text
}

/// Nothing is fetched for a size that cannot be: the registries of this world would fail.
#[test]
fn a_size_that_was_typed_is_judged_before_anything_is_fetched() {
    let world = World::new(PROFILE);
    world.write("pypi/pyspark/index.html", "");
    insta::assert_snapshot!(transcript(
        &world,
        &[
            &["build", "--memory", "1"],
            &["build", "--memory", "4GB"],
            &["build", "--cpu", "two"],
            &["build", "--cpu", "1.25", "--memory", "300"],
            &["build", "--size", "large"],
        ]
    ));
}

#[test]
fn a_new_profile_is_one_that_fits() {
    let world = World::new(PROFILE);
    insta::assert_snapshot!(transcript(
        &world,
        &[
            &["init", "new.toml", "--cpu", "1", "--memory", "1"],
            &["init", "new.toml", "--cpu", "0.5", "--memory", "3.55"],
            &["init", "new.toml", "--spark", "3.6"],
            &["init", "new"],
            &["init"],
            &["init", "new.toml", "--spark", "4.1", "--cpu", "1", "--memory", "2"],
            &["check", "new.toml"],
        ]
    ));
    assert_eq!(world.names("project"), ["keys.gpg", "new.toml", "sparkbake.toml"]);
}

/// What one stage finds hides nothing of what another would.
#[test]
fn mistakes_of_every_stage_are_shown_at_once() {
    let world = World::new(
        "[target.aci]\ncpu = 2\nmemory-gb = 1\n\n[app]\ncomand = [\"x\"]\n\n[stack]\nspark = \"3.5.9\"\njava = \"25\"\n\n\
         [lints]\nno-lock = \"allow\"\n",
    );
    insta::assert_snapshot!(transcript(&world, &[&["check"], &["lock"]]));
}

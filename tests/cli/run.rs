//! `run` where nothing can be started, and what `explain` says of settings that nothing knows.

use crate::expect;
use crate::world::{PROFILE, World};

#[test]
fn what_cannot_run_says_why() {
    let world = World::new(PROFILE);
    // Nothing of the user's surroundings, and so no engine.
    let engines = ["docker is not on PATH", "podman is not on PATH", "crun is not on PATH", "runc is not on PATH"];
    expect(&world.run(&["run"]), 125, &engines);
    expect(&world.run(&["run", "--engine", "crun"]), 125, &["error: no container engine: crun is not on PATH\n"]);
    expect(&world.run(&["run", "--engine", "lxc"]), 2, &["docker", "podman", "crun", "runc"]);
    expect(&world.run(&["run", "oci:none", "--calibrate"]), 2, &["--calibrate writes to a profile"]);
    expect(&world.run(&["run", "--size", "a", "--cpu", "1"]), 2, &["--size"]);
}

#[test]
fn a_setting_is_explained_by_the_jars_that_read_it() {
    let world = World::new(PROFILE);
    let without_lock = "error[no-lock]: sparkbake.lock does not exist";
    expect(&world.run(&["explain", "spark.sql.shuffle.partitions"]), 1, &[without_lock]);
    let built_in = world.run(&["explain", "spark.driver.memory", "--profile", "spark-3.5"]);
    expect(&built_in, 3, &["are not in the store: `sparkbake build` brings them"]);
    // With a value it is a question for the matrix.
    expect(&world.run(&["explain", "spark=3.5 java=25"]), 0, &[]);
}

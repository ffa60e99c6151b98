//! Ctrl-C in the middle of the work.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::expect;
use crate::world::{Manner, SDIST, World, sdist, with_missing_jar};

#[test]
fn ctrl_c_leaves_nothing_behind_and_the_next_run_goes_on() {
    let mut world = World::new(&with_missing_jar());
    let server = world.serve_pypi(Manner::Stalls);
    let build = ["build", "-o", "oci:out", "--metadata-file", "out.json"];
    let mut child = world.command(&build).stderr(Stdio::null()).spawn().unwrap();
    server.next(SDIST);
    let half = sdist().len() / 2;
    world.await_partial(half);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(status.signal() == Some(2) || status.code() == Some(130), "{status:?}");
    assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);

    // The next run waits for no lock, takes up what is there, and comes as far as it can.
    expect(&world.run(&build), 1, &["com.example:gone"]);
    assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);
    assert!(world.names("store/partial").is_empty(), "{:?}", world.names("store/partial"));
    let again = server.next(SDIST);
    assert!(again.contains(&format!("\nrange: bytes={half}-")), "{again}");
}

//! Wheels of an index that serves no metadata beside them: of what may never be chosen only parts are fetched, and a
//! registry that gave other parts than the whole has is found out.

use std::process::Output;

use serde_json::{Value, json};
use sparkbake::digest::Digest;

use crate::faults::Faulty;
use crate::world::{PROFILE, World, wheel};
use crate::{expect, said};

const NAME: &str = "big-1.0-py3-none-any.whl";

/// An index that has `big`, promised by the digest of `promised`, and serves these bytes of it.
fn serve(world: &World, promised: &[u8], served: &[u8]) {
    let hashes = json!({ "sha256": Digest::of(promised).hex() });
    let files = json!([{ "filename": NAME, "url": NAME, "size": promised.len(), "hashes": hashes }]);
    world.write("pypi/big/index.json", json!({ "meta": { "api-version": "1.1" }, "files": files }).to_string());
    world.write(&format!("pypi/big/{NAME}"), served);
}

fn run(world: &World, server: &Faulty, arguments: &[&str]) -> Output {
    let mut command = world.command(arguments);
    server.serve(&mut command);
    command.output().unwrap()
}

#[test]
fn of_a_wheel_that_may_never_be_chosen_only_parts_are_fetched() {
    let world = World::whole(&format!("{PROFILE}\n[python]\nrequirements = [\"big\"]\n"));
    let (big, other) = (wheel("big", "Requires-Dist: tiny\n", 40_000), wheel("big", "Requires-Dist: tine\n", 40_000));
    assert!(big.len() == other.len() && big.len() > 2_000_000);
    serve(&world, &big, &big);
    let server = Faulty::start(world.root());
    let resolve = || {
        let ran = run(&world, &server, &["resolve", "python", "big", "--json"]);
        assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
        let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let names = told["closure"].as_array().unwrap().iter().map(|row| row["coordinate"].as_str().unwrap());
        (names.map(str::to_owned).collect::<Vec<_>>().join(" "), told["received"].as_u64().unwrap())
    };
    let (chosen, received) = resolve();
    assert_eq!(chosen, "pypi:big==1.0 pypi:tiny==1.0");
    assert!(received < 100_000, "{received}");
    // What was read of it once is not asked for again.
    let (again, received) = resolve();
    assert_eq!((again, received < 2000), (chosen, true), "{received}");
    expect(&run(&world, &server, &["lock"]), 0, &["Locked"]);
    // The parts are of another file than the whole, which is the promised one.
    world.forget();
    serve(&world, &other, &big);
    resolve();
    serve(&world, &other, &other);
    world.list_wheels("tine", &[("1.0", &[])]);
    let ran = run(&world, &server, &["lock"]);
    expect(&ran, 3, &[NAME, "holds other metadata than its registry gave of it before the whole; resolve again"]);
    // From now on it is resolved by what it holds, and what that asks for cannot be had here.
    let ran = run(&world, &server, &["lock"]);
    assert!(said(&ran).contains("tine"), "{}", said(&ran));
}

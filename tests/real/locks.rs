//! A lock that stands moves only what it must, or what it is told to.

use std::fs;

use serde_json::Value;

use crate::{cache, project, said, sparkbake_in};

fn profile(requirement: &str) -> String {
    let minimal = include_str!("../../profiles/minimal.toml");
    format!("{minimal}\n[python]\nrequirements = [\"{requirement}\", \"idna\"]\n")
}

fn names(changes: &Value, key: &str) -> Vec<String> {
    let moved = changes[0][key].as_array().unwrap().iter();
    moved.map(|one| format!("{} {} {}", one["name"], one["from"], one["to"]).replace('"', "")).collect()
}

#[test]
fn what_is_locked_stays_until_it_is_told_to_move() {
    let directory = project("locks", &profile("six==1.16.0"));
    let lock = |arguments: &[&str]| {
        let ran = sparkbake_in(cache(), &directory, &[&["lock", "--json"], arguments].concat());
        assert!(ran.status.success(), "{}", said(&ran));
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()
    };
    let write = |requirement: &str| fs::write(directory.join("sparkbake.toml"), profile(requirement)).unwrap();
    let first = lock(&[]);
    assert!(names(&first, "added").iter().any(|one| one == "six null 1.16.0"), "{first}");

    // The requirement is wider now, and the lock was made from another: nothing has to move.
    write("six");
    let ran = sparkbake_in(cache(), &directory, &["lock", "--check"]);
    assert!(ran.status.code() == Some(1) && said(&ran).contains("python.requirements"), "{}", said(&ran));
    let wider = lock(&[]);
    assert_eq!(wider[0]["moved"], Value::Array(Vec::new()), "{wider}");

    // Told to move, it does, and nothing else.
    let upgraded = lock(&["--upgrade", "six"]);
    let moved = names(&upgraded, "moved");
    assert!(moved.len() == 1 && moved[0].starts_with("six 1.16.0 "), "{upgraded}");
    let layers = upgraded[0]["layers"].as_array().unwrap();
    assert!(layers.iter().any(|layer| layer == "python") && !layers.iter().any(|layer| layer == "base"), "{upgraded}");

    // It does not fit any more.
    write("six<1.16");
    let back = lock(&[]);
    assert!(names(&back, "moved").iter().all(|one| one.starts_with("six ") && one.ends_with(" 1.15.0")), "{back}");

    let ran = sparkbake_in(cache(), &directory, &["lock", "--upgrade", "sxi"]);
    assert!(ran.status.code() == Some(2) && said(&ran).contains("holds no sxi"), "{}", said(&ran));
}

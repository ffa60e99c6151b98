//! The problems of `check` as code hosts take them.

use serde_json::Value;

use crate::expect;
use crate::world::{PROFILE, World};

fn wrong() -> World {
    let world = World::new(&PROFILE.replace("memory-gb = 4", "memory-gb = 4.05\n\n[logging]\nlevel = \"LOUD\""));
    world.write("project/other.toml", "[target.aci\n");
    world
}

#[test]
fn workflow_commands_point_at_lines() {
    let ran = wrong().run(&["check", "sparkbake.toml", "other.toml", "--output-format", "github"]);
    expect(&ran, 1, &[]);
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout), @"
    ::error file=sparkbake.toml,line=6,endLine=6,col=9,endColumn=15,title=bad-value::`LOUD` is not a level of Log4j
    ::error file=sparkbake.toml,line=3,endLine=3,col=13,endColumn=17,title=not-an-aci-size::4.05 GB is not a multiple of 0.1 GB%0Anote: the service takes one decimal (help text of `az container create`)%0Ahelp: ask for 4.1 GB
    ::error file=other.toml,line=1,endLine=1,col=12,endColumn=12,title=toml-syntax::unclosed table, expected `]`
    ");
}

#[test]
fn sarif_names_every_file() {
    let ran = wrong().run(&["check", "sparkbake.toml", "other.toml", "--output-format", "sarif"]);
    expect(&ran, 1, &[]);
    let sarif: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let told: Vec<String> = results
        .iter()
        .map(|one| {
            let place = &one["locations"][0]["physicalLocation"];
            let (file, line) = (&place["artifactLocation"]["uri"], &place["region"]["startLine"]);
            format!("{} {}:{line}", one["ruleId"].as_str().unwrap(), file.as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    bad-value sparkbake.toml:6
    not-an-aci-size sparkbake.toml:3
    toml-syntax other.toml:1
    ");
    let clean = World::new(PROFILE).run(&["check", "--output-format", "sarif"]);
    expect(&clean, 0, &[]);
    let sarif: Value = serde_json::from_slice(&clean.stdout).unwrap();
    assert_eq!(sarif["runs"][0]["results"], Value::Array(Vec::new()));
    expect(&wrong().run(&["check", "--json", "--output-format", "sarif"]), 2, &["--output-format"]);
}

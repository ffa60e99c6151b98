//! `resolve` over made-up registries, as a person and as a program read it.

use std::fmt::Write as _;

use crate::world::{PROFILE, World};

pub(crate) fn world() -> World {
    let world = World::new(PROFILE);
    for (artifact, version, needs) in [
        ("app", "1.0", &["lib:2.0", "log:1.0"][..]),
        ("lib", "2.0", &["log:1.5"]),
        ("log", "1.0", &[]),
        ("log", "1.5", &[]),
    ] {
        let dependency = |need: &&str| {
            let (name, version) = need.split_once(':').unwrap();
            format!(
                "<dependency><groupId>com.example</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
            )
        };
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>{artifact}</artifactId><version>{version}</version><dependencies>{}</dependencies></project>",
            needs.iter().map(dependency).collect::<String>()
        );
        world.write(&format!("maven/com/example/{artifact}/{version}/{artifact}-{version}.pom"), pom);
    }
    world.list_wheels("app", &[("1.0", &["low<2", "sparkthing"]), ("0.9", &[])]);
    world.list_wheels("low", &[("2.0", &[]), ("1.5", &[])]);
    world.list_wheels("sparkthing", &[("3.0", &["pyspark>=3.5"])]);
    world
}

const ASKED: &[&[&str]] = &[
    &["resolve", "maven", "com.example:app:1.0"],
    &["resolve", "maven", "com.example:app:1.0", "--managed", "com.example:log:1.5"],
    &["resolve", "maven", "com.example:app:1.0", "--exclude", "com.example:log", "--json"],
    &["resolve", "maven", "com.example:app:1.0", "com.example:log:1.5", "--no-deps-of", "com.example:app"],
    &["resolve", "python", "app", "--no-deps-of", "pyspark==3.5.9"],
    &["resolve", "python", "low", "--json"],
    &["resolve", "debian", "curl", "--key", "keys.gpg"],
    // Mistakes.
    &["resolve", "maven", "com.example:app", "com.example:gone:1", "nonsense"],
    &["resolve", "maven", "com.example:app:1.0", "com.example:gone:1"],
    &["resolve", "maven", "com.example:app:1.0", "--managed", "log"],
    &["resolve", "python", "app", "low>1.9", "no such thing"],
    &["resolve", "python", "app==1.0", "low>1.9", "--no-deps-of", "pyspark==3.5.9"],
    &["resolve", "python", "app==1.0", "--no-deps-of", "pyspark==3.4"],
    &["resolve", "python", "app==1.0"],
    &["resolve", "debian", "crul", "--key", "keys.gpg"],
    &["resolve", "debian", "curl", "--key", "keys.gpg", "--pin", "curl=9"],
];

#[test]
fn closures_and_mistakes() {
    let world = world();
    let mut text = String::new();
    for arguments in ASKED {
        let ran = world.run(arguments);
        let said = [&ran.stderr[..], &ran.stdout].map(String::from_utf8_lossy).concat();
        let _ = write!(text, "$ sparkbake {}\n{said}", arguments.join(" "));
        if let Some(code @ 1..) = ran.status.code() {
            let _ = writeln!(text, "[{code}]");
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

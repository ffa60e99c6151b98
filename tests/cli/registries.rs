//! Registries that lack something, lie, or break off.

use sha1::Digest as _;
use sparkbake::digest::Digest;

use crate::world::{Manner, PROFILE, SDIST, World, sdist, with_missing_jar};
use crate::{expect, said};

const POM: &str = "<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId>\
                   <artifactId>gone</artifactId><version>1.0</version></project>";

#[test]
fn a_requirement_that_nobody_can_satisfy_shows_the_chain() {
    let world = World::new(&format!("{PROFILE}\n[python]\nrequirements = [\"alpha\", \"beta>=2\"]\n"));
    world.list_wheels("alpha", &[("1.0", &["gamma<1"])]);
    world.list_wheels("beta", &[("2.0", &["delta"])]);
    world.list_wheels("delta", &[("3.0", &["gamma>=2"])]);
    world.list_wheels("gamma", &[("0.9", &[]), ("2.1", &[])]);
    let ran = world.run(&["lock"]);
    insta::assert_snapshot!(said(&ran), @r##"
       Resolving Spark 3.5.9 on Java 17, Python 3.11, bookworm
    error[python-unsatisfiable]: `alpha`, `beta>=2` cannot be met together
      --> sparkbake.toml:16:17
       |
    16 | requirements = ["alpha", "beta>=2"]
       |                 ^^^^^^^  --------- asks for `beta>=2`
       |                 |
       |                 asks for `alpha`
       |
       = note: alpha is asked for
       = note: beta>=2 is asked for
       = note: alpha 1.0 needs gamma<1
       = note: delta 3.0 needs gamma>=2
       = note: beta 2.0 needs delta
       = note: the package index has alpha 1.0
       = note: the package index has delta 3.0
       = note: the package index has beta 2.0
       = help: widen or drop one of the requirements named here
    error: sparkbake.toml: 1 error
    "##);
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);
}

#[test]
fn a_project_and_a_version_that_the_index_does_not_have() {
    let world = World::new(&format!("{PROFILE}\n[python]\nrequirements = [\"nowhere\", \"alpha>=7\"]\n"));
    world.list_wheels("alpha", &[("1.0", &[])]);
    let ran = world.run(&["lock"]);
    expect(
        &ran,
        1,
        &[
            "the package index has no project `nowhere`",
            "the package index has no version that `alpha>=7` admits",
            "the newest alpha is 1.0",
        ],
    );
}

#[test]
fn a_coordinate_and_a_jar_that_the_repository_does_not_have() {
    let world = World::new(&with_missing_jar());
    let ran = world.run(&["lock"]);
    insta::assert_snapshot!(said(&ran), @r##"
       Resolving Spark 3.5.9 on Java 17, Python 3.11, bookworm
    error[maven-unknown-artifact]: no such artifact in the registry: com.example:gone
      --> sparkbake.toml:16:9
       |
    16 | jars = ["com.example:gone:1.0"]
       |         ^^^^^^^^^^^^^^^^^^^^^^ asked for here
       |
       = note: asked for by com.example:gone
       = help: compare group and artifact with the library's own page; Scala libraries end in `_2.12` or `_2.13`
    error: sparkbake.toml: 1 error
    "##);
    assert_eq!(ran.status.code(), Some(1));
    world.write("maven/com/example/gone/1.0/gone-1.0.pom", POM);
    let ran = world.run(&["lock"]);
    expect(&ran, 3, &["error: com/example/gone/1.0/gone-1.0.jar: the registry does not have it"]);
}

#[test]
fn a_jar_that_is_not_what_its_sum_promises() {
    let world = World::new(&with_missing_jar());
    world.write("maven/com/example/gone/1.0/gone-1.0.pom", POM);
    world.write("maven/com/example/gone/1.0/gone-1.0.jar", "damaged");
    let promised = hex::encode(sha1::Sha1::digest(b"whole"));
    world.write("maven/com/example/gone/1.0/gone-1.0.jar.sha1", &promised);
    let got = hex::encode(sha1::Sha1::digest(b"damaged"));
    let said =
        format!("com/example/gone/1.0/gone-1.0.jar is not what was promised: expected sha1:{promised}, got sha1:{got}");
    expect(&world.run(&["lock"]), 3, &[&said]);
    assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);
}

#[test]
fn an_sdist_that_is_not_what_the_index_promises() {
    let (promised, got) = (Digest::of(b"another"), Digest::of(&sdist()));
    let text = format!("is not what was promised: expected {promised}, got {got}");
    for served in [false, true] {
        let mut world = World::new(&with_missing_jar());
        world.list_sdist(&promised);
        let _server = served.then(|| world.serve_pypi(Manner::Cuts));
        let name = if served { "error: pypi:pyspark==3.5.9" } else { "error: pyspark-3.5.9.tar.gz" };
        expect(&world.run(&["lock"]), 3, &[name, &text]);
        assert!(!world.names("store/blobs/sha256").contains(&got.hex()));
        assert!(world.names("store/partial").is_empty());
        // The next run is none the worse for it.
        world.list_sdist(&got);
        expect(&world.run(&["lock"]), 1, &["com.example:gone"]);
    }
}

#[test]
fn a_download_that_breaks_off_goes_on() {
    let mut world = World::new(&with_missing_jar());
    let server = world.serve_pypi(Manner::Cuts);
    let ran = world.run(&["lock"]);
    expect(&ran, 1, &["com.example:gone"]);
    assert!(!server.next(SDIST).contains("range:"));
    let half = format!("\nrange: bytes={}-", sdist().len() / 2);
    let second = server.next(SDIST);
    assert!(second.contains(&half), "{second}");
    assert!(world.names("store/blobs/sha256").contains(&Digest::of(&sdist()).hex()));
}

#[test]
fn a_signature_that_does_not_hold() {
    let data = |name: &str| {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian");
        std::fs::read_to_string(directory.join(name)).unwrap()
    };
    let changed = data("ed.InRelease").replace("Suite: oldstable", "Suite: stable");
    for (document, reason) in [
        (data("stranger.InRelease"), "is unknown"),
        (changed, "does not fit the text"),
        (data("revoked.InRelease"), "is by a revoked key"),
        (String::new(), "no signed document"),
    ] {
        let world = World::new(PROFILE);
        world.write("debian/dists/bookworm/InRelease", document);
        let ran = world.run(&["lock"]);
        expect(&ran, 3, &["error: InRelease of bookworm: ", reason]);
        assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);
    }
}

#[test]
fn a_packages_index_that_is_not_the_signed_one() {
    let world = World::new(PROFILE);
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian/Packages.xz");
    let mut bytes = std::fs::read(data).unwrap();
    let promised = Digest::of(&bytes);
    bytes[100] ^= 1;
    world.write(&format!("debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/{}", promised.hex()), &bytes);
    let text = format!("expected {promised}, got {}", Digest::of(&bytes));
    expect(&world.run(&["lock"]), 3, &["is not what was promised", &text]);
}

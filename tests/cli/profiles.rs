//! Mistakes of the profile: all that can be seen are shown at once, each with its place.

use crate::world::World;
use crate::{expect, said};

/// What `check` says of a profile, which must have mistakes.
#[track_caller]
fn refused(profile: &str) -> String {
    let world = World::new(profile);
    let ran = world.run(&["check"]);
    expect(&ran, 1, &[]);
    assert!(ran.stdout.is_empty());
    assert_eq!(world.names("project"), ["keys.gpg", "sparkbake.toml"]);
    said(&ran)
}

#[test]
fn unknown_and_misspelt_keys_are_shown_at_once() {
    let text = "[target.aci]\ncpu = 2\nmemory-gb = 4\n\n[stak]\nspark = \"3.5.9\"\n\n\
                [python]\nrequirments = [\"x\"]\nzebra = 1\n";
    insta::assert_snapshot!(refused(text), @r#"
    error[unknown-key]: `python` has no key `requirments`
     --> sparkbake.toml:9:1
      |
    9 | requirments = ["x"]
      | ^^^^^^^^^^^ not a key of `python`
      |
      = help: did you mean `requirements`?

    error[unknown-key]: `python` has no key `zebra`
      --> sparkbake.toml:10:1
       |
    10 | zebra = 1
       | ^^^^^ not a key of `python`
       |
       = note: its keys are `lock`, `requirements`, `files` and `indexes`

    error[unknown-key]: the profile has no key `stak`
     --> sparkbake.toml:5:2
      |
    5 | [stak]
      |  ^^^^ not a key of a profile
      |
      = help: did you mean `stack`?
    error: sparkbake.toml: 3 errors
    "#);
}

#[test]
fn several_mistakes_of_several_kinds_are_shown_at_once() {
    let text = "[target.aci]\ncpu = \"2\"\nmemroy-gb = 4\n\n[stack]\nspark = 3.5\n\n\
                [maven]\njars = [\"a:b:[1,2)\"]\n\n[python]\nrequirements = [\"a[b_ ]\"]\n";
    insta::assert_snapshot!(refused(text), @r##"
    error[missing-key]: `target.aci.memory-gb` is missing
     --> sparkbake.toml:1:1
      |
    1 | [target.aci]
      | ^^^^^^^^^^^^ `memory-gb` has no default
      |
      = help: add: memory-gb = 4

    error[wrong-type]: `target.aci.cpu` must be a number, not a string
     --> sparkbake.toml:2:7
      |
    2 | cpu = "2"
      |       ^^^ expected a number

    error[unknown-key]: `target.aci` has no key `memroy-gb`
     --> sparkbake.toml:3:1
      |
    3 | memroy-gb = 4
      | ^^^^^^^^^ not a key of `target.aci`
      |
      = help: did you mean `memory-gb`?

    error[wrong-type]: `stack.spark` must be a string, not a decimal number
     --> sparkbake.toml:6:9
      |
    6 | spark = 3.5
      |         ^^^ expected a string
      |
      = help: put it in quotes: "3.5"

    error[bad-value]: `[1,2)` is not one version
     --> sparkbake.toml:9:9
      |
    9 | jars = ["a:b:[1,2)"]
      |         ^^^^^^^^^^^ expected the like of `3.3.2`
      |
      = help: leave the version out to let the matrix choose it

    error[bad-value]: `a[b_ ]` is not a requirement of PEP 508
      --> sparkbake.toml:12:17
       |
    12 | requirements = ["a[b_ ]"]
       |                 ^^^^^^^^ expected the like of `pandas==2.2.*`
       |
       = note: names and extras end with a letter or a digit
    error: sparkbake.toml: 6 errors
    "##);
}

#[test]
fn what_is_not_toml() {
    insta::assert_snapshot!(refused("[target.aci]\ncpu = \n"), @r##"
    error[toml-syntax]: string values must be quoted, expected literal string
     --> sparkbake.toml:2:7
      |
    2 | cpu = 
      |       ^
    error: sparkbake.toml: 1 error
    "##);
}

#[test]
fn releases_that_are_not_known() {
    let stack = |spark: &str| refused(&format!("[target.aci]\ncpu = 2\nmemory-gb = 4\n\n[stack]\nspark = {spark}\n"));
    insta::assert_snapshot!(stack("\"3.6.0\""), @r#"
    error[unknown-version]: PySpark 3.6.0 is not known
     --> sparkbake.toml:6:9
      |
    6 | spark = "3.6.0"
      |         ^^^^^^^ no such version
      |
      = help: did you mean `3.5.0`? The newest is `4.3.0`
    error: sparkbake.toml: 1 error
    "#);
    insta::assert_snapshot!(stack("\"9.9\""), @r#"
    error[unknown-version]: PySpark 9.9 is not known
     --> sparkbake.toml:6:9
      |
    6 | spark = "9.9"
      |         ^^^^^ no such version
      |
      = help: known are `3.0.0` to `4.3.0`
    error: sparkbake.toml: 1 error
    "#);
}

#[test]
fn a_release_that_is_newer_than_the_facts_is_read_when_it_is_locked() {
    let world = World::new("[target.aci]\ncpu = 2\nmemory-gb = 4\n\n[stack]\nspark = \"3.5.99\"\n");
    let ran = world.run(&["check"]);
    expect(&ran, 0, &[]);
    insta::assert_snapshot!(said(&ran), @r#"
    warning[newer-than-the-facts]: PySpark 3.5.99 is newer than the compatibility facts
     --> sparkbake.toml:6:9
      |
    6 | spark = "3.5.99"
      |         ^^^^^^^^ not known to the facts
      |
      = note: they are of 2026-11-22; what it carries is read from its source distribution when it is locked
      = note: no rule of upstream is known for it: which Java, Python packages and connectors it works with, is open
      = help: the nearest that is known is `3.5.9`
    note: not checked for want of a lock of this profile: artifacts, class path, settings, imports; `sparkbake lock` makes one
    "#);
    // The registry decides whether there is such a release.
    expect(
        &world.run(&["lock"]),
        1,
        &["error[python-unknown-project]: the package index has no PySpark 3.5.99", "sparkbake.toml:6:9"],
    );
}

#[test]
fn versions_that_do_not_go_together() {
    let text = "[target.aci]\ncpu = 2\nmemory-gb = 4\n\n[stack]\nspark = \"4.1.1\"\njava = \"8\"\n";
    insta::assert_snapshot!(refused(text), @r#"
    error[stack-fails]: PySpark 4.1.1 fails with Java 8 at the start of the Java gateway [java17-floor]
     --> sparkbake.toml:7:8
      |
    6 | spark = "4.1.1"
      |         ------- PySpark 4.1.1
    7 | java = "8"
      |        ^^^ Java 8
      |
      = note: Spark 4 is compiled to class files of version 61, which only Java 17 and newer load; the launcher is the first to stop
      = note: known from (measured): SPARK-45315; class files of the PySpark releases; PySpark 4 started on Java 8 and 11
      = help: set `java = "21"` instead of "8": the rest is consistent with it
      = help: Java 17 or newer, or PySpark 3.5

    error[stack-fails]: Debian trixie fails with Java 8 at installation [trixie-java]
     --> sparkbake.toml:7:8
      |
    7 | java = "8"
      |        ^^^ Java 8
      |
      = note: trixie and its security archive carry openjdk-21 and openjdk-25, and no 17
      = note: known from (measured): Debian's signed package indexes, 2026-11-22
      = help: set `java = "21"` instead of "8": the rest is consistent with it
      = help: Java 21 or 25, or the suite bookworm for Java 17
    error: sparkbake.toml: 2 errors
    "#);
}

#[test]
fn sizes_that_the_service_does_not_offer() {
    let text = "[target.aci]\ncpu = 1.25\nmemory-gb = 500\n\n[stack]\nspark = \"3.5.9\"\n";
    insta::assert_snapshot!(refused(text), @r##"
    error[not-an-aci-size]: 1.25 vCPU is not a multiple of 0.1 vCPU
     --> sparkbake.toml:2:7
      |
    2 | cpu = 1.25
      |       ^^^^ off the step
      |
      = note: the service takes one decimal (help text of `az container create`)
      = help: ask for 1.3 vCPU

    error[not-an-aci-size]: 500 GB is more than the standard SKU offers
     --> sparkbake.toml:3:13
      |
    3 | memory-gb = 500
      |             ^^^ above the greatest
      |
      = note: the greatest is 240 GB (Azure Container Instances, "Resource availability & quota limits")
      = help: ask for at most 240 GB
    error: sparkbake.toml: 2 errors
    "##);
    let text = "[target.aci]\ncpu = 0.5\nmemory-gb = 17\nsku = \"spot\"\n\n[stack]\nspark = \"3.5.9\"\n";
    insta::assert_snapshot!(refused(text), @r##"
    error[not-an-aci-size]: 0.5 vCPU is less than a container group may have
     --> sparkbake.toml:2:7
      |
    2 | cpu = 0.5
      |       ^^^ below the least
      |
      = note: a group has at least 1 vCPU (Azure Container Instances, "Container groups")
      = help: ask for 1 vCPU

    error[not-an-aci-size]: 17 GB is more than the spot SKU offers
     --> sparkbake.toml:3:13
      |
    3 | memory-gb = 17
      |             ^^ above the greatest
      |
      = note: the greatest is 16 GB (Azure Container Instances, "Resource availability & quota limits")
      = help: ask for at most 16 GB
    error: sparkbake.toml: 2 errors
    "##);
}

#[test]
fn a_size_that_is_too_small_names_the_smallest_that_is_not() {
    let profile = |gb: &str| format!("[target.aci]\ncpu = 2\nmemory-gb = {gb}\n\n[stack]\nspark = \"3.5.9\"\n");
    let text = refused(&profile("1"));
    insta::assert_snapshot!(text, @"
    error[memory-too-small]: 2 vCPU and 1 GB leave 137 MiB for Java's heap, at least 512 are needed
     --> sparkbake.toml:3:13
      |
    3 | memory-gb = 1
      |             ^ too small for this profile
      |
      = note: of 953 MiB the platform takes 64, Python 392, the JVM beside its heap 360 and its collector more
      = note: Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)
      = help: `memory-gb = 1.4` is the smallest that holds it with 2 vCPU
    error: sparkbake.toml: 1 error
    ");
    // It is the smallest: with it the size is no problem, with a step less it is.
    let named = text.split("`memory-gb = ").nth(1).unwrap().split('`').next().unwrap();
    let tenths = named.parse::<f64>().unwrap() * 10.0;
    assert!(refused(&profile(&format!("{:.1}", (tenths - 1.0) / 10.0))).contains("memory-too-small"));
    let ran = World::new(&profile(named)).run(&["check"]);
    assert!(!said(&ran).contains("memory-too-small"), "{}", said(&ran));
}

#[test]
fn the_command_line_is_judged_before_the_profile() {
    let world = World::new("");
    expect(&world.run(&["build", "-o", "zip:x"]), 2, &["error: -o is `zip:x`; it must be oci:DIR"]);
    expect(&world.run(&["frob"]), 2, &["unrecognized subcommand 'frob'"]);
    expect(&world.run(&["check", "absent.toml"]), 3, &["error: cannot read ", "absent.toml: No such file"]);
}

/// Two of the examples that fail; the third needs the whole image.
#[test]
fn examples_that_fail_are_told_by_one_error_and_can_be_allowed() {
    for (name, code) in [("memory", "setting-fights-the-plan"), ("versions", "stack-fails")] {
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/failing-{name}"));
        let profile = std::fs::read_to_string(from.join("sparkbake.toml")).unwrap();
        let allowed = format!("{profile}\n[lints]\n{code} = [{{ level = \"allow\", reason = \"to see it fail\" }}]\n");
        for (profile, expected, errors) in [(&profile, 1, 1), (&allowed, 0, 0)] {
            let world = World::new(profile);
            for entry in std::fs::read_dir(from.join("app")).unwrap().map(Result::unwrap) {
                let path = format!("project/app/{}", entry.file_name().into_string().unwrap());
                world.write(&path, std::fs::read(entry.path()).unwrap());
            }
            let ran = world.run(&["check"]);
            let text = said(&ran);
            assert_eq!(ran.status.code(), Some(expected), "{text}");
            let heads = text.lines().filter(|line| line.starts_with("error["));
            assert_eq!(heads.count(), errors, "{text}");
            assert_eq!(text.contains(&format!("error[{code}]")), errors == 1, "{text}");
        }
    }
}

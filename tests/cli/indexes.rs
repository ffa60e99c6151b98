//! X29: a project is one index's alone, and whoever publishes a private name elsewhere is not heard.

use std::process::Command;

use crate::said;
use crate::world::{PROFILE, World, directory_url};

/// Both indexes have `our-core`; the public one in the higher version, as whoever wants to be installed would.
fn world(profile: &str) -> World {
    let world = World::new(profile);
    world.list_wheels_in("corp", "our-core", &[("1.0", &["our-base", "low<2"])]);
    world.list_wheels_in("corp", "our-base", &[("1.1", &[])]);
    world.list_wheels_in("corp", "low", &[("1.9", &[])]);
    for name in ["our-core", "our-base", "our-gone"] {
        world.list_wheels(name, &[("9.9", &["stolen"])]);
    }
    world.list_wheels("low", &[("2.0", &[]), ("1.5", &[])]);
    world
}

/// The command where the index `corp` is known.
fn told(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.env("SPARKBAKE_PYPI_CORP_URL", directory_url(world.root(), "corp"));
    command
}

const OURS: [&str; 5] = ["resolve", "python", "our-core", "--index", "corp=our-*"];

#[test]
fn x29_a_project_comes_from_its_own_index_alone() {
    let world = world(PROFILE);
    let ours = told(&world, &OURS).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(ours.stdout).unwrap(), @"
    Python 3.11.2, glibc 2.36, x86_64
    └── asked for
        └── our-core 1.0
            ├── low 1.5
            └── our-base 1.1
    ");
    // What the index does not have is not looked for elsewhere.
    let gone = told(&world, &["resolve", "python", "our-gone", "low", "--index", "corp=our-*"]).output().unwrap();
    insta::assert_snapshot!(said(&gone), @"
    error[python-unknown-project]: the index `corp` has no project `our-gone`
     --> command line:1:1
      |
    1 | our-gone low
      | ^^^^^^^^ no such project
      |
      = help: check the spelling, or say in python.indexes that another has it
    error: command line: 1 error
    ");
    // A name that no project has would protect nothing.
    let misspelt = told(&world, &["resolve", "python", "our-core", "--index", "corp=Our_*"]).output().unwrap();
    let text = "error: --index corp=Our_*: index=project is meant, such as corp=our-*\n";
    assert_eq!((misspelt.status.code(), said(&misspelt).as_str()), (Some(2), text));
    // Nobody says where it is: no other index is asked in its place.
    let nowhere = world.run(&OURS);
    assert_eq!(nowhere.status.code(), Some(3));
    insta::assert_snapshot!(said(&nowhere), @"
    error: no pypi:corp registry is configured: neither SPARKBAKE_PYPI_CORP_URL, endpoints.toml nor uv names the Python index `corp`
    note: run `sparkbake endpoints set pypi:corp URL`: the URL of the index's simple API, which often ends in `/simple`
    ");
}

/// Variables, `endpoints.toml` and uv name indexes, in this order.
#[test]
fn an_index_is_found_where_the_users_tools_name_it() {
    let world = world(PROFILE);
    let expected = told(&world, &OURS).output().unwrap().stdout;
    let corp = directory_url(world.root(), "corp");
    let found = |command: &mut Command| {
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(ran.stdout, expected);
    };
    found(world.command(&OURS).env("UV_INDEX", format!("other=file:///nowhere corp={corp}")));
    let uv = format!("[[index]]\nname = \"corp\"\nurl = \"{corp}\"\nexplicit = true\n");
    world.write(".config/uv/uv.toml", uv);
    found(&mut world.command(&OURS));
    world.write(".config/uv/uv.toml", "[[index]]\nname = \"corp\"\nurl = \"file:///nowhere\"\n");
    let set = world.run(&["endpoints", "set", "pypi:corp", &corp]);
    assert!(set.status.success(), "{}", said(&set));
    found(&mut world.command(&OURS));
    let shown = world.run(&["endpoints"]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    let path = world.root().join(".config/sparkbake/endpoints.toml");
    let row = format!("{:<16} {corp}\n{:<16}   endpoints.toml: {}\n", "pypi:corp", "", path.display());
    assert!(shown.contains(&row), "{shown}");
    for name in ["maven:corp", "pypi:Corp", "corp"] {
        assert_eq!(world.run(&["endpoints", "set", name, &corp]).status.code(), Some(2), "{name}");
    }
}

/// Further indexes of pip are not asked, and who misses something there is told.
#[test]
fn who_misses_a_project_is_told_of_indexes_that_were_not_asked() {
    let python = "[python]\nrequirements = [\"our-gone\", \"theirs\"]\nindexes = { corp = [\"our-*\"] }\n";
    let world = world(&format!("{PROFILE}\n{python}"));
    world.write(".config/pip/pip.conf", "[global]\nextra-index-url = https://elsewhere.example/simple\n");
    let ran = told(&world, &["lock"]).output().unwrap();
    insta::assert_snapshot!(said(&ran).replace(&world.root().display().to_string(), "HOME"), @r#"
       Resolving Spark 3.5.9 on Java 17, Python 3.11, bookworm
    error[python-unknown-project]: the index `corp` has no project `our-gone`
      --> sparkbake.toml:16:17
       |
    16 | requirements = ["our-gone", "theirs"]
       |                 ^^^^^^^^^^ no such project
       |
       = note: pip.conf: HOME/.config/pip/pip.conf names further indexes, which are not asked beside the first: whoever publishes a private name there would win
       = help: check the spelling, or say in python.indexes that another has it

    error[python-unknown-project]: the package index has no project `theirs`
      --> sparkbake.toml:16:29
       |
    16 | requirements = ["our-gone", "theirs"]
       |                             ^^^^^^^^ no such project
       |
       = note: pip.conf: HOME/.config/pip/pip.conf names further indexes, which are not asked beside the first: whoever publishes a private name there would win
       = help: check the spelling; an index of your own is asked for what python.indexes says it has
    error: sparkbake.toml: 2 errors
    "#);
}

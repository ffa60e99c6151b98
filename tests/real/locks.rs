//! The commands of a lock as a person reads them: what is locked moves only as far as it must, or is told to.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{cache, command_in, inputs_only, manifest_digest, project, said, sparkbake_in};

/// The smallest shipped profile with requirements whose answers stay.
fn profile(requirements: &[&str]) -> String {
    let minimal = include_str!("../../profiles/minimal.toml");
    format!("{minimal}\n[python]\nrequirements = {requirements:?}\n")
}

/// What is typed, what is said, and the exit code. What has to be fetched depends on the runs before.
fn transcript(directory: &Path, told: &mut String, arguments: &[&str]) {
    let ran = sparkbake_in(cache(), directory, arguments);
    let all = [&ran.stderr, &ran.stdout].map(|part| String::from_utf8_lossy(part).into_owned()).concat();
    let all: String = all.split_inclusive('\n').filter(|line| !line.contains(" Fetching ")).collect();
    let all = all.replace(&format!("{}/", directory.display()), "");
    let code = ran.status.code().unwrap();
    writeln!(told, "$ sparkbake {}\n{all}[{code}]\n", arguments.join(" ")).unwrap();
}

#[test]
fn what_is_locked_stays_until_it_is_told_to_move() {
    let directory = project("locks", &profile(&["six==1.15.0", "idna==3.10"]));
    let write = |requirements: &[&str]| fs::write(directory.join("sparkbake.toml"), profile(requirements)).unwrap();
    let mut told = String::new();
    let mut read = |arguments: &[&str]| transcript(&directory, &mut told, arguments);
    read(&["tree"]);
    read(&["lock"]);
    read(&["lock", "--check"]);
    read(&["lock", "--offline"]);
    // The requirement is wider now, and the lock was made from another: nothing has to move.
    write(&["six<1.17", "idna==3.10"]);
    read(&["lock", "--check"]);
    read(&["lock"]);
    // Told to move, it does, and nothing else.
    read(&["lock", "--upgrade", "six"]);
    read(&["tree", "--invert", "six"]);
    // Nobody has asked for this one before.
    write(&["itsdangerous==2.2.0"]);
    read(&["lock", "--offline"]);
    // It does not fit any more, and the other is gone.
    write(&["six<1.16", "attrs==24.2.0"]);
    read(&["lock"]);
    read(&["lock", "--upgrade", "sxi"]);
    read(&["tree", "--invert", "idna"]);
    // What Debian and PyPI have, and where they are, is for others to say.
    let filters = [(r"[\d.]+ KB to", "[size] to"), (r"Chose \d+", "Chose [count]"), (r"http\S+/its", "[index]/its")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(told) });
}

#[test]
fn what_moved_is_told_to_programs_too() {
    let directory = project("locks-json", &profile(&["six==1.15.0"]));
    let lock = |arguments: &[&str]| {
        let ran = sparkbake_in(cache(), &directory, &[&["lock", "--json"], arguments].concat());
        assert!(ran.status.success(), "{}", said(&ran));
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()
    };
    let first = lock(&[]);
    assert!(first[0]["added"].as_array().unwrap().iter().any(|one| one["name"] == "six"), "{first}");
    fs::write(directory.join("sparkbake.toml"), profile(&["six==1.16.0"])).unwrap();
    let moved = lock(&[]);
    let six = serde_json::json!([{ "name": "six", "from": "1.15.0", "to": "1.16.0", "via": ["python.requirements"] }]);
    assert_eq!(moved[0]["moved"], six, "{moved}");
    let layers = moved[0]["layers"].as_array().unwrap();
    assert!(layers.iter().any(|layer| layer == "python") && !layers.iter().any(|layer| layer == "base"), "{moved}");
}

/// The lock says which index a project of one's own is of, and there it is looked for again; PyPI has other files by
/// that name.
#[test]
fn a_project_of_ones_own_index_is_found_there_again() {
    let indexes = "indexes = { corp = [\"ours\"] }\n";
    let directory = project("locks-corp", &format!("{}{indexes}", profile(&["ours", "six==1.16.0"])));
    crate::rebuild::fill(&directory);
    let file = "ours-1.0-py3-none-any.whl";
    fs::create_dir_all(directory.join("corp/ours")).unwrap();
    fs::rename(directory.join("dist").join(file), directory.join("corp/ours").join(file)).unwrap();
    fs::write(directory.join("corp/ours/index.html"), format!("<a href=\"{file}\">{file}</a>")).unwrap();
    let corp = format!("file://{}/corp/", directory.display());
    let ran = |store: &Path, arguments: &[&str]| {
        command_in(store, &directory, arguments).env("SPARKBAKE_PYPI_CORP_URL", &corp).output().unwrap()
    };
    let locked = ran(cache(), &["lock"]);
    assert!(locked.status.success(), "{}", said(&locked));
    let lock = fs::read_to_string(directory.join("sparkbake.lock")).unwrap();
    let own = lock.split("[[artifact]]").find(|one| one.contains("pypi:ours==1.0")).unwrap();
    assert!(own.contains("index = \"corp\"") && lock.matches("index = ").count() == 1, "{own}");
    let built = ran(cache(), &["build", "--locked", "-o", "oci:ours.oci"]);
    assert!(built.status.success(), "{}", said(&built));
    let expected = manifest_digest(&directory.join("ours.oci"));
    // A machine that has none of it, from the image alone.
    let digest = Sha256::digest(fs::read(directory.join("corp/ours").join(file)).unwrap());
    let without = |name: &str| {
        let store = inputs_only(name);
        fs::remove_file(store.join("blobs/sha256").join(hex::encode(digest))).unwrap();
        store
    };
    let again = ran(&without("locks-corp-again"), &["rebuild", "oci:ours.oci"]);
    assert!(again.status.success() && said(&again).contains(&expected), "{}", said(&again));
    let nobody = command_in(&without("locks-corp-nobody"), &directory, &["rebuild", "oci:ours.oci"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(3), "{}", said(&nobody));
    assert!(said(&nobody).contains("sparkbake endpoints set pypi:corp URL"), "{}", said(&nobody));
}

/// Another Hadoop comes with all that Spark ships of it, its own Guava among them. What that breaks is one line a cause,
/// and what Hadoop's jars lack of each other is Hadoop's.
#[test]
fn another_hadoop_comes_whole_and_what_it_breaks_is_told() {
    let pinned = include_str!("../../profiles/minimal.toml").replace("java = ", "hadoop = \"3.4.1\"\njava = ");
    let directory = project("locks-hadoop", &pinned);
    let mut told = String::new();
    transcript(&directory, &mut told, &["lock"]);
    insta::assert_snapshot!(told);
}

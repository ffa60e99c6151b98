//! What `check` says of an app's imports, held against the image in which they are tried.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::containers::{LINES, engine, job};
use crate::{cache, project, repository, said, sparkbake_in};

/// Tries modules and says of each whether it is there: all of the standard library's list and of the top of the
/// packages, a third of what lies deeper, and slips in those. A module that fails for another reason is none of either.
const JOB: &str = r#"
import importlib, keyword, os, pathlib, sys, zlib
skipped = ("antigravity", "this", "idlelib", "turtle", "lib2to3", "pip", "pyspark.shell", "pyspark.daemon", "pyspark.worker", "pyspark.python")
names = set(sys.stdlib_module_names)
for top in map(pathlib.Path, sys.path[1:]):
    for path in top.rglob("*.py"):
        parts = path.relative_to(top).with_suffix("").parts
        deep = len(parts) > 1
        if {"tests", "dist-packages", "jars"} & set(parts) or parts[-1].startswith("__") or deep and zlib.crc32(str(path).encode()) % 3:
            continue
        name = ".".join(parts)
        names |= {name, parts[0]}
        if deep and zlib.crc32(name.encode()) % 5 == 0:
            names |= {name + "x", name[:-1]}
fine = lambda name: all(p.isidentifier() and not keyword.iskeyword(p) for p in name.split(".")) and not name.startswith(skipped)
out, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1), os.dup2(null, 2)
for name in sorted(filter(fine, names)):
    try:
        importlib.import_module(name)
        found = "there"
    except ModuleNotFoundError as error:
        found = "gone" if error.name and (name + ".").startswith(error.name + ".") else "other"
    except BaseException:
        found = "other"
    os.write(out, f"{found} {name}\n".encode())
"#;

#[test]
fn imports_that_check_takes_are_there() {
    let Some(engine) = engine() else { return };
    let image = &LINES[0];
    let job = job("job-imports", JOB);
    let mount = format!("{}:/job:ro", job.parent().unwrap().display());
    let mut docker = Command::new("docker");
    docker.args(["--host", engine, "run", "--rm", "--network", "none", "-v", &mount]);
    let ran = docker.args([image.name, "python3", "/job/job.py"]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let tried = String::from_utf8(ran.stdout).unwrap();
    let tried: Vec<(&str, &str)> = tried.lines().filter_map(|line| line.split_once(' ')).collect();
    let all = |verdict: &str| -> BTreeSet<&str> {
        tried.iter().filter(|(found, _)| *found == verdict).map(|(_, name)| *name).collect()
    };
    let (there, gone) = (all("there"), all("gone"));
    assert!(there.len() > 500 && gone.len() > 20, "{} there, {} not", there.len(), gone.len());

    let profile = fs::read_to_string(repository().join(format!("profiles/{}.toml", image.name))).unwrap();
    let app = "\n[[app.copy]]\nfrom = \"app\"\nto = \"/app\"\n\n[app]\ncommand = [\"python3\", \"/app/main.py\"]\n";
    let directory = project("imports", &(profile + app));
    let lock = repository().join(format!("lockfiles/{}.lock", image.name));
    fs::copy(lock, directory.join("sparkbake.lock")).unwrap();
    fs::create_dir(directory.join("app")).unwrap();
    let mut main = String::new();
    for (_, name) in &tried {
        writeln!(main, "import {name}").unwrap();
    }
    fs::write(directory.join("app/main.py"), main).unwrap();
    let ran = sparkbake_in(cache(), &directory, &["check", "--json"]);
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", said(&ran)));
    let is_import = |problem: &&Value| problem["code"] == "module-not-in-image";
    let reported: BTreeSet<&str> = told[0]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_import)
        .map(|problem| tried[usize::try_from(problem["place"]["line"].as_u64().unwrap()).unwrap() - 1].1)
        .collect();
    let missed: Vec<&&str> = gone.difference(&reported).collect();
    let wrong: Vec<&&str> = there.intersection(&reported).collect();
    assert!(missed.is_empty() && wrong.is_empty(), "let pass and gone: {missed:?}\nreported and there: {wrong:?}");
}

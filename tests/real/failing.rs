//! The examples that fail: `check` names each cause, and what is built all the same dies of it.

use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::diagnose::diagnose;
use crate::{cache, command_in, docker, drawn, fresh, repository, said, sparkbake_in, tool};

/// An example, the one error that `check` has for it, in which file, and what its log is told as.
#[derive(Clone)]
struct Failing {
    name: &'static str,
    code: &'static str,
    file: &'static str,
    cause: &'static str,
}

const EXAMPLES: [Failing; 3] = [
    Failing { name: "memory", code: "setting-fights-the-plan", file: "app/count.py", cause: "oom-killed" },
    Failing { name: "jar", code: "path-missing", file: "sparkbake.toml", cause: "function-class-missing" },
    Failing { name: "versions", code: "stack-fails", file: "sparkbake.toml", cause: "cloudpickle-py311" },
];

#[test]
fn an_example_that_fails_dies_of_what_check_names() {
    let Some(engine) = docker() else { return };
    for example in drawn("failing examples", &EXAMPLES, 1) {
        let cwd = fresh(&format!("failing-{}", example.name));
        let from = repository().join(format!("examples/failing-{}", example.name));
        tool("cp", &["-r", &format!("{}/.", from.display()), cwd.to_str().unwrap()]);
        // Only the whole image says which file it has not.
        if example.name == "jar" {
            let ran = sparkbake_in(cache(), &cwd, &["lock"]);
            assert!(ran.status.success(), "{}", said(&ran));
        }
        let ran = sparkbake_in(cache(), &cwd, &["check", "--json"]);
        let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let problems = report[0]["problems"].as_array().unwrap();
        let [problem] = problems.as_slice() else { panic!("{}: {problems:#?}", example.name) };
        let told = (problem["level"].as_str(), problem["code"].as_str(), problem["place"]["file"].as_str());
        assert_eq!(told, (Some("deny"), Some(example.code), Some(example.file)), "{problem:#}");

        // Built all the same, because somebody says so.
        let mut profile = fs::OpenOptions::new().append(true).open(cwd.join("sparkbake.toml")).unwrap();
        writeln!(profile, "\n[lints]\n{} = [{{ level = \"allow\", reason = \"to see it fail\" }}]", example.code)
            .unwrap();
        let ran =
            command_in(cache(), &cwd, &["run", "--engine", "docker"]).env("DOCKER_HOST", &engine).output().unwrap();
        assert!(!matches!(ran.status.code(), Some(0 | 125)), "{}", said(&ran));
        let log = [ran.stdout.as_slice(), ran.stderr.as_slice()].concat();
        assert!(String::from_utf8_lossy(&log).contains(&format!("[{}]", example.cause)), "{}", said(&ran));
        let code = ran.status.code().unwrap_or(-1).to_string();
        let (_, answer) = diagnose(&log, &["--exited", &code]);
        assert_eq!(answer["cause"]["id"], example.cause, "{answer:#}\n{}", said(&ran));
    }
}

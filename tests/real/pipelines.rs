//! The shell steps of `examples/ci`, run as those services run them, against a registry that wants a password.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::push::minimal;
use crate::registries::Registry;
use crate::{cache, on_path, program, repository, said};

/// The lines of the one step that is shell: a block of `run` or `inlineScript`, or the list of `script`.
fn script(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| {
        let line = line.trim();
        !(line == "run: |" || line == "inlineScript: |" || line == "script:")
    });
    let depth = indent(lines.next().expect("no step that is shell"));
    let step = lines.take_while(|line| indent(line) > depth).map(|line| line.trim().trim_start_matches("- "));
    step.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shell_steps_of_the_examples_push_what_they_say() {
    if !on_path("skopeo") {
        return;
    }
    let Some(registry) = Registry::guarded("pipelines-registry") else { return };
    let cwd = minimal("pipelines", &format!("{}/team/score", registry.host));
    let bin = cwd.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("sparkbake")).unwrap();
    // What is installed is the program under test.
    fs::write(bin.join("cargo"), "#!/bin/sh\n[ \"$*\" = 'install --locked sparkbake' ]\n").unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let login = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6Y2FuYXJ5"}}}}}}"#, registry.host);
    for (file, variable, before) in [
        ("github-actions.yml", "GITHUB_SHA", "ref="),
        ("gitlab-ci.yml", "CI_COMMIT_SHA", "IMAGE="),
        ("azure-pipelines.yml", "BUILD_SOURCEVERSION", "##vso[task.setvariable variable=ref]"),
    ] {
        let text = fs::read_to_string(repository().join("examples/ci").join(file)).unwrap();
        let commit = format!("commit-of-{}", variable.to_ascii_lowercase());
        let mut shell = Command::new("bash");
        shell.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script(&text)]).current_dir(&cwd);
        shell.env("PATH", &path).env("SPARKBAKE_CACHE_DIR", cache()).env("CI", "true").env(variable, &commit);
        shell.env("GITHUB_OUTPUT", cwd.join("github.out")).env("DOCKER_AUTH_CONFIG", &login);
        let ran = shell.output().unwrap();
        assert!(ran.status.success(), "{file}: {}", said(&ran));
        let written = ["github.out", "image.env"].map(|name| fs::read_to_string(cwd.join(name)).unwrap_or_default());
        let told = format!("{}{}{}", String::from_utf8_lossy(&ran.stdout), written[0], written[1]);
        let told = told.lines().find_map(|line| line.strip_prefix(before)).unwrap_or_else(|| panic!("{file}: {told}"));
        let digest = registry.digest_at(&format!("team/score:{commit}"));
        assert_eq!(told, format!("{}/team/score@{digest}", registry.host), "{file}");
    }
}

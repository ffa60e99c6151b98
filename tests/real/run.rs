//! `run`: real containers under the size of the image, measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::containers::{EXPECTED_OF_MINIMAL, MINIMAL_JOB};
use crate::registries::{Kind, Registry};
use crate::{cache, command_in, docker, fresh, have, on_path, place, project, repository, said, sparkbake, tool};

/// `sparkbake run` with a job as Python's words.
pub(crate) fn ran(engine: &str, cwd: &Path, words: &[&str], job: &str) -> Output {
    let words = [&["run"], words, &["--", "python3", "-c", job]].concat();
    command_in(cache(), cwd, &words).env("DOCKER_HOST", engine).output().unwrap()
}

/// The layout of `minimal`.
fn layout() -> String {
    cache();
    format!("oci:{}", place("shipped").join("minimal").display())
}

/// What `run --json` says.
pub(crate) fn measured(ran: &Output) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(ran)))
}

/// The peak of a part, in MiB.
pub(crate) fn peak(report: &Value, name: &str) -> u64 {
    let rows = report["measured"]["rows"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    rows.iter().find(|row| row["name"] == name).unwrap()["peak-mib"].as_u64().unwrap()
}

/// Every part of a container is told apart, whatever the engine.
fn is_measured(report: &Value) {
    for (part, least, most) in
        [("heap", 20, 1203), ("JVM beside it", 100, 328), ("driver", 20, 88), ("daemons", 10, 80)]
    {
        let peak = peak(report, part);
        assert!((least..=most).contains(&peak), "{part} {peak}: {report:#}");
    }
    assert_eq!(report["measured"]["verdict"]["is"], "fits", "{report:#}");
    assert_eq!(report["measured"]["limit-mib"], 1907, "{report:#}");
    let used = report["measured"]["used-mib"].as_u64().unwrap();
    assert!((200..1000).contains(&used), "{report:#}");
}

#[test]
fn a_profile_is_run_under_its_size_and_measured() {
    let Some(engine) = docker() else { return };
    let cwd = fresh("run");
    let job = format!("{MINIMAL_JOB}\nimport time; time.sleep(2)");
    let told = ran(&engine, &cwd, &["minimal"], &job);
    assert!(told.status.success(), "{}", said(&told));
    let out = String::from_utf8_lossy(&told.stdout).into_owned();
    assert_eq!(out.lines().collect::<Vec<_>>(), EXPECTED_OF_MINIMAL, "the job's output alone is on standard output");
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    for part in ["in docker, with 1 vCPU and 1907 MiB", "  heap                 1203", "it fits: "] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let told = ran(&engine, &cwd, &["minimal", "--json"], &job);
    let report = measured(&told);
    is_measured(&report);
    assert_eq!(report["diagnosis"], Value::Null);
    assert!(String::from_utf8_lossy(&told.stderr).contains("sql 4950"), "{}", said(&told));
    assert!(fs::read_dir(&cwd).unwrap().next().is_none(), "a built-in profile leaves nothing behind");
}

#[test]
fn a_failing_job_gives_its_code_and_its_cause() {
    let Some(engine) = docker() else { return };
    let cwd = fresh("run-failing");
    let told = ran(&engine, &cwd, &["minimal"], "import sys; sys.exit(7)");
    assert_eq!(told.status.code(), Some(7), "{}", said(&told));
    let eater = "x = []\nwhile True: x.append(b'1' * (64 << 20))";
    let told = ran(&engine, &cwd, &["minimal", "--json"], eater);
    assert_eq!(told.status.code(), Some(137), "{}", said(&told));
    let report = measured(&told);
    assert_eq!(report["measured"]["verdict"]["is"], "killed", "{report:#}");
    assert_eq!(report["diagnosis"]["cause"]["id"], "oom-killed", "{report:#}");
    // Less than the plan: the entrypoint refuses, and its word is the job's.
    let layout = layout();
    let told = ran(&engine, &cwd, &[&layout, "--memory", "1"], "print(1)");
    assert_eq!(told.status.code(), Some(78), "{}", said(&told));
    let told = ran(&engine, &cwd, &["minimal", "--memory", "1"], "print(1)");
    assert_eq!(told.status.code(), Some(1), "no heap fits into 1 GB: {}", said(&told));
    let told = ran("unix:///no/such", &cwd, &["minimal", "--engine", "docker"], "print(1)");
    assert_eq!(told.status.code(), Some(125), "{}", said(&told));
}

/// An image of a registry is pulled, layer by layer, and run as one that lies here.
#[test]
fn an_image_of_a_registry_is_run() {
    let Some(engine) = docker() else { return };
    let Some(registry) = Registry::start(Kind::Docker, "run-registry") else { return };
    let (cwd, store) = (fresh("run-reference"), fresh("run-reference-store"));
    let reference = format!("{}/minimal:1", registry.host);
    sparkbake(&cwd, &["push", &layout(), &reference]);
    let run = |reference: &str| {
        let words = ["run", reference, "--json", "--", "python3", "-c", MINIMAL_JOB];
        command_in(&store, &cwd, &words).env("DOCKER_HOST", &engine).output().unwrap()
    };
    let told = run(&reference);
    assert!(told.status.success(), "{}", said(&told));
    assert_eq!(measured(&told)["measured"]["verdict"]["is"], "fits");
    assert!(said(&told).contains("sql 4950"), "{}", said(&told));
    let told = run(&format!("{}/minimal:2", registry.host));
    assert_eq!(told.status.code(), Some(125), "{}", said(&told));
    assert!(said(&told).contains("there is no such image"), "{}", said(&told));
}

/// The same command in a mount namespace without the unified control groups, which crun 1.8 refuses beside others.
fn without_unified(own: &Command) -> Command {
    let hide = "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", hide]).arg(own.get_program()).args(own.get_args());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(own.get_current_dir().unwrap());
    command
}

/// Without an engine: the runtime itself, and what it was given is gone afterwards.
#[test]
fn a_layout_is_run_by_a_runtime() {
    if !on_path("runc") || !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let cwd = fresh("run-runc");
    let layout = layout();
    let job = format!("{MINIMAL_JOB}\nimport time; time.sleep(2)");
    let told = ran("", &cwd, &[&layout, "--engine", "runc", "--json"], &job);
    assert!(told.status.success(), "{}", said(&told));
    is_measured(&measured(&told));
    let left = fs::read_dir(cache())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp-run"));
    assert_eq!(left.count(), 0);
    let told = ran("", &cwd, &[&layout, "--engine", "runc"], "import sys; sys.exit(9)");
    assert_eq!(told.status.code(), Some(9), "{}", said(&told));
    if on_path("crun") {
        let own =
            command_in(cache(), &cwd, &["run", &layout, "--engine", "crun", "--json", "--", "python3", "-c", &job]);
        let told = without_unified(&own).output().unwrap();
        assert!(told.status.success(), "{}", said(&told));
        is_measured(&measured(&told));
    }
    let none = command_in(cache(), &cwd, &["run", &layout, "--engine", "runc", "--", "/no/such"]).output().unwrap();
    assert_eq!(none.status.code(), Some(127), "the entrypoint's word: {}", said(&none));
}

/// The other engine that has images of its own. Its default runtime refuses control groups of both versions at once.
#[test]
fn podman_runs_it_too() {
    if !on_path("podman") || !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let cwd = fresh("run-podman");
    let at = cwd.display();
    let engine = "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n[containers]\nnetns = \"host\"\n";
    let storage = format!("[storage]\ndriver = \"overlay\"\nrunroot = \"{at}/run\"\ngraphroot = \"{at}/graph\"\n");
    fs::write(cwd.join("containers.conf"), engine).unwrap();
    fs::write(cwd.join("storage.conf"), storage).unwrap();
    let own = [("CONTAINERS_CONF", "containers.conf"), ("CONTAINERS_STORAGE_CONF", "storage.conf")];
    let own = own.map(|(name, file)| (name, cwd.join(file)));
    let job = format!("{MINIMAL_JOB}\nimport time; time.sleep(2)");
    let words = ["run", "minimal", "--engine", "podman", "--json", "--", "python3", "-c", &job];
    let told = command_in(cache(), &cwd, &words).envs(own.clone()).output().unwrap();
    let reset = Command::new("podman").args(["system", "reset", "--force"]).envs(own).output().unwrap();
    assert!(reset.status.success(), "{}", said(&reset));
    assert!(told.status.success(), "{}", said(&told));
    is_measured(&measured(&told));
}

/// Without privileges it runs where the kernel lets it; else it says what is missing, and leaves nothing.
#[test]
fn a_user_without_privileges_runs_or_is_told_why_not() {
    if !on_path("runc") || !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let cwd = fresh("run-rootless");
    cache();
    let parts = [place("shipped").join("minimal"), PathBuf::from(crate::program())];
    tool("cp", &["-r", parts[0].to_str().unwrap(), parts[1].to_str().unwrap(), cwd.to_str().unwrap()]);
    tool("chown", &["-R", "1000:1000", cwd.to_str().unwrap()]);
    let ran = Command::new("setpriv")
        .args(["--reuid", "1000", "--regid", "1000", "--clear-groups"])
        .args(["./sparkbake", "run", "oci:minimal", "--engine", "runc", "--", "python3", "-c", "print('here')"])
        .current_dir(&cwd)
        .env("HOME", cwd.as_os_str())
        .env("XDG_RUNTIME_DIR", cwd.as_os_str())
        .env("SPARKBAKE_CACHE_DIR", cwd.join("cache"))
        .output()
        .unwrap();
    let text = said(&ran);
    match ran.status.code() {
        Some(0) => assert!(text.contains("here"), "{text}"),
        Some(125) => assert!(text.contains("note: without root a limit needs control groups of version 2"), "{text}"),
        _ => panic!("{text}"),
    }
    let left = fs::read_dir(cwd.join("cache")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.starts_with(".tmp")), "{left:?}");
}

#[test]
fn what_was_measured_is_written_to_the_profile() {
    let Some(engine) = docker() else { return };
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let text = format!("{text}\n# ours\n[memory]\npython-workers = 1 # one is enough\n");
    let cwd = project("run-calibrate", &text);
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    let job = format!("{MINIMAL_JOB}\nmodel = b'1' * (150 << 20)\nimport time; time.sleep(2)");
    let told = ran(&engine, &cwd, &["--calibrate"], &job);
    assert!(told.status.success(), "{}", said(&told));
    let written = fs::read_to_string(cwd.join("sparkbake.toml")).unwrap();
    let rest = written.strip_prefix(&text).unwrap_or_else(|| panic!("what was there changed:\n{written}"));
    let lines: Vec<&str> = rest.lines().collect();
    assert!(lines[0].starts_with("# measured: the app's Python took "), "{rest}");
    let driver: u64 = lines[1].strip_prefix("driver-mib = ").unwrap().parse().unwrap();
    // 150 for the model beside an interpreter without pandas, less the 88 that are planned anyway, and a tenth.
    assert!((80..=140).contains(&driver), "{rest}");
    assert_eq!((lines.len(), lines[3]), (4, "worker-mib = 0"), "{rest}");
    let told = ran(&engine, &cwd, &["--calibrate"], "import sys; sys.exit(3)");
    assert_eq!(told.status.code(), Some(3), "{}", said(&told));
    assert_eq!(fs::read_to_string(cwd.join("sparkbake.toml")).unwrap(), written, "a failed run measures nothing");
}

//! Runs the entrypoint in the shell of this machine, under memory groups that are plain files.

#![expect(clippy::disallowed_methods, reason = "a test that needs files")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::ENTRYPOINT;

const PLAN: &str = "PLAN_LIMIT_BYTES=4000000000\nPLAN_LEAST_BYTES=3799000000\nPLAN_GB=4\n\
    PLAN_CPU_MILLI=2000\nPLAN_CPU=2\nPLAN_TEXT='the plan'\nPLAN_HELP='the help'\n";
/// The image's `/bin/sh`.
const SHELLS: [&str; 1] = ["dash"];

#[derive(Default)]
struct Group<'a> {
    limit: &'a str,
    /// Quota and period.
    cpu: Option<(&'a str, &'a str)>,
    /// `PYSPARK_SUBMIT_ARGS`.
    arguments: &'a str,
    anyway: bool,
}

/// The script in `shell` with the group's files instead of the kernel's. Version 2's files lie in the
/// mount itself, version 1's in a directory; whichever the machine has finds the same numbers.
fn run(shell: &str, group: &Group<'_>, command: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    lay(root, group);
    let script = ENTRYPOINT
        .replace("/etc/spark/sparkbake-plan.sh", &root.join("plan.sh").display().to_string())
        .replace("/sys/fs/cgroup", &root.display().to_string());
    write(&root.join("entrypoint"), &script);
    let output = Command::new(shell)
        .arg(root.join("entrypoint"))
        .args(["sh", "-c", &command.replace("GROUP", &root.display().to_string())])
        .env("SPARK_LOCAL_DIRS", root)
        .env("HOME", root)
        .env("PYSPARK_SUBMIT_ARGS", group.arguments)
        .env("SPARKBAKE_ANYWAY", if group.anyway { "1" } else { "" })
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), spoken(&output))
}

fn lay(root: &Path, group: &Group<'_>) {
    let Group { limit, cpu, .. } = group;
    write(&root.join("plan.sh"), PLAN);
    for (version, limit_name, events_name) in
        [("", "memory.max", "memory.events"), ("memory", "memory.limit_in_bytes", "memory.oom_control")]
    {
        let dir = root.join(version);
        create(&dir);
        write(&dir.join(limit_name), &format!("{limit}\n"));
        write(&dir.join(events_name), "low 0\noom_kill 0\n");
    }
    if let Some((quota, period)) = cpu {
        create(&root.join("cpu"));
        write(&root.join("cpu.max"), &format!("{} {period}\n", if *quota == "-1" { "max" } else { quota }));
        write(&root.join("cpu/cpu.cfs_quota_us"), &format!("{quota}\n"));
        write(&root.join("cpu/cpu.cfs_period_us"), &format!("{period}\n"));
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn create(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
}

fn spoken(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn shells() -> impl Iterator<Item = &'static str> {
    SHELLS.iter().copied().filter(|shell| Command::new(shell).args(["-c", ":"]).status().is_ok())
}

#[test]
fn the_limit_is_compared_with_the_plan() {
    let small = "sparkbake: the plan; the container has only 1907 MiB: give it memory-gb = 4, or bake the image for its size (SPARKBAKE_ANYWAY=1 starts it all the same)\n";
    let cases = [
        ("4294967296", false, Some(7), "sparkbake: the plan; the container has 4096 MiB\n"),
        ("4000000000", false, Some(7), "sparkbake: the plan; the container has 3814 MiB\n"),
        (
            "3799000000",
            false,
            Some(7),
            "sparkbake: the plan; the container has 3623 MiB, which is within the platform's share: going on\n",
        ),
        ("2000000000", false, Some(78), small),
        ("2000000000", true, Some(7), small),
        ("max", false, Some(7), "sparkbake: the plan; the container shows no memory limit\n"),
        ("9223372036854771712", false, Some(7), "sparkbake: the plan; the container shows no memory limit\n"),
    ];
    for shell in shells() {
        for (limit, anyway, code, said) in cases {
            let ran = run(shell, &Group { limit, anyway, ..Group::default() }, "exit 7");
            assert_eq!(ran, (code, said.to_owned()), "{shell} {limit}");
        }
    }
}

#[test]
fn fewer_cpus_than_planned_are_told() {
    let told = |has: &str| {
        format!(
            "sparkbake: the container has {has} vCPU, fewer than planned: give it cpu = 2, or bake the image for its size\n"
        )
    };
    let cases = [
        (Some(("200000", "100000")), String::new()),
        (Some(("400000", "100000")), String::new()),
        (Some(("150000", "100000")), told("1.5")),
        (Some(("25000", "50000")), told("0.5")),
        (Some(("-1", "100000")), String::new()),
        (Some(("1", "0")), String::new()),
        (None, String::new()),
    ];
    for shell in shells() {
        for (cpu, said) in &cases {
            let (code, spoken) = run(shell, &Group { limit: "max", cpu: *cpu, ..Group::default() }, "exit 0");
            let after = spoken.split_once('\n').map_or("", |(_, rest)| rest);
            assert_eq!((code, after), (Some(0), said.as_str()), "{shell} {cpu:?}");
        }
    }
}

#[test]
fn arguments_that_end_in_waiting_are_refused() {
    let told = "sparkbake: PYSPARK_SUBMIT_ARGS asks spark-submit for its version or help, and PySpark would wait for ever: take the option out\n";
    for shell in shells() {
        for (arguments, anyway, code, said) in [
            ("--version pyspark-shell", false, 78, told),
            ("--conf a=--versions -h", false, 78, told),
            ("--help", true, 0, told),
            ("--conf spark.x=--help --name x--version pyspark-shell", false, 0, ""),
        ] {
            let (ended, spoken) = run(shell, &Group { limit: "max", arguments, anyway, ..Group::default() }, "exit 0");
            let after = spoken.split_once('\n').map_or("", |(_, rest)| rest);
            assert_eq!((ended, after), (Some(code), said), "{shell} {arguments}");
        }
    }
}

#[test]
fn the_end_is_the_applications_own_or_told() {
    let killed = "for f in GROUP/memory.events GROUP/memory/memory.oom_control; do echo oom_kill 1 >$f; done; ";
    let told = "sparkbake: the kernel killed a process for memory (out of memory in the container): the help\n";
    let cases = [
        ("exit 0".to_owned(), 0, ""),
        ("exit 143".to_owned(), 143, ""),
        (
            "exit 1".to_owned(),
            1,
            "sparkbake: the application ended with exit code 1; `sparkbake diagnose` names the cause that a log such as this one shows\n",
        ),
        ("kill -9 $$".to_owned(), 137, ""),
        ("kill -TERM $PPID; sleep 1; exit 5".to_owned(), 143, ""),
        ("trap 'exit 5' TERM; kill -TERM $PPID; sleep 1".to_owned(), 5, ""),
        (format!("{killed} exit 1"), 137, told),
        (format!("{killed} exit 0"), 0, ""),
    ];
    for shell in shells() {
        for (command, code, said) in &cases {
            let (ended, spoken) = run(shell, &Group { limit: "max", ..Group::default() }, command);
            let after = spoken.split_once('\n').map_or("", |(_, rest)| rest);
            assert_eq!((ended, after), (Some(*code), *said), "{shell} {command}");
        }
    }
}

//! An image unpacked by umoci and started by the runtimes themselves, without an engine between.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::containers::{
    EXPECTED_OF_MINIMAL, EXPECTED_OF_TLS, Image, LINES, MINIMAL, MINIMAL_JOB, expected_of_lines, healthy, job,
    line_job, trusting,
};
use crate::{cache, fresh, have, json, on_path, place, said};

/// The bundle of an image in a layout: limits, read-only root, a writable `/tmp` and the job, as the
/// runtime specification says them.
fn bundle(bundle: &Path, source: &str, bytes: u64, job: &Path, local: &Path) {
    let ran = Command::new("umoci").args(["unpack", "--image", source]).arg(bundle).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let path = bundle.join("config.json");
    let mut config = json(&path);
    config["process"]["terminal"] = Value::Bool(false);
    config["root"]["readonly"] = Value::Bool(true);
    config["linux"]["resources"]["memory"] = json!({ "limit": bytes, "swap": bytes });
    let arguments = config["process"]["args"].as_array_mut().unwrap();
    arguments.extend(["python3", "/job/job.py"].map(Value::from));
    let bind = |at: &str, from: &Path, mode: &str| {
        let options = ["rbind", mode];
        json!({ "destination": at, "type": "bind", "source": from, "options": options })
    };
    let temporary = json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"] });
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.extend([bind("/job", job.parent().unwrap(), "ro"), bind("/var/lib/spark/local", local, "rw"), temporary]);
    fs::write(path, config.to_string()).unwrap();
}

/// Runs the bundle. crun 1.8 refuses cgroups that are hybrid, so it gets a mount namespace without the unified ones.
fn started(runtime: &str, bundle: &Path) -> Output {
    let state = fresh(&format!("state-{runtime}"));
    let hide = "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec \"$0\" \"$@\"";
    // Its control group has the name too.
    let name = format!("sparkbake-{}-{}", std::process::id(), state.file_name().unwrap().to_str().unwrap());
    Command::new("unshare")
        .args(["--mount", "sh", "-c", hide, runtime, "--root"])
        .arg(&state)
        .args(["run", "--bundle"])
        .arg(bundle)
        .arg(name)
        .output()
        .unwrap()
}

/// Runs the image's job in one runtime, and a job whose certificates the profile brings in the other.
fn start(image: &Image, [one, other]: [&str; 2], job: &Path, expected: &[&str]) {
    let tools = ["umoci", "runc", "crun"].into_iter().all(on_path);
    if !tools || !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    cache();
    let local = fresh("runtime-local");
    chown(&local, Some(185), Some(185)).unwrap();
    let healthy_in = |runtime: &str, source: &str, job: &Path, expected: &[&str]| {
        let folder = fresh("runtime");
        let unpacked = folder.join("bundle");
        bundle(&unpacked, source, image.bytes, job, &local);
        healthy(&started(runtime, &unpacked), expected);
    };
    let source = format!("{}:{}", place("shipped").join(image.name).display(), image.name);
    healthy_in(one, &source, job, expected);
    let (cwd, job) = trusting(image, "oci:tls");
    healthy_in(other, &format!("{}:sparkbake", cwd.join("tls").display()), &job, &EXPECTED_OF_TLS);
}

#[test]
fn runc_and_crun_start_minimal_as_umoci_unpacked_it() {
    start(&MINIMAL, ["runc", "crun"], &job("job-runtime", MINIMAL_JOB), &EXPECTED_OF_MINIMAL);
}

#[test]
fn runc_and_crun_start_3_5_as_umoci_unpacked_it() {
    start(&LINES[0], ["crun", "runc"], &line_job("job-runtime-3.5"), &expected_of_lines());
}

#[test]
fn runc_and_crun_start_4_1_as_umoci_unpacked_it() {
    start(&LINES[1], ["runc", "crun"], &line_job("job-runtime-4.1"), &expected_of_lines());
}

//! An image unpacked by umoci and started by the runtimes themselves, without an engine between.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::containers::{
    EXPECTED_OF_MINIMAL, EXPECTED_OF_TLS, LINES, MINIMAL, MINIMAL_JOB, expected_of_lines, healthy, job, line_job,
    trusting,
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
    let name = format!("sparkbake-test-{}", std::process::id());
    Command::new("unshare")
        .args(["--mount", "sh", "-c", hide, runtime, "--root"])
        .arg(&state)
        .args(["run", "--bundle"])
        .arg(bundle)
        .arg(name)
        .output()
        .unwrap()
}

#[test]
fn runc_and_crun_start_what_umoci_unpacked() {
    let tools = ["umoci", "runc", "crun"].into_iter().all(on_path);
    if !tools || !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let local = fresh("runtime-local");
    chown(&local, Some(185), Some(185)).unwrap();
    let healthy_in_both = |source: &str, bytes: u64, job: &Path, expected: &[&str]| {
        let folder = fresh("runtime");
        let unpacked = folder.join("bundle");
        bundle(&unpacked, source, bytes, job, &local);
        for runtime in ["runc", "crun"] {
            healthy(&started(runtime, &unpacked), expected);
        }
    };
    cache();
    let (alone, whole) = (job("job-runtime", MINIMAL_JOB), line_job("job-runtime-lines"));
    let lines = LINES.iter().map(|image| (image, &whole, expected_of_lines()));
    for (image, job, expected) in [(&MINIMAL, &alone, EXPECTED_OF_MINIMAL.to_vec())].into_iter().chain(lines) {
        let source = format!("{}:{}", place("shipped").join(image.name).display(), image.name);
        healthy_in_both(&source, image.bytes, job, &expected);
        let (cwd, job) = trusting(image, "oci:tls");
        healthy_in_both(&format!("{}:sparkbake", cwd.join("tls").display()), image.bytes, &job, &EXPECTED_OF_TLS);
    }
}

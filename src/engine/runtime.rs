//! crun and runc, which start a bundle: a directory with the image's files and a `config.json` (OCI runtime-spec).

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::error::Error;

use super::{Limits, failed, output};

/// Directory of a bundle with the image's files.
const ROOT: &str = "rootfs";

/// An OCI runtime's command line.
#[derive(Debug)]
pub struct Runtime {
    name: &'static str,
    program: PathBuf,
}

/// What runs in a container, as the image's config says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Program and words.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Working directory.
    pub directory: String,
    /// Numeric user and group.
    pub user: (u32, u32),
}

/// A container that can be started; its directory goes with this value.
#[derive(Debug)]
pub struct Bundle<'a> {
    runtime: &'a Runtime,
    directory: TempDir,
    id: String,
    /// Who runs in it.
    user: (u32, u32),
}

impl Runtime {
    pub(super) fn new(name: &'static str, program: PathBuf) -> Self {
        Self { name, program }
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// An empty bundle below a directory.
    ///
    /// # Errors
    /// [`Error::Write`] where the disk refuses.
    pub fn bundle(&self, parent: &Path) -> Result<Bundle<'_>, Error> {
        let directory = tempfile::Builder::new().prefix(".tmp-run").tempdir_in(parent).map_err(Error::write(parent))?;
        let root = directory.path().join(ROOT);
        fs::create_dir(&root).map_err(Error::write(&root))?;
        let random = directory.path().file_name().map(|name| name.to_string_lossy().trim_start_matches('.').to_owned());
        let id = format!("sparkbake-{}", random.unwrap_or_default());
        Ok(Bundle { runtime: self, directory, id, user: (0, 0) })
    }
}

impl Bundle<'_> {
    /// Lays a layer's tar over what is there.
    ///
    /// # Errors
    /// [`Error::Archive`] where it is no tar, or leads out of the image.
    pub fn lay(&self, layer: impl Read) -> Result<(), Error> {
        unpack(layer, &self.directory.path().join(ROOT), rustix::process::geteuid().is_root())
    }

    /// Writes the container's config.
    ///
    /// # Errors
    /// [`Error::Write`] where the disk refuses.
    pub fn configure(&mut self, process: &Process, limits: Limits) -> Result<(), Error> {
        let mut config = config(process, limits);
        let own = rustix::process::geteuid();
        if own.is_root() {
            self.user = process.user;
        } else {
            rootless(&mut config, own.as_raw(), rustix::process::getegid().as_raw());
        }
        let path = self.directory.path().join("config.json");
        let mut file = fs::File::create_new(&path).map_err(Error::write(&path))?;
        file.write_all(config.to_string().as_bytes()).map_err(Error::write(&path))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.runtime.program);
        command.arg("--root").arg(self.directory.path().join("state")).arg(verb);
        command
    }

    /// Runs it in the foreground.
    #[must_use]
    pub fn run(&self) -> Command {
        let mut run = self.command("run");
        run.arg("--bundle").arg(self.directory.path()).arg("--pid-file").arg(self.pid_file()).arg(&self.id);
        run
    }

    /// Whether the runtime made the container; it says with the same code that it failed and that the program did.
    #[must_use]
    pub fn was_made(&self) -> bool {
        self.pid_file().exists()
    }

    /// What the runtime needs and may not have, where it did not make the container.
    #[must_use]
    pub fn needs(&self) -> &'static str {
        if rustix::process::geteuid().is_root() {
            "crun before 1.9 refuses control groups of both versions at once; runc takes them"
        } else {
            "without root a limit needs control groups of version 2 that are delegated to you, and user namespaces; \
             docker and podman have a service or a login session for it"
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("pid")
    }

    /// Runs a shell's text in it.
    #[must_use]
    pub fn exec(&self, text: &str) -> Command {
        let mut exec = self.command("exec");
        // crun would run it as root, who may not look at other users' memory in there.
        exec.args(["--user", &format!("{}:{}", self.user.0, self.user.1), &self.id, "sh", "-c", text]);
        exec
    }
}

impl Drop for Bundle<'_> {
    fn drop(&mut self) {
        // It is gone already where it ended by itself.
        let _ = output(self.command("delete").args(["--force", &self.id]));
    }
}

/// Lays a layer over what is there (OCI image-spec, layer.md: Applying Changesets).
fn unpack(layer: impl Read, root: &Path, is_root: bool) -> Result<(), Error> {
    let bad = |reason: &dyn std::fmt::Display| Error::archive("a layer", reason);
    let mut archive = tar::Archive::new(layer);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(is_root);
    archive.set_overwrite(true);
    for entry in archive.entries().map_err(|error| bad(&error))? {
        let mut entry = entry.map_err(|error| bad(&error))?;
        let path = entry.path().map_err(|error| bad(&error))?.into_owned();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(hidden) = name.strip_prefix(".wh.") else {
            // A device needs privileges that nobody here has to have, and the runtime makes those that matter.
            let is_device =
                entry.header().entry_type().is_character_special() || entry.header().entry_type().is_block_special();
            if is_device {
                continue;
            }
            if !entry.unpack_in(root).map_err(|error| bad(&format_args!("{}: {error}", path.display())))? {
                return Err(bad(&format_args!("{} leads out of the image", path.display())));
            }
            continue;
        };
        let parent = root.join(path.parent().unwrap_or(Path::new("")));
        let parent = parent.canonicalize().map_err(Error::read(&parent))?;
        if !parent.starts_with(root.canonicalize().map_err(Error::read(root))?) {
            return Err(bad(&format_args!("{} leads out of the image", path.display())));
        }
        match hidden {
            ".wh..opq" => {
                for below in parent.read_dir().map_err(Error::read(&parent))? {
                    remove(&below.map_err(Error::read(&parent))?.path())?;
                }
            }
            hidden => remove(&parent.join(hidden))?,
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an engine's directories are its own")]
fn remove(path: &Path) -> Result<(), Error> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(Error::write(path))
}

/// Paths of the kernel's that a container has no business with, as every engine hides them.
const HIDDEN: [&str; 9] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/firmware",
];
/// And those that it may read alone.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The container's config; its network is the machine's.
fn config(process: &Process, limits: Limits) -> Value {
    let mount = |at: &str, kind: &str, options: &[&str]| {
        let source = if kind == "bind" { at } else { kind };
        json!({ "destination": at, "type": kind, "source": source, "options": options })
    };
    let shm = format!("size={}", Limits::SHM);
    let namespaces = ["pid", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.2",
        "hostname": "sparkbake",
        "process": {
            "terminal": false,
            "user": { "uid": process.user.0, "gid": process.user.1 },
            "args": process.arguments,
            "env": process.environment,
            "cwd": process.directory,
            "noNewPrivileges": true,
        },
        "root": { "path": ROOT, "readonly": false },
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &shm]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
            mount("/etc/resolv.conf", "bind", &["rbind", "ro"]),
        ],
        "linux": {
            "namespaces": namespaces,
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                "memory": { "limit": limits.memory, "swap": limits.memory },
                "cpu": { "period": Limits::PERIOD, "quota": limits.quota() },
            },
            "maskedPaths": HIDDEN,
            "readonlyPaths": READ_ONLY,
        },
    })
}

/// Without privileges there is one user, who is root to the container and the caller to the machine (runc wants root to
/// be mapped). The kernel's `/sys` is bound, because a user namespace has none of its own without a network of its own.
fn rootless(config: &mut Value, own_user: u32, own_group: u32) {
    let map = |outside: u32| json!([{ "containerID": 0, "hostID": outside, "size": 1 }]);
    config["linux"]["uidMappings"] = map(own_user);
    config["linux"]["gidMappings"] = map(own_group);
    config["process"]["user"] = json!({ "uid": 0, "gid": 0 });
    if let Some(namespaces) = config["linux"]["namespaces"].as_array_mut() {
        namespaces.push(json!({ "type": "user" }));
    }
    if let Some(mounts) = config["mounts"].as_array_mut() {
        for mount in mounts.iter_mut().filter(|mount| mount["destination"] == "/sys") {
            *mount = json!({ "destination": "/sys", "type": "none", "source": "/sys",
                "options": ["rbind", "nosuid", "noexec", "nodev", "ro"] });
        }
    }
}

/// The numeric user of an image's config: `uid` or `uid:gid`.
///
/// # Errors
/// [`Error::Program`] where it is a name, which only the image's own accounts can tell.
pub fn user(text: &str) -> Result<(u32, u32), Error> {
    let (user, group) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
    number(user).zip(number(group)).ok_or_else(|| {
        failed("the image", format!("its user is `{text}`, and a runtime needs numbers: use docker or podman"))
    })
}

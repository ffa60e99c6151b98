//! Real registries, each of its own for one test: Debian's docker-registry, distribution v3 and olareg. The
//! latter two, and crane, are built from their Go modules once, and kept beside the tests' other files.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::{Fresh, fresh, have, on_path, said, tool};

/// A registry's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// distribution 2.8, as Debian has it.
    Docker,
    /// distribution v3.
    Distribution,
    /// olareg, which knows referrers.
    Olareg,
}

/// All of them.
pub(crate) const KINDS: [Kind; 3] = [Kind::Docker, Kind::Distribution, Kind::Olareg];

/// `me:canary` as Apache's htpasswd writes it.
const HTPASSWD: &str = "me:$2b$05$d7oEg3MXNI6hm0ECcBtu6eeEqe8.qmKQANumB7Q5YqXMzZVZGU9Em\n";

impl Kind {
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Docker => on_path("docker-registry").then(|| "docker-registry".into()),
            Self::Distribution => built("github.com/distribution/distribution/v3", "v3.1.1", "./cmd/registry"),
            Self::Olareg => built("github.com/olareg/olareg", "v0.1.2", "./cmd/olareg"),
        }
    }
}

/// A client that is not ours, as Go's world has it.
pub(crate) fn crane() -> Option<PathBuf> {
    built("github.com/google/go-containerregistry", "v0.22.1", "./cmd/crane")
}

/// The Go that distribution wants.
const TOOLCHAIN: &str = "golang.org/toolchain@v0.0.1-go1.25.5.linux-";

/// A program of a Go module. The module's own folder is read-only, and `go install` asks the proxy for more
/// than the one version; hence a copy.
fn built(module: &str, version: &str, package: &str) -> Option<PathBuf> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one = BUILDING.lock();
    let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registries");
    let program = at.join(format!("{}@{version}", package.rsplit('/').next().unwrap()));
    if program.exists() {
        return Some(program);
    }
    if !have("go", Command::new("go").arg("version").output().is_ok()) {
        return None;
    }
    fs::create_dir_all(&at).unwrap();
    let work = tempfile::tempdir_in(&at).unwrap();
    let copy = work.path().join("source");
    let source = downloaded(&format!("{module}@{version}"), work.path());
    tool("cp", &["-r", "--no-preserve=mode", &source, &copy.display().to_string()]);
    let out = work.path().join("program");
    let mut go = Command::new(toolchain(work.path()));
    go.args(["build", "-mod=mod", "-buildvcs=false", "-o"]).arg(&out).arg(package);
    let ran = go.current_dir(&copy).env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "auto").output().unwrap();
    assert!(ran.status.success(), "{module}: {}", said(&ran));
    fs::rename(out, &program).unwrap();
    Some(program)
}

/// The folder of a module, fetched and held against Go's checksum database.
pub(crate) fn downloaded(module: &str, cwd: &Path) -> String {
    let ran = Command::new("go").args(["mod", "download", "-json", module]).current_dir(cwd).output().unwrap();
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{module}: {}", said(&ran)));
    told["Dir"].as_str().unwrap_or_else(|| panic!("{module}: {told:#}")).to_owned()
}

/// A `go` that builds all of them. From 1.21 on Go fetches a newer one of itself; Debian 12's is older, and
/// what Go would do after the download is done here: the modes, and the names that no module may contain.
fn toolchain(cwd: &Path) -> PathBuf {
    let version = tool("go", &["env", "GOVERSION"]);
    let minor = version.trim().split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor >= 21) {
        return "go".into();
    }
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let at = downloaded(&format!("{TOOLCHAIN}{processor}"), cwd);
    tool("chmod", &["-R", "u+w", &at]);
    tool("chmod", &["-R", "+x", &format!("{at}/bin"), &format!("{at}/pkg/tool")]);
    tool("find", &[&at, "-name", "_go.mod", "-execdir", "mv", "{}", "go.mod", ";"]);
    Path::new(&at).join("bin/go")
}

/// A registry of its own, ended with the test.
pub(crate) struct Registry {
    child: Child,
    /// What it keeps.
    _place: Fresh,
    /// Which program it is.
    pub(crate) kind: Kind,
    /// `127.0.0.1:port`.
    pub(crate) host: String,
}

impl Registry {
    /// One that serves everybody; `None` where it cannot be had, which CI does not put up with.
    pub(crate) fn start(kind: Kind, name: &str) -> Option<Self> {
        let place = fresh(&format!("{name}-{kind:?}"));
        Self::serve(kind, place, "")
    }

    /// One that wants `me:canary`.
    pub(crate) fn guarded(name: &str) -> Option<Self> {
        let place = fresh(name);
        let users = place.join("users");
        fs::write(&users, HTPASSWD).unwrap();
        let auth = format!("auth: {{htpasswd: {{realm: x, path: \"{}\"}}}}\n", users.display());
        Self::serve(Kind::Docker, place, &auth)
    }

    fn serve(kind: Kind, place: Fresh, auth: &str) -> Option<Self> {
        let program = kind.program()?;
        // The port is free now, and nothing else on this machine asks for that one.
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let data = place.join("data");
        let mut serve = Command::new(program);
        serve.arg("serve");
        if kind == Kind::Olareg {
            let port = host.rsplit(':').next().unwrap();
            serve.args(["--addr", "127.0.0.1", "--port", port, "--dir"]).arg(&data);
        } else {
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: \"{host}\"}}\nstorage: {{filesystem: {{rootdirectory: \"{}\"}}}}\n{auth}",
                data.display()
            );
            let file = place.join("config.yml");
            fs::write(&file, text).unwrap();
            serve.arg(file);
        }
        let mut child = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..300 {
            if TcpStream::connect(&host).is_ok() {
                return Some(Self { child, _place: place, kind, host });
            }
            assert_eq!(child.try_wait().unwrap(), None, "the registry ended");
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the registry does not listen");
    }

    /// The digest that skopeo finds at `repository:tag`.
    #[track_caller]
    pub(crate) fn digest_at(&self, name: &str) -> String {
        self.finds(name).unwrap_or_else(|| panic!("{:?} has no {name}", self.kind))
    }

    /// The same; `None` where there is nothing.
    pub(crate) fn finds(&self, name: &str) -> Option<String> {
        let at = format!("docker://{}/{name}", self.host);
        // Who is not asked does not say it.
        let who = ["inspect", "--tls-verify=false", "--creds", "me:canary", "--format", "{{.Digest}}", &at];
        let ran = Command::new("skopeo").args(who).output().unwrap();
        let unknown = said(&ran).contains("manifest unknown") || said(&ran).contains("name unknown");
        assert!(ran.status.success() || unknown, "{}", said(&ran));
        ran.status.success().then(|| String::from_utf8(ran.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Counts what passes in each direction.
pub(crate) struct Meter {
    pub(crate) host: String,
    sent: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
}

impl Meter {
    pub(crate) fn before(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (sent, received) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (to, counts) = (registry.host.clone(), (Arc::clone(&sent), Arc::clone(&received)));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(&to).unwrap();
                let pairs = [
                    (near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(&counts.0)),
                    (far, near, Arc::clone(&counts.1)),
                ];
                for (from, to, count) in pairs {
                    thread::spawn(move || pump(from, to, &count));
                }
            }
        });
        Self { host, sent, received }
    }

    /// Bytes sent and received since the last time.
    pub(crate) fn take(&self) -> (usize, usize) {
        (self.sent.swap(0, Ordering::SeqCst), self.received.swap(0, Ordering::SeqCst))
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: &AtomicUsize) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut chunk) {
        if n == 0 || to.write_all(&chunk[..n]).is_err() {
            break;
        }
        count.fetch_add(n, Ordering::SeqCst);
    }
    let _ = to.shutdown(Shutdown::Write);
}

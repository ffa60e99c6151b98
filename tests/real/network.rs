//! A network that fails, between us and real registries. Whatever it does: no tag moves before the whole is
//! there, the next run finishes, and less than a part of a blob is sent twice.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::registries::{KINDS, Kind, Registry};
use crate::{Fresh, command_in, drawn, fresh, manifest_digest, on_path, said, tenth, tool};

/// The parts in which blobs travel, in bytes.
const PART: usize = 16 << 20;

/// What the network does, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// After so many bytes on their way to the registry, a connection is gone.
    Cut(usize),
    /// The same, and nobody answers any more.
    Dead(usize),
    /// That request arrives, and its answer does not.
    Lost(usize),
    /// Of that request's answer only half arrives.
    Half(usize),
    /// That request arrives late.
    Late(usize),
    /// Instead of the registry somebody answers that request so.
    Says(usize, &'static str),
}

/// What servers between us and a registry say.
const SAYINGS: [&str; 5] = [
    "429 Too Many Requests\r\nretry-after: 0",
    "429 Too Many Requests\r\ndate: Thu, 26 Nov 2026 10:00:00 GMT\r\nretry-after: Thu, 26 Nov 2026 10:00:01 GMT",
    "500 Internal Server Error",
    "502 Bad Gateway\r\nretry-after: 0",
    "401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"",
];

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    requests: usize,
    /// Bytes on their way to the registry, and those that an answer was given for.
    sent: usize,
    dead: bool,
}

/// A proxy of one request a connection.
struct Proxy {
    host: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    fn before(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::<Mutex<State>>::default();
        let (to, shared) = (registry.host.clone(), Arc::clone(&state));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let (to, state) = (to.clone(), Arc::clone(&shared));
                thread::spawn(move || {
                    let _ = exchange(&near, &to, &state);
                    let _ = near.shutdown(Shutdown::Both);
                });
            }
        });
        Self { host, state }
    }

    fn order(&self, fault: Option<Fault>) {
        *self.state.lock().unwrap() = State { fault, ..State::default() };
    }

    /// The network is whole again; what was sent is counted on.
    fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.dead) = (None, false);
    }

    fn sent(&self) -> usize {
        self.state.lock().unwrap().sent
    }
}

fn gone() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

/// One request and its answer.
fn exchange(near: &TcpStream, to: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(near);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let (fault, number) = {
        let mut state = state.lock().unwrap();
        state.requests += 1;
        (state.fault, state.requests - 1)
    };
    let mut body = reader.take(length);
    if let Some(Fault::Says(at, answer)) = fault
        && at == number
    {
        let read = std::io::copy(&mut body, &mut std::io::sink())?;
        state.lock().unwrap().sent += usize::try_from(read).unwrap();
        return write!(&*near, "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }
    if fault == Some(Fault::Late(number)) {
        thread::sleep(Duration::from_millis(300));
    }
    let mut far = TcpStream::connect(to)?;
    pass(format!("{head}connection: close\r\n\r\n").as_bytes(), &mut far, state)?;
    let mut chunk = vec![0; 1 << 14];
    loop {
        let n = body.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        pass(&chunk[..n], &mut far, state)?;
    }
    let mut answer = Vec::new();
    far.read_to_end(&mut answer)?;
    if fault == Some(Fault::Lost(number)) {
        return Err(gone());
    }
    let arrives = if fault == Some(Fault::Half(number)) { answer.len() / 2 } else { answer.len() };
    (&*near).write_all(&answer[..arrives])
}

/// Passes bytes on as far as the network lasts.
fn pass(bytes: &[u8], far: &mut TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut state = state.lock().unwrap();
    if state.dead {
        return Err(gone());
    }
    let (limit, dies) = match state.fault {
        Some(Fault::Cut(at)) => (at, false),
        Some(Fault::Dead(at)) => (at, true),
        _ => (usize::MAX, false),
    };
    let left = limit - state.sent;
    if bytes.len() <= left {
        state.sent += bytes.len();
        drop(state);
        return far.write_all(bytes);
    }
    (state.sent, state.fault, state.dead) = (limit, None, dies);
    drop(state);
    far.write_all(&bytes[..left])?;
    Err(gone())
}

/// An image of umoci's with one layer of three parts, which do not compress.
pub(crate) fn image(name: &str) -> Fresh {
    let cwd = fresh(name);
    let mut state = 7_u64;
    let mut step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ state >> 29).to_le_bytes()
    };
    fs::write(cwd.join("noise"), (0..(2 * PART + 500_000) / 8).flat_map(|_| step()).collect::<Vec<u8>>()).unwrap();
    let layout = cwd.join("image").display().to_string();
    let name = format!("{layout}:x");
    tool("umoci", &["init", "--layout", &layout]);
    tool("umoci", &["new", "--image", &name]);
    tool("umoci", &["insert", "--rootless", "--image", &name, &cwd.join("noise").display().to_string(), "/noise"]);
    cwd
}

/// An image, its digest, and a registry behind a network.
struct Scene {
    cwd: PathBuf,
    digest: String,
    registry: Registry,
    proxy: Proxy,
    store: PathBuf,
}

impl Scene {
    fn new(cwd: &Path, registry: Registry) -> Self {
        let proxy = Proxy::before(&registry);
        let config = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6Y2FuYXJ5"}}}}}}"#, proxy.host);
        let docker = cwd.join(&proxy.host);
        fs::create_dir(&docker).unwrap();
        fs::write(docker.join("config.json"), config).unwrap();
        let digest = manifest_digest(&cwd.join("image"));
        Self { cwd: cwd.to_owned(), digest, registry, proxy, store: cwd.join("store") }
    }

    fn all(cwd: &Path) -> Vec<Self> {
        let name = cwd.file_name().unwrap().to_str().unwrap();
        let anonymous = KINDS[1..].iter().filter_map(|kind| Registry::start(*kind, &format!("{name}-registry")));
        Registry::guarded(&format!("{name}-guarded"))
            .into_iter()
            .chain(anonymous)
            .map(|one| Self::new(cwd, one))
            .collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command_in(&self.store, &self.cwd, args);
        command.env("DOCKER_CONFIG", self.cwd.join(&self.proxy.host));
        command
    }

    fn push(&self, repository: &str) -> Command {
        self.command(&["push", "oci:image:x", &format!("{}/{repository}:1", self.proxy.host)])
    }

    /// After the first run has ended, however it did: the next one finishes. So many bytes the registry lost.
    #[track_caller]
    fn finishes(&self, repository: &str, first: bool, lost: usize, whole: usize, row: &str) {
        let there = self.registry.finds(&format!("{repository}:1"));
        assert!(first || there.is_none(), "{row}: a run that failed has moved the tag");
        self.proxy.mend();
        let ran = self.push(repository).output().unwrap();
        assert!(ran.status.success(), "{row}: {}", said(&ran));
        assert_eq!(self.registry.finds(&format!("{repository}:1")).as_ref(), Some(&self.digest), "{row}");
        // Heads of requests, and those that found that all is there, beside the part.
        let again = self.proxy.sent().saturating_sub(whole + lost);
        assert!(again < PART + 50_000, "{row}: {again} bytes twice");
        let left = fs::read_dir(self.store.join("uploads")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{row}: the journal holds what is done");
    }

    /// Bytes and requests of a push that nothing happens to.
    fn undisturbed(&self) -> (usize, usize) {
        self.proxy.order(None);
        let ran = self.push("undisturbed").output().unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
        let state = self.proxy.state.lock().unwrap();
        (state.sent, state.requests)
    }
}

#[test]
fn p5_a_connection_that_is_cut_at_any_byte_costs_less_than_a_part() {
    if !(on_path("umoci") && on_path("skopeo")) {
        return;
    }
    let cwd = image("network-cuts");
    for scene in Scene::all(&cwd) {
        let (whole, _) = scene.undisturbed();
        let positions: Vec<usize> = (0..150).map(|n| n * whole / 150).collect();
        for (n, at) in tenth("cuts", &positions).into_iter().enumerate() {
            let repository = format!("cut/at-{at}");
            // By turns: a connection is cut, and the run goes on; or the network dies, and the run is killed.
            let fault = if n % 2 == 0 { Fault::Cut(at) } else { Fault::Dead(at) };
            let row = format!("{fault:?} of {whole} at {:?}", scene.registry.kind);
            scene.proxy.order(Some(fault));
            let mut child = scene.push(&repository).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            let first = loop {
                if scene.proxy.state.lock().unwrap().dead {
                    child.kill().unwrap();
                    break child.wait().unwrap().success();
                }
                if let Some(status) = child.try_wait().unwrap() {
                    break status.success();
                }
                thread::sleep(Duration::from_millis(2));
            };
            // distribution 2.8 keeps what it got of a part that broke off, does not tell how much, and then refuses
            // the session. The others tell.
            let lost = if scene.registry.kind == Kind::Docker { at } else { 0 };
            scene.finishes(&repository, first, lost, whole, &row);
        }
    }
}

#[test]
fn p11_p12_whatever_one_request_meets_the_next_run_finishes() {
    if !(on_path("umoci") && on_path("skopeo")) {
        return;
    }
    let cwd = image("network-faults");
    for scene in Scene::all(&cwd) {
        let (whole, requests) = scene.undisturbed();
        let rows: Vec<Fault> = (0..requests)
            .flat_map(|at| {
                let says = SAYINGS.map(|text| Fault::Says(at, text));
                [Fault::Lost(at), Fault::Half(at), Fault::Late(at)].into_iter().chain(says)
            })
            .collect();
        for fault in tenth("faults", &rows) {
            let repository = format!("fault/{}", fault_name(fault));
            scene.proxy.order(Some(fault));
            let ran = scene.push(&repository).output().unwrap();
            let row = format!("{fault:?} at {:?}: {}", scene.registry.kind, said(&ran));
            // Whose password is refused does not say it again; and where nobody answers the first question,
            // whether http is spoken, nothing is sent in the clear.
            let unknown = matches!(fault, Fault::Says(_, text) if text.starts_with("401"));
            // distribution 2.8 keeps a part whose answer is lost, and then refuses the session.
            let is_lost = matches!(fault, Fault::Lost(_) | Fault::Half(_)) && scene.registry.kind == Kind::Docker;
            let may_fail = unknown || matches!(fault, Fault::Lost(0) | Fault::Half(0));
            assert!(ran.status.success() || may_fail, "{row}");
            scene.finishes(&repository, ran.status.success(), if may_fail || is_lost { whole } else { 0 }, whole, &row);
        }
    }
}

fn fault_name(fault: Fault) -> String {
    let name = format!("{fault:?}").to_ascii_lowercase();
    name.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

#[test]
fn p28_what_is_read_over_a_bad_network_is_whole_or_refused() {
    if !(on_path("umoci") && on_path("skopeo")) {
        return;
    }
    let cwd = image("network-readings");
    for scene in Scene::all(&cwd) {
        scene.undisturbed();
        let at = format!("{}/undisturbed:1", scene.proxy.host);
        let look = || scene.command(&["inspect", &at, "--json"]).output().unwrap();
        scene.proxy.order(None);
        let whole = look();
        assert!(whole.status.success(), "{}", said(&whole));
        let requests = scene.proxy.state.lock().unwrap().requests;
        let rows: Vec<Fault> = (0..requests)
            .flat_map(|at| {
                let says = SAYINGS.map(|text| Fault::Says(at, text));
                [Fault::Lost(at), Fault::Half(at)].into_iter().chain(says)
            })
            .collect();
        for fault in drawn("readings", &rows, 6) {
            scene.proxy.order(Some(fault));
            let ran = look();
            let row = format!("{fault:?} at {:?}: {}", scene.registry.kind, said(&ran));
            assert!(
                if ran.status.success() { ran.stdout == whole.stdout } else { ran.status.code() == Some(3) },
                "{row}"
            );
            scene.proxy.order(None);
            assert_eq!(look().stdout, whole.stdout, "{row}");
        }
    }
}

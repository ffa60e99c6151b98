//! Registries of every kind behind a network that fails: each page and each file meets each fault. What can be mended
//! by asking again is, what cannot is an error that names the file, and the next run is none the worse for it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::said;
use crate::world::{SDIST, World, with_packages};

/// What happens to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Once, of a hundred bytes only so many come.
    Cut(usize),
    /// A few bytes at a time.
    Drips,
    /// Once, the head promises more bytes than come.
    PromisesMore,
    /// Once, half comes; then, once, the answer begins elsewhere than was asked for.
    AnotherRange,
    /// Once, another status, with a header.
    Says(&'static str, &'static str),
    /// It lies elsewhere.
    Leads,
    /// It lies where it was asked for.
    LeadsToItself,
    /// It is packed although nobody asked for that.
    Packs,
    /// One byte is another.
    Lies,
    /// It is not for us.
    Refuses,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The same as without the fault.
    Mended,
    /// Exit code 3, and the file is named.
    Refused,
}

use Fault::{AnotherRange, Cut, Drips, Leads, LeadsToItself, Lies, Packs, PromisesMore, Refuses, Says};
use Outcome::{Mended, Refused};

const FAULTS: [(Fault, Outcome); 14] = [
    (Cut(0), Mended),
    (Cut(1), Mended),
    (Cut(50), Mended),
    (Cut(99), Mended),
    (Drips, Mended),
    (PromisesMore, Mended),
    (AnotherRange, Mended),
    (Says("429 Too Many Requests", "retry-after: 0"), Mended),
    (Says("500 Internal Server Error", "x: y"), Mended),
    (
        Says(
            "503 Service Unavailable",
            "date: Thu, 01 Jan 2026 00:00:00 GMT\r\nretry-after: Thu, 01 Jan 2026 00:00:00 GMT",
        ),
        Mended,
    ),
    (Leads, Mended),
    (LeadsToItself, Refused),
    (Refuses, Refused),
    (Packs, Mended),
];

/// A package of the archive.
const DEB: &str = "/tini_1_amd64.deb";

/// Words of a command, and parts of paths.
type Asked = (&'static [&'static str], &'static [(&'static str, bool)]);

/// A command, the ends of the paths that it asks for, and whether a digest or a signature promises their bytes.
const ASKED: [Asked; 4] = [
    (&["resolve", "debian", "tini", "--key", "keys.gpg"], &[("/InRelease", false), ("/by-hash/", true)]),
    (
        &["resolve", "python", "app", "--no-deps-of", "pyspark==3.5.9"],
        &[("/pypi/app/", false), ("/app-1.0-py3-none-any.whl.metadata", false)],
    ),
    (&["resolve", "maven", "com.example:app:1.0"], &[("/app-1.0.pom", false), ("/lib-2.0.pom", false)]),
    (&["lock"], &[(SDIST, true), ("/tiny-1.0-py3-none-any.whl", true), ("/lib-1.0.jar", true), (DEB, true)]),
];

/// A file that was asked for, from which byte on, and how many bytes were sent of it.
type Heard = Vec<(String, u64, usize)>;

/// A server of three registries.
#[derive(Clone)]
pub(crate) struct Faulty {
    root: PathBuf,
    url: String,
    fault: Arc<Mutex<Option<(&'static str, Fault)>>>,
    heard: Arc<Mutex<Heard>>,
}

impl Faulty {
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let faulty = Self { root: root.to_owned(), url, fault: Arc::default(), heard: Arc::default() };
        let own = faulty.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                thread::spawn(move || own.answer(&stream));
            }
        });
        faulty
    }

    /// One that takes its time with every answer.
    pub(crate) fn slow(root: &Path) -> Self {
        let slow = Self::start(root);
        *slow.fault.lock().unwrap() = Some(("", Drips));
        slow
    }

    /// Has the command ask here.
    pub(crate) fn serve(&self, command: &mut Command) {
        for name in ["pypi", "maven", "debian"] {
            command.env(format!("SPARKBAKE_{}_URL", name.to_uppercase()), format!("{}{name}/", self.url));
        }
    }

    /// The fault that this request meets. Those that happen once are gone then.
    fn meets(&self, path: &str, from: u64) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        let (_, found) = (*fault).filter(|(end, _)| path.contains(end))?;
        let is_second = found == AnotherRange && from > 0;
        match found {
            Cut(_) | PromisesMore | Says(..) => *fault = None,
            AnotherRange if is_second => *fault = None,
            _ => {}
        }
        if found == AnotherRange && !is_second { Some(Cut(50)) } else { Some(found) }
    }

    fn answer(&self, mut stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
        let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            let (from, end) = line
                .to_ascii_lowercase()
                .strip_prefix("range: bytes=")?
                .split_once('-')
                .map(|(from, end)| (from.parse::<u64>().unwrap(), end.parse::<usize>().ok()))?;
            Some((from, end))
        });
        let (from, end) = range.unwrap_or_default();
        let asked = path.trim_start_matches('/').trim_start_matches("elsewhere/");
        let file = self.root.join(asked);
        let page = ["index.html", "index.json"].map(|page| file.join(page));
        let page = page.into_iter().chain([file]).find(|file| file.is_file());
        let Some(bytes) = page.and_then(|page| std::fs::read(page).ok()) else {
            return send(&mut stream, "404 Not Found", "x: y", b"", 0);
        };
        let fault = if path.starts_with("/elsewhere/") { None } else { self.meets(&path, from) };
        let start = usize::try_from(from).unwrap().min(bytes.len());
        let end = end.map_or(bytes.len(), |last| bytes.len().min(last + 1));
        let rest = &bytes[start..end];
        let kind = if bytes.starts_with(b"{") { "application/vnd.pypi.simple.v1+json" } else { "text/html" };
        let (status, place) = match range {
            None => ("200 OK", format!("content-type: {kind}")),
            Some(_) => ("206 Partial Content", format!("content-range: bytes {from}-{}/{}", end - 1, bytes.len())),
        };
        let hear = |sent: usize| self.heard.lock().unwrap().push((path.clone(), from, sent));
        match fault {
            Some(Cut(percent)) => {
                let part = &rest[..rest.len() * percent / 100];
                hear(part.len());
                send(&mut stream, status, &place, part, rest.len() - part.len());
            }
            Some(PromisesMore) => send(&mut stream, status, &place, rest, 10),
            Some(AnotherRange) => {
                let place = format!("content-range: bytes 0-{}/{}", bytes.len() - 1, bytes.len());
                send(&mut stream, status, &place, &bytes, 0);
            }
            Some(Says(status, header)) => send(&mut stream, status, header, b"", 0),
            Some(Refuses) => send(&mut stream, "403 Forbidden", "x: y", b"", 0),
            Some(Leads) => send(&mut stream, "302 Found", &format!("location: /elsewhere{path}"), b"", 0),
            Some(LeadsToItself) => send(&mut stream, "302 Found", &format!("location: {path}"), b"", 0),
            Some(Packs) => {
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packed.write_all(&bytes).unwrap();
                send(&mut stream, "200 OK", "content-encoding: gzip", &packed.finish().unwrap(), 0);
            }
            Some(Lies) => {
                let mut bytes = bytes.clone();
                let middle = bytes.len() / 4;
                bytes[middle] ^= 1;
                send(&mut stream, status, &place, &bytes[start..], 0);
            }
            Some(Drips) => {
                let step = rest.len().div_ceil(20).max(1);
                let _ = stream.write_all(head(status, &place, rest.len()).as_bytes());
                for part in rest.chunks(step) {
                    thread::sleep(Duration::from_millis(5));
                    let _ = stream.write_all(part).and_then(|()| stream.flush());
                }
            }
            None => {
                hear(rest.len());
                send(&mut stream, status, &place, rest, 0);
            }
        }
    }
}

fn head(status: &str, header: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\netag: \"it\"\r\n{header}\r\ncontent-length: {length}\r\n\r\n")
}

/// An answer whose head promises so many bytes more than there are.
fn send(stream: &mut &TcpStream, status: &str, header: &str, body: &[u8], more: usize) {
    let head = head(status, header, body.len() + more);
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
}

/// A world whose registries are behind the server.
fn world() -> (World, Faulty) {
    let world = World::whole(&with_packages());
    for (artifact, version, need) in [
        (
            "app",
            "1.0",
            "<dependency><groupId>com.example</groupId><artifactId>lib</artifactId><version>2.0</version></dependency>",
        ),
        ("lib", "2.0", ""),
    ] {
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>{artifact}</artifactId><version>{version}</version><dependencies>{need}</dependencies></project>"
        );
        world.write(&format!("maven/com/example/{artifact}/{version}/{artifact}-{version}.pom"), pom);
    }
    world.list_wheels("app", &[("1.0", &["low<2"])]);
    world.list_wheels("low", &[("2.0", &[]), ("1.5", &[])]);
    let server = Faulty::start(world.root());
    (world, server)
}

fn run(world: &World, server: &Faulty, arguments: &[&str]) -> Output {
    let mut command = world.command(arguments);
    server.serve(&mut command);
    command.output().unwrap()
}

/// Exit code and standard output.
fn answer(ran: &Output) -> (Option<i32>, String) {
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// One case; what is wrong with it.
fn case(arguments: &[&str], path: &'static str, fault: Fault, outcome: Outcome) -> Option<String> {
    let (world, server) = world();
    let good = answer(&run(&world, &server, arguments));
    world.forget();
    *server.fault.lock().unwrap() = Some((path, fault));
    server.heard.lock().unwrap().clear();
    let ran = run(&world, &server, arguments);
    let wrong = |what: &str| Some(format!("{arguments:?}, {path}, {fault:?}: {what}\n{}", said(&ran)));
    match outcome {
        Mended if answer(&ran) != good => return wrong(&format!("not as before: {good:?}")),
        Refused if ran.status.code() != Some(3) => return wrong("not refused"),
        Refused if !said(&ran).contains(path.trim_matches('/').split('/').next_back().unwrap()) => {
            return wrong("the file is not named");
        }
        _ => {}
    }
    if let Cut(_) = fault {
        // What came is not sent again.
        let mut sent: BTreeMap<String, usize> = BTreeMap::new();
        for (path, _, bytes) in server.heard.lock().unwrap().iter() {
            *sent.entry(path.clone()).or_default() += bytes;
        }
        let (met, bytes) = sent.iter().find(|(asked, _)| asked.contains(path)).unwrap();
        let whole = world.size(met.trim_start_matches('/'));
        if *bytes != whole {
            return wrong(&format!("{bytes} bytes were sent of {whole}"));
        }
    }
    *server.fault.lock().unwrap() = None;
    let next = run(&world, &server, arguments);
    if answer(&next) == good {
        None
    } else {
        Some(format!("{arguments:?}, {path}, {fault:?}: next run\n{}", said(&next)))
    }
}

#[test]
fn whatever_one_answer_meets_is_mended_or_named() {
    let mut cases = Vec::new();
    for (arguments, paths) in ASKED {
        for (path, is_promised) in paths {
            for (fault, outcome) in FAULTS {
                let outcome = match fault {
                    // Packed bytes are not those that were promised.
                    Packs if *is_promised => Refused,
                    // Debian's index promises sizes, too.
                    PromisesMore if *path == DEB => Refused,
                    _ => outcome,
                };
                cases.push((arguments, *path, fault, outcome));
            }
            if *is_promised || *path == "/InRelease" {
                cases.push((arguments, *path, Lies, Refused));
            }
        }
    }
    let left = Mutex::new(cases.into_iter());
    let wrong = Mutex::new(Vec::new());
    // They mostly wait.
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                loop {
                    let Some((arguments, path, fault, outcome)) = left.lock().unwrap().next() else { break };
                    wrong.lock().unwrap().extend(case(arguments, path, fault, outcome));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// What programs are told of the network is what the network saw.
#[test]
fn requests_and_bytes_are_counted() {
    let (world, server) = world();
    let asked = |arguments: &[&str]| {
        server.heard.lock().unwrap().clear();
        let ran = run(&world, &server, arguments);
        assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        let told = told.get(0).cloned().unwrap_or(told);
        let heard = server.heard.lock().unwrap();
        let sent: usize = heard.iter().map(|(_, _, bytes)| bytes).sum();
        assert_eq!(told["received"], sent, "{arguments:?}");
        // Pages that are not there are asked for, too.
        assert!(told["requests"].as_u64().unwrap() >= heard.len() as u64, "{arguments:?}");
        sent
    };
    let maven = ["resolve", "maven", "com.example:app:1.0", "--json"];
    assert!(asked(&maven) > 0);
    assert_eq!(asked(&maven), 0, "a POM of a release never changes");
    assert!(asked(&["lock", "--json"]) > 100_000);
}

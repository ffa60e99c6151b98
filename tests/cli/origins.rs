//! Every place that may say where a registry is and who asks: private feeds on loopback that want a password. Whoever
//! named them, they are read, and the password is nowhere to be seen.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use crate::resolve;
use crate::world::World;

const CANARY: &str = "canary7f3a";

const PYPI: &[&str] = &["resolve", "python", "app", "--no-deps-of", "pyspark==3.5.9"];
const MAVEN: &[&str] = &["resolve", "maven", "com.example:app:1.0"];
const DEBIAN: &[&str] = &["resolve", "debian", "curl", "--key", "keys.gpg"];

/// A registry, files of the user's home, variables, and the origin that `endpoints` shows. `HOST` is the server's
/// host, `LOGIN` that with user and password before it, and `HOME` the home.
type Case =
    (&'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)], &'static str);

const NETRC: (&str, &str) =
    (".netrc", "machine elsewhere login x password y\nmachine 127.0.0.1 login me password canary7f3a\n");
const PIP_OF_ME: (&str, &str) = (".config/pip/pip.conf", "[global]\nindex-url = http://me@HOST/pypi\n");
/// keyring as its command line answers; every other question ends it with 1.
const KEYRING: &str = "#!/bin/sh\ncase \"$1 $2 $3\" in \"get SERVICE me\") echo canary7f3a ;; *) exit 1 ;; esac\n";
const SETTINGS: &str = "<settings><servers><server><id>inner</id><username>me</username><password>${env.SECRET}</password>\
    </server></servers><mirrors><mirror><id>inner</id><mirrorOf>central</mirrorOf><url>http://HOST/maven</url></mirror>\
    </mirrors></settings>";
const REPOSITORY: &str = "<settings><profiles><profile><repositories><repository><id>central</id>\
    <url>http://LOGIN/maven</url></repository></repositories></profile></profiles></settings>";

const CASES: &[Case] = &[
    ("pypi", &[], &[("SPARKBAKE_PYPI_URL", "http://LOGIN/pypi")], "environment: SPARKBAKE_PYPI_URL"),
    ("pypi", &[], &[("SPARKBAKE_PYPI_URL", "http://canary7f3a@HOST/pypi")], "environment: SPARKBAKE_PYPI_URL"),
    (
        "pypi",
        &[(".config/sparkbake/endpoints.toml", "pypi = [\"http://LOGIN/nothing\", \"http://LOGIN/pypi\"]")],
        &[("PIP_INDEX_URL", "http://nobody.invalid/")],
        "endpoints.toml: HOME/.config/sparkbake/endpoints.toml",
    ),
    ("pypi", &[], &[("PIP_INDEX_URL", "http://LOGIN/pypi/")], "environment: PIP_INDEX_URL"),
    (
        "pypi",
        &[("other.conf", "[install]\nindex_url: http://LOGIN/pypi\n")],
        &[("PIP_CONFIG_FILE", "HOME/other.conf")],
        "pip.conf: HOME/other.conf",
    ),
    (
        "pypi",
        &[("venv/pip.conf", "[global]\nindex-url=http://LOGIN/pypi\n")],
        &[("VIRTUAL_ENV", "HOME/venv")],
        "pip.conf: HOME/venv/pip.conf",
    ),
    ("pypi", &[PIP_OF_ME, NETRC], &[], "pip.conf: HOME/.config/pip/pip.conf"),
    (
        "pypi",
        &[PIP_OF_ME, ("bin/keyring", KEYRING), ("service", "http://HOST/pypi/")],
        &[("PATH", "HOME/bin")],
        "pip.conf: HOME/.config/pip/pip.conf",
    ),
    (
        "pypi",
        &[PIP_OF_ME, ("bin/keyring", KEYRING), ("service", "HOST")],
        &[("PATH", "HOME/bin")],
        "pip.conf: HOME/.config/pip/pip.conf",
    ),
    (
        "pypi",
        &[(".pip/pip.conf", "[global]\nindex-url = http://HOST/pypi\n"), ("passwords", NETRC.1)],
        &[("NETRC", "HOME/passwords")],
        "pip.conf: HOME/.pip/pip.conf",
    ),
    ("pypi", &[], &[("UV_DEFAULT_INDEX", "inner=http://LOGIN/pypi")], "environment: UV_DEFAULT_INDEX"),
    ("pypi", &[], &[("UV_INDEX_URL", "http://LOGIN/pypi")], "environment: UV_INDEX_URL"),
    (
        "pypi",
        &[("our.toml", "[[index]]\nname = \"inner\"\nurl = \"http://LOGIN/pypi\"\ndefault = true\n")],
        &[("UV_CONFIG_FILE", "HOME/our.toml")],
        "uv.toml: HOME/our.toml",
    ),
    (
        "pypi",
        &[(".config/uv/uv.toml", "[pip]\nindex-url = \"http://LOGIN/pypi\"\n")],
        &[],
        "uv.toml: HOME/.config/uv/uv.toml",
    ),
    // Through a proxy that wants a password, to a host that only the proxy knows.
    (
        "pypi",
        &[],
        &[("SPARKBAKE_PYPI_URL", "http://index.invalid/pypi"), ("http_proxy", "http://LOGIN")],
        "environment: SPARKBAKE_PYPI_URL",
    ),
    ("maven", &[], &[("SPARKBAKE_MAVEN_URL", "http://LOGIN/maven")], "environment: SPARKBAKE_MAVEN_URL"),
    (
        "maven",
        &[
            (".config/sparkbake/endpoints.toml", "maven = [\"http://LOGIN/maven\"]"),
            (".m2/settings.xml", "<settings/>"),
        ],
        &[],
        "endpoints.toml: HOME/.config/sparkbake/endpoints.toml",
    ),
    ("maven", &[(".m2/settings.xml", SETTINGS)], &[("SECRET", CANARY)], "settings.xml: HOME/.m2/settings.xml"),
    ("maven", &[(".m2/settings.xml", REPOSITORY)], &[], "settings.xml: HOME/.m2/settings.xml"),
    (
        "maven",
        &[("maven/conf/settings.xml", SETTINGS)],
        &[("SECRET", CANARY), ("MAVEN_HOME", "HOME/maven")],
        "settings.xml: HOME/maven/conf/settings.xml",
    ),
    ("debian", &[], &[("SPARKBAKE_DEBIAN_URL", "http://LOGIN/debian")], "environment: SPARKBAKE_DEBIAN_URL"),
    (
        "debian",
        &[(".config/sparkbake/endpoints.toml", "debian = [\"http://HOST/debian\"]"), NETRC],
        &[],
        "endpoints.toml: HOME/.config/sparkbake/endpoints.toml",
    ),
];

/// A server of a directory for whoever says `me` and the canary, or the canary alone; for a proxy's user too.
fn guarded(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let known = [format!("me:{CANARY}"), format!("{CANARY}:")].map(|login| format!("basic {}", BASE64.encode(login)));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (root, known) = (root.clone(), known.clone());
            thread::spawn(move || answer(&stream, &root, &known));
        }
    });
    host
}

fn answer(mut stream: &TcpStream, root: &Path, known: &[String; 2]) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let told = lines.take_while(|line| !line.is_empty()).any(|line| {
        let Some((name, value)) = line.split_once(": ") else { return false };
        let name = name.to_ascii_lowercase();
        let value = value.strip_prefix("Basic ").map(|login| format!("basic {login}"));
        matches!(name.as_str(), "authorization" | "proxy-authorization")
            && value.is_some_and(|value| known.contains(&value))
    });
    let path = first.split(' ').nth(1).unwrap_or("/");
    // A proxy is asked for the whole URL.
    let path = path.strip_prefix("http://index.invalid").unwrap_or(path).trim_start_matches('/');
    let page = [root.join(path).join("index.html"), root.join(path)].into_iter().find(|file| file.is_file());
    let (status, body) = match page {
        _ if !told => ("401 Unauthorized", Vec::new()),
        Some(page) => ("200 OK", fs::read(page).unwrap()),
        None => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).and_then(|()| stream.flush());
}

/// The command as this case has it; `secret` takes the canary's place.
fn command(
    world: &World,
    host: &str,
    (registry, files, variables, _): &Case,
    arguments: &[&str],
    secret: &str,
) -> Command {
    let home = world.root().display().to_string();
    let filled = |text: &str| {
        let text = text.replace("LOGIN", &format!("me:{CANARY}@{host}")).replace("HOST", host).replace("HOME", &home);
        text.replace(CANARY, secret)
    };
    let service = files.iter().find(|(path, _)| *path == "service").map(|(_, text)| filled(text));
    for (path, text) in *files {
        world.write(path, filled(text).replace("SERVICE", service.as_deref().unwrap_or_default()));
        if path.starts_with("bin/") {
            fs::set_permissions(world.root().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut command = world.command(arguments);
    command.env_remove(format!("SPARKBAKE_{}_URL", registry.to_uppercase()));
    command.envs(variables.iter().map(|(name, value)| (name, filled(value))));
    command
}

/// All that was said, and every file of the store.
fn traces(world: &World, ran: &Output) -> Vec<(String, Vec<u8>)> {
    let mut found = vec![("stdout".to_owned(), ran.stdout.clone()), ("stderr".to_owned(), ran.stderr.clone())];
    let mut left = vec![world.root().join("store")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else {
                found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    found
}

#[test]
fn whoever_names_a_private_feed_it_is_read_and_its_password_is_nowhere() {
    let whole = resolve::world();
    for case in CASES {
        let (registry, _, _, origin) = case;
        let arguments = match *registry {
            "pypi" => PYPI,
            "maven" => MAVEN,
            _ => DEBIAN,
        };
        let expected = whole.run(arguments);
        assert!(expected.status.success());
        let world = resolve::world();
        let host = guarded(world.root().to_owned());
        let hidden = |ran: &Output, what: &str| {
            for (at, bytes) in traces(&world, ran) {
                assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{case:?}: {what}: the password is in {at}");
            }
        };
        for more in [&["--verbose"][..], &["--json"], &["--color", "always"]] {
            let ran = command(&world, &host, case, &[arguments, more].concat(), CANARY).output().unwrap();
            assert!(ran.status.success(), "{case:?}: {}", crate::said(&ran));
            if more[0] == "--verbose" {
                assert_eq!(ran.stdout, expected.stdout, "{case:?}");
            }
            hidden(&ran, more[0]);
        }
        let ran = command(&world, &host, case, &["endpoints"], CANARY).output().unwrap();
        let shown = String::from_utf8(ran.stdout.clone()).unwrap();
        let origin = origin.replace("HOME", &world.root().display().to_string());
        assert!(shown.lines().any(|line| line.trim() == origin), "{case:?}: {shown}");
        hidden(&ran, "endpoints");
        // A password that the feed does not know: its answer names the file, and nobody else is asked.
        world.forget();
        let ran = command(&world, &host, case, arguments, "canary7f3a-wrong").output().unwrap();
        assert_eq!(ran.status.code(), Some(3), "{case:?}: {}", crate::said(&ran));
        assert!(
            crate::said(&ran).contains("401") || crate::said(&ran).contains("407"),
            "{case:?}: {}",
            crate::said(&ran)
        );
        hidden(&ran, "refused");
    }
}

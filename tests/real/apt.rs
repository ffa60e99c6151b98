//! The closure that apt itself chooses, over the same archive.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use sparkbake::debian::base::base;
use sparkbake::debian::keyring::Keyring;
use sparkbake::debian::{self, Request};
use sparkbake::endpoints::{self, Endpoints};
use sparkbake::environment::Environment;
use sparkbake::net::{Net, Registries};
use sparkbake::outside::Registry;
use sparkbake::problem::At;
use sparkbake::profile::Located;
use sparkbake::project;
use sparkbake::store::Store;

use crate::{Fresh, fresh, on_path, said, tenth};

/// What people add to PySpark images, and what is hard: alternatives, virtual packages, versioned
/// `Provides`, `:any`, conflicts, large closures.
const TARGETS: [&str; 32] = [
    "build-essential",
    "curl",
    "default-jre-headless",
    "default-mysql-client",
    "ffmpeg",
    "fonts-dejavu-core",
    "gdal-bin",
    "git",
    "gnupg",
    "graphviz",
    "krb5-user",
    "less",
    "libgl1",
    "libgomp1",
    "libhdf5-dev",
    "libopenblas0",
    "libsasl2-modules-gssapi-mit",
    "locales",
    "nodejs",
    "odbc-postgresql",
    "openssh-client",
    "perl",
    "poppler-utils",
    "postgresql-client",
    "procps",
    "python3-pandas",
    "python3-venv",
    "r-base-core",
    "tesseract-ocr",
    "unixodbc-dev",
    "vim-tiny",
    "wget",
];

/// `bookworm` without and `trixie` with security, as the shipped profiles and a user's own have them.
const SUITES: [(&str, &str, bool); 2] = [("bookworm", "17", false), ("trixie", "21", true)];

/// An apt that knows the suite alone and has nothing installed.
struct Apt {
    folder: Fresh,
}

impl Apt {
    fn of(suite: &str, security: bool, endpoints: &Endpoints) -> Self {
        let folder = fresh(&format!("apt-{suite}"));
        for below in ["etc/apt/apt.conf.d", "state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(below)).unwrap();
        }
        fs::write(folder.join("status"), "").unwrap();
        let root = |registry| endpoints.get(registry).unwrap().mirrors[0].url.to_string();
        let line = |root: String, suite: &str| format!("deb [arch=amd64 trusted=yes] {root} {suite} main\n");
        let mut sources = line(root(Registry::Debian), suite);
        if security {
            sources += &line(root(Registry::Debian), &format!("{suite}-updates"));
            sources += &line(root(Registry::DebianSecurity), &format!("{suite}-security"));
        }
        fs::write(folder.join("etc/apt/sources.list"), sources).unwrap();
        let apt = Self { folder };
        apt.run(&["update", "-q"]);
        apt
    }

    fn run(&self, arguments: &[&str]) -> String {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let ran = Command::new("apt-get")
            .args([
                "-o",
                &format!("Dir::Etc={}", at("etc/apt")),
                "-o",
                &format!("Dir::State={}", at("state")),
                "-o",
                &format!("Dir::State::status={}", at("status")),
                "-o",
                &format!("Dir::Cache={}", at("cache")),
                "-o",
                "APT::Architecture=amd64",
                "-o",
                "APT::Architectures=amd64",
                "-o",
                "Acquire::Languages=none",
            ])
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", said(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// `name version` of everything that the roots bring.
    fn closure(&self, roots: &[String]) -> BTreeSet<String> {
        let roots = roots.iter().map(String::as_str);
        let arguments: Vec<&str> = ["-s", "install", "--no-install-recommends"].into_iter().chain(roots).collect();
        let told = self.run(&arguments);
        let installed = told.lines().filter_map(|line| line.strip_prefix("Inst "));
        installed
            .map(|line| {
                let (name, rest) = line.split_once(" (").unwrap();
                format!("{name} {}", rest.split(' ').next().unwrap())
            })
            .collect()
    }
}

fn ours(request: &Request, registries: &Registries<'_>) -> BTreeSet<String> {
    let resolution = debian::resolve(request, registries).unwrap_or_else(|failure| panic!("{failure:?}"));
    let artifacts = resolution.artifacts.iter().map(|artifact| &artifact.coordinate);
    artifacts.map(|coordinate| format!("{} {}", coordinate.name(), coordinate.version())).collect()
}

fn request(suite: &str, java: &str, security: bool, package: Option<&str>, environment: &Environment) -> Request {
    let at = At::new("debian.packages", 0..0);
    Request {
        suite: suite.to_owned(),
        arch: "amd64".to_owned(),
        security,
        java: java.to_owned(),
        packages: package.map(|name| Located { value: name.to_owned(), at }).into_iter().collect(),
        pins: Vec::new(),
        keyring: Keyring::read(&project::keyrings(|path| environment.system(path)), &[]).unwrap(),
        now: environment.now,
    }
}

/// An index may move between the two reads: who differs is asked once more.
#[test]
fn a_closure_is_the_one_that_apt_installs() {
    if !on_path("apt-get") {
        return;
    }
    let environment = Environment::read().unwrap();
    let endpoints = endpoints::discover(&environment);
    let net = Net::new(&environment).unwrap();
    for (suite, java, security) in SUITES {
        let roots: Vec<String> =
            base().unwrap().roots.iter().map(|root| root.package.replace("{java}", java)).collect();
        let both =
            |targets: &[Option<&'static str>]| -> Vec<(Option<&'static str>, BTreeSet<String>, BTreeSet<String>)> {
                let folder = fresh("apt-store");
                let store = Store::open(&*folder, environment.now).unwrap();
                let registries = Registries::new(&endpoints, &net, &store, false);
                let apt = Apt::of(suite, security, &endpoints);
                let one = |target: Option<&'static str>| {
                    let asked = target.iter().map(|name| (*name).to_owned()).chain(roots.iter().cloned());
                    let theirs = apt.closure(&asked.collect::<Vec<_>>());
                    let request = request(suite, java, security, target, &environment);
                    (target, ours(&request, &registries), theirs)
                };
                targets.iter().copied().map(one).filter(|(_, ours, theirs)| ours != theirs).collect()
            };
        let targets: Vec<Option<&str>> =
            [None].into_iter().chain(tenth(suite, &TARGETS).into_iter().map(Some)).collect();
        let again: Vec<Option<&str>> = both(&targets).iter().map(|(target, ..)| *target).collect();
        if again.is_empty() {
            continue;
        }
        let differ: Vec<String> = both(&again)
            .iter()
            .map(|(target, ours, theirs)| {
                let (more, less): (Vec<_>, Vec<_>) =
                    (ours.difference(theirs).collect(), theirs.difference(ours).collect());
                format!("{suite} {target:?}: ours alone {more:?}, apt's alone {less:?}")
            })
            .collect();
        assert!(differ.is_empty(), "{}", differ.join("\n"));
    }
}

//! The closure that apt itself chooses, over the same archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;
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

use super::resolved;

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
        apt.run(&["update", "-q"]).unwrap();
        apt
    }

    fn run(&self, arguments: &[&str]) -> Result<String, String> {
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
                // Else an index that did not come is a warning.
                "-o",
                "APT::Update::Error-Mode=any",
                // Else apt counts itself among the Essential packages.
                "-o",
                "pkgCacheGen::ForceEssential=,",
            ])
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        if ran.status.success() { Ok(String::from_utf8(ran.stdout).unwrap()) } else { Err(said(&ran)) }
    }

    /// `name version` of everything that the roots bring, or what apt refuses with.
    fn closure(&self, roots: &[String]) -> Result<BTreeSet<String>, String> {
        let roots = roots.iter().map(String::as_str);
        let arguments: Vec<&str> = ["-s", "install", "--no-install-recommends"].into_iter().chain(roots).collect();
        let told = self.run(&arguments)?;
        let installed = told.lines().filter_map(|line| line.strip_prefix("Inst "));
        Ok(installed
            .map(|line| {
                let (name, rest) = line.split_once(" (").unwrap();
                format!("{name} {}", rest.split(' ').next().unwrap())
            })
            .collect())
    }

    /// What `/etc/apt/preferences` says.
    fn prefer(&self, pins: &[(&str, &str)]) {
        let stanza =
            |(name, version): &(&str, &str)| format!("Package: {name}\nPin: version {version}\nPin-Priority: 1001\n\n");
        fs::write(self.folder.join("etc/apt/preferences"), pins.iter().map(stanza).collect::<String>()).unwrap();
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
        java: Some(java.to_owned()),
        essential: false,
        kept: BTreeMap::new(),
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
                    let theirs = apt.closure(&asked.collect::<Vec<_>>()).unwrap_or_else(|said| panic!("{said}"));
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

/// A line of the table as apt takes it: roots and pins.
fn as_apt_takes_it(line: &str) -> (Vec<String>, Vec<(&str, &str)>) {
    let (mut roots, mut pins) = (Vec::new(), Vec::new());
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--essential" => roots.push("?essential".to_owned()),
            "--pin" => pins.push(words.next().unwrap().split_once('=').unwrap()),
            root => roots.push(root.to_owned()),
        }
    }
    (roots, pins)
}

#[test]
fn what_apt_refuses_we_refuse_and_the_rest_is_the_same() {
    if !on_path("apt-get") {
        return;
    }
    let environment = Environment::read().unwrap();
    let endpoints = endpoints::discover(&environment);
    let table = include_str!("../../data/resolvers/debian.txt");
    let lines: Vec<&str> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for (suite, _, security) in SUITES {
        let both = |lines: &[&'static str]| -> Vec<(&'static str, String)> {
            let store = fresh("apt-plain-store");
            let apt = Apt::of(suite, security, &endpoints);
            let mut differ = Vec::new();
            for line in lines {
                let (roots, pins) = as_apt_takes_it(line);
                apt.prefer(&pins);
                let theirs = apt.closure(&roots);
                let mut arguments = vec!["debian", "--suite", suite];
                arguments.extend(security.then_some("--security"));
                arguments.extend(line.split_whitespace());
                let ours = resolved(&[], &store, &arguments).map(|closure| {
                    let text = |one: &Value| one["coordinate"].as_str().unwrap().to_owned();
                    closure.iter().map(|one| in_apts_form(&text(one))).collect::<BTreeSet<String>>()
                });
                match (ours, theirs) {
                    (Err(_), Err(_)) => {}
                    (Ok(ours), Ok(theirs)) if ours == theirs => {}
                    (Ok(ours), Ok(theirs)) => {
                        let (more, less): (Vec<_>, Vec<_>) =
                            (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
                        differ.push((*line, format!("ours alone {more:?}, apt's alone {less:?}")));
                    }
                    (Ok(_), Err(said)) => differ.push((*line, format!("apt refuses: {said}"))),
                    (Err(said), Ok(_)) => differ.push((*line, format!("we refuse: {said}"))),
                }
            }
            differ
        };
        let again: Vec<&str> = both(&tenth(suite, &lines)).iter().map(|(line, _)| *line).collect();
        if again.is_empty() {
            continue;
        }
        let differ: Vec<String> = both(&again).iter().map(|(line, how)| format!("{suite} {line}: {how}")).collect();
        assert!(differ.is_empty(), "{}", differ.join("\n"));
    }
}

/// `deb:name=version:arch` as `name version`.
fn in_apts_form(coordinate: &str) -> String {
    let (name, rest) = coordinate.trim_start_matches("deb:").split_once('=').unwrap();
    format!("{name} {}", rest.rsplit_once(':').unwrap().0)
}

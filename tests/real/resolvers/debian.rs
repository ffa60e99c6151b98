//! The closure that apt itself chooses, over the same archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;
use sparkbake::debian::base::base;
use sparkbake::endpoints::{self, Endpoints};
use sparkbake::environment::Environment;
use sparkbake::outside::Registry;

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

/// Lines of the table as they stand, and what people add to the roots of an image. An index may move between the two
/// reads: who differs is asked once more.
#[test]
fn a_closure_is_the_one_that_apt_installs() {
    if !on_path("apt-get") {
        return;
    }
    let environment = Environment::read().unwrap();
    let endpoints = endpoints::discover(&environment);
    let table = include_str!("../../data/resolvers/debian.txt");
    let table: Vec<&str> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for (suite, java, security) in SUITES {
        let roots: Vec<String> =
            base().unwrap().roots.iter().map(|root| root.package.replace("{java}", java)).collect();
        let images = std::iter::once("").chain(tenth(&format!("images of {suite}"), &TARGETS));
        let images = images.map(|target| format!("{} {target}", roots.join(" ")));
        let lines: Vec<String> = tenth(suite, &table).iter().map(|line| (*line).to_owned()).chain(images).collect();
        let again: Vec<String> = differing(&lines, suite, security, &endpoints).into_keys().collect();
        let differ = if again.is_empty() { BTreeMap::new() } else { differing(&again, suite, security, &endpoints) };
        assert!(differ.is_empty(), "{suite}: {differ:#?}");
    }
}

/// The lines of which apt thinks otherwise, and how.
fn differing(lines: &[String], suite: &str, security: bool, endpoints: &Endpoints) -> BTreeMap<String, String> {
    let store = fresh("apt-store");
    let apt = Apt::of(suite, security, endpoints);
    let mut differ = BTreeMap::new();
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
        let how = match (ours, theirs) {
            (Err(_), Err(_)) => continue,
            (Ok(ours), Ok(theirs)) if ours == theirs => continue,
            (Ok(ours), Ok(theirs)) => {
                let (more, less): (Vec<_>, Vec<_>) =
                    (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
                format!("ours alone {more:?}, apt's alone {less:?}")
            }
            (Ok(_), Err(said)) => format!("apt refuses: {said}"),
            (Err(said), Ok(_)) => format!("we refuse: {said}"),
        };
        differ.insert(line.clone(), how);
    }
    differ
}

/// `deb:name=version:arch` as `name version`.
fn in_apts_form(coordinate: &str) -> String {
    let (name, rest) = coordinate.trim_start_matches("deb:").split_once('=').unwrap();
    format!("{name} {}", rest.rsplit_once(':').unwrap().0)
}

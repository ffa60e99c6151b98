//! Locks of other tools, `uv.lock`, `pylock.toml` (PEP 751) and `requirements.txt` with hashes: what they pin for the
//! target.
//!
//! Only versions and digests are taken from them: files come from the package index that is configured, and the
//! requirements of what is pinned are read and must be pinned as well.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::Arc;

use pep440_rs::{Version, VersionSpecifiers};
use serde::Deserialize;
use toml::Spanned;

use crate::digest::Digest;
use crate::problem::codes::python as codes;
use crate::problem::{At, Problem, SourceFile};
use crate::profile::LockKind;

use super::candidates::admits;
use super::normalise;

const FORMS: &str = "name a uv.lock, a pylock.toml or a requirements.txt";
const WHEEL: &str = "build a wheel of it and name it in `[python] files`";

/// The key of the profile that names the lock, as `via` says it.
pub(super) const KEY: &str = "python.lock";

/// What a lock pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    /// Where it stands.
    pub(super) at: At,
    /// Normalised name.
    pub(super) name: String,
    pub(super) version: Version,
    /// SHA-256 digests of the files that may be taken; at least one.
    pub(super) hashes: BTreeSet<Digest>,
}

/// The target, as markers see it.
pub(super) struct Target<'a> {
    /// Whether a marker holds there, or why it makes no sense.
    pub(super) applies: &'a dyn Fn(&str) -> Result<bool, String>,
    pub(super) python: &'a Version,
}

/// What the lock pins for the target, in the order written.
///
/// # Errors
/// Every mistake of the lock, with its place in it.
pub(super) fn read(source: &Arc<SourceFile>, target: &Target<'_>) -> Result<Vec<Pin>, Vec<Problem>> {
    let mut reading = Reading { source, target, pins: Vec::new(), problems: Vec::new() };
    match LockKind::of(&source.name) {
        Some(LockKind::Uv) => reading.uv(),
        Some(LockKind::Pylock) => reading.pylock(),
        Some(LockKind::Requirements) => reading.requirements(),
        None => {
            reading.wrong(0..0, "no lock that can be read", "", FORMS);
        }
    }
    let Reading { mut pins, mut problems, .. } = reading;
    pins.sort_by_key(|pin| pin.at.span.start);
    problems.extend(twice(&pins));
    if problems.is_empty() { Ok(pins) } else { Err(problems) }
}

/// Two versions of one project cannot be installed.
fn twice(pins: &[Pin]) -> Vec<Problem> {
    let mut first: BTreeMap<&str, &Pin> = BTreeMap::new();
    let mut problems = Vec::new();
    for pin in pins {
        match first.get(pin.name.as_str()) {
            Some(other) if other.version != pin.version => {
                let message = format!("{} is pinned to {} and to {}", pin.name, other.version, pin.version);
                problems.push(Problem::new(codes::LOCK, message).at(&pin.at, "here").also(&other.at, "and here"));
            }
            _ => _ = first.insert(&pin.name, pin),
        }
    }
    problems
}

struct Reading<'a> {
    source: &'a Arc<SourceFile>,
    target: &'a Target<'a>,
    pins: Vec<Pin>,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn wrong(&mut self, span: Range<usize>, message: impl Into<String>, label: &str, help: &str) {
        let problem = Problem::new(codes::LOCK, message).at(&At::in_file(self.source, span), label);
        self.problems.push(problem.help(help));
    }

    /// Whether a marker holds; one that makes no sense is a problem, and holds not.
    fn applies(&mut self, marker: Option<&String>, span: &Range<usize>) -> bool {
        match marker.map_or(Ok(true), |marker| (self.target.applies)(marker)) {
            Ok(applies) => applies,
            Err(reason) => {
                self.wrong(span.clone(), format!("a marker is not understood: {reason}"), "of this", "lock it anew");
                false
            }
        }
    }

    fn admits_python(&mut self, wanted: Option<&Spanned<String>>) {
        let Some(wanted) = wanted else { return };
        let (text, python) = (wanted.get_ref(), self.target.python);
        match VersionSpecifiers::from_str(text) {
            Ok(specifiers) if specifiers.contains(python) => {}
            Ok(_) => {
                let message = format!("the lock is for Python {text}, and the image has {python}");
                self.wrong(wanted.span(), message, "another Python", "lock it for the image's Python");
            }
            Err(error) => {
                self.wrong(
                    wanted.span(),
                    format!("`{text}` is no range of versions"),
                    &error.to_string(),
                    "lock it anew",
                );
            }
        }
    }

    /// A pin, if name, version and digests are ones.
    fn pin<'h>(&mut self, span: Range<usize>, name: &str, version: &str, hashes: impl Iterator<Item = &'h str>) {
        let Ok(version) = Version::from_str(version) else {
            return self.wrong(span, format!("`{version}` is no version of {name}"), "", "lock it anew");
        };
        let hashes: BTreeSet<Digest> = hashes.filter_map(|hex| format!("sha256:{hex}").parse().ok()).collect();
        if hashes.is_empty() {
            let message = format!("{name} {version} has no SHA-256 digest");
            return self.wrong(span, message, "no digest", "lock it with digests: without them it pins no bytes");
        }
        self.pins.push(Pin { at: At::in_file(self.source, span), name: normalise(name), version, hashes });
    }

    fn toml<T: for<'d> Deserialize<'d>>(&mut self) -> Option<T> {
        match toml::from_str(&self.source.text) {
            Ok(read) => Some(read),
            Err(error) => {
                let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
                self.wrong(error.span().unwrap_or(0..0), message, "", "lock it anew");
                None
            }
        }
    }
}

/// `uv.lock`, version 1 (its form is documented by uv's source alone).
#[derive(Deserialize)]
struct Uv {
    version: Spanned<u32>,
    #[serde(rename = "requires-python")]
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    package: Vec<UvPackage>,
}

#[derive(Deserialize)]
struct UvPackage {
    name: Spanned<String>,
    version: Option<String>,
    source: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies: Vec<UvEdge>,
    #[serde(default, rename = "optional-dependencies")]
    optional: BTreeMap<String, Vec<UvEdge>>,
    #[serde(default)]
    wheels: Vec<UvFile>,
    sdist: Option<UvFile>,
}

#[derive(Deserialize)]
struct UvEdge {
    name: Spanned<String>,
    version: Option<String>,
    marker: Option<String>,
    #[serde(default)]
    extra: Vec<String>,
}

#[derive(Deserialize)]
struct UvFile {
    hash: Option<String>,
}

impl UvPackage {
    /// A project of the workspace: it is what was locked, and no index has it.
    fn is_member(&self) -> bool {
        ["virtual", "editable"].iter().any(|kind| self.source.contains_key(*kind))
    }

    fn hashes(&self) -> impl Iterator<Item = &str> {
        let files = self.wheels.iter().chain(&self.sdist);
        files.filter_map(|file| file.hash.as_deref()?.strip_prefix("sha256:"))
    }
}

impl Reading<'_> {
    /// What the projects of the workspace need on the target, without their groups for development.
    fn uv(&mut self) {
        let Some(lock) = self.toml::<Uv>() else { return };
        if *lock.version.get_ref() != 1 {
            let message = format!("version {} of uv's lock is not known", lock.version.get_ref());
            return self.wrong(lock.version.span(), message, "another form", "lock with a uv that writes version 1");
        }
        self.admits_python(lock.requires_python.as_ref());
        let all = &lock.package;
        let mut left: Vec<(usize, Option<String>)> =
            (0..all.len()).filter(|at| all.get(*at).is_some_and(UvPackage::is_member)).map(|at| (at, None)).collect();
        if left.is_empty() {
            self.wrong(0..0, "the lock has no project whose packages could be installed", "", "lock a project with uv");
        }
        left.reverse();
        let mut seen: BTreeSet<(usize, Option<String>)> = left.iter().cloned().collect();
        while let Some((at, extra)) = left.pop() {
            let Some(package) = all.get(at) else { continue };
            let edges = match &extra {
                None => {
                    self.uv_package(package);
                    &package.dependencies
                }
                Some(extra) => match package.optional.get(extra) {
                    Some(edges) => edges,
                    None => continue,
                },
            };
            for edge in edges {
                if !self.applies(edge.marker.as_ref(), &edge.name.span()) {
                    continue;
                }
                let fits = |other: &UvPackage| {
                    other.name.get_ref() == edge.name.get_ref()
                        && edge.version.as_ref().is_none_or(|version| other.version.as_ref() == Some(version))
                };
                let Some(to) = all.iter().position(fits) else {
                    let message = format!("{} is needed and not in the lock", edge.name.get_ref());
                    self.wrong(edge.name.span(), message, "not there", "lock it anew");
                    continue;
                };
                let extras = edge.extra.iter().map(|extra| Some(extra.clone()));
                left.extend(
                    std::iter::once(None).chain(extras).map(|extra| (to, extra)).filter(|n| seen.insert(n.clone())),
                );
            }
        }
    }

    fn uv_package(&mut self, package: &UvPackage) {
        let (name, span) = (package.name.get_ref(), package.name.span());
        if package.is_member() {
            return;
        }
        match (package.source.keys().next().map(String::as_str), &package.version) {
            (Some("registry"), Some(version)) => self.pin(span, name, version, package.hashes()),
            (Some("registry") | None, _) => self.wrong(span, format!("{name} has no version"), "", "lock it anew"),
            (Some(kind), _) => self.elsewhere(span, name, kind),
        }
    }

    fn elsewhere(&mut self, span: Range<usize>, name: &str, kind: &str) {
        self.wrong(span, format!("{name} comes from a {kind}, and not from a package index"), "not of an index", WHEEL);
    }
}

/// `pylock.toml` (PEP 751, version 1.0).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pylock {
    lock_version: Spanned<String>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    packages: Vec<PylockPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PylockPackage {
    name: Spanned<String>,
    version: Option<String>,
    marker: Option<String>,
    requires_python: Option<String>,
    #[serde(default)]
    wheels: Vec<PylockFile>,
    sdist: Option<PylockFile>,
    vcs: Option<toml::Value>,
    directory: Option<toml::Value>,
    archive: Option<toml::Value>,
}

#[derive(Deserialize)]
struct PylockFile {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl Reading<'_> {
    fn pylock(&mut self) {
        let Some(lock) = self.toml::<Pylock>() else { return };
        if !lock.lock_version.get_ref().starts_with("1.") {
            let message = format!("version {} of the form is not known", lock.lock_version.get_ref());
            return self.wrong(
                lock.lock_version.span(),
                message,
                "another form",
                "lock it with version 1.0 of PEP 751",
            );
        }
        self.admits_python(lock.requires_python.as_ref());
        for package in &lock.packages {
            let (name, span) = (package.name.get_ref(), package.name.span());
            if !self.applies(package.marker.as_ref(), &span) {
                continue;
            }
            if let Some(wanted) = package.requires_python.as_ref().filter(|text| !admits(text, self.target.python)) {
                let message = format!("{name} needs Python {wanted}, and the image has {}", self.target.python);
                self.wrong(span, message, "another Python", "lock it for the image's Python");
                continue;
            }
            let sources = [("vcs", &package.vcs), ("directory", &package.directory), ("archive", &package.archive)];
            match (sources.iter().find(|(_, source)| source.is_some()), &package.version) {
                (Some((kind, _)), _) => self.elsewhere(span, name, kind),
                (None, None) => self.wrong(span, format!("{name} has no version"), "", "lock it anew"),
                (None, Some(version)) => {
                    let files = package.wheels.iter().chain(&package.sdist);
                    let hashes = files.filter_map(|file| file.hashes.get("sha256").map(String::as_str));
                    self.pin(span, name, version, hashes);
                }
            }
        }
    }

    /// pip's form with `--hash` ("Requirements File Format", "Secure installs").
    fn requirements(&mut self) {
        let text = self.source.text.clone();
        for (start, line) in logical_lines(&text) {
            let code = line.split(" #").next().unwrap_or(&line).trim();
            let span = start..start + code.split("--hash").next().unwrap_or(code).trim_end_matches([' ', '\\']).len();
            if code.is_empty() || code.starts_with('#') || code == "--require-hashes" {
                continue;
            }
            if code.starts_with('-') {
                let option = code.split([' ', '=']).next().unwrap_or(code);
                let help = "leave it out: one file holds all pins, and registries are pip's own configuration";
                self.wrong(span, format!("`{option}` is not taken from a lock"), "an option", help);
                continue;
            }
            let mut words = code.split("--hash=");
            let requirement = words.next().unwrap_or_default();
            let (requirement, marker) = match requirement.split_once(';') {
                Some((requirement, marker)) => (requirement.trim(), Some(marker.trim().to_owned())),
                None => (requirement.trim(), None),
            };
            if !self.applies(marker.as_ref(), &span) {
                continue;
            }
            let pinned = requirement.split_once("==").filter(|(_, version)| !version.contains(['*', ',', '=', ' ']));
            let Some((name, version)) = pinned else {
                let help = "pin it with `==` and `--hash`, as `uv pip compile --generate-hashes` does";
                self.wrong(span, format!("`{requirement}` is not pinned"), "not one version", help);
                continue;
            };
            let name = name.split('[').next().unwrap_or(name).trim();
            let hashes: Vec<&str> = words.filter_map(|word| word.trim().strip_prefix("sha256:")).collect();
            self.pin(span, name, version, hashes.into_iter());
        }
    }
}

/// Lines joined where they end in `\`, each with the offset at which it starts.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let (mut at, mut open) = (0, false);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        let (body, goes_on) = body.strip_suffix('\\').map_or((body, false), |body| (body, true));
        let indent = body.len() - body.trim_start().len();
        match lines.last_mut().filter(|_| open) {
            Some((_, joined)) => {
                joined.push(' ');
                joined.push_str(body.trim());
            }
            None => lines.push((at + indent, body.trim().to_owned())),
        }
        (at, open) = (at + line.len(), goes_on);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// `name==version` of each pin, or the problems: message, place.
    fn told(name: &str, text: &str) -> Vec<String> {
        let text = text.replace("DIGEST", DIGEST);
        let source = Arc::new(SourceFile { name: name.to_owned(), text });
        let applies = |marker: &str| match marker {
            "sys_platform == 'win32'" => Ok(false),
            "sys_platform == 'linux'" => Ok(true),
            _ => Err(format!("`{marker}`")),
        };
        match read(&source, &Target { applies: &applies, python: &Version::new([3, 11, 2]) }) {
            Ok(pins) => pins.iter().map(|pin| format!("{}=={} {}", pin.name, pin.version, pin.hashes.len())).collect(),
            Err(problems) => {
                let place = |problem: &Problem| {
                    problem.at.as_ref().and_then(|at| source.text.get(at.span.clone())).unwrap_or_default().to_owned()
                };
                problems.iter().map(|problem| format!("{} at `{}`", problem.message, place(problem))).collect()
            }
        }
    }

    const UV: &str = r#"
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "Pandas", extra = ["excel"] },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "twofold", version = "2.0", source = { registry = "r" }, marker = "sys_platform == 'linux'" },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "Pandas"
version = "2.2.3"
source = { registry = "r" }
dependencies = [{ name = "numpy" }]
wheels = [{ url = "u", hash = "sha256:DIGEST", size = 1 }]
[package.optional-dependencies]
excel = [{ name = "openpyxl" }]
html = [{ name = "lxml" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "r" }
dependencies = [{ name = "Pandas" }]
sdist = { url = "u", hash = "sha256:DIGEST" }

[[package]]
name = "openpyxl"
version = "3.1"
source = { registry = "r" }
wheels = [{ url = "u", hash = "sha256:DIGEST" }]

[[package]]
name = "twofold"
version = "1.0"
source = { registry = "r" }

[[package]]
name = "twofold"
version = "2.0"
source = { registry = "r" }
wheels = [{ url = "u", hash = "sha256:DIGEST" }]

[[package]]
name = "pytest"
version = "8"
source = { registry = "r" }
"#;

    #[test]
    fn a_lock_of_uv_is_walked_for_the_target() {
        assert_eq!(told("uv.lock", UV), ["pandas==2.2.3 1", "numpy==1.26.4 1", "openpyxl==3.1 1", "twofold==2.0 1"]);
        for (from, to, expected) in [
            ("version = 1\n", "version = 2\n", &["version 2 of uv's lock is not known at `2`"][..]),
            (">=3.10", ">=3.12", &["the lock is for Python >=3.12, and the image has 3.11.2 at `\">=3.12\"`"]),
            (
                "{ virtual = \".\" }",
                "{ registry = \"r\" }",
                &["the lock has no project whose packages could be installed at ``"],
            ),
            (
                "version = \"1.26.4\"\nsource = { registry = \"r\" }",
                "version = \"1.26.4\"\nsource = { git = \"g\" }",
                &["numpy comes from a git, and not from a package index at `\"numpy\"`"],
            ),
            (
                "name = \"numpy\"\nversion",
                "name = \"nunpy\"\nversion",
                &["numpy is needed and not in the lock at `\"numpy\"`"],
            ),
            ("sys_platform == 'linux'", "nonsense", &["a marker is not understood: `nonsense` at `\"twofold\"`"]),
            ("version = \"3.1\"", "version = \"3.x\"", &["`3.x` is no version of openpyxl at `\"openpyxl\"`"]),
            (
                "sdist = { url = \"u\", hash = \"sha256:DIGEST\" }",
                "",
                &["numpy 1.26.4 has no SHA-256 digest at `\"numpy\"`"],
            ),
        ] {
            assert_eq!(told("uv.lock", &UV.replacen(from, to, 1)), expected, "{from}");
        }
    }

    #[test]
    fn a_lock_of_pep_751_pins_what_applies() {
        let lock = r#"
lock-version = "1.0"
requires-python = ">=3.9"
created-by = "x"
[[packages]]
name = "numpy"
version = "1.26.4"
[[packages.wheels]]
url = "u"
hashes = { sha256 = "DIGEST" }
[[packages]]
name = "colorama"
version = "1"
marker = "sys_platform == 'win32'"
[[packages]]
name = "Six"
version = "1.16"
sdist = { url = "u", hashes = { sha256 = "DIGEST", md5 = "x" } }
"#;
        assert_eq!(told("pylock.toml", lock), ["numpy==1.26.4 1", "six==1.16 1"]);
        for (from, to, expected) in [
            ("\"1.0\"", "\"2.0\"", "version 2.0 of the form is not known at `\"2.0\"`"),
            (
                "version = \"1.16\"",
                "version = \"1.16\"\nvcs = { type = \"git\" }",
                "Six comes from a vcs, and not from a package index at `\"Six\"`",
            ),
            ("version = \"1.16\"", "", "Six has no version at `\"Six\"`"),
            (
                "version = \"1.16\"",
                "version = \"1.16\"\nrequires-python = \">=3.12\"",
                "Six needs Python >=3.12, and the image has 3.11.2 at `\"Six\"`",
            ),
            ("name = \"Six\"", "name = \"numpy\"", "numpy is pinned to 1.26.4 and to 1.16 at `\"numpy\"`"),
            (
                "[[packages]]\nname = \"numpy\"",
                "[[packages]\nname = \"numpy\"",
                "unclosed array table, expected `]` at ``",
            ),
        ] {
            assert_eq!(told("pylock.dev.toml", &lock.replacen(from, to, 1)), [expected], "{from}");
        }
    }

    #[test]
    fn requirements_are_pins_with_digests() {
        let lock = "# made by a tool\n--require-hashes\nnumpy==1.26.4 \\\n    --hash=sha256:DIGEST \\\n    --hash=sha512:x\n    \
                    # via pandas\ncolorama==1 ; sys_platform == 'win32' --hash=sha256:DIGEST\n\
                    Six[x]==1.16 ; sys_platform == 'linux' \\\r\n  --hash=sha256:DIGEST # a word\n\n";
        assert_eq!(told("requirements.txt", lock), ["numpy==1.26.4 1", "six==1.16 1"]);
        let wrong = "numpy>=1 --hash=sha256:DIGEST\nsix==1.16\n-r other.txt\n--index-url https://x\na==1.* --hash=sha256:DIGEST\n\
                     b @ https://x\n-e .\n";
        assert_eq!(
            told("x.txt", wrong),
            [
                "`numpy>=1` is not pinned at `numpy>=1`",
                "six 1.16 has no SHA-256 digest at `six==1.16`",
                "`-r` is not taken from a lock at `-r other.txt`",
                "`--index-url` is not taken from a lock at `--index-url https://x`",
                "`a==1.*` is not pinned at `a==1.*`",
                "`b @ https://x` is not pinned at `b @ https://x`",
                "`-e` is not taken from a lock at `-e .`",
            ]
        );
    }
}

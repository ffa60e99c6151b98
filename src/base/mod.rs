//! An image that others made, as what ours stands on instead of Debian's packages.
//!
//! [`Root`] is its layers laid over each other; [`examine`] finds the Java and the Python in it, and says what
//! it lacks. Absent on purpose: fetching it, and changing anything of it. Its layers stay what they are.

mod root;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::problem::codes::base as codes;
use crate::problem::{At, Problem};
use crate::profile::{Located, Profile};
use crate::spark::{HOME, USER, USER_NAME};
use crate::tree::{Entry, ImagePath, Source};

pub use root::{Keep, Kept, Node, Root};

/// What a base has that the stack follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Java's version.
    pub java: String,
    /// Where it lies, absolute.
    pub java_home: String,
    /// Python's version.
    pub python: String,
    /// Codename of the Debian suite.
    pub suite: String,
}

/// A program that every image needs.
struct Needed {
    path: &'static str,
    package: &'static str,
    reason: &'static str,
}

/// What our entrypoint and Spark's scripts start, with Debian's package of it.
const NEEDED: &[Needed] = &[
    needed("usr/bin/tini", "tini", "the entrypoint is process 1 through it: it forwards signals and reaps workers"),
    needed("bin/sh", "dash", "the entrypoint is a script of it; Java and Hadoop start shell commands"),
    needed("bin/bash", "bash", "spark-class and spark-submit are scripts of it"),
    needed("usr/bin/env", "coreutils", "the first line of Spark's scripts"),
    needed("usr/bin/dirname", "coreutils", "spark-class finds its own directory"),
    needed("usr/bin/head", "coreutils", "spark-class reads the launcher's answer"),
    needed("usr/bin/id", "coreutils", "the entrypoint looks at its user"),
    needed("usr/bin/mktemp", "coreutils", "the entrypoint tries /tmp"),
    needed("bin/chmod", "coreutils", "Hadoop's local writes"),
    needed("bin/mkdir", "coreutils", "the entrypoint makes Spark's directories"),
    needed("bin/rm", "coreutils", "the entrypoint and Spark's shutdown clear up"),
    needed("usr/lib/locale/C.utf8/LC_CTYPE", "libc-bin", "the locale C.UTF-8, in which Python and Java read names"),
];

const fn needed(path: &'static str, package: &'static str, reason: &'static str) -> Needed {
    Needed { path, package, reason }
}

/// Variables of a base that are not taken over: options for every Java program, where Java and Python look for
/// what the image brings itself, and Spark's own.
fn fights(name: &str) -> bool {
    matches!(name, "JAVA_TOOL_OPTIONS" | "JDK_JAVA_OPTIONS" | "_JAVA_OPTIONS")
        || matches!(name, "CLASSPATH" | "PYTHONHOME" | "PYTHONPATH")
        || name.starts_with("SPARK_")
        || name.starts_with("PYSPARK_")
}

/// A config's environment: what is taken over, and the names of what is not.
#[must_use]
pub fn environment(pairs: &[String]) -> (BTreeMap<String, String>, Vec<String>) {
    let mut kept = BTreeMap::new();
    let mut left_out = Vec::new();
    for (name, value) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
        let plain = !name.is_empty() && !name.contains(char::is_control) && !value.contains('\0');
        if plain && !fights(name) {
            kept.insert(name.to_owned(), value.to_owned());
        } else {
            left_out.push(name.to_owned());
        }
    }
    (kept, left_out)
}

/// Finds the stack in a base; `at` is where the profile names it.
///
/// # Errors
/// Everything that it lacks.
pub fn examine(root: &Root, environment: &BTreeMap<String, String>, at: &At) -> Result<Found, Vec<Problem>> {
    let mut problems = Vec::new();
    for Needed { path, package, reason } in NEEDED {
        if !root.has_file(path) {
            let problem = lacks(format!("the base has no /{path}"), at).note(*reason);
            problems.push(problem.help(format!("install Debian's package {package} in the base")));
        }
    }
    for path in ["etc/passwd", "etc/group"] {
        if matches!(root.get(path), Some(node) if *node != Node::File) {
            problems.push(lacks(format!("/{path} of the base is no regular file"), at));
        }
    }
    let mut found = |result: Result<Pair, Vec<Problem>>| result.map_err(|more| problems.extend(more)).ok();
    let (suite, java, python) = (found(suite(root, at)), found(java(root, environment, at)), found(python(root, at)));
    match (suite, java, python) {
        (Some((suite, _)), Some((java, java_home)), Some((python, _))) if problems.is_empty() => {
            Ok(Found { java, java_home, python, suite })
        }
        _ => Err(problems),
    }
}

fn lacks(message: impl Into<String>, at: &At) -> Problem {
    Problem::new(codes::LACKS, message).at(at, "this base")
}

type Pair = (String, String);

/// Codename and name of the distribution (os-release(5)).
fn suite(root: &Root, at: &At) -> Result<Pair, Vec<Problem>> {
    let text = root.text("etc/os-release").or_else(|| root.text("usr/lib/os-release")).unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map_or("", |value| value.trim().trim_matches(['"', '\'']))
    };
    let (id, codename, name) = (value("ID"), value("VERSION_CODENAME"), value("PRETTY_NAME"));
    if id == "debian" && !codename.is_empty() {
        return Ok((codename.to_owned(), name.to_owned()));
    }
    let what =
        if name.is_empty() { "no Debian: it has no os-release".to_owned() } else { format!("{name}, no Debian") };
    let problem = lacks(format!("the base is {}", what.escape_debug()), at);
    let problem =
        problem.note("wheels are chosen by the C library of a Debian suite, and its Python's directories are known");
    Err(vec![problem])
}

/// The version of a Java, and where it lies: where `JAVA_HOME` says, else the only one there is.
fn java(root: &Root, environment: &BTreeMap<String, String>, at: &At) -> Result<Pair, Vec<Problem>> {
    let version = |text: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
        let version = line.trim().trim_matches('"').to_owned();
        let number = version.split(['.', '-', '+', '_']).next().is_some_and(|first| first.parse::<u16>().is_ok());
        number.then_some(version)
    };
    let homes: Vec<Pair> = root
        .texts_named("release")
        .filter(|(home, _)| {
            root.has_file(&format!("{home}/bin/java")) && root.blob(&format!("{home}/lib/modules")).is_some()
        })
        .filter_map(|(home, text)| Some((version(text)?, format!("/{home}"))))
        .collect();
    let told = environment.get("JAVA_HOME").and_then(|home| root.resolve(home.trim_start_matches('/')));
    match (homes.as_slice(), told) {
        ([], _) => Err(vec![
            lacks("the base has no Java", at)
                .note("no directory has a `release` that names JAVA_VERSION, a bin/java and a lib/modules")
                .help("install a Java runtime in the base: openjdk-17-jre-headless on bookworm"),
        ]),
        ([one], _) => Ok(one.clone()),
        (several, Some(told)) if several.iter().any(|(_, home)| home[1..] == told) => {
            Ok(several.iter().find(|(_, home)| home[1..] == told).cloned().unwrap_or_default())
        }
        (several, _) => {
            let all: Vec<String> = several.iter().map(|(version, home)| format!("{version} in {home}")).collect();
            let problem = lacks("the base has several Javas, and its JAVA_HOME names none of them", at);
            Err(vec![problem.note(all.join("; ")).help("set JAVA_HOME in the base")])
        }
    }
}

/// The version of Debian's Python, and its minor.
fn python(root: &Root, at: &At) -> Result<Pair, Vec<Problem>> {
    let program = root.resolve("usr/bin/python3").filter(|path| root.get(path) == Some(&Node::File));
    let minor = program.as_deref().and_then(|path| path.strip_prefix("usr/bin/python"));
    let Some(minor) = minor else {
        return Err(vec![
            lacks("the base has no /usr/bin/python3", at)
                .note("Spark's Python and its workers are started as that; another Python elsewhere is not looked for")
                .help("install Debian's package python3 in the base"),
        ]);
    };
    let package = format!("python{minor}-minimal");
    let version = root.text("var/lib/dpkg/status").and_then(|status| installed(status, &package));
    let upstream = version.map(|version| version.split(['-', '+', '~']).next().unwrap_or(version).to_owned());
    match upstream {
        Some(version) if version.starts_with(&format!("{minor}.")) => Ok((version, minor.to_owned())),
        _ => Err(vec![
            lacks(format!("the base's Python {minor} is not one of Debian's"), at)
                .note(format!("dpkg's database has no {package}, and its version decides what is installed for it"))
                .help("install Debian's package python3 in the base"),
        ]),
    }
}

/// The version of a package that dpkg's database has as installed.
fn installed<'s>(status: &'s str, package: &str) -> Option<&'s str> {
    let stanza = status.split("\n\n").find(|stanza| {
        let mut lines = stanza.lines();
        lines.any(|line| line.strip_prefix("Package: ").is_some_and(|name| name.trim() == package))
    })?;
    let value = |key: &str| stanza.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value("Status").filter(|status| status.trim().ends_with(" installed")).and_then(|_| value("Version")).map(str::trim)
}

/// The profile with what the base has as its pins, so that the matrix judges the base as it judges a profile.
///
/// # Errors
/// Pins that the base does not meet.
pub fn pinned(profile: &Profile, base: &Located<String>, found: &Found) -> Result<Profile, Vec<Problem>> {
    let mut pinned = profile.clone();
    let mut problems = Vec::new();
    let minor = found.python.rsplit_once('.').map_or(found.python.as_str(), |(minor, _)| minor);
    let feature = found.java.split(['.', '-', '+', '_']).next().unwrap_or_default();
    let stack = &mut pinned.stack;
    let pins = [
        ("java", &mut stack.java, feature, found.java.as_str()),
        ("python", &mut stack.python, minor, found.python.as_str()),
        ("debian", &mut stack.debian, found.suite.as_str(), found.suite.as_str()),
    ];
    for (axis, pin, value, version) in pins {
        match pin {
            Some(asked) if asked.value != value => {
                let message = format!("`stack.{axis}` is {}, and the base has {version}", asked.value);
                let problem = Problem::new(codes::DIFFERS, message).at(&asked.at, "asked for here");
                let problem = problem.also(&base.at, format!("this base has {version}"));
                problems.push(problem.help(format!("set `{axis} = \"{value}\"`, leave it out, or take another base")));
            }
            Some(_) => {}
            None => *pin = Some(Located { value: value.to_owned(), at: base.at.clone() }),
        }
    }
    if problems.is_empty() { Ok(pinned) } else { Err(problems) }
}

/// The files that Spark's user needs in a base: its accounts with ours, in place of what has its name or number.
#[must_use]
pub fn accounts(root: &Root) -> Vec<Entry> {
    let (passwd, group) =
        (format!("{USER_NAME}:x:{USER}:{USER}:Spark:{HOME}:/bin/bash"), format!("{USER_NAME}:x:{USER}:"));
    let number = USER.to_string();
    let ours = [("etc/passwd", passwd), ("etc/group", group)];
    let file = |(path, ours): (&str, String)| {
        let taken = |line: &&str| {
            let mut fields = line.split(':');
            fields.next() == Some(USER_NAME) || fields.nth(1) == Some(number.as_str())
        };
        let kept = root.text(path).unwrap_or_default().lines().filter(|line| !line.is_empty() && !taken(line));
        let text = kept.chain([ours.as_str()]).flat_map(|line| [line, "\n"]).collect::<String>();
        Some(Entry::file(ImagePath::new(path).ok()?, 0o644, Source::Bytes(text.into_bytes())))
    };
    ours.into_iter().filter_map(file).collect()
}

/// What ours would mix with of the base: a distribution of one name in one directory, or a directory where ours
/// has a file.
#[must_use]
pub fn mixed(root: &Root, entries: &[&Entry], at: &At) -> Vec<Problem> {
    let mut problems = Vec::new();
    let twice = |message: String| Problem::new(codes::TWICE, message).at(at, "this base");
    for entry in entries {
        let path = entry.path.as_str();
        let ours = entry
            .path
            .parent()
            .filter(|parent| parent.name().ends_with(".dist-info") && entry.path.name() == "METADATA");
        if let Some(info) = ours {
            let site = info.parent().unwrap_or(ImagePath::root());
            let name = distribution(info.name());
            if let Some(theirs) =
                root.names(site.as_str()).find(|name_| name_.ends_with(".dist-info") && distribution(name_) == name)
            {
                let (theirs, ours) =
                    (theirs.trim_end_matches(".dist-info"), info.name().trim_end_matches(".dist-info"));
                problems.push(
                    twice(format!("the base has {theirs} in {site} already, and the image gets {ours}"))
                        .note("files of both would lie in one directory")
                        .help("take a base without it"),
                );
            }
        } else if let (Some(Node::Directory(_)), false) = (root.get(path), entry.kind == crate::tree::Kind::Directory) {
            problems.push(twice(format!("the base has a directory at /{path}, where the image gets something else")));
        }
    }
    problems
}

/// A distribution's name in its one spelling (PEP 503), of its metadata's directory.
fn distribution(info: &str) -> String {
    let name = info.split('-').next().unwrap_or(info);
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

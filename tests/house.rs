//! The law of the house: which module may import which, no circles, and how large things may be.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads the sources")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the bands it may import from beside its own row: ground, pure, edge, tool.
/// A module that is not here fails the test, so that a new one is a decision somebody sees.
const TABLE: &[(&str, &[&str])] = &[
    // Ground.
    ("artifact", &["digest"]),
    ("digest", &[]),
    ("environment", &["error"]),
    ("error", &["digest", "problem"]),
    ("outside", &["digest", "error", "tree"]),
    ("problem", &[]),
    ("reference", &["digest"]),
    ("tree", &["digest"]),
    // Pure.
    ("profile", &["problem", "reference"]),
    ("matrix", &["artifact", "debian", "maven", "problem", "profile"]),
    ("maven", &["artifact", "error", "outside", "problem"]),
    ("pypi", &["artifact", "digest", "error", "outside", "problem", "profile", "tree"]),
    ("debian", &["artifact", "digest", "error", "outside", "problem", "profile", "tree"]),
    ("lock", &["artifact", "digest", "error", "layer", "matrix", "profile", "reference"]),
    ("classpath", &["error", "outside", "problem", "profile"]),
    ("memory", &["matrix", "problem", "profile"]),
    ("spark", &["classpath", "lock", "matrix", "memory", "problem", "profile", "tree"]),
    ("plan", &["digest", "error", "image", "lock", "problem", "profile", "spark", "tree"]),
    ("base", &["digest", "error", "layer", "plan", "problem", "profile", "spark", "tree"]),
    ("layer", &["digest", "error", "outside", "tree"]),
    ("image", &["digest", "error", "layer"]),
    ("diagnose", &[]),
    ("usage", &["memory"]),
    ("app", &["classpath", "matrix", "memory", "problem", "profile", "spark", "tree"]),
    // Edge.
    ("program", &[]),
    ("endpoints", &["environment", "error", "outside", "program"]),
    ("engine", &["environment", "error"]),
    ("fetch", &["artifact", "digest", "error", "maven", "net", "outside", "problem", "store", "threads", "ui"]),
    ("layout", &["digest", "error", "image", "outside", "store"]),
    ("net", &["digest", "endpoints", "environment", "error", "outside", "store", "threads"]),
    (
        "registry",
        &[
            "digest",
            "endpoints",
            "environment",
            "error",
            "image",
            "net",
            "outside",
            "program",
            "reference",
            "store",
            "threads",
            "ui",
        ],
    ),
    ("project", &["app", "digest", "error", "lock", "outside", "plan", "problem", "profile", "store", "tree"]),
    ("store", &["digest", "error", "outside", "threads"]),
    ("threads", &["error"]),
    ("ui", &["environment"]),
];

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The room of a file: the first component below `src`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Production code only: test modules may look wherever they like.
fn is_test(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str().to_str().is_some_and(|c| c.trim_end_matches(".rs").ends_with("tests")))
}

fn imports(text: &str) -> BTreeSet<String> {
    let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = production.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in code {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if end > 0 {
                found.insert(rest[..end].to_owned());
            } else if rest.starts_with('{') {
                let list = rest.trim_start_matches('{').split('}').next().unwrap();
                let heads = list.split(',').map(|item| item.trim().split("::").next().unwrap().to_owned());
                found.extend(heads.filter(|head| !head.is_empty()));
            }
        }
    }
    found
}

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let room = room(&path);
        let mut imported = imports(&fs::read_to_string(&path).unwrap());
        imported.remove(&room);
        arrows.entry(room).or_default().extend(imported);
    }
    for outside in ["lib", "main", "cli", "commands"] {
        arrows.remove(outside);
    }
    arrows
}

#[test]
fn every_import_stands_in_the_table() {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        TABLE.iter().map(|(m, all)| (*m, all.iter().copied().collect())).collect();
    let mut faults = Vec::new();
    for (room, imported) in arrows() {
        match table.get(room.as_str()) {
            None => faults.push(format!("`{room}` has no row")),
            Some(allowed) => {
                let extra = imported.iter().filter(|import| !allowed.contains(import.as_str()));
                faults.extend(extra.map(|import| format!("`{room}` imports `{import}`")));
                let unused = allowed.iter().filter(|allowed| !imported.contains(**allowed));
                faults.extend(unused.map(|allowed| format!("`{room}` no longer imports `{allowed}`: strike it out")));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_wings_do_not_know_each_other() {
    let wings = ["maven", "pypi", "debian"];
    for (room, allowed) in TABLE.iter().filter(|(room, _)| wings.contains(room)) {
        let other = allowed.iter().find(|import| wings.contains(import));
        assert_eq!(other, None, "{room}");
    }
}

#[test]
fn no_file_and_no_function_outgrows_a_screenful_of_attention() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES {
            faults.push(format!("{}: {} lines", name(&path), lines.len()));
        }
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let opens = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "pub const fn "];
            if !opens.iter().any(|open| code.starts_with(open)) {
                continue;
            }
            let closing = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == closing).map_or(1, |end| end + 1);
            if length > FUNCTION_LINES {
                faults.push(format!("{}:{}: a function of {length} lines", name(&path), start + 1));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_crate_turns_on_preserve_order() {
    // serde_json's objects are sorted only without it, and documents are hashed (see image.rs).
    let text = serde_json::to_string(&serde_json::json!({ "b": 1, "a": 2 })).unwrap();
    assert_eq!(text, r#"{"a":2,"b":1}"#);
}

/// X31, and X24: the releases that mended a hole (RustSec's advisories to 2026-11), and what must not be linked at all:
/// HTTP/2, whose floods nobody then has to fend off, a second TLS, and crates without a keeper.
#[test]
fn no_library_is_older_than_its_last_known_hole() {
    const FLOORS: [(&str, &str); 6] = [
        ("tar", "0.4.46"),
        ("zip", "2.3.0"),
        ("rustls-webpki", "0.103.13"),
        ("quick-xml", "0.41.0"),
        ("ruzstd", "0.7.3"),
        ("ring", "0.17.12"),
    ];
    const NEVER: [&str; 7] = ["h2", "openssl-sys", "aws-lc-sys", "native-tls", "tokio-tar", "serde_yml", "chrono"];
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let lock: toml::Table = toml::from_str(&lock).unwrap();
    let packages: Vec<(&str, semver::Version)> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["name"].as_str().unwrap(), package["version"].as_str().unwrap().parse().unwrap()))
        .collect();
    for (name, floor) in FLOORS {
        let floor: semver::Version = floor.parse().unwrap();
        let found: Vec<_> = packages.iter().filter(|(package, _)| *package == name).collect();
        assert!(!found.is_empty(), "{name} is not linked any more: strike it out");
        assert!(found.iter().all(|(_, version)| *version >= floor), "{name} {floor} mended a hole: {found:?}");
    }
    let linked: Vec<_> = packages.iter().filter(|(package, _)| NEVER.contains(package)).collect();
    assert!(linked.is_empty(), "{linked:?}");
}

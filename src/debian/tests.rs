//! Tests of the whole room over archives in a map; `tests/data/debian/make` made what they hold.

use std::collections::BTreeMap;

use super::keyring::{Keyring, known_keys};
use super::packages::{Package, relations};
use super::universe::Universe;
use super::*;
use crate::outside::{Page, Served};
use crate::problem::At;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/debian/", $name)).as_slice()
    };
}

/// 2026-06-02, a day after everything was signed.
const NOW: u64 = 1_780_358_400;

fn keyring() -> Keyring {
    Keyring::read(&[], &[(At::default(), data!("keys.gpg").to_vec())]).unwrap()
}

struct Archive(BTreeMap<(Registry, String), Vec<u8>>);

impl Index for Archive {
    fn get(&self, page: &Page) -> Result<Option<Served>, Error> {
        let body = self.0.get(&(page.registry, page.path.clone()));
        Ok(body.map(|bytes| Served { bytes: bytes.clone(), media_type: None, url: String::new() }))
    }
}

fn archive() -> Archive {
    let by_hash = format!(
        "dists/bookworm/main/binary-amd64/by-hash/SHA256/{}",
        crate::digest::Digest::of(data!("Packages.xz")).hex()
    );
    Archive(BTreeMap::from([
        ((Registry::Debian, "dists/bookworm/InRelease".to_owned()), data!("InRelease").to_vec()),
        ((Registry::Debian, by_hash), data!("Packages.xz").to_vec()),
        (
            (Registry::DebianSecurity, "dists/bookworm-security/InRelease".to_owned()),
            data!("security.InRelease").to_vec(),
        ),
        (
            (Registry::DebianSecurity, "dists/bookworm-security/main/binary-amd64/Packages.gz".to_owned()),
            data!("security/Packages.gz").to_vec(),
        ),
    ]))
}

fn located(text: &str) -> Located<String> {
    Located { value: text.to_owned(), at: At::new(text, 0..0) }
}

fn request(packages: &[&str], pins: &[(&str, &str)]) -> Request {
    Request {
        suite: "bookworm".to_owned(),
        arch: "amd64".to_owned(),
        security: true,
        java: Some("17".to_owned()),
        packages: packages.iter().map(|name| located(name)).collect(),
        essential: false,
        kept: BTreeMap::new(),
        pins: pins.iter().map(|(name, pin)| (located(name), located(pin))).collect(),
        keyring: keyring(),
        now: NOW,
    }
}

fn problems(result: Result<Resolution, Failure>) -> Vec<String> {
    match result {
        Err(Failure::Problems(problems)) => problems
            .iter()
            .map(|p| format!("{}: {} [{}] {:?}", p.code.name, p.message, p.notes.join("; "), p.help))
            .collect(),
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn a_request_becomes_pinned_files() {
    let resolution = resolve(&request(&["curl"], &[("netbase", "9*")]), &archive());
    assert_eq!(
        problems(resolution),
        [
            "pin-without-version: no version of netbase matches 9* [the archive has 1] [\"pin one of these, or a glob such as `17.0.*`\"]"
        ]
    );
    let resolution = resolve(&request(&["curl"], &[("hostname", "1")]), &archive()).unwrap();
    let shown: Vec<String> = resolution
        .artifacts
        .iter()
        .filter(|a| !a.via.contains(&"base".to_owned()) || a.via.len() > 1)
        .map(|a| format!("{} {} {:?} {}", a.coordinate, a.file, a.via, registry_of(&a.file)))
        .collect();
    assert_eq!(
        shown,
        [
            "deb:ca-certificates-java=1:amd64 pool/main/c/ca-certificates-java/ca-certificates-java_1_amd64.deb [\"base\", \"openjdk-17-jre-headless\"] debian",
            "deb:curl=7.2:amd64 pool/updates/main/c/curl/curl_7.2_amd64.deb [\"debian.packages\"] debian-security",
            "deb:libc6=2.36-9:amd64 pool/main/l/libc6/libc6_2.36-9_amd64.deb [\"libc-bin\", \"openjdk-17-jre-headless\", \"python3\", \"python3.11\"] debian",
            "deb:libcurl4=7.2:amd64 pool/updates/main/l/libcurl4/libcurl4_7.2_amd64.deb [\"curl\"] debian-security",
            "deb:python3.11=3.11.2-6+deb12u2:amd64 pool/updates/main/p/python3.11/python3.11_3.11.2-6+deb12u2_amd64.deb [\"python3\"] debian-security",
            "deb:usr-is-merged=1:amd64 pool/main/u/usr-is-merged/usr-is-merged_1_amd64.deb [\"base\", \"libc6\"] debian",
        ]
    );
    assert_eq!((resolution.artifacts.len(), resolution.python.as_deref()), (20, Some("3.11.2")));
    assert_eq!(resolution.omitted, ["hostname"]);
    let releases: Vec<_> =
        resolution.releases.iter().map(|r| (r.suite.as_str(), r.date.as_str(), r.keys.len())).collect();
    assert_eq!(releases, [("bookworm", "2026-06-01T00:00:00Z", 2), ("bookworm-security", "2026-06-01T00:00:00Z", 1)]);
    assert_eq!(
        resolution.warnings.iter().map(|w| w.message.as_str()).collect::<Vec<_>>(),
        ["hostname is pinned, but not in the image"]
    );
}

/// A package stays at what was chosen before as long as the archive has it and the others go with it.
#[test]
fn an_earlier_choice_stays_where_it_fits() {
    let chosen = |kept: &[(&str, &str)], pins: &[(&str, &str)]| {
        let kept = kept.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let resolution = resolve(&Request { kept, ..request(&["curl"], pins) }, &archive()).unwrap();
        let wanted = resolution.artifacts.into_iter().map(|artifact| artifact.coordinate.to_string());
        wanted.filter(|text| text.contains("curl")).collect::<Vec<_>>().join(" ")
    };
    let newest = "deb:curl=7.2:amd64 deb:libcurl4=7.2:amd64";
    assert_eq!(chosen(&[], &[]), newest);
    assert_eq!(chosen(&[("curl", "7.1"), ("libcurl4", "7.1")], &[]), "deb:curl=7.1:amd64 deb:libcurl4=7.1:amd64");
    // Alone it does not fit: then nothing is kept.
    assert_eq!(chosen(&[("curl", "7.1")], &[]), newest);
    // The archive has lost it; the user says otherwise.
    assert_eq!(chosen(&[("curl", "7.0"), ("libcurl4", "7.0")], &[]), newest);
    assert_eq!(chosen(&[("curl", "7.1"), ("libcurl4", "7.1")], &[("curl", "7.2"), ("libcurl4", "7.2")]), newest);
}

#[test]
fn mistakes_of_the_request() {
    assert_eq!(
        problems(resolve(&Request { suite: "bokworm".to_owned(), ..request(&[], &[]) }, &archive())),
        [
            "unknown-suite: Debian suite bokworm is not known [known are bookworm, trixie] [\"perhaps `bookworm` is meant\"]"
        ]
    );
    assert_eq!(
        problems(resolve(&Request { java: Some("21".to_owned()), ..request(&[], &[]) }, &archive())),
        ["no-java-in-suite: Debian bookworm has no OpenJDK 21 [it has OpenJDK 17] []"]
    );
    assert_eq!(
        problems(resolve(&request(&["curll", "curl=7.2", "no\u{1b}such"], &[]), &archive())),
        [
            "unknown-package: there is no package curll [] [\"perhaps `curl` is meant\"]",
            "unknown-package: there is no package curl=7.2 [] [\"name the package alone: `curl`; a version goes to [debian] pins\"]",
            "unknown-package: there is no package no\\u{1b}such [] []"
        ]
    );
    assert_eq!(
        problems(resolve(&request(&["curl"], &[("curl", "7.1")]), &archive())),
        [
            "unsatisfiable-dependency: curl needs libcurl4 (= 7.1), which the suite does not have [the candidate of libcurl4 is 7.2; wanted by debian.packages → curl] [\"a pin on one package often asks for the same pin on those built with it\"]"
        ]
    );
}

#[test]
fn a_substituted_index_is_refused() {
    let page = |registry, path: &str| (registry, path.to_owned());
    let mut other_suite = archive();
    other_suite.0.insert(page(Registry::Debian, "dists/bookworm/InRelease"), data!("security.InRelease").to_vec());
    let mut flipped = archive();
    for ((_, path), body) in &mut flipped.0 {
        if path.contains("by-hash") {
            body[100] ^= 1;
        }
    }
    let mut absent = archive();
    absent.0.remove(&page(Registry::DebianSecurity, "dists/bookworm-security/InRelease"));
    for (archive, expected) in [
        (other_suite, "InRelease of bookworm: it is the release of bookworm-security"),
        (flipped, "main/binary-amd64/Packages.xz of bookworm is not what was promised"),
        (absent, "InRelease of bookworm-security: the debian-security registry does not have it"),
    ] {
        let error = resolve(&request(&[], &[]), &archive).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let late = Request { now: NOW + 7 * 86_400, ..request(&[], &[]) };
    let error = resolve(&late, &archive()).unwrap_err().to_string();
    assert!(error.contains("past its Valid-Until"), "{error}");
}

/// The closure's names of a small index, or the messages of its problems.
fn closure(index: &str, roots: &[&str]) -> String {
    let packages: Vec<Package<'_>> = packages::read("Packages", index, "amd64").unwrap();
    let universe = Universe::new(&[packages], &BTreeMap::new(), "amd64").unwrap();
    let roots: Vec<_> =
        roots.iter().map(|name| resolve::Root { name: (*name).to_owned(), reason: "base", at: None }).collect();
    match resolve::resolve(&universe, &roots) {
        Ok(closure) => closure.keys().map(|i| universe.package(*i).name).collect::<Vec<_>>().join(" "),
        Err(Failure::Problems(problems)) => {
            problems.iter().map(|p| format!("{} [{}]", p.message, p.notes.join("; "))).collect::<Vec<_>>().join("\n")
        }
        Err(Failure::World(error)) => error.to_string(),
    }
}

/// `name[=version] field: value; field: value` lines to stanzas.
fn index(lines: &[&str]) -> String {
    let stanza = |line: &&str| {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, version) = name.split_once('=').unwrap_or((name, "1"));
        format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\n{}\n", rest.replace("; ", "\n"))
    };
    lines.iter().map(stanza).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_closure_is_as_apts() {
    let order = index(&["xx Depends: aa | bb", "yy Depends: bb", "aa", "bb"]);
    let provides = index(&[
        "xx Depends: vv",
        "yy Depends: vv (>= 2)",
        "pp Provides: vv",
        "qq Provides: vv (= 3); Priority: extra",
        "zz Depends: ww",
    ]);
    let arch = index(&[
        "xx Depends: aa:any",
        "yy Depends: bb:any",
        "zz Depends: bb:amd64, cc:arm64 | aa",
        "aa Multi-Arch: foreign",
        "bb Multi-Arch: allowed",
        "cc",
    ]);
    let conflict = index(&[
        "xx Conflicts: vv (<< 9)",
        "yy Breaks: vv",
        "pp Provides: vv; Conflicts: vv",
        "old=1",
        "zz Depends: old; Breaks: old (<< 2)",
    ]);
    for (index, roots, expected) in [
        (&order, &["xx", "yy"][..], "aa bb xx yy"),
        (&order, &["yy", "xx"], "bb xx yy"),
        (&order, &["xx", "bb"], "bb xx"),
        (&provides, &["xx"], "pp xx"),
        (&provides, &["yy"], "qq yy"),
        (&provides, &["yy", "xx"], "qq xx yy"),
        (
            &provides,
            &["vv"],
            "vv is provided by 2 packages [they are pp, qq; vv is one of the packages of every image]",
        ),
        (
            &provides,
            &["zz"],
            "zz needs ww, which the suite does not have [there is no package ww; wanted by base → zz]",
        ),
        (
            &arch,
            &["xx"],
            "xx needs aa:any, which the suite does not have [the candidate of aa is 1; wanted by base → xx]",
        ),
        (&arch, &["yy"], "bb yy"),
        (&arch, &["zz"], "aa bb zz"),
        (&conflict, &["xx", "pp"], "pp xx"),
        (
            &conflict,
            &["yy", "pp"],
            "yy and pp cannot be together [yy says Breaks: vv; wanted by base → yy; wanted by base → pp]",
        ),
        (
            &conflict,
            &["zz"],
            "zz and old cannot be together [zz says Breaks: old (<< 2); wanted by base → zz; wanted by base → zz → old]",
        ),
    ] {
        assert_eq!(closure(index, roots), expected, "{roots:?}");
    }
}

#[test]
fn relations_read_back() {
    for (text, expected) in [
        ("", Ok("")),
        ("libc6 (>= 2.36),\n libc6 (<<2.37)", Ok("libc6 (>= 2.36), libc6 (<< 2.37)")),
        ("perl:any | awk (= 1:1-1)", Ok("perl:any | awk (= 1:1-1)")),
        ("xx [i386] | yy [!i386 !arm64], zz [amd64], ww [linux-any]", Ok("yy, zz, ww")),
        ("old (< 2)", Ok("old (<= 2)")),
        ("Upper", Err("`Upper`")),
        ("xx (= )", Err("`xx (= )`")),
        ("xx (~ 1)", Err("`xx (~ 1)`")),
        ("xx (= 1", Err("`xx (= 1`")),
        ("xx:", Err("`xx:`")),
        ("xx yy", Err("`xx yy`")),
        ("xx [a !b]", Err("`xx [a !b]`")),
        ("a\u{1b}b", Err("`a\\u{1b}b`")),
    ] {
        let read = relations(text, "amd64").map(|groups| {
            let group =
                |g: &Vec<packages::Relation<'_>>| g.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            groups.iter().map(group).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text}");
    }
}

#[test]
fn stanzas_are_read_or_refused() {
    let text = "\npackage: aa\nVERSION: 1\nArchitecture: all\nDepends: bb,\n cc\n\n\nPackage: dd\nVersion: 1\nArchitecture: arm64\n";
    let read: Vec<_> = packages::read("P", text, "amd64").unwrap().iter().map(|p| (p.name, p.depends)).collect();
    assert_eq!(read, [("aa", "bb,\n cc")]);
    for (text, expected) in [
        ("Package: aa\nVersion: 1\n", "P: stanza `Package: aa`: Package, Version or Architecture is missing"),
        ("Package: aa\nPackage: bb\n", "P: stanza `Package: aa`: a field stands twice"),
        ("Package: aa\nrubbish\n", "P: stanza `Package: aa`: a line is no field"),
        (" folded\n", "P: stanza ` folded`: a line is no field"),
    ] {
        assert_eq!(packages::read("P", text, "amd64").unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_file_outside_of_the_pool_is_refused() {
    let sum = "0".repeat(64);
    for (file, good) in [
        ("pool/main/a/aa/aa_1.deb", true),
        ("/pool/aa.deb", false),
        ("pool/../aa.deb", false),
        ("pool//aa.deb", false),
        ("dists/aa.deb", false),
        ("pool/a\\b.deb", false),
        ("pool/a?b", false),
        ("pool/", false),
    ] {
        let text = format!("Package: aa\nVersion: 1\nArchitecture: all\nFilename: {file}\nSize: 1\nSHA256: {sum}\n");
        assert_eq!(packages::read("P", &text, "amd64").unwrap()[0].artifact().is_ok(), good, "{file}");
    }
}

#[test]
fn only_known_keys_count_unless_the_user_names_them() {
    let file = |name: &str| (name.to_owned(), data!("keys.gpg").to_vec());
    assert_eq!(Keyring::read(&[file("keys.gpg")], &[]).unwrap().fingerprints().count(), 0);
    assert_eq!(Keyring::read(&[], &[(At::default(), data!("ed.asc").to_vec())]).unwrap().fingerprints().count(), 1);
    // Another vendor's file that nobody can read does not stand in the way of a key that is known.
    let vendor = Keyring::read(&[("vendor.gpg".to_owned(), b"rubbish".to_vec())], &[]).unwrap();
    let refused = resolve(&Request { keyring: vendor, ..request(&[], &[]) }, &archive()).unwrap_err().to_string();
    assert!(
        refused.contains("no trusted key is at hand") && refused.contains("vendor.gpg cannot be read"),
        "{refused}"
    );
    let rubbish = Keyring::read(&[], &[(At::default(), b"rubbish".to_vec())]);
    assert!(matches!(rubbish, Err(Failure::Problems(problems)) if problems[0].code == codes::BAD_KEY));
    let known = known_keys().unwrap();
    assert_eq!(known.len(), 9);
    for key in known {
        assert!(
            key.fingerprint.len() == 40
                && key.fingerprint.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
        );
    }
}

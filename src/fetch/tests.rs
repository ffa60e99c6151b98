#![expect(clippy::disallowed_methods, reason = "the tests lay files out")]

use std::fs;
use std::path::Path;

use super::*;
use crate::endpoints::{Endpoints, discover};
use crate::environment::Environment;
use crate::net::tests::{Server, answer, net};
use crate::store::Store;

const JAR: &str = "the bytes of a jar";

fn endpoints(vars: &[(&str, &str)]) -> Endpoints {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    discover(&Environment { vars, ..Environment::default() })
}

fn artifact(bytes: &str) -> Artifact {
    Artifact {
        coordinate: "maven:org.example:a:1".parse().unwrap(),
        file: "a-1.jar".into(),
        size: bytes.len() as u64,
        sha256: Digest::of(bytes.as_bytes()),
        index: None,
        via: Vec::new(),
    }
}

/// Fetches `JAR` from the mirrors into a store; the error as text.
fn fetched(mirrors: &str, store: &Path, offline: bool) -> Result<(), String> {
    let (endpoints, net) = (endpoints(&[("SPARKBAKE_MAVEN_URL", mirrors)]), net());
    let store = Store::open(store, 0).unwrap();
    let registries = Registries::new(&endpoints, &net, &store, offline);
    fetch(&[artifact(JAR)], &registries, &|_| Ok(Vec::new()), &Ui::listening()).map_err(|e| e.to_string())?;
    assert_eq!(fs::read_to_string(store.path(&Digest::of(JAR.as_bytes()))).unwrap(), JAR);
    Ok(())
}

#[test]
fn a_mirror_without_the_file_is_passed_over_and_then_no_network_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let lost = Server::saying(vec![answer("404 Not Found", "", 0, "")]);
    let has = Server::saying(vec![answer("200 OK", "", JAR.len(), JAR)]);
    fetched(&format!("{} {}", lost.url, has.url), dir.path(), false).unwrap();
    assert!(has.heard()[0].starts_with("get /org/example/a/1/a-1.jar "));
    fetched("http://127.0.0.1:9/", dir.path(), true).unwrap();
}

#[test]
fn other_bytes_than_promised_are_an_error_on_whatever_mirror() {
    let dir = tempfile::tempdir().unwrap();
    let lies = Server::saying(vec![answer("200 OK", "", JAR.len(), "the bytes of a cat")]);
    let has = Server::saying(vec![answer("200 OK", "", JAR.len(), JAR)]);
    let error = fetched(&format!("{} {}", lies.url, has.url), dir.path(), false).unwrap_err();
    assert!(error.contains("is not what was promised"), "{error}");
    assert!(has.heard().is_empty());
}

#[test]
fn a_download_that_was_killed_goes_on_and_a_wrong_beginning_starts_again() {
    for (begin, answers) in [
        ("the bytes", vec![answer("206 Partial Content", "content-range: bytes 9-17/18\r\n", 9, &JAR[9..])]),
        (
            "THE BYTES",
            vec![
                answer("206 Partial Content", "content-range: bytes 9-17/18\r\n", 9, &JAR[9..]),
                answer("200 OK", "", JAR.len(), JAR),
            ],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), 0).unwrap();
        store.partial(&Digest::of(JAR.as_bytes()), 18).unwrap().append(begin.as_bytes()).unwrap();
        let server = Server::saying(answers);
        fetched(&server.url, dir.path(), false).unwrap();
        assert!(server.heard()[0].contains("range: bytes=9-"));
    }
}

#[test]
fn what_is_nowhere_is_named_and_offline_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let empty = format!("file://{}/none", dir.path().display());
    let error = fetched(&empty, &dir.path().join("s"), false).unwrap_err();
    assert!(error.starts_with("maven:org.example:a:1: no configured registry has a-1.jar"), "{error}");
    assert_eq!(
        fetched(&empty, &dir.path().join("s"), true).unwrap_err(),
        "maven:org.example:a:1 is not in the store, and --offline forbids fetching it"
    );
}

#[test]
fn a_pin_is_compared_with_the_sum_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let root = format!("file://{}", dir.path().display());
    let endpoints = endpoints(&[("SPARKBAKE_MAVEN_URL", &root)]);
    let (net, store, ui) = (net(), Store::open(dir.path().join("s"), 0).unwrap(), Ui::listening());
    let pinned = |name: &str| {
        let registries = Registries::new(&endpoints, &net, &store, false);
        pin(&[Page::new(Registry::Maven, name)], &registries, &ui).map_err(|e| e.to_string())
    };
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("a.jar", JAR);
    write("b.jar", JAR);
    write("b.jar.sha1", &format!("{}  b.jar\n", "0".repeat(40)));
    write("c.jar", JAR);
    write("c.jar.sha512", &hex::encode(<sha2::Sha512 as sha2::Digest>::digest(JAR)));
    let good = vec![(Digest::of(JAR.as_bytes()), 18)];
    assert_eq!(pinned("a.jar"), Ok(good.clone()));
    assert_eq!(ui.heard(), ["warning: a.jar has no checksum beside it; its bytes are believed as they came"]);
    assert!(pinned("b.jar").unwrap_err().starts_with("b.jar is not what was promised: expected sha1:0000"));
    assert_eq!(pinned("c.jar"), Ok(good));
    assert!(pinned("d.jar").is_err());
}

#[test]
fn a_page_is_asked_for_once_and_again_only_with_its_tag() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::saying(vec![
        answer("200 OK", "etag: \"1\"\r\ncontent-type: text/html; charset=utf-8\r\n", 4, "page"),
        answer("304 Not Modified", "", 0, ""),
    ]);
    let endpoints = endpoints(&[("SPARKBAKE_PYPI_URL", &server.url)]);
    let (net, store) = (net(), Store::open(dir.path(), 0).unwrap());
    let page = Page::new(Registry::Pypi, "numpy/");
    for offline in [false, false, true] {
        let registries = Registries::new(&endpoints, &net, &store, offline);
        registries.prefetch(&[page.clone(), page.clone()]);
        let found = registries.get(&page).unwrap().unwrap();
        assert_eq!((found.bytes.as_slice(), found.media_type.as_deref()), (b"page".as_slice(), Some("text/html")));
        assert_eq!(found.url, format!("{}numpy/", server.url));
    }
    assert_eq!(server.heard().len(), 2);
    assert!(server.heard()[0].contains("accept: application/vnd.pypi.simple.v1+json"));
    let registries = Registries::new(&endpoints, &net, &store, true);
    assert!(matches!(registries.get(&Page::new(Registry::Pypi, "other/")), Err(Error::Offline { .. })));
    assert!(matches!(registries.get(&Page::new(Registry::Pypi, "//other.example/x")), Err(Error::Registry { .. })));
}

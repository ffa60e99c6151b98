use std::collections::BTreeMap;

use super::*;
use crate::error::{Error, Failure};
use crate::outside::{Index, Page, Served};

/// The pages of a repository.
struct Repository(BTreeMap<String, String>);

impl Index for Repository {
    fn get(&self, page: &Page) -> Result<Option<Served>, Error> {
        let served = |text: &String| Served {
            bytes: text.clone().into_bytes(),
            media_type: None,
            url: format!("file:///{}", page.path),
        };
        Ok(self.0.get(&page.path).map(served))
    }
}

/// The repository of group `g`.
fn repository(text: &str) -> Repository {
    Repository(made::repository("g", text))
}

fn root(text: &str) -> Root {
    let coordinate = format!("maven:g:{text}").parse().unwrap();
    Root { coordinate, at: At::new("maven.jars[0]", 0..1) }
}

/// `a:1 b#classifier:2`, or the problems with their notes and remedies.
fn resolved(text: &str, roots: &str, exclude: &[Exclusion]) -> String {
    let asked = made::asked(roots);
    let mut request = Request {
        roots: asked.roots.into_iter().map(root).collect(),
        platform: Platform { jdk: "17.0.19".to_owned(), arch: "amd64".to_owned() },
        exclude: exclude.to_vec(),
        ..Request::default()
    };
    let excluded = |name: &str| Exclusion { group: "g".to_owned(), artifact: name.to_owned() };
    request.exclude.extend(asked.exclude.into_iter().map(excluded));
    for managed in asked.managed {
        let (name, version) = managed.split_once(':').unwrap();
        request.managed.insert(["g", name, "jar", ""].map(str::to_owned), version.to_owned());
    }
    match resolve(&request, &repository(text)) {
        Ok(resolution) => {
            let shown = resolution.chosen.iter().map(|one| match &one.coordinate {
                Coordinate::Maven { artifact, version, classifier, .. } if classifier.is_empty() => {
                    format!("{artifact}:{version}")
                }
                Coordinate::Maven { artifact, version, classifier, .. } => format!("{artifact}#{classifier}:{version}"),
                other => other.to_string(),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        Err(Failure::Problems(problems)) => {
            let shown = problems.iter().map(|p| {
                let lines = p.notes.iter().map(|n| format!("\n  note: {n}"));
                let lines: String = lines.chain(p.help.iter().map(|h| format!("\n  help: {h}"))).collect();
                let at = p.at.as_ref().map_or("nowhere", |at| at.key.as_str());
                format!("{} at {at}: {}{lines}", p.code.name, p.message)
            });
            shown.collect::<Vec<_>>().join("\n")
        }
        Err(Failure::World(error)) => error.to_string(),
    }
}

const PROFILES: &str = "<profiles>\
    <profile><id>default</id><activation><activeByDefault>true</activeByDefault></activation>\
      <dependencies><dependency><groupId>g</groupId><artifactId>d</artifactId><version>1</version></dependency></dependencies></profile>\
    <profile><id>old</id><activation><jdk>JDK</jdk></activation>\
      <dependencies><dependency><groupId>g</groupId><artifactId>j</artifactId><version>1</version></dependency></dependencies></profile>\
    </profiles>";

#[test]
fn closures() {
    let wrong: Vec<String> = made::CLOSURES
        .iter()
        .map(|(name, text, roots, expected)| (name, resolved(text, roots, &[]), expected))
        .filter(|(_, got, expected)| got != *expected)
        .map(|(name, got, expected)| format!("{name}: {got}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn profiles_follow_the_java_of_the_image() {
    for (jdk, expected) in [
        ("17", "a:1 j:1"),
        ("[1.8,11)", "a:1 d:1"),
        ("!17", "a:1 d:1"),
        ("[17,)", "a:1 j:1"),
        ("(,17.0.19]", "a:1 j:1"),
        ("(,17.0.19)", "a:1 d:1"),
        ("(,17]", "a:1 d:1"),
    ] {
        let text = format!("a:1 + {}\nd:1\nj:1", PROFILES.replace("JDK", jdk));
        assert_eq!(resolved(&text, "a:1", &[]), expected, "{jdk}");
    }
}

#[test]
fn the_profile_leaves_out() {
    let text = "a:1 = b:1 c:1\nb:1 = x:1\nc:1 = x:2\nx:1\nx:2";
    let out = |group: &str, artifact: &str| [Exclusion { group: group.to_owned(), artifact: artifact.to_owned() }];
    assert_eq!(resolved(text, "a:1", &out("g", "x")), "a:1 b:1 c:1");
    assert_eq!(resolved(text, "a:1 x:2", &out("g", "x")), "a:1 b:1 c:1 x:2");
    assert_eq!(resolved(text, "a:1", &out("*", "*")), "a:1");
    assert_eq!(resolved(text, "a:1", &out("h", "*")), "a:1 b:1 x:1 c:1");
}

#[test]
fn problems_name_the_way_and_the_remedy() {
    let cases = [
        ("a:1", "b:1"),
        ("a = 1 1.2.3 1.2.4 2\na:1.2.3", "a:1.2.5"),
        ("a = 1 2\na:1", "a:3333"),
        ("a:1 = b:1\nb:1 = c:${c.version}", "a:1"),
        ("a:1 = b:LATEST c:1-SNAPSHOT\nb:1\nc:1", "a:1"),
        ("a:1 = b:1\nb:1 ^ parent:7", "a:1"),
        ("a:1 = b | bom:7@import b:1\nb:1", "a:1"),
        ("a:1 = b:1 c:1\nb:1 = x:[1]\nc:1 = x:[2]\nx = 1 2\nx:1\nx:2", "a:1"),
        ("a:1 = x:[5,6)\nx = 1 2", "a:1"),
    ];
    let shown: Vec<String> = cases.iter().map(|(text, roots)| resolved(text, roots, &[])).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    maven-unknown-artifact at maven.jars[0]: no such artifact in the registry: g:b
      note: asked for by g:b
      help: compare group and artifact with the library's own page; Scala libraries end in `_2.12` or `_2.13`
    maven-unknown-artifact at maven.jars[0]: g:a has no version 1.2.5
      note: asked for by g:a
      help: did you mean `g:a:1.2.4`? the newest are 2, 1.2.4, 1.2.3, 1
    maven-unknown-artifact at maven.jars[0]: g:a has no version 3333
      note: asked for by g:a
      help: the newest are 2, 1
    maven-bad-coordinate at maven.jars[0]: `maven:g:c:${c.version}` is no coordinate that a file can have
      note: asked for by g:a:1 → g:b:1 → g:c
      help: take over the choice: `exclude = ["g:c"]` in [maven], and `g:c:VERSION` in jars if it is needed
    maven-moving-version at maven.jars[0]: g:b:LATEST is not one fixed file
      note: asked for by g:a:1 → g:b
      help: take over the choice: `exclude = ["g:b"]` in [maven], and `g:b:VERSION` in jars if it is needed
    maven-moving-version at maven.jars[0]: g:c:1-SNAPSHOT is not one fixed file
      note: asked for by g:a:1 → g:c
      help: take over the choice: `exclude = ["g:c"]` in [maven], and `g:c:VERSION` in jars if it is needed
    maven-missing-parent at maven.jars[0]: the parent g:parent:7 of g:b:1 is not in the repository
      note: asked for by g:a:1 → g:b
      help: take over the choice: `exclude = ["g:b"]` in [maven], and `g:b:VERSION` in jars if it is needed
    maven-missing-parent at maven.jars[0]: the imported BOM g:bom:7 of g:a:1 is not in the repository
      note: asked for by g:a
      help: ask for another release: `g:a:VERSION`
    maven-version-conflict at maven.jars[0]: no version of g:x fits [2] and [1]
      note: asked for by g:a:1 → g:b:1 → g:x
      help: take over the choice: `exclude = ["g:x"]` in [maven], and `g:x:VERSION` in jars if it is needed
    maven-version-conflict at maven.jars[0]: no version of g:x fits `[5,6)`
      note: asked for by g:a:1 → g:x
      help: take over the choice: `exclude = ["g:x"]` in [maven], and `g:x:VERSION` in jars if it is needed
    "#);
}

#[test]
fn requests_read_as_written() {
    let read = |text| parse_request(text).map(|r| (r.artifact, r.version, r.extension, r.classifier));
    let all = |a: &str, v: Option<&str>, e: &str, c: &str| Ok((a.into(), v.map(Into::into), e.into(), c.into()));
    assert_eq!(read("g:a"), all("a", None, "jar", ""));
    assert_eq!(read("g:a:1"), all("a", Some("1"), "jar", ""));
    assert_eq!(read("g:a:zip:x:1"), all("a", Some("1"), "zip", "x"));
    assert!(read("g").is_err() && read("g:a/b:1").is_err());
}

#[test]
fn three_forms_of_sums() {
    let hex = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    for text in [hex.to_owned(), format!("{hex}  a.jar\n"), format!("SHA1(a.jar)= {hex}")] {
        assert_eq!(parse_checksum(&text, 40).as_deref(), Some(hex));
    }
    assert_eq!(parse_checksum("<html>", 40), None);
}

use std::collections::BTreeMap;

use super::*;
use crate::error::{Error, Failure};
use crate::outside::{Index, Page, Served};

/// The pages of a repository, written as lines (see [`repository`]).
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

/// Each line is a POM of the group `g`, or a list of versions:
///
/// ```text
/// a:1 ^ parent:1 = b:1 c:2@runtime d @optional-less | b:3 bom:1@import + <properties>…</properties>
/// b = 1 2 3
/// ```
///
/// After `=` dependencies, after `|` managed ones, after `+` XML. A dependency is
/// `name[#classifier][:version][@scope-or-optional][!excluded]…`.
fn repository(text: &str) -> Repository {
    let mut pages = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, xml) = line.split_once(" + ").unwrap_or((line, ""));
        let (line, managed) = line.split_once('|').unwrap_or((line, ""));
        let (head, dependencies) = line.split_once('=').unwrap_or((line, ""));
        let (name, parent) = head.split_once('^').unwrap_or((head, ""));
        let Some((artifact, version)) = name.trim().split_once(':') else {
            let list: String =
                dependencies.split_whitespace().map(|v| ["<version>", v, "</version>"].concat()).collect();
            let list = format!("<metadata><versioning><versions>{list}</versions></versioning></metadata>");
            pages.insert(place::metadata("g", name.trim()).unwrap(), list);
            continue;
        };
        let packaging = if artifact.starts_with("parent") || artifact.starts_with("bom") { "pom" } else { "jar" };
        let parent = parent.trim().split_once(':').map_or(String::new(), |(artifact, version)| {
            format!(
                "<parent><groupId>g</groupId><artifactId>{artifact}</artifactId><version>{version}</version></parent>"
            )
        });
        let [dependencies, managed] =
            [dependencies, managed].map(|list| list.split_whitespace().map(dependency).collect::<String>());
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion>{parent}<groupId>g</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version><packaging>{packaging}</packaging><dependencies>{dependencies}</dependencies>\
             <dependencyManagement><dependencies>{managed}</dependencies></dependencyManagement>{xml}</project>"
        );
        pages.insert(place::pom("g", artifact, version).unwrap(), pom);
    }
    Repository(pages)
}

fn dependency(text: &str) -> String {
    let (text, exclusions) = text.split_once('!').map_or((text, None), |(text, out)| (text, Some(out)));
    let (text, scope) = text.split_once('@').unwrap_or((text, ""));
    let (name, version) = text.split_once(':').unwrap_or((text, ""));
    let (artifact, classifier) = name.split_once('#').unwrap_or((name, ""));
    let exclusion = |out: &str| {
        let group = if out == "*" { "*" } else { "g" };
        format!("<exclusion><groupId>{group}</groupId><artifactId>{out}</artifactId></exclusion>")
    };
    let exclusions: String = exclusions.into_iter().flat_map(|list| list.split('!')).map(exclusion).collect();
    let scope = match scope {
        "" => String::new(),
        "optional" => "<optional>true</optional>".to_owned(),
        "import" => "<type>pom</type><scope>import</scope>".to_owned(),
        scope => format!("<scope>{scope}</scope>"),
    };
    let tag = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("<{name}>{text}</{name}>") };
    let (version, classifier) = (tag("version", version), tag("classifier", classifier));
    let exclusions = tag("exclusions", &exclusions);
    format!(
        "<dependency><groupId>g</groupId><artifactId>{artifact}</artifactId>{version}{classifier}{scope}{exclusions}</dependency>"
    )
}

fn root(text: &str) -> Root {
    let coordinate = format!("maven:g:{text}").parse().unwrap();
    Root { coordinate, at: At::new("maven.jars[0]", 0..1) }
}

/// `a:1 b#classifier:2`, or the problems with their notes and remedies.
fn resolved(text: &str, roots: &str, exclude: &[Exclusion]) -> String {
    let platform = Platform { jdk: "17.0.19".to_owned(), arch: "amd64".to_owned() };
    let roots: Vec<Root> = roots.split_whitespace().map(root).collect();
    match resolve(&roots, &platform, exclude, &repository(text)) {
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

/// Name, repository, roots, closure. Maven 3.8.7 makes the same class paths of them, in the same order, where the
/// repository is declared without snapshots.
const CLOSURES: &[(&str, &str, &str, &str)] = &[
    ("the nearest wins", "a:1 = b:1 x:1\nb:1 = c:1\nc:1 = x:2\nx:1\nx:2", "a:1", "a:1 b:1 c:1 x:1"),
    ("nearer, though declared later", "a:1 = b:1 x:1\nb:1 = x:2\nx:1\nx:2 = y:1\ny:1", "a:1", "a:1 b:1 x:1"),
    ("the first declared breaks a tie", "a:1 = b:1 c:1\nb:1 = x:1\nc:1 = x:2\nx:1\nx:2", "a:1", "a:1 b:1 x:1 c:1"),
    ("and the first root", "a:1 = x:1\nb:1 = x:2\nx:1\nx:2", "b:1 a:1", "b:1 x:2 a:1"),
    ("a root is nearest of all", "a:1 = x:1\nx:1\nx:2", "a:1 x:2", "a:1 x:2"),
    ("the last of two roots, in the first's place", "a:1\na:2\nb:1", "a:1 b:1 a:2", "a:2 b:1"),
    ("what a loser needs is not there", "a:1 = b:1 x:1\nb:1 = x:2\nx:1\nx:2 = z:1\nz:1", "a:1", "a:1 b:1 x:1"),
    ("a circle", "a:1 = b:1\nb:1 = a:1 c:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "scopes",
        "a:1 = b:1@runtime c:1@test d:1@provided e:1@compile\nb:1 = f:1\ne:1 = h:1@test\nb:1\nf:1\nc:1\nd:1\ne:1\nh:1",
        "a:1",
        "a:1 b:1 e:1",
    ),
    (
        "provided at one place, compile at another",
        "a:1 = b:1 x:1@provided\nb:1 = c:1\nc:1 = x:2\nx:1\nx:2",
        "a:1",
        "a:1 b:1 c:1 x:2",
    ),
    ("optional", "a:1 = b:1@optional c:1\nb:1\nc:1 = b:2\nb:2", "a:1", "a:1 c:1 b:2"),
    (
        "excluded below one dependency",
        "a:1 = b:1!x c:1\nb:1 = d:1\nd:1 = x:1\nc:1 = e:1\ne:1 = f:1\nf:1 = x:2\nx:1\nx:2",
        "a:1",
        "a:1 b:1 d:1 c:1 e:1 f:1 x:2",
    ),
    ("all excluded", "a:1 = b:1!* c:1\nb:1 = x:1\nc:1\nx:1", "a:1", "a:1 b:1 c:1"),
    ("the root's management counts not for itself", "a:1 = b:1 | x:9\nb:1 = x:1\nx:1\nx:9", "a:1", "a:1 b:1 x:1"),
    ("management fills in versions", "a:1 ^ parent:1 = b\nparent:1 = | b:2\nb:2", "a:1", "a:1 b:2"),
    ("and scopes and exclusions", "a:1 = b c | b:1@test c:1!x\nb:1\nc:1 = x:1\nx:1", "a:1", "a:1 c:1"),
    ("an own version beside management", "a:1 = b:1 | b:2\nb:1\nb:2", "a:1", "a:1 b:1"),
    ("own management before a BOM's", "a:1 = x | bom:1@import x:2\nbom:1 = | x:1\nx:1\nx:2", "a:1", "a:1 x:2"),
    (
        "the parent's before a BOM's",
        "a:1 ^ parent:1 = x | bom:1@import\nparent:1 = | x:2\nbom:1 = | x:1\nx:1\nx:2",
        "a:1",
        "a:1 x:2",
    ),
    (
        "the first BOM before the second",
        "a:1 = x y | bom:1@import bomb:1@import\nbom:1 = | x:1\nbomb:1 = | x:2 y:2\nx:1\ny:2",
        "a:1",
        "a:1 x:1 y:2",
    ),
    ("a BOM of a BOM", "a:1 = x | bom:1@import\nbom:1 = | bomb:1@import\nbomb:1 = | x:3\nx:3", "a:1", "a:1 x:3"),
    ("inherited dependencies come last", "a:1 ^ parent:1 = b:1\nparent:1 = c:1\nb:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "properties of the child",
        "a:1 ^ parent:1 + <properties><v>2</v></properties>\nparent:1 = x:${v} + <properties><v>1</v></properties>\nx:2",
        "a:1",
        "a:1 x:2",
    ),
    ("the project's own values", "a:1 = b:${project.version} c:${version}\nb:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "relocation",
        "a:1 = old:1\nold:1 + <distributionManagement><relocation><artifactId>new</artifactId></relocation></distributionManagement>\nnew:1 = x:1\nx:1",
        "a:1",
        "a:1 new:1 x:1",
    ),
    (
        "a range takes the highest",
        "a:1 = x:[1,2)\nx = 1 1.5 1.10 2-SNAPSHOT 2\nx:1\nx:1.5\nx:1.10 = y:1\ny:1",
        "a:1",
        "a:1 x:1.10 y:1",
    ),
    (
        "a range overrules a nearer recommendation",
        "a:1 = x:1 b:1\nb:1 = x:[2,3)\nx = 1 2 3\nx:1\nx:2\nx:3",
        "a:1",
        "a:1 b:1 x:2",
    ),
    (
        "two ranges meet",
        "a:1 = b:1 c:1\nb:1 = x:[1,3]\nc:1 = x:[1,2]\nx = 1 2 3\nx:1\nx:2\nx:3",
        "a:1",
        "a:1 b:1 x:2 c:1",
    ),
    ("a dependency without a POM", "a:1 = b:1 c:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "classifiers are artifacts of their own",
        "a:1 = x:1 x#tests:2 b:1\nb:1 = x#tests:3\nx:1 = y:1\nx:2 = z:1\nx:3\ny:1\nz:1",
        "a:1",
        "a:1 x:1 y:1 x#tests:2 z:1 b:1",
    ),
];

#[test]
fn closures() {
    for (name, text, roots, expected) in CLOSURES {
        assert_eq!(&resolved(text, roots, &[]), expected, "{name}");
    }
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

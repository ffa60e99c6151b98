//! Resolutions over a small index in a map.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::sync::Arc;

use super::candidates::Limit;
use super::index::Indexes;
use super::resolve::{Given, OwnWheel, Request, STACK, resolve};
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::outside::{Index, Page, Served};
use crate::problem::{At, SourceFile};
use crate::profile::Located;

/// An index whose pages are a map from path or URL to bytes.
#[derive(Default)]
struct Map(BTreeMap<String, Vec<u8>>);

const ROOT: &str = "https://index.example/simple/";

impl Index for Map {
    fn get(&self, page: &Page) -> Result<Option<Served>, Error> {
        let url = if page.path.contains("://") { page.path.clone() } else { format!("{ROOT}{}", page.path) };
        let served = |bytes: &Vec<u8>| Served { bytes: bytes.clone(), media_type: None, url: url.clone() };
        Ok(self.0.get(&url).map(served))
    }
}

impl Map {
    /// A file with its metadata: a wheel carries it inside where `beside` is false.
    fn publish(&mut self, name: &str, requires: &[&str], attributes: &str, beside: bool) {
        let (project, rest) = name.split_once('-').unwrap();
        let version = rest.split('-').next().unwrap().trim_end_matches(".tar.gz");
        let mut metadata = format!("Name: {project}\nVersion: {version}\n");
        for requirement in requires {
            metadata = metadata + "Requires-Dist: " + requirement + "\n";
        }
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let inside = format!("{project}-{version}.dist-info/METADATA");
        zip.start_file(inside, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(metadata.as_bytes()).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        let url = format!("{ROOT}{}/{name}", super::normalise(project));
        let mut extra = attributes.to_owned();
        if beside {
            extra = format!("{extra} data-core-metadata=\"sha256={}\"", Digest::of(metadata.as_bytes()).hex());
            self.0.insert(format!("{url}.metadata"), metadata.into_bytes());
        }
        let anchor = format!("<a href=\"{name}#sha256={}\" {extra}>{name}</a>\n", Digest::of(&bytes).hex());
        self.0.entry(format!("{ROOT}{}/", super::normalise(project))).or_default().extend(anchor.into_bytes());
        self.0.insert(url, bytes);
    }
}

fn index() -> Map {
    let mut map = Map::default();
    let mut wheel =
        |name: &str, requires: &[&str]| map.publish(&format!("{name}-py3-none-any.whl"), requires, "", true);
    wheel("py4j-0.10.9.7", &[]);
    wheel("py4j-0.10.9.10", &[]);
    wheel("app-1.0", &["low>=1", "old; python_full_version < \"3.11.3\"", "win; sys_platform == \"win32\""]);
    wheel("app-2.0", &["low>=2,<3", "extra-thing; extra == \"more\""]);
    wheel("low-1.0", &[]);
    wheel("low-2.0", &[]);
    wheel("low-3.0rc1", &[]);
    wheel("old-1.0", &[]);
    wheel("extra_thing-1.0", &["low"]);
    wheel("betas-0.1b1", &[]);
    wheel("needs_source-1.0", &["source"]);
    for version in 1..=4 {
        wheel(&format!("free-{version}"), &[]);
    }
    wheel("narrow-1", &["free"]);
    for version in 2..=9 {
        wheel(&format!("narrow-{version}"), &["free<3"]);
    }
    map.publish("inside-1.0-py3-none-any.whl", &["low<2"], "", false);
    map.publish("source-1.0.tar.gz", &[], "", false);
    map.publish("withdrawn-1.0-py3-none-any.whl", &[], "", true);
    map.publish("withdrawn-1.1-py3-none-any.whl", &[], "data-yanked=\"bad\"", true);
    map.publish("newer-1.0-py3-none-any.whl", &[], "data-requires-python=\"&gt;=3.8\"", true);
    map.publish("newer-2.0-py3-none-any.whl", &[], "data-requires-python=\"&gt;=3.11.3\"", true);
    map
}

fn request(requirements: &[&str]) -> Request {
    let located = |(i, text): (usize, &&str)| Located {
        value: (*text).to_owned(),
        at: At::new(format!("python.requirements[{i}]"), i..i + 1),
    };
    Request {
        requirements: requirements.iter().enumerate().map(located).collect(),
        given: vec![Given {
            key: STACK,
            name: "pyspark".to_owned(),
            version: "3.5.9".to_owned(),
            requires: vec!["py4j<0.10.9.10,>=0.10.9.7".to_owned(), "low<2; extra == \"ml\"".to_owned()],
        }],
        python_full: "3.11.2".to_owned(),
        glibc: (2, 36),
        arch: "x86_64".to_owned(),
        files: Vec::new(),
        kept: BTreeMap::new(),
        limits: Vec::new(),
        indexes: Indexes::default(),
        lock: None,
    }
}

fn outcome(request: &Request) -> Vec<String> {
    match resolve(request, &index()) {
        Ok(artifacts) => artifacts.iter().map(|a| format!("{} ({})", a.coordinate, a.via.join(", "))).collect(),
        Err(Failure::Problems(problems)) => {
            let line = |p: &crate::problem::Problem| {
                let at = p.at.as_ref().map_or("", |at| at.key.as_str());
                format!("{} at {at}: {} | {} | {}", p.code.name, p.message, p.notes.join("; "), p.help.join("; "))
            };
            problems.iter().map(line).collect()
        }
        Err(Failure::World(error)) => vec![error.to_string()],
    }
}

/// What was chosen before stays wherever it fits, and nothing else.
#[test]
fn an_earlier_choice_stays_where_it_fits() {
    for (requirements, kept, expected) in [
        (&["app"][..], "app==1.0", vec!["app==1.0", "low==2.0", "old==1.0"]),
        (&["app>=2"], "app==1.0", vec!["app==2.0", "low==2.0"]),
        (&["low"], "low==1.0", vec!["low==1.0"]),
        // Another's need moves it.
        (&["app>=2", "low"], "low==1.0", vec!["app==2.0", "low==2.0"]),
        // It is gone, was withdrawn, or never had a wheel.
        (&["low"], "low==1.7", vec!["low==2.0"]),
        (&["withdrawn"], "withdrawn==1.1", vec!["withdrawn==1.0"]),
        (&["low"], "low==3.0rc1", vec!["low==3.0rc1"]),
    ] {
        let (name, version) = kept.split_once("==").unwrap();
        let kept = BTreeMap::from([(name.to_owned(), version.to_owned())]);
        let chosen = outcome(&Request { kept, ..request(requirements) });
        let chosen: Vec<&str> = chosen
            .iter()
            .filter_map(|line| line.trim_start_matches("pypi:").split(' ').next())
            .filter(|one| !one.starts_with("py4j"))
            .collect();
        assert_eq!(chosen, expected, "{requirements:?} with {name}");
    }
}

/// A project that says what it goes with is not led back to a release that did not say it yet.
#[test]
fn what_is_narrow_is_chosen_before_what_is_free() {
    for (requirements, expected) in [
        (&["free", "narrow"][..], ["pypi:free==2", "pypi:narrow==9"]),
        (&["free>=3", "narrow"], ["pypi:free==4", "pypi:narrow==1"]),
        // A few releases are gone back before that.
        (&["free", "narrow<5"], ["pypi:free==4", "pypi:narrow==1"]),
    ] {
        let chosen = outcome(&request(requirements));
        let chosen: Vec<&str> = chosen.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(chosen[..2], expected, "{requirements:?}");
    }
}

/// A limit moves a choice, is told, and where nothing keeps to it there is no solution.
#[test]
fn a_limit_moves_a_choice() {
    let limit = |name: &str, within, versions: &str| Limit {
        name: name.to_owned(),
        within,
        versions: vec![versions.parse().unwrap()],
        why: "matrix.a-rule".to_owned(),
    };
    for (requirements, limit, expected) in [
        (&["low"][..], limit("low", true, "<2"), "pypi:low==1.0 (python.requirements, matrix.a-rule)"),
        (&["low"], limit("low", false, ">=2"), "pypi:low==1.0 (python.requirements, matrix.a-rule)"),
        // Not even a limit brings a pre-release.
        (&["low"], limit("low", false, "==1.0"), "pypi:low==2.0 (python.requirements, matrix.a-rule)"),
        // It reaches through what others need.
        (&["app"], limit("low", true, "<2"), "pypi:app==1.0 (python.requirements)"),
        (&["low>=2"], limit("low", true, "<2"), "python-no-wheel"),
        (&["low"], limit("other", true, "<2"), "pypi:low==2.0 (python.requirements)"),
    ] {
        let told = outcome(&Request { limits: vec![limit.clone()], ..request(requirements) });
        assert!(told.iter().any(|line| line.starts_with(expected)), "{requirements:?}, {limit:?}: {told:?}");
    }
}

/// Another tool's lock decides versions and bytes, and must hold all that its packages need.
#[test]
fn a_lock_of_another_tool_is_all_there_is() {
    let index = index();
    let digest = |file: &str| Digest::of(index.0.get(&format!("{ROOT}{file}")).unwrap()).hex();
    let low = digest("low/low-1.0-py3-none-any.whl");
    let app = digest("app/app-1.0-py3-none-any.whl");
    let old = digest("old/old-1.0-py3-none-any.whl");
    let py4j = digest("py4j/py4j-0.10.9.7-py3-none-any.whl");
    let all = format!(
        "py4j==0.10.9.7 --hash=sha256:{py4j}\nlow==1.0 --hash=sha256:{low}\napp==1.0 --hash=sha256:{app}\nold==1.0 --hash=sha256:{old}\n"
    );
    let locked = |text: &str| {
        let lock = SourceFile { name: "requirements.txt".to_owned(), text: text.to_owned() };
        outcome(&Request { lock: Some(Arc::new(lock)), ..request(&[]) })
    };
    assert_eq!(
        locked(&all),
        [
            "pypi:app==1.0 (python.lock)",
            "pypi:low==1.0 (python.lock, app)",
            "pypi:old==1.0 (python.lock, app)",
            "pypi:py4j==0.10.9.7 (python.lock, pyspark)",
        ]
    );
    let told = locked(&all.replace("old==1.0", "extra-thing==1.0"));
    let none =
        |name: &str| format!("python-lock at requirements.txt: the package index has no file of {name} with a digest");
    assert!(told[0].starts_with(&none("extra-thing 1.0")), "{told:?}");
    let without: Vec<&str> = all.split_inclusive('\n').filter(|line| !line.starts_with("old")).collect();
    let told = locked(&without.concat());
    assert_eq!(told, ["python-lock at requirements.txt: old is needed by app and not in the lock |  | lock it anew"]);
    let told = locked(&all.replace(&low, &app));
    assert!(told[0].starts_with(&none("low 1.0")), "{told:?}");
    let told = locked(&format!("{all}pyspark==3.4.0 --hash=sha256:{low}\n"));
    assert!(told[0].contains("`pyspark==3.4.0` does not admit the stack's PySpark 3.5.9"), "{told:?}");
}

#[test]
fn resolutions_are_pips() {
    let py4j = "pypi:py4j==0.10.9.7 (pyspark)";
    for (requirements, expected) in [
        (vec![], vec![]),
        (vec!["app"], vec!["pypi:app==2.0 (python.requirements)", "pypi:low==2.0 (app)"]),
        (
            vec!["app<2", "win; os_name == 'nt'"],
            vec!["pypi:app==1.0 (python.requirements)", "pypi:low==2.0 (app)", "pypi:old==1.0 (app)"],
        ),
        (
            vec!["app[more]", "low"],
            vec![
                "pypi:app==2.0 (python.requirements)",
                "pypi:extra-thing==1.0 (app)",
                "pypi:low==2.0 (python.requirements, app, extra-thing)",
            ],
        ),
        // A pre-release where it is named, or where there is nothing else.
        (vec!["low>=3.0rc1"], vec!["pypi:low==3.0rc1 (python.requirements)"]),
        (vec!["low>=2.5"], vec!["pypi:low==3.0rc1 (python.requirements)"]),
        (vec!["betas"], vec!["pypi:betas==0.1b1 (python.requirements)"]),
        // A withdrawn version only where it is pinned.
        (vec!["withdrawn"], vec!["pypi:withdrawn==1.0 (python.requirements)"]),
        (vec!["withdrawn==1.1"], vec!["pypi:withdrawn==1.1 (python.requirements)"]),
        (vec!["newer"], vec!["pypi:newer==1.0 (python.requirements)"]),
        (vec!["inside"], vec!["pypi:inside==1.0 (python.requirements)", "pypi:low==1.0 (inside)"]),
        (vec!["pyspark[ml]"], vec!["pypi:low==1.0 (pyspark)"]),
        // Going back: the newest app does not fit.
        (
            vec!["app", "low<2"],
            vec![
                "pypi:app==1.0 (python.requirements)",
                "pypi:low==1.0 (python.requirements, app)",
                "pypi:old==1.0 (app)",
            ],
        ),
    ] {
        let mut expected: Vec<String> = expected.into_iter().chain([py4j]).map(str::to_owned).collect();
        expected.sort();
        assert_eq!(outcome(&request(&requirements)), expected, "{requirements:?}");
    }
}

#[test]
fn sizes_and_digests_that_the_index_keeps_quiet_about_are_measured() {
    let index = index();
    let artifacts = resolve(&request(&["low"]), &index).unwrap();
    for artifact in &artifacts {
        let bytes = &index.0[&format!("{ROOT}{}/{}", artifact.coordinate.name(), artifact.file)];
        assert_eq!((artifact.size, artifact.sha256), (bytes.len() as u64, Digest::of(bytes)));
    }
}

#[test]
fn mistakes_are_told_at_once() {
    insta::assert_snapshot!(
        outcome(&request(&["low>>1", "x @ https://h.example/x.whl", "nosuch", "low==9", "source", "newer>=2", "pyspark==3.4"])).join("\n"),
        @"
    python-requirement at python.requirements[0]: `low>>1` is not a requirement |  | write it as PEP 508 has it: `name`, `name==1.2`, `name[extra]>=1,<2`
    python-requirement at python.requirements[1]: `x @ https://h.example/x.whl` names a URL | a lock holds what a package index has, by name, version and digest | require a version of it, or name the wheel in python.files
    python-unknown-project at python.requirements[2]: the package index has no project `nosuch` |  | check the spelling; an index of your own is asked for what python.indexes says it has
    python-unsatisfiable at python.requirements[3]: the package index has no version that `low==9` admits | the newest low is 3.0rc1 | low 2.0 is the newest that can be installed
    python-no-wheel at python.requirements[4]: no source that `source` admits can be installed for Python 3.11.2 | source 1.0 is published as source only, without a wheel | build a wheel of source and name it in python.files
    python-no-wheel at python.requirements[5]: no newer that `newer>=2` admits can be installed for Python 3.11.2 | newer 2.0 needs Python >=3.11.3 | newer 1.0 is the newest that can be installed
    python-requirement at python.requirements[6]: `pyspark==3.4` does not admit the stack's PySpark 3.5.9 |  | leave it out: stack.spark decides the version of pyspark
    "
    );
}

#[test]
fn contradictions_are_told_as_a_chain() {
    let cases = [vec!["app>=2", "low<2"], vec!["needs-source"], vec!["low<2", "low>=2"]];
    let told: Vec<String> = cases.iter().flat_map(|case| outcome(&request(case))).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
        python-unsatisfiable at python.requirements[0]: `app>=2`, `low<2` cannot be met together | app>=2 is asked for; low<2 is asked for; app 2.0 needs low>=2,<3; the package index has app 1.0 to 2.0 | widen or drop one of the requirements named here
        python-no-wheel at python.requirements[0]: `needs-source` cannot be met | needs-source is asked for; needs-source 1.0 needs source; the package index has needs-source 1.0; source 1.0 is published as source only, without a wheel | widen or drop one of the requirements named here
        python-unsatisfiable at python.requirements[0]: `low<2`, `low>=2` cannot be met together | low<2 is asked for; low>=2 is asked for | widen or drop one of the requirements named here
        ");
}

#[test]
fn own_wheels_are_the_only_candidate_of_their_name() {
    let own = |file: &str| OwnWheel {
        at: At::new("python.files[0]", 0..1),
        file: file.to_owned(),
        size: 3,
        sha256: Digest::of(b"own"),
        metadata: b"Name: Low\nVersion: 1.5\nRequires-Dist: old\n".to_vec(),
    };
    let with = |file: &str| Request { files: vec![own(file)], ..request(&["low"]) };
    assert_eq!(
        outcome(&with("low-1.5-py3-none-any.whl")),
        ["pypi:low==1.5 (python.files, python.requirements)", "pypi:old==1.0 (low)", "pypi:py4j==0.10.9.7 (pyspark)"]
    );
    assert_eq!(
        outcome(&with("low-1.5-cp312-cp312-linux_x86_64.whl")),
        [
            "python-no-wheel at python.files[0]: low-1.5-cp312-cp312-linux_x86_64.whl cannot be installed for Python 3.11.2 |  | build it for the image's Python and platform"
        ]
    );
}

#[test]
fn metadata_that_is_not_the_promised_one_is_an_error() {
    let mut index = index();
    index.0.insert(
        format!("{ROOT}low/low-2.0-py3-none-any.whl.metadata"),
        b"Name: low\nVersion: 2.0\nRequires-Dist: evil\n".to_vec(),
    );
    let error = resolve(&request(&["low"]), &index).unwrap_err().to_string();
    assert!(error.starts_with("low-2.0-py3-none-any.whl.metadata is not what was promised"), "{error}");
}

/// At some of these pep508_rs would end the tool.
#[test]
fn a_hostile_requirement_of_a_wheel_is_passed_over() {
    let deep = format!("low; {}os_name == 'x'", "(".repeat(100_000));
    for text in ["a_.>=1", "a[b_ ]", "a- ", deep.as_str()] {
        let mut index = index();
        index.publish("fresh-1.0-py3-none-any.whl", &["low<2"], "", true);
        index.publish("fresh-2.0-py3-none-any.whl", &[text], "", true);
        let artifacts = resolve(&request(&["fresh"]), &index).unwrap();
        let chosen: Vec<String> = artifacts.iter().map(|a| a.coordinate.to_string()).collect();
        assert_eq!(chosen, ["pypi:fresh==1.0", "pypi:low==1.0", "pypi:py4j==0.10.9.7"], "{text:.20}");
    }
}

#[test]
fn a_hostile_name_of_an_own_wheel_is_an_error() {
    let own = OwnWheel {
        at: At::new("python.files[0]", 0..1),
        file: "low-1.5-py3-none-any.whl".to_owned(),
        size: 3,
        sha256: Digest::of(b"own"),
        metadata: b"Name: a[b_ ]\nVersion: 1.5\n".to_vec(),
    };
    let told = outcome(&Request { files: vec![own], ..request(&[]) });
    assert_eq!(told, ["a[b_ ] 1.5: names and extras end with a letter or a digit"]);
}

//! `resolve`: one ecosystem's closure for any target, without a profile.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::artifact::{Artifact, Coordinate, Unmet};
use crate::cli::{self, ResolveDebian, ResolveMaven, ResolveOf, ResolvePython};
use crate::debian::{self, keyring::Keyring};
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::maven::{self, Chosen, Exclusion, Platform, Requested};
use crate::net::Traffic;
use crate::problem::codes::maven as codes;
use crate::problem::{At, Level, Problem, SourceFile};
use crate::profile::{self, Located};
use crate::project;
use crate::pypi::index::Indexes;
use crate::pypi::resolve::{self as python, Choice, Given};

use super::{Stop, TYPED, World, say, show, tree};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What stands in `via` for the command line itself.
const ASKED: &str = "asked for";

pub(super) fn resolve(command: &cli::Resolve, world: &World) -> Result<(), Stop> {
    match &command.of {
        ResolveOf::Maven(of) => {
            let typed = Typed::new(&of.roots);
            let request = of_maven(of, &typed)?;
            let resolution =
                typed.settle(request.and_then(|request| maven::resolve(&request, &world.registries())), world)?;
            for (pom, reason) in &resolution.ignored {
                world.ui.warn(format_args!("{pom} counts as a POM without dependencies, as for Maven: {reason}"));
            }
            let target = format!("Maven, Java {}, {}", of.java, of.arch);
            Closure { target, rows: resolution.chosen.into_iter().map(Row::of_jar).collect() }.say(of.json, world)?;
        }
        ResolveOf::Python(of) => {
            let typed = Typed::new(&of.roots);
            let request = of_python(of, &typed, world)?;
            let artifacts = typed.settle(python::choose(&request, &world.registries()), world)?;
            let target = format!("Python {}, glibc {}, {}", of.python, of.glibc, of.arch);
            Closure { target, rows: artifacts.into_iter().map(Row::of_wheel).collect() }.say(of.json, world)?;
        }
        ResolveOf::Debian(of) => {
            let mut typed = Typed::new(&of.roots);
            let request = of_debian(of, &mut typed, world)?;
            let resolution =
                typed.settle(request.and_then(|request| debian::resolve(&request, &world.registries())), world)?;
            let warned: Vec<_> = resolution.warnings.into_iter().map(|problem| (Level::Warn, problem)).collect();
            typed.show(&warned, world);
            let target = format!("Debian {}, {}", of.suite, of.arch);
            Closure { target, rows: resolution.artifacts.into_iter().map(Row::of_package).collect() }
                .say(of.json, world)?;
        }
    }
    Ok(())
}

/// The roots as the user typed them: what carets point into.
struct Typed {
    source: SourceFile,
    roots: Vec<Located<String>>,
}

impl Typed {
    fn new(roots: &[String]) -> Self {
        let source = SourceFile { name: TYPED.to_owned(), text: String::new() };
        let mut typed = Self { source, roots: Vec::new() };
        typed.roots = roots.iter().map(|root| typed.word("ROOT", root)).collect();
        typed
    }

    /// One more word of the command line.
    fn word(&mut self, key: &str, word: &str) -> Located<String> {
        let text = &mut self.source.text;
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(word);
        Located { value: word.to_owned(), at: At::new(key, start..text.len()) }
    }

    fn settle<T>(&self, stage: Result<T, Failure>, world: &World) -> Result<T, Stop> {
        stage.map_err(|failure| match failure {
            Failure::World(error) => error.into(),
            Failure::Problems(problems) => {
                self.show(&problems.into_iter().map(|problem| (Level::Deny, problem)).collect::<Vec<_>>(), world);
                Stop::Problems
            }
        })
    }

    fn show(&self, weighed: &[(Level, Problem)], world: &World) {
        show(weighed, &self.source, world);
    }
}

fn of_maven(of: &ResolveMaven, typed: &Typed) -> Result<Result<maven::Request, Failure>, Stop> {
    let mut request = maven::Request {
        platform: Platform { jdk: of.java.clone(), arch: of.arch.clone() },
        exclude: pairs(&of.exclude, "--exclude")?,
        alone: pairs(&of.no_deps_of, "--no-deps-of")?,
        ..maven::Request::default()
    };
    for text in &of.managed {
        match maven::parse_request(text) {
            Ok(Requested { group, artifact, version: Some(version), extension, classifier }) => {
                request.managed.insert([group, artifact, extension, classifier], version);
            }
            _ => return Err(Stop::Usage(format!("--managed {text}: group:artifact:version is meant"))),
        }
    }
    let mut problems = Vec::new();
    for root in &typed.roots {
        let reason = match maven::parse_request(&root.value) {
            Ok(requested) => match requested.coordinate() {
                Some(coordinate) => {
                    request.roots.push(maven::Root { coordinate, at: root.at.clone() });
                    continue;
                }
                None => "it has no version".to_owned(),
            },
            Err(reason) => reason,
        };
        problems.push(
            Problem::new(codes::UNKNOWN_JAR, format!("`{}` names no artifact of one version", root.value))
                .at(&root.at, reason)
                .help("write it: group:artifact:version"),
        );
    }
    Ok(if problems.is_empty() { Ok(request) } else { Err(problems.into()) })
}

fn of_python(of: &ResolvePython, typed: &Typed, world: &World) -> Result<python::Request, Stop> {
    let glibc = of.glibc.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let wrong = || Stop::Usage(format!("--glibc {}: two numbers are meant, such as 2.36", of.glibc));
    let given = of.no_deps_of.iter().map(|text| match text.split_once("==") {
        Some((name, version)) => Ok(Given {
            key: "--no-deps-of",
            name: name.trim().to_owned(),
            version: version.trim().to_owned(),
            requires: Vec::new(),
        }),
        None => Err(Stop::Usage(format!("--no-deps-of {text}: name==version is meant"))),
    });
    let indexes = of.index.iter().map(|text| match text.split_once('=') {
        Some((index, project)) if profile::is_index(index) && profile::is_projects(project) => {
            Ok((project.to_owned(), index.to_owned()))
        }
        _ => Err(Stop::Usage(format!("--index {text}: index=project is meant, such as corp=our-*"))),
    });
    let lock = match &of.lock {
        None => None,
        Some(path) => {
            let name = path.display().to_string();
            let text = project::text(&world.environment.cwd.join(path), project::SMALL_MAX)?;
            Some(Arc::new(SourceFile { name, text }))
        }
    };
    Ok(python::Request {
        requirements: typed.roots.clone(),
        given: given.collect::<Result<_, _>>()?,
        python_full: of.python.clone(),
        glibc: glibc.ok_or_else(wrong)?,
        arch: of.arch.clone(),
        files: Vec::new(),
        kept: BTreeMap::new(),
        limits: Vec::new(),
        indexes: Indexes::new(indexes.collect::<Result<_, _>>()?),
        lock,
    })
}

fn of_debian(of: &ResolveDebian, typed: &mut Typed, world: &World) -> Result<Result<debian::Request, Failure>, Stop> {
    let mut pins = Vec::new();
    for text in &of.pin {
        let (name, version) = text
            .split_once('=')
            .ok_or_else(|| Stop::Usage(format!("--pin {text}: name=version is meant, such as curl=7.88.*")))?;
        let pin = typed.word("--pin", text);
        let at = |span| At::new("--pin", span);
        let (start, end) = (pin.at.span.start, pin.at.span.end);
        let middle = start + name.len();
        pins.push((
            Located { value: name.to_owned(), at: at(start..middle) },
            Located { value: version.to_owned(), at: at(middle + 1..end) },
        ));
    }
    let files = project::keyrings(|path| world.environment.system(path));
    let mut own = Vec::new();
    for path in &of.key {
        own.push((typed.word("--key", &path.display().to_string()).at, project::small(path)?));
    }
    Ok(Keyring::read(&files, &own).map(|keyring| debian::Request {
        suite: of.suite.clone(),
        arch: of.arch.clone(),
        security: of.security,
        java: None,
        packages: typed.roots.clone(),
        essential: of.essential,
        kept: BTreeMap::new(),
        pins,
        keyring,
        now: world.environment.now,
    }))
}

fn pairs(texts: &[String], flag: &str) -> Result<Vec<Exclusion>, Stop> {
    let wrong = |text: &String| Stop::Usage(format!("{flag} {text}: group:artifact is meant"));
    texts.iter().map(|text| Exclusion::parse(text).ok_or_else(|| wrong(text))).collect()
}

/// One artifact of a closure.
struct Row {
    coordinate: Coordinate,
    /// Who asked for it, the decisive first.
    via: Vec<String>,
    /// Who wanted which other version.
    wanted: Vec<(String, String)>,
    /// Name, size and digest of the file, where choosing it told them.
    file: Option<(String, Option<u64>, Option<Digest>)>,
}

impl Row {
    fn of_jar(chosen: Chosen) -> Self {
        Self { coordinate: chosen.coordinate, via: said(chosen.via), wanted: chosen.wanted, file: None }
    }

    fn of_wheel(choice: Choice) -> Self {
        let Choice { coordinate, file, via } = choice;
        let file = Some((file.name, file.size, file.sha256));
        Self { coordinate, via: said(via), wanted: Vec::new(), file }
    }

    fn of_package(artifact: Artifact) -> Self {
        let Artifact { coordinate, file, size, sha256, via, .. } = artifact;
        Self { coordinate, via: said(via), wanted: Vec::new(), file: Some((file, Some(size), Some(sha256))) }
    }
}

/// There is no profile whose keys could be meant.
fn said(via: Vec<String>) -> Vec<String> {
    let keys = ["maven.jars", "python.requirements", "debian.packages"];
    via.into_iter().map(|who| if keys.contains(&who.as_str()) { ASKED.to_owned() } else { who }).collect()
}

/// What was chosen for a target.
struct Closure {
    target: String,
    rows: Vec<Row>,
}

impl Closure {
    fn say(&self, json: bool, world: &World) -> Result<(), Error> {
        say(&if json { self.json(world.net.traffic()) } else { self.text() })
    }

    fn text(&self) -> String {
        let rows: Vec<(&Coordinate, &[String])> = self.rows.iter().map(|row| (&row.coordinate, &*row.via)).collect();
        tree::draw(&self.target, &rows) + &tree::instead(&self.unmet())
    }

    fn unmet(&self) -> Vec<Unmet> {
        Unmet::of(self.rows.iter().flat_map(|row| {
            let there = (row.coordinate.name(), row.coordinate.version());
            row.wanted.iter().map(move |(who, version)| (there.clone(), version.as_str(), who.as_str()))
        }))
    }

    fn json(&self, traffic: Traffic) -> String {
        let row = |row: &Row| {
            let wanted: Vec<_> = row.wanted.iter().map(|(by, version)| json!({"by": by, "version": version})).collect();
            let mut value = json!({"coordinate": row.coordinate.to_string(), "via": row.via, "wanted": wanted});
            if let Some((file, size, sha256)) = &row.file {
                value["file"] = json!(file);
                value["size"] = json!(size);
                value["sha256"] = json!(sha256.map(|sha256| sha256.hex()));
            }
            value
        };
        let closure: Vec<_> = self.rows.iter().map(row).collect();
        let Traffic { requests, received } = traffic;
        let value = json!({"version": VERSION, "target": self.target, "closure": closure, "requests": requests,
            "received": received});
        format!("{value:#}\n")
    }
}

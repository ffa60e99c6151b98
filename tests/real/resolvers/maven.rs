//! Maven's own closures: of what people add to PySpark, and of made-up repositories that have what is hard.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use sparkbake::outside::Registry;

use super::recorder::Recorder;
use super::resolved;
use crate::{Fresh, fresh, on_path, said, tenth};

#[path = "../../../src/maven/made.rs"]
mod made;

/// The goal that tells the closure and downloads none of it.
const COLLECT: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:collect";

/// A project whose modules each ask for one closure.
struct Reactor {
    folder: Fresh,
    modules: usize,
}

/// What one module asks for, as XML of `<dependency>` each.
#[derive(Default)]
struct Module {
    dependencies: String,
    managed: String,
}

impl Reactor {
    fn new(name: &str) -> Self {
        Self { folder: fresh(name), modules: 0 }
    }

    fn add(&mut self, module: &Module) {
        let folder = self.folder.join(format!("m{}", self.modules));
        fs::create_dir_all(&folder).unwrap();
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>asks</groupId><artifactId>m{}</artifactId>\
             <version>1</version><dependencies>{}</dependencies>\
             <dependencyManagement><dependencies>{}</dependencies></dependencyManagement></project>",
            self.modules, module.dependencies, module.managed
        );
        fs::write(folder.join("pom.xml"), pom).unwrap();
        self.modules += 1;
    }

    /// Asks Maven once for all; `g:a:type[:classifier]:version` in the order of the class path, a module each, or
    /// `None` where it refused.
    fn closures(&self, settings: &str) -> Vec<Option<Vec<String>>> {
        let modules: Vec<String> = (0..self.modules).map(|i| format!("<module>m{i}</module>")).collect();
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>asks</groupId><artifactId>all</artifactId>\
             <version>1</version><packaging>pom</packaging><modules>{}</modules></project>",
            modules.concat()
        );
        fs::write(self.folder.join("pom.xml"), pom).unwrap();
        fs::write(self.folder.join("settings.xml"), settings).unwrap();
        let ran = Command::new("mvn")
            .args(["--batch-mode", "--fail-at-end", "--quiet", "--settings", "settings.xml", COLLECT])
            .args(["-Dmaven.repo.local=repository", "-DincludeScope=runtime", "-DoutputFile=closure.txt"])
            .current_dir(&self.folder)
            .env_remove("MAVEN_OPTS")
            .output()
            .unwrap();
        let told = (0..self.modules).map(|i| fs::read_to_string(self.folder.join(format!("m{i}/closure.txt"))).ok());
        let closures: Vec<_> = told.map(|told| told.as_deref().map(parse)).collect();
        assert!(closures.iter().any(Option::is_some), "{}", said(&ran));
        closures
    }
}

/// Lines of `dependency:collect`: `   g:a:type[:classifier]:version:scope`, and maybe more behind a space.
fn parse(told: &str) -> Vec<String> {
    let lines = told.lines().filter_map(|line| line.strip_prefix("   ")).filter(|line| line.contains(':'));
    lines
        .map(|line| {
            let word = line.split(['\u{1b}', ' ']).next().unwrap();
            // A test-jar is a jar with a classifier, which the line tells as well.
            word.rsplit_once(':').unwrap().0.replace(":test-jar:", ":jar:")
        })
        .collect()
}

/// The same form of a coordinate of ours.
fn in_mavens_form(coordinate: &str) -> String {
    let parts: Vec<&str> = coordinate.trim_start_matches("maven:").split(':').collect();
    match parts[..] {
        [g, a, version] => format!("{g}:{a}:jar:{version}"),
        [g, a, extension, "", version] => format!("{g}:{a}:{extension}:{version}"),
        _ => parts.join(":"),
    }
}

fn ours(root: &str, store: &Path, arguments: &[&str]) -> Result<Vec<String>, String> {
    let closure = resolved(&[("SPARKBAKE_MAVEN_URL", root)], store, arguments)?;
    Ok(closure.iter().map(|one| in_mavens_form(one["coordinate"].as_str().unwrap())).collect())
}

/// Where Maven and we differ, a line each; nothing where both refuse.
fn compare(name: &str, ours: Result<Vec<String>, String>, theirs: Option<&Vec<String>>, out: &mut String) {
    match (ours, theirs) {
        (Ok(ours), Some(theirs)) if ours == *theirs => {}
        (Err(_), None) => {}
        (Ok(ours), Some(theirs)) => {
            let more: Vec<&String> = ours.iter().filter(|one| !theirs.contains(one)).collect();
            let less: Vec<&String> = theirs.iter().filter(|one| !ours.contains(one)).collect();
            let order = if more.is_empty() && less.is_empty() { ", in another order" } else { "" };
            let _ =
                writeln!(out, "{name}: ours alone {more:?}, Maven's alone {less:?}{order}\n  {ours:?}\n  {theirs:?}");
        }
        (Ok(ours), None) => drop(writeln!(out, "{name}: Maven refuses, ours {ours:?}")),
        (Err(said), Some(theirs)) => drop(writeln!(out, "{name}: Maven's {theirs:?}, we refuse: {said}")),
    }
}

fn mirror(of: &str, root: &str) -> String {
    format!("<mirror><id>m{of}</id><mirrorOf>{of}</mirrorOf><url>{root}</url></mirror>")
}

/// The Java that runs Maven decides profiles there; the same is told to us.
fn java() -> String {
    let told = Command::new("java").args(["-XshowSettings:properties", "-version"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    let line = told.lines().find_map(|line| line.trim().strip_prefix("java.version = ")).unwrap();
    line.to_owned()
}

fn dependency(coordinate: &str) -> String {
    let parts: Vec<&str> = coordinate.split(':').collect();
    let (kind, classifier, version) = match parts[..] {
        [_, _, version] => ("jar", "", version),
        [_, _, kind, version] => (kind, "", version),
        [_, _, kind, classifier, version] => (kind, classifier, version),
        _ => panic!("{coordinate}"),
    };
    let classifier =
        if classifier.is_empty() { String::new() } else { format!("<classifier>{classifier}</classifier>") };
    format!(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{version}</version>\
         <type>{kind}</type>{classifier}EXCLUSIONS</dependency>",
        parts[0], parts[1]
    )
}

/// A line of the table, which is the arguments of `resolve maven`, as Maven's project.
fn module(line: &str) -> Module {
    let (mut module, mut exclusions) = (Module::default(), String::new());
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--managed" => module.managed += &dependency(words.next().unwrap()).replace("EXCLUSIONS", ""),
            "--exclude" => {
                let (group, artifact) = words.next().unwrap().split_once(':').unwrap();
                let _ = write!(
                    exclusions,
                    "<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
                );
            }
            root => module.dependencies += &dependency(root),
        }
    }
    module.dependencies = module.dependencies.replace("EXCLUSIONS", &format!("<exclusions>{exclusions}</exclusions>"));
    module
}

#[test]
fn what_people_add_to_pyspark_is_what_maven_resolves() {
    if !on_path("mvn") {
        return;
    }
    let store = fresh("maven-store");
    let recorder = Recorder::before(Registry::Maven, &store.join("recorded"));
    let table = include_str!("../../data/resolvers/maven.txt");
    let lines: Vec<&str> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let lines = tenth("maven closures", &lines);
    let mut reactor = Reactor::new("maven-reactor");
    for line in &lines {
        reactor.add(&module(line));
    }
    // We ask first, because we ask for several pages at once.
    let java = java();
    let ask = |line: &&str| {
        let arguments: Vec<&str> = ["maven", "--java", &java].into_iter().chain(line.split_whitespace()).collect();
        ours(&recorder.root, &store, &arguments)
    };
    let all_ours: Vec<_> = lines.iter().map(ask).collect();
    let theirs = reactor.closures(&format!("<settings><mirrors>{}</mirrors></settings>", mirror("*", &recorder.root)));
    let mut differ = String::new();
    for ((line, ours), theirs) in lines.iter().zip(all_ours).zip(&theirs) {
        compare(line, ours, theirs.as_ref(), &mut differ);
    }
    assert!(differ.is_empty(), "{differ}");
}

/// The made-up repositories of the library's own tests, each with a group of its own, in one directory.
#[test]
fn made_up_repositories_are_resolved_as_maven_resolves_them() {
    if !on_path("mvn") {
        return;
    }
    let folder = fresh("maven-made");
    let repository = folder.join("made");
    let recorder = Recorder::before(Registry::Maven, &folder.join("recorded"));
    let mut reactor = Reactor::new("maven-made-reactor");
    let groups: Vec<String> = (0..made::CLOSURES.len()).map(|i| format!("g{i}")).collect();
    for (group, (_, text, asked, _)) in groups.iter().zip(made::CLOSURES) {
        for (path, bytes) in made::repository(group, text) {
            let path = repository.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let asked = made::asked(asked);
        let exclusion =
            |name: &&str| format!("<exclusion><groupId>{group}</groupId><artifactId>{name}</artifactId></exclusion>");
        let exclusions = asked.exclude.iter().map(exclusion).collect::<String>();
        let of_group = |text: &&str| made::dependency(text).replace("<groupId>g<", &format!("<groupId>{group}<"));
        let with = |dependency: String| {
            dependency.replace("</dependency>", &format!("<exclusions>{exclusions}</exclusions></dependency>"))
        };
        reactor.add(&Module {
            dependencies: asked.roots.iter().map(of_group).map(with).collect(),
            managed: asked.managed.iter().map(of_group).collect(),
        });
    }
    let root = format!("file://{}/", repository.display());
    let made = format!(
        "<profiles><profile><id>made</id><repositories><repository><id>made</id><url>{root}</url>\
         <snapshots><enabled>false</enabled></snapshots></repository></repositories></profile></profiles>\
         <activeProfiles><activeProfile>made</activeProfile></activeProfiles>"
    );
    // What is not made up may not come from elsewhere either; the plug-ins have to.
    let settings = format!("<settings><mirrors>{}</mirrors>{made}</settings>", mirror("*,!made", &recorder.root));
    let theirs = reactor.closures(&settings);
    let java = java();
    let mut differ = String::new();
    let mut wrong: BTreeMap<&str, String> = BTreeMap::new();
    for ((group, (name, _, asked, expected)), theirs) in groups.iter().zip(made::CLOSURES).zip(&theirs) {
        let asked = made::asked(asked);
        let mut arguments = vec!["maven".to_owned(), "--java".to_owned(), java.clone()];
        arguments.extend(asked.roots.iter().map(|root| format!("{group}:{root}")));
        for managed in &asked.managed {
            arguments.extend(["--managed".to_owned(), format!("{group}:{managed}")]);
        }
        for excluded in &asked.exclude {
            arguments.extend(["--exclude".to_owned(), format!("{group}:{excluded}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        compare(name, ours(&root, &folder, &arguments), theirs.as_ref(), &mut differ);
        let told = theirs.as_ref().map_or("refused".to_owned(), |closure| short(closure).join(" "));
        if told != *expected {
            wrong.insert(name, format!("{told}, not {expected}"));
        }
    }
    assert!(differ.is_empty() && wrong.is_empty(), "{differ}\nwhat the table says and Maven does not: {wrong:#?}");
}

/// `a:1 b#classifier:2`.
fn short(closure: &[String]) -> Vec<String> {
    let short = |one: &String| match one.split(':').collect::<Vec<_>>()[..] {
        [_, artifact, _, version] => format!("{artifact}:{version}"),
        [_, artifact, _, classifier, version] => format!("{artifact}#{classifier}:{version}"),
        _ => one.clone(),
    };
    closure.iter().map(short).collect()
}

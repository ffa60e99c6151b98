//! Data sources, JDBC drivers and file systems whose jar the image does not have.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::classpath::named_classes;
use crate::matrix::{self, Published};
use crate::problem::codes::app as codes;
use crate::problem::{At, Code, Problem};
use crate::profile::Located;

use super::said::{What, When, Word};
use super::{App, Image, weighed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    source: Vec<Source>,
    driver: Vec<Driver>,
    file_system: Vec<FileSystem>,
}

/// A data source of Spark.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// What `format` takes.
    formats: Vec<String>,
    /// Python modules that call into the jar.
    #[serde(default)]
    modules: Vec<String>,
    /// Any of these is it.
    classes: Vec<String>,
    /// Packages whose classes settings name.
    #[serde(default)]
    packages: Vec<String>,
    #[serde(flatten)]
    jar: Jar,
}

/// A driver of JDBC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Driver {
    /// After `jdbc:`.
    schemes: Vec<String>,
    classes: Vec<String>,
    #[serde(flatten)]
    jar: Jar,
}

/// A file system of Hadoop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSystem {
    schemes: Vec<String>,
    classes: Vec<String>,
    /// A distribution with which pandas opens the same addresses.
    pandas: String,
    #[serde(flatten)]
    jar: Jar,
}

/// The jar that has it.
#[derive(Deserialize)]
struct Jar {
    /// Of the matrix.
    connector: Option<String>,
    /// `group:artifact` where the matrix has none.
    maven: Option<String>,
    /// What its file's name begins with.
    file: String,
    /// Spark has it itself since that version.
    since: Option<String>,
}

static FACTS: LazyLock<Option<Facts>> = LazyLock::new(|| toml::from_str(include_str!("facts/sources.toml")).ok());

pub(super) fn problems(app: &App<'_>) -> Vec<Problem> {
    let (Some(facts), Some(image)) = (FACTS.as_ref(), app.image) else { return Vec::new() };
    let judge = Judge { app, image, brought: brought(app) };
    let mut told = BTreeSet::new();
    // What is used for sure is told before what only stands somewhere.
    let mut mentions: Vec<_> = app.mentions().collect();
    mentions.sort_by_key(|(_, sure, what)| !sure || matches!(what, What::Address(_, false) | What::Import(_)));
    let mut problems = Vec::new();
    for (file, sure, what) in mentions {
        if let What::Setting { when: When::Start, key, value } = what {
            for lack in judge
                .named(facts, key, value)
                .into_iter()
                .filter(|lack| told.insert((lack.code.name, lack.thing.clone())))
            {
                problems.push(judge.problem(file, sure, lack));
            }
        }
        let found = match what {
            What::Source(word) => judge.source(facts, word),
            What::Import(import) if !import.optional => judge.module(facts, &import.module),
            What::Class(word) => judge.class(facts, word),
            What::Address(word, used) => judge.address(facts, word, *used),
            _ => None,
        };
        if let Some(lack) = found
            && told.insert((lack.code.name, lack.thing.clone()))
        {
            problems.push(judge.problem(file, sure, lack));
        }
    }
    problems
}

/// Something that no jar has.
struct Lack<'a> {
    code: Code,
    /// What is told once.
    thing: String,
    message: String,
    jar: Option<&'a Jar>,
    word: &'a Word,
}

struct Judge<'a> {
    app: &'a App<'a>,
    image: &'a Image,
    /// Everything that jars are taken from when Spark starts.
    brought: String,
}

impl Judge<'_> {
    /// Whether the image has one of the classes, or Spark is handed a jar of that name.
    fn has(&self, classes: &[String], jar: &Jar) -> bool {
        let spark = &self.app.request.stack.spark;
        let own = jar.since.as_ref().is_some_and(|since| at_least(spark, since));
        own || classes.iter().any(|class| self.image.has_class(class)) || self.brought.contains(jar.file.as_str())
    }

    fn problem(&self, file: usize, sure: bool, lack: Lack<'_>) -> Problem {
        let problem = Problem::new(weighed(lack.code, sure), lack.message);
        self.help(problem.at(&self.app.at(file, &lack.word.span), "used here"), lack.jar)
    }

    /// Classes that a setting names.
    fn named<'a>(&self, facts: &'a Facts, key: &Word, value: &'a Word) -> Vec<Lack<'a>> {
        let located = |word: &Word| Located { value: word.text.clone(), at: At::default() };
        let classes = named_classes(&[(located(key), located(value))]);
        let classes = classes.into_iter().map(|required| required.class);
        let missing = classes.filter(|class| !self.image.has_class(&class.value));
        let lack = |class: Located<String>| {
            let has =
                |package: &String| class.value.strip_prefix(package.as_str()).is_some_and(|rest| rest.starts_with('.'));
            let source = facts.source.iter().find(|source| source.packages.iter().any(has));
            if source.is_some_and(|source| self.has(&source.classes, &source.jar)) {
                return None;
            }
            let thing = source.and_then(|source| source.formats.first()).unwrap_or(&class.value);
            let message = format!("no jar in the image has the class {}, which `{}` names", class.value, key.text);
            Some(lack(codes::SOURCE, thing, message, source.map(|source| &source.jar), value))
        };
        missing.filter_map(lack).collect()
    }

    fn source<'a>(&self, facts: &'a Facts, word: &'a Word) -> Option<Lack<'a>> {
        let name = word.text.trim_matches('.');
        let by_name = |source: &&Source| source.formats.iter().any(|format| format.eq_ignore_ascii_case(name));
        if let Some(source) = facts.source.iter().find(by_name) {
            let message = format!("no jar in the image has the data source `{name}`");
            return (!self.has(&source.classes, &source.jar))
                .then(|| lack(codes::SOURCE, name, message, Some(&source.jar), word));
        }
        // A class by its name, or the one that Spark makes of a package's.
        let is_class = name.split('.').count() > 2
            && !name.starts_with("org.apache.spark.")
            && !name.starts_with("com.databricks.spark.");
        if !is_class || self.image.has_class(name) || self.image.has_class(&format!("{name}.DefaultSource")) {
            return None;
        }
        let message = format!("no jar in the image has the data source `{name}`");
        Some(lack(codes::SOURCE, name, message, None, word))
    }

    fn module<'a>(&self, facts: &'a Facts, word: &'a Word) -> Option<Lack<'a>> {
        let is_in = |module: &String| {
            word.text.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let source = facts.source.iter().find(|source| source.modules.iter().any(is_in))?;
        if self.has(&source.classes, &source.jar) {
            return None;
        }
        let name = source.formats.first().map_or(word.text.as_str(), String::as_str);
        let message = format!("`{}` calls classes that no jar in the image has", word.text);
        Some(lack(codes::SOURCE, name, message, Some(&source.jar), word))
    }

    fn class<'a>(&self, facts: &'a Facts, word: &'a Word) -> Option<Lack<'a>> {
        let driver = facts.driver.iter().find(|driver| driver.classes.contains(&word.text));
        if self.image.has_class(&word.text) || driver.is_some_and(|driver| self.has(&driver.classes, &driver.jar)) {
            return None;
        }
        let thing = driver.and_then(|driver| driver.schemes.first()).unwrap_or(&word.text);
        let message = format!("no jar in the image has the JDBC driver {}", word.text);
        Some(lack(codes::DRIVER, thing, message, driver.map(|driver| &driver.jar), word))
    }

    fn address<'a>(&self, facts: &'a Facts, word: &'a Word, used: bool) -> Option<Lack<'a>> {
        if let Some(rest) = word.text.strip_prefix("jdbc:") {
            let is_it = |scheme: &String| rest.strip_prefix(scheme.as_str()).is_some_and(|rest| rest.starts_with(':'));
            let driver = facts.driver.iter().find(|driver| driver.schemes.iter().any(is_it))?;
            if self.has(&driver.classes, &driver.jar) {
                return None;
            }
            let scheme = driver.schemes.first().map_or("", String::as_str);
            let message = format!("no jar in the image has a JDBC driver for `jdbc:{scheme}:`");
            return Some(lack(codes::DRIVER, scheme, message, Some(&driver.jar), word));
        }
        let (scheme, _) = word.text.split_once("://")?;
        let system = facts.file_system.iter().find(|system| system.schemes.iter().any(|known| known == scheme))?;
        // An address that only stands there may be for pandas.
        if self.has(&system.classes, &system.jar) || !used && self.has_module(&system.pandas) {
            return None;
        }
        let message = format!("no jar in the image has a file system for `{scheme}://`");
        Some(lack(codes::FILE_SYSTEM, system.schemes.first()?, message, Some(&system.jar), word))
    }

    fn has_module(&self, name: &str) -> bool {
        let python = &self.app.request.stack.python;
        self.image.has(&format!("usr/local/lib/python{python}/dist-packages/{name}"))
    }

    /// The coordinate that the matrix gives.
    fn help(&self, problem: Problem, jar: Option<&Jar>) -> Problem {
        let Some(jar) = jar else {
            return problem.help("name the jar that has it in `[maven] jars` or `[maven] files`");
        };
        if let Some(published) = jar.connector.as_deref().and_then(|connector| self.published(connector)) {
            let settings = published.settings.iter().map(|setting| {
                let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
                format!("\"{key}\" = \"{value}\"")
            });
            let settings: Vec<String> = settings.collect();
            let problem = problem.help(format!("`[maven] jars = [\"{}\"]`", published.coordinate));
            return if settings.is_empty() {
                problem
            } else {
                problem.help(format!("`[spark.conf]` with {}", settings.join(" and ")))
            };
        }
        if let Some(coordinate) = &jar.maven {
            return problem.help(format!("`[maven] jars = [\"{coordinate}:VERSION\"]`"));
        }
        let spark = &self.app.request.stack.spark;
        problem.help(format!("none is known for Spark {spark}: `sparkbake matrix connectors --spark {spark}`"))
    }

    fn published(&self, connector: &str) -> Option<Published> {
        let stack = self.app.request.stack;
        let words = [("spark", &stack.spark), ("hadoop", &stack.hadoop), ("java", &stack.java)];
        let words: Vec<String> = words.map(|(axis, version)| format!("{axis}={version}")).into();
        let all = matrix::published(&words, Some(connector)).ok()?;
        all.into_iter().find(|published| !published.coordinate.is_empty())
    }
}

fn lack<'a>(code: Code, thing: &str, message: String, jar: Option<&'a Jar>, word: &'a Word) -> Lack<'a> {
    Lack { code, thing: thing.to_owned(), message, jar, word }
}

/// All that the profile and the code let Spark take jars from.
fn brought(app: &App<'_>) -> String {
    const KEYS: &[&str] = &["spark.jars", "spark.jars.packages", "spark.driver.extraClassPath"];
    let baked = app.request.profile.spark_conf.iter();
    let baked = baked.filter(|(key, _)| KEYS.contains(&key.value.as_str())).map(|(_, value)| value.value.as_str());
    let made = app.mentions().filter_map(|(_, _, what)| match what {
        What::Setting { when: When::Start, key, value } if KEYS.contains(&key.text.as_str()) => {
            Some(value.text.as_str())
        }
        What::Variable { name, value: Some(value), .. } if name.text == "PYSPARK_SUBMIT_ARGS" => {
            Some(value.text.as_str())
        }
        What::Call { name, .. } => super::libraries::brings(name),
        _ => None,
    });
    baked.chain(made).collect::<Vec<_>>().join(" ")
}

fn at_least(version: &str, least: &str) -> bool {
    let parts = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    parts(version) >= parts(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_name_connectors_that_there_are() {
        let facts = FACTS.as_ref().unwrap();
        let jars = facts.source.iter().map(|source| &source.jar).chain(facts.driver.iter().map(|driver| &driver.jar));
        let words = ["spark=3.5.9".to_owned()];
        for jar in jars.chain(facts.file_system.iter().map(|system| &system.jar)) {
            if let Some(connector) = &jar.connector {
                assert!(matrix::published(&words, Some(connector)).is_ok(), "{connector}");
            }
        }
        assert!(at_least("4.0.1", "4.0.0") && at_least("4.1", "4.0.0") && !at_least("3.5.9", "4.0.0"));
    }
}

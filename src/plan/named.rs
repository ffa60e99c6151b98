//! Files that Spark's settings name, looked for in the image's merged tree: [`named_paths`].
//!
//! Java passes over a class path entry that is not there without a word, and so the classes are simply missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::LayerPlan;
use crate::problem::Problem;
use crate::problem::codes::spark as codes;
use crate::profile::Located;
use crate::tree::{ImagePath, Kind};

/// Links that are followed before a path counts as a loop, as in Linux.
const LINKS: usize = 40;

/// How a setting's value names files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Files and directories between colons; a last `*` means every jar of a directory.
    ClassPath,
    /// Directories between colons.
    Directories,
    /// URIs between commas, perhaps with a fragment.
    List,
    /// One file, as a URI or a path.
    File,
    /// A program: a bare name is looked for in `PATH`.
    Program,
    /// Java's options, some of which name files.
    Options,
}

const SETTINGS: [(&str, Form); 17] = [
    ("spark.driver.extraClassPath", Form::ClassPath),
    ("spark.executor.extraClassPath", Form::ClassPath),
    ("spark.driver.extraLibraryPath", Form::Directories),
    ("spark.executor.extraLibraryPath", Form::Directories),
    ("spark.jars", Form::List),
    ("spark.files", Form::List),
    ("spark.archives", Form::List),
    ("spark.submit.pyFiles", Form::List),
    ("spark.jars.ivySettings", Form::File),
    ("spark.metrics.conf", Form::File),
    ("spark.scheduler.allocation.file", Form::File),
    ("spark.pyspark.python", Form::Program),
    ("spark.pyspark.driver.python", Form::Program),
    ("spark.r.command", Form::Program),
    ("spark.driver.extraJavaOptions", Form::Options),
    ("spark.driver.defaultJavaOptions", Form::Options),
    ("spark.executor.extraJavaOptions", Form::Options),
];

/// Options of Java's that end with a file.
const OPTIONS: [&str; 4] = ["-javaagent:", "-agentpath:", "-Dlog4j2.configurationFile=", "-Dlog4j.configurationFile="];

/// Whether any setting names a file, so that the whole tree is worth having.
#[must_use]
pub fn names_paths(settings: &[(Located<String>, Located<String>)]) -> bool {
    settings.iter().any(|(key, value)| form(&key.value).is_some_and(|form| !paths(form, &value.value).is_empty()))
}

/// What became of the paths that settings name.
#[derive(Debug, Default)]
pub struct NamedPaths {
    /// Those that a layer brings.
    pub found: Vec<NamedPath>,
    /// A problem for each that none brings.
    pub problems: Vec<Problem>,
}

/// A path that a setting names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedPath {
    /// The setting.
    pub key: String,
    /// The absolute path; its last part may be a pattern.
    pub path: String,
    /// Names of the layers that hold it, or what it stands for.
    pub layers: BTreeSet<String>,
}

/// Looks for each path that a setting names. `home` is what relative paths begin at.
#[must_use]
pub fn named_paths(layers: &[LayerPlan], settings: &[(Located<String>, Located<String>)], home: &str) -> NamedPaths {
    let tree = Tree::of(layers);
    let mut named = NamedPaths::default();
    for (key, value) in settings {
        let Some(form) = form(&key.value) else { continue };
        for path in paths(form, &value.value) {
            match tree.look(&key.value, &path, home) {
                Ok(found) => named.found.extend(found),
                Err(problem) => named.problems.push(problem.at(&value.at, "not in the image")),
            }
        }
    }
    named
}

fn form(key: &str) -> Option<Form> {
    SETTINGS.iter().find(|(known, _)| *known == key).map(|(_, form)| *form)
}

/// A path of this image that a value names.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    /// As Spark has it, without scheme and fragment.
    text: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Anything,
    Directory,
    /// A directory with jars in it.
    Jars,
    /// The last part is a pattern.
    Pattern,
}

/// The paths that a value names; those of other file systems, and what only a shell could read, are passed over.
fn paths(form: Form, value: &str) -> Vec<Path> {
    let plain = |text: &str, what| Path { text: text.to_owned(), what };
    let pieces = |by: char| value.split(by).map(str::trim).filter(|piece| !piece.is_empty());
    let found: Vec<Path> = match form {
        Form::ClassPath => pieces(':')
            .map(|piece| match piece.strip_suffix('*') {
                Some(directory) if directory.is_empty() || directory.ends_with('/') => plain(directory, What::Jars),
                _ => plain(piece, What::Anything),
            })
            .collect(),
        Form::Directories => pieces(':').map(|piece| plain(piece, What::Directory)).collect(),
        Form::List => pieces(',').filter_map(local).map(|text| with_pattern(&text)).collect(),
        Form::File => local(value.trim()).map(|text| plain(&text, What::Anything)).into_iter().collect(),
        Form::Program => {
            Some(value.trim()).filter(|text| text.contains('/')).map(|t| plain(t, What::Anything)).into_iter().collect()
        }
        Form::Options => value.split_ascii_whitespace().filter_map(option).map(|t| plain(&t, What::Anything)).collect(),
    };
    // Variables and groups of names are for others to expand.
    found.into_iter().filter(|path| !path.text.contains(['$', '{', '[', '?'])).collect()
}

fn with_pattern(text: &str) -> Path {
    let what = if text.contains('*') { What::Pattern } else { What::Anything };
    Path { text: text.to_owned(), what }
}

/// The path of a URI of this machine's; none for those of other schemes.
fn local(uri: &str) -> Option<String> {
    let uri = uri.split('#').next().unwrap_or(uri);
    let path = match uri.split_once(':') {
        Some(("file" | "local", path)) => path,
        Some(_) => return None,
        None => uri,
    };
    // file:/a, file:///a
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

/// The file at the end of one of Java's options.
fn option(option: &str) -> Option<String> {
    let option = option.trim_matches(['"', '\'']);
    let value = OPTIONS.iter().find_map(|start| option.strip_prefix(start))?;
    let value = if option.starts_with("-D") { value } else { value.split('=').next().unwrap_or(value) };
    // Log4j looks a bare name up on the class path.
    if option.starts_with("-D") && !value.contains('/') { None } else { local(value) }
}

/// What all layers together look like.
struct Tree<'a> {
    /// What lies at a path and the name of its layer; the layer above wins.
    entries: BTreeMap<&'a ImagePath, (&'a Kind, &'a str)>,
}

impl<'a> Tree<'a> {
    fn of(layers: &'a [LayerPlan]) -> Self {
        let all = layers.iter().flat_map(|layer| layer.entries.iter().map(|entry| (layer.name.as_str(), entry)));
        Self { entries: all.map(|(layer, entry)| (&entry.path, (&entry.kind, layer))).collect() }
    }

    /// Where a path is; nothing where that cannot be told.
    fn look(&self, key: &str, path: &Path, home: &str) -> Result<Option<NamedPath>, Box<Problem>> {
        let absolute = if path.text.starts_with('/') { path.text.clone() } else { format!("{home}/{}", path.text) };
        let (directory, pattern) = match absolute.rsplit_once('/') {
            Some((directory, pattern)) if path.what == What::Pattern => (directory, pattern),
            _ => (absolute.as_str(), ""),
        };
        if directory.contains('*') {
            return Ok(None);
        }
        let problem = |message: String| Box::new(Problem::new(codes::PATH_MISSING, message));
        let Some(found) = self.resolve(directory) else {
            let problem = problem(format!("`{key}` names {absolute}, which is not in the image"));
            return Err(Box::new(self.remedy(*problem, &absolute)));
        };
        let entry = self.entries.get(&found);
        let is_directory = found.is_root() || entry.is_some_and(|(kind, _)| **kind == Kind::Directory);
        let layers = match path.what {
            What::Directory | What::Jars | What::Pattern if !is_directory => {
                return Err(problem(format!("`{key}` names {absolute}, which is no directory")));
            }
            What::Jars => &self.holders(&found, "*.jar") | &self.holders(&found, "*.JAR"),
            What::Pattern => self.holders(&found, pattern),
            What::Anything | What::Directory => entry.map(|(_, layer)| (*layer).to_owned()).into_iter().collect(),
        };
        match path.what {
            What::Jars if layers.is_empty() => {
                Err(problem(format!("`{key}` names the jars of {absolute}, and none is there")))
            }
            What::Pattern if layers.is_empty() => {
                Err(problem(format!("`{key}` names {absolute}, and nothing there is of that name")))
            }
            What::Jars => Ok(Some(NamedPath { key: key.to_owned(), path: format!("{absolute}*"), layers })),
            _ => Ok(Some(NamedPath { key: key.to_owned(), path: absolute, layers })),
        }
    }

    /// Tells where a file of that name is, or how it comes into the image.
    fn remedy(&self, problem: Problem, path: &str) -> Problem {
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let near = self.entries.keys().find(|other| !name.is_empty() && other.name() == name);
        let problem = problem.note("nothing in the image creates it before Spark starts");
        match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("copy it there with `[[app.copy]]`; if a volume brings it, allow it in `[lints]`"),
        }
    }

    /// Where a path leads, links followed; none where nothing is there.
    fn resolve(&self, path: &str) -> Option<ImagePath> {
        let mut pending: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut at = ImagePath::root();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at = at.parent().unwrap_or_else(ImagePath::root);
                    continue;
                }
                _ => {}
            }
            let next = at.join(&part).ok()?;
            match self.entries.get(&next)?.0 {
                Kind::Symlink(target) => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with('/') {
                        at = ImagePath::root();
                    }
                    pending.extend(target.split('/').rev().map(str::to_owned));
                }
                _ => at = next,
            }
        }
        Some(at)
    }

    /// The layers of what lies in a directory and has a name of that pattern.
    fn holders(&self, directory: &ImagePath, pattern: &str) -> BTreeSet<String> {
        let below = self.entries.range::<ImagePath, _>(directory..);
        let below = below.take_while(|(path, _)| path.as_str().starts_with(directory.as_str()));
        let within = below.filter(|(path, _)| path.parent().as_ref() == Some(directory));
        within.filter(|(path, _)| is_like(pattern, path.name())).map(|(_, (_, layer))| (*layer).to_owned()).collect()
    }
}

/// Whether a name is of a pattern, in which `*` stands for any letters.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::At;
    use crate::tree::{Entry, Source};

    fn layers() -> Vec<LayerPlan> {
        let path = |text: &str| ImagePath::new(text).unwrap();
        let file = |at: &str| Entry::file(path(at), 0o644, Source::Bytes(Vec::new()));
        let directory = |at: &str| Entry::directory(path(at), 0o755);
        let layer = |name: &str, entries| LayerPlan { name: name.to_owned(), entries };
        vec![
            layer("base", vec![directory("opt"), directory("usr"), directory("usr/lib"), directory("usr/lib/spark")]),
            layer("jars", vec![directory("usr/lib/spark/jars"), file("usr/lib/spark/jars/a-1.jar")]),
            layer(
                "app",
                vec![Entry::symlink(path("opt/spark"), "/usr/lib/spark"), directory("app"), file("app/x.conf")],
            ),
        ]
    }

    fn found(key: &str, value: &str) -> String {
        let located = |text: &str| Located { value: text.to_owned(), at: At::default() };
        let named = named_paths(&layers(), &[(located(key), located(value))], "/app");
        named.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_is_there_is_no_problem() {
        for (key, value) in [
            ("spark.driver.extraClassPath", "/opt/spark/jars/*:/opt/spark/jars/a-1.jar:/app"),
            ("spark.driver.extraLibraryPath", "/opt/spark/../spark/jars:/usr/lib"),
            ("spark.jars", "local:///opt/spark/jars/a-1.jar, file:/usr/lib/spark/jars/a-*.jar"),
            ("spark.jars", "abfss://c@a.example/x.jar,hdfs:/gone.jar"),
            ("spark.files", "x.conf#renamed,/app/x.conf"),
            ("spark.pyspark.python", "python3"),
            (
                "spark.driver.extraJavaOptions",
                "-Dx=/gone -Dlog4j2.configurationFile=x.properties -javaagent:/app/x.conf=a=b",
            ),
            ("spark.metrics.conf", "$SPARK_HOME/metrics"),
            ("spark.app.name", "/gone"),
        ] {
            assert_eq!(found(key, value), "", "{key} {value}");
        }
    }

    #[test]
    fn what_is_there_has_a_layer() {
        let located = |text: &str| Located { value: text.to_owned(), at: At::default() };
        let settings = [
            ("spark.driver.extraClassPath", "/opt/spark/jars/*:x.conf:/opt"),
            ("spark.jars", "local:/opt/spark/jars/a-*.jar,/gone"),
            ("spark.app.name", "/app"),
        ];
        let settings = settings.map(|(key, value)| (located(key), located(value)));
        let named = named_paths(&layers(), &settings, "/app").found.into_iter();
        let said: Vec<String> =
            named.map(|one| format!("{} {} {}", one.key, one.path, Vec::from_iter(one.layers).join(","))).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        spark.driver.extraClassPath /opt/spark/jars/* jars
        spark.driver.extraClassPath /app/x.conf app
        spark.driver.extraClassPath /opt base
        spark.jars /opt/spark/jars/a-*.jar jars
        ");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let cases = [
            ("spark.driver.extraClassPath", "/gone.jar:/app/*:/app/x.conf/*"),
            ("spark.driver.extraLibraryPath", "/app/x.conf"),
            ("spark.jars", "local:/opt/spark/jars/b-*.jar,sub/y.jar"),
            ("spark.driver.extraJavaOptions", "-javaagent:/opt/agent.jar=x -Dlog4j2.configurationFile=file:///x/l.xml"),
            ("spark.pyspark.python", "/usr/bin/python9"),
        ];
        let said: Vec<String> = cases.iter().map(|(key, value)| found(key, value)).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        `spark.driver.extraClassPath` names /gone.jar, which is not in the image; `spark.driver.extraClassPath` names the jars of /app/, and none is there; `spark.driver.extraClassPath` names /app/x.conf/, which is no directory
        `spark.driver.extraLibraryPath` names /app/x.conf, which is no directory
        `spark.jars` names /opt/spark/jars/b-*.jar, and nothing there is of that name; `spark.jars` names /app/sub/y.jar, which is not in the image
        `spark.driver.extraJavaOptions` names /opt/agent.jar, which is not in the image; `spark.driver.extraJavaOptions` names /x/l.xml, which is not in the image
        `spark.pyspark.python` names /usr/bin/python9, which is not in the image
        ");
    }

    #[test]
    fn names_of_patterns() {
        for (pattern, name, like) in [
            ("a*", "abc", true),
            ("*.jar", "x.jar", true),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "acb", false),
            ("a", "ab", false),
        ] {
            assert_eq!(is_like(pattern, name), like, "{pattern} {name}");
        }
    }
}

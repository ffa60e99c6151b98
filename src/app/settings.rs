//! Settings and variables that the code makes, by the rules of `[spark.conf]` and `[app] env`.

use std::ops::Range;

use crate::memory::MemoryPlan;
use crate::problem::codes::{app as codes, spark};
use crate::problem::{At, Problem};
use crate::profile::Located;
use crate::spark::{check_setting, check_variable};

use super::said::{What, When, Word};
use super::{App, weighed};

/// What Spark takes from a running session without a word, and without effect.
const SILENT: &[&str] = &["spark.default.parallelism", "spark.local.dir", "spark.master"];
/// Beginnings of settings of Spark's core, which a running session refuses.
const CORE: &[&str] = &[
    "spark.cores.",
    "spark.driver.",
    "spark.dynamicAllocation.",
    "spark.eventLog.",
    "spark.executor.",
    "spark.extraListeners",
    "spark.files",
    "spark.jars",
    "spark.kryo",
    "spark.locality.",
    "spark.memory.",
    "spark.network.",
    "spark.plugins",
    "spark.rpc.",
    "spark.scheduler.",
    "spark.serializer",
    "spark.shuffle.",
    "spark.submit.",
    "spark.task.",
    "spark.ui.",
];
/// Static settings of Spark SQL (`StaticSQLConf`).
const STATIC: &[&str] = &[
    "spark.sql.cache.serializer",
    "spark.sql.catalogImplementation",
    "spark.sql.extensions",
    "spark.sql.globalTempDatabase",
    "spark.sql.queryExecutionListeners",
    "spark.sql.streaming.streamingQueryListeners",
    "spark.sql.warehouse.dir",
];
/// Settings that make Spark resolve coordinates when it starts.
const RESOLVED: &[&str] = &["spark.jars.packages", "spark.jars.ivySettings", "spark.jars.repositories"];

pub(super) fn problems(app: &App<'_>) -> Vec<Problem> {
    let mut found = Findings { app, made: Vec::new(), problems: Vec::new() };
    for (file, sure, what) in app.mentions() {
        match what {
            What::Setting { when: When::Running, key, value } => {
                found.problems.extend(late(app, file, sure, key, value));
            }
            What::Setting { when: When::Start, key, value } => {
                found.made.push(Made::new(&app.at(file, &value.span), sure, &key.text, &value.text));
            }
            What::Variable { name, value, unless_set } => {
                let baked = app.request.environment.get(&name.text);
                // What is set already stays, and the baked value may be set again.
                if !(*unless_set && baked.is_some() || same(baked, value.as_ref())) {
                    found.variable(file, sure, name, value.as_ref());
                }
            }
            _ => {}
        }
    }
    let Findings { made, mut problems, .. } = found;
    for one in &made {
        problems.extend(downloads(one));
        for memory in app.request.plans {
            problems.extend(planned(app, one, &made, memory));
        }
    }
    problems
}

fn same(baked: Option<&String>, value: Option<&Word>) -> bool {
    let (Some(baked), Some(value)) = (baked, value) else { return false };
    baked.trim_end_matches('/') == value.text.trim_end_matches('/')
}

/// A setting made before the session.
struct Made {
    sure: bool,
    key: Located<String>,
    value: Located<String>,
}

impl Made {
    fn new(at: &At, sure: bool, key: &str, value: &str) -> Self {
        let located = |text: &str| Located { value: text.to_owned(), at: at.clone() };
        Self { sure, key: located(key), value: located(value) }
    }
}

/// What `[spark.conf]` would be told of it.
fn planned(app: &App<'_>, one: &Made, made: &[Made], memory: &MemoryPlan) -> Vec<Problem> {
    let profile = app.request.profile;
    // The plan's number of processors holds for these stars, too.
    if one.key.value == "spark.master" && matches!(one.value.value.trim(), "local[*]" | "local[*, 1]" | "local[*,1]") {
        return Vec::new();
    }
    let all: Vec<_> = profile
        .spark_conf
        .iter()
        .cloned()
        .chain(made.iter().map(|made| (made.key.clone(), made.value.clone())))
        .collect();
    let pinned = profile.memory.heap_mib.is_some();
    let found = check_setting(&one.key, &one.value, &all, pinned, memory);
    let problem = |problem: Problem| Problem { code: weighed(problem.code, one.sure), ..problem };
    found.into_iter().map(problem).collect()
}

/// A setting of a session that runs.
fn late(app: &App<'_>, file: usize, sure: bool, key: &Word, value: &Word) -> Option<Problem> {
    let text = key.text.as_str();
    let is_silent = SILENT.contains(&text);
    let is_refused = CORE.iter().any(|start| text.starts_with(start)) || STATIC.contains(&text);
    // These are read again by what they belong to.
    let is_live = text.starts_with("spark.scheduler.pool") || text.starts_with("spark.executorEnv.");
    if is_live || !is_silent && !is_refused {
        return None;
    }
    let (message, note) = if is_silent {
        (format!("`{text}` changes nothing in a session that runs"), "Spark takes it without a word")
    } else {
        (format!("a session that runs does not take `{text}`"), "Spark throws CANNOT_MODIFY_CONFIG, or its like")
    };
    let problem = Problem::new(weighed(spark::TOO_LATE, sure && is_refused), message);
    let problem = problem.at(&app.at(file, &key.span), "set here").note(note);
    Some(match text {
        "spark.driver.memory" => {
            problem.help("the heap is planned for the container: `[memory] heap-mib` pins another")
        }
        "spark.master" => problem.help("leave it out: tasks follow `target.aci.cpu`"),
        "spark.jars.packages" => problem.help(bake(&value.text)),
        _ => problem.help(format!("`[spark.conf] \"{text}\" = \"{}\"` bakes it", value.text)),
    })
}

/// Jars that are resolved when Spark starts.
fn downloads(one: &Made) -> Option<Problem> {
    let key = one.key.value.as_str();
    if !RESOLVED.contains(&key) || one.value.value.trim().is_empty() {
        return None;
    }
    let message = match key {
        "spark.jars.packages" => format!("Spark downloads {} whenever it starts", one.value.value),
        _ => format!("`{key}` is for jars that are downloaded whenever Spark starts"),
    };
    let problem = Problem::new(weighed(codes::DOWNLOADS, one.sure), message).at(&one.value.at, "set here");
    let problem =
        problem.note("it needs the network and a Maven repository at every start, and nothing is locked or verified");
    Some(match key {
        "spark.jars.packages" => problem.help(bake(&one.value.value)),
        _ => problem.help("name the jars in `[maven] jars`, and leave it out"),
    })
}

/// The line that bakes coordinates.
fn bake(coordinates: &str) -> String {
    let list = coordinates.split(',').map(str::trim).filter(|coordinate| !coordinate.is_empty());
    let list: Vec<String> = list.map(|coordinate| format!("\"{coordinate}\"")).collect();
    format!("`[maven] jars = [{}]` bakes what is needed; leave it out here", list.join(", "))
}

/// What the code makes, and what is wrong with it.
struct Findings<'a> {
    app: &'a App<'a>,
    made: Vec<Made>,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn variable(&mut self, file: usize, sure: bool, name: &Word, value: Option<&Word>) {
        let at = self.app.at(file, value.map_or(&name.span, |value| &value.span));
        match (name.text.as_str(), value) {
            ("PYSPARK_SUBMIT_ARGS", Some(value)) => self.submit_arguments(&at, sure, &value.text),
            ("PYSPARK_PYTHON", Some(value)) => self.interpreter(&at, sure, &value.text),
            (key, value) => {
                let located = Located { value: value.map_or(String::new(), |value| value.text.clone()), at };
                let problem = check_variable(key, &located);
                self.problems
                    .extend(problem.map(|problem| Problem { code: weighed(codes::VARIABLE, sure), ..problem }));
            }
        }
    }

    /// A Python for Spark's workers that is not the image's.
    fn interpreter(&mut self, at: &At, sure: bool, value: &str) {
        let path = value.strip_prefix('/').map_or_else(|| format!("usr/bin/{value}"), str::to_owned);
        if self.app.image.is_none_or(|image| image.is_file(&path)) {
            return;
        }
        let message = format!("PYSPARK_PYTHON names {value}, which is not in the image");
        let problem = Problem::new(weighed(codes::VARIABLE, sure), message).at(at, "set here");
        self.problems.push(problem.help("leave it out: the image sets it to /usr/bin/python3"));
    }

    /// What `spark-submit` is told by PYSPARK_SUBMIT_ARGS.
    fn submit_arguments(&mut self, at: &At, sure: bool, value: &str) {
        let words = shell_words(value);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let (flag, joined) =
                word.split_once('=').map_or((word.as_str(), None), |(flag, value)| (flag, Some(value)));
            let Some(key) = flag_key(flag) else { continue };
            let Some(argument) = joined.or_else(|| rest.next().map(String::as_str)) else { continue };
            let setting = match key {
                "" => argument.split_once('='),
                key => Some((key, argument)),
            };
            self.made.extend(setting.map(|(key, value)| Made::new(at, sure, key, value)));
        }
        if words.last().is_none_or(|last| last != "pyspark-shell") {
            let message = "PYSPARK_SUBMIT_ARGS does not end with `pyspark-shell`";
            let problem = Problem::new(weighed(codes::VARIABLE, sure), message).at(at, "set here");
            let problem = problem
                .note("spark-submit then has no application to start, and the gateway exits before it sends its port");
            self.problems.push(problem.help("leave it out: what it says belongs into the profile"));
        }
    }
}

/// The setting that a flag of `spark-submit` makes; empty for `--conf`, which names its own.
fn flag_key(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "--conf" | "-c" => "",
        "--master" => "spark.master",
        "--deploy-mode" => "spark.submit.deployMode",
        "--driver-memory" => "spark.driver.memory",
        "--driver-java-options" => "spark.driver.extraJavaOptions",
        "--driver-class-path" => "spark.driver.extraClassPath",
        "--executor-memory" => "spark.executor.memory",
        "--executor-cores" => "spark.executor.cores",
        "--num-executors" => "spark.executor.instances",
        "--packages" => "spark.jars.packages",
        "--repositories" => "spark.jars.repositories",
        "--jars" => "spark.jars",
        "--files" => "spark.files",
        "--py-files" => "spark.submit.pyFiles",
        _ => return None,
    })
}

/// A text as `shlex.split` has it, which PySpark uses.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.get_or_insert_default().push(letter),
            (_, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Settings that name files, each with the text's place: for the rule of paths.
pub(super) fn paths<'a>(app: &App<'a>) -> Vec<(usize, bool, &'a str, &'a str, &'a Range<usize>)> {
    let of = |(file, sure, what): (usize, bool, &'a What)| match what {
        What::Setting { when: When::Start, key, value } => {
            Some((file, sure, key.text.as_str(), value.text.as_str(), &value.span))
        }
        What::Path(word) => Some((file, sure, "", word.text.as_str(), &word.span)),
        _ => None,
    };
    app.mentions().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_a_shell_splits_them() {
        for (text, expected) in [
            ("--packages a:b:1 pyspark-shell", "--packages|a:b:1|pyspark-shell"),
            (r#"--conf "spark.x=a b" --conf spark.y='c d' x"#, "--conf|spark.x=a b|--conf|spark.y=c d|x"),
            (r"a\ b  c", "a b|c"),
            ("'' \"", "|"),
            ("", ""),
        ] {
            assert_eq!(shell_words(text).join("|"), expected, "{text}");
        }
    }
}

//! Files that the code hands to Spark, by their paths.

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::problem::codes::spark::PATH_MISSING;

use super::reach::parent;
use super::{App, Image, settings, weighed};

/// Where relative paths start.
const HOME: &str = "home/spark";

pub(super) fn problems(app: &App<'_>) -> Vec<Problem> {
    let Some(image) = app.image else { return Vec::new() };
    let mut problems = Vec::new();
    let mut told = BTreeSet::new();
    for (file, sure, key, text, span) in settings::paths(app) {
        let separator = match key {
            "spark.jars" | "spark.files" | "spark.submit.pyFiles" | "spark.archives" => ',',
            "spark.driver.extraClassPath" => ':',
            // `addFile`, `addPyFile`
            "" => '\0',
            _ => continue,
        };
        for entry in text.split(separator).map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some(missing) = missing(entry, image) else { continue };
            if !told.insert((file, span.start, entry)) {
                continue;
            }
            let sure = sure && missing.sure;
            let message = format!("{entry} is not in the image");
            let problem = Problem::new(weighed(PATH_MISSING, sure), message).at(&app.at(file, span), "named here");
            problems.push(advice(problem, &missing, key));
        }
    }
    problems
}

/// A path that is not there.
struct Missing {
    path: String,
    /// Whether it cannot come from a volume.
    sure: bool,
    /// A file of the same name elsewhere.
    twin: Option<String>,
}

fn missing(entry: &str, image: &Image) -> Option<Missing> {
    let local = ["file://", "file:", "local:"].iter().find_map(|scheme| entry.strip_prefix(scheme)).unwrap_or(entry);
    if local.contains("://") || local.contains("${") {
        return None;
    }
    let local = local.split('#').next().unwrap_or(local);
    let path = local.strip_prefix('/').map_or_else(|| format!("{HOME}/{local}"), str::to_owned);
    let is_relative = !local.starts_with('/');
    let (path, wild) = match path.strip_suffix("/*").or_else(|| path.strip_suffix("/*.jar")) {
        Some(directory) => (directory.to_owned(), true),
        None => (path, false),
    };
    if image.has(&path) {
        return None;
    }
    let directory = if wild { path.as_str() } else { parent(&path) };
    let sure = !is_relative && image.is_directory(directory);
    let twin = image.named(path.rsplit('/').next().unwrap_or(&path)).map(|twin| format!("/{twin}"));
    Some(Missing { path: format!("/{path}"), sure, twin })
}

fn advice(problem: Problem, missing: &Missing, key: &str) -> Problem {
    let problem = if missing.sure {
        match key {
            "spark.jars" | "spark.driver.extraClassPath" => {
                problem.note("Spark warns and goes on; its classes are missed when they are first used")
            }
            _ => problem.note("Spark ends with FileNotFoundException"),
        }
    } else {
        problem.note(format!("unless {} comes with a volume, or is made before Spark starts", missing.path))
    };
    match (&missing.twin, key) {
        (Some(twin), _) => problem.help(format!("there is {twin}")),
        (None, "spark.jars" | "spark.driver.extraClassPath") => {
            problem.help("jars in `[maven] jars` and `[maven] files` are on the class path without any setting")
        }
        _ => problem.help("an `[[app.copy]]` brings it"),
    }
}

//! Which files the image's command runs, and which directories that makes Python look into.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::ImagePath;

use super::File;
use super::program::{Program, under};
use super::said::{Mention, What};

/// Where a command runs that changes no directory.
const HOME: &str = "home/spark";
/// Files of a name that tests have, by the custom of pytest.
const TESTS: &[&str] = &["test", "tests", "testing"];

/// What the command says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// Files that run; empty where the command names none of the app's.
    pub(super) roots: Vec<usize>,
    /// Directories of the app that Python looks for modules in.
    pub(super) directories: Vec<String>,
}

/// Reads a command, also one for a shell; `environment` is what the image bakes.
pub(super) fn start(command: &[&str], files: &[File], environment: &BTreeMap<String, String>) -> Start {
    let mut start = Start::default();
    let mut path: Vec<String> = environment.get("PYTHONPATH").map(|path| directories(path)).unwrap_or_default();
    let mut here = vec![HOME.to_owned()];
    let mut modules = Vec::new();
    let words = command.iter().flat_map(|word| word.split([' ', '\t', '\n', ';', '&', '|', '"', '\'', '(', ')']));
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        match word {
            "cd" | "--chdir" => here.extend(words.peek().and_then(|word| image_path(word))),
            "-m" => modules.extend(words.peek().map(|module| (*module).to_owned())),
            _ => {
                if let Some(value) = word.strip_prefix("PYTHONPATH=") {
                    path.extend(directories(value));
                } else if std::path::Path::new(word).extension().is_some_and(|extension| extension == "py") {
                    start.roots.extend(script(word, &here, files));
                } else if let Some((module, _)) = word.split_once(':').filter(|(module, _)| !module.contains('/')) {
                    // `gunicorn package.module:app`
                    modules.push(module.to_owned());
                }
            }
        }
    }
    for root in &start.roots {
        let directory = files.get(*root).map_or("", |file| parent(file.path.as_str()));
        push(&mut start.directories, directory.to_owned());
    }
    for directory in path {
        push(&mut start.directories, directory);
    }
    for module in modules {
        let below = module.replace('.', "/");
        let named = |file: &File, directory: &str| {
            let whole = under(directory, &below);
            [".py", "/__main__.py", "/__init__.py"].iter().any(|end| *file.path.as_str() == format!("{whole}{end}"))
        };
        for directory in here.iter().chain(&start.directories).cloned().collect::<Vec<_>>() {
            let found: Vec<usize> =
                (0..files.len()).filter(|at| files.get(*at).is_some_and(|f| named(f, &directory))).collect();
            if !found.is_empty() {
                start.roots.extend(found);
                push(&mut start.directories, directory);
            }
        }
    }
    start.roots.sort_unstable();
    start.roots.dedup();
    start
}

/// The script that a word of the command names.
fn script(word: &str, here: &[String], files: &[File]) -> Option<usize> {
    let find = |path: &str| files.iter().position(|file| file.path.as_str() == path);
    if let Some(path) = word.strip_prefix('/') {
        return find(path);
    }
    here.iter().rev().find_map(|directory| find(&under(directory, word.trim_start_matches("./"))))
}

fn image_path(word: &str) -> Option<String> {
    word.strip_prefix('/').map(|path| path.trim_end_matches('/').to_owned())
}

fn directories(path: &str) -> Vec<String> {
    path.split(':').filter_map(image_path).collect()
}

fn push(list: &mut Vec<String>, directory: String) {
    if !list.contains(&directory) {
        list.push(directory);
    }
}

/// The directory of a path.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Every directory of the app that holds Python files, and those above them, the files' own first.
pub(super) fn all_directories(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        push(&mut found, parent(file.path.as_str()).to_owned());
    }
    for file in files {
        let mut directory = parent(file.path.as_str());
        while directory.len() > file.below.len() {
            directory = parent(directory);
            push(&mut found, directory.to_owned());
        }
    }
    found
}

/// Whether a file is a test's, by its name or a directory's below the copy.
pub(super) fn is_test(file: &File) -> bool {
    let path = file.path.as_str().strip_prefix(&file.below).unwrap_or(file.path.as_str());
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.trim_end_matches(".py");
    name == "conftest"
        || name.starts_with("test_")
        || name.ends_with("_test")
        || above.split('/').any(|part| TESTS.contains(&part))
}

/// Directories that hold installed packages, each with its slash: what a `.dist-info` lies in.
pub(super) fn vendored(copied: &[ImagePath]) -> Vec<String> {
    let mut found = Vec::new();
    for path in copied {
        let info = path.as_str().find(".dist-info/").and_then(|end| path.as_str().get(..end));
        if let Some((directory, _)) = info.and_then(|info| info.rsplit_once('/')) {
            push(&mut found, format!("{directory}/"));
        }
    }
    found
}

/// The files that run with these, and what each of them says.
pub(super) fn reached(
    roots: &[usize],
    said: &[Vec<Mention>],
    program: &Program<'_>,
    files: &[File],
) -> BTreeSet<usize> {
    let mut reached: BTreeSet<usize> = roots.iter().copied().collect();
    let mut pending: Vec<usize> = roots.to_vec();
    while let Some(file) = pending.pop() {
        for mention in said.get(file).into_iter().flatten() {
            for next in leads_to(&mention.what, file, program, files) {
                if reached.insert(next) {
                    pending.push(next);
                }
            }
        }
    }
    reached
}

fn leads_to(what: &What, from: usize, program: &Program<'_>, files: &[File]) -> Vec<usize> {
    match what {
        What::Import(import) => {
            let mut found = Vec::new();
            let parts: Vec<&str> = import.module.text.split('.').collect();
            // A package runs before what is in it.
            for end in 1..=parts.len() {
                found.extend(parts.get(..end).and_then(|parts| program.module(&parts.join("."), from)));
            }
            let below = |name: &String| program.module(&super::names::joined(&import.module.text, name), from);
            found.extend(import.names.iter().filter_map(below));
            found
        }
        What::Path(word) => {
            let path = word.text.trim_start_matches("file://").trim_start_matches('/');
            files.iter().position(|file| file.path.as_str() == path).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::file;

    #[test]
    fn commands_start_files_and_name_directories() {
        let files = ["app/main.py", "app/pkg/__init__.py", "app/pkg/job.py", "app/pkg/__main__.py", "lib/x.py"]
            .map(|path| file(path, ""));
        let told = |command: &[&str], path: &str| {
            let environment = [("PYTHONPATH".to_owned(), path.to_owned())].into();
            let start = start(command, &files, &environment);
            format!("{:?} {}", start.roots, start.directories.join(" "))
        };
        for (command, path, expected) in [
            (&["python3", "/app/main.py"][..], "", "[0] app"),
            (&["sh", "-c", "cd /app && python3 main.py"], "", "[0] app"),
            (&["sh", "-c", "cd '/app' && python3 -m pkg.job"], "", "[2] app"),
            (&["python3", "-m", "pkg.job"], "", "[] "),
            (&["python3", "-m", "pkg"], "/app:/lib", "[1, 3] app lib"),
            (&["sh", "-c", "PYTHONPATH=/lib python3 /app/pkg/job.py"], "", "[2] app/pkg lib"),
            (&["gunicorn", "--chdir", "/app", "pkg.job:app"], "", "[2] app"),
            (&["spark-submit", "--py-files", "/lib/x.py", "/app/main.py"], "", "[0, 4] lib app"),
            (&["python3", "/elsewhere.py"], "", "[] "),
        ] {
            assert_eq!(told(command, path), expected, "{command:?}");
        }
        for (path, expected) in
            [("app/tests/a.py", true), ("app/test_a.py", true), ("app/conftest.py", true), ("app/contest.py", false)]
        {
            assert_eq!(is_test(&file(path, "")), expected, "{path}");
        }
    }
}

//! Imports that the image cannot serve.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::problem::Problem;
use crate::problem::codes::app as codes;

use super::names::joined;
use super::program::path_of;
use super::said::{Import, What};
use super::search::{self, Found, Search};
use super::{App, nearest, weighed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Modules {
    distributions: BTreeMap<String, String>,
}

static MODULES: LazyLock<Option<Modules>> = LazyLock::new(|| toml::from_str(include_str!("facts/modules.toml")).ok());

pub(super) fn problems(app: &App<'_>) -> Vec<Problem> {
    let Some(image) = app.image else { return Vec::new() };
    let python = &app.request.stack.python;
    let narrow = Looked::new(Search { image, python, directories: app.narrow });
    let wide = Looked::new(Search { image, python, directories: app.wide });
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for (file, sure, what) in app.mentions() {
        let What::Import(import) = what else { continue };
        // What nothing runs may be for the workshop: `setup.py`, documentation, scripts.
        if import.optional || !app.reached.contains(&file) {
            continue;
        }
        let sure = sure && app.known;
        for (module, found) in missing(import, &wide) {
            if told.insert((file, module.clone())) {
                let problem = problem(app, file, import, &module, &found, sure);
                problems.push(help(problem, &module, &found, &wide.search));
            }
        }
        // There, and not where the command makes Python look.
        let module = &import.module.text;
        if app.exact
            && sure
            && missing(import, &wide).is_empty()
            && !missing(import, &narrow).is_empty()
            && told.insert((file, module.clone()))
        {
            problems.push(hidden(app, file, import, &wide.search));
        }
    }
    problems
}

/// A search that remembers: an app imports the same modules again and again.
struct Looked<'i> {
    search: Search<'i>,
    /// What was found, and whether it has nothing but modules.
    known: RefCell<BTreeMap<String, (Found, bool)>>,
}

impl<'i> Looked<'i> {
    fn new(search: Search<'i>) -> Self {
        Self { search, known: RefCell::default() }
    }

    fn find(&self, module: &str) -> (Found, bool) {
        if let Some(known) = self.known.borrow().get(module) {
            return known.clone();
        }
        let found = self.search.find(module);
        let is_namespace = found == Found::Yes && self.search.is_namespace(module);
        self.known.borrow_mut().insert(module.to_owned(), (found.clone(), is_namespace));
        (found, is_namespace)
    }
}

/// The modules of an import that are not there.
fn missing(import: &Import, looked: &Looked<'_>) -> Vec<(String, Found)> {
    let module = &import.module.text;
    match looked.find(module) {
        // What a namespace has is modules.
        (Found::Yes, true) => {
            let below = import.names.iter().filter(|name| *name != "*").map(|name| joined(module, name));
            below
                .map(|name| (looked.find(&name).0, name))
                .filter(|(found, _)| *found != Found::Yes)
                .map(|(f, n)| (n, f))
                .collect()
        }
        (Found::Yes, false) => Vec::new(),
        (found, _) => vec![(module.clone(), found)],
    }
}

fn problem(app: &App<'_>, file: usize, import: &Import, module: &str, found: &Found, sure: bool) -> Problem {
    let python = &app.request.stack.python;
    let shown = path_of(module).map_or_else(|| module.to_owned(), |path| format!("/{path}"));
    let (message, sure) = match found {
        Found::Within { parent, sure: known } if path_of(module).is_none() => {
            let last = module.strip_prefix(parent.as_str()).unwrap_or(module).trim_start_matches('.');
            (format!("`{parent}` is in the image and has no module `{last}`"), sure && *known)
        }
        Found::Within { .. } => (format!("there is no `{shown}`"), sure),
        Found::Gone(since) => (format!("Python {since} removed `{shown}`, and the image has Python {python}"), sure),
        Found::Later(since) => {
            (format!("`{shown}` comes with Python {since}, and the image has Python {python}"), sure)
        }
        Found::Elsewhere => (format!("Python has `{shown}` on other systems alone"), sure),
        Found::Package(package) => (format!("Debian keeps `{shown}` in a package of its own, {package}"), sure),
        Found::Yes | Found::Nowhere => (format!("no module `{shown}` is in the image"), sure),
    };
    Problem::new(weighed(codes::MODULE, sure), message).at(&app.at(file, &import.module.span), "imported here")
}

/// What to do about it.
fn help(problem: Problem, module: &str, found: &Found, search: &Search<'_>) -> Problem {
    let top = module.split('.').next().unwrap_or(module);
    match found {
        Found::Package(package) => return problem.help(format!("`[debian] packages = [\"{package}\"]`")),
        Found::Gone(_) => {
            return match search::instead(top) {
                Some(other) => problem.help(format!("instead: {other}")),
                None => problem,
            };
        }
        Found::Elsewhere => {
            return problem.help("import it where `sys.platform` says so, or with a handler for ImportError");
        }
        Found::Later(since) => {
            return problem.help(format!("`[stack] python = \"{since}\"`, or import it where it is there"));
        }
        _ => {}
    }
    if path_of(module).is_some() {
        return problem.help("a relative import counts from the file's own package");
    }
    if let Some(distribution) = distribution(module) {
        return problem.help(format!("`[python] requirements = [\"{distribution}\"]`"));
    }
    match found {
        Found::Within { parent, .. } => {
            let siblings = siblings(parent, search);
            match nearest(module.rsplit('.').next().unwrap_or(module), siblings.iter()) {
                Some(near) => problem.help(format!("did you mean `{parent}.{near}`?")),
                None => problem,
            }
        }
        _ => match nearest(top, search.tops().iter()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("`[python] requirements = [\"{top}\"]`, if that is the name of its distribution; a module of your own belongs below an `[[app.copy]]`")),
        },
    }
}

/// Modules beside the one that is missing.
fn siblings(parent: &str, search: &Search<'_>) -> Vec<String> {
    let below = parent.replace('.', "/");
    let python = search.python;
    let site = format!("usr/local/lib/python{python}/dist-packages");
    let library = format!("usr/lib/python{python}");
    let places = search.directories.iter().chain([&site, &library]);
    let mut names: Vec<String> = Vec::new();
    for place in places {
        let directory = super::program::under(place, &below);
        names.extend(
            search.image.beginning(&directory, "").map(|file| file.split('.').next().unwrap_or(file).to_owned()),
        );
    }
    names.sort();
    names.dedup();
    names
}

/// The distribution that brings a module under another name.
fn distribution(module: &str) -> Option<&'static str> {
    let known = &MODULES.as_ref()?.distributions;
    let mut name = module;
    loop {
        if let Some(distribution) = known.get(name) {
            return Some(distribution);
        }
        name = name.rsplit_once('.')?.0;
    }
}

/// A module of the app that Python does not look for where it lies.
fn hidden(app: &App<'_>, file: usize, import: &Import, wide: &Search<'_>) -> Problem {
    let module = &import.module.text;
    let top = module.split('.').next().unwrap_or(module);
    let holds = |directory: &&String| {
        let one = [(*directory).clone()];
        Search { directories: &one, ..*wide }.find(top) == Found::Yes
    };
    let directory = app.wide.iter().find(holds).map_or("", String::as_str);
    let narrow: Vec<String> = app.narrow.iter().map(|directory| format!("/{directory}")).collect();
    Problem::new(codes::MODULE, format!("`{module}` lies in /{directory}, where Python does not look for it"))
        .at(&app.at(file, &import.module.span), "imported here")
        .note(format!("the command makes Python look in {} and where packages are installed", narrow.join(", ")))
        .help(format!("`[app] env = {{ PYTHONPATH = \"/{directory}\" }}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_by_the_longest_module() {
        assert!(MODULES.is_some());
        assert_eq!(distribution("sklearn.linear_model"), Some("scikit-learn"));
        assert_eq!(distribution("google.cloud.storage.blob"), Some("google-cloud-storage"));
        assert_eq!(distribution("google.cloud"), None);
    }
}

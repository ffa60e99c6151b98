//! All files of the app side by side: their trees, and which of them a dotted name means.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ruff_python_ast::{PythonVersion, Stmt};

use super::File;
use super::names::Names;

/// A file that parses.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) body: &'a [Stmt],
    pub(super) names: Names<'a>,
}

/// The app.
pub(super) struct Program<'a> {
    /// The target's Python.
    pub(super) python: PythonVersion,
    /// What the image bakes of the environment.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// By the number of the file.
    trees: Vec<Option<Tree<'a>>>,
    packages: &'a [String],
    /// Number of a file by its path.
    by_path: BTreeMap<&'a str, usize>,
    /// Directories that modules are looked for in, those of the app.
    directories: &'a [String],
    /// Whether a file's own directory comes first: nobody knows which script runs.
    own_first: bool,
    /// Modules that were looked for.
    found: RefCell<BTreeMap<String, Option<usize>>>,
}

impl<'a> Program<'a> {
    /// `bodies` and `packages` are by the number of the file.
    pub(super) fn new(
        files: &'a [File],
        bodies: &[Option<&'a [Stmt]>],
        packages: &'a [String],
        (directories, own_first): (&'a [String], bool),
        environment: &'a BTreeMap<String, String>,
        python: PythonVersion,
    ) -> Self {
        let tree = |body: &'a [Stmt], package: &'a String| Tree { body, names: Names::of(body, package) };
        let both = bodies.iter().copied().zip(packages);
        let trees = both.map(|(body, package)| body.map(|body| tree(body, package))).collect();
        let by_path = files.iter().enumerate().map(|(number, file)| (file.path.as_str(), number)).collect();
        Self { python, environment, trees, packages, by_path, directories, own_first, found: RefCell::default() }
    }

    pub(super) fn tree(&self, file: usize) -> Option<&Tree<'a>> {
        self.trees.get(file)?.as_ref()
    }

    /// The package that the file's relative imports start from.
    pub(super) fn package(&self, file: usize) -> &'a str {
        self.packages.get(file).map_or("", String::as_str)
    }

    /// The file that a module of the app stands in, as seen from another.
    pub(super) fn module(&self, dotted: &str, from: usize) -> Option<usize> {
        let find = |path: String| {
            let module = self.by_path.get(format!("{path}.py").as_str());
            module.or_else(|| self.by_path.get(format!("{path}/__init__.py").as_str())).copied()
        };
        if let Some(path) = path_of(dotted) {
            return find(path);
        }
        let below = dotted.replace('.', "/");
        if let Some(directory) = path_of(self.package(from)).filter(|_| self.own_first)
            && let Some(file) = find(under(&directory, &below))
        {
            return Some(file);
        }
        if let Some(known) = self.found.borrow().get(dotted) {
            return *known;
        }
        let found = self.directories.iter().find_map(|directory| find(under(directory, &below)));
        self.found.borrow_mut().insert(dotted.to_owned(), found);
        found
    }
}

/// What a dot in a directory's name becomes in a dotted path from the root.
const DOT: &str = "\u{1}";

/// A directory of the image as a dotted path from the root, which begins with a dot.
pub(super) fn dotted(directory: &str) -> String {
    format!(".{}", directory.replace('.', DOT).replace('/', "."))
}

/// The path that a dotted path from the root means; `None` for a name that is looked for.
pub(super) fn path_of(dotted: &str) -> Option<String> {
    let below = dotted.strip_prefix('.')?;
    Some(below.trim_start_matches('.').replace('.', "/").replace(DOT, "."))
}

/// A path below a directory of the image.
pub(super) fn under(directory: &str, below: &str) -> String {
    if directory.is_empty() { below.to_owned() } else { format!("{directory}/{below}") }
}

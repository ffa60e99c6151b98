//! Where Python looks for modules in the image, and what it finds there.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::image::Image;
use super::program::{path_of, under};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    names: Vec<String>,
    elsewhere: Vec<String>,
    change: Vec<Change>,
    debian: BTreeMap<String, String>,
    instead: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    python: String,
    new: Vec<String>,
    gone: Vec<String>,
}

static LIBRARY: LazyLock<Option<Library>> = LazyLock::new(|| toml::from_str(include_str!("facts/stdlib.toml")).ok());

/// Python's path in the image.
pub(super) struct Search<'i> {
    pub(super) image: &'i Image,
    /// Minor of the target: `3.11`.
    pub(super) python: &'i str,
    /// Directories of the app, in their order.
    pub(super) directories: &'i [String],
}

/// What lies at a name within a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Package,
    Module,
    /// A directory without `__init__`, which may have parts elsewhere.
    Namespace,
}

/// What became of a dotted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Yes,
    /// Nothing at the path entries has the first part.
    Nowhere,
    /// The first parts are there, and that one is not in them; whether it cannot come to be as the code runs.
    Within {
        parent: String,
        sure: bool,
    },
    /// Python had it, up to that version.
    Gone(String),
    /// Python gets it with that version.
    Later(String),
    /// Python has it on other systems.
    Elsewhere,
    /// Debian has it in a package of its own.
    Package(String),
}

impl Search<'_> {
    /// Looks for a dotted module; one with a leading dot lies at a path from the root.
    pub(super) fn find(&self, dotted: &str) -> Found {
        if let Some(path) = path_of(dotted) {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let there = path.is_empty() || self.image.is_directory(&path) || self.at(directory, name).is_some();
            let parent = directory.to_owned();
            return if there { Found::Yes } else { Found::Within { parent, sure: true } };
        }
        let (top, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
        let directories = self.directories.iter().map(|directory| (directory.clone(), true));
        let system = self.system().map(|directory| (directory, false));
        let mut parts: Vec<(String, bool)> = Vec::new();
        for (directory, own) in directories.chain(system) {
            match self.at(&directory, top) {
                Some(Kind::Namespace) => parts.push((under(&directory, top), own)),
                Some(kind) => return self.descend(kind, &under(&directory, top), top, rest, own),
                None => {}
            }
        }
        if let Some(found) = self.library(top) {
            return found;
        }
        if parts.is_empty() {
            return Found::Nowhere;
        }
        let paths: Vec<String> = parts.iter().map(|(path, _)| path.clone()).collect();
        self.among(&paths, top, rest)
    }

    /// Where Debian's Python looks by itself.
    fn system(&self) -> impl Iterator<Item = String> {
        let python = self.python;
        [
            format!("usr/lib/python{python}"),
            format!("usr/lib/python{python}/lib-dynload"),
            format!("usr/local/lib/python{python}/dist-packages"),
            "usr/lib/python3/dist-packages".to_owned(),
        ]
        .into_iter()
    }

    /// The rest of a dotted name within a package or module.
    fn descend(&self, kind: Kind, path: &str, name: &str, rest: &str, own: bool) -> Found {
        let (next, after) = rest.split_once('.').unwrap_or((rest, ""));
        if next.is_empty() {
            return Found::Yes;
        }
        let within = |sure| Found::Within { parent: name.to_owned(), sure };
        match kind {
            // Only the app's own modules and Python's say all that they have.
            Kind::Module if own => within(true),
            Kind::Module => Found::Yes,
            Kind::Namespace | Kind::Package => {
                if let Some(kind) = self.at(path, next) {
                    return self.descend(kind, &under(path, next), &format!("{name}.{next}"), after, own);
                }
                let library = path.starts_with(&format!("usr/lib/python{}/", self.python));
                let known = own || library || name == "pyspark" || name.starts_with("pyspark.");
                debian(name).filter(|_| library).map_or_else(|| within(known), Found::Package)
            }
        }
    }

    /// The rest of a dotted name within the parts of a namespace.
    fn among(&self, parts: &[String], name: &str, rest: &str) -> Found {
        let (next, after) = rest.split_once('.').unwrap_or((rest, ""));
        if next.is_empty() {
            return Found::Yes;
        }
        let deeper = format!("{name}.{next}");
        let mut more = Vec::new();
        for part in parts {
            match self.at(part, next) {
                Some(Kind::Namespace) => more.push(under(part, next)),
                Some(kind) => return self.descend(kind, &under(part, next), &deeper, after, false),
                None => {}
            }
        }
        if more.is_empty() {
            return Found::Within { parent: name.to_owned(), sure: true };
        }
        self.among(&more, &deeper, after)
    }

    /// Whether a dotted name is a namespace: it has nothing but modules.
    pub(super) fn is_namespace(&self, dotted: &str) -> bool {
        let path = dotted.replace('.', "/");
        let places = || self.directories.iter().cloned().chain(self.system());
        let at = |directory: &String| {
            let whole = under(directory, &path);
            let (parent, name) = whole.rsplit_once('/').unwrap_or(("", &whole));
            self.at(parent, name)
        };
        path_of(dotted).is_none()
            && places().any(|directory| at(&directory) == Some(Kind::Namespace))
            && places().all(|directory| matches!(at(&directory), None | Some(Kind::Namespace)))
    }

    fn at(&self, directory: &str, name: &str) -> Option<Kind> {
        let path = under(directory, name);
        let is_file = |tail: &str| self.image.is_file(&format!("{path}{tail}"));
        if is_file("/__init__.py") || is_file("/__init__.pyc") || self.extension(&path, "__init__") {
            return Some(Kind::Package);
        }
        if is_file(".py") || is_file(".pyc") || self.extension(directory, name) {
            return Some(Kind::Module);
        }
        self.image.is_directory(&path).then_some(Kind::Namespace)
    }

    /// `name.so`, `name.abi3.so`, `name.cpython-311-x86_64-linux-gnu.so`
    fn extension(&self, directory: &str, name: &str) -> bool {
        let cpython = format!("cpython-{}", self.python.replace('.', ""));
        self.image.beginning(directory, &format!("{name}.")).any(|file| {
            let tag = file.strip_prefix(name).and_then(|rest| rest.strip_suffix("so"));
            tag.is_some_and(|tag| matches!(tag, "." | ".abi3.") || tag.starts_with(&format!(".{cpython}")))
        })
    }

    /// What Python's own list says of a top-level module that lies nowhere.
    fn library(&self, name: &str) -> Option<Found> {
        let library = LIBRARY.as_ref()?;
        let mut there = library.names.iter().any(|known| known == name);
        let mut gone = None;
        for change in &library.change {
            let reached = minor(&change.python) <= minor(self.python);
            if change.new.iter().any(|known| known == name) {
                if !reached {
                    return Some(Found::Later(change.python.clone()));
                }
                there = true;
            }
            if reached && change.gone.iter().any(|known| known == name) {
                (there, gone) = (false, Some(change.python.clone()));
            }
        }
        if name == "distutils" && self.site_has("_distutils_hack") {
            return Some(Found::Yes);
        }
        if let Some(since) = gone {
            return Some(Found::Gone(since));
        }
        if !there {
            return None;
        }
        if library.elsewhere.iter().any(|known| known == name) {
            return Some(Found::Elsewhere);
        }
        // What lies in no file is built in, unless Debian has taken it out.
        Some(debian(name).map_or(Found::Yes, Found::Package))
    }

    fn site_has(&self, name: &str) -> bool {
        self.system().any(|directory| self.at(&directory, name).is_some())
    }

    /// The top-level modules that there are, for a name that is close to one.
    pub(super) fn tops(&self) -> Vec<String> {
        let places = self.directories.iter().cloned().chain(self.system());
        let mut names: Vec<String> = Vec::new();
        for place in places {
            let here = self.image.beginning(&place, "");
            names.extend(here.map(|file| file.split('.').next().unwrap_or(file).to_owned()));
        }
        if let Some(library) = LIBRARY.as_ref() {
            names.extend(library.names.iter().cloned());
        }
        names.retain(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        names.sort();
        names.dedup();
        names
    }
}

/// The package that Debian keeps a module of Python's in.
fn debian(name: &str) -> Option<String> {
    let top = name.split('.').next().unwrap_or(name);
    LIBRARY.as_ref()?.debian.get(top).cloned()
}

/// What took a module's place.
pub(super) fn instead(name: &str) -> Option<&'static str> {
    LIBRARY.as_ref()?.instead.get(name).map(String::as_str)
}

fn minor(python: &str) -> Option<(u32, u32)> {
    let (major, minor) = python.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_can_be_read() {
        assert!(LIBRARY.as_ref().is_some_and(|library| library.names.len() > 250 && library.change.len() == 3));
    }

    #[test]
    fn modules_of_an_image() {
        let files = "app/main.py app/pkg/__init__.py app/pkg/a.py app/plain/b.py \
             usr/lib/python3.11/os.py usr/lib/python3.11/distutils/__init__.py usr/lib/python3.11/distutils/version.py \
             usr/lib/python3.11/concurrent/__init__.py usr/lib/python3.11/concurrent/futures/__init__.py \
             usr/lib/python3.11/lib-dynload/_bz2.cpython-311-x86_64-linux-gnu.so \
             usr/local/lib/python3.11/dist-packages/numpy/__init__.py \
             usr/local/lib/python3.11/dist-packages/google/cloud/storage/__init__.py \
             usr/local/lib/python3.11/dist-packages/google/api_core/__init__.py \
             usr/local/lib/python3.11/dist-packages/other.cpython-39-x86_64-linux-gnu.so \
             usr/lib/python3/dist-packages/apt_pkg.abi3.so usr/lib/python3/dist-packages/google/old.py \
             usr/local/lib/python3.11/dist-packages/pyspark/__init__.py \
             usr/local/lib/python3.11/dist-packages/pyspark/sql/__init__.py";
        let image = Image::new(files.split_whitespace().map(str::to_owned).collect(), BTreeMap::new(), Vec::new());
        let directories = ["app".to_owned()];
        let search = Search { image: &image, python: "3.11", directories: &directories };
        let within = |parent: &str, sure| Found::Within { parent: parent.to_owned(), sure };
        for (name, expected) in [
            ("main", Found::Yes),
            ("main.x", within("main", true)),
            ("pkg.a", Found::Yes),
            ("pkg.b", within("pkg", true)),
            ("plain.b", Found::Yes),
            ("plain", Found::Yes),
            ("plain.c", within("plain", true)),
            (".app.pkg.a", Found::Yes),
            (".app.pkg.c", within("app/pkg", true)),
            ("os.path", Found::Yes),
            ("sys", Found::Yes),
            ("concurrent.futures", Found::Yes),
            ("concurrent.past", within("concurrent", true)),
            ("_bz2", Found::Yes),
            ("distutils", Found::Yes),
            ("distutils.version", Found::Yes),
            ("distutils.core", Found::Package("python3-distutils".to_owned())),
            ("tkinter.ttk", Found::Package("python3-tk".to_owned())),
            ("tomllib", Found::Yes),
            ("binhex", Found::Gone("3.11".to_owned())),
            ("winreg", Found::Elsewhere),
            ("msilib.schema", Found::Elsewhere),
            ("numpy.linalg", within("numpy", false)),
            ("google.cloud.storage", Found::Yes),
            ("google.cloud.bigquery", within("google.cloud", true)),
            ("google.old", Found::Yes),
            ("pyspark.sql", Found::Yes),
            ("pyspark.sq", within("pyspark", true)),
            ("apt_pkg", Found::Yes),
            ("other", Found::Nowhere),
            ("pandas", Found::Nowhere),
        ] {
            assert_eq!(search.find(name), expected, "{name}");
        }
        assert!(search.is_namespace("google.cloud") && !search.is_namespace("numpy"));
        let older = Search { python: "3.10", ..search };
        assert_eq!(older.find("tomllib"), Found::Later("3.11".to_owned()));
    }
}

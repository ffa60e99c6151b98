//! `[[app.copy]]`: directories and files of the user's as layers.
//!
//! What must not leave the machine is left out and listed: version control, caches, environments
//! and `.env`. Modes are normalised, owners are root, times are the image's epoch, so a copy of the
//! same content in another checkout gives the same layer.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Error, Failure};
use crate::plan::LayerPlan;
use crate::problem::{Problem, codes};
use crate::profile::{Copy, Profile};
use crate::store::Store;
use crate::tree::{Entry, ImagePath, Source};

use super::Project;

/// Names that are never copied: version control, caches, virtual environments, secrets by custom.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".env",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
    ".DS_Store",
    ".idea",
    ".vscode",
    "*.pyc",
    ".env.*",
    ".envrc",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".ssh",
    ".aws",
    ".azure",
    ".kube",
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
];
/// Deeper than this is a loop or an attack.
const DEPTH_MAX: usize = 64;
/// More than this is not an app.
const ENTRIES_MAX: usize = 200_000;

/// The copies of a profile.
#[derive(Debug, Default)]
pub struct Copied {
    /// One layer a copy, in the profile's order.
    pub layers: Vec<LayerPlan>,
    /// Paths that were left out, as the profile would name them.
    pub left_out: Vec<String>,
}

/// Reads every `[[app.copy]]`; contents go to the store.
///
/// # Errors
/// A problem with a caret for each copy that cannot be made; [`Error`] where the store fails.
pub fn copies(project: &Project, profile: &Profile, store: &Store) -> Result<Copied, Failure> {
    let mut copied = Copied::default();
    let mut problems = Vec::new();
    for (i, copy) in profile.app.copies.iter().enumerate() {
        let mut entries = Vec::new();
        let mut take = |found: Found<'_>| {
            entries.push(match found {
                Found::Directory(to) => Entry::directory(to, 0o755),
                Found::Link(to, text) => Entry::symlink(to, text),
                Found::File { source, to, meta } => {
                    let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
                    let mut file = File::open(source).map_err(Error::read(source))?;
                    let (digest, size, _) = store.put(|out| io::copy(&mut file, out).map_err(Error::read(source)))?;
                    Entry::file(to, mode, Source::Blob { digest, size })
                }
            });
            Ok(())
        };
        match walk(project, copy, &mut take, &mut copied.left_out) {
            Ok(()) => {
                let name = if i == 0 { "app".to_owned() } else { format!("app-{}", i + 1) };
                copied.layers.push(LayerPlan { name, entries });
            }
            Err(Failure::Problems(more)) => problems.extend(more),
            Err(world) => return Err(world),
        }
    }
    if problems.is_empty() { Ok(copied) } else { Err(problems.into()) }
}

/// Something that a copy brings, with its path in the image.
pub(super) enum Found<'a> {
    Directory(ImagePath),
    Link(ImagePath, &'a str),
    File { source: &'a Path, to: ImagePath, meta: &'a fs::Metadata },
}

type Take<'a> = &'a mut dyn FnMut(Found<'_>) -> Result<(), Error>;

/// Hands over everything that a copy brings, and lists what it leaves out.
pub(super) fn walk(project: &Project, copy: &Copy, take: Take<'_>, left_out: &mut Vec<String>) -> Result<(), Failure> {
    Walk { copy, take, taken: 0, left_out }.run(project)
}

struct Walk<'a> {
    copy: &'a Copy,
    take: Take<'a>,
    taken: usize,
    left_out: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn run(&mut self, project: &Project) -> Result<(), Failure> {
        let from = &self.copy.from;
        let source = project.directory.join(&from.value);
        let to = self.copy.to.value.trim_start_matches('/').trim_end_matches('/');
        let to = ImagePath::new(to).map_err(|bad| self.problem(format!("`to` is no path of an image: {bad}")))?;
        let meta = fs::symlink_metadata(&source)
            .map_err(|error| self.problem(format!("cannot copy `{}`: {error}", from.value)))?;
        if meta.is_dir() {
            self.directory(&source, &to, 0)?;
        } else {
            self.leaf(&source, &to, &meta)?;
        }
        if self.taken == 0 {
            return Err(self.problem(format!("`{}` holds nothing to copy", from.value)).into());
        }
        Ok(())
    }

    fn take(&mut self, found: Found<'_>) -> Result<(), Error> {
        self.taken += 1;
        (self.take)(found)
    }

    fn problem(&self, message: String) -> Problem {
        Problem::new(codes::app::CANNOT_COPY, message).at(&self.copy.from.at, "copied from here")
    }

    fn directory(&mut self, source: &Path, to: &ImagePath, depth: usize) -> Result<(), Failure> {
        if depth > DEPTH_MAX || self.taken > ENTRIES_MAX {
            return Err(self
                .problem(format!(
                    "`{}` is deeper than {DEPTH_MAX} or larger than {ENTRIES_MAX} entries",
                    self.copy.from.value
                ))
                .into());
        }
        if !to.is_root() {
            self.take(Found::Directory(to.clone()))?;
        }
        let listed =
            fs::read_dir(source).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(Error::read(source))?;
        for entry in listed {
            let path = entry.path();
            let name = entry.file_name();
            let shown = || path.display().to_string();
            let Some(name) = name.to_str() else {
                return Err(self.problem(format!("the name of `{}` is not UTF-8", shown())).into());
            };
            if self.is_left_out(name) {
                self.left_out.push(shown());
                continue;
            }
            let below =
                to.join(name).map_err(|bad| self.problem(format!("`{}` cannot be in an image: {bad}", shown())))?;
            let meta = fs::symlink_metadata(&path).map_err(Error::read(&path))?;
            if meta.is_dir() {
                self.directory(&path, &below, depth + 1)?;
            } else {
                self.leaf(&path, &below, &meta)?;
            }
        }
        Ok(())
    }

    fn is_left_out(&self, name: &str) -> bool {
        let own = self.copy.exclude.iter().map(|pattern| pattern.value.as_str());
        LEFT_OUT.iter().copied().chain(own).any(|pattern| matches(pattern, name))
    }

    fn leaf(&mut self, source: &Path, to: &ImagePath, meta: &fs::Metadata) -> Result<(), Failure> {
        if meta.is_symlink() {
            let target = fs::read_link(source).map_err(Error::read(source))?;
            let inside = target.to_str().filter(|text| !text.starts_with('/') && stays_inside(text, to));
            let Some(text) = inside else {
                return Err(self
                    .problem(format!("the link `{}` leads out of what is copied", source.display()))
                    .into());
            };
            return Ok(self.take(Found::Link(to.clone(), text))?);
        }
        if !meta.is_file() {
            return Err(self.problem(format!("`{}` is neither file, directory nor link", source.display())).into());
        }
        Ok(self.take(Found::File { source, to: to.clone(), meta })?)
    }
}

/// Whether a relative link target, read from the directory of `at`, stays below the image's root.
fn stays_inside(target: &str, at: &ImagePath) -> bool {
    let mut depth = at.ancestors().count() - 1;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// A glob of one name: `*` stands for any run of characters, everything else for itself.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => {
            let Some(tail) = name.strip_prefix(head) else { return false };
            tail.char_indices().map(|(i, _)| i).chain([tail.len()]).any(|i| matches(rest, &tail[i..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, expected) in [
            (".git", ".git", true),
            (".git", ".gitignore", false),
            ("*.pyc", "a.pyc", true),
            ("*.pyc", "a.py", false),
            (".env.*", ".env.local", true),
            (".env.*", ".env", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn links_out_of_the_image_are_seen() {
        let at = ImagePath::new("app/x/link").unwrap();
        for (target, expected) in
            [("y", true), ("../y", true), ("../../y", true), ("../../../etc", false), ("a/../../../..", false)]
        {
            assert_eq!(stays_inside(target, &at), expected, "{target}");
        }
    }
}

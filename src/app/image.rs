//! What the image holds, as far as code can ask for it: [`Image`], kept as a text.

use std::collections::BTreeMap;

/// Symbolic links that are followed to reach a path.
const LINKS: usize = 16;

/// Paths, links and classes of everything in the image but the app's own copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Files and links, relative to the root, sorted.
    paths: Vec<String>,
    links: BTreeMap<String, String>,
    /// Names of the classes of all jars, with dots, sorted.
    classes: Vec<String>,
}

impl Image {
    /// An image of files, links with their targets, and classes.
    #[must_use]
    pub fn new(files: Vec<String>, links: BTreeMap<String, String>, mut classes: Vec<String>) -> Self {
        let mut paths = files;
        paths.extend(links.keys().cloned());
        paths.sort();
        paths.dedup();
        classes.sort();
        classes.dedup();
        Self { paths, links, classes }
    }

    /// As a text, a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let line = |path: &String| match self.links.get(path) {
            Some(target) => format!("l {path}\t{target}\n"),
            None => format!("f {path}\n"),
        };
        let classes = self.classes.iter().map(|class| format!("c {class}\n"));
        self.paths.iter().map(line).chain(classes).collect()
    }

    /// Reads [`Image::to_text`]; `None` where a line is of another kind.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut image = Self::default();
        for line in text.lines() {
            match line.split_once(' ')? {
                ("f", path) => image.paths.push(path.to_owned()),
                ("l", link) => {
                    let (path, target) = link.split_once('\t')?;
                    image.paths.push(path.to_owned());
                    image.links.insert(path.to_owned(), target.to_owned());
                }
                ("c", class) => image.classes.push(class.to_owned()),
                _ => return None,
            }
        }
        Some(image)
    }

    /// The image with further files in it: the app's own.
    pub(super) fn with(&self, files: impl Iterator<Item = String>) -> Self {
        Self::new(self.paths.iter().cloned().chain(files).collect(), self.links.clone(), self.classes.clone())
    }

    /// Whether a class is in some jar.
    pub(super) fn has_class(&self, name: &str) -> bool {
        self.classes.binary_search_by(|class| class.as_str().cmp(name)).is_ok()
    }

    /// Whether a path without leading slash is there, as a file or a directory.
    pub(super) fn has(&self, path: &str) -> bool {
        self.is_file(path) || self.is_directory(path)
    }

    pub(super) fn is_file(&self, path: &str) -> bool {
        self.resolved(path).is_some_and(|path| self.lists(&path))
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.resolved(path).is_some_and(|path| path.is_empty() || self.below(&path).next().is_some())
    }

    /// Names directly in a directory that begin so.
    pub(super) fn beginning(&self, directory: &str, start: &str) -> impl Iterator<Item = &str> {
        let prefix = match self.resolved(directory).as_deref() {
            None => "\0".to_owned(),
            Some("") => start.to_owned(),
            Some(path) => format!("{path}/{start}"),
        };
        let at = prefix.len().saturating_sub(start.len());
        let from = self.paths.partition_point(|path| path.as_str() < prefix.as_str());
        let names = self.paths.iter().skip(from).take_while(move |path| path.starts_with(&prefix));
        names.filter_map(move |path| path.get(at..)?.split('/').next())
    }

    /// The first file of that name.
    pub(super) fn named(&self, name: &str) -> Option<&String> {
        self.paths.iter().find(|path| path.rsplit('/').next() == Some(name))
    }

    fn below(&self, directory: &str) -> impl Iterator<Item = &String> {
        let prefix = format!("{directory}/");
        let from = self.paths.partition_point(|path| *path < prefix);
        self.paths.iter().skip(from).take_while(move |path| path.starts_with(&prefix))
    }

    fn lists(&self, path: &str) -> bool {
        self.paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }

    /// The path with every link on the way followed; `None` where they lead in circles or out.
    fn resolved(&self, path: &str) -> Option<String> {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut followed = 0;
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            if let Some(target) = self.links.get(&done.join("/")) {
                followed += 1;
                if followed > LINKS {
                    return None;
                }
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                left.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        Some(done.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_through_links_and_back_from_a_text() {
        let files = ["usr/bin/python3", "usr/lib/a/b.so", "usr/lib/a.py"].map(str::to_owned).to_vec();
        let links = [("bin", "usr/bin"), ("opt/lib", "/usr/lib"), ("loop", "loop"), ("up", "../../usr")];
        let links = links.map(|(path, target)| (path.to_owned(), target.to_owned())).into();
        let image = Image::new(files, links, vec!["x.B".to_owned(), "x.A".to_owned()]);
        assert_eq!(Image::from_text(&image.to_text()), Some(image.clone()));
        assert_eq!(Image::from_text("x y\n"), None);
        let has = |path: &str| (image.is_file(path), image.is_directory(path));
        assert_eq!(has("bin/python3"), (true, false));
        assert_eq!(has("opt/lib/a"), (false, true));
        assert_eq!(has("opt/lib/../lib/a.py"), (true, false));
        assert_eq!(has("up/bin/python3"), (true, false));
        assert_eq!(has("loop/x"), (false, false));
        assert_eq!(has(""), (false, true));
        assert_eq!(has("usr/li"), (false, false));
        assert_eq!(image.beginning("opt/lib", "a").collect::<Vec<_>>(), ["a.py", "a"]);
        assert!(image.has_class("x.A") && !image.has_class("x"));
    }
}

//! What a jar brings to the class path beside itself: `Class-Path` of its manifest, or on a Java that still knows
//! it `META-INF/INDEX.LIST` (JAR file specification; `jdk.internal.loader.URLClassPath`, JDK 17).

use std::collections::BTreeSet;

use crate::problem::Problem;
use crate::problem::codes::classpath as code;

use super::facts::Facts;
use super::site::dotted;
use super::universe::{ABSENT, Universe, text};
use super::{Jar, Role};

/// The first Java that ignores indices (JDK-8302819).
const WITHOUT_INDEX: u32 = 21;

impl Facts {
    /// As [`super::brings`].
    pub(super) fn brings(&self, java: u32) -> Vec<String> {
        if java < WITHOUT_INDEX && !self.jar.index.is_empty() {
            return self.jar.index.iter().map(|(jar, _)| jar.clone()).collect();
        }
        self.jar.class_path.iter().filter_map(|url| path(url)).collect()
    }
}

/// The path of a relative or `file` URL.
fn path(url: &str) -> Option<String> {
    let path = match url.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => rest,
        // A colon behind a slash is no scheme's.
        Some((before, _)) if !before.contains('/') => return None,
        _ => url,
    };
    let path = path.split(['#', '?']).next()?;
    let path = path.strip_prefix("//").map_or(path, |rest| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""));
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let code = |hex: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok();
        match after.first_chunk().filter(|_| byte == b'%') {
            Some(hex) => {
                decoded.push(code(hex)?);
                rest = after.get(2..)?;
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok().filter(|path| !path.is_empty() && !path.contains('\0'))
}

/// Jars that an index lists without all of their packages: where Java reads the jar with the index first, it
/// opens the other one for the listed packages only.
pub(super) fn problems(universe: &Universe<'_>, facts: &[&Facts], path: &[&Jar], java: u32) -> Vec<Problem> {
    if java >= WITHOUT_INDEX {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (jar, facts) in path.iter().zip(facts) {
        for (listed, packages) in &facts.jar.index {
            let file = listed.rsplit('/').next().unwrap_or_default();
            let Some(at) = path.iter().position(|other| other.name == file && other.name != jar.name) else { continue };
            let Some(other) = path.get(at) else { continue };
            if jar.role == Role::Stock && other.role == Role::Stock {
                continue;
            }
            let hidden: BTreeSet<String> =
                packages_of(universe, at).into_iter().filter(|package| !packages.contains(package)).collect();
            let Some(first) = hidden.first() else { continue };
            let more = if hidden.len() > 1 { format!(" and {} more", hidden.len() - 1) } else { String::new() };
            let message =
                format!("the index of {} lists {} without its package {}{more}", jar.name, other.name, dotted(first));
            let reason = format!(
                "Java {java} looks for nothing else in {} once it has read {} (META-INF/INDEX.LIST)",
                other.name, jar.name
            );
            let problem = jar.problem(code::INDEX, message).note(reason);
            problems.push(problem.help(format!("a build of {} without an index, or Java 21", jar.name)));
        }
    }
    problems
}

/// The packages of a jar's classes, internal form; the unnamed one is in no index.
fn packages_of(universe: &Universe<'_>, jar: usize) -> BTreeSet<String> {
    let segments = universe.segments.iter().filter(|segment| usize::try_from(segment.jar) == Ok(jar));
    let classes = segments.flat_map(|segment| {
        let found = segment.numbers.iter().zip(&segment.facts.classes).filter(|(class, _)| **class != ABSENT);
        found.map(|(_, class)| text(segment.facts, class.name))
    });
    classes.filter_map(|name| Some(name.rsplit_once('/')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_a_class_path() {
        for (url, expected) in [
            ("a.jar", Some("a.jar")),
            ("../lib/a%20b.jar", Some("../lib/a b.jar")),
            ("/opt/a.jar", Some("/opt/a.jar")),
            ("file:/opt/a.jar", Some("/opt/a.jar")),
            ("FILE:///opt/a.jar", Some("/opt/a.jar")),
            ("file:a.jar#x", Some("a.jar")),
            ("lib/", Some("lib/")),
            ("lib/a:b.jar", Some("lib/a:b.jar")),
            ("http://host/a.jar", None),
            ("a%2.jar", None),
            ("a%00.jar", None),
            ("a%ff.jar", None),
            ("file://host", None),
            ("", None),
        ] {
            assert_eq!(path(url).as_deref(), expected, "{url}");
        }
    }
}

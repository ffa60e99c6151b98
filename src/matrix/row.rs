//! One [`Row`]: every component that rules can speak about, with what is known of its version.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::VersionSpecifiers;
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use crate::artifact::Coordinate;
use crate::problem::At;
use crate::profile::{Located, Profile, StackRequest, USES, requirement};

use super::Stack;
use super::facts::{facts, matches, placeholder};
use super::version::{Range, axis, minor};

/// What is known of a component's version.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// The version.
    Exact(String),
    /// A Python requirement that leaves several open.
    Requirement(VersionSpecifiers),
    /// It is there; nobody said in which version.
    Unstated,
}

/// A component of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    pub(super) known: Known,
    /// Where the user asked for it.
    pub(super) at: Option<At>,
}

/// A candidate for the image: axes, Python packages, jars and Debian packages.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    components: BTreeMap<String, Component>,
    /// Steps that the app uses, of [`USES`].
    pub(super) uses: BTreeSet<&'static str>,
    /// Whether every package and jar is in; before resolving, absence proves nothing.
    complete: bool,
}

impl Row {
    /// What the profile asks for beside the stack: requirements, jars, overrides.
    pub(super) fn asked(profile: &Profile) -> Self {
        let mut row = Self::default();
        for requirement in &profile.python.requirements {
            let Ok(parsed) = requirement::read::<VerbatimUrl>(&requirement.value) else { continue };
            if !parsed.marker.is_true() {
                continue;
            }
            let known = match parsed.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(specifiers)) => Known::Requirement(specifiers),
                _ => Known::Unstated,
            };
            row.insert(parsed.name.to_string(), known, Some(&requirement.at));
        }
        for jar in &profile.maven.jars {
            let parts: Vec<&str> = jar.value.split(':').collect();
            let (name, version) = match parts.as_slice() {
                [group, artifact] => (format!("{group}:{artifact}"), None),
                [group, artifact, .., version] => (format!("{group}:{artifact}"), Some(*version)),
                _ => continue,
            };
            row.insert(name, version.map_or(Known::Unstated, |v| Known::Exact(v.to_owned())), Some(&jar.at));
        }
        for (name, version) in &profile.maven.overrides {
            row.insert(name.value.clone(), Known::Exact(version.value.clone()), Some(&version.at));
        }
        row.uses = uses(profile, &row);
        row
    }

    /// A row of the matrix with nothing but resolved artifacts, where no profile is at hand.
    pub(super) fn of_artifacts(stack: &Stack, resolved: &[Coordinate]) -> Self {
        let mut row = Self { complete: true, ..Self::default() };
        row.take(resolved);
        row.with_stack(stack, &StackRequest::default())
    }

    /// What was resolved for the profile.
    pub(super) fn resolved(profile: &Profile, stack: &Stack, resolved: &[Coordinate]) -> Self {
        let asked = Self::asked(profile);
        let mut row = Self { complete: true, ..Self::default() };
        row.take(resolved);
        for (name, component) in &mut row.components {
            component.at = asked.components.get(name).and_then(|c| c.at.clone());
        }
        row.uses = uses(profile, &row);
        row.with_stack(stack, &profile.stack)
    }

    fn take(&mut self, resolved: &[Coordinate]) {
        for coordinate in resolved {
            let name = match coordinate {
                Coordinate::Debian { name, .. } => format!("deb:{name}"),
                Coordinate::Maven { .. } | Coordinate::Pypi { .. } => coordinate.name(),
            };
            self.insert(name, Known::Exact(coordinate.version().to_owned()), None);
        }
    }

    /// The same row on a stack.
    pub(super) fn with_stack(mut self, stack: &Stack, asked: &StackRequest) -> Self {
        let spark_minor = minor(&stack.spark);
        for (name, value, pin) in [
            ("spark", &stack.spark, &asked.spark),
            ("spark.minor", &spark_minor, &asked.spark),
            ("scala", &stack.scala, &asked.scala),
            ("hadoop", &stack.hadoop, &asked.hadoop),
            ("java", &stack.java, &asked.java),
            ("python", &stack.python, &asked.python),
            ("debian", &stack.debian, &asked.debian),
        ] {
            self.insert(
                name.to_owned(),
                Known::Exact(value.clone()),
                pin.as_ref().map(|pin: &Located<String>| &pin.at),
            );
        }
        self
    }

    fn insert(&mut self, name: String, known: Known, at: Option<&At>) {
        self.components.insert(name, Component { known, at: at.cloned() });
    }

    /// The component of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Component> {
        self.components.get(name)
    }

    /// The components whose names match a pattern.
    pub(super) fn matching(&self, pattern: &str) -> Vec<&str> {
        if pattern.contains('*') {
            return self.components.keys().filter(|name| matches(pattern, name)).map(String::as_str).collect();
        }
        self.components.get_key_value(pattern).map(|(name, _)| name.as_str()).into_iter().collect()
    }

    /// Whether the component of that name meets the range; `None` where that is not known yet.
    pub(super) fn meets(&self, name: &str, range: &Range) -> Option<bool> {
        match (self.get(name), range) {
            (None, Range::Absent | Range::Present) => {
                (self.complete || axis(name).is_some()).then_some(*range == Range::Absent)
            }
            (None, _) => None,
            (Some(_), Range::Absent) => Some(false),
            (Some(_), Range::Present) => Some(true),
            (Some(component), _) => match &component.known {
                Known::Exact(version) => Some(range.contains(version)),
                Known::Requirement(specifiers) => range.covers(specifiers),
                Known::Unstated => None,
            },
        }
    }

    /// The exact version of a component.
    pub(super) fn version(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.known {
            Known::Exact(version) => Some(version),
            Known::Requirement(_) | Known::Unstated => None,
        }
    }

    /// The value of a placeholder in a rule about `subject`.
    pub(super) fn placeholder(&self, subject: &str, name: &str) -> Option<String> {
        match name {
            "self" => self.version(subject).map(str::to_owned),
            "self.minor" => self.version(subject).map(minor),
            "scala" | "hadoop" | "spark.minor" => self.version(name).map(str::to_owned),
            _ => {
                let (line, release) = facts().release(self.version("spark")?)?;
                placeholder(name, line, release)
            }
        }
    }

    /// A component as people write it, with its version as far as it is known.
    pub(super) fn describe(&self, name: &str) -> String {
        let shown = axis(name).unwrap_or(name.strip_prefix("deb:").unwrap_or(name));
        match self.get(name).map(|component| &component.known) {
            Some(Known::Exact(version)) => format!("{shown} {version}"),
            Some(Known::Requirement(specifiers)) => format!("{shown} {specifiers}").trim_end().to_owned(),
            Some(Known::Unstated) | None => shown.to_owned(),
        }
    }
}

/// What the app uses: as stated, else what the packages show. Python UDFs are taken for granted
/// unless `[memory] python-workers = 0` says that there are none.
fn uses(profile: &Profile, row: &Row) -> BTreeSet<&'static str> {
    if let Some(stated) = &profile.stack.uses {
        return USES.iter().copied().filter(|known| stated.iter().any(|used| used.value == *known)).collect();
    }
    let mut shown = BTreeSet::new();
    if profile.memory.python_workers.as_ref().is_none_or(|workers| workers.value > 0) {
        shown.insert("python-udf");
    }
    if row.get("pyarrow").is_some() {
        shown.insert("arrow");
    }
    shown
}

//! One [`Row`]: every component that rules can speak about, with what is known of its version.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::VersionSpecifiers;
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use crate::artifact::Coordinate;
use crate::problem::At;
use crate::profile::{Located, Profile, StackRequest, USES, requirement};

use super::Stack;
use super::facts::facts;
use super::name::{Kind, matches, shown};
use super::release::Release;
use super::version::{Range, minor};

/// What is known of a component's version.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// The version.
    Exact(String),
    /// Some version of this line: Java `17` is any 17.x.
    Line(String),
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

/// A candidate for the image: axes, Python packages, jars, Debian packages, settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Row<'f> {
    components: BTreeMap<String, Component>,
    /// Steps that the app uses, of [`USES`].
    pub(super) uses: BTreeSet<&'static str>,
    /// Components that are said not to be there.
    absent: BTreeSet<String>,
    /// Whether every package and jar is in; before resolving, absence proves nothing.
    complete: bool,
    /// What the row's PySpark carries, where that is known.
    release: Option<&'f Release>,
}

impl<'f> Row<'f> {
    /// What the profile asks for beside the stack: requirements, jars, overrides, settings.
    pub(super) fn asked(profile: &Profile) -> Self {
        let mut row = Self::default();
        for requirement in &profile.python.requirements {
            row.require(&requirement.value, Some(&requirement.at));
        }
        for jar in &profile.maven.jars {
            row.jar(&jar.value, Some(&jar.at));
        }
        for (name, version) in &profile.maven.overrides {
            row.insert(&name.value, Known::Exact(version.value.clone()), Some(&version.at));
        }
        for (key, value) in &profile.spark_conf {
            row.insert(&format!("conf:{}", key.value), Known::Exact(value.value.clone()), Some(&value.at));
        }
        for (name, value) in &profile.app.env {
            row.insert(&format!("env:{name}"), Known::Exact(value.value.clone()), Some(&value.at));
        }
        let uses = match &profile.stack.uses {
            Some(stated) => stated_uses(stated.iter().map(|used| used.value.as_str())),
            None => row.shown_uses(profile.memory.python_workers.as_ref().is_none_or(|workers| workers.value > 0)),
        };
        row.use_steps(uses);
        row
    }

    /// A row of the matrix with nothing but resolved artifacts, where no profile is at hand.
    pub(super) fn of_artifacts(stack: &Stack, resolved: &[Coordinate]) -> Self {
        let mut row = Self { complete: true, ..Self::default() };
        row.take(resolved);
        row.with_stack(stack, &StackRequest::default(), None)
    }

    /// What was resolved for the profile.
    pub(super) fn resolved(
        profile: &Profile,
        stack: &Stack,
        resolved: &[Coordinate],
        newer: Option<&'f Release>,
    ) -> Self {
        let mut row = Self { complete: true, ..Self::asked(profile) };
        let arrow = row.get("pyarrow").is_some();
        row.take(resolved);
        if profile.stack.uses.is_none() && !arrow && row.get("pyarrow").is_some() {
            let uses = row.uses.iter().copied().chain(["arrow"]).collect();
            row.use_steps(uses);
        }
        let mut row = row.with_stack(stack, &profile.stack, newer);
        // The package tells which update of Java it is.
        let package = format!("deb:openjdk-{}-jre-headless", stack.java);
        if let Some(update) = row.version(&package).and_then(|version| version.split(['+', '~', '-']).next()) {
            let at = row.get("java").and_then(|java| java.at.clone());
            row.insert("java", Known::Line(update.to_owned()), at.as_ref());
        }
        row
    }

    /// Adds a requirement of PEP 508; one that does not hold everywhere says nothing for certain.
    pub(super) fn require(&mut self, text: &str, at: Option<&At>) {
        let Ok(parsed) = requirement::read::<VerbatimUrl>(text) else { return };
        if !parsed.marker.is_true() {
            return;
        }
        let known = match parsed.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => Known::Requirement(specifiers),
            _ => Known::Unstated,
        };
        self.insert(parsed.name.as_ref(), known, at);
    }

    /// Adds `group:artifact` or `group:artifact:…:version`.
    pub(super) fn jar(&mut self, text: &str, at: Option<&At>) {
        let parts: Vec<&str> = text.split(':').collect();
        let (name, known) = match parts.as_slice() {
            [group, artifact] => (format!("{group}:{artifact}"), Known::Unstated),
            [group, artifact, .., version] => (format!("{group}:{artifact}"), Known::Exact((*version).to_owned())),
            _ => return,
        };
        self.insert(&name, known, at);
    }

    /// Sets the steps that the app uses.
    pub(super) fn use_steps(&mut self, uses: BTreeSet<&'static str>) {
        for step in &uses {
            self.insert(&format!("uses:{step}"), Known::Exact("yes".to_owned()), None);
        }
        self.uses = uses;
    }

    /// What the packages show that the app uses.
    pub(super) fn shown_uses(&self, python_functions: bool) -> BTreeSet<&'static str> {
        let signs = [
            ("arrow", self.get("pyarrow").is_some()),
            ("to-pandas", self.get("pandas").is_some()),
            ("connect", self.get("grpcio-status").is_some() || self.get("pyspark-connect").is_some()),
            ("wasb", self.get("com.microsoft.azure:azure-storage").is_some()),
            ("python-udf", python_functions),
        ];
        signs.into_iter().filter(|(_, shown)| *shown).map(|(step, _)| step).collect()
    }

    fn take(&mut self, resolved: &[Coordinate]) {
        for coordinate in resolved {
            let name = match coordinate {
                Coordinate::Debian { name, .. } => format!("deb:{name}"),
                Coordinate::Maven { .. } | Coordinate::Pypi { .. } => coordinate.name(),
            };
            let at = self.get(&name).and_then(|asked| asked.at.clone());
            self.insert(&name, Known::Exact(coordinate.version().to_owned()), at.as_ref());
        }
    }

    /// The same row on a stack; `newer` is what its PySpark carries where the facts do not know that.
    pub(super) fn with_stack(mut self, stack: &Stack, asked: &StackRequest, newer: Option<&'f Release>) -> Self {
        let at = |pin: &Option<Located<String>>| pin.as_ref().map(|pin| pin.at.clone());
        self.set_spark(&stack.spark, at(&asked.spark).as_ref(), newer);
        for (axis, known, pin) in [
            ("scala", Known::Exact(stack.scala.clone()), &asked.scala),
            ("hadoop", Known::Exact(stack.hadoop.clone()), &asked.hadoop),
            ("java", Known::Line(stack.java.clone()), &asked.java),
            ("python", Known::Line(stack.python.clone()), &asked.python),
            ("debian", Known::Exact(stack.debian.clone()), &asked.debian),
        ] {
            // What Debian's archives carry says nothing of a base, which may have another Java.
            if axis != "debian" || asked.base.is_none() {
                self.insert(axis, known, at(pin).as_ref());
            }
        }
        self
    }

    /// Sets the PySpark.
    pub(super) fn set_spark(&mut self, version: &str, at: Option<&At>, newer: Option<&'f Release>) {
        self.insert("spark", Known::Exact(version.to_owned()), at);
        self.insert("spark.minor", Known::Exact(minor(version)), at);
        self.release = facts().release(version).map(|(_, release)| release).or(newer);
    }

    /// Adds a component.
    pub(super) fn insert(&mut self, name: &str, known: Known, at: Option<&At>) {
        self.components.insert(name.to_owned(), Component { known, at: at.cloned() });
    }

    /// Says that a component is not there.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.absent.insert(name.to_owned());
    }

    /// The component of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Component> {
        self.components.get(name)
    }

    /// The names of all components.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.components.keys().map(String::as_str)
    }

    /// The components whose names match a pattern.
    pub(super) fn matching<'s>(&'s self, pattern: &'s str) -> impl Iterator<Item = &'s str> {
        let (start, glob) = match pattern.split_once('*') {
            Some((start, _)) => (start, true),
            None => (pattern, false),
        };
        let from = self.components.range(start.to_owned()..);
        from.map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(start))
            .filter(move |name| if glob { matches(pattern, name) } else { *name == pattern })
    }

    /// What is known of a component: the row's own, else the jar that Spark ships.
    fn known(&self, name: &str) -> Option<Known> {
        if let Some(component) = self.get(name) {
            return Some(component.known.clone());
        }
        if self.absent.contains(name) {
            return None;
        }
        let (_, artifact) = name.split_once(':').filter(|_| Kind::of(name) == Kind::Maven)?;
        self.release?.jars.get(artifact).cloned().map(Known::Exact)
    }

    /// Whether the component of that name, or one of that pattern, is there; `None` where that is not known.
    pub(super) fn has(&self, name: &str) -> Option<bool> {
        if self.matching(name).next().is_some() || self.known(name).is_some() {
            return Some(true);
        }
        let told =
            self.complete && Kind::of(name) != Kind::Axis || self.absent.iter().any(|other| matches(name, other));
        (told || matches!(Kind::of(name), Kind::Uses | Kind::Links | Kind::Env)).then_some(false)
    }

    /// Whether the component of that name meets the range; `None` where that is not known.
    pub(super) fn meets(&self, name: &str, range: &Range) -> Option<bool> {
        match range {
            Range::Absent => self.has(name).map(|there| !there),
            Range::Present => self.has(name),
            _ => match self.known(name)? {
                Known::Exact(version) => Some(range.contains(&version)),
                Known::Line(line) => range.contains_line(&line),
                Known::Requirement(specifiers) => range.covers(&specifiers),
                Known::Unstated => None,
            },
        }
    }

    /// The version of a component as far as it is one.
    pub(super) fn version(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.known {
            Known::Exact(version) | Known::Line(version) => Some(version),
            Known::Requirement(_) | Known::Unstated => None,
        }
    }

    /// The value of a placeholder in a rule about `subject`.
    pub(super) fn placeholder(&self, subject: &str, name: &str) -> Option<String> {
        if let Some(jar) = name.strip_prefix("jar.") {
            let version = |artifact: &str| self.release?.jars.get(artifact);
            return match jar.strip_suffix(".minor") {
                Some(artifact) => version(artifact).map(|version| minor(version)),
                None => version(jar).cloned(),
            };
        }
        if let Some(package) = name.strip_prefix("minimum.") {
            return self.release?.minimum.get(package).cloned();
        }
        let line = || facts().line(self.version("spark")?);
        let text = match name {
            "self" => self.version(subject)?.to_owned(),
            "self.minor" => minor(self.version(subject)?),
            "spark" | "spark.minor" | "scala" | "hadoop" | "java" | "python" => self.version(name)?.to_owned(),
            "spark.major" => self.version("spark")?.split('.').next()?.to_owned(),
            "hadoop.bundled" => self.release?.hadoop()?.to_owned(),
            "scala.bundled" => self.release?.scala()?,
            "python.listed" => self.release?.python.join("|"),
            "python.required" => self.release?.requires_python.clone(),
            "py4j" => self.release?.py4j.clone(),
            "java.listed" => line()?.java.join("|"),
            "ended" => line()?.ends.clone(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A component as people write it, with its version as far as it is known.
    pub(super) fn describe(&self, name: &str) -> String {
        let shown = shown(name);
        match (self.get(name).map(|component| &component.known), Kind::of(name)) {
            (Some(Known::Exact(value)), Kind::Conf | Kind::Env) => format!("{shown}={value}"),
            (_, Kind::Uses) => format!("an app that uses {shown}"),
            (_, Kind::Links) => format!("a jar that needs {shown}"),
            (Some(Known::Exact(version) | Known::Line(version)), _) => format!("{shown} {version}"),
            (Some(Known::Requirement(specifiers)), _) => format!("{shown} {specifiers}").trim_end().to_owned(),
            (Some(Known::Unstated), _) => shown.to_owned(),
            (None, _) => match self.known(name) {
                Some(Known::Exact(version)) => {
                    format!("Spark's {} {version}", shown.rsplit(':').next().unwrap_or(shown))
                }
                _ => shown.to_owned(),
            },
        }
    }

    /// The component that was asked for at a place with a limit on its version.
    pub(super) fn pinned_at(&self, at: &At) -> Option<&str> {
        let pinned = |known: &Known| !matches!(known, Known::Unstated);
        let mut all = self.components.iter();
        all.find(|(_, c)| c.at.as_ref() == Some(at) && pinned(&c.known)).map(|(name, _)| name.as_str())
    }

    /// What PySpark the row's is, as its sdist tells.
    pub(super) fn release(&self) -> Option<&'f Release> {
        self.release
    }
}

/// The steps of [`USES`] among those stated.
pub(super) fn stated_uses<'a>(stated: impl Iterator<Item = &'a str>) -> BTreeSet<&'static str> {
    stated.filter_map(|used| USES.iter().copied().find(|known| *known == used)).collect()
}

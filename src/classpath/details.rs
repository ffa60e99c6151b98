//! Every finding in words, for those who compare us with a JVM: [`Details`].

use std::fmt;

use serde::Serialize;

use super::causes::Baseline;
use super::facts::Facts;
use super::findings::{Finding, FindingKind, Guard};
use super::jar::Shelf;
use super::report::phrase;
use super::site::{Site, dotted, site};
use super::universe::{ABSENT, Universe, text};
use super::{Jar, Role};

/// Everything that does not link.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Details {
    /// Classes that cannot be loaded, by name.
    pub unloadable: Vec<Refusal>,
    /// Classes that can be loaded and not linked, by name.
    pub unlinkable: Vec<Refusal>,
    /// References that fail when they are used, in the order of the jars.
    pub references: Vec<Reference>,
    /// What the manifests' `Class-Path` names.
    pub class_path: Vec<Named>,
}

/// A file that a jar's manifest names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Named {
    /// File name of the jar.
    pub jar: String,
    /// Path of the file, from the jar's directory.
    pub names: String,
    /// Whether a jar of that name is on the class path. Java passes over the others in silence.
    pub found: bool,
}

/// A class that the JVM refuses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refusal {
    /// Binary name.
    pub class: String,
    /// File name of its jar.
    pub jar: String,
    /// Simple name of the error that the JVM throws.
    pub error: &'static str,
    /// The other class that takes part.
    pub because: String,
    /// The finding as a sentence.
    pub text: String,
    /// Whether the untouched distribution has it, too.
    pub baseline: bool,
}

/// A reference that fails.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reference {
    /// Class and method that has it.
    pub from: String,
    /// File name of its jar.
    pub jar: String,
    /// The class or member that it names.
    pub to: String,
    /// Simple name of the error that the JVM throws.
    pub error: &'static str,
    /// The finding as a sentence.
    pub text: String,
    /// Handlers around every use: `none`, `weak` (for anything), `strong` (for linkage errors).
    pub guard: &'static str,
    /// Whether the untouched distribution has it, too.
    pub baseline: bool,
}

/// The findings in words.
pub(super) fn details(
    universe: &Universe<'_>,
    findings: &[Finding],
    path: &[&Jar],
    facts: &[&Facts],
    java: u32,
    baseline: Option<&Baseline>,
) -> Details {
    let mut details = Details::default();
    let mut shelf = Shelf::new(path.iter().map(|jar| jar.bytes.as_ref()));
    for finding in findings {
        let number = universe.jar(finding.source);
        let Some(jar) = usize::try_from(number).ok().and_then(|at| path.get(at)) else { continue };
        let in_baseline = baseline.is_some_and(|baseline| baseline.has(universe, finding));
        let site = site(universe, finding, &mut shelf);
        let text = phrase(finding, &site);
        let Site { from, to } = site;
        let (jar, error) = (jar.name.clone(), finding.kind.error());
        let refusal = || Refusal {
            class: dotted(&universe.name(finding.source)),
            jar: jar.clone(),
            error,
            because: to.clone(),
            text: text.clone(),
            baseline: in_baseline,
        };
        match finding.kind {
            FindingKind::Load(_) => details.unloadable.push(refusal()),
            FindingKind::Verify | FindingKind::VerifyTypes | FindingKind::LinkAbove => {
                details.unlinkable.push(refusal());
            }
            _ => {
                let guard = match finding.guard {
                    Guard::None => "none",
                    Guard::Weak => "weak",
                    Guard::Strong => "strong",
                };
                details.references.push(Reference { from, jar, to, error, text, guard, baseline: in_baseline });
            }
        }
    }
    for (jar, facts) in path.iter().zip(facts) {
        let named = |names: String| {
            let found = path.iter().any(|other| names.rsplit('/').next() == Some(&other.name));
            Named { jar: jar.name.clone(), names, found }
        };
        details.class_path.extend(facts.brings(java).into_iter().map(named));
    }
    details.unloadable.extend(hidden(universe, path));
    details.unloadable.sort_by(|a, b| a.class.cmp(&b.class));
    details.unlinkable.sort_by(|a, b| a.class.cmp(&b.class));
    details
}

/// Classes that nobody finds, because a module of the runtime owns their package.
fn hidden(universe: &Universe<'_>, path: &[&Jar]) -> Vec<Refusal> {
    let mut hidden = Vec::new();
    for segment in &universe.segments {
        let Some(jar) = usize::try_from(segment.jar).ok().and_then(|at| path.get(at)) else { continue };
        for (&number, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            let Some(symbol) = segment.facts.symbol(facts.name).filter(|_| number == ABSENT) else { continue };
            if let Some(module) = universe.layer.module(symbol.package)
                && universe.find(symbol.id).is_none()
            {
                hidden.push(Refusal {
                    class: dotted(&text(segment.facts, facts.name)),
                    jar: jar.name.clone(),
                    error: "ClassNotFoundException",
                    because: module.to_owned(),
                    text: format!(
                        "ClassNotFoundException: {} is in a package of the module {module}",
                        dotted(&text(segment.facts, facts.name))
                    ),
                    baseline: jar.role == Role::Stock,
                });
            }
        }
    }
    hidden
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |baseline: bool| if baseline { " [baseline]" } else { "" };
        for (what, list) in [("cannot be loaded", &self.unloadable), ("cannot be linked", &self.unlinkable)] {
            for Refusal { class, jar, text, baseline, .. } in list {
                writeln!(f, "{jar}: {class} {what}: {text}{}", known(*baseline))?;
            }
        }
        for Reference { jar, text, baseline, .. } in &self.references {
            writeln!(f, "{jar}: {text}{}", known(*baseline))?;
        }
        Ok(())
    }
}

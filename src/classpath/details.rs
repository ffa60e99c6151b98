//! Every finding in words, for those who compare us with a JVM: [`Details`].

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Jar;
use super::causes::Baseline;
use super::findings::{Finding, FindingKind, Guard};
use super::jar::Reader;
use super::report::phrase;
use super::site::{Site, dotted, site};
use super::universe::Universe;

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
    baseline: Option<&Baseline>,
) -> Details {
    let mut details = Details::default();
    let mut readers: BTreeMap<u32, Reader<'_>> = BTreeMap::new();
    for finding in findings {
        let number = universe.jar(finding.source);
        let Some(jar) = usize::try_from(number).ok().and_then(|at| path.get(at)) else { continue };
        let in_baseline = baseline.is_some_and(|baseline| baseline.has(universe, finding));
        let refusal = || Refusal {
            class: dotted(&universe.name(finding.source)),
            jar: jar.name.clone(),
            error: finding.kind.error(),
            because: dotted(&finding.target_name(universe)),
            baseline: in_baseline,
        };
        match finding.kind {
            FindingKind::Load(_) => details.unloadable.push(refusal()),
            FindingKind::Verify | FindingKind::VerifyTypes | FindingKind::LinkAbove => {
                details.unlinkable.push(refusal());
            }
            _ => {
                let reader = readers.entry(number).or_insert_with(|| Reader::new(jar.bytes.as_ref()));
                let site = site(universe, finding, reader);
                let text = phrase(finding, &site);
                let Site { from, to } = site;
                let guard = match finding.guard {
                    Guard::None => "none",
                    Guard::Weak => "weak",
                    Guard::Strong => "strong",
                };
                let error = finding.kind.error();
                details.references.push(Reference { from, jar: jar.name.clone(), to, error, text, guard, baseline: in_baseline });
            }
        }
    }
    details.unloadable.sort_by(|a, b| a.class.cmp(&b.class));
    details.unlinkable.sort_by(|a, b| a.class.cmp(&b.class));
    details
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |baseline: bool| if baseline { " [baseline]" } else { "" };
        for (what, list) in [("cannot be loaded", &self.unloadable), ("cannot be linked", &self.unlinkable)] {
            for Refusal { class, jar, error, because, baseline } in list {
                writeln!(f, "{jar}: {class} {what}: {error} {because}{}", known(*baseline))?;
            }
        }
        for Reference { jar, text, baseline, .. } in &self.references {
            writeln!(f, "{jar}: {text}{}", known(*baseline))?;
        }
        Ok(())
    }
}

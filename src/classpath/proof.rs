//! What a replaced jar of the distribution changes: references that break and references that stop breaking.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::problem::plural;

use super::causes::{Cause, Causes, is_consequence, key};
use super::facts::{Facts, Segment};
use super::findings::{Finding, Guard};
use super::id::{Id, Table};
use super::jar::Shelf;
use super::link::{self, changes::Changes};
use super::modules::BootLayer;
use super::report::phrase;
use super::site::site;
use super::universe::{ABSENT, Universe};
use super::{Jar, Ready, Request, is_of_distribution};

/// What came of an override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// File name of the distribution's jar.
    pub gone: String,
    /// File name of the jar that stands in for it.
    pub came: String,
    /// References and classes that do not link any more.
    pub breaks: usize,
    /// References and classes of the distribution that link now, and did not.
    pub mends: usize,
    /// One of those, as it was.
    pub mended: Option<String>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breaks = match self.breaks {
            0 => "nothing breaks".to_owned(),
            n => plural(n, "reference breaks", "references break"),
        };
        let mends = match self.mends {
            0 => "nothing stops breaking".to_owned(),
            n => plural(n, "stops breaking", "stop breaking"),
        };
        write!(f, "{} for {}: {breaks}, {mends}", self.came, self.gone)?;
        match &self.mended {
            Some(example) => write!(f, ", such as {example}"),
            None => Ok(()),
        }
    }
}

/// The class path as it is, linked.
pub(super) struct Now<'a, 'u> {
    pub(super) universe: &'u Universe<'a>,
    pub(super) changes: &'u Changes<'u>,
    pub(super) findings: &'u [Finding],
    pub(super) causes: &'u Causes<'u>,
    pub(super) path: &'u [&'u Jar],
}

/// A proof for each jar of the distribution that another stands in for.
pub(super) fn proofs(
    request: &Request<'_>,
    layer: &BootLayer,
    now: &Now<'_, '_>,
    gone: &[(&Jar, &Facts)],
    successors: &[Option<u32>],
) -> Vec<Proof> {
    let replaced: Vec<(&Jar, u32)> =
        gone.iter().zip(successors).filter_map(|((jar, _), successor)| Some((*jar, (*successor)?))).collect();
    if replaced.is_empty() {
        return Vec::new();
    }
    let mut mended = mended(request, layer, now);
    let proof = |(jar, successor): (&Jar, u32)| {
        let name =
            |number: u32| usize::try_from(number).ok().and_then(|at| now.path.get(at)).map(|jar| jar.name.clone());
        let came = name(successor)?;
        let is_its = |cause: &Cause| matches!(*cause, Cause::Changed(to) | Cause::Between(_, to) if to == successor);
        let breaks = now.causes.by_cause.iter().filter(|(cause, _)| is_its(cause)).map(|(_, all)| all.len()).sum();
        let all = mended.remove(&jar.name).or_else(|| mended.remove(&came)).unwrap_or_default();
        Some(Proof { gone: jar.name.clone(), came, breaks, mends: all.len(), mended: all.into_iter().next() })
    };
    replaced.into_iter().filter_map(proof).collect()
}

/// What does not link in the untouched distribution and does now, in words, by the jar that was in the way: the one
/// that is gone, or the one that has what was missing.
fn mended(request: &Request<'_>, layer: &BootLayer, now: &Now<'_, '_>) -> BTreeMap<String, Vec<String>> {
    let Ready { path: jars, bytes, universe, loads, .. } = Ready::of(request, layer, is_of_distribution);
    // Segments are the same values in both.
    let touched = now.universe.segments.iter().filter(|segment| now.changes.touch(segment));
    let touched: BTreeSet<*const Segment> = touched.map(|segment| std::ptr::from_ref(segment.facts)).collect();
    let segments = (0..).zip(&universe.segments).filter(|(_, s)| touched.contains(&std::ptr::from_ref(s.facts)));
    let segments: Vec<u32> = segments.map(|(number, _)| number).collect();
    let nothing = Table::default();
    let changes = Changes::of(&universe, &|_| true, &nothing, true);
    let before = link::link_segments(&universe, &loads, &bytes, &changes, &segments, request.threads);
    let after: BTreeSet<Id> = now.findings.iter().map(|finding| key(now.universe, finding)).collect();
    let mut shelf = Shelf::new(bytes.iter().copied());
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in &before {
        if is_consequence(finding) || finding.guard == Guard::Strong || after.contains(&key(&universe, finding)) {
            continue;
        }
        let in_the_way = if finding.found == ABSENT || finding.kind.is_absence() {
            let target = super::id::id(finding.target_name(&universe).as_bytes());
            now.universe.find(target).map(|class| now.universe.jar(class)).and_then(|jar| name(now.path, jar))
        } else {
            name(&jars, universe.jar(finding.found))
        };
        if let Some(jar) = in_the_way {
            found.entry(jar).or_default().push(phrase(finding, &site(&universe, finding, &mut shelf)));
        }
    }
    found
}

fn name(jars: &[&Jar], number: u32) -> Option<String> {
    Some(jars.get(usize::try_from(number).ok()?)?.name.clone())
}

//! Which classes are verified here, and which cannot be linked because one above them cannot.
//!
//! The verifiers ask only about classes that a class mentions, so those are verified that mention one
//! that cannot be loaded: a few thousand of a hundred thousand. Their bytes are read again.

use super::super::class::ClassFile;
use super::super::facts::{ClassFacts, NONE};
use super::super::findings::{Finding, FindingKind, Guard};
use super::super::jar::Reader;
use super::super::universe::{ABSENT, ClassNo, Placed, RUNTIME, Universe};
use super::super::work;
use super::super::id::id;
use super::assign::{Assign, Refused};
use super::load::Loads;
use super::verify::verify;
use crate::outside::ReadAt;

/// Findings of classes that can be loaded and not linked.
pub(in crate::classpath) fn findings(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    threads: usize,
) -> Vec<Finding> {
    let segments: Vec<u32> = (0..u32::try_from(universe.segments.len()).unwrap_or(0)).collect();
    let own: Vec<Finding> =
        work::all(&segments, threads, |&number| of_segment(universe, loads, jars, number)).into_iter().flatten().collect();
    let above = below(universe, loads, &own);
    own.into_iter().chain(above).collect()
}

fn of_segment(universe: &Universe<'_>, loads: &Loads, jars: &[&dyn ReadAt], number: u32) -> Vec<Finding> {
    let Some(segment) = universe.segment(number).filter(|segment| segment.jar != RUNTIME) else { return Vec::new() };
    let Some(bytes) = usize::try_from(segment.jar).ok().and_then(|jar| jars.get(jar)) else { return Vec::new() };
    let lost: Vec<bool> = segment.denotes.iter().map(|class| *class == ABSENT || !loads.is_loadable(*class)).collect();
    let is_lost = |symbol: u32| usize::try_from(symbol).ok().and_then(|at| lost.get(at)) == Some(&true);
    let mut reader = Reader::new(*bytes);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
        if class == ABSENT || universe.is_hidden(class) || !loads.is_loadable(class) {
            continue;
        }
        if !facts.mentions.of(&segment.facts.mentions).iter().any(|mention| is_lost(mention.symbol)) {
            continue;
        }
        if reader.class(facts.entry, &mut buffer)
            && let Ok(parsed) = ClassFile::parse(&buffer, Vec::new())
            && let Some(refused) = verify(Assign { universe, loads }, &parsed, class)
        {
            found.push(finding(segment, number, class, facts, refused, universe));
        }
    }
    found
}

fn finding(
    segment: &Placed<'_>,
    number: u32,
    class: ClassNo,
    facts: &ClassFacts,
    refused: Refused<'_>,
    universe: &Universe<'_>,
) -> Finding {
    let (kind, name) = match refused {
        Refused::Needs(name) => (FindingKind::Verify, name),
        Refused::Mismatch(_, to) => (FindingKind::VerifyTypes, to),
    };
    let wanted = id(name);
    let mentions = facts.mentions.of(&segment.facts.mentions).iter().map(|mention| mention.symbol);
    let target = mentions.into_iter().find(|&s| segment.facts.symbol(s).is_some_and(|symbol| symbol.id == wanted));
    let found = universe.find(wanted).unwrap_or(ABSENT);
    Finding { source: class, segment: number, kind, target: target.unwrap_or(NONE), member: NONE, found, guard: Guard::None }
}

/// Classes that can be loaded, below one that cannot be linked.
fn below(universe: &Universe<'_>, loads: &Loads, refused: &[Finding]) -> Vec<Finding> {
    let count = usize::try_from(universe.count()).unwrap_or(0);
    let mut state: Vec<Option<bool>> = vec![None; count];
    for finding in refused {
        if let Some(slot) = usize::try_from(finding.source).ok().and_then(|at| state.get_mut(at)) {
            *slot = Some(false);
        }
    }
    let own: Vec<Option<bool>> = state.clone();
    let mut found = Vec::new();
    for (number, segment) in (0..).zip(&universe.segments) {
        if segment.jar == RUNTIME {
            continue;
        }
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            if class == ABSENT || universe.is_hidden(class) || !loads.is_loadable(class) {
                continue;
            }
            let at = usize::try_from(class).unwrap_or(usize::MAX);
            if links(universe, &mut state, class) || own.get(at).copied().flatten() == Some(false) {
                continue;
            }
            let parents = facts.interfaces.of(&segment.facts.links).iter().copied().chain([facts.superclass]);
            let target = parents
                .into_iter()
                .find(|&symbol| segment.denoted(symbol).is_some_and(|parent| !links(universe, &mut state, parent)));
            let target = target.unwrap_or(NONE);
            let above = segment.denoted(target).unwrap_or(ABSENT);
            let kind = FindingKind::LinkAbove;
            found.push(Finding { source: class, segment: number, kind, target, member: NONE, found: above, guard: Guard::None });
        }
    }
    found
}

/// Whether the class and all above it were verified; `state` remembers.
fn links(universe: &Universe<'_>, state: &mut [Option<bool>], class: ClassNo) -> bool {
    let Ok(at) = usize::try_from(class) else { return true };
    if let Some(known) = state.get(at).copied().flatten() {
        return known;
    }
    if let Some(slot) = state.get_mut(at) {
        *slot = Some(true);
    }
    let above: Vec<ClassNo> = universe.superclass(class).into_iter().chain(universe.interfaces(class)).collect();
    let all = above.into_iter().all(|parent| links(universe, state, parent));
    if let Some(slot) = state.get_mut(at) {
        *slot = Some(all);
    }
    all
}

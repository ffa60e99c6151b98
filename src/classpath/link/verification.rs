//! Which classes are verified here, and which cannot be linked because one above them cannot.
//!
//! The verifiers ask only about classes that a class mentions. A stock class is verified where it mentions
//! one that cannot be loaded, or one that the distribution does not have in this shape: a few thousand of a
//! hundred thousand. All others are. Their bytes are read again.

use super::super::class::{ClassFile, Places};
use super::super::facts::{ClassFacts, NONE};
use super::super::findings::{Finding, FindingKind, Guard};
use super::super::id::id;
use super::super::jar::Reader;
use super::super::universe::{ABSENT, ClassNo, DEEP, Placed, RUNTIME, Universe};
use super::super::work;
use super::assign::{Assign, Refused};
use super::changes::Changes;
use super::load::Loads;
use super::selection;
use super::verify::verify;
use crate::outside::ReadAt;

/// Findings of classes that can be loaded and not linked.
pub(in crate::classpath) fn findings(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    changes: &Changes<'_>,
    segments: &[u32],
    threads: usize,
) -> Vec<Finding> {
    let own = work::all(segments, threads, |&number| of_segment(universe, loads, jars, changes, number));
    let own: Vec<Finding> = own.into_iter().flatten().collect();
    let above = below(universe, loads, &own, segments);
    let owing = selection::findings(universe, loads, jars, &|class| changes.is_changed(class));
    own.into_iter().chain(above).chain(owing).collect()
}

/// Whether a class that shows it can be loaded and not linked.
pub(in crate::classpath) fn is_refusal(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::Verify | FindingKind::VerifyTypes | FindingKind::LinkAbove)
}

fn of_segment(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    changes: &Changes<'_>,
    number: u32,
) -> Vec<Finding> {
    let Some(segment) = universe.segment(number).filter(|segment| segment.jar != RUNTIME) else { return Vec::new() };
    let Some(bytes) = usize::try_from(segment.jar).ok().and_then(|jar| jars.get(jar)) else { return Vec::new() };
    let odd = |class: &ClassNo| *class == ABSENT || !loads.is_loadable(*class) || changes.is_changed(*class);
    let odd: Vec<bool> = segment.denotes.iter().map(odd).collect();
    let is_odd = |symbol: u32| usize::try_from(symbol).ok().and_then(|at| odd.get(at)) == Some(&true);
    let mut reader = Reader::new(*bytes);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
        if class == ABSENT || universe.is_hidden(class) || !loads.is_loadable(class) {
            continue;
        }
        if !facts.mentions.of(&segment.facts.mentions).iter().any(|mention| is_odd(mention.symbol)) {
            continue;
        }
        if reader.class(facts, &mut buffer)
            && let Ok(parsed) = ClassFile::parse(&buffer, Places::default())
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
    Finding {
        source: class,
        segment: number,
        kind,
        target: target.unwrap_or(NONE),
        member: NONE,
        found,
        id: 0,
        guard: Guard::None,
    }
}

/// Classes that can be loaded, below one that cannot be linked.
fn below(universe: &Universe<'_>, loads: &Loads, refused: &[Finding], segments: &[u32]) -> Vec<Finding> {
    if refused.is_empty() {
        return Vec::new();
    }
    let count = usize::try_from(universe.count()).unwrap_or(0);
    let mut state: Vec<Option<bool>> = vec![None; count];
    for finding in refused {
        if let Some(slot) = usize::try_from(finding.source).ok().and_then(|at| state.get_mut(at)) {
            *slot = Some(false);
        }
    }
    let own: Vec<Option<bool>> = state.clone();
    let mut found = Vec::new();
    for &number in segments {
        let Some(segment) = universe.segment(number) else { continue };
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            if class == ABSENT || universe.is_hidden(class) || !loads.is_loadable(class) {
                continue;
            }
            let at = usize::try_from(class).unwrap_or(usize::MAX);
            if all_above(universe, &mut state, class, 0) || own.get(at).copied().flatten() == Some(false) {
                continue;
            }
            let parents = facts.interfaces.of(&segment.facts.links).iter().copied().chain([facts.superclass]);
            let target = parents.into_iter().find(|&symbol| {
                segment.denoted(symbol).is_some_and(|parent| !all_above(universe, &mut state, parent, 0))
            });
            let target = target.unwrap_or(NONE);
            let above = segment.denoted(target).unwrap_or(ABSENT);
            let kind = FindingKind::LinkAbove;
            found.push(Finding {
                source: class,
                segment: number,
                kind,
                target,
                member: NONE,
                found: above,
                id: 0,
                guard: Guard::None,
            });
        }
    }
    found
}

/// Whether nothing in `state` speaks against the class or one above it; `state` remembers.
fn all_above(universe: &Universe<'_>, state: &mut [Option<bool>], class: ClassNo, depth: usize) -> bool {
    let Some(at) = usize::try_from(class).ok().filter(|_| depth < DEEP) else { return true };
    if let Some(known) = state.get(at).copied().flatten() {
        return known;
    }
    if let Some(slot) = state.get_mut(at) {
        *slot = Some(true);
    }
    let above: Vec<ClassNo> = universe.superclass(class).into_iter().chain(universe.interfaces(class)).collect();
    let all = above.into_iter().all(|parent| all_above(universe, state, parent, depth + 1));
    if let Some(slot) = state.get_mut(at) {
        *slot = Some(all);
    }
    all
}

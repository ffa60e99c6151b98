//! Linking everything that can be found, as the JVM would when it is used: [`link`].

pub(super) mod access;
mod assign;
pub(super) mod changes;
mod frame;
pub(super) mod load;
pub(super) mod resolve;
mod selection;
mod step;
pub(super) mod verification;
mod verify;

use super::class::flag;
use super::facts::{ClassFacts, Kind, MemberSymbol, NONE, Use, how, op};
use super::findings::{Finding, FindingKind, Guard};
use super::universe::{ABSENT, ClassNo, Placed, RUNTIME, Universe};
use super::work;
use crate::outside::ReadAt;
use changes::Changes;
use load::{Fault, Loads};
use resolve::Resolved;

/// Links every class that [`Changes`] touch; `jars` are the bytes of the class path.
pub(super) fn link(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    changes: &Changes<'_>,
    threads: usize,
) -> Vec<Finding> {
    let all = (0..).zip(&universe.segments).filter(|(_, segment)| segment.jar != RUNTIME && changes.touch(segment));
    let segments: Vec<u32> = all.map(|(number, _)| number).collect();
    link_segments(universe, loads, jars, changes, &segments, threads)
}

/// Links the classes of these segments.
pub(super) fn link_segments(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    changes: &Changes<'_>,
    segments: &[u32],
    threads: usize,
) -> Vec<Finding> {
    let references = work::all(segments, threads, |&number| Linker::of(universe, loads, number)).into_iter().flatten();
    references.chain(verification::findings(universe, loads, jars, changes, segments, threads)).collect()
}

/// Links the classes of one segment.
struct Linker<'a, 'u> {
    universe: &'u Universe<'a>,
    loads: &'u Loads,
    number: u32,
    segment: &'u Placed<'a>,
    /// What each member resolves to.
    resolved: Vec<Answer>,
    findings: Vec<Finding>,
}

/// What a member's name leads to, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The owner is missing or cannot be loaded; reported by its mention.
    Moot,
    Wrong(FindingKind),
    Member(ClassNo, u16),
}

/// What the member at that index of the segment leads to.
fn answer(universe: &Universe<'_>, loads: &Loads, segment: &Placed<'_>, at: u32, member: &MemberSymbol) -> Answer {
    match segment.denoted(member.owner).filter(|owner| loads.is_loadable(*owner)) {
        Some(owner) => answer_in(universe, segment, owner, at, member),
        None => Answer::Moot,
    }
}

/// What it leads to if `owner` is the class that is named.
pub(super) fn answer_in(
    universe: &Universe<'_>,
    segment: &Placed<'_>,
    owner: ClassNo,
    at: u32,
    member: &MemberSymbol,
) -> Answer {
    let is_interface = universe.is_interface(owner);
    match member.kind {
        Kind::Method if is_interface => return Answer::Wrong(FindingKind::NotAClass),
        Kind::InterfaceMethod if !is_interface => return Answer::Wrong(FindingKind::NotAnInterface),
        _ => {}
    }
    let mut found = resolve::resolve(universe, owner, member.kind, member.id);
    if found == Resolved::Nothing
        && let Ok(place) = segment.facts.polymorphic.binary_search_by_key(&at, |(index, _)| *index)
        && let Some((_, id)) = segment.facts.polymorphic.get(place)
    {
        found = resolve::resolve(universe, owner, Kind::Method, *id);
    }
    match found {
        Resolved::Found(_, declared) if member.kind == Kind::ArrayMethod => {
            Answer::Member(owner, declared.flags | flag::PUBLIC)
        }
        Resolved::Found(class, declared) => Answer::Member(class, declared.flags),
        Resolved::Conflict => Answer::Wrong(FindingKind::Conflict),
        Resolved::Nothing if member.kind == Kind::Field => Answer::Wrong(FindingKind::NoSuchField),
        Resolved::Nothing => Answer::Wrong(FindingKind::NoSuchMethod),
    }
}

impl<'a, 'u> Linker<'a, 'u> {
    fn of(universe: &'u Universe<'a>, loads: &'u Loads, number: u32) -> Vec<Finding> {
        let Some(segment) = universe.segment(number).filter(|segment| segment.jar != RUNTIME) else {
            return Vec::new();
        };
        let mut linker = Self { universe, loads, number, segment, resolved: Vec::new(), findings: Vec::new() };
        linker.resolved = (0..)
            .zip(&segment.facts.members)
            .map(|(at, member)| answer(universe, loads, segment, at, member))
            .collect();
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            if class != ABSENT && !universe.is_hidden(class) {
                linker.class(class, facts);
            }
        }
        linker.findings
    }

    fn class(&mut self, class: ClassNo, facts: &ClassFacts) {
        if let Some(fault) = self.loads.fault(class) {
            self.report_load(class, fault);
            return;
        }
        for mention in facts.mentions.of(&self.segment.facts.mentions) {
            self.mention(class, mention.symbol, mention.how);
        }
        for used in facts.uses.of(&self.segment.facts.uses) {
            self.member(class, facts, *used);
        }
    }

    fn report_load(&mut self, class: ClassNo, fault: Fault) {
        self.findings.push(Finding {
            source: class,
            segment: self.number,
            kind: FindingKind::Load(fault.kind),
            target: fault.other,
            member: NONE,
            found: fault.at,
            id: 0,
            guard: Guard::None,
        });
    }

    fn mention(&mut self, class: ClassNo, symbol: u32, how: u16) {
        if how & how::RESOLVED == 0 {
            return;
        }
        let guard = guard(how, how::OPEN, how::BARE);
        let mut report = |kind, found| {
            let source = Finding {
                source: class,
                segment: self.number,
                kind,
                target: symbol,
                member: NONE,
                found,
                id: 0,
                guard,
            };
            self.findings.push(source);
        };
        let Some(found) = self.segment.denoted(symbol) else {
            report(FindingKind::MissingClass, ABSENT);
            return;
        };
        if !self.loads.is_loadable(found) {
            report(FindingKind::UnloadableClass, found);
        } else if how & !how::CALL_SITE & how::RESOLVED != 0 && !access::class(self.universe, class, found) {
            report(FindingKind::ClassAccess, found);
        } else if how & how::NEW != 0 && self.universe.flags(found) & (flag::ABSTRACT | flag::INTERFACE) != 0 {
            report(FindingKind::AbstractNew, found);
        }
    }

    fn member(&mut self, class: ClassNo, facts: &ClassFacts, used: Use) {
        let Ok(at) = usize::try_from(used.member) else { return };
        let (Some(member), Some(answer)) = (self.segment.facts.members.get(at), self.resolved.get(at)) else { return };
        let kind = match *answer {
            Answer::Moot => return,
            Answer::Wrong(kind) => Some(kind),
            Answer::Member(declarer, flags) => self.judge(class, facts, used, declarer, flags),
        };
        if let Some(kind) = kind {
            let found = self.segment.denoted(member.owner).unwrap_or(ABSENT);
            self.findings.push(Finding {
                source: class,
                segment: self.number,
                kind,
                target: member.owner,
                member: used.member,
                found,
                id: 0,
                guard: guard(used.op, op::OPEN, op::BARE),
            });
        }
    }

    /// What is wrong with this use of a member that is there.
    fn judge(
        &self,
        class: ClassNo,
        facts: &ClassFacts,
        used: Use,
        declarer: ClassNo,
        flags: u16,
    ) -> Option<FindingKind> {
        let op = used.op;
        if flags & flag::PUBLIC == 0 {
            let member = usize::try_from(used.member).ok().and_then(|at| self.segment.facts.members.get(at));
            let owner = member.and_then(|member| self.segment.denoted(member.owner)).unwrap_or(declarer);
            if !access::member(self.universe, class, owner, declarer, flags) {
                return Some(FindingKind::MemberAccess);
            }
        }
        let is_static = flags & flag::STATIC != 0;
        if is_static && op & op::INSTRUCTION & !op::STATICS != 0 {
            return Some(FindingKind::IsStatic);
        }
        if !is_static && op & op::STATICS != 0 {
            return Some(FindingKind::IsNotStatic);
        }
        let writes_final = flags & flag::FINAL != 0 && op & op::PUTS != 0;
        if writes_final && (declarer != class || op & op::LATE != 0 && facts.major >= 53) {
            return Some(FindingKind::FinalWrite);
        }
        None
    }
}

/// The handlers that all of some uses stand in, by two bits of their marks.
fn guard(marks: u16, open: u16, bare: u16) -> Guard {
    if marks & open == 0 {
        Guard::Strong
    } else if marks & bare == 0 {
        Guard::Weak
    } else {
        Guard::None
    }
}

//! Methods that a concrete class owes to its supertypes (JVMS 5.4.6): abstract ones that nobody implements,
//! and ones of an interface that are not public. Only those count that somebody calls.

use super::super::class::{ClassFile, Places, flag};
use super::super::facts::{Kind, NONE, op};
use super::super::findings::{Finding, FindingKind, Guard};
use super::super::id::{Id, Table, id as number, member};
use super::super::jar::Shelf;
use super::super::universe::{ABSENT, ClassNo, RUNTIME, Universe};
use super::load::Loads;
use super::resolve::{Resolved, resolve};
use crate::outside::ReadAt;

/// One finding for each class that owes a method. `is_changed` tells the classes to look at.
pub(super) fn findings(
    universe: &Universe<'_>,
    loads: &Loads,
    jars: &[&dyn ReadAt],
    is_changed: &dyn Fn(ClassNo) -> bool,
) -> Vec<Finding> {
    let mut shelf = Shelf::new(jars.iter().copied());
    let mut found = Vec::new();
    let mut called = None;
    for (number, segment) in (0..).zip(&universe.segments) {
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            let concrete = facts.flags & (flag::ABSTRACT | flag::INTERFACE) == 0;
            if !concrete || segment.jar == RUNTIME || class == ABSENT || !is_changed(class) {
                continue;
            }
            if universe.is_hidden(class) || !loads.is_loadable(class) {
                continue;
            }
            let called: &Table = called.get_or_insert_with(|| calls(universe));
            if let Some((kind, of, id)) = owed(universe, class, called)
                && !is_bridged(universe, &mut shelf, class, of, id)
            {
                let guard = Guard::None;
                let (target, member) = (NONE, NONE);
                found.push(Finding { source: class, segment: number, kind, target, member, found: of, id, guard });
            }
        }
    }
    found
}

/// The numbers of all methods that somebody calls by selection.
fn calls(universe: &Universe<'_>) -> Table {
    let mut called = Table::default();
    for segment in &universe.segments {
        for used in &segment.facts.uses {
            if used.op & (op::VIRTUAL | op::INTERFACE) != 0
                && let Some(member) = usize::try_from(used.member).ok().and_then(|at| segment.facts.members.get(at))
            {
                called.get_or_insert(member.id, 0);
            }
        }
    }
    called
}

/// The first method that the class owes: what is wrong, who declares it, its number.
fn owed(universe: &Universe<'_>, class: ClassNo, called: &Table) -> Option<(FindingKind, ClassNo, Id)> {
    for above in universe.lineage(class) {
        let Some((segment, facts)) = universe.class(above) else { continue };
        for method in facts.methods.of(&segment.facts.declared) {
            // Compilers do not ask for what is synthetic, as scalac's accessors are in Java sources.
            let is_owed = method.flags & (flag::ABSTRACT | flag::SYNTHETIC) == flag::ABSTRACT;
            if !is_owed || !called.contains(method.id) {
                continue;
            }
            if let Some(kind) = judge(universe, class, facts.is_interface(), method.id) {
                return Some((kind, above, method.id));
            }
        }
    }
    None
}

/// Whether the class has a method of that name and those parameters that returns something else: then only
/// a bridge is missing, which javac never makes for what scalac left out.
fn is_bridged(universe: &Universe<'_>, shelf: &mut Shelf<'_>, class: ClassNo, of: ClassNo, id: Id) -> bool {
    let mut named = |class: ClassNo, is_it: &dyn Fn(&[u8], &[u8]) -> bool| {
        let bytes = shelf.class(universe, class)?;
        let class = ClassFile::parse(&bytes, Places::default()).ok()?;
        class.methods.iter().find_map(|method| {
            let (name, of) = (class.pool.utf8(method.name)?, class.pool.utf8(method.descriptor)?);
            is_it(name, of).then(|| (name.to_vec(), of.to_vec()))
        })
    };
    let wanted = named(of, &|name, of| member(number(name), number(of)) == id);
    let Some((name, descriptor)) = wanted else { return false };
    let parameters = |of: &[u8]| of.iter().rposition(|b| *b == b')').and_then(|end| of.get(..end)).map(<[u8]>::to_vec);
    let same = |other: &[u8], of: &[u8]| other == name && of != descriptor && parameters(of) == parameters(&descriptor);
    universe.lineage(class).any(|above| above != of && named(above, &same).is_some())
}

fn judge(universe: &Universe<'_>, class: ClassNo, by_interface: bool, id: Id) -> Option<FindingKind> {
    // Private and static namesakes are passed over.
    let selected = universe.chain(class).find_map(|class| {
        let method = universe.declared(class, false, id)?;
        (method.flags & (flag::PRIVATE | flag::STATIC) == 0).then_some(method)
    });
    match selected {
        Some(method) if method.flags & flag::ABSTRACT != 0 => Some(FindingKind::NotImplemented),
        Some(method) if by_interface && method.flags & flag::PUBLIC == 0 => Some(FindingKind::NotPublic),
        Some(_) => None,
        None => match resolve(universe, class, Kind::Method, id) {
            Resolved::Found(_, method) if method.flags & (flag::ABSTRACT | flag::PRIVATE | flag::STATIC) != 0 => {
                Some(FindingKind::NotImplemented)
            }
            // Several defaults are told where they are called.
            _ => None,
        },
    }
}

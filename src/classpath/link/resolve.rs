//! Resolution of fields and methods (JVMS 5.4.3.2 to 5.4.3.4), in their order.

use super::super::class::flag;
use super::super::facts::{Declared, Kind};
use super::super::id::Id;
use super::super::universe::{ClassNo, DEEP, Universe};

/// What a reference leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classpath) enum Resolved {
    /// A member, and the class that declares it.
    Found(ClassNo, Declared),
    /// No class or interface has it.
    Nothing,
    /// Several unrelated interfaces have a default for it.
    Conflict,
}

/// Resolves in a class that can be loaded. The kind of the class is judged elsewhere.
pub(in crate::classpath) fn resolve(universe: &Universe<'_>, owner: ClassNo, kind: Kind, id: Id) -> Resolved {
    let found = |class, declared| Resolved::Found(class, declared);
    match kind {
        Kind::Field => field(universe, owner, id, &mut (DEEP * 4)).map_or(Resolved::Nothing, |(c, d)| found(c, d)),
        Kind::Constructor => {
            universe.declared(owner, false, id).map_or(Resolved::Nothing, |declared| found(owner, declared))
        }
        Kind::Method | Kind::ArrayMethod | Kind::InterfaceMethod if universe.is_interface(owner) => {
            if let Some(declared) = universe.declared(owner, false, id) {
                return found(owner, declared);
            }
            // Of Object's methods only the public ones that are not static.
            if let Some((class, declared)) = in_chain(universe, owner, id)
                && class != owner
                && declared.flags & flag::PUBLIC != 0
                && declared.flags & flag::STATIC == 0
            {
                return found(class, declared);
            }
            in_interfaces(universe, owner, id)
        }
        _ => match in_chain(universe, owner, id) {
            Some((class, declared)) => found(class, declared),
            None => in_interfaces(universe, owner, id),
        },
    }
}

/// JVMS 5.4.3.2: the class, its superinterfaces, its superclass. `steps` bounds what a hostile hierarchy costs.
fn field(universe: &Universe<'_>, class: ClassNo, id: Id, steps: &mut usize) -> Option<(ClassNo, Declared)> {
    *steps = steps.checked_sub(1)?;
    if let Some(declared) = universe.declared(class, true, id) {
        return Some((class, declared));
    }
    let mut above = universe.interfaces(class).chain(universe.superclass(class));
    above.find_map(|class| field(universe, class, id, steps))
}

fn in_chain(universe: &Universe<'_>, owner: ClassNo, id: Id) -> Option<(ClassNo, Declared)> {
    universe.chain(owner).find_map(|class| Some((class, universe.declared(class, false, id)?)))
}

/// The maximally-specific superinterface methods (JVMS 5.4.3.3): a single default wins, else any that is
/// neither private nor static.
fn in_interfaces(universe: &Universe<'_>, owner: ClassNo, id: Id) -> Resolved {
    let mut candidates: Vec<(ClassNo, Declared)> = Vec::new();
    let mut pending: Vec<ClassNo> = universe.chain(owner).flat_map(|class| universe.interfaces(class)).collect();
    let mut seen: Vec<ClassNo> = Vec::new();
    while let Some(interface) = pending.pop() {
        if seen.contains(&interface) {
            continue;
        }
        seen.push(interface);
        if let Some(declared) = universe.declared(interface, false, id)
            && declared.flags & (flag::PRIVATE | flag::STATIC) == 0
        {
            candidates.push((interface, declared));
        }
        pending.extend(universe.interfaces(interface));
    }
    let is_specific = |(interface, _): &&(ClassNo, Declared)| {
        !candidates.iter().any(|(other, _)| other != interface && universe.is_subtype(*other, *interface))
    };
    let specific: Vec<&(ClassNo, Declared)> = candidates.iter().filter(is_specific).collect();
    let mut defaults = specific.iter().filter(|(_, declared)| declared.flags & flag::ABSTRACT == 0);
    match (defaults.next(), defaults.next()) {
        (Some(&&(class, declared)), None) => Resolved::Found(class, declared),
        // Who is called is decided in the receiver's class; the JVM gives only concrete classes a method that throws.
        (Some(&&(class, declared)), Some(_)) if universe.flags(owner) & flag::ABSTRACT != 0 => {
            Resolved::Found(class, declared)
        }
        (Some(_), Some(_)) => Resolved::Conflict,
        (None, _) => specific.first().map_or(Resolved::Nothing, |&&(class, declared)| Resolved::Found(class, declared)),
    }
}

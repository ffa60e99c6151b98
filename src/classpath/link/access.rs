//! Who may use what (JVMS 5.4.4).

use super::super::class::flag;
use super::super::facts::NONE;
use super::super::universe::{ClassNo, RUNTIME, Universe};

/// Whether `from` may use the class at all.
pub(in crate::classpath) fn class(universe: &Universe<'_>, from: ClassNo, to: ClassNo) -> bool {
    if from == to {
        return true;
    }
    let is_public = universe.flags(to) & flag::PUBLIC != 0;
    if universe.jar(to) == RUNTIME {
        // The runtime's own classes are not judged.
        return universe.jar(from) == RUNTIME || is_public && universe.layer.is_usable(universe.package(to));
    }
    is_public || universe.same_package(from, to)
}

/// Whether `from` may use a member that `declarer` declares with these flags, by a reference that names
/// the class `owner`. Which receivers a protected member takes is the verifier's.
pub(in crate::classpath) fn member(
    universe: &Universe<'_>,
    from: ClassNo,
    owner: ClassNo,
    declarer: ClassNo,
    flags: u16,
) -> bool {
    if flags & flag::PUBLIC != 0 || from == declarer {
        return true;
    }
    if flags & flag::PRIVATE != 0 {
        return nest_host(universe, from) == nest_host(universe, declarer);
    }
    if universe.same_package(from, declarer) {
        return true;
    }
    let above = |class: ClassNo, other: ClassNo| universe.chain(class).any(|class| class == other);
    flags & flag::PROTECTED != 0
        && above(from, declarer)
        && (flags & flag::STATIC != 0 || above(owner, from) || above(from, owner))
}

/// The nest host (JVMS 5.4.4): both sides must agree, else a class is its own host.
pub(in crate::classpath) fn nest_host(universe: &Universe<'_>, class: ClassNo) -> ClassNo {
    let host = || {
        let (segment, facts) = universe.class(class)?;
        if facts.nest_host == NONE {
            return None;
        }
        let host = segment.denoted(facts.nest_host).filter(|host| universe.same_package(*host, class))?;
        let (of_host, host_facts) = universe.class(host)?;
        let members = host_facts.nest_members.of(&of_host.facts.links);
        members.iter().any(|&member| of_host.denoted(member) == Some(class)).then_some(host)
    };
    host().unwrap_or(class)
}

//! Which classes can be loaded (JVMS 5.3), and the one reason for each that cannot.

use std::rc::Rc;

use super::super::class::flag;
use super::super::facts::{Declared, NONE, mark};
use super::super::id::Id;
use super::super::universe::{ABSENT, ClassNo, DEEP, Placed, RUNTIME, Universe};
use super::access;

/// Why a class cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classpath) struct Fault {
    pub(in crate::classpath) kind: FaultKind,
    /// The class at which it shows: itself, or one above it.
    pub(in crate::classpath) at: ClassNo,
    /// Symbol, in `at`'s segment, of the other class that takes part; or `NONE`.
    pub(in crate::classpath) other: u32,
}

/// Reasons, each with the error that the JVM throws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::classpath) enum FaultKind {
    /// `NoClassDefFoundError`: a superclass or superinterface is nowhere.
    Missing,
    /// `ClassFormatError`, or `NoClassDefFoundError` for a wrong name.
    Malformed,
    /// `UnsupportedClassVersionError`.
    TooNew,
    /// `ClassCircularityError`.
    Circular,
    /// `IncompatibleClassChangeError`: the superclass is an interface.
    SuperIsInterface,
    /// `IncompatibleClassChangeError`: a superinterface is a class.
    InterfaceIsClass,
    /// `IncompatibleClassChangeError`: the superclass is final.
    SuperIsFinal,
    /// `IncompatibleClassChangeError`: a sealed class does not permit it.
    NotPermitted,
    /// `IllegalAccessError`: the superclass or a superinterface is not accessible.
    SuperNotAccessible,
    /// `IncompatibleClassChangeError`: it overrides a final method.
    OverridesFinal,
    /// `ClassNotFoundException`: its jar's manifest is malformed.
    BadManifest,
    /// `SecurityException`: its jar's signature does not fit its manifest.
    BadSignature,
}

/// The faults of all classes, by number.
pub(in crate::classpath) struct Loads {
    faults: Vec<Option<Fault>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Open,
    Done,
}

/// Final methods: number, class and flags.
type Finals = Rc<Vec<(Id, ClassNo, u16)>>;

struct Loader<'a, 'u> {
    universe: &'u Universe<'a>,
    newest: u16,
    bad_jars: &'u [Option<FaultKind>],
    state: Vec<State>,
    faults: Vec<Option<Fault>>,
    /// Numbers of the final methods of each class and its superclasses but `Object`; only where there are any.
    finals: Vec<Option<Finals>>,
}

impl Loads {
    /// Loads every class. `newest` is the highest major version that the Java takes; `bad_jars` are
    /// jars no class of which can be loaded.
    pub(in crate::classpath) fn of(universe: &Universe<'_>, newest: u16, bad_jars: &[Option<FaultKind>]) -> Self {
        let count = usize::try_from(universe.count()).unwrap_or(0);
        let mut loader = Loader {
            universe,
            newest,
            bad_jars,
            state: vec![State::Unknown; count],
            faults: vec![None; count],
            finals: vec![None; count],
        };
        for class in 0..universe.count() {
            loader.load(class, 0);
        }
        Self { faults: loader.faults }
    }

    /// The fault of a class that is there.
    pub(in crate::classpath) fn fault(&self, class: ClassNo) -> Option<Fault> {
        self.faults.get(usize::try_from(class).ok()?).copied().flatten()
    }

    pub(in crate::classpath) fn is_loadable(&self, class: ClassNo) -> bool {
        class != ABSENT && self.fault(class).is_none()
    }
}

impl Loader<'_, '_> {
    fn load(&mut self, class: ClassNo, depth: usize) -> Option<Fault> {
        let at = usize::try_from(class).ok()?;
        match self.state.get(at).copied() {
            Some(State::Done) => return self.faults.get(at).copied().flatten(),
            Some(State::Unknown) if depth < DEEP => {}
            _ => return Some(Fault { kind: FaultKind::Circular, at: class, other: NONE }),
        }
        self.set(at, State::Open);
        let fault = self.judge(class, depth);
        if let Some(slot) = self.faults.get_mut(at) {
            *slot = fault;
        }
        self.set(at, State::Done);
        fault
    }

    fn set(&mut self, at: usize, state: State) {
        if let Some(slot) = self.state.get_mut(at) {
            *slot = state;
        }
    }

    fn judge(&mut self, class: ClassNo, depth: usize) -> Option<Fault> {
        let universe = self.universe;
        let (segment, facts) = universe.class(class)?;
        let fault = |kind, other| Some(Fault { kind, at: class, other });
        if segment.jar != RUNTIME {
            let jar = usize::try_from(segment.jar).ok();
            if let Some(kind) = jar.and_then(|jar| self.bad_jars.get(jar)).copied().flatten() {
                return fault(kind, NONE);
            }
            if is_refused(facts.major, facts.minor, self.newest) {
                return fault(FaultKind::TooNew, NONE);
            }
        }
        if facts.has(mark::MALFORMED) {
            return fault(FaultKind::Malformed, NONE);
        }
        // HotSpot's order: superinterfaces, the superclass, and only then whether they may be extended.
        let interfaces = facts.interfaces.of(&segment.facts.links).iter().map(|&symbol| (symbol, false));
        let parents: Vec<(u32, bool)> = interfaces.chain([(facts.superclass, true)]).collect();
        let parents = parents.into_iter().filter(|(symbol, _)| *symbol != NONE);
        let above = parents
            .clone()
            .find_map(|(symbol, is_superclass)| self.parent(class, segment, symbol, is_superclass, depth));
        let superclass_first = parents.clone().rev();
        above
            .or_else(|| {
                superclass_first.into_iter().find_map(|(symbol, _)| may_extend(universe, class, segment, symbol))
            })
            .or_else(|| self.overrides_final(class))
    }

    /// What is wrong with a superclass or superinterface in itself.
    fn parent(
        &mut self,
        class: ClassNo,
        segment: &Placed<'_>,
        symbol: u32,
        is_superclass: bool,
        depth: usize,
    ) -> Option<Fault> {
        let universe = self.universe;
        let fault = |kind| Some(Fault { kind, at: class, other: symbol });
        let Some(parent) = segment.denoted(symbol) else { return fault(FaultKind::Missing) };
        if let Some(above) = self.load(parent, depth + 1) {
            return Some(above);
        }
        if universe.is_interface(parent) == is_superclass {
            return fault(if is_superclass { FaultKind::SuperIsInterface } else { FaultKind::InterfaceIsClass });
        }
        if is_superclass && universe.flags(parent) & flag::FINAL != 0 {
            return fault(FaultKind::SuperIsFinal);
        }
        None
    }

    /// Final methods of superclasses that the class overrides. Those of `Object` are left out: no compiler
    /// lets them be overridden.
    fn overrides_final(&mut self, class: ClassNo) -> Option<Fault> {
        let universe = self.universe;
        let parent = universe.superclass(class)?;
        let of_object = universe.superclass(parent).is_none();
        let inherited = usize::try_from(parent).ok().and_then(|at| self.finals.get(at)).cloned().flatten();
        let inherited = inherited.filter(|_| !of_object);
        let (segment, facts) = universe.class(class)?;
        let own = facts.methods.of(&segment.facts.declared);
        let mut found = None;
        for &(id, declarer, flags) in inherited.iter().flat_map(|list| list.iter()) {
            let Ok(at) = own.binary_search_by_key(&id, |declared| declared.id) else { continue };
            let overrides = own.get(at).is_some_and(|method| method.flags & (flag::STATIC | flag::PRIVATE) == 0);
            let visible = flags & (flag::PUBLIC | flag::PROTECTED) != 0 || universe.same_package(class, declarer);
            if overrides && visible {
                found = Some(Fault { kind: FaultKind::OverridesFinal, at: class, other: facts.superclass });
            }
        }
        let is_final =
            |method: &&Declared| method.flags & flag::FINAL != 0 && method.flags & (flag::STATIC | flag::PRIVATE) == 0;
        let mut own_finals = own.iter().filter(is_final).peekable();
        let list = if own_finals.peek().is_none() {
            inherited
        } else {
            let mut list = inherited.map(|list| (*list).clone()).unwrap_or_default();
            list.extend(own_finals.map(|method| (method.id, class, method.flags)));
            Some(Rc::new(list))
        };
        if let Some(slot) = usize::try_from(class).ok().and_then(|at| self.finals.get_mut(at)) {
            *slot = list;
        }
        found
    }
}

/// Whether a class may have a parent that is there: sealing, then access.
fn may_extend(universe: &Universe<'_>, class: ClassNo, segment: &Placed<'_>, symbol: u32) -> Option<Fault> {
    let parent = segment.denoted(symbol)?;
    let fault = |kind| Some(Fault { kind, at: class, other: symbol });
    if !permits(universe, parent, class) {
        return fault(FaultKind::NotPermitted);
    }
    if access::class(universe, class, parent) { None } else { fault(FaultKind::SuperNotAccessible) }
}

/// Whether the Java refuses a version (JVMS 4.1): below 45, above its own, and any minor from 56 on,
/// previews among them.
pub(in crate::classpath) fn is_refused(major: u16, minor: u16, newest: u16) -> bool {
    major < 45 && major != 0 || major > newest || major >= 56 && minor != 0
}

/// Whether a sealed parent permits the class (JVMS 5.3.5); a class that is not public must share its package.
fn permits(universe: &Universe<'_>, parent: ClassNo, class: ClassNo) -> bool {
    let Some((segment, facts)) = universe.class(parent) else { return true };
    if !facts.has(mark::SEALED) {
        return true;
    }
    if (universe.jar(parent) == RUNTIME) != (universe.jar(class) == RUNTIME) {
        return false;
    }
    let listed = facts.permitted.of(&segment.facts.links).iter().any(|&symbol| segment.denoted(symbol) == Some(class));
    listed && (universe.flags(class) & flag::PUBLIC != 0 || universe.same_package(class, parent))
}

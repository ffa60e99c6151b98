//! What is not as the distribution has it: [`Changes`]. The rest links as it always did.

use super::super::facts::NONE;
use super::super::id::Table;
use super::super::universe::{ABSENT, ClassNo, DEEP, Placed, RUNTIME, Universe};

/// The classes that a class path has in another shape than the distribution.
pub(in crate::classpath) struct Changes<'a> {
    changed: Vec<bool>,
    removed: &'a Table,
    /// Whether segments without any change are linked, too.
    pub(in crate::classpath) everything: bool,
}

impl<'a> Changes<'a> {
    /// A class is changed where it, or one above it, is in a jar that is not the distribution's, or is one
    /// that the distribution has and the class path has not.
    pub(in crate::classpath) fn of(
        universe: &Universe<'_>,
        is_stock: &dyn Fn(u32) -> bool,
        removed: &'a Table,
        everything: bool,
    ) -> Self {
        let count = usize::try_from(universe.count()).unwrap_or(0);
        let mut state: Vec<Option<bool>> = vec![None; count];
        for (number, slot) in (0..).zip(&mut state) {
            let jar = universe.jar(number);
            if jar == RUNTIME {
                *slot = Some(false);
            } else if !is_stock(jar) {
                *slot = Some(true);
            }
        }
        let mut walk = Walk { universe, removed, state };
        let changed = (0..universe.count()).map(|class| walk.is_changed(class, 0)).collect();
        Self { changed, removed, everything }
    }

    pub(in crate::classpath) fn is_changed(&self, class: ClassNo) -> bool {
        usize::try_from(class).ok().and_then(|at| self.changed.get(at)) == Some(&true)
    }

    /// Whether any class that the segment mentions is changed.
    pub(in crate::classpath) fn touch(&self, segment: &Placed<'_>) -> bool {
        self.everything
            || segment.denotes.iter().zip(&segment.facts.symbols).any(|(class, symbol)| {
                if *class == ABSENT { self.removed.contains(symbol.id) } else { self.is_changed(*class) }
            })
    }
}

struct Walk<'a, 'u> {
    universe: &'u Universe<'a>,
    removed: &'u Table,
    state: Vec<Option<bool>>,
}

impl Walk<'_, '_> {
    fn is_changed(&mut self, class: ClassNo, depth: usize) -> bool {
        let Some(at) = usize::try_from(class).ok().filter(|_| depth < DEEP) else { return true };
        if let Some(known) = self.state.get(at).copied().flatten() {
            return known;
        }
        self.set(at, false);
        let Some((segment, facts)) = self.universe.class(class) else { return false };
        let above = facts.interfaces.of(&segment.facts.links).iter().copied().chain([facts.superclass]);
        let above: Vec<u32> = above.filter(|symbol| *symbol != NONE).collect();
        let changed = above.into_iter().any(|symbol| match segment.denoted(symbol) {
            Some(parent) => self.is_changed(parent, depth + 1),
            None => segment.facts.symbol(symbol).is_some_and(|symbol| self.removed.contains(symbol.id)),
        });
        self.set(at, changed);
        changed
    }

    fn set(&mut self, at: usize, changed: bool) {
        if let Some(slot) = self.state.get_mut(at) {
            *slot = Some(changed);
        }
    }
}

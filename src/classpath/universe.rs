//! Which class a name denotes: [`Universe`]. Copies that an earlier jar hides have numbers, too.
//!
//! A package of a module of the boot layer is never looked for on the class path. Of all others the
//! first jar that has the class wins.

use super::facts::{ClassFacts, Declared, Facts, NONE, Segment, Span};
use super::id::{Id, Table};
use super::modules::BootLayer;
use super::work;

/// A class that can be found, by number.
pub(super) type ClassNo = u32;
/// The class of a name that none has.
pub(super) const ABSENT: ClassNo = u32::MAX;
/// The jar of a class of the Java runtime.
pub(super) const RUNTIME: u32 = u32::MAX;

/// A segment with its place.
pub(super) struct Placed<'a> {
    pub(super) facts: &'a Segment,
    /// Place of its jar on the class path, or [`RUNTIME`].
    pub(super) jar: u32,
    /// Which class each symbol denotes.
    pub(super) denotes: Vec<ClassNo>,
    /// Which class each of its class files is, or [`ABSENT`] where it is never looked for.
    pub(super) numbers: Vec<ClassNo>,
}

/// Everything that can be found by name.
pub(super) struct Universe<'a> {
    pub(super) segments: Vec<Placed<'a>>,
    /// Segment and index in it, by number.
    places: Vec<(u32, u32)>,
    by_name: Table,
    /// Packages that some class that can be found is in.
    packages: Table,
    pub(super) layer: &'a BootLayer,
}

impl<'a> Universe<'a> {
    /// The classes of the runtime, then of the jars in their order. `unusable` jars give none.
    pub(super) fn new(runtime: &'a [Segment], layer: &'a BootLayer, jars: &[&'a Facts], threads: usize) -> Self {
        let of_runtime = runtime.iter().map(|facts| (RUNTIME, facts));
        let of_jars = (0..).zip(jars).flat_map(|(jar, facts)| facts.segments.iter().map(move |facts| (jar, facts)));
        let all: Vec<(u32, &Segment)> = of_runtime.chain(of_jars).collect();
        let count = all.iter().map(|(_, segment)| segment.classes.len()).sum();
        let mut universe = Self {
            segments: Vec::with_capacity(all.len()),
            places: Vec::with_capacity(count),
            by_name: Table::with_room(count),
            packages: Table::default(),
            layer,
        };
        for (jar, facts) in all {
            universe.add(jar, facts);
        }
        let numbers = work::all(&universe.segments, threads, |segment| {
            let find = |symbol: &super::facts::Symbol| universe.by_name.get(symbol.id).unwrap_or(ABSENT);
            segment.facts.symbols.iter().map(find).collect::<Vec<_>>()
        });
        for (segment, denotes) in universe.segments.iter_mut().zip(numbers) {
            segment.denotes = denotes;
        }
        universe
    }

    fn add(&mut self, jar: u32, facts: &'a Segment) {
        let segment = u32::try_from(self.segments.len()).unwrap_or(ABSENT);
        let mut numbers = Vec::with_capacity(facts.classes.len());
        for (index, class) in (0..).zip(&facts.classes) {
            let Some(symbol) = facts.symbol(class.name) else { continue };
            // The runtime's classes are those of its resolved modules, the class path's all others.
            if self.layer.owns(symbol.package) != (jar == RUNTIME) {
                numbers.push(ABSENT);
                continue;
            }
            let next = u32::try_from(self.places.len()).unwrap_or(ABSENT);
            if self.by_name.get_or_insert(symbol.id, next) == next {
                self.packages.get_or_insert(symbol.package, jar);
            }
            numbers.push(next);
            self.places.push((segment, index));
        }
        self.segments.push(Placed { facts, jar, denotes: Vec::new(), numbers });
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(ABSENT)
    }

    /// Whether another class of its name comes first.
    pub(super) fn is_hidden(&self, class: ClassNo) -> bool {
        self.by_name.get(self.name_id(class)) != Some(class)
    }

    /// The class of that name.
    pub(super) fn find(&self, name: Id) -> Option<ClassNo> {
        self.by_name.get(name)
    }

    /// A jar that has classes of that package.
    pub(super) fn jar_of_package(&self, package: Id) -> Option<u32> {
        self.packages.get(package).filter(|jar| *jar != RUNTIME)
    }

    fn place(&self, class: ClassNo) -> Option<(&Placed<'a>, u32)> {
        let (segment, index) = *self.places.get(usize::try_from(class).ok()?)?;
        Some((self.segment(segment)?, index))
    }

    pub(super) fn segment(&self, number: u32) -> Option<&Placed<'a>> {
        self.segments.get(usize::try_from(number).ok()?)
    }

    /// The segments of jars that have these classes and those above them.
    pub(super) fn segments_of(&self, classes: &[ClassNo]) -> Vec<u32> {
        let all = classes.iter().flat_map(|class| self.lineage(*class));
        let of = |class: ClassNo| {
            usize::try_from(class).ok().and_then(|at| self.places.get(at)).map(|(segment, _)| *segment)
        };
        let mut segments: Vec<u32> = all.filter(|class| self.jar(*class) != RUNTIME).filter_map(of).collect();
        segments.sort_unstable();
        segments.dedup();
        segments
    }

    /// The segment that has the class, and its facts.
    pub(super) fn class(&self, class: ClassNo) -> Option<(&Placed<'a>, &'a ClassFacts)> {
        let (segment, index) = self.place(class)?;
        Some((segment, segment.facts.class(index)?))
    }

    pub(super) fn flags(&self, class: ClassNo) -> u16 {
        self.class(class).map_or(0, |(_, facts)| facts.flags)
    }

    pub(super) fn is_interface(&self, class: ClassNo) -> bool {
        self.class(class).is_some_and(|(_, facts)| facts.is_interface())
    }

    /// The name, internal form.
    pub(super) fn name(&self, class: ClassNo) -> String {
        self.class(class).map_or_else(String::new, |(segment, facts)| text(segment.facts, facts.name))
    }

    /// Its bytes.
    pub(super) fn name_bytes(&self, class: ClassNo) -> &'a [u8] {
        let facts: Option<&'a [u8]> = self.class(class).map(|(segment, facts)| segment.facts.text(facts.name));
        facts.unwrap_or_default()
    }

    pub(super) fn name_id(&self, class: ClassNo) -> Id {
        self.class(class).and_then(|(segment, facts)| segment.facts.symbol(facts.name)).map_or(0, |symbol| symbol.id)
    }

    pub(super) fn package(&self, class: ClassNo) -> Id {
        self.class(class).and_then(|(s, facts)| s.facts.symbol(facts.name)).map_or(0, |symbol| symbol.package)
    }

    /// Place of the class's jar, or [`RUNTIME`].
    pub(super) fn jar(&self, class: ClassNo) -> u32 {
        self.place(class).map_or(RUNTIME, |(segment, _)| segment.jar)
    }

    /// Whether both are in one package of one loader.
    pub(super) fn same_package(&self, a: ClassNo, b: ClassNo) -> bool {
        self.package(a) == self.package(b) && (self.jar(a) == RUNTIME) == (self.jar(b) == RUNTIME)
    }

    /// The superclass: its symbol and number.
    pub(super) fn superclass(&self, class: ClassNo) -> Option<ClassNo> {
        let (segment, facts) = self.class(class)?;
        segment.denoted(facts.superclass)
    }

    /// The direct superinterfaces, absent ones among them.
    pub(super) fn interfaces(&self, class: ClassNo) -> impl Iterator<Item = ClassNo> + '_ {
        let of = self.class(class);
        of.into_iter().flat_map(|(segment, facts)| {
            facts.interfaces.of(&segment.facts.links).iter().filter_map(|&symbol| segment.denoted(symbol))
        })
    }

    /// The declared member of that number.
    pub(super) fn declared(&self, class: ClassNo, fields: bool, id: Id) -> Option<Declared> {
        let (segment, facts) = self.class(class)?;
        let span: Span = if fields { facts.fields } else { facts.methods };
        let own = span.of(&segment.facts.declared);
        own.binary_search_by_key(&id, |declared| declared.id).ok().and_then(|at| own.get(at)).copied()
    }

    /// Whether `class` is `ancestor` or has it among its superclasses or superinterfaces.
    pub(super) fn is_subtype(&self, class: ClassNo, ancestor: ClassNo) -> bool {
        let mut pending = vec![class];
        let mut seen: Vec<ClassNo> = Vec::new();
        while let Some(class) = pending.pop() {
            if class == ancestor {
                return true;
            }
            if seen.len() < DEEP * 4 && !seen.contains(&class) {
                seen.push(class);
                pending.extend(self.superclass(class));
                pending.extend(self.interfaces(class));
            }
        }
        false
    }

    /// The class and its superclasses.
    pub(super) fn chain(&self, class: ClassNo) -> impl Iterator<Item = ClassNo> + '_ {
        std::iter::successors(Some(class), |class| self.superclass(*class)).take(DEEP)
    }

    /// The class, its superclasses and all their interfaces, each once and not more than [`DEEP`] of them.
    pub(super) fn lineage(&self, class: ClassNo) -> impl Iterator<Item = ClassNo> + '_ {
        let mut pending: Vec<ClassNo> = self.chain(class).collect();
        let mut seen: Vec<ClassNo> = Vec::new();
        std::iter::from_fn(move || {
            while seen.len() <= DEEP {
                let above = pending.pop()?;
                if !seen.contains(&above) {
                    seen.push(above);
                    pending.extend(self.interfaces(above));
                    return Some(above);
                }
            }
            None
        })
    }
}

/// The deepest hierarchy that is followed; the JVM's own stack ends not far above.
pub(super) const DEEP: usize = 1000;

impl Placed<'_> {
    /// The class that a symbol denotes; none where there is no such class.
    pub(super) fn denoted(&self, symbol: u32) -> Option<ClassNo> {
        if symbol == NONE {
            return None;
        }
        self.denotes.get(usize::try_from(symbol).ok()?).copied().filter(|class| *class != ABSENT)
    }
}

/// The name of a symbol.
pub(super) fn text(segment: &Segment, symbol: u32) -> String {
    String::from_utf8_lossy(segment.text(symbol)).into_owned()
}

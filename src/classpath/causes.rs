//! From thousands of findings to a few causes: what the untouched distribution has too is left out, what
//! only optional code misses is set aside, and the rest is grouped by who brought it in.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::findings::{Finding, FindingKind, Guard};
use super::id::{Id, Table, member};
use super::link::load::FaultKind;
use super::scala;
use super::universe::{ABSENT, ClassNo, RUNTIME, Universe};
use super::{Jar, Role};

/// Who is to blame for a group of findings; jars by their places in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// Classes of a jar of the distribution that is not there any more, by its place among the removed.
    Removed(u32),
    /// The jar came to the distribution, or replaces one of it, and classes of the distribution do not fit it.
    Changed(u32),
    /// The jar was built for another Scala.
    Scala(u32, &'static str),
    /// Classes of the first jar do not fit those of the second, which may be [`RUNTIME`].
    Between(u32, u32),
    /// Classes of the jar need a package that nobody has.
    Absent(u32),
}

/// The numbers of what a distribution has among itself, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline(pub(super) Vec<Id>);

impl Baseline {
    /// The baseline as bytes, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|key| key.to_le_bytes()).collect()
    }

    /// A baseline that was kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks::<8>().0.iter().map(|key| u64::from_le_bytes(*key)).collect())
    }

    /// The numbers of findings, and others that were made as [`super::id::id`] makes them.
    pub(super) fn of(universe: &Universe<'_>, findings: &[Finding], others: impl Iterator<Item = Id>) -> Self {
        let mut keys: Vec<Id> = findings.iter().map(|finding| key(universe, finding)).chain(others).collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys)
    }

    pub(super) fn has(&self, universe: &Universe<'_>, finding: &Finding) -> bool {
        self.has_key(key(universe, finding))
    }

    pub(super) fn has_key(&self, key: Id) -> bool {
        self.0.binary_search(&key).is_ok()
    }
}

/// A number that the same finding has on every class path.
pub(super) fn key(universe: &Universe<'_>, finding: &Finding) -> Id {
    let segment = universe.segment(finding.segment);
    let of_member = usize::try_from(finding.member).ok();
    let of_member = segment.zip(of_member).and_then(|(segment, at)| segment.facts.members.get(at)).map_or(0, |m| m.id);
    let target = match finding.kind {
        // By which class above it fails does not matter.
        FindingKind::Load(_) | FindingKind::LinkAbove => 0,
        _ => segment.and_then(|segment| segment.facts.symbol(finding.target)).map_or(0, |symbol| symbol.id),
    };
    let kind = match finding.kind {
        FindingKind::Load(_) => 1,
        FindingKind::Verify | FindingKind::VerifyTypes | FindingKind::LinkAbove => 2,
        FindingKind::MissingClass | FindingKind::UnloadableClass => 3,
        _ => 4,
    };
    member(member(universe.name_id(finding.source), target), of_member ^ kind)
}

/// Findings by cause.
pub(super) struct Causes<'f> {
    pub(super) by_cause: BTreeMap<Cause, Vec<&'f Finding>>,
    /// Distinct classes that optional code misses.
    pub(super) optional: BTreeSet<String>,
}

impl Causes<'_> {
    /// Whether a cause is about a fault of that class.
    pub(super) fn tell(&self, class: ClassNo) -> bool {
        self.by_cause.values().flatten().any(|finding| finding.source == class)
    }

    /// Whether a cause is that a jar of the distribution is gone, or what came for it.
    pub(super) fn tell_removed(&self, jar: u32, successors: &[Option<u32>]) -> bool {
        let successor = usize::try_from(jar).ok().and_then(|at| successors.get(at)).copied().flatten();
        self.by_cause.contains_key(&successor.map_or(Cause::Removed(jar), Cause::Changed))
    }
}

/// Groups what is new against the baseline.
pub(super) fn causes<'f>(
    universe: &Universe<'_>,
    findings: &'f [Finding],
    jars: &[&Jar],
    removed: &Table,
    successors: &[Option<u32>],
    baseline: Option<&Baseline>,
) -> Causes<'f> {
    let mut found = Causes { by_cause: BTreeMap::new(), optional: BTreeSet::new() };
    let fresh: Vec<&Finding> =
        findings.iter().filter(|finding| baseline.is_none_or(|baseline| !baseline.has(universe, finding))).collect();
    for finding in &fresh {
        // What a handler expects is no fault.
        if is_consequence(finding) || finding.guard == Guard::Strong {
            continue;
        }
        match cause(universe, finding, jars, removed) {
            Some(cause) => found.by_cause.entry(widen(cause, jars, successors)).or_default().push(finding),
            None if finding.kind.is_absence() => {
                found.optional.insert(finding.target_name(universe));
            }
            // Classes that are malformed or too new are told by their jars.
            None => {}
        }
    }
    absorb_scala(universe, &mut found);
    found
}

/// Whether another finding tells the cause.
pub(super) fn is_consequence(finding: &Finding) -> bool {
    match finding.kind {
        FindingKind::UnloadableClass | FindingKind::LinkAbove => true,
        FindingKind::Verify => finding.found != ABSENT,
        FindingKind::Load(_) => finding.found != finding.source,
        _ => false,
    }
}

/// What one jar that came breaks of the distribution is one cause.
fn widen(cause: Cause, jars: &[&Jar], successors: &[Option<u32>]) -> Cause {
    let role = |jar: u32| usize::try_from(jar).ok().and_then(|at| jars.get(at)).map(|jar| jar.role);
    match cause {
        Cause::Removed(gone) => {
            let successor = usize::try_from(gone).ok().and_then(|at| successors.get(at)).copied().flatten();
            successor.map_or(cause, Cause::Changed)
        }
        Cause::Between(from, to)
            if role(from) == Some(Role::Stock) && role(to) != Some(Role::Stock) && to != RUNTIME =>
        {
            Cause::Changed(to)
        }
        _ => cause,
    }
}

/// The classes of the jars that are not there any more, each with the place of its jar among them.
pub(super) fn removed_classes(removed: &[(&Jar, &Facts)]) -> Table {
    let mut classes = Table::default();
    for (jar, (_, facts)) in (0..).zip(removed) {
        for segment in &facts.segments {
            for class in &segment.classes {
                if let Some(symbol) = segment.symbol(class.name) {
                    classes.get_or_insert(symbol.id, jar);
                }
            }
        }
    }
    classes
}

fn cause(universe: &Universe<'_>, finding: &Finding, jars: &[&Jar], removed: &Table) -> Option<Cause> {
    let source = universe.jar(finding.source);
    if !finding.kind.is_absence() {
        let target = match finding.kind {
            FindingKind::Load(
                FaultKind::Malformed | FaultKind::TooNew | FaultKind::BadManifest | FaultKind::BadSignature,
            ) => return None,
            FindingKind::Load(_) => {
                let (segment, _) = universe.class(finding.found)?;
                segment.denoted(finding.target).map_or(source, |other| universe.jar(other))
            }
            _ if finding.found == ABSENT => source,
            _ => universe.jar(finding.found),
        };
        return Some(Cause::Between(source, target));
    }
    let segment = match finding.kind {
        FindingKind::Load(_) => universe.class(finding.found)?.0,
        _ => universe.segment(finding.segment)?,
    };
    let symbol = segment.facts.symbol(finding.target)?;
    if let Some(jar) = removed.get(symbol.id) {
        return Some(Cause::Removed(jar));
    }
    let is_own_file = usize::try_from(source).ok().and_then(|at| jars.get(at)).is_some_and(|jar| jar.role == Role::Own);
    match universe.jar_of_package(symbol.package) {
        // A package of one's own that lacks a class: shading or a slim build left it out.
        Some(jar) => Some(Cause::Between(source, jar)),
        None if universe.layer.owns(symbol.package) => Some(Cause::Between(source, RUNTIME)),
        None if is_own_file => Some(Cause::Absent(source)),
        None => None,
    }
}

/// A jar that misses classes of another Scala has that one cause.
fn absorb_scala(universe: &Universe<'_>, found: &mut Causes<'_>) {
    let Some(image) = scala::of_image(universe) else { return };
    let mut wrong: BTreeMap<u32, &'static str> = BTreeMap::new();
    for (cause, findings) in &found.by_cause {
        let (Cause::Between(jar, _) | Cause::Absent(jar)) = *cause else { continue };
        for finding in findings.iter().filter(|finding| finding.kind.is_absence()) {
            if let Some(built) = scala::of_missing(&finding.target_name(universe)).filter(|built| *built != image) {
                wrong.insert(jar, built);
            }
        }
    }
    for (jar, built) in wrong {
        let absorbed = |cause: &Cause| matches!(*cause, Cause::Between(j, _) | Cause::Absent(j) if j == jar);
        let keys: Vec<Cause> = found.by_cause.keys().copied().filter(absorbed).collect();
        let mut all: Vec<&Finding> = Vec::new();
        for key in keys {
            all.extend(found.by_cause.remove(&key).unwrap_or_default());
        }
        found.by_cause.insert(Cause::Scala(jar, built), all);
    }
}

//! Classes in several jars, and whether it matters which copy the JVM takes: a wildcard's jars come in
//! the order of the directory, which nothing fixes.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{ClassFacts, NONE};
use super::id::Id;
use super::link::{Answer, answer_in};
use super::universe::{ABSENT, ClassNo, RUNTIME, Universe, text};

/// Two jars that hold classes of one name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    /// Classes of one name.
    pub(super) total: usize,
    /// … with other bytes, by CRC-32 and size.
    pub(super) differing: usize,
    /// One of them, source form.
    pub(super) example: String,
    /// Members that some jar asks for and that link with one copy and not with the other, once for each such jar.
    pub(super) sensitive: usize,
    /// One of them: the class that has it, and the class it names.
    pub(super) site: Option<(ClassNo, u32, String)>,
}

/// Pairs by the places of their jars.
pub(super) type Pairs = BTreeMap<(u32, u32), Pair>;

/// Every pair of jars, by their places, that holds classes of one name. `matters` says which pairs are worth
/// the search for references that depend on the order.
pub(super) fn pairs(universe: &Universe<'_>, matters: &dyn Fn(u32, u32) -> bool) -> Pairs {
    let mut pairs: Pairs = BTreeMap::new();
    let mut copies: BTreeMap<Id, Vec<ClassNo>> = BTreeMap::new();
    for segment in universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
        for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
            if class == ABSENT || !universe.is_hidden(class) {
                continue;
            }
            let Some(first) = segment.denoted(facts.name) else { continue };
            let Some((of_first, first_facts)) = universe.class(first) else { continue };
            let name = text(segment.facts, facts.name);
            if of_first.jar == segment.jar || name.ends_with("package-info") {
                continue;
            }
            let pair = pairs.entry((of_first.jar, segment.jar)).or_default();
            pair.total += 1;
            if !is_same(first_facts, facts) {
                pair.differing += 1;
                if pair.example.is_empty() {
                    pair.example = name.replace('/', ".");
                }
                if matters(of_first.jar, segment.jar) {
                    let all = copies.entry(universe.name_id(class)).or_insert_with(|| vec![first]);
                    all.push(class);
                }
            }
        }
    }
    if !copies.is_empty() {
        order_matters(universe, &copies, &mut pairs);
    }
    pairs
}

fn is_same(a: &ClassFacts, b: &ClassFacts) -> bool {
    (a.crc, a.size) == (b.crc, b.size)
}

/// Resolves every reference to a class with differing copies against each copy.
fn order_matters(universe: &Universe<'_>, copies: &BTreeMap<Id, Vec<ClassNo>>, pairs: &mut BTreeMap<(u32, u32), Pair>) {
    // A jar is read in pieces, and more than one may ask for the same member.
    let mut counted = BTreeSet::new();
    for segment in universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
        let of_symbol: Vec<Option<&Vec<ClassNo>>> =
            segment.facts.symbols.iter().map(|symbol| copies.get(&symbol.id)).collect();
        if of_symbol.iter().all(Option::is_none) {
            continue;
        }
        let user = user_of_members(segment.facts);
        for (at, member) in (0_u32..).zip(&segment.facts.members) {
            let owner = usize::try_from(member.owner).ok().and_then(|owner| of_symbol.get(owner)).copied().flatten();
            let Some((first, others)) = owner.and_then(|all| all.split_first()) else { continue };
            let asked = (segment.jar, universe.name_id(*first), member.id);
            let answer = |class| is_found(answer_in(universe, segment, class, at, member));
            let with_first = answer(*first);
            for other in others {
                // A jar's own classes find its own copy's members whenever both come from it.
                if answer(*other) != with_first
                    && counted.insert((universe.jar(*other), asked))
                    && let Some(pair) = pairs.get_mut(&(universe.jar(*first), universe.jar(*other)))
                {
                    pair.sensitive += 1;
                    let source = usize::try_from(at).ok().and_then(|at| user.get(at)).copied().unwrap_or(NONE);
                    let class = usize::try_from(source).ok().and_then(|at| segment.numbers.get(at)).copied();
                    if pair.site.is_none()
                        && let Some(class) = class
                    {
                        pair.site = Some((class, at, text(segment.facts, member.owner).replace('/', ".")));
                    }
                }
            }
        }
    }
}

fn is_found(answer: Answer) -> bool {
    matches!(answer, Answer::Member(..))
}

/// A class, by index, that uses each member.
fn user_of_members(segment: &super::facts::Segment) -> Vec<u32> {
    let mut user = vec![NONE; segment.members.len()];
    for (index, class) in (0..).zip(&segment.classes) {
        for used in class.uses.of(&segment.uses) {
            if let Some(slot) = usize::try_from(used.member).ok().and_then(|at| user.get_mut(at)) {
                *slot = index;
            }
        }
    }
    user
}

//! What a profile shows by itself, before anything is fetched: whether there is such a stack, and whether it fits its
//! sizes.

use crate::matrix::{self, Stack};
use crate::memory;
use crate::problem::Problem;
use crate::profile::{Profile, Size};

/// Tables whose mistakes say nothing of what a size holds.
const BESIDE_MEMORY: &[&str] = &["maven", "python", "debian", "spark", "logging", "app", "image", "lints", "classpath"];
/// Tables whose mistakes say nothing of the stack.
const BESIDE_STACK: &[&str] = &["target", "memory", "logging", "app", "image", "lints", "classpath"];

/// Every reason why there is no such stack, and why it does not fit the sizes. `locked` is the stack where a lock has
/// chosen it.
pub(super) fn problems<'s>(
    profile: &Profile,
    sizes: impl IntoIterator<Item = &'s Size>,
    locked: Option<&Stack>,
) -> Vec<Problem> {
    let mut problems = if locked.is_none() { conflicts(profile) } else { Vec::new() };
    let nearest = if locked.is_none() { matrix::nearest_stack(profile) } else { None };
    let Some(stack) = locked.or(nearest.as_ref()) else { return problems };
    problems.extend(unfit(profile, sizes, stack));
    problems
}

/// The same of what is left of a profile that has mistakes, as far as they let it be seen.
pub(super) fn of_rest(rest: &Profile, mistakes: &[Problem]) -> Vec<Problem> {
    let lie_in = |tables: &[&str]| mistakes.iter().all(|mistake| tables.contains(&table(mistake)));
    let mut problems = if lie_in(BESIDE_STACK) { conflicts(rest) } else { Vec::new() };
    if lie_in(BESIDE_MEMORY)
        && let Some(stack) = matrix::nearest_stack(rest)
    {
        problems.extend(unfit(rest, own_sizes(rest), &stack));
    }
    problems
}

/// The profile's own size, and those that it names.
pub(super) fn own_sizes(profile: &Profile) -> impl Iterator<Item = &Size> {
    std::iter::once(&profile.target.size).chain(profile.target.sizes.values())
}

/// What a base has is in its layers alone, and what a newer PySpark carries in its sdist: of them nothing is known yet.
fn conflicts(profile: &Profile) -> Vec<Problem> {
    if profile.stack.base.is_some() || matrix::newer_spark(profile).is_some() {
        return Vec::new();
    }
    matrix::select(profile, None).err().unwrap_or_default()
}

/// Why the stack does not fit these sizes; what several of them say is said once.
fn unfit<'s>(profile: &Profile, sizes: impl IntoIterator<Item = &'s Size>, stack: &Stack) -> Vec<Problem> {
    let mut problems = Vec::new();
    for problem in sizes.into_iter().filter_map(|size| memory::plan(profile, size, stack).err()).flatten() {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

/// The table of the profile in which a mistake stands.
fn table(mistake: &Problem) -> &str {
    let key = mistake.at.as_ref().map_or("", |at| at.key.as_str());
    key.split(['.', '[']).next().unwrap_or(key)
}

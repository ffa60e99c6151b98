//! What `[lints]` makes of problems.

use super::Lint;
use crate::problem::codes::profile::UNUSED_LINT;
use crate::problem::{Level, Problem};

/// The problems, each once, with the levels that `[lints]` gives them, in the order of their places, those of the
/// profile first and those without a place last; allowed ones are dropped. An entry that matches no problem is a problem itself.
///
/// Of several entries that match a problem, the first that names it by `only` decides, else the first.
/// With `deny_warnings` every warning that is left is an error.
#[must_use]
pub fn levels(problems: Vec<Problem>, lints: &[Lint], deny_warnings: bool) -> Vec<(Level, Problem)> {
    let mut used = vec![false; lints.len()];
    let mut weigh = |problem: Problem| {
        let level = mark(&problem, lints, &mut used).unwrap_or(problem.code.level);
        (level, problem)
    };
    let mut weighed: Vec<(Level, Problem)> = Vec::new();
    for problem in problems {
        // Two stages may find the same: the matrix judges the profile, and then the artifacts.
        if !weighed.iter().any(|(_, known)| *known == problem) {
            weighed.push(weigh(problem));
        }
    }
    // An entry about unused entries is a policy: it may well find none.
    let unused = |index: usize, lint: &Lint| used.get(index) == Some(&false) && lint.code.value != UNUSED_LINT.name;
    let unused = lints.iter().enumerate().filter(|(index, lint)| unused(*index, lint)).map(|(_, lint)| lint);
    for problem in unused.map(unused_lint).collect::<Vec<_>>() {
        let level = mark(&problem, lints, &mut used).unwrap_or(problem.code.level);
        weighed.push((level, problem));
    }
    weighed.retain(|(level, _)| *level != Level::Allow);
    weighed.sort_by(|(_, a), (_, b)| place(a).cmp(&place(b)));
    let raise = |level| if deny_warnings { Level::Deny } else { level };
    weighed.into_iter().map(|(level, problem)| (raise(level), problem)).collect()
}

/// What problems are ordered by: those of the profile, those of other files, those without a place.
fn place(problem: &Problem) -> (bool, Option<&str>, usize) {
    let at = problem.at.as_ref();
    let file = at.and_then(|at| at.file.as_ref()).map(|file| file.name.as_str());
    (at.is_none(), file, at.map_or(0, |at| at.span.start))
}

/// The level that the entries give a problem; all that match it are used.
fn mark(problem: &Problem, lints: &[Lint], used: &mut [bool]) -> Option<Level> {
    let matching: Vec<usize> =
        (0..lints.len()).filter(|index| lints.get(*index).is_some_and(|lint| matches(lint, problem))).collect();
    for index in &matching {
        if let Some(used) = used.get_mut(*index) {
            *used = true;
        }
    }
    let matching = || matching.iter().filter_map(|index| lints.get(*index));
    matching().find(|lint| lint.only.is_some()).or_else(|| matching().next()).map(|lint| lint.level)
}

fn matches(lint: &Lint, problem: &Problem) -> bool {
    let key = problem.at.as_ref().map_or("", |at| at.key.as_str());
    let named = |only: &String| names(&problem.message, only) || names(key, only);
    lint.code.value == problem.code.name && lint.only.as_ref().is_none_or(named)
}

/// Whether the text has the name as a whole word: `a:lib` is not named by `a:lib2`.
fn names(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name).any(|(start, found)| {
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let after = text.get(start + found.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

fn unused_lint(lint: &Lint) -> Problem {
    let message = match &lint.only {
        Some(only) => format!("no `{}` names `{only}`", lint.code.value),
        None => format!("there is no `{}`", lint.code.value),
    };
    Problem::new(UNUSED_LINT, message).at(&lint.code.at, "matches no problem").help("remove it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::codes::lock::STALE;
    use crate::problem::codes::profile::{BAD_VALUE, DUPLICATE};
    use crate::problem::{At, Code};
    use crate::profile::Located;

    fn at(key: &str, start: usize) -> At {
        At::new(key, start..start + 1)
    }

    fn lint(code: Code, level: Level, only: Option<&str>) -> Lint {
        let code = Located { value: code.name.to_owned(), at: at("lints", 50) };
        Lint { code, level, only: only.map(str::to_owned), reason: Some("tested".to_owned()) }
    }

    /// Level and message of each problem, after `[lints]` has spoken.
    fn weighed(lints: &[Lint], deny_warnings: bool) -> Vec<(Level, String)> {
        let problems = vec![
            Problem::new(STALE, "no place"),
            Problem::new(BAD_VALUE, "about a:lib2").at(&at("maven.jars[1]", 20), ""),
            Problem::new(BAD_VALUE, "about a:lib").at(&at("maven.jars[0]", 10), ""),
        ];
        levels(problems, lints, deny_warnings).into_iter().map(|(level, problem)| (level, problem.message)).collect()
    }

    #[test]
    fn lints_weigh_and_places_order() {
        use Level::{Allow, Deny, Warn};
        let own = |rows: &[(Level, &str)]| rows.iter().map(|&(l, m)| (l, m.to_owned())).collect::<Vec<_>>();
        let (one, two, last) = ("about a:lib", "about a:lib2", "no place");
        for (lints, deny, expected) in [
            (vec![], false, own(&[(Deny, one), (Deny, two), (Deny, last)])),
            (vec![lint(BAD_VALUE, Allow, Some("a:lib"))], false, own(&[(Deny, two), (Deny, last)])),
            (vec![lint(BAD_VALUE, Allow, Some("maven.jars[1]"))], false, own(&[(Deny, one), (Deny, last)])),
            (vec![lint(BAD_VALUE, Warn, None)], false, own(&[(Warn, one), (Warn, two), (Deny, last)])),
            (vec![lint(BAD_VALUE, Warn, None)], true, own(&[(Deny, one), (Deny, two), (Deny, last)])),
            (
                vec![lint(BAD_VALUE, Allow, None), lint(BAD_VALUE, Warn, Some("a:lib"))],
                false,
                own(&[(Warn, one), (Deny, last)]),
            ),
            (
                vec![lint(DUPLICATE, Allow, None), lint(STALE, Allow, Some("elsewhere"))],
                false,
                own(&[
                    (Deny, one),
                    (Deny, two),
                    (Warn, "there is no `duplicate`"),
                    (Warn, "no `stale-lock` names `elsewhere`"),
                    (Deny, last),
                ]),
            ),
            (
                vec![lint(DUPLICATE, Allow, None), lint(UNUSED_LINT, Allow, Some("duplicate"))],
                false,
                own(&[(Deny, one), (Deny, two), (Deny, last)]),
            ),
            (vec![lint(UNUSED_LINT, Deny, None)], false, own(&[(Deny, one), (Deny, two), (Deny, last)])),
        ] {
            assert_eq!(weighed(&lints, deny), expected, "{lints:?}");
        }
    }
}

//! Every boundary version, random stacks, and what `solve` promises.

use std::collections::BTreeMap;

use super::super::evaluate::findings;
use super::super::facts::{facts, fill};
use super::super::name::{AXES, Kind};
use super::super::question;
use super::super::row::{Known, Row};
use super::super::version::Range;
use super::super::*;
use crate::profile::USES;

/// A generator of numbers (SplitMix64); the seed is printed by whoever fails.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.next() % all.len() as u64).unwrap()]
    }
}

/// Seeds from `SPARKBAKE_TEST_SEED`, else from the process's address space, which differs from run to run.
#[expect(clippy::disallowed_methods, reason = "a test that takes its seed from the environment")]
fn seed() -> u64 {
    let given = std::env::var("SPARKBAKE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::ptr::from_ref(&Box::new(0_u8)) as u64 ^ u64::from(std::process::id()));
    eprintln!("SPARKBAKE_TEST_SEED={seed}");
    seed
}

/// Whether the slow parts run whole and not a tenth of them.
#[expect(clippy::disallowed_methods, reason = "a test that is told by the environment")]
fn all_of_it() -> bool {
    std::env::var_os("SPARKBAKE_TEST_ALL").is_some()
}

/// Every version that a rule or a release names, by component, with its neighbours.
fn boundaries() -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in rules() {
        let own = [(&rule.subject, &rule.range)];
        for (name, range) in own.into_iter().chain(&rule.when).chain(&rule.requires).chain(&rule.conflicts) {
            let name = name.replace('*', "x_2.13");
            let versions = all.entry(name.clone()).or_default();
            let filled = fill(range, &|_| Some("3.5.9".to_owned()));
            let bounds = filled.and_then(|text| Range::parse(&name, &text)).map(|range| range.bounds());
            for bound in bounds.into_iter().flatten() {
                versions.extend([format!("{bound}.1"), format!("{bound}-rc1"), bound]);
            }
            versions.extend(["0", "1.0", "99999999999999999999", "", "\u{1f980}", "-", "1..2"].map(str::to_owned));
        }
    }
    for (axis, _) in AXES {
        all.entry(axis.to_owned()).or_default().extend(question::versions(axis).into_iter().map(str::to_owned));
    }
    all
}

#[test]
fn no_boundary_ends_the_process() {
    for (name, versions) in boundaries() {
        for version in versions {
            for release in ["3.0.0", "3.5.9", "4.3.0"] {
                let mut row = Row::default();
                row.set_spark(release, None, None);
                row.insert(&name, Known::Exact(version.clone()), None);
                for finding in findings(&row) {
                    assert!(finding.problem(&row).message.ends_with(&format!("[{}]", finding.rule.id)));
                }
            }
            let _ = judge(&[format!("{name}={version}"), "spark=3.5.9".to_owned()]);
            if Kind::of(&name) == Kind::Axis {
                let _ = solve(&[format!("{name}=>={version}")]);
            }
        }
    }
}

#[test]
fn random_stacks_are_judged() {
    let seed = seed();
    let mut random = Random(seed);
    let all: Vec<(String, Vec<String>)> = boundaries().into_iter().collect();
    let releases: Vec<&str> = facts().releases().map(|release| release.version.as_str()).collect();
    let count = match (all_of_it(), cfg!(debug_assertions)) {
        (true, _) => 1_000_000,
        (false, false) => 100_000,
        (false, true) => 10_000,
    };
    for _ in 0..count {
        let mut row = Row::default();
        let release: &&str = random.of(&releases);
        row.set_spark(release, None, None);
        for _ in 0..random.next() % 8 {
            let (name, versions) = random.of(&all);
            let version = random.of(versions).clone();
            let known = match (random.next() % 4, Kind::of(name)) {
                (0, _) => Known::Unstated,
                (1, _) | (_, Kind::Axis) => Known::Line(version),
                _ => Known::Exact(version),
            };
            row.insert(name, known, None);
        }
        row.use_steps(USES.iter().copied().filter(|_| random.next().is_multiple_of(2)).collect());
        for finding in findings(&row) {
            assert!(!finding.message(&row).is_empty(), "seed {seed}");
        }
    }
}

/// For what `solve` returns, `check` has no error; and what it calls impossible has no smaller core.
#[test]
fn what_solve_returns_is_consistent() {
    let seed = seed();
    let mut random = Random(seed);
    let connectors: Vec<&str> = facts().connectors.iter().map(|connector| connector.id.as_str()).collect();
    for _ in 0..if cfg!(debug_assertions) { 60 } else { 600 } {
        let mut words = Vec::new();
        for (axis, _) in AXES.iter().filter(|(axis, _)| *axis != "arch") {
            let version = (*random.of(&question::versions(axis))).to_owned();
            match random.next() % 6 {
                0 if *axis != "debian" => words.push(format!("{axis}=>={version}")),
                1 if *axis != "debian" => words.push(format!("{axis}=<{version}")),
                2 => words.push(format!("{axis}={version}")),
                _ => {}
            }
        }
        for (package, range) in [("pandas", ">=2"), ("numpy", "<2"), ("pyarrow", "*"), ("uses", "all")] {
            if random.next().is_multiple_of(4) {
                words.push(format!("{package}={range}"));
            }
        }
        if random.next().is_multiple_of(2) {
            words.push(format!("{}=*", random.of(&connectors)));
        }
        match solve(&words).unwrap_or_else(|e| panic!("seed {seed}: {words:?}: {e:?}")) {
            Solved::Found(solutions, _) => {
                for Solution { stack, jars, .. } in solutions {
                    let Stack { spark, scala, hadoop, java, python, debian } = &stack;
                    let mut asked = vec![format!(
                        "spark={spark} scala={scala} hadoop={hadoop} java={java} python={python} debian={debian}"
                    )];
                    asked.extend(
                        jars.iter().filter_map(|jar| jar.rsplit_once(':')).map(|(name, v)| format!("{name}={v}")),
                    );
                    let packages =
                        |word: &&String| ["pandas=", "numpy=", "pyarrow=", "uses="].iter().any(|p| word.starts_with(p));
                    asked.extend(words.iter().filter(packages).cloned());
                    let verdict = judge(&asked).unwrap_or_else(|e| panic!("seed {seed}: {asked:?}: {e:?}"));
                    assert!(!verdict.fails(), "seed {seed}: {words:?}: {asked:?}: {:?}", verdict.told);
                }
            }
            Solved::Impossible(core, _) => {
                assert!(!core.is_empty(), "seed {seed}: {words:?}");
                for left_out in &core {
                    let rest: Vec<String> = core.iter().filter(|word| *word != left_out).cloned().collect();
                    let possible = matches!(solve(&rest), Ok(Solved::Found(..)));
                    assert!(
                        possible,
                        "seed {seed}: {core:?} is not minimal: without {left_out} it is still impossible"
                    );
                }
            }
        }
    }
}

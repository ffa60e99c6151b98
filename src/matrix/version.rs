//! Version orders, one a kind of component, and [`Range`], how the facts write conditions.
//!
//! A range is `*` or `present`, `absent`, or alternatives joined by `|`, each of comparators joined by
//! `,`. Comparators are `>=1.2`, `<2`, `==1.2.3`, `!=1.2.3`, `==1.2.*`, a bare `1.2` for everything of
//! that line, and `~GLOB` for the text. Ranges of Python packages are PEP 440's specifiers.

use std::cmp::Ordering;

use pep440_rs::{Version, VersionSpecifiers};

use crate::{debian, maven};

use super::name::{Kind, matches};

/// How the versions of a component are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Dotted numbers; a pre-release is below its release, other qualifiers do not take part.
    Dotted,
    /// Java's: dotted, of any length, and `8u371` for 8.0.371.
    Java,
    /// Maven's.
    Maven,
    /// Debian's.
    Debian,
    /// PEP 440's.
    Pep440,
    /// Texts that are equal or not.
    Text,
}

impl Order {
    /// The order of a component's versions.
    pub(super) fn of(component: &str) -> Self {
        match Kind::of(component) {
            Kind::Axis if component == "java" => Self::Java,
            Kind::Axis => Self::Dotted,
            Kind::Python => Self::Pep440,
            Kind::Maven => Self::Maven,
            Kind::Debian => Self::Debian,
            Kind::Uses | Kind::Conf | Kind::Env | Kind::Links => Self::Text,
        }
    }

    /// The order of two versions.
    pub(super) fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Dotted => compare(a, b),
            Self::Java => compare(&java(a), &java(b)),
            Self::Maven => maven::version::Version::new(a).cmp(&maven::version::Version::new(b)),
            Self::Debian => debian::version::compare(a, b),
            Self::Pep440 => match (a.parse::<Version>(), b.parse::<Version>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => compare(a, b),
            },
            Self::Text => a.cmp(b),
        }
    }
}

/// Compares dotted versions: numbers first, then a pre-release (`-rc1`, `.dev1`) below none. Other
/// qualifiers (`-jre`, `.Final`, `+9-2~deb13u1`) do not take part.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a_numbers, a_rest) = numbers(a);
    let (b_numbers, b_rest) = numbers(b);
    let longest = a_numbers.len().max(b_numbers.len());
    let nth = |list: &[u64], i: usize| list.get(i).copied().unwrap_or(0);
    (0..longest)
        .map(|i| nth(&a_numbers, i).cmp(&nth(&b_numbers, i)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| is_pre(b_rest).cmp(&is_pre(a_rest)))
}

fn numbers(version: &str) -> (Vec<u64>, &str) {
    let mut found = Vec::new();
    let mut rest = version;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let Ok(number) = number.parse() else { return (found, rest) };
        found.push(number);
        match after.strip_prefix('.') {
            Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
            _ => return (found, after),
        }
    }
}

fn is_pre(rest: &str) -> bool {
    let word = rest.trim_start_matches(['-', '.', '_']).to_ascii_lowercase();
    ["rc", "alpha", "beta", "dev", "snapshot", "preview", "milestone", "cr"].iter().any(|pre| word.starts_with(pre))
}

/// The old spellings of Java 8 (JEP 223) in the new: `8u371` and `1.8.0_371` are 8.0.371.
fn java(version: &str) -> String {
    let version = version.strip_prefix("1.8.").map_or_else(|| version.to_owned(), |rest| format!("8.{rest}"));
    match version.strip_prefix("8u") {
        Some(update) => format!("8.0.{update}"),
        None => version.replacen('_', ".", 1),
    }
}

/// The first two numbers: `3.5` of `3.5.9`.
pub(super) fn minor(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Whether a version is the line itself or of it: `3.5.9` is of `3.5`, and `17.0.21.1` of `17`.
pub(super) fn is_of(version: &str, line: &str) -> bool {
    version.strip_prefix(line).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// A condition on a component.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Range {
    /// `present` or `*`: it is there, in whatever version.
    Present,
    /// `absent`.
    Absent,
    /// Comparators: any of the alternatives, all of each.
    Terms(Order, Vec<Vec<Term>>),
    /// Specifiers of a Python package, any of the alternatives.
    Pep440(Vec<VersionSpecifiers>),
}

/// One comparator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    operator: Operator,
    bound: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Line,
    Like,
}

impl Range {
    /// Reads a condition on the named component; `None` where it makes no sense.
    pub(super) fn parse(component: &str, text: &str) -> Option<Self> {
        match text {
            "*" | "present" => return Some(Self::Present),
            "absent" => return Some(Self::Absent),
            _ => {}
        }
        let order = Order::of(component);
        if order == Order::Pep440 {
            return text.split('|').map(|part| part.parse().ok()).collect::<Option<_>>().map(Self::Pep440);
        }
        let alternatives: Option<Vec<_>> =
            text.split('|').map(|part| part.split(',').map(|t| term(order, t)).collect::<Option<Vec<_>>>()).collect();
        alternatives.map(|all| Self::Terms(order, all))
    }

    /// Whether an exact version meets it.
    pub(super) fn contains(&self, version: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Absent => false,
            Self::Terms(order, alternatives) => {
                alternatives.iter().any(|all| all.iter().all(|term| term.holds(*order, version)))
            }
            Self::Pep440(any) => {
                version.parse().is_ok_and(|version: Version| any.iter().any(|one| one.contains(&version)))
            }
        }
    }

    /// How the versions of a line meet it: `17` stands for every 17.x. `None` where some do and some do not.
    pub(super) fn contains_line(&self, line: &str) -> Option<bool> {
        let mut points = vec![line.to_owned(), format!("{line}.99999")];
        for bound in self.bounds().into_iter().filter(|bound| is_of(bound, line)) {
            points.extend([bound.clone(), format!("{bound}.0.0.0.1"), format!("{bound}.99999")]);
        }
        let mut met = points.iter().map(|point| self.contains(point));
        let first = met.next()?;
        met.all(|other| other == first).then_some(first)
    }

    /// How the versions that a Python requirement leaves open meet it; `None` where some do and some do
    /// not, or where nothing meets the requirement.
    ///
    /// Both are unions of intervals, so it is enough to ask beside every bound that either names.
    pub(super) fn covers(&self, requirement: &VersionSpecifiers) -> Option<bool> {
        let Self::Pep440(own) = self else { return matches!(self, Self::Present).then_some(true) };
        let bounds = requirement.iter().chain(own.iter().flat_map(|one| one.iter()));
        let mut left = bounds.flat_map(|s| beside(s.version())).filter_map(|text| {
            let version: Version = text.parse().ok()?;
            requirement.contains(&version).then(|| self.contains(&text))
        });
        let first = left.next()?;
        left.all(|other| other == first).then_some(first)
    }

    /// Every version that it names.
    pub(super) fn bounds(&self) -> Vec<String> {
        match self {
            Self::Present | Self::Absent => Vec::new(),
            Self::Terms(_, all) => all.iter().flatten().map(|term| term.bound.clone()).collect(),
            Self::Pep440(any) => any.iter().flat_map(|one| one.iter()).map(|s| s.version().to_string()).collect(),
        }
    }

    /// Whether any version at all meets it, as far as the bounds it names tell.
    #[cfg(test)]
    pub(super) fn is_possible(&self) -> bool {
        let beside = |bound: &String| [bound.clone(), format!("{bound}.0.0.1"), "0".to_owned(), "99999".to_owned()];
        let below = |bound: &String| {
            let (head, last) = bound.rsplit_once('.').unwrap_or(("", bound));
            let last = last.parse::<u64>().ok().filter(|n| *n > 0)?;
            Some(format!("{head}{}{}.99999", if head.is_empty() { "" } else { "." }, last - 1))
        };
        let bounds = self.bounds();
        bounds.is_empty()
            || bounds.iter().flat_map(beside).any(|version| self.contains(&version))
            || bounds.iter().filter_map(below).any(|version| self.contains(&version))
            || bounds.iter().any(|bound| self.contains(&bound.replace('*', "x")))
    }
}

/// Versions at, just below and just above a bound, and below the next number at each place.
fn beside(bound: &Version) -> Vec<String> {
    let release: Vec<u64> = bound.release().to_vec();
    let mut all = vec!["0".to_owned(), "99999".to_owned(), bound.to_string(), dotted(&release) + ".0.0.0.1"];
    for i in 0..release.len() {
        let head = release.get(..=i).unwrap_or_default();
        let mut below = head.to_vec();
        if let Some(last) = below.last_mut().filter(|last| **last > 0) {
            *last -= 1;
            all.push(dotted(&below) + ".99999");
        }
        all.push(dotted(head) + ".99999");
    }
    all
}

fn dotted(release: &[u64]) -> String {
    release.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn term(order: Order, text: &str) -> Option<Term> {
    let text = text.trim();
    let operators = [
        (">=", Operator::GreaterEqual),
        ("<=", Operator::LessEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("~", Operator::Like),
    ];
    let (operator, bound) = operators
        .into_iter()
        .find_map(|(sign, operator)| text.strip_prefix(sign).map(|bound| (operator, bound)))
        .unwrap_or((Operator::Line, text));
    let (operator, bound) = match (operator, bound.strip_suffix(".*")) {
        (Operator::Equal, Some(line)) => (Operator::Line, line),
        _ => (operator, bound),
    };
    let marks: &[u8] = match operator {
        Operator::Like => b".-_+~*",
        _ if order == Order::Text => b".-_+~=:/$",
        _ => b".-_+~",
    };
    let plain = !bound.is_empty() && bound.bytes().all(|b| b.is_ascii_alphanumeric() || marks.contains(&b));
    plain.then(|| Term { operator, bound: bound.to_owned() })
}

impl Term {
    fn holds(&self, order: Order, version: &str) -> bool {
        let compared = || order.compare(version, &self.bound);
        let equal = || {
            let (numbers, rest) = numbers(&self.bound);
            match order {
                // A bare number is equal to the same number with a qualifier that is no part of the order.
                Order::Dotted | Order::Java => {
                    version == self.bound || (compared().is_eq() && !numbers.is_empty() && rest.is_empty())
                }
                _ => compared().is_eq(),
            }
        };
        match self.operator {
            Operator::Less => compared().is_lt(),
            Operator::LessEqual => compared().is_le(),
            Operator::Greater => compared().is_gt(),
            Operator::GreaterEqual => compared().is_ge(),
            Operator::Equal => equal(),
            Operator::NotEqual => !equal(),
            Operator::Line if order == Order::Text => version == self.bound,
            Operator::Line => is_of(version, &self.bound),
            Operator::Like => matches(&self.bound, version),
        }
    }
}

//! Version orders: dotted numbers with qualifiers for everything but Python packages, which have
//! PEP 440. And [`Range`], how the facts write conditions.

use std::cmp::Ordering;

use pep440_rs::{Version, VersionSpecifiers};

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

/// The first two numbers: `3.5` of `3.5.9`.
pub(super) fn minor(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// A condition on a component.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Range {
    /// `present` or `*`: it is there, in whatever version.
    Present,
    /// `absent`.
    Absent,
    /// Comparators of dotted versions: any of the alternatives, all of each.
    Dotted(Vec<Vec<(Operator, String)>>),
    /// Specifiers of a Python package (PEP 440).
    Pep440(VersionSpecifiers),
}

/// A comparator's operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Range {
    /// Reads a condition on the named component; `None` where it makes no sense.
    pub(super) fn parse(component: &str, text: &str) -> Option<Self> {
        match text {
            "*" | "present" => return Some(Self::Present),
            "absent" => return Some(Self::Absent),
            _ => {}
        }
        if is_python_package(component) {
            return text.parse().ok().map(Self::Pep440);
        }
        let alternatives: Option<Vec<_>> =
            text.split('|').map(|part| part.split(',').map(comparator).collect::<Option<Vec<_>>>()).collect();
        alternatives.map(Self::Dotted)
    }

    /// Whether an exact version meets it.
    pub(super) fn contains(&self, version: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Absent => false,
            Self::Dotted(alternatives) => {
                alternatives.iter().any(|all| all.iter().all(|(operator, bound)| holds(version, *operator, bound)))
            }
            Self::Pep440(specifiers) => version.parse().is_ok_and(|version: Version| specifiers.contains(&version)),
        }
    }

    /// How the versions that the requirement leaves open meet it; `None` where some do and some do
    /// not, or where nothing meets the requirement.
    ///
    /// Both are unions of intervals, so it is enough to ask beside every bound that either names.
    pub(super) fn covers(&self, requirement: &VersionSpecifiers) -> Option<bool> {
        let Self::Pep440(own) = self else { return matches!(self, Self::Present).then_some(true) };
        let mut left = requirement.iter().chain(own.iter()).flat_map(|s| beside(s.version())).filter_map(|text| {
            let version: Version = text.parse().ok()?;
            requirement.contains(&version).then(|| own.contains(&version))
        });
        let first = left.next()?;
        left.all(|other| other == first).then_some(first)
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

fn comparator(text: &str) -> Option<(Operator, String)> {
    let text = text.trim();
    let operators = [
        (">=", Operator::GreaterEqual),
        ("<=", Operator::LessEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
    ];
    let (operator, bound) = operators
        .into_iter()
        .find_map(|(sign, operator)| text.strip_prefix(sign).map(|bound| (operator, bound)))
        .unwrap_or((Operator::Equal, text));
    let plain = !bound.is_empty() && bound.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+~".contains(&b));
    plain.then(|| (operator, bound.to_owned()))
}

fn holds(version: &str, operator: Operator, bound: &str) -> bool {
    let order = compare(version, bound);
    let equal = version == bound || (order.is_eq() && !numbers(bound).0.is_empty() && numbers(bound).1.is_empty());
    match operator {
        Operator::Less => order.is_lt(),
        Operator::LessEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterEqual => order.is_ge(),
        Operator::Equal => equal,
        Operator::NotEqual => !equal,
    }
}

/// Whether the name is that of a Python package: neither an axis of the matrix, nor a Maven
/// artifact (`group:artifact`), nor a Debian package (`deb:name`).
pub(super) fn is_python_package(component: &str) -> bool {
    !component.contains(':') && axis(component).is_none()
}

/// An axis of the matrix as people write it.
pub(super) fn axis(component: &str) -> Option<&'static str> {
    match component {
        "spark" | "spark.minor" => Some("PySpark"),
        "hadoop" => Some("Hadoop"),
        "scala" => Some("Scala"),
        "java" => Some("Java"),
        "python" => Some("Python"),
        "debian" => Some("Debian"),
        _ => None,
    }
}

//! Maven's order of versions, and the constraints `[1,2)` that ranges of them make.
//!
//! The order is the one of the resolver inside Maven (maven-resolver-util, `GenericVersion`): it
//! decides what a range holds and which version of it is the highest.

use std::cmp::Ordering;
use std::fmt;

/// A part of a version, in the order in which kinds of parts compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// `min` at the end: before everything.
    Min,
    /// A qualifier that Maven knows, by its rank; 0 is the release itself.
    Qualifier(i8),
    /// Any other letters, in lower case.
    Text(String),
    /// Digits without leading zeros, and before them their count: longer is larger.
    Number(usize, String),
    /// `max` at the end: after everything.
    Max,
}

impl Part {
    fn is_number(&self) -> bool {
        !matches!(self, Self::Qualifier(_) | Self::Text(_))
    }

    /// Compared with nothing at all: with 0, or with the release's qualifier.
    fn beside_nothing(&self) -> Ordering {
        match self {
            Self::Min => Ordering::Less,
            Self::Qualifier(rank) => rank.cmp(&0),
            Self::Number(_, digits) if digits == "0" => Ordering::Equal,
            Self::Text(_) | Self::Number(..) | Self::Max => Ordering::Greater,
        }
    }
}

/// A version as Maven orders it. Equal order does not mean equal text: `1.0` and `1` are one.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    parts: Vec<Part>,
}

impl Version {
    /// Reads any text; every text is a version.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut parts = split(text);
        trim(&mut parts);
        Self { text: text.to_owned(), parts }
    }

    /// The text it was made from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let mut number = true;
        for at in 0.. {
            match (self.parts.get(at), other.parts.get(at)) {
                (None, None) => break,
                (None, Some(_)) => return beside_padding(&other.parts[at..], None).reverse(),
                (Some(_), None) => return beside_padding(&self.parts[at..], None),
                (Some(a), Some(b)) if a.is_number() != b.is_number() => {
                    return if number == a.is_number() {
                        beside_padding(&self.parts[at..], Some(number))
                    } else {
                        beside_padding(&other.parts[at..], Some(number)).reverse()
                    };
                }
                (Some(a), Some(b)) => match a.cmp(b) {
                    Ordering::Equal => number = a.is_number(),
                    unequal => return unequal,
                },
            }
        }
        Ordering::Equal
    }
}

/// The first part that is more or less than nothing decides; only leading parts of the asked kind count.
fn beside_padding(parts: &[Part], number: Option<bool>) -> Ordering {
    parts
        .iter()
        .take_while(|part| number.is_none_or(|number| number == part.is_number()))
        .map(Part::beside_nothing)
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Splits at `.`, `-` and `_`, and between digits and letters.
fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let separator = |c: char| matches!(c, '.' | '-' | '_');
        let end = rest.find(|c: char| separator(c) || c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let token = &rest[..end];
        let after = &rest[end..];
        let next = after.chars().next();
        let separated = next.is_some_and(separator);
        rest = if separated { &after[1..] } else { after };
        let before_digit = !separated && next.is_some_and(|c| c.is_ascii_digit());
        let part = if digits || token.is_empty() { number(token) } else { word(token, before_digit) };
        parts.push(if rest.is_empty() { bound(token).unwrap_or(part) } else { part });
    }
    parts
}

fn number(token: &str) -> Part {
    let digits = token.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    Part::Number(digits.len(), digits.to_owned())
}

/// What bounds an interval `[1.*]`, at the very end of a version.
fn bound(token: &str) -> Option<Part> {
    match token.to_lowercase().as_str() {
        "min" => Some(Part::Min),
        "max" => Some(Part::Max),
        _ => None,
    }
}

fn word(token: &str, before_digit: bool) -> Part {
    let lower = token.to_lowercase();
    match lower.as_str() {
        "a" if before_digit => Part::Qualifier(-5),
        "b" if before_digit => Part::Qualifier(-4),
        "m" if before_digit => Part::Qualifier(-3),
        "alpha" => Part::Qualifier(-5),
        "beta" => Part::Qualifier(-4),
        "milestone" => Part::Qualifier(-3),
        "cr" | "rc" => Part::Qualifier(-2),
        "snapshot" => Part::Qualifier(-1),
        "ga" | "final" | "release" => Part::Qualifier(0),
        "sp" => Part::Qualifier(1),
        _ => Part::Text(lower),
    }
}

/// Drops parts that equal nothing where they end a run of numbers or of words.
fn trim(parts: &mut Vec<Part>) {
    let mut number = None;
    let mut end = parts.len().saturating_sub(1);
    for at in (1..parts.len()).rev() {
        let part = &parts[at];
        if number != Some(part.is_number()) {
            end = at;
            number = Some(part.is_number());
        }
        let ends_run = at == parts.len() - 1 || parts[at - 1].is_number() == part.is_number();
        if end == at && ends_run && part.beside_nothing().is_eq() {
            parts.remove(at);
            end = end.saturating_sub(1);
        }
    }
}

/// One interval of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interval {
    lower: Option<(Version, bool)>,
    upper: Option<(Version, bool)>,
}

/// What a dependency says about a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// A recommendation, overruled by whoever is nearer.
    Soft(Version),
    /// Intervals, one of which must hold the chosen version.
    Hard(Range),
}

/// One interval or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    text: String,
    intervals: Vec<Interval>,
}

impl Constraint {
    /// Reads `1.5`, `[1.5]`, `[1,2)`, `(,1],[1.2,)` or `[1.*]`.
    ///
    /// # Errors
    /// Why the text is no range, where it begins like one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut intervals = Vec::new();
        let mut rest = text.trim();
        while rest.starts_with(['[', '(']) {
            let end = rest.find([')', ']']).ok_or_else(|| format!("the range `{text}` does not end"))?;
            intervals.push(interval(&rest[..=end])?);
            rest = rest[end + 1..].trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        match (intervals.is_empty(), rest.is_empty()) {
            (true, _) => Ok(Self::Soft(Version::new(text.trim()))),
            (false, true) => Ok(Self::Hard(Range { text: text.trim().to_owned(), intervals })),
            (false, false) => Err(format!("`{rest}` follows an interval of the range `{text}`")),
        }
    }
}

impl Range {
    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the version lies in one of the intervals. `[1.0,2.0)` holds `2.0-alpha`.
    #[must_use]
    pub fn holds(&self, version: &Version) -> bool {
        self.intervals.iter().any(|interval| {
            let above = interval.lower.as_ref().is_none_or(|(bound, closed)| match version.cmp(bound) {
                Ordering::Less => false,
                Ordering::Equal => *closed,
                Ordering::Greater => true,
            });
            let below = interval.upper.as_ref().is_none_or(|(bound, closed)| match version.cmp(bound) {
                Ordering::Less => true,
                Ordering::Equal => *closed,
                Ordering::Greater => false,
            });
            above && below
        })
    }

    /// The version, where the range is `[VERSION]`; no list of versions is asked for then.
    #[must_use]
    pub fn single(&self) -> Option<&Version> {
        match self.intervals.as_slice() {
            [Interval { lower: Some((lower, true)), upper: Some((upper, true)) }] if lower == upper => Some(lower),
            _ => None,
        }
    }
}

fn interval(text: &str) -> Result<Interval, String> {
    let (closed_below, closed_above) = (text.starts_with('['), text.ends_with(']'));
    let inner = &text[1..text.len() - 1];
    let bound = |text: &str, closed| Some((Version::new(text), closed)).filter(|(v, _)| !v.text.is_empty());
    let Some((lower, upper)) = inner.split_once(',') else {
        let version = inner.trim();
        if !(closed_below && closed_above) || version.is_empty() {
            return Err(format!("a range of one version is written `[{version}]`, not `{text}`"));
        }
        return Ok(match version.strip_suffix('*').filter(|prefix| prefix.ends_with('.')) {
            Some(prefix) => {
                Interval { lower: bound(&format!("{prefix}min"), true), upper: bound(&format!("{prefix}max"), true) }
            }
            None => Interval { lower: bound(version, true), upper: bound(version, true) },
        });
    };
    if upper.contains(',') {
        return Err(format!("`{text}` has more than two bounds"));
    }
    let lower = bound(lower.trim(), closed_below);
    let upper = bound(upper.trim(), closed_above);
    match (&lower, &upper) {
        (Some((low, _)), Some((high, _))) if high < low => {
            Err(format!("the bounds of `{text}` are in the wrong order"))
        }
        _ => Ok(Interval { lower, upper }),
    }
}

//! Walking the TOML tree: a [`Table`] is asked for the keys it may have, and what was not asked for
//! is unknown. Every mistake is pushed to the list, and the walk goes on.

use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::shape::{Shape, shorten};
use crate::problem::codes::profile::{DUPLICATE, UNKNOWN_KEY, WRONG_TYPE};
use crate::problem::{At, Code, Problem, codes};
use crate::profile::Located;

/// Longest string that a profile may hold, in bytes: no name, path, setting or argument is longer.
const MAX_TEXT: usize = 32 * 1024;

/// A table of which some keys have been read.
pub(super) struct Table<'d> {
    /// Its key path and its header or braces.
    pub(super) at: At,
    left: Vec<(&'d Spanned<std::borrow::Cow<'d, str>>, &'d Spanned<DeValue<'d>>)>,
    asked: Vec<&'static str>,
}

/// A value with its place.
pub(super) struct Value<'d> {
    /// Its key path and bytes.
    pub(super) at: At,
    value: &'d DeValue<'d>,
}

impl<'d> Table<'d> {
    /// The table at a path, its keys in the order written.
    pub(super) fn new(key: &str, span: Range<usize>, table: &'d DeTable<'d>) -> Self {
        let mut left: Vec<_> = table.iter().collect();
        left.sort_by_key(|(key, _)| key.span().start);
        Self { at: At::new(key, span), left, asked: Vec::new() }
    }

    /// Whether the key is there and not read yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.left.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// The value of a key that the table may have.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.asked.push(key);
        let at = self.left.iter().position(|(name, _)| name.get_ref() == key)?;
        let (_, value) = self.left.remove(at);
        Some(Value { at: At::new(join(&self.at.key, key), value.span()), value: value.get_ref() })
    }

    /// All keys that are left, for tables whose keys are the user's own.
    pub(super) fn rest(&mut self) -> Vec<(Located<String>, Value<'d>)> {
        let pairs = std::mem::take(&mut self.left).into_iter();
        pairs
            .map(|(name, value)| {
                let key = join(&self.at.key, name.get_ref());
                let name = Located { value: name.get_ref().to_string(), at: At::new(key.clone(), name.span()) };
                (name, Value { at: At::new(key, value.span()), value: value.get_ref() })
            })
            .collect()
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        let (table, place) = match self.at.key.as_str() {
            "" => ("the profile".to_owned(), "a profile".to_owned()),
            key => (format!("`{key}`"), format!("`{key}`")),
        };
        for (name, _) in self.left {
            let name_at = At::new(join(&self.at.key, name.get_ref()), name.span());
            let written = shorten(name.get_ref());
            let problem = Problem::new(UNKNOWN_KEY, format!("{table} has no key `{written}`"))
                .at(&name_at, format!("not a key of {place}"));
            problems.push(match nearest(name.get_ref(), self.asked.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if self.asked.len() == 1 => problem.note(format!("its only key is {}", list(&self.asked))),
                None => problem.note(format!("its keys are {}", list(&self.asked))),
            });
        }
    }

    /// A string of a shape.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        shape: Shape,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<String>> {
        self.take(key)?.text(shape, problems)
    }

    /// A list of strings of a shape, none of them twice; empty where it is left out.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        shape: Shape,
        problems: &mut Vec<Problem>,
    ) -> Vec<Located<String>> {
        let texts = self.repeatable(key, shape, problems);
        unique(&texts, str::to_owned, problems);
        texts
    }

    /// A list of strings of a shape, in which one may stand twice.
    pub(super) fn repeatable(
        &mut self,
        key: &'static str,
        shape: Shape,
        problems: &mut Vec<Problem>,
    ) -> Vec<Located<String>> {
        let values = self.take(key).map(|value| value.list(problems)).unwrap_or_default();
        values.iter().filter_map(|value| value.text(shape, problems)).collect()
    }

    /// A table of the user's own keys to strings, in the order written.
    pub(super) fn pairs(
        &mut self,
        key: &'static str,
        [name_shape, value_shape]: [Shape; 2],
        problems: &mut Vec<Problem>,
    ) -> Vec<(Located<String>, Located<String>)> {
        let Some(mut table) = self.table(key, problems) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, value) in table.rest() {
            let misfit = name_shape(&name.value).map(|problem| placed(problem, &name.at));
            let fits = misfit.is_none();
            problems.extend(misfit);
            if let (Some(value), true) = (value.text(value_shape, problems), fits) {
                pairs.push((name, value));
            }
        }
        pairs
    }

    /// A table of the user's own keys to lists of strings, in the order written.
    pub(super) fn lists(
        &mut self,
        key: &'static str,
        [name_shape, value_shape]: [Shape; 2],
        problems: &mut Vec<Problem>,
    ) -> Vec<(Located<String>, Vec<Located<String>>)> {
        let Some(mut table) = self.table(key, problems) else { return Vec::new() };
        let mut lists = Vec::new();
        for (name, value) in table.rest() {
            problems.extend(name_shape(&name.value).map(|problem| placed(problem, &name.at)));
            let values = value.list(problems);
            lists.push((name, values.iter().filter_map(|value| value.text(value_shape, problems)).collect()));
        }
        lists
    }

    /// A whole number of a range.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<u32>> {
        self.take(key)?.whole(range, problems)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Located<bool>> {
        let value = self.take(key)?;
        match value.value {
            DeValue::Boolean(flag) => Some(Located { value: *flag, at: value.at }),
            _ => value.mistyped("true or false", problems),
        }
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Table<'d>> {
        self.take(key)?.table(problems)
    }
}

impl<'d> Value<'d> {
    /// A string of a shape.
    pub(super) fn text(&self, shape: Shape, problems: &mut Vec<Problem>) -> Option<Located<String>> {
        let DeValue::String(text) = self.value else { return self.mistyped("a string", problems) };
        let misfit = if text.len() > MAX_TEXT {
            Some(super::shape::misfit(format!("a string of {} bytes", text.len()), format!("at most {MAX_TEXT}")))
        } else if text.contains('\0') {
            Some(super::shape::misfit("a string with a NUL character".to_owned(), "no NUL here".to_owned()))
        } else {
            shape(text)
        };
        match misfit {
            Some(problem) => {
                problems.push(placed(problem, &self.at));
                None
            }
            None => Some(Located { value: text.to_string(), at: self.at.clone() }),
        }
    }

    /// The elements of a list.
    pub(super) fn list(&self, problems: &mut Vec<Problem>) -> Vec<Value<'d>> {
        let DeValue::Array(array) = self.value else {
            return self.mistyped("a list", problems).unwrap_or_default();
        };
        let element = |(index, value): (usize, &'d Spanned<DeValue<'d>>)| Value {
            at: At::new(format!("{}[{index}]", self.at.key), value.span()),
            value: value.get_ref(),
        };
        array.iter().enumerate().map(element).collect()
    }

    /// Whether this is a list, where other types are read otherwise.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Whether this is a table, where other types are read otherwise.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// A table.
    pub(super) fn table(&self, problems: &mut Vec<Problem>) -> Option<Table<'d>> {
        match self.value {
            DeValue::Table(table) => Some(Table::new(&self.at.key, self.at.span.clone(), table)),
            _ => self.mistyped("a table", problems),
        }
    }

    /// A whole number of a range.
    pub(super) fn whole(&self, range: RangeInclusive<u32>, problems: &mut Vec<Problem>) -> Option<Located<u32>> {
        let DeValue::Integer(written) = self.value else { return self.mistyped("a whole number", problems) };
        let number = i128::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            let (key, low, high) = (&self.at.key, range.start(), range.end());
            let message = format!("`{key}` must be from {low} to {high}, not {}", shorten(written.as_str()));
            problems.push(Problem::new(codes::profile::BAD_VALUE, message).at(&self.at, "out of range"));
        }
        number.map(|value| Located { value, at: self.at.clone() })
    }

    /// A decimal number above 0 and up to `most`, in thousandths.
    pub(super) fn thousandths(&self, most: u32, problems: &mut Vec<Problem>) -> Option<Located<u32>> {
        let written = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(_) => "",
            _ => return self.mistyped("a number", problems),
        };
        if let Some(value) = thousandths(written).filter(|value| (1..=most.saturating_mul(1000)).contains(value)) {
            return Some(Located { value, at: self.at.clone() });
        }
        let message = format!("`{}` must be a decimal number above 0 and at most {most}", self.at.key);
        let problem = Problem::new(codes::profile::BAD_VALUE, message).at(&self.at, "not such a number");
        problems.push(problem.note("at most three decimal places count, and no exponent is read"));
        None
    }

    /// Says that another type was wanted.
    pub(super) fn mistyped<T>(&self, wanted: &str, problems: &mut Vec<Problem>) -> Option<T> {
        let (found, written) = match self.value {
            DeValue::String(text) => ("a string", (text.len() < 60).then(|| format!("{text:?}"))),
            DeValue::Integer(number) => ("a whole number", Some(number.to_string())),
            DeValue::Float(number) => ("a decimal number", Some(number.to_string())),
            DeValue::Boolean(flag) => ("true or false", Some(flag.to_string())),
            DeValue::Datetime(_) => ("a date", None),
            DeValue::Array(_) => ("a list", None),
            DeValue::Table(_) => ("a table", None),
        };
        let problem = Problem::new(WRONG_TYPE, format!("`{}` must be {wanted}, not {found}", self.at.key))
            .at(&self.at, format!("expected {wanted}"));
        problems.push(match (wanted, found, written) {
            ("a string", "a whole number" | "a decimal number" | "true or false", Some(written)) => {
                problem.help(format!("put it in quotes: \"{written}\""))
            }
            ("a list", "a string", Some(written)) => problem.help(format!("put it in brackets: [{}]", words(&written))),
            _ => problem,
        });
        None
    }
}

/// The problem of a shape, at the place of the text.
fn placed(problem: Problem, at: &At) -> Problem {
    Problem { at: Some(at.clone()), ..problem }
}

/// Reports values of which an earlier one has the same identity.
pub(super) fn unique(values: &[Located<String>], identity: impl Fn(&str) -> String, problems: &mut Vec<Problem>) {
    let mut seen = std::collections::BTreeMap::new();
    for value in values {
        let identity = identity(&value.value);
        let message = format!("`{}` is listed twice", shorten(&identity));
        match seen.entry(identity) {
            std::collections::btree_map::Entry::Vacant(free) => _ = free.insert(&value.at),
            std::collections::btree_map::Entry::Occupied(first) => {
                problems.push(again(DUPLICATE, message, [first.get(), &value.at]));
            }
        }
    }
}

/// A problem about the second of two places.
pub(super) fn again(code: Code, message: String, [first, second]: [&At; 2]) -> Problem {
    Problem::new(code, message).at(second, "again here").also(first, "first here")
}

/// The known word that a misspelt one is nearest to, if it is near: a third of its letters wrong, in
/// any case of letters.
pub(in crate::profile) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let distance = |other: &str| strsim::damerau_levenshtein(&word, &other.to_lowercase());
    let nearest = known.into_iter().map(|other| (distance(other), other)).min()?;
    (nearest.0 <= (nearest.1.len() / 3).max(1)).then_some(nearest.1)
}

/// Words as a text says them: `a`, `b` and `c`.
pub(super) fn list(words: &[&str]) -> String {
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        let between = match words.len() - index {
            _ if index == 0 => "",
            1 => " and ",
            _ => ", ",
        };
        // Writing to a String cannot fail.
        let _ = write!(out, "{between}`{word}`");
    }
    out
}

/// The words of a quoted string, each in quotes of its own.
fn words(quoted: &str) -> String {
    quoted.trim_matches('"').split_whitespace().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A key path and one key more, quoted where TOML would have to.
fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A decimal number in thousandths, without going through binary fractions.
fn thousandths(written: &str) -> Option<u32> {
    let (whole, fraction) = written.trim_start_matches('+').split_once('.').unwrap_or((written, "0"));
    let fraction = fraction.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if fraction.len() > 3 || !digits(fraction) || !digits(whole) {
        return None;
    }
    let fraction: u32 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(fraction)
}

//! Debian's version order (Policy 5.6.12; deb-version(7)).
//!
//! In go two texts, out comes their order; every text has a place in it, so that the reader of an
//! index decides what is a version ([`is_version`]) and the order stays total.

use std::cmp::Ordering;

/// Longest version that is read. The longest in Debian's archive have about 60 bytes.
const LONGEST: usize = 256;

/// Whether the text is a version by Policy 5.6.12: `[epoch:]upstream[-revision]`, the upstream part
/// begun by a digit, made of letters, digits and `. + - ~`.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    text.len() <= LONGEST
        && (1..=9).contains(&epoch.len())
        && epoch.bytes().all(|b| b.is_ascii_digit())
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && !rest.ends_with('-')
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-~".contains(&b))
}

/// The order of two versions as `dpkg --compare-versions` has it.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (split(a), split(b));
    compare_part(a.0, b.0).then_with(|| compare_part(a.1, b.1)).then_with(|| compare_part(a.2, b.2))
}

/// The upstream part: without epoch and revision.
#[must_use]
pub fn upstream(text: &str) -> &str {
    split(text).1
}

/// Epoch, upstream part, revision. An absent epoch or revision is as good as `0` (Policy 5.6.12).
fn split(text: &str) -> (&str, &str, &str) {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

/// Alternates between a stretch without digits, in [`weight`]'s order, and a number.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = a.split_at(leading(a, |c| !c.is_ascii_digit()));
        let (word_b, rest_b) = b.split_at(leading(b, |c| !c.is_ascii_digit()));
        let (number_a, rest_a) = rest_a.split_at(leading(rest_a, u8::is_ascii_digit));
        let (number_b, rest_b) = rest_b.split_at(leading(rest_b, u8::is_ascii_digit));
        let order = compare_word(word_a, word_b).then_with(|| compare_number(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn leading(text: &[u8], belongs: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|c| belongs(c)).count()
}

fn compare_word(a: &[u8], b: &[u8]) -> Ordering {
    let at = |word: &[u8], i: usize| weight(word.get(i).copied());
    (0..a.len().max(b.len())).map(|i| at(a, i).cmp(&at(b, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// `~` sorts before the end, the end before letters, letters before all else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(c),
        Some(c) => i32::from(c) + 256,
    }
}

fn compare_number(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (&a[leading(a, |c| *c == b'0')..], &b[leading(b, |c| *c == b'0')..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Whether a version is what a pin asks for: the same text, or a text that the glob's `*` fill up.
#[must_use]
pub fn matches_pin(version: &str, pin: &str) -> bool {
    let Some((head, tail)) = pin.split_once('*') else {
        return version == pin;
    };
    let Some(mut rest) = version.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From dpkg's own table (`lib/dpkg/t/t-version.c`, by content) and Policy 5.6.12.
    const RISING: &[&[&str]] = &[
        &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a", "1.0+", "1.0.", "1.0.1"],
        &["0", "1", "1:0", "1:1", "2:0"],
        &["1.2", "1.10", "1.0010a", "1.11"],
        &["1~rc1-1", "1-0~1", "1", "1-0.1", "1-1~deb12u1", "1-1", "1-1+b1", "1-1+deb12u1"],
        &["17.0.9+9-1~deb12u1", "17.0.19+10-1~deb12u2", "17.0.19+10-1"],
        &["2.36-9+deb12u9", "2.36-9+deb12u14", "1:0.1"],
        &["a", "b", "z", "z-1", "z+"],
    ];

    #[test]
    fn versions_rise_as_dpkg_says() {
        for row in RISING {
            for (i, a) in row.iter().enumerate() {
                for (j, b) in row.iter().enumerate() {
                    assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in [("0:1.0", "1.0"), ("1.0-0", "1.0"), ("1.00", "1.0"), ("1.0-00", "1.0"), ("01:1", "1:1")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn what_is_a_version() {
        for good in ["1", "1:2.36-9+deb12u14", "17.0.19+10-1~deb12u2", "0~", "20230311+deb12u1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "a1", ":1", "1:", "x:1", "1-", "1 2", "1\u{1b}]52", "1/2", "1:2:3", "1_2"] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn pins_match_texts_and_globs() {
        for (version, pin, expected) in [
            ("17.0.19+10-1", "17.0.19*", true),
            ("17.0.19+10-1", "17.0.19+10-1", true),
            ("17.0.19+10-1", "17.0.1", false),
            ("17.0.19+10-1", "*-1", true),
            ("17.0.19+10-1", "17*10*1", true),
            ("17.0.19+10-1", "17*10*10*", false),
            ("1", "1*1", false),
            ("1", "*", true),
        ] {
            assert_eq!(matches_pin(version, pin), expected, "{version} {pin}");
        }
    }
}

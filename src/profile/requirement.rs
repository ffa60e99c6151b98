//! The one door to the parser of PEP 508: [`read`]. Profiles and the metadata of wheels are both written
//! by others, and pep508_rs 0.9.2 ends the process at some texts.

use std::str::FromStr as _;

use pep508_rs::{Pep508Url, Requirement};

/// The deepest brackets that are read: the parser of markers recurses. Poetry writes two levels.
const DEPTH_MAX: usize = 50;

/// Reads a requirement, or says why it is none.
pub(crate) fn read<T: Pep508Url>(text: &str) -> Result<Requirement<T>, String> {
    // PEP 508's grammar has no other; pep508_rs 0.9.2 counts characters as bytes where a marker is wrong.
    if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
        return Err(format!("`{}` is no character of a requirement", c.escape_debug()));
    }
    if is_deep(text) {
        return Err(format!("its brackets are nested more than {DEPTH_MAX} deep"));
    }
    if has_unfinished_name(text) {
        return Err("names and extras end with a letter or a digit".to_owned());
    }
    Requirement::from_str(text).map_err(|error| error.message.to_string())
}

fn is_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|b| {
        match b {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEPTH_MAX
    })
}

/// Whether a name or an extra of the requirement ends with `.`, `-` or `_`: pep508_rs 0.9.2 panics at
/// those that are not at the end of the text.
fn has_unfinished_name(text: &str) -> bool {
    let names = text.split(['@', '<', '>', '=', '~', '!', ';', '(']).next().unwrap_or_default();
    let mark = |c: char| matches!(c, '.' | '-' | '_');
    let after = names.chars().skip(1).map(Some).chain([None]);
    names.chars().zip(after).any(|(c, next)| mark(c) && !next.is_some_and(|c| mark(c) || c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pep508_rs::VerbatimUrl;

    #[test]
    fn hostile_texts_are_refused() {
        let name = "names and extras end with a letter or a digit";
        let deep = format!("a; {}os_name == 'x'", "(".repeat(100_000));
        for (text, reason) in [
            ("a;python_version in '31''3𐀀1'", "`𐀀` is no character of a requirement"),
            ("a_.>=1", name),
            ("a_ ", name),
            ("a_(>=1)", name),
            ("a- [b]", name),
            ("a[b_ ]", name),
            ("a[b,c-]", name),
            (&deep, "its brackets are nested more than 50 deep"),
        ] {
            assert_eq!(read::<VerbatimUrl>(text), Err(reason.to_owned()));
        }
    }

    #[test]
    fn what_wheels_say_is_read() {
        for text in [
            "zope.interface",
            "a_b-c.d[e.f,g_h] (>=1,<2) ; extra == 'x_'",
            "a~=1.0; ((python_version < '3') or (os_name == 'posix')) and extra == 'y'",
        ] {
            assert!(read::<VerbatimUrl>(text).is_ok(), "{text}: {:?}", read::<VerbatimUrl>(text));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 4096, failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_text_ends_the_process(text in "[ab1_.\\-\\[\\],\u{e9} \t>=<~!;@()'$\\{\\}/:]{0,12}") {
            let _ = read::<VerbatimUrl>(&text);
            let _ = read::<url::Url>(&text);
        }
    }
}

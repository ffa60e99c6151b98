//! Every kind of problem: its name, its default level, and what `sparkbake explain NAME` says.
//!
//! A new line belongs to the section of the room that raises it, and into [`ALL`] of that section.

use super::Level;

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// Kebab-case name, unique, stable across releases.
    pub name: &'static str,
    /// Level where the user says nothing.
    pub level: Level,
    /// What it means and why it matters, in a few sentences.
    pub explanation: &'static str,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Code {}

const fn deny(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Deny, explanation }
}

const fn warn(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Warn, explanation }
}

/// Every code there is, in the order of the rooms.
pub fn all() -> impl Iterator<Item = &'static Code> {
    SECTIONS.iter().flat_map(|section| section.iter())
}

/// The code of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

const SECTIONS: &[&[Code]] = &[
    profile::ALL,
    matrix::ALL,
    debian::ALL,
    python::ALL,
    maven::ALL,
    lock::ALL,
    memory::ALL,
    spark::ALL,
    classpath::ALL,
    app::ALL,
];

/// Raised by `profile/`.
#[expect(missing_docs, reason = "each constant carries its own explanation")]
pub mod profile {
    use super::{Code, deny, warn};

    pub const SYNTAX: Code = deny("toml-syntax", "The profile is not TOML. Nothing else can be checked before it is.");
    pub const UNKNOWN_KEY: Code = deny(
        "unknown-key",
        "The profile has a key that sparkbake does not know. It is refused, because a misspelt key that is ignored would build another image than the one asked for.",
    );
    pub const MISSING_KEY: Code = deny(
        "missing-key",
        "The profile lacks a key that has no default. The size of the container is one: heap, threads and Python workers are computed from it, and no guess would be right.",
    );
    pub const WRONG_TYPE: Code = deny(
        "wrong-type",
        "A value of the profile has another type than its key takes. Versions are strings: as a number, 3.10 would be 3.1.",
    );
    pub const BAD_VALUE: Code =
        deny("bad-value", "A value of the profile has the right type but cannot be what its key means.");
    pub const DUPLICATE: Code = deny(
        "duplicate",
        "The profile says the same thing twice. Where the two differ, nobody could tell which one was meant.",
    );
    pub const REQUIRED_VERSION: Code = deny(
        "required-version",
        "The profile asks for another version of sparkbake with `required-version`. Older versions may not know its keys, and other versions may encode layers with another recipe.",
    );
    pub const NOT_YET: Code = deny(
        "not-yet",
        "The key is part of the profile's format, but the work behind it does not exist in this version of sparkbake. It is refused rather than ignored.",
    );
    pub const UNUSED_LINT: Code =
        warn("unused-lint", "An entry of [lints] matches no problem. It may be misspelt, or its reason may be gone.");
    pub(super) const ALL: &[Code] =
        &[SYNTAX, UNKNOWN_KEY, MISSING_KEY, WRONG_TYPE, BAD_VALUE, DUPLICATE, REQUIRED_VERSION, NOT_YET, UNUSED_LINT];
}

/// Raised by `matrix/`.
pub mod matrix {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `debian/`.
pub mod debian {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `pypi/`.
pub mod python {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `maven/`.
pub mod maven {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `lock/`.
pub mod lock {
    use super::{Code, deny};

    pub const STALE: Code = deny(
        "stale-lock",
        "The lockfile was made from other values than the profile has now. The build would not be the one that was locked.",
    );
    pub(super) const ALL: &[Code] = &[STALE];
}

/// Raised by `memory/`.
pub mod memory {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `spark/`.
pub mod spark {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `classpath/`.
pub mod classpath {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

/// Raised by `plan/` about the user's own files.
pub mod app {
    use super::Code;

    pub(super) const ALL: &[Code] = &[];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: Vec<&str> = all().map(|code| code.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for code in all() {
            assert!(
                code.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                code.name
            );
            assert!(code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}

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
pub mod profile {
    use super::{Code, deny, warn};

    pub const SYNTAX: Code = deny("toml-syntax", "The profile is not TOML. Nothing else can be checked before it is.");
    pub const UNKNOWN_KEY: Code = deny(
        "unknown-key",
        "The profile has a key that sparkbake does not know. It is refused, because a misspelt key that is ignored would build another image than the one asked for.",
    );
    pub const WRONG_TYPE: Code = deny("wrong-type", "A value of the profile has another type than its key takes.");
    pub const BAD_VALUE: Code =
        deny("bad-value", "A value of the profile has the right type but cannot be what its key means.");
    pub const NOT_YET: Code = deny(
        "not-yet",
        "The key is part of the profile's format, but the work behind it does not exist in this version of sparkbake. It is refused rather than ignored.",
    );
    pub const UNUSED_LINT: Code =
        warn("unused-lint", "An entry of [lints] matches no problem. It may be misspelt, or its reason may be gone.");
    pub(super) const ALL: &[Code] = &[SYNTAX, UNKNOWN_KEY, WRONG_TYPE, BAD_VALUE, NOT_YET, UNUSED_LINT];
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
    use super::{Code, deny};

    pub const NOT_A_SIZE: Code = deny(
        "not-an-aci-size",
        "Azure Container Instances offers no container of this size: it is below the least or above the greatest of the SKU, or off the step of 0.1 vCPU and 0.1 GB. The deployment would be refused after the image was built and pushed.",
    );
    pub const TOO_SMALL: Code = deny(
        "memory-too-small",
        "What is left for Java's heap after the platform, Python and the memory that the JVM needs beside its heap is less than 512 MiB. Spark itself refuses a heap below about 450 MiB, and a plan that leaves out one of the other terms ends in a silent kill by the kernel.",
    );
    pub const HEAP_DOES_NOT_FIT: Code = deny(
        "pinned-heap-does-not-fit",
        "The pinned heap is greater than what the size leaves for it, or smaller than Spark can start with. A heap that is too great is not refused by Java: the kernel kills the JVM once the heap has grown.",
    );
    pub(super) const ALL: &[Code] = &[NOT_A_SIZE, TOO_SMALL, HEAP_DOES_NOT_FIT];
}

/// Raised by `spark/`.
pub mod spark {
    use super::{Code, deny, warn};

    pub const FIGHTS_THE_PLAN: Code = deny(
        "setting-fights-the-plan",
        "A setting of [spark.conf] takes back a number that the memory plan has computed for the size of the container, or memory that the plan does not know of.",
    );
    pub const BREAKS_THE_START: Code =
        deny("setting-breaks-the-start", "With this setting the Java gateway does not start, in any container.");
    pub const BAD_SETTING: Code = deny(
        "bad-setting",
        "A key or a value of [spark.conf] cannot be written into spark-defaults.conf, which is a Java properties file with one setting a line.",
    );
    pub const UNKNOWN_SETTING: Code =
        warn("unknown-setting", "No jar of the image knows this key. Spark ignores a misspelt setting without a word.");
    pub const RULE_OVERRIDDEN: Code = warn(
        "rule-setting-overridden",
        "A setting of [spark.conf] replaces one that a rule of the compatibility matrix asks for.",
    );
    pub(super) const ALL: &[Code] = &[FIGHTS_THE_PLAN, BREAKS_THE_START, BAD_SETTING, UNKNOWN_SETTING, RULE_OVERRIDDEN];
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

//! What an image has of Debian before the user asks for more: data of `base.toml`.

use serde::Deserialize;

use crate::error::Error;

/// The known suites and the base packages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Known suites, oldest first.
    #[serde(rename = "suite")]
    pub suites: Vec<Suite>,
    /// Packages of every image.
    #[serde(rename = "root")]
    pub roots: Vec<Root>,
}

/// What a suite has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// `bookworm`.
    pub codename: String,
    /// Debian's release number: `12`.
    pub version: String,
    /// Feature releases of its OpenJDK.
    pub java: Vec<String>,
    /// Minor of its `python3`.
    pub python: String,
}

/// A package of every image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its name; `{java}` stands for Java's feature release.
    pub package: String,
    /// Why it is there.
    pub reason: String,
}

/// The data.
///
/// # Errors
/// [`Error::Registry`] where `base.toml` itself is broken, which a test excludes.
pub fn base() -> Result<Base, Error> {
    toml::from_str(include_str!("base.toml")).map_err(|e| Error::registry("base.toml", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::packages::is_name;

    #[test]
    fn the_data_is_sound() {
        let base = base().unwrap();
        for root in &base.roots {
            assert!(is_name(&root.package.replace("{java}", "17")), "{}", root.package);
            assert!(!root.reason.is_empty(), "{}", root.package);
        }
        let suites: Vec<_> =
            base.suites.iter().map(|s| (s.codename.as_str(), s.java.join(" "), s.python.as_str())).collect();
        assert_eq!(suites, [("bookworm", "17".to_owned(), "3.11"), ("trixie", "21 25".to_owned(), "3.13")]);
    }
}

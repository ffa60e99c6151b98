//! The Python wing: from requirements to pinned wheels, and from wheels to files of the image.
//!
//! In go PEP 508 requirements, the target's Python and the pages of a package index; out come
//! [`crate::artifact::Artifact`]s ([`resolve`]), and for each unpacked archive the entries that pip
//! would have installed ([`wheel`], [`pyspark`]). Everything is decided for the *target*: its full
//! Python version, its glibc, its architecture; never for the machine that runs sparkbake.
//!
//! Absent on purpose: building. An sdist is never used, because that would run its code; PySpark,
//! which has no wheel, is laid out by rule ([`pyspark`]).

use crate::error::Error;
use crate::tree::ImagePath;

pub mod candidates;
pub mod index;
pub mod install;
pub mod metadata;
pub mod pyspark;
pub mod pins;
mod report;
pub mod resolve;
pub mod sdist;
pub mod served;
pub mod tags;
pub mod wheel;

/// A project's name in the one spelling that indexes use (PEP 503, "Normalized Names").
#[must_use]
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' => {
                if !out.ends_with('-') {
                    out.push('-');
                }
            }
            _ => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

/// Where packages are installed: Debian's `posix_local` scheme, which pip uses there and which is
/// on `sys.path` (`/usr/local/lib/python3.X/dist-packages`; `site-packages` there is not).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Of `purelib` and `platlib`.
    pub lib: ImagePath,
    /// Of `scripts`.
    pub bin: ImagePath,
    /// Of `headers`; a directory per project below it.
    pub include: ImagePath,
    /// Of `data`.
    pub data: ImagePath,
}

impl Site {
    /// The scheme of a Debian Python, `python` being its minor: `3.11`.
    ///
    /// # Errors
    /// [`Error::Archive`] where `python` cannot stand in a path.
    pub fn debian(python: &str) -> Result<Self, Error> {
        let path = |text: String| ImagePath::new(text).map_err(|bad| Error::archive("the Python version", bad));
        Ok(Self {
            lib: path(format!("usr/local/lib/python{python}/dist-packages"))?,
            bin: path("usr/local/bin".to_owned())?,
            include: path(format!("usr/local/include/python{python}"))?,
            data: path("usr/local".to_owned())?,
        })
    }
}

/// The interpreter that scripts name in their first line.
pub(crate) const INTERPRETER: &str = "/usr/bin/python3";

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod resolve_tests;

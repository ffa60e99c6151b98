//! What a distribution says about itself: the headers of `METADATA` and `PKG-INFO` (PyPA "Core
//! metadata specifications").
//!
//! Only the fields that a resolution needs; the description below the headers is not read.

use crate::error::Error;

/// The largest header block that is read, in bytes; the largest seen on PyPI is below 100 KiB.
const HEADERS_MAX: usize = 4 << 20;

/// The fields of a distribution that a resolution needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// `Name`, as spelt.
    pub name: String,
    /// `Version`, as spelt.
    pub version: String,
    /// Every `Requires-Dist`, a PEP 508 requirement each.
    pub requires_dist: Vec<String>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// Every `Provides-Extra`, as spelt.
    pub provides_extra: Vec<String>,
}

/// Reads the headers; `what` names the file in errors.
///
/// # Errors
/// [`Error::Archive`] where name or version are missing, or the headers have no end.
pub fn parse(bytes: &[u8], what: &str) -> Result<Metadata, Error> {
    let mut metadata = Metadata::default();
    for (key, value) in headers(bytes, what)? {
        match key.to_ascii_lowercase().as_str() {
            "name" => metadata.name = value,
            "version" => metadata.version = value,
            "requires-dist" => metadata.requires_dist.push(value),
            "requires-python" => metadata.requires_python = Some(value),
            "provides-extra" => metadata.provides_extra.push(value),
            _ => {}
        }
    }
    if metadata.name.is_empty() || metadata.version.is_empty() {
        return Err(Error::archive(what, "its metadata has no Name or no Version"));
    }
    Ok(metadata)
}

/// Every header of an RFC 822 block in order; a line that starts with white space continues the
/// header before it.
///
/// # Errors
/// [`Error::Archive`] where the block is larger than 4 MiB.
pub(crate) fn headers(bytes: &[u8], what: &str) -> Result<Vec<(String, String)>, Error> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut read = 0;
    for line in bytes.split(|&b| b == b'\n') {
        read += line.len() + 1;
        if read > HEADERS_MAX {
            return Err(Error::archive(what, "its headers are larger than 4 MiB"));
        }
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = out.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            out.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_the_empty_line() {
        let text = b"Metadata-Version: 2.1\r\nName: Foo\r\nVersion: 1.0\r\nRequires-Dist: a\r\n (>=1)\r\nrequires-dist: b; extra == \"x\"\r\nProvides-Extra: x\r\nRequires-Python: >=3.8\r\n\r\nRequires-Dist: not-this\r\n";
        assert_eq!(
            parse(text, "foo").unwrap(),
            Metadata {
                name: "Foo".to_owned(),
                version: "1.0".to_owned(),
                requires_dist: vec!["a (>=1)".to_owned(), "b; extra == \"x\"".to_owned()],
                requires_python: Some(">=3.8".to_owned()),
                provides_extra: vec!["x".to_owned()],
            }
        );
    }

    #[test]
    fn a_nameless_distribution_is_refused() {
        assert_eq!(
            parse(b"Version: 1\n\nName: late\n", "x.whl").unwrap_err().to_string(),
            "x.whl: its metadata has no Name or no Version"
        );
    }
}

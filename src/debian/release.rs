//! A suite's signed index, `InRelease` (Debian repository format): [`read`] takes the bytes as they
//! were served and gives a [`Release`] made of the verified text alone.
//!
//! Absent on purpose: `Release` with a detached signature, and sums weaker than SHA256.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::digest::Digest;
use crate::error::Error;

use super::keyring::{Keyring, MAX_FUTURE};
use super::packages;

/// Most files that a release may list. Debian's have about 600.
const MOST_FILES: usize = 20_000;

/// A verified release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Suite`: `oldstable`; empty where it is left out.
    pub suite: String,
    /// `Codename`: `bookworm`.
    pub codename: String,
    /// `Date` in seconds since 1970.
    pub date: u64,
    /// `Date` by RFC 3339 in UTC.
    pub date_text: String,
    /// `Valid-Until` in seconds since 1970.
    pub valid_until: Option<u64>,
    /// `Components` as written; the security archive writes `updates/main` for its `main`.
    pub components: Vec<String>,
    /// `Acquire-By-Hash: yes`.
    pub acquire_by_hash: bool,
    /// Size and digest of the files below the suite's directory.
    pub files: BTreeMap<String, (u64, Digest)>,
    /// Fingerprints of the primary keys whose signatures were good, upper-case hexadecimal, sorted.
    pub keys: Vec<String>,
}

/// Verifies and reads an `InRelease`; `now` is in seconds since 1970.
///
/// # Errors
/// [`Error::Registry`] about `what` where no trusted signature holds, the release is from the
/// future or past its `Valid-Until`, or the text is not a release with SHA256 sums.
pub fn read(what: &str, document: &[u8], keyring: &Keyring, now: u64) -> Result<Release, Error> {
    let (text, keys) = keyring.verify(what, document, now)?;
    let release = parse(&text, keys).map_err(|reason| Error::registry(what, reason))?;
    if release.date > now.saturating_add(MAX_FUTURE) {
        return Err(Error::registry(what, format!("its date {} lies in the future", release.date_text)));
    }
    match release.valid_until {
        Some(until) if until < now => Err(Error::registry(
            what,
            format!(
                "of {}, it is past its Valid-Until: the mirror is out of date, or somebody serves an old index",
                release.date_text
            ),
        )),
        _ => Ok(release),
    }
}

fn parse(text: &str, keys: Vec<String>) -> Result<Release, String> {
    let text = text.replace("\r\n", "\n");
    let mut found = BTreeMap::new();
    for (name, value) in packages::fields(text.trim_end_matches('\n')) {
        let name = name.ok_or("a line of it is no field")?.to_ascii_lowercase();
        if found.insert(name, value).is_some() {
            return Err("a field stands twice".to_owned());
        }
    }
    let field = |name: &str| found.get(name).copied().unwrap_or_default();
    let word = |name: &str| {
        let value = field(name);
        let plain = value.len() <= 64 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./+".contains(&b));
        plain.then(|| value.to_owned()).ok_or_else(|| format!("its {name} is no plain word"))
    };
    let (date, date_text) = read_date(field("date")).ok_or("its Date is no date in UTC")?;
    let valid_until = match field("valid-until") {
        "" => None,
        text => Some(read_date(text).ok_or("its Valid-Until is no date in UTC")?.0),
    };
    let files = read_sums(field("sha256"))?;
    if files.is_empty() {
        return Err("it has no SHA256 sums".to_owned());
    }
    Ok(Release {
        suite: word("suite")?,
        codename: word("codename")?,
        date,
        date_text,
        valid_until,
        components: field("components").split_ascii_whitespace().map(str::to_owned).collect(),
        acquire_by_hash: field("acquire-by-hash") == "yes",
        files,
        keys,
    })
}

/// `Sat, 11 Jul 2026 10:16:37 UTC`, the form of RFC 2822 that the archive writes.
fn read_date(text: &str) -> Option<(u64, String)> {
    let date = DateTime::strptime("%a, %d %b %Y %H:%M:%S UTC", text).ok()?;
    let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((u64::try_from(at.as_second()).ok()?, at.to_string()))
}

fn read_sums(text: &str) -> Result<BTreeMap<String, (u64, Digest)>, String> {
    let mut files = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let (sum, size, path) = (words.next(), words.next(), words.next());
        let entry = sum
            .and_then(|sum| Digest::from_hex(sum).ok())
            .zip(size.and_then(|size| size.parse().ok()))
            .zip(path.filter(|path| packages::is_clean_path(path) && words.next().is_none()));
        let ((digest, size), path) =
            entry.ok_or_else(|| format!("`{}` is no line of SHA256 sums", line.escape_debug()))?;
        if files.insert(path.to_owned(), (size, digest)).is_some_and(|old| old != (size, digest)) {
            return Err(format!("it promises two files {path}"));
        }
        if files.len() > MOST_FILES {
            return Err(format!("it lists more than {MOST_FILES} files"));
        }
    }
    Ok(files)
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;

//! The pages of a Python package index: which files a project has (PEP 503, 691, 700, 592, 658, 714).
//!
//! Both forms of the simple API are read, JSON and HTML, by what the page says it is. The tag scanner
//! knows anchors and one `base` and nothing else of HTML.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Page, Registry, Served};

use super::normalise;

/// The largest page that is read, in bytes; the largest of PyPI is about 30 MiB.
const PAGE_MAX: usize = 256 << 20;

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// File name.
    pub name: String,
    /// Absolute URL, without fragment.
    pub url: String,
    /// Its digest, where the index tells a sha256.
    pub sha256: Option<Digest>,
    /// Its size in bytes, where the index tells it (PEP 700).
    pub size: Option<u64>,
    /// `Requires-Python`, where the index tells it.
    pub requires_python: Option<String>,
    /// The reason of withdrawal, perhaps empty; `None` where the file was not yanked (PEP 592).
    pub yanked: Option<String>,
    /// Whether its metadata is served beside it, and with which digest (PEP 658, PEP 714).
    pub metadata: Option<Option<Digest>>,
}

/// Which projects an index of the user's own has. No other index is asked for them, so that nobody who publishes a
/// private name elsewhere is heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(String, String)>);

impl Indexes {
    /// Of patterns, each a normalised name or the beginning of names and `*`, with the name of an index.
    #[must_use]
    pub fn new(patterns: Vec<(String, String)>) -> Self {
        Self(patterns)
    }

    /// The index of a project by its normalised name, `None` where it is the registry. The longest pattern decides.
    #[must_use]
    pub fn of(&self, project: &str) -> Option<&str> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => project.starts_with(beginning),
            None => project == pattern,
        };
        let fitting = self.0.iter().filter(|(pattern, _)| fits(pattern));
        fitting.max_by_key(|(pattern, _)| (!pattern.ends_with('*'), pattern.len())).map(|(_, index)| index.as_str())
    }
}

/// The page of a project: `{normalised name}/` below the simple API's root.
#[must_use]
pub fn page(project: &str) -> Page {
    Page::new(Registry::Pypi, format!("{}/", normalise(project)))
}

/// Every file that a project's page names. Files whose URL or name makes no sense are left out, as
/// pip does.
///
/// # Errors
/// [`Error::Registry`] where the page is larger than 256 MiB or is not what its type says.
pub fn files(served: &Served) -> Result<Vec<File>, Error> {
    if served.bytes.len() > PAGE_MAX {
        return Err(Error::registry(&served.url, "the page is larger than 256 MiB"));
    }
    let base = Url::parse(&served.url).map_err(|e| Error::registry(&served.url, e))?;
    let json = match served.media_type.as_deref() {
        Some(kind) => kind.ends_with("json"),
        None => served.bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{'),
    };
    if json {
        from_json(&served.bytes, &base).map_err(|reason| Error::registry(&served.url, reason))
    } else {
        Ok(from_html(&String::from_utf8_lossy(&served.bytes), &base))
    }
}

/// Finds a locked file again: the URL of the file of that name whose digest, where the index tells
/// one, is the locked one.
///
/// # Errors
/// As [`files`].
pub fn find(served: &Served, file: &str, sha256: &Digest) -> Result<Option<String>, Error> {
    let same = |f: &File| f.name == file && f.sha256.is_none_or(|digest| digest == *sha256);
    Ok(files(served)?.into_iter().find(same).map(|f| f.url))
}

#[derive(Deserialize)]
struct WirePage {
    meta: WireMeta,
    files: Vec<WireFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireMeta {
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    requires_python: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    yanked: Value,
    #[serde(default)]
    core_metadata: Value,
    #[serde(default)]
    dist_info_metadata: Value,
}

fn from_json(bytes: &[u8], base: &Url) -> Result<Vec<File>, String> {
    let page: WirePage = serde_json::from_slice(bytes).map_err(|e| format!("the page is not the simple API's: {e}"))?;
    if !page.meta.api_version.starts_with("1.") {
        return Err(format!("simple API version `{}` is not 1.x (PEP 629)", page.meta.api_version.escape_debug()));
    }
    let file = |f: WireFile| {
        let url = base.join(&f.url).ok()?;
        let core = if f.core_metadata.is_null() { &f.dist_info_metadata } else { &f.core_metadata };
        let metadata = match core {
            Value::Bool(true) => Some(None),
            Value::Object(hashes) => Some(hashes.get("sha256").and_then(Value::as_str).and_then(hex)),
            _ => None,
        };
        let yanked = match f.yanked {
            Value::Bool(true) => Some(String::new()),
            Value::String(reason) => Some(reason),
            _ => None,
        };
        plain(&f.filename).then(|| File {
            name: f.filename,
            url: without_fragment(url),
            sha256: f.hashes.get("sha256").and_then(|text| hex(text)),
            size: f.size,
            requires_python: f.requires_python.filter(|text| !text.is_empty()),
            yanked,
            metadata,
        })
    };
    Ok(page.files.into_iter().filter_map(file).collect())
}

fn hex(text: &str) -> Option<Digest> {
    Digest::from_hex(&text.to_ascii_lowercase()).ok()
}

/// A file name that is one plain path component.
fn plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+!~".contains(&b))
        && !name.starts_with('.')
}

fn without_fragment(mut url: Url) -> String {
    url.set_fragment(None);
    url.into()
}

fn from_html(text: &str, base: &Url) -> Vec<File> {
    let mut base = base.clone();
    let mut out = Vec::new();
    for (tag, attributes) in Tags(text) {
        let href = attributes.get("href");
        match (tag.as_str(), href) {
            ("base", Some(href)) => base = base.join(href).unwrap_or(base),
            ("a", Some(href)) => out.extend(base.join(href).ok().and_then(|url| anchor(url, &attributes))),
            _ => {}
        }
    }
    out
}

fn anchor(url: Url, attributes: &BTreeMap<String, String>) -> Option<File> {
    let name = percent_decoded(url.path_segments()?.next_back()?)?;
    let fragment = |key: &str| {
        let pairs = url.fragment().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key).and_then(|(_, digits)| hex(digits))
    };
    let metadata = attributes.get("data-core-metadata").or_else(|| attributes.get("data-dist-info-metadata"));
    let sha256 = fragment("sha256");
    plain(&name).then(|| File {
        name,
        sha256,
        url: without_fragment(url),
        size: None,
        requires_python: attributes.get("data-requires-python").filter(|text| !text.is_empty()).cloned(),
        yanked: attributes.get("data-yanked").cloned(),
        metadata: metadata.filter(|text| *text != "false").map(|text| text.strip_prefix("sha256=").and_then(hex)),
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits = [*high, *low];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = tail;
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8(out).ok()
}

/// The opening tags of a page with their attributes, names in lower case.
struct Tags<'a>(&'a str);

impl Iterator for Tags<'_> {
    type Item = (String, BTreeMap<String, String>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.0[self.0.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                self.0 = comment.find("-->").map_or("", |end| &comment[end + 3..]);
                continue;
            }
            let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (name, after) = rest.split_at(name_end);
            if name.is_empty() {
                self.0 = rest;
                continue;
            }
            let (attributes, left) = attributes(after);
            self.0 = left;
            return Some((name.to_ascii_lowercase(), attributes));
        }
    }
}

/// Attributes up to the tag's `>`, and what follows it.
fn attributes(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut out = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (out, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (out, after);
        }
        let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
        let end = rest.char_indices().skip(1).find(|(_, c)| ends_name(*c)).map_or(rest.len(), |(i, _)| i);
        let (name, after) = rest.split_at(end);
        let after_space = after.trim_start();
        let (value, left) = match after_space.strip_prefix('=') {
            Some(value) => quoted(value.trim_start()),
            None => ("", after),
        };
        out.entry(name.to_ascii_lowercase()).or_insert_with(|| unescaped(value));
        rest = left;
    }
}

fn quoted(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inner = &text[1..];
            inner.find(quote).map_or((inner, ""), |end| (&inner[..end], &inner[end + 1..]))
        }
        _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len())),
    }
}

/// Character references of attribute values: the five of XML, and numbers.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        if let Some((end, c)) = end.and_then(|end| Some((end, reference(&rest[1..end])?))) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out + rest
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "05fed3e3b7c99b226f160e29d7d6cb7ef39638c758cbfe42b3f24ba34f04b859";

    fn served(media_type: &str, body: &str) -> Served {
        Served {
            bytes: body.as_bytes().to_vec(),
            media_type: Some(media_type.to_owned()),
            url: "https://index.example/simple/foo/".to_owned(),
        }
    }

    #[test]
    fn the_longest_pattern_decides_whose_a_project_is() {
        let of = |pattern: &str, index: &str| (pattern.to_owned(), index.to_owned());
        let indexes =
            Indexes::new(vec![of("our-*", "corp"), of("our-ml-*", "ml"), of("our-ml-base", "corp"), of("x", "x")]);
        for (project, index) in [
            ("our-core", Some("corp")),
            ("our-ml-core", Some("ml")),
            ("our-ml-base", Some("corp")),
            ("our", None),
            ("x", Some("x")),
            ("xx", None),
        ] {
            assert_eq!(indexes.of(project), index, "{project}");
        }
    }

    fn foo() -> File {
        File {
            name: "foo-1.0-py3-none-any.whl".to_owned(),
            url: "https://index.example/files/foo-1.0-py3-none-any.whl".to_owned(),
            sha256: Digest::from_hex(SUM).ok(),
            size: None,
            requires_python: Some(">=3.8".to_owned()),
            yanked: Some("broken & sad".to_owned()),
            metadata: Some(Digest::from_hex(SUM).ok()),
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let html = served(
            "text/html",
            &format!(
                "<!DOCTYPE html><html><body><!-- <a href='no-1.whl'>no</a> --><h1>foo</h1>\n<A HREF=\"../../files/foo-1.0-py3-none-any.whl#sha256={SUM}\" data-requires-python='&gt;=3.8' data-yanked=\"broken &#38; sad\" data-core-metadata=\"sha256={SUM}\">foo</A><br/>"
            ),
        );
        assert_eq!(files(&html).unwrap(), [foo()]);
        let json = served(
            "application/vnd.pypi.simple.v1+json",
            &format!(
                r#"{{"meta":{{"api-version":"1.1"}},"name":"foo","files":[{{"filename":"foo-1.0-py3-none-any.whl","url":"/files/foo-1.0-py3-none-any.whl","hashes":{{"sha256":"{SUM}"}},"requires-python":">=3.8","size":7,"yanked":"broken & sad","core-metadata":{{"sha256":"{SUM}"}}}}]}}"#
            ),
        );
        assert_eq!(files(&json).unwrap(), [File { size: Some(7), ..foo() }]);
    }

    #[test]
    fn a_locked_file_is_found_by_name_and_digest() {
        let html = served("text/html", &format!("<a href=foo-1.0.whl#sha256={SUM}>x</a>"));
        let digest = Digest::from_hex(SUM).unwrap();
        let url = Some("https://index.example/simple/foo/foo-1.0.whl".to_owned());
        assert_eq!(find(&html, "foo-1.0.whl", &digest).unwrap(), url);
        assert_eq!(find(&html, "foo-1.0.whl", &Digest::of(b"")).unwrap(), None);
        assert_eq!(find(&html, "foo-2.0.whl", &digest).unwrap(), None);
    }

    #[test]
    fn hostile_pages_end() {
        for (body, count) in [
            ("<a href=\"x", 1),
            ("<", 0),
            ("<a", 0),
            ("<a href='..%2f..%2fx.whl'>", 0),
            ("<a é=1 href=f-1.whl>", 1),
            ("<a href='&#x;'>", 0),
            ("<a href='&#99999999;.whl'>", 0),
        ] {
            assert_eq!(files(&served("text/html", body)).unwrap().len(), count, "{body}");
        }
        let other = served("application/vnd.pypi.simple.v1+json", r#"{"meta":{"api-version":"2.0"},"files":[]}"#);
        assert_eq!(
            files(&other).unwrap_err().to_string(),
            "https://index.example/simple/foo/: simple API version `2.0` is not 1.x (PEP 629)"
        );
    }
}

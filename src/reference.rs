//! Names of images in registries: [`Repository`] and [`Reference`] (OCI distribution-spec, "Pulling manifests").
//!
//! A host is always written: no registry is assumed.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// The longest `host/name` that clients agree on (distribution-spec, "Pulling manifests").
const LONGEST: usize = 255;
/// The longest tag (the same section).
const LONGEST_TAG: usize = 128;

/// Where the images of one name lie: `registry.example/team/score`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// Host, with a port where it has one.
    pub host: String,
    /// Name within the host, without a slash at either end.
    pub name: String,
}

/// A repository with a tag, a digest, or both; then the digest decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where.
    pub repository: Repository,
    /// Which, by a name that can move.
    pub tag: Option<String>,
    /// Which, by its bytes.
    pub digest: Option<Digest>,
}

/// An image that ours stands on, always by its bytes: `HOST/NAME@sha256:…`, `oci:DIR@sha256:…`,
/// `oci-archive:FILE@sha256:…`, or `sha256:…` alone, which is found where its layers already are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where it can be had.
    pub place: Place,
    /// Which.
    pub digest: Digest,
}

/// Where an image can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a registry.
    Registry(Repository),
    /// On this machine, `oci:` or `oci-archive:` before the path.
    Here(String),
    /// Nobody says.
    Unsaid,
}

/// Why a text names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {reason}")]
pub struct NotAReference {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Repository {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let not = |reason| NotAReference { text: text.to_owned(), reason };
        if text.contains("://") {
            return Err(not("names no repository: leave the scheme out"));
        }
        let (host, name) = text.split_once('/').ok_or_else(|| not("names no registry: write HOST/NAME"))?;
        let (address, port) = host.rsplit_once(':').filter(|_| !host.ends_with(']')).unwrap_or((host, "443"));
        let bracketed = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let is_host = match bracketed {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => plain(&address.to_ascii_lowercase()),
        };
        let is_told = host.contains('.') || host.contains(':') || host == "localhost";
        if !is_host || !is_told || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(not(
                "does not begin with the host of a registry: write HOST/NAME, as in registry.example/score",
            ));
        }
        if !name.split('/').all(plain) {
            return Err(not("is no name of a repository: lower-case letters, digits and . _ - between slashes"));
        }
        if text.len() > LONGEST {
            return Err(not("is longer than the 255 characters that clients agree on"));
        }
        Ok(Self { host: host.to_ascii_lowercase(), name: name.to_owned() })
    }
}

/// A component of a name; a host's labels fit into the same form.
fn plain(part: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(part.chars().next())
        && edge(part.chars().last())
        && !part.contains("..")
        && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// Whether a text can be a tag.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let not = |reason| NotAReference { text: text.to_owned(), reason };
        // Before a slash it would be a user's name.
        let (named, digest) = match text.split_once('@').filter(|(before, _)| before.contains('/')) {
            Some((named, digest)) => {
                (named, Some(digest.parse().map_err(|_| not("has after the @ no sha256 digest"))?))
            }
            None => (text, None),
        };
        let slash = named.find('/').unwrap_or(named.len());
        let (repository, tag) = match named[slash..].find(':') {
            Some(colon) => (&named[..slash + colon], Some(&named[slash + colon + 1..])),
            None => (named, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(not("has a tag that is none: letters, digits and _ . -, at most 128"));
        }
        Ok(Self { repository: repository.parse()?, tag: tag.map(str::to_owned), digest })
    }
}

impl FromStr for Origin {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let not = |reason| NotAReference { text: text.to_owned(), reason };
        let here = text.split_once(':').filter(|(kind, _)| matches!(*kind, "oci" | "oci-archive"));
        let Some((before, digest)) = text.rsplit_once('@') else {
            let digest = text.parse().map_err(|_| not("names no bytes: write its digest, as in NAME@sha256:…"))?;
            return Ok(Self { place: Place::Unsaid, digest });
        };
        let digest = digest.parse().map_err(|_| not("has after the @ no sha256 digest"))?;
        let place = match here {
            Some(_) if before.ends_with(':') => return Err(not("names no path")),
            Some(_) => Place::Here(before.to_owned()),
            None => Place::Registry(before.parse::<Reference>()?.repository),
        };
        Ok(Self { place, digest })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_names_bytes_and_a_place() {
        let hex = "a".repeat(64);
        let place = |before: &str| format!("{before}@sha256:{hex}").parse::<Origin>().map(|origin| origin.place);
        let repository: Repository = "registry.example/base".parse().unwrap();
        assert_eq!(place("registry.example/base"), Ok(Place::Registry(repository.clone())));
        assert_eq!(place("registry.example/base:12"), Ok(Place::Registry(repository)));
        assert_eq!(place("oci:base.oci"), Ok(Place::Here("oci:base.oci".to_owned())));
        assert_eq!(place("oci-archive:a@b.tar"), Ok(Place::Here("oci-archive:a@b.tar".to_owned())));
        assert_eq!(format!("sha256:{hex}").parse::<Origin>().unwrap().place, Place::Unsaid);
        for bad in ["registry.example/base:12", "oci:base.oci", "base@sha256:12", &format!("oci:@sha256:{hex}")] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
        assert!(place("base").is_err());
    }

    #[test]
    fn references_read_back_or_say_what_is_wrong() {
        let hex = "a".repeat(64);
        let good = [
            "registry.example/score".to_owned(),
            "registry.example/team/score:1.0".to_owned(),
            "localhost/score".to_owned(),
            "localhost:5000/a/b-c_d.e:_x".to_owned(),
            "[::1]:5000/score:x".to_owned(),
            format!("127.0.0.1:5000/score:1@sha256:{hex}"),
            format!("registry.example/score@sha256:{hex}"),
        ];
        for text in &good {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), *text);
        }
        let bad = [
            "score",
            "team/score",
            "https://registry.example/score",
            "registry.example/",
            "registry.example/Score",
            "registry.example/a//b",
            "registry.example:0/a",
            "registry.example:x/a",
            "registry.example/a:",
            "registry.example/a:-x",
            "registry.example/a@sha256:12",
            "registry.example/../a",
            "-registry.example/a",
            "user@registry.example/a",
        ];
        let said: Vec<String> = bad.iter().map(|text| text.parse::<Reference>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `score` names no registry: write HOST/NAME
        `team/score` does not begin with the host of a registry: write HOST/NAME, as in registry.example/score
        `https://registry.example/score` names no repository: leave the scheme out
        `registry.example/` is no name of a repository: lower-case letters, digits and . _ - between slashes
        `registry.example/Score` is no name of a repository: lower-case letters, digits and . _ - between slashes
        `registry.example/a//b` is no name of a repository: lower-case letters, digits and . _ - between slashes
        `registry.example:0/a` does not begin with the host of a registry: write HOST/NAME, as in registry.example/score
        `registry.example:x/a` does not begin with the host of a registry: write HOST/NAME, as in registry.example/score
        `registry.example/a:` has a tag that is none: letters, digits and _ . -, at most 128
        `registry.example/a:-x` has a tag that is none: letters, digits and _ . -, at most 128
        `registry.example/a@sha256:12` has after the @ no sha256 digest
        `registry.example/../a` is no name of a repository: lower-case letters, digits and . _ - between slashes
        `-registry.example/a` does not begin with the host of a registry: write HOST/NAME, as in registry.example/score
        `user@registry.example/a` does not begin with the host of a registry: write HOST/NAME, as in registry.example/score
        ");
    }
}

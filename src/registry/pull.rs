//! Reading a registry: documents by reference, blobs by digest.

use reqwest::{Method, StatusCode};

use super::Host;
use super::wire::Ask;
use crate::digest::Digest;
use crate::endpoints::Secret;
use crate::error::Error;
use crate::image::{INDEX_TYPES, MANIFEST_TYPES};
use crate::net::{self, Answer, Authorization, Sink};
use crate::reference::{Reference, Repository};

/// The largest document that is read, in bytes (distribution-spec: 4 MiB).
const DOCUMENT_MAX: u64 = 4 << 20;

/// A manifest or index, to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The document.
    pub bytes: Vec<u8>,
    /// Its digest, computed here.
    pub digest: Digest,
    /// Its media type, without parameters.
    pub media_type: String,
}

/// What a token must allow for reading.
fn scope(repository: &Repository) -> String {
    format!("repository:{}:pull", repository.name)
}

impl Host<'_> {
    /// The manifest or index of that name; `None` where there is none. A digest is checked.
    ///
    /// # Errors
    /// [`Error::Exchange`] where the registry refuses; [`Error::Digest`] where it gives something else;
    /// [`Error::Registry`] where that is no manifest.
    pub fn pull(&self, reference: &Reference) -> Result<Option<Pulled>, Error> {
        let what = format!("pull {reference}");
        let name = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        };
        let url = self.url(&reference.repository.name, &format!("manifests/{name}"))?;
        let scope = scope(&reference.repository);
        let answer = self.persist(&what, &|| {
            let mut ask = Ask::new(Method::GET, url.clone(), &scope);
            let accepted = MANIFEST_TYPES.iter().chain(&INDEX_TYPES).copied().collect::<Vec<_>>().join(", ");
            ask.headers.push((reqwest::header::ACCEPT, accepted));
            ask.limit = Some(DOCUMENT_MAX);
            Ok(ask)
        })?;
        match answer.status {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(answer.refusal(&what)),
            _ => {}
        }
        let digest = Digest::of(&answer.body);
        if let Some(expected) = reference.digest.filter(|expected| *expected != digest) {
            return Err(Error::mismatch(reference.to_string(), &expected, &digest));
        }
        let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_owned();
        if !MANIFEST_TYPES.iter().chain(&INDEX_TYPES).any(|known| *known == media_type) {
            let reason = format!("is neither a manifest nor an index: `{}`", super::wire::visible(&media_type));
            return Err(Error::registry(reference.to_string(), reason));
        }
        Ok(Some(Pulled { bytes: answer.body, digest, media_type }))
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// [`Error::Exchange`] where the registry answers neither yes nor no.
    pub fn has_layer(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        self.has_blob(repository, digest, &scope(repository))
    }

    /// Reads a blob behind what is already in `sink`, which checks it; `false` where there is none.
    ///
    /// # Errors
    /// As [`net::Net::get`].
    pub fn read_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        sink: &mut dyn Sink,
    ) -> Result<bool, Error> {
        // The question brings the token that the answer needs.
        if !self.has_layer(repository, digest)? {
            return Ok(false);
        }
        let url = self.url(&repository.name, &format!("blobs/{digest}"))?;
        let value = self.authorization(&url, &scope(repository));
        let value = value.and_then(|value| value.to_str().ok().map(|text| Secret::new(text.to_owned())));
        let authorization = value.as_ref().map(Authorization::Value);
        let request = net::Request { url, authorization, accept: None, unless: None, limit: size };
        Ok(matches!(self.around.net.get(&request, sink)?, Answer::Body(_)))
    }
}

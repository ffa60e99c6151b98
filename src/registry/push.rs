//! A whole image's way into a repository: blobs side by side, then the documents, and the tags last, so
//! that whoever asks for a tag finds the old image or the new one.

use std::collections::BTreeMap;
use std::time::Instant;

use reqwest::{Method, StatusCode, header};

use super::Host;
pub use super::upload::Way;
use super::upload::{Brought, Upload};
use super::wire::{Answer, Ask, Load};
use crate::digest::Digest;
use crate::error::Error;
use crate::image::content::Content;
use crate::outside::ReadAt;
use crate::reference::Repository;
use crate::threads::all;
use crate::ui::Transfer;

/// Blobs that travel at once: what docker and crane do, and registries put up with.
const WIDTH: usize = 4;

/// One blob of a push.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Which.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it came to be there.
    pub way: Way,
    /// Bytes that went over the wire for it.
    pub bytes: u64,
    /// Exchanges that were made again.
    pub retries: u32,
    /// Time that it took.
    pub seconds: f64,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pushed {
    /// The blobs, each once, in the image's order; none where the image was there already.
    pub blobs: Vec<Sent>,
    /// Tags that lead to it now.
    pub tags: Vec<String>,
    /// Whether the repository had the whole image already.
    pub existed: bool,
}

/// Opens a blob of the image that is pushed; `None` where its bytes are not on this machine.
pub type Open<'a> = &'a (dyn Fn(&Digest) -> Result<Option<Box<dyn ReadAt>>, Error> + Sync);

impl Host<'_> {
    /// Brings an image to a repository, and the tags to the image. `mounts` are repositories of the
    /// same registry that may have blobs of it.
    ///
    /// # Errors
    /// [`Error::Exchange`] where the registry refuses or stays away: then no tag has moved.
    pub fn push(
        &self,
        content: &Content,
        repository: &Repository,
        tags: &[String],
        mounts: &[Repository],
        open: Open<'_>,
    ) -> Result<Pushed, Error> {
        let scope = scope(repository, mounts);
        let existed = self.knows(content, repository, &content.digest.to_string(), &scope)?;
        let mut blobs = Vec::new();
        if !existed {
            let mut wanted = BTreeMap::new();
            needed(content, &mut wanted);
            let mut order: Vec<(Digest, u64)> = wanted.into_iter().collect();
            // The largest first: they take longest.
            order.sort_by_key(|(digest, size)| (std::cmp::Reverse(*size), *digest));
            let bar = self.around.ui.transfer("Pushing", order.iter().map(|(_, size)| size).sum());
            blobs = all(&order, WIDTH, |(digest, size)| {
                let upload =
                    Upload { repository, digest: *digest, size: *size, mounts, scope: &scope, open, bar: &bar };
                self.timed(&upload, &bar)
            })?;
            for child in &content.children {
                self.documents(child, repository, &scope)?;
            }
        }
        self.name(content, repository, tags, existed, &scope)?;
        Ok(Pushed { blobs, tags: tags.to_vec(), existed })
    }

    /// The document by its digest, with all tags in one request where the registry can do that
    /// (distribution-spec, "Pushing Manifests", `tag` and `OCI-Tag`), else each in its own.
    fn name(
        &self,
        content: &Content,
        repository: &Repository,
        tags: &[String],
        existed: bool,
        scope: &str,
    ) -> Result<(), Error> {
        let mut left: Vec<&String> = tags.iter().collect();
        if existed {
            for tag in tags {
                if self.knows(content, repository, tag, scope)? {
                    left.retain(|one| *one != tag);
                }
            }
        } else {
            let mut name = content.digest.to_string();
            for (at, tag) in tags.iter().enumerate() {
                name = format!("{name}{}tag={tag}", if at == 0 { '?' } else { '&' });
            }
            let answer = self.put(content, repository, &name, scope)?;
            let confirmed: Vec<&str> =
                answer.headers.get_all("oci-tag").iter().filter_map(|v| v.to_str().ok()).collect();
            left.retain(|tag| !confirmed.contains(&tag.as_str()));
        }
        left.into_iter().try_for_each(|tag| self.put(content, repository, tag, scope).map(|_| ()))
    }

    fn timed(&self, upload: &Upload<'_>, bar: &Transfer) -> Result<Sent, Error> {
        let started = Instant::now();
        bar.doing(&upload.digest.short());
        let Brought { way, bytes, retries } = self.upload(upload)?;
        let seconds = started.elapsed().as_secs_f64();
        if self.around.verbose {
            let how = match &way {
                Way::Existed => "is there".to_owned(),
                Way::Mounted(from) => format!("mounted from {from}"),
                Way::Uploaded => format!("{bytes} bytes in {seconds:.1} s"),
            };
            self.around.ui.step("Pushed", format_args!("{} {how}", upload.digest.short()));
        }
        Ok(Sent { digest: upload.digest, size: upload.size, way, bytes, retries, seconds })
    }

    /// Whether a name in the repository leads to the document already.
    fn knows(&self, content: &Content, repository: &Repository, name: &str, scope: &str) -> Result<bool, Error> {
        let what = format!("look for {name} in {repository}");
        let url = self.url(&repository.name, &format!("manifests/{name}"))?;
        let answer = self.persist(&what, &|| {
            let mut ask = Ask::new(Method::HEAD, url.clone(), scope);
            ask.headers.push((header::ACCEPT, content.media_type.clone()));
            Ok(ask)
        })?;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(false),
            status if status.is_success() => {
                Ok(answer.header("docker-content-digest") == Some(content.digest.to_string().as_str()))
            }
            _ => Err(answer.refusal(&what)),
        }
    }

    /// The documents, those that others name first, each by its digest.
    fn documents(&self, content: &Content, repository: &Repository, scope: &str) -> Result<(), Error> {
        for child in &content.children {
            self.documents(child, repository, scope)?;
        }
        self.put(content, repository, &content.digest.to_string(), scope).map(|_| ())
    }

    fn put(&self, content: &Content, repository: &Repository, name: &str, scope: &str) -> Result<Answer, Error> {
        let what = format!("push {} to {repository}", content.digest.short());
        let url = self.url(&repository.name, &format!("manifests/{name}"))?;
        let answer = self.persist(&what, &|| {
            let mut ask = Ask::new(Method::PUT, url.clone(), scope);
            ask.headers.push((header::CONTENT_TYPE, content.media_type.clone()));
            ask.load = Load::Bytes(content.bytes.clone());
            Ok(ask)
        })?;
        if answer.status != StatusCode::CREATED && answer.status != StatusCode::OK {
            return Err(answer.refusal(&what));
        }
        answer.stored(&content.digest, &what).map(|()| answer)
    }
}

/// What the tokens of a push must allow; the push itself first.
fn scope(repository: &Repository, mounts: &[Repository]) -> String {
    let own = format!("repository:{}:pull,push", repository.name);
    let others = mounts.iter().filter(|from| from.host == repository.host && from.name != repository.name);
    others.fold(own, |scope, from| format!("{scope} repository:{}:pull", from.name))
}

fn needed(content: &Content, wanted: &mut BTreeMap<Digest, u64>) {
    wanted.extend(content.blobs.iter().copied());
    content.children.iter().for_each(|child| needed(child, wanted));
}

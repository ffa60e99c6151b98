//! The registries as one [`Index`]: mirrors in order, pages through the store's cache, each asked for
//! once in a process.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use url::Url;

use super::remote::Remote;
use super::{Answer, Authorization, Head, Net, Request, Sink, shown};
use crate::digest::Digest;
use crate::endpoints::{Endpoints, Root};
use crate::error::Error;
use crate::outside::{Index, Page, ReadAt, Registry, Served, Whole};
use crate::store::{Kept, Partial, Store};
use crate::threads::each;

/// The most that a page of unknown size may hold, in bytes. Debian's largest index has 60 MB
/// uncompressed; the largest page of PyPI 30 MB.
const PAGE_LIMIT: u64 = 256 << 20;

/// A file whose size is not known yet may have so many bytes. The largest jars and wheels of Spark's world have some
/// 500 MB.
const FILE_LIMIT: u64 = 2 << 30;

/// PEP 691, "Version + Format Selection".
const SIMPLE: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

type Slot = Arc<Mutex<Option<Option<Served>>>>;

/// The registries that the user's tools are configured for.
#[derive(Debug)]
pub struct Registries<'a> {
    /// Where they are.
    pub endpoints: &'a Endpoints,
    /// How they are asked.
    pub net: &'a Net,
    /// Where their pages are kept.
    pub store: &'a Store,
    /// Whether only the store may answer.
    pub offline: bool,
    /// Number of requests that may run at once.
    pub width: usize,
    /// By the page without what is expected of it.
    pages: Mutex<BTreeMap<Page, Slot>>,
}

impl<'a> Registries<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(endpoints: &'a Endpoints, net: &'a Net, store: &'a Store, offline: bool) -> Self {
        Self { endpoints, net, store, offline, width: 16, pages: Mutex::default() }
    }

    /// Downloads a file of a registry behind what is already in `sink`: `None` where no mirror has it.
    ///
    /// # Errors
    /// As [`Index::get`].
    pub fn download(&self, page: &Page, limit: u64, sink: &mut dyn Sink) -> Result<Option<Head>, Error> {
        if self.offline {
            return Err(Error::Offline { what: page.path.clone() });
        }
        self.mirrors(page, |root, url| {
            let request = Request { url, authorization: authorization(root, page), accept: None, unless: None, limit };
            match self.net.get(&request, sink)? {
                Answer::Body(head) => Ok(Some(head)),
                Answer::Absent | Answer::Unchanged => Ok(None),
            }
        })
    }

    /// Brings a whole file to the store, unless it is there; `check` looks at one that nothing promises before it stays.
    ///
    /// # Errors
    /// As [`Index::file`], and what `check` fails with.
    pub fn bring(
        &self,
        page: &Page,
        promised: Option<&Digest>,
        check: &dyn Fn(&Partial) -> Result<(), Error>,
    ) -> Result<Option<(Digest, u64)>, Error> {
        let store = self.store;
        let endpoint = self.endpoints.of(page)?;
        let root = endpoint.mirrors.first().map_or("", |root| root.url.as_str());
        let key = Digest::of(format!("{root} {}", page.path).as_bytes());
        let known = if promised.is_some() { promised.copied() } else { store.record("pin", &key)? };
        if let Some(sha256) = known
            && let Some(size) = store.held(&sha256)?
        {
            return Ok(Some((sha256, size)));
        }
        let mut partial = store.partial(promised.unwrap_or(&key), FILE_LIMIT)?;
        if promised.is_none() {
            // Nothing tells whether an earlier run's beginning still belongs to this file.
            partial.restart()?;
        }
        if self.download(page, FILE_LIMIT, &mut partial)?.is_none() {
            return Ok(None);
        }
        if let Some(promised) = promised {
            store.complete(&partial, promised, page.name())?;
            return Ok(Some((*promised, partial.position())));
        }
        let (sha256, size) = check(&partial).and_then(|()| store.adopt(&partial))?;
        store.put_record("pin", &key, &sha256)?;
        Ok(Some((sha256, size)))
    }

    /// Forgets a page that turned out to be wrong, so that it is asked for again.
    ///
    /// # Errors
    /// [`Error::Write`] where the store keeps it.
    pub fn forget(&self, page: &Page) -> Result<(), Error> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).remove(page);
        for root in &self.endpoints.of(page)?.mirrors {
            self.store.drop_page(&key(page, &locate(root, page)?))?;
        }
        Ok(())
    }

    /// Asks one mirror after the other. One that lacks the page is passed over, one that cannot be
    /// asked is passed over if another has the page.
    fn mirrors<T>(
        &self,
        page: &Page,
        mut ask: impl FnMut(&Root, Url) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let endpoint = self.endpoints.of(page)?;
        let mut down = None;
        for root in &endpoint.mirrors {
            let url = locate(root, page)?;
            match ask(root, url) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error @ Error::Http { .. }) => down = down.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        down.map_or(Ok(None), Err)
    }

    fn load(&self, page: &Page) -> Result<Option<Served>, Error> {
        if let Some((size, digest)) = page.expect {
            return self.promised(page, size, &digest);
        }
        self.mirrors(page, |root, url| self.kept(root, page, url))
    }

    /// A page whose digest is known lies in the store as a blob and is never asked for again.
    fn promised(&self, page: &Page, size: u64, digest: &Digest) -> Result<Option<Served>, Error> {
        if self.store.intact(digest, size)? {
            let blob = crate::outside::Blobs::open(self.store, digest)?;
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            blob.read_exact_at(&mut bytes, 0).map_err(Error::read(self.store.path(digest)))?;
            let url = self.url(page)?;
            return Ok(Some(Served { bytes, media_type: None, url }));
        }
        let mut bytes = Vec::new();
        let found = self.download(page, size, &mut bytes)?;
        let Some(head) = found else { return Ok(None) };
        let got = Digest::of(&bytes);
        if got != *digest {
            return Err(Error::mismatch(head.url, digest, &got));
        }
        let path = self.store.path(digest);
        self.store.put(|out| out.write_all(&bytes).map_err(Error::write(path)))?;
        Ok(Some(Served { bytes, media_type: head.media_type, url: head.url }))
    }

    /// A page that may change: asked for again with what the store knows of it.
    fn kept(&self, root: &Root, page: &Page, url: Url) -> Result<Option<Served>, Error> {
        let key = key(page, &url);
        let kept = self.store.page(&key)?;
        if let Some(kept) = &kept
            && (self.offline || never_changes(page))
        {
            return Ok(Some(served(kept.clone())));
        }
        if self.offline {
            return Err(Error::Offline { what: shown(&url) });
        }
        let request = Request {
            url,
            authorization: authorization(root, page),
            accept: (page.registry == Registry::Pypi && page.path.ends_with('/')).then_some(SIMPLE),
            unless: kept.as_ref().map(|kept| &kept.validators).filter(|validators| !validators.is_empty()),
            limit: PAGE_LIMIT,
        };
        let mut bytes = Vec::new();
        match self.net.get(&request, &mut bytes)? {
            Answer::Absent => Ok(None),
            Answer::Unchanged => Ok(kept.map(served)),
            Answer::Body(head) => {
                if head.is_packed {
                    bytes = unpacked(&bytes, &head.url)?;
                }
                let local = request.url.scheme() == "file";
                let page = Kept { bytes, media_type: head.media_type, url: head.url, validators: head.validators };
                if !local {
                    self.store.put_page(&key, &page)?;
                }
                Ok(Some(served(page)))
            }
        }
    }

    fn url(&self, page: &Page) -> Result<String, Error> {
        if Url::parse(&page.path).is_ok() {
            return Ok(page.path.clone());
        }
        let endpoint = self.endpoints.of(page)?;
        endpoint.mirrors.first().map_or_else(|| Ok(page.path.clone()), |root| Ok(shown(&locate(root, page)?)))
    }
}

impl Index for Registries<'_> {
    fn get(&self, page: &Page) -> Result<Option<Served>, Error> {
        let key = Page { expect: None, ..page.clone() };
        let slot = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pages.entry(key).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(self.load(page)?);
        }
        let found = slot.clone().flatten();
        if let (Some(served), Some((_, digest))) = (&found, &page.expect) {
            let got = Digest::of(&served.bytes);
            if got != *digest {
                return Err(Error::mismatch(served.url.clone(), digest, &got));
            }
        }
        Ok(found)
    }

    fn file(&self, page: &Page, promised: Option<&Digest>) -> Result<Option<Whole>, Error> {
        let Some((sha256, size)) = self.bring(page, promised, &|_| Ok(()))? else { return Ok(None) };
        Ok(Some(Whole { size, sha256, bytes: Box::new(self.store.open_unchecked(&sha256)?) }))
    }

    fn kept(&self, key: &Digest) -> Option<Vec<u8>> {
        self.store.bytes("made", key).ok()?
    }

    fn keep(&self, key: &Digest, bytes: &[u8]) {
        // A store that cannot keep them costs time alone.
        let _ = self.store.put_bytes("made", key, bytes);
    }

    fn parts<'b>(&'b self, page: &Page, size: u64) -> Result<Option<Box<dyn ReadAt + 'b>>, Error> {
        if self.offline {
            return Err(Error::Offline { what: page.path.clone() });
        }
        let remote = self.mirrors(page, |root, url| {
            let credentials = root.credentials.as_ref().filter(|_| authorization(root, page).is_some()).cloned();
            if url.scheme() == "file" { Ok(None) } else { Remote::open(self.net, url, credentials, size) }
        })?;
        Ok(remote.map(|remote| Box::new(remote) as Box<dyn ReadAt + 'b>))
    }

    fn prefetch(&self, pages: &[Page]) {
        each(pages, self.width, |page| {
            let _ = self.get(page);
        });
    }
}

/// What the store keeps a page under.
fn key(page: &Page, url: &Url) -> Digest {
    Digest::of(format!("{} {url}", page.registry).as_bytes())
}

/// A page that came packed.
fn unpacked(bytes: &[u8], url: &str) -> Result<Vec<u8>, Error> {
    let fail = |reason: String| Error::Http { url: url.to_owned(), reason, transient: false };
    let mut page = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(PAGE_LIMIT + 1).read_to_end(&mut page);
    read.map_err(|error| fail(format!("the body is no gzip, as the server says it is: {error}")))?;
    if page.len() as u64 > PAGE_LIMIT {
        Err(fail(format!("the body is longer than {PAGE_LIMIT} bytes")))
    } else {
        Ok(page)
    }
}

/// Credentials are for the registry's own host, not for one that its pages name.
fn authorization<'a>(root: &'a Root, page: &Page) -> Option<Authorization<'a>> {
    let foreign = Url::parse(&page.path).is_ok_and(|url| url.origin() != root.url.origin());
    root.credentials.as_ref().filter(|_| !foreign).map(Authorization::Basic)
}

/// Where the page lies below a root, or where an absolute reference points to.
fn locate(root: &Root, page: &Page) -> Result<Url, Error> {
    let refuse = |reason: &str| Error::registry(format!("{} page {}", page.registry, page.path), reason);
    if let Ok(mut url) = Url::parse(&page.path) {
        url.set_fragment(None);
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        return match (root.url.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") | ("file", "file") => Ok(url),
            (from, to) => Err(refuse(&format!("a registry reached by {from} may not refer to {to}"))),
        };
    }
    let url = root.url.join(&page.path).map_err(|e| refuse(&e.to_string()))?;
    if !url.as_str().starts_with(root.url.as_str()) {
        return Err(refuse("it lies outside of the registry"));
    }
    Ok(url)
}

/// A released file of a Maven repository never changes (Maven, "Introduction to Repositories").
fn never_changes(page: &Page) -> bool {
    page.registry == Registry::Maven && !page.path.contains("maven-metadata") && !page.path.contains("-SNAPSHOT")
}

fn served(kept: Kept) -> Served {
    Served { bytes: kept.bytes, media_type: kept.media_type, url: kept.url }
}

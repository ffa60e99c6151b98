//! A file at a server, of which parts are fetched as they are read: what an archive's directory and one of its members
//! take, and not what is beside them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use url::Url;

use super::{Authorization, Net, Request};
use crate::endpoints::Credentials;
use crate::error::Error;
use crate::outside::ReadAt;

/// What is fetched first, of the end: there an archive has its directory. Each part is twice as large as the one before.
const FIRST: u64 = 64 << 10;

/// The file, with the parts that are here.
pub(super) struct Remote<'a> {
    net: &'a Net,
    url: Url,
    credentials: Option<Credentials>,
    size: u64,
    here: Mutex<Here>,
}

/// Parts by where they begin; none overlaps another.
struct Here {
    parts: BTreeMap<u64, Vec<u8>>,
    /// How large the next part is to be.
    next: u64,
}

impl<'a> Remote<'a> {
    /// Fetches the end; none where the server gives no parts, or has no such file.
    ///
    /// # Errors
    /// As [`Net::get`].
    pub(super) fn open(
        net: &'a Net,
        url: Url,
        credentials: Option<Credentials>,
        size: u64,
    ) -> Result<Option<Self>, Error> {
        let here = Mutex::new(Here { parts: BTreeMap::new(), next: FIRST });
        let remote = Self { net, url, credentials, size, here };
        let start = size.saturating_sub(FIRST);
        let Some(end) = remote.fetch(start, size)? else { return Ok(None) };
        let mut here = remote.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.parts.insert(start, end);
        drop(here);
        Ok(Some(remote))
    }

    fn fetch(&self, start: u64, end: u64) -> Result<Option<Vec<u8>>, Error> {
        let authorization = self.credentials.as_ref().map(Authorization::Basic);
        let url = self.url.clone();
        let request = Request { url, authorization, accept: None, unless: None, limit: end - start };
        self.net.part(&request, start..end)
    }
}

impl Here {
    /// Takes what is here from `at` on; how many bytes that is.
    fn take(&self, at: u64, into: &mut [u8]) -> usize {
        let Some((start, part)) = self.parts.range(..=at).next_back() else { return 0 };
        let from = usize::try_from(at - start).ok().and_then(|skip| part.get(skip..)).unwrap_or_default();
        let many = from.len().min(into.len());
        into[..many].copy_from_slice(&from[..many]);
        many
    }
}

impl ReadAt for Remote<'_> {
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        while offset < end {
            let mut taken = here.take(offset, buf);
            if taken == 0 {
                here.next = here.next.saturating_mul(2);
                let known = here.parts.range(offset..).next().map_or(self.size, |(start, _)| *start);
                let wanted = offset.saturating_add(here.next.max(end - offset)).min(known);
                let part = self.fetch(offset, wanted).map_err(io::Error::other)?;
                let part = part.ok_or_else(|| io::Error::other("the server gives no parts any more"))?;
                here.parts.insert(offset, part);
                taken = here.take(offset, buf);
            }
            buf = &mut buf[taken..];
            offset += taken as u64;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }
}

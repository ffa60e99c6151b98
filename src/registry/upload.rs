//! One blob's way into a repository, whatever the network does on it (distribution-spec, "Pushing a blob").
//!
//! A session is a place at the registry and the number of bytes it has. Whenever that number is in
//! doubt the registry is asked, and where it has forgotten the session a new one begins: so no more
//! than one part is ever sent twice, unless the registry lost it.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use reqwest::header;
use reqwest::{Method, StatusCode};
use url::Url;

use super::journal::{Journal, Session};
use super::wire::{Answer, Ask, Load, RETRIES};
use super::{Host, Open, SMALL_CHUNK};
use crate::digest::{Digest, HashingReader};
use crate::error::Error;
use crate::outside::{self, ReadAt};
use crate::reference::Repository;
use crate::ui::Transfer;

/// A blob to be brought to a repository.
pub(super) struct Upload<'a> {
    pub(super) repository: &'a Repository,
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Repositories of the same registry that may have it.
    pub(super) mounts: &'a [Repository],
    /// What the tokens of the push allow.
    pub(super) scope: &'a str,
    /// Opens the bytes; `None` where they are not at hand.
    pub(super) open: Open<'a>,
    pub(super) bar: &'a Transfer,
}

/// How a blob came to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It was there.
    Existed,
    /// From another repository of the registry.
    Mounted(Repository),
    /// Over the wire.
    Uploaded,
}

/// What bringing it there took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Brought {
    pub(super) way: Way,
    /// Bytes that went over the wire, those that went twice included; less a part that came with a spent token.
    pub(super) bytes: u64,
    /// Exchanges that were made again.
    pub(super) retries: u32,
}

/// How one session ended.
enum Ended {
    Complete,
    /// The registry no longer knows it.
    Lost(Error),
    /// The registry and we do not agree on how far it is.
    Stuck(Error),
    /// What the registry holds has another digest.
    Wrong(Error),
}

/// What an answer means for the session.
enum Verdict {
    Complete,
    Accepted,
    /// The part was too large.
    TooLarge,
    Lost,
    Wrong,
    Refused,
    /// How much arrived is not known.
    Doubtful,
}

/// The state of one session.
struct Sending<'a> {
    blob: Arc<dyn ReadAt>,
    location: Url,
    smallest: u64,
    /// Bytes that the registry has.
    has: u64,
    what: &'a str,
    journal: &'a Journal,
    sent: u64,
    retries: u32,
}

impl Sending<'_> {
    /// After a part that was accepted.
    fn advance(&mut self, answer: &Answer, part: u64) -> Result<(), Error> {
        if let Some(location) = answer.location() {
            self.location = location;
        }
        let end = self.has + part;
        // Amazon's registry has answered with a range that does not move (aws/containers-roadmap 2831): its
        // word that it accepted the part counts, unless it says that it took a piece of it.
        self.has = reached(answer).filter(|has| (self.has + 1..end).contains(has)).unwrap_or(end);
        self.journal.keep(&Session { location: self.location.to_string(), smallest: self.smallest })
    }
}

impl Host<'_> {
    /// Whether the repository has a blob (distribution-spec, "Checking if content exists").
    ///
    /// # Errors
    /// [`Error::Exchange`] where the registry answers neither yes nor no.
    pub(super) fn has_blob(&self, repository: &Repository, digest: &Digest, scope: &str) -> Result<bool, Error> {
        let key = (repository.name.clone(), *digest);
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return Ok(true);
        }
        let what = format!("look for {} in {repository}", digest.short());
        let url = self.url(&repository.name, &format!("blobs/{digest}"))?;
        let ask = |method: Method| self.persist(&what, &|| Ok(Ask::new(method.clone(), url.clone(), scope)));
        let mut answer = ask(Method::HEAD)?;
        if answer.status == StatusCode::METHOD_NOT_ALLOWED {
            answer = self.peek(&what, &url, scope)?;
        }
        match answer.status {
            status if status.is_success() => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
                Ok(true)
            }
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.refusal(&what)),
        }
    }

    fn peek(&self, what: &str, url: &Url, scope: &str) -> Result<Answer, Error> {
        self.persist(what, &|| {
            let mut ask = Ask::new(Method::GET, url.clone(), scope);
            ask.headers.push((header::RANGE, "bytes=0-0".to_owned()));
            ask.limit = None;
            Ok(ask)
        })
    }

    /// Brings the blob to the repository.
    ///
    /// # Errors
    /// [`Error::Exchange`] where the registry refuses or stays away, with its own words; what `open` fails with.
    pub(super) fn upload(&self, upload: &Upload<'_>) -> Result<Brought, Error> {
        let what = format!("push {} to {}", upload.digest.short(), upload.repository);
        let there = |way: Way, bytes: u64, retries: u32| Ok(Brought { way, bytes, retries });
        if self.has_blob(upload.repository, &upload.digest, upload.scope)? {
            Journal::forget(self.around.store, &upload.repository.to_string(), &upload.digest);
            upload.bar.advance(upload.size);
            return there(Way::Existed, 0, 0);
        }
        let journal = Journal::open(self.around.store, &upload.repository.to_string(), &upload.digest)?;
        let (mut bytes, mut retries) = (0, 0);
        let mut session = journal.session().map(|session| (session, false));
        if session.is_none() {
            match self.mount(upload)? {
                Mounted::From(from) => {
                    upload.bar.advance(upload.size);
                    return there(Way::Mounted(from), 0, 0);
                }
                Mounted::Session(new) => session = new.map(|session| (session, true)),
            }
        }
        let Some(blob) = (upload.open)(&upload.digest)? else {
            let reason = "its bytes are neither at the registry nor on this machine".to_owned();
            return Err(Error::Exchange { what, reason, transient: false });
        };
        let blob: Arc<dyn ReadAt> = blob.into();
        if blob.size() != upload.size {
            let reason = format!("is {} bytes long, and the manifest says {}", blob.size(), upload.size);
            return Err(Error::archive(upload.digest.to_string(), reason));
        }
        for restarts in 0.. {
            let (session, is_new) = match session.take() {
                Some(known) => known,
                None => (self.begin(&what, upload)?, true),
            };
            journal.keep(&session)?;
            let location = Url::parse(&session.location).map_err(|error| Error::registry(&self.name, error))?;
            let (blob, smallest) = (Arc::clone(&blob), session.smallest);
            let mut sending =
                Sending { blob, location, smallest, has: 0, what: &what, journal: &journal, sent: 0, retries: 0 };
            let ended = if is_new { self.send_all(upload, &mut sending) } else { self.take_up(upload, &mut sending) };
            (bytes, retries) = (bytes + sending.sent, retries + sending.retries);
            let (why, last) = match ended {
                Ok(Ended::Complete) => {
                    journal.close();
                    return there(Way::Uploaded, bytes, retries);
                }
                Ok(Ended::Lost(why)) => (why, RETRIES),
                Ok(Ended::Stuck(why)) => (why, 1),
                Ok(Ended::Wrong(why)) => {
                    check(sending.blob.as_ref(), upload)?;
                    (why, 1)
                }
                Err(error) => {
                    if !error.is_transient() {
                        self.abandon(&sending, upload.scope);
                        journal.close();
                    }
                    return Err(error);
                }
            };
            journal.close();
            upload.bar.retreat(sending.has);
            // An answer that got lost may have been the last one, and somebody else may have been faster.
            if self.has_blob(upload.repository, &upload.digest, upload.scope)? {
                upload.bar.advance(upload.size);
                return there(Way::Uploaded, bytes, retries);
            }
            if restarts == last {
                return Err(why);
            }
            retries += 1;
        }
        Err(Error::registry(&self.name, "gave no session"))
    }

    /// Asks for the blob from another repository; one that refuses is as good as one that lacks it.
    fn mount(&self, upload: &Upload<'_>) -> Result<Mounted, Error> {
        for from in upload.mounts.iter().filter(|from| from.host == upload.repository.host) {
            let what = format!("mount {} from {from}", upload.digest.short());
            let mut url = self.url(&upload.repository.name, "blobs/uploads/")?;
            url.query_pairs_mut().append_pair("mount", &upload.digest.to_string()).append_pair("from", &from.name);
            let answer = self.exchange(&what, &Ask::new(Method::POST, url, upload.scope));
            match answer {
                Ok(answer) if answer.status == StatusCode::CREATED => return Ok(Mounted::From(from.clone())),
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    return Ok(Mounted::Session(session(&answer)));
                }
                _ => {}
            }
        }
        Ok(Mounted::Session(None))
    }

    fn begin(&self, what: &str, upload: &Upload<'_>) -> Result<Session, Error> {
        let url = self.url(&upload.repository.name, "blobs/uploads/")?;
        let answer = self.persist(what, &|| Ok(Ask::new(Method::POST, url.clone(), upload.scope)))?;
        match session(&answer) {
            Some(session) if answer.status == StatusCode::ACCEPTED => Ok(session),
            _ => Err(answer.refusal(what)),
        }
    }

    /// Goes on with a session of an earlier run.
    fn take_up(&self, upload: &Upload<'_>, sending: &mut Sending<'_>) -> Result<Ended, Error> {
        match self.ask_how_far(upload, sending)? {
            Ok(has) => {
                sending.has = has;
                upload.bar.advance(has);
                self.send_all(upload, sending)
            }
            Err(why) => Ok(Ended::Lost(why)),
        }
    }

    fn send_all(&self, upload: &Upload<'_>, sending: &mut Sending<'_>) -> Result<Ended, Error> {
        let mut tries = 0;
        loop {
            let (start, left, sent) = (sending.has, upload.size - sending.has, sending.sent);
            let part = self.chunk.load(Ordering::Relaxed).max(sending.smallest).min(left);
            // A blob of one part needs no PATCH.
            let last = left == 0 || start == 0 && part == left;
            let answer = if last { self.close(upload, sending) } else { self.patch(upload, sending, part) };
            match judge(&answer, last, start, part) {
                Verdict::Complete => {
                    return answer?.stored(&upload.digest, sending.what).map(|()| Ended::Complete);
                }
                Verdict::Accepted => {
                    sending.advance(&answer?, part)?;
                    tries = 0;
                    continue;
                }
                Verdict::TooLarge => {
                    self.chunk.store(SMALL_CHUNK, Ordering::Relaxed);
                    continue;
                }
                Verdict::Lost => return Ok(Ended::Lost(answer?.refusal(sending.what))),
                Verdict::Wrong => return Ok(Ended::Wrong(answer?.refusal(sending.what))),
                Verdict::Doubtful if tries < RETRIES => self.wait(sending.what, &answer, tries),
                Verdict::Doubtful | Verdict::Refused => return Err(answer?.refusal(sending.what)),
            }
            (tries, sending.retries) = (tries + 1, sending.retries + 1);
            let has = match self.ask_how_far(upload, sending)? {
                Ok(has) => has,
                Err(why) => return Ok(Ended::Lost(why)),
            };
            if has == start && (start == 0 || tries > 1) && out_of_range(&answer) {
                return Ok(Ended::Stuck(answer?.refusal(sending.what)));
            }
            // Of a part that broke off nobody may have counted; what arrived was sent.
            sending.sent = sending.sent.max(sent + has.saturating_sub(start));
            upload.bar.retreat(start.saturating_sub(has));
            upload.bar.advance(has.saturating_sub(start));
            if has > start {
                tries = 0;
            }
            sending.has = has;
        }
    }

    fn patch(&self, upload: &Upload<'_>, sending: &mut Sending<'_>, size: u64) -> Result<Answer, Error> {
        let start = sending.has;
        let mut ask = Ask::new(Method::PATCH, sending.location.clone(), upload.scope);
        ask.headers.push((header::CONTENT_TYPE, OCTETS.to_owned()));
        ask.headers.push((header::CONTENT_RANGE, format!("{start}-{}", start + size - 1)));
        self.carry(upload, sending, ask, start..start + size)
    }

    fn close(&self, upload: &Upload<'_>, sending: &mut Sending<'_>) -> Result<Answer, Error> {
        let mut url = sending.location.clone();
        url.query_pairs_mut().append_pair("digest", &upload.digest.to_string());
        let mut ask = Ask::new(Method::PUT, url, upload.scope);
        ask.headers.push((header::CONTENT_TYPE, OCTETS.to_owned()));
        let rest = sending.has..upload.size;
        self.carry(upload, sending, ask, rest)
    }

    /// Sends a part; what did not arrive for certain is not counted as done.
    fn carry(
        &self,
        upload: &Upload<'_>,
        sending: &mut Sending<'_>,
        mut ask: Ask<'_>,
        range: Range<u64>,
    ) -> Result<Answer, Error> {
        let counter = upload.bar.counter();
        if !range.is_empty() {
            ask.load = Load::Part { blob: Arc::clone(&sending.blob), range, counter: counter.clone() };
        }
        let answer = self.exchange(sending.what, &ask);
        sending.sent += counter.counted();
        if !answer.as_ref().is_ok_and(|answer| answer.status.is_success()) {
            counter.take_back();
        }
        answer
    }

    /// Asks how many bytes the session has; the inner error where it is gone.
    fn ask_how_far(&self, upload: &Upload<'_>, sending: &mut Sending<'_>) -> Result<Result<u64, Error>, Error> {
        let location = sending.location.clone();
        let answer = self.persist(sending.what, &|| Ok(Ask::new(Method::GET, location.clone(), upload.scope)))?;
        if !answer.status.is_success() {
            return Ok(Err(answer.refusal(sending.what)));
        }
        if let Some(location) = answer.location() {
            sending.location = location;
        }
        let has = reached(&answer).unwrap_or(0);
        Ok(if has > upload.size { Err(answer.refusal(sending.what)) } else { Ok(has) })
    }

    /// Tells the registry that the session is not needed (distribution-spec, "Cancelling"); its answer is not.
    fn abandon(&self, sending: &Sending<'_>, scope: &str) {
        let ask = Ask::new(Method::DELETE, sending.location.clone(), scope);
        let _ = self.exchange(sending.what, &ask);
    }
}

const OCTETS: &str = "application/octet-stream";

enum Mounted {
    From(Repository),
    Session(Option<Session>),
}

fn session(answer: &Answer) -> Option<Session> {
    let smallest = answer.header("oci-chunk-min-length").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Some(Session { location: answer.location()?.to_string(), smallest })
}

/// How many bytes a session has, by an answer's `Range`. `0-0` stands for none: Azure's registry says so of
/// a fresh session, and one that has a single byte, of which every registry says so, is begun again.
fn reached(answer: &Answer) -> Option<u64> {
    let (_, end) = answer.header("range")?.trim_start_matches("bytes=").split_once('-')?;
    end.trim().parse::<u64>().ok().map(|end| if end == 0 { 0 } else { end.saturating_add(1) })
}

fn out_of_range(answer: &Result<Answer, Error>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::RANGE_NOT_SATISFIABLE)
}

fn judge(answer: &Result<Answer, Error>, last: bool, start: u64, part: u64) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_transient() => return Verdict::Doubtful,
        Err(_) => return Verdict::Refused,
    };
    let codes = answer.codes();
    let says = |code: &str| codes.iter().any(|one| one == code);
    match answer.status {
        StatusCode::CREATED if last => Verdict::Complete,
        StatusCode::ACCEPTED if !last => Verdict::Accepted,
        // Azure's registry refuses a body for its size with 413, GitHub's the first with 416.
        StatusCode::PAYLOAD_TOO_LARGE if part > SMALL_CHUNK => Verdict::TooLarge,
        StatusCode::RANGE_NOT_SATISFIABLE if start == 0 && part > SMALL_CHUNK => Verdict::TooLarge,
        StatusCode::RANGE_NOT_SATISFIABLE => Verdict::Doubtful,
        _ if says("DIGEST_INVALID") => Verdict::Wrong,
        // Nexus says the latter of a layer that another push brings at the same moment (nexus-public 967).
        StatusCode::NOT_FOUND => Verdict::Lost,
        _ if says("BLOB_UPLOAD_UNKNOWN") || says("BLOB_UPLOAD_INVALID") => Verdict::Lost,
        _ if answer.is_transient() => Verdict::Doubtful,
        _ => Verdict::Refused,
    }
}

/// The registry says that the bytes are wrong: whether ours are.
fn check(blob: &dyn ReadAt, upload: &Upload<'_>) -> Result<(), Error> {
    let mut reader = HashingReader::new(outside::Range::all(blob));
    io::copy(&mut reader, &mut io::sink()).map_err(Error::read(upload.digest.to_string()))?;
    let (got, _) = reader.finish();
    let what = "a blob on this machine (damaged: build it again)";
    if got == upload.digest { Ok(()) } else { Err(Error::mismatch(what, &upload.digest, &got)) }
}

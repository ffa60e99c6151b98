//! The network: [`Net`] asks for one URL, again where that can help, and goes on where a body broke off.
//!
//! Redirects are followed here and not by the HTTP client, because they decide who sees a password:
//! one goes to the host it was meant for and nowhere else, and never from https to http.
//! Bodies are asked for without content coding, so that their bytes are the ones that digests promise.
//! `file:` URLs answer like a server. Absent on purpose: HTTP/2, cookies, caching (see [`crate::store`]).
#![expect(clippy::disallowed_methods, reason = "`file:` URLs, netrc and certificates are files")]

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::ops::{Range, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use url::Url;

use crate::endpoints::{Credentials, Netrc, Secret};
use crate::environment::Environment;
use crate::error::Error;
use crate::store::{Partial, Validators};

mod registries;
mod remote;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

pub use registries::Registries;

/// How often a request is made again after no progress.
const RETRIES: u32 = 3;
/// Progress after which the retries count anew, in bytes.
const PROGRESS: u64 = 1 << 20;
/// A server that says nothing for so long is gone.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that cannot be connected to for so long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest `Retry-After` that is waited for, in seconds.
const LONGEST_WAIT: u64 = 60;
/// The longest chain of redirects.
const REDIRECTS: usize = 5;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// The network as the user's own tools see it.
#[derive(Debug)]
pub struct Net {
    client: Client,
    netrc: Netrc,
    /// The first pause before another try; doubled each time.
    pause: Duration,
    requests: AtomicU64,
    received: AtomicU64,
}

/// What was asked of registries of files and came from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Requests, those that were made again and those that redirects led to among them.
    pub requests: u64,
    /// Bytes of their answers' bodies.
    pub received: u64,
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { requests: self.requests - before.requests, received: self.received - before.received }
    }
}

/// One thing to ask for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Where, without user name and password.
    pub url: Url,
    /// For the host of `url` alone.
    pub authorization: Option<Authorization<'a>>,
    /// Media types to prefer.
    pub accept: Option<&'static str>,
    /// Answer with the body only if it is another than this one.
    pub unless: Option<&'a Validators>,
    /// More bytes than so many are an error.
    pub limit: u64,
}

/// What proves who we are.
#[derive(Debug, Clone, Copy)]
pub enum Authorization<'a> {
    /// A user and a password.
    Basic(&'a Credentials),
    /// The header's whole value.
    Value(&'a Secret),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server has nothing there (404, 410).
    Absent,
    /// It is what `unless` described (304).
    Unchanged,
    /// The whole body is in the sink.
    Body(Head),
}

/// What came with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Media type without parameters.
    pub media_type: Option<String>,
    /// Whether the server packed it by gzip, which nobody asked for (RFC 9110, section 8.4): of a file it may be the
    /// file's own form.
    pub is_packed: bool,
    /// Where the body came from in the end; no user, password, query or fragment.
    pub url: String,
    /// How to ask again.
    pub validators: Validators,
}

/// Where a body goes: to memory, or to the store.
pub trait Sink {
    /// Number of bytes that are there.
    fn position(&self) -> u64;
    /// Throws them away.
    ///
    /// # Errors
    /// [`Error::Write`].
    fn restart(&mut self) -> Result<(), Error>;
    /// Adds more.
    ///
    /// # Errors
    /// [`Error::Write`].
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;
}

impl Sink for Vec<u8> {
    fn position(&self) -> u64 {
        self.len() as u64
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.clear();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Sink for Partial {
    fn position(&self) -> u64 {
        Partial::position(self)
    }

    fn restart(&mut self) -> Result<(), Error> {
        Partial::restart(self)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Partial::append(self, bytes)
    }
}

/// One try that failed, and how long the server asks to wait before the next.
struct Broken {
    error: Error,
    wait: Option<Duration>,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self { error, wait: None }
    }
}

impl Net {
    /// Reads certificates and netrc. Nothing is contacted.
    ///
    /// # Errors
    /// [`Error::Read`] where `SSL_CERT_FILE` or `SSL_CERT_DIR` names something unusable, or netrc
    /// cannot be read; [`Error::Program`] where the HTTP client cannot be made.
    pub fn new(environment: &Environment) -> Result<Self, Error> {
        let client = tls::trusting(Client::builder(), environment)?
            .user_agent(concat!("sparkbake/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(READ_TIMEOUT)
            .pool_max_idle_per_host(16)
            .build()
            .map_err(|e| Error::Program { program: "HTTP client".into(), reason: chain(&e) })?;
        let (requests, received) = Default::default();
        Ok(Self { client, netrc: Netrc::read(environment)?, pause: Duration::from_millis(500), requests, received })
    }

    /// What [`Net::get`] asked for and got so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let [requests, received] = [&self.requests, &self.received].map(|count| count.load(Ordering::Relaxed));
        Traffic { requests, received }
    }

    /// One request of any method, to go with what only its protocol knows: no other try, no redirect
    /// followed, no credentials but those of its headers.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Asks, and puts the body behind what is already in `sink`: a sink that is not empty holds the
    /// beginning of the same file.
    ///
    /// # Errors
    /// [`Error::Http`] where the exchange failed and trying again did not help, and where the body
    /// is too long; what `sink` fails with.
    pub fn get(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Result<Answer, Error> {
        if request.url.scheme() == "file" {
            return copy(request, sink);
        }
        let mut tries = 0;
        let mut reached = sink.position();
        let mut same = None;
        loop {
            let broken = match self.attempt(request, sink, &mut same) {
                Ok(answer) => return Ok(answer),
                Err(broken) => broken,
            };
            if sink.position() >= reached.saturating_add(PROGRESS) {
                (tries, reached) = (0, sink.position());
            }
            if !broken.error.is_transient() || tries == RETRIES {
                return Err(broken.error);
            }
            thread::sleep(broken.wait.unwrap_or_else(|| jittered(self.pause * 2_u32.pow(tries))));
            tries += 1;
        }
    }

    /// A part of a file; `None` where the server gives no parts, or not this one.
    ///
    /// # Errors
    /// As [`Net::get`].
    pub fn part(&self, request: &Request<'_>, range: Range<u64>) -> Result<Option<Vec<u8>>, Error> {
        let mut tries = 0;
        loop {
            let broken = match self.attempt_part(request, &range) {
                Ok(answer) => return Ok(answer),
                Err(broken) => broken,
            };
            if !broken.error.is_transient() || tries == RETRIES {
                return Err(broken.error);
            }
            thread::sleep(broken.wait.unwrap_or_else(|| jittered(self.pause * 2_u32.pow(tries))));
            tries += 1;
        }
    }

    fn attempt_part(&self, request: &Request<'_>, range: &Range<u64>) -> Result<Option<Vec<u8>>, Broken> {
        let wanted = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let (url, response) = self.follow(request, Some(&wanted), None)?;
        let fail = |reason: String, transient: bool| Error::Http { url: shown(&url), reason, transient };
        if is_passing(response.status()) {
            let wait = retry_after(response.headers());
            return Err(Broken { error: fail(format!("the server answered {}", response.status()), true), wait });
        }
        if response.status() != StatusCode::PARTIAL_CONTENT || !continues(response.headers(), range.start) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self::body(response, &mut bytes, range.end - range.start, &self.received, &fail)?;
        Ok((bytes.len() as u64 == range.end - range.start).then_some(bytes))
    }

    /// One exchange. `same` is a strong validator of the bytes in the sink, where one is known.
    fn attempt(&self, request: &Request<'_>, sink: &mut dyn Sink, same: &mut Option<String>) -> Result<Answer, Broken> {
        let start = sink.position();
        let wanted = (start > 0).then(|| format!("bytes={start}-"));
        let (url, response) = self.follow(request, wanted.as_deref(), same.as_deref())?;
        let fail = |reason: String, transient: bool| Error::Http { url: shown(&url), reason, transient };
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Answer::Absent),
            StatusCode::NOT_MODIFIED if request.unless.is_some() => return Ok(Answer::Unchanged),
            StatusCode::OK if start > 0 => sink.restart()?,
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT if start > 0 && continues(response.headers(), start) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if start > 0 => {
                sink.restart()?;
                *same = None;
                return Err(fail("the server gave another range than the one asked for".into(), true).into());
            }
            status => {
                let wait = retry_after(response.headers());
                let error = fail(format!("the server answered {status}"), is_passing(status));
                return Err(Broken { error, wait });
            }
        }
        let head = head(&url, response.headers());
        *same = head.validators.etag.clone().filter(|tag| !tag.starts_with("W/"));
        self::body(response, sink, request.limit, &self.received, &fail)?;
        Ok(Answer::Body(head))
    }

    /// Follows redirects to the answer that is none.
    fn follow(&self, request: &Request<'_>, range: Option<&str>, same: Option<&str>) -> Result<(Url, Response), Error> {
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.ask(request, &url, range, same).map_err(|e| Error::Http {
                url: shown(&url),
                reason: chain(&e),
                transient: !e.is_builder(),
            })?;
            let target = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection());
            let Some(target) = target else { return Ok((url, response)) };
            let fail = |reason: &str| Error::Http { url: shown(&url), reason: reason.into(), transient: false };
            let target = target.to_str().ok().and_then(|text| url.join(text).ok());
            let mut target = target.ok_or_else(|| fail("the server redirects to something that is no URL"))?;
            match (url.scheme(), target.scheme()) {
                (_, "https") | ("http", "http") => {}
                (_, other) => {
                    return Err(fail(&format!("the server redirects from https to {other}, which is refused")));
                }
            }
            // A password in a redirect is not one that the user gave us.
            let _ = target.set_username("").and_then(|()| target.set_password(None));
            url = target;
        }
        Err(Error::Http {
            url: shown(&request.url),
            reason: format!("more than {REDIRECTS} redirects"),
            transient: false,
        })
    }

    fn ask(
        &self,
        request: &Request<'_>,
        url: &Url,
        range: Option<&str>,
        same: Option<&str>,
    ) -> Result<Response, reqwest::Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut ask = self.client.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if let Some(accept) = request.accept {
            ask = ask.header(header::ACCEPT, accept);
        }
        let known = if url.origin() == request.url.origin() {
            request.authorization.or_else(|| self.netrc.find(url).map(Authorization::Basic))
        } else {
            self.netrc.own(url).map(Authorization::Basic)
        };
        ask = match known {
            Some(Authorization::Basic(login)) => ask.basic_auth(&login.user, Some(login.password.reveal())),
            Some(Authorization::Value(value)) => ask.header(header::AUTHORIZATION, value.reveal()),
            None => ask,
        };
        if let Some(range) = range {
            ask = ask.header(header::RANGE, range);
            if let Some(same) = same {
                ask = ask.header(header::IF_RANGE, same);
            }
        } else if let Some(unless) = request.unless {
            if let Some(etag) = &unless.etag {
                ask = ask.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(date) = &unless.last_modified {
                ask = ask.header(header::IF_MODIFIED_SINCE, date);
            }
        }
        ask.send()
    }
}

fn body(
    mut response: Response,
    sink: &mut dyn Sink,
    limit: u64,
    received: &AtomicU64,
    fail: &dyn Fn(String, bool) -> Error,
) -> Result<(), Error> {
    let end = response.content_length().map(|more| sink.position().saturating_add(more));
    let too_long = || fail(format!("the body is longer than {limit} bytes"), false);
    if end.is_some_and(|end| end > limit) {
        return Err(too_long());
    }
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = match response.read(&mut chunk) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(fail(format!("the body broke off: {}", chain(&error)), true)),
        };
        if n == 0 {
            break;
        }
        received.fetch_add(n as u64, Ordering::Relaxed);
        if sink.position().saturating_add(n as u64) > limit {
            return Err(too_long());
        }
        sink.append(&chunk[..n])?;
    }
    match end {
        Some(end) if end != sink.position() => Err(fail("the body ended too early".into(), true)),
        _ => Ok(()),
    }
}

/// The answer of a `file:` URL; a directory answers with its `index.html`.
fn copy(request: &Request<'_>, sink: &mut dyn Sink) -> Result<Answer, Error> {
    let fail = |reason: String| Error::Http { url: shown(&request.url), reason, transient: false };
    let path = request.url.to_file_path().map_err(|()| fail("this is not the path of a local file".into()))?;
    let path = if path.is_dir() { path.join("index.html") } else { path };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Answer::Absent);
        }
        Err(error) => return Err(Error::Read { path, source: error }),
    };
    sink.restart()?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = file.read(&mut chunk).map_err(Error::read(&path))?;
        if n == 0 {
            break;
        }
        if sink.position().saturating_add(n as u64) > request.limit {
            return Err(fail(format!("the file is longer than {} bytes", request.limit)));
        }
        sink.append(&chunk[..n])?;
    }
    let media_type = path.extension().is_some_and(|e| e == "html").then(|| "text/html".to_owned());
    let (is_packed, url) = (false, request.url.to_string());
    Ok(Answer::Body(Head { media_type, is_packed, url, validators: Validators::default() }))
}

fn head(url: &Url, headers: &HeaderMap) -> Head {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let media_type =
        text(header::CONTENT_TYPE).map(|full| full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    Head {
        media_type: media_type.filter(|m| !m.is_empty()),
        is_packed: text(header::CONTENT_ENCODING).is_some_and(|coding| ["gzip", "x-gzip"].contains(&coding.as_str())),
        url: shown(url),
        validators: Validators { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) },
    }
}

/// Whether a server that says so may say another thing soon.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// Whether a 206 goes on exactly at `start` (RFC 9110, section 14.4).
fn continues(headers: &HeaderMap, start: u64) -> bool {
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
    first == Some(start)
}

/// How long the server asks to wait (RFC 9110, section 10.2.3): seconds, or a time, which is measured
/// against the server's own clock.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = text(header::RETRY_AFTER)?;
    let time = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let seconds = if let Ok(seconds) = wait.parse::<u64>() {
        seconds
    } else {
        let from = time(text(header::DATE)?)?;
        u64::try_from(time(wait)?.as_second() - from.as_second()).unwrap_or(0)
    };
    (seconds <= LONGEST_WAIT).then(|| Duration::from_secs(seconds))
}

/// Between half of `pause` and all of it, so that many clients do not come back at once.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 512;
    pause / 2 + pause / 2 * u32::try_from(random).unwrap_or(0) / 512
}

/// A URL for people and for the store: where secrets may hide is left out.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// An error with its reasons; the URL that reqwest prints is left out, as it may hold secrets.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let mut text = error.to_string();
        if let Some(url) = error.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::url) {
            text = text.replace(&format!(" for url ({url})"), "");
        }
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

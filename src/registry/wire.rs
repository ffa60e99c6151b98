//! One exchange with a registry: authorised, tried again where that is safe, its refusal made readable.

use std::io::Read;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use reqwest::blocking::{Body, Response};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{CHUNK, Host, is_private};
use crate::digest::Digest;
use crate::error::Error;
use crate::net::{Net, chain, jittered, retry_after, shown};
use crate::outside::{Range, ReadAt};
use crate::ui::Counter;

/// How often an exchange is made again.
pub(super) const RETRIES: u32 = 5;
/// The longest chain of redirects.
const REDIRECTS: usize = 5;
/// The most that is read of an answer that is no document, in bytes.
const SMALL: u64 = 64 << 10;
/// How long an exchange may take beside its body.
const PATIENCE: Duration = Duration::from_mins(1);
/// A connection slower than this, in bytes a second, counts as broken.
const SLOWEST: u64 = 16 << 10;

/// What an exchange carries.
pub(super) enum Load {
    /// Nothing, and it says so.
    Empty,
    /// A document.
    Bytes(Vec<u8>),
    /// Part of a blob, counted as it leaves.
    Part { blob: Arc<dyn ReadAt>, range: std::ops::Range<u64>, counter: Counter },
}

/// One exchange to be made.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) load: Load,
    /// What a token must allow: `repository:score:pull,push`.
    pub(super) scope: &'a str,
    /// The most that the answer may hold, in bytes; `None` where its body is not wanted, and not read.
    pub(super) limit: Option<u64>,
    /// How long it may take beside its body.
    pub(super) patience: Duration,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, url: Url, scope: &'a str) -> Self {
        Self { method, url, headers: Vec::new(), load: Load::Empty, scope, limit: Some(SMALL), patience: PATIENCE }
    }
}

/// What came back, whatever it is.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) url: Url,
}

#[derive(Deserialize)]
struct Refusals {
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where the server says to go on.
    pub(super) fn location(&self) -> Option<Url> {
        self.header("location").and_then(|text| self.url.join(text).ok())
    }

    /// Whether the same may succeed in a while.
    pub(super) fn is_transient(&self) -> bool {
        self.status.is_server_error() || matches!(self.status.as_u16(), 408 | 425 | 429)
    }

    /// Holds the registry's own digest of what it stored against ours; it need not tell one.
    pub(super) fn stored(&self, digest: &Digest, what: &str) -> Result<(), Error> {
        match self.header("docker-content-digest") {
            Some(got) if got != digest.to_string() => Err(Error::Digest {
                what: format!("what the registry stored ({what})"),
                expected: digest.to_string(),
                got: visible(got),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn codes(&self) -> Vec<String> {
        serde_json::from_slice::<Refusals>(&self.body)
            .map(|all| all.errors.into_iter().map(|one| one.code).collect())
            .unwrap_or_default()
    }

    /// The refusal in words: the registry's own, its status, and the number by which its keepers find it.
    pub(super) fn refusal(&self, what: &str) -> Error {
        let said = match serde_json::from_slice::<Refusals>(&self.body) {
            Ok(all) => all.errors.iter().map(Refusal::shown).collect::<Vec<_>>().join("; "),
            Err(_) => String::from_utf8_lossy(&self.body).trim().chars().take(300).collect(),
        };
        let mut reason = format!("the registry answered {}", self.status);
        if !said.is_empty() {
            reason = format!("{reason}: {said}");
        }
        let number = ["x-ms-correlation-request-id", "x-request-id"].into_iter().find_map(|name| self.header(name));
        if let Some(number) = number {
            reason = format!("{reason} (request {number})");
        }
        if self.status == StatusCode::UNAUTHORIZED {
            reason = format!("{reason}; `docker login`, `podman login` or `az acr login` says who you are");
        }
        Error::Exchange { what: what.to_owned(), reason: visible(&reason), transient: self.is_transient() }
    }
}

impl Refusal {
    fn shown(&self) -> String {
        let detail = match &self.detail {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let parts = [self.code.as_str(), self.message.as_str(), detail.as_str()];
        let parts: Vec<String> =
            parts.iter().filter(|part| !part.is_empty()).map(|part| part.chars().take(300).collect()).collect();
        parts.join(", ")
    }
}

/// A foreign text without what a terminal would act on.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Whether the server at a loopback URL answers plain http as a registry does, be it that it is busy or broken;
/// one that wants https says 400 or leads there. Nothing secret is sent.
pub(super) fn speaks_http(net: &Net, root: &Url) -> bool {
    let Ok(url) = root.join("v2/") else { return false };
    net.request(Method::GET, url).send().is_ok_and(|answer| {
        let status = answer.status();
        status.is_success() || status.is_server_error() || matches!(status.as_u16(), 401 | 429)
    })
}

impl Host<'_> {
    /// An exchange that may be made twice: again after what passes, with growing pauses or those that
    /// the server asks for.
    ///
    /// # Errors
    /// [`Error::Exchange`] where no answer came; every answer, a refusal too, is one.
    pub(super) fn persist<'s>(&self, what: &str, ask: &dyn Fn() -> Result<Ask<'s>, Error>) -> Result<Answer, Error> {
        self.again(what, &|| self.exchange(what, &ask()?))
    }

    /// The same with somebody who is not the registry: what proves who we are is given.
    pub(super) fn persist_with(
        &self,
        what: &str,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Error> {
        self.again(what, &|| self.follow(what, ask, authorization))
    }

    fn again(&self, what: &str, attempt: &dyn Fn() -> Result<Answer, Error>) -> Result<Answer, Error> {
        let mut tries = 0;
        loop {
            let answer = attempt();
            let passes = match &answer {
                Ok(answer) => answer.is_transient(),
                Err(error) => error.is_transient(),
            };
            if !passes || tries == RETRIES {
                return answer;
            }
            self.wait(what, &answer, tries);
            tries += 1;
        }
    }

    /// Waits before the try after the `tries`th.
    pub(super) fn wait(&self, what: &str, answer: &Result<Answer, Error>, tries: u32) {
        let asked = answer.as_ref().ok().and_then(|answer| retry_after(&answer.headers));
        let pause = asked.unwrap_or_else(|| jittered(self.pause * 2_u32.pow(tries)));
        if self.around.verbose {
            let why = match answer {
                Ok(answer) => answer.status.to_string(),
                Err(error) => error.to_string(),
            };
            self.around.ui.note(format_args!("{what}: {why}; again in {:.1} s", pause.as_secs_f32()));
        }
        thread::sleep(pause);
    }

    /// One exchange. A 401 is answered once by a new token.
    ///
    /// # Errors
    /// [`Error::Exchange`] where no answer came, and what finding out who we are fails with.
    pub(super) fn exchange(&self, what: &str, ask: &Ask<'_>) -> Result<Answer, Error> {
        if ask.url.origin() != self.root.origin() {
            // A location of the registry's choosing is held to what a redirect is.
            self.redirected(what, &self.root, ask.url.clone())?;
        }
        let used = self.authorization(&ask.url, ask.scope);
        let answer = self.follow(what, ask, used.as_ref())?;
        if answer.status != StatusCode::UNAUTHORIZED || ask.url.origin() != self.root.origin() {
            return Ok(answer);
        }
        if let Load::Part { counter, .. } = &ask.load {
            counter.take_back();
        }
        if !self.authorise(&answer, ask.scope, used.as_ref())? {
            return Ok(answer);
        }
        let used = self.authorization(&ask.url, ask.scope);
        self.follow(what, ask, used.as_ref())
    }

    /// Sends, and follows redirects of what only reads.
    pub(super) fn follow(
        &self,
        what: &str,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Error> {
        let mut url = ask.url.clone();
        let reads = matches!(ask.method, Method::GET | Method::HEAD);
        for _ in 0..=REDIRECTS {
            let response = self.send(what, ask, &url, authorization)?;
            self.hear(response.headers());
            let answer = read(what, ask, &url, response)?;
            let Some(target) = answer.location().filter(|_| reads && answer.status.is_redirection()) else {
                return Ok(answer);
            };
            url = self.redirected(what, &url, target)?;
        }
        let reason = format!("more than {REDIRECTS} redirects");
        Err(Error::Exchange { what: what.to_owned(), reason, transient: false })
    }

    /// A redirect's target, where it may be followed.
    pub(super) fn redirected(&self, what: &str, from: &Url, mut target: Url) -> Result<Url, Error> {
        let refuse = |reason: String| Error::Exchange { what: what.to_owned(), reason, transient: false };
        match (from.scheme(), target.scheme()) {
            (_, "https") | ("http", "http") => {}
            (from, to) => {
                return Err(refuse(format!("the registry leads from {from} to {to}, which is refused")));
            }
        }
        if is_private(&target) && !is_private(&self.root) {
            return Err(refuse("the registry leads to a private address, which is refused".to_owned()));
        }
        let _ = target.set_username("").and_then(|()| target.set_password(None));
        Ok(target)
    }

    fn send(
        &self,
        what: &str,
        ask: &Ask<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Error> {
        let mut request = self.around.net.request(ask.method.clone(), url.clone());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        // What proves who we are is for the host that was asked, wherever that sends us.
        if let Some(value) = authorization.filter(|_| url.origin() == ask.url.origin()) {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        let (mut size, mut unwatched) = (0, None);
        request = match &ask.load {
            Load::Empty if matches!(ask.method, Method::POST | Method::PUT | Method::PATCH) => {
                request.header(header::CONTENT_LENGTH, "0")
            }
            Load::Empty => request,
            Load::Bytes(bytes) => request.body(bytes.clone()),
            Load::Part { blob, range, counter } => {
                size = range.end - range.start;
                if let Some(bytes) = whole(blob.as_ref(), range, counter).map_err(Error::read(what))? {
                    unwatched = Some(counter);
                    request.body(bytes)
                } else {
                    let (blob, counter) = (Arc::clone(blob), counter.clone());
                    request.body(Body::sized(Counted { blob, at: range.start, end: range.end, counter }, size))
                }
            }
        };
        let patience = ask.patience + Duration::from_secs(size / SLOWEST);
        let response = request.timeout(patience).send().map_err(|error| Error::Exchange {
            what: what.to_owned(),
            reason: format!("{}: {}", shown(url), chain(&error)),
            transient: !error.is_builder(),
        })?;
        if let Some(counter) = unwatched {
            counter.advance(size);
        }
        Ok(response)
    }

    /// Passes a registry's warnings on, each once (distribution-spec, "Warnings").
    fn hear(&self, headers: &HeaderMap) {
        for value in headers.get_all(header::WARNING) {
            let text = value.to_str().unwrap_or_default();
            let Some(text) = text.strip_prefix("299 - ") else { continue };
            let text = visible(text.trim_matches('"')).chars().take(300).collect::<String>();
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            if warned.insert(text.clone()) {
                self.around.ui.warn(format_args!("{} says: {text}", self.name));
            }
        }
    }
}

fn read(what: &str, ask: &Ask<'_>, url: &Url, response: Response) -> Result<Answer, Error> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    let limit = if status.is_success() { ask.limit } else { Some(SMALL) };
    let Some(limit) = limit else { return Ok(Answer { status, headers, body, url: url.clone() }) };
    let broken = |reason: String, transient| Error::Exchange { what: what.to_owned(), reason, transient };
    response
        .take(limit + 1)
        .read_to_end(&mut body)
        .map_err(|error| broken(format!("the answer broke off: {}", chain(&error)), true))?;
    if body.len() as u64 > limit && status.is_success() {
        return Err(broken(format!("the answer is longer than {limit} bytes"), false));
    }
    body.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Answer { status, headers, body, url: url.clone() })
}

/// The bytes of a part in memory, where nobody watches them leave: the client's own way to stream a body hands
/// 8 KiB from thread to thread, which costs several times what sending does. A part that a registry wants larger
/// than ours is streamed.
fn whole(blob: &dyn ReadAt, range: &std::ops::Range<u64>, counter: &Counter) -> std::io::Result<Option<Vec<u8>>> {
    let size = range.end - range.start;
    if counter.is_watched() || size > CHUNK {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    blob.read_exact_at(&mut bytes, range.start)?;
    Ok(Some(bytes))
}

/// A part of a blob on its way out.
struct Counted {
    blob: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
    counter: Counter,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = Range::new(self.blob.as_ref(), self.at, self.end - self.at).read(buf)?;
        self.at += n as u64;
        self.counter.advance(n as u64);
        Ok(n)
    }
}

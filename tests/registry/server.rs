//! A registry on loopback, strict where the distribution-spec is, that does at single requests what the
//! test tells it: what Azure's, GitHub's, Amazon's and others' have been seen to do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) method: String,
    /// Path with its query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Bytes of the body that arrived.
    pub(crate) received: usize,
    /// The body of a form.
    pub(crate) form: String,
}

impl Heard {
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What becomes of one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// What the specification says.
    Serve,
    /// The same, with further headers.
    ServeWith(String),
    /// The same, with a range that does not move.
    ServeStale,
    /// This, and nothing is done. The body of the request is read first.
    Say(String, String),
    /// So many bytes of the body are read and kept, then the connection is gone.
    Cut(usize),
    /// It is done, and the connection is gone before the answer.
    Lose,
}

impl Act {
    pub(crate) fn say(status: &str, headers: &str, body: &str) -> Self {
        Self::Say(format!("{status}\r\n{headers}"), body.to_owned())
    }

    /// A refusal in the registry's own words.
    pub(crate) fn refuse(status: &str, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"told so"}}]}}"#);
        Self::say(status, "content-type: application/json\r\n", &body)
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) blobs: BTreeMap<(String, String), Vec<u8>>,
    pub(crate) manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    pub(crate) sessions: BTreeMap<String, Vec<u8>>,
    pub(crate) heard: Vec<Heard>,
    next: usize,
}

type Hook = Box<dyn Fn(&Heard, &mut State) -> Act + Send + Sync>;

pub(crate) struct Server {
    /// `127.0.0.1:port`.
    pub(crate) host: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Server {
    /// A registry; `hook` sees each request with its headers, before its body.
    pub(crate) fn new(hook: impl Fn(&Heard, &mut State) -> Act + Send + Sync + 'static) -> Self {
        Self::over(None, hook)
    }

    /// The same, behind TLS.
    pub(crate) fn over(
        tls: Option<Arc<ServerConfig>>,
        hook: impl Fn(&Heard, &mut State) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let hook: Arc<Hook> = Arc::new(Box::new(hook));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, hook, tls) = (Arc::clone(&shared), Arc::clone(&hook), tls.clone());
                thread::spawn(move || match tls {
                    None => converse(stream, &state, &hook),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        converse(StreamOwned::new(connection, stream), &state, &hook);
                    }
                });
            }
        });
        Self { host, state }
    }

    pub(crate) fn plain() -> Self {
        Self::new(|_, _| Act::Serve)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Requests of a method whose target holds a part.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.heard().iter().filter(|heard| heard.is(method, part)).count()
    }

    /// Bytes of blobs that came in.
    pub(crate) fn received(&self) -> usize {
        self.heard().iter().filter(|heard| heard.target.contains("/uploads/")).map(|heard| heard.received).sum()
    }

    pub(crate) fn has_tag(&self, repository: &str, tag: &str) -> bool {
        self.state.lock().unwrap().manifests.contains_key(&(repository.to_owned(), tag.to_owned()))
    }
}

fn converse(stream: impl Read + Write, state: &Mutex<State>, hook: &Hook) {
    let mut stream = BufReader::with_capacity(1 << 16, stream);
    while exchange(&mut stream, state, hook).unwrap_or(false) {}
}

/// One exchange; whether the connection stays.
fn exchange(reader: &mut BufReader<impl Read + Write>, state: &Mutex<State>, hook: &Hook) -> std::io::Result<bool> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut heard = Heard { method, target, headers, received: 0, form: String::new() };
    if heard.header("content-type") == "application/x-www-form-urlencoded" {
        reader.take(length as u64).read_to_string(&mut heard.form)?;
    }
    let length = length - heard.form.len();
    let act = hook(&heard, &mut state.lock().unwrap());
    let mut body = Vec::new();
    let wanted = if let Act::Cut(wanted) = act { wanted.min(length) } else { length };
    reader.take(wanted as u64).read_to_end(&mut body)?;
    heard.received = body.len();
    let mut state = state.lock().unwrap();
    state.heard.push(heard.clone());
    let (top, answer) = match &act {
        Act::Say(top, body) => (top.clone(), body.clone().into_bytes()),
        Act::Cut(_) => {
            keep(&mut state, &heard, &body);
            return Ok(false);
        }
        Act::Serve | Act::Lose | Act::ServeWith(_) | Act::ServeStale => {
            let (mut top, answer) = serve(&mut state, &heard, body);
            if let Act::ServeWith(more) = &act {
                top.push_str(more);
            }
            if matches!(act, Act::ServeStale) {
                let kept = top.split_inclusive("\r\n").filter(|line| !line.starts_with("range:"));
                top = kept.collect::<String>() + "range: 0-0\r\n";
            }
            (top, answer)
        }
    };
    drop(state);
    if matches!(act, Act::Lose) {
        return Ok(false);
    }
    let bodiless = heard.method == "HEAD";
    let length = if bodiless { String::new() } else { format!("content-length: {}\r\n", answer.len()) };
    let out = reader.get_mut();
    write!(out, "HTTP/1.1 {top}{length}\r\n")?;
    if !bodiless {
        out.write_all(&answer)?;
    }
    out.flush()?;
    Ok(true)
}

/// The session of an upload's target.
fn session(target: &str) -> String {
    let path = target.split('?').next().unwrap_or(target);
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// What a registry has of a part that broke off.
fn keep(state: &mut State, heard: &Heard, body: &[u8]) {
    if heard.method == "PATCH"
        && let Some(bytes) = state.sessions.get_mut(&session(&heard.target))
    {
        bytes.extend_from_slice(body);
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    sparkbake::digest::Digest::of(bytes).to_string()
}

fn query(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    Some(found.1.replace("%3A", ":").replace("%2F", "/"))
}

fn refusal(status: &str, code: &str) -> (String, Vec<u8>) {
    (format!("{status}\r\n"), format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#).into_bytes())
}

fn serve(state: &mut State, heard: &Heard, body: Vec<u8>) -> (String, Vec<u8>) {
    let path = heard.target.split('?').next().unwrap_or_default().to_owned();
    if path == "/v2/" {
        return ("200 OK\r\n".into(), Vec::new());
    }
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    if let Some((repository, name)) = rest.split_once("/manifests/") {
        return manifest(state, heard, (repository, name), body);
    }
    if let Some((repository, _)) = rest.split_once("/blobs/uploads/") {
        return upload(state, heard, repository, body);
    }
    let Some((repository, digest)) = rest.split_once("/blobs/") else { return refusal("404 Not Found", "UNKNOWN") };
    match state.blobs.get(&(repository.to_owned(), digest.to_owned())) {
        Some(bytes) => (format!("200 OK\r\ndocker-content-digest: {digest}\r\n"), bytes.clone()),
        None => refusal("404 Not Found", "BLOB_UNKNOWN"),
    }
}

fn manifest(state: &mut State, heard: &Heard, (repository, name): (&str, &str), body: Vec<u8>) -> (String, Vec<u8>) {
    let key = (repository.to_owned(), name.to_owned());
    if heard.method != "PUT" {
        return match state.manifests.get(&key) {
            Some((media_type, bytes)) => {
                let digest = digest(bytes);
                (format!("200 OK\r\ndocker-content-digest: {digest}\r\ncontent-type: {media_type}\r\n"), bytes.clone())
            }
            None => refusal("404 Not Found", "MANIFEST_UNKNOWN"),
        };
    }
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let media_type = heard.header("content-type").to_owned();
    if document["mediaType"] != media_type.as_str() {
        return refusal("400 Bad Request", "MANIFEST_INVALID");
    }
    let named: BTreeSet<String> = [&document["config"]]
        .into_iter()
        .chain(document["layers"].as_array().into_iter().flatten())
        .filter_map(|one| one["digest"].as_str().map(str::to_owned))
        .collect();
    if named.iter().any(|digest| !state.blobs.contains_key(&(repository.to_owned(), digest.clone()))) {
        return refusal("404 Not Found", "MANIFEST_BLOB_UNKNOWN");
    }
    let own = digest(&body);
    state.manifests.insert(key, (media_type.clone(), body.clone()));
    state.manifests.insert((repository.to_owned(), own.clone()), (media_type, body));
    (
        format!("201 Created\r\ndocker-content-digest: {own}\r\nlocation: /v2/{repository}/manifests/{own}\r\n"),
        Vec::new(),
    )
}

fn upload(state: &mut State, heard: &Heard, repository: &str, body: Vec<u8>) -> (String, Vec<u8>) {
    let id = session(&heard.target);
    let at = |id: &str| format!("location: /v2/{repository}/blobs/uploads/{id}?_state={id}\r\n");
    let range = |length: usize| format!("range: 0-{}\r\n", length.saturating_sub(1));
    if heard.method == "POST" {
        if let (Some(digest), Some(from)) = (query(&heard.target, "mount"), query(&heard.target, "from"))
            && let Some(bytes) = state.blobs.get(&(from, digest.clone())).cloned()
        {
            state.blobs.insert((repository.to_owned(), digest), bytes);
            return ("201 Created\r\n".into(), Vec::new());
        }
        state.next += 1;
        let id = format!("s{}", state.next);
        state.sessions.insert(id.clone(), Vec::new());
        return (format!("202 Accepted\r\n{}{}", at(&id), range(0)), Vec::new());
    }
    let Some(bytes) = state.sessions.get_mut(&id) else { return refusal("404 Not Found", "BLOB_UPLOAD_UNKNOWN") };
    match heard.method.as_str() {
        "PATCH" => {
            let start = heard.header("content-range").split('-').next().and_then(|text| text.parse().ok());
            if start != Some(bytes.len()) {
                let top = format!("416 Range Not Satisfiable\r\n{}{}", at(&id), range(bytes.len()));
                return (top, Vec::new());
            }
            bytes.extend(body);
            (format!("202 Accepted\r\n{}{}", at(&id), range(bytes.len())), Vec::new())
        }
        "GET" => (format!("204 No Content\r\n{}{}", at(&id), range(bytes.len())), Vec::new()),
        "DELETE" => {
            state.sessions.remove(&id);
            ("204 No Content\r\n".into(), Vec::new())
        }
        _ => {
            bytes.extend(body);
            let bytes = state.sessions.remove(&id).unwrap();
            let own = digest(&bytes);
            if query(&heard.target, "digest").as_deref() != Some(&own) {
                return refusal("400 Bad Request", "DIGEST_INVALID");
            }
            state.blobs.insert((repository.to_owned(), own.clone()), bytes);
            (format!("201 Created\r\ndocker-content-digest: {own}\r\n"), Vec::new())
        }
    }
}

//! A raw server on loopback that says exactly what each test writes down.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;
use crate::endpoints::Secret;

/// Answers connection after connection with the given texts, and remembers the requests.
pub(crate) struct Server {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn saying(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
                ears.lock().unwrap().push(request.to_ascii_lowercase());
                (&stream).write_all(&answer).unwrap();
            }
        });
        Self { url, heard }
    }

    /// The requests so far, lower case.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// A whole answer that promises `length` bytes; the connection closes after it.
pub(crate) fn answer(status: &str, headers: &str, length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// A network without netrc and without pauses.
pub(crate) fn net() -> Net {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        Client::builder().tls_certs_only([]).no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (requests, received) = Default::default();
    Net { client, netrc: Netrc::default(), pause: Duration::from_millis(1), requests, received }
}

fn request(url: &str) -> Request<'static> {
    Request { url: Url::parse(url).unwrap(), authorization: None, accept: None, unless: None, limit: 1000 }
}

fn get(server: &Server, begin: &str) -> Result<(Answer, String), String> {
    let mut sink = begin.as_bytes().to_vec();
    let answer = net().get(&request(&server.url), &mut sink).map_err(|e| e.to_string())?;
    Ok((answer, String::from_utf8(sink).unwrap()))
}

fn body(server: &Server, begin: &str) -> Result<String, String> {
    get(server, begin).map(|(_, body)| body)
}

#[test]
fn a_body_that_breaks_off_goes_on_under_the_same_tag() {
    let server = Server::saying(vec![
        answer("200 OK", "etag: \"a\"\r\n", 8, "0123"),
        answer("206 Partial Content", "etag: \"a\"\r\ncontent-range: bytes 4-7/8\r\n", 4, "4567"),
    ]);
    assert_eq!(body(&server, ""), Ok("01234567".into()));
    assert!(server.heard()[1].contains("range: bytes=4-\r\n"), "{:?}", server.heard());
    assert!(server.heard()[1].contains("if-range: \"a\"\r\n"), "{:?}", server.heard());
}

#[test]
fn a_server_that_knows_no_ranges_starts_again() {
    let server = Server::saying(vec![answer("200 OK", "", 4, "full")]);
    assert_eq!(body(&server, "01"), Ok("full".into()));
}

#[test]
fn another_range_than_asked_for_starts_again() {
    let server = Server::saying(vec![
        answer("206 Partial Content", "content-range: bytes 0-3/4\r\n", 4, "full"),
        answer("200 OK", "", 4, "full"),
    ]);
    assert_eq!(body(&server, "01"), Ok("full".into()));
    assert!(!server.heard()[1].contains("range:"));
    let server = Server::saying(vec![answer("416 Range Not Satisfiable", "", 0, ""), answer("200 OK", "", 2, "ok")]);
    assert_eq!(body(&server, "0123"), Ok("ok".into()));
}

#[test]
fn nothing_there_is_an_answer() {
    for status in ["404 Not Found", "410 Gone"] {
        let server = Server::saying(vec![answer(status, "", 3, "no!")]);
        assert_eq!(get(&server, ""), Ok((Answer::Absent, String::new())));
    }
}

#[test]
fn a_busy_server_is_asked_again_and_another_failure_is_not() {
    let server = Server::saying(vec![
        answer("503 Service Unavailable", "retry-after: 0\r\n", 0, ""),
        answer("200 OK", "", 2, "ok"),
    ]);
    assert_eq!(body(&server, ""), Ok("ok".into()));
    let server = Server::saying(vec![answer("403 Forbidden", "", 0, "")]);
    let url = &server.url;
    assert_eq!(body(&server, ""), Err(format!("cannot fetch {url}: the server answered 403 Forbidden")));
    let busy = || answer("500 Internal Server Error", "", 0, "");
    let server = Server::saying(vec![busy(), busy(), busy(), busy()]);
    assert!(body(&server, "").unwrap_err().ends_with("500 Internal Server Error"));
    assert_eq!(server.heard().len(), 4);
}

#[test]
fn too_many_bytes_are_refused() {
    let server = Server::saying(vec![answer("200 OK", "", 1001, "")]);
    assert!(body(&server, "").unwrap_err().ends_with("the body is longer than 1000 bytes"));
}

#[test]
fn a_password_stays_with_its_host_and_is_never_printed() {
    let other = Server::saying(vec![answer("200 OK", "", 2, "ok")]);
    let to = format!("location: {}x?canary=1\r\n", other.url.replace("http://", "http://user:canary@"));
    let server = Server::saying(vec![answer("302 Found", &to, 0, ""), answer("403 Forbidden", "", 0, "")]);
    let known = Credentials { user: "me".into(), password: Secret::new("canary".into()) };
    let ask =
        Request { authorization: Some(Authorization::Basic(&known)), ..request(&format!("{}?sig=canary", server.url)) };
    let mut sink = Vec::new();
    let found = net().get(&ask, &mut sink).unwrap();
    assert!(server.heard()[0].contains("authorization: basic "));
    assert!(!other.heard()[0].contains("authorization"), "{:?}", other.heard());
    assert!(!format!("{found:?} {known:?}").contains("canary"));
    let error = net().get(&ask, &mut Vec::new()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
}

#[test]
fn redirects_end() {
    let again = || answer("302 Found", "location: /again\r\n", 0, "");
    let server = Server::saying((0..6).map(|_| again()).collect());
    assert!(body(&server, "").unwrap_err().ends_with("more than 5 redirects"));
}

#[test]
fn an_unchanged_page_is_not_sent_again() {
    let server = Server::saying(vec![answer("304 Not Modified", "", 0, "")]);
    let known = Validators { etag: Some("\"a\"".into()), last_modified: None };
    let ask = Request { unless: Some(&known), ..request(&server.url) };
    assert_eq!(net().get(&ask, &mut Vec::new()).unwrap(), Answer::Unchanged);
    assert!(server.heard()[0].contains("if-none-match: \"a\""));
}

#[test]
fn a_long_wait_is_not_waited_for() {
    let wait = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(value));
        retry_after(&headers)
    };
    assert_eq!(wait("7"), Some(Duration::from_secs(7)));
    assert_eq!(wait("61"), None);
    assert_eq!(wait("soon"), None);
}

//! A proxy on loopback that asks a registry for a page once, and tells everybody the same.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use sparkbake::endpoints;
use sparkbake::environment::Environment;
use sparkbake::net::{Net, Registries};
use sparkbake::outside::{Index, Page, Registry};
use sparkbake::store::Store;
use url::Url;

/// A registry as it was when each of its pages was first asked for.
pub(super) struct Recorder {
    /// The registry's root here, with a slash at its end.
    pub(super) root: String,
}

impl Recorder {
    /// Stands before the machine's own registry; its pages are kept in `store`.
    pub(super) fn before(registry: Registry, store: &Path) -> Self {
        let environment = Environment::read().unwrap();
        let endpoints = Box::leak(Box::new(endpoints::discover(&environment)));
        let net = Box::leak(Box::new(Net::new(&environment).unwrap()));
        let store = Box::leak(Box::new(Store::open(store, environment.now).unwrap()));
        let registries: &Registries<'_> = Box::leak(Box::new(Registries::new(endpoints, net, store, false)));
        let real = endpoints.get(registry).unwrap().mirrors[0].url.clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}{}", listener.local_addr().unwrap(), real.path());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let real = real.clone();
                thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while answer(&mut stream, registry, &real, registries).unwrap_or(false) {}
                });
            }
        });
        Self { root }
    }
}

/// Answers one request; whether the connection stays.
fn answer(
    stream: &mut BufReader<TcpStream>,
    registry: Registry,
    real: &Url,
    registries: &Registries<'_>,
) -> std::io::Result<bool> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        if header.trim_end().is_empty() {
            break;
        }
    }
    let url = real.join(&target).unwrap();
    // Sums are nothing that is compared, and half of what Maven asks for.
    let sum = [".sha1", ".md5", ".asc"].iter().any(|end| target.ends_with(end));
    let (status, kind, body) = match if sum { Ok(None) } else { registries.get(&Page::new(registry, url.as_str())) } {
        Ok(Some(served)) => ("200 OK", served.media_type.unwrap_or_default(), served.bytes),
        Ok(None) => ("404 Not Found", String::new(), Vec::new()),
        Err(error) => ("502 Bad Gateway", String::new(), error.to_string().into_bytes()),
    };
    let kind = if kind.is_empty() { "application/octet-stream".to_owned() } else { kind };
    let out = stream.get_mut();
    write!(out, "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len())?;
    if method != "HEAD" {
        out.write_all(&body)?;
    }
    Ok(true)
}

//! Container registries: push, pull and who we are to them (OCI distribution-spec 1.1).
//!
//! [`Host`] is one registry; [`Host::push`] and [`Host::pull`] do whole images. Below: `wire` makes one
//! exchange, `auth` gets tokens, `credentials` and `entra` find out who we are, `upload` brings one blob
//! there whatever the network does, `journal` remembers where it stopped. Absent on purpose: catalogues,
//! deletion, and storage of credentials, which docker, podman and az do.
#![expect(clippy::disallowed_methods, reason = "credentials and their helpers are files and programs")]

mod auth;
mod credentials;
mod entra;
mod journal;
mod pull;
mod push;
mod upload;
mod wire;

pub use pull::Pulled;
pub use push::{Open, Pushed, Sent, Way};

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use url::{Host as Address, Url};

use crate::digest::Digest;
use crate::environment::Environment;
use crate::error::Error;
use crate::net::Net;
use crate::store::Store;
use crate::ui::Ui;

/// The parts in which a blob travels: Azure's registry has refused bodies beyond about 20 MB
/// (goharbor/harbor issue 21640).
const CHUNK: u64 = 16 << 20;
/// The parts for a registry that refused larger ones (rust-oci-client pull request 37).
const SMALL_CHUNK: u64 = 4 << 20;

/// What a [`Host`] needs of the world.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The network.
    pub net: &'a Net,
    /// Where credentials are looked for.
    pub environment: &'a Environment,
    /// Where the journal lies.
    pub store: &'a Store,
    /// Who hears warnings.
    pub ui: &'a Ui,
    /// Whether every other try is told.
    pub verbose: bool,
}

/// One registry, with the tokens that it gave us.
#[derive(Debug)]
pub struct Host<'a> {
    around: Surroundings<'a>,
    name: String,
    root: Url,
    auth: Mutex<auth::Auth>,
    /// Warnings that were shown.
    warned: Mutex<BTreeSet<String>>,
    /// The largest body that the registry is given.
    chunk: AtomicU64,
    /// Blobs that were found, by repository.
    seen: Mutex<BTreeSet<(String, Digest)>>,
    /// The first pause before another try; doubled each time.
    pause: Duration,
}

impl<'a> Host<'a> {
    /// The registry of that name, `host` or `host:port`. It is spoken to by https; by http where that is
    /// asked for, and where it is on this very machine and does not speak https.
    ///
    /// # Errors
    /// [`Error::Registry`] where the name makes no URL.
    pub fn open(name: &str, plain_http: bool, around: Surroundings<'a>) -> Result<Self, Error> {
        let at =
            |scheme: &str| Url::parse(&format!("{scheme}://{name}/")).map_err(|error| Error::registry(name, error));
        let secure = at("https")?;
        let root = if plain_http || (is_loopback(&secure) && wire::speaks_http(around.net, &at("http")?)) {
            at("http")?
        } else {
            secure
        };
        Ok(Self {
            around,
            name: name.to_owned(),
            root,
            auth: Mutex::default(),
            warned: Mutex::default(),
            chunk: AtomicU64::new(CHUNK),
            seen: Mutex::default(),
            pause: Duration::from_millis(500),
        })
    }

    /// Whether this is the registry of that repository.
    #[must_use]
    pub fn has(&self, repository: &crate::reference::Repository) -> bool {
        repository.host == self.name
    }

    fn url(&self, repository: &str, rest: &str) -> Result<Url, Error> {
        self.root.join(&format!("v2/{repository}/{rest}")).map_err(|error| Error::registry(&self.name, error))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Address::Domain(name)) => name == "localhost",
        Some(Address::Ipv4(ip)) => ip.is_loopback(),
        Some(Address::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether the URL's host is an address that only the user's own machine or network has.
fn is_private(url: &Url) -> bool {
    let ip = match url.host() {
        Some(Address::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Address::Ipv6(ip)) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
        Some(Address::Domain(name)) => return name == "localhost",
        None => return false,
    };
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_or_for_who_asks_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), 0).unwrap();
        let (net, environment, ui) = (crate::net::tests::net(), Environment::default(), Ui::listening());
        let around = Surroundings { net: &net, environment: &environment, store: &store, ui: &ui, verbose: false };
        let root = |name: &str, plain: bool| Host::open(name, plain, around).unwrap().root.to_string();
        assert_eq!(root("registry.example", false), "https://registry.example/");
        assert_eq!(root("registry.example:80", false), "https://registry.example:80/");
        assert_eq!(root("registry.example", true), "http://registry.example/");
        // Nobody answers there: no reason to speak without encryption.
        assert_eq!(root("127.0.0.1:1", false), "https://127.0.0.1:1/");
        let served = |status: &str, as_host: &str| {
            let server = crate::net::tests::Server::saying(vec![crate::net::tests::answer(status, "", 0, "")]);
            let name = server.url.replace("http://127.0.0.1", as_host);
            root(name.trim_end_matches('/'), false).split(':').next().unwrap().to_owned()
        };
        for (status, scheme) in [
            ("200 OK", "http"),
            ("401 Unauthorized", "http"),
            ("429 Too Many Requests", "http"),
            ("503 Service Unavailable", "http"),
            ("400 Bad Request", "https"),
            ("301 Moved Permanently", "https"),
        ] {
            assert_eq!(served(status, "127.0.0.1"), scheme, "{status}");
        }
        // One that does answer, by an address that is not surely this machine's.
        assert_eq!(served("200 OK", "0.0.0.0"), "https");
    }

    #[test]
    fn private_addresses_are_known() {
        for (url, expected) in [
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://169.254.169.254/", true),
            ("http://10.0.0.1/", true),
            ("http://[::ffff:192.168.0.1]/", true),
            ("http://localhost/", true),
            ("http://8.8.8.8/", false),
            ("http://registry.example/", false),
        ] {
            assert_eq!(is_private(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}

//! Azure Container Registry as it answers (its conformance report of 2024-06-26, and Azure/acr,
//! docs/AAD-OAuth.md), by its own name, through a proxy, with a certificate of a private authority.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::server::{Act, Server};
use crate::{PART, Place, noise, program, said, stdout};

const REGISTRY: &str = "score.azurecr.io";
const ENTRA: &str = "login.test";

/// A server's side of TLS for both names, and the authority's certificate.
fn tls() -> (Arc<ServerConfig>, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = vec![REGISTRY.to_owned(), ENTRA.to_owned(), "localhost".to_owned()];
    let own = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.der().clone()], secret);
    (Arc::new(config.unwrap()), root.pem())
}

/// A proxy that leads every name to one port, and remembers the names.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn to(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (host, ears) = (host.to_owned(), Arc::clone(&asked));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let (host, ears) = (host.clone(), Arc::clone(&ears));
                thread::spawn(move || {
                    let mut reader = BufReader::with_capacity(1, near.try_clone().unwrap());
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                    ears.lock().unwrap().push(head.split_whitespace().nth(1).unwrap_or_default().to_owned());
                    let far = TcpStream::connect(host).unwrap();
                    (&near).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                    let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
                    thread::spawn(move || pump(back.0, back.1));
                    pump(near, far);
                });
            }
        });
        Self { url, asked }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// The registry and Entra behind one door.
fn azure(tls: Arc<ServerConfig>) -> Server {
    Server::over(Some(tls), |heard, _| {
        let form = |part: &str| heard.form.contains(part);
        let path = heard.target.split('?').next().unwrap_or_default();
        match path {
            "/tenant/oauth2/v2.0/token" => {
                let asked = form("client_assertion=canary-assertion")
                    && form("client_id=client")
                    && form("scope=https%3A%2F%2Fcontainerregistry.azure.net%2F.default");
                return if asked {
                    Act::say("200 OK", "", r#"{"access_token":"canary-entra"}"#)
                } else {
                    Act::refuse("400 Bad Request", "NO")
                };
            }
            "/oauth2/exchange" => {
                let asked = form("grant_type=access_token")
                    && form("access_token=canary-entra")
                    && form("service=score.azurecr.io");
                return if asked {
                    Act::say("200 OK", "", r#"{"refresh_token":"canary-refresh"}"#)
                } else {
                    Act::refuse("401 Unauthorized", "NO")
                };
            }
            "/oauth2/token" => {
                let refreshed = form("grant_type=refresh_token")
                    && form("refresh_token=canary-refresh")
                    && form("scope=repository%3Ateam%2Fscore%3Apull%2Cpush");
                // `client:canary-secret` and the user of `az acr login --expose-token`.
                let known = [
                    "Basic Y2xpZW50OmNhbmFyeS1zZWNyZXQ=",
                    "Basic MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOmNhbmFyeS1yZWZyZXNo",
                ];
                let granted = refreshed || known.contains(&heard.header("authorization"));
                return if granted {
                    Act::say("200 OK", "", r#"{"access_token":"t1"}"#)
                } else {
                    Act::refuse("401 Unauthorized", "UNAUTHORIZED")
                };
            }
            _ => {}
        }
        if heard.header("authorization") != "Bearer t1" {
            let challenge = format!(
                "www-authenticate: Bearer realm=\"https://{REGISTRY}/oauth2/token\",service=\"{REGISTRY}\"\r\n"
            );
            return Act::say("401 Unauthorized", &challenge, "");
        }
        if heard.received > 20_000_000 || heard.header("content-length").parse().unwrap_or(0) > 20_000_000 {
            return Act::say("413 Payload Too Large", "", "");
        }
        Act::ServeWith(
            "x-ms-correlation-request-id: abc\r\nx-ms-ratelimit-remaining-calls-per-second: 200.0\r\n".into(),
        )
    })
}

#[test]
fn p17_p18_p27_azure_by_every_identity_through_a_proxy() {
    let (tls, root) = tls();
    let server = azure(tls);
    let proxy = Proxy::to(&server.host);
    // The metadata service of a container and of a machine, by plain http on this machine.
    let metadata = Server::new(|heard, _| {
        let known = heard.header("x-identity-header") == "canary-header" || heard.header("metadata") == "true";
        let asked = heard.target.contains("resource=https%3A%2F%2Fcontainerregistry.azure.net");
        if known && asked {
            Act::say("200 OK", "", r#"{"access_token":"canary-entra"}"#)
        } else {
            Act::refuse("400 Bad Request", "NO")
        }
    });
    let place = Place::new(&[noise(2 * PART + 9, 1)]);
    fs::write(place.path("root.pem"), &root).unwrap();
    fs::write(place.path("assertion"), "canary-assertion\n").unwrap();
    let assertion = place.path("assertion").display().to_string();
    let (endpoint, machine) = (format!("http://{}/msi", metadata.host), format!("http://{}", metadata.host));
    let push = |variables: &[(&str, &str)]| {
        server.state.lock().unwrap().manifests.clear();
        let to = format!("{REGISTRY}/team/score:1");
        let mut command = place.command(&["push", "oci:image", &to, "-v"]);
        command.env("HTTPS_PROXY", &proxy.url).env("SSL_CERT_FILE", place.path("root.pem"));
        command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1");
        command.envs(variables.iter().copied());
        let ran = command.output().unwrap();
        assert!(!format!("{}{}", said(&ran), stdout(&ran)).contains("canary"), "{}", said(&ran));
        ran
    };
    let workload = [
        ("AZURE_FEDERATED_TOKEN_FILE", assertion.as_str()),
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_AUTHORITY_HOST", "https://login.test"),
    ];
    for variables in [
        &workload[..],
        &[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "canary-header")],
        &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &machine)],
        &[("AZURE_CLIENT_ID", "client"), ("AZURE_CLIENT_SECRET", "canary-secret")],
    ] {
        let ran = push(variables);
        assert!(ran.status.success(), "{variables:?}: {}", said(&ran));
        place.is_there(&server);
    }
    let asked = proxy.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|name| name == "score.azurecr.io:443" || name == "login.test:443"), "{asked:?}");
    // `az acr login --expose-token`, as docker stores it.
    fs::create_dir_all(place.path("home/.docker")).unwrap();
    let stored = format!(
        r#"{{"auths":{{"{REGISTRY}":{{"auth":"MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOmNhbmFyeS1yZWZyZXNo"}}}}}}"#
    );
    fs::write(place.path("home/.docker/config.json"), stored).unwrap();
    assert!(push(&[]).status.success());
    fs::remove_file(place.path("home/.docker/config.json")).unwrap();
    // What `az` is logged in as.
    program(
        &place.path("bin/az"),
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token --resource https://containerregistry.azure.net --output json' ] && echo '{\"accessToken\":\"canary-entra\"}'\n",
    );
    assert!(push(&[]).status.success());
    fs::remove_file(place.path("bin/az")).unwrap();
    // Nobody.
    let ran = push(&[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("UNAUTHORIZED"), "{}", said(&ran));
}

#[test]
fn p23_an_authority_that_nobody_trusts_ends_it() {
    let (tls, root) = tls();
    let server = Server::over(Some(tls), |_, _| Act::Serve);
    let place = Place::new(&[noise(70_000, 1)]);
    let port = server.host.rsplit(':').next().unwrap();
    let to = format!("localhost:{port}/team/score:1");
    fs::write(place.path("root.pem"), root).unwrap();
    let push = |file: &str| {
        place.command(&["push", "oci:image", &to]).env("SSL_CERT_FILE", place.path(file)).output().unwrap()
    };
    let ran = push("root.pem");
    assert!(ran.status.success(), "{}", said(&ran));
    let (_, other) = self::tls();
    fs::write(place.path("other.pem"), other).unwrap();
    let before = server.heard().len();
    let ran = push("other.pem");
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("certificate"), "{}", said(&ran));
    assert_eq!(server.heard().len(), before);
}

//! Which certificate authorities are believed: those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where
//! one of them is set to something, else the system's.

use std::path::Path;

use reqwest::Certificate;
use reqwest::blocking::ClientBuilder;

use crate::environment::Environment;
use crate::error::Error;

pub(super) fn trusting(builder: ClientBuilder, environment: &Environment) -> Result<ClientBuilder, Error> {
    // Another part of the process may have chosen a provider already; both serve.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = environment.var("SSL_CERT_FILE").map(Path::new);
    let dir = environment.var("SSL_CERT_DIR").map(Path::new);
    let found = match (file, dir) {
        (None, None) => rustls_native_certs::load_native_certs(),
        _ => rustls_native_certs::load_certs_from_paths(file, dir),
    };
    if found.certs.is_empty() {
        let name = match (file, dir) {
            (Some(_), _) => "SSL_CERT_FILE",
            (None, Some(_)) => "SSL_CERT_DIR",
            (None, None) => "the system's certificate authorities",
        };
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let reason = format!("no certificate found: {}", reasons.join("; "));
        return Err(Error::Program { program: name.into(), reason });
    }
    let certificates = found.certs.iter().filter_map(|der| Certificate::from_der(der).ok());
    Ok(builder.tls_certs_only(certificates))
}

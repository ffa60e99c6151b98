//! Who we are to a registry, as docker and podman stored it (docker/cli, cli/config/configfile;
//! containers-auth.json(5)).
//!
//! The first file that knows the host decides: `REGISTRY_AUTH_FILE`, `DOCKER_AUTH_CONFIG` (the JSON
//! itself), podman's run-time file, docker's `config.json`. In a file, `credHelpers` come before
//! `credsStore`, and that before `auths`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Deserialize;

use crate::endpoints::{Credentials, Secret};
use crate::environment::Environment;
use crate::error::Error;
use crate::program;

/// The largest file of credentials, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// What proves who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// A user and a password.
    Login(Credentials),
    /// A refresh token, with which the realm gives others (docker's `identitytoken`).
    Identity(Secret),
    /// A token for the registry itself (docker's `registrytoken`).
    Bearer(Secret),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Stored>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stored {
    auth: Secret,
    username: String,
    password: Secret,
    identitytoken: Secret,
    registrytoken: Secret,
}

/// What a helper prints (docker-credential-helpers, credentials/credentials.go).
#[derive(Deserialize)]
struct Helped {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: Secret,
}

/// What is stored for a registry, by its `host` or `host:port`.
///
/// # Errors
/// [`Error::Read`] and [`Error::Registry`] where a file that would decide cannot be read;
/// [`Error::Program`] where a helper fails other than by knowing nothing.
pub(super) fn find(host: &str, environment: &Environment) -> Result<Option<Credential>, Error> {
    for (origin, text) in files(environment)? {
        let config: Config = serde_json::from_str(&text).map_err(|error| {
            Error::registry(&origin, format!("is not docker's configuration: line {}", error.line()))
        })?;
        if let Some(found) = of(&config, host, &origin, environment)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The configurations that are there, with where each stands.
fn files(environment: &Environment) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    let named = |name: &str| environment.var(name).map(PathBuf::from);
    let below_home = |path: &str| environment.home.as_ref().map(|home| home.join(path));
    if let Some(path) = named("REGISTRY_AUTH_FILE") {
        // Named, and so it has to be there.
        found.push((path.display().to_string(), text_of(&path).map_err(Error::read(&path))?));
    }
    if let Some(text) = environment.var("DOCKER_AUTH_CONFIG") {
        found.push(("DOCKER_AUTH_CONFIG".to_owned(), text.to_owned()));
    }
    let podman = named("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
    let stored = environment.xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("containers/auth.json"));
    let docker = named("DOCKER_CONFIG").or_else(|| below_home(".docker")).map(|dir| dir.join("config.json"));
    for path in [podman, stored, docker].into_iter().flatten() {
        match text_of(&path) {
            Ok(text) => found.push((path.display().to_string(), text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(Error::Read { path, source }),
        }
    }
    Ok(found)
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn of(config: &Config, host: &str, origin: &str, environment: &Environment) -> Result<Option<Credential>, Error> {
    let helper = config.cred_helpers.iter().find(|(key, _)| is_for(key, host)).map(|(_, name)| name.as_str());
    let store = Some(config.creds_store.as_str()).filter(|name| !name.is_empty());
    let known = config.auths.iter().find(|(key, _)| is_for(key, host));
    if let Some(name) = helper.or(store) {
        let key = known.map_or(host, |(key, _)| key.as_str());
        if let Some(found) = ask_helper(name, key, environment)? {
            return Ok(Some(found));
        }
        if helper.is_some() {
            return Ok(None);
        }
    }
    known.map_or(Ok(None), |(_, stored)| stored.credential(origin))
}

/// Whether a key of a configuration means the host: it may be a URL, and docker's first hub is named
/// by its index (`https://index.HOST/v1/`).
fn is_for(key: &str, host: &str) -> bool {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (name, path) = bare.split_once('/').unwrap_or((bare, ""));
    name == host || path.trim_end_matches('/') == "v1" && name.strip_prefix("index.") == Some(host)
}

impl Stored {
    fn credential(&self, origin: &str) -> Result<Option<Credential>, Error> {
        let there = |secret: &Secret| (!secret.reveal().is_empty()).then(|| secret.clone());
        if let Some(token) = there(&self.identitytoken) {
            return Ok(Some(Credential::Identity(token)));
        }
        if let Some(token) = there(&self.registrytoken) {
            return Ok(Some(Credential::Bearer(token)));
        }
        if let Some(pair) = there(&self.auth) {
            let wrong = || Error::registry(origin, "an `auth` is not the base64 of USER:PASSWORD");
            let bytes = BASE64.decode(pair.reveal().trim()).map_err(|_| wrong())?;
            let text = String::from_utf8(bytes).map_err(|_| wrong())?;
            let (user, password) = text.split_once(':').ok_or_else(wrong)?;
            let password = Secret::new(password.trim_end_matches('\0').to_owned());
            return Ok(Some(Credential::Login(Credentials { user: user.to_owned(), password })));
        }
        let login = there(&self.password).filter(|_| !self.username.is_empty());
        Ok(login.map(|password| Credential::Login(Credentials { user: self.username.clone(), password })))
    }
}

/// Asks `docker-credential-NAME get` (docker-credential-helpers, client/command.go).
fn ask_helper(name: &str, server: &str, environment: &Environment) -> Result<Option<Credential>, Error> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| Error::Program { program: program.clone(), reason };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        return Err(Error::registry(
            "docker's configuration",
            "names a credential helper with a name that none can have",
        ));
    }
    let path = environment.program(&program).ok_or_else(|| failed("is not on PATH".to_owned()))?;
    let (said, success) = program::ask(Command::new(path).arg("get"), server.as_bytes(), program::SECRET)
        .map_err(|error| failed(error.to_string()))?;
    if !success {
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed("could not give the credentials".to_owned()));
    }
    let helped: Helped = serde_json::from_str(&said).map_err(|_| failed("printed no credentials".to_owned()))?;
    Ok(match helped {
        Helped { secret, .. } if secret.reveal().is_empty() => None,
        Helped { username, secret } if username == "<token>" => Some(Credential::Identity(secret)),
        Helped { username, secret } => Some(Credential::Login(Credentials { user: username, password: secret })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_configuration_mean_one_host() {
        for (key, host, expected) in [
            ("registry.example", "registry.example", true),
            ("registry.example:5000", "registry.example", false),
            ("https://registry.example/v2/", "registry.example", true),
            ("https://index.hub.example/v1/", "hub.example", true),
            ("https://index.hub.example/v2/", "hub.example", false),
            ("registry.example.evil.test", "registry.example", false),
            ("https://evil.test/registry.example", "registry.example", false),
        ] {
            assert_eq!(is_for(key, host), expected, "{key} {host}");
        }
    }
}

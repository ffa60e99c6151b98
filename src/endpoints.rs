//! Where the registries are, and who said so: [`Endpoints`].
//!
//! No host is written here or anywhere in this repository. The first source that names an endpoint
//! decides, and if that one is unusable it is an error: falling through would ask a public index
//! where the user named a private one. The order: environment, `endpoints.toml`, the configuration
//! of pip, uv, Maven and apt, then what the installed tools say is their default.
//! Absent on purpose: pip's `extra-index-url` and uv's further indexes where no profile says which names are theirs
//! (whoever publishes a private name on a second index would win; [`Endpoints::of`] has those that a profile names),
//! and any default of our own.
#![expect(clippy::disallowed_methods, reason = "configuration is files")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::environment::Environment;
use crate::error::Error;
use crate::outside::{Page, Registry};

mod apt;
mod further;
mod ivy;
mod keyring;
mod maven;
mod netrc;
mod python;
#[cfg(test)]
mod tests;
mod xml;

pub use ivy::maven_from_ivy;
pub(crate) use netrc::Netrc;

/// Every registry, in the order in which they are shown.
pub const REGISTRIES: [Registry; 4] = [Registry::Pypi, Registry::Maven, Registry::Debian, Registry::DebianSecurity];

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who has to send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Who we are to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: Secret,
}

/// The root of one mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its URL: ends in `/`, holds no user, password, query or fragment.
    pub url: Url,
    /// For its host alone.
    pub credentials: Option<Credentials>,
}

impl Root {
    /// Takes a URL apart into place and credentials. `origin` says where it was written.
    ///
    /// # Errors
    /// [`Error::Registry`] unless it is an `https:`, `http:` or `file:` URL. The text is not
    /// repeated, as it may hold a password.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::registry(format!("endpoint from {origin}"), reason);
        let mut url = Url::parse(text.trim()).map_err(|e| wrong(format!("its value is not a URL: {e}")))?;
        if !matches!(url.scheme(), "https" | "http" | "file") {
            return Err(wrong(format!("{}: URLs are not supported; use https, http or file", url.scheme())));
        }
        if url.scheme() != "file" && url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("its URL names no host".into()));
        }
        let user = decoded(url.username());
        let password = url.password().map(decoded);
        let credentials = (!user.is_empty() || password.is_some())
            .then(|| Credentials { user, password: Secret::new(password.unwrap_or_default()) });
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_query(None);
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self { url, credentials })
    }
}

/// A registry, and who said where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which registry.
    pub registry: Registry,
    /// At least one; tried in order.
    pub mirrors: Vec<Root>,
    /// The file, variable or tool that named it: `pip.conf: /etc/pip.conf`.
    pub origin: String,
}

impl Endpoint {
    fn parse<'a>(registry: Registry, urls: impl IntoIterator<Item = &'a str>, origin: String) -> Result<Self, Error> {
        let mut mirrors: Vec<Root> = Vec::new();
        for text in urls {
            let root = Root::parse(text, &origin)?;
            if !mirrors.contains(&root) {
                mirrors.push(root);
            }
        }
        if mirrors.is_empty() {
            return Err(Error::registry(format!("endpoint from {origin}"), "it names the registry but no URL"));
        }
        Ok(Self { registry, mirrors, origin })
    }
}

/// The registries, each looked up when it is first needed.
#[derive(Debug)]
pub struct Endpoints {
    environment: Environment,
    found: [OnceLock<Endpoint>; 4],
    /// Python indexes of the user's own, by name.
    further: Mutex<BTreeMap<String, Endpoint>>,
    /// Maven's root from Spark's Ivy jar, the last resort.
    ivy: Mutex<Option<String>>,
    memory: Option<Arc<dyn Memory>>,
}

/// What tools that are slow to start have said before.
pub trait Memory: fmt::Debug + Send + Sync {
    /// What a program said, by what tells it from another.
    fn recall(&self, program: &str) -> Option<String>;
    /// Keeps that for other processes, where that can be done.
    fn keep(&self, program: &str, said: &str);
}

/// Gets ready to look for the registries; nothing is read yet.
#[must_use]
pub fn discover(environment: &Environment) -> Endpoints {
    Endpoints {
        environment: environment.clone(),
        found: [const { OnceLock::new() }; 4],
        further: Mutex::default(),
        ivy: Mutex::default(),
        memory: None,
    }
}

impl Endpoints {
    /// The same, which asks no tool twice what its default is.
    #[must_use]
    pub fn remembering(self, memory: Arc<dyn Memory>) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// The endpoint of a registry.
    ///
    /// # Errors
    /// [`Error::NoEndpoint`] where nothing names one; [`Error::Read`] or [`Error::Registry`] where
    /// the first source that does is unusable.
    pub fn get(&self, registry: Registry) -> Result<&Endpoint, Error> {
        let slot = &self.found[registry as usize];
        if let Some(endpoint) = slot.get() {
            return Ok(endpoint);
        }
        let mut endpoint = self.look(registry)?;
        if registry == Registry::Pypi {
            keyring::complete(&mut endpoint, &self.environment)?;
        }
        Ok(slot.get_or_init(|| endpoint))
    }

    /// The endpoint of a page: of its registry, or of the Python index that it is of.
    ///
    /// # Errors
    /// As [`Endpoints::get`].
    pub fn of(&self, page: &Page) -> Result<Cow<'_, Endpoint>, Error> {
        match &page.index {
            None => self.get(page.registry).map(Cow::Borrowed),
            Some(index) => self.index(index).map(Cow::Owned),
        }
    }

    /// A Python index of the user's own: what a variable, `endpoints.toml` or uv calls by that name.
    ///
    /// # Errors
    /// As [`Endpoints::get`].
    pub fn index(&self, name: &str) -> Result<Endpoint, Error> {
        let mut known = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = known.get(name) {
            return Ok(endpoint.clone());
        }
        let mut endpoint = further::find(&self.environment, name)?;
        keyring::complete(&mut endpoint, &self.environment)?;
        known.insert(name.to_owned(), endpoint.clone());
        Ok(endpoint)
    }

    /// Names of the Python indexes of the user's own, sorted.
    ///
    /// # Errors
    /// Where a file that could name one cannot be read.
    pub fn indexes(&self) -> Result<Vec<String>, Error> {
        further::names(&self.environment)
    }

    /// Where pip or uv name indexes to be asked beside the first, which sparkbake does not.
    ///
    /// # Errors
    /// Where a file that could name one cannot be read.
    pub fn beside(&self) -> Result<Option<String>, Error> {
        python::beside(&self.environment)
    }

    /// Tells the root that Spark's own Ivy would use (see [`maven_from_ivy`]), for where nothing
    /// else names a Maven repository.
    pub fn suggest_maven(&self, root: String) {
        *self.ivy.lock().unwrap_or_else(PoisonError::into_inner) = Some(root);
    }

    fn look(&self, registry: Registry) -> Result<Endpoint, Error> {
        let environment = &self.environment;
        let named = match from_variable(environment, registry)? {
            Some(endpoint) => Some(endpoint),
            None => from_file(environment, registry, None)?,
        };
        if let Some(endpoint) = named {
            return Ok(endpoint);
        }
        let tool = match registry {
            Registry::Pypi => python::find(environment, self.memory.as_deref())?,
            Registry::Maven => match maven::find(environment)? {
                None => self.suggested()?,
                found => found,
            },
            Registry::Debian | Registry::DebianSecurity => apt::find(environment, registry)?,
        };
        tool.ok_or_else(|| nothing_names(registry))
    }

    fn suggested(&self) -> Result<Option<Endpoint>, Error> {
        let root = self.ivy.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let origin = "the default of the Ivy jar in the Spark distribution".to_owned();
        root.map(|root| Endpoint::parse(Registry::Maven, [root.as_str()], origin)).transpose()
    }
}

fn variable(registry: Registry) -> &'static str {
    match registry {
        Registry::Pypi => "SPARKBAKE_PYPI_URL",
        Registry::Maven => "SPARKBAKE_MAVEN_URL",
        Registry::Debian => "SPARKBAKE_DEBIAN_URL",
        Registry::DebianSecurity => "SPARKBAKE_DEBIAN_SECURITY_URL",
    }
}

fn from_variable(environment: &Environment, registry: Registry) -> Result<Option<Endpoint>, Error> {
    let name = variable(registry);
    let Some(value) = environment.var(name) else { return Ok(None) };
    let urls = value.split([',', ' ']).filter(|url| !url.is_empty());
    Endpoint::parse(registry, urls, format!("environment: {name}")).map(Some)
}

/// `endpoints.toml`: a list of mirrors by name of registry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pypi: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    maven: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    debian: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    debian_security: Vec<String>,
    /// Python indexes of the user's own, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    indexes: BTreeMap<String, Vec<String>>,
}

impl Written {
    fn read(path: &Path) -> Result<Option<Self>, Error> {
        let Some(text) = text_of(path)? else { return Ok(None) };
        // The message alone: the parser's excerpt of the file may hold a password.
        let wrong = |e: toml::de::Error| Error::registry(path.display().to_string(), e.message());
        toml::from_str(&text).map(Some).map_err(wrong)
    }

    /// The mirrors of a registry, or of a Python index by its name.
    fn of(&mut self, registry: Registry, index: Option<&str>) -> &mut Vec<String> {
        match (registry, index) {
            (Registry::Pypi, Some(index)) => self.indexes.entry(index.to_owned()).or_default(),
            (Registry::Pypi, None) => &mut self.pypi,
            (Registry::Maven, _) => &mut self.maven,
            (Registry::Debian, _) => &mut self.debian,
            (Registry::DebianSecurity, _) => &mut self.debian_security,
        }
    }
}

/// The files that `endpoints.toml` may be: the user's, then the one beside the program.
fn written(environment: &Environment) -> impl Iterator<Item = Result<(PathBuf, Written), Error>> {
    let beside = environment.exe.as_ref().and_then(|exe| exe.parent()).map(Path::to_owned);
    let paths = [environment.config_dir(), beside].into_iter().flatten().map(|dir| dir.join("endpoints.toml"));
    paths.filter_map(|path| Written::read(&path).map(|written| Some((path, written?))).transpose())
}

fn from_file(environment: &Environment, registry: Registry, index: Option<&str>) -> Result<Option<Endpoint>, Error> {
    for file in written(environment) {
        let (path, mut written) = file?;
        let urls = std::mem::take(written.of(registry, index));
        if !urls.is_empty() {
            let origin = format!("endpoints.toml: {}", path.display());
            return Endpoint::parse(registry, urls.iter().map(String::as_str), origin).map(Some);
        }
    }
    Ok(None)
}

/// Writes the mirrors of a registry, or of a Python index of the user's own (separated by commas or spaces), to the
/// user's `endpoints.toml`, for the user's eyes alone, and says where that is.
///
/// # Errors
/// [`Error::Registry`] where a URL is none, [`Error::Write`] where the file cannot be written.
pub fn set(environment: &Environment, registry: Registry, index: Option<&str>, urls: &str) -> Result<PathBuf, Error> {
    let urls: Vec<String> = urls.split([',', ' ']).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    Endpoint::parse(registry, urls.iter().map(String::as_str), format!("`endpoints set {registry}`"))?;
    let dir = environment.config_dir().ok_or_else(|| Error::Program {
        program: "sparkbake".into(),
        reason: "no home directory is known, so there is no place for endpoints.toml".into(),
    })?;
    let path = dir.join("endpoints.toml");
    let mut written = Written::read(&path)?.unwrap_or_default();
    *written.of(registry, index) = urls;
    let text = toml::to_string(&written).map_err(|e| Error::registry(path.display().to_string(), e))?;
    fs::create_dir_all(&dir).map_err(Error::write(&dir))?;
    let mut file = tempfile::NamedTempFile::new_in(&dir).map_err(Error::write(&dir))?;
    file.write_all(text.as_bytes()).map_err(Error::write(&path))?;
    file.persist(&path).map_err(|e| Error::Write { path: path.clone(), source: e.error })?;
    Ok(path)
}

fn nothing_names(registry: Registry) -> Error {
    let (reason, help) = match registry {
        Registry::Pypi => (
            "neither the environment, endpoints.toml, pip nor uv names a Python package index",
            "install pip or uv, or run `sparkbake endpoints set pypi URL`: the URL of the index's simple API, \
             which ends in `/simple`; PyPI, a company's proxy of it, or a `file:` URL",
        ),
        Registry::Maven => (
            "neither the environment, endpoints.toml, nor an installed Maven names a Maven repository",
            "install Maven, or run `sparkbake endpoints set maven URL`: the URL below which \
             `org/apache/spark/…` lies; Maven Central often ends in `/maven2`, and a company's proxy of it serves as well",
        ),
        Registry::Debian => (
            "neither the environment, endpoints.toml, nor apt's sources name a Debian archive, as on every \
             system that is not Debian",
            "run `sparkbake endpoints set debian URL`. The URL is that of any mirror of Debian's archive: the directory \
             that holds `dists` and `pool`, which nearly always ends in `/debian`; Debian's own page \"Mirrors\" lists \
             one for every country, your cloud or company may run one, and all serve the same signed files. \
             Whoever has a container engine finds the one that Debian itself proposes with \
             `docker run --rm debian cat /etc/apt/sources.list.d/debian.sources`, in the first line `URIs:`",
        ),
        Registry::DebianSecurity => (
            "neither the environment, endpoints.toml, nor apt's sources name Debian's security archive",
            "run `sparkbake endpoints set debian-security URL`: the URL nearly always ends in `/debian-security` and \
             often has the host of the main archive's mirror; the profile's `debian.security = false` does without it. \
             In a Debian container the file /etc/apt/sources.list.d/debian.sources names it in the second line `URIs:`",
        ),
    };
    Error::NoEndpoint { registry: registry.to_string(), reason: reason.into(), help: help.into() }
}

/// A small file, or `None` where there is none.
fn text_of(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::Read { path: path.to_owned(), source: error }),
    }
}

/// The files of a directory with that extension, sorted; none where there is no directory.
fn files_in(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

/// Percent-decoding (RFC 3986, section 2.1) of the parts before a host.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
        out.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

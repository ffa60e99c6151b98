//! The Maven repository as Maven knows it: `settings.xml` and the super POM.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::xml::Element;
use super::{Credentials, Endpoint, Secret, files_in, text_of};
use crate::environment::Environment;
use crate::error::Error;
use crate::outside::Registry;

/// The identifier of the repository that every build has (Maven, "Super POM").
const CENTRAL: &str = "central";
/// The super POM inside of `maven-model-builder`.
const SUPER_POM: &str = "org/apache/maven/model/pom-4.0.0.xml";
const LIMIT: u64 = 1 << 20;

/// `settings.xml` of the user, then of the installation, then the super POM.
pub(super) fn find(environment: &Environment) -> Result<Option<Endpoint>, Error> {
    let homes = homes(environment);
    let user = environment.home.as_ref().map(|home| home.join(".m2/settings.xml"));
    let installed = homes.iter().map(|home| home.join("conf/settings.xml"));
    for path in user.into_iter().chain(installed).chain([environment.system("/etc/maven/settings.xml")]) {
        let Some(text) = text_of(&path)? else { continue };
        let wrong = |reason: String| Error::registry(path.display().to_string(), reason);
        let settings = Element::parse(&text).map_err(wrong)?;
        if let Some((id, url)) = central(&settings) {
            let origin = format!("settings.xml: {}", path.display());
            let url = filled(environment, &url);
            let mut endpoint = Endpoint::parse(Registry::Maven, [url.as_str()], origin)?;
            if let Some(known) = server(environment, &settings, &id).map_err(wrong)? {
                endpoint.mirrors[0].credentials = Some(known);
            }
            return Ok(Some(endpoint));
        }
    }
    for home in &homes {
        if let Some((url, jar)) = super_pom(home) {
            let origin = format!("Maven's super POM: {}", jar.display());
            return Endpoint::parse(Registry::Maven, [url.as_str()], origin).map(Some);
        }
    }
    Ok(None)
}

/// The identifier and URL of the first mirror of the central repository, else of a repository that
/// takes its place in a profile.
fn central(settings: &Element) -> Option<(String, String)> {
    let mirror =
        settings.all(&["mirrors", "mirror"]).into_iter().find(|mirror| mirrors_central(mirror.text("mirrorOf")));
    let instead = || {
        settings
            .all(&["profiles", "profile", "repositories", "repository"])
            .into_iter()
            .find(|repository| repository.text("id") == CENTRAL)
    };
    mirror.or_else(instead).map(|found| (found.text("id").to_owned(), found.text("url").to_owned()))
}

/// Maven, "Using Mirrors for Repositories": `mirrorOf` is a list of names, `*`, `external:*` and
/// `!name`; an exclusion wins.
fn mirrors_central(of: &str) -> bool {
    let words: Vec<&str> = of.split(',').map(str::trim).collect();
    words.iter().any(|word| matches!(*word, "*" | "external:*" | CENTRAL)) && !words.contains(&"!central")
}

fn server(environment: &Environment, settings: &Element, id: &str) -> Result<Option<Credentials>, String> {
    let servers = settings.all(&["servers", "server"]);
    let Some(server) = servers.into_iter().find(|server| server.text("id") == id) else { return Ok(None) };
    let (user, password) = (server.text("username"), filled(environment, server.text("password")));
    if password.starts_with('{') && password.ends_with('}') {
        return Err(format!(
            "the password of server {id} is encrypted, which sparkbake cannot read; put it into the user's netrc \
             or name the repository in endpoints.toml"
        ));
    }
    let known = !user.is_empty() || !password.is_empty();
    Ok(known.then(|| Credentials { user: filled(environment, user), password: Secret::new(password) }))
}

/// Replaces `${env.NAME}` (Maven, "Settings Reference").
fn filled(environment: &Environment, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${env.") {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(environment.var(name).unwrap_or_default());
        rest = after;
    }
    out + rest
}

/// Where Maven may be installed.
fn homes(environment: &Environment) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> =
        ["MAVEN_HOME", "M2_HOME"].iter().filter_map(|name| environment.var(name)).map(PathBuf::from).collect();
    let program = environment.program("mvn").and_then(|path| path.canonicalize().ok());
    if let Some(home) = program.as_deref().and_then(Path::parent).and_then(Path::parent) {
        homes.extend([home.to_owned(), home.join("libexec")]);
    }
    homes.push(environment.system("/usr/share/maven"));
    homes
}

fn super_pom(home: &Path) -> Option<(String, PathBuf)> {
    files_in(&home.join("lib"), "jar").into_iter().find_map(|jar| {
        jar.file_name()?.to_str()?.starts_with("maven-model-builder").then_some(())?;
        let mut archive = zip::ZipArchive::new(File::open(&jar).ok()?).ok()?;
        let mut text = String::new();
        archive.by_name(SUPER_POM).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
        let project = Element::parse(&text).ok()?;
        let repositories = project.all(&["repositories", "repository"]);
        let url = repositories.into_iter().find(|repository| repository.text("id") == CENTRAL)?.text("url");
        Some((url.to_owned(), jar))
    })
}

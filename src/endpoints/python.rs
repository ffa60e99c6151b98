//! The Python package index as pip and uv know it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{Endpoint, Memory, text_of};
use crate::environment::Environment;
use crate::error::Error;
use crate::outside::Registry;
use crate::program;

/// pip's configuration first, then uv's, then what their help texts say is the default.
pub(super) fn find(environment: &Environment, memory: Option<&dyn Memory>) -> Result<Option<Endpoint>, Error> {
    let configured = match pip(environment)? {
        None => uv(environment)?,
        found => found,
    };
    let named = configured.or_else(|| told(environment, memory));
    named.map(|(url, origin)| Endpoint::parse(Registry::Pypi, [url.as_str()], origin)).transpose()
}

type Named = Option<(String, String)>;

/// pip, "Configuration": the environment goes before the site's, the user's, the global file.
fn pip(environment: &Environment) -> Result<Named, Error> {
    if let Some(url) = environment.var("PIP_INDEX_URL") {
        return Ok(Some((url.to_owned(), "environment: PIP_INDEX_URL".into())));
    }
    in_pip_conf(environment, "index-url")
}

/// The option in the first of pip's files that has it.
fn in_pip_conf(environment: &Environment, option: &str) -> Result<Named, Error> {
    let home = |below: &str| environment.home.as_ref().map(|home| home.join(below));
    let mut files: Vec<Option<PathBuf>> = vec![
        environment.var("PIP_CONFIG_FILE").map(|path| environment.cwd.join(path)),
        environment.var("VIRTUAL_ENV").map(|dir| Path::new(dir).join("pip.conf")),
        environment.xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("pip/pip.conf")),
        home("Library/Application Support/pip/pip.conf").filter(|_| cfg!(target_os = "macos")),
        home(".pip/pip.conf"),
    ];
    let shared = environment.var("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    files.extend(shared.split(':').map(|dir| Some(environment.system(&format!("{dir}/pip/pip.conf")))));
    files.push(Some(environment.system("/etc/pip.conf")));
    for file in files.into_iter().flatten() {
        if let Some(url) = text_of(&file)?.and_then(|text| option_of(&text, option)) {
            return Ok(Some((url, format!("pip.conf: {}", file.display()))));
        }
    }
    Ok(None)
}

/// An option of `[install]`, else of `[global]`.
fn option_of(text: &str, option: &str) -> Option<String> {
    let (mut global, mut install, mut section, mut is_open) = (None, None, "", false);
    for line in text.lines() {
        // A value may begin on the next line, which is indented (Python, "configparser").
        let begins = is_open && line.starts_with([' ', '\t']);
        let line = line.trim();
        let value = if begins {
            line
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, is_open) = (name.trim(), false);
            continue;
        } else if let Some((key, value)) = line.split_once(['=', ':'])
            && key.trim().replace('_', "-") == option
        {
            value.trim()
        } else {
            is_open = false;
            continue;
        };
        is_open = value.is_empty();
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        match section {
            "install" => install = value,
            "global" => global = value,
            _ => {}
        }
    }
    install.or(global)
}

/// uv.toml, as far as it names the default index (uv, "Package indexes").
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvToml {
    #[serde(default)]
    index: Vec<UvIndex>,
    index_url: Option<String>,
    #[serde(default)]
    extra_index_url: Vec<String>,
    pip: Option<UvPip>,
}

#[derive(Deserialize)]
struct UvIndex {
    name: Option<String>,
    url: String,
    #[serde(default)]
    default: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPip {
    index_url: Option<String>,
}

fn uv(environment: &Environment) -> Result<Named, Error> {
    for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(value) = environment.var(name) {
            // An index may carry its name: `name=url`.
            let url = value.split_once('=').filter(|(name, _)| !name.contains(':')).map_or(value, |(_, url)| url);
            return Ok(Some((url.to_owned(), format!("environment: {name}"))));
        }
    }
    for file in uv_files(environment) {
        let (origin, uv) = file?;
        let default = uv.index.into_iter().find(|index| index.default).map(|index| index.url);
        if let Some(url) = default.or(uv.index_url).or(uv.pip.and_then(|pip| pip.index_url)) {
            return Ok(Some((url, origin)));
        }
    }
    Ok(None)
}

/// uv's files that are there, the user's first, each after what it is called in messages.
fn uv_files(environment: &Environment) -> impl Iterator<Item = Result<(String, UvToml), Error>> {
    let files = [
        environment.var("UV_CONFIG_FILE").map(|path| environment.cwd.join(path)),
        environment.xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("uv/uv.toml")),
        Some(environment.system("/etc/uv/uv.toml")),
    ];
    let read = |file: PathBuf| -> Result<Option<(String, UvToml)>, Error> {
        let Some(text) = text_of(&file)? else { return Ok(None) };
        let uv = toml::from_str(&text).map_err(|e| Error::registry(file.display().to_string(), e.message()))?;
        Ok(Some((format!("uv.toml: {}", file.display()), uv)))
    };
    files.into_iter().flatten().filter_map(move |file| read(file).transpose())
}

/// Name, URL and origin of each index to which uv gives a name, the first of a name being uv's (uv, "Package indexes").
pub(super) fn uv_named(environment: &Environment) -> Result<Vec<(String, String, String)>, Error> {
    let words = environment.var("UV_INDEX").unwrap_or_default().split_whitespace();
    let named = words.filter_map(|word| word.split_once('=')).filter(|(name, _)| !name.contains(':'));
    let mut all: Vec<_> =
        named.map(|(name, url)| (name.to_owned(), url.to_owned(), "environment: UV_INDEX".to_owned())).collect();
    for file in uv_files(environment) {
        let (origin, uv) = file?;
        all.extend(uv.index.into_iter().filter_map(|index| Some((index.name?, index.url, origin.clone()))));
    }
    Ok(all)
}

/// Where indexes are named that pip or uv would ask beside the first.
pub(super) fn beside(environment: &Environment) -> Result<Option<String>, Error> {
    let variables = ["PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"];
    if let Some(name) = variables.into_iter().find(|name| environment.var(name).is_some()) {
        return Ok(Some(format!("environment: {name}")));
    }
    if let Some((_, origin)) = in_pip_conf(environment, "extra-index-url")? {
        return Ok(Some(origin));
    }
    for file in uv_files(environment) {
        let (origin, uv) = file?;
        if !uv.extra_index_url.is_empty() || uv.index.iter().any(|index| !index.default) {
            return Ok(Some(origin));
        }
    }
    Ok(None)
}

/// What the installed tools' help texts call the default. pip takes half a second to say it, which is remembered until the
/// program is another.
fn told(environment: &Environment, memory: Option<&dyn Memory>) -> Named {
    let asks: [(&str, &[&str]); 4] = [
        ("pip", &["install", "--help"]),
        ("pip3", &["install", "--help"]),
        ("python3", &["-m", "pip", "install", "--help"]),
        ("uv", &["pip", "install", "--help", "--color", "never"]),
    ];
    asks.iter().find_map(|(program, arguments)| {
        let path = environment.program(program)?;
        let origin = format!("the help text of {}", path.display());
        let file = identity(&path);
        let remembered = memory.zip(file.as_deref());
        if let Some(url) = remembered.and_then(|(memory, file)| memory.recall(file)) {
            return Some((url, origin));
        }
        let url = default_in(&said(environment, &path, arguments)?)?;
        if let Some((memory, file)) = remembered {
            memory.keep(file, &url);
        }
        Some((url, origin))
    })
}

/// What a program's file is told from another by.
fn identity(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    Some(format!("{} {} {} {}", path.display(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn said(environment: &Environment, tool: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(tool);
    command.args(arguments).env_clear().envs(&environment.vars);
    command.env("COLUMNS", "500").env("NO_COLOR", "1").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    let (said, success) = program::ask(&mut command, b"", program::HELP).ok()?;
    success.then_some(said)
}

/// The URL after the first `default` after an option that is called `index-url`.
fn default_in(help: &str) -> Option<String> {
    let option = help.split_once("--index-url")?.1;
    let text = option.get(..600).unwrap_or(option);
    let after = text.split_once("default")?.1;
    let start = after.find("http")?;
    let url = after[start..].split(|c: char| c.is_whitespace() || ")]>,".contains(c)).next()?;
    Some(url.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_the_help_says() {
        let pip = "  -i, --index-url <url>   Base URL of the index (default\n      https://index.example/simple). This";
        let uv = "      --index-url <INDEX_URL>\n  (Deprecated) The URL (by default: <https://index.example/simple>)";
        for help in [pip, uv] {
            assert_eq!(default_in(help).as_deref(), Some("https://index.example/simple"));
        }
        assert_eq!(default_in("--index-url no such word"), None);
    }

    #[test]
    fn install_goes_before_global() {
        let text = "[global]\nindex-url = https://a.example/simple\n[install]\nindex_url: https://b.example/simple\n";
        assert_eq!(option_of(text, "index-url").as_deref(), Some("https://b.example/simple"));
        assert_eq!(option_of("[global]\ntimeout = 3\nextra-index-url = https://c.example", "index-url"), None);
        let lines =
            "[global]\nextra-index-url =\n  https://c.example\n  https://d.example\nindex_url =\n\thttps://e.example\n";
        assert_eq!(option_of(lines, "extra-index-url").as_deref(), Some("https://c.example"));
        assert_eq!(option_of(lines, "index-url").as_deref(), Some("https://e.example"));
    }
}

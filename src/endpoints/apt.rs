//! Debian's archives as apt knows them (sources.list(5)): `sources.list`, `sources.list.d`, in the
//! one-line and the deb822 format.

use super::{Endpoint, files_in, text_of};
use crate::environment::Environment;
use crate::error::Error;
use crate::outside::Registry;

/// Debian's suites (Debian Developer's Reference 4.6.4); other systems and other archives have others.
const SUITES: &[&str] = &[
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
    "oldoldstable",
];

/// One enabled source of binary packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: String,
}

/// The archive in apt's sources; the origin names the first file that has it.
pub(super) fn find(environment: &Environment, registry: Registry) -> Result<Option<Endpoint>, Error> {
    let mut files = vec![environment.system("/etc/apt/sources.list")];
    let dir = environment.system("/etc/apt/sources.list.d");
    files.extend(files_in(&dir, "list"));
    files.extend(files_in(&dir, "sources"));
    let mut sources = Vec::new();
    for file in files {
        let Some(text) = text_of(&file)? else { continue };
        let deb822 = file.extension().is_some_and(|e| e == "sources");
        let found = if deb822 { stanzas(&text) } else { lines(&text) };
        sources.extend(found.into_iter().map(|source| (file.clone(), source)));
    }
    sources.retain(|(_, source)| source.serves(registry));
    // Others name their suites after Debian's; Debian's own can be told by key and path.
    if sources.iter().any(|(_, source)| source.is_debians()) {
        sources.retain(|(_, source)| source.is_debians());
    }
    let Some((first, _)) = sources.first() else { return Ok(None) };
    let origin = format!("apt: {}", first.display());
    let urls = sources.iter().flat_map(|(_, source)| source.uris.iter().map(String::as_str));
    Endpoint::parse(registry, urls, origin).map(Some)
}

impl Source {
    fn serves(&self, registry: Registry) -> bool {
        let wanted = self.suites.iter().any(|suite| {
            let suite = suite.trim_end_matches('/');
            let security = suite.strip_suffix("-security").or_else(|| suite.strip_suffix("/updates"));
            match registry {
                Registry::DebianSecurity => security.is_some_and(|name| SUITES.contains(&name)),
                _ => SUITES.contains(&suite),
            }
        });
        wanted && self.components.iter().any(|component| component == "main")
    }

    fn is_debians(&self) -> bool {
        self.signed_by.contains("debian-archive")
            || self.uris.iter().any(|uri| {
                let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                matches!(last, "debian" | "debian-security")
            })
    }
}

/// The one-line format: `deb [option=value …] uri suite component…`.
fn lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Source> {
    let text = text.split('#').next()?.trim();
    let mut rest = text.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?.trim_start();
    let mut signed_by = String::new();
    if let Some(after) = rest.strip_prefix('[') {
        let (options, after) = after.split_once(']')?;
        signed_by = options.split_whitespace().filter_map(|o| o.strip_prefix("signed-by=")).collect();
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    Some(Source { uris: vec![uri], suites: vec![suite], components: words.collect(), signed_by })
}

/// The deb822 format: stanzas of fields.
fn stanzas(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(source(&std::mem::take(&mut stanza)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn source(stanza: &[(String, String)]) -> Option<Source> {
    let field = |name: &str| stanza.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let words = |name: &str| field(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let off = matches!(field("enabled").to_ascii_lowercase().as_str(), "no" | "false" | "0" | "off" | "without");
    (!off && words("types").iter().any(|kind| kind == "deb")).then(|| Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").to_owned(),
    })
}

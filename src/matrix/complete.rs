//! What a word of a question can go on to, for shells: [`completions`].

use crate::profile::USES;

use super::facts::facts;
use super::name::{AXES, Kind};
use super::question::{names, versions};
use super::version::compare;

/// Everything that the beginning of a word `key=value` can become; a key alone ends in `=`.
#[must_use]
pub fn completions(word: &str) -> Vec<String> {
    let Some((key, value)) = word.split_once('=') else {
        let axes = AXES.iter().map(|(axis, _)| *axis);
        let keys = axes.chain(["uses"]).chain(names().into_iter().filter(|name| Kind::of(name) == Kind::Python));
        return keys.filter(|key| key.starts_with(word)).map(|key| format!("{key}=")).collect();
    };
    // `java=>=1` goes on as `java=1` does, and `uses=arrow,m` as `uses=m`.
    let stop = if key == "uses" { value.rfind(',').map_or(0, |at| at + 1) } else { operator(value) };
    let (done, begun) = value.split_at(stop);
    let all = values(key);
    all.into_iter().filter(|value| value.starts_with(begun)).map(|value| format!("{key}={done}{value}")).collect()
}

/// The versions of an axis or of a connector, oldest first; the steps of `uses`.
#[must_use]
pub fn values(key: &str) -> Vec<String> {
    if key == "uses" {
        return USES.iter().copied().chain(["all"]).map(str::to_owned).collect();
    }
    let connectors = facts().connectors.iter().filter(|connector| connector.id == key);
    let fixed = connectors.flat_map(|c| &c.lines).flat_map(|line| &line.versions).filter(|v| !v.contains('{'));
    let mut all: Vec<String> = fixed.cloned().collect();
    if AXES.iter().any(|(axis, _)| *axis == key) {
        all.extend(versions(key).into_iter().map(str::to_owned));
    }
    all.sort_by(|a, b| compare(a, b));
    all.dedup();
    all
}

/// The connectors by name.
pub fn connector_names() -> impl Iterator<Item = &'static str> {
    facts().connectors.iter().map(|connector| connector.id.as_str())
}

/// Length of the comparison that a value begins with, and of the terms before the last.
fn operator(value: &str) -> usize {
    let last = value.rfind([',', '|']).map_or(0, |at| at + 1);
    let sign = value.get(last..).unwrap_or_default().bytes().take_while(|b| b"<>=!~".contains(b)).count();
    last + sign
}

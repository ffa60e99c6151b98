//! Where a Maven repository keeps things (Maven, "Repository Layout", default layout).

use super::pom::Gav;
use crate::artifact::Coordinate;

/// Whether a part of a coordinate can stand in a path without changing its shape.
fn plain(part: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b".-_+~!".contains(&b);
    !part.is_empty() && part.len() <= 256 && !part.contains("..") && !part.starts_with('.') && part.bytes().all(safe)
}

fn directory(group: &str, artifact: &str) -> Option<String> {
    (plain(group) && plain(artifact)).then(|| format!("{}/{artifact}", group.replace('.', "/")))
}

/// The file of a Maven coordinate, relative to the repository's root; `None` for the coordinates of
/// other ecosystems and for one whose parts could leave its directory.
#[must_use]
pub fn file(coordinate: &Coordinate) -> Option<String> {
    let Coordinate::Maven { group, artifact, version, .. } = coordinate else { return None };
    let name = file_name(coordinate)?;
    plain(version).then_some(())?;
    Some(format!("{}/{version}/{name}", directory(group, artifact)?))
}

/// The name of that file: `artifact-version[-classifier].extension`.
#[must_use]
pub fn file_name(coordinate: &Coordinate) -> Option<String> {
    let Coordinate::Maven { artifact, version, extension, classifier, .. } = coordinate else { return None };
    let suffix = if classifier.is_empty() { String::new() } else { format!("-{classifier}") };
    let safe = plain(artifact) && plain(version) && plain(extension) && (classifier.is_empty() || plain(classifier));
    safe.then(|| format!("{artifact}-{version}{suffix}.{extension}"))
}

/// The POM of a group, artifact and version.
#[must_use]
pub fn pom(group: &str, artifact: &str, version: &str) -> Option<String> {
    plain(version).then_some(())?;
    Some(format!("{}/{version}/{artifact}-{version}.pom", directory(group, artifact)?))
}

/// The list of an artifact's versions.
#[must_use]
pub fn metadata(group: &str, artifact: &str) -> Option<String> {
    Some(format!("{}/maven-metadata.xml", directory(group, artifact)?))
}

/// Whether the three are words that a repository can hold.
pub(super) fn is_plain(gav: &Gav) -> bool {
    plain(&gav.group) && plain(&gav.artifact) && plain(&gav.version)
}

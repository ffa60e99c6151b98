//! Versions of jars that the profile names without one.

use super::facts::{Connector, facts, fill, placeholder};
use super::{Stack, version};

/// The versions of a Maven artifact that suit the stack, the best first; empty where the facts do
/// not know the artifact, or know none that suits. A registry may lack the first (Spark's modules
/// are not published for every patch), so the caller takes the first that exists.
#[must_use]
pub fn jar_versions(stack: &Stack, group: &str, artifact: &str) -> Vec<String> {
    let name = format!("{group}:{artifact}");
    let mut found = Vec::new();
    let named = |connector: &&Connector| expand(stack, &connector.artifact).as_ref() == Some(&name);
    for connector in facts().connectors.iter().filter(named) {
        for candidate in connector.candidates(&stack.spark) {
            if candidate == "{spark.patches}" {
                found.extend(patches(&stack.spark));
            } else {
                found.extend(expand(stack, candidate));
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|version| seen.insert(version.clone()));
    found
}

/// The other published patches of the same minor, those below it first, from the newest down.
fn patches(spark: &str) -> Vec<String> {
    let Some((line, _)) = facts().release(spark) else { return Vec::new() };
    let releases = || line.releases.iter().map(|release| release.version.clone());
    let (mut below, above): (Vec<_>, Vec<_>) = releases().partition(|v| version::compare(v, spark).is_lt());
    below.reverse();
    below.extend(above.into_iter().filter(|v| v != spark));
    below
}

fn expand(stack: &Stack, template: &str) -> Option<String> {
    let (line, release) = facts().release(&stack.spark)?;
    fill(template, &|name| match name {
        "hadoop" => Some(stack.hadoop.clone()),
        "scala" => Some(stack.scala.clone()),
        _ => placeholder(name, line, release),
    })
}

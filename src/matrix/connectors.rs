//! Versions of jars that the profile names without one.

use super::facts::{ConnectorLine, facts, fill};
use super::{Stack, version};

/// The versions of a Maven artifact that suit the stack, the best first; empty where the facts do
/// not know the artifact, or know none that suits. A registry may lack the first (Spark's modules
/// are not published for every patch), so the caller takes the first that exists.
#[must_use]
pub fn jar_versions(stack: &Stack, group: &str, artifact: &str) -> Vec<String> {
    let name = format!("{group}:{artifact}");
    let mut found = Vec::new();
    for line in facts().connectors.iter().flat_map(|connector| &connector.lines) {
        if line.suits(&stack.spark, Some(&stack.hadoop), Some(&stack.java))
            && artifact_of(line, stack).as_ref() == Some(&name)
        {
            found.extend(versions_of(line, stack));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|version| seen.insert(version.clone()));
    found
}

/// The line's artifact for the stack.
pub(super) fn artifact_of(line: &ConnectorLine, stack: &Stack) -> Option<String> {
    expand(stack, &line.artifact)
}

/// The line's versions for the stack, the best first.
pub(super) fn versions_of(line: &ConnectorLine, stack: &Stack) -> Vec<String> {
    let each = line.versions.iter().flat_map(|template| match template.as_str() {
        "{spark.patches}" => patches(&stack.spark),
        _ => expand(stack, template).into_iter().collect(),
    });
    each.collect()
}

/// The other published patches of the same minor, those below it first, from the newest down.
fn patches(spark: &str) -> Vec<String> {
    let Some(line) = facts().line(spark) else { return Vec::new() };
    let releases = || line.releases.iter().map(|release| release.version.clone());
    let (mut below, above): (Vec<_>, Vec<_>) = releases().partition(|v| version::compare(v, spark).is_lt());
    below.reverse();
    below.extend(above.into_iter().filter(|v| v != spark));
    below
}

/// A template with the stack's values.
pub(super) fn expand(stack: &Stack, template: &str) -> Option<String> {
    fill(template, &|name| match name {
        "spark" => Some(stack.spark.clone()),
        "spark.minor" => Some(version::minor(&stack.spark)),
        "spark.major" => stack.spark.split('.').next().map(str::to_owned),
        "spark.dashed" => Some(version::minor(&stack.spark).replace('.', "-")),
        "scala.dashed" => Some(stack.scala.replace('.', "-")),
        "hadoop" => Some(stack.hadoop.clone()),
        "scala" => Some(stack.scala.clone()),
        _ => None,
    })
}

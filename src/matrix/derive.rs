//! What a PySpark carries, read from its sdist: [`derive`]. The files of `facts/spark/` are its results.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Operator, Version};
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use crate::maven::bundled::Bundled;
use crate::profile::requirement;

use super::facts::facts;
use super::release::Release;

/// Optional packages whose least versions matter.
const PACKAGES: [&str; 6] = ["googleapis-common-protos", "grpcio", "numpy", "pandas", "pyarrow", "zstandard"];

/// Modules that check minimum versions at run time, below the sdist's top directory.
pub const CHECKING: [&str; 2] = ["pyspark/sql/pandas/utils.py", "pyspark/sql/connect/utils.py"];

/// What an sdist says.
#[derive(Debug, Default)]
pub struct Evidence<'a> {
    /// The headers of its `PKG-INFO`.
    pub headers: &'a [(String, String)],
    /// Its requirements, extras too.
    pub requires: &'a [String],
    /// File names of its jars.
    pub jars: &'a [String],
    /// The texts of [`CHECKING`], those that there are.
    pub modules: &'a [String],
}

/// Reads what the matrix follows of a release. The day of the upload is not in an sdist.
///
/// # Errors
/// Why it is no PySpark.
pub fn derive(evidence: &Evidence<'_>) -> Result<Release, String> {
    let header = |name: &str| {
        let mut all = evidence.headers.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    if header("Name").as_deref() != Some("pyspark") {
        return Err("is not the source distribution of pyspark".to_owned());
    }
    let version = header("Version").ok_or("names no version")?;
    if version.parse::<Version>().is_err() {
        return Err("names no version of PEP 440".to_owned());
    }
    let declared = evidence.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("Classifier"));
    let declared = declared.filter_map(|(_, value)| value.strip_prefix("Programming Language :: Python :: "));
    let is_minor =
        |text: &&str| text.split_once('.').is_some_and(|(a, b)| [a, b].iter().all(|n| n.parse::<u8>().is_ok()));
    let release = Release {
        python: declared.filter(is_minor).map(str::to_owned).collect(),
        requires_python: header("Requires-Python").unwrap_or_default(),
        py4j: requirement_on("py4j", evidence.requires).unwrap_or_default(),
        minimum: minimum(evidence),
        jars: jars(evidence.jars),
        published: String::new(),
        version,
    };
    match (release.scala(), release.hadoop()) {
        (Some(_), Some(_)) => Ok(release),
        _ => Err("carries no Scala library or no Hadoop client".to_owned()),
    }
}

/// The limits on a package among the requirements that are no extra's, the lower first.
fn requirement_on(package: &str, requires: &[String]) -> Option<String> {
    let mut all = requires.iter().filter_map(|text| requirement::read::<VerbatimUrl>(text).ok());
    let found = all.find(|found| found.name.as_ref() == package)?;
    let Some(VersionOrUrl::VersionSpecifier(specifiers)) = found.version_or_url else { return None };
    let mut specifiers: Vec<_> = specifiers.iter().collect();
    specifiers.sort_by(|a, b| a.version().cmp(b.version()));
    let texts: Vec<String> = specifiers.iter().map(|one| format!("{}{}", one.operator(), one.version())).collect();
    Some(texts.join(","))
}

/// The higher of the declared and the checked minimum, by package.
fn minimum(evidence: &Evidence<'_>) -> BTreeMap<String, String> {
    let mut least: BTreeMap<String, Version> = BTreeMap::new();
    let mut raise = |package: &str, version: Version| {
        if PACKAGES.contains(&package) && least.get(package).is_none_or(|known| *known < version) {
            least.insert(package.to_owned(), version);
        }
    };
    for found in evidence.requires.iter().filter_map(|text| requirement::read::<VerbatimUrl>(text).ok()) {
        let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &found.version_or_url else { continue };
        for one in specifiers.iter().filter(|one| *one.operator() == Operator::GreaterThanEqual) {
            raise(found.name.as_ref(), one.version().clone());
        }
    }
    for line in evidence.modules.iter().flat_map(|text| text.lines()) {
        let Some((name, value)) = line.trim().split_once('=') else { continue };
        let package = name.trim().strip_prefix("minimum_").and_then(|name| name.strip_suffix("_version"));
        let version = value.trim().trim_matches('"').parse();
        if let (Some(package), Ok(version)) = (package, version) {
            raise(if package == "grpc" { "grpcio" } else { package }, version);
        }
    }
    least.into_iter().map(|(package, version)| (package, version.to_string())).collect()
}

/// Versions of the jars that some release of the facts names.
fn jars(files: &[String]) -> BTreeMap<String, String> {
    let followed: BTreeSet<&String> = facts().releases().flat_map(|release| release.jars.keys()).collect();
    let parsed = files.iter().filter_map(|file| Bundled::parse(file));
    let versions = parsed.filter(|jar| followed.contains(&jar.artifact)).map(|jar| match jar.classifier.as_str() {
        "" => (jar.artifact, jar.version),
        classifier => (jar.artifact, format!("{}-{classifier}", jar.version)),
    });
    versions.collect()
}

/// What the facts know of a release, by its version.
#[must_use]
pub fn shipped(version: &str) -> Option<&'static Release> {
    facts().release(version).map(|(_, release)| release)
}

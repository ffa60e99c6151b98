//! One POM as it is written: nothing inherited, nothing interpolated (Maven, "POM Reference").

use std::collections::BTreeMap;

use super::activation::Activation;
use super::xml::{self, Element};

/// Group, artifact and version of a POM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gav {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

impl std::fmt::Display for Gav {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

/// A `<dependency>`, of `<dependencies>` or of `<dependencyManagement>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: Option<String>,
    /// `<type>`; `jar` where it is left out.
    pub(super) kind: String,
    pub(super) classifier: String,
    pub(super) scope: Option<String>,
    pub(super) optional: Option<String>,
    /// Group and artifact, either of which may be `*`.
    pub(super) exclusions: Vec<(String, String)>,
}

impl Declared {
    /// What tells two declarations apart within one POM.
    pub(super) fn key(&self) -> (&str, &str, &str, &str) {
        (&self.group, &self.artifact, &self.kind, &self.classifier)
    }

    /// The same declaration with every text changed by `change`.
    pub(super) fn map(&self, change: &dyn Fn(&str) -> String) -> Self {
        let option = |text: &Option<String>| text.as_deref().map(change);
        Self {
            group: change(&self.group),
            artifact: change(&self.artifact),
            version: option(&self.version),
            kind: change(&self.kind),
            classifier: change(&self.classifier),
            scope: option(&self.scope),
            optional: option(&self.optional),
            exclusions: self.exclusions.iter().map(|(g, a)| (change(g), change(a))).collect(),
        }
    }
}

/// What a POM, or a profile in it, adds.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub(super) properties: BTreeMap<String, String>,
    pub(super) dependencies: Vec<Declared>,
    pub(super) managed: Vec<Declared>,
}

/// A `<profile>`.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) activation: Activation,
    pub(super) body: Body,
}

/// A `<relocation>`; what is left out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Relocation {
    pub(super) group: Option<String>,
    pub(super) artifact: Option<String>,
    pub(super) version: Option<String>,
}

/// A `<project>`.
#[derive(Debug, Clone)]
pub(super) struct Pom {
    pub(super) group: Option<String>,
    pub(super) artifact: String,
    pub(super) version: Option<String>,
    pub(super) packaging: String,
    pub(super) parent: Option<Gav>,
    pub(super) body: Body,
    pub(super) profiles: Vec<Profile>,
    pub(super) relocation: Option<Relocation>,
}

/// Reads a POM.
///
/// # Errors
/// Why Maven would call it invalid.
pub(super) fn parse(bytes: &[u8]) -> Result<Pom, String> {
    let project = xml::parse(bytes, "project")?;
    let parent = project.child("parent").map(parent).transpose()?;
    let relocation = project.child("distributionManagement").and_then(|d| d.child("relocation")).map(|r| Relocation {
        group: r.value("groupId"),
        artifact: r.value("artifactId"),
        version: r.value("version"),
    });
    let profiles = project.list("profiles").iter().map(|element| Profile {
        activation: element.child("activation").map(Activation::read).unwrap_or_default(),
        body: body(element),
    });
    Ok(Pom {
        group: project.value("groupId"),
        artifact: project.value("artifactId").ok_or("`artifactId` is missing")?,
        version: project.value("version"),
        packaging: project.value("packaging").unwrap_or_else(|| "jar".to_owned()),
        parent,
        profiles: profiles.collect(),
        body: body(&project),
        relocation,
    })
}

fn parent(element: &Element) -> Result<Gav, String> {
    let part = |name: &str| element.value(name).ok_or_else(|| format!("`parent.{name}` is missing"));
    Ok(Gav { group: part("groupId")?, artifact: part("artifactId")?, version: part("version")? })
}

fn body(element: &Element) -> Body {
    let managed = element.child("dependencyManagement").map_or(&[][..], |management| management.list("dependencies"));
    let properties = element.list("properties").iter();
    Body {
        properties: properties.map(|p| (p.name().to_owned(), p.text().to_owned())).collect(),
        dependencies: last_of_each(element.list("dependencies").iter().map(declared)),
        managed: managed.iter().map(declared).collect(),
    }
}

/// Of declarations with one key the last stands, in the place of the first (Maven's model normalizer).
fn last_of_each(all: impl Iterator<Item = Declared>) -> Vec<Declared> {
    let mut kept: Vec<Declared> = Vec::new();
    let mut places: BTreeMap<[String; 4], usize> = BTreeMap::new();
    for one in all {
        let (group, artifact, kind, classifier) = one.key();
        let key = [group, artifact, kind, classifier].map(str::to_owned);
        if let Some(earlier) = places.get(&key).and_then(|&at| kept.get_mut(at)) {
            *earlier = one;
        } else {
            places.insert(key, kept.len());
            kept.push(one);
        }
    }
    kept
}

fn declared(element: &Element) -> Declared {
    let exclusion = |e: &Element| (e.value("groupId").unwrap_or_default(), e.value("artifactId").unwrap_or_default());
    Declared {
        group: element.value("groupId").unwrap_or_default(),
        artifact: element.value("artifactId").unwrap_or_default(),
        version: element.value("version"),
        kind: element.value("type").unwrap_or_else(|| "jar".to_owned()),
        classifier: element.value("classifier").unwrap_or_default(),
        scope: element.value("scope"),
        optional: element.value("optional"),
        exclusions: element.list("exclusions").iter().map(exclusion).collect(),
    }
}

/// The versions that a `maven-metadata.xml` lists.
///
/// # Errors
/// Why the bytes are no such document.
pub(super) fn versions(bytes: &[u8]) -> Result<Vec<String>, String> {
    let metadata = xml::parse(bytes, "metadata")?;
    let listed = metadata.child("versioning").map_or(&[][..], |versioning| versioning.list("versions"));
    Ok(listed.iter().map(|version| version.text().to_owned()).filter(|text| !text.is_empty()).collect())
}

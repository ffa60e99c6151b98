//! The layers that follow from the lock alone, from least to most changing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::digest::Digest;
use crate::error::Error;
use crate::plan::{LayerPlan, Outline, compose};
use crate::tree::{Entry, ImagePath, Source};

/// A jar layer holds at most about this many bytes, so that several are unpacked side by side.
const JARS_LAYER_BYTES: u64 = 96 << 20;
/// Azure Container Instances unpacks few layers at a time; more than this many gain nothing.
const JARS_LAYERS_MAX: u64 = 4;

/// A jar that comes from the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jar {
    /// Its file name in Spark's `jars/`.
    pub file: String,
    /// Its digest in the store.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The file of the untouched release that it stands in for.
    pub replaces: Option<String>,
}

/// What the locked artifacts hold, as their rooms laid it out.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// What the layers of a base image look like from above; nothing where there is none.
    pub below: Outline,
    /// The Debian root file system without Java, or what a base image gets beside its own.
    pub base: Vec<Entry>,
    /// The Java runtime.
    pub java: Vec<Entry>,
    /// Spark's `jars/`, where every jar of the class path lies.
    pub class_directory: Option<ImagePath>,
    /// The jars of the untouched PySpark release, those of `jars/`'s own directories too.
    pub spark_jars: Vec<Entry>,
    /// PySpark without them.
    pub pyspark: Vec<Entry>,
    /// The wheels.
    pub python: Vec<Entry>,
    /// Jars beside and instead of Spark's.
    pub jars: Vec<Jar>,
}

/// The name of the layer that tells what the locked ones look like from above.
pub const OUTLINE: &str = "outline";
/// Where that lies in the image.
const OUTLINE_PATH: &str = "usr/lib/sparkbake/outline.json";

/// The locked layers, and what they look like from above. That is the last of them too, so that a machine that
/// has none of them can still build what stands on them.
///
/// # Errors
/// As [`compose`].
pub fn locked(contents: &Contents) -> Result<(Vec<LayerPlan>, Outline), Error> {
    let (mut layers, outline) = compose(&contents.below, parts(contents)?)?;
    layers.extend(compose(&outline, vec![outline_layer(&outline)?])?.0);
    Ok((layers, outline))
}

fn outline_layer(outline: &Outline) -> Result<LayerPlan, Error> {
    let path = ImagePath::new(OUTLINE_PATH).map_err(|bad| Error::archive("the plan", bad))?;
    let text = serde_json::to_vec(outline).map_err(|error| Error::archive("the plan", error))?;
    Ok(LayerPlan { name: OUTLINE.to_owned(), entries: vec![Entry::file(path, 0o644, Source::Bytes(text))] })
}

/// Reads that layer's tar back; `None` where it is another one's.
///
/// # Errors
/// [`Error::Archive`] where the tar or the outline in it cannot be read.
pub fn read_outline(tar: impl Read) -> Result<Option<Outline>, Error> {
    let bad = |error: &dyn std::fmt::Display| Error::archive("the outline's layer", error);
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().map_err(|error| bad(&error))? {
        let entry = entry.map_err(|error| bad(&error))?;
        if *entry.path_bytes() == *OUTLINE_PATH.as_bytes() {
            return serde_json::from_reader(entry).map(Some).map_err(|error| bad(&error));
        }
    }
    Ok(None)
}

/// What each locked layer brings of its own.
fn parts(contents: &Contents) -> Result<Vec<LayerPlan>, Error> {
    let part = |name: &str, entries: Vec<Entry>| LayerPlan { name: name.to_owned(), entries };
    let (shipped, added) = jars(contents)?;
    let mut parts = vec![part("base", contents.base.clone()), part("java", contents.java.clone())];
    parts.extend(shipped.into_iter().enumerate().map(|(i, jars)| part(&format!("spark-jars-{}", i + 1), jars)));
    parts.push(part("pyspark", contents.pyspark.clone()));
    parts.push(part("python", contents.python.clone()));
    parts.push(part("jars", added));
    parts.retain(|part| !part.entries.is_empty());
    Ok(parts)
}

/// Spark's jars, replaced ones included, as layers of even size; and the jars that are new.
///
/// Which layer a jar lies in follows from the untouched release alone, so that an override changes
/// one layer and a new jar none of them.
///
/// # Errors
/// [`Error::Archive`] where a jar's name cannot be a file's.
pub fn jars(contents: &Contents) -> Result<(Vec<Vec<Entry>>, Vec<Entry>), Error> {
    let Some(directory) = &contents.class_directory else {
        return Ok((Vec::new(), Vec::new()));
    };
    let entry = |jar: &Jar| -> Result<Entry, Error> {
        let path = directory.join(&jar.file).map_err(|bad| Error::archive("jar", bad))?;
        Ok(Entry::file(path, 0o644, Source::Blob { digest: jar.digest, size: jar.size }))
    };
    let mut instead: BTreeMap<ImagePath, Entry> = BTreeMap::new();
    let mut added = Vec::new();
    let shipped: BTreeSet<&ImagePath> = contents.spark_jars.iter().map(|entry| &entry.path).collect();
    for jar in &contents.jars {
        match jar.replaces.as_ref().and_then(|old| directory.join(old).ok()).filter(|old| shipped.contains(old)) {
            Some(old) => _ = instead.insert(old, entry(jar)?),
            None => added.push(entry(jar)?),
        }
    }
    let layers = split(&contents.spark_jars)
        .into_iter()
        .map(|layer| layer.into_iter().map(|jar| instead.get(&jar.path).cloned().unwrap_or(jar)).collect());
    Ok((layers.collect(), added))
}

/// Largest first into the layer that holds least so far.
fn split(jars: &[Entry]) -> Vec<Vec<Entry>> {
    let size = |entry: &Entry| match &entry.kind {
        crate::tree::Kind::File(source) => source.size(),
        _ => 0,
    };
    let total: u64 = jars.iter().map(size).sum();
    let count = total.div_ceil(JARS_LAYER_BYTES).clamp(1, JARS_LAYERS_MAX);
    let mut layers: Vec<(u64, Vec<Entry>)> = (0..count).map(|_| (0, Vec::new())).collect();
    let mut largest_first: Vec<&Entry> = jars.iter().collect();
    largest_first.sort_by_key(|entry| (std::cmp::Reverse(size(entry)), entry.path.clone()));
    for jar in largest_first {
        if let Some((held, layer)) = layers.iter_mut().min_by_key(|(held, _)| *held) {
            *held += size(jar);
            layer.push(jar.clone());
        }
    }
    layers.into_iter().map(|(_, layer)| layer).filter(|layer| !layer.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str, mib: u64) -> Entry {
        let path = ImagePath::new(format!("opt/jars/{name}")).unwrap();
        Entry::file(path, 0o644, Source::Blob { digest: Digest::of(name.as_bytes()), size: mib << 20 })
    }

    fn jar(file: &str, replaces: Option<&str>) -> Jar {
        Jar {
            file: file.to_owned(),
            digest: Digest::of(file.as_bytes()),
            size: 1,
            replaces: replaces.map(str::to_owned),
        }
    }

    fn names(layers: &[Vec<Entry>]) -> Vec<Vec<&str>> {
        layers.iter().map(|layer| layer.iter().map(|entry| entry.path.name()).collect()).collect()
    }

    #[test]
    fn an_override_stays_in_its_predecessors_layer_and_a_new_jar_changes_none() {
        let spark_jars = [("a-1.jar", 60), ("b-1.jar", 50), ("c-1.jar", 40), ("d-1.jar", 30)];
        let spark_jars: Vec<Entry> = spark_jars.iter().map(|(name, mib)| shipped(name, *mib)).collect();
        let class_directory = ImagePath::new("opt/jars").ok();
        let plain = Contents { class_directory, spark_jars, ..Contents::default() };
        let (layers, added) = jars(&plain).unwrap();
        assert_eq!(names(&layers), [["a-1.jar", "d-1.jar"], ["b-1.jar", "c-1.jar"]]);
        assert_eq!(added, []);

        let changed = Contents { jars: vec![jar("c-2.jar", Some("c-1.jar")), jar("new.jar", None)], ..plain };
        let (layers, added) = jars(&changed).unwrap();
        assert_eq!(names(&layers), [["a-1.jar", "d-1.jar"], ["b-1.jar", "c-2.jar"]]);
        assert_eq!(names(&[added]), [["new.jar"]]);
    }
}

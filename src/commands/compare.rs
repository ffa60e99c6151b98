//! An image and what was made again from it, side by side: layer → path → field.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::error::Error;
use crate::image::Image;
use crate::layer::{self, Difference, EXPLAINED_MAX, Layer};
use crate::lock::Lock;
use crate::outside::{Blobs, ReadAt};

use super::World;
use super::seen::{LayerSeen, Seen, tar};

/// Most paths of a layer that the text names; JSON has them all.
const PATHS_MAX: usize = 10;

/// What became of the comparison.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Report {
    /// Whether every byte is the same.
    pub(super) same: bool,
    /// What was rebuilt: a digest, or a lockfile's name.
    image: String,
    /// Digest of the manifest that was made again; a lockfile has none.
    rebuilt: Option<Digest>,
    layers: Vec<LayerReport>,
    config: Vec<Difference>,
    manifest: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Same,
    /// The tar is the same, its compressed bytes are not.
    OtherCompression,
    Differs,
    OnlyInImage,
    OnlyRebuilt,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LayerReport {
    name: String,
    verdict: Verdict,
    /// Whether it was made from the files of the image itself, so that its contents prove nothing.
    own_contents: bool,
    image: Option<Digest>,
    rebuilt: Option<Digest>,
    differences: Vec<Difference>,
    /// What differs in the first file whose contents do, as a person would say it.
    contents: Vec<String>,
}

/// One side's identity of a layer.
#[derive(Clone, PartialEq, Eq)]
struct Identity {
    digest: Digest,
    diff_id: String,
}

impl From<&Layer> for Identity {
    fn from(layer: &Layer) -> Self {
        Self { digest: layer.digest, diff_id: layer.diff_id.to_string() }
    }
}

impl From<&LayerSeen> for Identity {
    fn from(layer: &LayerSeen) -> Self {
        Self { digest: layer.digest, diff_id: layer.diff_id.clone() }
    }
}

/// The layers that a lock promises, and those that were made.
pub(super) fn compare_locks(name: &str, lock: &Lock, made: &[Layer]) -> Report {
    let layers = pairs(&lock.layers, made, |layer| &layer.name, |layer| &layer.name);
    let layers: Vec<LayerReport> = layers
        .into_iter()
        .map(|(name, promised, made)| report(name, promised.map(Into::into), made.map(Into::into)))
        .collect();
    let same = layers.iter().all(|layer| layer.verdict == Verdict::Same);
    Report { same, image: name.to_owned(), rebuilt: None, layers, config: Vec::new(), manifest: Vec::new() }
}

/// An image, and the one that was made again. Nothing of the image is read but layers that differ.
pub(super) fn compare_images(
    seen: &Seen<'_>,
    image: &Image,
    own_contents: bool,
    world: &World,
) -> Result<Report, Error> {
    let same = seen.content.digest == image.manifest.digest;
    let mut layers = Vec::new();
    let mut above = false;
    for (name, theirs, ours) in pairs(&seen.layers, &image.layers, |layer| &layer.name, |layer| &layer.name) {
        let mut layer = report(name, theirs.map(Into::into), ours.map(Into::into));
        layer.own_contents = own_contents && above;
        above |= layer.name == "settings";
        if let (Verdict::Differs, Some(theirs), Some(ours)) = (layer.verdict, theirs, ours) {
            world.ui.step("Comparing", format_args!("layer {}", layer.name));
            let (theirs, ours) = (seen.layer(theirs, world)?, world.store.open(&ours.digest)?);
            (layer.differences, layer.contents) = tars(&layer.name, theirs.as_ref(), ours.as_ref())?;
        }
        layers.push(layer);
    }
    let (mut config, mut manifest) = (Vec::new(), Vec::new());
    if !same {
        // What the layers say already is not said again of the documents that name them.
        let when = |explained: bool, fields: &'static [&'static str]| if explained { fields } else { &[] };
        let lists = layers.iter().any(|layer| matches!(layer.verdict, Verdict::OnlyInImage | Verdict::OnlyRebuilt));
        let tars = lists || layers.iter().any(|layer| layer.verdict == Verdict::Differs);
        let blobs = layers.iter().any(|layer| layer.verdict != Verdict::Same);
        let explained = [when(tars, &["rootfs.diff_ids["]), when(lists, &["history["])].concat();
        config = documents(&seen.config_bytes, &image.config.bytes, &explained)?;
        let configs = seen.config_bytes != image.config.bytes;
        let explained = [when(blobs, &["layers["]), when(configs, &["config.digest", "config.size"])].concat();
        manifest = documents(&seen.content.bytes, &image.manifest.bytes, &explained)?;
    }
    let (image, rebuilt) = (seen.content.digest.to_string(), Some(image.manifest.digest));
    Ok(Report { same, image, rebuilt, layers, config, manifest })
}

/// Layers of one name, in the image's order, then those that it lacks.
pub(super) fn pairs<'x, A, B>(
    theirs: &'x [A],
    ours: &'x [B],
    name_a: impl Fn(&A) -> &String,
    name_b: impl Fn(&B) -> &String,
) -> Vec<(String, Option<&'x A>, Option<&'x B>)> {
    let twin = |name: &String| ours.iter().find(|layer| name_b(layer) == name);
    let mut all: Vec<_> =
        theirs.iter().map(|layer| (name_a(layer).clone(), Some(layer), twin(name_a(layer)))).collect();
    let lacking = ours.iter().filter(|layer| !theirs.iter().any(|other| name_a(other) == name_b(layer)));
    all.extend(lacking.map(|layer| (name_b(layer).clone(), None, Some(layer))));
    all
}

fn report(name: String, theirs: Option<Identity>, ours: Option<Identity>) -> LayerReport {
    let verdict = match (&theirs, &ours) {
        (Some(theirs), Some(ours)) if theirs == ours => Verdict::Same,
        (Some(theirs), Some(ours)) if theirs.diff_id == ours.diff_id => Verdict::OtherCompression,
        (Some(_), Some(_)) => Verdict::Differs,
        (Some(_), None) => Verdict::OnlyInImage,
        (None, _) => Verdict::OnlyRebuilt,
    };
    let digest = |side: Option<Identity>| side.map(|side| side.digest);
    LayerReport {
        name,
        verdict,
        own_contents: false,
        image: digest(theirs),
        rebuilt: digest(ours),
        differences: Vec::new(),
        contents: Vec::new(),
    }
}

/// What differs in two tars, and in the first file whose contents do.
fn tars(name: &str, theirs: &dyn ReadAt, ours: &dyn ReadAt) -> Result<(Vec<Difference>, Vec<String>), Error> {
    let what = format!("layer {name}");
    let read = |blob| layer::read(&what, tar(blob), &mut |_, _| Ok(()));
    let differences = layer::compare(&read(theirs)?, &read(ours)?);
    let Some(first) = differences.iter().find(|difference| difference.field == "content") else {
        return Ok((differences, Vec::new()));
    };
    let path = first.path.trim_start_matches('/').to_owned();
    let contents = |blob| {
        let mut bytes = None;
        layer::read(&what, tar(blob), &mut |found, contents| {
            if found.path == path && found.size <= EXPLAINED_MAX {
                let mut all = Vec::new();
                contents.read_to_end(&mut all).map_err(|error| Error::archive(&what, error))?;
                bytes = Some(all);
            }
            Ok(())
        })?;
        Ok::<_, Error>(bytes)
    };
    let lines = match (contents(theirs)?, contents(ours)?) {
        (Some(theirs), Some(ours)) => layer::explain(&theirs, &ours),
        _ => Vec::new(),
    };
    Ok((differences, lines))
}

/// The fields of two documents that differ; those with a beginning of `explained` are left out.
fn documents(theirs: &[u8], ours: &[u8], explained: &[&str]) -> Result<Vec<Difference>, Error> {
    let read = |bytes: &[u8]| -> Result<BTreeMap<String, String>, Error> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| Error::archive("a document", error))?;
        let mut fields = BTreeMap::new();
        flatten("", &value, &mut fields);
        Ok(fields)
    };
    let (a, b) = (read(theirs)?, read(ours)?);
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let said = |key: &str| !key.ends_with("mediaType") && explained.iter().any(|start| key.starts_with(start));
    let differ = keys.into_iter().filter(|key| a.get(*key) != b.get(*key) && !said(key));
    let difference = |key: &String| Difference {
        path: String::new(),
        field: key.clone(),
        left: a.get(key).cloned(),
        right: b.get(key).cloned(),
    };
    let mut all: Vec<Difference> = differ.map(difference).collect();
    if theirs != ours && a == b {
        let size = |bytes: &[u8]| Some(format!("{} B", bytes.len()));
        let field = "bytes: the same values, written otherwise".to_owned();
        all.push(Difference { path: String::new(), field, left: size(theirs), right: size(ours) });
    }
    Ok(all)
}

/// Every leaf by its path; the environment by its names.
fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(&below(key), value, fields);
            }
        }
        Value::Array(all) if path.ends_with("Env") => {
            for (name, value) in all.iter().filter_map(|pair| pair.as_str()?.split_once('=')) {
                fields.insert(below(name), value.to_owned());
            }
        }
        Value::Array(all) if !all.is_empty() => {
            for (i, value) in all.iter().enumerate() {
                flatten(&format!("{path}[{i}]"), value, fields);
            }
        }
        Value::String(text) => _ = fields.insert(path.to_owned(), text.clone()),
        other => _ = fields.insert(path.to_owned(), other.to_string()),
    }
}

impl Report {
    pub(super) fn json(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::archive("the answer", error))?;
        Ok(text + "\n")
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        if self.same {
            let _ = writeln!(out, "same: {}, made again bit for bit: {} layers", self.image, self.layers.len());
        } else {
            let rebuilt = self.rebuilt.map_or_else(String::new, |digest| format!(", made again, is {digest}"));
            let _ = writeln!(out, "differs: {}{rebuilt}\n", self.image);
            self.first(&mut out);
            self.summary(&mut out);
        }
        let own: Vec<&str> =
            self.layers.iter().filter(|layer| layer.own_contents).map(|layer| layer.name.as_str()).collect();
        if !own.is_empty() {
            let names = own.join(", ");
            let _ = writeln!(out, "made from the image's own files: {names}; --profile takes the project's");
        }
        out
    }

    /// The first difference, at length: layer → path → field.
    fn first(&self, out: &mut String) {
        if let Some(layer) = self.layers.iter().find(|layer| layer.verdict != Verdict::Same) {
            layer.first(out);
        } else if let Some((name, first)) = self.documents().next() {
            let _ = writeln!(out, "{name} → {}", first.field);
            sides(first.left.as_deref(), first.right.as_deref(), out);
        }
        out.push('\n');
    }

    fn documents(&self) -> impl Iterator<Item = (&'static str, &Difference)> {
        let config = self.config.iter().map(|difference| ("config", difference));
        config.chain(self.manifest.iter().map(|difference| ("manifest", difference)))
    }

    fn summary(&self, out: &mut String) {
        let _ = writeln!(out, "Layers");
        for layer in &self.layers {
            let _ = writeln!(out, "  {:<16} {}", layer.name, layer.verdict());
            for (path, fields) in by_path(&layer.differences).into_iter().take(PATHS_MAX) {
                let _ = writeln!(out, "    {path}: {}", fields.join(", "));
            }
        }
        for (name, difference) in self.documents() {
            let _ = writeln!(out, "{name} → {}", difference.field);
        }
    }
}

impl LayerReport {
    /// What differs first in the layer.
    fn first(&self, out: &mut String) {
        let Some(first) = self.differences.first() else {
            let _ = writeln!(out, "{} → {}", self.name, self.verdict());
            let digest = |side: Option<Digest>| side.map(|digest| digest.to_string());
            return sides(digest(self.image).as_deref(), digest(self.rebuilt).as_deref(), out);
        };
        let path = if first.path.is_empty() { String::new() } else { format!(" → {}", first.path) };
        let _ = writeln!(out, "{}{path} → {}", self.name, first.field);
        sides(first.left.as_deref(), first.right.as_deref(), out);
        // The contents are told of one file, the first whose contents differ.
        let told = self.differences.iter().find(|difference| difference.field == "content");
        for line in self.contents.iter().filter(|_| told.is_some_and(|told| told.path == first.path)) {
            let _ = writeln!(out, "    {line}");
        }
    }

    fn verdict(&self) -> String {
        match self.verdict {
            Verdict::Same => "same".to_owned(),
            Verdict::OtherCompression => "same tar, other compression".to_owned(),
            Verdict::OnlyInImage => "only in the image".to_owned(),
            Verdict::OnlyRebuilt => "not in the image".to_owned(),
            Verdict::Differs => counted(&self.differences),
        }
    }
}

fn sides(image: Option<&str>, rebuilt: Option<&str>, out: &mut String) {
    for (side, value) in [("image", image), ("rebuilt", rebuilt)] {
        let _ = writeln!(out, "  {side:<8} {}", value.unwrap_or("not there"));
    }
}

fn by_path(differences: &[Difference]) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for difference in differences {
        all.entry(&difference.path).or_default().push(&difference.field);
    }
    all
}

/// How many paths differ, and in what.
fn counted(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "differs: the same entries, written by another tar".to_owned();
    }
    let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
    for difference in differences {
        *fields.entry(&difference.field).or_default() += 1;
    }
    let paths = by_path(differences).len();
    let fields: Vec<String> = fields.into_iter().map(|(field, count)| format!("{field} {count}")).collect();
    format!("differs at {paths} {}: {}", if paths == 1 { "path" } else { "paths" }, fields.join(", "))
}

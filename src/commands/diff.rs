//! `diff`: what another image or lock brings, and what of it would have to be uploaded.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::cli;
use crate::error::Error;
use crate::layer::{self, Found};
use crate::lock::Lock;
use crate::project;
use crate::ui;

use super::compare::pairs;
use super::seen::{LayerSeen, Seen, tar};
use super::{Stop, World, say, visible};

/// One side.
struct Side<'a> {
    /// The image itself; `None` for a lockfile.
    seen: Option<Seen<'a>>,
    layers: Vec<LayerSeen>,
    lock: Option<Lock>,
    settings: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

/// A value that one side has and the other has not, or has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    name: String,
    from: Option<String>,
    to: Option<String>,
}

/// A field of a file that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FileChange {
    layer: String,
    path: String,
    field: String,
    from: Option<String>,
    to: Option<String>,
}

/// All that differs.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Difference {
    stack: Vec<Change>,
    artifacts: Vec<Change>,
    settings: Vec<Change>,
    labels: Vec<Change>,
    layers: Vec<Change>,
    /// Where it was asked for.
    files: Vec<FileChange>,
    /// Bytes of the second side's layers that the first has not.
    upload: u64,
}

pub(super) fn diff(command: &cli::Diff, world: &World) -> Result<(), Stop> {
    let (from, to) = (side(&command.from, command, world)?, side(&command.to, command, world)?);
    let mut difference = compare(&from, &to);
    if command.files {
        difference.files = files(&from, &to, world)?;
    }
    if command.json {
        let text = serde_json::to_string_pretty(&difference);
        say(&(text.map_err(|error| Error::archive("the answer", error))? + "\n"))?;
    } else {
        say(&visible(&text(&difference)))?;
    }
    let same = difference == Difference::default();
    if same { Ok(()) } else { Err(Stop::Problems) }
}

/// A lockfile by its name's end, else an image.
fn side<'a>(typed: &str, command: &cli::Diff, world: &'a World) -> Result<Side<'a>, Stop> {
    let path = world.environment.cwd.join(typed);
    if path.extension().is_some_and(|extension| extension == "lock") {
        let lock = Lock::parse(typed, &project::text(&path, crate::lock::MAX_BYTES)?)?;
        let layers = lock.layers.iter().map(|layer| LayerSeen {
            name: layer.name.clone(),
            digest: layer.digest,
            diff_id: layer.diff_id.to_string(),
            size: layer.size,
        });
        return Ok(Side {
            seen: None,
            layers: layers.collect(),
            settings: BTreeMap::new(),
            labels: BTreeMap::new(),
            lock: Some(lock),
        });
    }
    let seen = Seen::read(typed, command.plain_http, world)?;
    let (layers, lock, settings) = (seen.layers.clone(), seen.lock.clone(), seen.settings.clone());
    Ok(Side { labels: seen.labels(), layers, lock, settings, seen: Some(seen) })
}

fn compare(from: &Side<'_>, to: &Side<'_>) -> Difference {
    let stack = |side: &Side<'_>| side.lock.as_ref().map(axes).unwrap_or_default();
    let artifacts = |side: &Side<'_>| side.lock.as_ref().map(artifacts).unwrap_or_default();
    let pairs = |map: &BTreeMap<String, String>| map.clone().into_iter().collect::<Vec<_>>();
    let new = to.layers.iter().filter(|layer| from.layers.iter().all(|old| old.digest != layer.digest));
    Difference {
        stack: changes(&stack(from), &stack(to)),
        artifacts: changes(&artifacts(from), &artifacts(to)),
        settings: changes(&pairs(&from.settings), &pairs(&to.settings)),
        labels: changes(&pairs(&from.labels), &pairs(&to.labels)),
        upload: new.map(|layer| layer.size).sum(),
        layers: changes(&layers(from), &layers(to)),
        files: Vec::new(),
    }
}

/// The files of layers that are not the same, layers of one name beside each other.
fn files(from: &Side<'_>, to: &Side<'_>, world: &World) -> Result<Vec<FileChange>, Stop> {
    let (Some(a), Some(b)) = (&from.seen, &to.seen) else {
        return Err(Stop::Usage("--files compares images; a lockfile has none".to_owned()));
    };
    let read = |seen: &Seen<'_>, layer: Option<&LayerSeen>| -> Result<Vec<Found>, Error> {
        let Some(layer) = layer else { return Ok(Vec::new()) };
        let blob = seen.layer(layer, world)?;
        layer::read(&format!("layer {}", layer.name), tar(blob.as_ref()), &mut |_, _| Ok(()))
    };
    let mut all = Vec::new();
    for (name, old, new) in pairs(&from.layers, &to.layers, |layer| &layer.name, |layer| &layer.name) {
        if old.map(|layer| &layer.diff_id) == new.map(|layer| &layer.diff_id) {
            continue;
        }
        let change = |layer::Difference { path, field, left, right }| FileChange {
            layer: name.clone(),
            path,
            field,
            from: left,
            to: right,
        };
        all.extend(layer::compare(&read(a, old)?, &read(b, new)?).into_iter().map(change));
    }
    Ok(all)
}

/// The layers by name; what others built may have a name twice, and then it is counted.
fn layers(side: &Side<'_>) -> Vec<(String, String)> {
    let mut named: Vec<(String, String)> = Vec::new();
    for (at, layer) in side.layers.iter().enumerate() {
        let twins = side.layers[..at].iter().filter(|before| before.name == layer.name).count();
        let name = if twins == 0 { layer.name.clone() } else { format!("{} #{}", layer.name, twins + 1) };
        named.push((name, format!("{} ({})", layer.digest.short(), ui::size(layer.size))));
    }
    named
}

fn axes(lock: &Lock) -> Vec<(String, String)> {
    let all = lock.stack.axes().into_iter().map(|(axis, version)| (axis.to_owned(), version.to_owned()));
    all.chain(lock.base.iter().map(|base| ("base".to_owned(), base.digest.to_string()))).collect()
}

/// Versions by what they are versions of; a file that changed under its version is told by its digest.
fn artifacts(lock: &Lock) -> Vec<(String, String)> {
    let pair = |artifact: &Artifact| {
        let version = artifact.coordinate.version();
        (artifact.coordinate.unversioned(), format!("{version} ({})", artifact.sha256.short()))
    };
    lock.artifacts.iter().map(pair).collect()
}

/// What is gone or other, then what is new, each in its side's order.
fn changes(from: &[(String, String)], to: &[(String, String)]) -> Vec<Change> {
    let find = |side: &[(String, String)], name: &String| side.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let new = to.iter().filter(|(name, _)| find(from, name).is_none());
    let names = from.iter().chain(new).map(|(name, _)| name);
    let change = |name: &String| Change { name: name.clone(), from: find(from, name), to: find(to, name) };
    names.map(change).filter(|change| change.from != change.to).collect()
}

fn text(difference: &Difference) -> String {
    let mut out = String::new();
    let parts = [
        ("Stack", &difference.stack),
        ("Packages", &difference.artifacts),
        ("Settings", &difference.settings),
        ("Labels", &difference.labels),
        ("Layers", &difference.layers),
    ];
    for (title, changes) in parts {
        if !changes.is_empty() {
            let _ = writeln!(out, "{}{title}", if out.is_empty() { "" } else { "\n" });
        }
        for Change { name, from, to } in changes {
            let line = match (from, to) {
                (Some(from), Some(to)) => format!("  ~ {name} {from} -> {to}"),
                (Some(from), None) => format!("  - {name} {from}"),
                (None, to) => format!("  + {name} {}", to.as_deref().unwrap_or_default()),
            };
            let _ = writeln!(out, "{line}");
        }
    }
    if out.is_empty() {
        return "no difference\n".to_owned();
    }
    if !difference.files.is_empty() {
        let _ = writeln!(out, "\nFiles");
    }
    for FileChange { layer, path, field, from, to } in &difference.files {
        let sign = match (from, to) {
            (None, _) if field == "entry" => "+",
            (_, None) if field == "entry" => "-",
            _ => "~",
        };
        let what = if field == "entry" { String::new() } else { format!(": {field}") };
        let _ = writeln!(out, "  {sign} {layer} {path}{what}");
    }
    let _ = writeln!(out, "\nTo upload where the first one is: {}", ui::size(difference.upload));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn side(layers: &[(&str, u64)], settings: &[(&str, &str)]) -> Side<'static> {
        let layer = |(name, size): &(&str, u64)| LayerSeen {
            name: (*name).to_owned(),
            digest: Digest::of(format!("{name}{size}").as_bytes()),
            diff_id: String::new(),
            size: *size,
        };
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let layers = layers.iter().map(layer).collect();
        Side { seen: None, layers, lock: None, settings: own(settings), labels: own(&[]) }
    }

    #[test]
    fn what_differs_is_told_with_what_it_costs() {
        let from = side(&[("base", 40_000_000), ("settings", 5_000)], &[("a", "1"), ("b", "2"), ("c", "3")]);
        let to =
            side(&[("base", 40_000_000), ("settings", 6_000), ("app", 1_500)], &[("a", "1"), ("b", "4"), ("d", "5")]);
        assert_eq!(compare(&from, &from), Difference::default());
        insta::assert_snapshot!(text(&compare(&from, &to)), @"
        Settings
          ~ b 2 -> 4
          - c 3
          + d 5

        Layers
          ~ settings 40038414061c (5 KB) -> a950fe5465cf (6 KB)
          + app 954651a7fc2b (2 KB)

        To upload where the first one is: 8 KB
        ");
        assert_eq!(text(&Difference::default()), "no difference\n");
    }
}

//! `tree`: what is in the lock, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::artifact::{Artifact, Coordinate, Unmet};
use crate::cli;
use crate::lock::{Lock, is_named, is_named_so};

use super::{Request, Stop, World, lock, say};

pub(super) fn tree(command: &cli::Tree, world: &World) -> Result<(), Stop> {
    let mut found = false;
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, None, world)?;
        let lock = lock::held(&request.project, world)?;
        let shown = match &command.invert {
            None => draw(&request.project.name, &rows(&lock)) + &instead(&lock.unmet),
            Some(name) => inverted(&request.project.name, &lock, name),
        };
        found |= !shown.is_empty();
        say(&shown)?;
    }
    match &command.invert {
        Some(name) if !found => Err(Stop::Usage(format!("no lock given holds `{name}`"))),
        _ => Ok(()),
    }
}

/// What is drawn: a coordinate and who asked for it.
type Row<'a> = (&'a Coordinate, &'a [String]);

fn rows(lock: &Lock) -> Vec<Row<'_>> {
    lock.artifacts.iter().map(|artifact| (&artifact.coordinate, &*artifact.via)).collect()
}

/// What is there instead of what somebody wants, a line each.
pub(super) fn instead(unmet: &[Unmet]) -> String {
    unmet.iter().fold(String::new(), |mut out, Unmet { name, wanted, got, via }| {
        let _ = writeln!(out, "{name} {got} instead of {wanted}, wanted by {}", via.join(", "));
        out
    })
}

/// Who is here because of whom, by the first reason of each.
pub(super) fn draw(title: &str, rows: &[Row<'_>]) -> String {
    let mut below: BTreeMap<&str, Vec<&Coordinate>> = BTreeMap::new();
    let names: BTreeSet<String> = rows.iter().map(|(coordinate, _)| coordinate.name()).collect();
    for (coordinate, via) in rows {
        if let Some(via) = via.first() {
            below.entry(via).or_default().push(coordinate);
        }
    }
    let mut out = format!("{title}\n");
    let mut seen = BTreeSet::new();
    let roots: Vec<&&str> = below.keys().filter(|via| !names.contains(**via)).collect();
    for (i, via) in roots.iter().enumerate() {
        let last = i + 1 == roots.len();
        let _ = writeln!(out, "{}{via}", if last { "└── " } else { "├── " });
        branch(&mut out, via, &below, if last { "    " } else { "│   " }, &mut seen);
    }
    out
}

fn branch<'a>(
    out: &mut String,
    via: &'a str,
    below: &BTreeMap<&'a str, Vec<&'a Coordinate>>,
    indent: &str,
    seen: &mut BTreeSet<String>,
) {
    let children = below.get(via).map(Vec::as_slice).unwrap_or_default();
    for (i, coordinate) in children.iter().enumerate() {
        let last = i + 1 == children.len();
        let name = coordinate.name();
        let _ = writeln!(out, "{indent}{}{name} {}", if last { "└── " } else { "├── " }, coordinate.version());
        if seen.insert(coordinate.to_string()) {
            let next = below.get_key_value(name.as_str()).map(|(key, _)| *key);
            if let Some(next) = next {
                branch(out, next, below, &format!("{indent}{}", if last { "    " } else { "│   " }), seen);
            }
        }
    }
}

/// The artifacts of that name, and every way from them to the profile's own words; who wants Spark's own jars in another
/// version.
fn inverted(profile: &str, lock: &Lock, name: &str) -> String {
    let mut out = String::new();
    let is_own = |unmet: &&Unmet| is_named_so(&unmet.name, name) && lock.version_of(&unmet.name).is_none();
    let own: Vec<&Unmet> = lock.unmet.iter().filter(is_own).collect();
    if let Some(first) = own.first() {
        let _ = writeln!(out, "{} {}, Spark's own ({profile})", first.name, first.got);
    }
    let wishes: Vec<(&String, &String)> =
        own.iter().flat_map(|unmet| unmet.via.iter().map(|who| (who, &unmet.wanted))).collect();
    for (i, (who, wanted)) in wishes.iter().enumerate() {
        let _ = writeln!(out, "{}{who} wants {wanted}", if i + 1 == wishes.len() { "└── " } else { "├── " });
    }
    for artifact in lock.artifacts.iter().filter(|artifact| is_named(artifact, name)) {
        let _ = writeln!(out, "{} {} ({profile})", artifact.coordinate.name(), artifact.coordinate.version());
        reasons(&mut out, artifact, lock, "", &mut BTreeSet::new());
    }
    out
}

fn reasons(out: &mut String, artifact: &Artifact, lock: &Lock, indent: &str, above: &mut BTreeSet<String>) {
    if !above.insert(artifact.coordinate.name()) {
        return;
    }
    for (i, via) in artifact.via.iter().enumerate() {
        let last = i + 1 == artifact.via.len();
        let version = lock.version_of(via).map(|version| format!(" {version}")).unwrap_or_default();
        let name = artifact.coordinate.name();
        let other = lock.unmet.iter().find(|unmet| unmet.name == name && unmet.via.contains(via));
        let wants = other.map(|unmet| format!(" wants {}", unmet.wanted)).unwrap_or_default();
        let _ = writeln!(out, "{indent}{}{via}{version}{wants}", if last { "└── " } else { "├── " });
        let below = format!("{indent}{}", if last { "    " } else { "│   " });
        if let Some(parent) = lock.artifacts.iter().find(|other| other.coordinate.name() == *via) {
            reasons(out, parent, lock, &below, above);
        }
    }
    above.remove(&artifact.coordinate.name());
}

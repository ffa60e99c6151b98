//! `plan`: the image as a value. Nothing is rendered; what the store knows is read.

use std::fmt::Write as _;

use crate::artifact::Coordinate;
use crate::cli;
use crate::lock::Lock;
use crate::memory::{self, MemoryPlan};
use crate::plan::{self, NamedPath, Plan};
use crate::project;
use crate::spark::Settings;
use crate::tree::{Entry, Kind};
use crate::ui;

use super::sizes::{settings, sizes};
use super::{Request, Stop, World, alone, gather, lock, named, say};

/// Width of the memory bar in cells; with its indent it fits 80 columns.
const BAR: usize = 74;

pub(super) fn plan(command: &cli::Plan, world: &World) -> Result<(), Stop> {
    let request = Request::open(&command.profile, None, world)?;
    let profile = &request.profile;
    let own = request.settle(request.project.own_files(profile, &world.store), &[], world)?;
    let chosen = sizes(&command.size, profile)?;
    let unfit = |locked| alone::problems(profile, chosen.iter().map(|(_, size)| size), locked);
    let lock = request.settle(lock::current(&request, request.project.lock()?, &own), &unfit(None), world)?;
    request.refuse(unfit(Some(&lock.stack)), world)?;
    let copied = request.settle(project::copies(&request.project, profile, &world.store), &[], world)?;
    let coordinates: Vec<Coordinate> = lock.artifacts.iter().map(|artifact| artifact.coordinate.clone()).collect();
    let named = named::look(&request, &lock, &own, &copied.layers, world)?;
    request.judge(named.problems, false, world)?;
    for (_, size) in chosen {
        let memory = request.settle(memory::plan(profile, &size, &lock.stack).map_err(Into::into), &[], world)?;
        let settings =
            request.settle(settings(profile, &lock.stack, lock.base.as_ref(), &memory, &coordinates), &[], world)?;
        let own_parts = plan::own(&lock, profile, &own.small, &settings, &copied.layers)?;
        if command.json {
            if !gather::at_hand(&lock, world) {
                world.ui.note("the plan holds every file: locked files that the store has not are fetched");
            }
            let gathered = request.settle(gather::of_lock(&request, &lock, &own, world), &[], world)?;
            let (mut layers, outline) = plan::locked(&gathered.contents)?;
            layers.extend(plan::compose(&outline, own_parts)?.0);
            let whole = Plan { layers, runtime: plan::runtime(&lock, profile, &settings) };
            let mut whole = serde_json::json!(whole);
            whole["memory"] = serde_json::json!(memory);
            whole["named"] = serde_json::json!(named.found);
            say(&format!("{whole:#}\n"))?;
        } else {
            say(&text(&request, &lock, &memory, &settings, &own_parts))?;
            say(&files(&named.found))?;
        }
        request.judge(settings.warnings, false, world)?;
    }
    Ok(())
}

fn text(request: &Request, lock: &Lock, memory: &MemoryPlan, settings: &Settings, own: &[plan::LayerPlan]) -> String {
    let mut out = String::new();
    let stack = &lock.stack;
    let _ = writeln!(
        out,
        "{}: Spark {}, Scala {}, Hadoop {}, Java {}, Python {}, {}",
        request.project.name, stack.spark, stack.scala, stack.hadoop, stack.java, stack.python, stack.debian
    );
    let _ = writeln!(out, "\nLayers");
    for layer in &lock.layers {
        let _ = writeln!(out, "  {:<16} {:>10}  {}", layer.name, ui::size(layer.size), layer.digest.short());
    }
    for part in own {
        let bytes: u64 = part.entries.iter().map(size).sum();
        let _ = writeln!(
            out,
            "  {:<16} {:>10}  {} files, from your own files and size",
            part.name,
            ui::size(bytes),
            part.entries.iter().filter(|e| e.kind != Kind::Directory).count()
        );
    }
    let _ = writeln!(out, "\nMemory\n{}", memory::table(memory));
    for line in memory::bar(memory, BAR).lines() {
        let _ = writeln!(out, "  {line}");
    }
    for note in &memory.notes {
        let _ = writeln!(out, "  {note}");
    }
    let _ = writeln!(out, "\nSettings");
    for setting in &settings.defaults {
        let _ = writeln!(out, "  {} {}\n      {}", setting.key, setting.value, setting.why);
    }
    let _ = writeln!(out, "\nEnvironment");
    for (name, value) in &settings.environment {
        let _ = writeln!(out, "  {name}={value}");
    }
    out
}

/// The files that settings name, and the layers that hold them.
fn files(named: &[NamedPath]) -> String {
    let mut out = String::new();
    for (at, one) in named.iter().enumerate() {
        if at == 0 {
            let _ = writeln!(out, "\nFiles that settings name");
        }
        let layers: Vec<&str> = one.layers.iter().map(String::as_str).collect();
        let _ = writeln!(out, "  {} {}\n      in {}", one.key, one.path, layers.join(", "));
    }
    out
}

fn size(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File(source) => source.size(),
        _ => 0,
    }
}

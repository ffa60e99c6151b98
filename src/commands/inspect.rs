//! `inspect`: what an image of a layout, an archive or a registry holds, without unpacking it.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::artifact::Coordinate;
use crate::cli;
use crate::lock::Lock;
use crate::ui;

use super::seen::Seen;
use super::{Stop, World, say, visible};

/// The baked plan, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PlanSeen {
    cpu_milli: u32,
    memory_milli_gb: u32,
    heap_mib: u64,
    workers: u32,
}

pub(super) fn inspect(command: &cli::Inspect, world: &World) -> Result<(), Stop> {
    let seen = Seen::read(&command.image, command.plain_http, world)?;
    if command.json {
        say(&format!("{:#}\n", report(&seen)))?;
    } else {
        say(&visible(&text(&seen)))?;
    }
    Ok(())
}

fn report(seen: &Seen<'_>) -> Value {
    let artifacts = |lock: &Lock| lock.artifacts.iter().map(|one| one.coordinate.to_string()).collect::<Vec<_>>();
    json!({
        "digest": seen.content.digest,
        "media-type": seen.content.media_type,
        "created": seen.config.created(),
        "platform": format!("{}/{}", seen.config.os(), seen.config.architecture()),
        "size": seen.size(),
        "layers": seen.layers,
        "labels": seen.labels(),
        "stack": seen.lock.as_ref().map(|lock| &lock.stack),
        "base": seen.lock.as_ref().map(|lock| &lock.base),
        "artifacts": seen.lock.as_ref().map(artifacts),
        "plan": seen.plan,
        "settings": seen.settings,
    })
}

fn text(seen: &Seen<'_>) -> String {
    let mut out = String::new();
    let created = seen.config.created().clone().unwrap_or_else(|| "an unknown time".to_owned());
    let platform = format!("{}/{}", seen.config.os(), seen.config.architecture());
    let _ = writeln!(out, "{}\n{platform}, {} compressed, of {created}", seen.content.digest, ui::size(seen.size()));
    match &seen.lock {
        Some(lock) => made_of(lock, &mut out),
        None => _ = writeln!(out, "sparkbake did not make it: it holds no lock"),
    }
    if let Some(plan) = seen.plan.clone().and_then(|plan| serde_json::from_value::<PlanSeen>(plan).ok()) {
        let (cpu, gb) = (f64::from(plan.cpu_milli) / 1000.0, f64::from(plan.memory_milli_gb) / 1000.0);
        let workers = plan.workers;
        let _ =
            writeln!(out, "baked for {cpu} vCPU and {gb} GB: heap {} MiB, Python workers: {workers}", plan.heap_mib);
    }
    let _ = writeln!(out, "\nLayers");
    for layer in &seen.layers {
        let _ = writeln!(out, "  {:<16} {:>10}  {}", layer.name, ui::size(layer.size), layer.digest);
    }
    for (title, pairs, between) in [("Settings", &seen.settings, " "), ("Labels", &seen.labels(), "=")] {
        if !pairs.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for (key, value) in pairs {
            let _ = writeln!(out, "  {key}{between}{value}");
        }
    }
    out
}

fn made_of(lock: &Lock, out: &mut String) {
    let stack = &lock.stack;
    let _ = writeln!(
        out,
        "Spark {}, Scala {}, Hadoop {}, Java {}, Python {}, {}",
        stack.spark, stack.scala, stack.hadoop, stack.java, stack.python, stack.debian
    );
    if let Some(base) = &lock.base {
        let _ = writeln!(out, "on the base {}: {} layers", base.digest, base.layers);
    }
    let count = |fits: fn(&Coordinate) -> bool| lock.artifacts.iter().filter(|one| fits(&one.coordinate)).count();
    let _ = writeln!(
        out,
        "{} of Debian's packages, {} of Python's, {} of Maven's",
        count(|one| matches!(one, Coordinate::Debian { .. })),
        count(|one| matches!(one, Coordinate::Pypi { .. })),
        count(|one| matches!(one, Coordinate::Maven { .. })),
    );
}

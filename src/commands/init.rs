//! `init`: a profile to begin with.

use crate::cli;
use crate::error::Error;
use crate::problem::{Level, Problem, SourceFile};
use crate::profile::{self, Size, Sku};
use crate::project;

use super::sizes::number;
use super::{Stop, TYPED, World, alone, word};

pub(super) fn init(command: &cli::Init, world: &World) -> Result<(), Stop> {
    let (cpu_milli, memory_milli_gb) = (number(&command.cpu, "cpu")?, number(&command.memory, "memory")?);
    let size = Size { cpu_milli, memory_milli_gb, sku: Sku::default() };
    let name = command.file.display().to_string();
    if !project::is_path(&name) {
        return Err(Stop::Usage(format!("`{name}` is no profile's path: it ends in .toml; try `{name}.toml`")));
    }
    let path = world.environment.cwd.join(&command.file);
    if project::exists(&path) {
        let reason = "exists already, and nothing is overwritten; name another file";
        return Err(Stop::World(Error::archive(name, reason)));
    }
    let text = written(command, &size).map_err(|problems| {
        let weighed: Vec<_> = problems.into_iter().map(|problem| (Level::Deny, problem)).collect();
        super::show(&weighed, &SourceFile { name: TYPED.to_owned(), text: String::new() }, world);
        Stop::Problems
    })?;
    project::write_whole(&path, text.as_bytes())?;
    world.ui.step("Wrote", &name);
    let argument = if name == "sparkbake.toml" { String::new() } else { format!(" {name}") };
    world.ui.note(format_args!("next: sparkbake build{argument}"));
    Ok(())
}

/// The new profile, if its size holds the stack.
fn written(command: &cli::Init, size: &Size) -> Result<String, Vec<Problem>> {
    let request = profile::Init {
        spark: command.spark.clone(),
        cpu_milli: size.cpu_milli.value,
        memory_milli_gb: size.memory_milli_gb.value,
    };
    let text = profile::init(&request).map_err(|problems| match &command.spark {
        Some(spark) => problems.into_iter().map(|problem| problem.at(&word("--spark", spark), "")).collect(),
        None => problems,
    })?;
    let source = SourceFile { name: command.file.display().to_string(), text: text.clone() };
    let faults = alone::problems(&profile::parse("sparkbake", source)?, [size], None);
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

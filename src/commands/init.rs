//! `init`: a profile to begin with.

use crate::cli;
use crate::error::Error;
use crate::profile;
use crate::project;

use super::sizes::number;
use super::{Stop, World};

pub(super) fn init(command: &cli::Init, world: &World) -> Result<(), Stop> {
    let request = profile::Init {
        spark: command.spark.clone(),
        cpu_milli: number(&command.cpu, "cpu")?,
        memory_milli_gb: number(&command.memory, "memory")?,
    };
    let path = world.environment.cwd.join(&command.file);
    if project::exists(&path) {
        let reason = "exists already, and nothing is overwritten; name another file".to_owned();
        return Err(Stop::World(Error::archive(command.file.display().to_string(), reason)));
    }
    let text = profile::init(&request).map_err(|problems| {
        let weighed: Vec<_> = problems.into_iter().map(|problem| (problem.code.level, problem)).collect();
        super::show(&weighed, &crate::problem::SourceFile::default(), world);
        Stop::Problems
    })?;
    project::write_whole(&path, text.as_bytes())?;
    world.ui.step("Wrote", command.file.display());
    let name = if command.file.as_os_str() == "sparkbake.toml" {
        String::new()
    } else {
        format!(" {}", command.file.display())
    };
    world.ui.note(format_args!("next: sparkbake build{name}"));
    Ok(())
}

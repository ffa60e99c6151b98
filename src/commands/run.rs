//! `run`: an image in a real container under the very size that it was baked for, and what it took beside the plan.

use oci_spec::image::ImageConfiguration;
use serde_json::json;

use crate::cli;
use crate::diagnose::diagnose;
use crate::digest::Digest;
use crate::engine::{self, Client, Ended, Engine, Kind, Limits, Process, Runtime};
use crate::error::Error;
use crate::image::{self, Format, Image};
use crate::layout::{self, Archive, Named};
use crate::memory::{self, aci};
use crate::profile::edit::{Measurement, with_memory};
use crate::project;
use crate::usage::{Calibration, Peaks, Planned, Reader, Report, SAMPLER};

use super::build::Ready;
use super::seen::{Seen, tar};
use super::sizes::{sizes, typed};
use super::{Request, Stop, World, say, visible};

/// Exit code where sparkbake or the engine failed, and not the job (as `docker run` has it).
pub(super) const FAILED: u8 = 125;

/// What is started.
struct Subject {
    image: Image,
    epoch: u64,
    /// The plan that is baked in; none in an image of others.
    planned: Option<Planned>,
    /// The profile that it was made from.
    request: Option<Request>,
}

/// The exit code: the job's own.
pub(super) fn run(command: &cli::Run, world: &World) -> Result<u8, Stop> {
    let is_image = !is_profile(&command.what, world);
    if command.calibrate && is_image {
        return Err(Stop::Usage("--calibrate writes to a profile, and this is an image".to_owned()));
    }
    let engine = engine::find(&world.environment, command.engine.map(kind))?;
    let subject = if is_image { of_image(command, world)? } else { of_profile(command, world)? };
    let limits = limits(command, &subject, world)?;
    let (ended, peaks) = match &engine {
        Engine::Client(client) => in_client(client, &subject, limits, command, world)?,
        Engine::Runtime(runtime) => in_runtime(runtime, &subject, limits, command, world)?,
    };
    if peaks.samples == 0 && ended.code == i32::from(FAILED) {
        world.ui.error("the engine did not start the container");
        return Ok(FAILED);
    }
    let report = subject.planned.as_ref().map(|planned| Report::new(planned, &peaks, limits.memory, ended.code));
    tell(report.as_ref(), &ended, command, world)?;
    if let (true, Some(request), Some(report)) = (command.calibrate, &subject.request, &report) {
        calibrate(request, report, world)?;
    }
    Ok(u8::try_from(ended.code).unwrap_or(1))
}

/// Whether a profile is meant: a path ends in `.toml`, a built-in one has a name alone.
fn is_profile(what: &str, world: &World) -> bool {
    let is_path = std::path::Path::new(what).extension().is_some_and(|extension| extension == "toml");
    let is_name = !what.contains(['/', ':']) && !project::exists(&world.environment.cwd.join(what));
    is_path || is_name || project::is_built_in(what)
}

const fn kind(engine: cli::Engine) -> Kind {
    match engine {
        cli::Engine::Docker => Kind::Docker,
        cli::Engine::Podman => Kind::Podman,
        cli::Engine::Crun => Kind::Crun,
        cli::Engine::Runc => Kind::Runc,
    }
}

fn of_profile(command: &cli::Run, world: &World) -> Result<Subject, Stop> {
    let request = Request::open(&command.what, None, world)?;
    if command.calibrate && request.project.lock_path.is_none() {
        let way = "`sparkbake init` writes a profile of your own";
        return Err(Stop::Usage(format!("--calibrate writes to a profile, and this one is built in; {way}")));
    }
    let sizes = sizes(&command.size, &request.profile)?;
    let [(_, size)] = sizes.as_slice() else {
        return Err(Stop::Usage("run starts one image; give --size once".to_owned()));
    };
    let ready = Ready::make(&request, &sizes, false, None, world)?;
    let mut warnings = Vec::new();
    let image = ready.image(&request, size, Format::Oci, &mut warnings, world)?;
    request.judge(warnings, false, world)?;
    let plan = memory::plan(&request.profile, size, &ready.lock.stack).map_err(|_| Stop::Problems)?;
    let plan = serde_json::to_value(&plan).and_then(serde_json::from_value);
    let planned = plan.map_err(|error| Error::archive("the plan", error))?;
    Ok(Subject { image, epoch: ready.lock.epoch, planned: Some(planned), request: Some(request) })
}

fn of_image(command: &cli::Run, world: &World) -> Result<Subject, Stop> {
    let seen = Seen::read(&command.what, command.plain_http, world)?;
    for layer in &seen.layers {
        seen.bring(layer, world)?;
    }
    let planned = seen.plan.clone().map(serde_json::from_value).transpose();
    let planned = planned.map_err(|error| Error::archive("the image's plan", error))?;
    Ok(Subject { image: seen.image()?, epoch: 0, planned, request: None })
}

/// The size that was typed, or the baked one.
fn limits(command: &cli::Run, subject: &Subject, world: &World) -> Result<Limits, Stop> {
    if !command.size.size.is_empty() && subject.request.is_none() {
        return Err(Stop::Usage("--size is a name of a profile's; an image takes --cpu and --memory".to_owned()));
    }
    let (cpu, memory) = typed(&command.size)?;
    let planned = subject.planned.as_ref();
    let none = || Stop::Usage("the image has no plan of sparkbake's: give --cpu and --memory".to_owned());
    let cpu_milli = cpu.map(|cpu| cpu.value).or(planned.map(|plan| plan.cpu_milli)).ok_or_else(none)?;
    let memory = memory.map(|milli_gb| u64::from(milli_gb.value) * memory::MILLI_GB);
    let memory = memory.or(planned.map(|plan| plan.limit_bytes)).ok_or_else(none)?;
    let cores = u32::try_from(world.environment.cores).unwrap_or(u32::MAX).saturating_mul(1000);
    if cpu_milli > cores {
        let (asked, here) = (aci::decimal(cpu_milli), aci::decimal(cores));
        world
            .ui
            .note(format_args!("{asked} vCPU are planned, and this machine has {here}: memory is true, time is not"));
    }
    Ok(Limits { memory, cpu_milli: cpu_milli.min(cores) })
}

fn in_client(
    client: &Client,
    subject: &Subject,
    limits: Limits,
    command: &cli::Run,
    world: &World,
) -> Result<(Ended, Peaks), Stop> {
    let id = subject.image.config.digest.hex();
    let name = format!("sparkbake-run:{}", id.get(..12).unwrap_or(&id));
    if !client.has(&name)? {
        let named = Named { name: name.clone(), tags: vec![name.clone()], image: subject.image.clone() };
        let locate = |digest: &Digest| world.store.path(digest);
        client.load(|out| layout::archive(Archive::Docker, &[named], subject.epoch, &locate, out))?;
        world.ui.step("Loaded", format_args!("{name} into {}, where it stays for the next run", client.name()));
    }
    let scratch = tempfile::tempdir().map_err(Error::write("the temporary directory"))?;
    let file = scratch.path().join("container");
    let run = client.run(&name, limits, &command.command, &file);
    say_start(client.name(), limits, world);
    let beside = || Some(client.exec(project::text(&file, 256).ok()?.trim(), SAMPLER));
    Ok(watched(run, command.json, &beside)?)
}

fn in_runtime(
    runtime: &Runtime,
    subject: &Subject,
    limits: Limits,
    command: &cli::Run,
    world: &World,
) -> Result<(Ended, Peaks), Stop> {
    let config: ImageConfiguration = serde_json::from_slice(&subject.image.config.bytes)
        .map_err(|error| Error::archive(subject.image.config.digest.to_string(), error))?;
    let mut bundle = runtime.bundle(world.store.root())?;
    let work = world.ui.work("Unpacking", subject.image.layers.len() as u64);
    for layer in &subject.image.layers {
        work.doing(&layer.name);
        bundle.lay(tar(&world.store.open_unchecked(&layer.digest)?))?;
        work.advance(1);
    }
    drop(work);
    bundle.configure(&process(&config, &command.command)?, limits)?;
    say_start(runtime.name(), limits, world);
    let (ended, peaks) = watched(bundle.run(), command.json, &|| Some(bundle.exec(SAMPLER)))?;
    if bundle.was_made() {
        return Ok((ended, peaks));
    }
    world.ui.note(bundle.needs());
    Ok((Ended { code: i32::from(FAILED), ..ended }, peaks))
}

fn say_start(engine: &str, limits: Limits, world: &World) {
    let cpu = aci::decimal(limits.cpu_milli);
    let mib = limits.memory / memory::MIB;
    world.ui.step("Running", format_args!("in {engine}, with {cpu} vCPU and {mib} MiB"));
}

/// Runs the container, and the sampler in it.
fn watched(
    run: std::process::Command,
    only_error: bool,
    beside: &(dyn Fn() -> Option<std::process::Command> + Sync),
) -> Result<(Ended, Peaks), Error> {
    let mut peaks = Peaks::default();
    let mut reader = Reader::default();
    let ended = engine::watch(run, only_error, beside, &mut |line| {
        if let Some(sample) = reader.line(line) {
            peaks.add(&sample);
        }
    })?;
    Ok((ended, peaks))
}

/// What the image's config starts, with other words where they were typed (OCI image-spec, conversion.md).
fn process(image: &ImageConfiguration, typed: &[String]) -> Result<Process, Error> {
    let config = image.config().clone().unwrap_or_default();
    let command = if typed.is_empty() { config.cmd().clone().unwrap_or_default() } else { typed.to_vec() };
    let arguments = [config.entrypoint().clone().unwrap_or_default(), command].concat();
    let directory = config.working_dir().clone().filter(|directory| !directory.is_empty());
    Ok(Process {
        arguments,
        environment: config.env().clone().unwrap_or_default(),
        directory: directory.unwrap_or_else(|| "/".to_owned()),
        user: engine::user(config.user().as_deref().unwrap_or_default())?,
    })
}

/// Says what was measured and, where the run failed, why.
fn tell(report: Option<&Report>, ended: &Ended, command: &cli::Run, world: &World) -> Result<(), Error> {
    let diagnosis = (ended.code != 0).then(|| diagnose(&ended.log, Some(ended.code)));
    if command.json {
        let text = json!({ "exited": ended.code, "measured": report, "diagnosis": diagnosis });
        return say(&format!("{text:#}\n"));
    }
    if let Some(report) = report {
        world.ui.text(&format!("\n{}", report.text()));
    } else {
        world.ui.note("the image has no plan of sparkbake's to hold the measurements against");
    }
    if let Some(diagnosis) = diagnosis {
        let text = super::diagnose::text(&diagnosis, Some(ended.code), None);
        world.ui.text(&format!("\nexit code {}\n{}", ended.code, visible(&text)));
    }
    Ok(())
}

/// Writes what the application holds to the profile.
fn calibrate(request: &Request, report: &Report, world: &World) -> Result<(), Stop> {
    let Some(Calibration { driver_mib, driver_peak_mib, worker_mib, worker_peak_mib }) = report.calibration else {
        world.ui.warn("nothing was measured, and nothing is written");
        return Ok(());
    };
    if report.exited != 0 {
        world.ui.warn("the run failed, so it measured nothing that the profile should say");
        return Ok(());
    }
    let time = image::rfc3339(world.environment.now)?;
    let day = time.split('T').next().unwrap_or(&time);
    let how = |who: &str, peak: u64| {
        format!(
            "{who} took {peak} MiB at most ({day}, `sparkbake run --calibrate`); what exceeds its libraries, and 10 %"
        )
    };
    let mut measured =
        vec![Measurement { key: "driver-mib", mib: driver_mib, how: how("the app's Python", driver_peak_mib) }];
    if let Some(mib) = worker_mib {
        measured.push(Measurement { key: "worker-mib", mib, how: how("a worker", worker_peak_mib) });
    } else {
        world.ui.note("no Python worker ran: if none ever does, `[memory] python-workers = 0` gives the heap more");
    }
    let source = &request.project.source;
    let text = with_memory(&source.text, &measured).map_err(|reason| Error::archive(&source.name, reason))?;
    let path = request.project.lock_path.as_ref().map(|lock| lock.with_extension("toml"));
    if let Some(path) = path {
        project::write_whole(&path, text.as_bytes())?;
        let said: Vec<String> = measured.iter().map(|one| format!("{} = {}", one.key, one.mib)).collect();
        world.ui.step("Wrote", format_args!("{} to {}", said.join(" and "), source.name));
    }
    Ok(())
}

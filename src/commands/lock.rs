//! `lock`: from the profile to a lockfile, verified and rendered.

use crate::classpath;
use crate::cli;
use crate::error::{Error, Failure};
use crate::layer::Recipe;
use crate::lock::{self, Change, Lock};
use crate::plan::Outline;
use crate::problem::{Problem, codes};
use crate::project::OwnFiles;

use super::gather::gather;
use super::resolve::{Resolved, resolve};
use super::{Request, Stop, World, bake};

pub(super) fn lock(command: &cli::Lock, world: &World) -> Result<(), Stop> {
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, command.deny.deny.as_ref(), world)?;
        let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
        let before = request.project.lock()?;
        if command.check {
            let current = current(&request, before, &own);
            request.settle(current, &[], world)?;
            world.ui.step("Checked", format_args!("{} is up to date", request.project.lock_name()));
            continue;
        }
        let (lock, _) = make(&request, &own, world)?;
        say_changes(before.as_ref(), &lock, world);
        let path = request.project.write_lock(&lock)?;
        world.ui.step("Locked", path.display());
    }
    Ok(())
}

/// Makes a lock; nothing is written but the store.
pub(super) fn make(request: &Request, own: &OwnFiles, world: &World) -> Result<(Lock, Outline), Stop> {
    let profile = &request.profile;
    let resolved = request.settle(resolve(profile, own, world), &[], world)?;
    let Resolved { stack, artifacts, releases, mut problems } = resolved;
    let epoch = epoch(&releases, world)?;
    let gathered = request.settle(gather(profile, &stack, &artifacts, own, epoch, world), &problems, world)?;
    problems.extend(gathered.problems.iter().cloned());
    problems.extend(super::classpath::of_profile(&gathered, &stack, profile, false, world)?.problems);
    request.judge(problems, true, world)?;
    let (layers, outline) = bake::locked(&gathered, Recipe::NEWEST, epoch, world)?;
    let lock = Lock {
        version: lock::VERSION,
        epoch,
        recipe: Recipe::NEWEST,
        verified: classpath::RULES_VERSION,
        stack,
        inputs: lock::inputs(profile, &own.digests()),
        releases,
        layers,
        artifacts,
    };
    Ok((lock, outline))
}

/// The image's time: `SOURCE_DATE_EPOCH`, else the date of the Debian suite's signed index.
fn epoch(releases: &[lock::LockedRelease], world: &World) -> Result<u64, Stop> {
    if let Some(text) = world.environment.var("SOURCE_DATE_EPOCH") {
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        let wrong =
            || Stop::Usage(format!("SOURCE_DATE_EPOCH is `{text}`; it must be a whole number of seconds since 1970"));
        return text.parse().ok().filter(|_| plain).ok_or_else(wrong);
    }
    let first = releases.first().ok_or_else(|| Error::registry("Debian", "no index was believed"))?;
    let date: jiff::Timestamp = first.date.parse().map_err(|error| Error::registry(&first.suite, error))?;
    u64::try_from(date.as_second()).map_err(|error| Error::registry(&first.suite, error).into())
}

/// The lock, where it was made from what the profile says now.
pub(super) fn current(request: &Request, lock: Option<Lock>, own: &OwnFiles) -> Result<Lock, Failure> {
    let line = format!("sparkbake lock {}", request.project.source.name);
    let Some(lock) = lock else {
        let problem = Problem::new(codes::lock::MISSING, format!("{} does not exist", request.project.lock_name()));
        return Err(problem.help(line).into());
    };
    let changes = lock::changes(&lock.inputs, &lock::inputs(&request.profile, &own.digests()));
    if changes.is_empty() {
        return Ok(lock);
    }
    let name = request.project.lock_name();
    Err(changes.iter().map(|change| stale(change, &name, &line, request)).collect::<Vec<_>>().into())
}

fn stale(change: &Change, name: &str, line: &str, request: &Request) -> Problem {
    let message = match (&change.locked, &change.now) {
        (Some(locked), Some(now)) => format!("`{}` is {now}, and {name} was made with {locked}", change.key),
        (None, _) => format!("`{}` is new since {name} was made", change.key),
        (_, None) => format!("`{}` is gone since {name} was made", change.key),
    };
    let problem = Problem::new(codes::lock::STALE, message).help(line);
    match super::check::place(&request.profile, &change.key) {
        Some(at) => problem.at(&at, "changed"),
        None => problem,
    }
}

/// One line an artifact that came, went or moved.
fn say_changes(before: Option<&Lock>, after: &Lock, world: &World) {
    let Some(before) = before else {
        world.ui.step("Chose", format_args!("{} artifacts", after.artifacts.len()));
        return;
    };
    let old = |name: &str| before.version_of(name).map(str::to_owned);
    for artifact in &after.artifacts {
        let (name, version) = (artifact.coordinate.name(), artifact.coordinate.version());
        match old(&name) {
            None => world.ui.step("Adding", format_args!("{name} {version}")),
            Some(was) if was != version => world.ui.step("Updating", format_args!("{name} {was} -> {version}")),
            Some(_) => {}
        }
    }
    for artifact in &before.artifacts {
        let name = artifact.coordinate.name();
        if after.version_of(&name).is_none() {
            world.ui.step("Removing", format_args!("{name} {}", artifact.coordinate.version()));
        }
    }
}

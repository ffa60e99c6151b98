//! `lock`: from the profile to a lockfile, verified and rendered.

use crate::artifact::Artifact;
use crate::classpath;
use crate::cli;
use crate::error::{Error, Failure};
use crate::image;
use crate::layer::Recipe;
use crate::lock::{self, Change, Lock};
use crate::plan::Outline;
use crate::problem::{Problem, codes};
use crate::project::OwnFiles;

use super::base::Fresh;
use super::gather::{Locked, gather};
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
    let asked = asked_epoch(world)?;
    let resolved = request.settle(resolve(profile, &request.project.directory, own, world), &[], world)?;
    let Resolved { stack, artifacts, releases, base, mut problems } = resolved;
    let epoch = asked.map_or_else(|| epoch(&releases, base.as_ref()), Ok)?;
    let ground = base.map(|base| base.ground);
    let locked = Locked { stack: &stack, artifacts: &artifacts, epoch, ground: ground.as_ref() };
    let gathered = request.settle(gather(profile, &locked, own, world), &problems, world)?;
    problems.extend(gathered.problems.iter().cloned());
    let report = super::classpath::of_profile(&gathered, &stack, profile, false, world)?;
    for proof in &report.proofs {
        world.ui.step("Replacing", proof);
    }
    problems.extend(report.problems);
    problems.extend(super::settings::problems(profile, &artifacts, &stack.java, own, world)?);
    // The app's code and the sizes are `check`'s.
    request.judge(problems, false, world)?;
    let (layers, outline) = bake::locked(&gathered, Recipe::NEWEST, epoch, world)?;
    let lock = Lock {
        version: lock::VERSION,
        epoch,
        recipe: Recipe::NEWEST,
        verified: classpath::RULES_VERSION,
        stack,
        base: ground.map(|ground| ground.locked),
        inputs: lock::inputs(profile, &own.digests()),
        releases,
        layers,
        artifacts,
    };
    Ok((lock, outline))
}

/// The image's time where nobody asks for another: that of the base, or the date of the Debian suite's signed index.
fn epoch(releases: &[lock::LockedRelease], base: Option<&Fresh>) -> Result<u64, Stop> {
    if let Some(base) = base {
        return Ok(base.created);
    }
    let first = releases.first().ok_or_else(|| Error::registry("Debian", "no index was believed"))?;
    let date: jiff::Timestamp = first.date.parse().map_err(|error| Error::registry(&first.suite, error))?;
    u64::try_from(date.as_second()).map_err(|error| Error::registry(&first.suite, error).into())
}

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org, specs/source-date-epoch), where it is set.
pub(super) fn asked_epoch(world: &World) -> Result<Option<u64>, Stop> {
    let Some(text) = world.environment.var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let asked = text.parse().ok().filter(|epoch| plain && image::rfc3339(*epoch).is_ok());
    asked.map(Some).ok_or_else(|| {
        Stop::Usage(format!("SOURCE_DATE_EPOCH is `{text}`; it must be a whole number of seconds since 1970"))
    })
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
    // A name is one within its own ecosystem: Debian and PyPI both have a tzdata.
    let twin = |lock: &Lock, artifact: &Artifact| {
        let same = |other: &&Artifact| other.coordinate.unversioned() == artifact.coordinate.unversioned();
        lock.artifacts.iter().find(same).map(|other| other.coordinate.version().to_owned())
    };
    for artifact in &after.artifacts {
        let (name, version) = (artifact.coordinate.name(), artifact.coordinate.version());
        match twin(before, artifact) {
            None => world.ui.step("Adding", format_args!("{name} {version}")),
            Some(was) if was != version => world.ui.step("Updating", format_args!("{name} {was} -> {version}")),
            Some(_) => {}
        }
    }
    for artifact in before.artifacts.iter().filter(|artifact| twin(after, artifact).is_none()) {
        world.ui.step("Removing", format_args!("{} {}", artifact.coordinate.name(), artifact.coordinate.version()));
    }
}

//! `lock`: from the profile to a lockfile, verified and rendered.

use serde::Serialize;

use crate::artifact::Artifact;
use crate::classpath;
use crate::cli;
use crate::error::{Error, Failure};
use crate::image;
use crate::layer::Recipe;
use crate::lock::{self, Change, Kept, Lock, Upgrade};
use crate::net::Traffic;
use crate::plan::Outline;
use crate::problem::{Level, Problem, codes};
use crate::project::{OwnFiles, Project};
use crate::ui;

use super::base::Fresh;
use super::gather::{Locked, gather};
use super::resolve::{Asked, Resolved, resolve};
use super::{Request, Stop, World, alone, bake, say, show};

pub(super) fn lock(command: &cli::Lock, world: &World) -> Result<(), Stop> {
    let mut all = Vec::new();
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
        let kept = kept(command, before.as_ref(), &request.project.lock_name())?;
        let faults = alone::problems(&request.profile, alone::own_sizes(&request.profile), None);
        request.refuse(faults, world)?;
        let asked = world.net.traffic();
        let (lock, _) = make(&request, &own, &kept, world)?;
        let traffic = world.net.traffic() - asked;
        let changes = Changes::of(request.project.lock_name(), before.as_ref(), &lock, traffic);
        changes.say(before.is_none(), world);
        if command.json {
            all.push(serde_json::to_value(&changes).map_err(|error| Error::archive("the answer", error))?);
        }
        let path = request.project.write_lock(&lock)?;
        world.ui.step("Locked", path.display());
    }
    if command.json {
        say(&format!("{:#}\n", serde_json::Value::Array(all)))?;
    }
    Ok(())
}

/// Makes a lock; nothing is written but the store.
pub(super) fn make(request: &Request, own: &OwnFiles, kept: &Kept, world: &World) -> Result<(Lock, Outline), Stop> {
    let profile = &request.profile;
    let epoch_asked = asked_epoch(world)?;
    let asked = Asked { profile, directory: &request.project.directory, own, kept };
    let resolved = request.settle(resolve(&asked, world), &[], world)?;
    let Resolved { stack, artifacts, unmet, releases, base, mut problems } = resolved;
    let epoch = epoch_asked.map_or_else(|| epoch(&releases, base.as_ref()), Ok)?;
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
    // The app's code is `check`'s, and a lock is one for any size.
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
        unmet,
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
    let Some(lock) = lock else { return Err(missing(&request.project).into()) };
    let line = line(&request.project);
    let changes = lock::changes(&lock.inputs, &lock::inputs(&request.profile, &own.digests()));
    if changes.is_empty() {
        return Ok(lock);
    }
    let name = request.project.lock_name();
    Err(changes.iter().map(|change| stale(change, &name, &line, request)).collect::<Vec<_>>().into())
}

/// The lock of a project, whatever the profile says now.
pub(super) fn held(project: &Project, world: &World) -> Result<Lock, Stop> {
    project.lock()?.ok_or_else(|| {
        show(&[(Level::Deny, missing(project))], &project.source, world);
        Stop::Problems
    })
}

fn missing(project: &Project) -> Problem {
    Problem::new(codes::lock::MISSING, format!("{} does not exist", project.lock_name())).help(line(project))
}

fn line(project: &Project) -> String {
    format!("sparkbake lock {}", project.source.name)
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

/// What an old lock keeps, as far as the command line lets it.
fn kept(command: &cli::Lock, before: Option<&Lock>, name: &str) -> Result<Kept, Stop> {
    let upgrade = match &command.upgrade {
        None => Upgrade::Nothing,
        Some(names) if names.iter().all(String::is_empty) => Upgrade::All,
        Some(names) => Upgrade::Names(names.clone()),
    };
    let Some(before) = before else { return Ok(Kept::default()) };
    Kept::of(before, &upgrade).map_err(|unknown| {
        Stop::Usage(format!("{name} holds no {}; a profile stands before --upgrade", unknown.join(", ")))
    })
}

/// What differs from the lock before.
#[derive(Serialize)]
struct Changes<'a> {
    lockfile: String,
    artifacts: usize,
    added: Vec<Moved<'a>>,
    moved: Vec<Moved<'a>>,
    removed: Vec<Moved<'a>>,
    /// Names of the layers whose bytes are others now.
    layers: Vec<&'a str>,
    /// Their bytes, which a registry that has the images before lacks.
    upload: u64,
    #[serde(flatten)]
    traffic: Traffic,
}

/// An artifact that came, went or moved, and who asks for it.
#[derive(Serialize)]
struct Moved<'a> {
    name: String,
    from: Option<&'a str>,
    to: Option<&'a str>,
    via: &'a [String],
}

impl<'a> Changes<'a> {
    fn of(lockfile: String, before: Option<&'a Lock>, after: &'a Lock, traffic: Traffic) -> Self {
        // A name is one within its own ecosystem: Debian and PyPI both have a tzdata.
        let twin = |lock: Option<&'a Lock>, artifact: &Artifact| {
            let same = |other: &&Artifact| other.coordinate.unversioned() == artifact.coordinate.unversioned();
            lock?.artifacts.iter().find(same).map(|other| other.coordinate.version())
        };
        let (mut added, mut moved, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for artifact in &after.artifacts {
            let (name, to) = (artifact.coordinate.name(), artifact.coordinate.version());
            let from = twin(before, artifact);
            let change = Moved { name, from, to: Some(to), via: &artifact.via };
            match from {
                None => added.push(change),
                Some(from) if from != to => moved.push(change),
                Some(_) => {}
            }
        }
        for artifact in before.into_iter().flat_map(|lock| &lock.artifacts) {
            if twin(Some(after), artifact).is_none() {
                let (name, from) = (artifact.coordinate.name(), Some(artifact.coordinate.version()));
                removed.push(Moved { name, from, to: None, via: &artifact.via });
            }
        }
        let old: Vec<_> = before.into_iter().flat_map(|lock| &lock.layers).map(|layer| layer.digest).collect();
        let new = after.layers.iter().filter(|layer| !old.contains(&layer.digest));
        let upload = new.clone().map(|layer| layer.size).sum();
        let layers = new.map(|layer| layer.name.as_str()).collect();
        Self { lockfile, artifacts: after.artifacts.len(), added, moved, removed, layers, upload, traffic }
    }

    /// One line an artifact, with who asks for it, and one for the layers.
    fn say(&self, is_first: bool, world: &World) {
        if world.verbose {
            let Traffic { requests, received } = self.traffic;
            world.ui.note(format_args!("{requests} requests, {} received", ui::size(received)));
        }
        if is_first {
            world.ui.step("Chose", format_args!("{} artifacts", self.artifacts));
            return;
        }
        let why = |moved: &Moved<'_>| moved.via.first().map(|via| format!(" ({via})")).unwrap_or_default();
        for moved in &self.added {
            world.ui.step("Adding", format_args!("{} {}{}", moved.name, moved.to.unwrap_or_default(), why(moved)));
        }
        for moved in &self.moved {
            let (from, to) = (moved.from.unwrap_or_default(), moved.to.unwrap_or_default());
            world.ui.step("Updating", format_args!("{} {from} -> {to}{}", moved.name, why(moved)));
        }
        for moved in &self.removed {
            world.ui.step("Removing", format_args!("{} {}", moved.name, moved.from.unwrap_or_default()));
        }
        if self.layers.is_empty() {
            world.ui.step("Unchanged", "every layer");
        } else {
            let layers = self.layers.join(", ");
            world.ui.step("Changed", format_args!("{layers}: {} to upload", ui::size(self.upload)));
        }
    }
}

//! `check`: every static check of a profile and its lock, all problems at once. Nothing is written.

use serde_json::{Value, json};

use crate::app::Image;
use crate::artifact::{Artifact, Coordinate};
use crate::cli;
use crate::error::Failure;
use crate::lock::{Lock, LockedBase};
use crate::matrix::Stack;
use crate::problem::{self, At, Level, Problem};
use crate::profile::{Located, Profile, Size};
use crate::project::{self, OwnFiles};
use crate::{matrix, memory, plan};

use super::{Request, Stop, World, alone, app, gather, lock, named, say, settings, show, sizes};

pub(super) fn check(command: &cli::Check, world: &World) -> Result<(), Stop> {
    let mut failed = false;
    let (mut reports, mut values) = (Vec::new(), Vec::new());
    for typed in &command.profiles.profiles {
        let (weighed, source, unchecked) = match Request::read(typed, command.deny.deny.as_ref(), world)? {
            Ok(request) => {
                let (problems, unchecked) = all(&request, world)?;
                (request.weigh(problems, true), request.project.source, unchecked)
            }
            Err((weighed, source)) => (weighed, source, Unchecked::Rest),
        };
        let fails = weighed.iter().any(|(level, _)| *level == Level::Deny);
        failed |= fails;
        if !command.json && command.output_format.is_none() {
            show(&weighed, &source, world);
        }
        if let (false, Some(text)) = (fails, unchecked.text()) {
            world.ui.note(text);
        }
        values.push(json!({
            "profile": source.name,
            "problems": problem::json(&weighed, &source),
            "unchecked": unchecked.text(),
        }));
        reports.push((weighed, source));
    }
    match command.output_format {
        Some(cli::OutputFormat::Github) => {
            say(&reports.iter().map(|(weighed, source)| problem::github(weighed, source)).collect::<String>())?;
        }
        Some(cli::OutputFormat::Sarif) => say(&format!("{:#}\n", problem::sarif(&reports)))?,
        None if command.json => say(&format!("{}\n", Value::Array(values)))?,
        None => {}
    }
    if failed { Err(Stop::Problems) } else { Ok(()) }
}

/// What could not be checked, which is no problem of the profile.
#[derive(Clone, Copy)]
enum Unchecked {
    Nothing,
    /// The profile has mistakes of form.
    Rest,
    /// There is no lock, or it is not this profile's.
    Locked,
    /// Locked files are not in the store, and `check` fetches nothing.
    Files,
}

impl Unchecked {
    fn text(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Rest => Some("not checked: what needs a profile without mistakes"),
            Self::Locked => Some(
                "not checked for want of a lock of this profile: artifacts, class path, settings, imports; \
                 `sparkbake lock` makes one",
            ),
            Self::Files => Some(
                "not checked, as the store lacks locked files: class path and imports; `sparkbake build` fetches them",
            ),
        }
    }
}

/// What the profile alone shows, and what the lock adds where there is one.
fn all(request: &Request, world: &World) -> Result<(Vec<Problem>, Unchecked), Stop> {
    let profile = &request.profile;
    let mut problems = Vec::new();
    let mut collect = |result: Result<(), Failure>| match result {
        Ok(()) => Ok(()),
        Err(Failure::Problems(more)) => {
            // Several sizes may say the same.
            for problem in more {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            Ok(())
        }
        Err(Failure::World(error)) => Err(Stop::World(error)),
    };
    let newer = matrix::newer_spark(profile);
    // What a newer PySpark carries is in its sdist alone: without a lock there is no stack yet.
    let selected = match newer {
        Some(spark) => Err(vec![matrix::newer(spark)]),
        // What a base has is in its layers alone.
        None if profile.stack.base.is_some() => Err(Vec::new()),
        None => matrix::select(profile, None),
    };
    let own = request.project.own_files(profile, &world.store);
    let locked = match (&own, request.project.lock()?) {
        (Ok(own), Some(locked)) => Some(lock::current(request, Some(locked), own)),
        _ => None,
    };
    let (of_jars, image, unchecked) = match (&own, &locked) {
        (Ok(own), Some(Ok(lock))) => {
            let (found, image) = of_lock(request, lock, own, world)?;
            let unchecked = if image.is_some() { Unchecked::Nothing } else { Unchecked::Files };
            (found, image, unchecked)
        }
        _ => (Vec::new(), None, Unchecked::Locked),
    };
    collect(own.map(drop))?;
    let stack = match &selected {
        Ok(selection) => Some(selection.stack.clone()),
        Err(more) => {
            collect(Err(more.clone().into()))?;
            None
        }
    };
    let mut base = None;
    let (stack, artifacts) = match locked {
        Some(Ok(lock)) => {
            base = lock.base;
            (Some(lock.stack), lock.artifacts)
        }
        Some(Err(failure)) => {
            collect(Err(failure))?;
            (stack, Vec::new())
        }
        None => (stack, Vec::new()),
    };
    let derived = derived(&artifacts, world)?;
    let coordinates: Vec<Coordinate> = artifacts.into_iter().map(|artifact| artifact.coordinate).collect();
    // What a size holds depends little on the stack.
    if let Some(stack) = &stack.clone().or_else(|| matrix::nearest_stack(profile)) {
        for size in alone::own_sizes(profile) {
            collect(baked(profile, size, stack, base.as_ref(), &coordinates))?;
        }
    }
    if let Some(stack) = &stack {
        collect(Err(matrix::check(profile, stack, &coordinates, derived.as_ref()).into()))?;
        let app = app::problems(request, stack, base.as_ref(), image.as_ref());
        collect(app.and_then(|problems| Err(problems.into())))?;
    }
    problems.extend(of_jars);
    Ok((problems, unchecked))
}

/// What the settings show beside the locked files, and [`contents`].
fn of_lock(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    world: &World,
) -> Result<(Vec<Problem>, Option<Image>), Stop> {
    let profile = &request.profile;
    let mut found = settings::problems(profile, &lock.artifacts, &lock.stack.java, own, world)?;
    let (class_path, image) = contents(request, lock, own, world)?;
    found.extend(class_path);
    // What cannot be copied is told by `build`, which reads it.
    if plan::names_paths(&profile.spark_conf)
        && let Ok(copied) = project::copies(&request.project, profile, &world.store)
    {
        found.extend(named::look(request, lock, own, &copied.layers, world)?.problems);
    }
    Ok((found, image))
}

/// What a size and its settings show.
fn baked(
    profile: &Profile,
    size: &Size,
    stack: &Stack,
    base: Option<&LockedBase>,
    resolved: &[Coordinate],
) -> Result<(), Failure> {
    let memory = memory::plan(profile, size, stack)?;
    let settings = sizes::settings(profile, stack, base, &memory, resolved)?;
    if settings.warnings.is_empty() { Ok(()) } else { Err(settings.warnings.into()) }
}

/// What the locked PySpark carries, where the facts do not know it and the store has it.
fn derived(artifacts: &[Artifact], world: &World) -> Result<Option<matrix::Release>, Stop> {
    let is_newer = |coordinate: &Coordinate| matches!(coordinate, Coordinate::Pypi { name, version } if name == "pyspark" && matrix::shipped(version).is_none());
    let pyspark = artifacts.iter().find(|artifact| is_newer(&artifact.coordinate));
    let here = pyspark.filter(|artifact| world.store.has(&artifact.sha256, artifact.size));
    Ok(here.map(|artifact| gather::release(artifact, world)).transpose()?)
}

/// What the class path shows, and what the image holds for the app, where the locked files are at hand: `check`
/// fetches nothing.
fn contents(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    world: &World,
) -> Result<(Vec<Problem>, Option<Image>), Stop> {
    if !gather::at_hand(lock, world) {
        return Ok((Vec::new(), None));
    }
    let profile = &request.profile;
    let gathered = request.settle(gather::of_lock(request, lock, own, world), &[], world)?;
    let report = super::classpath::of_profile(&gathered, &lock.stack, profile, false, world)?;
    let image = request.settle(app::image(request, lock, own, Some(&gathered), world), &[], world)?;
    Ok((report.problems, image))
}

/// The place of a key of the lock's inputs.
pub(super) fn place(profile: &Profile, key: &str) -> Option<At> {
    let stack = &profile.stack;
    let pins = [&stack.spark, &stack.hadoop, &stack.scala, &stack.java, &stack.python, &stack.debian, &stack.base];
    let values = [
        &profile.maven.jars,
        &profile.maven.exclude,
        &profile.python.requirements,
        &profile.debian.packages,
        &profile.require,
    ];
    let files = [&profile.maven.files, &profile.python.files, &profile.debian.keys, &profile.debian.ca_certificates];
    let pairs = [&profile.maven.overrides, &profile.debian.pins];
    let in_list = |value: &&Located<String>| {
        let list = value.at.key.split('[').next().unwrap_or_default();
        list == key || key == format!("{list}.{}", value.value)
    };
    let security = profile.debian.security.iter().map(|security| &security.at).filter(|at| at.key == key);
    pins.into_iter()
        .flatten()
        .filter(|pin| pin.at.key == key)
        .chain(values.into_iter().chain(files).flatten().chain(&profile.python.lock).filter(in_list))
        .chain(pairs.into_iter().flatten().map(|(_, value)| value).filter(|value| value.at.key == key))
        .map(|value| &value.at)
        .chain(security)
        .next()
        .cloned()
}

//! `check`: every static check of a profile and its lock, all problems at once. Nothing is written.

use crate::artifact::Coordinate;
use crate::cli;
use crate::error::Failure;
use crate::lock::Lock;
use crate::problem::{self, At, Level, Problem};
use crate::profile::{Located, Profile};
use crate::project::OwnFiles;
use crate::{matrix, memory};

use super::{Request, Stop, World, lock, say, sizes};

pub(super) fn check(command: &cli::Check, world: &World) -> Result<(), Stop> {
    let mut failed = false;
    let mut reports = Vec::new();
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, command.deny.deny.as_ref(), world)?;
        let problems = all(&request, world)?;
        if command.json {
            let weighed = request.weigh(problems, true);
            failed |= weighed.iter().any(|(level, _)| *level == Level::Deny);
            reports.push(serde_json::json!({
                "profile": request.project.source.name,
                "problems": problem::json(&weighed, &request.project.source),
            }));
        } else {
            failed |= request.judge(problems, true, world).is_err();
        }
    }
    if command.json {
        say(&format!("{}\n", serde_json::Value::from(reports)));
    }
    if failed { Err(Stop::Problems) } else { Ok(()) }
}

/// What the profile alone shows, and what the lock adds where there is one.
fn all(request: &Request, world: &World) -> Result<Vec<Problem>, Stop> {
    let profile = &request.profile;
    let mut problems = Vec::new();
    let mut collect = |result: Result<(), Failure>| match result {
        Ok(()) => Ok(()),
        Err(Failure::Problems(more)) => {
            problems.extend(more);
            Ok(())
        }
        Err(Failure::World(error)) => Err(Stop::World(error)),
    };
    let newer = matrix::newer_spark(profile);
    // What a newer PySpark carries is in its sdist alone: without a lock there is no stack yet.
    let selected = newer.map_or_else(|| matrix::select(profile, None), |spark| Err(vec![matrix::newer(spark)]));
    let own = request.project.own_files(profile, &world.store);
    let locked = match (&own, request.project.lock()?) {
        (Ok(own), Some(locked)) => Some(lock::current(request, Some(locked), own)),
        _ => None,
    };
    let class_path = match (&own, &locked) {
        (Ok(own), Some(Ok(lock))) => class_path(request, lock, own, world)?,
        _ => Vec::new(),
    };
    collect(own.map(drop))?;
    let stack = match &selected {
        Ok(selection) => Some(selection.stack.clone()),
        Err(more) => {
            collect(Err(more.clone().into()))?;
            None
        }
    };
    let (stack, artifacts) = match locked {
        Some(Ok(lock)) => (Some(lock.stack), lock.artifacts),
        Some(Err(failure)) => {
            collect(Err(failure))?;
            (stack, Vec::new())
        }
        None => (stack, Vec::new()),
    };
    let coordinates: Vec<Coordinate> = artifacts.into_iter().map(|artifact| artifact.coordinate).collect();
    if let Some(stack) = &stack {
        for size in std::iter::once(&profile.target.size).chain(profile.target.sizes.values()) {
            let settings = memory::plan(profile, size, stack).map_err(Failure::from).and_then(|memory| {
                let settings = sizes::settings(profile, stack, &memory, &coordinates)?;
                if settings.warnings.is_empty() { Ok(()) } else { Err(settings.warnings.into()) }
            });
            collect(settings)?;
        }
        collect(Err(matrix::check(profile, stack, &coordinates).into()))?;
    }
    problems.extend(class_path);
    Ok(problems)
}

/// What the class path shows, where the locked files are at hand: `check` fetches nothing.
fn class_path(request: &Request, lock: &Lock, own: &OwnFiles, world: &World) -> Result<Vec<Problem>, Stop> {
    if lock.artifacts.iter().all(|artifact| world.store.has(&artifact.sha256, artifact.size)) {
        return Ok(super::classpath::of_lock(request, lock, own, false, world)?.problems);
    }
    world.ui.note("the class path is not verified: locked files are not in the store");
    Ok(Vec::new())
}

/// The place of a key of the lock's inputs.
pub(super) fn place(profile: &Profile, key: &str) -> Option<At> {
    let stack = &profile.stack;
    let pins = [&stack.spark, &stack.hadoop, &stack.scala, &stack.java, &stack.python, &stack.debian];
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
        .chain(values.into_iter().chain(files).flatten().filter(in_list))
        .chain(pairs.into_iter().flatten().map(|(_, value)| value).filter(|value| value.at.key == key))
        .map(|value| &value.at)
        .chain(security)
        .next()
        .cloned()
}

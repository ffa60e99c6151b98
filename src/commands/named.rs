//! Files that Spark's settings name, looked for in the whole image before it is built.

use crate::artifact::Coordinate;
use crate::lock::Lock;
use crate::plan::{self, LayerPlan, NamedPaths};
use crate::project::OwnFiles;
use crate::{memory, spark};

use super::sizes::settings;
use super::{Request, Stop, World, gather};

/// What settings name, and whether the image has it. Nothing is unpacked where no setting names a file, and nothing
/// is fetched.
pub(super) fn look(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    copies: &[LayerPlan],
    world: &World,
) -> Result<NamedPaths, Stop> {
    let profile = &request.profile;
    // What else lies in a base is not kept.
    if lock.base.is_some() || !plan::names_paths(&profile.spark_conf) {
        return Ok(NamedPaths::default());
    }
    if !gather::at_hand(lock, world) {
        world.ui.note("the files that settings name are not looked for: locked files are not in the store");
        return Ok(NamedPaths::default());
    }
    let gathered = request.settle(gather::of_lock(request, lock, own, world), &[], world)?;
    let (mut layers, outline) = plan::locked(&gathered.contents)?;
    let coordinates: Vec<Coordinate> = lock.artifacts.iter().map(|artifact| artifact.coordinate.clone()).collect();
    let memory = memory::plan(profile, &profile.target.size, &lock.stack).ok();
    // What is wrong with memory or settings is told where they are made.
    if let Some(settings) = memory.and_then(|memory| settings(profile, &lock.stack, None, &memory, &coordinates).ok()) {
        let parts = plan::own(lock, profile, &own.small, &settings, copies)?;
        layers.extend(plan::compose(&outline, parts)?.0);
    } else {
        layers.extend(copies.iter().cloned());
    }
    Ok(plan::named_paths(&layers, &profile.spark_conf, spark::HOME))
}

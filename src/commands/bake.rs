//! Layers that exist: rendered once, memoised by their plan, shared by every image.

use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::layer::{self, Layer, Recipe, Rendering};
use crate::lock::Lock;
use crate::plan::{self, LayerPlan, Outline};
use crate::project::OwnFiles;

use super::gather::{Gathered, gather, key};
use super::resolve::fetch;
use super::{Request, World};

/// Version of everything that decides a layer's entries beyond what they say: raised to forget memos.
const MEMO: &str = "layer-1";

/// The layer, from the store where it was rendered before.
pub(super) fn layer(part: &LayerPlan, recipe: Recipe, epoch: u64, world: &World) -> Result<Layer, Error> {
    let text = serde_json::to_string(part).map_err(|error| Error::archive(&part.name, error))?;
    let key = key([MEMO.to_owned(), u32::from(recipe).to_string(), epoch.to_string(), text]);
    if let Some(known) = world.store.record::<Layer>("layer", &key)?
        && world.store.has(&known.digest, known.size)
    {
        return Ok(known);
    }
    let how = Rendering { recipe, epoch, threads: world.threads };
    let render =
        |out: &mut (dyn std::io::Write + Send)| layer::render(&part.name, &part.entries, &how, &world.store, out);
    let (digest, size, diff_id) = world.store.put(render)?;
    let layer = Layer { name: part.name.clone(), diff_id, digest, size };
    world.store.put_record("layer", &key, &layer)?;
    Ok(layer)
}

/// The locked layers of gathered contents, and what layers above must know of them.
pub(super) fn locked(
    gathered: &Gathered,
    recipe: Recipe,
    epoch: u64,
    world: &World,
) -> Result<(Vec<Layer>, Outline), Error> {
    let (parts, outline) = plan::compose(&Outline::default(), plan::locked(&gathered.contents)?)?;
    let work = world.ui.work("Baking", parts.len() as u64);
    let mut layers = Vec::new();
    for part in &parts {
        work.doing(&part.name);
        layers.push(layer(part, recipe, epoch, world)?);
        work.advance(1);
    }
    world.store.put_record("outline", &outline_key(&layers), &outline)?;
    Ok((layers, outline))
}

/// The locked layers of a lock: nothing is done where the store has them all.
pub(super) fn of_lock(request: &Request, lock: &Lock, own: &OwnFiles, world: &World) -> Result<Outline, Failure> {
    let there = lock.layers.iter().all(|layer| world.store.has(&layer.digest, layer.size));
    if there && let Some(outline) = world.store.record("outline", &outline_key(&lock.layers))? {
        return Ok(outline);
    }
    fetch(&lock.artifacts, &world.registries(), world)?;
    let gathered = gather(&request.profile, &lock.stack, &lock.artifacts, own, lock.epoch, world)?;
    let (layers, outline) = locked(&gathered, lock.recipe, lock.epoch, world)?;
    for (promised, made) in lock.layers.iter().zip(&layers) {
        if promised != made {
            let what = format!("layer {} of {}", promised.name, request.project.lock_name());
            return Err(Error::mismatch(what, &promised.diff_id, &made.diff_id).into());
        }
    }
    if lock.layers.len() != layers.len() {
        let reason = format!("promises {} layers, and {} follow from it", lock.layers.len(), layers.len());
        return Err(Error::archive(request.project.lock_name(), reason).into());
    }
    Ok(outline)
}

fn outline_key(layers: &[Layer]) -> Digest {
    key(layers.iter().map(|layer| layer.diff_id.to_string()))
}

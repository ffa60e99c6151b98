//! Layers that exist: rendered once, memoised by their plan, shared by every image; and the image of them.

use crate::artifact::Coordinate;
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::image::{self, Format, Image};
use crate::layer::{self, Layer, Recipe, Rendering};
use crate::lock::Lock;
use crate::memory;
use crate::plan::{self, LayerPlan, Outline};
use crate::problem::Problem;
use crate::profile::{Profile, Size};
use crate::project::OwnFiles;

use super::gather::{self, Gathered, key};
use super::remote::Remote;
use super::sizes::settings;
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
        |out: &mut (dyn std::io::Write + Send)| layer::render(&part.name, &part.entries, &how, &*world.store, out);
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
    let (parts, outline) = plan::locked(&gathered.contents)?;
    let work = world.ui.work("Baking", parts.len() as u64);
    let mut layers = gathered.base.clone();
    for part in &parts {
        work.doing(&part.name);
        layers.push(layer(part, recipe, epoch, world)?);
        work.advance(1);
    }
    world.store.put_record("outline", &outline_key(&layers), &outline)?;
    Ok((layers, outline))
}

/// The locked layers of a lock: nothing is done where the store has them all, or the registry where they go has.
pub(super) fn of_lock(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    remote: Option<&Remote<'_>>,
    world: &World,
) -> Result<Outline, Failure> {
    let has = |layer: &&Layer| world.store.has(&layer.digest, layer.size);
    let absent: Vec<&Layer> = lock.layers.iter().filter(|layer| !has(layer)).collect();
    if absent.is_empty()
        && let Some(outline) = world.store.record("outline", &outline_key(&lock.layers))?
    {
        return Ok(outline);
    }
    let last = lock.layers.iter().find(|layer| layer.name == plan::OUTLINE);
    if let (Some(remote), Some(last)) = (remote, last)
        && remote.have(&absent, world)?
        && let Some(outline) = remote.outline(last, world)?
    {
        world.ui.step("Reusing", format_args!("{} locked layers of {}", absent.len(), remote.repository));
        world.store.put_record("outline", &outline_key(&lock.layers), &outline)?;
        return Ok(outline);
    }
    let gathered = gather::of_lock(request, lock, own, world)?;
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

/// What the images of one profile share.
pub(super) struct Parts<'a> {
    pub(super) profile: &'a Profile,
    pub(super) lock: &'a Lock,
    /// The layers that follow from the lock.
    pub(super) locked: &'a [Layer],
    /// What they look like from above.
    pub(super) outline: &'a Outline,
    pub(super) own: &'a OwnFiles,
    /// A layer a copy.
    pub(super) copies: &'a [LayerPlan],
}

/// The image for a size, and what is to be said of its settings.
pub(super) fn image(
    parts: &Parts<'_>,
    size: &Size,
    format: Format,
    world: &World,
) -> Result<(Image, Vec<Problem>), Failure> {
    let Parts { profile, lock, locked, outline, own, copies } = parts;
    let coordinates: Vec<Coordinate> = lock.artifacts.iter().map(|artifact| artifact.coordinate.clone()).collect();
    let memory = memory::plan(profile, size, &lock.stack)?;
    let settings = settings(profile, &lock.stack, lock.base.as_ref(), &memory, &coordinates)?;
    let (above, _) = plan::compose(outline, plan::own(lock, profile, &own.small, &settings, copies)?)?;
    let mut layers = locked.to_vec();
    for part in &above {
        layers.push(layer(part, lock.recipe, lock.epoch, world)?);
    }
    let image = image::assemble(&plan::runtime(lock, profile, &settings), &layers, lock.epoch, format)?;
    Ok((image, settings.warnings))
}

//! `cache`: the store.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::{self, CacheAction};
use crate::digest::Digest;
use crate::lock::{Lock, MAX_BYTES};
use crate::project::{self, Project};
use crate::ui;

use super::{Stop, World, lock, say};

pub(super) fn cache(command: &cli::Cache, world: &World) -> Result<(), Stop> {
    match &command.action {
        CacheAction::Dir => say(&format!("{}\n", world.store.root().display()))?,
        CacheAction::Verify => {
            let (sound, removed) = world.store.check(world.threads)?;
            world.ui.step("Verified", format_args!("{sound} files are sound, {removed} were damaged and are removed"));
        }
        CacheAction::Prune { keep } => {
            let freed =
                if keep.is_empty() { world.store.prune()? } else { world.store.prune_but(&kept(keep, world)?)? };
            world.ui.step("Removed", format_args!("{} from {}", ui::size(freed), world.store.root().display()));
        }
    }
    Ok(())
}

/// The files that locks name: what they lock, and the layers made of it.
fn kept(locks: &[String], world: &World) -> Result<BTreeSet<Digest>, Stop> {
    let mut kept = BTreeSet::new();
    for typed in locks {
        let lock = if Path::new(typed).extension().is_some_and(|extension| extension == "lock") {
            let path = world.environment.cwd.join(typed);
            Lock::parse(typed, &project::text(&path, MAX_BYTES)?)?
        } else {
            lock::held(&Project::open(typed, &world.environment.cwd)?, world)?
        };
        kept.extend(lock.artifacts.iter().map(|artifact| artifact.sha256));
        kept.extend(lock.layers.iter().map(|layer| layer.digest));
    }
    Ok(kept)
}

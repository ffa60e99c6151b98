//! `cache`: the store.

use crate::cli::{self, CacheAction};
use crate::ui;

use super::{Stop, World, say};

pub(super) fn cache(command: &cli::Cache, world: &World) -> Result<(), Stop> {
    match command.action {
        CacheAction::Dir => say(&format!("{}\n", world.store.root().display())),
        CacheAction::Verify => {
            let (sound, removed) = world.store.check(world.threads)?;
            world.ui.step("Verified", format_args!("{sound} files are sound, {removed} were damaged and are removed"));
        }
        CacheAction::Prune => {
            let freed = world.store.prune()?;
            world.ui.step("Removed", format_args!("{} from {}", ui::size(freed), world.store.root().display()));
        }
    }
    Ok(())
}

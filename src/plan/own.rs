//! What follows from the user's own files and size: the top layers and the config.

use crate::error::Error;
use crate::image::Runtime;
use crate::lock::Lock;
use crate::plan::LayerPlan;
use crate::profile::Profile;
use crate::spark::{Settings, USER};
use crate::tree::{Entry, ImagePath, Source};

/// Where the lock lies in the image.
pub(super) const LOCK_PATH: &str = "usr/lib/sparkbake/sparkbake.lock";

/// The layers above the locked ones: the lock itself, the settings, and a layer a copy.
///
/// # Errors
/// None in practice: the paths are constants.
pub fn own(lock: &Lock, settings: &Settings, copies: &[LayerPlan]) -> Result<Vec<LayerPlan>, Error> {
    let path = ImagePath::new(LOCK_PATH).map_err(|bad| Error::archive("the plan", bad))?;
    let text = lock.to_toml()?.into_bytes();
    let lock = LayerPlan { name: "lock".to_owned(), entries: vec![Entry::file(path, 0o644, Source::Bytes(text))] };
    let settings = LayerPlan { name: "settings".to_owned(), entries: settings.entries.clone() };
    Ok([lock, settings].into_iter().chain(copies.iter().cloned()).collect())
}

/// What the config tells a container runtime.
#[must_use]
pub fn runtime(profile: &Profile, settings: &Settings) -> Runtime {
    let mut ports: Vec<u16> = profile.app.ports.iter().map(|port| port.value).collect();
    ports.sort_unstable();
    ports.dedup();
    Runtime {
        user: format!("{USER}:{USER}"),
        environment: settings.environment.clone(),
        entrypoint: settings.entrypoint.clone(),
        command: profile.app.command.iter().map(|word| word.value.clone()).collect(),
        working_dir: crate::spark::HOME.to_owned(),
        ports,
        labels: profile.image.labels.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
    }
}

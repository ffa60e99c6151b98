//! What follows from the user's own files and size: the top layers and the config.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::error::Error;
use crate::image::Runtime;
use crate::lock::Lock;
use crate::plan::LayerPlan;
use crate::profile::{self, Profile};
use crate::spark::{Settings, USER};
use crate::tree::{Entry, ImagePath, Source};

/// Where the image keeps what it was made of.
const DIRECTORY: &str = "usr/lib/sparkbake";
/// Where the lock lies in the image.
pub const LOCK_PATH: &str = "usr/lib/sparkbake/sparkbake.lock";
/// Where the profile lies, in its normal form.
pub const PROFILE_PATH: &str = "usr/lib/sparkbake/sparkbake.toml";

/// Where a certificate of the profile's lies.
#[must_use]
pub fn certificate_path(digest: &Digest) -> String {
    format!("{DIRECTORY}/certificates/{}.pem", digest.hex())
}

/// The layers above the locked ones: what the image was made of, the settings, and a layer a copy. The first of
/// them holds the lock, the profile and its certificates, so that the image can be made again from itself; the
/// size is not among it, so that another size leaves it as it is.
///
/// # Errors
/// None in practice: the paths are constants.
pub fn own(
    lock: &Lock,
    profile: &Profile,
    small: &BTreeMap<String, Vec<u8>>,
    settings: &Settings,
    copies: &[LayerPlan],
) -> Result<Vec<LayerPlan>, Error> {
    let text = profile::normal(profile).map_err(|error| Error::archive("the profile", error))?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert(LOCK_PATH.to_owned(), lock.to_toml()?.into_bytes());
    files.insert(PROFILE_PATH.to_owned(), text.into_bytes());
    for bytes in profile.debian.ca_certificates.iter().filter_map(|path| small.get(&path.value)) {
        files.insert(certificate_path(&Digest::of(bytes)), bytes.clone());
    }
    let entry = |(path, bytes): (String, Vec<u8>)| {
        let path = ImagePath::new(path).map_err(|bad| Error::archive("the plan", bad))?;
        Ok(Entry::file(path, 0o644, Source::Bytes(bytes)))
    };
    let entries = files.into_iter().map(entry).collect::<Result<_, Error>>()?;
    let made_of = LayerPlan { name: "lock".to_owned(), entries };
    let settings = LayerPlan { name: "settings".to_owned(), entries: settings.entries.clone() };
    Ok([made_of, settings].into_iter().chain(copies.iter().cloned()).collect())
}

/// What the config tells a container runtime.
#[must_use]
pub fn runtime(lock: &Lock, profile: &Profile, settings: &Settings) -> Runtime {
    let labels = profile.image.labels.iter().map(|(name, value)| (name.clone(), value.value.clone()));
    let base =
        lock.base.iter().map(|base| ("org.opencontainers.image.base.digest".to_owned(), base.digest.to_string()));
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
        labels: labels.chain(base).collect(),
    }
}

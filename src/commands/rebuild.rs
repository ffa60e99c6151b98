//! `rebuild`: an image again from what it carries, or the layers of a lock; then [`compare`].
//!
//! Nothing that was made before is believed: archives are unpacked and layers rendered anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::cli;
use crate::error::{Error, Failure};
use crate::image::{Format, MANIFEST_TYPES};
use crate::layer::{self, Found, Layer};
use crate::lock::{self, Lock};
use crate::outside::Blobs;
use crate::plan::{LayerPlan, Outline};
use crate::problem::{At, SourceFile};
use crate::profile::{self, Located, Profile, Size, Sku};
use crate::project::{self, OwnFiles, Project};
use crate::tree::{Entry, ImagePath, Kind, Source};

use super::bake::{self, Parts};
use super::compare::{Report, compare_images, compare_locks};
use super::seen::{LayerSeen, Seen, tar};
use super::{Request, Stop, World, gather, inputs, say, visible};

pub(super) fn rebuild(command: &cli::Rebuild, world: &World) -> Result<(), Stop> {
    let report = match lockfile(&command.image, &world.environment.cwd) {
        Some(profile) => of_lock(&profile, world)?,
        None => of_image(command, world)?,
    };
    if command.json {
        say(&report.json()?)?;
    } else {
        say(&visible(&report.text()))?;
    }
    if report.same { Ok(()) } else { Err(Stop::Problems) }
}

/// The profile of what was typed, where that is a lockfile or a built-in profile's name.
fn lockfile(typed: &str, cwd: &Path) -> Option<String> {
    if let Some(stem) = typed.strip_suffix(".lock") {
        return Some(format!("{stem}.toml"));
    }
    let is_name = !typed.contains(['/', ':', '@']) && !project::exists(&cwd.join(typed));
    is_name.then(|| typed.to_owned())
}

/// The layers that a lock promises.
fn of_lock(typed: &str, world: &World) -> Result<Report, Stop> {
    let request = Request::open(typed, None, world)?;
    let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
    let lock = request.settle(super::lock::current(&request, request.project.lock()?, &own), &[], world)?;
    let (layers, _) = request.settle(locked(&request, &lock, &own, world), &[], world)?;
    Ok(compare_locks(&request.project.lock_name(), &lock, &layers))
}

/// The locked layers, from the locked files.
fn locked(request: &Request, lock: &Lock, own: &OwnFiles, world: &World) -> Result<(Vec<Layer>, Outline), Failure> {
    let gathered = gather::of_lock(request, lock, own, world)?;
    Ok(bake::locked(&gathered, lock.recipe, lock.epoch, world)?)
}

/// The whole image.
fn of_image(command: &cli::Rebuild, world: &World) -> Result<Report, Stop> {
    let seen = Seen::read(&command.image, command.plain_http, world)?;
    let none = || Error::archive(seen.content.digest.to_string(), "holds no lock: sparkbake did not make it");
    let lock = seen.lock.as_ref().ok_or_else(none)?;
    let size = size(&seen)?;
    let (request, own, copies) = match &command.profile {
        Some(typed) => of_project(typed, lock, world)?,
        None => of_itself(&seen, lock, world)?,
    };
    seen.bring_base(lock, world)?;
    let (layers, outline) = request.settle(locked(&request, lock, &own, world), &[], world)?;
    let format = if seen.content.media_type == MANIFEST_TYPES[1] { Format::Docker } else { Format::Oci };
    let profile = &request.profile;
    let parts = Parts { profile, lock, locked: &layers, outline: &outline, own: &own, copies: &copies };
    let (image, _) = request.settle(bake::image(&parts, &size, format, world), &[], world)?;
    let own_contents = command.profile.is_none();
    Ok(compare_images(&seen, &image, own_contents, world)?)
}

type Made = (Request, OwnFiles, Vec<LayerPlan>);

/// From the project that the user has.
fn of_project(typed: &str, lock: &Lock, world: &World) -> Result<Made, Stop> {
    let request = Request::open(typed, None, world)?;
    let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
    for change in lock::changes(&lock.inputs, &lock::inputs(&request.profile, &own.digests())) {
        let value = |value: &Option<String>| value.as_ref().map_or_else(|| "nothing".to_owned(), Clone::clone);
        let (locked, now) = (value(&change.locked), value(&change.now));
        world.ui.warn(format_args!("the image was made with {} {locked}; {typed} says {now}", change.key));
    }
    let copied = request.settle(project::copies(&request.project, &request.profile, &world.store), &[], world)?;
    Ok((request, own, copied.layers))
}

/// From what the image carries.
fn of_itself(seen: &Seen<'_>, lock: &Lock, world: &World) -> Result<Made, Stop> {
    let reason = "carries no profile: name the one that it was made from with --profile";
    let text = seen.profile.as_ref().ok_or_else(|| Error::archive(seen.content.digest.to_string(), reason))?;
    // The size that it is parsed with is not used: the baked plan has it.
    let text = format!("target.aci = {{ cpu = 1, memory-gb = 1 }}\n{text}");
    let source = SourceFile { name: "the image's profile".to_owned(), text };
    let name = "image".to_owned();
    let project = Project { name, source, directory: world.environment.cwd.clone(), lock_path: None };
    let profile = profile::parse(&project.name, project.source.clone()).map_err(|problems| {
        let weighed: Vec<_> = problems.into_iter().map(|problem| (problem.code.level, problem)).collect();
        super::show(&weighed, &project.source, world);
        Stop::World(Error::archive("the image's profile", "is not understood by this sparkbake"))
    })?;
    let own = own_files(seen, lock, &profile, world)?;
    let copies = copies(seen, world)?;
    Ok((Request { project, profile, deny: false }, own, copies))
}

/// The size that was baked in.
fn size(seen: &Seen<'_>) -> Result<Size, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Baked {
        cpu_milli: u32,
        memory_milli_gb: u32,
        sku: String,
    }
    let bad = |error: &dyn std::fmt::Display| Error::archive("the image's plan", error);
    let plan = seen.plan.clone().ok_or_else(|| bad(&"is not there"))?;
    let Baked { cpu_milli, memory_milli_gb, sku } = serde_json::from_value(plan).map_err(|error| bad(&error))?;
    let unknown = || bad(&format!("names the SKU {sku}, which this sparkbake does not know"));
    let sku = Sku::ALL.into_iter().find(|one| one.name() == sku).ok_or_else(unknown)?;
    let value = |value| Located { value, at: At::default() };
    Ok(Size { cpu_milli: value(cpu_milli), memory_milli_gb: value(memory_milli_gb), sku })
}

/// The files that the profile named: certificates travel in the image, jars lie in it as they are, and wheels
/// must still be in the store.
fn own_files(seen: &Seen<'_>, lock: &Lock, profile: &Profile, world: &World) -> Result<OwnFiles, Error> {
    let source = inputs::Source::open(world)?;
    let mut own = OwnFiles::default();
    let mut absent = Vec::new();
    let digest = |key: &str, path: &str| lock.inputs.get(&format!("{key}.{path}")).and_then(|text| text.parse().ok());
    for path in &profile.debian.ca_certificates {
        let bytes = digest("debian.ca-certificates", &path.value).and_then(|digest| seen.carried.get(&digest));
        match bytes {
            Some(bytes) => _ = own.small.insert(path.value.clone(), bytes.clone()),
            None => absent.push(path.value.clone()),
        }
    }
    let jars = if profile.maven.files.is_empty() { BTreeMap::new() } else { jars(seen, world)? };
    let files = profile.maven.files.iter().map(|path| ("maven.files", path));
    for (key, path) in files.chain(profile.python.files.iter().map(|path| ("python.files", path))) {
        let Some(digest) = digest(key, &path.value) else {
            absent.push(path.value.clone());
            continue;
        };
        let kept = || world.store.open(&digest).ok().map(|blob| blob.size());
        let mut size = jars.get(&digest).copied().or_else(kept);
        if let (None, Some(source)) = (size, &source) {
            size = source.own(lock, &digest, world)?;
        }
        match size {
            Some(size) => _ = own.stored.insert(path.value.clone(), (digest, size)),
            None => absent.push(path.value.clone()),
        }
    }
    if absent.is_empty() {
        return Ok(own);
    }
    let reason = "is a file of the image's maker that is neither in the image nor in the store: name the project that \
        has it with --profile, or the repository that `push --inputs` pushed it to with --inputs-from";
    Err(Error::archive(absent.join(", "), reason))
}

/// The jars that the image holds beside Spark's, in the store: size by digest.
fn jars(seen: &Seen<'_>, world: &World) -> Result<BTreeMap<crate::digest::Digest, u64>, Error> {
    let Some(layer) = seen.layers.iter().find(|layer| layer.name == "jars") else { return Ok(BTreeMap::new()) };
    let entries = entries(seen, layer, world)?;
    let blob = |entry: Entry| match entry.kind {
        Kind::File(Source::Blob { digest, size }) => Some((digest, size)),
        _ => None,
    };
    Ok(entries.into_iter().filter_map(blob).collect())
}

/// The copies, as the image has them: the layers above the settings.
fn copies(seen: &Seen<'_>, world: &World) -> Result<Vec<LayerPlan>, Error> {
    let above = seen.layers.iter().skip_while(|layer| layer.name != "settings").skip(1);
    above.map(|layer| Ok(LayerPlan { name: layer.name.clone(), entries: entries(seen, layer, world)? })).collect()
}

/// What a layer holds, its files in the store.
fn entries(seen: &Seen<'_>, of: &LayerSeen, world: &World) -> Result<Vec<Entry>, Error> {
    let what = format!("layer {}", of.name);
    let blob = seen.layer(of, world)?;
    let mut files = BTreeMap::new();
    let found = layer::read(&what, tar(blob.as_ref()), &mut |found, contents| {
        let put = |out: &mut (dyn std::io::Write + Send)| {
            std::io::copy(contents, out).map_err(|error| Error::archive(&what, error))
        };
        let (digest, size, _) = world.store.put(put)?;
        files.insert(found.path.clone(), Source::Blob { digest, size });
        Ok(())
    })?;
    found.into_iter().map(|found| entry(found, &mut files).map_err(|reason| Error::archive(&what, reason))).collect()
}

fn entry(found: Found, files: &mut BTreeMap<String, Source>) -> Result<Entry, String> {
    let path = |text: &str| ImagePath::new(text).map_err(|bad| bad.to_string());
    let link = found.link.unwrap_or_default();
    let kind = match found.kind {
        "directory" => Kind::Directory,
        "file" => Kind::File(files.remove(&found.path).ok_or("holds a file twice")?),
        "symbolic link" => Kind::Symlink(link),
        "hard link" => Kind::Hardlink(path(&link)?),
        other => return Err(format!("holds a {other}, which no layer of sparkbake's does")),
    };
    let id = |id: u64| u32::try_from(id).map_err(|_| "holds an owner beyond 32 bits".to_owned());
    Ok(Entry { path: path(&found.path)?, mode: found.mode, uid: id(found.uid)?, gid: id(found.gid)?, kind })
}

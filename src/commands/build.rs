//! `build`: from the profile and its lock to images.

use crate::classpath;
use crate::cli;
use crate::image::{self, Format, Image};
use crate::layout::Named;
use crate::lock::{Kept, Lock};
use crate::plan::{LayerPlan, Outline};
use crate::problem::Problem;
use crate::profile::Size;
use crate::project::{self, OwnFiles};
use crate::ui;

use super::bake::Parts;
use super::output::{Baked, Output, publish};
use super::remote::Remote;
use super::sizes::sizes;
use super::{Request, Stop, World, alone, bake, base, lock, named};

pub(super) fn build(command: &cli::Build, world: &World) -> Result<(), Stop> {
    let outputs = command.output.iter().map(|text| Output::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut baked = Vec::new();
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, command.deny.deny.as_ref(), world)?;
        let remote = if command.push { Some(remote(&request, command, world)?) } else { None };
        baked.push(images_of(&request, remote, command, world)?);
    }
    publish(command, &outputs, &baked, world)
}

/// Where the profile's images are pushed to.
fn remote<'a>(request: &Request, command: &cli::Build, world: &'a World) -> Result<Remote<'a>, Stop> {
    let name = &request.project.source.name;
    let none = || Stop::Usage(format!("--push needs `[image] repository` in {name}: HOST/NAME, without a tag"));
    let repository = request.profile.image.repository.as_ref().ok_or_else(none)?;
    let mut choice = command.registry.clone();
    choice.cache_from.extend(base::repository(&request.profile)?.map(|repository| repository.to_string()));
    Remote::open(&repository.value, &choice, world)
}

/// The images of one profile, one a size.
fn images_of<'a>(
    request: &Request,
    remote: Option<Remote<'a>>,
    command: &cli::Build,
    world: &'a World,
) -> Result<Baked<'a>, Stop> {
    // An output on this machine needs the layers themselves.
    let reuse = remote.as_ref().filter(|_| command.output.is_empty());
    let sizes = sizes(&command.size, &request.profile)?;
    let ready = Ready::make(request, &sizes, command.locked, reuse, world)?;
    let format = match command.format {
        cli::Format::Oci => Format::Oci,
        cli::Format::Docker => Format::Docker,
    };
    let mut warnings = Vec::new();
    let mut images = Vec::new();
    for (suffix, size) in &sizes {
        let image = ready.image(request, size, format, &mut warnings, world)?;
        let name = format!("{}{suffix}", request.project.name);
        let tags = match &remote {
            Some(remote) => remote.names(&command.tag, suffix)?,
            None if command.tag.is_empty() => vec![format!("{name}:latest")],
            None => command.tag.iter().map(|tag| tagged(tag)).collect(),
        };
        say_size(&name, &image, world);
        images.push(Named { name, tags, image });
    }
    request.judge(warnings, false, world)?;
    Ok(Baked { epoch: ready.lock.epoch, images, remote })
}

/// What a profile's images are made of, whatever their size: the locked layers are rendered, and every check ran.
pub(super) struct Ready {
    pub(super) lock: Lock,
    outline: Outline,
    own: OwnFiles,
    copies: Vec<LayerPlan>,
}

impl Ready {
    /// Where there is no lock it is made and written, unless it may not be. Nothing is fetched for a size that does
    /// not hold the stack.
    pub(super) fn make(
        request: &Request,
        sizes: &[(String, Size)],
        locked: bool,
        remote: Option<&Remote<'_>>,
        world: &World,
    ) -> Result<Self, Stop> {
        let profile = &request.profile;
        let own = request.settle(request.project.own_files(profile, &world.store), &[], world)?;
        let found = request.project.lock()?;
        let chosen = found.as_ref().map(|lock| &lock.stack);
        request.refuse(alone::problems(profile, sizes.iter().map(|(_, size)| size), chosen), world)?;
        let (lock, outline) = ready_lock(request, found, &own, (locked, remote), world)?;
        let copied = request.settle(project::copies(&request.project, profile, &world.store), &[], world)?;
        for path in &copied.left_out {
            world.ui.note(format_args!("left out of the image: {path}"));
        }
        app(request, &lock, &own, world)?;
        request.judge(named::look(request, &lock, &own, &copied.layers, world)?.problems, false, world)?;
        Ok(Self { lock, outline, own, copies: copied.layers })
    }

    /// The image for a size; what is noticed about it joins `warnings`.
    pub(super) fn image(
        &self,
        request: &Request,
        size: &Size,
        format: Format,
        warnings: &mut Vec<Problem>,
        world: &World,
    ) -> Result<Image, Stop> {
        let Self { lock, outline, own, copies } = self;
        let parts = Parts { profile: &request.profile, lock, locked: &lock.layers, outline, own, copies };
        let (image, more) = request.settle(bake::image(&parts, size, format, world), warnings, world)?;
        warnings.extend(more);
        Ok(image)
    }
}

/// The app's code is the user's, and may have changed since the lock was made.
fn app(request: &Request, lock: &Lock, own: &OwnFiles, world: &World) -> Result<(), Stop> {
    if request.profile.app.copies.is_empty() {
        return Ok(());
    }
    let image = request.settle(super::app::image(request, lock, own, None, world), &[], world)?;
    let problems =
        request.settle(super::app::problems(request, &lock.stack, lock.base.as_ref(), image.as_ref()), &[], world)?;
    request.judge(problems, false, world)
}

/// As docker reads a name: without a tag it is the latest. In an archive it has to be written.
fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

/// The lock of the profile, with its layers in the store. Where there is none it is made and written.
fn ready_lock(
    request: &Request,
    found: Option<Lock>,
    own: &OwnFiles,
    (locked, remote): (bool, Option<&Remote<'_>>),
    world: &World,
) -> Result<(Lock, Outline), Stop> {
    match found {
        None if !locked && request.project.lock_path.is_some() => {
            let (lock, outline) = lock::make(request, own, &Kept::default(), world)?;
            let path = request.project.write_lock(&lock)?;
            world.ui.step("Locked", format_args!("{}: commit it, so that everybody builds this image", path.display()));
            Ok((lock, outline))
        }
        found => {
            let lock = request.settle(lock::current(request, found, own), &[], world)?;
            if request.project.lock_path.is_none() {
                let date = image::rfc3339(lock.epoch)?;
                let day = date.split('T').next().unwrap_or(&date).to_owned();
                world.ui.step("Using", format_args!("{}, built in, lock of {day}", request.project.name));
            }
            notice_epoch(&lock, world)?;
            // The lock pins the verdict on its class path; only other rules ask again.
            if lock.verified != classpath::RULES_VERSION {
                let report = super::classpath::of_lock(request, &lock, own, false, world)?;
                request.judge(report.problems, false, world)?;
            }
            let settings = super::settings::problems(&request.profile, &lock.artifacts, &lock.stack.java, own, world)?;
            request.judge(settings, false, world)?;
            let outline = request.settle(bake::of_lock(request, &lock, own, remote, world), &[], world)?;
            Ok((lock, outline))
        }
    }
}

/// The lock's time alone counts; a variable that says another is worth a line.
fn notice_epoch(lock: &Lock, world: &World) -> Result<(), Stop> {
    if let Some(asked) = lock::asked_epoch(world)?.filter(|asked| *asked != lock.epoch) {
        let own = lock.epoch;
        world.ui.note(format_args!("SOURCE_DATE_EPOCH is {asked}, and the lock's own time, {own}, is used"));
    }
    Ok(())
}

fn say_size(name: &str, image: &Image, world: &World) {
    let size = ui::size(image.size());
    world.ui.step("Built", format_args!("{name}: {} layers, {size} compressed", image.layers.len()));
    if image.strains_aci() {
        world.ui.warn(format_args!("Azure Container Instances guarantees images up to 15 GB; this one has {size}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_is_the_latest() {
        let said = ["score", "score:1", "registry.example:5000/score", "registry.example:5000/score:1"].map(tagged);
        let full = ["score:latest", "score:1", "registry.example:5000/score:latest", "registry.example:5000/score:1"];
        assert_eq!(said, full);
    }
}

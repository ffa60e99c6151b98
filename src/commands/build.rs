//! `build`: from the profile and its lock to images.

use crate::artifact::Coordinate;
use crate::classpath;
use crate::cli;
use crate::error::Failure;
use crate::image::{self, Format, Image};
use crate::layout::Named;
use crate::lock::Lock;
use crate::memory;
use crate::plan::{self, LayerPlan, Outline};
use crate::problem::Problem;
use crate::profile::Size;
use crate::project::{self, OwnFiles};

use super::output::{Output, publish};
use super::sizes::{settings, sizes};
use super::{Request, Stop, World, bake, lock};

pub(super) fn build(command: &cli::Build, world: &World) -> Result<(), Stop> {
    let outputs = command.output.iter().map(|text| Output::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut images = Vec::new();
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, command.deny.deny.as_ref(), world)?;
        let epoch_and_images = images_of(&request, command, world)?;
        images.push(epoch_and_images);
    }
    publish(command, &outputs, &images, world)
}

/// The images of one profile, one a size.
fn images_of(request: &Request, command: &cli::Build, world: &World) -> Result<(u64, Vec<Named>), Stop> {
    let profile = &request.profile;
    let own = request.settle(request.project.own_files(profile, &world.store), &[], world)?;
    let (lock, outline) = ready_lock(request, &own, command.locked, world)?;
    let copied = request.settle(project::copies(&request.project, profile, &world.store), &[], world)?;
    for path in &copied.left_out {
        world.ui.note(format_args!("left out of the image: {path}"));
    }
    let format = match command.format {
        cli::Format::Oci => Format::Oci,
        cli::Format::Docker => Format::Docker,
    };
    let mut warnings = Vec::new();
    let mut images = Vec::new();
    let shared = Shared { request, lock: &lock, outline: &outline, copies: &copied.layers };
    for (suffix, size) in sizes(&command.size, profile)? {
        let made = image(&shared, &size, format, world);
        let (image, more) = request.settle(made, &warnings, world)?;
        warnings.extend(more);
        let name = format!("{}{suffix}", request.project.name);
        let tags = if command.tag.is_empty() { vec![format!("{name}:latest")] } else { command.tag.clone() };
        say_size(&name, &image, world);
        images.push(Named { name, tags, image });
    }
    request.judge(warnings, false, world)?;
    Ok((lock.epoch, images))
}

/// The lock of the profile, with its layers in the store. Where there is none it is made and written.
fn ready_lock(request: &Request, own: &OwnFiles, locked: bool, world: &World) -> Result<(Lock, Outline), Stop> {
    match request.project.lock()? {
        None if !locked && request.project.lock_path.is_some() => {
            let (lock, outline) = lock::make(request, own, world)?;
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
            let outline = request.settle(bake::of_lock(request, &lock, own, world), &[], world)?;
            Ok((lock, outline))
        }
    }
}

/// The lock's time alone counts; a variable that says another is worth a line.
fn notice_epoch(lock: &Lock, world: &World) -> Result<(), Stop> {
    let Some(text) = world.environment.var("SOURCE_DATE_EPOCH") else { return Ok(()) };
    let asked: Option<u64> = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match asked {
        None => {
            Err(Stop::Usage(format!("SOURCE_DATE_EPOCH is `{text}`; it must be a whole number of seconds since 1970")))
        }
        Some(asked) if asked != lock.epoch => {
            world
                .ui
                .note(format_args!("SOURCE_DATE_EPOCH is {asked}, and the lock's own time, {}, is used", lock.epoch));
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

/// What the images of one profile share.
struct Shared<'a> {
    request: &'a Request,
    lock: &'a Lock,
    outline: &'a Outline,
    copies: &'a [LayerPlan],
}

fn image(shared: &Shared<'_>, size: &Size, format: Format, world: &World) -> Result<(Image, Vec<Problem>), Failure> {
    let Shared { request, lock, outline, copies } = shared;
    let coordinates: Vec<Coordinate> = lock.artifacts.iter().map(|artifact| artifact.coordinate.clone()).collect();
    let memory = memory::plan(&request.profile, size, &lock.stack)?;
    let settings = settings(&request.profile, &lock.stack, &memory, &coordinates)?;
    let (parts, _) = plan::compose(outline, plan::own(lock, &settings, copies)?)?;
    let mut layers = lock.layers.clone();
    for part in &parts {
        layers.push(bake::layer(part, lock.recipe, lock.epoch, world)?);
    }
    let image = image::assemble(&plan::runtime(&request.profile, &settings), &layers, lock.epoch, format)?;
    Ok((image, settings.warnings))
}

fn say_size(name: &str, image: &Image, world: &World) {
    let size = crate::fetch::megabytes(image.size());
    world.ui.step("Built", format_args!("{name}: {} layers, {size} compressed", image.layers.len()));
    if image.strains_aci() {
        world.ui.warn(format_args!("Azure Container Instances guarantees images up to 15 GB; this one has {size}"));
    }
}

//! `bundle`: everything that builds of locked profiles need, in one OCI archive.

use std::collections::BTreeSet;

use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::layout;
use crate::ui;

use super::output::whole;
use super::{Request, Stop, World, base, inputs, lock};

pub(super) fn bundle(command: &cli::Bundle, world: &World) -> Result<(), Stop> {
    let mut named = Vec::new();
    let mut epoch = 0;
    for typed in &command.profiles.profiles {
        let request = Request::open(typed, None, world)?;
        let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
        let lock = request.settle(lock::current(&request, request.project.lock()?, &own), &[], world)?;
        for (path, bytes) in &own.small {
            world.store.put(|out| out.write_all(bytes).map_err(Error::write(path)))?;
        }
        request.settle(base::of_lock(&lock, &request.profile, &request.project.directory, world), &[], world)?;
        named.push(inputs::artifact_of(&lock, world)?);
        epoch = epoch.max(lock.epoch);
    }
    let path = world.environment.cwd.join(&command.file);
    let locate = |digest: &Digest| world.store.path(digest);
    whole(&path, |out| layout::bundle(&named, epoch, &locate, out))?;
    let blobs: BTreeSet<_> = named.iter().flat_map(|(_, content)| &content.blobs).collect();
    let size: u64 = blobs.iter().map(|(_, size)| size).sum();
    world.ui.step("Bundled", format_args!("{} into {}", ui::size(size), command.file.display()));
    let builds = command.profiles.profiles.join(" ");
    world.ui.note(format_args!("elsewhere: sparkbake build --offline --bundle {} {builds}", command.file.display()));
    Ok(())
}

//! `endpoints`: which registries will be contacted, and who said so.

use crate::cli::{self, EndpointsAction};
use crate::endpoints::{self, Endpoint, REGISTRIES};
use crate::error::Error;
use crate::net;
use crate::outside::Registry;
use crate::profile;

use super::{Stop, World, say};

pub(super) fn endpoints(command: &cli::Endpoints, world: &World) -> Result<(), Stop> {
    match &command.action {
        Some(EndpointsAction::Set { name, url }) => set(name, url, world),
        None => show(world),
    }
}

fn set(name: &str, url: &str, world: &World) -> Result<(), Stop> {
    let known: Vec<&str> = REGISTRIES.iter().map(|registry| registry.name()).collect();
    let unknown =
        || Stop::Usage(format!("no registry is called `{name}`; there are {} and pypi:INDEX", known.join(", ")));
    let (of, index) = name.split_once(':').map_or((name, None), |(of, index)| (of, Some(index)));
    let found = REGISTRIES.into_iter().find(|registry| registry.name() == of);
    let registry = found.filter(|registry| index.is_none() || *registry == Registry::Pypi).ok_or_else(unknown)?;
    if index.is_some_and(|index| !profile::is_index(index)) {
        return Err(Stop::Usage(format!("`{name}`: the name of an index is lower-case letters, digits and hyphens")));
    }
    let path = endpoints::set(&world.environment, registry, index, url)?;
    world.ui.step("Wrote", path.display());
    Ok(())
}

/// Every registry, those that nobody names with the line that would name them.
fn show(world: &World) -> Result<(), Stop> {
    let mut failed = None;
    for registry in REGISTRIES {
        match world.endpoints.get(registry) {
            Ok(endpoint) => say(&row(registry.name(), endpoint))?,
            Err(Error::NoEndpoint { reason, help, .. }) => {
                say(&format!("{:<16} none: {reason}\n{:<16}   {help}\n", registry.name(), ""))?;
            }
            Err(error) => failed = Some(error),
        }
    }
    for index in world.endpoints.indexes()? {
        match world.endpoints.index(&index) {
            Ok(endpoint) => say(&row(&format!("pypi:{index}"), &endpoint))?,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Every mirror, and who said so.
fn row(name: &str, endpoint: &Endpoint) -> String {
    let row =
        |root: &endpoints::Root| format!("{name:<16} {}\n{:<16}   {}\n", net::shown(&root.url), "", endpoint.origin);
    endpoint.mirrors.iter().map(row).collect()
}

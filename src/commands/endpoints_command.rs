//! `endpoints`: which registries will be contacted, and who said so.

use crate::cli::{self, EndpointsAction};
use crate::endpoints::{self, REGISTRIES};
use crate::error::Error;
use crate::net;

use super::{Stop, World, say};

pub(super) fn endpoints(command: &cli::Endpoints, world: &World) -> Result<(), Stop> {
    match &command.action {
        Some(EndpointsAction::Set { name, url }) => set(name, url, world),
        None => show(world),
    }
}

fn set(name: &str, url: &str, world: &World) -> Result<(), Stop> {
    let known: Vec<&str> = REGISTRIES.iter().map(|registry| registry.name()).collect();
    let unknown = || Stop::Usage(format!("no registry is called `{name}`; there are {}", known.join(", ")));
    let registry = REGISTRIES.iter().find(|registry| registry.name() == name).ok_or_else(unknown)?;
    let path = endpoints::set(&world.environment, *registry, url)?;
    world.ui.step("Wrote", path.display());
    Ok(())
}

/// Every registry, those that nobody names with the line that would name them.
fn show(world: &World) -> Result<(), Stop> {
    let mut failed = None;
    for registry in REGISTRIES {
        match world.endpoints.get(registry) {
            Ok(endpoint) => {
                for root in &endpoint.mirrors {
                    say(&format!(
                        "{:<16} {}\n{:<16}   {}\n",
                        registry.name(),
                        net::shown(&root.url),
                        "",
                        endpoint.origin
                    ))?;
                }
            }
            Err(Error::NoEndpoint { reason, help, .. }) => {
                say(&format!("{:<16} none: {reason}\n{:<16}   {help}\n", registry.name(), ""))?;
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

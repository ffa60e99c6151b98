//! Python indexes of the user's own, by the name that a profile's `[python] indexes` and the user's tools give them.

use std::collections::BTreeSet;

use super::{Endpoint, from_file, python, written};
use crate::environment::Environment;
use crate::error::Error;
use crate::outside::Registry;

const BEGIN: &str = "SPARKBAKE_PYPI_";
const END: &str = "_URL";

/// The index of that name: a variable goes before `endpoints.toml`, and that before uv's configuration.
pub(super) fn find(environment: &Environment, name: &str) -> Result<Endpoint, Error> {
    let variable = format!("{BEGIN}{}{END}", name.to_ascii_uppercase().replace('-', "_"));
    if let Some(value) = environment.var(&variable) {
        let urls = value.split([',', ' ']).filter(|url| !url.is_empty());
        return Endpoint::parse(Registry::Pypi, urls, format!("environment: {variable}"));
    }
    if let Some(endpoint) = from_file(environment, Registry::Pypi, Some(name))? {
        return Ok(endpoint);
    }
    if let Some((_, url, origin)) = python::uv_named(environment)?.into_iter().find(|(known, ..)| known == name) {
        return Endpoint::parse(Registry::Pypi, [url.as_str()], origin);
    }
    Err(Error::NoEndpoint {
        registry: format!("pypi:{name}"),
        reason: format!("neither {variable}, endpoints.toml nor uv names the Python index `{name}`"),
        help: format!(
            "run `sparkbake endpoints set pypi:{name} URL`: the URL of the index's simple API, which often ends in `/simple`"
        ),
    })
}

/// Every name that is known, sorted.
pub(super) fn names(environment: &Environment) -> Result<Vec<String>, Error> {
    let variable = |name: &String| {
        let name = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
        Some(name.to_ascii_lowercase().replace('_', "-"))
    };
    let mut names: BTreeSet<String> = environment.vars.keys().filter_map(variable).collect();
    for file in written(environment) {
        names.extend(file?.1.indexes.into_keys());
    }
    names.extend(python::uv_named(environment)?.into_iter().map(|(name, ..)| name));
    Ok(names.into_iter().collect())
}

//! Passwords of Python indexes from keyring's command line, as pip asks it (pip, "Authentication").

use std::process::Command;

use url::Url;

use super::{Endpoint, Netrc, Secret};
use crate::environment::Environment;
use crate::error::Error;
use crate::program;

/// Completes credentials that name a user alone: by netrc, which goes first, else by keyring. Where neither knows a
/// password the user's name stays as it is, as it may be a token.
pub(super) fn complete(endpoint: &mut Endpoint, environment: &Environment) -> Result<(), Error> {
    for root in &mut endpoint.mirrors {
        let Some(known) = root.credentials.as_mut().filter(|known| known.password.reveal().is_empty()) else {
            continue;
        };
        let netrc = Netrc::read(environment)?;
        if let Some(own) = netrc.own(&root.url).filter(|own| own.user == known.user) {
            *known = own.clone();
        } else if let Some(password) = asked(environment, &root.url, &known.user) {
            known.password = Secret::new(password);
        }
    }
    Ok(())
}

/// What keyring knows of the index, else of its host; the user may have turned that off.
fn asked(environment: &Environment, url: &Url, user: &str) -> Option<String> {
    if environment.var("PIP_KEYRING_PROVIDER") == Some("disabled") {
        return None;
    }
    let program = environment.program("keyring")?;
    // A host, and its port where there is one.
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    [url.as_str(), host].into_iter().find_map(|service| {
        let mut command = Command::new(&program);
        command.args(["get", service, user]).env_clear().envs(&environment.vars);
        let (said, success) = program::ask(&mut command, b"", program::SECRET).ok()?;
        let password = said.trim_end_matches(['\n', '\r']);
        (success && !password.is_empty()).then(|| password.to_owned())
    })
}

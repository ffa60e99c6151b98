//! Azure's registries by Entra: an access token of the surroundings becomes a refresh token of the
//! registry (Azure/acr, docs/AAD-OAuth.md).
//!
//! In order: a service principal's secret (which the registry takes as a password), a workload
//! identity's federated token, the managed identity of the container, app or machine, and what the
//! `az` command line is logged in as.

use std::fs;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::Host;
use super::credentials::Credential;
use super::wire::Ask;
use crate::endpoints::{Credentials, Secret};
use crate::error::Error;
use crate::program;

/// The user that stands beside a refresh token (`az acr login --expose-token`).
pub(super) const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";
/// Below these, and nowhere else, lie Azure's registries: public, China, US Government.
const SUFFIXES: [&str; 3] = [".azurecr.io", ".azurecr.cn", ".azurecr.us"];
/// Whom the Entra token is for; tokens for Azure's Resource Manager may be disabled at a registry.
const AUDIENCE: &str = "https://containerregistry.azure.net";
/// Where Entra is, unless `AZURE_AUTHORITY_HOST` says otherwise.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// The instance metadata service of a machine, unless `AZURE_POD_IDENTITY_AUTHORITY_HOST` says otherwise.
const METADATA: &str = "http://169.254.169.254";

/// The metadata service is on the machine itself, or there is none.
const AT_HAND: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Given {
    /// Entra's own name, and that of the command line.
    #[serde(rename = "access_token", alias = "accessToken")]
    access: Option<Secret>,
    #[serde(rename = "refresh_token")]
    refresh: Option<Secret>,
}

/// Whether a registry is one of Azure's, by https and by its whole name: nothing but one label may
/// stand before the suffix.
pub(super) fn is_azure(root: &Url) -> bool {
    let Some(host) = root.host_str() else { return false };
    let label = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix));
    root.scheme() == "https"
        && root.port().is_none()
        && label.is_some_and(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

impl Host<'_> {
    /// Who the surroundings are to this registry of Azure's; `None` where they are nobody.
    ///
    /// # Errors
    /// [`Error::Exchange`] where a source that is configured does not answer or is refused.
    pub(super) fn by_entra(&self) -> Result<Option<Credential>, Error> {
        let var = |name: &str| self.around.environment.var(name);
        if let (Some(id), Some(secret)) = (var("AZURE_CLIENT_ID"), var("AZURE_CLIENT_SECRET")) {
            let password = Secret::new(secret.to_owned());
            return Ok(Some(Credential::Login(Credentials { user: id.to_owned(), password })));
        }
        let token = match self.workload()? {
            Some(token) => Some(token),
            None => match self.managed()? {
                Some(token) => Some(token),
                None => self.command_line(),
            },
        };
        token.map(|token| self.swap(&token)).transpose()
    }

    /// `POST /oauth2/exchange`.
    fn swap(&self, token: &Secret) -> Result<Credential, Error> {
        let what = format!("exchange the Entra token at {}", self.name);
        let url = self.root.join("oauth2/exchange").map_err(|error| Error::registry(&self.name, error))?;
        let mut form = vec![("grant_type", "access_token"), ("service", &self.name), ("access_token", token.reveal())];
        form.extend(self.around.environment.var("AZURE_TENANT_ID").map(|tenant| ("tenant", tenant)));
        let answer = self.post_form(&what, &url, &form)?;
        if !answer.status.is_success() {
            return Err(answer.refusal(&what));
        }
        let token = given(&answer.body).and_then(|given| given.refresh);
        token.map(Credential::Identity).ok_or_else(|| Error::registry(&self.name, "gave no refresh token"))
    }

    /// A workload identity's token file (Kubernetes, GitHub's and Azure's own pipelines).
    fn workload(&self) -> Result<Option<Secret>, Error> {
        let var = |name: &str| self.around.environment.var(name);
        let all = (var("AZURE_FEDERATED_TOKEN_FILE"), var("AZURE_CLIENT_ID"), var("AZURE_TENANT_ID"));
        let (Some(file), Some(client), Some(tenant)) = all else { return Ok(None) };
        let assertion = fs::read_to_string(file).map_err(Error::read(file))?;
        let authority = var("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY).trim_end_matches('/');
        let what = "get an Entra token for the workload identity";
        let url = format!("{authority}/{tenant}/oauth2/v2.0/token");
        let url = Url::parse(&url).map_err(|error| Error::registry("AZURE_AUTHORITY_HOST", error))?;
        if url.scheme() != "https" {
            return Err(Error::registry("AZURE_AUTHORITY_HOST", "must be an https: URL"));
        }
        let scope = format!("{AUDIENCE}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("scope", &scope),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.trim()),
        ];
        let answer = self.post_form(what, &url, &form)?;
        if !answer.status.is_success() {
            return Err(answer.refusal(what));
        }
        Ok(given(&answer.body).and_then(|given| given.access))
    }

    /// The managed identity: of an app or container by the address in its environment, of a machine by
    /// its metadata service, which is asked once and only where it is at hand.
    fn managed(&self) -> Result<Option<Secret>, Error> {
        let var = |name: &str| self.around.environment.var(name);
        let client = var("AZURE_CLIENT_ID").map(|id| ("client_id", id));
        let what = "get an Entra token for the managed identity";
        let told = var("IDENTITY_ENDPOINT").zip(var("IDENTITY_HEADER"));
        let (address, header, version) = if let Some((address, secret)) = told {
            (address.to_owned(), ("x-identity-header", secret), "2019-08-01")
        } else {
            let host = var("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(METADATA).trim_end_matches('/');
            (format!("{host}/metadata/identity/oauth2/token"), ("metadata", "true"), "2018-02-01")
        };
        let mut url = Url::parse(&address).map_err(|error| Error::registry("IDENTITY_ENDPOINT", error))?;
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .append_pair("resource", AUDIENCE)
            .extend_pairs(client);
        let value = HeaderValue::from_str(header.1).map_err(|_| Error::registry("IDENTITY_HEADER", "is no header"))?;
        let value = value.to_str().unwrap_or_default().to_owned();
        let mut ask = Ask::new(Method::GET, url, "");
        ask.headers.push((HeaderName::from_static(header.0), value));
        ask.patience = AT_HAND;
        match self.follow(what, &ask, None) {
            Ok(answer) if answer.status.is_success() => Ok(given(&answer.body).and_then(|given| given.access)),
            Ok(answer) if told.is_some() => Err(answer.refusal(what)),
            // No such service, or no identity there: not a machine of Azure's.
            _ => Ok(None),
        }
    }

    /// What `az` is logged in as.
    fn command_line(&self) -> Option<Secret> {
        let az = self.around.environment.program("az")?;
        let mut command = Command::new(az);
        command.args(["account", "get-access-token", "--resource", AUDIENCE, "--output", "json"]);
        let (said, success) = program::ask(&mut command, b"", program::SECRET).ok()?;
        given(said.as_bytes()).filter(|_| success).and_then(|given| given.access)
    }
}

fn given(body: &[u8]) -> Option<Given> {
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_azures_own_names_are_azures() {
        let cases = [
            ("https://score.azurecr.io/", true),
            ("https://score.azurecr.cn/", true),
            ("http://score.azurecr.io/", false),
            ("https://score.azurecr.io:8443/", false),
            ("https://azurecr.io/", false),
            ("https://evilazurecr.io/", false),
            ("https://score.azurecr.io.evil.test/", false),
            ("https://a.b.azurecr.io/", false),
            ("https://score.azurecr.io@evil.test/", false),
        ];
        for (url, expected) in cases {
            assert_eq!(is_azure(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}

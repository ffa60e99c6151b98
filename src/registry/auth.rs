//! Tokens: a registry's challenge, and what answers it (distribution, docs/content/spec/auth/{token,oauth}.md).

use std::collections::BTreeMap;
use std::sync::PoisonError;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use reqwest::Method;
use reqwest::header::{self, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::credentials::{self, Credential};
use super::wire::{Answer, Ask, Load};
use super::{Host, entra, is_private};
use crate::endpoints::{Credentials, Secret};
use crate::error::Error;

/// What a registry asked for, and what it got.
#[derive(Debug, Default)]
pub(super) struct Auth {
    asked: Asked,
    /// By scope; the empty one for what counts everywhere.
    values: BTreeMap<String, HeaderValue>,
    who: Who,
}

/// Who we are.
#[derive(Debug, Clone, Default)]
enum Who {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    Nobody,
    Known(Credential),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Nothing,
    Basic,
    Bearer(Challenge),
}

/// `WWW-Authenticate: Bearer …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    token: Option<Secret>,
    access_token: Option<Secret>,
}

impl Host<'_> {
    /// What is sent with a request of that scope.
    pub(super) fn authorization(&self, url: &Url, scope: &str) -> Option<HeaderValue> {
        let auth = self.auth.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if auth.asked == Asked::Basic { "" } else { scope };
        auth.values.get(key).filter(|_| url.origin() == self.root.origin()).cloned()
    }

    /// Answers a 401: whether there is something new to try. `used` is what was refused.
    ///
    /// # Errors
    /// What looking for credentials fails with; [`Error::Exchange`] where no token is given.
    pub(super) fn authorise(&self, answer: &Answer, scope: &str, used: Option<&HeaderValue>) -> Result<bool, Error> {
        let challenges = answer.headers.get_all(header::WWW_AUTHENTICATE).iter();
        let asked = challenges.filter_map(|value| value.to_str().ok()).find_map(challenge);
        // One at a time: whoever waited here finds the token that another got.
        let mut auth = self.auth.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.unwrap_or_else(|| auth.asked.clone());
        let key = if asked == Asked::Basic { "" } else { scope };
        if auth.values.get(key).is_some_and(|known| used != Some(known)) {
            return Ok(true);
        }
        auth.asked = asked.clone();
        if matches!(auth.who, Who::Unknown) {
            auth.who = self.identify()?.map_or(Who::Nobody, Who::Known);
        }
        let who = if let Who::Known(known) = &auth.who { Some(known.clone()) } else { None };
        let value = match (&asked, who) {
            (_, Some(Credential::Bearer(token))) => Some(bearer(&token)?),
            (Asked::Basic, Some(Credential::Login(login))) => Some(basic(&login)?),
            (Asked::Basic, Some(Credential::Identity(token))) => {
                let login = Credentials { user: entra::TOKEN_USER.to_owned(), password: token };
                Some(basic(&login)?)
            }
            (Asked::Nothing, _) | (Asked::Basic, None) => None,
            (Asked::Bearer(challenge), who) => Some(self.token(challenge, scope, who.as_ref())?),
        };
        // The same again would be refused again.
        match value {
            Some(value) if used != Some(&value) => {
                auth.values.insert(key.to_owned(), value);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Who we are: what docker and podman stored for the host, else what Azure's surroundings say.
    fn identify(&self) -> Result<Option<Credential>, Error> {
        match credentials::find(&self.name, self.around.environment)? {
            Some(found) => Ok(Some(found)),
            None if self.root.scheme() == "https" && entra::is_azure(&self.root) => self.by_entra(),
            None => Ok(None),
        }
    }

    /// Gets a token from the realm; nobody's, where there are no credentials or they may not go there.
    fn token(&self, challenge: &Challenge, scope: &str, who: Option<&Credential>) -> Result<HeaderValue, Error> {
        let what = format!("get a token of {}", self.name);
        let refuse = |reason: &str| Error::Exchange { what: what.clone(), reason: reason.to_owned(), transient: false };
        let realm = self.root.join(&challenge.realm).map_err(|_| refuse("the registry's realm is no URL"))?;
        let realm = self.redirected(&what, &self.root, realm)?;
        let who = who.filter(|_| belongs(&self.root, &realm));
        let scopes = match &challenge.scope {
            Some(more) if !covers(scope, more) => format!("{scope} {more}").trim().to_owned(),
            _ => scope.to_owned(),
        };
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(challenge.service.as_deref().map(|service| ("service", service)));
        fields.extend(scopes.split(' ').filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope)));
        let answer = if let Some(Credential::Identity(refresh)) = who {
            let joined = ("scope", scopes.as_str());
            let mut form: Vec<(&str, &str)> = fields.iter().copied().filter(|(name, _)| *name != "scope").collect();
            form.extend([("grant_type", "refresh_token"), ("client_id", "sparkbake"), joined]);
            form.push(("refresh_token", refresh.reveal()));
            self.post_form(&what, &realm, &form)?
        } else {
            let mut url = realm.clone();
            url.query_pairs_mut().extend_pairs(&fields);
            let login = match who {
                Some(Credential::Login(login)) => Some(basic(login)?),
                _ => None,
            };
            self.persist_with(&what, &Ask::new(Method::GET, url, ""), login.as_ref())?
        };
        if !answer.status.is_success() {
            return Err(answer.refusal(&what));
        }
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| refuse("the answer holds no token"))?;
        let token = granted.token.or(granted.access_token).ok_or_else(|| refuse("the answer holds no token"))?;
        bearer(&token)
    }

    /// A form, posted without any authorization but what it holds.
    pub(super) fn post_form(&self, what: &str, url: &Url, fields: &[(&str, &str)]) -> Result<Answer, Error> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut ask = Ask::new(Method::POST, url.clone(), "");
        ask.headers.push((header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()));
        ask.load = Load::Bytes(body.into_bytes());
        self.persist_with(what, &ask, None)
    }
}

/// `Bearer` or `Basic`, whichever the header asks for first (RFC 9110, section 11.6.1).
fn challenge(text: &str) -> Option<Asked> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Asked::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters(rest);
    let take = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Some(Asked::Bearer(Challenge { realm: take("realm")?, service: take("service"), scope: take("scope") }))
}

/// `name=value` and `name="value"` between commas; a quoted value may hold commas and escapes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim().to_ascii_lowercase();
        let after = after.trim_start();
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (value, left) = after.split_once(',').unwrap_or((after, ""));
            (value.trim().to_owned(), left)
        };
        found.push((name, value));
        rest = left.trim_start_matches([' ', ',']);
    }
    found
}

fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &text[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

/// Whether the scope allows all that `more` asks: `repository:a:pull,push` covers `repository:a:pull`.
fn covers(scope: &str, more: &str) -> bool {
    let Some((what, actions)) = more.rsplit_once(':') else { return false };
    scope.split(' ').filter_map(|one| one.rsplit_once(':')).any(|(ours, allowed)| {
        ours == what && actions.split(',').all(|action| allowed.split(',').any(|one| one == action))
    })
}

/// Whether credentials for a registry may go to a realm: its own host, or one below the same name
/// (`registry.gitlab.example` and `gitlab.example`), and never in the clear. Below Azure's name
/// everybody has a registry, so there it is the host alone.
fn belongs(registry: &Url, realm: &Url) -> bool {
    if registry.origin() == realm.origin() {
        return true;
    }
    let (Some(url::Host::Domain(ours)), Some(url::Host::Domain(theirs))) = (registry.host(), realm.host()) else {
        return is_private(registry) && is_private(realm);
    };
    let parent = |name: &str| {
        let labels: Vec<&str> = name.rsplitn(3, '.').take(2).collect();
        (labels.len() == 2).then(|| labels.join("."))
    };
    let kin = ours == theirs || !entra::is_azure(registry) && parent(ours).is_some() && parent(ours) == parent(theirs);
    kin && realm.scheme() == "https" || is_private(registry) && is_private(realm)
}

fn hidden(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::registry("credentials", "hold characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    hidden(&format!("Bearer {}", token.reveal()))
}

fn basic(login: &Credentials) -> Result<HeaderValue, Error> {
    let pair = format!("{}:{}", login.user, login.password.reveal());
    hidden(&format!("Basic {}", BASE64.encode(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_their_quotes() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Some(Asked::Bearer(Challenge { realm: realm.to_owned(), service: own(service), scope: own(scope) }))
        };
        for (text, expected) in [
            ("Basic realm=\"x\"", Some(Asked::Basic)),
            ("bearer realm=\"https://r/t\"", bearer("https://r/t", None, None)),
            (
                "Bearer realm=\"https://r/t\",service=\"a, \\\"b\\\"\", scope=\"repository:x:pull,push\"",
                bearer("https://r/t", Some("a, \"b\""), Some("repository:x:pull,push")),
            ),
            ("Bearer realm=https://r/t , service=s", bearer("https://r/t", Some("s"), None)),
            ("Bearer service=\"no realm\"", None),
            ("Bearer realm=\"no end", bearer("no end", None, None)),
            ("Digest realm=\"x\"", None),
            ("", None),
        ] {
            assert_eq!(challenge(text), expected, "{text}");
        }
    }

    #[test]
    fn credentials_go_to_realms_of_the_registry_alone() {
        let cases = [
            ("https://registry.example/", "https://registry.example/token", true),
            ("https://registry.example/", "http://registry.example/token", false),
            ("https://registry.gitlab.example/", "https://gitlab.example/jwt", true),
            ("https://registry-1.hub.example/", "https://auth.hub.example/token", true),
            ("https://registry.example/", "https://evil.test/token", false),
            ("https://registry.example/", "https://registry.example.evil.test/token", false),
            ("https://a.azurecr.io/", "https://a.azurecr.io/oauth2/token", true),
            ("https://a.azurecr.io/", "https://b.azurecr.io/oauth2/token", false),
            ("https://registry.example/", "https://127.0.0.1/token", false),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token", true),
        ];
        for (registry, realm, expected) in cases {
            let (registry, realm) = (Url::parse(registry).unwrap(), Url::parse(realm).unwrap());
            assert_eq!(belongs(&registry, &realm), expected, "{registry} {realm}");
        }
    }

    #[test]
    fn a_scope_that_is_allowed_is_not_asked_for_twice() {
        let ours = "repository:a:pull,push repository:b:pull";
        for (more, expected) in [
            ("repository:a:pull", true),
            ("repository:a:push,pull", true),
            ("repository:b:pull", true),
            ("repository:b:push", false),
            ("repository:c:pull", false),
            ("odd", false),
        ] {
            assert_eq!(covers(ours, more), expected, "{more}");
        }
    }
}

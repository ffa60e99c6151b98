//! Who we are, and to whom that is told.

use std::fs;

use crate::server::{Act, Heard, Server};
use crate::{PART, Place, noise, program, said};

const CHALLENGE: &str = "www-authenticate: Bearer realm=\"http://HOST/token\",service=\"the, registry\"\r\n";

/// A registry that wants a bearer token which lasts for so many requests; the realm is at the same place.
fn guarded(lasts: usize, login: &'static str) -> Server {
    let left = std::sync::atomic::AtomicUsize::new(0);
    let round = std::sync::atomic::AtomicUsize::new(0);
    Server::new(move |heard, _| {
        use std::sync::atomic::Ordering::SeqCst;
        let host = heard.header("host").to_owned();
        if heard.target.starts_with("/token") {
            if heard.header("authorization") != login {
                return Act::refuse("401 Unauthorized", "UNAUTHORIZED");
            }
            left.store(lasts, SeqCst);
            let token = round.fetch_add(1, SeqCst) + 1;
            return Act::say("200 OK", "", &format!(r#"{{"access_token":"t{token}"}}"#));
        }
        let token = format!("Bearer t{}", round.load(SeqCst));
        let spent = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err();
        if heard.header("authorization") == token && !spent {
            return Act::Serve;
        }
        Act::say("401 Unauthorized", &CHALLENGE.replace("HOST", &host), "")
    })
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(text)
}

/// Puts a configuration where docker looks for it.
fn configure(place: &Place, text: &str) {
    fs::create_dir_all(place.path("home/.docker")).unwrap();
    fs::write(place.path("home/.docker/config.json"), text).unwrap();
}

/// `Basic` of `me:canary`.
const LOGIN: &str = "Basic bWU6Y2FuYXJ5";

#[test]
fn p16_a_token_is_asked_for_once_and_again_when_it_is_spent() {
    assert_eq!(LOGIN, format!("Basic {}", base64("me:canary")));
    // Spent in the middle of a blob: the part goes again, and nothing else.
    for lasts in [1000, 3] {
        let place = Place::new(&[noise(3 * PART, 1)]);
        let server = guarded(lasts, LOGIN);
        let auth = base64("me:canary");
        configure(&place, &format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, server.host));
        place.pushed(&server, &["-j", "1"]);
        let tokens: Vec<Heard> =
            server.heard().into_iter().filter(|heard| heard.target.starts_with("/token")).collect();
        assert_eq!(tokens.len() > 1, lasts == 3, "{}", tokens.len());
        let target = &tokens[0].target;
        assert!(
            target.contains("service=the%2C+registry")
                && target.contains("scope=repository%3Ateam%2Fscore%3Apull%2Cpush"),
            "{target}"
        );
    }
}

#[test]
fn p19_p20_credentials_come_from_where_docker_and_podman_keep_them() {
    let server = guarded(1000, LOGIN);
    let host = server.host.clone();
    let auth = format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, base64("me:canary"));
    let wrong = format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, base64("me:wrong"));
    let helper = "#!/bin/sh\nread server\n[ \"$1\" = get ] && [ \"$server\" = HOST ] && echo '{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"canary\"}'\n".replace("HOST", &host);
    let place = || Place::new(&[noise(10, 1)]);
    let push = |place: &Place, variables: &[(&str, String)]| {
        server.state.lock().unwrap().manifests.clear();
        let to = format!("{host}/team/score:1");
        let mut command = place.command(&["push", "oci:image", &to]);
        command.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
        let ran = command.output().unwrap();
        assert!(!said(&ran).contains("canary"), "{}", said(&ran));
        ran
    };
    let file = |place: &Place, name: &str, text: &str| {
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    // Each place alone, and before those that come after it.
    let one = place();
    let named = file(&one, "auth.json", &auth);
    configure(&one, &wrong);
    for variables in [
        vec![("REGISTRY_AUTH_FILE", named)],
        vec![("DOCKER_AUTH_CONFIG", auth.clone())],
        vec![("DOCKER_CONFIG", {
            file(&one, "d/config.json", &auth);
            one.path("d").display().to_string()
        })],
        vec![("XDG_RUNTIME_DIR", {
            file(&one, "r/containers/auth.json", &auth);
            one.path("r").display().to_string()
        })],
    ] {
        let ran = push(&one, &variables);
        assert!(ran.status.success(), "{variables:?}: {}", said(&ran));
    }
    // A helper for the host comes before the store, and that before what is written down.
    for config in [
        format!(r#"{{"credHelpers":{{"{host}":"ours"}},"credsStore":"broken","auths":{{"{host}":{{"auth":"bad"}}}}}}"#),
        format!(r#"{{"credsStore":"ours","auths":{{"{host}":{{}}}}}}"#),
    ] {
        let one = place();
        program(&one.path("bin/docker-credential-ours"), &helper);
        configure(&one, &config);
        let ran = push(&one, &[]);
        assert!(ran.status.success(), "{config}: {}", said(&ran));
    }
    // A store that knows nothing leaves it to the file.
    let one = place();
    program(
        &one.path("bin/docker-credential-none"),
        "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n",
    );
    configure(&one, &auth.replacen('{', r#"{"credsStore":"none","#, 1));
    assert!(push(&one, &[]).status.success());
}

#[test]
fn p20_helpers_that_are_broken_or_hostile_are_named() {
    let server = guarded(1000, LOGIN);
    for (name, text, part) in [
        ("../x", "", "a name that none can have"),
        ("missing", "", "is not on PATH"),
        ("garbage", "#!/bin/sh\necho not json\n", "printed no credentials"),
        ("fails", "#!/bin/sh\necho canary\nexit 3\n", "could not give the credentials"),
        ("floods", "#!/bin/sh\nexec 2>&1\nwhile echo canarycanarycanary; do :; done\n", "docker-credential-floods"),
    ] {
        let place = Place::new(&[noise(10, 1)]);
        if !text.is_empty() {
            program(&place.path(&format!("bin/docker-credential-{name}")), text);
        }
        configure(&place, &format!(r#"{{"credsStore":"{name}"}}"#));
        let ran = place.push(&server, &[]);
        assert_eq!(ran.status.code(), Some(3), "{name}: {}", said(&ran));
        assert!(said(&ran).contains(part) && !said(&ran).contains("canary"), "{name}: {}", said(&ran));
    }
}

#[test]
fn p16_basic_and_tokens_of_the_configuration() {
    let basic = Server::new(|heard, _| {
        if heard.header("authorization") == LOGIN {
            Act::Serve
        } else {
            Act::say("401 Unauthorized", "www-authenticate: Basic realm=\"x\"\r\n", "")
        }
    });
    let place = Place::new(&[noise(10, 1)]);
    configure(&place, &format!(r#"{{"auths":{{"http://{}/":{{"username":"me","password":"canary"}}}}}}"#, basic.host));
    place.pushed(&basic, &[]);
    // An identity token goes to the realm as a form, never to the registry.
    let identity = Server::new(|heard, _| {
        let host = heard.header("host").to_owned();
        if heard.is("POST", "/token") {
            let length: usize = heard.header("content-length").parse().unwrap();
            let form = heard.header("content-type") == "application/x-www-form-urlencoded";
            return if form && length > 50 {
                Act::say("200 OK", "", r#"{"token":"t1"}"#)
            } else {
                Act::refuse("400 Bad", "X")
            };
        }
        if heard.header("authorization") == "Bearer t1" {
            Act::Serve
        } else {
            Act::say("401 Unauthorized", &CHALLENGE.replace("HOST", &host), "")
        }
    });
    configure(&place, &format!(r#"{{"auths":{{"{}":{{"identitytoken":"canary"}}}}}}"#, identity.host));
    place.pushed(&identity, &[]);
    assert!(identity.heard().iter().all(|heard| !heard.header("authorization").contains("canary")));
    // A wrong one is refused once, not for ever.
    configure(&place, &format!(r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#, basic.host, base64("me:no")));
    basic.state.lock().unwrap().heard.clear();
    basic.state.lock().unwrap().manifests.clear();
    let ran = place.push(&basic, &[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("401") && basic.heard().len() <= 4, "{}", said(&ran));
}

#[test]
fn p21_what_proves_who_we_are_stays_with_the_registry() {
    // Uploads that go on at another host, which gets the bytes and no token.
    let storage = Server::plain();
    storage.state.lock().unwrap().sessions.insert("away".into(), Vec::new());
    let away = format!("http://{}/v2/team/score/blobs/uploads/away", storage.host);
    let guard = Server::new(move |heard, _| {
        let host = heard.header("host").to_owned();
        if heard.target.starts_with("/token") {
            return Act::say("200 OK", "", r#"{"token":"t1"}"#);
        }
        if heard.header("authorization") != "Bearer t1" {
            return Act::say("401 Unauthorized", &CHALLENGE.replace("HOST", &host), "");
        }
        match heard.method.as_str() {
            "POST" => Act::say("202 Accepted", &format!("location: {away}\r\n"), ""),
            _ => Act::Serve,
        }
    });
    let place = Place::new(&[noise(10, 1)]);
    configure(&place, &format!(r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#, guard.host, base64("me:canary")));
    place.push(&guard, &[]);
    let heard = storage.heard();
    assert!(heard.iter().any(|heard| heard.method == "PUT"), "{heard:#?}");
    assert!(heard.iter().all(|heard| heard.header("authorization").is_empty()), "{heard:#?}");
}

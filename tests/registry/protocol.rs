//! What goes over the wire when nothing is wrong, or the registry has ways of its own.

use serde_json::{Value, json};

use crate::server::{Act, Server, digest};
use crate::{PART, Place, noise, said, stdout};

#[test]
fn p1_p14_what_is_there_is_not_sent_again() {
    let place = Place::new(&[noise(70_000, 1)]);
    let server = Server::plain();
    let ran = place.pushed(&server, &[]);
    assert_eq!(stdout(&ran), format!("{}/team/score@{}\n", server.host, place.manifest()));
    let before = server.received();
    // The manifest is there: one question for it, one for the tag.
    server.state.lock().unwrap().heard.clear();
    let again = place.pushed(&server, &[]);
    assert!(said(&again).contains("it was there already"), "{}", said(&again));
    assert_eq!((server.heard().len(), server.received()), (3, 0), "{:#?}", server.heard());
    // Its blobs are there: a question each, and not a byte.
    server.state.lock().unwrap().manifests.clear();
    server.state.lock().unwrap().heard.clear();
    place.pushed(&server, &[]);
    assert_eq!((server.count("HEAD", "/blobs/"), server.count("POST", ""), server.received()), (2, 0, 0));
    assert!(before > 70_000);
}

#[test]
fn p2_the_tag_comes_last_and_never_before_the_whole_is_there() {
    let place = Place::new(&[noise(70_000, 1), noise(90_000, 2)]);
    let server = Server::plain();
    place.pushed(&server, &["-t", "2"]);
    let order: Vec<String> = server
        .heard()
        .iter()
        .filter(|heard| heard.method == "PUT")
        .map(|heard| heard.target.split('?').next().unwrap().rsplit('/').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(order, ["uploads", "uploads", "uploads", "manifests", "manifests", "manifests"]);
    // A registry that refuses one blob has no tag and no manifest.
    let refused = digest(&noise(90_000, 2));
    let server = Server::new(move |heard, _| {
        let target = heard.target.replace("%3A", ":");
        if heard.method == "PUT" && target.contains(&refused) {
            Act::refuse("403 Forbidden", "DENIED")
        } else {
            Act::Serve
        }
    });
    let ran = place.push(&server, &[]);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert_eq!(server.state.lock().unwrap().manifests.len(), 0);
}

#[test]
fn p3_p32_parts_say_exactly_where_they_belong_at_every_size() {
    let layers: Vec<Vec<u8>> =
        [1, PART - 1, PART, PART + 1, 2 * PART].iter().zip(1..).map(|(size, seed)| noise(*size, seed)).collect();
    let place = Place::new(&[layers, vec![Vec::new()]].concat());
    let server = Server::plain();
    place.pushed(&server, &[]);
    let heard = server.heard();
    for patch in heard.iter().filter(|heard| heard.method == "PATCH") {
        let (start, end) = patch.header("content-range").split_once('-').unwrap();
        let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
        assert_eq!(patch.header("content-length"), (end + 1 - start).to_string());
        assert_eq!(patch.header("content-type"), "application/octet-stream");
        assert_eq!((patch.header("transfer-encoding"), end + 1 - start <= PART), ("", true));
    }
    for post in heard.iter().filter(|heard| heard.method == "POST") {
        assert_eq!(post.header("content-length"), "0");
    }
    // What fits into one part is sent by the closing PUT; both larger ones need two parts.
    assert_eq!(server.count("PATCH", ""), 4);
}

#[test]
fn p4_a_registry_of_small_bodies_gets_small_ones() {
    for status in ["413 Payload Too Large", "416 Range Not Satisfiable"] {
        let place = Place::new(&[noise(2 * PART, 1)]);
        let server = Server::new(move |heard, _| {
            let size: usize = heard.header("content-length").parse().unwrap_or(0);
            if size > 4 << 20 { Act::say(status, "", "") } else { Act::Serve }
        });
        place.pushed(&server, &[]);
        assert_eq!(server.count("PATCH", ""), 1 + 2 * PART / (4 << 20), "{status}");
    }
    // One that wants large parts gets them.
    let place = Place::new(&[noise(2 * PART + 1, 1)]);
    let server = Server::new(|heard, _| match heard.method.as_str() {
        "POST" => Act::ServeWith("oci-chunk-min-length: 20971520\r\n".into()),
        _ => Act::Serve,
    });
    place.pushed(&server, &[]);
    let sizes: Vec<usize> =
        server.heard().iter().filter(|heard| heard.method == "PATCH").map(|heard| heard.received).collect();
    assert_eq!(sizes, [20 << 20, 2 * PART + 1 - (20 << 20)]);
}

#[test]
fn p8_locations_are_followed_as_they_are() {
    let forms: [fn(&str, &str) -> String; 3] = [
        |_, id| format!("/v2/team/score/blobs/uploads/{id}"),
        |host, id| format!("http://{host}/v2/team/score/blobs/uploads/{id}?a=b%2Fc&_state=x%3D"),
        |_, id| format!("{id}?_state=y"),
    ];
    for (at, form) in forms.into_iter().enumerate() {
        let place = Place::new(&[noise(PART + 10, 1)]);
        let server = Server::new(move |heard, state| {
            let host = heard.header("host").to_owned();
            match heard.method.as_str() {
                "POST" => {
                    let id = format!("own{}", state.sessions.len());
                    state.sessions.insert(id.clone(), Vec::new());
                    Act::say("202 Accepted", &format!("location: {}\r\n", form(&host, &id)), "")
                }
                _ => Act::Serve,
            }
        });
        let ran = place.push(&server, &[]);
        assert!(ran.status.success(), "{at}: {}", said(&ran));
        let closing: Vec<String> = server
            .heard()
            .iter()
            .filter(|heard| heard.is("PUT", "/uploads/"))
            .map(|heard| heard.target.clone())
            .collect();
        assert!(closing.iter().all(|target| target.contains("digest=sha256%3A")), "{closing:?}");
        if at == 1 {
            // The first part's own location, query and all, with the digest behind it.
            assert!(closing.iter().any(|target| target.contains("a=b%2Fc&_state=x%3D&digest=")), "{closing:?}");
        }
    }
}

#[test]
fn p10_a_mount_that_is_refused_is_an_upload() {
    let layer = noise(70_000, 1);
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "500 Oops"] {
        let place = Place::new(std::slice::from_ref(&layer));
        let server =
            Server::new(move |heard, _| if heard.is("POST", "mount=") { Act::say(status, "", "") } else { Act::Serve });
        let from = format!("{}/team/base", server.host);
        place.pushed(&server, &["--cache-from", &from]);
    }
    // One that works sends nothing; nothing is asked of a repository that nobody named.
    let place = Place::new(std::slice::from_ref(&layer));
    let server = Server::plain();
    server.state.lock().unwrap().blobs.insert(("team/base".into(), digest(&layer)), layer.clone());
    let ran = place.pushed(&server, &["--cache-from", &format!("{}/team/base", server.host)]);
    assert!(said(&ran).contains("1 mounted from"), "{}", said(&ran));
    assert_eq!(std::fs::read_dir(place.path("store/uploads")).unwrap().count(), 0);
    assert!(server.received() < 70_000);
    let server = Server::plain();
    place.pushed(&server, &[]);
    assert_eq!(server.count("POST", "mount="), 0);
}

#[test]
fn p15_tags_go_in_one_request_where_the_registry_can() {
    let place = Place::new(&[noise(10, 1)]);
    let server = Server::new(|heard, _| {
        if heard.is("PUT", "?tag=") {
            return Act::ServeWith("OCI-Tag: 1\r\nOCI-Tag: 2\r\n".into());
        }
        Act::Serve
    });
    let ran = place.push(&server, &["-t", "2", "-t", "3"]);
    assert!(ran.status.success(), "{}", said(&ran));
    let puts: Vec<String> = server
        .heard()
        .iter()
        .filter(|heard| heard.is("PUT", "/manifests/"))
        .map(|heard| heard.target.clone())
        .collect();
    assert!(puts[0].ends_with("?tag=1&tag=2&tag=3"), "{puts:?}");
    assert_eq!(puts[1..], ["/v2/team/score/manifests/3"]);
}

#[test]
fn p25_a_warning_is_shown_once() {
    let place = Place::new(&[noise(10, 1), noise(20, 2)]);
    let server = Server::new(|_, _| Act::ServeWith("warning: 299 - \"be careful\"\r\n".into()));
    let ran = place.pushed(&server, &[]);
    assert_eq!(said(&ran).matches("be careful").count(), 1, "{}", said(&ran));
}

#[test]
fn p28_a_registry_without_head_is_asked_by_get() {
    let layer = noise(70_000, 1);
    let place = Place::new(std::slice::from_ref(&layer));
    let server =
        Server::new(
            |heard, _| if heard.method == "HEAD" { Act::say("405 Method Not Allowed", "", "") } else { Act::Serve },
        );
    server.state.lock().unwrap().blobs.insert(("team/score".into(), digest(&layer)), layer.clone());
    place.pushed(&server, &[]);
    assert!(server.received() < 70_000);
}

#[test]
fn p29_the_report_tells_every_blob() {
    let (here, there) = (noise(70_000, 1), noise(90_000, 2));
    let place = Place::new(&[here.clone(), there.clone()]);
    let server = Server::plain();
    server.state.lock().unwrap().blobs.insert(("team/score".into(), digest(&there)), there.clone());
    let ran = place.pushed(&server, &["--json"]);
    let report: Value = serde_json::from_str(&stdout(&ran)).unwrap();
    let of = |bytes: &[u8]| {
        let all = report["blobs"].as_array().unwrap();
        all.iter().find(|blob| blob["digest"] == digest(bytes).as_str()).unwrap().clone()
    };
    assert_eq!((&of(&here)["way"], of(&here)["bytes"].as_u64()), (&"uploaded".into(), Some(70_000)));
    assert_eq!((&of(&there)["way"], of(&there)["bytes"].as_u64()), (&"existed".into(), Some(0)));
    assert_eq!(report["digest"], place.manifest().as_str());
    assert!(of(&here)["seconds"].is_number() && of(&here)["retries"] == 0, "{report:#}");
}

#[test]
fn x19_what_others_wrote_does_not_act_on_the_terminal() {
    let escape = "\u{1b}]52;c;cm0gLXJm\u{7}\r\u{9b}31m";
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": escape,
        "config": { "Labels": { "a": escape, escape: "b" } },
        "history": [{ "created_by": escape }],
    });
    let place = Place::described(&[noise(70_000, 1)], config);
    let server = Server::plain();
    place.pushed(&server, &[]);
    let there = format!("{}/team/score:1", server.host);
    let plain = Place::new(&[noise(90_000, 2)]);
    for ran in [
        place.run(&["inspect", "oci:image"]),
        plain.run(&["inspect", &there]),
        plain.run(&["diff", "oci:image", &there]),
    ] {
        let text = format!("{}{}", stdout(&ran), said(&ran));
        assert!(text.contains("52;c;cm0gLXJm"), "{text}");
        let acts = |c: &char| c.is_control() && *c != '\n';
        assert_eq!(text.chars().find(acts), None, "{text:?}");
    }
}

/// What `inspect` and `diff` say of an image that sparkbake did not make, here and at a registry.
#[test]
fn images_of_others_can_be_looked_at() {
    let place = Place::new(&[noise(70_000, 1)]);
    let server = Server::plain();
    place.pushed(&server, &[]);
    let there = format!("{}/team/score:1", server.host);
    for image in ["oci:image", &there] {
        let ran = place.run(&["inspect", image]);
        let text = stdout(&ran);
        assert!(ran.status.success(), "{}", said(&ran));
        let layer = format!("70 KB  {}", digest(&noise(70_000, 1)));
        for part in [place.manifest().as_str(), "sparkbake did not make it", &layer] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }
    let same = place.run(&["diff", "oci:image", &there]);
    assert_eq!((same.status.code(), stdout(&same).as_str()), (Some(0), "no difference\n"), "{}", said(&same));
    let other = Place::new(&[noise(90_000, 2)]);
    let differs = other.run(&["diff", "oci:image", &there]);
    assert_eq!(differs.status.code(), Some(1), "{}", said(&differs));
    assert!(stdout(&differs).contains("To upload where the first one is: 70 KB"), "{}", stdout(&differs));
    let missing = place.run(&["inspect", &there.replace(":1", ":2")]);
    assert_eq!(missing.status.code(), Some(3));
    let typo = place.run(&["inspect", "nothing"]);
    assert_eq!(typo.status.code(), Some(2), "{}", said(&typo));
}

//! Networks that cut, registries that forget, and processes that are killed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::server::{Act, Server, digest};
use crate::{PART, Place, noise, said, stdout};

/// A hook that does something at the `n`th request that fits, counted from 0.
fn at(n: usize, method: &'static str, part: &'static str, act: Act) -> Server {
    let count = AtomicUsize::new(0);
    Server::new(move |heard, _| {
        if heard.is(method, part) && count.fetch_add(1, Ordering::SeqCst) == n { act.clone() } else { Act::Serve }
    })
}

#[test]
fn p5_a_cut_costs_less_than_one_part() {
    // Cut at the start, in the middle and at the end of a part, in each of the parts.
    for n in 0..3 {
        for kept in [0, 2, PART / 2, PART - 1] {
            let place = Place::new(&[noise(2 * PART + 500_000, 1)]);
            let server = at(n, "PATCH", "", Act::Cut(kept));
            let ran = place.pushed(&server, &["--json"]);
            // What was read of a part is kept, so that much need not come again; a connection buffers the rest.
            let again = server.received() - (2 * PART + 500_000);
            assert!(again < PART, "cut {n} at {kept}: {again} bytes twice");
            assert_eq!(server.count("GET", "/uploads/"), 1);
            let report: Value = serde_json::from_str(&stdout(&ran)).unwrap();
            assert!(report["blobs"].as_array().unwrap().iter().any(|blob| blob["retries"] == 1), "{report:#}");
        }
    }
}

/// A session of one byte looks like one of none (`Range: 0-0`): it is begun again.
#[test]
fn p6_a_session_of_a_single_byte_is_given_up() {
    let place = Place::new(&[noise(2 * PART, 1)]);
    let server = at(0, "PATCH", "", Act::Cut(1));
    place.pushed(&server, &[]);
    assert_eq!(server.count("POST", ""), 3);
}

#[test]
fn p5_an_answer_that_gets_lost_costs_no_byte() {
    for (method, part) in [("PATCH", "/uploads/"), ("PUT", "/uploads/"), ("POST", "/uploads/"), ("PUT", "/manifests/")]
    {
        let place = Place::new(&[noise(PART + 500_000, 1)]);
        let server = at(0, method, part, Act::Lose);
        place.pushed(&server, &[]);
        let config = 500;
        assert!(server.received() <= PART + 500_000 + config, "{method} {part}: {}", server.received());
    }
}

#[test]
fn p6_a_session_that_is_gone_is_begun_again() {
    for code in ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"] {
        let place = Place::new(&[noise(2 * PART, 1)]);
        let server = at(1, "PATCH", "", Act::refuse("404 Not Found", code));
        let ran = place.pushed(&server, &[]);
        assert_eq!(server.count("POST", ""), 3, "{}", said(&ran));
    }
    // Amazon's range that does not move is no reason to stop: the parts were accepted.
    let place = Place::new(&[noise(3 * PART, 1)]);
    let server = Server::new(|heard, _| if heard.method == "PATCH" { Act::ServeStale } else { Act::Serve });
    place.pushed(&server, &[]);
    assert_eq!(server.count("GET", "/uploads/"), 0);
}

#[test]
fn p7_out_of_range_is_settled_by_asking() {
    let place = Place::new(&[noise(2 * PART, 1)]);
    let server = at(1, "PATCH", "", Act::say("416 Range Not Satisfiable", "", ""));
    place.pushed(&server, &[]);
    assert_eq!((server.count("GET", "/uploads/"), server.count("POST", "")), (1, 2));
    // One that stays so ends with the registry's words.
    let server = Server::new(|heard, _| {
        if heard.method == "PATCH" && heard.header("content-range") != format!("0-{}", PART - 1) {
            return Act::refuse("416 Range Not Satisfiable", "BLOB_UPLOAD_RANGE");
        }
        Act::Serve
    });
    let ran = place.push(&server, &[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("BLOB_UPLOAD_RANGE, told so"), "{}", said(&ran));
}

#[test]
fn p11_the_registry_says_when_to_come_back() {
    let date = "date: Thu, 26 Nov 2026 10:00:00 GMT\r\nretry-after: Thu, 26 Nov 2026 10:00:01 GMT\r\n";
    for (status, headers) in [("429 Too Many Requests", "retry-after: 1\r\n"), ("503 Busy", date)] {
        let place = Place::new(&[noise(70_000, 1)]);
        for (method, part) in [("HEAD", "/blobs/"), ("PUT", "/uploads/"), ("PUT", "/manifests/")] {
            let server = at(0, method, part, Act::say(status, headers, ""));
            let ran = place.pushed(&server, &[]);
            assert!(said(&ran).contains("again in 1.0 s"), "{}", said(&ran));
        }
    }
}

#[test]
fn p12_p24_a_refusal_is_asked_for_once_and_told_in_the_registrys_words() {
    let place = Place::new(&[noise(70_000, 1)]);
    let body = r#"{"errors":[{"code":"DENIED","message":"quota \u001b[31mreached","detail":{"left":0}}]}"#;
    for status in ["400 Bad Request", "403 Forbidden", "409 Conflict"] {
        let server = Server::new(move |heard, _| {
            if heard.is("POST", "/uploads/") {
                Act::say(status, "x-ms-correlation-request-id: abc-123\r\n", body)
            } else {
                Act::Serve
            }
        });
        let ran = place.push(&server, &["-j", "1"]);
        assert_eq!(ran.status.code(), Some(3));
        for part in [status, "DENIED", "quota", "reached", r#"{"left":0}"#, "abc-123"] {
            assert!(said(&ran).contains(part), "no `{part}` in {}", said(&ran));
        }
        assert!(!said(&ran).contains('\x1b'));
        // Each of the two blobs at most once.
        assert!(server.count("POST", "/uploads/") <= 2);
    }
    // A body without an end is not read to its end.
    let long = "x".repeat(1 << 20);
    let server = Server::new(move |heard, _| {
        if heard.is("POST", "/uploads/") { Act::say("500 Oops", "retry-after: 0\r\n", &long) } else { Act::Serve }
    });
    let ran = place.push(&server, &[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).len() < 20_000 && said(&ran).contains("may succeed"), "{}", said(&ran));
}

#[test]
fn p13_who_loses_a_race_has_won_too() {
    let layer = noise(70_000, 1);
    let own = digest(&layer);
    let place = Place::new(std::slice::from_ref(&layer));
    let server = Server::new(move |heard, state| {
        let target = heard.target.replace("%3A", ":");
        if heard.is("PUT", "/uploads/") && target.contains(&own) {
            // Another push was faster by a moment.
            state.blobs.insert(("team/score".into(), own.clone()), layer.clone());
            return Act::refuse("400 Bad Request", "BLOB_UPLOAD_INVALID");
        }
        Act::Serve
    });
    place.pushed(&server, &[]);
}

#[test]
fn p14_what_the_registry_stored_must_be_what_was_sent() {
    let place = Place::new(&[noise(70_000, 1)]);
    for part in ["/uploads/", "/manifests/"] {
        let lie = format!("docker-content-digest: sha256:{}\r\n", "0".repeat(64));
        let server = Server::new(
            move |heard, _| if heard.is("PUT", part) { Act::say("201 Created", &lie, "") } else { Act::Serve },
        );
        let ran = place.push(&server, &[]);
        assert_eq!(ran.status.code(), Some(3));
        assert!(said(&ran).contains("is not what was promised"), "{}", said(&ran));
        assert!(!server.has_tag("team/score", "1"));
    }
    // Bytes that are damaged on this machine are named as such, and not sent again and again.
    let blob = place.path("image/blobs/sha256").join(digest(&noise(70_000, 1)).strip_prefix("sha256:").unwrap());
    std::fs::write(&blob, noise(70_000, 2)).unwrap();
    let server = Server::plain();
    let ran = place.push(&server, &[]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(said(&ran).contains("damaged"), "{}", said(&ran));
    assert!(server.received() < 2 * 70_000);
}

#[test]
fn p26_what_is_given_up_is_told_to_the_registry() {
    let place = Place::new(&[noise(PART + 1, 1)]);
    let server = at(0, "PATCH", "", Act::refuse("403 Forbidden", "DENIED"));
    let ran = place.push(&server, &[]);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert_eq!(server.count("DELETE", "/uploads/"), 1);
}

#[test]
fn x33_a_push_that_is_killed_goes_on_where_it_was() {
    let size = 4 * PART;
    let place = Place::new(&[noise(size, 1)]);
    // The third part never gets its answer: the process is killed in the middle of it.
    let reached = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&reached);
    let server = Server::new(move |heard, _| {
        if heard.method == "PATCH" {
            *seen.lock().unwrap() += 1;
        }
        Act::Serve
    });
    let to = format!("{}/team/score:1", server.host);
    let mut child = place.command(&["push", "oci:image", &to]).spawn().unwrap();
    while *reached.lock().unwrap() < 2 {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(!server.has_tag("team/score", "1"));
    let before = server.received();
    place.pushed(&server, &[]);
    let twice = server.received().saturating_sub(size + 500);
    assert!(before > 0 && twice <= PART, "{before} bytes before, {twice} twice");
    assert_eq!(std::fs::read_dir(place.path("store/uploads")).unwrap().count(), 0);
}

#[test]
fn two_pushes_of_one_image_both_succeed() {
    let place = Place::new(&[noise(2 * PART + 7, 1), noise(70_000, 2)]);
    let server = Server::plain();
    let to = format!("{}/team/score:1", server.host);
    let children: Vec<_> = (0..3).map(|_| place.command(&["push", "oci:image", &to]).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    place.is_there(&server);
}

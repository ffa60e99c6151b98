//! Documents that are believed, and those that are not; `tests/data/debian/make` made them.

use super::*;
use crate::problem::At;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/debian/", $name)).as_slice()
    };
}

const SIGNED: u64 = 1_780_272_000;
const DAY: u64 = 86_400;

fn verdict(document: &[u8], now: u64) -> String {
    let keyring = Keyring::read(&[], &[(At::default(), data!("keys.gpg").to_vec())]).unwrap();
    match read("R", document, &keyring, now) {
        Ok(release) => format!("{} {} by {}", release.codename, release.date_text, release.keys.len()),
        Err(error) => error.to_string().split_whitespace().filter(|w| w.len() != 40).collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn signatures_are_judged() {
    let refused = |reason: &str| format!("R: no signature by a trusted key: {reason}");
    let good = "bookworm 2026-06-01T00:00:00Z by 1".to_owned();
    for (document, now, expected) in [
        (data!("InRelease"), SIGNED + DAY, "bookworm 2026-06-01T00:00:00Z by 2".to_owned()),
        (data!("ed.InRelease"), SIGNED, good.clone()),
        (data!("ed.InRelease"), SIGNED - 60, refused("signature by is dated in the future")),
        (data!("brief.InRelease"), SIGNED + DAY - 1, good.clone()),
        (data!("brief.InRelease"), SIGNED + DAY, refused("signature by has expired")),
        (data!("silent.InRelease"), SIGNED + DAY, good),
        (data!("silent.InRelease"), 1_798_804_800, refused("signature by is by an expired subkey")),
        (data!("short.InRelease"), SIGNED, refused("signature by is by an expired key")),
        (data!("revoked.InRelease"), SIGNED, refused("signature by is by a revoked key")),
        (data!("stranger.InRelease"), SIGNED, refused("key is unknown")),
        (data!("sha1.InRelease"), SIGNED, refused("signature by uses the weak hash SHA1")),
        (data!("md5.InRelease"), SIGNED, "R: it has no SHA256 sums".to_owned()),
        (data!("security.InRelease"), SIGNED, "bookworm-security 2026-06-01T00:00:00Z by 1".to_owned()),
    ] {
        assert_eq!(verdict(document, now), expected);
    }
}

#[test]
fn only_the_signed_text_counts() {
    let good = std::str::from_utf8(data!("ed.InRelease")).unwrap();
    let outside = "R: there is text outside of the signed document, or no signed document";
    let two = "R: it is not exactly one signed document";
    let (unsigned, signature) = good.split_once("-----BEGIN PGP SIGNATURE").unwrap();
    let unsigned = unsigned.split_once("\n\n").unwrap().1;
    for (document, expected) in [
        (format!("Codename: evil\n{good}"), outside),
        (format!("\n{good}"), outside),
        (format!("{good}Codename: evil\n"), outside),
        (format!("{good}{good}"), two),
        (unsigned.to_owned(), outside),
        (format!("-----BEGIN PGP SIGNED MESSAGE-----\nx-----BEGIN PGP SIGNATURE{signature}"), two),
        (
            good.replace("Codename: bookworm", "Codename: trixie"),
            "R: no signature by a trusted key: signature by does not fit the text",
        ),
        (good.replace("Suite", "Su\0te"), "R: it holds a NUL or a carriage return"),
        (good.replace('\n', "\r\n"), "R: it holds a NUL or a carriage return"),
        (String::new(), outside),
    ] {
        assert_eq!(verdict(document.as_bytes(), SIGNED), expected, "{document}");
    }
}

#[test]
fn a_release_is_parsed_strictly() {
    let sum = "0".repeat(64);
    let parse = |text: &str| parse(text, Vec::new()).map(|r| r.files.len());
    let head = "Codename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n";
    for (text, expected) in [
        (format!("{head}SHA256:\n {sum} 1 main/x\n"), Ok(1)),
        (head.to_owned(), Err("it has no SHA256 sums")),
        (format!("{head}Date: x\n"), Err("a field stands twice")),
        (format!("{head}\nSHA256:\n {sum} 1 main/x\n"), Err("a line of it is no field")),
        (format!("{head}SHA256:\n {sum} 1 ../x\n"), Err("is no line of SHA256 sums")),
        (format!("{head}SHA256:\n {sum} 1 x\n {sum} 2 x\n"), Err("it promises two files x")),
        (format!("Date: 11 Jul 2026\nSHA256:\n {sum} 1 x\n"), Err("its Date is no date in UTC")),
        (format!("{head}Suite: a b\nSHA256:\n {sum} 1 x\n"), Err("its suite is no plain word")),
    ] {
        match (parse(&text), expected) {
            (Ok(n), Ok(expected)) => assert_eq!(n, expected),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (got, _) => panic!("{got:?} for {text}"),
        }
    }
}

#[test]
fn a_changed_byte_never_changes_what_is_believed() {
    let good = data!("ed.InRelease");
    let keyring = Keyring::read(&[], &[(At::default(), data!("ed.asc").to_vec())]).unwrap();
    let original = read("R", good, &keyring, SIGNED).unwrap();
    let mut refused = 0;
    for at in (0..good.len()).step_by(3) {
        let mut changed = good.to_vec();
        changed[at] ^= 1 << (at % 7);
        match read("R", &changed, &keyring, SIGNED) {
            Ok(release) => assert_eq!(release, original, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused * 10 > good.len() / 3 * 9, "{refused} of {}", good.len() / 3);
}

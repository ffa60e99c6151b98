//! Any bytes as an `InRelease` and as a keyring.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::debian::{keyring::Keyring, release};
use sparkbake::problem::At;

const KEYS: &[u8] = include_bytes!("../../tests/data/debian/keys.gpg");

fuzz_target!(|bytes: &[u8]| {
    let _ = Keyring::read(&[], &[(At::default(), bytes.to_vec())]);
    let keys = Keyring::read(&[], &[(At::default(), KEYS.to_vec())]).unwrap();
    let _ = release::read("InRelease", bytes, &keys, 1_780_358_400);
});

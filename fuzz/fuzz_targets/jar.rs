//! Any bytes as a jar: its directory, manifest, and classes; and as facts that were kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::classpath::{self, Facts};

fuzz_target!(|bytes: &[u8]| {
    let jar = bytes.to_vec();
    for facts in classpath::facts(&[&jar], 17, 1) {
        assert!(Facts::from_bytes(&facts.to_bytes()).is_some());
    }
    let _ = Facts::from_bytes(bytes);
});

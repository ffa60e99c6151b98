//! Any bytes as a container's log.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = sparkbake::diagnose::diagnose(bytes, Some(1));
});

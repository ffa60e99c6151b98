//! Any bytes as a jar: its directory, manifest, signatures, services and classes; and as facts that were kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::classpath::Facts;

fuzz_target!(|bytes: &[u8]| {
    let _ = Facts::from_bytes(bytes);
    sparkbake_fuzz::verified(bytes.to_vec());
});

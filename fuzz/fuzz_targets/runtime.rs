//! Any bytes as a runtime image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::classpath::Runtime;

fuzz_target!(|bytes: &[u8]| {
    let image = bytes.to_vec();
    let _ = Runtime::read("lib/modules", &image, 1);
    let _ = Runtime::from_bytes(bytes);
});

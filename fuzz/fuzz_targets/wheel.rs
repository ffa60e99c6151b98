//! Any bytes as a wheel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::pypi::wheel;

fuzz_target!(|bytes: &[u8]| {
    let file = bytes.to_vec();
    let _ = wheel::unpack(&file, "x-1.0-py3-none-any.whl", &mut std::io::sink());
    let _ = wheel::metadata_of(&file, "x-1.0-py3-none-any.whl");
});

//! Any bytes as a source distribution: what is in the gzip stream, which would hide it from the fuzzer.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use sparkbake::pypi::sdist;

fuzz_target!(|bytes: &[u8]| {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(bytes).unwrap();
    let packed = gzip.finish().unwrap();
    let _ = sdist::unpack(&mut &packed[..], "x-1.0.tar.gz", &mut std::io::sink());
    let _ = sdist::unpack(&mut &bytes[..], "x-1.0.tar.gz", &mut std::io::sink());
});

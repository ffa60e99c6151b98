//! Any bytes as a Debian package: `ar`, compressed tar, control file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::debian::deb;

fuzz_target!(|bytes: &[u8]| {
    let _ = deb::unpack(&mut &bytes[..], "x.deb", &mut std::io::sink());
});

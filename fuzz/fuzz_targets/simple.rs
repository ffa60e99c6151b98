//! Any bytes as a page of a Python index, HTML and JSON, and as a distribution's METADATA.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::outside::Served;
use sparkbake::pypi::{candidates, index, metadata, tags::Tags};

fuzz_target!(|bytes: &[u8]| {
    let _ = metadata::parse(bytes, "METADATA");
    for kind in ["text/html", "application/vnd.pypi.simple.v1+json"] {
        let url = "https://index.example/simple/x/".to_owned();
        let served = Served { bytes: bytes.to_vec(), media_type: Some(kind.to_owned()), url };
        let Ok(files) = index::files(&served) else { continue };
        let python = "3.11.2".parse().unwrap();
        let _ = candidates::candidates("x", files, &Tags::of(11, (2, 36), "x86_64"), &python);
    }
});

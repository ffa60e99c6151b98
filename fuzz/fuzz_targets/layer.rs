//! Any bytes as a layer's tar, and as a document of an image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::{image::content, layer};

fuzz_target!(|bytes: &[u8]| {
    let _ = layer::read("a layer", bytes, &mut |_, _| Ok(()));
    let _ = content::document::<serde_json::Value>("a document", bytes);
});

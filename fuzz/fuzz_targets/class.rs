//! Any bytes as the class file `a/B`, linked and verified beside `java/lang/Object`.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// `java/lang/Object` with its constructor.
const OBJECT: &[u8] = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x06\x01\0\x10java/lang/Object\x07\0\x01\x01\0\x06<init>\x01\0\x03()V\
    \x01\0\x04Code\0\x21\0\x02\0\0\0\0\0\0\0\x01\0\x01\0\x03\0\x04\0\x01\0\x05\0\0\0\x0d\0\0\0\x01\0\0\0\x01\xb1\0\0\0\0\0\0";

/// A jar of stored entries.
fn jar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, class) in entries {
        let (start, size) = ((bytes.len() as u32).to_le_bytes(), (class.len() as u32).to_le_bytes());
        let head = [&[0; 12][..], &size, &size, &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
        bytes.extend([b"PK\x03\x04\x14\0", &head[..], name.as_bytes(), class].concat());
        directory.extend([b"PK\x01\x02\x14\0\x14\0", &head[..], &[0; 10], &start, name.as_bytes()].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0; 2]].concat());
    bytes
}

fuzz_target!(|bytes: &[u8]| sparkbake_fuzz::verified(jar(&[("java/lang/Object.class", OBJECT), ("a/B.class", bytes)])));

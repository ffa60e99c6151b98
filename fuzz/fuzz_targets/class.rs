//! Any bytes as a class file, linked and verified beside itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::classpath::{self, Jar, ModuleFlags, Request, Role, Runtime};

/// A jar with one stored entry.
fn jar(name: &str, class: &[u8]) -> Vec<u8> {
    let size = (class.len() as u32).to_le_bytes();
    let length = (name.len() as u16).to_le_bytes();
    let head = [&[0; 8][..], &[0; 4], &size, &size, &length, &[0; 2]].concat();
    let mut bytes = [b"PK\x03\x04\x14\0", &head[..], name.as_bytes(), class].concat();
    let start = (bytes.len() as u32).to_le_bytes();
    let entry = [b"PK\x01\x02\x14\0\x14\0", &head[..], &[0; 12], &[0; 4][..2], name.as_bytes()].concat();
    let directory = (entry.len() as u32).to_le_bytes();
    bytes.extend(entry);
    bytes.extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &directory[..], &start, &[0; 2]].concat());
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = jar("a/B.class", bytes);
    let facts = classpath::facts(&[&bytes], 17, 1);
    let role = Role::Added;
    let jars = [Jar { name: "x.jar".into(), via: String::new(), at: None, role, known_by: String::new(), bytes: Box::new(bytes) }];
    let (runtime, flags) = (Runtime::default(), ModuleFlags::default());
    let request = Request {
        jars: &jars,
        facts: &facts,
        runtime: &runtime,
        java: 17,
        flags: &flags,
        require: &[],
        details: true,
        threads: 1,
    };
    let _ = classpath::verify(&request, None);
});

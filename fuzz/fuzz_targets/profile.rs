//! Any text as a profile, with its problems as they are shown, and as a lockfile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::lock::Lock;
use sparkbake::problem::{self, Level, SourceFile};
use sparkbake::profile;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse("x.lock", text) {
        let text = lock.to_toml().unwrap();
        assert_eq!(Lock::parse("x.lock", &text).unwrap().to_toml().unwrap(), text);
    }
    let source = SourceFile { name: "sparkbake.toml".to_owned(), text: text.to_owned() };
    if let Err(problems) = profile::parse("x", source.clone()) {
        let weighed: Vec<_> = problems.into_iter().map(|problem| (Level::Deny, problem)).collect();
        let _ = problem::render(&weighed, &source, false);
    }
});

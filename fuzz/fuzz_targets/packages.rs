//! Any text as Debian's `Packages`, its relations and versions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::debian::{packages, universe::Universe, version};

fuzz_target!(|text: &str| {
    let Ok(packages) = packages::read("Packages", text, "amd64") else { return };
    for pair in packages.windows(2) {
        let (a, b) = (pair[0].version, pair[1].version);
        assert_eq!(version::compare(a, b), version::compare(b, a).reverse());
        let _ = version::matches_pin(a, b);
    }
    let Ok(universe) = Universe::new(&[packages], &Default::default(), "amd64") else { return };
    for (i, _) in universe.candidates() {
        let _ = (universe.needs(i), universe.refuses(i));
    }
});

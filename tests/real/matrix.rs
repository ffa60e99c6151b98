//! What the facts say of releases, against the releases themselves.

use crate::{cache, fresh, said, sparkbake_in};

/// The two of the shipped profiles, and the oldest line.
#[test]
fn what_releases_carry_is_what_the_facts_say() {
    let here = fresh("derive");
    for release in ["3.0.3", "3.5.9", "4.1.4"] {
        let ran = sparkbake_in(cache(), &here, &["matrix", "derive", release]);
        let said = said(&ran);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains(&format!("PySpark {release}: the facts say the same")), "{said}");
    }
}

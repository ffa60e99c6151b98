//! Evidence that code was built for another Scala: classes that only one of 2.12 and 2.13 has.

use super::id::id;
use super::universe::Universe;

/// Classes of the standard library that came with 2.13.
const ONLY_2_13: [&str; 5] = [
    "scala/collection/IterableOnce",
    "scala/collection/IterableOnceOps",
    "scala/runtime/ModuleSerializationProxy",
    "scala/collection/StringOps$",
    "scala/collection/immutable/LazyList",
];
/// Classes of the standard library that 2.13 took away.
const ONLY_2_12: [&str; 4] = [
    "scala/collection/GenTraversableOnce",
    "scala/collection/generic/CanBuildFrom",
    "scala/collection/immutable/StringOps",
    "scala/collection/GenSeq",
];

/// The Scala whose standard library is on the class path.
pub(super) fn of_image(universe: &Universe<'_>) -> Option<&'static str> {
    let has = |name: &str| universe.find(id(name.as_bytes())).is_some();
    if has(ONLY_2_13[0]) {
        Some("2.13")
    } else if has(ONLY_2_12[0]) {
        Some("2.12")
    } else {
        None
    }
}

/// The Scala that a missing class belongs to.
pub(super) fn of_missing(name: &str) -> Option<&'static str> {
    if ONLY_2_13.contains(&name) {
        Some("2.13")
    } else if ONLY_2_12.contains(&name) {
        Some("2.12")
    } else {
        None
    }
}

//! Maven's root for where there is no Maven: what Spark's own Ivy would ask.

use std::io::Read;

use crate::outside::{Range, ReadAt};

/// The class whose constants hold the default root of a Maven 2 repository (Ivy, "IBiblio resolver":
/// `root`).
const RESOLVER: &str = "org/apache/ivy/plugins/resolver/IBiblioResolver.class";

/// The largest class that is read, in bytes; the real one has some 25 kB.
const LIMIT: u64 = 1 << 20;

/// The root that an Ivy jar uses for `m2compatible` resolvers that name none; `None` where the jar
/// is not Ivy's.
#[must_use]
pub fn maven_from_ivy(jar: &dyn ReadAt) -> Option<String> {
    let mut archive = zip::ZipArchive::new(Range::all(jar)).ok()?;
    let mut class = Vec::new();
    archive.by_name(RESOLVER).ok()?.take(LIMIT).read_to_end(&mut class).ok()?;
    constants(&class).find(|text| text.trim_end_matches('/').ends_with("/maven2")).map(str::to_owned)
}

/// The URLs among a class's constants: a tag of 1, two bytes of length, the text (JVMS 4.4.7).
fn constants(class: &[u8]) -> impl Iterator<Item = &str> {
    class.windows(8).enumerate().filter_map(|(at, window)| {
        let &[1, high, low, b'h', b't', b't', b'p', _] = window else { return None };
        let start = at + 3;
        let end = start + usize::from(u16::from_be_bytes([high, low]));
        std::str::from_utf8(class.get(start..end)?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_by_their_tag_and_length() {
        let class = b"\x01\x00\x05https\x01\x00\x19https://m.example/maven2/\x07\x00";
        assert_eq!(constants(class).collect::<Vec<_>>(), ["https", "https://m.example/maven2/"]);
        assert_eq!(maven_from_ivy(&b"no jar".to_vec()), None);
    }
}

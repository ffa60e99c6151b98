//! The constant pool (JVMS 4.4).

use super::super::bytes::{Cursor, be16, be32};
use super::{Malformed, Result};

/// Tags of constants (JVMS, table 4.4-A).
pub(in crate::classpath) mod tag {
    pub(in crate::classpath) const UTF8: u8 = 1;
    pub(in crate::classpath) const INTEGER: u8 = 3;
    pub(in crate::classpath) const FLOAT: u8 = 4;
    pub(in crate::classpath) const LONG: u8 = 5;
    pub(in crate::classpath) const DOUBLE: u8 = 6;
    pub(in crate::classpath) const CLASS: u8 = 7;
    pub(in crate::classpath) const STRING: u8 = 8;
    pub(in crate::classpath) const FIELD: u8 = 9;
    pub(in crate::classpath) const METHOD: u8 = 10;
    pub(in crate::classpath) const INTERFACE_METHOD: u8 = 11;
    pub(in crate::classpath) const NAME_AND_TYPE: u8 = 12;
    pub(in crate::classpath) const METHOD_HANDLE: u8 = 15;
    pub(in crate::classpath) const METHOD_TYPE: u8 = 16;
    pub(in crate::classpath) const DYNAMIC: u8 = 17;
    pub(in crate::classpath) const INVOKE_DYNAMIC: u8 = 18;
    pub(in crate::classpath) const MODULE: u8 = 19;
    pub(in crate::classpath) const PACKAGE: u8 = 20;
}

/// Size in bytes after the tag, and the first major version, of each kind of constant.
const SHAPES: [(u8, u16); 21] = {
    let mut shapes = [(0, UNKNOWN); 21];
    shapes[1] = (0, 0);
    shapes[3] = (4, 0);
    shapes[4] = (4, 0);
    shapes[5] = (8, 0);
    shapes[6] = (8, 0);
    shapes[7] = (2, 0);
    shapes[8] = (2, 0);
    shapes[9] = (4, 0);
    shapes[10] = (4, 0);
    shapes[11] = (4, 0);
    shapes[12] = (4, 0);
    shapes[15] = (3, 51);
    shapes[16] = (2, 51);
    shapes[17] = (4, 55);
    shapes[18] = (4, 51);
    shapes[19] = (2, 53);
    shapes[20] = (2, 53);
    shapes
};
/// A version that no class has.
const UNKNOWN: u16 = u16::MAX;

/// The constants of a class file, read in place.
pub(in crate::classpath) struct Pool<'a> {
    bytes: &'a [u8],
    places: Places,
}

/// Where each constant is, and of which kind: vectors that are used again for every class.
#[derive(Default)]
pub(in crate::classpath) struct Places {
    /// Where the tag is; 0 where an index names no constant.
    at: Vec<u32>,
    /// The tag; 0 where an index names no constant.
    tags: Vec<u8>,
}

impl Places {
    fn clear(&mut self, count: u16) {
        self.at.clear();
        self.tags.clear();
        self.at.reserve(usize::from(count));
        self.tags.reserve(usize::from(count));
        self.push(0, 0);
    }

    fn push(&mut self, at: u32, tag: u8) {
        self.at.push(at);
        self.tags.push(tag);
    }
}

impl<'a> Pool<'a> {
    /// Reads the constants at the cursor, which then stands behind them. `places` are any, to be used again.
    pub(super) fn parse(bytes: &'a [u8], cursor: &mut Cursor<'a>, major: u16, mut places: Places) -> Result<Self> {
        let count = cursor.u2().ok_or(Malformed("is cut short"))?;
        places.clear(count);
        while places.at.len() < usize::from(count) {
            let at = u32::try_from(cursor.at()).map_err(|_| Malformed("is too large"))?;
            let tag = cursor.u1().ok_or(Malformed("is cut short in its constants"))?;
            places.push(at, tag);
            let (size, since) = SHAPES.get(usize::from(tag)).copied().unwrap_or((0, UNKNOWN));
            if major < since {
                let kind = if since == UNKNOWN {
                    "has a constant of no kind"
                } else {
                    "has a constant that its version does not know"
                };
                return Err(Malformed(kind));
            }
            let size = match tag {
                tag::UTF8 => usize::from(cursor.u2().ok_or(Malformed("is cut short in its constants"))?),
                _ => usize::from(size),
            };
            let body = cursor.take(size).ok_or(Malformed("is cut short in its constants"))?;
            match tag {
                tag::UTF8 if !is_modified_utf8(body) => return Err(Malformed("has a text that is no modified UTF-8")),
                tag::LONG | tag::DOUBLE => places.push(0, 0),
                _ => {}
            }
        }
        if places.at.len() > usize::from(count).max(1) {
            return Err(Malformed("has a constant beyond the last"));
        }
        let pool = Self { bytes, places };
        pool.check()?;
        Ok(pool)
    }

    /// The vectors, for the next class.
    pub(super) fn into_places(self) -> Places {
        self.places
    }

    /// One more than the last index.
    pub(in crate::classpath) fn count(&self) -> u16 {
        u16::try_from(self.places.at.len()).unwrap_or(u16::MAX)
    }

    fn place(&self, index: u16) -> Option<usize> {
        let place = *self.places.at.get(usize::from(index))?;
        if place == 0 { None } else { usize::try_from(place).ok() }
    }

    /// The kind of a constant; 0 where there is none.
    pub(in crate::classpath) fn tag(&self, index: u16) -> u8 {
        self.places.tags.get(usize::from(index)).copied().unwrap_or(0)
    }

    fn half(&self, index: u16, wanted: u8, offset: usize) -> Option<u16> {
        if self.tag(index) != wanted {
            return None;
        }
        be16(self.bytes, self.place(index)? + offset)
    }

    /// The bytes of a `Utf8`.
    pub(in crate::classpath) fn utf8(&self, index: u16) -> Option<&'a [u8]> {
        let size = usize::from(self.half(index, tag::UTF8, 1)?);
        let start = self.place(index)? + 3;
        self.bytes.get(start..start + size)
    }

    /// Index of the name of a `Class`.
    pub(in crate::classpath) fn class(&self, index: u16) -> Option<u16> {
        self.half(index, tag::CLASS, 1)
    }

    /// The name of a `Class`: internal form, or the descriptor of an array.
    pub(in crate::classpath) fn class_name(&self, index: u16) -> Option<&'a [u8]> {
        self.utf8(self.class(index)?)
    }

    /// Indices of name and descriptor of a `NameAndType`.
    pub(in crate::classpath) fn name_and_type(&self, index: u16) -> Option<(u16, u16)> {
        Some((self.half(index, tag::NAME_AND_TYPE, 1)?, self.half(index, tag::NAME_AND_TYPE, 3)?))
    }

    /// Indices of the `Class`, the name and the descriptor of a `Fieldref`, `Methodref` or `InterfaceMethodref`.
    pub(in crate::classpath) fn member(&self, index: u16) -> Option<(u16, u16, u16)> {
        let tag = self.tag(index);
        if !(tag::FIELD..=tag::INTERFACE_METHOD).contains(&tag) {
            return None;
        }
        let (name, descriptor) = self.name_and_type(self.half(index, tag, 3)?)?;
        Some((self.half(index, tag, 1)?, name, descriptor))
    }

    /// Kind and index of the member of a `MethodHandle`.
    pub(in crate::classpath) fn method_handle(&self, index: u16) -> Option<(u8, u16)> {
        let at = self.place(index)?;
        let member = self.half(index, tag::METHOD_HANDLE, 2)?;
        Some((*self.bytes.get(at + 1)?, member))
    }

    /// Index of the descriptor of a `MethodType`.
    pub(in crate::classpath) fn method_type(&self, index: u16) -> Option<u16> {
        self.half(index, tag::METHOD_TYPE, 1)
    }

    /// Index of the descriptor of a `Dynamic` or `InvokeDynamic`.
    pub(in crate::classpath) fn dynamic(&self, index: u16) -> Option<u16> {
        let tag = self.tag(index);
        if !matches!(tag, tag::DYNAMIC | tag::INVOKE_DYNAMIC) {
            return None;
        }
        Some(self.name_and_type(self.half(index, tag, 3)?)?.1)
    }

    /// Index of the bootstrap method of a `Dynamic` or `InvokeDynamic`.
    pub(in crate::classpath) fn bootstrap(&self, index: u16) -> Option<u16> {
        let tag = self.tag(index);
        matches!(tag, tag::DYNAMIC | tag::INVOKE_DYNAMIC).then(|| self.half(index, tag, 1))?
    }

    /// The number of an `Integer` or `Long`.
    pub(in crate::classpath) fn integer(&self, index: u16) -> Option<i64> {
        let at = self.place(index)? + 1;
        match self.tag(index) {
            tag::INTEGER => be32(self.bytes, at).map(|number| i64::from(number.cast_signed())),
            tag::LONG => self.eight(at).map(i64::from_be_bytes),
            _ => None,
        }
    }

    /// The number of a `Float` or `Double`.
    pub(in crate::classpath) fn float(&self, index: u16) -> Option<f64> {
        let at = self.place(index)? + 1;
        match self.tag(index) {
            tag::FLOAT => be32(self.bytes, at).map(|bits| f64::from(f32::from_bits(bits))),
            tag::DOUBLE => self.eight(at).map(f64::from_be_bytes),
            _ => None,
        }
    }

    fn eight(&self, at: usize) -> Option<[u8; 8]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    /// The text of a `String`.
    pub(in crate::classpath) fn string(&self, index: u16) -> Option<&'a [u8]> {
        self.utf8(self.half(index, tag::STRING, 1)?)
    }

    /// The name of a `Module` or `Package`.
    pub(in crate::classpath) fn module(&self, index: u16) -> Option<&'a [u8]> {
        let tag = self.tag(index);
        if !matches!(tag, tag::MODULE | tag::PACKAGE) {
            return None;
        }
        self.utf8(self.half(index, tag, 1)?)
    }

    /// Every constant names constants of the right kinds, used or not.
    fn check(&self) -> Result<()> {
        let kind = |index: u16| u32::from(self.tag(index)) & 31;
        let mut sound = 1;
        for ((index, &tag), &at) in (0..).zip(&self.places.tags).zip(&self.places.at) {
            // Without a branch for each kind: which one comes next nobody can guess.
            let at = usize::try_from(at).unwrap_or(usize::MAX - 8);
            let [first, second] = [at + 1, at + 3].map(|at| kind(be16(self.bytes, at).unwrap_or(0)));
            let (wants_first, wants_second) = NAMED.get(usize::from(tag)).copied().unwrap_or((ANY, ANY));
            sound &= (wants_first >> first) & (wants_second >> second);
            if tag == tag::METHOD_HANDLE && !self.is_sound_handle(index) {
                sound = 0;
            }
        }
        if sound & 1 == 0 { Err(Malformed("has a constant that names one of the wrong kind")) } else { Ok(()) }
    }

    fn is_sound_handle(&self, index: u16) -> bool {
        let is = |index: u16, wanted: u8| self.tag(index) == wanted;
        self.method_handle(index).is_some_and(|(kind, member)| match kind {
            1..=4 => is(member, tag::FIELD),
            5 | 8 => is(member, tag::METHOD),
            6 | 7 => is(member, tag::METHOD) || is(member, tag::INTERFACE_METHOD),
            9 => is(member, tag::INTERFACE_METHOD),
            _ => false,
        })
    }
}

/// Every kind, and none.
const ANY: u32 = u32::MAX;

/// The kinds, a bit each, that the first and the second half after each kind's tag may name.
const NAMED: [(u32, u32); 21] = {
    const UTF8: u32 = 1 << tag::UTF8;
    const PAIR: u32 = 1 << tag::NAME_AND_TYPE;
    const MEMBER: (u32, u32) = (1 << tag::CLASS, PAIR);
    let mut named = [(ANY, ANY); 21];
    named[tag::CLASS as usize] = (UTF8, ANY);
    named[tag::STRING as usize] = (UTF8, ANY);
    named[tag::FIELD as usize] = MEMBER;
    named[tag::METHOD as usize] = MEMBER;
    named[tag::INTERFACE_METHOD as usize] = MEMBER;
    named[tag::NAME_AND_TYPE as usize] = (UTF8, UTF8);
    named[tag::METHOD_TYPE as usize] = (UTF8, ANY);
    named[tag::DYNAMIC as usize] = (ANY, PAIR);
    named[tag::INVOKE_DYNAMIC as usize] = (ANY, PAIR);
    named[tag::MODULE as usize] = (UTF8, ANY);
    named[tag::PACKAGE as usize] = (UTF8, ANY);
    named
};

/// Modified UTF-8 (JVMS 4.4.7): no zero byte, none from 0xf0 on, and whole sequences.
fn is_modified_utf8(bytes: &[u8]) -> bool {
    // Nearly all is plain ASCII without zeros. Eight bytes at once: taking 1 from each leaves every high bit clear,
    // and a borrow can only come from a zero.
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let high = words.fold(0, |seen, word| seen | word | word.wrapping_sub(ONES)) & (ONES << 7);
    if high == 0 && rest.iter().fold(0, |seen, b| seen | b | b.wrapping_sub(1)) & 0x80 == 0 {
        return true;
    }
    let mut i = 0;
    let follows = |i: usize| bytes.get(i).is_some_and(|b| b & 0xc0 == 0x80);
    while let Some(&byte) = bytes.get(i) {
        i += match byte {
            1..=0x7f => 1,
            0xc0..=0xdf if follows(i + 1) => 2,
            0xe0..=0xef if follows(i + 1) && follows(i + 2) => 3,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (bytes, sound) in [
            (&b""[..], true),
            (b"java/lang/Object", true),
            (b"java/lang/Ob\0ect", false),
            (b"abcdefgh\xc0\x80", true),
            (b"abcdefgh\xc0", false),
            (b"\xe2\x82\xac", true),
            (b"\xed\xa0\x80", true),
            (b"\xf0\x9f\x98\x80", false),
            (b"\x80", false),
        ] {
            assert_eq!(is_modified_utf8(bytes), sound, "{bytes:?}");
        }
    }
}

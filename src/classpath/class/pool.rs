//! The constant pool (JVMS 4.4).

use super::super::bytes::{Cursor, be16};
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
    /// Where each constant's tag is; 0 where an index names none.
    places: Vec<u32>,
}

impl<'a> Pool<'a> {
    /// Reads the constants at the cursor, which then stands behind them. `places` is any vector, to be
    /// used again.
    pub(super) fn parse(bytes: &'a [u8], cursor: &mut Cursor<'a>, major: u16, mut places: Vec<u32>) -> Result<Self> {
        let count = cursor.u2().ok_or(Malformed("is cut short"))?;
        places.clear();
        places.reserve(usize::from(count));
        places.push(0);
        while places.len() < usize::from(count) {
            places.push(u32::try_from(cursor.at()).map_err(|_| Malformed("is too large"))?);
            let tag = cursor.u1().ok_or(Malformed("is cut short in its constants"))?;
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
                tag::LONG | tag::DOUBLE => places.push(0),
                _ => {}
            }
        }
        if places.len() > usize::from(count).max(1) {
            return Err(Malformed("has a constant beyond the last"));
        }
        let pool = Self { bytes, places };
        pool.check()?;
        Ok(pool)
    }

    /// The vector, for the next class.
    pub(super) fn into_places(self) -> Vec<u32> {
        self.places
    }

    /// One more than the last index.
    pub(in crate::classpath) fn count(&self) -> u16 {
        u16::try_from(self.places.len()).unwrap_or(u16::MAX)
    }

    fn place(&self, index: u16) -> Option<usize> {
        let place = *self.places.get(usize::from(index))?;
        if place == 0 { None } else { usize::try_from(place).ok() }
    }

    /// The kind of a constant; 0 where there is none.
    pub(in crate::classpath) fn tag(&self, index: u16) -> u8 {
        self.place(index).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0)
    }

    fn half(&self, index: u16, wanted: u8, offset: usize) -> Option<u16> {
        let at = self.place(index)?;
        if *self.bytes.get(at)? != wanted {
            return None;
        }
        be16(self.bytes, at + offset)
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
        for index in 1..self.count() {
            let Some(at) = self.place(index) else { continue };
            let first = be16(self.bytes, at + 1).unwrap_or(0);
            let second = || be16(self.bytes, at + 3).unwrap_or(0);
            let is = |index: u16, wanted: u8| self.tag(index) == wanted;
            let sound = match self.bytes.get(at).copied().unwrap_or(0) {
                tag::CLASS | tag::STRING | tag::METHOD_TYPE | tag::MODULE | tag::PACKAGE => is(first, tag::UTF8),
                tag::FIELD | tag::METHOD | tag::INTERFACE_METHOD => {
                    is(first, tag::CLASS) && is(second(), tag::NAME_AND_TYPE)
                }
                tag::NAME_AND_TYPE => is(first, tag::UTF8) && is(second(), tag::UTF8),
                tag::DYNAMIC | tag::INVOKE_DYNAMIC => is(second(), tag::NAME_AND_TYPE),
                tag::METHOD_HANDLE => self.method_handle(index).is_some_and(|(kind, member)| match kind {
                    1..=4 => is(member, tag::FIELD),
                    5 | 8 => is(member, tag::METHOD),
                    6 | 7 => is(member, tag::METHOD) || is(member, tag::INTERFACE_METHOD),
                    9 => is(member, tag::INTERFACE_METHOD),
                    _ => false,
                }),
                _ => true,
            };
            if !sound {
                return Err(Malformed("has a constant that names one of the wrong kind"));
            }
        }
        Ok(())
    }
}

/// Modified UTF-8 (JVMS 4.4.7): no zero byte, none from 0xf0 on, and whole sequences.
fn is_modified_utf8(bytes: &[u8]) -> bool {
    // Plain ASCII without zeros, which nearly all is, leaves every high bit clear.
    if bytes.iter().fold(0, |seen, b| seen | b | b.wrapping_sub(1)) & 0x80 == 0 {
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

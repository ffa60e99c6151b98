//! The `ar` container of a package, read front to back (ar(5); deb(5) uses neither long names nor a symbol table).

use std::io::{self, Read};

/// An archive and the state of its current member.
pub(super) struct Archive<'a> {
    from: &'a mut dyn Read,
    size: u64,
    left: u64,
    padded: bool,
}

/// A member's header.
pub(super) struct Head {
    pub(super) name: String,
}

/// The content of the current member.
pub(super) struct Content<'a, 'b> {
    archive: &'b mut Archive<'a>,
}

impl<'a> Archive<'a> {
    /// Checks the global header.
    pub(super) fn new(from: &'a mut dyn Read) -> Result<Self, String> {
        let mut magic = [0; 8];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == *b"!<arch>\n" => Ok(Self { from, size: 0, left: 0, padded: false }),
            _ => Err("is not an ar archive".to_owned()),
        }
    }

    /// Moves behind the current member and reads the next header; `None` at the archive's end.
    pub(super) fn next(&mut self) -> Result<Option<Head>, String> {
        io::copy(&mut self.member(), &mut io::sink()).map_err(|e| e.to_string())?;
        let mut pad = [0];
        if self.padded && self.from.read(&mut pad).map_err(|e| e.to_string())? == 1 && pad != *b"\n" {
            return Err("has a member of odd size without padding".to_owned());
        }
        let mut header = [0; 60];
        let mut got = 0;
        while got < header.len() {
            match self.from.read(&mut header[got..]).map_err(|e| e.to_string())? {
                0 if got == 0 => return Ok(None),
                0 => return Err("ends within a member's header".to_owned()),
                n => got += n,
            }
        }
        let text = std::str::from_utf8(&header).ok().filter(|t| t.is_ascii() && t.ends_with("`\n"));
        let text = text.ok_or("has a damaged member header")?;
        // Debian's tools write the plain name; System V's form ends it with a slash.
        let name = text[..16].trim_end();
        let name = name.strip_suffix('/').unwrap_or(name);
        let digits = text[48..58].trim_end();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let size = digits.parse().ok().filter(|_| plain).ok_or("has a member whose size is not a number")?;
        if name.is_empty() || name.contains('/') {
            return Err(format!("has a member with the bad name `{}`", name.escape_debug()));
        }
        (self.size, self.left, self.padded) = (size, size, size % 2 == 1);
        Ok(Some(Head { name: name.to_owned() }))
    }

    /// What is left of the current member.
    pub(super) fn member(&mut self) -> Content<'a, '_> {
        Content { archive: self }
    }
}

impl Content<'_, '_> {
    /// The size of the whole member in bytes.
    pub(super) fn size(&self) -> u64 {
        self.archive.size
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.archive.left).unwrap_or(usize::MAX).min(buf.len());
        if most == 0 {
            return Ok(0);
        }
        match self.archive.from.read(&mut buf[..most])? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "ends within a member")),
            n => {
                self.archive.left -= n as u64;
                Ok(n)
            }
        }
    }
}

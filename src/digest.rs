//! Content identity: the sha256 [`Digest`], and a reader and a writer that compute it on the way.
//!
//! Nothing but sha256 is ever emitted (OCI image-spec, descriptor.md: registered algorithms).
//! Absent on purpose: weaker sums. Maven's `.sha1` side files are compared where they are read.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A sha256 digest, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The text was not a sha256 digest in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `sha256:` followed by 64 lower-case hexadecimal digits")]
pub struct NotADigest(pub String);

impl Digest {
    /// The digest of bytes that are at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest from its 32 raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first twelve hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// A digest from 64 hexadecimal digits without the algorithm, as registries' indexes spell it.
    ///
    /// # Errors
    /// [`NotADigest`] unless the text is 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, NotADigest> {
        let mut raw = [0; 32];
        let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match hex::decode_to_slice(text, &mut raw) {
            Ok(()) if lower => Ok(Self(raw)),
            _ => Err(NotADigest(text.to_owned())),
        }
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digits = text.strip_prefix("sha256:").ok_or_else(|| NotADigest(text.to_owned()))?;
        Self::from_hex(digits).map_err(|NotADigest(_)| NotADigest(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Passes bytes through to `inner` and knows their digest and count.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Starts with nothing hashed.
    pub fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    /// The writer, the digest and the number of bytes written.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hash.finalize().into()), self.size)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hash.update(&buf[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Passes bytes through from `inner` and knows their digest and count.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    size: u64,
}

impl<R: Read> HashingReader<R> {
    /// Starts with nothing hashed.
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    /// The digest and the number of bytes read so far.
    pub fn finish(self) -> (Digest, u64) {
        (Digest(self.hash.finalize().into()), self.size)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hash.update(&buf[..n]);
        self.size += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn one_spelling_alone_is_a_digest() {
        assert_eq!(EMPTY.parse::<Digest>().map(|d| d.to_string()).as_deref(), Ok(EMPTY));
        let upper = format!("sha256:{}", EMPTY[7..].to_uppercase());
        for bad in ["", "sha256:", &EMPTY[7..], &EMPTY[..70], &upper, "sha512:00", "sha256:../../etc/passwd"] {
            assert_eq!(bad.parse::<Digest>(), Err(NotADigest(bad.to_owned())));
        }
    }

    #[test]
    fn hashing_on_the_way_is_hashing_at_once() {
        let text = b"The quick brown fox".as_slice();
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(text).unwrap();
        let (written, digest, size) = writer.finish();
        assert_eq!((written.as_slice(), digest, size), (text, Digest::of(text), text.len() as u64));

        let mut reader = HashingReader::new(text);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(reader.finish(), (Digest::of(text), text.len() as u64));
    }
}

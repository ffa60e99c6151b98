//! Zstandard as layers of others have it: several frames, some of which are to be skipped (RFC 8878). Layers of
//! ours are never compressed so.

use std::io::{self, Chain, Cursor, Read};
use std::mem;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// The largest window, in bytes (RFC 8878, 3.1.1.1.2 recommends 8 MiB; `zstd --long` uses 128).
const WINDOW: u64 = 128 << 20;

type Frame<R> = StreamingDecoder<Chain<Cursor<[u8; 4]>, R>, FrameDecoder>;

enum Place<R: Read> {
    Between(R),
    Within(Box<Frame<R>>),
    Over,
}

/// The contents of every frame, one after the other.
pub fn zstd(source: impl Read) -> impl Read {
    Zstd { place: Place::Between(source) }
}

struct Zstd<R: Read> {
    place: Place<R>,
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            // What fails stays over.
            match mem::replace(&mut self.place, Place::Over) {
                Place::Over => return Ok(0),
                Place::Within(mut frame) => {
                    let n = frame.read(buf)?;
                    if n > 0 || buf.is_empty() {
                        self.place = Place::Within(frame);
                        return Ok(n);
                    }
                    self.place = Place::Between(frame.into_inner().into_inner().1);
                }
                Place::Between(source) => self.place = next(source)?,
            }
        }
    }
}

/// The frame that begins here.
fn next<R: Read>(mut source: R) -> io::Result<Place<R>> {
    let mut magic = [0; 4];
    match source.by_ref().take(4).read(&mut magic[..1])? {
        0 => return Ok(Place::Over),
        _ => source.read_exact(&mut magic[1..])?,
    }
    if matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
        let mut size = [0; 4];
        source.read_exact(&mut size)?;
        let size = u64::from(u32::from_le_bytes(size));
        let skipped = io::copy(&mut source.by_ref().take(size), &mut io::sink())?;
        return if skipped == size { Ok(Place::Between(source)) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
    }
    let frame = StreamingDecoder::new_with_max_window_size(Cursor::new(magic).chain(source), WINDOW);
    frame.map(|frame| Place::Within(Box::new(frame))).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        zstd(bytes).read_to_end(&mut out).map(|_| out).map_err(|error| error.to_string())
    }

    #[test]
    fn frames_follow_each_other_and_some_are_skipped() {
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let long: Vec<u8> = (0..1_000_000_u32).flat_map(|i| (i % 251).to_le_bytes()).collect();
        let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let all = [skipped.as_slice(), &frame(&long), &frame(b""), &skipped, &frame(b"end")].concat();
        assert_eq!(read(&all).unwrap(), [long.as_slice(), b"end"].concat());
        assert_eq!(read(b"").unwrap(), b"");
        for broken in [&all[..all.len() - 3], &all[..20], &skipped[..9], b"PK\x03\x04", &[&all[..], b"\0"].concat()] {
            assert!(read(broken).is_err());
        }
        // A window that no layer needs: the frame's descriptor, then 2^41 bytes.
        assert!(read(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00]).is_err());
    }
}

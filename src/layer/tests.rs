use std::collections::BTreeMap;
use std::io::Read;

use super::*;
use crate::outside::ReadAt;
use crate::tree::{ImagePath, Kind, Source};

/// Blobs over a map; the spool of an archive is the blob of the same digest.
struct Map(BTreeMap<Digest, Vec<u8>>);

impl Blobs for Map {
    fn open(&self, digest: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        let missing = || Error::archive(digest.to_string(), "is not in the map");
        self.0.get(digest).map(|bytes| Box::new(bytes.clone()) as Box<dyn ReadAt>).ok_or_else(missing)
    }

    fn unpacked(&self, archive: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        self.open(archive)
    }
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

/// Bytes that neither repeat nor are random: a small linear congruence, printed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:x} ", state >> 40)
    });
    words.flat_map(String::into_bytes).take(bytes).collect()
}

fn fixture() -> (Map, Vec<Entry>) {
    let (blob, spool) = (noise(3 << 20), noise(5000));
    let (digest, archive) = (Digest::of(&blob), Digest::of(&spool));
    let size = blob.len() as u64;
    let long = format!("opt/{}", vec!["d".repeat(90); 3].join("/"));
    let mut entries = vec![
        Entry::directory(ImagePath::root(), 0o755),
        Entry::directory(path("opt"), 0o755),
        Entry::file(path("opt/jar"), 0o644, Source::Blob { digest, size }),
        Entry::file(path("opt/member"), 0o755, Source::Member { archive, offset: 1000, size: 4000 }),
        Entry::file(path("opt/ma\u{df}"), 0o600, Source::Bytes(b"text\n".to_vec())).owned_by(185, 185),
        Entry::symlink(path("opt/link"), "a/".repeat(70)),
        Entry { kind: Kind::Hardlink(path("opt/member")), ..Entry::directory(path("opt/also"), 0o755) },
    ];
    for dir in path(&format!("{long}/x")).ancestors().filter(|p| p.as_str().len() > 3) {
        entries.push(Entry::directory(dir, 0o1777));
    }
    entries.push(Entry::file(path(&format!("{long}/x")), 0o644, Source::Bytes(Vec::new())));
    (Map([(digest, blob), (archive, spool)].into()), entries)
}

fn rendered(entries: &[Entry], threads: usize, blobs: &Map) -> Result<(Digest, Vec<u8>), Error> {
    let mut out = Vec::new();
    let how = Rendering { recipe: Recipe::One, epoch: 1_700_000_000, threads };
    Ok((render("test", entries, &how, blobs, &mut out)?, out))
}

#[test]
fn recipe_one_gives_these_bytes_for_ever() {
    let (blobs, entries) = fixture();
    let (diff_id, blob) = rendered(&entries, 2, &blobs).unwrap();
    insta::assert_snapshot!(diff_id, @"sha256:f87a369be7d4b8335a99fb77088b0a0e4b7938fb24090bbd8437c7a71e97e4d6");
    insta::assert_snapshot!(Digest::of(&blob), @"sha256:8ed79a920f25d366fe23b987915ef2d77b8d23d16055b6dff1a2697c1fca0f9e");
}

#[test]
fn neither_threads_nor_the_order_given_change_a_byte() {
    let (blobs, entries) = fixture();
    let one = rendered(&entries, 1, &blobs).unwrap();
    let shuffled: Vec<Entry> = entries.iter().rev().cloned().collect();
    assert_eq!(rendered(&shuffled, 7, &blobs).unwrap(), one);
}

#[test]
fn the_blob_is_one_gzip_member_of_the_tar() {
    let (blobs, entries) = fixture();
    let (diff_id, blob) = rendered(&entries, 2, &blobs).unwrap();
    let mut member = flate2::bufread::GzDecoder::new(blob.as_slice());
    let mut tar = Vec::new();
    member.read_to_end(&mut tar).unwrap();
    assert!(member.into_inner().is_empty(), "bytes after the member");
    assert_eq!(Digest::of(&tar), diff_id);

    let mut archive = ::tar::Archive::new(tar.as_slice());
    let listed: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let header = entry.header();
            let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap().replace(&"d".repeat(90), "D");
            let link = entry.link_name_bytes().map(|l| format!(" -> {} bytes", l.len())).unwrap_or_default();
            format!(
                "{name} {:?} {:o} {}:{} {} {}{link}",
                header.entry_type(),
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap(),
                bytes.len()
            )
        })
        .collect();
    insta::assert_snapshot!(listed.join("\n"), @"
    ./ Directory 755 0:0 1700000000 0
    opt/ Directory 755 0:0 1700000000 0
    opt/also Regular 755 0:0 1700000000 4000
    opt/D/ Directory 1777 0:0 1700000000 0
    opt/D/D/ Directory 1777 0:0 1700000000 0
    opt/D/D/D/ Directory 1777 0:0 1700000000 0
    opt/D/D/D/x Regular 644 0:0 1700000000 0
    opt/jar Regular 644 0:0 1700000000 3145728
    opt/link Symlink 777 0:0 1700000000 0 -> 140 bytes
    opt/maß Regular 600 185:185 1700000000 5
    opt/member Link 755 0:0 1700000000 0 -> 8 bytes
    ");
}

#[test]
fn what_no_layer_may_hold_is_refused() {
    let (blobs, entries) = fixture();
    let with = |entry: Entry| -> Vec<Entry> { entries.iter().cloned().chain([entry]).collect() };
    let empty = || Source::Bytes(Vec::new());
    let cases = [
        with(Entry::directory(path("opt"), 0o700)),
        with(Entry::file(path("no/parent"), 0o644, empty())),
        with(Entry::file(path("opt/jar/below"), 0o644, empty())),
        with(Entry::file(path("opt/su"), 0o4755, empty())),
        with(Entry::directory(path("lost+found"), 0o700)),
        with(Entry { kind: Kind::Hardlink(path("opt/none")), ..Entry::directory(path("opt/h"), 0o644) }),
        Vec::new(),
    ];
    let said: Vec<String> = cases.iter().map(|case| rendered(case, 1, &blobs).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    layer test: /opt is given twice
    layer test: /no/parent lies in a directory that the layer does not hold
    layer test: /opt/jar/below lies below something that is not a directory
    layer test: /opt/su has a set-ID bit
    layer test: /lost+found is a name that ext4 keeps for itself
    layer test: /opt/h is a hard link to no file of the layer
    layer test: it holds no entry
    ");
}

#[test]
fn a_writer_that_fails_ends_the_rendering() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(buf.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (blobs, entries) = fixture();
    let how = Rendering { recipe: Recipe::One, epoch: 0, threads: 2 };
    let error = render("test", &entries, &how, &blobs, &mut Full(100)).unwrap_err();
    assert_eq!(error.to_string(), "cannot write layer test");
}

#[test]
fn a_size_beyond_octal_is_a_pax_record() {
    struct Zeros;
    impl ReadAt for Zeros {
        fn read_exact_at(&self, buf: &mut [u8], _: u64) -> std::io::Result<()> {
            buf.fill(0);
            Ok(())
        }
        fn size(&self) -> u64 {
            u64::MAX
        }
    }
    impl Blobs for Zeros {
        fn open(&self, _: &Digest) -> Result<Box<dyn ReadAt>, Error> {
            Ok(Box::new(Self))
        }
        fn unpacked(&self, _: &Digest) -> Result<Box<dyn ReadAt>, Error> {
            Ok(Box::new(Self))
        }
    }
    /// Keeps the beginning and then refuses: 8 GiB need not be made to see how they are announced.
    struct Head(Vec<u8>);
    impl Write for Head {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            if self.0.len() > 4096 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let big = Source::Blob { digest: Digest::of(b""), size: 8 << 30 };
    let entries = [Entry::file(path("big"), 0o644, big)];
    let mut head = Head(Vec::new());
    let _ = super::tar::write(&entries, 0, &Zeros, &mut head);
    assert_eq!(&head.0[512..512 + 19], b"19 size=8589934592\n");
}

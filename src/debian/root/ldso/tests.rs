use std::io;

use super::*;

/// Spools and files by digest.
#[derive(Default)]
struct Held(BTreeMap<Digest, Vec<u8>>);

impl Blobs for Held {
    fn open(&self, digest: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        let bytes = self.0.get(digest).cloned();
        Ok(Box::new(bytes.ok_or(io::ErrorKind::NotFound.into()).map_err(Error::read(digest.hex()))?))
    }

    fn unpacked(&self, archive: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        self.open(archive)
    }
}

const LIB: &str = "usr/lib/x86_64-linux-gnu";

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

fn file(at: &str, bytes: Vec<u8>) -> Entry {
    Entry::file(path(at), 0o644, Source::Bytes(bytes))
}

fn link(at: &str, target: &str) -> Entry {
    Entry::symlink(path(at), target)
}

fn tree(entries: impl IntoIterator<Item = Entry>) -> BTreeMap<ImagePath, Entry> {
    entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect()
}

/// A shared object: header, a PT_LOAD at address 0x1000 and a PT_DYNAMIC, the tags, the strings.
fn elf(soname: Option<&str>) -> Vec<u8> {
    let words = |words: &[u64]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let (dynamic, strings) = (64 + 2 * 56, 64 + 2 * 56 + 3 * 16);
    let size = strings + 1 + soname.map_or(0, |s| s.len() as u64 + 1);
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    bytes.extend(words(&[0, 64, 0]));
    bytes.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    bytes.extend(words(&[1, 0, 0x1000, 0x1000, size, size, 0x1000]));
    bytes.extend(words(&[2, dynamic, 0x1000 + dynamic, 0x1000 + dynamic, 48, 48, 8]));
    bytes.extend(words(&[5, 0x1000 + strings, if soname.is_some() { 14 } else { 0 }, 1, 0, 0]));
    bytes.push(0);
    bytes.extend(soname.iter().flat_map(|s| s.bytes().chain([0])));
    bytes
}

/// What `ldconfig -p` would tell of a cache: name → path.
fn listed(cache: &[u8]) -> Vec<String> {
    let word = |at: usize| u32::from_le_bytes(cache[at..at + 4].try_into().unwrap()) as usize;
    let text = |at: usize| String::from_utf8(cache[at..].iter().copied().take_while(|b| *b != 0).collect()).unwrap();
    let entry = |i: usize| format!("{} => {}", text(word(HEADER + i * ENTRY + 4)), text(word(HEADER + i * ENTRY + 8)));
    (0..word(20)).map(entry).collect()
}

fn list(entries: impl IntoIterator<Item = Entry>) -> Vec<String> {
    listed(
        &cache(&tree(entries), &Held::default(), &[path("usr/local/lib"), path(LIB), path(LIB), path("usr/lib")])
            .unwrap(),
    )
}

#[test]
fn the_bytes_are_the_formats() {
    let tree = tree([file("usr/lib/libb.so.1", elf(Some("libb.so.1"))), file("usr/lib/liba.so", elf(None))]);
    let bytes = cache(&tree, &Held::default(), &[path("usr/lib")]).unwrap();
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let mut golden = b"glibc-ld.so.cache1.1".to_vec();
    golden.extend(words(&[2, 28, 2, 124, 0, 0, 0]));
    golden.extend(words(&[0x0303, 96 + 18, 96 + 13, 0, 0, 0]));
    golden.extend(words(&[0x0303, 96 + 5, 96, 0, 0, 0]));
    golden.extend(b"/lib/liba.so\0/lib/libb.so.1\0");
    golden.extend(words(&[0xeaa4_2174, 1, 0, 0, 148, 9]));
    golden.extend(b"sparkbake");
    assert_eq!(bytes, golden);
}

#[test]
fn links_are_read_as_ldconfig_reads_them() {
    let found = list([
        // a soname's link, the link for ld(1), and an older file
        file("usr/lib/liba.so.1.2", elf(Some("liba.so.1"))),
        file("usr/lib/liba.so.1.1", elf(Some("liba.so.1"))),
        link("usr/lib/liba.so.1", "liba.so.1.2"),
        link("usr/lib/liba.so", "liba.so.1"),
        // no link of the soname: the newest file stands for it
        file("usr/lib/libn.so.1.9", elf(Some("libn.so.1"))),
        file("usr/lib/libn.so.1.10", elf(Some("libn.so.1"))),
        // by way of other directories, absolute and relative
        file("opt/real/libx.so.3", elf(Some("libx.so.3"))),
        link("opt/here", "real"),
        link("usr/lib/x86_64-linux-gnu/libx.so.3", "/opt/./here/libx.so.3"),
        link("usr/local/lib/libx.so.3", "../../../opt/here/libx.so.3"),
        // not directly in the directory, and not named as libraries
        file("usr/lib/lib/libdeep.so", elf(None)),
        file("usr/lib/foo.so", elf(None)),
        file("usr/lib/libfoo.a", elf(None)),
    ]);
    let expected = [
        "libx.so.3 => /usr/local/lib/libx.so.3",
        "libx.so.3 => /lib/x86_64-linux-gnu/libx.so.3",
        "libn.so.1 => /lib/libn.so.1.10",
        "liba.so.1 => /lib/liba.so.1",
        "liba.so => /lib/liba.so",
    ];
    assert_eq!(found, expected);
}

#[test]
fn loops_and_dangling_links_are_no_libraries() {
    let found = list([
        link("usr/lib/liba.so", "libb.so"),
        link("usr/lib/libb.so", "liba.so"),
        link("usr/lib/libc.so", "libc.so"),
        link("usr/lib/libd.so", "../../../../../nowhere"),
        link("usr/lib/libe.so", "/"),
        link("usr/lib/libf.so", "libok.so/libok.so"),
        Entry::directory(path("usr/lib/libdir.so"), 0o755),
        file("usr/lib/libok.so", elf(None)),
    ]);
    assert_eq!(found, ["libok.so => /lib/libok.so"]);
}

#[test]
fn other_files_are_no_libraries() {
    let with = |at: usize, byte: u8| {
        let mut bytes = elf(Some("libx.so.1"));
        bytes[at] = byte;
        bytes
    };
    for (what, bytes) in [
        ("a linker script", b"/* GNU ld script */ GROUP ( /lib/libc.so.6 )".repeat(9)),
        ("32 bits", with(4, 1)),
        ("big endian", with(5, 2)),
        ("a program", with(16, 2)),
        ("another machine", with(18, 183)),
        ("headers behind the end", with(33, 0xff)),
        ("too many headers", with(57, 0xff)),
        ("no dynamic section", with(64 + 56, 3)),
        ("a dynamic section behind the end", with(64 + 56 + 15, 0xff)),
        ("a vast dynamic section", with(64 + 56 + 39, 0xff)),
        ("strings behind the end", with(64 + 112 + 15, 0xff)),
        ("a soname behind the end", with(64 + 112 + 31, 0xff)),
        ("an empty soname", elf(Some(""))),
        ("a soname with a slash", elf(Some("../libx.so.1"))),
        ("a soname longer than a file name", elf(Some(&"x".repeat(256)))),
    ] {
        assert_eq!(list([file("usr/lib/libx.so.1", bytes)]), [""; 0], "{what}");
    }
}

#[test]
fn a_truncated_library_is_none() {
    let whole = elf(Some("libx.so.1"));
    for len in 0..whole.len() {
        assert_eq!(list([file("usr/lib/libx.so.1", whole[..len].to_vec())]), [""; 0], "{len} bytes");
    }
    assert_eq!(list([file("usr/lib/libx.so.1", whole)]), ["libx.so.1 => /lib/libx.so.1"]);
}

#[test]
fn contents_come_from_spools_and_files() {
    let library = elf(Some("libx.so.1"));
    let size = library.len() as u64;
    let spool = [b"before".as_slice(), &library].concat();
    let (archive, digest) = (Digest::of(&spool), Digest::of(&library));
    let blobs = Held([(archive, spool), (digest, library)].into());
    let tree = tree([
        Entry::file(path("usr/lib/libx.so.1"), 0o644, Source::Member { archive, offset: 6, size }),
        Entry::file(path("usr/lib/liby.so"), 0o644, Source::Blob { digest, size }),
        Entry { kind: Kind::Hardlink(path("usr/lib/libx.so.1")), ..file("usr/lib/x86_64-linux-gnu/libx.so.1", vec![]) },
    ]);
    let bytes = cache(&tree, &blobs, &[path(LIB), path("usr/lib")]).unwrap();
    assert_eq!(listed(&bytes), ["libx.so.1 => /lib/x86_64-linux-gnu/libx.so.1", "libx.so.1 => /lib/libx.so.1"]);

    let absent = cache(&tree, &Held::default(), &[path("usr/lib")]);
    assert!(matches!(absent, Err(Error::Read { .. })), "{absent:?}");
    let short = Held([(archive, b"before".to_vec()), (digest, vec![])].into());
    let short = cache(&tree, &short, &[path("usr/lib")]);
    assert!(matches!(short, Err(Error::Archive { .. })), "{short:?}");
}

#[test]
fn names_are_in_the_loaders_order() {
    let ascending = ["lib\u{e9}.so", "lib", "lib.so", "libX.so", "liba.so.2", "liba.so.10", "libab.so", "lib2.so"];
    assert!(ascending.is_sorted_by(|a, b| Rank::of(a) < Rank::of(b)));
    assert_eq!(Rank::of("lib01"), Rank::of("lib1"));
    assert!(Rank::of("lib4294967297") == Rank::of("lib1"), "the loader's numbers wrap at 32 bits");
}

#[test]
fn an_empty_tree_has_an_empty_cache() {
    assert_eq!(list([]), [""; 0]);
}

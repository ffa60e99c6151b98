//! Crafted packages, one per hostile form, and what a good one yields.

use super::*;
use crate::tree::MemberKind;

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes());
        out.extend(*bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn member(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

const CONTROL: &[u8] = b"Package: demo\nVersion: 1\nArchitecture: all\nDescription: short\n long\n";

fn deb(data: &[Vec<u8>]) -> Vec<u8> {
    let control = [member("./", b'5', "", b""), member("./control", b'0', "", CONTROL), vec![0; 1024]].concat();
    let data = [data.concat(), vec![0; 1024]].concat();
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("_x", b"odd"), ("data.tar", &data)])
}

fn refusal(deb: &[u8]) -> String {
    unpack(&mut &deb[..], "demo", &mut io::sink()).map_or_else(|e| e.to_string(), |p| format!("accepted {p:?}"))
}

#[test]
fn a_good_package_comes_out_whole() {
    let bytes = deb(&[member("./", b'5', "", b""), member("./a", b'0', "", b"hello"), member("./b", b'2', "a", b"")]);
    let mut spool = Vec::new();
    let package = unpack(&mut &bytes[..], "demo", &mut spool).unwrap();
    assert_eq!(spool, b"hello");
    assert_eq!(package.field("description"), Some("short\n long"));
    let kinds: Vec<_> = package.members.iter().map(|m| (m.path.as_str(), m.kind.clone())).collect();
    let file = MemberKind::File { offset: 0, size: 5, sha256: Digest::of(b"hello") };
    assert_eq!(kinds, [("", MemberKind::Directory), ("a", file), ("b", MemberKind::Symlink("a".to_owned()))]);
}

#[test]
fn hostile_members_are_refused() {
    let f = |name: &str| member(name, b'0', "", b"x");
    let cases: &[(&str, Vec<Vec<u8>>)] = &[
        ("absolute", vec![f("/etc/passwd")]),
        (".` or `..", vec![f("./../x")]),
        ("twice", vec![f("./a"), f("./a")]),
        ("below `/a`", vec![member("./a", b'2', "/etc", b""), f("./a/passwd")]),
        ("members below `/a`", vec![f("./a/b"), f("./a")]),
        ("no earlier file", vec![member("./a", b'1', "./b", b""), f("./b")]),
        ("no earlier file", vec![member("./a", b'1', "./a", b"")]),
        (".` or `..", vec![member("./a", b'1', "../../etc/passwd", b"")]),
        ("refused kind", vec![member("./a", b'3', "", b"")]),
        ("refused kind", vec![member("./a", b'6', "", b"")]),
        ("refused kind", vec![member("./a", b'x', "", b"11 size=99\n"), f("./a")]),
        ("has data in", vec![member("./a", b'5', "", b"x")]),
        ("no member", vec![member("././@LongLink", b'L', "", b"./a\0")]),
        ("whiteout", vec![f("./.wh.a")]),
    ];
    for (expected, data) in cases {
        let got = refusal(&deb(data));
        assert!(got.contains(expected), "{expected}: {got}");
    }
}

#[test]
fn damaged_containers_are_refused() {
    let good = deb(&[member("./a", b'0', "", b"hello")]);
    for cut in [0, 7, 20, 70, 100, 700, good.len() - 1] {
        assert!(refusal(&good[..cut]).starts_with("demo: "), "{cut}");
        assert!(!refusal(&good[..cut]).contains("accepted"), "{cut}");
    }
    assert!(refusal(&ar(&[("data.tar", b"")])).contains("instead of `debian-binary`"));
    assert!(refusal(&ar(&[("debian-binary", b"2.0\n"), ("data.tar", b"")])).contains("where `control.tar` belongs"));
}

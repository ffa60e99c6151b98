//! Two tars of one layer, side by side: [`compare`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::read::Found;

/// A field of an entry that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The entry's path; `/` for the root, empty where it is about the tar as a whole.
    pub path: String,
    /// Which field: `mode`, `mtime`, `content`, …; `entry` where one side has none.
    pub field: String,
    /// What the first side says; `None` where it has no such thing.
    pub left: Option<String>,
    /// What the second side says.
    pub right: Option<String>,
}

/// What differs, by path; empty where both hold the same entries in the same order.
#[must_use]
pub fn compare(left: &[Found], right: &[Found]) -> Vec<Difference> {
    // Of an entry that is given twice the last one counts, as it does when a layer is unpacked.
    let by_path = |side: &[Found]| -> BTreeMap<String, Found> {
        side.iter().map(|found| (found.path.clone(), found.clone())).collect()
    };
    let (a, b) = (by_path(left), by_path(right));
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut all = Vec::new();
    for path in paths {
        entry(path, a.get(path), b.get(path), &mut all);
    }
    if all.is_empty() {
        let at = left.iter().zip(right).position(|(a, b)| a.path != b.path);
        let at = at.or_else(|| (left.len() != right.len()).then_some(left.len().min(right.len())));
        if let Some(at) = at {
            let place =
                |side: &[Found]| side.get(at).map(|found| format!("{} is entry {}", shown(&found.path), at + 1));
            let (left, right) = (place(left), place(right));
            all.push(Difference { path: String::new(), field: "order".to_owned(), left, right });
        }
    }
    all
}

fn shown(path: &str) -> String {
    format!("/{path}")
}

fn entry(path: &str, left: Option<&Found>, right: Option<&Found>, all: &mut Vec<Difference>) {
    let mut differ = |field: &str, left: Option<String>, right: Option<String>| {
        if left != right {
            all.push(Difference { path: shown(path), field: field.to_owned(), left, right });
        }
    };
    let (Some(a), Some(b)) = (left, right) else {
        let what = |side: Option<&Found>| side.map(|found| found.kind.to_owned());
        return differ("entry", what(left), what(right));
    };
    if a.kind != b.kind {
        return differ("kind", Some(a.kind.to_owned()), Some(b.kind.to_owned()));
    }
    let mut both = |field: &str, of: &dyn Fn(&Found) -> String| differ(field, Some(of(a)), Some(of(b)));
    both("mode", &|found| format!("{:04o}", found.mode));
    both("owner", &|found| format!("{}:{}", found.uid, found.gid));
    both("owner's name", &|found| format!("{}:{}", found.user, found.group));
    both("mtime", &|found| time(found.mtime));
    differ("link", a.link.clone(), b.link.clone());
    let keys: BTreeSet<&String> = a.records.keys().chain(b.records.keys()).collect();
    for key in keys {
        let name =
            key.strip_prefix("SCHILY.xattr.").map_or_else(|| format!("PAX {key}"), |name| format!("xattr {name}"));
        differ(&name, a.records.get(key).cloned(), b.records.get(key).cloned());
    }
    let content = |found: &Found| found.sha256.map(|digest| format!("{} B, {digest}", found.size));
    differ("content", content(a), content(b));
}

/// As people read it, beside the number itself.
fn time(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    date.map_or_else(|| seconds.to_string(), |date| format!("{date} ({seconds})"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ::tar::{Builder, EntryType, Header};

    use super::super::read::read;
    use super::*;
    use crate::error::Error;

    /// Path, kind, mode, time, contents or target.
    type Line<'a> = (&'a str, EntryType, u32, u64, &'a str);

    const LAYER: &[Line<'static>] = &[
        ("./", EntryType::Directory, 0o755, 7, ""),
        ("etc/", EntryType::Directory, 0o755, 7, ""),
        ("etc/a", EntryType::Regular, 0o644, 7, "text"),
        ("etc/l", EntryType::Symlink, 0o777, 7, "a"),
    ];

    fn blank(mut header: Header) -> Header {
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header
    }

    fn tar(lines: &[Line<'_>]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (path, kind, mode, mtime, text) in lines {
            let mut header = blank(Header::new_ustar());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_mtime(*mtime);
            let file = *kind == EntryType::Regular;
            header.set_size(if file { text.len() as u64 } else { 0 });
            if !file && !text.is_empty() {
                header.set_link_name(text).unwrap();
            }
            tar.append_data(&mut header, path, if file { text.as_bytes() } else { b"" }).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn found(tar: &[u8]) -> Result<Vec<Found>, Error> {
        read("layer x", Cursor::new(tar), &mut |_, _| Ok(()))
    }

    fn with(change: impl Fn(&mut Vec<Line<'static>>)) -> Vec<Found> {
        let mut lines = LAYER.to_vec();
        change(&mut lines);
        found(&tar(&lines)).unwrap()
    }

    #[test]
    fn the_first_thing_that_differs_is_named_by_path_and_field() {
        let same = with(|_| {});
        assert_eq!(compare(&same, &same), []);
        let cases = [
            with(|lines| lines[2].2 = 0o600),
            with(|lines| lines[2].3 = 1_700_000_000),
            with(|lines| lines[2].4 = "taxt"),
            with(|lines| lines[3].4 = "b"),
            with(|lines| lines[3] = ("etc/l", EntryType::Regular, 0o777, 7, "a")),
            with(|lines| _ = lines.remove(2)),
            with(|lines| lines.push(("etc/z", EntryType::Directory, 0o755, 7, ""))),
            with(|lines| lines.swap(2, 3)),
            with(|lines| lines.push(lines[2])),
        ];
        let line = |one: &Difference| {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} {}: {} | {}", one.path, one.field, side(&one.left), side(&one.right))
        };
        let said: Vec<String> =
            cases.iter().map(|other| compare(&same, other).iter().map(line).collect::<Vec<_>>().join("\n")).collect();
        insta::assert_snapshot!(said.join("\n--\n"), @r#"
        /etc/a mode: 0644 | 0600
        --
        /etc/a mtime: 1970-01-01T00:00:07Z (7) | 2023-11-14T22:13:20Z (1700000000)
        --
        /etc/a content: 4 B, sha256:982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1 | 4 B, sha256:7ba436150991d452b6eb22f9561346253026582c816ba40e8c37c4d50bb33deb
        --
        /etc/l link: a | b
        --
        /etc/l kind: symbolic link | file
        --
        /etc/a entry: file | -
        --
        /etc/z entry: - | directory
        --
         order: /etc/a is entry 3 | /etc/l is entry 3
        --
         order: - | /etc/a is entry 5
        "#);
    }

    #[test]
    fn extended_headers_are_read_and_hostile_ones_refused() {
        let long = format!("etc/{}", "n".repeat(200));
        let mut gnu = Builder::new(Vec::new());
        let mut header = blank(Header::new_gnu());
        header.set_size(2);
        gnu.append_data(&mut header, &long, b"hi".as_slice()).unwrap();
        assert_eq!(found(&gnu.into_inner().unwrap()).unwrap()[0].path, long);

        let pax = |records: &[(&str, &[u8])]| {
            let mut tar = Builder::new(Vec::new());
            tar.append_pax_extensions(records.iter().copied()).unwrap();
            let mut header = blank(Header::new_ustar());
            header.set_size(2);
            tar.append_data(&mut header, "etc/a", b"hi".as_slice()).unwrap();
            tar.into_inner().unwrap()
        };
        let plain = found(&pax(&[])).unwrap();
        let attributed = found(&pax(&[("SCHILY.xattr.user.x", b"1"), ("path", long.as_bytes())])).unwrap();
        assert_eq!(attributed[0].path, long);
        let moved = found(&pax(&[("SCHILY.xattr.user.x", b"1")])).unwrap();
        assert_eq!(compare(&plain, &moved)[0].field, "xattr user.x");

        let refused = |tar: &[u8]| found(tar).unwrap_err().to_string();
        assert!(refused(&pax(&[("size", b"3")])).contains("more than 8 GiB"));
        assert!(refused(&pax(&[("comment", &vec![b'x'; 2 << 20])])).contains("more than 1 MiB"));
        let whole = tar(LAYER);
        let within = whole.len() - 1024 - 512 - 510;
        assert!(found(&whole[..within]).is_err(), "a file that ends early");
    }
}

//! What differs in two files of one path, as short as a person would say it: [`explain`].

use std::io::Cursor;

use goblin::elf::Elf;
use similar::TextDiff;

/// A larger file is told by its size and digest alone, in bytes.
pub const EXPLAINED_MAX: u64 = 64 << 20;
/// A larger text is not compared line by line, in bytes.
const TEXT_MAX: usize = 1 << 20;
/// Most lines that are said.
const LINES_MAX: usize = 16;
/// Most characters of a line of text.
const LINE_MAX: usize = 160;

/// Lines about what differs: of two texts a short diff, of two zips or jars their members, of two ELF objects
/// their sections, else the first byte. Nothing where both are the same.
#[must_use]
pub fn explain(left: &[u8], right: &[u8]) -> Vec<String> {
    let Some(at) = first_difference(left, right) else { return Vec::new() };
    let mut lines = text(left, right)
        .or_else(|| zip(left, right))
        .or_else(|| elf(left, right))
        .unwrap_or_else(|| vec![format!("from byte {at} on")]);
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    let at = left.iter().zip(right).position(|(a, b)| a != b);
    at.or_else(|| (left.len() != right.len()).then_some(left.len().min(right.len())))
}

/// A unified diff.
fn text(left: &[u8], right: &[u8]) -> Option<Vec<String>> {
    let read = |bytes: &'_ [u8]| -> Option<String> {
        let text = std::str::from_utf8(bytes).ok().filter(|_| bytes.len() <= TEXT_MAX)?;
        (!text.contains('\0')).then(|| text.to_owned())
    };
    let (left, right) = (read(left)?, read(right)?);
    let diff = TextDiff::configure().timeout(std::time::Duration::from_secs(2)).diff_lines(&left, &right);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
        lines.push(hunk.header().to_string());
        for change in hunk.iter_changes() {
            let line: String = change.value().trim_end_matches(['\n', '\r']).chars().take(LINE_MAX).collect();
            lines.push(format!("{}{line}", change.tag()));
        }
    }
    Some(lines)
}

/// Members that came, went or changed; or what is left where none did.
fn zip(left: &[u8], right: &[u8]) -> Option<Vec<String>> {
    let (a, b) = (members(left)?, members(right)?);
    let mut lines = Vec::new();
    for member in &a {
        match b.iter().find(|other| other.name == member.name) {
            None => lines.push(format!("- member {}", member.name)),
            Some(other) if (other.crc, other.size) != (member.crc, member.size) => {
                lines.push(format!("~ member {}: other contents", member.name));
            }
            Some(_) => {}
        }
    }
    let new = b.iter().filter(|member| !a.iter().any(|other| other.name == member.name));
    lines.extend(new.map(|member| format!("+ member {}", member.name)));
    if lines.is_empty() {
        let same = |of: &dyn Fn(&Member) -> String| a.iter().map(of).eq(b.iter().map(of));
        let what = [
            ("order", same(&|member| member.name.clone())),
            ("time", same(&|member| member.time.clone())),
            ("compression", same(&|member| format!("{} {}", member.method, member.packed))),
        ];
        let other: Vec<&str> = what.iter().filter(|(_, same)| !same).map(|(what, _)| *what).collect();
        let other =
            if other.is_empty() { "other headers".to_owned() } else { format!("other {}", other.join(" and ")) };
        lines.push(format!("the same {} members in {other}", a.len()));
    }
    Some(lines)
}

struct Member {
    name: String,
    crc: u32,
    size: u64,
    packed: u64,
    time: String,
    method: String,
}

fn members(bytes: &[u8]) -> Option<Vec<Member>> {
    let mut archive = ::zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut all = Vec::with_capacity(archive.len());
    for i in 0..archive.len() {
        let file = archive.by_index_raw(i).ok()?;
        all.push(Member {
            name: file.name().ok()?.chars().take(LINE_MAX).collect(),
            crc: file.crc32(),
            size: file.size(),
            packed: file.compressed_size(),
            time: format!("{:?}", file.last_modified()),
            method: format!("{:?}", file.compression()),
        });
    }
    Some(all)
}

/// Sections whose bytes differ; the build's own id is named first.
fn elf(left: &[u8], right: &[u8]) -> Option<Vec<String>> {
    let (a, b) = (sections(left)?, sections(right)?);
    let mut names: Vec<&str> = Vec::new();
    for (name, bytes) in &a {
        let twin = b.iter().find(|(other, _)| other == name);
        if twin.is_none_or(|(_, other)| other != bytes) {
            names.push(name);
        }
    }
    names.extend(b.iter().filter(|(name, _)| !a.iter().any(|(other, _)| other == name)).map(|(name, _)| name.as_str()));
    let own = names.contains(&".note.gnu.build-id");
    names.retain(|name| *name != ".note.gnu.build-id");
    let id = if own { "another build of it (build ID)" } else { "the same build ID" };
    let what = if names.is_empty() { String::new() } else { format!("; sections: {}", names.join(", ")) };
    Some(vec![format!("ELF object: {id}{what}")])
}

fn sections(bytes: &[u8]) -> Option<Vec<(String, &[u8])>> {
    let elf = Elf::parse(bytes).ok()?;
    let section = |header: &goblin::elf::SectionHeader| -> Option<(String, &[u8])> {
        let name = elf.shdr_strtab.get_at(header.sh_name).filter(|name| !name.is_empty())?;
        let bytes = header.file_range().and_then(|range| bytes.get(range)).unwrap_or_default();
        Some((name.chars().take(LINE_MAX).collect(), bytes))
    };
    Some(elf.section_headers.iter().filter_map(section).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ::zip::CompressionMethod;
    use ::zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn archive(members: &[(&str, &str)], method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in members {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn said(left: &[u8], right: &[u8]) -> String {
        explain(left, right).join("\n")
    }

    #[test]
    fn texts_by_their_lines() {
        assert_eq!(explain(b"same", b"same"), Vec::<String>::new());
        insta::assert_snapshot!(said(b"a 1\nb 2\nc 3\n", b"a 1\nb 3\nc 3\n"), @r#"
        @@ -1,3 +1,3 @@
         a 1
        -b 2
        +b 3
         c 3
        "#);
        let long = "line\n".repeat(50);
        assert_eq!(explain(b"", long.as_bytes()).last().map(String::as_str), Some("and 35 more"));
    }

    #[test]
    fn jars_by_their_members() {
        let one = archive(&[("a.class", "1"), ("b.class", "2")], CompressionMethod::Deflated);
        let other = archive(&[("b.class", "3"), ("c.class", "2")], CompressionMethod::Deflated);
        let stored = archive(&[("b.class", "2"), ("a.class", "1")], CompressionMethod::Stored);
        insta::assert_snapshot!([said(&one, &other), said(&one, &stored)].join("\n--\n"), @r#"
        - member a.class
        ~ member b.class: other contents
        + member c.class
        --
        the same 2 members in other order and compression
        "#);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test that reads itself")]
    fn objects_by_their_sections_and_the_rest_by_the_byte() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let elf = Elf::parse(&own).unwrap();
        let of = |name: &str| {
            let header = elf.section_headers.iter().find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name));
            usize::try_from(header.unwrap().sh_offset).unwrap()
        };
        let mut other = own.clone();
        other[of(".rodata") + 100] ^= 1;
        assert_eq!(explain(&own, &other), ["ELF object: the same build ID; sections: .rodata"]);
        other[of(".note.gnu.build-id") + 20] ^= 1;
        assert_eq!(explain(&own, &other), ["ELF object: another build of it (build ID); sections: .rodata"]);
        assert_eq!(explain(b"\0ab", b"\0ac"), ["from byte 2 on"]);
        assert_eq!(explain(b"\0ab", b"\0abc"), ["from byte 3 on"]);
        // Damaged ones are told by the byte as well, and end no process.
        for end in (0..own.len().min(4096)).step_by(61) {
            assert!(!explain(&own[..end], &other).is_empty());
        }
    }
}

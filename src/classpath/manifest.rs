//! `META-INF/MANIFEST.MF` as `java.util.jar` reads it.

/// What of a manifest decides about classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// `Multi-Release: true`.
    pub(super) multi_release: bool,
    /// The parts of `Class-Path`, as written.
    pub(super) class_path: Vec<String>,
    /// The main section's other attributes that tell who a jar is, in lower case, with their values.
    pub(super) identity: Vec<(String, String)>,
    /// Packages (`a/b/`) whose section says whether they are sealed; the empty name is that of all others.
    pub(super) sealed: Vec<(String, bool)>,
}

/// An attribute: name in lower case, value, and whether a line end closed it.
pub(super) type Attribute = (String, Vec<u8>, bool);

/// The largest manifest that is read, in bytes.
pub(super) const MAX: u64 = 16 << 20;
/// Bytes of the longest line (`Manifest` reads into a buffer of this size).
const LINE: usize = 512;
/// Characters of the longest name of an attribute (`Attributes.Name`).
const NAME: usize = 70;
/// Attributes that are kept.
const IDENTITY: [&str; 3] = ["bundle-symbolicname", "automatic-module-name", "implementation-version"];

impl Manifest {
    /// Reads a manifest. A malformed one makes every class of its jar unloadable.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let sections = sections(bytes)?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let sealed = sections.iter().enumerate().filter_map(|(at, section)| {
            let (_, value, _) = last(section, "sealed")?;
            let name =
                if at == 0 { String::new() } else { text(&section.first().filter(|(name, ..)| name == "name")?.1) };
            Some((name, value.eq_ignore_ascii_case(b"true")))
        });
        let sealed = sealed.collect();
        let main = sections.first().map(Vec::as_slice).unwrap_or_default();
        // The JVM looks for the unfolded bytes first, and only then parses.
        let unfolded = contains_ignoring_case(bytes, b"multi-release: true");
        let multi_release =
            last(main, "multi-release").is_some_and(|(_, value, _)| value.eq_ignore_ascii_case(b"true"));
        let class_path = last(main, "class-path").filter(|(.., ended)| *ended).map(|(_, value, _)| text(value));
        let kept = |name: &&str| last(main, name).map(|(name, value, _)| (name.clone(), text(value)));
        Ok(Self {
            multi_release: multi_release && unfolded,
            class_path: class_path.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect(),
            identity: IDENTITY.iter().filter_map(kept).collect(),
            sealed,
        })
    }
}

/// The sections of a manifest or of a signature file, the main one first.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Vec<Attribute>>, &'static str> {
    let mut sections: Vec<Vec<Attribute>> = vec![Vec::new()];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (line, ended, after) = line(rest)?;
        rest = after;
        if line.is_empty() {
            // Empty lines before a section are nothing.
            if sections.last().is_some_and(|section| !section.is_empty()) {
                sections.push(Vec::new());
            }
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if let Some(more) = line.strip_prefix(b" ") {
            let (_, value, whole) = section.last_mut().ok_or("a continuation line continues nothing")?;
            value.extend_from_slice(more);
            *whole = ended;
        } else {
            let (name, value) = header(line)?;
            section.push((name, value.to_owned(), ended));
        }
    }
    Ok(sections)
}

/// The last attribute of that name.
pub(super) fn last<'a>(section: &'a [Attribute], wanted: &str) -> Option<&'a Attribute> {
    section.iter().rev().find(|(name, ..)| name == wanted)
}

/// The bytes of the main section with the empty line that closes it (JAR file specification, "signature file").
pub(super) fn main_section(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Ok((line, _, after)) = line(rest) {
        rest = after;
        if line.is_empty() || rest.is_empty() {
            break;
        }
    }
    bytes.get(..bytes.len() - rest.len()).unwrap_or_default()
}

/// The first line, whether an end of line closed it, and what follows.
fn line(bytes: &[u8]) -> Result<(&[u8], bool, &[u8]), &'static str> {
    let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
    let length = end.unwrap_or(bytes.len());
    if length >= LINE {
        return Err("a line is longer than 512 bytes");
    }
    let (line, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    Ok((line, end.is_some(), rest))
}

fn header(line: &[u8]) -> Result<(String, &[u8]), &'static str> {
    let colon = line.iter().position(|b| *b == b':').ok_or("a line has no colon")?;
    let (name, value) = line.split_at_checked(colon).ok_or("a line has no colon")?;
    let value = value.strip_prefix(b": ").ok_or("a colon is not followed by a blank")?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if name.is_empty() || name.len() > NAME || !name.iter().all(plain) {
        return Err("the name of an attribute is none");
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
}

fn contains_ignoring_case(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_release_and_class_path() {
        let read = |text: &str| Manifest::parse(text.as_bytes()).map(|m| (m.multi_release, m.class_path.join("|")));
        for (text, expected) in [
            ("Manifest-Version: 1.0\r\nMulti-Release: true\r\n\r\n", Ok((true, ""))),
            ("multi-RELEASE: TRUE\n", Ok((true, ""))),
            ("Multi-Release: true \n", Ok((false, ""))),
            ("Multi-Release: tr\n ue\n", Ok((false, ""))),
            ("Multi-Release: true\nMulti-Release: false\n", Ok((false, ""))),
            ("A: b\n\nName: x\nMulti-Release: true\n", Ok((false, ""))),
            ("Class-Path: a.jar lib/b\n  c.jar\n", Ok((false, "a.jar|lib/b|c.jar"))),
            ("Class-Path: a.jar", Ok((false, ""))),
            ("A: b\n\nName: x\nno colon\n", Err("a line has no colon")),
            ("A:b\n", Err("a colon is not followed by a blank")),
            ("A b: c\n", Err("the name of an attribute is none")),
            (" x\n", Err("a continuation line continues nothing")),
            ("", Ok((false, ""))),
        ] {
            let expected = expected.map(|(multi, path)| (multi, path.to_owned()));
            assert_eq!(read(text), expected, "{text:?}");
        }
        let sealed = |text: &str| Manifest::parse(text.as_bytes()).map(|manifest| manifest.sealed).unwrap_or_default();
        let all = "Sealed: true\n\nName: a/b/\nSealed: false\n\n\nName: c/\nOther: x\n";
        assert_eq!(sealed(all), [(String::new(), true), ("a/b/".to_owned(), false)]);
        assert_eq!(main_section(b"A: b\r\n\r\nName: x\r\n"), b"A: b\r\n\r\n");
        assert_eq!(main_section(b"A: b\n"), b"A: b\n");
        assert_eq!(read(&format!("A: {}\n", "x".repeat(508))), Ok((false, String::new())));
        assert_eq!(read(&format!("A: {}\n", "x".repeat(509))), Err("a line is longer than 512 bytes"));
    }
}

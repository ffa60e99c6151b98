//! Jars into [`Facts`]: which entries are classes for the target Java, read in pieces side by side.

use std::collections::{BTreeMap, BTreeSet};

use crate::outside::ReadAt;

use super::facts::{ClassFacts, Facts, JarFacts, Segment, mark};
use super::gather::{Depth, Found, Gatherer};
use super::manifest::{self, Manifest};
use super::signature::{self, Verdict};
use super::universe::{ClassNo, Universe};
use super::work;
use super::zip::{Archive, Entry, Reason, Window};

/// Compressed bytes of classes that make a segment.
const PIECE: u64 = 1 << 20;
/// The largest descriptor of services or of a project that is read, in bytes.
const SMALL: u64 = 1 << 20;

/// An opened jar.
pub(super) struct Opened<'a> {
    bytes: &'a dyn ReadAt,
    archive: Archive,
    facts: JarFacts,
    /// Entries that are classes, with where in the entry's name the class's begins; by place in the file.
    classes: Vec<(u32, u16)>,
}

/// What a thread works with.
#[derive(Default)]
struct Desk {
    window: Window,
    buffer: Vec<u8>,
    gatherer: Gatherer,
}

/// Some classes of one jar.
struct Piece {
    jar: usize,
    range: std::ops::Range<usize>,
    size: u64,
}

/// The facts of every jar.
pub(super) fn facts(jars: &[&dyn ReadAt], java: u32, threads: usize) -> Vec<Facts> {
    let opened = work::all(jars, threads, |bytes| Opened::open(*bytes, java));
    let pieces: Vec<Piece> = opened.iter().enumerate().flat_map(|(jar, opened)| opened.pieces(jar)).collect();
    // The largest first, so that no thread is left alone with it at the end.
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&i| pieces.get(i).map_or(0, |piece| u64::MAX - piece.size));
    let segments = work::in_order(&pieces, &order, threads, Desk::default, |desk, piece| {
        opened.get(piece.jar).map(|opened| opened.segment(piece, desk)).unwrap_or_default()
    });
    let mut all: Vec<Facts> =
        opened.into_iter().map(|opened| Facts { segments: Vec::new(), jar: opened.facts }).collect();
    for (piece, segment) in pieces.iter().zip(segments) {
        if let Some(facts) = all.get_mut(piece.jar) {
            facts.segments.push(segment);
        }
    }
    all
}

/// What `work` makes of the bytes of each class, jar by jar.
pub(super) fn each_class<R: Send>(
    jars: &[&dyn ReadAt],
    java: u32,
    threads: usize,
    work: impl Fn(&[u8]) -> Option<R> + Sync,
) -> Vec<Vec<R>> {
    let opened = work::all(jars, threads, |bytes| Opened::open(*bytes, java));
    let pieces: Vec<Piece> = opened.iter().enumerate().flat_map(|(jar, opened)| opened.pieces(jar)).collect();
    let order: Vec<usize> = (0..pieces.len()).collect();
    let state = || (Window::default(), Vec::new());
    let found = work::in_order(&pieces, &order, threads, state, |(window, buffer), piece| {
        window.clear();
        let opened = opened.get(piece.jar)?;
        let classes = opened.classes.get(piece.range.clone()).unwrap_or_default();
        let read = |&(index, _): &(u32, u16)| {
            window.contents(opened.bytes, opened.entry(index)?, buffer).ok()?;
            work(buffer)
        };
        Some(classes.iter().filter_map(read).collect::<Vec<R>>())
    });
    let mut all: Vec<Vec<R>> = jars.iter().map(|_| Vec::new()).collect();
    for (piece, found) in pieces.iter().zip(found) {
        if let Some(of_jar) = all.get_mut(piece.jar) {
            of_jar.extend(found.into_iter().flatten());
        }
    }
    all
}

/// Paths of the files that a jar brings beside itself; its classes are not read.
pub(super) fn brings(bytes: &dyn ReadAt, java: u32) -> Vec<String> {
    Facts { segments: Vec::new(), jar: Opened::open(bytes, java).facts }.brings(java)
}

impl<'a> Opened<'a> {
    fn open(bytes: &'a dyn ReadAt, java: u32) -> Self {
        let mut opened = Self { bytes, archive: Archive::default(), facts: JarFacts::default(), classes: Vec::new() };
        match Archive::open(bytes) {
            Ok(archive) => opened.archive = archive,
            Err(reason) => {
                opened.facts.unreadable = Some(reason.to_owned());
                return opened;
            }
        }
        let text = opened.manifest_text();
        let manifest = text.and_then(|text| {
            let manifest = Manifest::parse(&text)?;
            opened.signature(&text);
            Ok(manifest)
        });
        let manifest = manifest.unwrap_or_else(|reason| {
            opened.facts.bad_manifest = Some(reason.to_owned());
            Manifest::default()
        });
        opened.facts.sealed = manifest.sealed;
        opened.facts.class_path = manifest.class_path;
        opened.facts.names = manifest.identity.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        opened.small();
        opened.classes = classes(&opened.archive, manifest.multi_release.then_some(java));
        opened
    }

    /// The manifest's bytes; none where there is none.
    fn manifest_text(&self) -> Result<Vec<u8>, Reason> {
        let name = |entry: &&Entry| self.archive.name(entry).eq_ignore_ascii_case(b"META-INF/MANIFEST.MF");
        let mut text = Vec::new();
        let Some(entry) = self.archive.entries.iter().find(name) else { return Ok(text) };
        if entry.size > manifest::MAX {
            return Err("is too large");
        }
        Window::default().contents(self.bytes, entry, &mut text)?;
        Ok(text)
    }

    /// Reads the signature files that have a block beside them.
    fn signature(&mut self, manifest: &[u8]) {
        let upper = |entry: &Entry| String::from_utf8_lossy(self.archive.name(entry)).to_ascii_uppercase();
        let below = |name: String| name.strip_prefix("META-INF/").filter(|name| !name.contains('/')).map(str::to_owned);
        let in_meta = self.archive.entries.iter().filter_map(|entry| Some((below(upper(entry))?, entry)));
        let (mut files, mut blocks) = (Vec::new(), BTreeSet::new());
        for (name, entry) in in_meta {
            match name.rsplit_once('.') {
                Some((stem, "SF")) if entry.size <= manifest::MAX => files.push((stem.to_owned(), entry)),
                Some((stem, "DSA" | "RSA" | "EC")) => drop(blocks.insert(stem.to_owned())),
                _ => {}
            }
        }
        let mut text = Vec::new();
        for (_, entry) in files.into_iter().filter(|(stem, _)| blocks.contains(stem)) {
            if Window::default().contents(self.bytes, entry, &mut text).is_err() {
                continue;
            }
            match signature::judge(manifest, &text) {
                Verdict::Uncounted => {}
                Verdict::Sound => self.facts.signed = true,
                Verdict::Broken(reason) => self.facts.bad_signature = Some(reason),
            }
        }
    }

    /// Reads services and the coordinates of projects.
    fn small(&mut self) {
        let mut window = Window::default();
        let mut text = Vec::new();
        for entry in &self.archive.entries {
            let Ok(name) = std::str::from_utf8(self.archive.name(entry)) else { continue };
            let Some(below) = name.strip_prefix("META-INF/") else { continue };
            let service = below.strip_prefix("services/").filter(|name| !name.is_empty() && !name.contains('/'));
            let is_pom = below.starts_with("maven/") && below.ends_with("/pom.properties");
            let is_index = below == "INDEX.LIST";
            if service.is_none() && !is_pom && !is_index || entry.size > SMALL {
                continue;
            }
            if window.contents(self.bytes, entry, &mut text).is_err() {
                continue;
            }
            let lines = String::from_utf8_lossy(&text).into_owned();
            match service {
                Some(service) => self.facts.services.push((service.to_owned(), providers(&lines))),
                None if is_index => self.facts.index = index(&lines),
                None => self.facts.poms.extend(coordinate(&lines)),
            }
        }
    }

    fn pieces(&self, jar: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let (mut start, mut size) = (0, 0);
        for (at, (entry, _)) in self.classes.iter().enumerate() {
            size += self.entry(*entry).map_or(0, |entry| entry.compressed);
            if size >= PIECE {
                pieces.push(Piece { jar, range: start..at + 1, size });
                (start, size) = (at + 1, 0);
            }
        }
        if start < self.classes.len() {
            pieces.push(Piece { jar, range: start..self.classes.len(), size });
        }
        pieces
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.archive.entries.get(usize::try_from(index).ok()?)
    }

    fn segment(&self, piece: &Piece, Desk { window, buffer, gatherer }: &mut Desk) -> Segment {
        window.clear();
        for &(index, skip) in self.classes.get(piece.range.clone()).unwrap_or_default() {
            let Some(entry) = self.entry(index) else { continue };
            let Some(name) = class_name(self.archive.name(entry), skip) else { continue };
            let read = window.contents(self.bytes, entry, buffer);
            let found = Found { name, entry: Some(entry), bytes: if read.is_ok() { buffer } else { &[] } };
            match read {
                Ok(()) => gatherer.take(&found, Depth::Code),
                Err(reason) => gatherer.refuse(&found, reason),
            }
        }
        gatherer.finish()
    }
}

/// The class's name in that of its entry.
fn class_name(entry: &[u8], skip: u16) -> Option<&[u8]> {
    let entry = entry.strip_suffix(b"/").unwrap_or(entry);
    entry.strip_suffix(b".class")?.get(usize::from(skip)..)
}

/// The entries that are classes, each with the length of its folder of versions. `java` is given for a
/// multi-release jar: the highest folder from 8 to `java` wins.
fn classes(archive: &Archive, java: Option<u32>) -> Vec<(u32, u16)> {
    let mut plain = Vec::new();
    let mut versioned: BTreeMap<&[u8], (u32, u32, u16)> = BTreeMap::new();
    for (index, entry) in (0_u32..).zip(&archive.entries) {
        let name = archive.name(entry);
        let Some(stem) = class_name(name, 0) else { continue };
        if let Some(below) = stem.strip_prefix(b"META-INF/") {
            let Some(java) = java else { continue };
            let Some((version, class)) = version_folder(below).filter(|(version, _)| (8..=java).contains(version))
            else {
                continue;
            };
            let skip = u16::try_from(stem.len() - class.len()).unwrap_or(u16::MAX);
            let best = versioned.entry(class).or_insert((version, index, skip));
            if best.0 < version {
                *best = (version, index, skip);
            }
        } else {
            plain.push((index, 0));
        }
    }
    if !versioned.is_empty() {
        let name =
            |index: u32| usize::try_from(index).ok().and_then(|i| archive.entries.get(i)).map(|e| archive.name(e));
        let hidden =
            |index: u32| name(index).and_then(|name| class_name(name, 0)).is_some_and(|n| versioned.contains_key(n));
        plain.retain(|(index, _)| !hidden(*index));
        plain.extend(versioned.values().map(|&(_, index, skip)| (index, skip)));
    }
    let entry = |index: u32| usize::try_from(index).ok().and_then(|i| archive.entries.get(i));
    let is_module =
        |index: u32, skip| entry(index).and_then(|entry| class_name(archive.name(entry), skip)) == Some(b"module-info");
    plain.retain(|&(index, skip)| !is_module(index, skip));
    plain.sort_by_key(|&(index, _)| entry(index).map_or(0, |entry| entry.offset));
    plain
}

/// `versions/N/NAME`: N as the JVM writes it, and the name.
fn version_folder(below: &[u8]) -> Option<(u32, &[u8])> {
    let rest = below.strip_prefix(b"versions/")?;
    let slash = rest.iter().position(|b| *b == b'/')?;
    let number = std::str::from_utf8(rest.get(..slash)?).ok()?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    Some((number.parse().ok().filter(|_| plain)?, rest.get(slash + 1..)?))
}

/// The jars of an index, each with its packages and files (JAR file specification, "JAR index").
fn index(text: &str) -> Vec<(String, Vec<String>)> {
    let mut jars: Vec<(String, Vec<String>)> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        match jars.last_mut().filter(|_| open) {
            _ if line.is_empty() => open = false,
            _ if line.strip_suffix(".jar").is_some() => {
                jars.push((line.to_owned(), Vec::new()));
                open = true;
            }
            Some((_, held)) => held.push(line.to_owned()),
            None => {}
        }
    }
    jars
}

/// The providers of a service's file (`java.util.ServiceLoader`).
fn providers(text: &str) -> Vec<String> {
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `group:artifact:version` of a `pom.properties`.
fn coordinate(text: &str) -> Option<String> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| Some(line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().to_owned()))
    };
    Some(format!("{}:{}:{}", value("groupId")?, value("artifactId")?, value("version")?))
}

/// The name of the entry whose local header is at that place.
pub(super) fn entry_name(bytes: &dyn ReadAt, offset: u64) -> Option<String> {
    let archive = Archive::open(bytes).ok()?;
    let entry = archive.entries.iter().find(|entry| entry.offset == offset)?;
    Some(String::from_utf8_lossy(archive.name(entry)).into_owned())
}

/// Reads single classes of a jar again.
pub(super) struct Reader<'a> {
    bytes: &'a dyn ReadAt,
    window: Window,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a dyn ReadAt) -> Self {
        Self { bytes, window: Window::default() }
    }

    /// The bytes of a class where facts say that they are.
    pub(super) fn class(&mut self, class: &ClassFacts, into: &mut Vec<u8>) -> bool {
        let entry = Entry::at(class.offset, class.compressed, class.size, !class.has(mark::STORED));
        self.window.contents(self.bytes, &entry, into).is_ok()
    }
}

/// Reads single classes of all jars of a class path.
pub(super) struct Shelf<'a> {
    jars: Vec<Reader<'a>>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(jars: impl Iterator<Item = &'a dyn ReadAt>) -> Self {
        Self { jars: jars.map(Reader::new).collect() }
    }

    /// The bytes of a class; none for those of the runtime.
    pub(super) fn class(&mut self, universe: &Universe<'_>, class: ClassNo) -> Option<Vec<u8>> {
        let (segment, facts) = universe.class(class)?;
        let reader = self.jars.get_mut(usize::try_from(segment.jar).ok()?)?;
        let mut bytes = Vec::new();
        reader.class(facts, &mut bytes).then_some(bytes)
    }
}

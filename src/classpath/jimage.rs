//! `lib/modules` of a Java runtime: the jimage format, as HotSpot reads it (`imageFile.hpp`), version 1.
//!
//! Every resource's location is in a table; looking a name up by its hash is never needed here.

use crate::outside::ReadAt;

use super::bytes::Cursor;
use super::facts::Segment;
use super::gather::{Depth, Found, Gatherer};
use super::modules::Module;
use super::work;
use super::zip::{Reason, Window};

/// Bytes before the tables.
const HEADER: u64 = 28;
/// The largest table that is read, in bytes; that of JDK 25 takes 1.6 MB.
const MAX_TABLE: u64 = 256 << 20;
/// The largest resource that is read, in bytes.
const MAX_RESOURCE: u64 = 64 << 20;
/// Classes that make a segment.
const PIECE: usize = 1500;

/// Classes and modules of a runtime.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) segments: Vec<Segment>,
    pub(super) modules: Vec<Module>,
}

/// Where a resource is.
#[derive(Clone, Copy)]
struct Resource<'a> {
    is_class: bool,
    module: &'a [u8],
    package: &'a [u8],
    base: &'a [u8],
    offset: u64,
    /// 0 where it is stored as it is.
    compressed: u64,
    size: u64,
}

/// Reads a runtime's classes, their members without their code.
pub(super) fn read(bytes: &dyn ReadAt, threads: usize) -> Result<Contents, Reason> {
    let tables = Tables::read(bytes)?;
    let mut resources = tables.classes()?;
    let image = tables.image(bytes)?;
    let modules = image.modules(&resources)?;
    resources.retain(|resource| resource.base != b"module-info");
    let pieces: Vec<&[Resource<'_>]> = resources.chunks(PIECE).collect();
    let segments = work::all(&pieces, threads, |piece| image.segment(piece));
    Ok(Contents { segments: segments.into_iter().collect::<Result<_, _>>()?, modules })
}

/// The bytes of one class, by its internal name; `None` where there is no such class.
pub(super) fn class(bytes: &dyn ReadAt, name: &[u8]) -> Option<Vec<u8>> {
    let tables = Tables::read(bytes).ok()?;
    let (package, base) = match name.iter().rposition(|b| *b == b'/') {
        Some(slash) => (name.get(..slash)?, name.get(slash + 1..)?),
        None => (&[][..], name),
    };
    let resources = tables.classes().ok()?;
    let found = resources.iter().find(|resource| resource.package == package && resource.base == base)?;
    let (mut window, mut buffer) = (Window::default(), Vec::new());
    tables.image(bytes).ok()?.contents(found, &mut window, &mut buffer).ok().map(<[u8]>::to_vec)
}

const CUT: Reason = "its tables are cut short";

/// What stands before the resources.
struct Tables {
    index: Vec<u8>,
    entries: u64,
    locations: u64,
    strings: u64,
    big: bool,
}

impl Tables {
    fn read(bytes: &dyn ReadAt) -> Result<Self, Reason> {
        let mut window = Window::default();
        let head = window.slice(bytes, 0, HEADER, HEADER).ok_or("it is no Java runtime image")?.to_vec();
        let big = match head.first_chunk() {
            Some([0xca, 0xfe, 0xda, 0xda]) => true,
            Some([0xda, 0xda, 0xfe, 0xca]) => false,
            _ => return Err("it is no Java runtime image"),
        };
        if word(&head, 4, big).ok_or(CUT)? >> 16 != 1 {
            return Err("its format is of another version than 1");
        }
        let [entries, locations, strings] = [16, 20, 24].map(|at| u64::from(word(&head, at, big).unwrap_or(0)));
        let size = entries.saturating_mul(8) + locations + strings;
        if size > MAX_TABLE || HEADER + size > bytes.size() {
            return Err(CUT);
        }
        let index = window.slice(bytes, HEADER, size, size).ok_or(CUT)?.to_vec();
        Ok(Self { index, entries, locations, strings, big })
    }

    fn part(&self, start: u64, size: u64) -> Result<&[u8], Reason> {
        let range = usize::try_from(start).ok().zip(usize::try_from(start + size).ok());
        range.and_then(|(start, end)| self.index.get(start..end)).ok_or(CUT)
    }

    /// The texts that locations name.
    fn texts(&self) -> Result<&[u8], Reason> {
        self.part(self.entries * 8 + self.locations, self.strings)
    }

    /// Every class, in the order of the file.
    fn classes(&self) -> Result<Vec<Resource<'_>>, Reason> {
        let offsets = self.part(self.entries * 4, self.entries * 4)?;
        let (places, texts) = (self.part(self.entries * 8, self.locations)?, self.texts()?);
        let mut resources = Vec::new();
        for at in (0..offsets.len()).step_by(4) {
            let place = usize::try_from(word(offsets, at, self.big).ok_or(CUT)?).map_err(|_| CUT)?;
            let resource = location(places.get(place..).ok_or(CUT)?, texts).ok_or(CUT)?;
            resources.extend(resource.is_class.then_some(resource));
        }
        resources.sort_by_key(|resource| resource.offset);
        Ok(resources)
    }

    fn image<'a>(&'a self, bytes: &'a dyn ReadAt) -> Result<Image<'a>, Reason> {
        Ok(Image { bytes, start: HEADER + self.index.len() as u64, texts: self.texts()?, big: self.big })
    }
}

/// A word in the order of bytes of the machine that the image is for.
fn word(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four = *bytes.get(at..)?.first_chunk()?;
    Some(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

/// What is at a location.
fn location<'a>(bytes: &[u8], texts: &'a [u8]) -> Option<Resource<'a>> {
    let mut cursor = Cursor::new(bytes);
    let mut values = [0_u64; 8];
    loop {
        let byte = cursor.u1()?;
        let kind = usize::from(byte >> 3);
        if kind == 0 {
            break;
        }
        let number = cursor.take(usize::from(byte & 7) + 1)?;
        let value = number.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        // Newer kinds, such as the preview flags of JDK 27, are passed over.
        if let Some(slot) = values.get_mut(kind) {
            *slot = value;
        }
    }
    let [_, module, package, base, extension, offset, compressed, size] = values;
    let text = |at: u64| {
        let rest = texts.get(usize::try_from(at).ok()?..)?;
        rest.get(..rest.iter().position(|b| *b == 0)?)
    };
    let (module, package) = (text(module)?, text(package)?);
    let is_class = text(extension)? == b"class" && !matches!(module, b"modules" | b"packages" | b"");
    let is_preview = package.starts_with(b"META-INF");
    Some(Resource { is_class: is_class && !is_preview, module, package, base: text(base)?, offset, compressed, size })
}

struct Image<'a> {
    bytes: &'a dyn ReadAt,
    start: u64,
    texts: &'a [u8],
    big: bool,
}

impl Image<'_> {
    fn modules(&self, resources: &[Resource<'_>]) -> Result<Vec<Module>, Reason> {
        let mut window = Window::default();
        let mut buffer = Vec::new();
        let mut modules = Vec::new();
        for resource in resources.iter().filter(|resource| resource.base == b"module-info") {
            let bytes = self.contents(resource, &mut window, &mut buffer)?;
            let mut module = Module::parse(bytes).ok_or("a module's description is broken")?;
            let own = resources.iter().filter(|other| other.module == resource.module && !other.package.is_empty());
            let mut packages: Vec<&[u8]> = own.map(|other| other.package).collect();
            packages.sort_unstable();
            packages.dedup();
            module.packages = packages.into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            modules.push(module);
        }
        modules.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(modules)
    }

    fn segment(&self, resources: &[Resource<'_>]) -> Result<Segment, Reason> {
        let mut gatherer = Gatherer::default();
        let mut window = Window::default();
        let mut buffer = Vec::new();
        let mut name = Vec::new();
        for resource in resources {
            let bytes = self.contents(resource, &mut window, &mut buffer)?;
            name.clear();
            name.extend_from_slice(resource.package);
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(resource.base);
            gatherer.take(&Found { name: &name, entry: None, bytes }, Depth::Members);
        }
        Ok(gatherer.finish())
    }

    /// The bytes of a resource, unpacked.
    fn contents<'b>(
        &self,
        resource: &Resource<'_>,
        window: &'b mut Window,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Reason> {
        const CUT: Reason = "a class of it is cut short";
        let size = if resource.compressed == 0 { resource.size } else { resource.compressed };
        let start = self.start.checked_add(resource.offset).ok_or(CUT)?;
        if size > MAX_RESOURCE || resource.size > MAX_RESOURCE {
            return Err("a class of it is larger than any");
        }
        let stored = window.slice(self.bytes, start, size, size).ok_or(CUT)?;
        if resource.compressed == 0 {
            return Ok(stored);
        }
        *buffer = self.unpack(stored.to_vec(), resource.size)?;
        Ok(buffer)
    }

    /// Peels the headers of compressors, each of 29 bytes.
    fn unpack(&self, mut bytes: Vec<u8>, size: u64) -> Result<Vec<u8>, Reason> {
        const BROKEN: Reason = "a compressed class of it is broken";
        // A jlink plug-in wraps once; more than a few are made to hurt.
        for _ in 0..4 {
            let Some(at) = self.compressor(&bytes) else { break };
            let rest = self.texts.get(at..).ok_or(BROKEN)?;
            let name = rest.split(|b| *b == 0).next().unwrap_or_default();
            if name != b"zip" {
                return Err("it is compressed in a way that is not known here (jlink --compress=1)");
            }
            let mut out = vec![0; usize::try_from(size).map_err(|_| BROKEN)?];
            let body = bytes.get(29..).ok_or(BROKEN)?;
            let made = libdeflater::Decompressor::new().zlib_decompress(body, &mut out).map_err(|_| BROKEN)?;
            out.truncate(made);
            bytes = out;
        }
        Ok(bytes)
    }

    /// Where the compressor's name is, if there is one.
    fn compressor(&self, bytes: &[u8]) -> Option<usize> {
        if word(bytes, 0, self.big)? == 0xcafe_fafa { usize::try_from(word(bytes, 20, self.big)?).ok() } else { None }
    }
}

//! Facts as bytes, to be kept. A number at the head says by which rules they were made; other numbers, and
//! bytes that are cut short or changed, are no facts.

use super::facts::{
    ClassFacts, Declared, FACTS_VERSION, Facts, JarFacts, Kind, MemberSymbol, Mention, Segment, Span, Symbol, Use,
};
use super::id::id;
use super::jimage::Contents;
use super::modules::Module;

/// Bytes in the making, behind room for version and check sum.
struct Writer(Vec<u8>);

/// Bytes of version and check sum.
const HEAD: usize = 16;

impl Writer {
    fn new() -> Self {
        Self(vec![0; HEAD])
    }

    fn list<T>(&mut self, items: &[T], one: impl Fn(&mut Vec<u8>, &T)) {
        self.size(items.len());
        self.0.reserve(std::mem::size_of_val(items));
        for item in items {
            one(&mut self.0, item);
        }
    }

    fn size(&mut self, size: usize) {
        self.0.extend((size as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.size(text.len());
        self.0.extend(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.size(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn optional(&mut self, text: Option<&String>) {
        self.texts(text.map(std::slice::from_ref).unwrap_or_default());
    }

    /// The bytes behind version and check sum.
    fn finish(self) -> Vec<u8> {
        let Self(mut bytes) = self;
        let sum = id(bytes.get(HEAD..).unwrap_or_default()).to_le_bytes();
        for (to, from) in bytes.iter_mut().zip(u64::from(FACTS_VERSION).to_le_bytes().into_iter().chain(sum)) {
            *to = from;
        }
        bytes
    }
}

/// Bytes to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let sound = u64::from_le_bytes(*version) == u64::from(FACTS_VERSION) && u64::from_le_bytes(*sum) == id(rest);
        sound.then_some(Self(rest))
    }

    fn size(&mut self) -> Option<usize> {
        let (size, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        usize::try_from(u64::from_le_bytes(*size)).ok()
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    /// Items of `N` bytes each.
    fn list<const N: usize, T>(&mut self, one: impl Fn(&[u8; N]) -> T) -> Option<Vec<T>> {
        let count = self.size()?;
        let bytes = self.take(count.checked_mul(N)?)?;
        Some(bytes.as_chunks::<N>().0.iter().map(one).collect())
    }

    fn text(&mut self) -> Option<String> {
        let size = self.size()?;
        String::from_utf8(self.take(size)?.to_vec()).ok()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        let count = self.size()?;
        (0..count).map(|_| self.text()).collect()
    }
}

fn u16_of(bytes: &[u8], at: usize) -> u16 {
    super::bytes::le16(bytes, at).unwrap_or(0)
}

fn u32_of(bytes: &[u8], at: usize) -> u32 {
    super::bytes::le32(bytes, at).unwrap_or(0)
}

fn u64_of(bytes: &[u8], at: usize) -> u64 {
    super::bytes::le64(bytes, at).unwrap_or(0)
}

fn span_of(bytes: &[u8], at: usize) -> Span {
    Span { start: u32_of(bytes, at), end: u32_of(bytes, at + 4) }
}

fn put_span(out: &mut Vec<u8>, span: Span) {
    out.extend(span.start.to_le_bytes());
    out.extend(span.end.to_le_bytes());
}

/// Bytes of a class.
const CLASS: usize = 8 + 6 * 4 + 4 * 2 + 7 * 8;

fn put_class(out: &mut Vec<u8>, class: &ClassFacts) {
    out.extend(class.offset.to_le_bytes());
    for word in [class.name, class.superclass, class.nest_host, class.compressed, class.crc, class.size] {
        out.extend(word.to_le_bytes());
    }
    for half in [class.flags, class.major, class.minor, class.marks] {
        out.extend(half.to_le_bytes());
    }
    let ClassFacts { interfaces, permitted, nest_members, mentions, fields, methods, uses, .. } = *class;
    for span in [interfaces, permitted, nest_members, mentions, fields, methods, uses] {
        put_span(out, span);
    }
}

fn class_of(bytes: &[u8; CLASS]) -> ClassFacts {
    ClassFacts {
        offset: u64_of(bytes, 0),
        name: u32_of(bytes, 8),
        superclass: u32_of(bytes, 12),
        nest_host: u32_of(bytes, 16),
        compressed: u32_of(bytes, 20),
        crc: u32_of(bytes, 24),
        size: u32_of(bytes, 28),
        flags: u16_of(bytes, 32),
        major: u16_of(bytes, 34),
        minor: u16_of(bytes, 36),
        marks: u16_of(bytes, 38),
        interfaces: span_of(bytes, 40),
        permitted: span_of(bytes, 48),
        nest_members: span_of(bytes, 56),
        mentions: span_of(bytes, 64),
        fields: span_of(bytes, 72),
        methods: span_of(bytes, 80),
        uses: span_of(bytes, 88),
    }
}

const KINDS: [Kind; 5] = [Kind::Field, Kind::Method, Kind::InterfaceMethod, Kind::ArrayMethod, Kind::Constructor];

impl Segment {
    fn write(&self, to: &mut Writer) {
        to.list(&self.classes, put_class);
        to.size(self.texts.len());
        to.0.extend(&self.texts);
        to.list(&self.symbols, |out, symbol| {
            out.extend(symbol.id.to_le_bytes());
            out.extend(symbol.package.to_le_bytes());
            put_span(out, symbol.text);
        });
        to.list(&self.links, |out, link| out.extend(link.to_le_bytes()));
        to.list(&self.mentions, |out, mention| {
            out.extend(mention.symbol.to_le_bytes());
            out.extend(mention.how.to_le_bytes());
        });
        to.list(&self.declared, |out, declared| {
            out.extend(declared.id.to_le_bytes());
            out.extend(declared.flags.to_le_bytes());
        });
        to.list(&self.members, |out, member| {
            out.extend(member.id.to_le_bytes());
            out.extend(member.owner.to_le_bytes());
            out.extend((member.kind as u16).to_le_bytes());
        });
        to.list(&self.uses, |out, used| {
            out.extend(used.member.to_le_bytes());
            out.extend(used.op.to_le_bytes());
        });
        to.list(&self.polymorphic, |out, (index, id)| {
            out.extend(index.to_le_bytes());
            out.extend(id.to_le_bytes());
        });
        to.size(self.malformed.len());
        for (index, reason) in &self.malformed {
            to.0.extend(index.to_le_bytes());
            to.text(reason);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let classes = from.list(class_of)?;
        let size = from.size()?;
        let mut segment = Self { classes, texts: from.take(size)?.to_vec(), ..Self::default() };
        segment.symbols =
            from.list(|b: &[u8; 24]| Symbol { id: u64_of(b, 0), package: u64_of(b, 8), text: span_of(b, 16) })?;
        segment.links = from.list(|b: &[u8; 4]| u32::from_le_bytes(*b))?;
        segment.mentions = from.list(|b: &[u8; 6]| Mention { symbol: u32_of(b, 0), how: u16_of(b, 4) })?;
        segment.declared = from.list(|b: &[u8; 10]| Declared { id: u64_of(b, 0), flags: u16_of(b, 8) })?;
        segment.members = from.list(|b: &[u8; 14]| MemberSymbol {
            id: u64_of(b, 0),
            owner: u32_of(b, 8),
            kind: KINDS.get(usize::from(u16_of(b, 12))).copied().unwrap_or_default(),
        })?;
        segment.uses = from.list(|b: &[u8; 6]| Use { member: u32_of(b, 0), op: u16_of(b, 4) })?;
        segment.polymorphic = from.list(|b: &[u8; 12]| (u32_of(b, 0), u64_of(b, 4)))?;
        for _ in 0..from.size()? {
            let index = u32_of(from.take(4)?, 0);
            segment.malformed.push((index, from.text()?));
        }
        Some(segment)
    }
}

impl JarFacts {
    fn write(&self, to: &mut Writer) {
        let Self { unreadable, bad_manifest, bad_signature, signed, sealed, .. } = self;
        for reason in [unreadable, bad_manifest, bad_signature] {
            to.optional(reason.as_ref());
        }
        to.size(usize::from(*signed));
        to.size(sealed.len());
        for (package, sealed) in sealed {
            to.text(package);
            to.size(usize::from(*sealed));
        }
        for named in [&self.index, &self.services] {
            to.size(named.len());
            for (name, lines) in named {
                to.text(name);
                to.texts(lines);
            }
        }
        for list in [&self.class_path, &self.poms, &self.names] {
            to.texts(list);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let [unreadable, bad_manifest, bad_signature] = [from.texts()?.pop(), from.texts()?.pop(), from.texts()?.pop()];
        let signed = from.size()? == 1;
        let sealed = (0..from.size()?).map(|_| Some((from.text()?, from.size()? == 1))).collect::<Option<_>>()?;
        let mut entries = || (0..from.size()?).map(|_| Some((from.text()?, from.texts()?))).collect::<Option<Vec<_>>>();
        let (index, services) = (entries()?, entries()?);
        let (class_path, poms, names) = (from.texts()?, from.texts()?, from.texts()?);
        Some(Self { unreadable, bad_manifest, bad_signature, signed, sealed, index, class_path, services, poms, names })
    }
}

impl Facts {
    /// The facts as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::new();
        self.jar.write(&mut to);
        to.size(self.segments.len());
        for segment in &self.segments {
            segment.write(&mut to);
        }
        to.finish()
    }

    /// Facts that were kept; none where the bytes are of other rules, or not whole.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::open(bytes)?;
        let jar = JarFacts::read(&mut from)?;
        let segments = (0..from.size()?).map(|_| Segment::read(&mut from)).collect::<Option<_>>()?;
        Some(Self { segments, jar })
    }
}

impl Contents {
    /// As [`Facts::to_bytes`].
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.size(self.modules.len());
        for module in &self.modules {
            let Module { name, on_demand, requires, exports, opens, uses, provides, packages } = module;
            to.text(name);
            to.size(usize::from(*on_demand));
            for list in [requires, exports, opens, uses, provides, packages] {
                to.texts(list);
            }
        }
        to.size(self.segments.len());
        for segment in &self.segments {
            segment.write(&mut to);
        }
        to.finish()
    }

    /// As [`Facts::from_bytes`].
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::open(bytes)?;
        let module = |from: &mut Reader<'_>| {
            Some(Module {
                name: from.text()?,
                on_demand: from.size()? == 1,
                requires: from.texts()?,
                exports: from.texts()?,
                opens: from.texts()?,
                uses: from.texts()?,
                provides: from.texts()?,
                packages: from.texts()?,
            })
        };
        let modules = (0..from.size()?).map(|_| module(&mut from)).collect::<Option<_>>()?;
        let segments = (0..from.size()?).map(|_| Segment::read(&mut from)).collect::<Option<_>>()?;
        Some(Self { segments, modules })
    }
}

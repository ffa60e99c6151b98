//! Class files into [`Segment`]s.

use super::class::code::operand;
use super::class::descriptor;
use super::class::pool::tag;
use super::class::{self, ClassFile, Places, flag, indices};
use super::facts::{
    ClassFacts, Declared, Kind, MemberSymbol, Mention, NONE, Segment, Span, Symbol, Use, how, mark, op,
};
use super::guards::Guards;
use super::id::{Id, Table, id, member, package};
use super::zip::Entry;

/// A segment in the making.
#[derive(Default)]
pub(super) struct Gatherer {
    segment: Segment,
    /// Symbols by the number of their name.
    symbols: Table,
    /// Members by owner, number and kind.
    members: Table,
    /// Descriptors by number, each with its place in `listed`.
    descriptors: Table,
    listed: Vec<Listed>,
    descriptor_symbols: Vec<u32>,
    scratch: Scratch,
}

/// A descriptor.
struct Listed {
    /// Of `descriptor_symbols`.
    symbols: Span,
    shape: Shape,
    /// The class that mentioned it last, and how.
    stamp: u32,
    how: u16,
}

/// What a descriptor is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Field,
    Method,
    Nothing,
}

impl Shape {
    fn of(descriptor: &[u8]) -> Self {
        match descriptor.first() {
            _ if !descriptor::is_valid(descriptor) => Self::Nothing,
            Some(b'(') => Self::Method,
            _ => Self::Field,
        }
    }
}

/// Vectors that are used again for every class; all but `places` by index of the constant.
#[derive(Default)]
struct Scratch {
    places: Places,
    /// Number of each `Utf8`; 0 where it was not needed yet.
    ids: Vec<Id>,
    /// Symbol of each `Class`; [`NONE`] where it was not needed yet.
    symbols: Vec<u32>,
    /// Index of each `Utf8` among the descriptors + 1; 0 where it was not needed yet.
    descriptors: Vec<u32>,
    /// What instructions do with each constant.
    used: Vec<Used>,
    /// By symbol: place in the class's mentions + 1, where `stamp` is the class's.
    mentioned: Vec<(u32, u32)>,
    stamp: u32,
}

/// What the instructions of a class do with a constant.
#[derive(Clone, Copy, Default)]
struct Used {
    op: u16,
    how: u16,
}

/// A class file and where it is.
pub(super) struct Found<'a> {
    /// Internal name, as the entry has it.
    pub(super) name: &'a [u8],
    /// Where a jar has it; none in the runtime.
    pub(super) entry: Option<&'a Entry>,
    pub(super) bytes: &'a [u8],
}

impl Found<'_> {
    /// The part of the facts that tells where it is.
    fn place(&self) -> ClassFacts {
        let entry = self.entry;
        let small = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        ClassFacts {
            offset: entry.map_or(0, |entry| entry.offset),
            compressed: entry.map_or(0, |entry| small(entry.compressed)),
            size: entry.map_or(0, |entry| small(entry.size)),
            crc: entry.map_or(0, |entry| entry.crc),
            ..ClassFacts::default()
        }
    }

    fn stored(&self) -> u16 {
        if self.entry.is_some_and(|entry| !entry.deflated) { mark::STORED } else { 0 }
    }
}

/// Whether the code of a class is looked at: the Java runtime is taken to be sound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Members,
    Code,
}

impl Gatherer {
    /// The segment; another may follow.
    pub(super) fn finish(&mut self) -> Segment {
        // A table as large as the largest segment asks for would be slow for the others.
        for table in [&mut self.symbols, &mut self.members, &mut self.descriptors] {
            *table = Table::default();
        }
        self.listed.clear();
        self.descriptor_symbols.clear();
        let mut segment = std::mem::take(&mut self.segment);
        segment.shrink();
        segment
    }

    /// Takes a class that the JVM refuses.
    pub(super) fn refuse(&mut self, found: &Found<'_>, reason: &str) {
        let (minor, major) = class::version(found.bytes).unwrap_or_default();
        let name = self.symbol(found.name);
        let index = count(&self.segment.classes);
        self.segment.malformed.push((index, reason.to_owned()));
        self.segment.classes.push(ClassFacts {
            name,
            superclass: NONE,
            nest_host: NONE,
            major,
            minor,
            marks: mark::MALFORMED | found.stored(),
            ..found.place()
        });
    }

    /// Takes a class file.
    pub(super) fn take(&mut self, found: &Found<'_>, depth: Depth) {
        let places = std::mem::take(&mut self.scratch.places);
        let class = match class::version(found.bytes) {
            // A newer class may have constants that we do not know; the JVM refuses it by its version.
            Ok((_, major)) if major > class::NEWEST => {
                self.refuse(found, "is of a version that is not known yet");
                return;
            }
            Ok(_) => ClassFile::parse(found.bytes, places),
            Err(malformed) => Err(malformed),
        };
        match class {
            Ok(class) if class.name() != found.name => {
                let reason = format!("is named {} inside", String::from_utf8_lossy(class.name()));
                self.refuse(found, &reason);
            }
            Ok(class) => {
                self.class(found, &class, depth);
                self.scratch.places = class.into_places();
            }
            Err(malformed) => self.refuse(found, malformed.0),
        }
    }

    fn class(&mut self, found: &Found<'_>, class: &ClassFile<'_>, depth: Depth) {
        self.scratch.ids.clear();
        self.scratch.ids.resize(usize::from(class.pool.count()), 0);
        self.scratch.symbols.clear();
        self.scratch.symbols.resize(usize::from(class.pool.count()), NONE);
        self.scratch.descriptors.clear();
        self.scratch.descriptors.resize(usize::from(class.pool.count()), 0);
        self.scratch.stamp += 1;
        let mut facts = ClassFacts {
            name: self.symbol(found.name),
            superclass: self.class_symbol(class, class.superclass),
            nest_host: self.class_symbol(class, class.attributes.nest_host),
            flags: class.flags,
            major: class.major,
            minor: class.minor,
            marks: found.stored(),
            ..found.place()
        };
        if class.attributes.scala {
            facts.marks |= mark::SCALA;
        }
        facts.interfaces = self.links(class, class.interfaces.iter().copied());
        facts.nest_members = self.links(class, indices(class.attributes.nest_members));
        if let Some(permitted) = class.attributes.permitted {
            facts.marks |= mark::SEALED;
            facts.permitted = self.links(class, indices(permitted));
        }
        facts.fields = self.declared(class, &class.fields);
        facts.methods = self.declared(class, &class.methods);
        if depth == Depth::Code {
            if let Some(reason) = self.unsound(class, &facts) {
                facts.marks |= mark::MALFORMED;
                self.segment.malformed.push((count(&self.segment.classes), reason.to_owned()));
            }
            self.instructions(class);
            facts.uses = self.uses(class, &facts);
            facts.mentions = self.mentions(class);
        }
        self.segment.classes.push(facts);
    }

    /// Members that stand twice, and descriptors that are none.
    fn unsound(&mut self, class: &ClassFile<'_>, facts: &ClassFacts) -> Option<&'static str> {
        for span in [facts.fields, facts.methods] {
            if span.of(&self.segment.declared).windows(2).any(|pair| matches!(pair, [a, b] if a.id == b.id)) {
                return Some("has one member twice");
            }
        }
        let fields = class.fields.iter().map(|field| (field.descriptor, Shape::Field));
        let mut all = fields.chain(class.methods.iter().map(|method| (method.descriptor, Shape::Method)));
        let is_other = |(descriptor, shape): (u16, Shape)| {
            let at = self.descriptor(class, descriptor);
            usize::try_from(at).ok().and_then(|at| self.listed.get(at)).is_none_or(|listed| listed.shape != shape)
        };
        all.any(is_other).then_some("has a member whose descriptor is none")
    }

    /// The symbol of a name.
    fn symbol(&mut self, name: &[u8]) -> u32 {
        let number = id(name);
        let next = count(&self.segment.symbols);
        let index = self.symbols.get_or_insert(number, next);
        if index == next {
            let start = count(&self.segment.texts);
            self.segment.texts.extend_from_slice(name);
            let text = Span { start, end: count(&self.segment.texts) };
            self.segment.symbols.push(Symbol { id: number, package: id(package(name)), text });
        }
        index
    }

    /// The symbol of a `Class` constant; that of an array is what it is made of.
    fn class_symbol(&mut self, class: &ClassFile<'_>, index: u16) -> u32 {
        if let Some(&known) = self.scratch.symbols.get(usize::from(index)).filter(|known| **known != NONE) {
            return known;
        }
        let Some(name) = class.pool.class_name(index).and_then(descriptor::element) else { return NONE };
        let symbol = self.symbol(name);
        if let Some(slot) = self.scratch.symbols.get_mut(usize::from(index)) {
            *slot = symbol;
        }
        symbol
    }

    fn links(&mut self, class: &ClassFile<'_>, indices: impl Iterator<Item = u16>) -> Span {
        let start = count(&self.segment.links);
        for index in indices {
            let symbol = self.class_symbol(class, index);
            self.segment.links.push(symbol);
        }
        Span { start, end: count(&self.segment.links) }
    }

    /// The number of a `Utf8`.
    fn number(&mut self, class: &ClassFile<'_>, index: u16) -> Id {
        let Some(slot) = self.scratch.ids.get_mut(usize::from(index)) else { return 0 };
        if *slot == 0 {
            *slot = id(class.pool.utf8(index).unwrap_or_default());
        }
        *slot
    }

    fn declared(&mut self, class: &ClassFile<'_>, members: &[class::Member<'_>]) -> Span {
        let start = self.segment.declared.len();
        for declared in members {
            let (name, descriptor) = (self.number(class, declared.name), self.number(class, declared.descriptor));
            self.segment.declared.push(Declared { id: member(name, descriptor), flags: declared.flags });
            let polymorphic = flag::NATIVE | flag::VARARGS;
            if declared.flags & polymorphic == polymorphic && is_polymorphic_owner(class.name()) {
                // Any descriptor will do (JVMS 2.9.3).
                self.segment.declared.push(Declared { id: member(name, 0), flags: declared.flags });
            }
        }
        if let Some(own) = self.segment.declared.get_mut(start..) {
            own.sort_unstable_by_key(|declared| declared.id);
        }
        Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: count(&self.segment.declared) }
    }

    /// Notes what every instruction does with constants.
    fn instructions(&mut self, class: &ClassFile<'_>) {
        let mut used = std::mem::take(&mut self.scratch.used);
        used.clear();
        used.resize(usize::from(class.pool.count()), Used::default());
        for method in &class.methods {
            let Some(code) = &method.code else { continue };
            let name = class.pool.utf8(method.name).unwrap_or_default();
            let guards = Guards::of(class, code);
            let late = match name {
                b"<init>" => op::PUT_STATIC,
                b"<clinit>" => op::PUT_FIELD,
                _ => op::PUTS,
            };
            for (at, opcode) in code.naming() {
                let (operation, mention) = EFFECTS[usize::from(opcode)];
                let index = match opcode {
                    0x12 => code.bytes.get(at + 1).copied().map(u16::from),
                    _ => operand(code.bytes, at),
                };
                let Some(slot) = index.and_then(|index| used.get_mut(usize::from(index))) else { continue };
                let (outside_op, outside_how) = guards.outside(at);
                slot.op |= operation | outside_op | if operation & late == 0 { 0 } else { op::LATE };
                slot.how |= mention | outside_how;
            }
            for handler in code.handlers() {
                if let Some(slot) = used.get_mut(usize::from(handler.catches)) {
                    slot.how |= how::CATCH;
                }
            }
        }
        handles(class, &mut used);
        self.scratch.used = used;
    }

    fn uses(&mut self, class: &ClassFile<'_>, facts: &ClassFacts) -> Span {
        let start = count(&self.segment.uses);
        for index in 1..class.pool.count() {
            let Some((owner, name, descriptor)) = class.pool.member(index) else { continue };
            let used = self.scratch.used.get(usize::from(index)).copied().unwrap_or_default();
            if used.op & (op::INSTRUCTION | op::HANDLE) == 0 {
                continue;
            }
            let is_constructor = class.pool.utf8(name) == Some(b"<init>");
            let kind = match class.pool.tag(index) {
                tag::FIELD => Kind::Field,
                tag::INTERFACE_METHOD => Kind::InterfaceMethod,
                _ if is_constructor => Kind::Constructor,
                _ => Kind::Method,
            };
            let name = self.number(class, name);
            let number = member(name, self.number(class, descriptor));
            self.mention_owner(owner, used.op);
            // What a class declares itself is there; only writing to finals may be wrong.
            if owner == class.this && self.declares(facts, kind, number, used.op) {
                continue;
            }
            let (owner, kind) = self.owner(class, owner, kind);
            let next = count(&self.segment.members);
            let key = member(number ^ u64::from(owner), kind as u64);
            let symbol = self.members.get_or_insert(key, next);
            if symbol == next {
                self.segment.members.push(MemberSymbol { owner, kind, id: number });
                if is_polymorphic_owner(self.segment.text(owner)) {
                    self.segment.polymorphic.push((symbol, member(name, 0)));
                }
            }
            self.segment.uses.push(Use { member: symbol, op: used.op });
        }
        Span { start, end: count(&self.segment.uses) }
    }

    fn owner(&mut self, class: &ClassFile<'_>, owner: u16, kind: Kind) -> (u32, Kind) {
        if class.pool.class_name(owner).is_some_and(|name| name.first() == Some(&b'[')) {
            (self.symbol(b"java/lang/Object"), Kind::ArrayMethod)
        } else {
            (self.class_symbol(class, owner), kind)
        }
    }

    fn mention_owner(&mut self, owner: u16, operation: u16) {
        if let Some(slot) = self.scratch.used.get_mut(usize::from(owner)) {
            slot.how |= how::OWNER;
            if operation & op::OPEN_CLASS != 0 {
                slot.how |= how::OPEN;
            }
            if operation & op::BARE != 0 {
                slot.how |= how::BARE;
            }
        }
    }

    /// Whether the class itself has that member, and this use of it is in order without looking further.
    fn declares(&self, facts: &ClassFacts, kind: Kind, number: Id, operation: u16) -> bool {
        let span = if kind == Kind::Field { facts.fields } else { facts.methods };
        if (kind == Kind::InterfaceMethod) != facts.is_interface() && kind != Kind::Field {
            return false;
        }
        let own = span.of(&self.segment.declared);
        let Ok(at) = own.binary_search_by_key(&number, |declared| declared.id) else { return false };
        let flags = own.get(at).map_or(0, |declared| declared.flags);
        let is_static = flags & flag::STATIC != 0;
        let sound =
            if is_static { operation & op::INSTRUCTION & !op::STATICS == 0 } else { operation & op::STATICS == 0 };
        // Who calls an abstract method is asked for elsewhere.
        sound && flags & flag::ABSTRACT == 0 && (flags & flag::FINAL == 0 || operation & op::LATE == 0)
    }

    fn mentions(&mut self, class: &ClassFile<'_>) -> Span {
        let start = count(&self.segment.mentions);
        for index in 1..class.pool.count() {
            let tag = class.pool.tag(index);
            let used = self.scratch.used.get(usize::from(index)).copied().unwrap_or_default();
            match tag {
                tag::CLASS => {
                    let symbol = self.class_symbol(class, index);
                    self.mention(start, symbol, if used.how == 0 { how::OTHER } else { used.how });
                }
                tag::FIELD | tag::METHOD | tag::INTERFACE_METHOD => {
                    let descriptor = class.pool.member(index).map_or(0, |(.., descriptor)| descriptor);
                    self.mention_descriptor(class, start, descriptor, how::DESCRIPTOR);
                }
                tag::METHOD_TYPE => {
                    let descriptor = class.pool.method_type(index).unwrap_or(0);
                    self.mention_descriptor(class, start, descriptor, how::CALL_SITE | how::OPEN | how::BARE);
                }
                tag::DYNAMIC | tag::INVOKE_DYNAMIC => {
                    let descriptor = class.pool.dynamic(index).unwrap_or(0);
                    self.mention_descriptor(class, start, descriptor, how::CALL_SITE | used.how);
                }
                _ => {}
            }
        }
        for declared in class.fields.iter().chain(&class.methods) {
            for thrown in indices(declared.throws) {
                let symbol = self.class_symbol(class, thrown);
                self.mention(start, symbol, how::DECLARED);
            }
            self.mention_descriptor(class, start, declared.descriptor, how::DESCRIPTOR | how::DECLARED);
        }
        Span { start, end: count(&self.segment.mentions) }
    }

    fn mention(&mut self, start: u32, symbol: u32, mention: u16) {
        let Ok(at) = usize::try_from(symbol) else { return };
        if symbol == NONE {
            return;
        }
        if self.scratch.mentioned.len() <= at {
            self.scratch.mentioned.resize(self.segment.symbols.len().max(at + 1), (0, 0));
        }
        let Some(slot) = self.scratch.mentioned.get_mut(at) else { return };
        if slot.0 == self.scratch.stamp {
            let place = usize::try_from(start + slot.1).unwrap_or(usize::MAX);
            if let Some(there) = self.segment.mentions.get_mut(place) {
                there.how |= mention;
            }
        } else {
            *slot = (self.scratch.stamp, count(&self.segment.mentions) - start);
            self.segment.mentions.push(Mention { symbol, how: mention });
        }
    }

    fn mention_descriptor(&mut self, class: &ClassFile<'_>, start: u32, descriptor: u16, mention: u16) {
        let index = self.descriptor(class, descriptor);
        let stamp = self.scratch.stamp;
        let Some(known) = usize::try_from(index).ok().and_then(|index| self.listed.get_mut(index)) else { return };
        // Most descriptors stand in a class many times.
        if known.stamp == stamp && known.how & mention == mention {
            return;
        }
        if known.stamp != stamp {
            (known.stamp, known.how) = (stamp, 0);
        }
        known.how |= mention;
        let span = known.symbols;
        for at in span.start..span.end {
            let symbol = usize::try_from(at).ok().and_then(|at| self.descriptor_symbols.get(at)).copied();
            self.mention(start, symbol.unwrap_or(NONE), mention);
        }
    }

    /// The place of a descriptor among those of the segment.
    fn descriptor(&mut self, class: &ClassFile<'_>, descriptor: u16) -> u32 {
        if let Some(known) = self.scratch.descriptors.get(usize::from(descriptor)).and_then(|i| i.checked_sub(1)) {
            return known;
        }
        let number = self.number(class, descriptor);
        let next = count(&self.listed);
        let index = self.descriptors.get_or_insert(number, next);
        if index == next {
            let from = count(&self.descriptor_symbols);
            let text = class.pool.utf8(descriptor).unwrap_or_default();
            for name in descriptor::classes(text) {
                let symbol = self.symbol(name);
                self.descriptor_symbols.push(symbol);
            }
            let symbols = Span { start: from, end: count(&self.descriptor_symbols) };
            self.listed.push(Listed { symbols, shape: Shape::of(text), stamp: 0, how: 0 });
        }
        if let Some(slot) = self.scratch.descriptors.get_mut(usize::from(descriptor)) {
            *slot = index + 1;
        }
        index
    }
}

/// What an instruction does with the constant it names: as a member, as a class.
const fn effect(opcode: u8) -> (u16, u16) {
    match opcode {
        0x12 | 0x13 | 0xbd | 0xc0 | 0xc1 | 0xc5 => (0, how::TYPE),
        0xb2 => (op::GET_STATIC, 0),
        0xb3 => (op::PUT_STATIC, 0),
        0xb4 => (op::GET_FIELD, 0),
        0xb5 => (op::PUT_FIELD, 0),
        0xb6 => (op::VIRTUAL, 0),
        0xb7 => (op::SPECIAL, 0),
        0xb8 => (op::STATIC, 0),
        0xb9 => (op::INTERFACE, 0),
        0xba => (0, how::CALL_SITE),
        0xbb => (0, how::NEW),
        _ => (0, 0),
    }
}

/// [`effect`] of every opcode.
const EFFECTS: [(u16, u16); 256] = {
    let mut effects = [(0, 0); 256];
    let mut opcode: u8 = 0x12;
    while opcode <= 0xc5 {
        effects[opcode as usize] = effect(opcode);
        opcode += 1;
    }
    effects
};

/// Method handles use their members as the instruction that they stand for (JVMS, table 5.4.3.5-A).
fn handles(class: &ClassFile<'_>, used: &mut [Used]) {
    const BY_KIND: [u16; 10] = [
        0,
        op::GET_FIELD,
        op::GET_STATIC,
        op::PUT_FIELD,
        op::PUT_STATIC,
        op::VIRTUAL,
        op::STATIC,
        op::SPECIAL,
        op::SPECIAL,
        op::INTERFACE,
    ];
    for index in 1..class.pool.count() {
        let Some((kind, target)) = class.pool.method_handle(index) else { continue };
        let operation = BY_KIND.get(usize::from(kind)).copied().unwrap_or(0);
        if let Some(slot) = used.get_mut(usize::from(target)) {
            slot.op |= operation | op::HANDLE | op::OPEN | op::OPEN_CLASS | op::BARE;
        }
    }
}

/// The classes whose native varargs methods take any descriptor (JVMS 2.9.3).
fn is_polymorphic_owner(name: &[u8]) -> bool {
    matches!(name, b"java/lang/invoke/MethodHandle" | b"java/lang/invoke/VarHandle")
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl Segment {
    /// Gives back the room that growing left over.
    fn shrink(&mut self) {
        self.classes.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.symbols.shrink_to_fit();
        self.links.shrink_to_fit();
        self.mentions.shrink_to_fit();
        self.declared.shrink_to_fit();
        self.members.shrink_to_fit();
        self.uses.shrink_to_fit();
    }
}

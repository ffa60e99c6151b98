//! What linking needs of a jar, small enough to keep: [`Facts`].
//!
//! Facts follow from the jar's bytes and the target Java alone, so they are computed once a jar. They
//! come in segments of a few hundred classes, each with its own table of the classes that its members
//! mention, so that threads share nothing. Texts are kept for classes; members are numbers
//! ([`super::id`]), and the few that end up in a report are read from the class file again.

use super::class::flag;
use super::id::Id;

/// Raised with every change of what facts hold or mean.
pub const FACTS_VERSION: u32 = 2;

/// The facts of a jar, or of a Java runtime.
#[derive(Debug, Default)]
pub struct Facts {
    pub(super) segments: Vec<Segment>,
    pub(super) jar: JarFacts,
}

/// What is true of the jar as a whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct JarFacts {
    /// Why the JVM does not use this jar at all.
    pub(super) unreadable: Option<String>,
    /// Why no class of it can be loaded.
    pub(super) bad_manifest: Option<String>,
    /// Why no class of it can be loaded although the manifest is sound: its signature.
    pub(super) bad_signature: Option<String>,
    /// Whether a signature that counts covers it.
    pub(super) signed: bool,
    /// Packages (`a/b/`) and whether they are sealed; the empty name is that of all others.
    pub(super) sealed: Vec<(String, bool)>,
    /// `META-INF/INDEX.LIST`: jars, and what is in each.
    pub(super) index: Vec<(String, Vec<String>)>,
    /// `Class-Path` of the manifest.
    pub(super) class_path: Vec<String>,
    /// `META-INF/services/NAME` with its lines, comments left out.
    pub(super) services: Vec<(String, Vec<String>)>,
    /// Who the jar is: `group:artifact:version` of each `pom.properties`.
    pub(super) poms: Vec<String>,
    /// Names by which the manifest calls it.
    pub(super) names: Vec<String>,
}

/// Some classes of a jar.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) classes: Vec<ClassFacts>,
    /// The names of `symbols`, one after the other.
    pub(super) texts: Vec<u8>,
    /// Every class that a class of this segment mentions or is.
    pub(super) symbols: Vec<Symbol>,
    /// Indices of `symbols`, by the spans of classes.
    pub(super) links: Vec<u32>,
    /// Mentions, by the spans of classes.
    pub(super) mentions: Vec<Mention>,
    /// Declared fields and methods, by the spans of classes, each span sorted by number.
    pub(super) declared: Vec<Declared>,
    /// Every member that a class of this segment names, each once.
    pub(super) members: Vec<MemberSymbol>,
    /// Uses of `members`, by the spans of classes.
    pub(super) uses: Vec<Use>,
    /// Signature-polymorphic candidates: index in `members`, and the number that any descriptor has.
    pub(super) polymorphic: Vec<(u32, Id)>,
    /// What is wrong with a class file: index in `classes`, and the reason.
    pub(super) malformed: Vec<(u32, String)>,
}

/// A range of one of a segment's lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        let bounds = (usize::try_from(self.start), usize::try_from(self.end));
        if let (Ok(start), Ok(end)) = bounds { list.get(start..end).unwrap_or_default() } else { &[] }
    }
}

/// No symbol.
pub(super) const NONE: u32 = u32::MAX;

/// A class file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClassFacts {
    /// Symbol of the name under which the jar has it.
    pub(super) name: u32,
    /// Symbol of the superclass, or [`NONE`].
    pub(super) superclass: u32,
    /// Symbol of the nest host, or [`NONE`].
    pub(super) nest_host: u32,
    /// Place of its local header in the jar, and size of its bytes there.
    pub(super) offset: u64,
    pub(super) compressed: u32,
    /// CRC-32 and size: evidence of what it holds.
    pub(super) crc: u32,
    pub(super) size: u32,
    pub(super) flags: u16,
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) marks: u16,
    /// Of `links`.
    pub(super) interfaces: Span,
    pub(super) permitted: Span,
    pub(super) nest_members: Span,
    pub(super) mentions: Span,
    pub(super) fields: Span,
    pub(super) methods: Span,
    pub(super) uses: Span,
}

/// Marks of a class.
pub(super) mod mark {
    /// The JVM does not parse it; the reason is in `malformed`.
    pub(in crate::classpath) const MALFORMED: u16 = 1;
    /// It has `PermittedSubclasses`.
    pub(in crate::classpath) const SEALED: u16 = 2;
    /// scalac made it.
    pub(in crate::classpath) const SCALA: u16 = 4;
    /// Its bytes are in the jar as they are.
    pub(in crate::classpath) const STORED: u16 = 8;
}

impl ClassFacts {
    pub(super) fn is_interface(&self) -> bool {
        self.flags & flag::INTERFACE != 0
    }

    pub(super) fn has(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }
}

/// A class by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) id: Id,
    /// Number of its package.
    pub(super) package: Id,
    /// Of `texts`.
    pub(super) text: Span,
}

/// How a class is mentioned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) symbol: u32,
    pub(super) how: u16,
}

/// Bits of [`Mention::how`]: where the name stands.
pub(super) mod how {
    /// `new`.
    pub(in crate::classpath) const NEW: u16 = 1;
    /// `checkcast`, `instanceof`, `anewarray`, `multianewarray`, `ldc`.
    pub(in crate::classpath) const TYPE: u16 = 1 << 1;
    /// A handler's type.
    pub(in crate::classpath) const CATCH: u16 = 1 << 2;
    /// Owner of a member that is used.
    pub(in crate::classpath) const OWNER: u16 = 1 << 3;
    /// In the descriptor of a declared or used member.
    pub(in crate::classpath) const DESCRIPTOR: u16 = 1 << 4;
    /// In a descriptor that `invokedynamic` or a method handle loads.
    pub(in crate::classpath) const CALL_SITE: u16 = 1 << 5;
    /// Any other `Class` constant: `throws`, `InnerClasses`, stack maps.
    pub(in crate::classpath) const OTHER: u16 = 1 << 6;
    /// In the descriptor of a declared member.
    pub(in crate::classpath) const DECLARED: u16 = 1 << 9;
    /// An instruction for it is outside of every handler for missing classes.
    pub(in crate::classpath) const OPEN: u16 = 1 << 7;
    /// … and outside of every handler for anything.
    pub(in crate::classpath) const BARE: u16 = 1 << 8;
    /// An instruction resolves it.
    pub(in crate::classpath) const RESOLVED: u16 = NEW | TYPE | OWNER | CALL_SITE;
}

/// A declared field or method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) id: Id,
    pub(super) flags: u16,
}

/// A field or method that is named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MemberSymbol {
    /// Symbol of the class it is looked for in; an array's is `java/lang/Object`.
    pub(super) owner: u32,
    pub(super) kind: Kind,
    pub(super) id: Id,
}

/// Kinds of constant that name members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    #[default]
    Field,
    Method,
    InterfaceMethod,
    /// A method that is looked for in an array.
    ArrayMethod,
    /// `<init>`, which is never inherited.
    Constructor,
}

/// Use of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// Index in [`Segment::members`].
    pub(super) member: u32,
    pub(super) op: u16,
}

/// Bits of [`Use::op`]: the instructions, and what surrounds them.
pub(super) mod op {
    pub(in crate::classpath) const GET_STATIC: u16 = 1;
    pub(in crate::classpath) const PUT_STATIC: u16 = 1 << 1;
    pub(in crate::classpath) const GET_FIELD: u16 = 1 << 2;
    pub(in crate::classpath) const PUT_FIELD: u16 = 1 << 3;
    pub(in crate::classpath) const VIRTUAL: u16 = 1 << 4;
    pub(in crate::classpath) const SPECIAL: u16 = 1 << 5;
    pub(in crate::classpath) const STATIC: u16 = 1 << 6;
    pub(in crate::classpath) const INTERFACE: u16 = 1 << 7;
    /// By a method handle: when its call site runs.
    pub(in crate::classpath) const HANDLE: u16 = 1 << 8;
    /// An instruction is outside of every handler for linkage errors of members.
    pub(in crate::classpath) const OPEN: u16 = 1 << 10;
    /// … outside of every handler for missing classes.
    pub(in crate::classpath) const OPEN_CLASS: u16 = 1 << 11;
    /// … and outside of every handler for anything.
    pub(in crate::classpath) const BARE: u16 = 1 << 12;
    /// A field is written outside of the initialiser of its kind.
    pub(in crate::classpath) const LATE: u16 = 1 << 13;
    pub(in crate::classpath) const INSTRUCTION: u16 = 0xff;
    pub(in crate::classpath) const STATICS: u16 = GET_STATIC | PUT_STATIC | STATIC;
    pub(in crate::classpath) const PUTS: u16 = PUT_STATIC | PUT_FIELD;
}

impl Segment {
    /// A symbol.
    pub(super) fn symbol(&self, index: u32) -> Option<&Symbol> {
        self.symbols.get(usize::try_from(index).ok()?)
    }

    /// The name of a symbol, internal form.
    pub(super) fn text(&self, index: u32) -> &[u8] {
        self.symbol(index).map(|symbol| symbol.text.of(&self.texts)).unwrap_or_default()
    }

    pub(super) fn class(&self, index: u32) -> Option<&ClassFacts> {
        self.classes.get(usize::try_from(index).ok()?)
    }
}

//! Class files up to version 71 (Java 27), read in place and held against JVMS 4.
//!
//! What is read is what linking needs: names, flags, members, code, nests, permitted subclasses,
//! and the module of a `module-info`. Annotations, signatures, records and debugging tables are
//! passed over: linking never loads what they name.

pub(super) mod code;
pub(super) mod descriptor;
pub(super) mod pool;

use super::bytes::Cursor;
pub(super) use code::Code;
pub(super) use pool::{Places, Pool};

/// The newest major version whose format is known here: Java 27.
pub(super) const NEWEST: u16 = 71;

/// Why bytes are no class file the JVM takes: completes "the class …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

type Result<T> = std::result::Result<T, Malformed>;

/// Access flags (JVMS, tables 4.1-B, 4.5-A, 4.6-A).
pub(super) mod flag {
    pub(in crate::classpath) const PUBLIC: u16 = 0x0001;
    pub(in crate::classpath) const PRIVATE: u16 = 0x0002;
    pub(in crate::classpath) const PROTECTED: u16 = 0x0004;
    pub(in crate::classpath) const STATIC: u16 = 0x0008;
    pub(in crate::classpath) const FINAL: u16 = 0x0010;
    pub(in crate::classpath) const VARARGS: u16 = 0x0080;
    pub(in crate::classpath) const NATIVE: u16 = 0x0100;
    pub(in crate::classpath) const INTERFACE: u16 = 0x0200;
    pub(in crate::classpath) const ABSTRACT: u16 = 0x0400;
    pub(in crate::classpath) const SYNTHETIC: u16 = 0x1000;
    pub(in crate::classpath) const MODULE: u16 = 0x8000;
}

/// A class file.
pub(super) struct ClassFile<'a> {
    pub(super) pool: Pool<'a>,
    pub(super) minor: u16,
    pub(super) major: u16,
    pub(super) flags: u16,
    /// Index of its own `Class`.
    pub(super) this: u16,
    /// Index of the superclass; 0 for `java/lang/Object` and modules.
    pub(super) superclass: u16,
    pub(super) interfaces: Vec<u16>,
    pub(super) fields: Vec<Member<'a>>,
    pub(super) methods: Vec<Member<'a>>,
    pub(super) attributes: Attributes<'a>,
}

/// A field or method.
pub(super) struct Member<'a> {
    pub(super) flags: u16,
    /// Index of its name.
    pub(super) name: u16,
    /// Index of its descriptor.
    pub(super) descriptor: u16,
    pub(super) code: Option<Code<'a>>,
    /// Indices of the classes that a method declares to throw, as big-endian pairs.
    pub(super) throws: &'a [u8],
}

/// Attributes of the class itself.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    /// Index of the nest host's `Class`, or 0.
    pub(super) nest_host: u16,
    /// Indices of `Class`es, as big-endian pairs.
    pub(super) nest_members: &'a [u8],
    /// Indices of `Class`es, as big-endian pairs; none where the class is not sealed.
    pub(super) permitted: Option<&'a [u8]>,
    /// `InnerClasses`: entries of 8 bytes.
    pub(super) inner_classes: &'a [u8],
    /// Whether scalac made it.
    pub(super) scala: bool,
    /// `BootstrapMethods`, with the count.
    pub(super) bootstrap_methods: &'a [u8],
    /// `Module`.
    pub(super) module: &'a [u8],
    /// `ModulePackages`, as big-endian pairs.
    pub(super) module_packages: &'a [u8],
    /// Flags of `ModuleResolution`.
    pub(super) module_resolution: u16,
}

/// Indices that stand one after the other as big-endian pairs.
pub(super) fn indices(pairs: &[u8]) -> impl Iterator<Item = u16> + '_ {
    pairs.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

const CUT: Malformed = Malformed("is cut short");

/// Magic, then minor and major version (JVMS 4.1).
pub(super) fn version(bytes: &[u8]) -> Result<(u16, u16)> {
    let mut cursor = Cursor::new(bytes);
    if cursor.u4() != Some(0xcafe_babe) {
        return Err(Malformed("does not begin as class files do"));
    }
    Ok((cursor.u2().ok_or(CUT)?, cursor.u2().ok_or(CUT)?))
}

impl<'a> ClassFile<'a> {
    /// Reads a class. `places` are any; [`Self::into_places`] gives them back for the next.
    pub(super) fn parse(bytes: &'a [u8], places: Places) -> Result<Self> {
        let class = Self::read(bytes, places)?;
        class.check()?;
        Ok(class)
    }

    /// Reads a class file that may be a `module-info`, too.
    pub(super) fn read(bytes: &'a [u8], places: Places) -> Result<Self> {
        let (minor, major) = version(bytes)?;
        let mut cursor = Cursor::new(bytes);
        cursor.take(8).ok_or(CUT)?;
        let pool = Pool::parse(bytes, &mut cursor, major, places)?;
        let flags = cursor.u2().ok_or(CUT)?;
        let this = cursor.u2().ok_or(CUT)?;
        let superclass = cursor.u2().ok_or(CUT)?;
        let count = usize::from(cursor.u2().ok_or(CUT)?);
        let interfaces: Vec<u16> = indices(cursor.take(count * 2).ok_or(CUT)?).collect();
        let fields = members(&mut cursor, &pool)?;
        let methods = members(&mut cursor, &pool)?;
        let attributes = Attributes::parse(&mut cursor, &pool)?;
        if !cursor.is_at_end() {
            return Err(Malformed("goes on after its end"));
        }
        Ok(Self { pool, minor, major, flags, this, superclass, interfaces, fields, methods, attributes })
    }

    /// The vector, for the next class.
    pub(super) fn into_places(self) -> Places {
        self.pool.into_places()
    }

    /// Its own name, internal form.
    pub(super) fn name(&self) -> &'a [u8] {
        self.pool.class_name(self.this).unwrap_or_default()
    }

    /// The superclass's name.
    pub(super) fn superclass_name(&self) -> Option<&'a [u8]> {
        self.pool.class_name(self.superclass)
    }

    fn check(&self) -> Result<()> {
        let pool = &self.pool;
        if self.flags & flag::MODULE != 0 && self.major >= 53 {
            return Err(Malformed("is a module descriptor"));
        }
        let plain = |index| pool.class_name(index).is_some_and(|name| !name.is_empty() && name.first() != Some(&b'['));
        if !plain(self.this) || !self.interfaces.iter().all(|&index| plain(index)) {
            return Err(Malformed("or an interface of it has no name"));
        }
        if self.superclass == 0 && self.name() != b"java/lang/Object" || self.superclass != 0 && !plain(self.superclass)
        {
            return Err(Malformed("has no superclass"));
        }
        let is_interface = self.flags & flag::INTERFACE != 0;
        // Before Java 5 compilers left ACC_ABSTRACT out, and the JVM forgives it (HotSpot sets it itself below 50).
        if is_interface
            && (self.flags & flag::ABSTRACT == 0 && self.major >= 50
                || self.superclass_name() != Some(b"java/lang/Object"))
        {
            return Err(Malformed("is an interface with flags or a superclass that no interface has"));
        }
        if !is_interface && self.flags & (flag::FINAL | flag::ABSTRACT) == flag::FINAL | flag::ABSTRACT {
            return Err(Malformed("is both final and abstract"));
        }
        for method in &self.methods {
            let bodiless = method.flags & (flag::ABSTRACT | flag::NATIVE) != 0;
            if bodiless == method.code.is_some() && pool.utf8(method.name) != Some(b"<clinit>") {
                return Err(Malformed("has a method without code, or an abstract one with it"));
            }
        }
        Ok(())
    }
}

fn members<'a>(cursor: &mut Cursor<'a>, pool: &Pool<'a>) -> Result<Vec<Member<'a>>> {
    let count = cursor.u2().ok_or(CUT)?;
    let mut members = Vec::with_capacity(usize::from(count).min(1024));
    for _ in 0..count {
        let flags = cursor.u2().ok_or(CUT)?;
        let (name, descriptor) = (cursor.u2().ok_or(CUT)?, cursor.u2().ok_or(CUT)?);
        if pool.utf8(name).is_none() || pool.utf8(descriptor).is_none() {
            return Err(Malformed("has a member without name or descriptor"));
        }
        let mut member = Member { flags, name, descriptor, code: None, throws: &[] };
        for _ in 0..cursor.u2().ok_or(CUT)? {
            let (attribute, mut body) = attribute(cursor, pool)?;
            match attribute {
                b"Code" if member.code.is_some() => return Err(Malformed("has a method with two bodies")),
                b"Code" => {
                    let code = Code::parse(body, pool).ok_or(Malformed("has a method whose code is cut short"))?;
                    member.code = Some(code);
                }
                b"Exceptions" => member.throws = pairs(&mut body).ok_or(CUT)?,
                _ => {}
            }
        }
        members.push(member);
    }
    Ok(members)
}

/// Name and body of the attribute at the cursor.
fn attribute<'a>(cursor: &mut Cursor<'a>, pool: &Pool<'a>) -> Result<(&'a [u8], Cursor<'a>)> {
    let name = pool.utf8(cursor.u2().ok_or(CUT)?).ok_or(Malformed("has an attribute without a name"))?;
    let size = cursor.size().ok_or(CUT)?;
    Ok((name, Cursor::new(cursor.take(size).ok_or(CUT)?)))
}

/// A counted list of indices.
fn pairs<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let count = usize::from(cursor.u2()?);
    cursor.take(count * 2)
}

impl<'a> Attributes<'a> {
    fn parse(cursor: &mut Cursor<'a>, pool: &Pool<'a>) -> Result<Self> {
        let mut found = Self::default();
        for _ in 0..cursor.u2().ok_or(CUT)? {
            let (name, mut body) = attribute(cursor, pool)?;
            match name {
                b"NestHost" => found.nest_host = body.u2().ok_or(CUT)?,
                b"NestMembers" => found.nest_members = pairs(&mut body).ok_or(CUT)?,
                b"PermittedSubclasses" => found.permitted = Some(pairs(&mut body).ok_or(CUT)?),
                b"InnerClasses" => {
                    let count = usize::from(body.u2().ok_or(CUT)?);
                    found.inner_classes = body.take(count * 8).ok_or(CUT)?;
                }
                b"ScalaSignature" | b"ScalaSig" | b"Scala" | b"ScalaInlineInfo" => found.scala = true,
                b"BootstrapMethods" => found.bootstrap_methods = body.rest(),
                b"Module" => found.module = body.rest(),
                b"ModulePackages" => found.module_packages = pairs(&mut body).ok_or(CUT)?,
                b"ModuleResolution" => found.module_resolution = body.u2().ok_or(CUT)?,
                _ => {}
            }
        }
        Ok(found)
    }
}

//! Assignability as HotSpot's verifiers judge it (JVMS 4.10.1.2), and the classes that they load to do so.
//!
//! The type checker (class files from 50 on) loads the target, and the source only where the target is no
//! interface. The older inferring one does the same to assign, and loads both to merge.

use super::super::id::id;
use super::super::universe::{ClassNo, Universe};
use super::load::Loads;

/// A class or an array of the verifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// Dimensions of an array; 0 for a class.
    dimensions: u8,
    /// Internal name of the class, or of what the array is made of; a letter for primitives.
    base: &'a [u8],
    is_primitive: bool,
}

impl<'a> Name<'a> {
    pub(super) const fn class(base: &'a [u8]) -> Self {
        Self { dimensions: 0, base, is_primitive: false }
    }

    /// The name in a `Class` constant: internal form, or an array's descriptor.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let dimensions = text.iter().take_while(|b| **b == b'[').count();
        let rest = text.get(dimensions..)?;
        let dimensions = u8::try_from(dimensions).ok()?;
        match rest {
            _ if dimensions == 0 => Some(Self::class(text)),
            [b'L', name @ .., b';'] => Some(Self { dimensions, base: name, is_primitive: false }),
            [_] => Some(Self { dimensions, base: rest, is_primitive: true }),
            _ => None,
        }
    }

    /// An array of it.
    pub(super) fn array(self) -> Option<Self> {
        Some(Self { dimensions: self.dimensions.checked_add(1)?, ..self })
    }

    /// What an array of it is made of, as a value.
    pub(super) fn component(self) -> Option<Type<'a>> {
        match self.dimensions {
            0 => None,
            1 if self.is_primitive => Some(Type::Int),
            _ => Some(Type::Object(Self { dimensions: self.dimensions - 1, ..self })),
        }
    }

    pub(super) fn is_array(self) -> bool {
        self.dimensions > 0
    }
}

/// A type of the verifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type<'a> {
    /// Nothing usable, or the second half of a `long` or `double`.
    Top,
    Int,
    Float,
    Long,
    Double,
    Null,
    UninitializedThis,
    /// By the place of the `new`.
    Uninitialized(u16),
    Object(Name<'a>),
    /// Where a subroutine began.
    ReturnAddress(u16),
}

/// Why verification ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classpath) enum Refused<'a> {
    /// A class that cannot be loaded is needed.
    Needs(&'a [u8]),
    /// The first is not the second.
    Mismatch(&'a [u8], &'a [u8]),
}

const OBJECT: &[u8] = b"java/lang/Object";

/// Who is asked about classes.
#[derive(Clone, Copy)]
pub(super) struct Assign<'a> {
    pub(super) universe: &'a Universe<'a>,
    pub(super) loads: &'a Loads,
}

impl<'a> Assign<'a> {
    fn load(&self, name: &'a [u8]) -> Result<ClassNo, Refused<'a>> {
        let found = self.universe.find(id(name)).filter(|class| self.loads.is_loadable(*class));
        found.ok_or(Refused::Needs(name))
    }

    /// That a value may stand where a class or array is expected. What is no object is not judged here.
    pub(super) fn check(&self, from: Type<'a>, to: Name<'a>) -> Result<(), Refused<'a>> {
        let Type::Object(from) = from else { return Ok(()) };
        if self.is_assignable(from, to)? { Ok(()) } else { Err(Refused::Mismatch(from.base, to.base)) }
    }

    fn is_assignable(&self, from: Name<'a>, to: Name<'a>) -> Result<bool, Refused<'a>> {
        let object = Name::class(OBJECT);
        if from == to || to == object {
            return Ok(true);
        }
        if to.dimensions == 0 {
            let target = self.load(to.base)?;
            if self.universe.is_interface(target) {
                let of_arrays = matches!(to.base, b"java/lang/Cloneable" | b"java/io/Serializable");
                return Ok(!from.is_array() || of_arrays);
            }
            if from.is_array() {
                return Ok(false);
            }
            let source = self.load(from.base)?;
            return Ok(self.universe.chain(source).any(|class| class == target));
        }
        match (from.component(), to.component()) {
            (Some(Type::Object(from)), Some(Type::Object(to))) => self.is_assignable(from, to),
            // Arrays of primitives are equal or strangers.
            _ => Ok(false),
        }
    }

    /// What the inferring verifier makes of two types that meet: the nearest class above both, interfaces
    /// being `Object`. The newer is loaded first.
    pub(super) fn merge(&self, old: Type<'a>, new: Type<'a>) -> Result<Type<'a>, Refused<'a>> {
        let object = Name::class(OBJECT);
        let (a, b) = match (old, new) {
            _ if old == new => return Ok(old),
            (Type::Object(a), Type::Object(b)) => (a, b),
            (Type::Null, Type::Object(_)) => return Ok(new),
            (Type::Object(_), Type::Null) => return Ok(old),
            _ => return Ok(Type::Top),
        };
        if a == object || b == object {
            return Ok(Type::Object(object));
        }
        if a.is_array() || b.is_array() {
            return self.merge_arrays(a, b);
        }
        let second = self.load(b.base)?;
        if self.universe.is_interface(second) {
            return Ok(Type::Object(object));
        }
        let first = self.load(a.base)?;
        if self.universe.is_interface(first) {
            return Ok(Type::Object(object));
        }
        let mut above = self.universe.chain(first);
        let common = above.find(|class| self.universe.chain(second).any(|other| other == *class));
        Ok(Type::Object(common.map_or(object, |class| Name::class(self.universe.name_bytes(class)))))
    }

    fn merge_arrays(&self, a: Name<'a>, b: Name<'a>) -> Result<Type<'a>, Refused<'a>> {
        let object = Ok(Type::Object(Name::class(OBJECT)));
        match (a.component(), b.component()) {
            (Some(Type::Object(a)), Some(Type::Object(b))) => match self.merge(Type::Object(a), Type::Object(b))? {
                Type::Object(merged) => merged.array().map_or(object, |array| Ok(Type::Object(array))),
                _ => object,
            },
            _ => object,
        }
    }
}

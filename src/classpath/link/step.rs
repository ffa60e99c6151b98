//! What each instruction does to a [`Frame`], and what the verifiers ask of it (JVMS 4.10.1.9).

use super::super::class::descriptor;
use super::super::class::pool::tag;
use super::super::class::{ClassFile, code, flag};
use super::super::facts::Kind;
use super::super::id::{id, member};
use super::super::universe::ClassNo;
use super::assign::{Assign, Name, Refused, Type};
use super::frame::{Frame, of_descriptor};
use super::resolve::{Resolved, resolve};

/// Why the emulation of a method ends early.
pub(super) enum Stop<'a> {
    /// The code is not understood. What the JVM says of broken code does not depend on other classes.
    Unsure,
    Refused(Refused<'a>),
}

impl<'a> From<Refused<'a>> for Stop<'a> {
    fn from(refused: Refused<'a>) -> Self {
        Self::Refused(refused)
    }
}

pub(super) type Step<'a, T = ()> = Result<T, Stop<'a>>;

/// Turns what is not there into uncertainty.
pub(super) fn sure<'a, T>(value: Option<T>) -> Step<'a, T> {
    value.ok_or(Stop::Unsure)
}

/// The instructions of one method.
pub(super) struct Stepper<'a> {
    pub(super) assign: Assign<'a>,
    pub(super) class: &'a ClassFile<'a>,
    /// The class's number.
    pub(super) number: ClassNo,
    pub(super) code: &'a [u8],
    /// What the method returns, as a descriptor.
    pub(super) returns: &'a [u8],
}

/// Where an instruction leads.
pub(super) struct Next {
    pub(super) falls_through: bool,
    pub(super) targets: Vec<usize>,
}

/// Slots taken and the type pushed by the instructions that know no classes.
fn plain(opcode: u8) -> Option<(usize, Option<Type<'static>>)> {
    use Type::{Double, Float, Int, Long, Null};
    let by_kind = |int: usize, long: usize| match opcode & 3 {
        0 => (int, Some(Int)),
        1 => (long, Some(Long)),
        2 => (int, Some(Float)),
        _ => (long, Some(Double)),
    };
    Some(match opcode {
        0x00 | 0x84 | 0xa7 | 0xb1 | 0xc8 => (0, None),
        0x01 => (0, Some(Null)),
        0x02..=0x08 | 0x10 | 0x11 => (0, Some(Int)),
        0x09 | 0x0a => (0, Some(Long)),
        0x0b..=0x0d => (0, Some(Float)),
        0x0e | 0x0f => (0, Some(Double)),
        0x2e | 0x33..=0x35 | 0x78 | 0x7a | 0x7c | 0x7e | 0x80 | 0x82 | 0x88 | 0x8e | 0x95 | 0x96 => (2, Some(Int)),
        0x2f | 0x8f => (2, Some(Long)),
        0x30 | 0x89 | 0x90 => (2, Some(Float)),
        0x31 | 0x8a => (2, Some(Double)),
        0x4f | 0x51 | 0x53..=0x56 => (3, None),
        0x50 | 0x52 => (4, None),
        0x57 | 0x99..=0x9e | 0xaa..=0xac | 0xae | 0xc2 | 0xc3 | 0xc6 | 0xc7 => (1, None),
        0x58 | 0x9f..=0xa6 | 0xad | 0xaf => (2, None),
        0x60..=0x73 => by_kind(2, 4),
        0x74..=0x77 => by_kind(1, 2),
        0x79 | 0x7b | 0x7d => (3, Some(Long)),
        0x7f | 0x81 | 0x83 => (4, Some(Long)),
        0x85 | 0x8c => (1, Some(Long)),
        0x86 => (1, Some(Float)),
        0x87 | 0x8d => (1, Some(Double)),
        0x8b | 0x91..=0x93 | 0xbe | 0xc1 => (1, Some(Int)),
        0x94 | 0x97 | 0x98 => (4, Some(Int)),
        _ => return None,
    })
}

impl<'a> Stepper<'a> {
    /// Does the instruction at `at`.
    pub(super) fn step(&self, at: usize, opcode: u8, frame: &mut Frame<'a>) -> Step<'a, Next> {
        if let Some((taken, pushed)) = plain(opcode) {
            sure(frame.drop(taken))?;
            if let Some(pushed) = pushed {
                frame.push(pushed);
            }
        } else {
            match opcode {
                0x12..=0x14 => frame.push(sure(self.constant(at, opcode))?),
                0x15..=0x2d | 0x36..=0x4e | 0xc4 => sure(self.local(at, opcode, frame))?,
                0x32 => {
                    sure(frame.drop(1))?;
                    let array = sure(frame.stack.pop())?;
                    frame.push(sure(component_of(array))?);
                }
                0x59..=0x5f => sure(shuffle(opcode, &mut frame.stack))?,
                0xb0 => {
                    let value = sure(frame.stack.pop())?;
                    self.expect(value, self.returns)?;
                }
                0xb2..=0xb5 => self.field(at, opcode, frame)?,
                0xb6..=0xba => self.invoke(at, opcode, frame)?,
                0xbf => {
                    let thrown = sure(frame.stack.pop())?;
                    self.assign.check(thrown, Name::class(b"java/lang/Throwable"))?;
                }
                _ => sure(self.make(at, opcode, frame))?,
            }
        }
        sure(self.next(at, opcode))
    }

    fn operand(&self, at: usize) -> Option<u16> {
        code::operand(self.code, at)
    }

    /// The class or array that the instruction names.
    fn named(&self, at: usize) -> Option<Name<'a>> {
        Name::parse(self.class.pool.class_name(self.operand(at)?)?)
    }

    fn constant(&self, at: usize, opcode: u8) -> Option<Type<'a>> {
        let index = if opcode == 0x12 { self.code.get(at + 1).copied().map(u16::from)? } else { self.operand(at)? };
        Some(match self.class.pool.tag(index) {
            tag::INTEGER => Type::Int,
            tag::FLOAT => Type::Float,
            tag::LONG => Type::Long,
            tag::DOUBLE => Type::Double,
            tag::STRING => Type::Object(Name::class(b"java/lang/String")),
            tag::CLASS => Type::Object(Name::class(b"java/lang/Class")),
            tag::METHOD_HANDLE => Type::Object(Name::class(b"java/lang/invoke/MethodHandle")),
            tag::METHOD_TYPE => Type::Object(Name::class(b"java/lang/invoke/MethodType")),
            tag::DYNAMIC => of_descriptor(self.class.pool.utf8(self.class.pool.dynamic(index)?)?)?,
            _ => return None,
        })
    }

    /// Loads and stores.
    fn local(&self, at: usize, opcode: u8, frame: &mut Frame<'a>) -> Option<()> {
        let (opcode, index) = match opcode {
            0xc4 => (*self.code.get(at + 1)?, self.operand(at + 1)?),
            0x15..=0x19 | 0x36..=0x3a => (opcode, u16::from(*self.code.get(at + 1)?)),
            0x1a..=0x2d => (0x15 + (opcode - 0x1a) / 4, u16::from((opcode - 0x1a) % 4)),
            _ => (0x36 + (opcode - 0x3b) / 4, u16::from((opcode - 0x3b) % 4)),
        };
        match opcode {
            0x15 => frame.push(Type::Int),
            0x16 => frame.push(Type::Long),
            0x17 => frame.push(Type::Float),
            0x18 => frame.push(Type::Double),
            0x19 => frame.push(frame.local(index)?),
            0x36..=0x3a => {
                let wide = matches!(opcode, 0x37 | 0x39);
                if wide {
                    frame.drop(1)?;
                }
                let value = frame.stack.pop()?;
                frame.store(index, value)?;
            }
            0x84 => {}
            _ => return None,
        }
        Some(())
    }

    /// That a value fits a descriptor's type.
    fn expect(&self, value: Type<'a>, of: &'a [u8]) -> Step<'a> {
        match sure(of_descriptor(of))? {
            Type::Object(name) => Ok(self.assign.check(value, name)?),
            _ => Ok(()),
        }
    }

    fn field(&self, at: usize, opcode: u8, frame: &mut Frame<'a>) -> Step<'a> {
        let (owner, name, of) = sure(self.operand(at).and_then(|index| self.class.pool.member(index)))?;
        let pool = &self.class.pool;
        let (owner, of) = (sure(pool.class_name(owner))?, sure(pool.utf8(of))?);
        let value = sure(of_descriptor(of))?;
        if matches!(opcode, 0xb3 | 0xb5) {
            if super::frame::is_wide(value) {
                sure(frame.drop(1))?;
            }
            let given = sure(frame.stack.pop())?;
            self.expect(given, of)?;
        }
        if matches!(opcode, 0xb4 | 0xb5) {
            let object = sure(frame.stack.pop())?;
            self.assign.check(object, sure(Name::parse(owner))?)?;
            self.protected(object, owner, member(id(sure(pool.utf8(name))?), id(of)), Kind::Field)?;
        }
        if matches!(opcode, 0xb2 | 0xb4) {
            frame.push(value);
        }
        Ok(())
    }

    fn invoke(&self, at: usize, opcode: u8, frame: &mut Frame<'a>) -> Step<'a> {
        let pool = &self.class.pool;
        let index = sure(self.operand(at))?;
        let (owner, name, of) = if opcode == 0xba {
            (None, 0, sure(pool.dynamic(index))?)
        } else {
            let (owner, name, of) = sure(pool.member(index))?;
            (Some(sure(pool.class_name(owner))?), name, of)
        };
        let of = sure(pool.utf8(of))?;
        let (parameters, returned) = sure(descriptor::method(of))?;
        let parameters: Vec<&[u8]> = parameters.collect();
        for parameter in parameters.iter().rev() {
            if matches!(parameter, [b'J' | b'D']) {
                sure(frame.drop(1))?;
            }
            let given = sure(frame.stack.pop())?;
            self.expect(given, parameter)?;
        }
        if let Some(owner) = owner.filter(|_| opcode != 0xb8) {
            let object = sure(frame.stack.pop())?;
            let name = sure(pool.utf8(name))?;
            let number = member(id(name), id(of));
            if name == b"<init>" {
                self.construct(object, owner, number, frame)?;
            } else if opcode == 0xb7 {
                let own = Name::class(self.class.name());
                self.assign.check(object, own)?;
                self.assign.check(Type::Object(own), sure(Name::parse(owner))?)?;
            } else {
                self.assign.check(object, sure(Name::parse(owner))?)?;
                let clones = name == b"clone" && matches!(object, Type::Object(array) if array.is_array());
                if opcode == 0xb6 && !clones {
                    self.protected(object, owner, number, Kind::Method)?;
                }
            }
        }
        if returned != b"V" {
            frame.push(sure(of_descriptor(returned))?);
        }
        Ok(())
    }

    fn construct(&self, object: Type<'a>, owner: &'a [u8], number: u64, frame: &mut Frame<'a>) -> Step<'a> {
        let made = match object {
            Type::UninitializedThis => Type::Object(Name::class(self.class.name())),
            Type::Uninitialized(_) => {
                if self.is_protected(owner, number, Kind::Constructor) {
                    return Err(Refused::Mismatch(owner, self.class.name()).into());
                }
                Type::Object(Name::class(owner))
            }
            _ => return Err(Stop::Unsure),
        };
        frame.initialise(object, made);
        Ok(())
    }

    /// A protected member of a superclass in another package is for receivers that are of the class
    /// itself (JVMS 4.10.1.8).
    fn protected(&self, object: Type<'a>, owner: &'a [u8], number: u64, kind: Kind) -> Step<'a> {
        let own = Name::class(self.class.name());
        if object == Type::Object(own) || !matches!(object, Type::Object(_)) {
            return Ok(());
        }
        if self.is_protected(owner, number, kind) {
            self.assign.check(object, own)?;
        }
        Ok(())
    }

    /// Whether the class that is named is above this one, and its member protected in another package.
    fn is_protected(&self, owner: &'a [u8], number: u64, kind: Kind) -> bool {
        let universe = self.assign.universe;
        let wanted = id(owner);
        let Some(above) = universe.chain(self.number).find(|class| universe.name_id(*class) == wanted) else {
            return false;
        };
        match resolve(universe, above, kind, number) {
            Resolved::Found(of, declared) => {
                declared.flags & (flag::PROTECTED | flag::STATIC) == flag::PROTECTED
                    && !universe.same_package(of, self.number)
            }
            _ => false,
        }
    }

    /// `new` and the like.
    fn make(&self, at: usize, opcode: u8, frame: &mut Frame<'a>) -> Option<()> {
        match opcode {
            0xbb => frame.push(Type::Uninitialized(u16::try_from(at).ok()?)),
            0xbc => {
                let array: &'static [u8] = match self.code.get(at + 1)? {
                    4 => b"[Z",
                    5 => b"[C",
                    6 => b"[F",
                    7 => b"[D",
                    8 => b"[B",
                    9 => b"[S",
                    10 => b"[I",
                    11 => b"[J",
                    _ => return None,
                };
                frame.drop(1)?;
                frame.push(Type::Object(Name::parse(array)?));
            }
            0xbd => {
                frame.drop(1)?;
                frame.push(Type::Object(self.named(at)?.array()?));
            }
            0xc0 => {
                frame.drop(1)?;
                frame.push(Type::Object(self.named(at)?));
            }
            0xc5 => {
                frame.drop(usize::from(*self.code.get(at + 3)?))?;
                frame.push(Type::Object(self.named(at)?));
            }
            0xa8 | 0xc9 => {
                let target = *self.next(at, opcode)?.targets.first()?;
                frame.push(Type::ReturnAddress(u16::try_from(target).ok()?));
            }
            0xa9 => {}
            _ => return None,
        }
        Some(())
    }

    /// Where the instruction leads; `ret` leads nowhere here.
    pub(super) fn next(&self, at: usize, opcode: u8) -> Option<Next> {
        let near = || {
            let offset = i16::from_be_bytes(*self.code.get(at + 1..)?.first_chunk()?);
            at.checked_add_signed(isize::from(offset))
        };
        let far = || {
            let offset = i32::from_be_bytes(*self.code.get(at + 1..)?.first_chunk()?);
            at.checked_add_signed(isize::try_from(offset).ok()?)
        };
        let next = |falls_through, targets| Some(Next { falls_through, targets });
        match opcode {
            0x99..=0xa6 | 0xc6 | 0xc7 => next(true, vec![near()?]),
            0xa7 | 0xa8 => next(false, vec![near()?]),
            0xc8 | 0xc9 => next(false, vec![far()?]),
            0xaa | 0xab => {
                let targets = code::switch_targets(self.code, at)?;
                let absolute = |offset: i32| at.checked_add_signed(isize::try_from(offset).ok()?);
                next(false, targets.into_iter().map(absolute).collect::<Option<_>>()?)
            }
            0xa9 | 0xac..=0xb1 | 0xbf => next(false, Vec::new()),
            0xc4 if self.code.get(at + 1) == Some(&0xa9) => next(false, Vec::new()),
            _ => next(true, Vec::new()),
        }
    }
}

/// What an array's element is to the verifier.
fn component_of(array: Type<'_>) -> Option<Type<'_>> {
    match array {
        Type::Null => Some(Type::Null),
        Type::Object(array) => array.component(),
        _ => None,
    }
}

/// `dup` and its kin, by slots.
fn shuffle(opcode: u8, stack: &mut Vec<Type<'_>>) -> Option<()> {
    let (copied, below) = match opcode {
        0x59 => (1, 0),
        0x5a => (1, 1),
        0x5b => (1, 2),
        0x5c => (2, 0),
        0x5d => (2, 1),
        0x5e => (2, 2),
        _ => {
            let last = stack.len().checked_sub(1)?;
            stack.swap(last.checked_sub(1)?, last);
            return Some(());
        }
    };
    let top = stack.len().checked_sub(copied)?;
    let place = top.checked_sub(below)?;
    let copy = stack.get(top..)?.to_vec();
    stack.splice(place..place, copy);
    Some(())
}

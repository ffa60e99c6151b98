//! What the verifiers know before an instruction: [`Frame`], and the frames of a `StackMapTable` (JVMS 4.7.4).

use super::super::bytes::Cursor;
use super::super::class::descriptor;
use super::super::class::{ClassFile, Code, Member, flag};
use super::assign::{Name, Type};

/// Locals and stack, a slot each; `long` and `double` take two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) locals: Vec<Type<'a>>,
    pub(super) stack: Vec<Type<'a>>,
}

impl<'a> Frame<'a> {
    /// The frame at a method's start.
    pub(super) fn first(class: &ClassFile<'a>, method: &Member<'a>, code: &Code<'a>) -> Option<Self> {
        let name = class.pool.utf8(method.name)?;
        let mut frame = Self::default();
        if method.flags & flag::STATIC == 0 {
            let is_new = name == b"<init>" && class.name() != b"java/lang/Object";
            frame.locals.push(if is_new { Type::UninitializedThis } else { Type::Object(Name::class(class.name())) });
        }
        let (parameters, _) = descriptor::method(class.pool.utf8(method.descriptor)?)?;
        for parameter in parameters {
            push(&mut frame.locals, of_descriptor(parameter)?);
        }
        frame.fit(code);
        Some(frame)
    }

    /// Fills the locals up.
    fn fit(&mut self, code: &Code<'_>) {
        self.locals.resize(usize::from(code.max_locals), Type::Top);
    }

    pub(super) fn push(&mut self, pushed: Type<'a>) {
        push(&mut self.stack, pushed);
    }

    /// Takes slots off the stack.
    pub(super) fn drop(&mut self, slots: usize) -> Option<()> {
        let left = self.stack.len().checked_sub(slots)?;
        self.stack.truncate(left);
        Some(())
    }

    pub(super) fn local(&self, index: u16) -> Option<Type<'a>> {
        self.locals.get(usize::from(index)).copied()
    }

    /// Stores a value, and makes useless what it cuts in halves.
    pub(super) fn store(&mut self, index: u16, value: Type<'a>) -> Option<()> {
        let at = usize::from(index);
        if let Some(before) = at.checked_sub(1).and_then(|at| self.locals.get_mut(at))
            && is_wide(*before)
        {
            *before = Type::Top;
        }
        *self.locals.get_mut(at)? = value;
        if is_wide(value) {
            *self.locals.get_mut(at + 1)? = Type::Top;
        }
        Some(())
    }

    /// Makes an uninitialised type a class, wherever it stands.
    pub(super) fn initialise(&mut self, old: Type<'a>, new: Type<'a>) {
        for slot in self.locals.iter_mut().chain(&mut self.stack).filter(|slot| **slot == old) {
            *slot = new;
        }
    }
}

pub(super) fn is_wide(of: Type<'_>) -> bool {
    matches!(of, Type::Long | Type::Double)
}

fn push<'a>(slots: &mut Vec<Type<'a>>, pushed: Type<'a>) {
    slots.push(pushed);
    if is_wide(pushed) {
        slots.push(Type::Top);
    }
}

/// The type of a field's descriptor.
pub(super) fn of_descriptor(text: &[u8]) -> Option<Type<'_>> {
    Some(match text.first()? {
        b'B' | b'C' | b'I' | b'S' | b'Z' => Type::Int,
        b'F' => Type::Float,
        b'J' => Type::Long,
        b'D' => Type::Double,
        b'L' => Type::Object(Name::class(text.get(1..text.len().checked_sub(1)?)?)),
        b'[' => Type::Object(Name::parse(text)?),
        _ => return None,
    })
}

/// The frames of a method's table by place; none where it is broken.
pub(super) fn table<'a>(
    class: &ClassFile<'a>,
    code: &Code<'a>,
    first: &Frame<'a>,
    bytes: &'a [u8],
) -> Option<Vec<(usize, Frame<'a>)>> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.u2()?;
    let mut frames: Vec<(usize, Frame<'a>)> = Vec::new();
    // Locals as the table counts them: one entry a value, whatever its slots.
    let mut locals = values(&first.locals);
    let mut place: Option<usize> = None;
    for _ in 0..count {
        let kind = cursor.u1()?;
        let mut stack = Vec::new();
        let delta = match kind {
            0..=63 => u16::from(kind),
            64..=127 => {
                stack.push(verification_type(class, &mut cursor)?);
                u16::from(kind - 64)
            }
            128..=246 => return None,
            _ => cursor.u2()?,
        };
        match kind {
            247 => stack.push(verification_type(class, &mut cursor)?),
            248..=250 => locals.truncate(locals.len().checked_sub(usize::from(251 - kind))?),
            252..=254 => {
                for _ in 0..kind - 251 {
                    locals.push(verification_type(class, &mut cursor)?);
                }
            }
            255 => {
                locals = verification_types(class, &mut cursor)?;
                stack = verification_types(class, &mut cursor)?;
            }
            _ => {}
        }
        let at = place.map_or(usize::from(delta), |before| before + usize::from(delta) + 1);
        place = Some(at);
        let mut frame = Frame::default();
        for &value in &locals {
            push(&mut frame.locals, value);
        }
        for &value in &stack {
            frame.push(value);
        }
        frame.fit(code);
        frames.push((at, frame));
    }
    Some(frames)
}

/// Slots without second halves and without the useless ones at the end.
fn values<'a>(slots: &[Type<'a>]) -> Vec<Type<'a>> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(&value) = slots.get(at) {
        values.push(value);
        at += if is_wide(value) { 2 } else { 1 };
    }
    while values.last() == Some(&Type::Top) {
        values.pop();
    }
    values
}

fn verification_types<'a>(class: &ClassFile<'a>, cursor: &mut Cursor<'a>) -> Option<Vec<Type<'a>>> {
    let count = cursor.u2()?;
    (0..count).map(|_| verification_type(class, cursor)).collect()
}

fn verification_type<'a>(class: &ClassFile<'a>, cursor: &mut Cursor<'a>) -> Option<Type<'a>> {
    Some(match cursor.u1()? {
        0 => Type::Top,
        1 => Type::Int,
        2 => Type::Float,
        3 => Type::Double,
        4 => Type::Long,
        5 => Type::Null,
        6 => Type::UninitializedThis,
        7 => Type::Object(Name::parse(class.pool.class_name(cursor.u2()?)?)?),
        8 => Type::Uninitialized(cursor.u2()?),
        _ => return None,
    })
}

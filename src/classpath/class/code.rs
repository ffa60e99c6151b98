//! Code attributes (JVMS 4.7.3) and the instructions in them (JVMS 6.5).

use super::super::bytes::{Cursor, be16, be32};
use super::Pool;

/// The body of a method.
pub(in crate::classpath) struct Code<'a> {
    pub(in crate::classpath) max_locals: u16,
    pub(in crate::classpath) bytes: &'a [u8],
    handlers: &'a [u8],
    /// `StackMapTable`, with its count.
    pub(in crate::classpath) stack_map: Option<&'a [u8]>,
}

/// A row of the exception table.
#[derive(Debug, Clone, Copy)]
pub(in crate::classpath) struct Handler {
    pub(in crate::classpath) start: u16,
    pub(in crate::classpath) end: u16,
    pub(in crate::classpath) target: u16,
    /// Index of the caught class, or 0 for everything.
    pub(in crate::classpath) catches: u16,
}

impl<'a> Code<'a> {
    pub(super) fn parse(mut body: Cursor<'a>, pool: &Pool<'a>) -> Option<Self> {
        let (_max_stack, max_locals, size) = (body.u2()?, body.u2()?, body.size()?);
        // JVMS 4.7.3: more than nothing, less than 65,536 bytes.
        let bytes = body.take(size).filter(|bytes| !bytes.is_empty() && u16::try_from(bytes.len()).is_ok())?;
        let count = usize::from(body.u2()?);
        let handlers = body.take(count * 8)?;
        let mut stack_map = None;
        for _ in 0..body.u2()? {
            let name = pool.utf8(body.u2()?)?;
            let size = body.size()?;
            let inside = body.take(size)?;
            if name == b"StackMapTable" {
                stack_map = Some(inside);
            }
        }
        Some(Self { max_locals, bytes, handlers, stack_map })
    }

    pub(in crate::classpath) fn handlers(&self) -> impl Iterator<Item = Handler> + '_ {
        self.handlers.as_chunks::<8>().0.iter().map(|&[a, b, c, d, e, f, g, h]| Handler {
            start: u16::from_be_bytes([a, b]),
            end: u16::from_be_bytes([c, d]),
            target: u16::from_be_bytes([e, f]),
            catches: u16::from_be_bytes([g, h]),
        })
    }

    /// Every instruction: its place, its opcode. Ends early where the code is broken.
    pub(in crate::classpath) fn instructions(&self) -> Instructions<'a> {
        Instructions { code: self.bytes, at: 0 }
    }
}

impl<'a> Code<'a> {
    /// Every instruction that names a constant which is no number: its place, its opcode.
    pub(in crate::classpath) fn naming(&self) -> impl Iterator<Item = (usize, u8)> + 'a {
        let code = self.bytes;
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(&opcode) = code.get(at) {
                let here = at;
                let shape = NAMING[usize::from(opcode)];
                at += match shape & !NAMES {
                    0 => odd_length(code, at, opcode)?,
                    length => usize::from(length),
                };
                if shape & NAMES != 0 {
                    return Some((here, opcode));
                }
            }
            None
        })
    }
}

/// See [`Code::instructions`].
pub(in crate::classpath) struct Instructions<'a> {
    code: &'a [u8],
    at: usize,
}

impl Iterator for Instructions<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        let at = self.at;
        let opcode = *self.code.get(at)?;
        self.at = at + length(self.code, at)?;
        Some((at, opcode))
    }
}

/// Length of each instruction in bytes; 0 where it depends on its operands or does not exist.
const LENGTHS: [u8; 256] = lengths();

const fn lengths() -> [u8; 256] {
    let mut lengths = [1; 256];
    let mut opcode = 0;
    while opcode < 256 {
        lengths[opcode] = match opcode {
            0x10 | 0x12 | 0x15..=0x19 | 0x36..=0x3a | 0xa9 | 0xbc => 2,
            0x11 | 0x13 | 0x14 | 0x84 | 0x99..=0xa8 | 0xb2..=0xb8 | 0xbb | 0xbd | 0xc0 | 0xc1 | 0xc6 | 0xc7 => 3,
            0xc5 => 4,
            0xb9 | 0xba | 0xc8 | 0xc9 => 5,
            0xaa | 0xab | 0xc4 | 0xca.. => 0,
            _ => 1,
        };
        opcode += 1;
    }
    lengths
}

/// Marks the instructions of [`Code::naming`] among lengths.
const NAMES: u8 = 0x80;

/// [`LENGTHS`], with [`NAMES`].
const NAMING: [u8; 256] = {
    let mut naming = LENGTHS;
    let mut opcode = 0x12;
    while opcode <= 0xc5 {
        if matches!(opcode, 0x12 | 0x13 | 0xb2..=0xbb | 0xbd | 0xc0 | 0xc1 | 0xc5) {
            naming[opcode] |= NAMES;
        }
        opcode += 1;
    }
    naming
};

/// Length of the instruction at `at`.
pub(in crate::classpath) fn length(code: &[u8], at: usize) -> Option<usize> {
    let opcode = *code.get(at)?;
    match LENGTHS[usize::from(opcode)] {
        0 => odd_length(code, at, opcode),
        length => Some(usize::from(length)),
    }
}

fn odd_length(code: &[u8], at: usize, opcode: u8) -> Option<usize> {
    let word = |at: usize| be32(code, at).map(u32::cast_signed).map(i64::from);
    let operands = (at + 4) & !3;
    match opcode {
        0xaa => {
            let (low, high) = (word(operands + 4)?, word(operands + 8)?);
            let rows = usize::try_from(high.checked_sub(low)?.checked_add(1)?).ok()?;
            Some(operands + 12 + rows.checked_mul(4)? - at)
        }
        0xab => {
            let rows = usize::try_from(word(operands + 4)?).ok()?;
            Some(operands + 8 + rows.checked_mul(8)? - at)
        }
        0xc4 => Some(if *code.get(at + 1)? == 0x84 { 6 } else { 4 }),
        _ => None,
    }
}

/// Where a `tableswitch` or `lookupswitch` may jump to, relative to it; the default first.
pub(in crate::classpath) fn switch_targets(code: &[u8], at: usize) -> Option<Vec<i32>> {
    let word = |at: usize| be32(code, at).map(u32::cast_signed);
    let operands = (at + 4) & !3;
    let end = at + length(code, at)?;
    if end > code.len() {
        return None;
    }
    let (first, step) = if code.get(at) == Some(&0xaa) { (operands + 12, 4) } else { (operands + 12, 8) };
    let mut targets = vec![word(operands)?];
    let mut row = first;
    while row < end {
        targets.push(word(row)?);
        row += step;
    }
    Some(targets)
}

/// The constant that an instruction names, as a 16-bit index.
pub(in crate::classpath) fn operand(code: &[u8], at: usize) -> Option<u16> {
    be16(code, at + 1)
}

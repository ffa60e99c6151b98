//! Predicates on one number, asked at every place where their answer can change.

use serde::{Deserialize, Serialize};

use super::super::bytes::be16;
use super::super::class::code::length;
use super::super::class::{Code, Pool};
use super::trace::number;

/// Steps after which a predicate is given up.
const STEPS: usize = 200;
/// Constants after which a predicate is given up.
const MOST: usize = 32;

/// The numbers that are accepted: from the first to the second, both included, without end where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranges(pub Vec<(Option<f64>, Option<f64>)>);

impl Ranges {
    /// Whether a number is accepted.
    #[must_use]
    pub fn hold(&self, number: f64) -> bool {
        self.0.iter().any(|(from, to)| from.is_none_or(|from| from <= number) && to.is_none_or(|to| number <= to))
    }
}

/// The ranges of a static predicate; none where it does more than compare.
pub(super) fn ranges(code: &Code<'_>, pool: &Pool<'_>, is_whole: bool) -> Option<Ranges> {
    let constants: Vec<f64> = code.instructions().filter_map(|(at, _)| number(code.bytes, at, pool)).collect();
    if constants.len() > MOST {
        return None;
    }
    let near = |c: f64| if is_whole { [c - 1.0, c, c + 1.0] } else { [c.next_down(), c, c.next_up()] };
    let mut points: Vec<f64> = constants.into_iter().flat_map(near).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let answers = points.iter().map(|&point| answer(code.bytes, pool, point)).collect::<Option<Vec<bool>>>()?;
    let mut found: Vec<(Option<f64>, Option<f64>)> = Vec::new();
    let last = points.len().checked_sub(1)?;
    for (at, (&point, &accepted)) in points.iter().zip(&answers).enumerate() {
        let end = if at == last { None } else { Some(point) };
        let follows = at > 0 && answers.get(at - 1) == Some(&true);
        match found.last_mut().filter(|_| follows) {
            _ if !accepted => {}
            Some(open) => open.1 = end,
            None => found.push((if at == 0 { None } else { Some(point) }, end)),
        }
    }
    Some(Ranges(found))
}

/// What the predicate says of a number.
fn answer(code: &[u8], pool: &Pool<'_>, argument: f64) -> Option<bool> {
    let mut stack: Vec<f64> = Vec::new();
    let mut at = 0_usize;
    for _ in 0..STEPS {
        let opcode = *code.get(at)?;
        let jump = || at.checked_add_signed(isize::from(be16(code, at + 1)?.cast_signed()));
        let mut next = at + length(code, at)?;
        if let Some(constant) = number(code, at, pool) {
            stack.push(constant);
        } else {
            match opcode {
                // iload_0, lload_0, dload_0.
                0x1a | 0x1e | 0x26 => stack.push(argument),
                // i2l, i2d, l2d.
                0x85 | 0x87 | 0x8a => {}
                // lcmp, dcmpl, dcmpg.
                0x94 | 0x97 | 0x98 => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    stack.push(f64::from(left.total_cmp(&right) as i8));
                }
                0x99..=0x9e => {
                    if holds(opcode - 0x99, stack.pop()?, 0.0)? {
                        next = jump()?;
                    }
                }
                0x9f..=0xa4 => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    if holds(opcode - 0x9f, left, right)? {
                        next = jump()?;
                    }
                }
                0xa7 => next = jump()?,
                0xac => return Some(stack.pop()? != 0.0),
                _ => return None,
            }
        }
        at = next;
    }
    None
}

/// The six comparisons in the order of their opcodes: eq, ne, lt, ge, gt, le.
fn holds(which: u8, left: f64, right: f64) -> Option<bool> {
    let order = left.partial_cmp(&right)?;
    Some(match which {
        0 => order.is_eq(),
        1 => order.is_ne(),
        2 => order.is_lt(),
        3 => order.is_ge(),
        4 => order.is_gt(),
        _ => order.is_le(),
    })
}

//! Verification, as far as it asks about other classes (JVMS 4.10): the type checker for class files with
//! stack maps, the inferring verifier for those before.

use super::super::class::descriptor;
use super::super::class::{ClassFile, Code, Member};
use super::super::universe::ClassNo;
use super::assign::{Assign, Name, Refused, Type};
use super::frame::{self, Frame};
use super::step::{Step, Stepper, Stop, sure};

/// The first major version whose class files are checked by their stack maps.
const STACK_MAPS: u16 = 50;
/// Passes over one method after which the inferring verifier is left in peace: more than any method takes.
const PASSES: usize = 200;

/// Why the JVM does not verify a class.
pub(super) fn verify<'a>(assign: Assign<'a>, class: &'a ClassFile<'a>, number: ClassNo) -> Option<Refused<'a>> {
    class.methods.iter().find_map(|method| {
        let code = method.code.as_ref()?;
        let method = Method::new(assign, class, number, method, code)?;
        let mut outcome = if class.major >= STACK_MAPS { method.check() } else { method.infer() };
        // In version 50 a failure of the checker is not the last word.
        if class.major == STACK_MAPS && matches!(outcome, Err(Stop::Unsure | Stop::Refused(Refused::Mismatch(..)))) {
            outcome = method.infer();
        }
        match outcome {
            Err(Stop::Refused(refused)) => Some(refused),
            Ok(()) | Err(Stop::Unsure) => None,
        }
    })
}

struct Method<'a> {
    stepper: Stepper<'a>,
    code: &'a Code<'a>,
    first: Frame<'a>,
}

impl<'a> Method<'a> {
    fn new(
        assign: Assign<'a>,
        class: &'a ClassFile<'a>,
        number: ClassNo,
        method: &'a Member<'a>,
        code: &'a Code<'a>,
    ) -> Option<Self> {
        let (_, returns) = descriptor::method(class.pool.utf8(method.descriptor)?)?;
        let stepper = Stepper { assign, class, number, code: code.bytes, returns };
        Some(Self { stepper, code, first: Frame::first(class, method, code)? })
    }

    /// Every handler's type is loaded and must be a `Throwable`.
    fn handlers(&self) -> Step<'a> {
        for handler in self.code.handlers().filter(|handler| handler.catches != 0) {
            let name = sure(self.stepper.class.pool.class_name(handler.catches))?;
            self.stepper.assign.check(Type::Object(Name::class(name)), Name::class(b"java/lang/Throwable"))?;
        }
        Ok(())
    }

    /// What a handler finds on the stack.
    fn caught(&self, catches: u16) -> Type<'a> {
        let name = if catches == 0 { None } else { self.stepper.class.pool.class_name(catches) };
        Type::Object(Name::class(name.unwrap_or(b"java/lang/Throwable")))
    }

    /// One pass, held against the stack maps.
    fn check(&self) -> Step<'a> {
        let maps = frame::table(self.stepper.class, self.code, &self.first, self.code.stack_map.unwrap_or(b"\0\0"));
        let maps = sure(maps)?;
        self.handlers()?;
        let handlers: Vec<_> = self.code.handlers().collect();
        let map_at = |at: usize| maps.binary_search_by_key(&at, |(place, _)| *place).ok().and_then(|i| maps.get(i));
        let fits = |frame: &Frame<'a>, at: usize| match map_at(at) {
            Some((_, map)) => self.fits(frame, map),
            None => Err(Stop::Unsure),
        };
        let mut current = Some(self.first.clone());
        // The locals for which each handler was checked last.
        let mut checked: Vec<Option<Vec<Type<'a>>>> = vec![None; handlers.len()];
        for (at, opcode) in self.code.instructions() {
            if let Some((_, map)) = map_at(at) {
                if let Some(current) = &current {
                    self.fits(current, map)?;
                }
                current = Some(map.clone());
            }
            let mut frame = sure(current.take())?;
            for (handler, checked) in handlers.iter().zip(&mut checked) {
                let covers = (usize::from(handler.start)..usize::from(handler.end)).contains(&at);
                if covers && checked.as_ref() != Some(&frame.locals) {
                    *checked = Some(frame.locals.clone());
                    let caught = vec![self.caught(handler.catches)];
                    fits(&Frame { locals: frame.locals.clone(), stack: caught }, usize::from(handler.target))?;
                }
            }
            let next = self.stepper.step(at, opcode, &mut frame)?;
            for target in next.targets {
                fits(&frame, target)?;
            }
            current = next.falls_through.then_some(frame);
        }
        Ok(())
    }

    /// That a frame may go on as a stack map says.
    fn fits(&self, frame: &Frame<'a>, map: &Frame<'a>) -> Step<'a> {
        if frame.stack.len() != map.stack.len() {
            return Err(Stop::Unsure);
        }
        let pairs = frame.locals.iter().zip(&map.locals).chain(frame.stack.iter().zip(&map.stack));
        for (have, want) in pairs {
            match (have, want) {
                (Type::Object(_), Type::Object(name)) => self.stepper.assign.check(*have, *name)?,
                (_, Type::Top) | (Type::Null, Type::Object(_)) => {}
                _ if have == want => {}
                _ => return Err(Stop::Unsure),
            }
        }
        Ok(())
    }

    /// Passes over the method until nothing changes.
    fn infer(&self) -> Step<'a> {
        self.handlers()?;
        let instructions: Vec<(usize, u8)> = self.code.instructions().collect();
        let mut flow = Flow {
            method: self,
            before: vec![None; self.code.bytes.len()],
            changed: vec![false; self.code.bytes.len()],
            calls: Vec::new(),
        };
        flow.meet(0, &self.first)?;
        for _ in 0..PASSES {
            let mut quiet = true;
            for (i, &(at, opcode)) in instructions.iter().enumerate() {
                if flow.changed.get(at) == Some(&true) {
                    quiet = false;
                    let after = instructions.get(i + 1).map(|(at, _)| *at);
                    flow.instruction(at, opcode, after)?;
                }
            }
            if quiet {
                return Ok(());
            }
        }
        Err(Stop::Unsure)
    }
}

/// The state of the inferring verifier.
struct Flow<'m, 'a> {
    method: &'m Method<'a>,
    before: Vec<Option<Frame<'a>>>,
    changed: Vec<bool>,
    /// Where each subroutine is called from and what follows there.
    calls: Vec<(usize, usize, usize)>,
}

impl<'a> Flow<'_, 'a> {
    fn instruction(&mut self, at: usize, opcode: u8, after: Option<usize>) -> Step<'a> {
        if let Some(changed) = self.changed.get_mut(at) {
            *changed = false;
        }
        let mut frame = sure(self.before.get(at).cloned().flatten())?;
        for handler in self.method.code.handlers() {
            if (usize::from(handler.start)..usize::from(handler.end)).contains(&at) {
                let stack = vec![self.method.caught(handler.catches)];
                self.meet(usize::from(handler.target), &Frame { locals: frame.locals.clone(), stack })?;
            }
        }
        let next = self.method.stepper.step(at, opcode, &mut frame)?;
        let is_ret = opcode == 0xa9 || opcode == 0xc4 && self.method.code.bytes.get(at + 1) == Some(&0xa9);
        if is_ret {
            return self.ret(at, opcode, &frame);
        }
        for target in next.targets {
            if matches!(opcode, 0xa8 | 0xc9)
                && let Some(after) = after
                && !self.calls.contains(&(target, at, after))
            {
                self.calls.push((target, at, after));
                // A `ret` that was seen before must see the new caller, too.
                for (changed, before) in self.changed.iter_mut().zip(&self.before) {
                    *changed |= before.is_some();
                }
            }
            self.meet(target, &frame)?;
        }
        match after {
            Some(after) if next.falls_through => self.meet(after, &frame),
            _ => Ok(()),
        }
    }

    /// Goes back to every caller: with the subroutine's locals where it may have written them, with the
    /// caller's elsewhere.
    fn ret(&mut self, at: usize, opcode: u8, frame: &Frame<'a>) -> Step<'a> {
        let code = self.method.code.bytes;
        let index = if opcode == 0xc4 {
            super::super::bytes::be16(code, at + 2)
        } else {
            code.get(at + 1).copied().map(u16::from)
        };
        let Some(Type::ReturnAddress(target)) = index.and_then(|index| frame.local(index)) else {
            return Err(Stop::Unsure);
        };
        let start = usize::from(target);
        let written: Vec<u16> = self
            .method
            .code
            .instructions()
            .filter(|(place, _)| (start..=at).contains(place))
            .filter_map(|(place, opcode)| written(code, place, opcode))
            .collect();
        let callers: Vec<(usize, usize)> =
            self.calls.iter().filter(|(to, ..)| *to == start).map(|&(_, from, after)| (from, after)).collect();
        for (from, after) in callers {
            let mut back = frame.clone();
            let caller = sure(self.before.get(from).cloned().flatten())?;
            for ((index, slot), theirs) in (0_u16..).zip(&mut back.locals).zip(caller.locals) {
                let is_written = written.contains(&index) || index > 0 && written.contains(&(index - 1));
                if !is_written {
                    *slot = theirs;
                }
            }
            self.meet(after, &back)?;
        }
        Ok(())
    }

    /// Merges a frame into what is known at a place.
    fn meet(&mut self, at: usize, frame: &Frame<'a>) -> Step<'a> {
        let slot = sure(self.before.get_mut(at))?;
        let Some(known) = slot else {
            *slot = Some(frame.clone());
            *sure(self.changed.get_mut(at))? = true;
            return Ok(());
        };
        if known.stack.len() != frame.stack.len() {
            return Err(Stop::Unsure);
        }
        let mut changed = false;
        let slots = known.stack.iter_mut().zip(&frame.stack).chain(known.locals.iter_mut().zip(&frame.locals));
        for (old, new) in slots {
            let merged = self.method.stepper.assign.merge(*old, *new)?;
            changed |= merged != *old;
            *old = merged;
        }
        if changed {
            *sure(self.changed.get_mut(at))? = true;
        }
        Ok(())
    }
}

/// The local that an instruction writes.
fn written(code: &[u8], at: usize, opcode: u8) -> Option<u16> {
    match opcode {
        0x36..=0x3a | 0x84 => code.get(at + 1).copied().map(u16::from),
        0x3b..=0x4e => Some(u16::from((opcode - 0x3b) % 4)),
        0xc4 => match code.get(at + 1)? {
            0x36..=0x3a | 0x84 => super::super::bytes::be16(code, at + 2),
            _ => None,
        },
        _ => None,
    }
}

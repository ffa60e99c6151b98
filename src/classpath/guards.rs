//! Handlers around instructions that expect what does not link: [`Guards`].

use super::class::{ClassFile, Code};
use super::facts::{how, op};

/// Handlers that expect linkage errors.
pub(super) struct Guards(Vec<(u16, u16, u8)>);

const CATCHES_CLASS: u8 = 1;
const CATCHES_MEMBER: u8 = 2;
const CATCHES_ALL: u8 = 4;

impl Guards {
    pub(super) fn of(class: &ClassFile<'_>, code: &Code<'_>) -> Self {
        let caught = |index: u16| match class.pool.class_name(index)? {
            b"java/lang/NoClassDefFoundError" => Some(CATCHES_CLASS | CATCHES_ALL),
            b"java/lang/LinkageError" => Some(CATCHES_CLASS | CATCHES_MEMBER | CATCHES_ALL),
            b"java/lang/NoSuchMethodError"
            | b"java/lang/NoSuchFieldError"
            | b"java/lang/IncompatibleClassChangeError" => Some(CATCHES_MEMBER | CATCHES_ALL),
            // In Scala `case NonFatal(_)` catches these too and throws linkage errors on.
            b"java/lang/Throwable" | b"java/lang/Error" if !class.attributes.scala => Some(CATCHES_ALL),
            _ => None,
        };
        let rows = code.handlers().filter(|handler| handler.catches != 0);
        Self(rows.filter_map(|handler| Some((handler.start, handler.end, caught(handler.catches)?))).collect())
    }

    /// The marks, of a member and of a class, of an instruction that is outside of handlers.
    pub(super) fn outside(&self, at: usize) -> (u16, u16) {
        if self.0.is_empty() {
            return (op::OPEN | op::OPEN_CLASS | op::BARE, how::OPEN | how::BARE);
        }
        let inside = |(start, end, _): &&(u16, u16, u8)| usize::from(*start) <= at && at < usize::from(*end);
        let around = self.0.iter().filter(inside).fold(0, |all, (_, _, kind)| all | kind);
        let unless = |kind: u8, bit: u16| if around & kind == 0 { bit } else { 0 };
        (
            unless(CATCHES_MEMBER, op::OPEN) | unless(CATCHES_CLASS, op::OPEN_CLASS) | unless(CATCHES_ALL, op::BARE),
            unless(CATCHES_CLASS, how::OPEN) | unless(CATCHES_ALL, how::BARE),
        )
    }
}

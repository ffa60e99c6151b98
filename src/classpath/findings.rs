//! What linking finds: [`Finding`], one for each class that cannot be loaded or linked and for each
//! reference of a class that would fail when it is used.

use super::facts::NONE;
use super::id::Id;
use super::link::load::{Fault, FaultKind};
use super::universe::{ABSENT, ClassNo, Universe, text};

/// Something that does not link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The class that has it.
    pub(super) source: ClassNo,
    /// Segment of the source, whose symbols and members are meant below.
    pub(super) segment: u32,
    pub(super) kind: FindingKind,
    /// Symbol of the class that is named, or `NONE`.
    pub(super) target: u32,
    /// Index of the member that is named, or `NONE`.
    pub(super) member: u32,
    /// Where the class that is named was found, or `ABSENT`.
    pub(super) found: ClassNo,
    /// Number of the method that the source owes to `found`, or 0.
    pub(super) id: Id,
    pub(super) guard: Guard,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingKind {
    /// The source cannot be loaded, by a fault of its own or of a class above it (`target` is in the
    /// segment of `found`).
    Load(FaultKind),
    /// The source is refused by verification, because it needs a class that cannot be loaded.
    Verify,
    /// The source is refused by verification, because the types do not fit.
    VerifyTypes,
    /// A superclass or superinterface cannot be linked.
    LinkAbove,
    /// The class that is named is nowhere.
    MissingClass,
    /// The class that is named is there and cannot be loaded.
    UnloadableClass,
    NoSuchField,
    NoSuchMethod,
    /// Several unrelated defaults.
    Conflict,
    /// A class is used as an interface.
    NotAnInterface,
    /// An interface is used as a class.
    NotAClass,
    /// A static member is used as an instance's.
    IsStatic,
    /// An instance's member is used as a static one.
    IsNotStatic,
    ClassAccess,
    MemberAccess,
    FinalWrite,
    /// `new` of an abstract class or an interface.
    AbstractNew,
    /// A concrete class does not have a method that is called.
    NotImplemented,
    /// … or has it, and it is not public.
    NotPublic,
}

/// Handlers around every use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Guard {
    /// A use is outside of all of them.
    None,
    /// Handlers for anything (`Throwable`, `Error`).
    Weak,
    /// Handlers for linkage errors of this kind.
    Strong,
}

impl FindingKind {
    /// The error that the JVM throws.
    pub(super) fn error(self) -> &'static str {
        match self {
            Self::Load(kind) => match kind {
                FaultKind::Missing | FaultKind::BadManifest => "NoClassDefFoundError",
                FaultKind::BadSignature => "SecurityException",
                FaultKind::Malformed => "ClassFormatError",
                FaultKind::TooNew => "UnsupportedClassVersionError",
                FaultKind::Circular => "ClassCircularityError",
                FaultKind::SuperNotAccessible => "IllegalAccessError",
                FaultKind::SuperIsInterface
                | FaultKind::InterfaceIsClass
                | FaultKind::SuperIsFinal
                | FaultKind::NotPermitted
                | FaultKind::OverridesFinal => "IncompatibleClassChangeError",
            },
            Self::Verify | Self::LinkAbove | Self::MissingClass | Self::UnloadableClass => "NoClassDefFoundError",
            Self::VerifyTypes => "VerifyError",
            Self::NoSuchField => "NoSuchFieldError",
            Self::NoSuchMethod => "NoSuchMethodError",
            Self::Conflict | Self::NotAnInterface | Self::NotAClass | Self::IsStatic | Self::IsNotStatic => {
                "IncompatibleClassChangeError"
            }
            Self::ClassAccess | Self::MemberAccess | Self::FinalWrite | Self::NotPublic => "IllegalAccessError",
            Self::NotImplemented => "AbstractMethodError",
            Self::AbstractNew => "InstantiationError",
        }
    }

    /// Whether it is about a reference, and not about the class that has it.
    pub(super) fn is_reference(self) -> bool {
        !matches!(self, Self::Load(_) | Self::Verify | Self::VerifyTypes | Self::LinkAbove)
    }

    /// Whether it is about a class that is not there.
    pub(super) fn is_absence(self) -> bool {
        matches!(self, Self::MissingClass | Self::Verify | Self::Load(FaultKind::Missing))
    }
}

impl Finding {
    /// What a class shows that cannot be loaded. Its segment is not told: nobody reads it.
    pub(super) fn of_load(source: ClassNo, fault: Fault) -> Self {
        Self {
            source,
            segment: 0,
            kind: FindingKind::Load(fault.kind),
            target: fault.other,
            member: NONE,
            found: fault.at,
            id: 0,
            guard: Guard::None,
        }
    }

    /// Number of the member that is named or owed, or 0.
    pub(super) fn member_id(&self, universe: &Universe<'_>) -> Id {
        let segment = universe.segment(self.segment).filter(|_| self.member != NONE);
        let at = usize::try_from(self.member).ok();
        segment.zip(at).and_then(|(segment, at)| segment.facts.members.get(at)).map_or(self.id, |member| member.id)
    }

    /// The name of the class that is named, internal form.
    pub(super) fn target_name(&self, universe: &Universe<'_>) -> String {
        if self.target == NONE {
            return if self.found == ABSENT { String::new() } else { universe.name(self.found) };
        }
        // A fault's symbols are those of the class at which it shows.
        let segment = match self.kind {
            FindingKind::Load(_) => universe.class(self.found).map(|(segment, _)| segment),
            _ => universe.segment(self.segment),
        };
        segment.map_or_else(String::new, |segment| text(segment.facts, self.target))
    }
}

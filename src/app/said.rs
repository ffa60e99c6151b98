//! What the code says that matters to the image: [`Mention`]s, in the order of the text.

use std::ops::Range;

/// A text that the code names, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// One thing said.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// Whether it holds in every run that comes there; else a condition, a default or a guess decides.
    pub(super) sure: bool,
    pub(super) what: What,
}

/// When a setting is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Before the session: by its builder or a `SparkConf`.
    Start,
    /// In a session that runs: `spark.conf.set`.
    Running,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Import(Import),
    /// A setting of Spark.
    Setting {
        when: When,
        key: Word,
        value: Word,
    },
    /// A variable of the environment is set; the value where it is known.
    Variable {
        name: Word,
        value: Option<Word>,
        unless_set: bool,
    },
    /// A data source by its name.
    Source(Word),
    /// A class of Java by its name.
    Class(Word),
    /// An address that is read or written by Spark (`true`), or just stands there.
    Address(Word, bool),
    /// A file or a list of files that Spark is to take.
    Path(Word),
    /// A function of a library is called.
    Call {
        name: String,
        span: Range<usize>,
    },
    /// A whole table is brought to Python by this method.
    Collect(Word),
    /// A session is made or taken.
    Session,
    /// `sys.path` is changed.
    SearchPath,
}

/// An import.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The dotted module; with a leading dot it counts from the image's root (`names::absolute`).
    pub(super) module: Word,
    /// What is taken from it; each may be a module.
    pub(super) names: Vec<String>,
    /// Whether the code is ready for its absence.
    pub(super) optional: bool,
}

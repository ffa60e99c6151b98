//! What the code of classes makes of constants: calls whose receivers and arguments can be followed without
//! running anything.
//!
//! A class that declares its settings, `new ConfigBuilder("spark.x").intConf().createWithDefault(4)`, says so in
//! straight-line code. [`read`] follows such code and hands out every object of a wanted class with the calls
//! that made it. What a branch decides is [`Value::Unknown`].

mod range;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::outside::ReadAt;

use super::class::pool::tag;
use super::class::{ClassFile, Places};
use super::jar;

pub use range::Ranges;

/// What is looked for.
pub struct Look<'a> {
    /// Classes whose objects are wanted, as binary names with slashes.
    pub wanted: &'a [&'a str],
    /// Classes whose objects are handed out, too, of a class that makes a wanted one.
    pub beside: &'a [&'a str],
    /// Classes whose calls are handed out as well.
    pub asked: &'a [&'a str],
    /// Whether a text constant is wanted.
    pub text: &'a (dyn Fn(&str) -> bool + Sync),
}

/// What a jar's classes say.
#[derive(Debug, Default)]
pub struct Seen {
    /// Wanted text constants.
    pub texts: BTreeSet<String>,
    /// Classes that make a wanted object or hold a wanted text.
    pub classes: Vec<Traced>,
}

/// A class whose code was followed.
#[derive(Debug, Default)]
pub struct Traced {
    /// Its binary name with slashes.
    pub name: String,
    /// What its fields are first set to, where that is known.
    pub fields: BTreeMap<String, Value>,
    /// What its methods return, by name and descriptor, where that is known.
    pub returns: BTreeMap<String, Value>,
    /// The wanted objects and calls, in their order.
    pub made: Vec<Arc<Call>>,
    /// Texts that its code puts together, in part from what is not known.
    pub joined: Vec<Value>,
    /// Which numbers a predicate of this class accepts, by its name.
    pub ranges: BTreeMap<String, Ranges>,
}

/// A call, or the making of an object (then its name is `<init>`).
#[derive(Debug)]
pub struct Call {
    /// Class that the instruction names, with slashes.
    pub class: String,
    /// The method's name.
    pub name: String,
    /// Its descriptor.
    pub descriptor: String,
    /// What it is called on; none for static methods and constructors.
    pub receiver: Option<Value>,
    /// Its arguments.
    pub arguments: Vec<Value>,
    /// How deep receivers and arguments nest.
    depth: u16,
}

/// What is known of a value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Unknown,
    /// A number or truth value of an integral type.
    Int(i64),
    /// A `float` or `double`.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// Texts and other values, one after the other.
    Concat(Arc<[Value]>),
    /// The method's own parameter, counted from 0.
    Parameter(u16),
    /// A field, by class and name.
    Field(Arc<str>, Arc<str>),
    /// A method made a function of, by class and name.
    Function(Arc<str>, Arc<str>),
    /// An array.
    List(Arc<[Value]>),
    /// What a call returns.
    Call(Arc<Call>),
}

/// Reads what the classes of each jar say.
pub fn read(jars: &[&dyn ReadAt], java: u32, threads: usize, look: &Look<'_>) -> Vec<Seen> {
    let per_jar = jar::each_class(jars, java, threads, |bytes| {
        let class = ClassFile::parse(bytes, Places::default()).ok()?;
        let seen = seen(&class, look);
        (!seen.texts.is_empty() || !seen.classes.is_empty()).then_some(seen)
    });
    let join = |mut all: Seen, one: Seen| {
        all.texts.extend(one.texts);
        all.classes.extend(one.classes);
        all
    };
    per_jar.into_iter().map(|seen| seen.into_iter().fold(Seen::default(), join)).collect()
}

fn seen(class: &ClassFile<'_>, look: &Look<'_>) -> Seen {
    let pool = &class.pool;
    let texts: BTreeSet<String> = (1..pool.count())
        .filter_map(|index| std::str::from_utf8(pool.string(index)?).ok())
        .filter(|text| (look.text)(text))
        .map(str::to_owned)
        .collect();
    let makes = (1..pool.count()).any(|index| match pool.tag(index) {
        tag::CLASS => pool.class_name(index).is_some_and(|name| is_wanted(name, look)),
        tag::NAME_AND_TYPE => pool
            .name_and_type(index)
            .and_then(|(_, descriptor)| pool.utf8(descriptor))
            .and_then(trace::returned_class)
            .is_some_and(|name| is_wanted(name, look)),
        _ => false,
    });
    let makes = makes || !texts.is_empty();
    Seen { texts, classes: makes.then(|| trace::traced(class, look)).into_iter().collect() }
}

fn is_wanted(name: &[u8], look: &Look<'_>) -> bool {
    look.wanted.iter().any(|wanted| wanted.as_bytes() == name)
}

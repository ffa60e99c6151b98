//! From the calls that make settings to [`Known`] (Spark: `ConfigBuilder.scala`, `SparkConf.scala`, `SQLConf.scala`).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::classpath::constants::{Call, Ranges, Seen, Traced, Value};

use super::{
    BUILDER, Deprecated, Entry, FORMATTED, Kind, Known, Removed, SPARK_ALTERNATE, SPARK_CONF, SPARK_CONF_4,
    SPARK_DEPRECATED, SQL_DEPRECATED, SQL_REMOVED, is_pattern, is_spark_key,
};

/// How many steps a value is followed through fields and methods.
const FAR: u8 = 16;
/// How many values are looked at for one setting; fields may name each other many times over.
const MOST_STEPS: u32 = 20_000;
/// How long a text may be that is put together, in bytes.
const LONGEST_TEXT: usize = 1 << 12;

/// The settings that these jars know.
#[must_use]
pub fn read(jars: &[Seen]) -> Known {
    let classes: BTreeMap<&str, &Traced> =
        jars.iter().flat_map(|jar| &jar.classes).map(|class| (class.name.as_str(), class)).collect();
    let shelf = Shelf { classes, steps: Cell::new(0) };
    let mut known =
        Known { texts: jars.iter().flat_map(|jar| jar.texts.iter().cloned()).collect(), ..Known::default() };
    let mut undeclared = Vec::new();
    for call in jars.iter().flat_map(|jar| &jar.classes).flat_map(|class| &class.made) {
        shelf.steps.set(MOST_STEPS);
        match call.class.as_str() {
            SPARK_DEPRECATED | SQL_DEPRECATED => {
                if let [Some(key), Some(version), comment] = shelf.texts(&call.arguments).as_slice() {
                    let comment = comment.clone().unwrap_or_default();
                    let deprecated = Deprecated { version: version.clone(), instead: None, comment };
                    known.deprecated.entry(key.clone()).or_insert(deprecated);
                }
            }
            SQL_REMOVED => {
                if let [Some(key), Some(version), Some(default), comment] = shelf.texts(&call.arguments).as_slice() {
                    let (version, default) = (version.clone(), default.clone());
                    known.removed.insert(
                        key.clone(),
                        Removed { version, default, comment: comment.clone().unwrap_or_default() },
                    );
                }
            }
            SPARK_CONF | SPARK_CONF_4 => {
                if let (Some(kind), Some(Some(key))) = (asked_as(&call.name), shelf.texts(&call.arguments).first()) {
                    let entry = Entry { kind, ..Entry::default() };
                    undeclared.push((key.clone(), entry));
                }
            }
            _ if call.descriptor.ends_with("Lscala/Tuple2;") => shelf.alternatives(call, &mut known),
            _ => {
                for (key, entry) in shelf.entry(call, FAR).into_iter().flatten() {
                    known.entries.entry(key).or_insert(entry);
                }
            }
        }
    }
    for (key, entry) in undeclared {
        known.entries.entry(key).or_insert(entry);
    }
    let joined = jars.iter().flat_map(|jar| &jar.classes).flat_map(|class| &class.joined);
    let pattern = |value| {
        shelf.steps.set(MOST_STEPS);
        shelf.pattern(value)
    };
    known.patterns = joined.filter_map(pattern).collect();
    let formats: Vec<String> = known.texts.iter().filter(|text| is_pattern(text)).cloned().collect();
    for text in formats {
        known.texts.remove(&text);
        known.patterns.insert(text.replace(FORMATTED, "*"));
    }
    known
}

/// The classes that were followed, by name.
struct Shelf<'a> {
    classes: BTreeMap<&'a str, &'a Traced>,
    /// How many values may still be looked at.
    steps: Cell<u32>,
}

/// What a chain of calls on a builder has said so far.
#[derive(Default)]
struct Said {
    entry: Entry,
    names: Vec<String>,
}

impl<'a> Shelf<'a> {
    /// One step of those that are left, in all and from here.
    fn step(&self, far: u8) -> Option<u8> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        far.checked_sub(1)
    }

    fn texts(&self, values: &[Value]) -> Vec<Option<String>> {
        values.iter().map(|value| self.text(value, &[], FAR)).collect()
    }

    /// A value as a text, with what the parameters of its method are.
    fn text(&self, value: &Value, parameters: &[Option<String>], far: u8) -> Option<String> {
        let far = self.step(far)?;
        match value {
            Value::Text(text) => Some(text.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Double(number) => Some(number.to_string()),
            Value::Parameter(number) => parameters.get(usize::from(*number))?.clone(),
            Value::Concat(parts) => {
                let mut whole = String::new();
                for part in parts.iter() {
                    whole += &self.text(part, parameters, far)?;
                    if whole.len() > LONGEST_TEXT {
                        return None;
                    }
                }
                Some(whole)
            }
            Value::Field(class, name) => self.text(self.classes.get(&**class)?.fields.get(&**name)?, &[], far),
            Value::Call(call) if call.arguments.is_empty() => match (call.name.as_str(), &call.receiver) {
                ("key", Some(entry)) => self.key_of(entry, far),
                ("toString", Some(whole)) => self.text(whole, parameters, far),
                _ if call.descriptor.ends_with("Lscala/Enumeration$Value;") => self.value_of_enumeration(call),
                _ => self.text(self.got(call)?, &[], far),
            },
            // What puts lines together has the text among its arguments.
            Value::Call(call) if call.name.starts_with("stripMargin") => {
                call.arguments.iter().find_map(|argument| self.text(argument, parameters, far))
            }
            Value::Call(call) if call.name == "augmentString" => self.text(call.arguments.first()?, parameters, far),
            _ => None,
        }
    }

    /// A key of Spark's that is put together, with `*` for what is not known; none where too little of it is.
    fn pattern(&self, value: &Value) -> Option<String> {
        const FEWEST: usize = 3;
        let Value::Concat(parts) = value else { return None };
        let text = |part| self.text(part, &[], FAR).unwrap_or_else(|| "*".to_owned());
        let text = parts.iter().map(text).collect::<String>().replace("**", "*");
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let words = text.split('.').filter(|word| !word.is_empty() && !word.contains('*')).count();
        (words >= FEWEST && text.contains('*') && is_spark_key(&text.replace('*', "x"))).then_some(text)
    }

    /// What a method without arguments returns: the field of its name, or what its code says.
    fn got(&self, call: &Call) -> Option<&'a Value> {
        let class = self.classes.get(call.class.as_str())?;
        let returned = || class.returns.get(&format!("{}{}", call.name, call.descriptor));
        class.fields.get(&call.name).or_else(returned)
    }

    /// The key of a value that is an entry.
    fn key_of(&self, value: &Value, far: u8) -> Option<String> {
        self.entry(self.call(value, far)?, far)?.into_iter().next().map(|(key, _)| key)
    }

    /// The call behind a value.
    fn call<'v>(&self, value: &'v Value, far: u8) -> Option<&'v Arc<Call>>
    where
        'a: 'v,
    {
        let far = self.step(far)?;
        match value {
            Value::Call(call) if call.arguments.is_empty() && !call.name.starts_with("create") => {
                match self.got(call) {
                    Some(value) => self.call(value, far),
                    None => Some(call),
                }
            }
            Value::Call(call) => Some(call),
            Value::Field(class, name) => self.call(self.classes.get(&**class)?.fields.get(&**name)?, far),
            _ => None,
        }
    }

    /// The entry that a call makes, under each of its names.
    fn entry(&self, call: &Call, far: u8) -> Option<Vec<(String, Entry)>> {
        let far = self.step(far)?;
        let mut said = Said::default();
        match (call.name.as_str(), call.arguments.as_slice()) {
            ("createWithDefault" | "createWithDefaultString", [default]) => {
                said.entry.default = self.text(default, &[], far);
            }
            ("createOptional", []) | ("createWithDefaultFunction", [_]) => {}
            ("fallbackConf", [other]) => {
                let (_, entry) = self.entry(self.call(other, far)?, far)?.into_iter().next()?;
                said.entry = entry;
                said.entry.since = None;
            }
            _ => return None,
        }
        let key = self.builder(call.receiver.as_ref()?, &mut said, far)?;
        let names = std::iter::once(key).chain(said.names);
        if said.entry.kind == Kind::Bool {
            // A truth value is a number to the JVM.
            said.entry.default = said.entry.default.map(|default| match default.as_str() {
                "0" => "false".to_owned(),
                "1" => "true".to_owned(),
                _ => default,
            });
        }
        let entry = said.entry;
        Some(names.map(|name| (name, entry.clone())).collect())
    }

    /// Follows a chain of calls on a builder down to its key.
    fn builder(&self, value: &Value, said: &mut Said, far: u8) -> Option<String> {
        let mut value = value;
        loop {
            let Value::Call(call) = value else { return None };
            let on = || call.receiver.as_ref();
            let argument = |at: usize| call.arguments.get(at);
            let text = |at: usize| argument(at).and_then(|value| self.text(value, &[], far));
            match call.name.as_str() {
                "checkValue" => self.checked(call, said, far),
                "checkValues" => {
                    said.entry.choices = argument(0).and_then(|set| self.members(set, far)).unwrap_or_default();
                }
                "transform" => said.entry.folds_case = true,
                "toSequence" => said.entry.is_list = true,
                "version" => said.entry.since = text(0),
                "withAlternative" | "withPrepended" => said.names.extend(text(0)),
                "intConf" => said.entry.kind = Kind::Int,
                "longConf" => said.entry.kind = Kind::Long,
                "doubleConf" => said.entry.kind = Kind::Double,
                "booleanConf" => said.entry.kind = Kind::Bool,
                // An enumeration's words are told apart without regard to case (ConfigHelpers.toEnum).
                "enumConf" => {
                    said.entry.folds_case = true;
                    said.entry.choices = argument(0).and_then(|set| self.members(set, far)).unwrap_or_default();
                }
                "timeConf" => said.entry.kind = Kind::Time(milliseconds(argument(0)?)?),
                "bytesConf" => said.entry.kind = Kind::Bytes(size(argument(0)?)?),
                _ if is_builder(call) => return self.key(call, &[], far),
                _ => {}
            }
            value = on()?;
        }
    }

    /// The key that the call which makes a builder gives it.
    fn key(&self, call: &Call, parameters: &[Option<String>], far: u8) -> Option<String> {
        let far = self.step(far)?;
        let arguments: Vec<Option<String>> =
            call.arguments.iter().map(|argument| self.text(argument, parameters, far)).collect();
        if call.class == BUILDER && call.name == "<init>" {
            return arguments.into_iter().next()?;
        }
        // A method of somebody's that makes the builder.
        let mut made = self.got(call)?;
        loop {
            let Value::Call(inner) = made else { return None };
            if is_builder(inner) {
                return self.key(inner, &arguments, far);
            }
            made = inner.receiver.as_ref()?;
        }
    }

    /// `checkValue(predicate, words)`.
    fn checked(&self, call: &Call, said: &mut Said, far: u8) {
        let [Value::Function(class, name), words] = call.arguments.as_slice() else { return };
        let Some(class) = self.classes.get(&**class) else { return };
        let name = name.strip_suffix("$adapted").unwrap_or(name);
        if let Some(ranges) = class.ranges.get(name) {
            let ranges: Ranges = ranges.clone();
            said.entry.ranges.push((ranges, self.text(words, &[], far).unwrap_or_default()));
        }
    }

    /// The texts of a set, where all of them are known.
    fn members(&self, value: &Value, far: u8) -> Option<Vec<String>> {
        let far = self.step(far)?;
        match value {
            Value::List(values) => values.iter().map(|value| self.text(value, &[], far)).collect(),
            Value::Field(class, name) if &**name == "MODULE$" => self.enumeration(class),
            Value::Call(call) if matches!(call.name.as_str(), "map" | "values") => {
                self.members(call.receiver.as_ref()?, far)
            }
            Value::Call(call) => call.arguments.iter().find_map(|argument| self.members(argument, far)),
            _ => None,
        }
    }

    /// The words of a Scala enumeration: each is a field, made by `Value` with its word, or with the field's
    /// name for one.
    fn enumeration(&self, class: &str) -> Option<Vec<String>> {
        let is_value = |value: &Value| matches!(value, Value::Call(call) if call.name == "Value");
        let fields = self.classes.get(class)?.fields.iter().filter(|(_, value)| is_value(value));
        let words: Vec<String> = fields.filter_map(|(name, value)| self.word(name, value)).collect();
        (!words.is_empty()).then_some(words)
    }

    fn word(&self, name: &str, value: &Value) -> Option<String> {
        let Value::Call(call) = value else { return None };
        let own = call
            .arguments
            .iter()
            .find_map(|argument| self.text(argument, &[], FAR).filter(|text| text.parse::<i64>().is_err()));
        Some(own.unwrap_or_else(|| name.to_owned()))
    }

    /// The word of one value of an enumeration, which a method of its name returns.
    fn value_of_enumeration(&self, got: &Call) -> Option<String> {
        let value = self.classes.get(got.class.as_str())?.fields.get(&got.name)?;
        self.word(&got.name, value)
    }

    /// `new key -> Seq(AlternateConfig(old key, version, …))`.
    fn alternatives(&self, pair: &Call, known: &mut Known) {
        let [key, alternatives] = pair.arguments.as_slice() else { return };
        let plain = |value: &Value| match value {
            Value::Call(call) if call.name == "ArrowAssoc" => {
                call.arguments.first().and_then(|key| self.text(key, &[], FAR))
            }
            value => self.text(value, &[], FAR),
        };
        let Some(instead) = plain(key) else { return };
        for old in self.made_of(alternatives, SPARK_ALTERNATE) {
            if let [Some(key), Some(version), _] = self.texts(&old.arguments).as_slice() {
                let deprecated =
                    Deprecated { version: version.clone(), instead: Some(instead.clone()), comment: String::new() };
                known.deprecated.insert(key.clone(), deprecated);
            }
        }
    }

    /// The objects of a class among lists and arguments; calls do not nest deep.
    fn made_of<'v>(&self, value: &'v Value, class: &str) -> Vec<&'v Call> {
        if self.step(1).is_none() {
            return Vec::new();
        }
        match value {
            Value::Call(call) if call.class == class && call.name == "<init>" => vec![call],
            Value::Call(call) => {
                call.arguments.iter().chain(&call.receiver).flat_map(|value| self.made_of(value, class)).collect()
            }
            Value::List(values) => values.iter().flat_map(|value| self.made_of(value, class)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether a call makes a builder, other than by changing one.
fn is_builder(call: &Call) -> bool {
    let returns = call.descriptor.strip_suffix(';').is_some_and(|text| text.ends_with(BUILDER));
    call.class == BUILDER && call.name == "<init>" || returns && call.class != BUILDER
}

/// What a value is for a method of `SparkConf` that asks for it.
fn asked_as(method: &str) -> Option<Kind> {
    Some(match method {
        "getBoolean" => Kind::Bool,
        "getInt" => Kind::Int,
        "getLong" => Kind::Long,
        "getDouble" => Kind::Double,
        "getTimeAsMs" => Kind::Time(1.0),
        "getTimeAsSeconds" => Kind::Time(1e3),
        "getSizeAsBytes" => Kind::Bytes(1),
        "getSizeAsKb" => Kind::Bytes(1 << 10),
        "getSizeAsMb" => Kind::Bytes(1 << 20),
        "getSizeAsGb" => Kind::Bytes(1 << 30),
        _ => return None,
    })
}

fn milliseconds(unit: &Value) -> Option<f64> {
    let Value::Field(_, name) = unit else { return None };
    Some(match &**name {
        "NANOSECONDS" => 1e-6,
        "MICROSECONDS" => 1e-3,
        "MILLISECONDS" => 1.0,
        "SECONDS" => 1e3,
        "MINUTES" => 6e4,
        "HOURS" => 3.6e6,
        "DAYS" => 8.64e7,
        _ => return None,
    })
}

fn size(unit: &Value) -> Option<u64> {
    let Value::Field(_, name) = unit else { return None };
    let power = ["BYTE", "KiB", "MiB", "GiB", "TiB", "PiB"].iter().position(|unit| *unit == &**name)?;
    Some(1 << (10 * power))
}

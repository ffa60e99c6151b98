//! Following the instructions of a method (JVMS 6.5) as far as they are straight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::bytes::{Cursor, be16, be32};
use super::super::class::code::{operand, switch_targets};
use super::super::class::pool::tag;
use super::super::class::{ClassFile, Code, Member, Pool, descriptor, flag};
use super::range::ranges;
use super::{Call, Look, Traced, Value, is_wanted};

/// How deep calls may nest before a value counts as unknown.
const DEEPEST: u16 = 64;
/// How many values a list or a text may be put together from.
const WIDEST: usize = 256;
/// How many texts of one class are kept that are not known in full.
const MOST_JOINED: usize = 1000;
/// How many objects one method may make before it is left.
const MOST_OBJECTS: usize = 50_000;

/// Follows every method of a class.
pub(super) fn traced(class: &ClassFile<'_>, look: &Look<'_>) -> Traced {
    let mut traced = Traced { name: text(class.name()), ..Traced::default() };
    for method in &class.methods {
        let (Some(code), Some(name), Some(descriptor)) =
            (&method.code, class.pool.utf8(method.name), class.pool.utf8(method.descriptor))
        else {
            continue;
        };
        if matches!(descriptor, b"(I)Z" | b"(J)Z" | b"(D)Z")
            && method.flags & flag::STATIC != 0
            && let Some(ranges) = ranges(code, &class.pool, descriptor != b"(D)Z")
        {
            traced.ranges.insert(text(name), ranges);
        }
        let mut frame = Frame {
            pool: &class.pool,
            bootstraps: bootstraps(class.attributes.bootstrap_methods),
            look,
            parameters: parameters(method, descriptor),
            stack: Vec::new(),
            locals: BTreeMap::new(),
            objects: Vec::new(),
            is_straight: true,
            traced: &mut traced,
        };
        frame.follow(code, &format!("{}{}", text(name), text(descriptor)));
    }
    traced
}

/// The class that a method with this descriptor returns.
pub(super) fn returned_class(descriptor: &[u8]) -> Option<&[u8]> {
    descriptor::method(descriptor)?.1.strip_prefix(b"L")?.strip_suffix(b";")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Which local variable is which parameter (JVMS 2.6.1); `this` is none.
fn parameters(method: &Member<'_>, descriptor: &[u8]) -> BTreeMap<u16, u16> {
    let mut slot = u16::from(method.flags & flag::STATIC == 0);
    let mut found = BTreeMap::new();
    let Some((types, _)) = descriptor::method(descriptor) else { return found };
    for (number, of) in (0..).zip(types) {
        found.insert(slot, number);
        slot = slot.saturating_add(if matches!(of, b"J" | b"D") { 2 } else { 1 });
    }
    found
}

/// Each bootstrap method's handle with its arguments (JVMS 4.7.23).
fn bootstraps(bytes: &[u8]) -> Vec<(u16, Vec<u16>)> {
    let mut cursor = Cursor::new(bytes);
    let read = |cursor: &mut Cursor<'_>| {
        let handle = cursor.u2()?;
        let count = usize::from(cursor.u2()?);
        let arguments = super::super::class::indices(cursor.take(count * 2)?).collect();
        Some((handle, arguments))
    };
    let count = cursor.u2().unwrap_or(0);
    (0..count).map_while(|_| read(&mut cursor)).collect()
}

/// The number that an instruction pushes.
pub(super) fn number(code: &[u8], at: usize, pool: &Pool<'_>) -> Option<f64> {
    match constant(code, at, pool)? {
        #[expect(clippy::cast_precision_loss, reason = "bounds of settings lie far below 2^53")]
        Value::Int(number) => Some(number as f64),
        Value::Double(number) => Some(number),
        _ => None,
    }
}

/// The constant that an instruction pushes.
fn constant(code: &[u8], at: usize, pool: &Pool<'_>) -> Option<Value> {
    let opcode = *code.get(at)?;
    let small = i64::from(opcode);
    Some(match opcode {
        0x02..=0x08 => Value::Int(small - 3),
        0x09 | 0x0a => Value::Int(small - 9),
        0x0b..=0x0d => Value::Double(f64::from(opcode - 0x0b)),
        0x0e | 0x0f => Value::Double(f64::from(opcode - 0x0e)),
        0x10 => Value::Int(i64::from(code.get(at + 1)?.cast_signed())),
        0x11 => Value::Int(i64::from(be16(code, at + 1)?.cast_signed())),
        0x12 => pooled(u16::from(*code.get(at + 1)?), pool),
        0x13 | 0x14 => pooled(operand(code, at)?, pool),
        _ => return None,
    })
}

fn pooled(index: u16, pool: &Pool<'_>) -> Value {
    let string = || pool.string(index).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match pool.tag(index) {
        tag::STRING => string().map_or(Value::Unknown, |text| Value::Text(text.into())),
        tag::INTEGER | tag::LONG => pool.integer(index).map_or(Value::Unknown, Value::Int),
        tag::FLOAT | tag::DOUBLE => pool.float(index).map_or(Value::Unknown, Value::Double),
        _ => Value::Unknown,
    }
}

/// An object of the method that is being followed.
enum Object {
    /// `new`, before its constructor ran.
    New,
    Made(Arc<Call>),
    /// A `StringBuilder`.
    Builder(Vec<Value>),
    Array(Vec<Value>),
}

/// What is on the stack: a value, or an object that may still change.
#[derive(Clone)]
enum Slot {
    Value(Value),
    Object(usize),
}

struct Frame<'a, 'b> {
    pool: &'a Pool<'a>,
    bootstraps: Vec<(u16, Vec<u16>)>,
    look: &'a Look<'a>,
    parameters: BTreeMap<u16, u16>,
    stack: Vec<Slot>,
    locals: BTreeMap<u16, Slot>,
    objects: Vec<Object>,
    /// Whether no branch was met yet.
    is_straight: bool,
    traced: &'b mut Traced,
}

/// Where a jump may lead to.
fn jumps(code: &[u8], at: usize, opcode: u8) -> Vec<usize> {
    let target = |by: i32| isize::try_from(by).ok().and_then(|by| at.checked_add_signed(by));
    let by = match opcode {
        0x99..=0xa8 | 0xc6 | 0xc7 => vec![be16(code, at + 1).map_or(0, |by| i32::from(by.cast_signed()))],
        0xc8 | 0xc9 => vec![be32(code, at + 1).map_or(0, u32::cast_signed)],
        0xaa | 0xab => switch_targets(code, at).unwrap_or_default(),
        _ => return Vec::new(),
    };
    by.into_iter().filter_map(target).collect()
}

/// Whether control goes on behind an instruction.
fn goes_on(opcode: u8) -> bool {
    !matches!(opcode, 0xa7 | 0xaa | 0xab | 0xac..=0xb1 | 0xbf | 0xc8)
}

/// What both ways into an instruction have on the stack: what lies below was there before they parted.
fn joined(one: &[Slot], other: &[Slot]) -> Vec<Slot> {
    let is_same = |pair: (&Slot, &Slot)| match pair {
        (Slot::Object(a), Slot::Object(b)) => a == b,
        (Slot::Value(Value::Call(a)), Slot::Value(Value::Call(b))) => Arc::ptr_eq(a, b),
        _ => false,
    };
    let slots = one.iter().zip(other);
    slots.map(|(a, b)| if is_same((a, b)) { a.clone() } else { Slot::Value(Value::Unknown) }).collect()
}

impl Frame<'_, '_> {
    fn follow(&mut self, code: &Code<'_>, method: &str) {
        let mut arriving: BTreeMap<usize, Vec<Slot>> =
            code.handlers().map(|handler| (usize::from(handler.target), vec![Slot::Value(Value::Unknown)])).collect();
        let targets: BTreeSet<usize> =
            code.instructions().flat_map(|(at, opcode)| jumps(code.bytes, at, opcode)).collect();
        let mut is_reached = true;
        for (at, opcode) in code.instructions() {
            if let Some(stack) = arriving.remove(&at) {
                self.stack = if is_reached { joined(&self.stack, &stack) } else { stack };
                is_reached = true;
            }
            if targets.contains(&at) {
                self.locals.clear();
                self.is_straight = false;
            }
            if self.objects.len() > MOST_OBJECTS {
                return;
            }
            if !is_reached {
                continue;
            }
            match constant(code.bytes, at, self.pool) {
                Some(value) => self.push(value),
                None => self.step(code.bytes, at, opcode, method),
            }
            for target in jumps(code.bytes, at, opcode).into_iter().filter(|target| *target > at) {
                let stack = match arriving.remove(&target) {
                    Some(before) => joined(&self.stack, &before),
                    None => self.stack.clone(),
                };
                arriving.insert(target, stack);
            }
            is_reached = goes_on(opcode);
        }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Slot::Value(value));
    }

    fn pop_slot(&mut self) -> Slot {
        self.stack.pop().unwrap_or(Slot::Value(Value::Unknown))
    }

    fn pop(&mut self) -> Value {
        let slot = self.pop_slot();
        self.settled(slot)
    }

    fn drop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    fn object(&mut self, object: Object) {
        self.objects.push(object);
        self.stack.push(Slot::Object(self.objects.len() - 1));
    }

    /// The value that a slot has come to.
    fn settled(&self, slot: Slot) -> Value {
        let at = match slot {
            Slot::Value(value) => return value,
            Slot::Object(at) => at,
        };
        match self.objects.get(at) {
            None | Some(Object::New) => Value::Unknown,
            Some(Object::Made(call)) => Value::Call(call.clone()),
            Some(Object::Array(values)) => Value::List(values.as_slice().into()),
            Some(Object::Builder(parts)) => match parts.as_slice() {
                [Value::Text(text)] => Value::Text(text.clone()),
                parts => Value::Concat(parts.into()),
            },
        }
    }

    fn load(&self, local: u16) -> Slot {
        let parameter = || self.parameters.get(&local).filter(|_| self.is_straight);
        self.locals
            .get(&local)
            .cloned()
            .unwrap_or_else(|| Slot::Value(parameter().map_or(Value::Unknown, |number| Value::Parameter(*number))))
    }

    fn step(&mut self, code: &[u8], at: usize, opcode: u8, method: &str) {
        let local = |code: &[u8]| u16::from(code.get(at + 1).copied().unwrap_or(0));
        match opcode {
            // A jump takes nothing from the stack, a cast leaves what it found, and a conversion that loses bits is
            // not met in a setting.
            0x00 | 0x85..=0x93 | 0xa7 | 0xc0 | 0xc8 => {}
            0x01 => self.push(Value::Unknown),
            0x15..=0x19 => self.stack.push(self.load(local(code))),
            0x1a..=0x2d => self.stack.push(self.load(u16::from((opcode - 0x1a) % 4))),
            0x36..=0x3a => self.store(local(code)),
            0x3b..=0x4e => self.store(u16::from((opcode - 0x3b) % 4)),
            0x4f..=0x56 => self.store_in_array(),
            0x57 | 0x99..=0x9e | 0xaa | 0xab | 0xc2 | 0xc3 | 0xc6 | 0xc7 => self.drop(1),
            0x59 => self.stack.extend(self.stack.last().cloned()),
            0x60..=0x73 | 0x78..=0x83 => self.arithmetic(opcode),
            0x2e..=0x35 | 0x94..=0x98 => self.replace(2),
            0x74..=0x77 | 0xbc | 0xbe | 0xc1 => self.replace(1),
            0x84 => drop(self.locals.insert(local(code), Slot::Value(Value::Unknown))),
            0x9f..=0xa6 => self.drop(2),
            0xac..=0xb0 => self.give_back(method),
            0xb2 | 0xb4 => self.read_field(code, at, opcode),
            0xb3 | 0xb5 => self.write_field(code, at, opcode),
            0xb6..=0xb9 => self.call(code, at, opcode),
            0xba => self.call_dynamic(code, at),
            0xbb => self.object(Object::New),
            0xbd => {
                self.drop(1);
                self.object(Object::Array(Vec::new()));
            }
            // Whatever else there is, its effect on the stack is not told apart.
            _ => self.stack.clear(),
        }
    }

    /// So many operands become something unknown.
    fn replace(&mut self, count: usize) {
        self.drop(count);
        self.push(Value::Unknown);
    }

    fn store(&mut self, local: u16) {
        let slot = self.pop_slot();
        self.locals.insert(local, slot);
    }

    fn store_in_array(&mut self) {
        let (value, index, array) = (self.pop(), self.pop(), self.pop_slot());
        if let (Slot::Object(at), Value::Int(index)) = (array, index)
            && let Some(Object::Array(values)) = self.objects.get_mut(at)
            && usize::try_from(index) == Ok(values.len())
            && values.len() < WIDEST
        {
            // Lists of lists hold no settings; none nests.
            values.push(if matches!(value, Value::List(_)) { Value::Unknown } else { value });
        }
    }

    fn arithmetic(&mut self, opcode: u8) {
        let (right, left) = (self.pop(), self.pop());
        let folded = match (left, right, opcode) {
            (Value::Int(a), Value::Int(b), 0x60 | 0x61) => a.checked_add(b),
            (Value::Int(a), Value::Int(b), 0x64 | 0x65) => a.checked_sub(b),
            (Value::Int(a), Value::Int(b), 0x68 | 0x69) => a.checked_mul(b),
            _ => None,
        };
        self.push(folded.map_or(Value::Unknown, Value::Int));
    }

    fn give_back(&mut self, method: &str) {
        let value = self.pop();
        if self.is_straight && !matches!(value, Value::Unknown) {
            self.traced.returns.entry(method.to_owned()).or_insert(value);
        }
    }

    /// Class, name and descriptor that an instruction names.
    fn member(&self, code: &[u8], at: usize) -> Option<(String, String, String)> {
        let (class, name, descriptor) = self.pool.member(operand(code, at)?)?;
        let class = self.pool.class_name(class)?;
        Some((text(class), text(self.pool.utf8(name)?), text(self.pool.utf8(descriptor)?)))
    }

    fn read_field(&mut self, code: &[u8], at: usize, opcode: u8) {
        self.drop(usize::from(opcode == 0xb4));
        let field = self.member(code, at);
        self.push(field.map_or(Value::Unknown, |(class, name, _)| Value::Field(class.into(), name.into())));
    }

    fn write_field(&mut self, code: &[u8], at: usize, opcode: u8) {
        let value = self.pop();
        self.drop(usize::from(opcode == 0xb5));
        if let Some((class, name, _)) = self.member(code, at)
            && class == self.traced.name
            && !matches!(value, Value::Unknown)
        {
            self.traced.fields.entry(name).or_insert(value);
        }
    }

    fn call(&mut self, code: &[u8], at: usize, opcode: u8) {
        let Some((class, name, descriptor)) = self.member(code, at) else { return self.stack.clear() };
        let Some((parameters, _)) = descriptor::method(descriptor.as_bytes()) else { return self.stack.clear() };
        let mut arguments: Vec<Value> = parameters.map(|_| self.pop()).collect();
        arguments.reverse();
        let receiver = (opcode != 0xb8).then(|| self.pop_slot());
        match (class.as_str(), name.as_str(), &receiver) {
            ("java/lang/StringBuilder", "<init>", &Some(Slot::Object(object))) => {
                let begin = arguments.into_iter().filter(|value| matches!(value, Value::Text(_))).collect();
                return self.become_object(object, Object::Builder(begin));
            }
            ("java/lang/StringBuilder", "append", &Some(Slot::Object(object))) => {
                if let Some(Object::Builder(parts)) = self.objects.get_mut(object) {
                    for argument in &arguments {
                        append(parts, argument);
                    }
                    return self.stack.push(Slot::Object(object));
                }
            }
            ("java/lang/StringBuilder", "toString", &Some(Slot::Object(object))) => {
                let whole = self.settled(Slot::Object(object));
                self.keep_joined(&whole);
                return self.push(whole);
            }
            // A boxed number is the number.
            ("scala/runtime/BoxesRunTime", _, _) | ("java/lang/Integer" | "java/lang/Long", "valueOf", None) => {
                return self.push(arguments.pop().unwrap_or(Value::Unknown));
            }
            _ => {}
        }
        // A trait gives its constants to the class that has them (scalac: "_setter_").
        if let (Some((_, field)), [value]) = (name.split_once("_setter_$"), arguments.as_slice())
            && !matches!(value, Value::Unknown)
        {
            let field = field.strip_suffix("_$eq").unwrap_or(field).to_owned();
            self.traced.fields.entry(field).or_insert(value.clone());
        }
        if name == "<init>" {
            let call = self.made(class, name, descriptor, None, arguments);
            if let (Some(Slot::Object(object)), Some(call)) = (receiver, call) {
                self.become_object(object, Object::Made(call));
            }
            return;
        }
        let receiver = receiver.map(|slot| self.settled(slot));
        let is_void = descriptor.ends_with(")V");
        let call = self.made(class, name, descriptor, receiver, arguments);
        if !is_void {
            self.push(call.map_or(Value::Unknown, Value::Call));
        }
    }

    fn become_object(&mut self, at: usize, object: Object) {
        if let Some(place) = self.objects.get_mut(at) {
            *place = object;
        }
    }

    /// The call as a value, unless it nests too deep; a wanted one is kept.
    fn made(
        &mut self,
        class: String,
        name: String,
        descriptor: String,
        receiver: Option<Value>,
        arguments: Vec<Value>,
    ) -> Option<Arc<Call>> {
        let depth = 1 + receiver.iter().chain(&arguments).map(depth).max().unwrap_or(0);
        if depth > DEEPEST {
            return None;
        }
        let made = if name == "<init>" { Some(class.as_bytes()) } else { returned_class(descriptor.as_bytes()) };
        let is_asked = self.look.asked.contains(&class.as_str());
        let is_kept = is_asked
            || made.is_some_and(|made| {
                is_wanted(made, self.look) || self.look.beside.iter().any(|beside| beside.as_bytes() == made)
            });
        let call = Arc::new(Call { class, name, descriptor, receiver, arguments, depth });
        if is_kept {
            self.traced.made.push(call.clone());
        }
        Some(call)
    }

    fn call_dynamic(&mut self, code: &[u8], at: usize) {
        let Some(index) = operand(code, at) else { return self.stack.clear() };
        let descriptor = self.pool.dynamic(index).and_then(|index| self.pool.utf8(index)).unwrap_or_default();
        let Some((parameters, _)) = descriptor::method(descriptor) else { return self.stack.clear() };
        let mut arguments: Vec<Value> = parameters.map(|_| self.pop()).collect();
        arguments.reverse();
        let value = self.bootstrapped(index, arguments).unwrap_or(Value::Unknown);
        self.keep_joined(&value);
        self.push(value);
    }

    fn keep_joined(&mut self, value: &Value) {
        if matches!(value, Value::Concat(_)) && self.traced.joined.len() < MOST_JOINED {
            self.traced.joined.push(value.clone());
        }
    }

    /// What the two bootstrap methods of compilers make: a function, and a text put together.
    fn bootstrapped(&self, index: u16, arguments: Vec<Value>) -> Option<Value> {
        let (_, constants) = self.bootstraps.get(usize::from(self.pool.bootstrap(index)?))?;
        let mut arguments = arguments.into_iter();
        if let Some(recipe) = constants.first().and_then(|&first| self.pool.string(first)) {
            // StringConcatFactory: \1 stands for an argument, \2 for a constant.
            let recipe = std::str::from_utf8(recipe).ok()?;
            let mut parts = Vec::new();
            let mut plain = String::new();
            for c in recipe.chars() {
                if matches!(c, '\u{1}' | '\u{2}') {
                    append(&mut parts, &Value::Text(std::mem::take(&mut plain).into()));
                    append(&mut parts, &arguments.next().filter(|_| c == '\u{1}').unwrap_or(Value::Unknown));
                } else {
                    plain.push(c);
                }
            }
            append(&mut parts, &Value::Text(plain.into()));
            return Some(Value::Concat(parts.into()));
        }
        // LambdaMetafactory: the method behind the function.
        let (_, member) = constants.iter().find_map(|&constant| self.pool.method_handle(constant))?;
        let (class, name, _) = self.pool.member(member)?;
        let name = text(self.pool.utf8(name)?);
        Some(Value::Function(text(self.pool.class_name(class)?).into(), name.into()))
    }
}

/// Puts a value behind the parts of a text: a text's own parts in its place, so that texts do not nest.
fn append(parts: &mut Vec<Value>, value: &Value) {
    let own = match value {
        Value::Concat(own) => own,
        Value::List(_) => &[Value::Unknown][..],
        _ => std::slice::from_ref(value),
    };
    parts.extend(own.iter().cloned());
    if parts.len() > WIDEST {
        parts.truncate(WIDEST - 1);
        parts.push(Value::Unknown);
    }
}

/// How deep calls nest in a value; lists and texts hold no lists and texts.
fn depth(value: &Value) -> u16 {
    match value {
        Value::Call(call) => call.depth,
        Value::List(values) | Value::Concat(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

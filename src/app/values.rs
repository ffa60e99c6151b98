//! Expressions whose value the text tells: literals, names bound once to one, and what is put together of those.

use std::cell::Cell;
use std::ops::Range;

use ruff_python_ast::{self as ast, Expr, FStringPart, InterpolatedStringElement, Number, Operator, UnaryOp};
use ruff_text_size::Ranged;

use super::names::{Bound, Names};
use super::parse::span;
use super::program::Program;

/// Names that are followed from one expression.
const DEPTH: usize = 16;
/// Expressions that are looked at for one value.
const STEPS: u32 = 20_000;
/// Bytes of a text; a longer one is no setting.
const TEXT: usize = 1 << 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A number as Python prints it.
    Number(String),
    Bool(bool),
    None,
    /// A list or a tuple.
    List(Vec<Known>),
    /// A dict, in its order.
    Map(Vec<(Known, Known)>),
}

/// A value where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// `None` where only a run would tell.
    pub(super) value: Option<Value>,
    pub(super) span: Range<usize>,
    /// Whether it is that in every run.
    pub(super) sure: bool,
}

impl Known {
    /// The string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// As PySpark makes a setting's text of it (`pyspark.sql.conf`, `to_str`).
    pub(super) fn setting(&self) -> Option<String> {
        match self.value.as_ref()? {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::None | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Looks at one expression of one file.
pub(super) struct Fold<'p, 'a> {
    program: &'p Program<'a>,
    steps: Cell<u32>,
    /// Whether something was taken that another run might have otherwise.
    guessed: Cell<bool>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Number of the file.
    pub(super) file: usize,
    /// Number of the scope.
    pub(super) scope: usize,
    depth: usize,
}

impl Place {
    pub(super) fn new(file: usize, scope: usize) -> Self {
        Self { file, scope, depth: 0 }
    }
}

/// What the expression's value is.
pub(super) fn fold(program: &Program<'_>, place: Place, expr: &Expr) -> Known {
    Fold { program, steps: Cell::new(STEPS), guessed: Cell::new(false) }.known(place, expr)
}

impl<'a> Fold<'_, 'a> {
    fn known(&self, place: Place, expr: &Expr) -> Known {
        let outer = self.guessed.replace(false);
        let value = self.value(place, expr);
        let sure = !self.guessed.get();
        self.guessed.set(outer || !sure);
        Known { value, span: span(expr.range()), sure }
    }

    fn value(&self, place: Place, expr: &Expr) -> Option<Value> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        match expr {
            Expr::StringLiteral(literal) => text(literal.value.to_str().to_owned()),
            Expr::NumberLiteral(literal) => number(&literal.value),
            Expr::BooleanLiteral(literal) => Some(Value::Bool(literal.value)),
            Expr::NoneLiteral(_) => Some(Value::None),
            Expr::FString(string) => self.f_string(place, string),
            Expr::Tuple(tuple) => Some(self.list(place, &tuple.elts)),
            Expr::List(list) => Some(self.list(place, &list.elts)),
            Expr::Dict(dict) => self.map(place, dict),
            Expr::Name(name) => self.name(place, &name.id),
            Expr::Attribute(attribute) => {
                let dotted = self.names(place)?.qualified(expr, place.scope)?;
                self.imported(place, &dotted, attribute.attr.as_str())
            }
            Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => match self.value(place, &unary.operand)? {
                Value::Number(number) => Some(Value::Number(format!("-{number}"))),
                _ => None,
            },
            Expr::BinOp(binary) => self.binary(place, binary),
            // Either may be, so the first that is not empty is a guess.
            Expr::BoolOp(either) if either.op == ast::BoolOp::Or => {
                let found = either.values.iter().filter_map(|value| self.value(place, value));
                let found = found.filter(|value| *value != Value::None && *value != Value::Text(String::new())).last();
                self.guessed.set(true);
                found
            }
            Expr::Call(call) => self.call(place, call),
            Expr::Subscript(subscript) => self.subscript(place, subscript),
            _ => None,
        }
    }

    fn names(&self, place: Place) -> Option<&Names<'a>> {
        Some(&self.program.tree(place.file)?.names)
    }

    fn list(&self, place: Place, elements: &[Expr]) -> Value {
        Value::List(elements.iter().map(|element| self.known(place, element)).collect())
    }

    fn map(&self, place: Place, dict: &ast::ExprDict) -> Option<Value> {
        let mut items = Vec::new();
        for item in &dict.items {
            match &item.key {
                Some(key) => items.push((self.known(place, key), self.known(place, &item.value))),
                // `**other`
                None => match self.value(place, &item.value)? {
                    Value::Map(more) => items.extend(more),
                    _ => return None,
                },
            }
        }
        Some(Value::Map(items))
    }

    fn name(&self, place: Place, name: &str) -> Option<Value> {
        let depth = place.depth + 1;
        if depth > DEPTH {
            return None;
        }
        match self.names(place)?.find(name, place.scope)? {
            (Bound::Once(expr), scope) => self.value(Place { scope, depth, ..place }, expr),
            (Bound::Import(dotted), _) => {
                let (_, name) = dotted.rsplit_once('.')?;
                self.imported(place, dotted, name)
            }
            (Bound::Open, _) => None,
        }
    }

    /// A name of one of the app's own modules.
    fn imported(&self, place: Place, dotted: &str, name: &str) -> Option<Value> {
        let (module, _) = dotted.rsplit_once('.')?;
        let file = self.program.module(module, place.file)?;
        self.name(Place { file, scope: 0, depth: place.depth + 1 }, name)
    }

    fn binary(&self, place: Place, binary: &ast::ExprBinOp) -> Option<Value> {
        let left = self.value(place, &binary.left)?;
        match (binary.op, left) {
            (Operator::Add, Value::Text(left)) => match self.value(place, &binary.right)? {
                Value::Text(right) => text(left + &right),
                _ => None,
            },
            (Operator::Add, Value::List(mut left)) => match self.value(place, &binary.right)? {
                Value::List(right) => {
                    left.extend(right);
                    Some(Value::List(left))
                }
                _ => None,
            },
            // `Path("/app") / "x"`
            (Operator::Div, Value::Text(left)) => match self.value(place, &binary.right)? {
                Value::Text(right) => text(path_join(&left, &right)),
                _ => None,
            },
            (Operator::Mod, Value::Text(left)) => {
                let right = match self.value(place, &binary.right)? {
                    Value::List(items) => items.iter().map(Known::setting).collect::<Option<Vec<_>>>()?,
                    other => vec![printed(&other)?],
                };
                percent(&left, &right)
            }
            (Operator::BitOr, Value::Map(mut left)) => match self.value(place, &binary.right)? {
                Value::Map(right) => {
                    left.extend(right);
                    Some(Value::Map(left))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn f_string(&self, place: Place, string: &ast::ExprFString) -> Option<Value> {
        let mut whole = String::new();
        for part in &string.value {
            match part {
                FStringPart::Literal(literal) => whole.push_str(literal.as_str()),
                FStringPart::FString(string) => {
                    for element in &string.elements {
                        match element {
                            InterpolatedStringElement::Literal(literal) => whole.push_str(&literal.value),
                            InterpolatedStringElement::Interpolation(inner)
                                if inner.format_spec.is_none() && inner.debug_text.is_none() =>
                            {
                                whole.push_str(&printed(&self.value(place, &inner.expression)?)?);
                            }
                            InterpolatedStringElement::Interpolation(_) => return None,
                        }
                    }
                }
            }
        }
        text(whole)
    }

    fn call(&self, place: Place, call: &ast::ExprCall) -> Option<Value> {
        let arguments = &call.arguments;
        let first = || arguments.args.first();
        let name = self.names(place)?.qualified(&call.func, place.scope);
        match name.as_deref() {
            Some("os.environ.get" | "os.getenv") => return self.variable(place, first()?, arguments.args.get(1)),
            Some("os.path.join" | "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath") => {
                let mut whole: Option<String> = None;
                for part in &arguments.args {
                    let Value::Text(part) = self.value(place, part)? else { return None };
                    whole = Some(whole.map_or_else(|| part.clone(), |whole| path_join(&whole, &part)));
                }
                return text(whole?);
            }
            _ => {}
        }
        match &*call.func {
            Expr::Name(name) if matches!(name.id.as_str(), "str" | "int" | "dict" | "list" | "tuple") => {
                self.conversion(place, name.id.as_str(), arguments)
            }
            Expr::Attribute(method) => self.method(place, method, arguments),
            _ => None,
        }
    }

    fn conversion(&self, place: Place, name: &str, arguments: &ast::Arguments) -> Option<Value> {
        match (name, &*arguments.args, arguments.keywords.is_empty()) {
            ("str", [one], true) => text(printed(&self.value(place, one)?)?),
            ("int", [one], true) => match self.value(place, one)? {
                Value::Number(digits) | Value::Text(digits) => {
                    digits.parse::<i64>().ok().map(|n| Value::Number(n.to_string()))
                }
                _ => None,
            },
            ("dict", [], false) => {
                let item = |keyword: &ast::Keyword| {
                    let key = keyword.arg.as_ref()?;
                    let known = Known { value: text(key.to_string()), span: span(key.range()), sure: true };
                    Some((known, self.known(place, &keyword.value)))
                };
                arguments.keywords.iter().map(item).collect::<Option<Vec<_>>>().map(Value::Map)
            }
            ("list" | "tuple", [one], true) => match self.value(place, one)? {
                list @ Value::List(_) => Some(list),
                _ => None,
            },
            _ => None,
        }
    }

    fn method(&self, place: Place, method: &ast::ExprAttribute, arguments: &ast::Arguments) -> Option<Value> {
        let own = self.value(place, &method.value)?;
        match (method.attr.as_str(), own, &*arguments.args) {
            ("items", Value::Map(items), []) => {
                let pair = |(key, value): (Known, Known)| {
                    let (span, sure) = (value.span.clone(), key.sure && value.sure);
                    Known { value: Some(Value::List(vec![key, value])), span, sure }
                };
                Some(Value::List(items.into_iter().map(pair).collect()))
            }
            ("join", Value::Text(between), [list]) => match self.value(place, list)? {
                Value::List(items) => {
                    let parts = items.iter().map(|item| item.text()).collect::<Option<Vec<_>>>()?;
                    text(parts.join(&between))
                }
                _ => None,
            },
            ("format", Value::Text(form), values) => self.format(place, &form, values, arguments),
            ("strip", Value::Text(own), []) => text(own.trim().to_owned()),
            ("lower", Value::Text(own), []) => text(own.to_lowercase()),
            ("copy", map @ Value::Map(_), []) => Some(map),
            _ => None,
        }
    }

    /// `str.format` with plain fields: `{}`, `{0}`, `{name}`.
    fn format(&self, place: Place, form: &str, values: &[Expr], arguments: &ast::Arguments) -> Option<Value> {
        let mut whole = String::new();
        let mut rest = form;
        let mut next = 0;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(open);
            whole.push_str(before);
            if after.starts_with("{{") || after.starts_with("}}") {
                whole.push_str(after.get(..1)?);
                rest = after.get(2..)?;
                continue;
            }
            let (field, tail) = after.strip_prefix('{')?.split_once('}')?;
            let value = if field.is_empty() {
                next += 1;
                values.get(next - 1)?
            } else if let Ok(index) = field.parse::<usize>() {
                values.get(index)?
            } else {
                &arguments.find_keyword(field)?.value
            };
            whole.push_str(&printed(&self.value(place, value)?)?);
            rest = tail;
        }
        whole.push_str(rest);
        text(whole)
    }

    fn subscript(&self, place: Place, subscript: &ast::ExprSubscript) -> Option<Value> {
        if self.names(place)?.qualified(&subscript.value, place.scope).as_deref() == Some("os.environ") {
            return self.variable(place, &subscript.slice, None);
        }
        let own = self.value(place, &subscript.value)?;
        match (own, self.value(place, &subscript.slice)?) {
            (Value::Map(items), key) => {
                let found = items.into_iter().rev().find(|(known, _)| known.value.as_ref() == Some(&key));
                found.and_then(|(_, known)| known.value)
            }
            (Value::List(items), Value::Number(index)) => items.get(index.parse::<usize>().ok()?)?.value.clone(),
            _ => None,
        }
    }

    /// A variable of the environment: what the image bakes, else the default, which a deployment may change.
    fn variable(&self, place: Place, name: &Expr, default: Option<&Expr>) -> Option<Value> {
        let Value::Text(name) = self.value(place, name)? else { return None };
        if let Some(baked) = self.program.environment.get(&name) {
            return text(baked.clone());
        }
        self.guessed.set(true);
        self.value(place, default?)
    }
}

fn text(text: String) -> Option<Value> {
    (text.len() <= TEXT).then_some(Value::Text(text))
}

fn number(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(|int| Value::Number(int.to_string())),
        Number::Float(float) => Some(Value::Number(format!("{float:?}"))),
        Number::Complex { .. } => None,
    }
}

/// As `str` prints it.
fn printed(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::None => Some("None".to_owned()),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// As `os.path.join`.
fn path_join(left: &str, right: &str) -> String {
    if right.starts_with('/') || left.is_empty() {
        right.to_owned()
    } else {
        format!("{}/{right}", left.trim_end_matches('/'))
    }
}

/// `%` with `%s` and `%d` alone.
fn percent(form: &str, values: &[String]) -> Option<Value> {
    let mut values = values.iter();
    let mut whole = String::new();
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '%') {
            (_, false) => whole.push(letter),
            (_, true) => match letters.next()? {
                '%' => whole.push('%'),
                's' | 'd' => whole.push_str(values.next()?),
                _ => return None,
            },
        }
    }
    if values.next().is_some() {
        return None;
    }
    text(whole)
}

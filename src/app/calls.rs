//! What a call and a string say.

use std::ops::Range;

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::Ranged;

use super::names::Bound;
use super::parse::span;
use super::said::{What, When, Word};
use super::values::{Known, Value};
use super::walk::{Walk, as_pairs};

/// Methods of Spark's readers and writers whose first argument is an address.
const TRANSFERS: &[&str] = &[
    "csv",
    "json",
    "load",
    "orc",
    "parquet",
    "save",
    "saveAsTextFile",
    "start",
    "text",
    "textFile",
    "wholeTextFiles",
    "binaryFiles",
    "xml",
    "forPath",
    "setCheckpointDir",
    "addFile",
    "addPyFile",
];
/// What keeps a result small, or is asked for one that is.
const SMALL: &[&str] = &[
    "agg",
    "approxQuantile",
    "count",
    "describe",
    "first",
    "groupBy",
    "groupby",
    "head",
    "limit",
    "sample",
    "summary",
    "take",
    "tail",
];

impl<'a> Walk<'_, 'a> {
    pub(super) fn call(&mut self, call: &'a ast::ExprCall) {
        let name = self.qualified(&call.func);
        if let Some(name) = &name {
            self.function(name, call);
        }
        if let Expr::Attribute(method) = &*call.func {
            self.method(method, call, name.as_deref());
        }
    }

    /// A function that was imported.
    fn function(&mut self, name: &str, call: &'a ast::ExprCall) {
        let arguments = &call.arguments;
        match name {
            "os.putenv" | "os.environ.setdefault" => {
                if let [name, value] = &*arguments.args {
                    self.variable(name, value, name_is(&call.func, "setdefault"));
                }
            }
            "os.environ.update" => self.variables(arguments),
            "sys.path.append" | "sys.path.insert" | "sys.path.extend" | "site.addsitedir" => {
                self.say(true, What::SearchPath);
            }
            "importlib.import_module" | "runpy.run_module" => {
                if let Some(module) = arguments.args.first().map(|module| self.fold(module))
                    && let Some(text) = module.text().filter(|text| !text.starts_with('.'))
                {
                    let module = Word { text: text.to_owned(), span: module.span.clone() };
                    let import = super::said::Import { module, names: Vec::new(), optional: false };
                    self.say(false, What::Import(import));
                }
            }
            name if name.starts_with("pyspark.") && name.ends_with(".SparkContext")
                || name == "pyspark.SparkContext" =>
            {
                if let Some(master) = arguments.find_argument_value("master", 0) {
                    let key = Word { text: "spark.master".to_owned(), span: span(call.func.range()) };
                    self.setting(When::Start, key, &self.fold(master), true);
                }
            }
            _ => self.say(true, What::Call { name: name.to_owned(), span: span(call.func.range()) }),
        }
    }

    /// `os.environ.update({…})`
    fn variables(&mut self, arguments: &'a ast::Arguments) {
        for argument in &arguments.args {
            if let Some(Value::Map(items)) = self.fold(argument).value {
                for (name, value) in items {
                    let Some(text) = name.text() else { continue };
                    let word = value.text().map(|text| Word { text: text.to_owned(), span: value.span.clone() });
                    let name = Word { text: text.to_owned(), span: name.span.clone() };
                    self.say(value.sure, What::Variable { name, value: word, unless_set: false });
                }
            }
        }
        for keyword in &arguments.keywords {
            if let Some(name) = &keyword.arg {
                let value = self.fold(&keyword.value);
                let word = value.text().map(|text| Word { text: text.to_owned(), span: value.span.clone() });
                let name = Word { text: name.to_string(), span: span(name.range()) };
                self.say(value.sure, What::Variable { name, value: word, unless_set: false });
            }
        }
    }

    fn method(&mut self, method: &'a ast::ExprAttribute, call: &'a ast::ExprCall, imported: Option<&str>) {
        let arguments = &call.arguments;
        match method.attr.as_str() {
            "config" => self.config(arguments),
            "set" | "setIfMissing" => {
                let (when, sure) = self.when(&method.value, 0);
                self.key_and_value(when, arguments, sure && method.attr.as_str() == "set");
            }
            "setAll" => {
                if let Some(items) = arguments.args.first().and_then(|list| as_pairs(&self.fold(list))) {
                    self.settings(&items);
                }
            }
            "master" | "setMaster" if method.attr.as_str() == "setMaster" || self.is_builder(&method.value, 0) => {
                if let Some(master) = arguments.find_argument_value("master", 0) {
                    let key = Word { text: "spark.master".to_owned(), span: span(method.attr.range()) };
                    self.setting(When::Start, key, &self.fold(master), true);
                }
            }
            "format" => self.format(method, arguments),
            "option" => {
                if let (Some(key), Some(value)) =
                    (arguments.find_argument_value("key", 0), arguments.find_argument_value("value", 1))
                {
                    self.option(&self.fold(key), &self.fold(value));
                }
            }
            "options" => {
                for keyword in &arguments.keywords {
                    let value = self.fold(&keyword.value);
                    match keyword.arg.as_ref().map(ToString::to_string) {
                        Some(key) => self.option(&named(&key, value.span.clone()), &value),
                        None => self.options(&value),
                    }
                }
            }
            "jdbc" => {
                if let Some(url) = arguments.find_argument_value("url", 0) {
                    self.address(&self.fold(url));
                }
                if let Some(properties) = arguments.find_keyword("properties").map(|keyword| &keyword.value) {
                    self.options(&self.fold(properties));
                }
            }
            "sql" => self.sql(arguments),
            "getOrCreate" => self.say(true, What::Session),
            "toPandas" | "collect" if imported.is_none() && arguments.is_empty() && !self.is_small(&method.value) => {
                let word = Word { text: method.attr.to_string(), span: span(method.attr.range()) };
                self.say(false, What::Collect(word));
            }
            _ => {}
        }
        self.transfer(method, arguments);
    }

    fn transfer(&mut self, method: &'a ast::ExprAttribute, arguments: &'a ast::Arguments) {
        let name = method.attr.as_str();
        if !TRANSFERS.contains(&name) {
            return;
        }
        // `DeltaTable.forPath(spark, path)`
        let index = usize::from(name == "forPath");
        let Some(first) = arguments.find_argument_value("path", index) else { return };
        let known = self.fold(first);
        match &known.value {
            Some(Value::List(paths)) => paths.clone().iter().for_each(|path| self.address(path)),
            _ => self.address(&known),
        }
        if let Some(text) = known.text()
            && matches!(name, "addFile" | "addPyFile")
        {
            self.say(known.sure, What::Path(Word { text: text.to_owned(), span: known.span.clone() }));
        }
    }

    /// `config(key, value)`, `config(map=…)`; a `conf=` says its own.
    fn config(&mut self, arguments: &'a ast::Arguments) {
        if let Some(map) = arguments.find_keyword("map") {
            if let Some(items) = as_pairs(&self.fold(&map.value)) {
                self.settings(&items);
            }
            return;
        }
        self.key_and_value(When::Start, arguments, true);
    }

    fn key_and_value(&mut self, when: When, arguments: &'a ast::Arguments, sure: bool) {
        let (Some(key), Some(value)) =
            (arguments.find_argument_value("key", 0), arguments.find_argument_value("value", 1))
        else {
            return;
        };
        if let Some(items) = self.pairs(key, value).map(<[_]>::to_vec) {
            self.settings(&items);
            return;
        }
        let key = self.fold(key);
        if let Some(text) = key.text().filter(|text| text.starts_with("spark.")) {
            let word = Word { text: text.to_owned(), span: key.span.clone() };
            self.setting(when, word, &self.fold(value), sure && key.sure);
        }
    }

    fn settings(&mut self, items: &[(Known, Known)]) {
        for (key, value) in items {
            if let Some(text) = key.text().filter(|text| text.starts_with("spark.")) {
                let word = Word { text: text.to_owned(), span: key.span.clone() };
                self.setting(When::Start, word, value, key.sure);
            }
        }
    }

    fn setting(&mut self, when: When, key: Word, value: &Known, sure: bool) {
        if let Some(text) = value.setting() {
            let value_word = Word { text, span: value.span.clone() };
            self.say(sure && value.sure, What::Setting { when, key, value: value_word });
        }
    }

    /// Whether a receiver of `set` is the settings of a session that runs, `spark.conf`, and whether that is sure:
    /// `self.conf` may be a `SparkConf`, too.
    fn when(&self, receiver: &Expr, depth: usize) -> (When, bool) {
        match receiver {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "conf" => {
                let is_session = self.is_session(&attribute.value);
                (if is_session { When::Running } else { When::Start }, is_session)
            }
            Expr::Name(name) if depth < 8 => match self.bound(&name.id) {
                Some(Bound::Once(value)) => self.when(value, depth + 1),
                _ => (When::Start, true),
            },
            _ => (When::Start, true),
        }
    }

    /// Whether an expression is a session, by how it was made, or by its name.
    fn is_session(&self, expr: &Expr) -> bool {
        let is_name = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.contains("spark") || name.contains("session")
        };
        let is_made = |value: &Expr| match value {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    matches!(method.attr.as_str(), "getOrCreate" | "getActiveSession" | "active" | "newSession")
                }
                _ => false,
            },
            _ => false,
        };
        match expr {
            Expr::Name(name) => {
                is_name(&name.id) || matches!(self.bound(&name.id), Some(Bound::Once(value)) if is_made(value))
            }
            Expr::Attribute(attribute) => is_name(attribute.attr.as_str()),
            other => is_made(other),
        }
    }

    /// Whether an expression is a session's builder.
    fn is_builder(&self, receiver: &Expr, depth: usize) -> bool {
        let is_step = |name: &str| matches!(name, "appName" | "config" | "master" | "enableHiveSupport" | "Builder");
        match receiver {
            Expr::Attribute(attribute) => attribute.attr.as_str() == "builder",
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    method.attr.as_str() == "Builder"
                        || is_step(method.attr.as_str()) && self.is_builder(&method.value, depth)
                }
                _ => false,
            },
            Expr::Name(name) if depth < 8 => match self.bound(&name.id) {
                Some(Bound::Once(value)) => self.is_builder(value, depth + 1),
                // `builder = builder.config(…)`
                Some(Bound::Open) => name.id.contains("builder"),
                _ => false,
            },
            _ => false,
        }
    }

    /// `read.format("x")`; that of a string is another.
    fn format(&mut self, method: &'a ast::ExprAttribute, arguments: &'a ast::Arguments) {
        if method.value.is_string_literal_expr() || method.value.is_f_string_expr() {
            return;
        }
        if let [one] = &*arguments.args
            && arguments.keywords.is_empty()
        {
            let known = self.fold(one);
            if let Some(text) = known.text() {
                self.say(known.sure, What::Source(Word { text: text.to_owned(), span: known.span.clone() }));
            }
        }
    }

    fn options(&mut self, known: &Known) {
        if let Some(Value::Map(items)) = &known.value {
            for (key, value) in items {
                self.option(key, value);
            }
        }
    }

    fn option(&mut self, key: &Known, value: &Known) {
        let Some(text) = value.text() else { return };
        match key.text().map(str::to_ascii_lowercase).as_deref() {
            Some("driver") => {
                self.say(value.sure, What::Class(Word { text: text.to_owned(), span: value.span.clone() }));
            }
            Some("url" | "path" | "checkpointlocation") => self.address(value),
            _ => {}
        }
    }

    fn address(&mut self, known: &Known) {
        if let Some(text) = known.text() {
            self.say(known.sure, What::Address(Word { text: text.to_owned(), span: known.span.clone() }, true));
        }
    }

    /// `CREATE TABLE … USING delta`
    fn sql(&mut self, arguments: &'a ast::Arguments) {
        let Some(first) = arguments.args.first() else { return };
        let known = self.fold(first);
        let Some(text) = known.text() else { return };
        let mut words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-'));
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case("using")
                && let Some(name) = words.by_ref().find(|word| !word.is_empty())
            {
                self.say(known.sure, What::Source(Word { text: name.to_owned(), span: known.span.clone() }));
            }
        }
    }

    /// Whether the chain of calls before this one keeps the result small.
    fn is_small(&self, receiver: &Expr) -> bool {
        let mut at = receiver;
        loop {
            at = match at {
                Expr::Call(call) => &call.func,
                Expr::Attribute(attribute) if SMALL.contains(&attribute.attr.as_str()) => return true,
                Expr::Attribute(attribute) => &attribute.value,
                Expr::Subscript(subscript) => &subscript.value,
                // The first step may stand in a line of its own.
                Expr::Name(name) => match self.bound(&name.id) {
                    Some(Bound::Once(value)) => return mentions_small(value),
                    _ => return false,
                },
                _ => return false,
            };
        }
    }

    /// A string that stands anywhere.
    pub(super) fn string(&mut self, expr: &'a Expr) {
        let known = match expr {
            Expr::StringLiteral(literal) => Known {
                value: Some(Value::Text(literal.value.to_str().to_owned())),
                span: span(literal.range()),
                sure: true,
            },
            other => self.fold(other),
        };
        if let Some(text) = known.text().filter(|text| text.contains("://") || text.starts_with("jdbc:")) {
            let word = Word { text: text.to_owned(), span: known.span.clone() };
            self.say(false, What::Address(word, false));
        }
    }
}

/// As [`Walk::is_small`], of the line that a name stands for.
fn mentions_small(value: &Expr) -> bool {
    let mut at = value;
    loop {
        at = match at {
            Expr::Call(call) => &call.func,
            Expr::Attribute(attribute) if SMALL.contains(&attribute.attr.as_str()) => return true,
            Expr::Attribute(attribute) => &attribute.value,
            _ => return false,
        };
    }
}

fn name_is(func: &Expr, name: &str) -> bool {
    matches!(func, Expr::Attribute(attribute) if attribute.attr.as_str() == name)
}

fn named(text: &str, span: Range<usize>) -> Known {
    Known { value: Some(Value::Text(text.to_owned())), span, sure: true }
}

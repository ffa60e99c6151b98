//! The walk through a file's statements: scopes, conditions and imports. What a call says is in `calls`.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, CmpOp, Expr, Stmt};
use ruff_text_size::Ranged;

use super::names;
use super::parse::span;
use super::program::Program;
use super::said::{Import, Mention, What, Word};
use super::values::{Known, Place, Value, fold};

/// Everything that a file says.
pub(super) fn walk(program: &Program<'_>, file: usize) -> Vec<Mention> {
    let Some(tree) = program.tree(file) else { return Vec::new() };
    let mut walk =
        Walk { program, file, scope: 0, doubts: 0, optional: 0, lazy: 0, pairs: Vec::new(), said: Vec::new() };
    walk.visit_body(tree.body);
    walk.said
}

type Pairs<'a> = (&'a str, &'a str, Vec<(Known, Known)>);

pub(super) struct Walk<'p, 'a> {
    pub(super) program: &'p Program<'a>,
    file: usize,
    scope: usize,
    /// Conditions around this place that only a run decides.
    doubts: usize,
    /// Handlers around this place that expect an import to fail.
    optional: usize,
    /// Functions around this place.
    lazy: usize,
    /// Loops over settings that are known: the two names, and what they run through.
    pairs: Vec<Pairs<'a>>,
    said: Vec<Mention>,
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn say(&mut self, sure: bool, what: What) {
        self.said.push(Mention { sure: sure && self.doubts == 0, what });
    }

    pub(super) fn fold(&self, expr: &Expr) -> Known {
        fold(self.program, Place::new(self.file, self.scope), expr)
    }

    pub(super) fn qualified(&self, expr: &Expr) -> Option<String> {
        self.program.tree(self.file)?.names.qualified(expr, self.scope)
    }

    pub(super) fn bound(&self, name: &str) -> Option<&names::Bound<'a>> {
        Some(self.program.tree(self.file)?.names.find(name, self.scope)?.0)
    }

    /// What the two names of a loop over settings run through.
    pub(super) fn pairs(&self, key: &Expr, value: &Expr) -> Option<&[(Known, Known)]> {
        let (Expr::Name(key), Expr::Name(value)) = (key, value) else { return None };
        let found = self.pairs.iter().rev().find(|(k, v, _)| *k == key.id.as_str() && *v == value.id.as_str());
        found.map(|(.., items)| items.as_slice())
    }

    fn doubted(&mut self, visit: impl FnOnce(&mut Self)) {
        self.doubts += 1;
        visit(self);
        self.doubts -= 1;
    }

    fn import(&mut self, module: Word, names: Vec<String>) {
        let optional = self.optional > 0;
        let sure = self.lazy == 0;
        self.say(sure, What::Import(Import { module, names, optional }));
    }

    fn branches(&mut self, stmt: &'a ast::StmtIf) {
        let clauses = stmt.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), &clause.body));
        let mut doubtful = false;
        for (test, body) in std::iter::once((Some(&*stmt.test), &stmt.body)).chain(clauses) {
            let verdict = test.map_or(Some(true), |test| self.verdict(test));
            if let Some(test) = test {
                self.visit_expr(test);
            }
            let optional = usize::from(test.is_some_and(|test| self.is_about_imports(test)));
            self.optional += optional;
            match verdict {
                Some(false) => {}
                Some(true) if !doubtful => self.visit_body(body),
                _ => self.doubted(|walk| walk.visit_body(body)),
            }
            self.optional -= optional;
            if verdict == Some(true) {
                return;
            }
            doubtful |= verdict.is_none();
        }
    }

    /// Whether a condition holds in the image; `None` where a run decides.
    fn verdict(&self, test: &Expr) -> Option<bool> {
        match test {
            Expr::BooleanLiteral(literal) => Some(literal.value),
            Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => self.verdict(&unary.operand).map(|holds| !holds),
            Expr::Name(name) if name.id == "TYPE_CHECKING" => Some(false),
            Expr::Attribute(attribute) if attribute.attr.as_str() == "TYPE_CHECKING" => Some(false),
            Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
                ([op], [right]) => self.comparison(&compare.left, *op, right),
                _ => None,
            },
            _ => None,
        }
    }

    fn comparison(&self, left: &Expr, op: CmpOp, right: &Expr) -> Option<bool> {
        if matches!(left, Expr::Name(name) if name.id == "__name__") {
            return Some(true);
        }
        let name = match left {
            Expr::Call(call) => self.qualified(&call.func),
            Expr::Subscript(subscript) => self.qualified(&subscript.value),
            other => self.qualified(other),
        }?;
        let here = match name.as_str() {
            "sys.platform" => "linux",
            "os.name" => "posix",
            "platform.system" => "Linux",
            "sys.version_info" => return self.version(op, right),
            _ => return None,
        };
        let same = self.fold(right).text()? == here;
        match op {
            CmpOp::Eq => Some(same),
            CmpOp::NotEq => Some(!same),
            _ => None,
        }
    }

    /// `sys.version_info >= (3, 12)`
    fn version(&self, op: CmpOp, right: &Expr) -> Option<bool> {
        let Some(Value::List(parts)) = self.fold(right).value else { return None };
        let parts: Vec<u8> = parts.iter().take(2).map(|part| part.setting()?.parse().ok()).collect::<Option<_>>()?;
        let python = self.program.python;
        let ours = [python.major, python.minor];
        let ordering = ours.get(..parts.len())?.cmp(parts.as_slice());
        match op {
            CmpOp::GtE => Some(ordering.is_ge()),
            CmpOp::Lt => Some(ordering.is_lt()),
            // The patch of the version is beyond what is compared.
            CmpOp::Gt if parts.len() == 2 && ordering.is_ne() => Some(ordering.is_gt()),
            CmpOp::LtE if parts.len() == 2 && ordering.is_ne() => Some(ordering.is_lt()),
            _ => None,
        }
    }

    /// `if importlib.util.find_spec("x"):`, `if HAS_X:`
    fn is_about_imports(&self, test: &Expr) -> bool {
        match test {
            Expr::Call(call) => self.qualified(&call.func).is_some_and(|name| name.ends_with("find_spec")),
            Expr::Compare(compare) => self.is_about_imports(&compare.left),
            Expr::UnaryOp(unary) => self.is_about_imports(&unary.operand),
            Expr::Name(name) => name.id.starts_with("HAS_") || name.id.starts_with("HAVE_"),
            _ => false,
        }
    }

    fn attempt(&mut self, stmt: &'a ast::StmtTry) {
        let expects = stmt.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
            handler.type_.as_deref().is_none_or(expects_import_error)
        });
        let optional = usize::from(expects);
        self.optional += optional;
        self.visit_body(&stmt.body);
        for ast::ExceptHandler::ExceptHandler(handler) in &stmt.handlers {
            self.doubted(|walk| walk.visit_body(&handler.body));
        }
        self.optional -= optional;
        self.visit_body(&stmt.orelse);
        self.visit_body(&stmt.finalbody);
    }

    fn each(&mut self, stmt: &'a ast::StmtFor) {
        self.visit_expr(&stmt.iter);
        let pair = match &*stmt.target {
            Expr::Tuple(tuple) => match tuple.elts.as_slice() {
                [Expr::Name(key), Expr::Name(value)] => Some((key.id.as_str(), value.id.as_str())),
                _ => None,
            },
            _ => None,
        };
        let items = pair.and_then(|_| as_pairs(&self.fold(&stmt.iter)));
        let known = pair.zip(items).map(|((key, value), items)| self.pairs.push((key, value, items))).is_some();
        self.visit_body(&stmt.body);
        if known {
            self.pairs.pop();
        }
        self.visit_body(&stmt.orelse);
    }

    fn assigned(&mut self, target: &'a Expr, value: &'a Expr) {
        let Expr::Subscript(subscript) = target else { return };
        if self.qualified(&subscript.value).as_deref() == Some("os.environ") {
            self.variable(&subscript.slice, value, false);
        }
    }

    /// A variable of the environment gets a value.
    pub(super) fn variable(&mut self, name: &Expr, value: &Expr, unless_set: bool) {
        let (name, value) = (self.fold(name), self.fold(value));
        let Some(text) = name.text() else { return };
        let word = value.text().map(|text| Word { text: text.to_owned(), span: value.span.clone() });
        let name = Word { text: text.to_owned(), span: name.span.clone() };
        self.say(value.sure, What::Variable { name, value: word, unless_set });
    }
}

/// A list of pairs, or a dict's items.
pub(super) fn as_pairs(known: &Known) -> Option<Vec<(Known, Known)>> {
    match known.value.as_ref()? {
        Value::Map(items) => Some(items.clone()),
        Value::List(items) => {
            let pair = |item: &Known| match &item.value {
                Some(Value::List(pair)) => match pair.as_slice() {
                    [key, value] => Some((key.clone(), value.clone())),
                    _ => None,
                },
                _ => None,
            };
            items.iter().map(pair).collect()
        }
        _ => None,
    }
}

/// Whether a handler's type takes an import's failure.
fn expects_import_error(kind: &Expr) -> bool {
    match kind {
        Expr::Tuple(tuple) => tuple.elts.iter().any(expects_import_error),
        Expr::Name(name) => {
            matches!(name.id.as_str(), "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException")
        }
        _ => false,
    }
}

impl<'a> Visitor<'a> for Walk<'_, 'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                let Some(tree) = self.program.tree(self.file) else { return };
                let outer = std::mem::replace(&mut self.scope, tree.names.opened_by(stmt));
                let lazy = usize::from(matches!(stmt, Stmt::FunctionDef(_)));
                self.lazy += lazy;
                visitor::walk_stmt(self, stmt);
                self.lazy -= lazy;
                self.scope = outer;
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = Word { text: alias.name.to_string(), span: span(alias.name.range()) };
                    self.import(module, Vec::new());
                }
            }
            Stmt::ImportFrom(import) => {
                let package = self.program.package(self.file);
                let Some(module) = names::absolute(import, package) else { return };
                let at = import.module.as_ref().map_or(import.range(), Ranged::range);
                let names = import.names.iter().map(|alias| alias.name.to_string()).collect();
                self.import(Word { text: module, span: span(at) }, names);
            }
            Stmt::If(branches) => self.branches(branches),
            Stmt::Try(attempt) => self.attempt(attempt),
            Stmt::For(each) => self.each(each),
            Stmt::With(with) => {
                let suppresses = |item: &ast::WithItem| match &item.context_expr {
                    Expr::Call(call) => {
                        self.qualified(&call.func).is_some_and(|name| name == "contextlib.suppress")
                            && call.arguments.args.iter().any(expects_import_error)
                    }
                    _ => false,
                };
                let optional = usize::from(with.items.iter().any(suppresses));
                self.optional += optional;
                visitor::walk_stmt(self, stmt);
                self.optional -= optional;
            }
            Stmt::Match(_) => self.doubted(|walk| visitor::walk_stmt(walk, stmt)),
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.assigned(target, &assign.value);
                }
                visitor::walk_stmt(self, stmt);
            }
            // A text that stands alone is for readers.
            Stmt::Expr(expr) if expr.value.is_string_literal_expr() => {}
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => {
                // Of a chain the first call is the innermost.
                visitor::walk_expr(self, expr);
                self.call(call);
            }
            Expr::If(either) => {
                self.visit_expr(&either.test);
                self.doubted(|walk| {
                    walk.visit_expr(&either.body);
                    walk.visit_expr(&either.orelse);
                });
            }
            Expr::StringLiteral(_) | Expr::FString(_) => {
                self.string(expr);
                visitor::walk_expr(self, expr);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    /// What is annotated is not run.
    fn visit_annotation(&mut self, _: &'a Expr) {}
}

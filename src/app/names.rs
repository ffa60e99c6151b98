//! Which names a file binds, where, and to what: the scopes of Python, without its flow.

use std::collections::BTreeMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

/// What a name is bound to within one scope.
#[derive(Debug, Clone)]
pub(super) enum Bound<'a> {
    /// Once, to the value of this expression.
    Once(&'a Expr),
    /// To a module, or to something of a module: its dotted name.
    Import(String),
    /// Several times, or to what only a run would tell.
    Open,
}

#[derive(Debug, Default)]
struct Scope<'a> {
    parent: Option<usize>,
    is_class: bool,
    bound: BTreeMap<&'a str, Bound<'a>>,
}

/// The scopes of a file; number 0 is the module's.
#[derive(Debug)]
pub(super) struct Names<'a> {
    scopes: Vec<Scope<'a>>,
    /// Scope by the offset of its `def` or `class`.
    by_start: BTreeMap<u32, usize>,
    here: usize,
    package: &'a str,
}

impl<'a> Names<'a> {
    /// `package` is the dotted package that relative imports start from.
    pub(super) fn of(body: &'a [Stmt], package: &'a str) -> Self {
        let mut names = Self { scopes: vec![Scope::default()], by_start: BTreeMap::new(), here: 0, package };
        names.visit_body(body);
        names
    }

    /// The scope that a `def` or `class` opens.
    pub(super) fn opened_by(&self, statement: &Stmt) -> usize {
        self.by_start.get(&statement.start().to_u32()).copied().unwrap_or(0)
    }

    /// What a name means in a scope, and the scope that binds it.
    pub(super) fn find(&self, name: &str, scope: usize) -> Option<(&Bound<'a>, usize)> {
        let mut at = Some(scope);
        while let Some(number) = at {
            let here = self.scopes.get(number)?;
            if (number == scope || !here.is_class)
                && let Some(bound) = here.bound.get(name)
            {
                return Some((bound, number));
            }
            at = here.parent;
        }
        None
    }

    /// The dotted name of something that was imported: `functions.col` is `pyspark.sql.functions.col`.
    pub(super) fn qualified(&self, expr: &Expr, scope: usize) -> Option<String> {
        match expr {
            Expr::Name(name) => match self.find(&name.id, scope)? {
                (Bound::Import(dotted), _) => Some(dotted.clone()),
                _ => None,
            },
            Expr::Attribute(attribute) => {
                Some(format!("{}.{}", self.qualified(&attribute.value, scope)?, attribute.attr))
            }
            _ => None,
        }
    }

    fn bind(&mut self, name: &'a str, to: Bound<'a>) {
        self.bind_in(self.here, name, to);
    }

    fn bind_in(&mut self, scope: usize, name: &'a str, to: Bound<'a>) {
        let Some(scope) = self.scopes.get_mut(scope) else { return };
        scope
            .bound
            .entry(name)
            .and_modify(|bound| {
                // Of the imports of `try` and `except` the first is the one that is meant.
                if !matches!((&bound, &to), (Bound::Import(_), Bound::Import(_))) {
                    *bound = Bound::Open;
                }
            })
            .or_insert(to);
    }

    /// Binds what an assignment to the target binds; `value` is of the same shape, or not known.
    fn assign(&mut self, target: &'a Expr, value: Option<&'a Expr>) {
        let elements = |expr: &'a Expr| match expr {
            Expr::Tuple(tuple) => Some(tuple.elts.as_slice()),
            Expr::List(list) => Some(list.elts.as_slice()),
            _ => None,
        };
        match target {
            Expr::Name(name) => self.bind(&name.id, value.map_or(Bound::Open, Bound::Once)),
            Expr::Starred(starred) => self.assign(&starred.value, None),
            Expr::Tuple(_) | Expr::List(_) => {
                let targets = elements(target).unwrap_or_default();
                let values = value.and_then(elements).filter(|values| values.len() == targets.len());
                for (index, target) in targets.iter().enumerate() {
                    self.assign(target, values.and_then(|values| values.get(index)));
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, statement: &'a Stmt, is_class: bool) -> usize {
        let outer = self.here;
        self.here = self.scopes.len();
        self.scopes.push(Scope { parent: Some(outer), is_class, bound: BTreeMap::new() });
        self.by_start.insert(statement.start().to_u32(), self.here);
        outer
    }

    fn parameters(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters {
            self.bind(parameter.name().as_str(), Bound::Open);
        }
    }

    fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            let name = alias.name.as_str();
            if let Some(other) = &alias.asname {
                self.bind(other.as_str(), Bound::Import(name.to_owned()));
            } else {
                let top = name.split('.').next().unwrap_or(name);
                self.bind(top, Bound::Import(top.to_owned()));
            }
        }
    }

    fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let Some(module) = absolute(import, self.package) else { return };
        for alias in &import.names {
            let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            if name != "*" {
                self.bind(name, Bound::Import(joined(&module, alias.name.as_str())));
            }
        }
    }
}

/// The module that a `from … import` names, without leading dots; `None` beyond the top.
pub(super) fn absolute(import: &ast::StmtImportFrom, package: &str) -> Option<String> {
    let named = import.module.as_ref().map_or("", ast::Identifier::as_str);
    if import.level == 0 {
        return Some(named.to_owned());
    }
    let mut base = package;
    for _ in 1..import.level {
        if base.is_empty() {
            return None;
        }
        base = base.rsplit_once('.').map_or("", |(above, _)| above);
    }
    Some(joined(base, named))
}

/// Two dotted names in one.
pub(super) fn joined(package: &str, name: &str) -> String {
    match (package, name) {
        ("", name) => name.to_owned(),
        (package, "") => package.to_owned(),
        (package, name) => format!("{package}.{name}"),
    }
}

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.bind(function.name.as_str(), Bound::Open);
                let outer = self.open(stmt, false);
                self.parameters(&function.parameters);
                self.visit_body(&function.body);
                self.here = outer;
                return;
            }
            Stmt::ClassDef(class) => {
                self.bind(class.name.as_str(), Bound::Open);
                let outer = self.open(stmt, true);
                self.visit_body(&class.body);
                self.here = outer;
                return;
            }
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.assign(target, Some(&assign.value));
                }
            }
            Stmt::AnnAssign(assign) if assign.value.is_some() => self.assign(&assign.target, assign.value.as_deref()),
            // The name is bound already: twice is open.
            Stmt::AugAssign(assign) => self.assign(&assign.target, None),
            Stmt::For(each) => self.assign(&each.target, None),
            Stmt::With(with) => {
                for target in with.items.iter().filter_map(|item| item.optional_vars.as_deref()) {
                    self.assign(target, None);
                }
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.assign(target, None)),
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Global(global) => {
                for name in &global.names {
                    self.bind_in(0, name.as_str(), Bound::Open);
                }
            }
            Stmt::Nonlocal(nonlocal) => {
                for name in &nonlocal.names {
                    let owner = self.find(name.as_str(), self.here).map_or(0, |(_, scope)| scope);
                    self.bind_in(owner, name.as_str(), Bound::Open);
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => self.assign(&named.target, Some(&named.value)),
            Expr::Lambda(lambda) => {
                if let Some(parameters) = lambda.parameters.as_deref() {
                    self.parameters(parameters);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_comprehension(&mut self, comprehension: &'a ast::Comprehension) {
        self.assign(&comprehension.target, None);
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name.as_str(), Bound::Open);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        let name = match pattern {
            ast::Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            ast::Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            ast::Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.bind(name.as_str(), Bound::Open);
        }
        visitor::walk_pattern(self, pattern);
    }
}

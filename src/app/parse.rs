//! Python's syntax, by Ruff's parser: a file becomes a tree, or the reasons why Python refuses it.
//!
//! The parser, a walk of the tree and its end all recurse as deep as the code nests. CPython bounds
//! that nesting, so the tokens are counted first and what is deeper is refused; the rest fits the
//! stack of [`STACK`].

use std::ops::Range;

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{ModModule, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, Parsed, lexer, parse_unchecked};
use ruff_text_size::TextRange;

/// Bytes of stack for trees of the greatest depth, in a debug build too.
pub(super) const STACK: usize = 256 << 20;
/// Brackets that may be open at once (CPython, tokenizer.h: `MAXLEVEL`).
const BRACKETS: usize = 200;
/// Levels of indentation (CPython, tokenizer.h: `MAXINDENT`).
const INDENTS: usize = 100;
/// Operators that may nest in one expression. The parser of CPython ends at 6,000 levels
/// (parser.c: `MAXSTACK`), of which each operator takes several.
const OPERATORS: usize = 3000;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// In one line, as the parser has it.
    pub(super) message: String,
    /// Where.
    pub(super) span: Range<usize>,
    /// The Python that takes it, where it is a later one.
    pub(super) since: Option<String>,
}

/// The tree of a file that Python of that minor takes.
pub(super) fn parse(text: &str, python: PythonVersion) -> Result<Parsed<ModModule>, Fault> {
    if let Some(what) = nests_too_deep(text) {
        return Err(Fault { message: what.to_owned(), span: 0..0, since: None });
    }
    let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module).with_target_version(python));
    if let Some(error) = parsed.errors().first() {
        return Err(Fault { message: error.error.to_string(), span: span(error.location), since: None });
    }
    if let Some(error) = parsed.unsupported_syntax_errors().first() {
        let since = PythonVersion::iter().find(|version| *version > python && takes(text, *version, error.range));
        let said = error.to_string();
        let message = said.split(" on Python ").next().unwrap_or(&said).to_owned();
        return Err(Fault { message, span: span(error.range), since: since.map(|version| version.to_string()) });
    }
    parsed.try_into_module().ok_or_else(|| Fault { message: "is no module".to_owned(), span: 0..0, since: None })
}

/// Whether that Python has nothing against the same place.
fn takes(text: &str, python: PythonVersion, range: TextRange) -> bool {
    let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module).with_target_version(python));
    parsed.unsupported_syntax_errors().iter().all(|error| error.range != range)
}

/// A range of the tree as a span of the text.
pub(super) fn span(range: TextRange) -> Range<usize> {
    range.start().to_usize()..range.end().to_usize()
}

/// Counts what can nest, token by token; each open bracket has the operators before it.
fn nests_too_deep(text: &str) -> Option<&'static str> {
    let mut lexer = lexer::lex(text, Mode::Module);
    let mut indents = 0_usize;
    let mut open: Vec<Level> = Vec::new();
    let mut here = Level::default();
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => return None,
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                here.operators += 1;
                open.push(here);
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace | TokenKind::FStringEnd | TokenKind::TStringEnd => {
                here = open.pop().unwrap_or_default();
            }
            TokenKind::Newline | TokenKind::Semi => here = Level::default(),
            // Elements side by side do not nest; a lambda's parameters are no elements.
            TokenKind::Comma => here.operators = open.last().map_or(0, |level| level.operators) + here.lambdas,
            TokenKind::Indent => indents += 1,
            TokenKind::Dedent => indents = indents.saturating_sub(1),
            TokenKind::Lambda => {
                here.lambdas += 1;
                here.operators += 1;
            }
            kind if nests(kind) => here.operators += 1,
            _ => {}
        }
        if open.len() > BRACKETS {
            return Some("too many nested parentheses");
        }
        if indents > INDENTS {
            return Some("too many levels of indentation");
        }
        if here.operators > OPERATORS {
            return Some("an expression nests too deeply");
        }
    }
}

#[derive(Default, Clone, Copy)]
struct Level {
    operators: usize,
    lambdas: usize,
}

/// Tokens whose operands can hold the same token again.
fn nests(kind: TokenKind) -> bool {
    kind.is_operator() || kind.is_keyword() && !kind.is_singleton()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<String> {
        parse(text, PythonVersion::PY311).err().map(|fault| fault.message)
    }

    #[test]
    fn what_python_takes_and_what_it_refuses() {
        for (text, message) in [
            ("x = 1\n", ""),
            ("\u{feff}x = 1\n", ""),
            ("", ""),
            ("match x:\n    case 1: pass\n", ""),
            ("type A = int\n", "Cannot use `type` alias statement"),
            ("x = (1\n", "unexpected EOF while parsing"),
            ("print 'x'\n", "Simple statements must be separated by newlines or semicolons"),
        ] {
            assert_eq!(fault(text).unwrap_or_default(), message, "{text}");
        }
        let fault = parse("f\"{x[\"a\"]}\"\n", PythonVersion::PY311).unwrap_err();
        assert_eq!((fault.since.as_deref(), fault.span), (Some("3.12"), 5..6));
    }

    /// On the stack that the room runs with: what passes the count is walked and dropped too.
    #[test]
    fn hostile_nesting_is_refused_or_fits() {
        let many =
            |start: &str, times: usize, end: &str| format!("x = {}1{}\n", start.repeat(times), end.repeat(times));
        let texts = [
            many("(", 100_000, ")"),
            many("[", 100_000, ""),
            many("-", 100_000, ""),
            many("not ", 100_000, ""),
            many("lambda: ", 100_000, ""),
            many("lambda a, b: ", 100_000, ""),
            many("1 if 1 else ", 100_000, ""),
            many("2 ** ", 100_000, ""),
            many("1 + ", 100_000, ""),
            many("await ", 100_000, ""),
            many("f'{", 100, "}'"),
            many("{1: ", 100_000, "}"),
            many("f(a, b=", 100_000, ")"),
            format!("x = a{}\n", ".b".repeat(100_000)),
            format!("x = a{}\n", "[0]".repeat(100_000)),
            format!("x = a{}\n", "()".repeat(100_000)),
            (0..500).map(|depth| " ".repeat(depth) + "if x:\n").collect(),
            many("-", OPERATORS - 1, ""),
            many("lambda: ", OPERATORS - 1, ""),
            many("1 if 1 else ", OPERATORS / 2 - 1, ""),
            format!("x = a{}\n", ".b".repeat(OPERATORS - 1)),
            format!("x = a{}\n", ".b()".repeat(OPERATORS / 2 - 2)),
            many("(((((((((1 + ", BRACKETS / 9 - 1, ")))))))))"),
        ];
        let work = || {
            for text in &texts {
                let shown: String = text.chars().take(40).collect();
                match parse(text, PythonVersion::PY311) {
                    Ok(parsed) => assert_eq!(parsed.syntax().body.len(), 1, "{shown}"),
                    Err(fault) => assert!(!fault.message.is_empty(), "{shown}"),
                }
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK);
        std::thread::scope(|scope| thread.spawn_scoped(scope, work).unwrap().join()).unwrap();
        // Long, and flat.
        let long = format!("x = [{}]\n", "-1, lambda: 2, a if b else c, ".repeat(900));
        assert_eq!(fault(&long), None);
        assert_eq!(fault(&format!("x = [{}]\n", "-1, not a, a.b.c, ".repeat(20_000))), None);
    }
}

//! Problems as people read them (carets under the user's TOML, reasons, remedies), as machines read
//! them ([`json`]), and at length ([`explain`]).
//!
//! Everything shown may come from a hostile file, so no control or direction-changing character
//! reaches the terminal.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Weight, Renderer, Snippet};
use serde_json::{Value, json};

use super::{At, Level, Problem, SourceFile, codes};

/// The problems as one text, in the order given, each with its carets under its file and an empty line
/// after it; `source` is the profile. Problems at [`Level::Allow`] are left out. The summary line is
/// the caller's.
#[must_use]
pub fn render(problems: &[(Level, Problem)], source: &SourceFile, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let profile = Lines::new(source);
    let mut out = String::new();
    for (level, problem) in problems {
        let weight = match level {
            Level::Allow => continue,
            Level::Warn => Weight::WARNING,
            Level::Deny => Weight::ERROR,
        };
        let others = others(problem);
        let mut group = Group::with_title(weight.primary_title(escape(&problem.message)).id(problem.code.name));
        group = group.elements(snippets(problem, &profile, &others));
        group = group.elements(problem.notes.iter().map(|note| Weight::NOTE.message(escape(note))));
        group = group.elements(problem.help.iter().map(|help| Weight::HELP.message(escape(help))));
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// The problems for machines, in the order given: an array of objects with `code`, `level` (`warn`
/// or `deny`), `message`, `place` (`null` where no line is at fault), `also` (a list of places),
/// `notes` and `help` (lists of lines). A place has `file`, `key` (dotted path in a profile, else the
/// file), `line` and `column` (from 1, columns in characters) and `label`. Keys are only ever added.
#[must_use]
pub fn json(problems: &[(Level, Problem)], source: &SourceFile) -> Value {
    let profile = Lines::new(source);
    let place = |at: &At, label: &str| {
        let other = at.file.as_deref().map(Lines::new);
        let lines = other.as_ref().unwrap_or(&profile);
        let (line, column) = lines.position(at.span.start);
        json!({ "file": lines.name, "key": at.key, "line": line, "column": column, "label": label })
    };
    let shown = problems.iter().filter(|(level, _)| *level != Level::Allow);
    shown
        .map(|(level, problem)| {
            json!({
                "code": problem.code.name,
                "level": if *level == Level::Deny { "deny" } else { "warn" },
                "message": problem.message,
                "place": problem.at.as_ref().map(|at| place(at, &problem.label)),
                "also": problem.also.iter().map(|(at, label)| place(at, label)).collect::<Vec<_>>(),
                "notes": problem.notes,
                "help": problem.help,
            })
        })
        .collect()
}

/// What `sparkbake explain NAME` says about a kind of problem; `None` where there is none of that name.
#[must_use]
pub fn explain(name: &str) -> Option<String> {
    let code = codes::find(name)?;
    if code.stops {
        return Some(format!("{name}: an error\n\n{}\n", code.explanation));
    }
    let (weight, change) = match code.level {
        Level::Deny => ("an error", format!("{name} = \"warn\"")),
        Level::Warn => ("a warning", format!("{name} = \"deny\"")),
        Level::Allow => ("not shown", format!("{name} = \"warn\"")),
    };
    Some(format!(
        "{name}: {weight} where the profile says nothing\n\n{}\n\nTo weigh it differently:\n\n    [lints]\n    {change}\n",
        code.explanation
    ))
}

/// A file's text with the offsets at which its lines start.
pub(super) struct Lines<'t> {
    name: &'t str,
    /// The name as it is shown.
    shown: Cow<'t, str>,
    text: Cow<'t, str>,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(source: &'t SourceFile) -> Self {
        let text = &source.text;
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: &source.name, shown: escape(&source.name), text: same_length(text), starts }
    }

    /// Index of the line that holds the offset.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Line and column from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.starts.get(line).and_then(|start| self.text.get(*start..offset));
        (line + 1, before.map_or(0, |before| before.chars().count()) + 1)
    }

    /// The lines that hold all spans: number of the first from 1, and their bytes.
    fn window(&self, spans: &[&Range<usize>]) -> Option<(usize, Range<usize>)> {
        let first = spans.iter().map(|span| self.line(span.start)).min()?;
        let last = spans.iter().map(|span| self.line(span.end.saturating_sub(1).max(span.start))).max()?;
        let end = self.starts.get(last + 1).copied().unwrap_or(self.text.len());
        Some((first + 1, *self.starts.get(first)?..end))
    }
}

/// The files of a problem's places beside the profile, each once.
fn others(problem: &Problem) -> Vec<(&SourceFile, Lines<'_>)> {
    let mut found: Vec<(&SourceFile, Lines<'_>)> = Vec::new();
    for file in places(problem).filter_map(|(at, ..)| at.file.as_deref()) {
        if !found.iter().any(|(known, _)| *known == file) {
            found.push((file, Lines::new(file)));
        }
    }
    found
}

type Place<'p> = (&'p At, &'p String, AnnotationKind);

/// The cause first.
fn places(problem: &Problem) -> impl Iterator<Item = Place<'_>> {
    let cause = problem.at.iter().map(|at| (at, &problem.label, AnnotationKind::Primary));
    cause.chain(problem.also.iter().map(|(at, label)| (at, label, AnnotationKind::Context)))
}

/// The lines at fault with their carets, the cause's file first.
fn snippets<'a>(
    problem: &'a Problem,
    profile: &'a Lines<'_>,
    others: &'a [(&SourceFile, Lines<'_>)],
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let of = |file: Option<&SourceFile>| {
        let here: Vec<Place<'a>> = places(problem).filter(|(at, ..)| at.file.as_deref() == file).collect();
        let other = others.iter().find(|(known, _)| Some(*known) == file).map(|(_, lines)| lines);
        snippet(here, other.unwrap_or(profile))
    };
    let mut files = vec![None];
    files.extend(others.iter().map(|(file, _)| Some(*file)));
    files.sort_by_key(|file| problem.at.as_ref().is_none_or(|at| at.file.as_deref() != *file));
    files.into_iter().filter_map(of).collect()
}

/// The lines of one file. A place that is not in its text is left out.
fn snippet<'a>(places: Vec<Place<'a>>, text: &'a Lines<'_>) -> Option<Snippet<'a, Annotation<'a>>> {
    let places: Vec<_> = places.into_iter().filter(|(at, ..)| text.text.get(at.span.clone()).is_some()).collect();
    let (line, window) = text.window(&places.iter().map(|(at, ..)| &at.span).collect::<Vec<_>>())?;
    let annotations = places.into_iter().map(|(at, label, kind)| {
        let span = at.span.start - window.start..at.span.end - window.start;
        kind.span(span).label((!label.is_empty()).then(|| escape(label).into_owned()))
    });
    let annotations: Vec<_> = annotations.collect();
    let lines = text.text.get(window)?;
    Some(Snippet::source(lines).line_start(line).path(text.shown.as_ref()).annotations(annotations))
}

/// Whether a character could act on the terminal, or show a text in another order than it has.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with every acting character spelled out.
fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let spelled = |out: String, c: char| if acts(c) { out + &c.escape_default().to_string() } else { push(out, c) };
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), spelled))
}

fn push(mut out: String, c: char) -> String {
    out.push(c);
    out
}

/// The text with every acting character of more than one byte replaced by a visible one of as many
/// bytes, so that spans hold. Those of one byte are drawn as pictures (`␛`) by the renderer.
fn same_length(text: &str) -> Cow<'_, str> {
    let replaced = |c: char| acts(c) && c.len_utf8() > 1;
    if !text.contains(replaced) {
        return Cow::Borrowed(text);
    }
    let visible = |c: char| match c.len_utf8() {
        2 if acts(c) => '¿',
        3 if acts(c) => '\u{fffd}',
        _ => c,
    };
    Cow::Owned(text.chars().map(visible).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::codes::lock::STALE;

    fn at(start: usize, end: usize) -> At {
        At::new("a.b", start..end)
    }

    fn source() -> SourceFile {
        SourceFile { name: "x\u{1b}[2J.toml".to_owned(), text: "a = 1\nb = 'é'\n\n\n\n\nc = 3".to_owned() }
    }

    #[test]
    fn places_reasons_and_remedies() {
        let problem = Problem::new(STALE, "a and c differ")
            .at(&at(4, 5), "one")
            .also(&at(23, 24), "other")
            .note("first\nsecond")
            .help("change it");
        let shown = [
            (Level::Deny, problem),
            (Level::Allow, Problem::new(STALE, "not shown")),
            (Level::Warn, Problem::new(STALE, "no place").help("look elsewhere")),
        ];
        insta::assert_snapshot!(render(&shown, &source(), false), @r"
        error[stale-lock]: a and c differ
         --> x\u{1b}[2J.toml:1:5
          |
        1 | a = 1
          |     ^ one
        ...
        7 | c = 3
          |     - other
          |
          = note: first\nsecond
          = help: change it

        warning[stale-lock]: no place
         |
         = help: look elsewhere
        ");
        assert!(render(&shown, &source(), true).contains("\u{1b}[1m"));
    }

    #[test]
    fn places_in_two_files() {
        let script = SourceFile { name: "app/x.py".to_owned(), text: "import a\nmaster = 'é'\n".to_owned() };
        let script = std::sync::Arc::new(script);
        let there = |start, end| At::in_file(&script, start..end);
        let problem = Problem::new(STALE, "they differ").at(&there(18, 22), "this").also(&at(0, 1), "as here");
        let shown = [(Level::Warn, problem.also(&there(0, 6), "and this"))];
        insta::assert_snapshot!(render(&shown, &source(), false), @r"
        warning[stale-lock]: they differ
         --> app/x.py:2:10
          |
        1 | import a
          | ------ and this
        2 | master = 'é'
          |          ^^^ this
          |
         ::: x\u{1b}[2J.toml:1:1
          |
        1 | a = 1
          | - as here
        ");
        let told = json(&shown, &source());
        let place = |place: &Value| format!("{}:{}:{} {}", place["file"], place["line"], place["column"], place["key"]);
        assert_eq!(place(&told[0]["place"]), r#""app/x.py":2:10 "app/x.py""#);
        assert_eq!(place(&told[0]["also"][0]), r#""x\u001b[2J.toml":1:1 "a.b""#);
    }

    /// A place of another text, outside of this one or inside of a character, must not end the tool.
    #[test]
    fn places_that_are_not_in_the_text() {
        let problems = [at(1000, 1001), at(12, 13), at(5, 5), at(24, 24), at(usize::MAX, usize::MAX)];
        let shown = problems.map(|at| (Level::Warn, Problem::new(STALE, "where").at(&at, "here")));
        insta::assert_snapshot!(render(&shown, &source(), false), @r"
        warning[stale-lock]: where

        warning[stale-lock]: where

        warning[stale-lock]: where
         --> x\u{1b}[2J.toml:1:6
          |
        1 | a = 1
          |      ^ here

        warning[stale-lock]: where
         --> x\u{1b}[2J.toml:7:6
          |
        7 | c = 3
          |      ^ here

        warning[stale-lock]: where
        ");
        let lines = json(&shown, &source());
        let lines: Vec<_> = lines.as_array().unwrap().iter().map(|p| p["place"]["line"].as_u64()).collect();
        assert_eq!(lines, [7, 2, 1, 7, 7].map(Some));
        assert_eq!(render(&shown, &SourceFile::default(), false).matches("where").count(), 5);
    }

    #[test]
    fn every_code_is_explained() {
        insta::assert_snapshot!(explain("path-missing").unwrap(), @r#"
        path-missing: an error where the profile says nothing

        A setting of Spark, or the app's code, names a file or directory that no layer of the image brings. Java passes over a class path entry that is not there without a word; Spark warns of a missing jar and goes on, and its classes are missed later; it ends over a file of spark.files or an archive of Python. What a volume brings when the container starts can be allowed in [lints]; in code it is a warning where its directory is not in the image either.

        To weigh it differently:

            [lints]
            path-missing = "warn"
        "#);
        insta::assert_snapshot!(explain("stale-lock").unwrap(), @"
        stale-lock: an error

        The lockfile was made from other values than the profile has now. The build would not be the one that was locked.
        ");
        assert!(codes::all().all(|code| explain(code.name).is_some()));
        assert_eq!(explain("stale"), None);
    }
}

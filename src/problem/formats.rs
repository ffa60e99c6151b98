//! Problems in the forms that code hosts take: [`github`]'s workflow commands, and [`sarif`] (OASIS, version 2.1.0),
//! which most of them read.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::render::Lines;
use super::{At, Level, Problem, SourceFile};

/// The problems as workflow commands of GitHub Actions, a line each: they show up beside the lines of a pull request.
#[must_use]
pub fn github(problems: &[(Level, Problem)], source: &SourceFile) -> String {
    let mut out = String::new();
    for (level, problem) in shown(problems) {
        let command = if *level == Level::Deny { "error" } else { "warning" };
        let at = problem.at.as_ref().map_or_else(
            || format!("file={}", property(&source.name)),
            |at| {
                let file = at.file.as_deref().unwrap_or(source);
                let [line, column, last, end] = region(at, file);
                let columns = if line == last { format!(",col={column},endColumn={end}") } else { String::new() };
                format!("file={},line={line},endLine={last}{columns}", property(&file.name))
            },
        );
        let _ = writeln!(out, "::{command} {at},title={}::{}", problem.code.name, data(&whole(problem)));
    }
    out
}

/// The problems of several profiles as one run of SARIF.
#[must_use]
pub fn sarif(reports: &[(Vec<(Level, Problem)>, SourceFile)]) -> Value {
    let mut codes: Vec<_> = reports.iter().flat_map(|(problems, _)| shown(problems)).map(|(_, one)| one.code).collect();
    codes.sort_by_key(|code| code.name);
    codes.dedup_by_key(|code| code.name);
    let rules = codes.iter().map(|code| {
        json!({
            "id": code.name,
            "fullDescription": { "text": code.explanation },
            "defaultConfiguration": { "level": weight(code.level) },
        })
    });
    let results = reports.iter().flat_map(|(problems, source)| {
        shown(problems).map(|(level, problem)| {
            let locations = problem.at.iter().map(|at| location(at, source, &problem.label));
            let related = problem.also.iter().map(|(at, label)| location(at, source, label));
            json!({
                "ruleId": problem.code.name,
                "ruleIndex": codes.iter().position(|code| code.name == problem.code.name),
                "level": weight(*level),
                "message": { "text": whole(problem) },
                "locations": locations.collect::<Vec<_>>(),
                "relatedLocations": related.collect::<Vec<_>>(),
            })
        })
    });
    let results: Vec<Value> = results.collect();
    json!({
        "version": "2.1.0",
        "runs": [{
            "columnKind": "unicodeCodePoints",
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "results": results,
        }],
    })
}

fn shown(problems: &[(Level, Problem)]) -> impl Iterator<Item = &(Level, Problem)> {
    problems.iter().filter(|(level, _)| *level != Level::Allow)
}

const fn weight(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Allow => "none",
    }
}

/// The message with its reasons and remedies.
fn whole(problem: &Problem) -> String {
    let notes = problem.notes.iter().map(|note| format!("\nnote: {note}"));
    let help = problem.help.iter().map(|help| format!("\nhelp: {help}"));
    std::iter::once(problem.message.clone()).chain(notes).chain(help).collect()
}

/// First line and column, last line and the column behind the end, all from 1.
fn region(at: &At, file: &SourceFile) -> [usize; 4] {
    let lines = Lines::new(file);
    let (line, column) = lines.position(at.span.start);
    let (last, end) = lines.position(at.span.end.max(at.span.start));
    [line, column, last, end]
}

fn location(at: &At, source: &SourceFile, label: &str) -> Value {
    let file = at.file.as_deref().unwrap_or(source);
    let [line, column, last, end] = region(at, file);
    let mut location = json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&file.name) },
        "region": { "startLine": line, "startColumn": column, "endLine": last, "endColumn": end },
    } });
    if !label.is_empty() {
        location["message"] = json!({ "text": label });
    }
    location
}

/// A path as a relative reference (RFC 3986, section 3.3).
fn uri(path: &str) -> String {
    let kept = |b: &u8| b.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(b);
    let mut out = String::new();
    for byte in path.bytes() {
        if kept(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A message of a workflow command (the runner's `escapeData`).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of one (`escapeProperty`).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::codes::lock::STALE;

    fn source() -> SourceFile {
        SourceFile { name: "a b,ü.toml".to_owned(), text: "a = 1\nb = 'é'\nc = [\n3]\n".to_owned() }
    }

    fn problems() -> Vec<(Level, Problem)> {
        let at = |start: usize, end: usize| At::new("a.b", start..end);
        vec![
            (Level::Deny, Problem::new(STALE, "100 % wrong").at(&at(10, 14), "this").also(&at(0, 1), "").note("a\nb")),
            (Level::Warn, Problem::new(STALE, "spread").at(&at(19, 23), "").help("mend it")),
            (Level::Allow, Problem::new(STALE, "not shown")),
            (Level::Warn, Problem::new(STALE, "nowhere").at(&at(1000, 2000), "there")),
            (Level::Deny, Problem::new(STALE, "no place")),
        ]
    }

    #[test]
    fn workflow_commands() {
        insta::assert_snapshot!(github(&problems(), &source()), @"
        ::error file=a b%2Cü.toml,line=2,endLine=2,col=5,endColumn=8,title=stale-lock::100 %25 wrong%0Anote: a%0Ab
        ::warning file=a b%2Cü.toml,line=3,endLine=4,title=stale-lock::spread%0Ahelp: mend it
        ::warning file=a b%2Cü.toml,line=5,endLine=5,col=1,endColumn=1,title=stale-lock::nowhere
        ::error file=a b%2Cü.toml,title=stale-lock::no place
        ");
    }

    #[test]
    fn one_run_of_sarif() {
        let sarif = sarif(&[(problems(), source()), (Vec::new(), source())]);
        let run = &sarif["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        let first = &results[0];
        assert_eq!((&first["level"], &first["ruleIndex"]), (&json!("error"), &json!(0)));
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b,%C3%BC.toml");
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 8 }));
        assert_eq!(first["locations"][0]["message"]["text"], "this");
        assert_eq!(first["relatedLocations"].as_array().unwrap().len(), 1);
        assert_eq!(results[3]["locations"], json!([]));
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!((rules.len(), &rules[0]["id"]), (1, &json!("stale-lock")));
    }
}

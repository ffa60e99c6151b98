//! A log as it was captured, whatever it went through on the way: [`Log`].

use std::borrow::Cow;

use serde_json::Value;

/// The fields in which collectors keep the line itself: Docker's json-file, Log Analytics, others.
const FIELDS: [&str; 8] = ["log", "LogEntry", "LogEntry_s", "Message", "message", "msg", "content", "text"];

/// The lines, each with its number in what was given.
#[derive(Debug, Default)]
pub(super) struct Log {
    text: String,
    /// Where each line begins, and its number.
    starts: Vec<(usize, usize)>,
}

impl Log {
    /// Takes away what terminals, collectors and Windows added.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut log = Self { text: String::with_capacity(text.len() + 1), starts: Vec::new() };
        let begin = text.trim_start();
        if begin.starts_with('[')
            && let Ok(all) = serde_json::from_str::<Vec<Value>>(begin)
        {
            for (i, one) in all.iter().enumerate() {
                for line in inner(one).unwrap_or_default().lines() {
                    log.push(line, i + 1);
                }
            }
            return log;
        }
        for (i, line) in text.lines().enumerate() {
            let wrapped = line.trim_start().starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
            match wrapped.as_ref().and_then(inner) {
                Some(lines) => lines.lines().for_each(|line| log.push(line, i + 1)),
                None => log.push(line, i + 1),
            }
        }
        log
    }

    fn push(&mut self, line: &str, number: usize) {
        self.starts.push((self.text.len(), number));
        self.text.push_str(&plain(unstamped(line)));
        self.text.push('\n');
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The line at that place, counted from zero; empty behind the end.
    pub(super) fn line(&self, at: usize) -> &str {
        let Some((start, _)) = self.starts.get(at) else { return "" };
        let end = self.starts.get(at + 1).map_or(self.text.len(), |(next, _)| *next);
        self.text[*start..end].trim_end()
    }

    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        (0..self.len()).map(|at| self.line(at))
    }

    /// The number that a reader finds it by.
    pub(super) fn number(&self, at: usize) -> usize {
        self.starts.get(at).map_or(0, |(_, number)| *number)
    }

    /// The line that holds this byte of the text.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1)
    }
}

/// The text that a collector's record wraps.
fn inner(record: &Value) -> Option<&str> {
    match record {
        Value::String(text) => Some(text),
        Value::Object(fields) => FIELDS.iter().find_map(|field| fields.get(*field)?.as_str()),
        _ => None,
    }
}

/// Without the time and stream that a container runtime sets before a line: `2026-11-26T10:00:00.1Z stderr F `.
fn unstamped(line: &str) -> &str {
    let Some((stamp, rest)) = line.split_once(' ') else { return line };
    let is_stamp = stamp.len() >= 20
        && stamp.as_bytes().get(10) == Some(&b'T')
        && stamp.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && (stamp.ends_with('Z') || stamp.contains('+'));
    if !is_stamp {
        return line;
    }
    for stream in ["stdout ", "stderr "] {
        if let Some(rest) = rest.strip_prefix(stream) {
            return rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P ")).unwrap_or(rest);
        }
    }
    // Log4j writes such a time itself, before its level.
    let level = rest.split(' ').next().unwrap_or_default();
    if ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].contains(&level) { line } else { rest }
}

/// Without escape sequences, and without what was overwritten by a carriage return.
fn plain(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        // ECMA-48: a control sequence goes on to its final byte, another escape takes one character.
        if chars.next() == Some('[') {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String)> {
        let log = Log::read(text.as_bytes());
        (0..log.len()).map(|at| (log.number(at), log.line(at).to_owned())).collect()
    }

    #[test]
    fn what_was_added_on_the_way_is_taken_away() {
        for (given, expected) in [
            ("a\r\nb", vec!["a", "b"]),
            ("\u{1b}[1;31merror\u{1b}[0m: x", vec!["error: x"]),
            ("[Stage 0:>   (0 + 2) / 8]\r          \rdone", vec!["done"]),
            ("2026-11-26T10:00:00.123456789Z stderr F JAVA_HOME is not set", vec!["JAVA_HOME is not set"]),
            ("2026-11-26T10:00:00.123Z JAVA_HOME is not set", vec!["JAVA_HOME is not set"]),
            ("2026-11-26T10:00:00.123Z WARN Utils: x", vec!["2026-11-26T10:00:00.123Z WARN Utils: x"]),
            (r#"{"log":"one\n","stream":"stderr"}"#, vec!["one"]),
            (r#"{"content":"one\ntwo\n"}"#, vec!["one", "two"]),
            (r#"{"a": 1} is no record"#, vec![r#"{"a": 1} is no record"#]),
            ("", vec![]),
        ] {
            let lines: Vec<String> = read(given).into_iter().map(|(_, line)| line).collect();
            assert_eq!(lines, expected, "{given}");
        }
    }

    #[test]
    fn numbers_are_those_of_what_was_given() {
        let array = "[{\"LogEntry\": \"one\\ntwo\"},\n {\"Message\": \"three\"}]";
        assert_eq!(read(array), [(1, "one".to_owned()), (1, "two".to_owned()), (2, "three".to_owned())]);
        let log = Log::read(b"a\n\nccc\n");
        assert_eq!((log.at(0), log.at(2), log.at(5), log.at(100)), (0, 1, 2, 2));
        assert_eq!(log.line(7), "");
    }
}

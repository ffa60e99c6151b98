//! How a run ended, as far as its log tells: [`ending`].

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::lines::Log;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It finished, or went on after what failed.
    Well,
    /// Something failed, and nothing came after it.
    Badly,
    /// The log does not say.
    Unclear,
}

/// What a line is to somebody who looks for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing, or what belongs to the line above it: a frame, a cause, a part of a query plan.
    More,
    /// A logger's line, or one of the image's entrypoint.
    Logged,
    /// Says that a program ended with an error.
    Failure,
    /// The start of a Python traceback.
    Traceback,
    /// What the application itself says.
    Said,
}

static LOGGED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let time = r"\d{2,4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*";
    let hints = "Setting default log level|To adjust logging level|Using Spark's default log4j|WARNING: |sparkbake: ";
    Regex::new(&format!(r"^(?:{time} (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b|(?:WARN|ERROR|INFO) |{hints}|:: )")).ok()
});

static MORE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:\s|$|at |Caused by: |Suppressed: |: |\.\.\. |'|\+- |:- |== |\^|Driver stacktrace|JVM stacktrace|During handling of|The above exception)",
    )
    .ok()
});

/// Programs say so when they end: the launcher's scripts, the JVM, the kernel, Azure.
static FAILURE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^Exception in thread |^Error: |^Error occurred during initialization|^Killed$|: line \d+: |^# There is insufficient memory|^Terminating due to |^java\.lang\.\w+(?:Error|Exception)\b|^/usr/bin/env: |^env: |^JAVA_HOME is not set|^Could not find valid SPARK_HOME|^Failed to find Spark jars|^Fatal Python error|^Segmentation fault",
    )
    .ok()
});

fn is(regex: &LazyLock<Option<Regex>>, line: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(line))
}

fn kind(line: &str) -> Kind {
    match () {
        () if line.starts_with("Traceback (most recent call last)") => Kind::Traceback,
        () if is(&MORE, line) => Kind::More,
        () if is(&LOGGED, line) => Kind::Logged,
        () if is(&FAILURE, line) => Kind::Failure,
        () => Kind::Said,
    }
}

/// What the log shows of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// How it was.
    pub(super) end: End,
    /// The last line of what failed last.
    pub(super) failed: Option<usize>,
    /// The line that names Python's exception, where that failed last.
    pub(super) exception: Option<usize>,
}

/// Looks for what failed last, and whether anything came after it.
pub(super) fn ending(log: &Log, exited: Option<i32>) -> Ending {
    let (mut failed, mut exception) = (None, None);
    let mut said_after = false;
    // Within a traceback up to the line that names the exception; its text may go on below.
    let mut within = false;
    for (at, line) in log.lines().enumerate() {
        match kind(line) {
            Kind::Traceback => within = true,
            Kind::More if failed == at.checked_sub(1) => failed = Some(at),
            Kind::Said if within => {
                within = false;
                (failed, exception, said_after) = (Some(at), Some(at), false);
            }
            Kind::Failure => {
                within = false;
                (failed, exception, said_after) = (Some(at), None, false);
            }
            Kind::Said => said_after |= failed.is_some(),
            Kind::More | Kind::Logged => {}
        }
    }
    let end = match (exited, failed) {
        (Some(0), _) => End::Well,
        (Some(_), _) => End::Badly,
        (None, Some(_)) if !said_after => End::Badly,
        (None, Some(_)) => End::Well,
        (None, None) => End::Unclear,
    };
    Ending { end, failed, exception }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> (End, Option<usize>) {
        let Ending { end, failed, .. } = ending(&Log::read(text.as_bytes()), None);
        (end, failed)
    }

    const TRACE: &str =
        "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n    f()\nValueError: no\n";

    #[test]
    fn what_comes_after_a_failure_decides() {
        assert_eq!(end(""), (End::Unclear, None));
        assert_eq!(end("one\n26/11/26 10:00:00 WARN Utils: x\ntwo\n"), (End::Unclear, None));
        assert_eq!(end(TRACE), (End::Badly, Some(3)));
        let stopped = format!("{TRACE}26/11/26 10:00:00 INFO ShutdownHookManager: deleting\n");
        assert_eq!(end(&stopped), (End::Badly, Some(3)));
        assert_eq!(end(&format!("{TRACE}served 2 requests\n")), (End::Well, Some(3)));
        assert_eq!(end(&format!("one\n{TRACE}two\n{TRACE}")), (End::Badly, Some(9)));
        let java = "py4j.protocol.Py4JJavaError: An error occurred while calling o1.x.\n: org.apache.spark.SparkException: no\n\tat a.B\nCaused by: x\n";
        let both = format!("Traceback (most recent call last):\n  File \"x.py\"\n{java}");
        assert_eq!(end(&both), (End::Badly, Some(5)));
        assert_eq!(
            end("/opt/spark/bin/spark-class: line 71: /x/java: No such file or directory\n"),
            (End::Badly, Some(0))
        );
    }

    #[test]
    fn an_exit_code_is_believed() {
        let log = Log::read(TRACE.as_bytes());
        assert_eq!(ending(&log, Some(0)).end, End::Well);
        assert_eq!(ending(&Log::read(b"fine\n"), Some(1)).end, End::Badly);
    }
}

//! A container's log to its cause: [`diagnose`] says what ended the run, on what evidence, and what to do.
//!
//! In goes the log as it was captured and, where it is known, the exit code; out comes a [`Diagnosis`].
//! `signatures/` holds what programs say when they fail; the rules here hold what no single line says. Nothing is
//! guessed: where nothing is known, the answer is what to collect next. Absent on purpose: reading files.

mod ending;
mod lines;
mod signatures;
#[cfg(test)]
mod tests;

pub use ending::End;

use serde::Serialize;

use ending::{Ending, ending};
use lines::Log;
use signatures::{CAUSE, Hit, SYMPTOM, Signature, hits, named};

/// Azure Container Instances keeps this much of a log, in bytes (its `logs` command: the tail).
const KEPT: std::ops::RangeInclusive<usize> = 15_800..=16_500;
/// Most characters of a line that is shown as evidence.
const EXCERPT: usize = 240;
/// Most lines that are shown where the cause is not known.
const LAST: usize = 8;

/// What is known about a run that was logged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diagnosis {
    /// How it ended.
    pub end: End,
    /// What ended it.
    pub cause: Option<Finding>,
    /// What followed from that.
    pub consequences: Vec<Finding>,
    /// What was seen beside it, and did not end the run.
    pub beside: Vec<Finding>,
    /// What makes the answer less certain.
    pub notes: Vec<String>,
    /// The last lines, where nothing is known.
    pub last: Vec<Evidence>,
}

/// Something that a log shows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Its name.
    pub id: String,
    /// Where in a run it belongs: `launcher`, `java`, `submit`, …
    pub stage: &'static str,
    /// What happened.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Key of the profile that decides about it.
    pub key: Option<String>,
    /// Who says so.
    pub source: String,
    /// The line that shows it; `None` where the exit code alone does.
    pub evidence: Option<Evidence>,
    /// How often the log shows it.
    pub count: usize,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// Its number, from one.
    pub line: usize,
    /// Its beginning.
    pub text: String,
}

/// Says why the run that is logged ended as it did.
#[must_use]
pub fn diagnose(bytes: &[u8], exited: Option<i32>) -> Diagnosis {
    let log = Log::read(bytes);
    let Ending { mut end, failed, exception } = ending(&log, exited);
    let mut hits = hits(&log);
    let derived = derived(&log, &hits, exited);
    if derived.as_ref().is_some_and(|derived| derived.id == "submit-args-exit-zero-hang") {
        end = End::Badly;
    }
    let loudest = hits.iter().map(|hit| hit.signature.weight).max().unwrap_or_default();
    if end == End::Unclear && loudest < CAUSE && derived.is_none() {
        // Nothing failed as far as one can see; a symptom alone is no failure.
        end = if log.len() == 0 || loudest >= SYMPTOM { End::Unclear } else { End::Well };
    }
    let mut diagnosis = Diagnosis {
        end,
        cause: None,
        consequences: Vec::new(),
        beside: Vec::new(),
        notes: notes(&log, bytes.len()),
        last: Vec::new(),
    };
    hits.retain(|hit| hit.signature.weight >= SYMPTOM);
    if end == End::Well {
        if exited.is_none() {
            let text = "the log shows no failure; that the run ended well its exit code alone can say (`--exited N`), for a \
                container that is killed may leave such a log too";
            diagnosis.notes.push(text.to_owned());
        }
        diagnosis.beside = hits.iter().map(|hit| finding(hit, &log)).collect();
        return diagnosis;
    }
    let cause = first_cause(&hits);
    let strong = cause.is_some_and(|at| weight(&hits[at], &hits) >= CAUSE);
    if let (Some(derived), false) = (derived, strong) {
        diagnosis.cause = Some(derived);
        diagnosis.consequences = hits.iter().map(|hit| finding(hit, &log)).collect();
        return diagnosis;
    }
    let Some(cause) = cause else {
        diagnosis.cause = exception.and_then(|at| of_the_application(&log, at));
        if diagnosis.cause.is_none() {
            diagnosis.last = last_lines(&log, failed);
        }
        return diagnosis;
    };
    let from = hits[cause].line;
    for (at, hit) in hits.iter().enumerate().filter(|(at, _)| *at != cause) {
        let found = finding(hit, &log);
        let side = if hit.last >= from && at > cause { &mut diagnosis.consequences } else { &mut diagnosis.beside };
        side.push(found);
    }
    diagnosis.cause = Some(finding(&hits[cause], &log));
    diagnosis
}

/// The heaviest, and of those the first.
fn first_cause(hits: &[Hit]) -> Option<usize> {
    let rank = |at: &usize| (weight(&hits[*at], hits), std::cmp::Reverse(hits[*at].line));
    (0..hits.len()).max_by_key(rank)
}

/// What a signature weighs among the others.
fn weight(hit: &Hit, all: &[Hit]) -> u32 {
    let shown = |id: &str| all.iter().find(|other| other.signature.id == id);
    let missing = |other: &Hit| other.signature.id == "class-not-found-generic" && other.line > hit.line;
    match hit.signature.id.as_str() {
        // Spark only warns of a jar that is not there; what is missed later explains itself by it.
        "local-jar-missing" if all.iter().any(missing) => CAUSE + 30,
        // Python names the user after Hadoop and Ivy have failed over it.
        "uid-no-passwd-python" if shown("ivy-basedir-not-absolute").is_some() => SYMPTOM,
        _ => hit.signature.weight,
    }
}

/// A cause that no line names: what is missing says it, or the exit code.
fn derived(log: &Log, hits: &[Hit], exited: Option<i32>) -> Option<Finding> {
    let shown = |id: &str| hits.iter().find(|hit| hit.signature.id == id);
    let found = |id: &str, line: Option<usize>| {
        let evidence = line.and_then(|line| evidence(log, line));
        named(id).map(|signature| Finding { evidence, ..Finding::from(signature) })
    };
    let help = "Type --help for more information";
    let last = (0..log.len()).rev().find(|at| !log.line(*at).trim().is_empty());
    if last.is_some_and(|at| log.line(at).starts_with(help)) {
        return found("submit-args-exit-zero-hang", last);
    }
    if matches!(exited, Some(137 | 9)) {
        return found("killed", None);
    }
    if let Some(gateway) = shown("gateway-exited") {
        let trace = (0..gateway.line).rev().find(|at| log.line(*at).starts_with("Traceback (most recent call last)"));
        // Without the traceback's own start the log is not whole, and says nothing of what stood before.
        let before = trace.map(|trace| (0..trace).filter(|at| !log.line(*at).trim().is_empty()));
        let quiet = |at: usize| {
            let noise = |hit: &&Hit| hit.signature.stage == "noise" && (hit.line..=hit.last).contains(&at);
            hits.iter().any(|hit| noise(&hit)) || log.line(at).starts_with("sparkbake: planned")
        };
        if before.is_some_and(|mut before| before.all(quiet)) {
            return found("gateway-exited-silent", Some(gateway.line));
        }
    }
    let cut = ["py4j-answer-empty", "py4j-sending-receiving", "py4j-refused"].into_iter().find_map(shown);
    cut.and_then(|cut| found("jvm-killed", Some(cut.line)))
}

/// An exception of Python's that is neither Spark's nor Py4J's says itself what it is.
fn of_the_application(log: &Log, at: usize) -> Option<Finding> {
    let text = log.line(at);
    let name = text.split([':', ' ']).next().unwrap_or_default();
    let is_name = name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Exit");
    if !is_name || name.starts_with("py4j.") || name.starts_with("pyspark.") {
        return None;
    }
    let place = (0..at).rev().map(|at| log.line(at).trim()).find(|line| line.starts_with("File \""))?;
    let signature = named("application-error")?;
    let fill = |text: &str| text.replace("{1}", name).replace("{2}", place);
    let (cause, remedy) = (fill(&signature.cause), fill(&signature.remedy));
    Some(Finding { cause, remedy, evidence: evidence(log, at), ..Finding::from(signature) })
}

/// What may be missing from the log.
fn notes(log: &Log, size: usize) -> Vec<String> {
    let first = log.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut notes = Vec::new();
    if KEPT.contains(&size) {
        let text = "the log has about 16 KB, which is all that Azure Container Instances keeps: the cause may have stood \
            before its beginning";
        notes.push(text.to_owned());
    } else if first.starts_with("\tat ") || first.starts_with("Caused by: ") || first.starts_with("  File \"") {
        notes.push("the log begins in the middle of a trace: the cause may have stood before it".to_owned());
    }
    notes
}

fn last_lines(log: &Log, failed: Option<usize>) -> Vec<Evidence> {
    let end = failed.map_or(log.len(), |failed| failed + 1);
    let said: Vec<usize> = (0..end).filter(|at| !log.line(*at).trim().is_empty()).collect();
    said[said.len().saturating_sub(LAST)..].iter().filter_map(|at| evidence(log, *at)).collect()
}

fn finding(hit: &Hit, log: &Log) -> Finding {
    Finding {
        cause: hit.filled(&hit.signature.cause),
        remedy: hit.filled(&hit.signature.remedy),
        evidence: evidence(log, hit.line),
        count: hit.count,
        ..Finding::from(hit.signature)
    }
}

impl From<&Signature> for Finding {
    fn from(signature: &Signature) -> Self {
        Self {
            id: signature.id.clone(),
            stage: signature.stage,
            cause: signature.cause.clone(),
            remedy: signature.remedy.clone(),
            key: signature.key.clone(),
            source: signature.source.clone(),
            evidence: None,
            count: 1,
        }
    }
}

/// What is known under a name, without a log: its line of evidence is an example.
#[must_use]
pub fn known(id: &str) -> Option<Finding> {
    let signature = named(id)?;
    let open = |text: &str| (1..10).fold(text.to_owned(), |text, group| text.replace(&format!("{{{group}}}"), "…"));
    let line = signature.sample.lines().next_back().unwrap_or_default();
    let evidence = (!line.is_empty()).then(|| Evidence { line: 1, text: line.to_owned() });
    let (cause, remedy) = (open(&signature.cause), open(&signature.remedy));
    Some(Finding { cause, remedy, evidence, ..Finding::from(signature) })
}

/// Every name that [`known`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    signatures::all().map(|signature| signature.id.as_str())
}

fn evidence(log: &Log, at: usize) -> Option<Evidence> {
    let text: String = log.line(at).trim().chars().take(EXCERPT).collect();
    (at < log.len()).then(|| Evidence { line: log.number(at), text })
}

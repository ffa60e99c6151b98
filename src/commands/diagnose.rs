//! `diagnose`: why a container ended, from its log.

use std::fmt::Write as _;
use std::io::{self, Read};

use crate::cli;
use crate::diagnose::{Diagnosis, End, Evidence, Finding, diagnose as find};
use crate::error::Error;
use crate::problem::At;
use crate::profile::Profile;
use crate::project;

use super::{Request, Stop, World, check, say, visible};

/// More of a log is not read, in bytes: its end counts.
const LOG_MAX: u64 = 64 << 20;
/// What a person would look at next.
const COLLECT: &str = "what helps: the whole log from its first line, the exit code (--exited N), and whether the \
    container was started again in between";

pub(super) fn diagnose(command: &cli::Diagnose, world: &World) -> Result<(), Stop> {
    let request = match &command.profile {
        Some(typed) => Some(Request::open(typed, None, world)?),
        None => None,
    };
    let log = read(command.log.as_deref(), world)?;
    let diagnosis = find(&log, command.exited);
    if command.json {
        let text = serde_json::to_string_pretty(&diagnosis).map_err(|error| Error::archive("the answer", error))?;
        say(&(text + "\n"))?;
    } else {
        say(&visible(&text(&diagnosis, command.exited, request.as_ref())))?;
    }
    let known = diagnosis.cause.is_some() || diagnosis.end == End::Well;
    if known { Ok(()) } else { Err(Stop::Problems) }
}

fn read(typed: Option<&str>, world: &World) -> Result<Vec<u8>, Error> {
    let Some(name) = typed.filter(|name| *name != "-") else {
        let mut bytes = Vec::new();
        io::stdin().lock().take(LOG_MAX).read_to_end(&mut bytes).map_err(Error::read("standard input"))?;
        return Ok(bytes);
    };
    let (bytes, whole) = project::tail(&world.environment.cwd.join(name), LOG_MAX)?;
    if !whole {
        world.ui.warn(format_args!("{name} is larger than {}: only its end is read", crate::ui::size(LOG_MAX)));
    }
    Ok(bytes)
}

/// The answer as people read it; with the profile's line, where there is one.
pub(super) fn text(diagnosis: &Diagnosis, exited: Option<i32>, request: Option<&Request>) -> String {
    let mut out = String::new();
    match (&diagnosis.cause, diagnosis.end) {
        (Some(cause), _) => at_length("cause", cause, request, &mut out),
        (None, End::Well) => {
            let _ = match (exited, diagnosis.beside.is_empty()) {
                (Some(0), _) => writeln!(out, "the run ended well"),
                (_, true) => writeln!(out, "no failure shows in the log"),
                (_, false) => writeln!(out, "no failure ended the run: it went on after what the log shows"),
            };
        }
        (None, end) => {
            let how = if end == End::Badly { "the run failed, and" } else { "how the run ended is not clear, and" };
            let _ = writeln!(out, "unknown: {how} nothing in the log is known to say why");
            for Evidence { line, text } in &diagnosis.last {
                let _ = writeln!(out, "  line {line}: {text}");
            }
            let _ = writeln!(out, "  {COLLECT}");
        }
    }
    for (title, all) in [("then", &diagnosis.consequences), ("beside it", &diagnosis.beside)] {
        for one in all {
            out.push('\n');
            brief(title, one, &mut out);
        }
    }
    for note in &diagnosis.notes {
        let _ = writeln!(out, "\nnote: {note}");
    }
    out
}

fn at_length(title: &str, finding: &Finding, request: Option<&Request>, out: &mut String) {
    brief(title, finding, out);
    let _ = writeln!(out, "  remedy: {}", finding.remedy);
    if let (Some(key), Some(request)) = (&finding.key, request) {
        let name = &request.project.source.name;
        let _ = match place(&request.profile, key).map(|at| at.span.start) {
            Some(start) => {
                let text = &request.project.source.text;
                let before = text.get(..start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let written = text.lines().nth(line - 1).unwrap_or_default().trim();
                writeln!(out, "  {name}:{line}: {written}")
            }
            None => writeln!(out, "  {name}: set `{key}`"),
        };
    }
    let _ = writeln!(out, "  source: {}", finding.source);
}

/// Where the profile says what decides about it.
fn place(profile: &Profile, key: &str) -> Option<At> {
    let Profile { target, memory, app, image, .. } = profile;
    let at = match key {
        "target.aci.cpu" => Some(&target.size.cpu_milli.at),
        "target.aci.memory-gb" => Some(&target.size.memory_milli_gb.at),
        "memory.heap-mib" => memory.heap_mib.as_ref().map(|value| &value.at),
        "memory.worker-mib" => memory.worker_mib.as_ref().map(|value| &value.at),
        "app.command" => app.command.first().map(|value| &value.at),
        "image.repository" => image.repository.as_ref().map(|value| &value.at),
        "spark.conf" => profile.spark_conf.first().map(|(key, _)| &key.at),
        _ => return check::place(profile, key),
    };
    at.cloned()
}

fn brief(title: &str, finding: &Finding, out: &mut String) {
    let _ = writeln!(out, "{title}: {} [{}]", finding.cause, finding.id);
    if let Some(Evidence { line, text }) = &finding.evidence {
        let times = if finding.count > 1 { format!(", the first of {}", finding.count) } else { String::new() };
        let _ = writeln!(out, "  line {line}{times}: {text}");
    }
}

//! Peaks beside the plan: [`Report`], as a table, a bar and a sentence.

use std::fmt::Write as _;

use serde::Serialize;

use crate::memory::{self, Part};

use super::{Measured, Peaks, Planned};

/// What an application is given beyond what it was measured to hold, in hundredths.
const MARGIN: u64 = 10;

/// A part of the container: what it was given and what it took, in MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// By the plan; `None` where the plan does not tell it apart.
    pub plan_mib: Option<u64>,
    /// The most that was seen.
    pub peak_mib: u64,
    /// Whether it is a part of the row above.
    #[serde(skip)]
    inner: bool,
}

/// How the run stands to the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Verdict {
    /// Every part stayed within what it was given.
    Fits,
    /// The container held, but parts took more than they were given.
    #[serde(rename_all = "kebab-case")]
    Exceeded {
        /// Their names.
        parts: Vec<&'static str>,
    },
    /// The kernel killed a process for memory.
    Killed,
    /// Nothing could be measured.
    Unmeasured,
}

/// `[memory]` as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Calibration {
    /// What the application itself holds, with a tenth more, in MiB.
    pub driver_mib: u64,
    /// The most that its process took, in MiB.
    pub driver_peak_mib: u64,
    /// What each worker holds beyond its libraries, with a tenth more; `None` where no worker ran.
    pub worker_mib: Option<u64>,
    /// The most that a worker took, in MiB.
    pub worker_peak_mib: u64,
}

/// A run, measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The container's exit code.
    pub exited: i32,
    /// The memory that the container had, in MiB.
    pub limit_mib: u64,
    /// The parts.
    pub rows: Vec<Row>,
    /// The most that all took together, page cache apart, in MiB.
    pub used_mib: Option<u64>,
    /// Page cache at most, in MiB.
    pub cache_mib: Option<u64>,
    /// What was never used of the limit, in MiB.
    pub room_mib: Option<u64>,
    /// Python workers at a time.
    pub workers: usize,
    /// How often was looked.
    pub samples: usize,
    /// How the run stands to the plan.
    pub verdict: Verdict,
    /// What the profile's `[memory]` would be by this run.
    pub calibration: Option<Calibration>,
}

/// The row of what is mapped of files.
const MAPPED: &str = "mapped files";

/// Exit code of a container whose process was killed, as the entrypoint gives it for memory.
const KILLED: i32 = 137;

impl Report {
    /// Of what was seen of a container with `limit` bytes that ended with `exited`.
    #[must_use]
    pub fn new(planned: &Planned, peaks: &Peaks, limit: u64, exited: i32) -> Self {
        let limit_mib = limit / memory::MIB;
        let used_mib = peaks.used.map(|kib| kib.div_ceil(super::KIB));
        let rows = rows(planned, peaks);
        let exceeded: Vec<&'static str> = rows
            .iter()
            .filter(|row| !row.inner && row.plan_mib.is_some_and(|plan| row.peak_mib > plan))
            .map(|row| row.name)
            .collect();
        let verdict = match exited {
            KILLED => Verdict::Killed,
            _ if peaks.samples == 0 => Verdict::Unmeasured,
            _ if exceeded.is_empty() => Verdict::Fits,
            _ => Verdict::Exceeded { parts: exceeded },
        };
        Self {
            exited,
            limit_mib,
            rows,
            used_mib,
            cache_mib: peaks.cache.map(|kib| kib.div_ceil(super::KIB)),
            room_mib: used_mib.map(|used| limit_mib.saturating_sub(used)),
            workers: peaks.workers,
            samples: peaks.samples,
            verdict,
            calibration: (peaks.samples > 0).then(|| calibration(peaks)),
        }
    }

    /// The table, the bars and the verdict, made for 80 columns.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("  {:<16} {:>8} {:>8} {:>8}\n", "MiB", "plan", "peak", "room");
        let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let (back, rows): (Vec<&Row>, Vec<&Row>) = self.rows.iter().partition(|row| row.name == MAPPED);
        for row in rows {
            let name = if row.inner { format!("  {}", row.name) } else { row.name.to_owned() };
            let room = match row.plan_mib {
                Some(plan) if row.peak_mib > plan => format!("-{}", row.peak_mib - plan),
                plan => number(plan.map(|plan| plan - row.peak_mib)),
            };
            let _ = writeln!(out, "  {name:<16} {:>8} {:>8} {room:>8}", number(row.plan_mib), row.peak_mib);
        }
        let (used, room) = (number(self.used_mib), number(self.room_mib));
        let _ = writeln!(out, "  {:<16} {:>8} {used:>8} {room:>8}", "all at once", self.limit_mib);
        let back = back.into_iter().map(|row| (row.name, row.peak_mib));
        for (name, mib) in back.chain(self.cache_mib.map(|cache| ("page cache", cache))) {
            let _ = writeln!(out, "  {name:<16} {:>8} {mib:>8} {:>8}  which the kernel takes back", "-", "-");
        }
        out.push_str(&self.bars());
        let _ = writeln!(out, "{}", self.sentence());
        out
    }

    /// The plan's bar above that of the peaks.
    fn bars(&self) -> String {
        let cells = |value: fn(&Row) -> u64| {
            let of = |part| self.rows.iter().find(|row| row.name == name(part)).map_or(0, value);
            [Part::Heap, Part::Jvm, Part::Python].map(|part| (part, of(part)))
        };
        let plan = memory::cells(&cells(|row| row.plan_mib.unwrap_or_default()), self.limit_mib, 70);
        let peak = memory::cells(&cells(|row| row.peak_mib), self.limit_mib, 70);
        format!("  plan {plan}\n  peak {peak}\n")
    }

    fn sentence(&self) -> String {
        let room = match (self.used_mib, self.room_mib) {
            (Some(used), Some(room)) => format!("{used} of {} MiB at once, {room} never used", self.limit_mib),
            _ => "what it took in all is not known".to_owned(),
        };
        match &self.verdict {
            Verdict::Fits => format!("it fits: {room}"),
            Verdict::Exceeded { parts } => {
                let python = parts.contains(&name(Part::Python));
                let way = if python { "; `--calibrate` writes what the application holds to the profile" } else { "" };
                format!("it held, and {} took more than planned: {room}{way}", parts.join(" and "))
            }
            Verdict::Killed => format!("the container ended with {KILLED}: killed, most likely for memory; {room}"),
            Verdict::Unmeasured => "nothing was measured: the container ended too soon, or has no shell".to_owned(),
        }
    }
}

const fn name(part: Part) -> &'static str {
    match part {
        Part::Heap => "heap",
        Part::Jvm => "JVM beside it",
        Part::Python => "Python",
        Part::Platform => "platform",
        Part::Free => "free",
    }
}

fn rows(planned: &Planned, peaks: &Peaks) -> Vec<Row> {
    let row = |name, plan_mib, peak_mib, inner| Row { name, plan_mib, peak_mib, inner };
    let part = |part| Some(planned.sum(|term| term.part == part));
    let named = |names: &[&str]| Some(planned.sum(|term| names.contains(&term.name.as_str())));
    let [driver, daemons, workers] = [Measured::Driver, Measured::Daemons, Measured::Workers].map(|p| peaks.mib(p));
    vec![
        row(name(Part::Heap), part(Part::Heap), peaks.mib(Measured::Heap), false),
        row(name(Part::Jvm), part(Part::Jvm), peaks.mib(Measured::Jvm), false),
        row(name(Part::Python), part(Part::Python), driver + daemons + workers, false),
        row("driver", named(&["python driver", "application"]), driver, true),
        row("daemons", named(&["python daemons"]), daemons, true),
        row("workers", named(&["python workers"]), workers, true),
        row("others", None, peaks.mib(Measured::Other), false),
        row(MAPPED, None, peaks.mib(Measured::Mapped), false),
    ]
}

fn calibration(peaks: &Peaks) -> Calibration {
    // In steps of 10 MiB: a measurement is not more exact, and a profile should not change with each run.
    let beyond = |peak: u64, own: u64| (peak.saturating_sub(own) * (100 + MARGIN) / 100).div_ceil(10) * 10;
    let driver_peak_mib = peaks.mib(Measured::Driver);
    let worker_peak_mib = peaks.worker.div_ceil(super::KIB);
    Calibration {
        driver_mib: beyond(driver_peak_mib, memory::DRIVER_MIB),
        driver_peak_mib,
        worker_mib: (peaks.workers > 0).then(|| beyond(worker_peak_mib, memory::WORKER_MIB)),
        worker_peak_mib,
    }
}

//! What the parts of a running container really take, beside what was planned for them.
//!
//! In goes what [`SAMPLER`] prints inside of the container, in the end a [`Report`] comes out: plan and peak of each
//! part, head-room and verdict. Memory is proportional set size (`proc_pid_smaps(5)`), so that what processes share
//! counts once, without what is mapped of files, which the kernel can read again and takes back before it kills. Java's
//! heap is the part of it that lies in the heap's own mapping. Absent on purpose: starting containers, and reading from
//! them.

mod report;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::memory::Part;

pub use report::{Calibration, Report, Row, Verdict};
pub use sample::{Reader, Sample};

/// The program for the container's own shell.
pub const SAMPLER: &str = include_str!("sampler.sh");

/// KiB in a MiB.
const KIB: u64 = 1024;

/// The plan that an image carries, as far as measurements are held against it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Planned {
    /// vCPUs in thousandths.
    pub cpu_milli: u32,
    /// Memory in thousandths of ACI's GB.
    pub memory_milli_gb: u32,
    /// The container's memory in bytes.
    pub limit_bytes: u64,
    /// Python workers that there is memory for.
    pub workers: u32,
    terms: Vec<PlannedTerm>,
}

/// One number of the plan.
#[derive(Debug, Clone, Deserialize)]
struct PlannedTerm {
    name: String,
    part: Part,
    mib: u64,
}

impl Planned {
    /// MiB of the terms that fit.
    fn sum(&self, fits: impl Fn(&PlannedTerm) -> bool) -> u64 {
        self.terms.iter().filter(|term| fits(term)).map(|term| term.mib).sum()
    }
}

/// A part of the container that is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Java's heap, as far as it was touched.
    Heap,
    /// Spark's JVM beside its heap.
    Jvm,
    /// The application's own Python, and what it started.
    Driver,
    /// `pyspark.daemon`, which forks the workers.
    Daemons,
    /// All Python workers together.
    Workers,
    /// Everything else: init, entrypoint, Spark's launcher, the sampler.
    Other,
    /// What all processes map of files: their programs and libraries.
    Mapped,
}

/// The greatest values that were seen, in KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Each part's own.
    pub parts: BTreeMap<Measured, u64>,
    /// The largest single Python worker.
    pub worker: u64,
    /// Python workers at a time.
    pub workers: usize,
    /// All together, as the kernel counts it for the limit, less the page cache that it can take back.
    pub used: Option<u64>,
    /// The page cache.
    pub cache: Option<u64>,
    /// Samples that were taken.
    pub samples: usize,
}

impl Peaks {
    /// Takes another sample in.
    pub fn add(&mut self, sample: &Sample) {
        for (part, kib) in &sample.parts {
            let peak = self.parts.entry(*part).or_default();
            *peak = (*peak).max(*kib);
        }
        self.worker = self.worker.max(sample.workers.iter().copied().max().unwrap_or_default());
        self.workers = self.workers.max(sample.workers.len());
        let sum = sample.parts.iter().filter(|(part, _)| **part != Measured::Mapped).map(|(_, kib)| kib).sum();
        self.used = self.used.max(Some(sample.used.unwrap_or(sum)));
        self.cache = self.cache.max(sample.cache);
        self.samples += 1;
    }

    fn mib(&self, part: Measured) -> u64 {
        self.parts.get(&part).copied().unwrap_or_default().div_ceil(KIB)
    }
}

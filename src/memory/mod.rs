//! How the memory of a container is divided: from a profile and a size to the [`MemoryPlan`].
//!
//! In goes the request, out come numbers in MiB, each a named [`Term`] with the rule that gave it.
//! The heap is what is left over. No floats, no detection: what the service shows inside a container
//! is not documented, so the numbers are baked, and the entrypoint compares them with the real limit.
//! Absent on purpose: the settings made of these numbers, which are [`crate::spark`]'s.

pub mod aci;
mod report;
#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};

use crate::matrix::Stack;
use crate::problem::Problem;
use crate::problem::codes::memory as codes;
use crate::profile::{Located, Profile, Size};

pub use report::{bar, cells, table};

/// Bytes in a MiB.
pub(crate) const MIB: u64 = 1024 * 1024;
/// Bytes in a thousandth of ACI's GB. Whether its GB is 10^9 or 2^30 bytes is documented nowhere;
/// this is the smaller.
pub(crate) const MILLI_GB: u64 = 1_000_000;
/// The smallest heap that is planned. Spark needs 471,859,200 bytes of `Runtime.maxMemory`
/// (UnifiedMemoryManager, 1.5 x 300 MiB): 450 MiB under G1, 466 MiB under Serial, 512 MiB under Parallel.
pub const LEAST_HEAP_MIB: u64 = 512;
/// The JVM takes Serial below this limit, whatever the CPUs (HotSpot, `is_server_class_machine`).
const SERVER_MIB: u64 = 1792;

const MEASURED: &str = "measured: Spark 3.5.9, 4.1.4 and 4.3.0 on Java 17, native memory tracking and RSS";
const GROUPS: &str = "Azure Container Instances, \"Container groups\": resources used by the infrastructure";
const REQUEST: &str = "the profile";
const SPARK_NEEDS: &str =
    "Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)";

/// The part of the container that a term belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Java's heap.
    Heap,
    /// The JVM beside its heap.
    Jvm,
    /// Python's processes.
    Python,
    /// The service's own share.
    Platform,
    /// Left over, where the heap is pinned.
    Free,
}

/// One number of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// What the memory is for.
    pub name: &'static str,
    /// The part it belongs to.
    pub part: Part,
    /// How much, in MiB, rounded up (the heap: down).
    pub mib: u64,
    /// How the number was found.
    pub rule: String,
    /// Who says so.
    pub source: &'static str,
}

/// A garbage collector of the JVM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// `-XX:+UseSerialGC`.
    Serial,
    /// `-XX:+UseG1GC`.
    G1,
}

impl Collector {
    /// The JVM's flag.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Serial => "-XX:+UseSerialGC",
            Self::G1 => "-XX:+UseG1GC",
        }
    }

    /// Its usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "Serial",
            Self::G1 => "G1",
        }
    }
}

/// The division of one container's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MemoryPlan {
    /// vCPUs in thousandths.
    pub cpu_milli: u32,
    /// Memory in thousandths of ACI's GB.
    pub memory_milli_gb: u32,
    /// The SKU's name.
    pub sku: &'static str,
    /// The container's memory in bytes.
    pub limit_bytes: u64,
    /// What the service may take of it, in MiB.
    pub platform_mib: u64,
    /// Every term; together they are the limit in whole MiB.
    pub terms: Vec<Term>,
    /// `-Xmx`, in MiB.
    pub heap_mib: u64,
    /// The collector, given to the JVM by name.
    pub gc: Collector,
    /// Tasks at a time: the vCPUs rounded up, as the JVM counts them.
    pub cores: u32,
    /// Python workers that the plan has memory for.
    pub workers: u32,
    /// `-XX:MaxDirectMemorySize`, in MiB.
    pub direct_mib: u64,
    /// The largest batch of Arrow's that the direct memory is made for, in MiB.
    pub arrow_batch_mib: u64,
    /// `-XX:ReservedCodeCacheSize`, in MiB.
    pub code_cache_mib: u64,
    /// `spark.driver.maxResultSize`, in MiB: two fifths of the heap (Spark's own default is a whole GiB).
    pub max_result_mib: u64,
    /// `spark.sql.shuffle.partitions`: four a core (Spark's own default is 200, made for clusters).
    pub shuffle_partitions: u32,
    /// MiB that nobody was given; zero unless the heap is pinned.
    pub free_mib: u64,
    /// What to know before the deployment.
    pub notes: Vec<String>,
}

/// Divides the memory of `size` for what `profile` asks on `stack`.
///
/// # Errors
/// Every reason why the size does not exist at the service, or why the heap would be too small or,
/// if pinned, does not fit.
pub fn plan(profile: &Profile, size: &Size, stack: &Stack) -> Result<MemoryPlan, Vec<Problem>> {
    let faults = aci::faults(size);
    if !faults.is_empty() {
        return Err(faults);
    }
    let frame = Frame::new(profile, size, stack);
    let most = frame.most_heap();
    let heap = match &profile.memory.heap_mib {
        None if most < LEAST_HEAP_MIB => return Err(vec![too_small(profile, size, stack, &frame)]),
        None => most,
        Some(pinned) => check_pin(pinned, size, &frame)?,
    };
    Ok(frame.finish(size, heap))
}

/// The terms that do not depend on the heap, and how the collector's does.
struct Frame {
    limit_bytes: u64,
    terms: Vec<Term>,
    gc: Collector,
    cores: u32,
    workers: u32,
}

/// `-XX:MaxDirectMemorySize`, and the term for it: Netty's share, and Arrow's of each task. A task that sends batches to
/// Python and takes them back holds about four times a batch (measured: 150 columns of longs).
const NETTY_MIB: u64 = 32;
const ARROW_MIB: u64 = 32;

const fn direct_mib(cores: u32) -> u64 {
    NETTY_MIB + ARROW_MIB * cores as u64
}

/// `-XX:ReservedCodeCacheSize`, and the term for it.
const CODE_CACHE_MIB: u64 = 64;

impl Frame {
    fn new(profile: &Profile, size: &Size, stack: &Stack) -> Self {
        let asked = profile.memory.python_workers.as_ref().map(|workers| workers.value);
        Self::with_workers(profile, size, stack, asked)
    }

    /// `None` = one worker a core.
    fn with_workers(profile: &Profile, size: &Size, stack: &Stack, workers: Option<u32>) -> Self {
        let limit_bytes = u64::from(size.memory_milli_gb.value) * MILLI_GB;
        let cores = size.cpu_milli.value.div_ceil(1000).max(1);
        let workers = workers.unwrap_or(cores);
        let gc = if cores == 1 || limit_bytes / MIB < SERVER_MIB { Collector::Serial } else { Collector::G1 };
        let mut terms = vec![Term {
            name: "platform",
            part: Part::Platform,
            mib: (limit_bytes / 20).div_ceil(MIB).max(64),
            rule: "5 % of the limit, at least 64".to_owned(),
            source: GROUPS,
        }];
        terms.extend(python(profile, workers));
        terms.extend(jvm(stack, cores));
        Self { limit_bytes, terms, gc, cores, workers }
    }

    /// MiB left for the heap and its collector; `None` if the terms alone are too many.
    fn left(&self) -> Option<u64> {
        let taken = self.terms.iter().fold(0_u64, |sum, term| sum.saturating_add(term.mib));
        (self.limit_bytes / MIB).checked_sub(taken)
    }

    /// The greatest heap that fits with its collector, in whole MiB; 0 if none does.
    fn most_heap(&self) -> u64 {
        let left = self.left().unwrap_or(0);
        match self.gc {
            Collector::Serial => left,
            Collector::G1 => left.saturating_sub(G1_FIXED_MIB) * 1000 / (1000 + G1_PER_MILLE),
        }
    }

    fn finish(self, size: &Size, heap_mib: u64) -> MemoryPlan {
        let left = self.left().unwrap_or(0);
        let collector = collector_mib(self.gc, heap_mib);
        let free_mib = left.saturating_sub(heap_mib).saturating_sub(collector);
        let platform_mib = self.terms.iter().filter(|t| t.part == Part::Platform).map(|t| t.mib).sum();
        let mut terms = self.terms;
        let rule = match self.gc {
            Collector::Serial => "Serial: one CPU, or a limit below 1792",
            Collector::G1 => "G1: 38, and 3.7 % of the heap",
        };
        let term = |name, part, mib, rule: &str, source| Term { name, part, mib, rule: rule.to_owned(), source };
        terms.push(term("collector", Part::Jvm, collector, rule, MEASURED));
        let (rule, source) = if free_mib > 1 { ("heap-mib", REQUEST) } else { ("what is left", "spark.driver.memory") };
        terms.push(term("heap", Part::Heap, heap_mib, rule, source));
        if free_mib > 1 {
            terms.push(term("free", Part::Free, free_mib, "the heap is pinned", REQUEST));
        } else if let Some(spare) = terms.iter_mut().find(|term| term.name == "spare") {
            // Rounding of the collector's share: at most 1 MiB.
            spare.mib += free_mib;
        }
        MemoryPlan {
            cpu_milli: size.cpu_milli.value,
            memory_milli_gb: size.memory_milli_gb.value,
            sku: size.sku.name(),
            limit_bytes: self.limit_bytes,
            platform_mib,
            terms,
            heap_mib,
            gc: self.gc,
            cores: self.cores,
            workers: self.workers,
            direct_mib: direct_mib(self.cores),
            arrow_batch_mib: ARROW_MIB / 4,
            code_cache_mib: CODE_CACHE_MIB,
            max_result_mib: heap_mib * 2 / 5,
            shuffle_partitions: self.cores.saturating_mul(4),
            free_mib: if free_mib > 1 { free_mib } else { 0 },
            notes: aci::big_note(size).into_iter().collect(),
        }
    }
}

/// G1's own memory is 38 MiB and 3.7 % of the heap: a line through two measured reservations.
const G1_FIXED_MIB: u64 = 38;
const G1_PER_MILLE: u64 = 37;

fn collector_mib(gc: Collector, heap_mib: u64) -> u64 {
    match gc {
        Collector::Serial => 0,
        Collector::G1 => G1_FIXED_MIB.saturating_add(heap_mib.saturating_mul(G1_PER_MILLE).div_ceil(1000)),
    }
}

/// Whether this is a release of Spark 3.
pub(crate) fn is_spark_3(stack: &Stack) -> bool {
    stack.spark.starts_with("3.")
}

/// What the application's Python takes once pandas and pyarrow are imported, in MiB; 69 to 86 seen. Here and below what
/// is mapped of files is not in it: the kernel takes that back.
pub(crate) const DRIVER_MIB: u64 = 88;
/// What a worker takes then; 102 to 112 seen.
pub(crate) const WORKER_MIB: u64 = 112;
/// What `pyspark.daemon` takes; 32 to 40 seen of each.
const DAEMON_MIB: u64 = 40;
/// RDDs and SQL set other environments for their workers, and each environment has a daemon (`SparkEnv`).
const DAEMONS: u64 = 2;

fn python(profile: &Profile, workers: u32) -> Vec<Term> {
    let asked = |value: &Option<Located<u32>>| value.as_ref().map_or(0, |value| u64::from(value.value));
    let term = |name, mib, rule: String, source| Term { name, part: Part::Python, mib, rule, source };
    let mut terms = vec![term("python driver", DRIVER_MIB, "interpreter with pandas and pyarrow".to_owned(), MEASURED)];
    let driver = asked(&profile.memory.driver_mib);
    if driver > 0 {
        terms.push(term("application", driver, "driver-mib".to_owned(), REQUEST));
    }
    if workers > 0 {
        terms.push(term("python daemons", DAEMON_MIB * DAEMONS, format!("{DAEMONS} x {DAEMON_MIB}"), MEASURED));
        let each = WORKER_MIB + asked(&profile.memory.worker_mib);
        let rule = match asked(&profile.memory.worker_mib) {
            0 => format!("{workers} x {WORKER_MIB}"),
            extra => format!("{workers} x ({WORKER_MIB} + worker-mib {extra})"),
        };
        terms.push(term("python workers", each.saturating_mul(u64::from(workers)), rule, MEASURED));
    }
    terms
}

fn jvm(stack: &Stack, cores: u32) -> Vec<Term> {
    let (metaspace, loaded, symbols) =
        if is_spark_3(stack) { (132, "130 after a small job", 48) } else { (168, "165 after Spark ML", 56) };
    [
        ("metaspace", metaspace, format!("classes: {loaded}"), MEASURED),
        ("code cache", CODE_CACHE_MIB, "-XX:ReservedCodeCacheSize; 31 seen".to_owned(), MEASURED),
        (
            "direct memory",
            direct_mib(cores),
            format!("MaxDirectMemorySize: Netty {NETTY_MIB}, Arrow {ARROW_MIB} a task"),
            MEASURED,
        ),
        ("thread stacks", 12, "120 threads, about 0.1 touched of each".to_owned(), MEASURED),
        ("symbols, arenas", symbols, "62 seen, 13 of them a file's: the class archive".to_owned(), MEASURED),
        ("spare", 8, "allocator's slack".to_owned(), "the plan's own margin"),
    ]
    .map(|(name, mib, rule, source)| Term { name, part: Part::Jvm, mib, rule, source })
    .into()
}

fn taken_note(frame: &Frame) -> String {
    let sum = |part| frame.terms.iter().filter(|t| t.part == part).fold(0_u64, |s, t| s.saturating_add(t.mib));
    format!(
        "of {} MiB the platform takes {}, Python {}, the JVM beside its heap {} and its collector more",
        frame.limit_bytes / MIB,
        sum(Part::Platform),
        sum(Part::Python),
        sum(Part::Jvm)
    )
}

/// The smallest size with the same vCPUs whose heap may have `heap` MiB.
fn remedy(profile: &Profile, size: &Size, stack: &Stack, heap: u64) -> String {
    let cpu = aci::decimal(size.cpu_milli.value);
    let found = aci::greater(size).find(|next| Frame::new(profile, next, stack).most_heap() >= heap);
    match found {
        Some(next) => {
            let gb = aci::decimal(next.memory_milli_gb.value);
            format!("`memory-gb = {gb}` is the smallest that holds it with {cpu} vCPU")
        }
        None => {
            format!("no size of the {} SKU with {cpu} vCPU holds it: ask for fewer or smaller workers", size.sku.name())
        }
    }
}

fn too_small(profile: &Profile, size: &Size, stack: &Stack, frame: &Frame) -> Problem {
    let gb = aci::decimal(size.memory_milli_gb.value);
    let cpu = aci::decimal(size.cpu_milli.value);
    let left = match frame.left() {
        Some(_) => format!("leave {} MiB for Java's heap", frame.most_heap()),
        None => "leave nothing for Java's heap".to_owned(),
    };
    let at = &size.memory_milli_gb.at;
    let problem = Problem::new(codes::TOO_SMALL, format!("{cpu} vCPU and {gb} GB {left}, at least 512 are needed"))
        .at(at, "too small for this profile")
        .note(taken_note(frame))
        .note(SPARK_NEEDS)
        .help(remedy(profile, size, stack, LEAST_HEAP_MIB));
    if frame.workers > 0 && Frame::with_workers(profile, size, stack, Some(0)).most_heap() >= LEAST_HEAP_MIB {
        return problem.help("or `[memory] python-workers = 0`, if the app runs no Python UDF");
    }
    problem
}

fn check_pin(pinned: &Located<u32>, size: &Size, frame: &Frame) -> Result<u64, Vec<Problem>> {
    let heap = u64::from(pinned.value);
    let most = frame.most_heap();
    let problem = if heap < LEAST_HEAP_MIB {
        Problem::new(codes::HEAP_DOES_NOT_FIT, format!("a heap of {heap} MiB is too small for Spark"))
            .at(&pinned.at, format!("at least {LEAST_HEAP_MIB}"))
            .note(SPARK_NEEDS)
    } else if heap > most {
        let gb = aci::decimal(size.memory_milli_gb.value);
        let message = format!("a heap of {heap} MiB does not fit into {gb} GB, which leave {most} MiB for it");
        Problem::new(codes::HEAP_DOES_NOT_FIT, message)
            .at(&pinned.at, format!("at most {most}"))
            .also(&size.memory_milli_gb.at, "the container's memory")
            .note(taken_note(frame))
    } else {
        return Ok(heap);
    };
    Err(vec![problem.help("leave `heap-mib` out: the plan takes all that the size leaves")])
}

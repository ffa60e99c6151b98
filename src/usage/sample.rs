//! What the sampler prints, as numbers: [`Reader`] takes its lines, and gives a [`Sample`] at the end of each round.

use std::collections::BTreeMap;
use std::path::Path;

use super::{KIB, Measured};

/// More of one round is not kept, in bytes; a JVM's mappings are some 300 KB.
const ROUND_MAX: usize = 64 << 20;
/// By how much the heap's mapping is larger than `-Xmx`, at most, in KiB: one region of G1.
const REGION: u64 = 32 * KIB;

/// What the container took at one moment, in KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Each part.
    pub parts: BTreeMap<Measured, u64>,
    /// Each Python worker.
    pub workers: Vec<u64>,
    /// All together, less page cache; `None` where the control group is not to be seen.
    pub used: Option<u64>,
    /// Page cache.
    pub cache: Option<u64>,
}

/// Puts rounds together out of lines.
#[derive(Debug, Default)]
pub struct Reader {
    files: BTreeMap<String, String>,
    name: String,
    kept: usize,
}

impl Reader {
    /// Takes a line without its end; a sample where it was a round's last.
    pub fn line(&mut self, line: &[u8]) -> Option<Sample> {
        let line = String::from_utf8_lossy(line);
        let Some(name) = line.strip_prefix("==> ").and_then(|rest| rest.strip_suffix(" <==")) else {
            self.kept += line.len();
            if self.kept < ROUND_MAX {
                let text = self.files.entry(self.name.clone()).or_default();
                text.push_str(&line);
                text.push('\n');
            }
            return None;
        };
        if name != "end" {
            name.clone_into(&mut self.name);
            return None;
        }
        let Self { files, .. } = std::mem::take(self);
        Some(sample(&files))
    }
}

/// A process of the container.
struct Process<'a> {
    pid: &'a str,
    parent: &'a str,
    /// Its words.
    command: Vec<&'a str>,
    /// Memory that only it can give back.
    kib: u64,
    /// What it maps of files.
    mapped: u64,
}

impl Process<'_> {
    fn is(&self, word: &str) -> bool {
        self.command.contains(&word)
    }

    fn program(&self) -> &str {
        let first = self.command.first().copied().unwrap_or_default();
        first.rsplit('/').next().unwrap_or(first)
    }
}

fn sample(files: &BTreeMap<String, String>) -> Sample {
    let processes: Vec<Process<'_>> = files.iter().filter_map(|(name, text)| process(name, text, files)).collect();
    let is_daemon = |process: &Process<'_>| process.is("pyspark.daemon");
    let mut sample = Sample::default();
    for one in &processes {
        *sample.parts.entry(Measured::Mapped).or_default() += one.mapped;
        let part = if one.program() == "java" && one.is("org.apache.spark.deploy.SparkSubmit") {
            let heap = files.get(&format!("/proc/{}/smaps", one.pid)).and_then(|maps| heap(maps, &one.command));
            let heap = heap.unwrap_or_default().min(one.kib);
            *sample.parts.entry(Measured::Heap).or_default() += heap;
            *sample.parts.entry(Measured::Jvm).or_default() += one.kib - heap;
            continue;
        } else if is_daemon(one) {
            if processes.iter().any(|other| other.pid == one.parent && is_daemon(other)) {
                sample.workers.push(one.kib);
                Measured::Workers
            } else {
                Measured::Daemons
            }
        } else if one.program().starts_with("python") {
            Measured::Driver
        } else {
            Measured::Other
        };
        *sample.parts.entry(part).or_default() += one.kib;
    }
    (sample.used, sample.cache) = group(files).unzip();
    sample
}

/// A process by its line of `proc_pid_stat(5)`, whose second field is the name in parentheses.
fn process<'a>(name: &'a str, stat: &'a str, files: &'a BTreeMap<String, String>) -> Option<Process<'a>> {
    let pid = name.strip_prefix("/proc/")?.strip_suffix("/stat")?;
    let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
    let file = |of: &str| files.get(&format!("/proc/{pid}/{of}"));
    let command = file("cmdline")?.trim_end().split('\0').filter(|word| !word.is_empty()).collect();
    // Whoever has ended has no memory. Kernels before 5.3 do not tell files apart.
    let maps = file("smaps_rollup")?;
    let (all, mapped) = (number(maps, "Pss:")?, number(maps, "Pss_File:").unwrap_or_default());
    Some(Process { pid, parent, command, kib: all.saturating_sub(mapped), mapped })
}

/// The number behind a word at the beginning of a line.
fn number(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How much of the heap was touched, in KiB: HotSpot reserves it in one piece, of `-Xmx` rounded up to whole regions,
/// and it is the lowest piece of that size.
fn heap(smaps: &str, command: &[&str]) -> Option<u64> {
    let most = command.iter().rev().find_map(|word| size(word.strip_prefix("-Xmx")?))?;
    let (mut begin, mut end, mut touched) = (0, 0, 0);
    let is_heap = |begin: u64, end: u64| (most..=most + REGION).contains(&((end - begin) / KIB));
    for line in smaps.lines() {
        if let Some(own) = line.strip_prefix("Anonymous:") {
            touched += own.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
        } else if let Some((from, to, is_anonymous)) = mapping(line) {
            if from == end && is_anonymous {
                end = to;
                continue;
            }
            if is_heap(begin, end) {
                return Some(touched);
            }
            (begin, end, touched) = if is_anonymous { (from, to, 0) } else { (to, to, 0) };
        }
    }
    is_heap(begin, end).then_some(touched)
}

/// A mapping's bounds, and whether it is of no file; the archive of classes whose objects G1 maps into its heap counts
/// as none.
fn mapping(line: &str) -> Option<(u64, u64, bool)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let bound = |text: &str| u64::from_str_radix(text, 16).ok();
    let (from, to) = (bound(from)?, bound(to)?);
    let is_anonymous = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "jsa");
    (from <= to).then(|| (from, to, words.nth(4).is_none_or(is_anonymous)))
}

/// A size as Java reads it, in KiB.
fn size(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..unit)?.parse().ok()?;
    match text.get(unit..)? {
        "k" | "K" => Some(number),
        "m" | "M" => number.checked_mul(KIB),
        "g" | "G" => number.checked_mul(KIB * KIB),
        "" => Some(number / KIB),
        _ => None,
    }
}

/// What the control group counts, and how much of it is page cache, both in KiB. Version 2 has one directory, version 1
/// one a controller; shared memory is counted among the files, and the kernel cannot take it back.
fn group(files: &BTreeMap<String, String>) -> Option<(u64, u64)> {
    let bytes = |name: &str| files.get(name)?.trim().parse::<u64>().ok();
    let (all, stat, cache, shared) = if let Some(all) = bytes("/sys/fs/cgroup/memory.current") {
        (all, "/sys/fs/cgroup/memory.stat", "file ", "shmem ")
    } else {
        let all = bytes("/sys/fs/cgroup/memory/memory.usage_in_bytes")?;
        (all, "/sys/fs/cgroup/memory/memory.stat", "total_cache ", "total_shmem ")
    };
    let stat = files.get(stat)?;
    let cache = number(stat, cache)?.saturating_sub(number(stat, shared).unwrap_or_default());
    Some((all.saturating_sub(cache) / KIB, cache / KIB))
}

//! The plan as people read it: a table and a bar, each made for 80 columns.

use std::fmt::Write as _;

use super::{MIB, MemoryPlan, Part, aci};

/// Parts in the order of the bar, with their fill and their name in the legend.
const PARTS: [(Part, char, &str); 5] = [
    (Part::Heap, '█', "heap"),
    (Part::Jvm, '▓', "JVM"),
    (Part::Python, '▒', "Python"),
    (Part::Platform, '░', "platform"),
    (Part::Free, '·', "free"),
];

/// Every term a line: name, MiB, rule; the limit last. Lines stay below 80 columns.
#[must_use]
pub fn table(plan: &MemoryPlan) -> String {
    let mut out = String::new();
    for term in &plan.terms {
        let _ = writeln!(out, "  {:<16} {:>7} MiB  {}", term.name, term.mib, term.rule);
    }
    let gb = aci::decimal(plan.memory_milli_gb);
    let cpu = aci::decimal(plan.cpu_milli);
    let _ = writeln!(out, "  {:<16} {:>7} MiB  {cpu} vCPU, {gb} GB, {}", "limit", plan.limit_bytes / MIB, plan.sku);
    out
}

/// One bar of `width` cells and its legend.
#[must_use]
pub fn bar(plan: &MemoryPlan, width: usize) -> String {
    let sums = PARTS.map(|(part, ..)| {
        let mib: u64 = plan.terms.iter().filter(|term| term.part == part).map(|term| term.mib).sum();
        (part, mib)
    });
    let bar = cells(&sums, plan.limit_bytes / MIB, width);
    let given = PARTS.iter().zip(sums).filter(|(_, (_, mib))| *mib > 0);
    let legend: Vec<String> = given.map(|((_, fill, name), (_, mib))| format!("{fill} {name} {mib}")).collect();
    format!("{bar}\n{}  (MiB)\n", legend.join("  "))
}

/// The cells of a bar: each part's MiB of `whole`, which is `width` cells long.
#[must_use]
pub fn cells(parts: &[(Part, u64)], whole: u64, width: usize) -> String {
    let whole = whole.max(1);
    let (mut seen, mut drawn) = (0, 0);
    let mut bar = String::new();
    for (part, mib) in parts {
        seen += mib;
        let fill = PARTS.iter().find(|(known, ..)| known == part).map_or(' ', |(_, fill, _)| *fill);
        let end = usize::try_from((seen * width as u64 + whole / 2) / whole).unwrap_or(width).min(width);
        bar.extend(std::iter::repeat_n(fill, end.saturating_sub(drawn)));
        drawn = drawn.max(end);
    }
    bar
}

use std::fmt::Write as _;

use super::*;
use crate::problem::{At, SourceFile};
use crate::profile::{MemoryRequest, Sku, Target};

pub(crate) fn located<T>(value: T, key: &str) -> Located<T> {
    Located { value, at: At::new(key, 0..0) }
}

pub(crate) fn size(cpu_milli: u32, memory_milli_gb: u32, sku: Sku) -> Size {
    Size {
        cpu_milli: located(cpu_milli, "target.aci.cpu"),
        memory_milli_gb: located(memory_milli_gb, "target.aci.memory-gb"),
        sku,
    }
}

pub(crate) fn stack(spark: &str) -> Stack {
    let text = |text: &str| text.to_owned();
    Stack {
        spark: text(spark),
        scala: text("2.12"),
        hadoop: text("3.3.4"),
        java: text("17"),
        python: text("3.11"),
        debian: text("bookworm"),
    }
}

pub(crate) fn profile(memory: MemoryRequest) -> Profile {
    let size = size(2000, 4000, Sku::Standard);
    Profile {
        name: "test".to_owned(),
        source: SourceFile::default(),
        target: Target { size, sizes: std::collections::BTreeMap::default() },
        stack: crate::profile::StackRequest::default(),
        maven: crate::profile::MavenRequest::default(),
        python: crate::profile::PythonRequest::default(),
        debian: crate::profile::DebianRequest::default(),
        require: Vec::new(),
        memory,
        spark_conf: Vec::new(),
        log_level: crate::profile::LogLevel::Warn,
        app: crate::profile::App::default(),
        image: crate::profile::ImageRequest::default(),
        lints: Vec::new(),
    }
}

pub(crate) fn shown(problems: &[Problem]) -> String {
    let lines = problems.iter().flat_map(|p| {
        let at = p.at.as_ref().map_or("-", |at| at.key.as_str());
        let first = format!("{} at {at} ({}): {}", p.code.name, p.label, p.message);
        let notes = p.notes.iter().map(|note| format!("  note: {note}"));
        let help = p.help.iter().map(|help| format!("  help: {help}"));
        std::iter::once(first).chain(notes).chain(help).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn sizes_and_their_heaps() {
    let request = MemoryRequest::default();
    let rows =
        [(1000, 1500), (1000, 2000), (2000, 2000), (2000, 4000), (4000, 8000), (4000, 16_000), (31_000, 240_000)];
    let mut out = String::new();
    for spark in ["3.5.9", "4.3.0"] {
        for (cpu, memory) in rows {
            let line = match plan(&profile(request.clone()), &size(cpu, memory, Sku::Standard), &stack(spark)) {
                Ok(p) => format!("heap {} {} local[{}] workers {}", p.heap_mib, p.gc.name(), p.cores, p.workers),
                Err(problems) => problems[0].message.clone(),
            };
            let _ = writeln!(out, "{spark} {cpu}/{memory}: {line}");
        }
    }
    insta::assert_snapshot!(out, @"
    3.5.9 1000/1500: heap 750 Serial local[1] workers 1
    3.5.9 1000/2000: heap 1203 Serial local[1] workers 1
    3.5.9 2000/2000: heap 984 G1 local[2] workers 2
    3.5.9 2000/4000: heap 2731 G1 local[2] workers 2
    3.5.9 4000/8000: heap 5948 G1 local[4] workers 4
    3.5.9 4000/16000: heap 12938 G1 local[4] workers 4
    3.5.9 31000/240000: heap 204889 G1 local[31] workers 31
    4.3.0 1000/1500: heap 706 Serial local[1] workers 1
    4.3.0 1000/2000: heap 1159 Serial local[1] workers 1
    4.3.0 2000/2000: heap 942 G1 local[2] workers 2
    4.3.0 2000/4000: heap 2689 G1 local[2] workers 2
    4.3.0 4000/8000: heap 5906 G1 local[4] workers 4
    4.3.0 4000/16000: heap 12895 G1 local[4] workers 4
    4.3.0 31000/240000: heap 204846 G1 local[31] workers 31
    ");
}

#[test]
fn the_terms_are_the_limit() {
    for spark in ["3.5.9", "4.0.5"] {
        for sku in [Sku::Standard, Sku::Confidential, Sku::Spot] {
            let (most_cpu, most) = aci::greatest(sku);
            for cpu in (1000..=most_cpu).step_by(700) {
                for memory in (1000..=most).step_by(1300) {
                    let (cpu, memory) = (cpu / 100 * 100, memory / 100 * 100);
                    let Ok(plan) = plan(&profile(MemoryRequest::default()), &size(cpu, memory, sku), &stack(spark))
                    else {
                        continue;
                    };
                    let sum: u64 = plan.terms.iter().map(|term| term.mib).sum();
                    assert_eq!(sum, plan.limit_bytes / MIB, "{plan:?}");
                    assert!(plan.heap_mib >= LEAST_HEAP_MIB && plan.free_mib == 0, "{plan:?}");
                    assert!(bar(&plan, 78).lines().next().is_some_and(|bar| bar.chars().count() == 78), "{plan:?}");
                }
            }
        }
    }
}

#[test]
fn sizes_that_are_refused() {
    let cases = [
        (1000, 1000, Sku::Standard),
        (4000, 2000, Sku::Standard),
        (31_000, 5000, Sku::Standard),
        (500, 500, Sku::Standard),
        (32_000, 240_100, Sku::Standard),
        (1000, 180_100, Sku::Confidential),
        (4100, 16_000, Sku::Spot),
        (1250, 2050, Sku::Standard),
        (0, u32::MAX, Sku::Standard),
    ];
    let mut out = String::new();
    for (cpu, memory, sku) in cases {
        let problems = plan(&profile(MemoryRequest::default()), &size(cpu, memory, sku), &stack("4.3.0"));
        let _ = write!(out, "{cpu}/{memory}\n{}\n", shown(&problems.err().unwrap_or_default()));
    }
    insta::assert_snapshot!(out, @r#"
    1000/1000
    memory-too-small at target.aci.memory-gb (too small for this profile): 1 vCPU and 1 GB leave 237 MiB for Java's heap, at least 512 are needed
      note: of 953 MiB the platform takes 64, Python 280, the JVM beside its heap 372 and its collector more
      note: Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)
      help: `memory-gb = 1.3` is the smallest that holds it with 1 vCPU
    4000/2000

    31000/5000
    memory-too-small at target.aci.memory-gb (too small for this profile): 31 vCPU and 5 GB leave nothing for Java's heap, at least 512 are needed
      note: of 4768 MiB the platform takes 239, Python 3640, the JVM beside its heap 1332 and its collector more
      note: Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)
      help: `memory-gb = 6.2` is the smallest that holds it with 31 vCPU
      help: or `[memory] python-workers = 0`, if the app runs no Python UDF
    500/500
    not-an-aci-size at target.aci.cpu (below the least): 0.5 vCPU is less than a container group may have
      note: a group has at least 1 vCPU (Azure Container Instances, "Container groups")
      help: ask for 1 vCPU
    not-an-aci-size at target.aci.memory-gb (below the least): 0.5 GB is less than a container group may have
      note: a group has at least 1 GB (Azure Container Instances, "Container groups")
      help: ask for 1 GB
    32000/240100
    not-an-aci-size at target.aci.cpu (above the greatest): 32 vCPU is more than the standard SKU offers
      note: the greatest is 31 vCPU (Azure Container Instances, "Resource availability & quota limits")
      help: ask for at most 31 vCPU
    not-an-aci-size at target.aci.memory-gb (above the greatest): 240.1 GB is more than the standard SKU offers
      note: the greatest is 240 GB (Azure Container Instances, "Resource availability & quota limits")
      help: ask for at most 240 GB
    1000/180100
    not-an-aci-size at target.aci.memory-gb (above the greatest): 180.1 GB is more than the confidential SKU offers
      note: the greatest is 180 GB (Azure Container Instances, "Resource availability & quota limits")
      help: ask for at most 180 GB
    4100/16000
    not-an-aci-size at target.aci.cpu (above the greatest): 4.1 vCPU is more than the spot SKU offers
      note: the greatest is 4 vCPU (Azure Container Instances, "Resource availability & quota limits")
      help: ask for at most 4 vCPU
    1250/2050
    not-an-aci-size at target.aci.cpu (off the step): 1.25 vCPU is not a multiple of 0.1 vCPU
      note: the service takes one decimal (help text of `az container create`)
      help: ask for 1.3 vCPU
    not-an-aci-size at target.aci.memory-gb (off the step): 2.05 GB is not a multiple of 0.1 GB
      note: the service takes one decimal (help text of `az container create`)
      help: ask for 2.1 GB
    0/4294967295
    not-an-aci-size at target.aci.cpu (below the least): 0 vCPU is less than a container group may have
      note: a group has at least 1 vCPU (Azure Container Instances, "Container groups")
      help: ask for 1 vCPU
    not-an-aci-size at target.aci.memory-gb (above the greatest): 4294967.295 GB is more than the standard SKU offers
      note: the greatest is 240 GB (Azure Container Instances, "Resource availability & quota limits")
      help: ask for at most 240 GB
    "#);
}

#[test]
fn the_remedy_is_the_smallest_size_that_works() {
    let request = MemoryRequest { worker_mib: Some(located(300, "memory.worker-mib")), ..MemoryRequest::default() };
    let ok = |memory| plan(&profile(request.clone()), &size(2000, memory, Sku::Standard), &stack("3.5.9")).is_ok();
    let problems = plan(&profile(request.clone()), &size(2000, 1000, Sku::Standard), &stack("3.5.9"));
    let help = problems.err().map(|p| p[0].help.clone()).unwrap_or_default();
    let least = (10..100).map(|tenths| tenths * 100).find(|memory| ok(*memory)).unwrap_or(0);
    assert_eq!(help[0], format!("`memory-gb = {}` is the smallest that holds it with 2 vCPU", aci::decimal(least)));
}

#[test]
fn what_the_application_asks_for() {
    let asks = |workers, driver, worker, heap| MemoryRequest {
        python_workers: Some(located(workers, "memory.python-workers")),
        driver_mib: Some(located(driver, "memory.driver-mib")),
        worker_mib: Some(located(worker, "memory.worker-mib")),
        heap_mib: heap,
    };
    let heap = |mib| Some(located(mib, "memory.heap-mib"));
    let cases = [
        asks(0, 0, 0, None),
        asks(4, 500, 100, None),
        asks(2, 0, 0, heap(1800)),
        asks(2, 0, 0, heap(511)),
        asks(2, 0, 0, heap(4000)),
        asks(u32::MAX, u32::MAX, u32::MAX, None),
        asks(u32::MAX, 0, 0, heap(u32::MAX)),
    ];
    let mut out = String::new();
    for request in cases {
        let line = match plan(&profile(request), &size(2000, 4000, Sku::Standard), &stack("3.5.9")) {
            Ok(plan) => format!("heap {} free {}", plan.heap_mib, plan.free_mib),
            Err(problems) => shown(&problems),
        };
        let _ = writeln!(out, "{line}");
    }
    insta::assert_snapshot!(out, @"
    heap 3025 free 0
    heap 1648 free 0
    heap 1800 free 966
    pinned-heap-does-not-fit at memory.heap-mib (at least 512): a heap of 511 MiB is too small for Spark
      note: Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)
      help: leave `heap-mib` out: the plan takes all that the size leaves
    pinned-heap-does-not-fit at memory.heap-mib (at most 2731): a heap of 4000 MiB does not fit into 4 GB, which leave 2731 MiB for it
      note: of 3814 MiB the platform takes 191, Python 392, the JVM beside its heap 360 and its collector more
      help: leave `heap-mib` out: the plan takes all that the size leaves
    memory-too-small at target.aci.memory-gb (too small for this profile): 2 vCPU and 4 GB leave nothing for Java's heap, at least 512 are needed
      note: of 3814 MiB the platform takes 191, Python 18446744073709551615, the JVM beside its heap 360 and its collector more
      note: Spark needs 450 to 512 MiB of heap to start, by collector (UnifiedMemoryManager: 1.5 x 300 MiB)
      help: no size of the standard SKU with 2 vCPU holds it: ask for fewer or smaller workers
    pinned-heap-does-not-fit at memory.heap-mib (at most 0): a heap of 4294967295 MiB does not fit into 4 GB, which leave 0 MiB for it
      note: of 3814 MiB the platform takes 191, Python 481036337208, the JVM beside its heap 360 and its collector more
      help: leave `heap-mib` out: the plan takes all that the size leaves
    ");
}

#[test]
fn the_table_and_the_bar() {
    let pinned = MemoryRequest { heap_mib: Some(located(1800, "memory.heap-mib")), ..MemoryRequest::default() };
    let mut out = String::new();
    for request in [MemoryRequest::default(), pinned] {
        match plan(&profile(request), &size(2000, 4000, Sku::Standard), &stack("3.5.9")) {
            Ok(plan) => _ = write!(out, "{}\n{}\n", table(&plan), bar(&plan, 76)),
            Err(problems) => out += &shown(&problems),
        }
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(out, @"
      platform             191 MiB  5 % of the limit, at least 64
      python driver         88 MiB  interpreter with pandas and pyarrow
      python daemons        80 MiB  2 x 40
      python workers       224 MiB  2 x 112
      metaspace            132 MiB  classes: 130 after a small job
      code cache            64 MiB  -XX:ReservedCodeCacheSize; 31 seen
      direct memory         96 MiB  MaxDirectMemorySize: Netty 32, Arrow 32 a task
      thread stacks         12 MiB  120 threads, about 0.1 touched of each
      symbols, arenas       48 MiB  62 seen, 13 of them a file's: the class archive
      spare                  8 MiB  allocator's slack
      collector            140 MiB  G1: 38, and 3.7 % of the heap
      heap                2731 MiB  what is left
      limit               3814 MiB  2 vCPU, 4 GB, standard

    ██████████████████████████████████████████████████████▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒░░░░
    █ heap 2731  ▓ JVM 500  ▒ Python 392  ░ platform 191  (MiB)

      platform             191 MiB  5 % of the limit, at least 64
      python driver         88 MiB  interpreter with pandas and pyarrow
      python daemons        80 MiB  2 x 40
      python workers       224 MiB  2 x 112
      metaspace            132 MiB  classes: 130 after a small job
      code cache            64 MiB  -XX:ReservedCodeCacheSize; 31 seen
      direct memory         96 MiB  MaxDirectMemorySize: Netty 32, Arrow 32 a task
      thread stacks         12 MiB  120 threads, about 0.1 touched of each
      symbols, arenas       48 MiB  62 seen, 13 of them a file's: the class archive
      spare                  8 MiB  allocator's slack
      collector            105 MiB  G1: 38, and 3.7 % of the heap
      heap                1800 MiB  heap-mib
      free                 966 MiB  the heap is pinned
      limit               3814 MiB  2 vCPU, 4 GB, standard

    ████████████████████████████████████▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒░░░░···················
    █ heap 1800  ▓ JVM 465  ▒ Python 392  ░ platform 191  · free 966  (MiB)
    ");
}

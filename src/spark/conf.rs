//! spark-defaults.conf: the plan's settings, the rules', the user's over both, and what must not be.

use std::fmt::Write as _;

use super::{STATE, Setting};
use crate::matrix::{RuleSetting, Stack};
use crate::memory::{LEAST_HEAP_MIB, MemoryPlan, is_spark_3};
use crate::problem::codes::spark as codes;
use crate::problem::{Code, Problem};
use crate::profile::{Located, Profile};

const JAVA_OPTIONS: &str = "spark.driver.defaultJavaOptions";
/// Spark's least executor memory, checked in local mode too (UnifiedMemoryManager: 1.5 x 300 MiB).
const LEAST_EXECUTOR: u64 = 471_859_200;

/// The settings in their order, and the warnings about rules that the user overrides.
pub(super) fn merge(
    profile: &Profile,
    stack: &Stack,
    memory: &MemoryPlan,
    rules: &[RuleSetting],
) -> (Vec<Setting>, Vec<Problem>) {
    let mut settings = planned(stack, memory);
    for rule in rules {
        let why = format!("{}: {} ({})", rule.rule, rule.reason, rule.source);
        match settings.iter_mut().find(|setting| setting.key == rule.key) {
            Some(options) if options.key == JAVA_OPTIONS => {
                options.value = format!("{} {}", options.value, rule.value);
                options.why = format!("{}; {why}", options.why);
            }
            Some(setting) => (setting.value, setting.why) = (rule.value.clone(), why),
            None => settings.push(Setting { key: rule.key.clone(), value: rule.value.clone(), why }),
        }
    }
    let mut problems = Vec::new();
    for (key, value) in &profile.spark_conf {
        if let Some(rule) = rules.iter().find(|rule| rule.key == key.value && rule.value != value.value) {
            problems.push(overridden(rule, value));
        }
        let why = "[spark.conf] of the profile".to_owned();
        match settings.iter_mut().find(|setting| setting.key == key.value) {
            Some(setting) if setting.value == value.value => {}
            Some(setting) => (setting.value, setting.why) = (value.value.clone(), why),
            None => settings.push(Setting { key: key.value.clone(), value: value.value.clone(), why }),
        }
    }
    (settings, problems)
}

fn overridden(rule: &RuleSetting, value: &Located<String>) -> Problem {
    let message = format!("`{}` replaces `{}`, which the rule {} asks for", value.value, rule.value, rule.rule);
    Problem::new(codes::RULE_OVERRIDDEN, message)
        .at(&value.at, "the profile's value wins")
        .note(format!("{} ({})", rule.reason, rule.source))
        .help("leave it out")
}

/// Rows of a batch of Arrow's, of which Spark's default has 10,000: no slower (measured), and batches of wide rows fit
/// into the plan's direct memory.
const ROWS: u32 = 4000;
/// `spark.rpc.message.maxSize` where nothing is set, and at most, in MiB (RpcUtils).
const MESSAGE_MIB: std::ops::RangeInclusive<u64> = 128..=2047;

/// What follows from the plan.
fn planned(stack: &Stack, memory: &MemoryPlan) -> Vec<Setting> {
    let setting = |key: &str, value: String, why: &str| Setting { key: key.to_owned(), value, why: why.to_owned() };
    let message = memory.max_result_mib.clamp(*MESSAGE_MIB.start(), *MESSAGE_MIB.end());
    let mut settings = vec![
        setting(
            "spark.master",
            format!("local[{}]", memory.cores),
            "one task a vCPU, rounded up; local[*] would follow the machine that the container runs on",
        ),
        setting("spark.driver.memory", format!("{}m", memory.heap_mib), "the heap of the memory plan"),
        setting(
            "spark.driver.maxResultSize",
            format!("{}m", memory.max_result_mib),
            "two fifths of the heap; Spark's default is 1g whatever the heap",
        ),
        setting(
            "spark.task.maxDirectResultSize",
            format!("{}m", memory.max_result_mib.min(*MESSAGE_MIB.end())),
            "a task's result is handed over in the heap; above 1 MiB it would go through Netty's direct memory",
        ),
        setting("spark.rpc.message.maxSize", message.to_string(), "the same, which it bounds"),
        setting(
            JAVA_OPTIONS,
            java_options(stack, memory),
            "the JVM's terms of the memory plan; extraJavaOptions is added to these",
        ),
        setting(
            "spark.sql.execution.arrow.maxRecordsPerBatch",
            ROWS.to_string(),
            "batches lie in direct memory, about four times; 10,000 wide rows would not fit",
        ),
        setting(
            "spark.sql.shuffle.partitions",
            memory.shuffle_partitions.to_string(),
            "four a core; Spark's default of 200 is made for clusters",
        ),
        setting(
            "spark.sql.warehouse.dir",
            format!("file:{STATE}/warehouse"),
            "the default is the working directory, which need not be writable",
        ),
        setting("spark.ui.showConsoleProgress", "false".to_owned(), "a log is no terminal"),
    ];
    if !is_spark_3(stack) {
        settings.push(setting(
            "spark.sql.execution.arrow.maxBytesPerBatch",
            format!("{}m", memory.arrow_batch_mib),
            "the same, whatever the rows; Spark 3 has no such bound",
        ));
    }
    settings
}

fn java_options(stack: &Stack, memory: &MemoryPlan) -> String {
    let mut flags = vec![
        memory.gc.flag().to_owned(),
        format!("-XX:MaxDirectMemorySize={}m", memory.direct_mib),
        format!("-XX:ReservedCodeCacheSize={}m", memory.code_cache_mib),
        format!("-XX:ActiveProcessorCount={}", memory.cores),
        "-XX:+ExitOnOutOfMemoryError".to_owned(),
    ];
    if !is_spark_3(stack) {
        // Spark 4's Netty counts a second limit of its own; 0 puts it under the JDK's.
        flags.push("-Dio.netty.maxDirectMemory=0".to_owned());
    }
    flags.join(" ")
}

/// The file: each setting under its reason. Values are escaped as `java.util.Properties` reads them.
pub(super) fn text(settings: &[Setting]) -> String {
    let mut out = String::from("# Baked by sparkbake; the whole plan is in sparkbake-plan.json.\n");
    for setting in settings {
        let why: String = setting.why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let value = setting.value.replace('\\', "\\\\");
        let _ = writeln!(out, "\n# {why}\n{} {value}", setting.key);
    }
    out
}

/// Every setting of `[spark.conf]` that must not be baked.
pub(super) fn check(profile: &Profile, memory: &MemoryPlan) -> Vec<Problem> {
    let conf = &profile.spark_conf;
    let pinned = profile.memory.heap_mib.is_some();
    let faults = conf.iter().map(|(key, value)| match unwritable(key, value) {
        Some(problem) => vec![problem],
        None => check_setting(key, value, conf, pinned, memory),
    });
    faults.flatten().collect()
}

/// What is wrong with one setting among others, wherever it is made before the session; `pinned` says that
/// the profile has chosen the heap.
#[must_use]
pub fn check_setting(
    key: &Located<String>,
    value: &Located<String>,
    conf: &[(Located<String>, Located<String>)],
    pinned: bool,
    memory: &MemoryPlan,
) -> Vec<Problem> {
    let heap = memory.heap_mib;
    let text = value.value.trim();
    let fights = |message: String| Problem::new(codes::FIGHTS_THE_PLAN, message).at(&value.at, "set here");
    let breaks = |message: String| Problem::new(codes::BREAKS_THE_START, message).at(&value.at, "set here");
    let one = match key.value.as_str() {
        "spark.driver.memory" if bytes(text) != Some(heap << 20) => {
            let pin = bytes(text).map_or(heap, |bytes| bytes >> 20);
            let problem = fights(format!("`{text}` is another heap than the plan's {heap} MiB"))
                .note("the plan leaves room for Python and for the JVM beside its heap");
            if pin > heap + memory.free_mib {
                problem.help("leave it out: a greater heap needs a greater `target.aci.memory-gb`")
            } else {
                problem.help(format!("pin the heap where it is checked: `[memory] heap-mib = {pin}`"))
            }
        }
        "spark.master" if text != format!("local[{}]", memory.cores) => {
            fights(format!("`{text}` is another master than the plan's local[{}]", memory.cores))
                .note("the image is one container in which Spark runs by itself; its tasks follow `target.aci.cpu`")
                .help("leave it out")
        }
        "spark.submit.deployMode" if text != "client" => {
            breaks(format!("deploy mode `{text}` does not exist in local mode")).help("leave it out")
        }
        JAVA_OPTIONS => fights("this replaces the JVM flags of the plan".to_owned())
            .help("use `spark.driver.extraJavaOptions`, which is added to them"),
        "spark.driver.extraJavaOptions" => return java_flags(value, memory),
        "spark.executor.extraJavaOptions" if text.contains("-Xmx") => {
            breaks("Spark refuses a heap in Java options".to_owned()).help("leave it out: there is no executor JVM")
        }
        "spark.executor.memory" if bytes(text).is_some_and(|bytes| bytes < LEAST_EXECUTOR) => {
            breaks(format!("an executor memory of `{text}` is below 450 MiB"))
                .note("Spark checks it in local mode too, where it sizes nothing (UnifiedMemoryManager)")
                .help("leave it out")
        }
        "spark.driver.maxResultSize" if bytes(text).is_some_and(|bytes| bytes > heap << 20) => {
            fights(format!("results of up to `{text}` do not fit into a heap of {heap} MiB"))
                .help(format!("ask for less, or leave it out: {} MiB", memory.max_result_mib))
        }
        "spark.memory.offHeap.enabled" if text.eq_ignore_ascii_case("true") => {
            return off_heap(value, conf, pinned, memory).into_iter().collect();
        }
        key => match elsewhere(key) {
            Some(why) => Problem::new(codes::NO_EFFECT, format!("`{key}` has no effect in this image"))
                .at(&value.at, "set here")
                .note(why)
                .help("leave it out"),
            None => return Vec::new(),
        },
    };
    vec![one]
}

/// Settings of executors, and of what only cluster managers do: the image runs Spark in local mode, where the
/// driver does all work (`SparkContext.createTaskScheduler`, `LocalSchedulerBackend`). A dot at the end stands for
/// every key below.
const ELSEWHERE: [(&str, &str); 21] = [
    ("spark.cores.max", "a cluster's share of cores; tasks follow `target.aci.cpu`"),
    ("spark.deploy.", MANAGER),
    ("spark.driver.cores", "the driver's share of a cluster; tasks follow `target.aci.cpu`"),
    ("spark.driver.memoryOverhead", "a cluster manager adds it to the driver; the memory plan has its own terms"),
    ("spark.driver.memoryOverheadFactor", "a cluster manager adds it to the driver; the memory plan has its own terms"),
    ("spark.driver.supervise", "a standalone cluster does it"),
    ("spark.dynamicAllocation.", "there are no executors to add or remove"),
    ("spark.executor.cores", "there are no executors; tasks follow `target.aci.cpu`"),
    ("spark.executor.extraClassPath", "there is no executor's JVM; the driver's is `spark.driver.extraClassPath`"),
    ("spark.executor.extraJavaOptions", "there is no executor's JVM; the driver's is `spark.driver.extraJavaOptions`"),
    ("spark.executor.extraLibraryPath", "there is no executor's JVM; the driver's is `spark.driver.extraLibraryPath`"),
    ("spark.executor.instances", "there are no executors"),
    ("spark.executor.memory", "it sizes nothing: tasks run in the driver's heap, `[memory] heap-mib`"),
    ("spark.executor.memoryOverhead", "there are no executors; Python's share is `[memory] worker-mib`"),
    ("spark.executor.memoryOverheadFactor", "there are no executors; Python's share is `[memory] worker-mib`"),
    ("spark.kubernetes.", MANAGER),
    ("spark.master.", MANAGER),
    ("spark.mesos.", MANAGER),
    ("spark.shuffle.service.", "there is no node manager or worker to ask"),
    ("spark.worker.", MANAGER),
    ("spark.yarn.", MANAGER),
];
const MANAGER: &str = "a cluster manager reads it, and the image is one container";

/// Why a setting has no effect in the image.
pub(super) fn elsewhere(key: &str) -> Option<&'static str> {
    let is_it = |listed: &str| if listed.ends_with('.') { key.starts_with(listed) } else { key == listed };
    ELSEWHERE.iter().find(|(listed, _)| is_it(listed)).map(|(_, why)| *why)
}

fn unwritable(key: &Located<String>, value: &Located<String>) -> Option<Problem> {
    let bad = |message: String| Problem::new(codes::BAD_SETTING, message);
    if !key.value.starts_with("spark.") {
        let problem = bad(format!("`{}` is no key of Spark's", key.value.escape_debug())).at(&key.at, "no `spark.`");
        return Some(
            problem
                .note("Spark ignores what does not start with `spark.`")
                .help(format!("for Hadoop: `spark.hadoop.{}`", key.value.escape_debug())),
        );
    }
    let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'=' | b':' | b'#' | b'!' | b'\\');
    if !key.value.bytes().all(fits) {
        let problem = bad(format!("the key `{}` holds a character that ends it", key.value.escape_debug()));
        return Some(
            problem.at(&key.at, "in a properties file").help("Spark's keys are letters, digits, `.`, `-`, `_`"),
        );
    }
    value.value.chars().any(char::is_control).then(|| {
        bad(format!("the value of `{}` is not one line", key.value))
            .at(&value.at, "holds a control character")
            .help("set it in the application")
    })
}

/// Starts of flags whose numbers are the plan's.
const PLANNED: &[&str] = &[
    "-Xms",
    "-XX:+AlwaysPreTouch",
    "-XX:MaxDirectMemorySize=",
    "-XX:ReservedCodeCacheSize=",
    "-XX:ActiveProcessorCount=",
    "-XX:InitialHeapSize=",
    "-XX:MaxHeapSize=",
    "-XX:MaxRAM",
];

/// Flags in extraJavaOptions, which are added to the plan's.
fn java_flags(value: &Located<String>, memory: &MemoryPlan) -> Vec<Problem> {
    let problem = |code: Code, message: String| Problem::new(code, message).at(&value.at, "set here");
    let faults = value.value.split_ascii_whitespace().filter_map(|flag| {
        let flag = flag.trim_matches(['"', '\'']);
        if flag.starts_with("-Xmx") {
            return Some(
                problem(codes::BREAKS_THE_START, format!("Spark refuses the heap `{flag}` in Java options"))
                    .note("spark-submit: \"Not allowed to specify max heap(Xmx) memory settings through java options\"")
                    .help("use `[memory] heap-mib`"),
            );
        }
        if flag.starts_with("-XX:+Use") && flag.ends_with("GC") && flag != memory.gc.flag() {
            let planned = memory.gc.flag();
            return Some(
                problem(codes::BREAKS_THE_START, format!("`{flag}` stands beside the plan's `{planned}`"))
                    .note("a JVM with two collectors does not start (\"Multiple garbage collectors selected\")")
                    .help("leave it out: the plan has memory for its own collector"),
            );
        }
        PLANNED.iter().any(|planned| flag.starts_with(planned)).then(|| {
            problem(codes::FIGHTS_THE_PLAN, format!("`{flag}` changes a number of the memory plan"))
                .note("a size error then is a silent kill by the kernel instead of a message")
                .help("leave it out")
        })
    });
    faults.collect()
}

/// Memory outside of the heap is none of the plan's, unless a pinned heap leaves room.
fn off_heap(
    value: &Located<String>,
    conf: &[(Located<String>, Located<String>)],
    pinned: bool,
    memory: &MemoryPlan,
) -> Option<Problem> {
    let size = conf.iter().find(|(key, _)| key.value == "spark.memory.offHeap.size");
    let asked = size.and_then(|(_, size)| bytes(size.value.trim())).unwrap_or(0).div_ceil(1 << 20);
    if asked == 0 {
        return Some(
            Problem::new(codes::BREAKS_THE_START, "off-heap memory is on, and its size is 0")
                .at(&value.at, "set here")
                .note("Spark requires spark.memory.offHeap.size > 0 then")
                .help("leave it out, or set `spark.memory.offHeap.size` and pin the heap"),
        );
    }
    if pinned && asked <= memory.free_mib {
        return None;
    }
    let heap = (memory.heap_mib + memory.free_mib).saturating_sub(asked);
    let remedy = if heap < LEAST_HEAP_MIB {
        "leave it out: this size has no room for it".to_owned()
    } else {
        format!("pin a heap that leaves room: `[memory] heap-mib = {heap}`")
    };
    Some(
        Problem::new(
            codes::FIGHTS_THE_PLAN,
            format!("{asked} MiB of off-heap memory, and {} are free", memory.free_mib),
        )
        .at(&value.at, "set here")
        .note("the plan gives the heap all that is left, unless it is pinned")
        .help(remedy),
    )
}

/// A size as Spark reads it, in bytes: a number with `b`, `k`, `m`, `g`, `t` or `p`, perhaps followed
/// by another `b`; bytes without. `None` for anything else (Spark: JavaUtils.byteStringAs).
fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = lower.split_at_checked(digits)?;
    let shift = match unit {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        "p" | "pb" => 50,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

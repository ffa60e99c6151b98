//! What is baked for Spark: [`Settings`], from a profile, a stack and a memory plan.
//!
//! Out come spark-defaults.conf with a reason for every line, the logging, the environment, the
//! files of `/etc/spark`, and the entrypoint. The entrypoint is a script that is the same in every
//! image; its numbers are in a small file beside the plan.
//! [`known`] says which settings the image's jars know, and which of a profile's they would not take.

mod conf;
pub mod known;
#[cfg(test)]
mod script_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::lock::LockedBase;
use crate::matrix::{RuleSetting, Stack};
use crate::memory::{self, MemoryPlan, aci};
use crate::problem::codes::spark as codes;
use crate::problem::{Level, Problem};
use crate::profile::{Located, LogLevel, Profile};
use crate::tree::{BadPath, Entry, ImagePath, Source};

pub use conf::check_setting;

/// Where programs are searched.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The numeric user and group that the application runs as.
pub const USER: u32 = 185;
/// The user's name, for `/etc/passwd` and `/etc/group`.
pub const USER_NAME: &str = "spark";
/// The user's home. Java 17 takes `user.home` from `/etc/passwd`, so both have to say this.
pub const HOME: &str = "/home/spark";
/// Where Spark spills and keeps its warehouse: on disk, never a tmpfs that would count as memory.
pub const STATE: &str = "/var/lib/spark";
/// Bytes of a page of memory on amd64.
const PAGE: u64 = 4096;
/// The directory of the baked configuration.
pub const CONF_DIR: &str = "/etc/spark";
/// The settings, as a path of the image.
pub const SETTINGS_PATH: &str = "etc/spark/spark-defaults.conf";
/// The whole memory plan, as a path of the image.
pub const PLAN_PATH: &str = "etc/spark/sparkbake-plan.json";

const ENTRYPOINT: &str = include_str!("entrypoint.sh");
const LOGGING: &str = include_str!("log4j2.properties");

/// One line of spark-defaults.conf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Spark's key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Why it is baked, in one line.
    pub why: String,
}

/// Everything that is baked for Spark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The lines of spark-defaults.conf, in their order.
    pub defaults: Vec<Setting>,
    /// The image's environment, with the application's own over it.
    pub environment: BTreeMap<String, String>,
    /// Files and directories of the settings layer; their parents are left to the layer.
    pub entries: Vec<Entry>,
    /// The image's ENTRYPOINT; the application's command follows it.
    pub entrypoint: Vec<String>,
    /// Problems that do not stop the build by themselves.
    pub warnings: Vec<Problem>,
}

/// Bakes the settings.
///
/// # Errors
/// Every setting that fights the plan, breaks the start, or cannot be written; warnings come with them.
pub fn settings(
    profile: &Profile,
    stack: &Stack,
    memory: &MemoryPlan,
    rules: &[RuleSetting],
    base: Option<&LockedBase>,
) -> Result<Settings, Vec<Problem>> {
    let mut problems = conf::check(profile, memory);
    problems.extend(check_environment(profile));
    let (defaults, overridden) = conf::merge(profile, stack, memory, rules);
    problems.extend(overridden);
    if problems.iter().any(|problem| problem.code.level == Level::Deny) {
        return Err(problems);
    }
    let entries =
        entries(profile, memory, &defaults).map_err(|bad| vec![Problem::new(codes::BAD_SETTING, bad.to_string())])?;
    Ok(Settings {
        environment: environment(profile, stack, memory, base),
        defaults,
        entries,
        entrypoint: ["/usr/bin/tini", "--", "/usr/lib/sparkbake/entrypoint"].map(str::to_owned).into(),
        warnings: problems,
    })
}

/// A base's variables, ours over them, and the application's over both.
#[must_use]
pub fn environment(
    profile: &Profile,
    stack: &Stack,
    memory: &MemoryPlan,
    base: Option<&LockedBase>,
) -> BTreeMap<String, String> {
    let cores = memory.cores.to_string();
    let mut environment = base.map(|base| base.environment.clone()).unwrap_or_default();
    let path = environment.get("PATH").cloned();
    let path = format!("/opt/spark/bin:{}", path.as_deref().unwrap_or(SEARCHED));
    let ours: BTreeMap<String, String> = [
        ("HOME", HOME),
        ("LANG", "C.UTF-8"),
        // One malloc arena a thread would make the resident size grow with the threads.
        ("MALLOC_ARENA_MAX", "2"),
        // Python's libraries see the host's CPUs, not the container's.
        ("OMP_NUM_THREADS", &cores),
        ("OPENBLAS_NUM_THREADS", &cores),
        ("PATH", &path),
        ("PYSPARK_DRIVER_PYTHON", "/usr/bin/python3"),
        ("PYSPARK_PYTHON", "/usr/bin/python3"),
        ("PYTHONUNBUFFERED", "1"),
        ("SPARK_CONF_DIR", CONF_DIR),
        ("SPARK_HOME", "/opt/spark"),
        // The container's own host name need not resolve.
        ("SPARK_LOCAL_HOSTNAME", "localhost"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    environment.extend(ours);
    let debian = || format!("/usr/lib/jvm/java-{}-openjdk-amd64", stack.java);
    environment.insert("JAVA_HOME".to_owned(), base.map_or_else(debian, |base| base.java_home.clone()));
    // This variable beats spark.local.dir, so a baked one would silence the user's setting.
    let local = profile.spark_conf.iter().find(|(key, _)| key.value == "spark.local.dir");
    let local = local.map_or_else(|| format!("{STATE}/local"), |(_, value)| value.value.clone());
    environment.insert("SPARK_LOCAL_DIRS".to_owned(), local);
    for (key, value) in &profile.app.env {
        environment.insert(key.clone(), value.value.clone());
    }
    environment
}

/// What `[app] env` must not say.
fn check_environment(profile: &Profile) -> Vec<Problem> {
    profile.app.env.iter().filter_map(|(key, value)| check_variable(key, value)).collect()
}

/// What is wrong with a variable of the environment, wherever it is set before Spark starts.
#[must_use]
pub fn check_variable(key: &str, value: &Located<String>) -> Option<Problem> {
    let problem = |code, message: String| Some(Problem::new(code, message).at(&value.at, "set here"));
    match key {
        "JAVA_TOOL_OPTIONS" | "JDK_JAVA_OPTIONS" | "_JAVA_OPTIONS" if value.value.contains("-Xm") => {
            problem(codes::BREAKS_THE_START, format!("`{key}` sets a heap for every Java program")).map(|p| {
                p.note("Spark's launcher is a Java program of its own with -Xmx128m, and dies of a greater -Xms")
                    .help("leave it out: the heap is `[memory] heap-mib`")
            })
        }
        "SPARK_CONF_DIR" | "SPARK_HOME" | "JAVA_HOME" => {
            problem(codes::FIGHTS_THE_PLAN, format!("`{key}` is the image's own"))
                .map(|p| p.note("what is baked lies where this variable points").help("leave it out"))
        }
        "SPARK_DRIVER_MEMORY" | "SPARK_MEM" => {
            problem(codes::FIGHTS_THE_PLAN, format!("`{key}` has no effect beside the baked heap"))
                .map(|p| p.note("spark-defaults.conf comes first in Spark's launcher").help("use `[memory] heap-mib`"))
        }
        _ => None,
    }
}

fn entries(profile: &Profile, memory: &MemoryPlan, defaults: &[Setting]) -> Result<Vec<Entry>, BadPath> {
    let file = |path: &str, mode, text: String| {
        ImagePath::new(path).map(|path| Entry::file(path, mode, Source::Bytes(text.into_bytes())))
    };
    let owned = |path: &str, mode| ImagePath::new(path).map(|path| Entry::directory(path, mode).owned_by(USER, USER));
    Ok(vec![
        Entry::directory(ImagePath::new("etc/spark")?, 0o755),
        file("etc/spark/log4j2.properties", 0o644, logging(profile.log_level))?,
        file(SETTINGS_PATH, 0o644, conf::text(defaults))?,
        file(PLAN_PATH, 0o644, plan_json(memory))?,
        file("etc/spark/sparkbake-plan.sh", 0o644, plan_shell(memory))?,
        owned("home/spark", 0o755)?,
        Entry::directory(ImagePath::new("usr/lib/sparkbake")?, 0o755),
        file("usr/lib/sparkbake/entrypoint", 0o755, ENTRYPOINT.to_owned())?,
        owned("var/lib/spark", 0o755)?,
        owned("var/lib/spark/local", 0o755)?,
        owned("var/lib/spark/warehouse", 0o755)?,
    ])
}

fn logging(level: LogLevel) -> String {
    let quiet = match level {
        LogLevel::Off | LogLevel::Fatal | LogLevel::Error | LogLevel::Warn => "error",
        LogLevel::Info | LogLevel::Debug | LogLevel::Trace => "warn",
    };
    let quiet = if level == LogLevel::Off { "off" } else { quiet };
    LOGGING.replace("@level@", &level.name().to_ascii_lowercase()).replace("@quiet@", quiet)
}

fn plan_json(memory: &MemoryPlan) -> String {
    // Every field is a number, a text or a list of them, which cannot fail.
    serde_json::to_string_pretty(memory).map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
}

/// The plan for the entrypoint. Every value is a number or a text of ours without a quote.
fn plan_shell(memory: &MemoryPlan) -> String {
    let gb = aci::decimal(memory.memory_milli_gb);
    let cpu = aci::decimal(memory.cpu_milli);
    // The kernel keeps limits in whole pages.
    let limit = memory.limit_bytes / PAGE * PAGE;
    let least = limit.saturating_sub(memory.platform_mib * memory::MIB);
    format!(
        "# Read by the entrypoint; the same numbers are in sparkbake-plan.json.\n\
         PLAN_LIMIT_BYTES={}\nPLAN_LEAST_BYTES={least}\nPLAN_GB={gb}\n\
         PLAN_CPU_MILLI={}\nPLAN_CPU={cpu}\n\
         PLAN_TEXT='planned for {cpu} vCPU and {gb} GB: heap {} MiB, {}, {} task(s) at a time, {} Python worker(s)'\n\
         PLAN_HELP='see the memory plan (sparkbake plan), then raise memory-gb, or driver-mib and worker-mib'\n",
        limit,
        memory.cpu_milli,
        memory.heap_mib,
        memory.gc.name(),
        memory.cores,
        memory.workers,
    )
}

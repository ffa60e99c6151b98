//! TOML to [`Profile`]: one function a table of the profile, each asking for the keys it may have.
//!
//! All mistakes are collected. A value at fault is left out, so what depends on it is not reported too.

mod shape;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use toml::de::DeTable;

use self::walk::{Table, Value, again, unique};
use super::{
    App, Copy, DebianRequest, ImageRequest, Lint, Located, LogLevel, MavenRequest, MemoryRequest, Profile,
    PythonRequest, Size, Sku, StackRequest, Target,
};
use crate::problem::codes::profile::{BAD_VALUE, BESIDE_BASE, DUPLICATE, MISSING_KEY, REQUIRED_VERSION, SYNTAX};
use crate::problem::{At, Level, Problem, SourceFile, codes};

pub(in crate::profile) use self::walk::nearest;

/// Longest profile that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Most vCPUs that make a number a size at all; the SKU's own limit is the business of [`crate::memory`].
const MOST_CPU: u32 = 1000;
/// The same in GB.
const MOST_GB: u32 = 100_000;
/// Most MiB that `[memory]` takes: as much as a u32 of bytes times 1024, far above every SKU.
const MOST_MIB: u32 = 1 << 22;

/// Reads a profile.
///
/// # Errors
///
/// Every mistake that can be seen: all of the TOML's syntax, or else all unknown and missing keys,
/// types, and values.
pub fn parse(name: &str, source: SourceFile) -> Result<Profile, Vec<Problem>> {
    match read(name, source) {
        (Some(profile), problems) if problems.is_empty() => Ok(profile),
        (_, problems) => Err(problems),
    }
}

/// What can be read of a profile, and every mistake in it. A value at fault is left out; without a size there is no
/// profile.
#[must_use]
pub fn read(name: &str, source: SourceFile) -> (Option<Profile>, Vec<Problem>) {
    if source.text.len() > MAX_BYTES {
        let message = format!("the profile has {} bytes; at most {MAX_BYTES} are read", source.text.len());
        return (None, vec![Problem::new(SYNTAX, message)]);
    }
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        // One unclosed bracket after the other is reported at the same end of the text.
        let mut problems: Vec<Problem> = errors.iter().map(syntax).collect();
        problems.dedup();
        return (None, problems);
    }
    let mut problems = Vec::new();
    let parsed = document(Table::new("", root.span(), root.get_ref()), &mut problems);
    (parsed.map(|profile| Profile { name: name.to_owned(), source, ..profile }), problems)
}

fn syntax(error: &toml::de::Error) -> Problem {
    let message = error.message().lines().next().unwrap_or("not TOML");
    let problem = Problem::new(SYNTAX, message);
    match error.span() {
        Some(span) => problem.at(&At::new(String::new(), span), ""),
        None => problem,
    }
}

/// The whole document; `None` where there is no size to make a [`Profile`] of.
fn document(mut root: Table<'_>, problems: &mut Vec<Problem>) -> Option<Profile> {
    required_version(&mut root, problems);
    let target = target(&mut root, problems);
    let stack = root.table("stack", problems).map(|table| stack(table, problems)).unwrap_or_default();
    let maven = root.table("maven", problems).map(|table| maven(table, problems)).unwrap_or_default();
    let python = root.table("python", problems).map(|table| python(table, problems)).unwrap_or_default();
    let debian = root.table("debian", problems).map(|table| debian(table, problems)).unwrap_or_default();
    if let Some(base) = &stack.base {
        problems.extend(beside_base(&debian, base));
    }
    let require = root.table("classpath", problems).map(|table| classpath(table, problems)).unwrap_or_default();
    let memory = root.table("memory", problems).map(|table| memory(table, problems)).unwrap_or_default();
    let spark_conf = root.table("spark", problems).map(|table| spark(table, problems)).unwrap_or_default();
    let log_level = root.table("logging", problems).map(|table| logging(table, problems)).unwrap_or_default();
    let app = root.table("app", problems).map(|table| app(table, problems)).unwrap_or_default();
    let image = root.table("image", problems).map(|table| image(table, problems)).unwrap_or_default();
    let lints = root.table("lints", problems).map(|table| lints(table, problems)).unwrap_or_default();
    root.finish(problems);
    Some(Profile {
        name: String::new(),
        source: SourceFile::default(),
        target: target?,
        stack,
        maven,
        python,
        debian,
        require,
        memory,
        spark_conf,
        log_level,
        app,
        image,
        lints,
    })
}

fn required_version(root: &mut Table<'_>, problems: &mut Vec<Problem>) {
    const OURS: &str = env!("CARGO_PKG_VERSION");
    let Some(wanted) = root.text("required-version", shape::filled, problems) else { return };
    match (VersionReq::parse(&wanted.value), Version::parse(OURS)) {
        (Ok(range), Ok(ours)) if range.matches(&ours) => {}
        (Ok(_), _) => {
            let message = format!("this is sparkbake {OURS}, and the profile requires `{}`", wanted.value);
            problems.push(Problem::new(REQUIRED_VERSION, message).at(&wanted.at, format!("{OURS} does not match")));
        }
        (Err(error), _) => {
            let message = format!("`{}` is not a range of versions", shape::shorten(&wanted.value));
            let problem = Problem::new(BAD_VALUE, message).at(&wanted.at, "expected the like of `>=0.1`");
            problems.push(problem.note(error.to_string()));
        }
    }
}

fn target(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Target> {
    let missing = |what: &str| {
        Problem::new(MISSING_KEY, format!("{what} is missing"))
            .note("heap, threads and Python workers are computed from the size of the container")
    };
    if !root.has("target") {
        root.take("target");
        problems.push(missing("`[target.aci]`").help("add it: [target.aci] with cpu = 2 and memory-gb = 4"));
        return None;
    }
    let mut target = root.table("target", problems)?;
    let aci = target.take("aci");
    let (at, found) = (target.at.clone(), aci.is_some());
    target.finish(problems);
    if !found {
        problems.push(missing("`target.aci`").at(&at, "only this target exists: `[target.aci]`"));
    }
    let mut aci = aci?.table(problems)?;
    let sizes = aci.table("sizes", problems).map(|mut table| table.rest()).unwrap_or_default();
    let size = size(&mut aci, Sku::Standard, problems);
    let sku = size.as_ref().map(|size| size.sku).unwrap_or_default();
    aci.finish(problems);
    let mut named = BTreeMap::new();
    for (name, value) in sizes {
        if let Some(problem) = shape::size_name(&name.value) {
            problems.push(Problem { at: Some(name.at), ..problem });
            continue;
        }
        let Some(mut table) = value.table(problems) else { continue };
        let one = self::size(&mut table, sku, problems);
        table.finish(problems);
        named.extend(one.map(|size| (name.value, size)));
    }
    Some(Target { size: size?, sizes: named })
}

/// `cpu`, `memory-gb` and `sku` of a table, which may have other keys.
fn size(table: &mut Table<'_>, default: Sku, problems: &mut Vec<Problem>) -> Option<Size> {
    for (key, example) in [("cpu", "add: cpu = 2"), ("memory-gb", "add: memory-gb = 4")] {
        if !table.has(key) {
            let message = format!("`{}.{key}` is missing", table.at.key);
            let problem = Problem::new(MISSING_KEY, message).at(&table.at, format!("`{key}` has no default"));
            problems.push(problem.help(example));
        }
    }
    let cpu_milli = table.take("cpu").and_then(|value| value.thousandths(MOST_CPU, problems));
    let memory_milli_gb = table.take("memory-gb").and_then(|value| value.thousandths(MOST_GB, problems));
    let sku = table.text("sku", shape::sku, problems);
    let sku = sku.and_then(|sku| Sku::ALL.into_iter().find(|known| known.name() == sku.value)).unwrap_or(default);
    Some(Size { cpu_milli: cpu_milli?, memory_milli_gb: memory_milli_gb?, sku })
}

fn stack(mut table: Table<'_>, problems: &mut Vec<Problem>) -> StackRequest {
    let stack = StackRequest {
        spark: table.text("spark", shape::spark, problems),
        hadoop: table.text("hadoop", shape::hadoop, problems),
        scala: table.text("scala", shape::scala, problems),
        java: table.text("java", shape::java, problems),
        python: table.text("python", shape::python, problems),
        debian: table.text("debian", shape::debian, problems),
        base: table.text("base", shape::base, problems),
        uses: table.has("uses").then(|| table.texts("uses", shape::uses, problems)),
    };
    // `uses` is asked for only where it is there, but a misspelt one is near to it.
    table.take("uses");
    table.finish(problems);
    stack
}

fn maven(mut table: Table<'_>, problems: &mut Vec<Problem>) -> MavenRequest {
    let jars = table.repeatable("jars", shape::jar, problems);
    unique(&jars, shape::maven_identity, problems);
    let maven = MavenRequest {
        jars,
        files: table.texts("files", shape::jar_path, problems),
        exclude: table.texts("exclude", shape::maven_name, problems),
        overrides: table.pairs("override", [shape::maven_name, shape::maven_version], problems),
    };
    table.finish(problems);
    maven
}

fn python(mut table: Table<'_>, problems: &mut Vec<Problem>) -> PythonRequest {
    let lock = table.text("lock", shape::python_lock, problems);
    let requirements = table.repeatable("requirements", shape::requirement, problems);
    unique(&requirements, shape::normal_requirement, problems);
    if let (Some(lock), Some(first)) = (&lock, requirements.first()) {
        let problem = Problem::new(DUPLICATE, "`python.lock` and `python.requirements` both name packages");
        let problem = problem.at(&first.at, "asked for here").also(&lock.at, "and pinned here");
        problems.push(problem.help("require them where the lock is made, and lock them there"));
    }
    let files = table.texts("files", shape::wheel_path, problems);
    let indexes = table.lists("indexes", [shape::index, shape::projects], problems);
    let projects: Vec<Located<String>> = indexes.iter().flat_map(|(_, projects)| projects.clone()).collect();
    unique(&projects, str::to_owned, problems);
    table.finish(problems);
    PythonRequest { requirements, lock, files, indexes }
}

fn debian(mut table: Table<'_>, problems: &mut Vec<Problem>) -> DebianRequest {
    let debian = DebianRequest {
        packages: table.texts("packages", shape::package, problems),
        pins: table.pairs("pin", [shape::package, shape::package_version], problems),
        keys: table.texts("keys", shape::path, problems),
        security: table.flag("security", problems),
        ca_certificates: table.texts("ca-certificates", shape::path, problems),
    };
    table.finish(problems);
    debian
}

/// What has no effect beside a base.
fn beside_base(debian: &DebianRequest, base: &Located<String>) -> Vec<Problem> {
    let DebianRequest { packages, pins, keys, security, ca_certificates } = debian;
    let lists = [packages, keys, ca_certificates].map(|list| list.first().map(|value| &value.at));
    let rest = [pins.first().map(|(name, _)| &name.at), security.as_ref().map(|security| &security.at)];
    let places = lists.into_iter().chain(rest).flatten();
    let problem = |at: &At| {
        let key = at.key.split('[').next().unwrap_or_default();
        let key = if key.starts_with("debian.pin") { "debian.pin" } else { key };
        Problem::new(BESIDE_BASE, format!("`{key}` has no effect beside `stack.base`"))
            .at(at, "nothing of Debian's is installed")
            .also(&base.at, "the base is taken as it is")
            .help("leave it out, and change what the base is made of")
    };
    places.map(problem).collect()
}

fn classpath(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Vec<Located<String>> {
    let require = table.texts("require", shape::class, problems);
    table.finish(problems);
    require
}

fn memory(mut table: Table<'_>, problems: &mut Vec<Problem>) -> MemoryRequest {
    let memory = MemoryRequest {
        python_workers: table.whole("python-workers", 0..=MOST_CPU, problems),
        driver_mib: table.whole("driver-mib", 0..=MOST_MIB, problems),
        worker_mib: table.whole("worker-mib", 0..=MOST_MIB, problems),
        heap_mib: table.whole("heap-mib", 1..=MOST_MIB, problems),
    };
    table.finish(problems);
    memory
}

fn spark(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Vec<(Located<String>, Located<String>)> {
    let conf = table.table("conf", problems);
    table.finish(problems);
    let mut settings = Vec::new();
    for (key, value) in conf.map(|mut conf| conf.rest()).unwrap_or_default() {
        if value.is_table() {
            let message = format!("`{}` is a table, not a setting", shape::shorten(&key.value));
            let problem = Problem::new(BAD_VALUE, message).at(&key.at, "the dots of this key make tables");
            problems.push(problem.help("put the whole key in quotes: \"spark.sql.session.timeZone\" = \"UTC\""));
        } else if let Some(problem) = shape::setting(&key.value) {
            problems.push(Problem { at: Some(key.at), ..problem });
        } else if let Some(value) = value.text(shape::setting_value, problems) {
            settings.push((key, value));
        }
    }
    settings
}

fn logging(mut table: Table<'_>, problems: &mut Vec<Problem>) -> LogLevel {
    use LogLevel::{Debug, Error, Fatal, Info, Off, Trace, Warn};
    let level = table.text("level", shape::log_level, problems);
    table.finish(problems);
    let all = [Off, Fatal, Error, Warn, Info, Debug, Trace];
    level.and_then(|level| all.into_iter().find(|one| one.name() == level.value)).unwrap_or_default()
}

fn app(mut table: Table<'_>, problems: &mut Vec<Problem>) -> App {
    let command = table.repeatable("command", shape::filled, problems);
    let ports = table.take("ports").map(|value| value.list(problems)).unwrap_or_default();
    let ports = ports.iter().filter_map(|value| port(value, problems)).collect::<Vec<_>>();
    let env = table.pairs("env", [shape::variable, shape::any], problems);
    let copies = table.take("copy").map(|value| value.list(problems)).unwrap_or_default();
    let copies = copies.iter().filter_map(|value| copy(value, problems)).collect::<Vec<Copy>>();
    table.finish(problems);
    for (index, port) in ports.iter().enumerate() {
        if let Some(first) = ports.iter().take(index).find(|first| first.value == port.value) {
            problems.push(again(DUPLICATE, format!("port {} is listed twice", port.value), [&first.at, &port.at]));
        }
    }
    let targets: Vec<_> = copies.iter().map(|copy| copy.to.clone()).collect();
    unique(&targets, str::to_owned, problems);
    App { command, ports, env: env.into_iter().map(|(name, value)| (name.value, value)).collect(), copies }
}

fn port(value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<Located<u16>> {
    let port = value.whole(1..=65535, problems)?;
    if shape::reserved_port(port.value) {
        let message = format!("Azure Container Instances keeps port {} for itself", port.value);
        let problem = Problem::new(BAD_VALUE, message).at(&port.at, "reserved");
        problems.push(problem.note("reserved are 22, 1025-1027, 3389-3399, 9999, 19000, 19080, 19100, 19390, 20000-30000 and 49152-65534 (FAQ of Azure Container Instances)").help("8080 is free"));
        return None;
    }
    Some(Located { value: u16::try_from(port.value).ok()?, at: port.at })
}

fn copy(value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<Copy> {
    let mut table = value.table(problems)?;
    for (key, example) in [("from", "from = \"app\""), ("to", "to = \"/app\"")] {
        if !table.has(key) {
            let problem = Problem::new(MISSING_KEY, format!("`{}.{key}` is missing", table.at.key));
            problems.push(problem.at(&table.at, format!("`{key}` has no default")).help(format!("add: {example}")));
        }
    }
    let from = table.text("from", shape::tree, problems);
    let to = table.text("to", shape::image_path, problems);
    let exclude = table.texts("exclude", shape::name_glob, problems);
    table.finish(problems);
    Some(Copy { from: from?, to: to?, exclude })
}

fn image(mut table: Table<'_>, problems: &mut Vec<Problem>) -> ImageRequest {
    let repository = table.text("repository", shape::repository, problems);
    let labels = table.pairs("labels", [shape::label, shape::any], problems);
    table.finish(problems);
    ImageRequest { repository, labels: labels.into_iter().map(|(name, value)| (name.value, value)).collect() }
}

fn lints(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (name, value) in table.rest() {
        let code = codes::find(&name.value);
        if code.is_some_and(|code| code.stops) {
            let message =
                format!("`{}` cannot be weighed: where it is found there is nothing to go on with", name.value);
            let problem = Problem::new(BAD_VALUE, message).at(&name.at, "has no effect");
            problems.push(problem.help("remove it"));
            continue;
        }
        if code.is_none() {
            let message = format!("there is no kind of problem named `{}`", shape::shorten(&name.value));
            let problem = Problem::new(BAD_VALUE, message).at(&name.at, "unknown");
            let near = nearest(&name.value, codes::all().map(|code| code.name));
            problems.push(near.iter().fold(problem, |problem, near| problem.help(format!("did you mean `{near}`?"))));
            continue;
        }
        if value.is_list() {
            let entries = value.list(problems);
            lints.extend(entries.iter().filter_map(|entry| lint(&name.value, entry, problems)));
        } else if let Some(level) = value.text(shape::lint_level, problems) {
            let code = Located { value: name.value, at: name.at };
            lints.extend(weighed(
                Lint { code, level: self::level(&level), only: None, reason: None },
                &level.at,
                problems,
            ));
        }
    }
    lints
}

/// One `{ only, level, reason }` of a list.
fn lint(name: &str, value: &Value<'_>, problems: &mut Vec<Problem>) -> Option<Lint> {
    let mut table = value.table(problems)?;
    if !table.has("level") {
        let problem = Problem::new(MISSING_KEY, format!("`{}.level` is missing", table.at.key));
        problems.push(problem.at(&table.at, "`level` has no default"));
    }
    let only = table.text("only", shape::filled, problems);
    let level = table.text("level", shape::lint_level, problems);
    let reason = table.text("reason", shape::filled, problems);
    let code = Located { value: name.to_owned(), at: table.at.clone() };
    table.finish(problems);
    let level = level?;
    let text = |text: Option<Located<String>>| text.map(|text| text.value);
    let lint = Lint { code, level: self::level(&level), only: text(only), reason: text(reason) };
    weighed(lint, &level.at, problems)
}

fn level(word: &Located<String>) -> Level {
    match word.value.as_str() {
        "allow" => Level::Allow,
        "warn" => Level::Warn,
        _ => Level::Deny,
    }
}

/// The lint, unless it hides a problem without saying why.
fn weighed(lint: Lint, at: &At, problems: &mut Vec<Problem>) -> Option<Lint> {
    if lint.level != Level::Allow || lint.reason.is_some() {
        return Some(lint);
    }
    let message = format!("`{}` is allowed without a reason", lint.code.value);
    let problem = Problem::new(MISSING_KEY, message).at(at, "why?");
    let entry = format!("{} = [{{ level = \"allow\", reason = \"…\" }}]", lint.code.value);
    problems.push(
        problem
            .note("who reads the profile later must be able to tell whether it still holds")
            .help(format!("write: {entry}")),
    );
    None
}

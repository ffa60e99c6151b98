//! `classpath`: the class path of a profile, or of any jars, verified as the JVM would.
#![expect(clippy::disallowed_methods, reason = "reads the directories that the command line names")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::classpath::{self, Baseline, Explanation, Facts, Jar, ModuleFlags, Proof, Report, Required, Role, Runtime};
use crate::cli;
use crate::digest::Digest;
use crate::error::Error;
use crate::lock::Lock;
use crate::matrix::Stack;
use crate::outside::{self, ReadAt};
use crate::problem::{self, Level, Problem, SourceFile, plural};
use crate::profile::{Located, Profile};
use crate::project::OwnFiles;
use crate::store::Disk;
use crate::threads;

use super::gather::{Gathered, key, known_by};
use super::{Request, Stop, World, lock, say};

/// Version of the JSON report: docs/classpath.md tells its fields.
const JSON_VERSION: u32 = 1;
/// Jars that one manifest may bring; no real one names more than some hundred.
const MAX_BROUGHT: usize = 10_000;
/// Number of the form in which facts are kept.
const RULES: u32 = classpath::FACTS_VERSION;

/// What the class path of gathered contents shows.
pub(super) fn of_profile(
    gathered: &Gathered,
    stack: &Stack,
    profile: &Profile,
    details: bool,
    world: &World,
) -> Result<Report, Error> {
    in_profile(gathered, stack, profile, details, world, verified)
}

/// Asks the class path of gathered contents.
fn in_profile<T>(
    gathered: &Gathered,
    stack: &Stack,
    profile: &Profile,
    details: bool,
    world: &World,
    ask: impl FnOnce(&ClassPath<'_>, &World) -> Result<T, Error>,
) -> Result<T, Error> {
    let java = stack.java.parse().map_err(|_| Error::archive(&stack.java, "is no feature release of Java"))?;
    let image = &gathered.modules;
    let bytes = outside::open(image, &*world.store)?;
    let path = ClassPath {
        jars: &gathered.class_path,
        java,
        image: Image { name: "lib/modules".to_owned(), known_by: known_by(image), bytes: bytes.as_ref() },
        flags: ModuleFlags::default(),
        require: profile
            .require
            .iter()
            .cloned()
            .map(Required::from)
            .chain(classpath::named_classes(&profile.spark_conf))
            .collect(),
        details,
    };
    ask(&path, world)
}

/// A class path, before anything of it is read.
struct ClassPath<'a> {
    jars: &'a [Jar],
    /// Java's feature release.
    java: u32,
    image: Image<'a>,
    /// Beside those that Spark itself starts Java with.
    flags: ModuleFlags,
    require: Vec<Required>,
    details: bool,
}

/// The runtime's `lib/modules`.
struct Image<'a> {
    name: String,
    known_by: String,
    bytes: &'a dyn ReadAt,
}

/// A verdict without findings, which is kept.
#[derive(Serialize, Deserialize)]
struct Clean {
    jars: usize,
    classes: usize,
    optional: usize,
    proofs: Vec<Proof>,
}

/// Verifies a class path. One that was found clean is the same as long as nothing of it changes.
fn verified(path: &ClassPath<'_>, world: &World) -> Result<Report, Error> {
    let jars = path.jars.iter().map(|jar| format!("{} {:?} {}", jar.name, jar.role, jar.known_by));
    let rules = format!("{RULES} {} {} {:?}", classpath::RULES_VERSION, path.java, path.flags);
    let asked = path.require.iter().map(|required| format!("{} {:?}", required.class.value, required.making));
    let key = key([rules, path.image.known_by.clone()].into_iter().chain(jars).chain(asked));
    let kept = !path.details && path.jars.iter().all(|jar| !jar.known_by.is_empty());
    if kept && let Some(Clean { jars, classes, optional, proofs }) = world.store.record("class-path", &key)? {
        return Ok(Report { jars, classes, optional, proofs, ..Report::default() });
    }
    let report = opened(path, world, |request| judge(request, &path.image.known_by, world))??;
    if kept && report.problems.is_empty() {
        let Report { jars, classes, optional, ref proofs, .. } = report;
        world.store.put_record("class-path", &key, &Clean { jars, classes, optional, proofs: proofs.clone() })?;
    }
    Ok(report)
}

/// Reads a class path, and asks it.
fn opened<T>(path: &ClassPath<'_>, world: &World, ask: impl FnOnce(&classpath::Request<'_>) -> T) -> Result<T, Error> {
    let runtime = runtime(&path.image.name, &path.image.known_by, path.image.bytes, world)?;
    let facts = facts(path.jars, path.java, world)?;
    let mut flags = classpath::spark_flags(path.jars, &facts);
    flags.add_modules.extend(path.flags.add_modules.iter().cloned());
    flags.open.extend(path.flags.open.iter().cloned());
    Ok(ask(&classpath::Request {
        jars: path.jars,
        facts: &facts,
        runtime: &runtime,
        java: path.java,
        flags: &flags,
        require: &path.require,
        details: path.details,
        threads: world.threads,
    }))
}

/// What a class or member is on the class path.
fn explained(path: &ClassPath<'_>, world: &World, name: &str) -> Result<Explanation, Error> {
    opened(path, world, |request| classpath::explain(request, path.image.bytes, name))
}

/// The runtime's classes, from the store where they were read before.
fn runtime(name: &str, known_by: &str, bytes: &dyn ReadAt, world: &World) -> Result<Runtime, Error> {
    let key = key([RULES.to_string(), known_by.to_owned()]);
    if let Some(known) = world.store.bytes("runtime", &key)?.and_then(|bytes| Runtime::from_bytes(&bytes)) {
        return Ok(known);
    }
    let runtime = Runtime::read(name, bytes, world.threads)?;
    world.store.put_bytes("runtime", &key, &runtime.to_bytes())?;
    Ok(runtime)
}

/// The facts of the jars, from the store where they were gathered before.
fn facts(jars: &[Jar], java: u32, world: &World) -> Result<Vec<Facts>, Error> {
    let keys: Vec<Digest> =
        jars.iter().map(|jar| key([RULES.to_string(), java.to_string(), jar.known_by.clone()])).collect();
    let known = threads::all(&keys, world.threads, |key| {
        Ok(world.store.bytes("facts", key)?.and_then(|bytes| Facts::from_bytes(&bytes)))
    })?;
    let fresh: Vec<&dyn ReadAt> =
        jars.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(jar, _)| jar.bytes.as_ref()).collect();
    let fresh = classpath::facts(&fresh, java, world.threads);
    let of_fresh = keys.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(key, _)| key);
    let kept: Vec<(&Digest, &Facts)> = of_fresh.zip(&fresh).collect();
    threads::all(&kept, world.threads, |(key, facts)| world.store.put_bytes("facts", key, &facts.to_bytes()))?;
    let mut fresh = fresh.into_iter();
    Ok(known.into_iter().map(|known| known.or_else(|| fresh.next()).unwrap_or_default()).collect())
}

/// Verifies, against the untouched distribution where there is one.
fn judge(request: &classpath::Request<'_>, runtime: &str, world: &World) -> Result<Report, Error> {
    let in_baseline = |jar: &&Jar| matches!(jar.role, Role::Stock | Role::Removed);
    let stock: Vec<String> = request.jars.iter().filter(in_baseline).map(|jar| jar.known_by.clone()).collect();
    if stock.is_empty() {
        return Ok(classpath::verify(request, None));
    }
    let flags = format!("{:?}", request.flags);
    let rules = format!("{RULES} {} {}", classpath::RULES_VERSION, request.java);
    let key = key([rules, flags, runtime.to_owned()].into_iter().chain(stock));
    if let Some(known) = world.store.bytes("baseline", &key)? {
        return Ok(classpath::verify(request, Some(&Baseline::from_bytes(&known))));
    }
    let (baseline, report) = classpath::verify_anew(request);
    world.store.put_bytes("baseline", &key, &baseline.to_bytes())?;
    Ok(report)
}

pub(super) fn classpath(command: &cli::Classpath, world: &World) -> Result<(), Stop> {
    match &command.java {
        Some(java) => of_jars(command, java, world),
        None => of_command(command, world),
    }
}

/// What the class path of a lock shows; its files are fetched.
pub(super) fn of_lock(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    details: bool,
    world: &World,
) -> Result<Report, Stop> {
    in_lock(request, lock, own, details, world, verified)
}

/// Asks the class path of a lock; its files are fetched.
fn in_lock<T>(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    details: bool,
    world: &World,
    ask: impl FnOnce(&ClassPath<'_>, &World) -> Result<T, Error>,
) -> Result<T, Stop> {
    let profile = &request.profile;
    let gathered = request.settle(super::gather::of_lock(request, lock, own, world), &[], world)?;
    Ok(in_profile(&gathered, &lock.stack, profile, details, world, ask)?)
}

/// The class path of a profile's lock.
fn of_command(command: &cli::Classpath, world: &World) -> Result<(), Stop> {
    let request = Request::open(&command.profile, command.deny.deny.as_ref(), world)?;
    let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
    let lock = request.settle(lock::current(&request, request.project.lock()?, &own), &[], world)?;
    if let Some(name) = &command.explain {
        let explanation = in_lock(&request, &lock, &own, false, world, |path, world| explained(path, world, name))?;
        return say_explanation(command, &explanation);
    }
    let report = of_lock(&request, &lock, &own, command.all, world)?;
    let weighed = request.weigh(report.problems.clone(), false);
    show(command, &report, &weighed, &request.project.source, world)
}

fn of_jars(command: &cli::Classpath, java: &Path, world: &World) -> Result<(), Stop> {
    let place = |path: &Path| world.environment.cwd.join(path);
    let (image, release) = java_image(&place(java))?;
    let (file, known_by) = open(&image)?;
    let mut jars = Vec::new();
    let stock = match &command.baseline {
        Some(dir) => jar_files(&place(dir))?,
        None => Vec::new(),
    };
    let mut asked = Vec::new();
    for path in &command.jars {
        asked.extend(jar_files(&place(path))?);
    }
    for file in followed(asked, release, world)? {
        jars.push(jar(&file, Role::Added)?);
    }
    for file in stock {
        let old = jar(&file, Role::Removed)?;
        match jars.iter_mut().find(|jar| jar.name == old.name && jar.bytes.size() == old.bytes.size()) {
            Some(same) => same.role = Role::Stock,
            None => jars.push(old),
        }
    }
    if jars.is_empty() {
        world.ui.note("there are no jars");
    }
    let named = |name: &String| Required::from(Located { value: name.clone(), at: problem::At::default() });
    let path = ClassPath {
        jars: &jars,
        java: release,
        image: Image { name: image.display().to_string(), known_by, bytes: &file },
        flags: ModuleFlags { add_modules: command.add_modules.clone(), open: command.add_opens.clone() },
        require: command.require.iter().map(named).collect(),
        details: command.all,
    };
    if let Some(name) = &command.explain {
        return say_explanation(command, &explained(&path, world, name)?);
    }
    let report = verified(&path, world)?;
    let source = SourceFile { name: "the class path".to_owned(), text: String::new() };
    let level = |level: Level| if command.deny.deny.is_some() && level == Level::Warn { Level::Deny } else { level };
    let weighed: Vec<(Level, Problem)> = report.problems.iter().map(|p| (level(p.code.level), p.clone())).collect();
    show(command, &report, &weighed, &source, world)
}

/// A class that is not there, or cannot be used, is a finding.
fn say_explanation(command: &cli::Classpath, explanation: &Explanation) -> Result<(), Stop> {
    if command.json {
        let mut json = json!({ "version": JSON_VERSION });
        if let Some(fields) = json.as_object_mut() {
            fields.insert("explanation".to_owned(), json!(explanation));
        }
        say(&format!("{json}\n"))?;
    } else {
        say(&explanation.to_string())?;
    }
    if explanation.is_sound() { Ok(()) } else { Err(Stop::Problems) }
}

/// Jars with those that their manifests bring, each behind the first that names it, as Java opens them.
fn followed(asked: Vec<PathBuf>, java: u32, world: &World) -> Result<Vec<PathBuf>, Error> {
    let brought = |file: &PathBuf| {
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        let paths = classpath::brings(&open(file)?.0, java).into_iter().take(MAX_BROUGHT);
        // A directory of classes is not looked into.
        Ok(paths.map(|path| directory.join(path)).filter(|path| path.is_file()).collect::<Vec<_>>())
    };
    let first = threads::all(&asked, world.threads, brought)?.into_iter().map(Some);
    let mut pending: Vec<(PathBuf, Option<Vec<PathBuf>>)> = asked.into_iter().zip(first).rev().collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some((file, brings)) = pending.pop() {
        if seen.insert(fs::canonicalize(&file).map_err(Error::read(&file))?) {
            let brings = brings.map_or_else(|| brought(&file), Ok)?;
            pending.extend(brings.into_iter().rev().map(|file| (file, None)));
            found.push(file);
        }
    }
    Ok(found)
}

fn show(
    command: &cli::Classpath,
    report: &Report,
    weighed: &[(Level, Problem)],
    source: &SourceFile,
    world: &World,
) -> Result<(), Stop> {
    let shown = weighed.iter().filter(|(level, _)| *level != Level::Allow).count();
    if command.json {
        let mut json = json!({
            "version": JSON_VERSION,
            "jars": report.jars,
            "classes": report.classes,
            "optional-classes": report.optional,
            "overrides": report.proofs,
            "problems": problem::json(weighed, source),
        });
        if let (Some(details), Some(json)) = (&report.details, json.as_object_mut()) {
            json.insert("all".to_owned(), json!(details));
        }
        say(&format!("{json}\n"))?;
        return if shown == 0 { Ok(()) } else { Err(Stop::Problems) };
    }
    super::show(weighed, source, world);
    if let Some(details) = &report.details {
        say(&details.to_string())?;
    }
    for proof in &report.proofs {
        say(&format!("{proof}\n"))?;
    }
    let summary = format!("{}, {}: ", plural(report.jars, "jar", "jars"), plural(report.classes, "class", "classes"));
    let found = if shown == 0 { "everything links".to_owned() } else { plural(shown, "finding", "findings") };
    let optional = match report.optional {
        0 => String::new(),
        n => format!("; {} that only optional code names: nowhere (--all lists them)", plural(n, "class", "classes")),
    };
    say(&format!("{summary}{found}{optional}\n"))?;
    if shown == 0 { Ok(()) } else { Err(Stop::Problems) }
}

/// The runtime's `lib/modules`, and its feature release.
fn java_image(path: &Path) -> Result<(PathBuf, u32), Stop> {
    let image = if path.is_dir() { path.join("lib/modules") } else { path.to_owned() };
    let home = image.parent().and_then(Path::parent).unwrap_or(path);
    let release = home.join("release");
    let text = fs::read_to_string(&release).map_err(Error::read(&release))?;
    let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""));
    let number = version.and_then(|v| v.split(['.', '"', '-', '+']).next()).and_then(|v| v.parse().ok());
    let number = number.ok_or_else(|| Error::archive(release.display().to_string(), "names no Java version"))?;
    Ok((image, number))
}

/// A jar itself, or the jars of a directory, by name.
fn jar_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::read(path))? {
        let file = entry.map_err(Error::read(path))?.path();
        // As the launcher expands a wildcard: these two endings, hidden files too, nothing below.
        if file.extension().is_some_and(|e| e == "jar" || e == "JAR") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn jar(path: &Path, role: Role) -> Result<Jar, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (file, known_by) = open(path)?;
    Ok(Jar { name, group: String::new(), via: String::new(), at: None, role, known_by, bytes: Box::new(file) })
}

/// A file, and what its bytes are known by: device, inode, size and times, one of which changes with them.
fn open(path: &Path) -> Result<(Disk, String), Error> {
    let file = File::open(path).map_err(Error::read(path))?;
    let meta = file.metadata().map_err(Error::read(path))?;
    let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    let known_by = format!("{} {} {} {times:?}", meta.dev(), meta.ino(), meta.len());
    Ok((Disk::new(file, path)?, known_by))
}

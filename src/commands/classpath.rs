//! `classpath`: the class path of a profile, or of any jars, verified as the JVM would.
#![expect(clippy::disallowed_methods, reason = "reads the directories that the command line names")]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::classpath::{self, Baseline, Facts, Jar, Report, Role, Runtime};
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
use crate::tree::{ImagePath, Kind};

use super::gather::{Gathered, gather, key, known_by};
use super::resolve::fetch;
use super::{Request, Stop, World, lock, say};

/// Version of the JSON report: docs/classpath.md tells its fields.
const JSON_VERSION: u32 = 1;
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
    let java = stack.java.parse().map_err(|_| Error::archive(&stack.java, "is no feature release of Java"))?;
    let is_image = |path: &ImagePath| path.to_string().ends_with("/lib/modules");
    let image = gathered.contents.java.iter().find_map(|entry| match &entry.kind {
        Kind::File(source) if is_image(&entry.path) => Some(source),
        _ => None,
    });
    let image = image.ok_or_else(|| Error::archive("the Java runtime", "has no lib/modules"))?;
    let bytes = outside::open(image, &world.store)?;
    let runtime = runtime("lib/modules", &known_by(image), bytes.as_ref(), world)?;
    let jars = &gathered.class_path;
    let facts = facts(jars, java, world)?;
    let flags = classpath::spark_flags(jars, &facts);
    let require: Vec<_> =
        profile.require.iter().cloned().chain(classpath::named_classes(&profile.spark_conf)).collect();
    let request = classpath::Request {
        jars,
        facts: &facts,
        runtime: &runtime,
        java,
        flags: &flags,
        require: &require,
        details,
        threads: world.threads,
    };
    judge(&request, &known_by(image), world)
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
    let mut fresh = classpath::facts(&fresh, java, world.threads).into_iter();
    let mut all = Vec::with_capacity(jars.len());
    for (known, key) in known.into_iter().zip(&keys) {
        if let Some(facts) = known {
            all.push(facts);
            continue;
        }
        let facts = fresh.next().unwrap_or_default();
        world.store.put_bytes("facts", key, &facts.to_bytes())?;
        all.push(facts);
    }
    Ok(all)
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
    let baseline = classpath::baseline(request);
    world.store.put_bytes("baseline", &key, &baseline.to_bytes())?;
    Ok(classpath::verify(request, Some(&baseline)))
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
    let profile = &request.profile;
    fetch(&lock.artifacts, &world.registries(), world)?;
    let gathered = gather(profile, &lock.stack, &lock.artifacts, own, lock.epoch, world);
    let gathered = request.settle(gathered, &[], world)?;
    Ok(of_profile(&gathered, &lock.stack, profile, details, world)?)
}

/// The class path of a profile's lock.
fn of_command(command: &cli::Classpath, world: &World) -> Result<(), Stop> {
    let request = Request::open(&command.profile, command.deny.deny.as_ref(), world)?;
    let own = request.settle(request.project.own_files(&request.profile, &world.store), &[], world)?;
    let lock = request.settle(lock::current(&request, request.project.lock()?, &own), &[], world)?;
    let report = of_lock(&request, &lock, &own, command.all, world)?;
    let weighed = request.weigh(report.problems.clone(), false);
    show(command, &report, &weighed, &request.project.source, world)
}

fn of_jars(command: &cli::Classpath, java: &Path, world: &World) -> Result<(), Stop> {
    let place = |path: &Path| world.environment.cwd.join(path);
    let (image, release) = java_image(&place(java))?;
    let (file, known_by) = open(&image)?;
    let runtime = runtime(&image.display().to_string(), &known_by, &file, world)?;
    let mut jars = Vec::new();
    let stock = match &command.baseline {
        Some(dir) => jar_files(&place(dir))?,
        None => Vec::new(),
    };
    for path in &command.jars {
        for file in jar_files(&place(path))? {
            jars.push(jar(&file, Role::Added)?);
        }
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
    let facts = facts(&jars, release, world)?;
    let mut flags = classpath::spark_flags(&jars, &facts);
    flags.add_modules.extend(command.add_modules.iter().cloned());
    flags.open.extend(command.add_opens.iter().cloned());
    let require: Vec<Located<String>> =
        command.require.iter().map(|name| Located { value: name.clone(), at: problem::At::default() }).collect();
    let request = classpath::Request {
        jars: &jars,
        facts: &facts,
        runtime: &runtime,
        java: release,
        flags: &flags,
        require: &require,
        details: command.all,
        threads: world.threads,
    };
    let report = judge(&request, &known_by, world)?;
    let source = SourceFile { name: "the class path".to_owned(), text: String::new() };
    let level = |level: Level| if command.deny.deny.is_some() && level == Level::Warn { Level::Deny } else { level };
    let weighed: Vec<(Level, Problem)> = report.problems.iter().map(|p| (level(p.code.level), p.clone())).collect();
    show(command, &report, &weighed, &source, world)
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
            "problems": problem::json(weighed, source),
        });
        if let (Some(details), Some(json)) = (&report.details, json.as_object_mut()) {
            json.insert("all".to_owned(), json!(details));
        }
        say(&format!("{json}\n"));
        return if shown == 0 { Ok(()) } else { Err(Stop::Problems) };
    }
    super::show(weighed, source, world);
    if let Some(details) = &report.details {
        say(&details.to_string());
    }
    let summary = format!("{}, {}: ", plural(report.jars, "jar", "jars"), plural(report.classes, "class", "classes"));
    let found = if shown == 0 { "everything links".to_owned() } else { plural(shown, "finding", "findings") };
    let optional = match report.optional {
        0 => String::new(),
        n => format!("; {} that only optional code names: nowhere (--all lists them)", plural(n, "class", "classes")),
    };
    say(&format!("{summary}{found}{optional}\n"));
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
    Ok(Jar { name, via: String::new(), at: None, role, known_by, bytes: Box::new(file) })
}

/// A file, and what its bytes are known by: device, inode, size and times, one of which changes with them.
fn open(path: &Path) -> Result<(Disk, String), Error> {
    let file = File::open(path).map_err(Error::read(path))?;
    let meta = file.metadata().map_err(Error::read(path))?;
    let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    let known_by = format!("{} {} {} {times:?}", meta.dev(), meta.ino(), meta.len());
    Ok((Disk::new(file, path)?, known_by))
}

//! `classpath`: the class path of a profile, or of any jars, verified as the JVM would.
#![expect(clippy::disallowed_methods, reason = "reads the directories that the command line names")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::classpath::{self, Baseline, Facts, Jar, Report, Role, Runtime};
use crate::cli;
use crate::error::Error;
use crate::matrix::Stack;
use crate::outside::{self, ReadAt};
use crate::problem::{self, Level, Problem, SourceFile};
use crate::profile::{Located, Profile};
use crate::tree::Kind;

use super::gather::{Gathered, gather};
use super::resolve::fetch;
use super::{Request, Stop, World, lock, say};

/// Version of the JSON report: docs/classpath.md tells its fields.
const JSON_VERSION: u32 = 1;

/// What the class path of gathered contents shows.
pub(super) fn of_profile(
    gathered: &Gathered,
    stack: &Stack,
    profile: &Profile,
    details: bool,
    world: &World,
) -> Result<Report, Error> {
    let java = stack.java.parse().map_err(|_| Error::archive(&stack.java, "is no feature release of Java"))?;
    let is_image = |path: &crate::tree::ImagePath| path.to_string().ends_with("/lib/modules");
    let image = gathered.contents.java.iter().find_map(|entry| match &entry.kind {
        Kind::File(source) if is_image(&entry.path) => Some(source),
        _ => None,
    });
    let image = image.ok_or_else(|| Error::archive("the Java runtime", "has no lib/modules"))?;
    let runtime = Runtime::read("lib/modules", outside::open(image, &world.store)?.as_ref(), world.threads)?;
    let jars = &gathered.class_path;
    let facts = facts(jars, java, world);
    let flags = classpath::spark_flags(jars, &facts);
    let request = classpath::Request {
        jars,
        facts: &facts,
        runtime: &runtime,
        java,
        flags: &flags,
        require: &profile.require,
        details,
        threads: world.threads,
    };
    Ok(judge(&request))
}

fn facts(jars: &[Jar], java: u32, world: &World) -> Vec<Facts> {
    let bytes: Vec<&dyn ReadAt> = jars.iter().map(|jar| jar.bytes.as_ref()).collect();
    classpath::facts(&bytes, java, world.threads)
}

/// Verifies, against the untouched distribution where there is one.
fn judge(request: &classpath::Request<'_>) -> Report {
    let has_baseline = request.jars.iter().any(|jar| matches!(jar.role, Role::Stock | Role::Removed));
    let baseline: Option<Baseline> = has_baseline.then(|| classpath::baseline(request));
    classpath::verify(request, baseline.as_ref())
}

pub(super) fn classpath(command: &cli::Classpath, world: &World) -> Result<(), Stop> {
    match &command.java {
        Some(java) => of_jars(command, java, world),
        None => of_lock(command, world),
    }
}

/// The class path of a profile's lock.
fn of_lock(command: &cli::Classpath, world: &World) -> Result<(), Stop> {
    let request = Request::open(&command.profile, command.deny.deny.as_ref(), world)?;
    let profile = &request.profile;
    let own = request.settle(request.project.own_files(profile, &world.store), &[], world)?;
    let lock = request.settle(lock::current(&request, request.project.lock()?, &own), &[], world)?;
    fetch(&lock.artifacts, &world.registries(), world)?;
    let gathered = gather(profile, &lock.stack, &lock.artifacts, &own, lock.epoch, world);
    let gathered = request.settle(gathered, &[], world)?;
    let report = of_profile(&gathered, &lock.stack, profile, command.all, world)?;
    let weighed = request.weigh(report.problems.clone(), false);
    show(command, &report, &weighed, &request.project.source, world)
}

fn of_jars(command: &cli::Classpath, java: &Path, world: &World) -> Result<(), Stop> {
    let place = |path: &Path| world.environment.cwd.join(path);
    let (image, release) = java_image(&place(java))?;
    let runtime = Runtime::read(&image.display().to_string(), &Disk::open(&image)?, world.threads)?;
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
    let facts = facts(&jars, release, world);
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
    let report = judge(&request);
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
    let summary = format!("{}, {} classes: ", count(report.jars, "jar"), report.classes);
    let found = if shown == 0 { "everything links".to_owned() } else { count(shown, "finding") };
    let optional = match report.optional {
        0 => String::new(),
        n => format!("; {n} classes that only optional code names are nowhere (--all lists them)"),
    };
    say(&format!("{summary}{found}{optional}\n"));
    if shown == 0 { Ok(()) } else { Err(Stop::Problems) }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
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
    Ok(Jar { name, via: String::new(), at: None, role, bytes: Box::new(Disk::open(path)?) })
}

/// A file that is open for reading.
struct Disk {
    file: File,
    size: u64,
}

impl Disk {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for Disk {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

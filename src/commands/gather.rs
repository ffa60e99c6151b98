//! What the locked artifacts hold: unpacked once, side by side, and laid out by their rooms.

use crate::artifact::{Artifact, Coordinate};
use crate::base;
use crate::classpath::{self, Role};
use crate::debian::deb;
use crate::debian::root;
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::layer::Layer;
use crate::lock::Lock;
use crate::matrix::{self, Stack};
use crate::maven::place;
use crate::outside::{self, Blobs, Range, ReadAt};
use crate::plan::{Contents, Jar};
use crate::problem::{At, Problem};
use crate::profile::Profile;
use crate::project::OwnFiles;
use crate::pypi::{self, Site};
use crate::threads;
use crate::tree::{Entry, Kind, Source};

use super::base::Ground;
use super::resolve::fetch;
use super::{Request, World};

/// Numbers of the rules by which archives are unpacked; a change of what is recorded raises them.
const DEB_RULES: u32 = 1;
const WHEEL_RULES: u32 = 1;
const SDIST_RULES: u32 = 1;

/// An artifact with what its archive holds.
enum Unpacked {
    Deb(deb::Package),
    Wheel(pypi::wheel::Wheel),
    Sdist(pypi::sdist::Sdist),
    /// A jar goes into the image as it is.
    Whole,
}

/// The image's contents and what was noticed about them.
pub(super) struct Gathered {
    /// For the plan.
    pub(super) contents: Contents,
    /// The layers of the base, where there is one.
    pub(super) base: Vec<Layer>,
    /// The runtime's `lib/modules`.
    pub(super) modules: Source,
    /// Jars of the class path, for its verification.
    pub(super) class_path: Vec<classpath::Jar>,
    /// What the rooms found.
    pub(super) problems: Vec<Problem>,
}

/// PySpark's sdist, unpacked.
pub(super) fn sdist(artifact: &Artifact, world: &World) -> Result<pypi::sdist::Sdist, Error> {
    world.store.unpack(&artifact.sha256, SDIST_RULES, |bytes, spool| {
        pypi::sdist::unpack(&mut Range::all(bytes), &artifact.file, spool)
    })
}

/// What a PySpark in the store carries.
pub(super) fn release(artifact: &Artifact, world: &World) -> Result<matrix::Release, Error> {
    let sdist = sdist(artifact, world)?;
    let spool = world.store.unpacked(&artifact.sha256)?;
    derive(&sdist, spool.as_ref(), &artifact.file)
}

/// What an unpacked PySpark carries.
pub(super) fn derive(sdist: &pypi::sdist::Sdist, spool: &dyn ReadAt, what: &str) -> Result<matrix::Release, Error> {
    let modules = matrix::CHECKING.iter().map(|path| pypi::pyspark::text(sdist, spool, path, what));
    let modules: Vec<String> = modules.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let evidence = matrix::Evidence {
        headers: &pypi::pyspark::headers(sdist)?,
        requires: &sdist.requires,
        jars: &pypi::pyspark::bundled_jars(sdist),
        modules: &modules,
    };
    matrix::derive(&evidence).map_err(|reason| Error::archive(what, reason))
}

/// What an image is made of beside the user's own files.
#[derive(Clone, Copy)]
pub(super) struct Locked<'a> {
    pub(super) stack: &'a Stack,
    pub(super) artifacts: &'a [Artifact],
    pub(super) epoch: u64,
    /// The base instead of Debian's packages.
    pub(super) ground: Option<&'a Ground>,
}

/// Unpacks every artifact, which must be in the store, and lays it out.
pub(super) fn gather(profile: &Profile, of: &Locked<'_>, own: &OwnFiles, world: &World) -> Result<Gathered, Failure> {
    let Locked { stack, artifacts, epoch, ground } = *of;
    let unpacked = unpack(artifacts, world)?;
    let with = artifacts.iter().zip(&unpacked);
    let (base, java, mut problems) = match ground {
        Some(ground) => (base::accounts(&ground.root), Vec::new(), Vec::new()),
        None => debian(profile, stack, with.clone(), own, epoch, world)?,
    };
    let site = Site::debian(&stack.python)?;
    let mut installed: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut pyspark = None;
    for (artifact, unpacked) in with {
        let name = artifact.coordinate.name();
        match unpacked {
            Unpacked::Wheel(wheel) => {
                let spool = world.store.unpacked(&artifact.sha256)?;
                installed.push((name, pypi::install::entries(wheel, &artifact.sha256, &site, spool.as_ref())?));
            }
            Unpacked::Sdist(sdist) => {
                let spool = world.store.unpacked(&artifact.sha256)?;
                pyspark = Some(pypi::pyspark::layout(sdist, &artifact.sha256, &site, spool.as_ref())?);
            }
            Unpacked::Deb(_) | Unpacked::Whole => {}
        }
    }
    let pyspark = pyspark.ok_or_else(|| Error::archive("the lock", "holds no PySpark"))?;
    installed.push(("pyspark".to_owned(), pyspark.files));
    let named: Vec<(&str, &[Entry])> =
        installed.iter().map(|(name, entries)| (name.as_str(), entries.as_slice())).collect();
    problems.extend(pypi::install::clashes(&named));
    let mut files = installed.pop().map(|(_, files)| files).unwrap_or_default();
    let link = crate::tree::ImagePath::new("opt/spark").map_err(|bad| Error::archive("the plan", bad))?;
    files.push(Entry::symlink(link, pyspark.home.to_string()));
    let jars = jars(artifacts, &pyspark.jars, own)?;
    let contents = Contents {
        below: ground.map(|ground| ground.root.outline()).unwrap_or_default(),
        base,
        java,
        class_directory: Some(pyspark.home.join("jars").map_err(|bad| Error::archive("the plan", bad))?),
        spark_jars: pyspark.jars,
        pyspark: files,
        python: installed.into_iter().flat_map(|(_, entries)| entries).collect(),
        jars,
    };
    if let (Some(ground), Some(at)) = (ground, &profile.stack.base) {
        let all = [&contents.spark_jars, &contents.pyspark, &contents.python];
        let all: Vec<&Entry> = all.into_iter().flatten().collect();
        problems.extend(base::mixed(&ground.root, &all, &at.at));
    }
    let class_path = class_path(&contents, artifacts, profile, world)?;
    let modules = match ground.map(Ground::modules) {
        Some(modules) => modules.map(|(digest, size)| Source::Blob { digest, size }),
        None => contents.java.iter().find_map(modules),
    };
    let modules = modules.ok_or_else(|| Error::archive("the Java runtime", "has no lib/modules"))?;
    let base = ground.map(|ground| ground.layers.clone()).unwrap_or_default();
    Ok(Gathered { contents, base, modules, class_path, problems })
}

/// An entry's bytes, where it is Java's classes.
fn modules(entry: &Entry) -> Option<Source> {
    match &entry.kind {
        Kind::File(source) if entry.path.as_str().ends_with("/lib/modules") => Some(source.clone()),
        _ => None,
    }
}

/// What a lock's files and base hold; they are fetched.
pub(super) fn of_lock(request: &Request, lock: &Lock, own: &OwnFiles, world: &World) -> Result<Gathered, Failure> {
    let profile = &request.profile;
    fetch(&lock.artifacts, &world.registries(), world)?;
    let ground = super::base::of_lock(lock, profile, &request.project.directory, world)?;
    let Lock { stack, artifacts, epoch, .. } = lock;
    gather(profile, &Locked { stack, artifacts, epoch: *epoch, ground: ground.as_ref() }, own, world)
}

/// Whether the store has every locked file, and the base's layers.
pub(super) fn at_hand(lock: &Lock, world: &World) -> bool {
    let files = lock.artifacts.iter().map(|artifact| (&artifact.sha256, artifact.size));
    let layers = lock.base_layers().iter().map(|layer| (&layer.digest, layer.size));
    files.chain(layers).all(|(digest, size)| world.store.has(digest, size))
}

fn unpack(artifacts: &[Artifact], world: &World) -> Result<Vec<Unpacked>, Error> {
    let work = world.ui.work("Unpacking", artifacts.len() as u64);
    // The largest first, so that no thread is left alone with it at the end.
    let mut order: Vec<usize> = (0..artifacts.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(artifacts[i].size));
    let done = threads::all(&order, world.threads, |&i| {
        let artifact = &artifacts[i];
        work.doing(&artifact.coordinate.name());
        let unpacked = unpack_one(artifact, world)?;
        work.advance(1);
        Ok((i, unpacked))
    })?;
    let mut done = done;
    done.sort_by_key(|(i, _)| *i);
    Ok(done.into_iter().map(|(_, unpacked)| unpacked).collect())
}

fn unpack_one(artifact: &Artifact, world: &World) -> Result<Unpacked, Error> {
    let (store, digest, what) = (&world.store, &artifact.sha256, artifact.coordinate.to_string());
    Ok(match &artifact.coordinate {
        Coordinate::Debian { .. } => Unpacked::Deb(
            store.unpack(digest, DEB_RULES, |bytes, spool| deb::unpack(&mut Range::all(bytes), &what, spool))?,
        ),
        Coordinate::Pypi { name, .. } if name == "pyspark" => Unpacked::Sdist(sdist(artifact, world)?),
        Coordinate::Pypi { .. } => {
            Unpacked::Wheel(store.unpack(digest, WHEEL_RULES, |bytes, spool| pypi::wheel::unpack(bytes, &what, spool))?)
        }
        Coordinate::Maven { .. } => Unpacked::Whole,
    })
}

type Debian = (Vec<Entry>, Vec<Entry>, Vec<Problem>);

/// The root file system, Java's packages apart.
fn debian<'a>(
    profile: &Profile,
    stack: &Stack,
    artifacts: impl Iterator<Item = (&'a Artifact, &'a Unpacked)>,
    own: &OwnFiles,
    epoch: u64,
    world: &World,
) -> Result<Debian, Failure> {
    let packages: Vec<root::Unpacked<'_>> = artifacts
        .filter_map(|(artifact, unpacked)| match (&artifact.coordinate, unpacked) {
            (Coordinate::Debian { name, version, .. }, Unpacked::Deb(package)) => {
                Some(root::Unpacked { name, version, archive: artifact.sha256, package })
            }
            _ => None,
        })
        .collect();
    let stem = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
    };
    let certificates: Vec<(String, Vec<u8>)> = profile
        .debian
        .ca_certificates
        .iter()
        .filter_map(|path| Some((stem(&path.value), own.small.get(&path.value)?.clone())))
        .collect();
    let request = root::Request {
        packages: &packages,
        java: &stack.java,
        python: &stack.python,
        certificates: &certificates,
        epoch,
    };
    let root = root::root(&request, &*world.store)?;
    if world.verbose {
        for path in &root.dropped_set_id {
            world.ui.note(format_args!("set-ID bit dropped: {path}"));
        }
    }
    let is_java = |package: &str| package.starts_with("openjdk-");
    let (java, base): (Vec<_>, Vec<_>) = root.entries.into_iter().partition(|owned| is_java(&owned.package));
    let entries = |owned: Vec<root::Owned>| owned.into_iter().map(|owned| owned.entry).collect();
    Ok((entries(base), entries(java), root.problems))
}

/// The jars of the lock and the user's own, each with the jar of Spark's that it stands in for.
fn jars(artifacts: &[Artifact], shipped: &[Entry], own: &OwnFiles) -> Result<Vec<Jar>, Error> {
    let mut jars = Vec::new();
    for artifact in artifacts {
        let Coordinate::Maven { artifact: name, .. } = &artifact.coordinate else { continue };
        let file = place::file_name(&artifact.coordinate)
            .ok_or_else(|| Error::archive(artifact.coordinate.to_string(), "has no file name"))?;
        let overrides =
            artifact.via.first().is_some_and(|via| via.starts_with("maven.override.") || via == "stack.hadoop");
        let replaces = if overrides { stood_for(name, shipped) } else { None };
        jars.push(Jar { file, digest: artifact.sha256, size: artifact.size, replaces });
    }
    for (path, (digest, size)) in &own.stored {
        let name = path.rsplit('/').next().unwrap_or(path);
        if std::path::Path::new(name).extension().is_some_and(|e| e == "jar") {
            jars.push(Jar { file: name.to_owned(), digest: *digest, size: *size, replaces: None });
        }
    }
    Ok(jars)
}

/// The file of Spark's `jars/` that holds the artifact of that name.
pub(super) fn stood_for(artifact: &str, shipped: &[Entry]) -> Option<String> {
    let is_it = |file: &str| {
        let version = file.strip_prefix(artifact).and_then(|rest| rest.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    shipped.iter().map(|entry| entry.path.name()).find(|file| is_it(file)).map(str::to_owned)
}

/// The class path as the JVM will see it: what lies directly in Spark's `jars/`, and what was taken from there.
fn class_path(
    contents: &Contents,
    artifacts: &[Artifact],
    profile: &Profile,
    world: &World,
) -> Result<Vec<classpath::Jar>, Error> {
    let replaced = |name: &str| contents.jars.iter().find(|jar| jar.replaces.as_deref() == Some(name));
    let asked = |jar: &Jar| {
        let artifact = artifacts.iter().find(|artifact| artifact.sha256 == jar.digest);
        (artifact, artifact.and_then(|artifact| asked(artifact, artifacts, profile)))
    };
    let mut all = Vec::new();
    for entry in contents.spark_jars.iter().filter(|entry| entry.path.parent() == contents.class_directory) {
        let Kind::File(source) = &entry.kind else { continue };
        let by = replaced(entry.path.name());
        all.push(classpath::Jar {
            name: entry.path.name().to_owned(),
            group: String::new(),
            via: String::new(),
            at: by.and_then(|by| asked(by).1),
            role: if by.is_some() { Role::Removed } else { Role::Stock },
            known_by: known_by(source),
            bytes: outside::open(source, &*world.store)?,
        });
    }
    for jar in &contents.jars {
        let (artifact, at) = asked(jar);
        let own = || profile.maven.files.iter().find(|file| file.value.rsplit('/').next() == Some(&jar.file));
        let at = at.or_else(|| own().map(|file| file.at.clone()));
        let via =
            artifact.and_then(|artifact| artifact.via.first().cloned()).unwrap_or_else(|| "maven.files".to_owned());
        let role = if artifact.is_some() { Role::Added } else { Role::Own };
        let (known_by, bytes) = (jar.digest.to_string(), world.store.open(&jar.digest)?);
        let group = match artifact.map(|artifact| &artifact.coordinate) {
            Some(Coordinate::Maven { group, .. }) => group.clone(),
            _ => String::new(),
        };
        all.push(classpath::Jar { name: jar.file.clone(), group, via, at, role, known_by, bytes });
    }
    // As `ls` has them: the order of a wildcard is the directory's, which nothing fixes.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// What the bytes of a file in the image are known by.
pub(super) fn known_by(source: &Source) -> String {
    match source {
        Source::Blob { digest, .. } => digest.to_string(),
        Source::Member { archive, offset, size } => format!("{archive} {offset} {size}"),
        Source::Bytes(bytes) => Digest::of(bytes).to_string(),
    }
}

/// The line of the profile that brought a jar in: `via` walked back to a request.
fn asked(artifact: &Artifact, all: &[Artifact], profile: &Profile) -> Option<At> {
    let mut artifact = artifact;
    // A chain of dependencies is no longer than the list of artifacts.
    for _ in 0..=all.len() {
        let name = artifact.coordinate.name();
        let root =
            profile.maven.jars.iter().find(|jar| jar.value == name || jar.value.starts_with(&format!("{name}:")));
        let pinned = profile.maven.overrides.iter().find(|(key, _)| key.value == name);
        if let Some(at) = root.map(|jar| &jar.at).or_else(|| pinned.map(|(key, _)| &key.at)) {
            return Some(at.clone());
        }
        let via = artifact.via.first()?;
        artifact = all.iter().find(|other| other.coordinate.name() == *via)?;
    }
    None
}

/// The digest under which what follows from these layers is memoised.
pub(super) fn key(parts: impl IntoIterator<Item = String>) -> Digest {
    Digest::of(parts.into_iter().collect::<Vec<_>>().join("\n").as_bytes())
}

//! PySpark's sdist laid out as `pip install pyspark` leaves it, without running its `setup.py`: [`layout`].
//!
//! The rules are those of its `setup.py` (`package_dir`, `package_data`, `scripts`), which have not
//! changed since 3.1: `deps/jars` becomes `pyspark/jars`, and so on; modules lose their executable
//! bit, scripts gain it. Compared file by file with pip's own installation of 3.5.9 and 4.1.4.

use crate::artifact::{Artifact, Coordinate};
use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::outside::{Index, Page, ReadAt, Registry};
use crate::problem::{Problem, codes};
use crate::tree::{Entry, ImagePath, MemberKind, Source};

use super::install::{Files, joined, rewritten};
use super::sdist::Sdist;
use super::{Site, index, metadata};

/// Directory of the sdist → directory below `site.lib` (`setup.py`: `package_dir`). First match wins.
const DIRECTORIES: &[(&str, &str)] = &[
    ("deps/jars/", "pyspark/jars/"),
    ("deps/bin/", "pyspark/bin/"),
    ("deps/sbin/", "pyspark/sbin/"),
    ("deps/data/", "pyspark/data/"),
    ("deps/licenses/", "pyspark/licenses/"),
    ("deps/examples/", "pyspark/examples/src/main/python/"),
    ("lib/", "pyspark/python/lib/"),
    ("pyspark/", "pyspark/"),
];

/// The largest module that is read as text, in bytes.
const TEXT_MAX: u64 = 1 << 20;

/// Files of an installed PySpark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PySpark {
    /// The jars of `pyspark/jars` and of its directories, sorted by path.
    pub jars: Vec<Entry>,
    /// Everything else, sorted by path; its `RECORD` names the jars too.
    pub files: Vec<Entry>,
    /// `SPARK_HOME`: the package's own directory.
    pub home: ImagePath,
}

/// PySpark's sdist in the index, `version` being exact: `3.5.9`.
///
/// # Errors
/// [`Failure::Problems`] with [`codes::python::UNKNOWN_PROJECT`] where the index has no such
/// release, [`Failure::World`] where it fails.
pub fn artifact(version: &str, index: &dyn Index) -> Result<Artifact, Failure> {
    let missing = || {
        Problem::new(codes::python::UNKNOWN_PROJECT, format!("the package index has no PySpark {version}"))
            .note(format!("pyspark-{version}.tar.gz is not on its page"))
            .help("choose another stack.spark, or another index")
    };
    let page = index.get(&index::page("pyspark"))?.ok_or_else(missing)?;
    let name = format!("pyspark-{version}.tar.gz");
    let file = index::files(&page)?.into_iter().find(|file| file.name == name).ok_or_else(missing)?;
    let (size, sha256) = match (file.size, file.sha256) {
        (Some(size), Some(sha256)) => (size, sha256),
        (_, promised) => {
            let page = Page::new(Registry::Pypi, file.url);
            let whole = index.file(&page, promised.as_ref())?.ok_or_else(missing)?;
            (whole.size, whole.sha256)
        }
    };
    let coordinate = Coordinate::Pypi { name: "pyspark".to_owned(), version: version.to_owned() };
    Ok(Artifact { coordinate, file: name, size, sha256, index: None, via: vec!["stack.spark".to_owned()] })
}

/// Lays PySpark out; `archive` is the sdist's digest and `spool` what [`super::sdist::unpack`] wrote.
///
/// # Errors
/// [`Error::Archive`] where it is not a PySpark sdist; [`Error::Read`] where the spool cannot be read.
pub fn layout(sdist: &Sdist, archive: &Digest, site: &Site, spool: &dyn ReadAt) -> Result<PySpark, Error> {
    let metadata = metadata::parse(sdist.pkg_info.as_bytes(), &sdist.root)?;
    if metadata.name != "pyspark" {
        return Err(Error::archive(&sdist.root, "is not PySpark's sdist"));
    }
    let what = sdist.root.as_str();
    let dist_info = format!("pyspark-{}.dist-info", metadata.version);
    let licenses = license_files(sdist)?;
    let mut files = Files { what, entries: std::collections::BTreeMap::new() };
    for member in &sdist.members {
        let MemberKind::File { offset, size, sha256 } = member.kind else { continue };
        let Some(path) = below_root(sdist, &member.path) else { continue };
        let source = Source::Member { archive: *archive, offset, size };
        if let Some(place) = installed(path) {
            let executable = member.mode & 0o111 != 0 && !is_module(path);
            let mode = if executable { 0o755 } else { 0o644 };
            files.add(Entry::file(joined(&site.lib, &place, what)?, mode, source.clone()), sha256)?;
        }
        if licenses.iter().any(|name| name == path) {
            let place = format!("{dist_info}/licenses/{path}");
            files.add(Entry::file(joined(&site.lib, &place, what)?, 0o644, source.clone()), sha256)?;
        }
        if let Some(name) = script(path) {
            let target = joined(&site.bin, name, what)?;
            if is_python(spool, offset, size, what)? {
                files.add_bytes(target, 0o755, rewritten(spool, offset, size, what)?)?;
            } else {
                files.add(Entry::file(target, 0o755, source), sha256)?;
            }
        }
    }
    let info = joined(&site.lib, &dist_info, what)?;
    let wheel = "Wheel-Version: 1.0\nGenerator: sparkbake\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (name, text) in [("METADATA", sdist.pkg_info.as_str()), ("WHEEL", wheel), ("top_level.txt", "pyspark\n")] {
        files.add_bytes(joined(&info, name, what)?, 0o644, text.as_bytes().to_vec())?;
    }
    let home = joined(&site.lib, "pyspark", what)?;
    let jars = joined(&home, "jars", what)?;
    let in_jars = |entry: &Entry| entry.path.ancestors().any(|above| above == jars);
    let (jars, files) = files.finish(site, &dist_info)?.into_iter().partition(in_jars);
    Ok(PySpark { jars, files, home })
}

/// File names of the jars on the class path: those directly in `pyspark/jars`, sorted. What lies in
/// `jars/connect-repl` is not on it.
#[must_use]
pub fn bundled_jars(sdist: &Sdist) -> Vec<String> {
    let paths = sdist.members.iter().filter_map(|member| below_root(sdist, &member.path));
    let names = paths.filter_map(|path| path.strip_prefix("deps/jars/"));
    let mut out: Vec<String> =
        names.filter(|name| !name.contains('/') && name.strip_suffix(".jar").is_some()).map(str::to_owned).collect();
    out.sort();
    out
}

/// Place and size in the spool of each file of at most 1 GiB whose path below the top directory is wanted.
pub fn files(sdist: &Sdist, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (u64, u64)> {
    const LARGEST: u64 = 1 << 30;
    sdist.members.iter().filter_map(move |member| match member.kind {
        MemberKind::File { offset, size, .. }
            if size <= LARGEST && below_root(sdist, &member.path).is_some_and(&is_wanted) =>
        {
            Some((offset, size))
        }
        _ => None,
    })
}

/// The headers of its `PKG-INFO`.
///
/// # Errors
/// [`Error::Archive`] where they have no end.
pub fn headers(sdist: &Sdist) -> Result<Vec<(String, String)>, Error> {
    metadata::headers(sdist.pkg_info.as_bytes(), &sdist.root)
}

/// The text of a file below the top directory; `None` where there is none, or one of more than 1 MiB.
///
/// # Errors
/// [`Error::Read`] where the spool fails.
pub fn text(sdist: &Sdist, spool: &dyn ReadAt, path: &str, what: &str) -> Result<Option<String>, Error> {
    let member = sdist.members.iter().find(|member| below_root(sdist, &member.path) == Some(path));
    let Some(MemberKind::File { offset, size, .. }) = member.map(|member| &member.kind) else { return Ok(None) };
    if *size > TEXT_MAX {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(*size).unwrap_or_default()];
    spool.read_exact_at(&mut bytes, *offset).map_err(Error::read(what))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Files that the metadata names as licences; since metadata 2.4 they are installed (PEP 639).
fn license_files(sdist: &Sdist) -> Result<Vec<String>, Error> {
    Ok(headers(sdist)?
        .into_iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("license-file"))
        .map(|(_, name)| name)
        .collect())
}

fn below_root<'a>(sdist: &Sdist, path: &'a ImagePath) -> Option<&'a str> {
    path.as_str().strip_prefix(sdist.root.as_str())?.strip_prefix('/')
}

fn installed(path: &str) -> Option<String> {
    DIRECTORIES.iter().find_map(|(from, to)| path.strip_prefix(from).map(|rest| format!("{to}{rest}")))
}

/// Whether setuptools copies a file as a module, which loses its mode, and not as data, which keeps
/// it. The directories of examples below the first are no packages.
fn is_module(path: &str) -> bool {
    let example = path.strip_prefix("deps/examples/");
    path.strip_suffix(".py").is_some() && example.is_none_or(|below| !below.contains('/'))
}

/// Name of the program in `bin` that a file becomes (`setup.py`: `scripts`).
fn script(path: &str) -> Option<&str> {
    let name = path.strip_prefix("deps/bin/").filter(|name| !name.contains('/'));
    name.or_else(|| (path == "pyspark/find_spark_home.py").then_some("find_spark_home.py"))
}

/// Whether the first line names a Python interpreter, which setuptools replaces in scripts.
fn is_python(spool: &dyn ReadAt, offset: u64, size: u64, what: &str) -> Result<bool, Error> {
    let mut start = vec![0; usize::try_from(size.min(256)).unwrap_or_default()];
    spool.read_exact_at(&mut start, offset).map_err(Error::read(what))?;
    let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    Ok(line.strip_prefix("#!").is_some_and(|program| program.contains("python")))
}

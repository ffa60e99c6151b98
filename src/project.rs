//! The user's project on disk: the profile, its lockfile, and the files that the profile names.
//!
//! A profile is a path, or the name of a built-in one; the built-in profiles and their lockfiles are
//! embedded, so that they work after `cargo install`. Each file is read once: what is hashed is what
//! goes into the image.

#![expect(clippy::disallowed_methods, reason = "an edge module: it reads the user's files")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::{Error, Failure};
use crate::lock::{self, Lock};
use crate::outside::ReadAt;
use crate::problem::{Problem, SourceFile, codes};
use crate::profile::{Located, Profile};
use crate::store::Store;

mod code;
mod copies;

pub use code::{Code, code};
pub use copies::{Copied, copies};

/// Profiles that come with the tool: name, profile, lockfile.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("minimal", include_str!("../profiles/minimal.toml"), include_str!("../lockfiles/minimal.lock")),
    ("spark-3.5", include_str!("../profiles/spark-3.5.toml"), include_str!("../lockfiles/spark-3.5.lock")),
    ("spark-4.1", include_str!("../profiles/spark-4.1.toml"), include_str!("../lockfiles/spark-4.1.lock")),
];
/// A profile larger than this was not written by a person.
const PROFILE_MAX: u64 = 1 << 20;
/// Certificates, keys and other tools' locks are small.
pub const SMALL_MAX: u64 = 4 << 20;

/// A profile and where it stands.
#[derive(Debug, Clone)]
pub struct Project {
    /// File stem or built-in name.
    pub name: String,
    /// The profile's text.
    pub source: SourceFile,
    /// What relative paths of the profile are relative to.
    pub directory: PathBuf,
    /// Where the lockfile is or would be; `None` for a built-in profile.
    pub lock_path: Option<PathBuf>,
}

/// Whether a built-in profile has this name.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, ..)| *known == name)
}

/// Whether a profile's path is meant, and not the name of a built-in one.
#[must_use]
pub fn is_path(typed: &str) -> bool {
    typed.contains('/') || Path::new(typed).extension().is_some_and(|extension| extension == "toml")
}

impl Project {
    /// Opens what was typed: a name without `/` and `.toml` is a built-in profile.
    ///
    /// # Errors
    /// [`Error::Read`] where the file cannot be read, [`Error::Archive`] where no built-in profile
    /// has that name.
    pub fn open(typed: &str, cwd: &Path) -> Result<Self, Error> {
        if !is_path(typed) {
            let found = BUILT_IN.iter().find(|(name, ..)| *name == typed);
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, ..)| *name).collect();
            let unknown = || {
                Error::archive(
                    format!("`{typed}`"),
                    format!("no built-in profile has this name (there are {}); a path ends in .toml", names.join(", ")),
                )
            };
            let (name, text, _) = found.ok_or_else(unknown)?;
            let source = SourceFile { name: format!("{name} (built in)"), text: (*text).to_owned() };
            return Ok(Self { name: (*name).to_owned(), source, directory: cwd.to_owned(), lock_path: None });
        }
        let path = cwd.join(typed);
        if typed == "sparkbake.toml" && !exists(&path) {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, ..)| *name).collect();
            let help = format!("`sparkbake init` writes one, and built in are {}", names.join(", "));
            return Err(Error::archive("there is no sparkbake.toml here", help));
        }
        let bytes = read_bounded(&path, PROFILE_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| Error::archive(typed, "is not UTF-8"))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("sparkbake").to_owned();
        let directory = path.parent().unwrap_or(cwd).to_owned();
        let lock_path = Some(path.with_extension("lock"));
        Ok(Self { name, source: SourceFile { name: typed.to_owned(), text }, directory, lock_path })
    }

    /// What the lockfile is called in messages.
    #[must_use]
    pub fn lock_name(&self) -> String {
        format!("{}.lock", self.name)
    }

    /// The lockfile, where there is one.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Archive`] as [`Lock::parse`].
    pub fn lock(&self) -> Result<Option<Lock>, Error> {
        let text = match &self.lock_path {
            None => BUILT_IN.iter().find(|(name, ..)| *name == self.name).map(|(_, _, lock)| (*lock).to_owned()),
            Some(path) => match read_bounded(path, lock::MAX_BYTES) {
                Ok(bytes) => {
                    Some(String::from_utf8(bytes).map_err(|_| Error::archive(self.lock_name(), "is not UTF-8"))?)
                }
                Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            },
        };
        text.filter(|text| !text.is_empty()).map(|text| Lock::parse(&self.lock_name(), &text)).transpose()
    }

    /// Writes the lockfile as a whole.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Archive`] for a built-in profile, whose lock is part of the tool.
    pub fn write_lock(&self, lock: &Lock) -> Result<PathBuf, Error> {
        let Some(path) = &self.lock_path else {
            return Err(Error::archive(self.lock_name(), "is built in; `sparkbake init` writes a profile of your own"));
        };
        write_whole(path, lock.to_toml()?.as_bytes())?;
        Ok(path.clone())
    }

    /// Reads every file that the profile names in `[maven]`, `[python]` and `[debian]`.
    ///
    /// # Errors
    /// A problem with a caret for every file that cannot be read.
    pub fn own_files(&self, profile: &Profile, store: &Store) -> Result<OwnFiles, Failure> {
        let mut own = OwnFiles::default();
        let mut problems = Vec::new();
        let stored = [&profile.maven.files, &profile.python.files];
        let small = [&profile.debian.keys, &profile.debian.ca_certificates];
        for path in stored.into_iter().flatten() {
            match self.keep(path, store)? {
                Ok((digest, size)) => _ = own.stored.insert(path.value.clone(), (digest, size)),
                Err(problem) => problems.push(problem),
            }
        }
        for path in small.into_iter().flatten().chain(&profile.python.lock) {
            match read_bounded(&self.directory.join(&path.value), SMALL_MAX) {
                Ok(bytes) => _ = own.small.insert(path.value.clone(), bytes),
                Err(error) => problems.push(unreadable(path, &error)),
            }
        }
        if problems.is_empty() { Ok(own) } else { Err(problems.into()) }
    }

    /// Takes one file of the user's into the store.
    fn keep(&self, path: &Located<String>, store: &Store) -> Result<Result<(Digest, u64), Problem>, Error> {
        let full = self.directory.join(&path.value);
        match File::open(&full).and_then(|file| file.metadata().map(|meta| (file, meta))) {
            Ok((mut file, meta)) if meta.is_file() => {
                let (digest, size, _) = store.put(|out| io::copy(&mut file, out).map_err(Error::read(&full)))?;
                Ok(Ok((digest, size)))
            }
            Ok(_) => Ok(Err(unreadable(path, &Error::archive(&path.value, "is not a regular file")))),
            Err(source) => Ok(Err(unreadable(path, &Error::Read { path: full, source }))),
        }
    }
}

/// The user's own files by the path that the profile gives them.
#[derive(Debug, Clone, Default)]
pub struct OwnFiles {
    /// Jars and wheels: digest in the store, and size.
    pub stored: BTreeMap<String, (Digest, u64)>,
    /// Certificates and keys.
    pub small: BTreeMap<String, Vec<u8>>,
}

impl OwnFiles {
    /// The digests of all of them, for the lock's inputs.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        let stored = self.stored.iter().map(|(path, (digest, _))| (path.clone(), *digest));
        stored.chain(self.small.iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes)))).collect()
    }
}

fn unreadable(path: &Located<String>, error: &Error) -> Problem {
    let reason = match error {
        Error::Read { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    Problem::new(codes::app::UNREADABLE_FILE, format!("cannot read `{}`", path.value))
        .at(&path.at, reason)
        .help("paths are relative to the profile's own directory")
}

/// A text file.
///
/// # Errors
/// [`Error::Read`]; [`Error::Archive`] where it is larger than `limit` bytes or no UTF-8.
pub fn text(path: &Path, limit: u64) -> Result<String, Error> {
    let bytes = read_bounded(path, limit)?;
    String::from_utf8(bytes).map_err(|_| Error::archive(path.display().to_string(), "is not UTF-8"))
}

/// A file that is small, such as a key.
///
/// # Errors
/// [`Error::Read`]; [`Error::Archive`] where it is larger than 4 MiB.
pub fn small(path: &Path) -> Result<Vec<u8>, Error> {
    read_bounded(path, SMALL_MAX)
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::read(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::read(path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::archive(path.display().to_string(), format!("is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// The end of a file, and whether it is the whole of it.
///
/// # Errors
/// [`Error::Read`].
pub fn tail(path: &Path, limit: u64) -> Result<(Vec<u8>, bool), Error> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let size = file.metadata().map_err(Error::read(path))?.len();
    if size > limit {
        file.seek(SeekFrom::Start(size - limit)).map_err(Error::read(path))?;
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(Error::read(path))?;
    Ok((bytes, size <= limit))
}

/// Puts bytes at a path as a whole; a file that is replaced keeps its permissions' ordinary form.
///
/// # Errors
/// [`Error::Write`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".tmp").tempfile_in(parent).map_err(Error::write(path))?;
    let ordinary = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(ordinary).map_err(Error::write(path))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(Error::write(path))?;
    file.persist(path).map_err(|error| Error::Write { path: path.into(), source: error.error })?;
    Ok(())
}

/// Whether a path is there.
#[must_use]
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The keyrings that apt uses on this machine: file name and bytes, in the order of names.
#[must_use]
pub fn keyrings(system: impl Fn(&str) -> PathBuf) -> Vec<(String, Vec<u8>)> {
    let folders = ["/usr/share/keyrings", "/etc/apt/keyrings", "/etc/apt/trusted.gpg.d"];
    let mut found = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(system(folder)) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        let wanted = |path: &PathBuf| path.extension().is_some_and(|e| ["gpg", "asc", "pgp"].iter().any(|w| e == *w));
        for path in paths.into_iter().filter(wanted) {
            if let Ok(bytes) = read_bounded(&path, SMALL_MAX) {
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    found
}

/// A file of the store or of memory, whole.
///
/// # Errors
/// [`Error::Archive`] where it is larger than `limit`, [`Error::Read`] where it cannot be read.
pub fn read_all(from: &dyn ReadAt, what: &str, limit: u64) -> Result<Vec<u8>, Error> {
    if from.size() > limit {
        return Err(Error::archive(what, format!("is larger than {limit} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(from.size()).unwrap_or(usize::MAX)];
    from.read_exact_at(&mut bytes, 0).map_err(Error::read(what))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_that_is_too_long_the_end_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "first\nlast\n").unwrap();
        assert_eq!(tail(&path, 100).unwrap(), (b"first\nlast\n".to_vec(), true));
        assert_eq!(tail(&path, 5).unwrap(), (b"last\n".to_vec(), false));
        assert!(tail(&directory.path().join("none"), 5).is_err());
    }
}

//! The process's surroundings, read once in `main`: [`Environment`].
//!
//! Everything below gets what it needs from this value; nothing else asks the system for variables,
//! the clock or the kind of a terminal.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the process's surroundings")]

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// What the process was started with.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables that are Unicode.
    pub vars: BTreeMap<String, String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The running binary.
    pub exe: Option<PathBuf>,
    /// Seconds since 1970 when the process started.
    pub now: u64,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Number of threads that can run at once; at least 1.
    pub cores: usize,
    /// What stands before every absolute path of the system's own files (`/etc`, `/usr/share`):
    /// `/` but in tests.
    pub system: PathBuf,
}

impl Environment {
    /// Reads the process's surroundings.
    ///
    /// # Errors
    /// [`Error::Read`] where the working directory is gone.
    pub fn read() -> Result<Self, Error> {
        let vars: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Ok(Self {
            vars,
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            cwd: std::env::current_dir().map_err(Error::read("."))?,
            exe: std::env::current_exe().ok(),
            now,
            stderr_is_terminal: std::io::stderr().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            system: PathBuf::from("/"),
        })
    }

    /// A variable, where it is set to something; an empty one counts as unset.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A file of the system by its absolute path.
    #[must_use]
    pub fn system(&self, path: &str) -> PathBuf {
        self.system.join(path.trim_start_matches('/'))
    }

    /// A directory below the home directory, unless the variable names another absolute one
    /// (XDG Base Directory Specification: relative values are ignored).
    #[must_use]
    pub fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.var(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| self.home.as_ref().map(|home| home.join(below_home)))
    }

    /// Where the store lies: `SPARKBAKE_CACHE_DIR`, else `sparkbake` in the user's cache directory.
    ///
    /// # Errors
    /// [`Error::Program`] where neither that variable nor a home directory is known.
    pub fn cache_dir(&self) -> Result<PathBuf, Error> {
        if let Some(dir) = self.var("SPARKBAKE_CACHE_DIR") {
            return Ok(self.cwd.join(dir));
        }
        let below = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        self.xdg("XDG_CACHE_HOME", below).map(|dir| dir.join("sparkbake")).ok_or_else(|| Error::Program {
            program: "sparkbake".into(),
            reason: "no home directory is known, so there is no place for the store; set SPARKBAKE_CACHE_DIR".into(),
        })
    }

    /// Where `endpoints.toml` lies: `sparkbake` in the user's configuration directory.
    #[must_use]
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.xdg("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("sparkbake"))
    }

    /// The first file of that name on `PATH`.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.var("PATH")?;
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute())
            .map(|dir: PathBuf| dir.join(name))
            .find(|path: &PathBuf| Path::is_file(path))
    }
}

/// Names of the variables alone: their values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("vars", &self.vars.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

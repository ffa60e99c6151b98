//! What the user asks for: [`Profile`], validated, each value with its place in the TOML.
//!
//! In goes the text of `sparkbake.toml`, out comes a `Profile` or every mistake at once. Keys left
//! out stay `None` here; choosing for them is [`crate::matrix`]'s, never this room's.
//! Absent on purpose: reading files. Paths that the profile names are opened at the edge.

pub mod edit;
mod init;
mod lints;
mod normal;
mod parse;
pub(crate) mod requirement;

use std::collections::BTreeMap;

pub use init::{Init, init};
pub use lints::levels;
pub use normal::normal;
pub use parse::{parse, read};

use crate::problem::{At, Level, SourceFile};

/// A value and where the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: At,
}

/// The whole request.
#[derive(Debug, Clone)]
pub struct Profile {
    /// File stem or built-in name: names the lockfile and the default layout.
    pub name: String,
    /// The text that problems point into.
    pub source: SourceFile,
    /// `[target.aci]`.
    pub target: Target,
    /// `[stack]`.
    pub stack: StackRequest,
    /// `[maven]`.
    pub maven: MavenRequest,
    /// `[python]`.
    pub python: PythonRequest,
    /// `[debian]`.
    pub debian: DebianRequest,
    /// `[classpath] require`: binary or source names of classes.
    pub require: Vec<Located<String>>,
    /// `[memory]`.
    pub memory: MemoryRequest,
    /// `[spark.conf]` in the order written: key with its place, value with its place.
    pub spark_conf: Vec<(Located<String>, Located<String>)>,
    /// `[logging] level`; `WARN` where it is left out.
    pub log_level: LogLevel,
    /// `[app]` and `[[app.copy]]`.
    pub app: App,
    /// `[image]`.
    pub image: ImageRequest,
    /// `[lints]`.
    pub lints: Vec<Lint>,
}

/// The sizes that images are baked for.
#[derive(Debug, Clone)]
pub struct Target {
    /// `cpu`, `memory-gb` and `sku` of the profile itself.
    pub size: Size,
    /// Further named sizes.
    pub sizes: BTreeMap<String, Size>,
}

/// A size of an Azure Container Instances container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// vCPUs in thousandths: `2` is 2000. On the grid of the SKU or a problem of [`crate::memory`].
    pub cpu_milli: Located<u32>,
    /// Memory in thousandths of ACI's GB: `3.5` is 3500.
    pub memory_milli_gb: Located<u32>,
    /// The SKU.
    pub sku: Sku,
}

/// A SKU of Azure Container Instances, which decides the largest size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sku {
    /// The ordinary one.
    #[default]
    Standard,
    /// Hardware-isolated.
    Confidential,
    /// Preemptible.
    Spot,
}

impl Sku {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Confidential, Self::Spot];

    /// As profiles and Azure spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Confidential => "confidential",
            Self::Spot => "spot",
        }
    }
}

/// Pins of the stack; what is `None` is chosen by the matrix.
#[derive(Debug, Clone, Default)]
pub struct StackRequest {
    /// `3.5.9`, or a line: `3.5`.
    pub spark: Option<Located<String>>,
    /// Version of the Hadoop client.
    pub hadoop: Option<Located<String>>,
    /// `2.12` or `2.13`.
    pub scala: Option<Located<String>>,
    /// Feature release: `17`.
    pub java: Option<Located<String>>,
    /// `3.11`.
    pub python: Option<Located<String>>,
    /// Codename of the suite: `bookworm`.
    pub debian: Option<Located<String>>,
    /// An image by digest instead of Debian's packages: the text of a [`crate::reference::Origin`].
    pub base: Option<Located<String>>,
    /// What the app uses, of [`USES`]; `None` = what the requirements show.
    pub uses: Option<Vec<Located<String>>>,
}

/// The steps that `[stack] uses` may name; a matrix rule whose step is not used is a warning.
pub const USES: &[&str] =
    &["python-udf", "to-pandas", "arrow", "pandas-on-spark", "ml", "streaming", "connect", "wasb"];

/// `[maven]`.
#[derive(Debug, Clone, Default)]
pub struct MavenRequest {
    /// `group:artifact` or `group:artifact:version`, perhaps with extension and classifier.
    pub jars: Vec<Located<String>>,
    /// Paths of own jars, relative to the profile.
    pub files: Vec<Located<String>>,
    /// `group:artifact`, left out of the closure.
    pub exclude: Vec<Located<String>>,
    /// `group:artifact` → version: replaces a jar that Spark ships.
    pub overrides: Vec<(Located<String>, Located<String>)>,
}

/// `[python]`.
#[derive(Debug, Clone, Default)]
pub struct PythonRequest {
    /// PEP 508 requirements.
    pub requirements: Vec<Located<String>>,
    /// Path of another tool's lock that pins every package, instead of requirements.
    pub lock: Option<Located<String>>,
    /// Paths of own wheels, relative to the profile.
    pub files: Vec<Located<String>>,
    /// An index of the user's own by name, and the projects that are asked for there alone: names, or the beginning of
    /// names and `*`.
    pub indexes: Vec<(Located<String>, Vec<Located<String>>)>,
}

/// Whether a text can be the name of a Python index of the user's own, which becomes part of a variable's.
#[must_use]
pub fn is_index(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a text is the normalised name of a Python project (PEP 503), or the beginning of such names and `*`.
#[must_use]
pub fn is_projects(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whose lock a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// `uv.lock`.
    Uv,
    /// `pylock.toml` or `pylock.NAME.toml` (PEP 751).
    Pylock,
    /// `requirements.txt` with hashes.
    Requirements,
}

impl LockKind {
    /// `None` where the name is none of a lock.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, extension) = name.rsplit_once('.')?;
        match extension {
            "lock" => Some(Self::Uv),
            "txt" => Some(Self::Requirements),
            "toml" if stem == "pylock" || stem.starts_with("pylock.") => Some(Self::Pylock),
            _ => None,
        }
    }
}

/// `[debian]`.
#[derive(Debug, Clone, Default)]
pub struct DebianRequest {
    /// Further packages.
    pub packages: Vec<Located<String>>,
    /// Package → version or glob (`17.0.19*`).
    pub pins: Vec<(Located<String>, Located<String>)>,
    /// Paths of OpenPGP keys trusted beside Debian's own.
    pub keys: Vec<Located<String>>,
    /// Whether the security archive joins; `true` where it is left out.
    pub security: Option<Located<bool>>,
    /// Paths of PEM certificates for the system's bundle and Java's.
    pub ca_certificates: Vec<Located<String>>,
}

/// `[memory]`: what the app needs beside Spark, in MiB.
#[derive(Debug, Clone, Default)]
pub struct MemoryRequest {
    /// Python worker processes; `None` = one a CPU; 0 = no Python UDFs.
    pub python_workers: Option<Located<u32>>,
    /// What the driver's Python process itself holds.
    pub driver_mib: Option<Located<u32>>,
    /// What each Python worker holds beyond its libraries.
    pub worker_mib: Option<Located<u32>>,
    /// A pinned heap, checked instead of chosen.
    pub heap_mib: Option<Located<u32>>,
}

/// Log4j's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "Log4j's own names")]
pub enum LogLevel {
    Off,
    Fatal,
    Error,
    #[default]
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As Log4j spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

/// `[app]`.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// What runs in the container, after our entrypoint; empty = nothing baked.
    pub command: Vec<Located<String>>,
    /// Exposed TCP ports.
    pub ports: Vec<Located<u16>>,
    /// Environment, in the order of names.
    pub env: BTreeMap<String, Located<String>>,
    /// Directories or files copied in, a layer each.
    pub copies: Vec<Copy>,
}

/// One `[[app.copy]]`.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Path relative to the profile.
    pub from: Located<String>,
    /// Absolute path in the image.
    pub to: Located<String>,
    /// Globs of names left out, beside the built-in ones.
    pub exclude: Vec<Located<String>>,
}

/// `[image]`.
#[derive(Debug, Clone, Default)]
pub struct ImageRequest {
    /// Where `push` pushes.
    pub repository: Option<Located<String>>,
    /// Labels, in the order of names.
    pub labels: BTreeMap<String, Located<String>>,
}

/// One entry of `[lints]`.
#[derive(Debug, Clone)]
pub struct Lint {
    /// Name of the code.
    pub code: Located<String>,
    /// The level it gets.
    pub level: Level,
    /// Only problems whose message or key names this; `None` = all of that code.
    pub only: Option<String>,
    /// Why; required for `allow`.
    pub reason: Option<String>,
}

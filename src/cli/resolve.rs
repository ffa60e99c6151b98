//! `resolve …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `resolve`.
#[derive(Debug, Args)]
pub struct Resolve {
    /// Whose closure.
    #[command(subcommand)]
    pub of: ResolveOf,
}

/// `resolve …`.
#[derive(Debug, Subcommand)]
pub enum ResolveOf {
    /// Jars, as Maven 3 would put them on the run-time class path.
    Maven(ResolveMaven),
    /// Wheels, as pip would choose them.
    Python(ResolvePython),
    /// Packages, as `apt-get install --no-install-recommends` would choose them on an empty system.
    Debian(ResolveDebian),
}

/// `resolve maven`.
#[derive(Debug, Args)]
pub struct ResolveMaven {
    /// `group:artifact:version` or `group:artifact:extension[:classifier]:version`.
    #[arg(value_name = "ROOT", required = true)]
    pub roots: Vec<String>,
    /// Java that profiles of POMs see.
    #[arg(long, value_name = "VERSION", default_value = "17", env = "SPARKBAKE_JAVA_VERSION")]
    pub java: String,
    /// Architecture that they see, as Java calls it.
    #[arg(long, value_name = "NAME", default_value = "amd64", env = "SPARKBAKE_ARCH")]
    pub arch: String,
    /// group:artifact to leave out wherever it would come in; either may be `*`; repeatable.
    #[arg(long, value_name = "GROUP:ARTIFACT", env = "SPARKBAKE_EXCLUDE")]
    pub exclude: Vec<String>,
    /// Version that stands for whatever a dependency asks for, as `<dependencyManagement>` of the project that asks;
    /// repeatable.
    #[arg(long, value_name = "GROUP:ARTIFACT:VERSION", env = "SPARKBAKE_MANAGED")]
    pub managed: Vec<String>,
    /// group:artifact whose own dependencies are not wanted; repeatable.
    #[arg(long, value_name = "GROUP:ARTIFACT", env = "SPARKBAKE_NO_DEPS_OF")]
    pub no_deps_of: Vec<String>,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `resolve python`.
#[derive(Debug, Args)]
pub struct ResolvePython {
    /// Requirements (PEP 508).
    #[arg(value_name = "ROOT", required_unless_present = "lock", conflicts_with = "lock")]
    pub roots: Vec<String>,
    /// A `uv.lock`, a `pylock.toml` or a `requirements.txt` with hashes, instead of requirements.
    #[arg(long, value_name = "FILE", env = "SPARKBAKE_LOCK")]
    pub lock: Option<PathBuf>,
    /// Full version of the Python that markers see.
    #[arg(long, value_name = "VERSION", default_value = "3.11.2", env = "SPARKBAKE_PYTHON")]
    pub python: String,
    /// Version of the C library that wheels may ask for.
    #[arg(long, value_name = "VERSION", default_value = "2.36", env = "SPARKBAKE_GLIBC")]
    pub glibc: String,
    /// Machine, as Python calls it.
    #[arg(long, value_name = "NAME", default_value = "x86_64", env = "SPARKBAKE_ARCH")]
    pub arch: String,
    /// Project that counts as there at this version, without what it requires; repeatable.
    #[arg(long, value_name = "NAME==VERSION", env = "SPARKBAKE_NO_DEPS_OF")]
    pub no_deps_of: Vec<String>,
    /// Project, or the beginning of names and `*`, that comes from the index of that name alone; repeatable.
    #[arg(long, value_name = "INDEX=PROJECT", env = "SPARKBAKE_INDEX")]
    pub index: Vec<String>,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `resolve debian`.
#[derive(Debug, Args)]
pub struct ResolveDebian {
    /// Packages.
    #[arg(value_name = "ROOT", required = true)]
    pub roots: Vec<String>,
    /// Codename of the suite; its updates join where it has some.
    #[arg(long, value_name = "NAME", default_value = "bookworm", env = "SPARKBAKE_SUITE")]
    pub suite: String,
    /// The suite's security archive joins.
    #[arg(long, env = "SPARKBAKE_SECURITY")]
    pub security: bool,
    /// Architecture, as Debian calls it.
    #[arg(long, value_name = "NAME", default_value = "amd64", env = "SPARKBAKE_ARCH")]
    pub arch: String,
    /// The suite's Essential packages are wanted too.
    #[arg(long, env = "SPARKBAKE_ESSENTIAL")]
    pub essential: bool,
    /// Version of a package, or a glob; repeatable.
    #[arg(long, value_name = "NAME=VERSION", env = "SPARKBAKE_PIN")]
    pub pin: Vec<String>,
    /// File with OpenPGP keys whose signatures count beside Debian's; repeatable.
    #[arg(long, value_name = "FILE", env = "SPARKBAKE_KEY")]
    pub key: Vec<PathBuf>,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

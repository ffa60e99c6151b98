//! The command line: what was typed, nothing resolved.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::reference::Repository;

mod images;
mod matrix;
mod resolve;

pub use images::*;
pub use matrix::*;
pub use resolve::*;

/// Turns a profile of pinned versions into a reproducible OCI image in which PySpark's Java gateway starts.
#[derive(Debug, Parser)]
#[command(name = "sparkbake", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What was typed. Ends the process where it makes no sense, and where help was asked for.
#[must_use]
pub fn parse() -> Cli {
    let mut command = lenient(Cli::command());
    let matches = command.get_matches_mut();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// A flag's variable may be `1`, `yes` or empty, as people write them.
fn lenient(command: clap::Command) -> clap::Command {
    let flag = |argument: clap::Arg| match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(FalseyValueParser::new()),
        _ => argument,
    };
    command.mut_args(flag).mut_subcommands(lenient)
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Say nothing but errors and the result.
    #[arg(short, long, global = true, env = "SPARKBAKE_QUIET", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, env = "SPARKBAKE_VERBOSE")]
    pub verbose: bool,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto", env = "SPARKBAKE_COLOR", value_name = "WHEN")]
    pub color: Color,
    /// Use nothing but the store.
    #[arg(long, global = true, env = "SPARKBAKE_OFFLINE")]
    pub offline: bool,
    /// Threads to use; all cores where it is left out.
    #[arg(short = 'j', long, global = true, env = "SPARKBAKE_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented, consistent sparkbake.toml.
    Init(Init),
    /// Choose what the profile leaves open, resolve it, and write the lockfile.
    Lock(Lock),
    /// Run every static check and show all problems at once.
    Check(Check),
    /// Verify a class path as the JVM would: that of a profile, or of any jars.
    Classpath(Classpath),
    /// Show what is in the lock, and why.
    Tree(Tree),
    /// Show the image as a value: layers, settings, memory.
    Plan(Plan),
    /// Build the image.
    Build(Build),
    /// Write everything that builds of locked profiles need into one OCI archive, for machines without a network.
    Bundle(Bundle),
    /// Push an image of a layout or archive to a registry; a push that broke off goes on where it was.
    Push(Push),
    /// Build an image again from the lock that it carries, or a lockfile's layers, and compare.
    Rebuild(Rebuild),
    /// Show what differs between two images or two lockfiles, and what of it would have to be uploaded.
    Diff(Diff),
    /// Show what an image holds: stack, layers, baked settings and plan.
    Inspect(Inspect),
    /// Run an image in a real container under its very size, and hold what it takes against the plan.
    Run(Run),
    /// Say why a container ended, from its log: cause, evidence, remedy.
    Diagnose(Diagnose),
    /// Explain a problem, a rule of the matrix, or a combination such as 'spark=3.5 java=25'.
    Explain(Explain),
    /// Ask the compatibility matrix.
    Matrix(Matrix),
    /// Print one ecosystem's closure for any target: who brings what, and who wanted another version.
    Resolve(Resolve),
    /// Show which registries will be contacted and who said so, or set one.
    Endpoints(Endpoints),
    /// The store of downloaded and built files.
    Cache(Cache),
    /// Print the script that completes commands, axes and versions in a shell.
    Completions(Completions),
}

/// `PROFILE…`.
#[derive(Debug, Clone, Args)]
pub struct Profiles {
    /// Path of a profile, or the name of a built-in one (spark-3.5, spark-4.1, minimal).
    #[arg(value_name = "PROFILE", default_value = "sparkbake.toml")]
    pub profiles: Vec<String>,
}

/// `--deny`.
#[derive(Debug, Clone, Args)]
pub struct Deny {
    /// Treat warnings as errors.
    #[arg(long, value_name = "WHAT", value_parser = ["warnings"], env = "SPARKBAKE_DENY")]
    pub deny: Option<String>,
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Spark line or release.
    #[arg(long, value_name = "VERSION", env = "SPARKBAKE_SPARK")]
    pub spark: Option<String>,
    /// vCPUs of the container.
    #[arg(long, value_name = "N", default_value = "2", env = "SPARKBAKE_CPU")]
    pub cpu: String,
    /// Memory of the container in ACI's GB.
    #[arg(long, value_name = "GB", default_value = "4", env = "SPARKBAKE_MEMORY")]
    pub memory: String,
    /// Where to write.
    #[arg(value_name = "FILE", default_value = "sparkbake.toml")]
    pub file: PathBuf,
}

/// `--inputs-from`.
#[derive(Debug, Clone, Default, Args)]
pub struct InputsFrom {
    /// Repository whose `push --inputs` has locked files: they are taken from there first.
    #[arg(long, value_name = "REPOSITORY", env = "SPARKBAKE_INPUTS_FROM")]
    pub inputs_from: Option<Repository>,
    /// Archive that `bundle` wrote: locked files are taken from there first.
    #[arg(long, value_name = "FILE", conflicts_with = "inputs_from", env = "SPARKBAKE_BUNDLE")]
    pub bundle: Option<PathBuf>,
}

/// `bundle`.
#[derive(Debug, Args)]
pub struct Bundle {
    /// The archive to write.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
}

impl Command {
    /// Where locked files are taken from first, and whether a registry is asked by plain http.
    #[must_use]
    pub fn inputs(&self) -> Option<(&InputsFrom, bool)> {
        match self {
            Self::Lock(lock) => Some((&lock.inputs, lock.plain_http)),
            Self::Build(build) => Some((&build.inputs, build.registry.plain_http)),
            Self::Rebuild(rebuild) => Some((&rebuild.inputs, rebuild.plain_http)),
            _ => None,
        }
    }
}

/// `lock`.
#[derive(Debug, Args)]
pub struct Lock {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
    /// Write nothing; fail and name the input that went stale.
    #[arg(long, env = "SPARKBAKE_CHECK")]
    pub check: bool,
    /// Let everything move that may, or these artifacts and axes of the stack and what they force. Without it whatever
    /// is locked and still fits stays.
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..,
        value_delimiter = ',',
        conflicts_with = "check",
        env = "SPARKBAKE_UPGRADE"
    )]
    pub upgrade: Option<Vec<String>>,
    /// Print what changed as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
    /// Where locked files are taken from first.
    #[command(flatten)]
    pub inputs: InputsFrom,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
    /// As `--deny warnings`.
    #[command(flatten)]
    pub deny: Deny,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
    /// As `--deny warnings`.
    #[command(flatten)]
    pub deny: Deny,
    /// Print the problems as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
    /// Print the problems in a form that code hosts take.
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json", env = "SPARKBAKE_OUTPUT_FORMAT")]
    pub output_format: Option<OutputFormat>,
}

/// `--output-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Workflow commands of GitHub Actions.
    Github,
    /// SARIF 2.1.0.
    Sarif,
}

/// `classpath`.
#[derive(Debug, Args)]
pub struct Classpath {
    /// Path of a profile, or the name of a built-in one.
    #[arg(value_name = "PROFILE", default_value = "sparkbake.toml", conflicts_with_all = ["jars", "java"])]
    pub profile: String,
    /// Jars, and directories whose jars are meant, instead of a profile's; in the order of the class path.
    #[arg(long, value_name = "DIR|JAR", num_args = 1.., requires = "java", env = "SPARKBAKE_JARS")]
    pub jars: Vec<PathBuf>,
    /// Home of the Java that will run them, or its `lib/modules`.
    #[arg(long, value_name = "HOME", requires = "jars", env = "SPARKBAKE_JAVA")]
    pub java: Option<PathBuf>,
    /// Directory of the untouched distribution: what it has among itself is not shown.
    #[arg(long, value_name = "DIR", requires = "jars", env = "SPARKBAKE_BASELINE")]
    pub baseline: Option<PathBuf>,
    /// A class that somebody will ask for by name; repeatable.
    #[arg(long, value_name = "CLASS", num_args = 1.., env = "SPARKBAKE_REQUIRE")]
    pub require: Vec<String>,
    /// As Java's --add-modules; repeatable.
    #[arg(long, value_name = "MODULE", env = "SPARKBAKE_ADD_MODULES")]
    pub add_modules: Vec<String>,
    /// As Java's --add-opens or --add-exports to ALL-UNNAMED; repeatable.
    #[arg(long, value_name = "MODULE/PACKAGE", env = "SPARKBAKE_ADD_OPENS")]
    pub add_opens: Vec<String>,
    /// A class or a member: where it comes from, whether it links, and who names it.
    #[arg(long, value_name = "CLASS|MEMBER", conflicts_with_all = ["all", "require"], env = "SPARKBAKE_EXPLAIN")]
    pub explain: Option<String>,
    /// Print the report as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
    /// Every class that cannot be loaded or linked and every reference that fails, known or not.
    #[arg(long, env = "SPARKBAKE_ALL")]
    pub all: bool,
    /// As `--deny warnings`.
    #[command(flatten)]
    pub deny: Deny,
}

/// `tree`.
#[derive(Debug, Args)]
pub struct Tree {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
    /// Show who brought this package, instead of what it brings.
    #[arg(long, value_name = "NAME", env = "SPARKBAKE_INVERT")]
    pub invert: Option<String>,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Path of a profile, or the name of a built-in one.
    #[arg(value_name = "PROFILE", default_value = "sparkbake.toml")]
    pub profile: String,
    /// The size instead of the profile's.
    #[command(flatten)]
    pub size: SizeChoice,
    /// Print the whole plan as JSON, every entry of every layer. Locked files that the store has not are fetched.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// Sizes on the command line.
#[derive(Debug, Clone, Args)]
pub struct SizeChoice {
    /// vCPUs instead of the profile's.
    #[arg(long, value_name = "N", env = "SPARKBAKE_CPU")]
    pub cpu: Option<String>,
    /// Memory in ACI's GB instead of the profile's.
    #[arg(long, value_name = "GB", env = "SPARKBAKE_MEMORY")]
    pub memory: Option<String>,
    /// A size that the profile names; repeatable, an image each.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["cpu", "memory"], env = "SPARKBAKE_SIZE")]
    pub size: Vec<String>,
}

/// `build`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
pub struct Build {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
    /// The sizes instead of the profile's own.
    #[command(flatten)]
    pub size: SizeChoice,
    /// Never write a lockfile; fail where it is absent or stale.
    #[arg(long, env = "SPARKBAKE_LOCKED")]
    pub locked: bool,
    /// Where the image goes: oci:DIR, oci-archive:FILE or docker-archive:FILE; repeatable
    /// [default: oci:NAME.oci].
    #[arg(short, long, value_name = "KIND:PATH", env = "SPARKBAKE_OUTPUT")]
    pub output: Vec<String>,
    /// Load the image into the local container engine.
    #[arg(long, env = "SPARKBAKE_LOAD")]
    pub load: bool,
    /// Push the image to the profile's `[image] repository`, and write nothing here unless -o is given.
    #[arg(long, conflicts_with = "load", env = "SPARKBAKE_PUSH")]
    pub push: bool,
    /// Name that archives and `--load` give the image [default: NAME:latest], or tag that `--push` moves to it
    /// [default: latest]; repeatable.
    #[arg(short, long, value_name = "TAG", env = "SPARKBAKE_TAG")]
    pub tag: Vec<String>,
    /// The registry's side of a push.
    #[command(flatten)]
    pub registry: RegistryChoice,
    /// Where locked files are taken from first.
    #[command(flatten)]
    pub inputs: InputsFrom,
    /// Media types of the documents.
    #[arg(long, value_enum, default_value = "oci", env = "SPARKBAKE_FORMAT")]
    pub format: Format,
    /// Write digests, sizes and layers as JSON to this file.
    #[arg(long, value_name = "FILE", env = "SPARKBAKE_METADATA_FILE")]
    pub metadata_file: Option<PathBuf>,
    /// Say the same as JSON instead of the references; of a push, what became of every blob.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
    /// As `--deny warnings`.
    #[command(flatten)]
    pub deny: Deny,
}

/// What concerns a container registry.
#[derive(Debug, Clone, Args)]
pub struct RegistryChoice {
    /// Repositories that may have layers of the image: they are taken from there; repeatable.
    #[arg(long, value_name = "REPOSITORY", env = "SPARKBAKE_CACHE_FROM")]
    pub cache_from: Vec<String>,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OCI image-spec.
    Oci,
    /// Docker image manifest version 2, schema 2.
    Docker,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Path of a profile, the name of a built-in one, or an image as `inspect` takes it.
    #[arg(value_name = "PROFILE|LAYOUT|REF", default_value = "sparkbake.toml")]
    pub what: String,
    /// The container's size instead of the baked one; a profile is baked for it.
    #[command(flatten)]
    pub size: SizeChoice,
    /// What starts the container [default: the first of these that is there].
    #[arg(long, value_enum, env = "SPARKBAKE_ENGINE")]
    pub engine: Option<Engine>,
    /// Write what the application was measured to hold to the profile's `[memory]`.
    #[arg(long, env = "SPARKBAKE_CALIBRATE")]
    pub calibrate: bool,
    /// Speak http with the registry, without encryption. A registry on this machine needs no such leave.
    #[arg(long, env = "SPARKBAKE_PLAIN_HTTP")]
    pub plain_http: bool,
    /// Print the measurements as JSON; what the container says goes to standard error.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
    /// What runs in the container instead of the image's own command.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `--engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// crun, without an engine; the container shares the machine's network.
    Crun,
    /// runc, the same way.
    Runc,
}

/// `diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
    /// The log, as the container wrote it or a collector kept it [default: standard input].
    #[arg(value_name = "LOG")]
    pub log: Option<String>,
    /// The profile of the image, to name the line to change.
    #[arg(long, value_name = "PROFILE", env = "SPARKBAKE_PROFILE")]
    pub profile: Option<String>,
    /// The container's exit code.
    #[arg(long, value_name = "N", allow_negative_numbers = true, env = "SPARKBAKE_EXITED")]
    pub exited: Option<i32>,
    /// Print the answer as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Name of a problem, a rule or a setting of Spark's, or `key=value` words; without it all names are listed.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The profile whose jars a setting is looked up in [default: sparkbake.toml, else spark-3.5].
    #[arg(long, value_name = "PROFILE", env = "SPARKBAKE_PROFILE")]
    pub profile: Option<String>,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `endpoints`.
#[derive(Debug, Args)]
pub struct Endpoints {
    /// What to do; shows all where it is left out.
    #[command(subcommand)]
    pub action: Option<EndpointsAction>,
}

/// `endpoints set`.
#[derive(Debug, Subcommand)]
pub enum EndpointsAction {
    /// Write a registry into endpoints.toml.
    Set {
        /// pypi, maven, debian, debian-security, or pypi:INDEX for an index that profiles name.
        name: String,
        /// Its root; `file:` URLs too.
        url: String,
    },
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
    /// The words of a line, of which the last is to be completed: what the script asks.
    #[arg(last = true, hide = true)]
    pub words: Vec<OsString>,
}

/// A shell that can ask for completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// 4.4 or newer.
    Bash,
    /// Z shell.
    Zsh,
    /// 3.0 or newer.
    Fish,
}

/// `cache`.
#[derive(Debug, Args)]
pub struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub action: CacheAction,
}

/// `cache …`.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheAction {
    /// Print where the store is.
    Dir,
    /// Check every file of the store against its digest, and remove what is damaged.
    Verify,
    /// Remove the whole store, or all that the locks given do not need.
    Prune {
        /// A lockfile, a profile that has one, or the name of a built-in profile; repeatable.
        #[arg(long, value_name = "LOCK", num_args = 1.., env = "SPARKBAKE_KEEP")]
        keep: Vec<String>,
    },
}

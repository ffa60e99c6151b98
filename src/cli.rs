//! The command line: what was typed, nothing resolved.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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

/// Options of every command.
#[derive(Debug, Clone, Args)]
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
    /// Explain a problem, a rule of the matrix, or a combination such as 'spark=3.5 java=25'.
    Explain(Explain),
    /// Ask the compatibility matrix.
    Matrix(Matrix),
    /// Show which registries will be contacted and who said so, or set one.
    Endpoints(Endpoints),
    /// The store of downloaded and built files.
    Cache(Cache),
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

/// `lock`.
#[derive(Debug, Args)]
pub struct Lock {
    /// The profiles.
    #[command(flatten)]
    pub profiles: Profiles,
    /// Write nothing; fail and name the input that went stale.
    #[arg(long, env = "SPARKBAKE_CHECK")]
    pub check: bool,
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
    /// Print the whole plan as JSON, every entry of every layer.
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
    /// Name that archives and `--load` give the image; repeatable [default: NAME:latest].
    #[arg(short, long, value_name = "TAG", env = "SPARKBAKE_TAG")]
    pub tag: Vec<String>,
    /// Media types of the documents.
    #[arg(long, value_enum, default_value = "oci", env = "SPARKBAKE_FORMAT")]
    pub format: Format,
    /// Write digests, sizes and layers as JSON to this file.
    #[arg(long, value_name = "FILE", env = "SPARKBAKE_METADATA_FILE")]
    pub metadata_file: Option<PathBuf>,
    /// As `--deny warnings`.
    #[command(flatten)]
    pub deny: Deny,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OCI image-spec.
    Oci,
    /// Docker image manifest version 2, schema 2.
    Docker,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Name of a problem or of a rule, or `key=value` words.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix`.
#[derive(Debug, Args)]
pub struct Matrix {
    /// The question.
    #[command(subcommand)]
    pub action: MatrixAction,
}

/// `matrix …`.
#[derive(Debug, Subcommand)]
pub enum MatrixAction {
    /// Show the table, a row a Spark line.
    Show(MatrixShow),
    /// Say what every rule says of a combination: spark=3.5.9 java=21 pandas=3.0.0.
    Check(MatrixWords),
    /// Find the best stack within ranges: 'java=>=21' 'delta=*'.
    Solve(MatrixWords),
    /// Show the exact coordinates of connectors for a Spark, and what else they need.
    Connectors(MatrixConnectors),
    /// Show what moves from one PySpark to another, and what breaks.
    Diff(MatrixDiff),
    /// Show whose support has ended or ends soon.
    Eol(MatrixEol),
    /// Read what a PySpark carries from its source distribution.
    Derive(MatrixDerive),
}

/// `matrix show`.
#[derive(Debug, Args)]
pub struct MatrixShow {
    /// Only these releases of PySpark: 3.5, '>=4'.
    #[arg(long, value_name = "RANGE")]
    pub spark: Option<String>,
    /// Only these Javas, and lines that start with one of them.
    #[arg(long, value_name = "RANGE")]
    pub java: Option<String>,
    /// Only these Pythons, and lines that start with one of them.
    #[arg(long, value_name = "RANGE")]
    pub python: Option<String>,
    /// Only lines of this Scala.
    #[arg(long, value_name = "RANGE")]
    pub scala: Option<String>,
    /// Only lines with this Hadoop client.
    #[arg(long, value_name = "RANGE")]
    pub hadoop: Option<String>,
    /// Only this suite, and lines that start on it.
    #[arg(long, value_name = "RANGE")]
    pub debian: Option<String>,
    /// How it is written; markdown is the whole page with every rule.
    #[arg(long, value_enum, default_value = "text")]
    pub format: TableFormat,
    /// Print it as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix show --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal.
    Text,
    /// GitHub's Markdown.
    Markdown,
    /// RFC 4180.
    Csv,
}

/// `matrix check` and `matrix solve`.
#[derive(Debug, Args)]
pub struct MatrixWords {
    /// spark, java, python, scala, hadoop, debian, arch, uses; a Python package, a connector or group:artifact.
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub words: Vec<String>,
    /// Print the answer as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix connectors`.
#[derive(Debug, Args)]
pub struct MatrixConnectors {
    /// Release or line of PySpark.
    #[arg(long, value_name = "VERSION", env = "SPARKBAKE_SPARK")]
    pub spark: String,
    /// Java's feature release, where versions depend on it.
    #[arg(long, value_name = "VERSION")]
    pub java: Option<String>,
    /// Version of the Hadoop client, where it is not Spark's own.
    #[arg(long, value_name = "VERSION")]
    pub hadoop: Option<String>,
    /// One connector, at length.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Print the answer as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix diff`.
#[derive(Debug, Args)]
pub struct MatrixDiff {
    /// Release or line of PySpark.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Release or line of PySpark.
    #[arg(value_name = "TO")]
    pub to: String,
    /// Print the answer as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix eol`.
#[derive(Debug, Args)]
pub struct MatrixEol {
    /// The day to look from, as 2027-01-31 [default: today].
    #[arg(long, value_name = "DAY", env = "SPARKBAKE_ON")]
    pub on: Option<String>,
    /// Print the answer as JSON.
    #[arg(long, env = "SPARKBAKE_JSON")]
    pub json: bool,
}

/// `matrix derive`.
#[derive(Debug, Args)]
pub struct MatrixDerive {
    /// Path of a source distribution, or a release of PySpark to fetch.
    #[arg(value_name = "SDIST")]
    pub sdist: String,
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
        /// pypi, maven, debian or debian-security.
        name: String,
        /// Its root; `file:` URLs too.
        url: String,
    },
}

/// `cache`.
#[derive(Debug, Args)]
pub struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub action: CacheAction,
}

/// `cache …`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum CacheAction {
    /// Print where the store is.
    Dir,
    /// Check every file of the store against its digest, and remove what is damaged.
    Verify,
    /// Remove the whole store.
    Prune,
}

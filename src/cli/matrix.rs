//! The questions of `matrix`.

use clap::{Args, Subcommand, ValueEnum};

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

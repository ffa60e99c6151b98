//! The profile that `sparkbake init` writes: a commented, consistent start for one line of Spark.

use crate::problem::Problem;
use crate::problem::codes::profile::BAD_VALUE;

/// What the new profile is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// A line or release of Spark: `3.5`, `4.1.4`; `None` = the first of the lines, with the most
    /// connectors.
    pub spark: Option<String>,
    /// vCPUs in thousandths.
    pub cpu_milli: u32,
    /// Memory in thousandths of ACI's GB.
    pub memory_milli_gb: u32,
}

/// A line of Spark and what goes with it.
struct Line {
    /// Its newest release.
    spark: &'static str,
    /// Requirements, each with its reason.
    python: &'static [(&'static str, &'static str)],
    /// Delta for this line with its reason, where there is one.
    delta: Option<&'static str>,
}

/// The lines of Spark that a new profile can start from, the newest release of each.
///
/// Sources: the releases on PyPI; Spark's own minima in `python/packaging/*/setup.py`; that pandas 3
/// breaks `import pyspark.pandas` before 4.2, NumPy 2 the same on 3.5, and that pyarrow 26 refuses
/// NumPy 1 were seen in started stacks; Delta's `build.sbt` at its tags.
const LINES: &[Line] = &[
    Line {
        spark: "3.5.9",
        python: &[
            ("numpy==1.26.*", "with NumPy 2, `import pyspark.pandas` fails on Spark 3.5"),
            ("pyarrow<26", "pyarrow 26 refuses to be imported with NumPy 1"),
            ("pandas==2.2.*", "with pandas 3, `import pyspark.pandas` fails before Spark 4.2"),
        ],
        delta: Some("io.delta:delta-spark_2.12:3.3.2"),
    },
    Line {
        spark: "4.0.5",
        python: &[
            ("numpy", "what pandas and pyspark.ml compute with"),
            ("pyarrow", "what data travels in between the JVM and pandas"),
            ("pandas<3", "with pandas 3, `import pyspark.pandas` fails before Spark 4.2"),
        ],
        delta: Some("io.delta:delta-spark_4.0_2.13:4.4.0"),
    },
    Line {
        spark: "4.1.4",
        python: &[
            ("numpy", "what pandas and pyspark.ml compute with"),
            ("pyarrow", "what data travels in between the JVM and pandas"),
            ("pandas<3", "with pandas 3, `import pyspark.pandas` fails before Spark 4.2"),
        ],
        delta: Some("io.delta:delta-spark_4.1_2.13:4.4.0"),
    },
    Line {
        spark: "4.2.1",
        python: &[
            ("numpy", "what pandas and pyspark.ml compute with"),
            ("pyarrow", "what data travels in between the JVM and pandas"),
            ("pandas", "for pandas UDFs, toPandas and pyspark.pandas"),
        ],
        delta: Some("io.delta:delta-spark_4.2_2.13:4.4.0"),
    },
    Line {
        spark: "4.3.0",
        python: &[
            ("numpy", "what pandas and pyspark.ml compute with"),
            ("pyarrow", "what data travels in between the JVM and pandas"),
            ("pandas", "for pandas UDFs, toPandas and pyspark.pandas"),
        ],
        delta: None,
    },
];

/// The text of a new profile.
///
/// # Errors
///
/// A problem without a place if there is no such line, or the release is not the newest that is known
/// of its line.
pub fn init(request: &Init) -> Result<String, Vec<Problem>> {
    let line = match request.spark.as_deref() {
        None => LINES.first(),
        Some(wanted) => LINES.iter().find(|line| line.spark == wanted || line.name() == wanted),
    };
    if let Some(line) = line {
        return Ok(line.profile(request));
    }
    let wanted = request.spark.as_deref().unwrap_or_default();
    let known: Vec<&str> = LINES.iter().map(|line| line.spark).collect();
    let problem = Problem::new(BAD_VALUE, format!("a new profile cannot start from Spark `{wanted}`"));
    let problem = problem.note(format!("there is one for {}, and for each line by its name", known.join(", ")));
    Err(vec![problem.help("start from the nearest line and change `spark` in the profile")])
}

impl Line {
    /// `3.5` of `3.5.9`.
    fn name(&self) -> &'static str {
        self.spark.rsplit_once('.').map_or(self.spark, |(name, _)| name)
    }

    fn profile(&self, request: &Init) -> String {
        let width = self.python.iter().map(|(requirement, _)| requirement.len()).max().unwrap_or_default();
        let python: String = self.python.iter().fold(String::new(), |out, (requirement, reason)| {
            let quoted = format!("\"{requirement}\",");
            out + &format!("    {quoted:<width$}  # {reason}\n", width = width + 3)
        });
        let delta = match self.delta {
            Some(delta) => format!("    # \"{delta}\",  # Delta Lake for Spark {}\n", self.name()),
            None => format!("    # no release of Delta Lake is known for Spark {}\n", self.name()),
        };
        format!(
            r#"# What goes into the image. `sparkbake lock` resolves it, `sparkbake build` bakes it.

# The size of the container in Azure Container Instances: heap, threads and Python workers follow from it.
[target.aci]
cpu = {cpu}
memory-gb = {memory}

# Hadoop and Scala are those that this Spark is built with.
[stack]
spark = "{spark}"
java = "17"           # every Spark from 3.3 on runs on it, and this Debian has it
python = "3.11"       # the Python of this Debian
debian = "bookworm"

# Jars beside Spark's own. Without a version: the one that fits the stack.
[maven]
jars = [
    "org.apache.hadoop:hadoop-azure",  # abfss:// and wasbs://; must fit Spark's own Hadoop
{delta}]

[python]
requirements = [
{python}]

[debian]
security = true       # fixes from the security archive; `lock --upgrade` takes new ones

# What the app needs beside Spark, in MiB. `sparkbake plan` shows what is left for the heap.
[memory]
driver-mib = 0        # what the app's own process holds: a model, a broadcast
worker-mib = 0        # what each Python worker holds beyond its libraries
# python-workers = 0  # without Python UDFs: their memory goes to the heap

[spark.conf]
"spark.sql.session.timeZone" = "UTC"  # the same result wherever it runs

[logging]
level = "WARN"

# The app. Each copy is a layer of its own.
# [[app.copy]]
# from = "app"
# to = "/app"

# [app]
# command = ["python3", "/app/main.py"]
"#,
            cpu = decimal(request.cpu_milli),
            memory = decimal(request.memory_milli_gb),
            spark = self.spark,
        )
    }
}

/// Thousandths as a TOML number: 2000 is `2`, 1500 is `1.5`.
fn decimal(thousandths: u32) -> String {
    match (thousandths / 1000, thousandths % 1000) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest:03}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::SourceFile;
    use crate::profile::parse;

    #[test]
    fn every_new_profile_reads_back_with_what_was_asked() {
        for line in LINES {
            for wanted in [line.name(), line.spark] {
                let request = Init { spark: Some(wanted.to_owned()), cpu_milli: 1500, memory_milli_gb: 3250 };
                let text = init(&request).unwrap();
                let name = "sparkbake.toml".to_owned();
                let profile = parse("sparkbake", SourceFile { name, text }).unwrap();
                assert_eq!(profile.stack.spark.map(|spark| spark.value).as_deref(), Some(line.spark));
                assert_eq!(profile.target.size.cpu_milli.value, 1500);
                assert_eq!(profile.target.size.memory_milli_gb.value, 3250);
                assert_eq!(profile.debian.security.map(|security| security.value), Some(true));
                let written: Vec<&str> = profile.python.requirements.iter().map(|r| r.value.as_str()).collect();
                let known: Vec<&str> = line.python.iter().map(|(requirement, _)| *requirement).collect();
                assert_eq!(written, known);
            }
        }
    }

    /// The commented lines must be good ones too: a user only takes the `#` away.
    #[test]
    fn what_stands_in_comments_reads_too() {
        for line in LINES {
            let request = Init { spark: Some(line.spark.to_owned()), cpu_milli: 2000, memory_milli_gb: 4000 };
            let text = init(&request).unwrap();
            let uncommented: String = text
                .lines()
                .map(|line| match line.trim_start().strip_prefix("# ") {
                    Some(rest) if rest.starts_with(['[', '"']) || rest.contains(" = ") => format!("{rest}\n"),
                    _ => format!("{line}\n"),
                })
                .collect();
            let source = SourceFile { name: "sparkbake.toml".to_owned(), text: uncommented };
            let profile = parse("sparkbake", source).unwrap();
            assert_eq!(profile.maven.jars.len(), 1 + usize::from(line.delta.is_some()));
            assert_eq!((profile.app.copies.len(), profile.app.command.len()), (1, 2));
        }
    }

    #[test]
    fn no_line_is_a_problem_that_names_those_there_are() {
        let request = Init { spark: Some("2.4".to_owned()), cpu_milli: 2000, memory_milli_gb: 4000 };
        let problems = init(&request).unwrap_err();
        insta::assert_snapshot!(crate::problem::render(
            &problems.into_iter().map(|p| (p.code.level, p)).collect::<Vec<_>>(),
            &SourceFile::default(),
            false,
        ), @"
        error[bad-value]: a new profile cannot start from Spark `2.4`
         |
         = note: there is one for 3.5.9, 4.0.5, 4.1.4, 4.2.1, 4.3.0, and for each line by its name
         = help: start from the nearest line and change `spark` in the profile
        ");
    }
}

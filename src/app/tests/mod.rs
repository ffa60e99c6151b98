//! Snippets of PySpark apps, and what is said of them. Each is a whole `main.py` that the image's command runs,
//! in an image of Spark 3.5 with NumPy, pandas and two namespace packages, on 2 vCPU and 4 GB.

mod healthy;
mod hostile;
mod imports;
mod libraries;
mod settings;
mod sources;

use super::*;
use crate::memory;
use crate::problem::Level;
use crate::profile;
use crate::spark;

const PROFILE: &str = r#"[target.aci]
cpu = 2
memory-gb = 4

[[app.copy]]
from = "app"
to = "/app"

[app]
command = ["python3", "/app/main.py"]
"#;

const FILES: &str = "\
    usr/bin/python3 usr/bin/python3.11 usr/lib/python3.11/os.py usr/lib/python3.11/typing.py \
    usr/lib/python3.11/json/__init__.py usr/lib/python3.11/concurrent/__init__.py \
    usr/lib/python3.11/concurrent/futures/__init__.py usr/lib/python3.11/xml/__init__.py \
    usr/lib/python3.11/xml/etree/__init__.py usr/lib/python3.11/xml/etree/ElementTree.py \
    usr/local/lib/python3.11/dist-packages/pyspark/__init__.py \
    usr/local/lib/python3.11/dist-packages/pyspark/context.py usr/local/lib/python3.11/dist-packages/pyspark/conf.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/__init__.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/functions.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/types.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/window.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/avro/__init__.py \
    usr/local/lib/python3.11/dist-packages/pyspark/sql/avro/functions.py \
    usr/local/lib/python3.11/dist-packages/pyspark/ml/__init__.py \
    usr/local/lib/python3.11/dist-packages/pyspark/ml/feature.py \
    usr/local/lib/python3.11/dist-packages/pyspark/pandas/__init__.py \
    usr/local/lib/python3.11/dist-packages/pyspark/jars/spark-core.jar \
    usr/local/lib/python3.11/dist-packages/numpy/__init__.py \
    usr/local/lib/python3.11/dist-packages/numpy/linalg/__init__.py \
    usr/local/lib/python3.11/dist-packages/pandas/__init__.py \
    usr/local/lib/python3.11/dist-packages/delta/__init__.py \
    usr/local/lib/python3.11/dist-packages/delta/tables.py \
    usr/local/lib/python3.11/dist-packages/mlflow/__init__.py \
    usr/local/lib/python3.11/dist-packages/mlflow/pyfunc/__init__.py \
    usr/local/lib/python3.11/dist-packages/sparknlp/__init__.py \
    usr/local/lib/python3.11/dist-packages/synapse/ml/core/init_spark.py \
    usr/local/lib/python3.11/dist-packages/google/cloud/storage/__init__.py \
    usr/local/lib/python3.11/dist-packages/azure/identity/__init__.py \
    usr/local/lib/python3.11/dist-packages/six.py";

const CLASSES: &str = "org.apache.spark.SparkContext org.apache.derby.jdbc.EmbeddedDriver org.postgresql.Driver \
    org.apache.iceberg.spark.source.IcebergSource com.example.Source com.example.wide.DefaultSource";

/// A file of the app below `/app`, or elsewhere.
pub(crate) fn file(path: &str, text: &str) -> File {
    let below = path.split('/').next().unwrap_or(path).to_owned();
    let source = Arc::new(SourceFile { name: path.to_owned(), text: text.to_owned() });
    File { path: ImagePath::new(path).unwrap(), below, source }
}

fn image() -> Image {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let home = "/usr/local/lib/python3.11/dist-packages/pyspark".to_owned();
    Image::new(words(FILES), [("opt/spark".to_owned(), home)].into(), words(CLASSES))
}

/// What is found in these files with that profile, a line each.
fn found(profile: &str, python: &str, files: &[(&str, &str)]) -> Vec<(Level, Problem)> {
    let source = SourceFile { name: "sparkbake.toml".to_owned(), text: profile.to_owned() };
    let profile = profile::parse("sparkbake", source).unwrap();
    let stack = Stack {
        spark: "3.5.9".to_owned(),
        scala: "2.12".to_owned(),
        hadoop: "3.3.4".to_owned(),
        java: "17".to_owned(),
        python: python.to_owned(),
        debian: "bookworm".to_owned(),
    };
    let plan = memory::plan(&profile, &profile.target.size, &stack).unwrap();
    let environment = spark::environment(&profile, &stack, &plan, None);
    let code: Vec<File> = files
        .iter()
        .filter(|(path, _)| path.rsplit('.').next() == Some("py"))
        .map(|(path, text)| file(path, text))
        .collect();
    let copied: Vec<ImagePath> = files.iter().map(|(path, _)| ImagePath::new(*path).unwrap()).collect();
    let request = Request {
        profile: &profile,
        stack: &stack,
        files: &code,
        copied: &copied,
        image: Some(&image()),
        plans: &[plan],
        environment: &environment,
    };
    profile::levels(check(&request), &profile.lints, false)
}

/// One line a problem: level, code, the marked text with its file and line, message and remedies.
fn shown(problems: &[(Level, Problem)]) -> String {
    let line = |(level, problem): &(Level, Problem)| {
        let level = if *level == Level::Deny { "error" } else { "warning" };
        let place = problem.at.as_ref().and_then(|at| {
            let file = at.file.as_ref()?;
            let before = file.text.get(..at.span.start)?;
            let marked = file.text.get(at.span.clone())?.replace('\n', " ");
            let name = file.name.strip_prefix("app/main.py").unwrap_or(&file.name);
            Some(format!("{name}:{} {marked}", before.matches('\n').count() + 1))
        });
        let help = problem.help.iter().map(|help| format!(" => {help}")).collect::<Vec<_>>().concat();
        format!("{level}[{}] {} -- {}{help}", problem.code.name, place.unwrap_or_default(), problem.message)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is said of a `main.py`.
fn said(code: &str) -> String {
    shown(&found(PROFILE, "3.11", &[("app/main.py", code)]))
}

/// What is said of several files.
fn said_of(files: &[(&str, &str)]) -> String {
    shown(&found(PROFILE, "3.11", files))
}

//! A profile in the one form that travels with its image: [`normal`].

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Copy, Located, Profile};
use crate::reference::Origin;

/// The profile as TOML without what the image does not follow from: the size (the baked plan tells it), the
/// repository, `[lints]`, and everything of its text that is no value. Two profiles that differ in nothing else
/// give the same text, and a `[target]` before it makes it a profile again.
///
/// # Errors
/// None in practice: every value has a TOML form.
pub fn normal(profile: &Profile) -> Result<String, toml::ser::Error> {
    let Profile { stack, maven, python, debian, memory, app, .. } = profile;
    let mut root = Table::new();
    let mut table = |name: &str, values: Vec<(&str, Option<Value>)>| {
        let values: Table =
            values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Table>();
        if !values.is_empty() {
            root.insert(name.to_owned(), Value::Table(values));
        }
    };
    table(
        "stack",
        vec![
            ("spark", text(stack.spark.as_ref())),
            ("hadoop", text(stack.hadoop.as_ref())),
            ("scala", text(stack.scala.as_ref())),
            ("java", text(stack.java.as_ref())),
            ("python", text(stack.python.as_ref())),
            ("debian", text(stack.debian.as_ref())),
            ("base", stack.base.as_ref().and_then(|base| Some(digest(&base.value)?.into()))),
            ("uses", stack.uses.as_ref().map(|uses| strings(uses))),
        ],
    );
    table(
        "maven",
        vec![
            ("jars", list(&maven.jars)),
            ("files", list(&maven.files)),
            ("exclude", list(&maven.exclude)),
            ("override", pairs(&maven.overrides)),
        ],
    );
    table(
        "python",
        vec![
            ("requirements", list(&python.requirements)),
            ("lock", text(python.lock.as_ref())),
            ("files", list(&python.files)),
            ("indexes", lists(&python.indexes)),
        ],
    );
    table(
        "debian",
        vec![
            ("packages", list(&debian.packages)),
            ("pin", pairs(&debian.pins)),
            ("keys", list(&debian.keys)),
            ("security", debian.security.as_ref().map(|security| Value::Boolean(security.value))),
            ("ca-certificates", list(&debian.ca_certificates)),
        ],
    );
    table("classpath", vec![("require", list(&profile.require))]);
    table(
        "memory",
        vec![
            ("python-workers", number(memory.python_workers.as_ref())),
            ("driver-mib", number(memory.driver_mib.as_ref())),
            ("worker-mib", number(memory.worker_mib.as_ref())),
            ("heap-mib", number(memory.heap_mib.as_ref())),
        ],
    );
    table("spark", vec![("conf", pairs(&profile.spark_conf))]);
    table("logging", vec![("level", Some(profile.log_level.name().into()))]);
    let ports = app.ports.iter().map(|port| Value::Integer(port.value.into())).collect::<Vec<_>>();
    table(
        "app",
        vec![
            ("command", list(&app.command)),
            ("ports", Some(Value::Array(ports)).filter(|_| !app.ports.is_empty())),
            ("env", map(&app.env)),
            ("copy", Some(Value::Array(app.copies.iter().map(copy).collect())).filter(|_| !app.copies.is_empty())),
        ],
    );
    table("image", vec![("labels", map(&profile.image.labels))]);
    toml::to_string(&root)
}

/// A base by its digest alone: where it was had does not change what it is.
fn digest(base: &str) -> Option<String> {
    base.parse::<Origin>().ok().map(|origin| origin.digest.to_string())
}

fn text(value: Option<&Located<String>>) -> Option<Value> {
    value.map(|value| value.value.as_str().into())
}

fn number(value: Option<&Located<u32>>) -> Option<Value> {
    value.map(|value| Value::Integer(value.value.into()))
}

fn strings(values: &[Located<String>]) -> Value {
    Value::Array(values.iter().map(|value| value.value.as_str().into()).collect())
}

fn list(values: &[Located<String>]) -> Option<Value> {
    if values.is_empty() { None } else { Some(strings(values)) }
}

fn pairs(values: &[(Located<String>, Located<String>)]) -> Option<Value> {
    let all: Table = values.iter().map(|(key, value)| (key.value.clone(), value.value.as_str().into())).collect();
    if all.is_empty() { None } else { Some(Value::Table(all)) }
}

fn lists(values: &[(Located<String>, Vec<Located<String>>)]) -> Option<Value> {
    let all: Table = values.iter().map(|(key, values)| (key.value.clone(), strings(values))).collect();
    if all.is_empty() { None } else { Some(Value::Table(all)) }
}

fn map(values: &BTreeMap<String, Located<String>>) -> Option<Value> {
    let all: Table = values.iter().map(|(key, value)| (key.clone(), value.value.as_str().into())).collect();
    if all.is_empty() { None } else { Some(Value::Table(all)) }
}

fn copy(copy: &Copy) -> Value {
    let values = [("from", text(Some(&copy.from))), ("to", text(Some(&copy.to))), ("exclude", list(&copy.exclude))];
    Value::Table(values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::SourceFile;
    use crate::profile::parse;

    const SIZE: &str = "target.aci = { cpu = 1, memory-gb = 2 }\n";

    fn read(text: String) -> Profile {
        parse("x", SourceFile { name: "x.toml".to_owned(), text }).unwrap()
    }

    fn every() -> Profile {
        read(include_str!("parse/tests/every-key.toml").to_owned())
    }

    #[test]
    fn the_normal_form_of_every_key() {
        let text = normal(&every()).unwrap();
        insta::assert_snapshot!(text, @r#"
        [app]
        command = ["python3", "/app/score.py"]
        ports = [8080]

        [[app.copy]]
        exclude = ["*.ipynb"]
        from = "app"
        to = "/app"

        [app.env]
        MODEL = "/app/model"

        [classpath]
        require = ["org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem", "a.B$C"]

        [debian]
        ca-certificates = ["certs/corp.pem"]
        keys = ["certs/mirror.asc"]
        packages = ["libgomp1", "g++"]
        security = true

        [debian.pin]
        openjdk-17-jre-headless = "17.0.19*"

        [image.labels]
        "com.example.team" = "data"
        "org.opencontainers.image.source" = "here"

        [logging]
        level = "WARN"

        [maven]
        exclude = ["com.example:left-out"]
        files = ["libs/our-udfs.jar"]
        jars = ["org.apache.hadoop:hadoop-azure", "io.delta:delta-spark_2.12:3.3.2", "a:b:zip:sources:1"]

        [maven.override]
        "org.apache.derby:derby" = "10.16.1.1"

        [memory]
        driver-mib = 200
        heap-mib = 1800
        python-workers = 0
        worker-mib = 0

        [python]
        files = ["dist/ours-1.0-py3-none-any.whl"]
        requirements = ["pandas==2.2.*", "pyarrow", "scikit-learn[extra]>=1; python_version < '3.12'"]

        [python.indexes]
        corp = ["our-features", "our-*"]

        [spark.conf]
        "spark.hadoop.fs.azure.always.use.https" = "true"
        "spark.sql.session.timeZone" = "UTC"

        [stack]
        debian = "bookworm"
        hadoop = "3.3.4"
        java = "17"
        python = "3.11"
        scala = "2.12"
        spark = "3.5.9"
        uses = ["arrow", "pandas-on-spark"]
        "#);
    }

    #[test]
    fn a_profile_again_with_a_size_before_it() {
        let every = every();
        let text = normal(&every).unwrap();
        // A fixed point, and nothing but the size, the repository and the lints is lost.
        let again = read(format!("{SIZE}{text}"));
        assert_eq!(normal(&again).unwrap(), text);
        let values = |profile: &Profile| {
            let Profile { stack, maven, python, debian, require, memory, spark_conf, app, image, .. } = profile;
            let mut conf: Vec<_> = spark_conf.iter().map(|(key, value)| (&key.value, &value.value)).collect();
            conf.sort();
            let labels = &image.labels;
            let all =
                format!("{stack:?} {maven:?} {python:?} {debian:?} {require:?} {memory:?} {conf:?} {app:?} {labels:?}");
            // Without the places in the text.
            let mut kept = String::new();
            for part in all.split("span: ") {
                kept.push_str(part.split_once(' ').map_or(part, |(_, rest)| rest));
            }
            kept
        };
        assert_eq!(values(&again), values(&every));
    }

    #[test]
    fn what_the_image_does_not_follow_from_changes_nothing() {
        let one = read(format!("{SIZE}[stack]\nspark = \"3.5.9\"\n"));
        let other = "# ours\ntarget.aci = { cpu = 4, memory-gb = 8 }\n[image]\nrepository = \"registry.example/a\"\n\
            [lints]\npath-missing = \"warn\"\n[stack]\nspark = '3.5.9' # the last\n";
        assert_eq!(normal(&one).unwrap(), normal(&read(other.to_owned())).unwrap());
        let every = include_str!("parse/tests/every-key.toml");
        for (from, to) in
            [("2.2.*", "2.3.*"), ("\"/app/model\"", "\"/m\""), ("8080", "8081"), ("= \"data\"", "= \"d\"")]
        {
            let changed = every.replace(from, to);
            assert_ne!(changed, every);
            assert_ne!(normal(&read(changed)).unwrap(), normal(&read(every.to_owned())).unwrap(), "{from}");
        }
    }
}

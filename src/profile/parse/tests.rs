use crate::problem::{Level, SourceFile, json, render};
use crate::profile::{LogLevel, Profile, Sku, levels, parse};

const SIZE: &str = "[target.aci]\ncpu = 2\nmemory-gb = 4\n";

fn source(text: &str) -> SourceFile {
    SourceFile { name: "sparkbake.toml".to_owned(), text: text.to_owned() }
}

fn read(text: &str) -> Profile {
    parse("sparkbake", source(text)).unwrap_or_else(|_| panic!("{}", shown(text)))
}

/// What the user sees.
fn shown(text: &str) -> String {
    let problems = parse("sparkbake", source(text)).expect_err("a profile with mistakes");
    render(&levels(problems, &[], false), &source(text), false)
}

/// What the user sees of a profile that has a size.
fn beside_size(text: &str) -> String {
    shown(&format!("{text}\n{SIZE}"))
}

#[test]
fn a_profile_with_every_key() {
    let profile = read(include_str!("every-key.toml"));
    insta::assert_debug_snapshot!((&profile.target.sizes["small"].sku, profile.log_level, &profile.require[0].value), @r#"
    (
        Spot,
        Warn,
        "org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem",
    )
    "#);
    assert_eq!(profile.target.size.sku, Sku::Standard);
    assert_eq!(profile.target.size.memory_milli_gb.value, 3500);
    assert_eq!(profile.memory.heap_mib.map(|heap| heap.value), Some(1800));
    assert_eq!(profile.app.ports[0].value, 8080);
    assert_eq!(profile.app.copies[0].to.at.key, "app.copy[0].to");
    let settings: Vec<_> =
        profile.spark_conf.iter().map(|(key, value)| (key.value.as_str(), value.value.as_str())).collect();
    assert_eq!(settings, [("spark.sql.session.timeZone", "UTC"), ("spark.hadoop.fs.azure.always.use.https", "true")]);
    let lints: Vec<_> =
        profile.lints.iter().map(|lint| (lint.code.value.as_str(), lint.level, lint.only.as_deref())).collect();
    assert_eq!(lints, [("stale-lock", Level::Warn, None), ("unused-lint", Level::Allow, Some("stale-lock"))]);
}

#[test]
fn what_is_left_out_stays_open() {
    let profile = read(SIZE);
    assert_eq!(profile.stack.spark, None);
    assert_eq!(profile.stack.uses, None);
    assert_eq!(profile.debian.security, None);
    assert_eq!(profile.log_level, LogLevel::Warn);
}

#[test]
fn places_are_those_of_the_values() {
    let text = "[maven]\njars = [\"a:b\", \"c:d:1\"]\n[target.aci]\ncpu = 0.5\nmemory-gb = 1.25\n";
    let profile = read(text);
    let at = &profile.maven.jars[1].at;
    assert_eq!((at.key.as_str(), &text[at.span.clone()]), ("maven.jars[1]", "\"c:d:1\""));
    let at = &profile.target.size.cpu_milli;
    assert_eq!((at.value, at.at.key.as_str(), &text[at.at.span.clone()]), (500, "target.aci.cpu", "0.5"));
}

#[test]
fn an_empty_profile_has_no_size() {
    insta::assert_snapshot!(shown(""), @"
    error[missing-key]: `[target.aci]` is missing
     |
     = note: heap, threads and Python workers are computed from the size of the container
     = help: add it: [target.aci] with cpu = 2 and memory-gb = 4
    ");
}

#[test]
fn a_size_needs_both_numbers() {
    insta::assert_snapshot!(shown("[target.aci]\ncpu = 2\nsizes = { small = { memory-gb = 1 }, \"Big Size\" = {} }\n"), @r#"
    error[missing-key]: `target.aci.memory-gb` is missing
     --> sparkbake.toml:1:1
      |
    1 | [target.aci]
      | ^^^^^^^^^^^^ `memory-gb` has no default
      |
      = help: add: memory-gb = 4

    error[missing-key]: `target.aci.sizes.small.cpu` is missing
     --> sparkbake.toml:3:19
      |
    3 | sizes = { small = { memory-gb = 1 }, "Big Size" = {} }
      |                   ^^^^^^^^^^^^^^^^^ `cpu` has no default
      |
      = help: add: cpu = 2

    error[bad-value]: `Big Size` is not a name of a size (lower-case letters, digits and inner hyphens)
     --> sparkbake.toml:3:38
      |
    3 | sizes = { small = { memory-gb = 1 }, "Big Size" = {} }
      |                                      ^^^^^^^^^^ expected the like of `small`
    "#);
}

#[test]
fn another_target_does_not_exist() {
    insta::assert_snapshot!(shown("[target.aks]\ncpu = 2\nmemory-gb = 4\n"), @"
    error[missing-key]: `target.aci` is missing
     --> sparkbake.toml:1:2
      |
    1 | [target.aks]
      |  ^^^^^^ only this target exists: `[target.aci]`
      |
      = note: heap, threads and Python workers are computed from the size of the container

    error[unknown-key]: `target` has no key `aks`
     --> sparkbake.toml:1:9
      |
    1 | [target.aks]
      |         ^^^ not a key of `target`
      |
      = note: the keys of `target` are `aci`
    ");
}

#[test]
fn sizes_are_decimal_and_positive() {
    insta::assert_snapshot!(shown("[target.aci]\ncpu = 1e3\nmemory-gb = -4\nsku = \"Spot\"\nsizes.a = { cpu = 0, memory-gb = 1.00001 }\nsizes.b = { cpu = \"2\", memory-gb = inf }\n"), @r#"
    error[bad-value]: `target.aci.cpu` must be a decimal number above 0 and at most 1000
     --> sparkbake.toml:2:7
      |
    2 | cpu = 1e3
      |       ^^^ not such a number
      |
      = note: at most three decimal places count, and no exponent is read

    error[bad-value]: `target.aci.memory-gb` must be a decimal number above 0 and at most 100000
     --> sparkbake.toml:3:13
      |
    3 | memory-gb = -4
      |             ^^ not such a number
      |
      = note: at most three decimal places count, and no exponent is read

    error[bad-value]: `Spot` is not a SKU of Azure Container Instances
     --> sparkbake.toml:4:7
      |
    4 | sku = "Spot"
      |       ^^^^^^ expected one of `standard`, `confidential` and `spot`
      |
      = help: did you mean `spot`?

    error[bad-value]: `target.aci.sizes.a.cpu` must be a decimal number above 0 and at most 1000
     --> sparkbake.toml:5:19
      |
    5 | sizes.a = { cpu = 0, memory-gb = 1.00001 }
      |                   ^ not such a number
      |
      = note: at most three decimal places count, and no exponent is read

    error[bad-value]: `target.aci.sizes.a.memory-gb` must be a decimal number above 0 and at most 100000
     --> sparkbake.toml:5:34
      |
    5 | sizes.a = { cpu = 0, memory-gb = 1.00001 }
      |                                  ^^^^^^^ not such a number
      |
      = note: at most three decimal places count, and no exponent is read

    error[wrong-type]: `target.aci.sizes.b.cpu` must be a number, not a string
     --> sparkbake.toml:6:19
      |
    6 | sizes.b = { cpu = "2", memory-gb = inf }
      |                   ^^^ expected a number

    error[bad-value]: `target.aci.sizes.b.memory-gb` must be a decimal number above 0 and at most 100000
     --> sparkbake.toml:6:36
      |
    6 | sizes.b = { cpu = "2", memory-gb = inf }
      |                                    ^^^ not such a number
      |
      = note: at most three decimal places count, and no exponent is read
    "#);
}

#[test]
fn misspelt_keys_at_every_depth() {
    insta::assert_snapshot!(beside_size("stak = 1\n[stack]\nuse = []\npyton = \"3.11\"\nzebra = 1\n[maven]\njar = []\n"), @r#"
    error[unknown-key]: the profile has no key `stak`
     --> sparkbake.toml:1:1
      |
    1 | stak = 1
      | ^^^^ not a key of a profile
      |
      = help: did you mean `stack`?

    error[unknown-key]: `stack` has no key `use`
     --> sparkbake.toml:3:1
      |
    3 | use = []
      | ^^^ not a key of `stack`
      |
      = help: did you mean `uses`?

    error[unknown-key]: `stack` has no key `pyton`
     --> sparkbake.toml:4:1
      |
    4 | pyton = "3.11"
      | ^^^^^ not a key of `stack`
      |
      = help: did you mean `python`?

    error[unknown-key]: `stack` has no key `zebra`
     --> sparkbake.toml:5:1
      |
    5 | zebra = 1
      | ^^^^^ not a key of `stack`
      |
      = note: the keys of `stack` are `base`, `spark`, `hadoop`, `scala`, `java`, `python`, `debian` and `uses`

    error[unknown-key]: `maven` has no key `jar`
     --> sparkbake.toml:7:1
      |
    7 | jar = []
      | ^^^ not a key of `maven`
      |
      = help: did you mean `jars`?
    "#);
}

#[test]
fn versions_are_strings() {
    insta::assert_snapshot!(beside_size("[stack]\nspark = 3.5\njava = 17\npython = 2026-01-01\ndebian = [\"bookworm\"]\n"), @r#"
    error[wrong-type]: `stack.spark` must be a string, not a decimal number
     --> sparkbake.toml:2:9
      |
    2 | spark = 3.5
      |         ^^^ expected a string
      |
      = help: put it in quotes: "3.5"

    error[wrong-type]: `stack.java` must be a string, not a whole number
     --> sparkbake.toml:3:8
      |
    3 | java = 17
      |        ^^ expected a string
      |
      = help: put it in quotes: "17"

    error[wrong-type]: `stack.python` must be a string, not a date
     --> sparkbake.toml:4:10
      |
    4 | python = 2026-01-01
      |          ^^^^^^^^^^ expected a string

    error[wrong-type]: `stack.debian` must be a string, not a list
     --> sparkbake.toml:5:10
      |
    5 | debian = ["bookworm"]
      |          ^^^^^^^^^^^^ expected a string
    "#);
}

#[test]
fn versions_have_a_shape() {
    insta::assert_snapshot!(beside_size("[stack]\nspark = \">=3.5\"\nhadoop = \"3.3\"\nscala = \"2.12.18\"\njava = \"17.0.19\"\npython = \"3.11.2\"\ndebian = \"12\"\nuses = [\"arow\", \"ml\", \"ml\"]\n"), @r#"
    error[bad-value]: `>=3.5` is not a release or a line of Spark
     --> sparkbake.toml:2:9
      |
    2 | spark = ">=3.5"
      |         ^^^^^^^ expected the like of `3.5.9` or `3.5`
      |
      = note: the profile names finished releases: a range or a preview would not be one stack

    error[bad-value]: `3.3` is not a release of Hadoop
     --> sparkbake.toml:3:10
      |
    3 | hadoop = "3.3"
      |          ^^^^^ expected the like of `3.3.4`

    error[bad-value]: `2.12.18` is not a binary version of Scala
     --> sparkbake.toml:4:9
      |
    4 | scala = "2.12.18"
      |         ^^^^^^^^^ expected the like of `2.12`
      |
      = help: leave the last number out: jars name Scala's binary version alone

    error[bad-value]: `17.0.19` is not a feature release of Java
     --> sparkbake.toml:5:8
      |
    5 | java = "17.0.19"
      |        ^^^^^^^^^ expected the like of `17`
      |
      = help: pin the update with `[debian] pin`: { openjdk-17-jre-headless = "17.0.19*" }

    error[bad-value]: `3.11.2` is not a minor version of Python
     --> sparkbake.toml:6:10
      |
    6 | python = "3.11.2"
      |          ^^^^^^^^ expected the like of `3.11`
      |
      = help: leave the last number out: the Debian suite decides the patch release

    error[bad-value]: `12` is not the codename of a Debian suite
     --> sparkbake.toml:7:10
      |
    7 | debian = "12"
      |          ^^^^ expected the like of `bookworm`
      |
      = help: Debian 12 is `bookworm`, 13 is `trixie`

    error[bad-value]: `arow` is not a step that an app may use
     --> sparkbake.toml:8:9
      |
    8 | uses = ["arow", "ml", "ml"]
      |         ^^^^^^ expected one of `arrow`, `pandas-on-spark`, `ml`, `streaming`, `connect` and `python-udf`
      |
      = help: did you mean `arrow`?

    error[duplicate]: `ml` is listed twice
     --> sparkbake.toml:8:23
      |
    8 | uses = ["arow", "ml", "ml"]
      |                 ----  ^^^^ again here
      |                 |
      |                 first here
    "#);
}

#[test]
fn what_is_not_there_yet_is_refused() {
    insta::assert_snapshot!(beside_size("[stack]\nbase = \"registry.example/base@sha256:00\"\n[python]\nlock = \"uv.lock\"\n"), @r#"
    error[not-yet]: `stack.base` is not supported by this version of sparkbake
     --> sparkbake.toml:2:8
      |
    2 | base = "registry.example/base@sha256:00"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not supported yet
      |
      = help: name a Debian suite with `debian`: the root filesystem is made of its packages

    error[not-yet]: `python.lock` is not supported by this version of sparkbake
     --> sparkbake.toml:4:8
      |
    4 | lock = "uv.lock"
      |        ^^^^^^^^^ not supported yet
      |
      = help: list the packages in `requirements`: sparkbake locks them itself
    "#);
}

#[test]
fn jars_are_coordinates_of_one_version() {
    insta::assert_snapshot!(beside_size("[maven]\njars = [\n  \"hadoop-azure\",\n  \"a:b:[1,2)\",\n  \"a:b:1-SNAPSHOT\",\n  \"a:../b:1\",\n  \"x:y:1\",\n  \"x:y:2\",\n]\nfiles = \"libs/a.jar\"\nexclude = [\"a:b:1\"]\noverride = { derby = \"1\", \"a:b\" = \"1 2\" }\n"), @r#"
    error[bad-value]: `hadoop-azure` is not a Maven coordinate
     --> sparkbake.toml:3:3
      |
    3 |   "hadoop-azure",
      |   ^^^^^^^^^^^^^^ expected the like of `group:artifact` or `group:artifact:version`

    error[bad-value]: `[1,2)` is not one version
     --> sparkbake.toml:4:3
      |
    4 |   "a:b:[1,2)",
      |   ^^^^^^^^^^^ expected the like of `3.3.2`
      |
      = help: leave the version out to let the matrix choose it

    error[bad-value]: `1-SNAPSHOT` is not a released version
     --> sparkbake.toml:5:3
      |
    5 |   "a:b:1-SNAPSHOT",
      |   ^^^^^^^^^^^^^^^^ expected the like of `3.3.2`
      |
      = note: what it names changes from day to day

    error[bad-value]: `a:../b:1` is not a Maven coordinate
     --> sparkbake.toml:6:3
      |
    6 |   "a:../b:1",
      |   ^^^^^^^^^^ expected the like of `group:artifact` or `group:artifact:version`
      |
      = note: each part is of letters, digits and `. - _ + ~ !`

    error[duplicate]: `x:y` is listed twice
     --> sparkbake.toml:8:3
      |
    7 |   "x:y:1",
      |   ------- first here
    8 |   "x:y:2",
      |   ^^^^^^^ again here

    error[wrong-type]: `maven.files` must be a list, not a string
      --> sparkbake.toml:10:9
       |
    10 | files = "libs/a.jar"
       |         ^^^^^^^^^^^^ expected a list
       |
       = help: put it in brackets: ["libs/a.jar"]

    error[bad-value]: `a:b:1` is not the name of a Maven artifact
      --> sparkbake.toml:11:12
       |
    11 | exclude = ["a:b:1"]
       |            ^^^^^^^ expected the like of `org.apache.derby:derby`

    error[bad-value]: `derby` is not the name of a Maven artifact
      --> sparkbake.toml:12:14
       |
    12 | override = { derby = "1", "a:b" = "1 2" }
       |              ^^^^^ expected the like of `org.apache.derby:derby`

    error[bad-value]: `1 2` is not a version of a Maven artifact
      --> sparkbake.toml:12:35
       |
    12 | override = { derby = "1", "a:b" = "1 2" }
       |                                   ^^^^^ expected the like of `3.3.2`
    "#);
}

#[test]
fn requirements_are_those_of_pep_508() {
    let deep = "(".repeat(30);
    let text = format!(
        "[python]\nrequirements = [\"pandas=2\", \"Foo_Bar>=1\", \"foo-bar>=1\", \"a @ file:///a.whl\", \"b; {deep}\"]\nfiles = [\"dist/ours.whl\", \"../ours-1.0-py3-none-any.whl\"]\n"
    );
    insta::assert_snapshot!(beside_size(&text), @r#"
    error[bad-value]: `pandas=2` is not a requirement of PEP 508
     --> sparkbake.toml:2:17
      |
    2 | requirements = ["pandas=2", "Foo_Bar>=1", "foo-bar>=1", "a @ file:///a.whl", "b; (((((((((((((((((((((((((((((("]
      |                 ^^^^^^^^^^ expected the like of `pandas==2.2.*`
      |
      = note: no such comparison operator "=", must be one of ~= == != <= >= < > ===

    error[duplicate]: `foo-bar>=1` is listed twice
     --> sparkbake.toml:2:43
      |
    2 | requirements = ["pandas=2", "Foo_Bar>=1", "foo-bar>=1", "a @ file:///a.whl", "b; (((((((((((((((((((((((((((((("]
      |                             ------------  ^^^^^^^^^^^^ again here
      |                             |
      |                             first here

    error[bad-value]: `a @ file:///a.whl` is not a requirement by version
     --> sparkbake.toml:2:57
      |
    2 | requirements = ["pandas=2", "Foo_Bar>=1", "foo-bar>=1", "a @ file:///a.whl", "b; (((((((((((((((((((((((((((((("]
      |                                                         ^^^^^^^^^^^^^^^^^^^ expected the like of `pandas==2.2.*`
      |
      = help: put the wheel beside the profile and name it in `[python] files`

    error[bad-value]: a requirement of more than 500 characters or 20 brackets
     --> sparkbake.toml:2:78
      |
    2 | requirements = ["pandas=2", "Foo_Bar>=1", "foo-bar>=1", "a @ file:///a.whl", "b; (((((((((((((((((((((((((((((("]
      |                                                                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ too long

    error[bad-value]: `dist/ours.whl` is not the path of a wheel
     --> sparkbake.toml:3:10
      |
    3 | files = ["dist/ours.whl", "../ours-1.0-py3-none-any.whl"]
      |          ^^^^^^^^^^^^^^^ expected the like of `dist/ours-1.0-py3-none-any.whl`

    error[bad-value]: `../ours-1.0-py3-none-any.whl` leaves the directory of the profile
     --> sparkbake.toml:3:27
      |
    3 | files = ["dist/ours.whl", "../ours-1.0-py3-none-any.whl"]
      |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not a path below the profile
      |
      = note: what is built must not depend on where the profile lies
    "#);
}

#[test]
fn packages_and_paths() {
    insta::assert_snapshot!(beside_size("[debian]\npackages = [\"libgomp1=12.2\", \"LibC\"]\npin = { x = \"1\", libgomp1 = \"new\" }\nsecurity = \"yes\"\nkeys = [\"/etc/key.asc\", \"./k.asc\"]\nca-certificates = [\"a//b\", \"C:\\\\corp.pem\"]\n"), @r#"
    error[bad-value]: `libgomp1=12.2` is not the name of a Debian package
     --> sparkbake.toml:2:13
      |
    2 | packages = ["libgomp1=12.2", "LibC"]
      |             ^^^^^^^^^^^^^^^ expected the like of `libgomp1`
      |
      = help: pin the version with `[debian] pin`: { libgomp1 = "12.2" }

    error[bad-value]: `LibC` is not the name of a Debian package
     --> sparkbake.toml:2:30
      |
    2 | packages = ["libgomp1=12.2", "LibC"]
      |                              ^^^^^^ expected the like of `libgomp1`

    error[bad-value]: `x` is not the name of a Debian package
     --> sparkbake.toml:3:9
      |
    3 | pin = { x = "1", libgomp1 = "new" }
      |         ^ expected the like of `libgomp1`

    error[bad-value]: `new` is not a version of a Debian package, or a glob of such
     --> sparkbake.toml:3:29
      |
    3 | pin = { x = "1", libgomp1 = "new" }
      |                             ^^^^^ expected the like of `17.0.19*`

    error[wrong-type]: `debian.security` must be true or false, not a string
     --> sparkbake.toml:4:12
      |
    4 | security = "yes"
      |            ^^^^^ expected true or false

    error[bad-value]: `/etc/key.asc` is not relative to the profile
     --> sparkbake.toml:5:9
      |
    5 | keys = ["/etc/key.asc", "./k.asc"]
      |         ^^^^^^^^^^^^^^ not a path below the profile

    error[bad-value]: `./k.asc` is not in its plain form
     --> sparkbake.toml:5:25
      |
    5 | keys = ["/etc/key.asc", "./k.asc"]
      |                         ^^^^^^^^^ not a path below the profile
      |
      = help: write `k.asc`

    error[bad-value]: `a//b` has an empty part or a `.`
     --> sparkbake.toml:6:20
      |
    6 | ca-certificates = ["a//b", "C:\\corp.pem"]
      |                    ^^^^^^ not a path below the profile

    error[bad-value]: `C:\corp.pem` is not relative to the profile
     --> sparkbake.toml:6:28
      |
    6 | ca-certificates = ["a//b", "C:\\corp.pem"]
      |                            ^^^^^^^^^^^^^^ not a path below the profile
    "#);
}

#[test]
fn settings_are_quoted_keys_of_spark() {
    insta::assert_snapshot!(beside_size("[spark.conf]\nspark.sql.session.timeZone = \"UTC\"\n\"fs.azure.secure\" = \"true\"\n\"spark.a\" = true\n\"spark.b\" = \"x\\ny\"\n[memory]\npython-workers = -1\ndriver-mib = 99999999999999999999999999\nworker-mib = 1.5\n[logging]\nlevel = \"warn\"\n"), @r#"
    error[bad-value]: `spark` is a table, not a setting
     --> sparkbake.toml:2:1
      |
    2 | spark.sql.session.timeZone = "UTC"
      | ^^^^^ the dots of this key make tables
      |
      = help: put the whole key in quotes: "spark.sql.session.timeZone" = "UTC"

    error[bad-value]: `fs.azure.secure` is not a setting of Spark
     --> sparkbake.toml:3:1
      |
    3 | "fs.azure.secure" = "true"
      | ^^^^^^^^^^^^^^^^^ expected the like of `spark.sql.session.timeZone`
      |
      = note: spark-submit ignores settings without `spark.`
      = help: for a setting of Hadoop write `spark.hadoop.fs.azure.secure`

    error[wrong-type]: `spark.conf."spark.a"` must be a string, not true or false
     --> sparkbake.toml:4:13
      |
    4 | "spark.a" = true
      |             ^^^^ expected a string
      |
      = help: put it in quotes: "true"

    error[bad-value]: a setting with a line break or a control character
     --> sparkbake.toml:5:13
      |
    5 | "spark.b" = "x\ny"
      |             ^^^^^^ expected one line

    error[bad-value]: `memory.python-workers` must be from 0 to 1000, not -1
     --> sparkbake.toml:7:18
      |
    7 | python-workers = -1
      |                  ^^ out of range

    error[bad-value]: `memory.driver-mib` must be from 0 to 4194304, not 99999999999999999999999999
     --> sparkbake.toml:8:14
      |
    8 | driver-mib = 99999999999999999999999999
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^ out of range

    error[wrong-type]: `memory.worker-mib` must be a whole number, not a decimal number
     --> sparkbake.toml:9:14
      |
    9 | worker-mib = 1.5
      |              ^^^ expected a whole number

    error[bad-value]: `warn` is not a level of Log4j
      --> sparkbake.toml:11:9
       |
    11 | level = "warn"
       |         ^^^^^^ expected one of `OFF`, `FATAL`, `ERROR`, `WARN`, `INFO`, `DEBUG` and `TRACE`
       |
       = help: did you mean `WARN`?
    "#);
}

#[test]
fn the_app_and_its_places() {
    insta::assert_snapshot!(beside_size("[app]\ncommand = \"python3 /app/a.py\"\nports = [0, 22, 8080, 8080]\nenv = { \"A-B\" = \"1\", C = 2 }\n[[app.copy]]\nfrom = \"../x\"\nto = \"app\"\n[[app.copy]]\nfrom = \"a\"\nto = \"/a/.wh.b\"\n[[app.copy]]\nto = \"/proc/x\"\n[[app.copy]]\nfrom = \".\"\nto = \"/b\"\n[[app.copy]]\nfrom = \"b\"\nto = \"/b\"\nexclude = [\"a/b\"]\n"), @r#"
    error[wrong-type]: `app.command` must be a list, not a string
     --> sparkbake.toml:2:11
      |
    2 | command = "python3 /app/a.py"
      |           ^^^^^^^^^^^^^^^^^^^ expected a list
      |
      = help: put it in brackets: ["python3 /app/a.py"]

    error[bad-value]: `app.ports[0]` must be from 1 to 65535, not 0
     --> sparkbake.toml:3:10
      |
    3 | ports = [0, 22, 8080, 8080]
      |          ^ out of range

    error[bad-value]: Azure Container Instances keeps port 22 for itself
     --> sparkbake.toml:3:13
      |
    3 | ports = [0, 22, 8080, 8080]
      |             ^^ reserved
      |
      = note: reserved are 22, 1025-1027, 3389-3399, 9999, 19000, 19080, 19100, 19390, 20000-30000 and 49152-65534 (FAQ of Azure Container Instances)
      = help: 8080 is free

    error[duplicate]: port 8080 is listed twice
     --> sparkbake.toml:3:23
      |
    3 | ports = [0, 22, 8080, 8080]
      |                 ----  ^^^^ again here
      |                 |
      |                 first here

    error[bad-value]: `A-B` is not the name of an environment variable
     --> sparkbake.toml:4:9
      |
    4 | env = { "A-B" = "1", C = 2 }
      |         ^^^^^ expected the like of `MODEL_PATH`
      |
      = note: Azure Container Instances takes 1 to 63 letters, digits and underscores

    error[wrong-type]: `app.env.C` must be a string, not a whole number
     --> sparkbake.toml:4:26
      |
    4 | env = { "A-B" = "1", C = 2 }
      |                          ^ expected a string
      |
      = help: put it in quotes: "2"

    error[bad-value]: `../x` leaves the directory of the profile
     --> sparkbake.toml:6:8
      |
    6 | from = "../x"
      |        ^^^^^^ not a path below the profile
      |
      = note: what is built must not depend on where the profile lies

    error[bad-value]: `app` is not an absolute path in the image
     --> sparkbake.toml:7:6
      |
    7 | to = "app"
      |      ^^^^^ expected the like of `/app`

    error[bad-value]: `/a/.wh.b` has a part that begins with `.wh.`
      --> sparkbake.toml:10:6
       |
    10 | to = "/a/.wh.b"
       |      ^^^^^^^^^^ not a path for the image
       |
       = note: in a layer such a name deletes a file (image-spec, layer.md, "Whiteouts")

    error[missing-key]: `app.copy[2].from` is missing
      --> sparkbake.toml:11:1
       |
    11 | [[app.copy]]
       | ^^^^^^^^^^^^ `from` has no default
       |
       = help: add: from = "app"

    error[bad-value]: `/proc/x` is hidden by what the container runtime mounts there
      --> sparkbake.toml:12:6
       |
    12 | to = "/proc/x"
       |      ^^^^^^^^^ not a path for the image
       |
       = note: /dev, /proc, /run and /sys are mounted when a container starts (runtime-spec, config-linux.md)

    error[duplicate]: `/b` is listed twice
      --> sparkbake.toml:18:6
       |
    15 | to = "/b"
       |      ---- first here
    ...
    18 | to = "/b"
       |      ^^^^ again here

    error[bad-value]: `a/b` is not a glob of a file's name
      --> sparkbake.toml:19:12
       |
    19 | exclude = ["a/b"]
       |            ^^^^^ expected the like of `*.ipynb`
    "#);
}

#[test]
fn the_image_and_its_labels() {
    insta::assert_snapshot!(beside_size("[image]\nrepository = \"https://example.azurecr.io/score:1\"\nlabels = { \"io.containerd.x\" = \"1\", \"org.opencontainers.image.sorce\" = \"1\", \"org.opencontainers.image.created\" = \"1\", \"a b\" = \"1\" }\n[classpath]\nrequire = [\"org/example/A.class\", \"a..b\"]\n"), @r#"
    error[bad-value]: `https://example.azurecr.io/score:1` is not a repository of a registry
     --> sparkbake.toml:2:14
      |
    2 | repository = "https://example.azurecr.io/score:1"
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected the like of `registry.example/team/score`
      |
      = help: leave the scheme out

    error[bad-value]: the label `io.containerd.x` is reserved
     --> sparkbake.toml:3:12
      |
    3 | labels = { "io.containerd.x" = "1", "org.opencontainers.image.sorce" = "1", "org.opencontainers.image.created" = "1", "a b" = "1" }
      |            ^^^^^^^^^^^^^^^^^ reserved
      |
      = note: containerd changes how it runs an image by its own labels

    error[bad-value]: the label `org.opencontainers.image.sorce` is reserved
     --> sparkbake.toml:3:37
      |
    3 | labels = { "io.containerd.x" = "1", "org.opencontainers.image.sorce" = "1", "org.opencontainers.image.created" = "1", "a b" = "1" }
      |                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ reserved
      |
      = note: the image-spec defines `authors`, `url`, `documentation`, `source`, `version`, `revision`, `vendor`, `licenses`, `title` and `description`
      = help: did you mean `org.opencontainers.image.source`?

    error[bad-value]: the label `org.opencontainers.image.created` is reserved
     --> sparkbake.toml:3:77
      |
    3 | labels = { "io.containerd.x" = "1", "org.opencontainers.image.sorce" = "1", "org.opencontainers.image.created" = "1", "a b" = "1" }
      |                                                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ reserved
      |
      = note: sparkbake sets it, or leaves it out, from what it builds

    error[bad-value]: `a b` is not the key of a label
     --> sparkbake.toml:3:119
      |
    3 | labels = { "io.containerd.x" = "1", "org.opencontainers.image.sorce" = "1", "org.opencontainers.image.created" = "1", "a b" = "1" }
      |                                                                                                                       ^^^^^ expected the like of `com.example.team`

    error[bad-value]: `org/example/A.class` is not the name of a class
     --> sparkbake.toml:5:12
      |
    5 | require = ["org/example/A.class", "a..b"]
      |            ^^^^^^^^^^^^^^^^^^^^^ expected the like of `org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem`
      |
      = help: write `org.example.A`

    error[bad-value]: `a..b` is not the name of a class
     --> sparkbake.toml:5:35
      |
    5 | require = ["org/example/A.class", "a..b"]
      |                                   ^^^^^^ expected the like of `org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem`
    "#);
}

#[test]
fn lints_need_names_levels_and_reasons() {
    insta::assert_snapshot!(beside_size("[lints]\nstale-lok = \"warn\"\nstale-lock = \"allow\"\nunused-lint = [{ only = \"x\" }, { level = \"forbid\" }, { level = \"allow\" }]\n"), @r#"
    error[bad-value]: there is no kind of problem named `stale-lok`
     --> sparkbake.toml:2:1
      |
    2 | stale-lok = "warn"
      | ^^^^^^^^^ unknown
      |
      = help: did you mean `stale-lock`?

    error[missing-key]: `stale-lock` is allowed without a reason
     --> sparkbake.toml:3:14
      |
    3 | stale-lock = "allow"
      |              ^^^^^^^ why?
      |
      = note: who reads the profile later must be able to tell whether it still holds
      = help: write: stale-lock = [{ level = "allow", reason = "…" }]

    error[missing-key]: `lints.unused-lint[0].level` is missing
     --> sparkbake.toml:4:16
      |
    4 | unused-lint = [{ only = "x" }, { level = "forbid" }, { level = "allow" }]
      |                ^^^^^^^^^^^^^^ `level` has no default

    error[bad-value]: `forbid` is not a level
     --> sparkbake.toml:4:42
      |
    4 | unused-lint = [{ only = "x" }, { level = "forbid" }, { level = "allow" }]
      |                                          ^^^^^^^^ expected one of `allow`, `warn` and `deny`

    error[missing-key]: `unused-lint` is allowed without a reason
     --> sparkbake.toml:4:64
      |
    4 | unused-lint = [{ only = "x" }, { level = "forbid" }, { level = "allow" }]
      |                                                                ^^^^^^^ why?
      |
      = note: who reads the profile later must be able to tell whether it still holds
      = help: write: unused-lint = [{ level = "allow", reason = "…" }]
    "#);
}

#[test]
fn another_version_is_required() {
    insta::assert_snapshot!(beside_size("required-version = \">=99\""), @r#"
    error[required-version]: this is sparkbake 0.1.0, and the profile requires `>=99`
     --> sparkbake.toml:1:20
      |
    1 | required-version = ">=99"
      |                    ^^^^^^ 0.1.0 does not match
    "#);
    insta::assert_snapshot!(beside_size("required-version = \"newest\""), @r#"
    error[bad-value]: `newest` is not a range of versions
     --> sparkbake.toml:1:20
      |
    1 | required-version = "newest"
      |                    ^^^^^^^^ expected the like of `>=0.1`
      |
      = note: unexpected character 'n' while parsing major version number
    "#);
}

#[test]
fn all_of_the_syntax_at_once() {
    insta::assert_snapshot!(shown("[target.aci]\ncpu = \ncpu = 2\n[stack\nspark = 'x\n"), @"
    error[toml-syntax]: string values must be quoted, expected literal string
     --> sparkbake.toml:2:7
      |
    2 | cpu = 
      |       ^

    error[toml-syntax]: duplicate key
     --> sparkbake.toml:3:1
      |
    3 | cpu = 2
      | ^^^

    error[toml-syntax]: unclosed table, expected `]`
     --> sparkbake.toml:4:7
      |
    4 | [stack
      |       ^
    ");
}

#[test]
fn unicode_tabs_and_long_lines() {
    let text = format!(
        "[maven]\n\tjars = [\"größe:日本\",\t\"a b\"] # 🎉\nexclude = [{} \"x\"]\n",
        "\"a:b\",".repeat(1) + &" ".repeat(400)
    );
    insta::assert_snapshot!(beside_size(&text), @r#"
    error[bad-value]: `größe:日本` is not a Maven coordinate
     --> sparkbake.toml:2:10
      |
    2 |     jars = ["größe:日本",    "a b"] # 🎉
      |             ^^^^^^^^^^^^ expected the like of `group:artifact` or `group:artifact:version`
      |
      = note: each part is of letters, digits and `. - _ + ~ !`

    error[bad-value]: `a b` is not a Maven coordinate
     --> sparkbake.toml:2:22
      |
    2 |     jars = ["größe:日本",    "a b"] # 🎉
      |                              ^^^^^ expected the like of `group:artifact` or `group:artifact:version`

    error[bad-value]: `x` is not the name of a Maven artifact
     --> sparkbake.toml:3:419
      |
    3 | ...                                        "x"]
      |                                            ^^^ expected the like of `org.apache.derby:derby`
    "#);
}

#[test]
fn windows_line_ends() {
    insta::assert_snapshot!(shown("[target.aci]\r\ncpu = 2\r\nmemory-gb = 4\r\nskuu = 1\r\n"), @"
    error[unknown-key]: `target.aci` has no key `skuu`
     --> sparkbake.toml:4:1
      |
    4 | skuu = 1
      | ^^^^ not a key of `target.aci`
      |
      = help: did you mean `sku`?
    ");
}

/// Escape sequences, C1 controls and direction marks of the file act neither in source lines nor in messages.
#[test]
fn nothing_of_the_file_acts_on_the_terminal() {
    let text = beside_size("[maven]\njars = [\"\u{9b}31m\u{202e}\u{200f}x\", \"\\u001b[2J\"]\n\"\\u001b]0;x\" = 1\n");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    insta::assert_snapshot!(text, @r#"
    error[bad-value]: `\u{9b}31m\u{202e}\u{200f}x` is not a Maven coordinate
     --> sparkbake.toml:2:9
      |
    2 | jars = ["¿31m��x", "\u001b[2J"]
      |         ^^^^^^^^^ expected the like of `group:artifact` or `group:artifact:version`

    error[bad-value]: `\u{1b}[2J` is not a Maven coordinate
     --> sparkbake.toml:2:20
      |
    2 | jars = ["¿31m��x", "\u001b[2J"]
      |                    ^^^^^^^^^^^ expected the like of `group:artifact` or `group:artifact:version`

    error[unknown-key]: `maven` has no key `\u{1b}]0;x`
     --> sparkbake.toml:3:1
      |
    3 | "\u001b]0;x" = 1
      | ^^^^^^^^^^^^ not a key of `maven`
      |
      = note: the keys of `maven` are `jars`, `files`, `exclude` and `override`
    "#);
}

#[test]
fn a_text_without_bounds_is_refused() {
    let long = format!("{SIZE}[app]\ncommand = [\"{}\", \"a\\u0000\"]\n", "x".repeat(40_000));
    insta::assert_snapshot!(shown(&long).lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n"), @"
    error[bad-value]: a string of 40000 bytes
    error[bad-value]: a string with a NUL character
    ");
    let large = "#".repeat(300_000);
    assert_eq!(shown(&large), "error[toml-syntax]: the profile has 300000 bytes; at most 262144 are read\n\n");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(shown(&deep).contains("recursion limit"));
}

#[test]
fn the_same_for_machines() {
    let text = format!("{SIZE}[maven]\njars = [\"größe\", \"x:y:1\", \"x:y:2\"]\n");
    let problems = parse("sparkbake", source(&text)).expect_err("two mistakes");
    let shown = json(&levels(problems, &[], false), &source(&text));
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @"");
}

/// Every profile that is shipped or shown.
#[test]
fn shipped_profiles_read() {
    for (name, text) in [
        ("spark-3.5", include_str!("../../../profiles/spark-3.5.toml")),
        ("spark-4.1", include_str!("../../../profiles/spark-4.1.toml")),
        ("minimal", include_str!("../../../profiles/minimal.toml")),
        ("batch-score", include_str!("../../../examples/batch-score/sparkbake.toml")),
    ] {
        let profile = read(text);
        assert_eq!(profile.debian.security.map(|security| security.value), Some(false), "{name}");
        assert_eq!(profile.stack.debian.map(|debian| debian.value).as_deref(), Some("bookworm"), "{name}");
    }
}

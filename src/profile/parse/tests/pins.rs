//! Mistakes in what goes into the image: `[stack]`, `[maven]`, `[python]`, `[debian]`.

use super::beside_size;

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
    insta::assert_snapshot!(beside_size("[stack]\nspark = \">=3.5\"\nhadoop = \"3.3\"\nscala = \"2.12.18\"\njava = \"17.0.19\"\npython = \"3.11.2\"\ndebian = \"12\"\nuses = [\"arow\", \"ml\", \"ml\"]\n"), @r##"
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
      |         ^^^^^^ expected one of `python-udf`, `to-pandas`, `arrow`, `pandas-on-spark`, `ml`, `streaming`, `connect` and `wasb`
      |
      = help: did you mean `arrow`?

    error[duplicate]: `ml` is listed twice
     --> sparkbake.toml:8:23
      |
    8 | uses = ["arow", "ml", "ml"]
      |                 ----  ^^^^ again here
      |                 |
      |                 first here
    "##);
}

#[test]
fn another_tools_lock_is_instead_of_requirements() {
    insta::assert_snapshot!(beside_size("[python]\nlock = \"Pipfile\"\n"), @r#"
    error[bad-value]: `Pipfile` is not the path of a lock
     --> sparkbake.toml:2:8
      |
    2 | lock = "Pipfile"
      |        ^^^^^^^^^ expected the like of `uv.lock`, `pylock.toml` or `requirements.txt`
    "#);
    insta::assert_snapshot!(beside_size("[python]\nlock = \"uv.lock\"\nrequirements = [\"pandas\"]\n"), @r#"
    error[duplicate]: `python.lock` and `python.requirements` both name packages
     --> sparkbake.toml:3:17
      |
    2 | lock = "uv.lock"
      |        --------- and pinned here
    3 | requirements = ["pandas"]
      |                 ^^^^^^^^ asked for here
      |
      = help: require them where the lock is made, and lock them there
    "#);
}

#[test]
fn a_base_is_an_image_by_digest_and_nothing_of_debians_beside_it() {
    let zeros = "0".repeat(64);
    insta::assert_snapshot!(beside_size("[stack]\nbase = \"registry.example/base:12\"\n"), @r#"
    error[bad-value]: `registry.example/base:12` is not an image by its digest
     --> sparkbake.toml:2:8
      |
    2 | base = "registry.example/base:12"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^ expected the like of `registry.example/base@sha256:…` or `oci:DIR@sha256:…`
      |
      = note: it names no bytes: write its digest, as in NAME@sha256:…
    "#);
    let text = format!(
        "[stack]\nbase = \"oci:base.oci@sha256:{zeros}\"\n[debian]\npackages = [\"less\"]\nsecurity = true\npin = {{ less = \"1\" }}\n"
    );
    insta::assert_snapshot!(beside_size(&text), @r#"
    error[beside-a-base]: `debian.packages` has no effect beside `stack.base`
     --> sparkbake.toml:4:13
      |
    2 | base = "oci:base.oci@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      |        -------------------------------------------------------------------------------------- the base is taken as it is
    3 | [debian]
    4 | packages = ["less"]
      |             ^^^^^^ nothing of Debian's is installed
      |
      = help: leave it out, and change what the base is made of

    error[beside-a-base]: `debian.security` has no effect beside `stack.base`
     --> sparkbake.toml:5:12
      |
    2 | base = "oci:base.oci@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      |        -------------------------------------------------------------------------------------- the base is taken as it is
    ...
    5 | security = true
      |            ^^^^ nothing of Debian's is installed
      |
      = help: leave it out, and change what the base is made of

    error[beside-a-base]: `debian.pin` has no effect beside `stack.base`
     --> sparkbake.toml:6:9
      |
    2 | base = "oci:base.oci@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      |        -------------------------------------------------------------------------------------- the base is taken as it is
    ...
    6 | pin = { less = "1" }
      |         ^^^^ nothing of Debian's is installed
      |
      = help: leave it out, and change what the base is made of
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

/// At these pep508_rs 0.9.2 would end the tool.
#[test]
fn names_and_extras_end_with_a_letter_or_digit() {
    for text in ["a_ ", "a_.>=1", "a- [b]", "a[b_ ]", "a[b.]", "a[b,c- "] {
        let shown = beside_size(&format!("[python]\nrequirements = [\"{text}\"]\n"));
        assert!(shown.starts_with(&format!("error[bad-value]: `{text}` is not a requirement of PEP 508\n")), "{shown}");
    }
}

#[test]
fn indexes_have_names_and_projects() {
    insta::assert_snapshot!(beside_size("[python.indexes]\nCorp = [\"a\"]\none = [\"Our_Core\", \"*\", \"our-*\", \"pyspark\"]\ntwo = [\"our-*\"]\nthree = \"x\"\n"), @r#"
    error[bad-value]: `Corp` is not a name of an index (lower-case letters, digits and hyphens)
     --> sparkbake.toml:2:1
      |
    2 | Corp = ["a"]
      | ^^^^ expected the like of `corp`

    error[bad-value]: `Our_Core` is not the normalised name of a project, or the beginning of names and `*`
     --> sparkbake.toml:3:8
      |
    3 | one = ["Our_Core", "*", "our-*", "pyspark"]
      |        ^^^^^^^^^^ expected the like of `our-features`, `our-*`

    error[bad-value]: `*` is not the normalised name of a project, or the beginning of names and `*`
     --> sparkbake.toml:3:20
      |
    3 | one = ["Our_Core", "*", "our-*", "pyspark"]
      |                    ^^^ expected the like of `our-features`, `our-*`

    error[bad-value]: `pyspark` is the stack's own
     --> sparkbake.toml:3:34
      |
    3 | one = ["Our_Core", "*", "our-*", "pyspark"]
      |                                  ^^^^^^^^^ comes with `stack.spark`

    error[duplicate]: `our-*` is listed twice
     --> sparkbake.toml:4:8
      |
    3 | one = ["Our_Core", "*", "our-*", "pyspark"]
      |                         ------- first here
    4 | two = ["our-*"]
      |        ^^^^^^^ again here

    error[wrong-type]: `python.indexes.three` must be a list, not a string
     --> sparkbake.toml:5:9
      |
    5 | three = "x"
      |         ^^^ expected a list
      |
      = help: put it in brackets: ["x"]
    "#);
}

//! Mistakes in how it runs and is named: settings, `[app]`, `[image]`, `[lints]`.

use super::beside_size;

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
fn the_app() {
    insta::assert_snapshot!(beside_size("[app]\ncommand = \"python3 /app/a.py\"\nports = [0, 22, 8080, 8080]\nenv = { \"A-B\" = \"1\", C = 2 }\n"), @r#"
    error[wrong-type]: `app.command` must be a list, not a string
     --> sparkbake.toml:2:11
      |
    2 | command = "python3 /app/a.py"
      |           ^^^^^^^^^^^^^^^^^^^ expected a list
      |
      = help: put it in brackets: ["python3", "/app/a.py"]

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
    "#);
}

#[test]
fn copies_and_their_places() {
    insta::assert_snapshot!(beside_size("[[app.copy]]\nfrom = \"../x\"\nto = \"app\"\n[[app.copy]]\nfrom = \"a\"\nto = \"/a/.wh.b\"\n[[app.copy]]\nto = \"/proc/x\"\n[[app.copy]]\nfrom = \".\"\nto = \"/b\"\n[[app.copy]]\nfrom = \"b\"\nto = \"/b\"\nexclude = [\"a/b\"]\n"), @r#"
    error[bad-value]: `../x` leaves the directory of the profile
     --> sparkbake.toml:2:8
      |
    2 | from = "../x"
      |        ^^^^^^ not a path below the profile
      |
      = note: what is built must not depend on where the profile lies

    error[bad-value]: `app` is not an absolute path in the image
     --> sparkbake.toml:3:6
      |
    3 | to = "app"
      |      ^^^^^ expected the like of `/app`

    error[bad-value]: `/a/.wh.b` has a part that begins with `.wh.`
     --> sparkbake.toml:6:6
      |
    6 | to = "/a/.wh.b"
      |      ^^^^^^^^^^ not a path for the image
      |
      = note: in a layer such a name deletes a file (image-spec, layer.md, "Whiteouts")

    error[missing-key]: `app.copy[2].from` is missing
     --> sparkbake.toml:7:1
      |
    7 | [[app.copy]]
      | ^^^^^^^^^^^^ `from` has no default
      |
      = help: add: from = "app"

    error[bad-value]: `/proc/x` is hidden by what the container runtime mounts there
     --> sparkbake.toml:8:6
      |
    8 | to = "/proc/x"
      |      ^^^^^^^^^ not a path for the image
      |
      = note: /proc, /sys and places below /dev are mounted when a container starts (runtime-spec, config-linux.md, "Default Filesystems"); the guest agent of confidential containers mounts /dev and /run

    error[duplicate]: `/b` is listed twice
      --> sparkbake.toml:14:6
       |
    11 | to = "/b"
       |      ---- first here
    ...
    14 | to = "/b"
       |      ^^^^ again here

    error[bad-value]: `a/b` is not a glob of a file's name
      --> sparkbake.toml:15:12
       |
    15 | exclude = ["a/b"]
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
    insta::assert_snapshot!(beside_size("[lints]\npath-mising = \"warn\"\npath-missing = \"allow\"\nunused-lint = [{ only = \"x\" }, { level = \"forbid\" }, { level = \"allow\" }]\n"), @r#"
    error[bad-value]: there is no kind of problem named `path-mising`
     --> sparkbake.toml:2:1
      |
    2 | path-mising = "warn"
      | ^^^^^^^^^^^ unknown
      |
      = help: did you mean `path-missing`?

    error[missing-key]: `path-missing` is allowed without a reason
     --> sparkbake.toml:3:16
      |
    3 | path-missing = "allow"
      |                ^^^^^^^ why?
      |
      = note: who reads the profile later must be able to tell whether it still holds
      = help: write: path-missing = [{ level = "allow", reason = "…" }]

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

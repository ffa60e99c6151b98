//! The app's Python files, and what is said of them at their lines.

use serde_json::Value;

use crate::world::{PROFILE, World};

const MAIN: &str = r#""""Scores the trips."""

import os

from pyspark.sql import SparkSession

import settings

os.environ["PYSPARK_SUBMIT_ARGS"] = "--packages io.delta:delta-spark_2.12:3.3.2 pyspark-shell"


def session(name):
    return (
        SparkSession.builder.appName(name)
        .master("local[*]")
        .config("spark.driver.memory", settings.HEAP)
        .config("spark.executor.memory", "4g")
        .getOrCreate()
    )


spark = session("score – über alles")
spark.conf.set("spark.driver.maxResultSize", "1g")
"#;

fn world(main: &str) -> World {
    let app = "\n[[app.copy]]\nfrom = \"app\"\nto = \"/app\"\n\n[app]\ncommand = [\"python3\", \"/app/main.py\"]\n";
    let world = World::new(&format!("{PROFILE}{app}"));
    world.write("project/app/main.py", main);
    world.write("project/app/settings.py", "HEAP = \"8g\"\n");
    world.write("project/app/tests/test_main.py", "import pytest\nprint 'x'\n");
    world
}

#[test]
fn carets_stand_in_the_users_files() {
    let ran = world(MAIN).run(&["check"]);
    assert_eq!(ran.status.code(), Some(1));
    insta::assert_snapshot!(crate::said(&ran), @r#"
    error[downloads-at-start]: Spark downloads io.delta:delta-spark_2.12:3.3.2 whenever it starts
     --> app/main.py:9:37
      |
    9 | os.environ["PYSPARK_SUBMIT_ARGS"] = "--packages io.delta:delta-spark_2.12:3.3.2 pyspark-shell"
      |                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ set here
      |
      = note: it needs the network and a Maven repository at every start, and nothing is locked or verified
      = help: `[maven] jars = ["io.delta:delta-spark_2.12:3.3.2"]` bakes what is needed; leave it out here

    error[setting-fights-the-plan]: `8g` is another heap than the plan's 2731 MiB
      --> app/main.py:16:40
       |
    16 |         .config("spark.driver.memory", settings.HEAP)
       |                                        ^^^^^^^^^^^^^ set here
       |
       = note: the plan leaves room for Python and for the JVM beside its heap
       = help: leave it out: a greater heap needs a greater `target.aci.memory-gb`

    warning[setting-without-effect]: `spark.executor.memory` has no effect in this image
      --> app/main.py:17:42
       |
    17 |         .config("spark.executor.memory", "4g")
       |                                          ^^^^ set here
       |
       = note: it sizes nothing: tasks run in the driver's heap, `[memory] heap-mib`
       = help: leave it out

    error[setting-too-late]: a session that runs does not take `spark.driver.maxResultSize`
      --> app/main.py:23:16
       |
    23 | spark.conf.set("spark.driver.maxResultSize", "1g")
       |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ set here
       |
       = note: Spark throws CANNOT_MODIFY_CONFIG, or its like
       = help: `[spark.conf] "spark.driver.maxResultSize" = "1g"` bakes it
    error: sparkbake.toml: 3 errors, 1 warning
    "#);
}

#[test]
fn programs_get_the_file_of_each_place() {
    let ran = world(MAIN).run(&["check", "--json"]);
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let lines: Vec<String> = told[0]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            let place = &problem["place"];
            let [level, code] = [&problem["level"], &problem["code"]].map(|text| text.as_str().unwrap());
            let (file, line, column) = (place["file"].as_str().unwrap(), &place["line"], &place["column"]);
            format!("{level} {code} {file}:{line}:{column}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    deny downloads-at-start app/main.py:9:37
    deny setting-fights-the-plan app/main.py:16:40
    warn setting-without-effect app/main.py:17:42
    deny setting-too-late app/main.py:23:16
    ");
}

#[test]
fn a_file_that_python_does_not_take_and_a_lint_for_one_file() {
    let world = world("def main():\n    print(\"x\"\n");
    let ran = world.run(&["check"]);
    assert_eq!(ran.status.code(), Some(1));
    insta::assert_snapshot!(crate::said(&ran), @"
    error[python-syntax]: Python 3.11 does not take `app/main.py`: unexpected EOF while parsing
     --> app/main.py:3:1
      |
    3 |
      | ^
    error: sparkbake.toml: 1 error
    ");
    let lints = "\n[lints]\npython-syntax = [{ only = \"app/main.py\", level = \"allow\", reason = \"generated\" }]\n";
    let copy = "\n[[app.copy]]\nfrom = \"app\"\nto = \"/app\"\n";
    world.write("project/other.toml", format!("{PROFILE}{copy}{lints}"));
    crate::expect(&world.run(&["check", "other.toml"]), 0, &[]);
}

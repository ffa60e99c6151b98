//! `sparkbake classpath` on jars of any kind, and `--explain` against what a JVM finds.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::bulk::stock;
use super::classpath::{JAVA, jdk};
use super::{cache, fresh, place, project, repository, said, sparkbake, sparkbake_in, tool};

/// Exit status, the first lines of problems, and standard output.
fn answer(args: &[&str]) -> String {
    let all = [&["classpath", "--java", JAVA, "--color", "never"][..], args].concat();
    let ran = sparkbake_in(&place("classpath-cache"), repository(), &all);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let heads = said.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
    let lines = heads.chain(std::str::from_utf8(&ran.stdout).unwrap().lines()).collect::<Vec<_>>();
    format!("{}\n{}", ran.status.code().unwrap(), lines.join("\n"))
}

#[test]
fn jars_of_any_kind_are_answered() {
    if !jdk() {
        return;
    }
    let stock = stock("spark-3.5");
    let dir = fresh("jars");
    let jar = |start: &str| {
        let found = fs::read_dir(&stock).unwrap().map(|entry| entry.unwrap().path());
        found.filter(|path| path.is_file()).find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start))
    };
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    for name in ["empty", "broken", "all"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    // A fat jar of libraries that go together, and one that lacks half of its classes.
    for (name, parts) in [
        ("fat", &["jackson-core-2", "jackson-databind-2", "jackson-annotations-2"][..]),
        ("half", &["netty-handler-4"]),
    ] {
        let classes = at(&format!("{name}-classes"));
        fs::create_dir(&classes).unwrap();
        for part in parts {
            zip::ZipArchive::new(fs::File::open(jar(part).unwrap()).unwrap()).unwrap().extract(&classes).unwrap();
        }
        tool(&format!("{JAVA}/bin/jar"), &["--create", "--file", &at(&format!("{name}.jar")), "-C", &classes, "."]);
    }
    let whole = fs::read(jar("slf4j-api-").unwrap()).unwrap();
    fs::write(dir.join("broken/slf4j.jar"), &whole[..whole.len() / 2]).unwrap();
    fs::copy(jar("commons-lang3-").unwrap(), dir.join("broken/commons-lang3-3.12.0.jar")).unwrap();
    // Of several hundred jars of libraries that were never made for each other only the numbers are shown here.
    let hundreds = answer(&["--jars", stock.to_str().unwrap()]);
    let found = hundreds.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning[")).count();
    assert!((10..80).contains(&found), "a cause a line, and few of them:\n{hundreds}");
    let said: Vec<String> = [
        answer(&["--jars", &at("fat.jar")]),
        answer(&["--jars", &at("half.jar")]),
        answer(&["--jars", &at("empty")]),
        answer(&["--jars", &at("broken")]),
        hundreds.lines().last().unwrap().to_owned(),
    ]
    .into();
    insta::assert_snapshot!(said.join("\n---\n"), @r"
    0
    1 jar, 1033 classes: everything links
    ---
    1
    error[does-not-link]: half.jar does not fit Java 17, which has 10 members in another shape or not at all
    error: the class path: 1 error
    1 jar, 357 classes: 1 finding; 97 classes that only optional code names: nowhere (--all lists them)
    ---
    0
    note: there are no jars
    0 jars, 0 classes: everything links
    ---
    1
    error[jar-unreadable]: the JVM cannot open slf4j.jar: it is no zip archive: its end record is missing
    error: the class path: 1 error
    2 jars, 345 classes: 1 finding
    ---
    252 jars, 127972 classes: 38 findings; 989 classes that only optional code names: nowhere (--all lists them)
    ");
}

/// Where a JVM finds each of these classes: file name of the jar and entry, or the module, or nothing.
fn found_by_the_jvm(dir: &Path, jars: &Path, names: &[&str]) -> Vec<String> {
    let source = dir.join("Where.java");
    fs::write(&source, include_str!("../data/classpath/Where.java")).unwrap();
    let mut all: Vec<String> =
        fs::read_dir(jars).unwrap().map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect();
    all.sort();
    let classes = dir.join("classes");
    tool(&format!("{JAVA}/bin/javac"), &["-d", classes.to_str().unwrap(), source.to_str().unwrap()]);
    all.push(classes.to_str().unwrap().to_owned());
    let ran =
        Command::new(format!("{JAVA}/bin/java")).args(["-cp", &all.join(":"), "Where"]).args(names).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_class_comes_from_where_a_jvm_finds_it() {
    if !jdk() {
        return;
    }
    let stock = stock("spark-3.5");
    // Alone; in several jars, with the same and with other bytes; of another folder in a multi-release jar; of a
    // module; in a package that a module owns; nested; nowhere.
    let names = [
        "org.apache.spark.SparkContext",
        "javax.jdo.JDOHelper",
        "org.apache.commons.logging.LogFactory",
        "org.apache.hadoop.hive.common.ValidReadTxnList",
        "org.apache.orc.mapred.OrcStruct",
        "com.fasterxml.jackson.core.io.doubleparser.FastDoubleSwar",
        "javax.transaction.xa.Xid",
        "java.lang.String",
        "javax.xml.stream.FactoryFinder$1",
        "scala.collection.Map$WithDefault",
        "org.apache.tez.dag.api.TezConfiguration",
    ];
    let jvm = found_by_the_jvm(&fresh("where"), &stock, &names);
    let ours = names.map(|name| {
        let all = ["classpath", "--java", JAVA, "--json", "--jars", stock.to_str().unwrap(), "--explain", name];
        let ran = sparkbake_in(&place("classpath-cache"), repository(), &all);
        let json: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", said(&ran)));
        let from = &json["explanation"]["from"];
        match (from["jar"].as_str(), from["module"].as_str()) {
            (Some(jar), _) => format!("{name} {jar} {}", from["entry"].as_str().unwrap()),
            (None, Some(module)) => format!("{name} {module}"),
            _ => format!("{name} nowhere"),
        }
    });
    assert_eq!(jvm, ours);
}

#[test]
fn members_are_explained_on_one_screen() {
    if !jdk() {
        return;
    }
    let stock = stock("spark-3.5");
    let explained = |name: &str| answer(&["--jars", stock.to_str().unwrap(), "--explain", name]);
    let said = [
        explained("okhttp3.RequestBody#create(java.lang.String,okhttp3.MediaType)"),
        explained("org.apache.spark.sql.SparkSession.close()"),
        explained("org.apache.hadoop.hive.common.ValidReadTxnList"),
    ];
    for text in &said {
        assert!(text.lines().count() <= 24, "more than a screen:\n{text}");
    }
    insta::assert_snapshot!(said.join("\n---\n"), @r"
    1
    okhttp3.RequestBody
      from          okhttp-3.12.12.jar, jar 185
      because       no other of 252 jars has it
      extends       java.lang.Object
      state         loads and links
      named by      22 classes: okhttp-3.12.12.jar (16), kubernetes-httpclient-okhttp-6.7.2.jar (3), hadoop-client-api-3.3.4.jar (2), 1 more jar; such as org.apache.hadoop.hdfs.web.oauth2.ConfRefreshTokenBasedAccessTokenProvider

    okhttp3.RequestBody okhttp3.RequestBody.create(java.lang.String, okhttp3.MediaType)
      JVMS 5.4.3.3  not in okhttp3.RequestBody
                    not in java.lang.Object
      fails         NoSuchMethodError
      named by      2 classes: hadoop-client-api-3.3.4.jar (2); such as org.apache.hadoop.hdfs.web.oauth2.ConfRefreshTokenBasedAccessTokenProvider.refresh
    ---
    0
    org.apache.spark.sql.SparkSession
      from          spark-sql_2.12-3.5.9.jar, jar 231
      because       no other of 252 jars has it
      extends       java.lang.Object
      state         loads and links
      named by      509 classes: spark-sql_2.12-3.5.9.jar (318), spark-mllib_2.12-3.5.9.jar (160), spark-hive_2.12-3.5.9.jar (25), 2 more jars; such as org.apache.spark.sql.hive.thriftserver.SparkSQLSessionManager

    void org.apache.spark.sql.SparkSession.close()
      JVMS 5.4.3.3  org.apache.spark.sql.SparkSession has it (public)
      found         public in org.apache.spark.sql.SparkSession, of spark-sql_2.12-3.5.9.jar
      named by      no class of a jar
    ---
    0
    org.apache.hadoop.hive.common.ValidReadTxnList
      from          hive-common-2.3.9.jar, jar 65
      because       the first on the class path that has it; a directory's own order may be another
      hides         hive-storage-api-2.8.1.jar, jar 76 (differs)
      extends       java.lang.Object
      state         loads and links
      named by      9 classes: hive-exec-2.3.9-core.jar (7), hive-common-2.3.9.jar (1), hive-metastore-2.3.9.jar (1); such as org.apache.hadoop.hive.common.ValidCompactorTxnList
    ");
}

#[test]
fn files_that_settings_name_are_looked_for() {
    let own = |name: &str| fs::read_to_string(repository().join(name)).unwrap();
    let conf = r#"
[spark.conf]
"spark.driver.extraClassPath" = "/opt/spark/jars/*:/opt/spark/jars/derby.jar"
"spark.driver.extraLibraryPath" = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server"
"spark.files" = "local:///usr/lib/sparkbake/sparkbake.lock,/data/lookup.csv"
"spark.metrics.conf" = "/etc/spark/log4j2.properties"
"spark.pyspark.python" = "/usr/bin/python3"
"#;
    let dir = project("named-files", &(own("profiles/minimal.toml") + conf));
    fs::write(dir.join("sparkbake.lock"), own("lockfiles/minimal.lock")).unwrap();
    let ran = sparkbake_in(cache(), &dir, &["plan", "--color", "never"]);
    assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
    insta::assert_snapshot!(String::from_utf8(ran.stderr).unwrap(), @r#"
    error[path-missing]: `spark.driver.extraClassPath` names /opt/spark/jars/derby.jar, which is not in the image
      --> sparkbake.toml:19:33
       |
    19 | "spark.driver.extraClassPath" = "/opt/spark/jars/*:/opt/spark/jars/derby.jar"
       |                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not in the image
       |
       = note: nothing in the image creates it before Spark starts
       = help: copy it there with `[[app.copy]]`; if a volume brings it, allow it in `[lints]`

    error[path-missing]: `spark.files` names /data/lookup.csv, which is not in the image
      --> sparkbake.toml:21:17
       |
    21 | "spark.files" = "local:///usr/lib/sparkbake/sparkbake.lock,/data/lookup.csv"
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not in the image
       |
       = note: nothing in the image creates it before Spark starts
       = help: copy it there with `[[app.copy]]`; if a volume brings it, allow it in `[lints]`
    error: sparkbake.toml: 2 errors
    "#);

    // What is there has a layer.
    let mended = conf.replace(":/opt/spark/jars/derby.jar", "").replace(",/data/lookup.csv", "");
    fs::write(dir.join("sparkbake.toml"), own("profiles/minimal.toml") + &mended).unwrap();
    let told = sparkbake(&dir, &["plan", "--color", "never"]);
    let section = told.split_once("Files that settings name\n").unwrap().1;
    for (setting, layer) in [
        ("spark.driver.extraLibraryPath /usr/lib/jvm/java-17-openjdk-amd64/lib/server", "java"),
        ("spark.files /usr/lib/sparkbake/sparkbake.lock", "lock"),
        ("spark.metrics.conf /etc/spark/log4j2.properties", "settings"),
    ] {
        assert!(section.contains(&format!("  {setting}\n      in {layer}\n")), "{setting}: {section}");
    }
    assert!(section.contains("/opt/spark/jars/*\n      in spark-jars-1, spark-jars-2"), "{section}");
}

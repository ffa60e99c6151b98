//! `tree` over the locks of the built-in profiles: who wants what, and what is there instead.

use std::fmt::Write as _;

use crate::world::{PROFILE, World};

const ASKED: &[&[&str]] = &[
    &["tree", "spark-3.5", "spark-4.1", "--invert", "jackson-databind"],
    &["tree", "spark-3.5", "spark-4.1", "--invert", "com.google.guava:guava"],
    &["tree", "spark-3.5", "spark-4.1", "--invert", "numpy"],
    &["tree", "spark-3.5", "--invert", "azure-storage"],
    &["tree", "spark-3.5", "minimal", "--invert", "guaav"],
];

#[test]
fn who_wants_which_version() {
    let world = World::new(PROFILE);
    let mut text = String::new();
    for arguments in ASKED {
        let ran = world.run(arguments);
        let said = [&ran.stderr[..], &ran.stdout].map(String::from_utf8_lossy).concat();
        writeln!(text, "$ sparkbake {}\n{said}[{}]\n", arguments.join(" "), ran.status.code().unwrap()).unwrap();
    }
    insta::assert_snapshot!(text, @"
    $ sparkbake tree spark-3.5 spark-4.1 --invert jackson-databind
    com.fasterxml.jackson.core:jackson-databind 2.21.2, Spark's own (spark-4.1)
    ├── com.fasterxml.jackson.datatype:jackson-datatype-jdk8 wants 2.13.5
    ├── io.delta:delta-kernel-api wants 2.13.5
    └── io.delta:delta-kernel-defaults wants 2.13.5
    [0]

    $ sparkbake tree spark-3.5 spark-4.1 --invert com.google.guava:guava
    com.google.guava:guava 14.0.1, Spark's own (spark-3.5)
    └── com.microsoft.azure:azure-keyvault-core wants 20.0
    [0]

    $ sparkbake tree spark-3.5 spark-4.1 --invert numpy
    numpy 1.26.4 (spark-3.5)
    ├── python.requirements
    ├── pandas 2.2.3
    │   └── python.requirements
    ├── scikit-learn 1.7.2
    │   └── python.requirements
    └── scipy 1.17.1
        └── scikit-learn 1.7.2
            └── python.requirements
    numpy 2.3.5 (spark-4.1)
    ├── python.requirements
    ├── pandas 2.3.3
    │   └── python.requirements
    ├── scikit-learn 1.7.2
    │   └── python.requirements
    └── scipy 1.17.1
        └── scikit-learn 1.7.2
            └── python.requirements
    [0]

    $ sparkbake tree spark-3.5 --invert azure-storage
    com.microsoft.azure:azure-storage 7.0.1 (spark-3.5)
    └── org.apache.hadoop:hadoop-azure 3.3.4
        └── maven.jars
    [0]

    $ sparkbake tree spark-3.5 minimal --invert guaav
    error: no lock given holds `guaav`
    [2]
    ");
}

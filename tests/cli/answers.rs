//! Every question to the matrix with its whole answer, and every kind of mistake, as transcripts below
//! `snapshots/`.

use std::fmt::Write as _;

use crate::world::{PROFILE, World};

const TEXTS: &[&[&str]] = &[
    &["matrix", "show"],
    &["matrix", "show", "--spark", "3.5", "--java", "21", "--format", "csv"],
    &["matrix", "check", "spark=4.3.0", "java=25", "python=3.13", "debian=trixie"],
    &["matrix", "check", "spark=4.1.4", "java=25", "pyarrow=22.0.0"],
    &["matrix", "solve", "spark=3.5", "pandas=>=2", "uses=pandas-on-spark"],
    &["matrix", "solve", "spark=3.5.9", "java=25", "debian=trixie"],
    &["explain", "pyarrow-minimum"],
    &["explain", "spark=4.0.5 java=11"],
    &["explain", "java-floor-4"],
    &["explain", "derby-java"],
    &["matrix", "connectors", "--spark", "4.2"],
    &["matrix", "connectors", "--spark", "3.5.9", "mongo-spark"],
    &["matrix", "connectors", "--spark", "4.2.1", "iceberg"],
    &["matrix", "diff", "4.2.0", "4.3.0"],
    &["matrix", "eol", "--on", "2027-01-01"],
];

const DOCUMENTS: &[&[&str]] = &[
    &["matrix", "show", "--spark", "4.3", "--json"],
    &["matrix", "check", "spark=4.0.5", "java=11", "--json"],
    &["matrix", "check", "spark=4.3.0", "java=28", "--json"],
    &["matrix", "solve", "spark=3.5.9", "debian=bookworm", "delta=*", "--json"],
    &["matrix", "solve", "spark=3.5.9", "java=25", "debian=trixie", "--json"],
    &["explain", "scala-line", "--json"],
    &["explain", "spark=4.0.5 java=11", "--json"],
    &["explain", "java-ugi-getsubject", "--json"],
    &["explain", "derby-java", "--json"],
    &["matrix", "connectors", "--spark", "3.5.9", "hadoop-azure", "--json"],
    &["matrix", "diff", "4.1.3", "4.1.4", "--json"],
    &["matrix", "eol", "--on", "2027-01-01", "--json"],
];

const MISTAKES: &[&[&str]] = &[
    &["matrix", "check", "sprk=3.5.9", "jvaa=17", "pandsa=3", "spark=3.9.9"],
    &["matrix", "check", "spark=3.5.99", "java=abc", "python=3.x", "uses=foo,bar"],
    &["matrix", "check", "spark=3.5.9", "spark=4.1.4"],
    &["matrix", "check", "spark=>=3.5", "--json"],
    &["matrix", "check", "spark=", "pandas=abc"],
    &["matrix", "check"],
    &["matrix", "check", "spark=3.5.9", "java=177"],
    &["matrix", "check", "spark=3.5.9", "python=3.77", "hadoop=9.9", "scala=2.99", "delta=99.9"],
    &["matrix", "solve", "sprk=*", "java=>="],
    &["matrix", "solve", "java=>=99"],
    &["matrix", "show", "--spark", "3.99", "--java", "abc", "--json"],
    &["matrix", "connectors", "--spark", "3.55", "dleta"],
    &["matrix", "connectors", "dleta"],
    &["matrix", "diff", "3.5.99", "4.7", "--json"],
    &["matrix", "eol", "--on", "2027-13-01"],
    &["matrix", "derive"],
    &["explain", "java-getsubjct"],
    &["explain", "sprk=3 jvaa=17", "--json"],
    &["explain", "spark=3.5.9 java=177"],
    &["matrix", "chek"],
];

/// What a terminal would show of these commands.
fn transcript(commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for args in commands {
        let ran = World::new(PROFILE).run(args);
        let quoted = |word: &&str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.=,".contains(&b);
            if word.bytes().all(plain) { (*word).to_owned() } else { format!("'{word}'") }
        };
        let words: Vec<String> = args.iter().map(quoted).collect();
        let said = [&ran.stderr[..], &ran.stdout].map(String::from_utf8_lossy).concat();
        let _ = write!(text, "$ sparkbake {}\n{said}", words.join(" "));
        if let Some(code @ 1..) = ran.status.code() {
            let _ = writeln!(text, "[{code}]");
        }
        text.push('\n');
    }
    text
}

#[test]
fn answers_for_people() {
    insta::assert_snapshot!(transcript(TEXTS));
}

#[test]
fn answers_for_programs() {
    insta::assert_snapshot!(transcript(DOCUMENTS));
}

#[test]
fn mistakes_and_versions_that_nobody_knows() {
    insta::assert_snapshot!(transcript(MISTAKES));
}

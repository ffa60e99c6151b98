//! Completion as Bash does it: the function of the script is called with a line, as Bash calls it.

use std::fs;
use std::path::Path;
use std::process::Command;

const ASK: &str = r#"
source <(sparkbake completions bash)
compopt() { :; }
while read -r COMP_LINE; do
    COMP_LINE=${COMP_LINE//_/ }
    COMP_POINT=${#COMP_LINE}
    _sparkbake
    echo "${COMPREPLY[*]}"
done
"#;

/// What Bash would put in place of the last word; `_` stands for a blank.
fn completed(lines: &[&str]) -> Vec<String> {
    let asked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completions.txt");
    fs::write(&asked, lines.join("\n") + "\n").unwrap();
    let mut path = Path::new(env!("CARGO_BIN_EXE_sparkbake")).parent().unwrap().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK]).env("PATH", path).stdin(fs::File::open(asked).unwrap());
    let ran = bash.output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{}", crate::said(&ran));
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_axes_versions_connectors_and_rules() {
    let cases = [
        ("sparkbake matrix che", "check"),
        ("sparkbake matrix check hado", "hadoop= hadoop-aws= hadoop-azure= hadoop-azure-datalake="),
        ("sparkbake matrix check spark=4.3", "4.3.0"),
        ("sparkbake matrix check spark=3.5.9 java=", "8 11 17 21 25 26"),
        ("sparkbake matrix solve spark=>=3.5.8,<4.1 debian=t", "trixie"),
        ("sparkbake matrix solve delta=3.3", "3.3.0 3.3.1 3.3.2 3.3.3"),
        ("sparkbake matrix check uses=arrow,m", "arrow,ml"),
        ("sparkbake matrix show --java 1", "11 17"),
        ("sparkbake matrix connectors --spark 4.3", "4.3.0"),
        ("sparkbake matrix connectors --spark 4.3.0 ice", "iceberg"),
        ("sparkbake matrix diff 3.5.9 4.2", "4.2.0 4.2.1"),
        ("sparkbake explain java-get", "java-getsubject java-getsubject-41"),
        ("sparkbake explain spark=4.3", "4.3.0"),
        ("sparkbake matrix check nothing=", ""),
        ("sparkbake build --format_", "oci docker"),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, answer)| *answer).collect();
    assert_eq!(completed(&lines), expected);
}

#[test]
fn every_shell_has_a_script_that_asks_for_the_words() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Command::new(env!("CARGO_BIN_EXE_sparkbake")).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(ran.stdout).unwrap();
        assert!(script.contains(&format!("sparkbake completions {shell} -- ")), "{script}");
    }
    let ran = Command::new(env!("CARGO_BIN_EXE_sparkbake")).args(["completions", "csh"]).output().unwrap();
    crate::expect(&ran, 2, &["invalid value 'csh'", "bash, zsh, fish"]);
}

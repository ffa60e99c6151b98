//! Code that nobody would write.

use proptest::prelude::*;

use super::{PROFILE, found, said, said_of};

/// Pieces of Python that the rules look for, in any order.
const PIECES: &[&str] = &[
    "import ",
    "from ",
    "os",
    ".",
    "environ",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "'spark.driver.memory'",
    "'8g'",
    ",",
    " = ",
    ".config",
    ".set",
    ".master",
    "builder",
    "\n",
    "    ",
    "if ",
    "else",
    ":",
    "try",
    "except",
    "for ",
    " in ",
    "a",
    "b",
    "f'{a}'",
    "'{}'.format",
    "+",
    "%",
    "*",
    "lambda ",
    "def f",
    "class A",
    "return ",
    "*a",
    "**b",
    "'jdbc:x://'",
    ".items()",
    "0",
    "-1",
    "\"\"\"",
    "\\",
    "é",
    "\u{feff}",
    "\t",
    "#",
    "@",
    "async ",
    "await ",
    "match a:\n case ",
    "global a",
    ":=",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = said(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_pieces_end_in_an_answer(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..120)) {
        let _ = said(&pieces.concat());
    }
}

#[test]
fn names_that_lead_in_circles_or_grow() {
    let lines = |line: &dyn Fn(u32, u32) -> String| (1..60).map(|n| line(n, n - 1)).collect::<Vec<_>>().concat();
    let doubling = lines(&|n, last| format!("a{n} = a{last} + a{last}\n"));
    let lists = lines(&|n, last| format!("l{n} = [l{last}, l{last}]\n"));
    let code = format!(
        "from pyspark.sql import SparkSession\nx = y\ny = x\na0 = 'spark.'\n{doubling}l0 = 'x'\n{lists}\
         b = SparkSession.builder.config(x, a59).config(a59, y).config(map={{'spark.a': l59}})\n"
    );
    assert_eq!(said(&code), "");
    let circle = [
        ("app/main.py", "from other import A\nfrom pyspark.sql import SparkSession\nSparkSession.builder.master(A)\n"),
        ("app/other.py", "from main import A\n"),
    ];
    assert_eq!(said_of(&circle), "");
}

#[test]
fn nesting_is_refused_and_not_followed() {
    let deep = format!("x = {}\n", "(".repeat(100_000));
    insta::assert_snapshot!(said(&deep), @"error[python-syntax] :1  -- Python 3.11 does not take `app/main.py`: too many nested parentheses");
    assert_eq!(said(&format!("x = a{}\n", ".b()".repeat(1000))), "");
    let chain = format!("b = SparkSession.builder{}\n", ".config('spark.x', 1)".repeat(1000));
    assert_eq!(said(&format!("from pyspark.sql import SparkSession\n{chain}")), "");
}

#[test]
fn many_files_take_little_time() {
    let text = "import os\nfrom pyspark.sql import SparkSession\n\n\ndef run(spark):\n    df = spark.read.parquet('/data/x')\n    \
                return df.groupBy('a').count().collect()\n\n\n"
        .repeat(20);
    let names: Vec<String> = (0..300).map(|n| format!("app/m{n}.py")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
    files.push(("app/main.py", "import m1\n"));
    let start = std::time::Instant::now();
    assert_eq!(found(PROFILE, "3.11", &files), []);
    // A debug build on a busy machine: what this finds is work that grows with the square of the files.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

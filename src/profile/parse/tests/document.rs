//! Mistakes of the document as a whole, of `[target.aci]`, and hostile texts.

use super::{SIZE, beside_size, shown};

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
      = note: its only key is `aci`
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
      = note: its keys are `spark`, `hadoop`, `scala`, `java`, `python`, `debian`, `base` and `uses`

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
        "\"a:b\",".to_owned() + &" ".repeat(400)
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
      = note: its keys are `jars`, `files`, `exclude` and `override`
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
    insta::assert_snapshot!(shown(&deep).lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n"), @"
    error[toml-syntax]: cannot recurse further; max recursion depth met
    error[toml-syntax]: unclosed array, expected `]`
    ");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    /// Every string of the user goes through a shape: none of them may end the tool.
    #[test]
    fn no_text_ends_the_tool(text in "[ -~é日\u{0}\u{9b}\u{202e}\n]{0,40}", head in "[a-z_ =()<>!~@.,0-9é\\[\\]-]{0,20}", marker in "(python_version|os_name|extra|'3.1'|'é'| and | or | in | not in |\\(|\\)|[<>=!~]{1,3}|[ -~]){0,9}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let requirement = serde_json::to_string(&format!("a{head};{marker}")).unwrap();
        for values in [
            format!("required-version = {quoted}\n[stack]\nspark = {quoted}\njava = {quoted}\nuses = [{quoted}]"),
            format!("[maven]\njars = [{quoted}]\nfiles = [{quoted}]\noverride = {{ {quoted} = {quoted} }}"),
            format!("[python]\nrequirements = [{quoted}, {requirement}]\nfiles = [{quoted}]"),
            format!("[debian]\npackages = [{quoted}]\npin = {{ {quoted} = {quoted} }}\nkeys = [{quoted}]"),
            format!("[image]\nrepository = {quoted}\nlabels = {{ {quoted} = {quoted} }}\n[spark.conf]\n{quoted} = {quoted}"),
            format!("[lints]\n{quoted} = {quoted}\n[classpath]\nrequire = [{quoted}]\n[[app.copy]]\nto = {quoted}\nfrom = {quoted}"),
            text.clone(),
        ] {
            let text = format!("{values}\n{SIZE}");
            if let Err(problems) = super::parse("x", super::source(&text)) {
                let problems = super::levels(problems, &[], false);
                let shown = super::render(&problems, &super::source(&text), false);
                proptest::prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", shown);
            }
        }
    }
}

//! Layers over each other, and what is found or missed in them.

use super::*;
use crate::layer::Found as Entry_;
use crate::plan::Attributes;
use crate::problem::{Level, SourceFile, render};

fn entry(kind: &'static str, path: &str) -> Entry_ {
    Entry_ {
        path: path.to_owned(),
        kind,
        mode: if kind == "directory" { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        user: String::new(),
        group: String::new(),
        mtime: 0,
        link: None,
        records: BTreeMap::new(),
        size: 0,
        sha256: None,
    }
}

fn file(path: &str) -> Entry_ {
    entry("file", path)
}

fn directory(path: &str) -> Entry_ {
    entry("directory", path)
}

fn link(kind: &'static str, path: &str, target: &str) -> Entry_ {
    Entry_ { link: Some(target.to_owned()), ..entry(kind, path) }
}

fn texts(all: &[(&str, &str)]) -> Kept {
    let texts = all.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Kept { texts, ..Kept::default() }
}

fn root(layers: &[&[Entry_]]) -> Root {
    let mut root = Root::default();
    for layer in layers {
        root.apply("a layer", layer, Kept::default()).unwrap();
    }
    root
}

fn paths(root: &Root) -> Vec<&str> {
    ["a", "a/b", "a/c", "a/d", "ab", "x"].into_iter().filter(|path| root.get(path).is_some()).collect()
}

#[test]
fn whiteouts_hide_what_lies_below_and_nothing_of_their_own_layer() {
    let below: &[Entry_] = &[directory("a"), file("a/b"), file("a/c"), file("ab"), file("x")];
    assert_eq!(paths(&root(&[below, &[file("a/.wh.b")]])), ["a", "a/c", "ab", "x"]);
    assert_eq!(paths(&root(&[below, &[file(".wh.a")]])), ["ab", "x"]);
    // Opaque, wherever in the layer it stands.
    assert_eq!(paths(&root(&[below, &[file("a/d"), file("a/.wh..wh..opq")]])), ["a", "a/d", "ab", "x"]);
    assert_eq!(paths(&root(&[below, &[file(".wh..wh..opq"), file("x")]])), ["x"]);
    // A file where a directory was, and the other way round.
    assert_eq!(paths(&root(&[below, &[file("a")]])), ["a", "ab", "x"]);
    assert_eq!(paths(&root(&[below, &[file("a")], &[directory("a"), file("a/d")]])), ["a", "a/d", "ab", "x"]);
}

#[test]
fn a_hostile_layer_is_refused_at_its_first_entry_that_no_layer_has() {
    let below: &[Entry_] = &[link("symbolic link", "bin", "usr/bin"), file("x"), directory("a")];
    let cases = [
        file("../x"),
        file("/x"),
        file("a//b"),
        file("bin/x"),
        file("x/y"),
        file("a/.wh..."),
        file(".wh."),
        file(".wh.a/b"),
        file(".wh..wh.plnk"),
        link("hard link", "y", "../../etc/passwd"),
        link("hard link", "y", "a"),
        link("hard link", "y", "y"),
        entry("sparse file", "y"),
        entry("entry of an unknown kind", "y"),
        Entry_ { uid: 1 << 32, ..directory("b") },
    ];
    let refused = |case: &Entry_| {
        let mut root = root(&[below]);
        root.apply("base-2", std::slice::from_ref(case), Kept::default()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(cases.iter().map(refused).collect::<Vec<_>>().join("\n"), @"
    base-2: /../x has a `.` or `..` component
    base-2: //x is absolute
    base-2: /a//b has an empty component
    base-2: /bin/x leads through /bin, which is no directory
    base-2: /x/y leads through /x, which is no directory
    base-2: /a/.wh... is a whiteout of nothing that can be
    base-2: /.wh. is a whiteout of nothing that can be
    base-2: /.wh.a/b has a component that a layer would read as a whiteout
    base-2: /.wh..wh.plnk is a whiteout of nothing that can be
    base-2: /y is a hard link to no file: ../../etc/passwd
    base-2: /y is a hard link to no file: a
    base-2: /y is a hard link to no file: y
    base-2: /y is neither file, directory nor link: sparse file
    base-2: /y is neither file, directory nor link: entry of an unknown kind
    base-2: /b has an owner beyond 32 bits
    ");
}

#[test]
fn what_is_kept_is_bounded() {
    let of = |path: &str, size| Entry_ { size, ..file(path) };
    let kept = Kept::default();
    assert_eq!(kept.wants(&of("etc/passwd", 1000)).unwrap(), Keep::Text);
    assert_eq!(kept.wants(&of("usr/lib/jvm/java/release", 1000)).unwrap(), Keep::Text);
    assert_eq!(kept.wants(&of("usr/lib/jvm/java/lib/modules", 100 << 20)).unwrap(), Keep::Blob);
    assert_eq!(kept.wants(&of("usr/share/passwd", 1000)).unwrap(), Keep::Nothing);
    // Of a name that others use too, and large.
    assert_eq!(kept.wants(&of("data/release", 2 << 20)).unwrap(), Keep::Nothing);
    for large in [of("etc/passwd", 2 << 20), of("var/lib/dpkg/status", 1 << 30), of("java/lib/modules", 2 << 30)] {
        assert!(kept.wants(&large).is_err(), "{}", large.path);
    }
    let mut kept = Kept::default();
    for i in 0..64 {
        assert_eq!(kept.wants(&of(&format!("{i}/release"), 1)).unwrap(), Keep::Text);
        kept.texts.insert(format!("{i}/release"), "x".to_owned());
    }
    assert!(kept.wants(&of("64/release", 1)).is_err());
}

#[test]
fn paths_are_followed_through_links_and_not_for_ever() {
    let root = root(&[&[
        directory("usr"),
        directory("usr/bin"),
        file("usr/bin/dash"),
        link("symbolic link", "usr/bin/sh", "dash"),
        link("symbolic link", "bin", "/usr/bin"),
        link("symbolic link", "up", "../../usr/./bin"),
        link("symbolic link", "loop", "loop"),
        link("hard link", "usr/bin/ash", "usr/bin/dash"),
    ]]);
    for path in ["bin/sh", "up/sh", "usr/bin/ash", "usr//bin/sh"] {
        assert!(root.has_file(path), "{path}");
    }
    for path in ["bin", "loop", "loop/x", "bin/zsh", "usr/bin/dash/x"] {
        assert!(!root.has_file(path), "{path}");
    }
}

/// A base that has all that is needed.
fn whole(mut layers: Vec<Entry_>) -> Root {
    let mut root = Root::default();
    let home = "usr/lib/jvm/java-17-openjdk-amd64";
    let needed = NEEDED.iter().map(|needed| file(needed.path));
    layers.extend(needed);
    let java = ["bin/java", "lib/modules", "release"].map(|name| file(&format!("{home}/{name}")));
    layers.extend(java);
    layers.extend([file("usr/bin/python3.11"), link("symbolic link", "usr/bin/python3", "python3.11")]);
    let release = format!("{home}/release");
    let mut kept = texts(&[
        ("etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
        (&release, "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.19\"\n"),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\njboss:x:185:0::/:/bin/sh\nspark:x:9:9::/:/bin/sh"),
        (
            "var/lib/dpkg/status",
            "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\nPackage: python3.11-minimal\n\
             Status: install ok installed\nDescription: x\n Package: y\nVersion: 3.11.2-6+deb12u6\n",
        ),
    ]);
    kept.blobs.insert(format!("{home}/lib/modules"), (crate::digest::Digest::of(b"modules"), 7));
    layers.extend(kept.texts.keys().filter(|path| **path != release).map(|path| file(path)));
    root.apply("base-1", &layers, kept).unwrap();
    root
}

fn shown(problems: &[Problem], text: &str) -> String {
    let source = SourceFile { name: "x.toml".to_owned(), text: text.to_owned() };
    let weighed: Vec<(Level, Problem)> = problems.iter().map(|one| (one.code.level, one.clone())).collect();
    render(&weighed, &source, false)
}

#[test]
fn java_and_python_are_found_where_they_lie() {
    let found = examine(&whole(Vec::new()), &BTreeMap::new(), &At::default()).unwrap();
    let expected = Found {
        java: "17.0.19".to_owned(),
        java_home: "/usr/lib/jvm/java-17-openjdk-amd64".to_owned(),
        python: "3.11.2".to_owned(),
        suite: "bookworm".to_owned(),
    };
    assert_eq!(found, expected);
}

#[test]
fn all_that_a_base_lacks_is_said_at_once() {
    let text = "base = \"x\"";
    let at = At { key: "stack.base".to_owned(), span: 7..10, ..At::default() };
    let said = |root: &Root| shown(&examine(root, &BTreeMap::new(), &at).unwrap_err(), text);
    let mut lacking = whole(Vec::new());
    let gone = ["usr/bin/.wh.tini", "bin/.wh.bash", "usr/lib/.wh.jvm", "usr/bin/.wh.python3.11"].map(file);
    lacking.apply("base-2", &gone, Kept::default()).unwrap();
    lacking
        .apply(
            "base-3",
            &[file("etc/os-release")],
            texts(&[("etc/os-release", "ID=alpine\nPRETTY_NAME=\"Alp\u{1b}ine\"\n")]),
        )
        .unwrap();
    insta::assert_snapshot!(said(&lacking), @r#"
    error[base-lacks]: the base has no /usr/bin/tini
     --> x.toml:1:8
      |
    1 | base = "x"
      |        ^^^ this base
      |
      = note: the entrypoint is process 1 through it: it forwards signals and reaps workers
      = help: install Debian's package tini in the base

    error[base-lacks]: the base has no /bin/bash
     --> x.toml:1:8
      |
    1 | base = "x"
      |        ^^^ this base
      |
      = note: spark-class and spark-submit are scripts of it
      = help: install Debian's package bash in the base

    error[base-lacks]: the base is Alp\u{1b}ine, no Debian
     --> x.toml:1:8
      |
    1 | base = "x"
      |        ^^^ this base
      |
      = note: wheels are chosen by the C library of a Debian suite, and its Python's directories are known

    error[base-lacks]: the base has no Java
     --> x.toml:1:8
      |
    1 | base = "x"
      |        ^^^ this base
      |
      = note: no directory has a `release` that names JAVA_VERSION, a bin/java and a lib/modules
      = help: install a Java runtime in the base: openjdk-17-jre-headless on bookworm

    error[base-lacks]: the base has no /usr/bin/python3
     --> x.toml:1:8
      |
    1 | base = "x"
      |        ^^^ this base
      |
      = note: Spark's Python and its workers are started as that; another Python elsewhere is not looked for
      = help: install Debian's package python3 in the base
    "#);
}

#[test]
fn the_accounts_get_sparks_user_in_place_of_what_has_its_name_or_number() {
    let entries = accounts(&whole(Vec::new()));
    let text = |entry: &Entry| match &entry.kind {
        crate::tree::Kind::File(Source::Bytes(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
        _ => String::new(),
    };
    assert_eq!(text(&entries[0]), "root:x:0:0:root:/root:/bin/bash\nspark:x:185:185:Spark:/home/spark:/bin/bash\n");
    assert_eq!(text(&entries[1]), "spark:x:185:\n");
}

#[test]
fn a_pin_that_the_base_does_not_meet_is_refused_and_what_is_open_is_the_bases() {
    let text = "target.aci = { cpu = 1, memory-gb = 2 }\n[stack]\njava = \"21\"\nbase = \"oci:x@sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n";
    let read = |text: &str| {
        let source = SourceFile { name: "x.toml".to_owned(), text: text.to_owned() };
        crate::profile::parse("x", source).unwrap()
    };
    let found = examine(&whole(Vec::new()), &BTreeMap::new(), &At::default()).unwrap();
    let profile = read(text);
    let base = profile.stack.base.clone().unwrap();
    let problems = pinned(&profile, &base, &found).unwrap_err();
    insta::assert_snapshot!(shown(&problems, text), @r#"
    error[base-differs]: `stack.java` is 21, and the base has 17.0.19
     --> x.toml:3:8
      |
    3 | java = "21"
      |        ^^^^ asked for here
    4 | base = "oci:x@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      |        ------------------------------------------------------------------------------- this base has 17.0.19
      |
      = help: set `java = "17"`, leave it out, or take another base
    "#);
    let profile = read(&text.replace("java = \"21\"\n", ""));
    let pinned = pinned(&profile, &base, &found).unwrap();
    let stack = crate::matrix::select(&pinned, None).unwrap().stack;
    assert_eq!([stack.java, stack.python, stack.debian], ["17", "3.11", "bookworm"]);
    // A Java that Debian's archives do not carry is no matter for a base.
    let other = Found { java: "21.0.4".to_owned(), ..found };
    let pinned = super::pinned(&read(&text.replace("java = \"21\"\n", "spark = \"4.0\"\n")), &base, &other).unwrap();
    assert_eq!(crate::matrix::select(&pinned, None).unwrap().stack.java, "21");
}

#[test]
fn what_would_mix_with_the_base_is_refused() {
    let site = "usr/local/lib/python3.11/dist-packages";
    let more = [directory(&format!("{site}/Num_Py-1.0.dist-info")), directory("opt/spark")];
    let root = whole(more.into());
    let ours = |path: &str| Entry::file(ImagePath::new(path).unwrap(), 0o644, Source::Bytes(Vec::new()));
    let entries = [
        ours(&format!("{site}/num_py-2.0.dist-info/METADATA")),
        ours(&format!("{site}/other-2.0.dist-info/METADATA")),
        Entry::symlink(ImagePath::new("opt/spark").unwrap(), "x"),
        Entry::directory(ImagePath::new("usr").unwrap(), 0o755),
    ];
    let problems = mixed(&root, &entries.iter().collect::<Vec<_>>(), &At::default());
    let said: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    the base has Num_Py-1.0 in /usr/local/lib/python3.11/dist-packages already, and the image gets num_py-2.0
    the base has a directory at /opt/spark, where the image gets something else
    ");
}

#[test]
fn the_environment_is_taken_over_but_for_what_fights_the_plan() {
    let pairs = ["PATH=/x", "JAVA_TOOL_OPTIONS=-Xmx9g", "SPARK_HOME=/y", "PYTHONPATH=/z", "A=b=c", "=x", "B", "LANG=C"];
    let (kept, left_out) = environment(&pairs.map(str::to_owned));
    let kept: Vec<String> = kept.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(kept, ["A=b=c", "LANG=C", "PATH=/x"]);
    assert_eq!(left_out, ["JAVA_TOOL_OPTIONS", "SPARK_HOME", "PYTHONPATH", ""]);
}

#[test]
fn layers_above_know_its_directories_and_links() {
    let owned = Entry_ { mode: 0o700, uid: 5, ..directory("srv") };
    let outline = root(&[&[owned, directory("usr"), link("symbolic link", "bin", "usr/bin")]]).outline();
    let attributes = Attributes { mode: 0o700, uid: 5, gid: 0 };
    let path = |text: &str| ImagePath::new(text).unwrap();
    assert_eq!(outline.directories.into_iter().collect::<Vec<_>>(), [(path("srv"), attributes)]);
    assert_eq!(outline.symlinks.into_iter().collect::<Vec<_>>(), [path("bin")]);
}

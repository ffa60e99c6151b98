//! Wheels and PySpark's sdist, crafted small: what is refused, and where files go.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::install::{clashes, entries};
use super::wheel::{Wheel, base64, metadata_of, unpack};
use super::{Site, normalise, pyspark, sdist};
use crate::digest::Digest;
use crate::tree::{Entry, Kind, Source};

#[test]
fn names_are_normalised_as_pep_503_says() {
    for (name, expected) in [("Foo.Bar", "foo-bar"), ("a_-_b", "a-b"), ("scikit_learn", "scikit-learn")] {
        assert_eq!(normalise(name), expected);
    }
}

const META: &[u8] = b"Metadata-Version: 2.1\nName: Foo\nVersion: 1.0\n";
const WHEEL: &[u8] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

/// A wheel of these files beside its metadata; `record` changes its RECORD.
fn wheel(files: &[(&str, u32, &[u8])], record: impl Fn(String) -> String) -> Vec<u8> {
    let mut all = files.to_vec();
    all.extend([("foo-1.0.dist-info/METADATA", 0o644, META), ("foo-1.0.dist-info/WHEEL", 0o644, WHEEL)]);
    let line = |(name, _, bytes): &(&str, u32, &[u8])| {
        format!("{name},sha256={},{}\n", base64(&Digest::of(bytes)), bytes.len())
    };
    let lines = record(all.iter().map(line).collect::<Vec<_>>().concat() + "foo-1.0.dist-info/RECORD,,\n");
    all.push(("foo-1.0.dist-info/RECORD", 0o644, lines.as_bytes()));
    zipped(&all)
}

fn zipped(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn unpacked(bytes: &Vec<u8>) -> (Wheel, Vec<u8>) {
    let mut spool = Vec::new();
    let wheel = unpack(bytes, "foo.whl", &mut spool).unwrap();
    (wheel, spool)
}

fn shown(entries: &[Entry], spool: &[u8]) -> Vec<String> {
    let text = |source: &Source| match source {
        Source::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Source::Member { offset, size, .. } => {
            let start = usize::try_from(*offset).unwrap();
            String::from_utf8_lossy(&spool[start..start + usize::try_from(*size).unwrap()]).into_owned()
        }
        Source::Blob { .. } => panic!("no blob is expected"),
    };
    let show = |entry: &Entry| match &entry.kind {
        Kind::File(source) => format!("{:o} {} {:?}", entry.mode, entry.path, text(source)),
        _ => panic!("only files are expected"),
    };
    entries.iter().map(show).collect()
}

#[test]
fn a_wheel_is_laid_out_as_pip_does_on_debian() {
    let bytes = wheel(
        &[
            ("foo/__init__.py", 0o644, b"x = 1\n"),
            ("foo/tool", 0o775, b"#!/bin/sh\n"),
            ("foo-1.0.data/scripts/run", 0o644, b"#!python -u\nimport foo\n"),
            ("foo-1.0.data/data/share/foo.jar", 0o644, b"jar"),
            ("foo-1.0.data/headers/foo.h", 0o644, b"h"),
            ("foo-1.0.data/platlib/foo/fast.so", 0o755, b"elf"),
            (
                "foo-1.0.dist-info/entry_points.txt",
                0o644,
                b"[console_scripts]\nfoo = foo.cli:main.run [x]\n[other]\na=b\n",
            ),
        ],
        |record| record,
    );
    let (wheel, spool) = unpacked(&bytes);
    let site = Site::debian("3.11").unwrap();
    let entries = entries(&wheel, &Digest::of(&bytes), &site, &spool).unwrap();
    let lines = shown(&entries, &spool);
    let record = lines.iter().find(|line| line.contains("/RECORD ")).unwrap().clone();
    let others: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.contains(".dist-info/")).collect();
    assert_eq!(
        others,
        [
            "755 /usr/local/bin/foo \"#!/usr/bin/python3\\nimport sys\\n\\nfrom foo.cli import main\\n\\nif __name__ == \\\"__main__\\\":\\n    sys.exit(main.run())\\n\"",
            "755 /usr/local/bin/run \"#!/usr/bin/python3\\nimport foo\\n\"",
            "644 /usr/local/include/python3.11/Foo/foo.h \"h\"",
            "644 /usr/local/lib/python3.11/dist-packages/foo/__init__.py \"x = 1\\n\"",
            "755 /usr/local/lib/python3.11/dist-packages/foo/fast.so \"elf\"",
            "755 /usr/local/lib/python3.11/dist-packages/foo/tool \"#!/bin/sh\\n\"",
            "644 /usr/local/share/foo.jar \"jar\"",
        ]
    );
    for part in ["../../../bin/foo,sha256=", "foo-1.0.dist-info/RECORD,,\\n", "foo/fast.so,sha256=", ",3\\n"] {
        assert!(record.contains(part), "{part} in {record}");
    }
    assert_eq!(record.matches("\\n").count(), entries.len());
    let listed: Vec<&str> = record.split_once('"').unwrap().1.split("\\n").filter(|line| line.contains(',')).collect();
    assert!(listed.is_sorted() && listed.len() == entries.len(), "{record}");
    assert!(!record.contains(".pyc"), "{record}");
    assert_eq!(metadata_of(&bytes, "foo.whl").unwrap(), META);
}

#[test]
fn record_spells_digests_as_pip_does() {
    // From the RECORD of an installed PySpark 3.5.9: `INSTALLER` is "pip\n".
    assert_eq!(base64(&Digest::of(b"pip\n")), "zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg");
}

#[test]
fn wheels_that_lie_are_refused() {
    let good = |record: String| record;
    let one: &[(&str, u32, &[u8])] = &[("foo/a.py", 0o644, b"pass")];
    let mut prefixed = b"#!/bin/sh\n".to_vec();
    prefixed.extend(wheel(one, good));
    let zeros = vec![0; 200 << 20];
    for (bytes, reason) in [
        (
            wheel(one, |r| r.replace("foo/a.py,sha256=", "foo/a.py,sha256=x")),
            "foo/a.py of foo.whl is not what was promised",
        ),
        (wheel(one, |r| r.split_inclusive('\n').skip(1).collect()), "foo/a.py is not in its RECORD"),
        (wheel(one, |r| r + "foo/b.py,sha256=x,1\n"), "RECORD names `foo/b.py`, which is not there"),
        (wheel(one, |r| r.replace("sha256=", "md5=")), "is recorded without a sha256"),
        (wheel(&[("../a.py", 0o644, b"")], good), "the path `../a.py` has a `.` or `..` component"),
        (wheel(&[("/a.py", 0o644, b"")], good), "the path `/a.py` is absolute"),
        (wheel(&[("a\\b.py", 0o644, b"")], good), "is neither a plain file nor a directory"),
        (wheel(&[("a", 0o644, b""), ("a/b", 0o644, b"")], good), "/a is a file, and /a/b lies below it"),
        (wheel(&[("bar-1.0.dist-info/X", 0o644, b"")], good), "has two .dist-info directories"),
        (wheel(&[("zeros", 0o644, &zeros)], good), "unpacks to more than"),
        (zipped(one), "has no .dist-info directory"),
        (prefixed, "has data before its first member"),
        (b"PK".to_vec(), ""),
    ] {
        let error = unpack(&bytes, "foo.whl", &mut std::io::sink()).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_local_header_that_disagrees_is_refused() {
    let mut bytes = wheel(&[("foo/a.py", 0o644, b"pass")], |record| record);
    let local = bytes.windows(8).position(|window| window == b"foo/a.py").unwrap();
    bytes[local..local + 8].copy_from_slice(b"foo/b.py");
    assert!(unpack(&bytes, "foo.whl", &mut std::io::sink()).unwrap_err().to_string().contains("foo.whl: "));
}

#[test]
fn a_symlink_is_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("foo/a", "/etc", SimpleFileOptions::default()).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(
        unpack(&bytes, "foo.whl", &mut std::io::sink()).unwrap_err().to_string(),
        "foo.whl: `foo/a` is neither a plain file nor a directory"
    );
}

#[test]
fn two_projects_at_one_path_are_a_problem() {
    let site = Site::debian("3.11").unwrap();
    let (wheel, spool) = unpacked(&wheel(&[("tests/__init__.py", 0o644, b"")], |record| record));
    let one = entries(&wheel, &Digest::of(b""), &site, &spool).unwrap();
    let other: Vec<Entry> = one.iter().filter(|e| !e.path.as_str().contains("dist-info")).cloned().collect();
    let problems = clashes(&[("foo", &one), ("bar", &other)]);
    let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(messages, ["foo and bar both install /usr/local/lib/python3.11/dist-packages/tests/__init__.py"]);
}

#[test]
fn pyspark_is_laid_out_as_its_setup_does() {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, mode, text) in [
        ("PKG-INFO", 0o644, "Name: pyspark\nVersion: 4.1.4\nLicense-File: NOTICE\nRequires-Dist: py4j\n\n"),
        ("NOTICE", 0o644, "n"),
        ("setup.py", 0o755, "raise SystemExit\n"),
        ("deps/jars/spark-core_2.13-4.1.4.jar", 0o644, "jar"),
        ("deps/jars/connect-repl/spark-core_2.13-4.1.4.jar", 0o644, "jar"),
        ("deps/bin/spark-class", 0o755, "#!/usr/bin/env bash\n"),
        ("deps/examples/pi.py", 0o755, "pi"),
        ("deps/examples/mllib/kmeans.py", 0o755, "kmeans"),
        ("lib/pyspark.zip", 0o644, "zip"),
        ("pyspark/find_spark_home.py", 0o755, "#!/usr/bin/env python3\nhome"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, format!("pyspark-4.1.4/{path}"), text.as_bytes()).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let mut spool = Vec::new();
    let sdist = sdist::unpack(&mut bytes.as_slice(), "pyspark", &mut spool).unwrap();
    let site = Site::debian("3.11").unwrap();
    let laid = pyspark::layout(&sdist, &Digest::of(&bytes), &site, &spool).unwrap();
    let short = |entries: &[Entry]| -> Vec<String> {
        let lines = shown(entries, &spool).into_iter().filter(|line| !line.contains("/RECORD "));
        lines.map(|line| line.replace("/usr/local/lib/python3.11/dist-packages", "$LIB")).collect()
    };
    assert_eq!(pyspark::bundled_jars(&sdist), ["spark-core_2.13-4.1.4.jar"]);
    assert_eq!(sdist.requires, ["py4j"]);
    assert_eq!(laid.home.to_string(), "/usr/local/lib/python3.11/dist-packages/pyspark");
    assert_eq!(
        short(&laid.jars),
        [
            "644 $LIB/pyspark/jars/connect-repl/spark-core_2.13-4.1.4.jar \"jar\"",
            "644 $LIB/pyspark/jars/spark-core_2.13-4.1.4.jar \"jar\"",
        ]
    );
    let files: Vec<String> = short(&laid.files).into_iter().filter(|line| !line.contains("METADATA")).collect();
    assert_eq!(
        files,
        [
            "755 /usr/local/bin/find_spark_home.py \"#!/usr/bin/python3\\nhome\"",
            "755 /usr/local/bin/spark-class \"#!/usr/bin/env bash\\n\"",
            "644 $LIB/pyspark-4.1.4.dist-info/INSTALLER \"sparkbake\\n\"",
            "644 $LIB/pyspark-4.1.4.dist-info/WHEEL \"Wheel-Version: 1.0\\nGenerator: sparkbake\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n\"",
            "644 $LIB/pyspark-4.1.4.dist-info/licenses/NOTICE \"n\"",
            "644 $LIB/pyspark-4.1.4.dist-info/top_level.txt \"pyspark\\n\"",
            "755 $LIB/pyspark/bin/spark-class \"#!/usr/bin/env bash\\n\"",
            "755 $LIB/pyspark/examples/src/main/python/mllib/kmeans.py \"kmeans\"",
            "644 $LIB/pyspark/examples/src/main/python/pi.py \"pi\"",
            "644 $LIB/pyspark/find_spark_home.py \"#!/usr/bin/env python3\\nhome\"",
            "644 $LIB/pyspark/python/lib/pyspark.zip \"zip\"",
        ]
    );
}

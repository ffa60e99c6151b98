//! A Debian archive made for a test: every package that an image needs, tiny, indexed and signed by a key of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use pgp::composed::{ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder};
use pgp::ser::Serialize as _;
use pgp::types::Password;
use sparkbake::digest::Digest;

/// What a package puts into the image: path, bytes, and whether it is a program.
type File = (&'static str, &'static [u8], bool);

/// A package: name, version, dependencies, files.
struct Package(&'static str, &'static str, &'static str, &'static [File]);

/// An ELF header is all that a program has here: nobody runs it.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0";
/// A runtime of one module.
const MODULES: &[u8] = include_bytes!("../../fuzz/seeds/runtime/one-module");

/// The roots of every image, and what they depend on.
const PACKAGES: &[Package] = &[
    Package(
        "base-files",
        "1",
        "",
        &[
            ("etc/os-release", b"ID=debian\n", false),
            ("usr/share/base-files/dot.profile", b"", false),
            ("usr/share/base-files/dot.bashrc", b"", false),
            ("usr/share/base-files/profile", b"", false),
            ("usr/share/base-files/motd", b"", false),
        ],
    ),
    Package(
        "base-passwd",
        "1",
        "",
        &[
            ("usr/share/base-passwd/passwd.master", b"root:*:0:0:root:/root:/bin/bash\n", false),
            ("usr/share/base-passwd/group.master", b"root:*:0:\n", false),
        ],
    ),
    Package("usr-is-merged", "1", "", &[]),
    Package("bash", "1", "", &[("usr/bin/bash", PROGRAM, true)]),
    Package("dash", "1", "", &[("usr/bin/dash", PROGRAM, true), ("usr/bin/sh", PROGRAM, true)]),
    Package("coreutils", "1", "", &[("usr/bin/env", PROGRAM, true)]),
    Package("util-linux", "1", "", &[("usr/bin/setsid", PROGRAM, true)]),
    Package("tini", "1", "", &[("usr/bin/tini", PROGRAM, true)]),
    Package("tzdata", "1", "", &[("usr/share/zoneinfo/Etc/UTC", b"TZif", false)]),
    Package("netbase", "1", "", &[("etc/protocols", b"tcp 6 TCP\n", false)]),
    Package("libnss-myhostname", "1", "libc6", &[("usr/lib/x86_64-linux-gnu/libnss_myhostname.so.2", PROGRAM, false)]),
    Package("ca-certificates", "1", "", &[("etc/ca-certificates.conf", b"", false)]),
    Package(
        "ca-certificates-java",
        "1",
        "ca-certificates",
        &[("etc/ca-certificates/update.d/jks-keystore", b"", true)],
    ),
    Package("libc-bin", "2.36-9", "libc6", &[("usr/share/libc-bin/nsswitch.conf", b"hosts: files dns\n", false)]),
    Package("libc6", "2.36-9", "usr-is-merged", &[("usr/lib/x86_64-linux-gnu/libc.so.6", PROGRAM, true)]),
    Package(
        "openjdk-17-jre-headless",
        "17.0.1-1",
        "ca-certificates-java, libc6",
        &[
            ("usr/lib/jvm/java-17-openjdk-amd64/bin/java", PROGRAM, true),
            ("usr/lib/jvm/java-17-openjdk-amd64/lib/modules", MODULES, false),
            ("usr/lib/jvm/java-17-openjdk-amd64/release", b"JAVA_VERSION=\"17.0.1\"\n", false),
        ],
    ),
    Package("python3", "3.11.2-1", "python3.11", &[("usr/share/doc/python3/copyright", b"PSF\n", false)]),
    Package("python3.11", "3.11.2-6", "libc6", &[("usr/bin/python3.11", PROGRAM, true)]),
];

/// Writes the archive below `debian/` of the root, and the key that signed it to `key`.
pub(crate) fn write(root: &Path, key: &Path) {
    let mut index = String::new();
    for package in PACKAGES {
        let Package(name, version, depends, _) = package;
        let deb = deb(package);
        let file = format!("pool/main/{name}_{version}_amd64.deb");
        put(&root.join(&file), &deb);
        write!(index, "Package: {name}\nVersion: {version}\nArchitecture: amd64\n").unwrap();
        if !depends.is_empty() {
            writeln!(index, "Depends: {depends}").unwrap();
        }
        write!(index, "Filename: {file}\nSize: {}\nSHA256: {}\n\n", deb.len(), Digest::of(&deb).hex()).unwrap();
    }
    let index = gzip(index.as_bytes());
    let digest = Digest::of(&index);
    put(&root.join(format!("dists/bookworm/main/binary-amd64/by-hash/SHA256/{}", digest.hex())), &index);
    let release = format!(
        "Suite: oldstable\nCodename: bookworm\nDate: Mon, 01 Jun 2026 00:00:00 UTC\nAcquire-By-Hash: yes\n\
         Components: main\nSHA256:\n {} {} main/binary-amd64/Packages.gz\n",
        digest.hex(),
        index.len(),
    );
    let (signed, public) = signed(&release);
    put(&root.join("dists/bookworm/InRelease"), signed.as_bytes());
    put(key, &public);
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The text with a signature, and the key that it is of.
fn signed(text: &str) -> (String, Vec<u8>) {
    let mut random = rand::thread_rng();
    let key = SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_sign(true)
        .primary_user_id("made for a test".to_owned())
        .build()
        .unwrap()
        .generate(&mut random)
        .unwrap();
    let message = CleartextSignedMessage::sign(&mut random, text, &*key, &Password::empty()).unwrap();
    (message.to_armored_string(ArmorOptions::default()).unwrap(), key.to_public_key().to_bytes().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::fast());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

/// A binary package (deb(5)).
fn deb(Package(name, version, depends, files): &Package) -> Vec<u8> {
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\n\
         {depends}Description: made for a test\n"
    );
    let mut ar = b"!<arch>\n".to_vec();
    let data: Vec<(&str, &[u8], bool)> = files.to_vec();
    for (member, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tarball(&[("control", control.as_bytes(), false)])),
        ("data.tar.gz", tarball(&data)),
    ] {
        writeln!(ar, "{member:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, bytes.len()).unwrap();
        ar.extend(&bytes);
        ar.extend(vec![b'\n'; bytes.len() % 2]);
    }
    ar
}

fn tarball(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes, runs) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if *runs { 0o755 } else { 0o644 });
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_780_000_000);
        tar.append_data(&mut header, format!("./{path}"), *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

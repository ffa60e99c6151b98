//! Small crafted packages, and what becomes of them.

use std::collections::BTreeMap;

use super::*;
use crate::outside::ReadAt;
use crate::tree::{Kind, Member, MemberKind, Source};

/// Packages with the spools of their contents.
#[derive(Default)]
struct Archive {
    packages: Vec<(Digest, deb::Package)>,
    spools: BTreeMap<Digest, Vec<u8>>,
}

impl Blobs for Archive {
    fn open(&self, digest: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        self.unpacked(digest)
    }

    fn unpacked(&self, archive: &Digest) -> Result<Box<dyn ReadAt>, Error> {
        let spool = self.spools.get(archive).cloned();
        Ok(Box::new(spool.ok_or_else(|| Error::archive(archive.to_string(), "is not here"))?))
    }
}

impl Archive {
    /// Adds a package: control fields, and members as `mode path`, `mode path = text`,
    /// `mode path -> target` or `mode path => hard link`; a path that ends in `/` is a directory.
    fn add(mut self, control: &str, members: &[&str]) -> Self {
        let (mut spool, archive) = (Vec::new(), Digest::of(control.as_bytes()));
        let members = members.iter().map(|line| member(line, &mut spool)).collect();
        let field = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
        let control = control.lines().filter_map(field).collect();
        let package = deb::Package {
            control,
            conffiles: Vec::new(),
            md5sums: String::new(),
            scripts: BTreeMap::new(),
            triggers: String::new(),
            members,
        };
        self.packages.push((archive, package));
        self.spools.insert(archive, spool);
        self
    }

    fn script(mut self, name: &str, text: &str) -> Self {
        let script = deb::Script { sha256: Digest::of(text.as_bytes()), text: Some(text.to_owned()) };
        self.packages.last_mut().unwrap().1.scripts.insert(name.to_owned(), script);
        self
    }

    fn root(&self) -> Result<Root, Error> {
        let packages: Vec<Unpacked<'_>> = self
            .packages
            .iter()
            .map(|(archive, package)| Unpacked {
                name: package.field("Package").unwrap(),
                version: package.field("Version").unwrap(),
                archive: *archive,
                package,
            })
            .collect();
        let request = Request { packages: &packages, java: "17", python: "3.11", certificates: &[], epoch: 0 };
        root(&request, self)
    }

    /// The tree without dpkg's files and whatever is there always.
    fn shown(&self) -> String {
        let always = Archive::default().root().unwrap();
        let root = self.root().unwrap();
        let new = |o: &&Owned| !always.entries.contains(o) && !o.entry.path.as_str().starts_with("var/lib/dpkg");
        let line = |o: &Owned| {
            let e = &o.entry;
            let kind = match &e.kind {
                Kind::Directory => "/".to_owned(),
                Kind::Symlink(target) => format!(" -> {target}"),
                Kind::Hardlink(target) => format!(" => {target}"),
                Kind::File(source) => format!(" = {}", self.text(source)),
            };
            format!("{:o} {}:{} {}{kind} ({})\n", e.mode, e.uid, e.gid, e.path, o.package)
        };
        root.entries.iter().filter(new).map(line).collect()
    }

    fn text(&self, source: &Source) -> String {
        let bytes = match source {
            Source::Bytes(bytes) => bytes.clone(),
            Source::Member { archive, offset, size } => {
                let mut bytes = vec![0; usize::try_from(*size).unwrap()];
                self.spools[archive].read_exact_at(&mut bytes, *offset).unwrap();
                bytes
            }
            Source::Blob { .. } => unreachable!("no package holds a whole file"),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn file(&self, name: &str) -> String {
        let root = self.root().unwrap();
        let held = root.entries.iter().find(|o| o.entry.path.as_str() == name);
        match held.map(|o| &o.entry.kind) {
            Some(Kind::File(source)) => self.text(source),
            other => format!("{other:?}"),
        }
    }
}

fn member(line: &str, spool: &mut Vec<u8>) -> Member {
    let (mode, rest) = line.split_once(' ').unwrap();
    let place = |text: &str| ImagePath::new(text).unwrap();
    let (path, kind) = if let Some((path, target)) = rest.split_once(" -> ") {
        (path, MemberKind::Symlink(target.to_owned()))
    } else if let Some((path, target)) = rest.split_once(" => ") {
        (path, MemberKind::Hardlink(place(target)))
    } else if let Some((path, text)) = rest.split_once(" = ") {
        let (offset, size) = (spool.len() as u64, text.len() as u64);
        spool.extend_from_slice(text.as_bytes());
        (path, MemberKind::File { offset, size, sha256: Digest::of(text.as_bytes()) })
    } else {
        (rest.trim_end_matches('/'), MemberKind::Directory)
    };
    Member { path: place(path), mode: u32::from_str_radix(mode, 8).unwrap(), uid: 0, gid: 0, kind }
}

const A: &str = "Package: aa\nVersion: 1\nArchitecture: amd64";
const B: &str = "Package: bb\nVersion: 2\nArchitecture: amd64";

#[test]
fn packages_share_one_merged_tree() {
    let archive = Archive::default()
        .add(
            A,
            &[
                "755 bin/",
                "4755 bin/su = su",
                "644 usr/share/x = same",
                "755 opt/",
                "644 usr/share/doc/a/copyright = (c)",
                "644 usr/share/doc/a/README = no",
                "644 usr/share/man/man1/su.1 = no",
            ],
        )
        .add(
            B,
            &[
                "700 opt/",
                "644 usr/share/x = same",
                "777 bin -> usr/bin",
                "777 usr/share/doc/b -> a",
                "755 lib32/libx.so = x",
            ],
        );
    insta::assert_snapshot!(archive.shown(), @"
    777 0:0 /lib32 -> usr/lib32 ()
    755 0:0 /opt/ (aa)
    755 0:0 /usr/bin/ (aa)
    755 0:0 /usr/bin/su = su (aa)
    755 0:0 /usr/lib32/ ()
    755 0:0 /usr/lib32/libx.so = x (bb)
    755 0:0 /usr/share/ ()
    755 0:0 /usr/share/doc/ ()
    755 0:0 /usr/share/doc/a/ ()
    644 0:0 /usr/share/doc/a/copyright = (c) (aa)
    777 0:0 /usr/share/doc/b -> a (bb)
    644 0:0 /usr/share/x = same (aa)
    ");
    let dropped = archive.root().unwrap().dropped_set_id;
    assert_eq!(dropped, [ImagePath::new("usr/bin/su").unwrap()]);
}

#[test]
fn hard_links_stay_within_a_package() {
    let archive = Archive::default().add(
        A,
        &[
            "755 bin/one = text",
            "755 usr/bin/two => bin/one",
            "644 usr/share/man/page = page",
            "644 usr/share/kept => usr/share/man/page",
        ],
    );
    insta::assert_snapshot!(archive.shown(), @"
    755 0:0 /usr/bin/one = text (aa)
    755 0:0 /usr/bin/two => /usr/bin/one (aa)
    755 0:0 /usr/share/ ()
    644 0:0 /usr/share/kept = page (aa)
    ");
}

#[test]
fn packages_that_do_not_fit_are_refused() {
    for (a, b, reason) in [
        ("644 etc/x = 1", "644 etc/x = 2", "bb: /etc/x is also in aa, differs there, and neither replaces the other"),
        ("644 etc/x = 1", "600 etc/x = 1", "bb: /etc/x is also in aa, differs there, and neither replaces the other"),
        (
            "755 bin/x = 1",
            "755 usr/bin/x = 2",
            "bb: /usr/bin/x is also in aa, differs there, and neither replaces the other",
        ),
        ("777 etc/x -> y", "755 etc/x/", "bb: /etc/x is also in aa, differs there, and neither replaces the other"),
        ("777 etc/x -> y", "644 etc/x/z = 1", "bb: /etc/x/z lies in something that is no directory"),
        ("777 lib -> opt/lib", "755 usr/", "aa: has /lib as a link to `opt/lib`"),
        ("644 var/lib/dpkg/status = 1", "755 usr/", "aa: has /var/lib/dpkg/status, which is ours to make"),
        ("644 bin = 1", "755 usr/", "aa: has /bin as a file"),
        ("644 etc/y => etc/x", "644 etc/x = 1", "aa: links /etc/y to /etc/x, which is no file of it"),
    ] {
        let error = Archive::default().add(A, &[a]).add(B, &[b]).root().unwrap_err();
        assert_eq!(error.to_string(), reason);
    }
    let twice = Archive::default().add(A, &["755 bin/x = 1", "755 usr/bin/x = 2"]).root();
    assert!(twice.is_err());
}

#[test]
fn the_replacing_package_wins_whatever_the_order() {
    for (a, b) in [(format!("{A}\nReplaces: bb (<< 3)"), B.to_owned()), (A.to_owned(), format!("{B}\nReplaces: aa"))] {
        let archive = Archive::default().add(&a, &["644 etc/x = aa"]).add(&b, &["644 etc/x = bb"]);
        let (winner, loser) = if a.contains("Replaces") { ("aa", "bb") } else { ("bb", "aa") };
        assert_eq!(archive.file("etc/x"), winner);
        assert_eq!(archive.file(&format!("var/lib/dpkg/info/{winner}.list")), "/etc/x\n");
        assert_eq!(archive.file(&format!("var/lib/dpkg/info/{loser}.list")), "");
    }
    let older = Archive::default().add(&format!("{A}\nReplaces: bb (<< 2)"), &["644 etc/x = aa"]);
    assert!(older.add(B, &["644 etc/x = bb"]).root().is_err());
}

#[test]
fn the_database_is_dpkgs() {
    let archive = Archive::default()
        .add("Package: libb\nVersion: 2\nArchitecture: amd64\nMulti-Arch: same", &["644 lib/libb.so = b"])
        .add(A, &["755 bin/", "755 bin/a = a", "644 usr/share/man/a.1 = a"]);
    insta::assert_snapshot!(archive.file("var/lib/dpkg/status"), @"
    Package: aa
    Status: install ok installed
    Version: 1
    Architecture: amd64

    Package: libb
    Status: install ok installed
    Version: 2
    Architecture: amd64
    Multi-Arch: same
    ");
    assert_eq!(archive.file("var/lib/dpkg/info/libb:amd64.list"), "/lib/libb.so\n");
    assert_eq!(archive.file("var/lib/dpkg/info/aa.list"), "/bin\n/bin/a\n");
    assert_eq!(archive.file("var/lib/dpkg/info/format"), "1\n");
}

#[test]
fn accounts_are_the_masters_and_spark() {
    let passwd = |line: &str| {
        Archive::default().add(
            "Package: base-passwd\nVersion: 1\nArchitecture: amd64",
            &[
                &format!("644 usr/share/base-passwd/passwd.master = root:*:0:0:root:/root:/bin/bash\n{line}"),
                "644 usr/share/base-passwd/group.master = root:*:0:\n",
            ],
        )
    };
    let archive = passwd("");
    assert_eq!(
        archive.file("etc/passwd"),
        "root:x:0:0:root:/root:/bin/bash\nspark:x:185:185:Spark:/home/spark:/bin/bash\n"
    );
    assert_eq!(archive.file("etc/group"), "root:*:0:\nspark:*:185:\n");
    assert_eq!(archive.file("etc/shadow"), "root:*:::::::\nspark:*:::::::\n");
    let shadow = archive.root().unwrap().entries.into_iter().find(|o| o.entry.path.name() == "shadow").unwrap();
    assert_eq!((shadow.entry.mode, shadow.entry.uid, shadow.entry.gid), (0o640, 0, 42));
    let taken = passwd("other:*:185:1:::\n").root().unwrap_err();
    assert_eq!(taken.to_string(), "base-passwd: has an account named spark or numbered 185 already");
}

#[test]
fn what_scripts_make_follows_from_the_packages() {
    let jvm = "755 usr/lib/jvm/java-17-openjdk-amd64";
    let archive = Archive::default()
        .add("Package: mawk\nVersion: 1\nArchitecture: amd64", &["755 usr/bin/mawk = m", "755 usr/bin/nawk = own"])
        .add(
            "Package: openjdk-17-jre-headless\nVersion: 17\nArchitecture: amd64",
            &[&format!("{jvm}/bin/java = j"), &format!("{jvm}/lib/jexec = e"), &format!("{jvm}/lib/bin/no = n")],
        );
    insta::assert_snapshot!(archive.shown(), @"
    755 0:0 /etc/.java/ ()
    755 0:0 /etc/.java/.systemPrefs/ ()
    644 0:0 /etc/.java/.systemPrefs/.system.lock =  ()
    644 0:0 /etc/.java/.systemPrefs/.systemRootModFile =  ()
    777 0:0 /usr/bin/awk -> mawk ()
    777 0:0 /usr/bin/java -> /usr/lib/jvm/java-17-openjdk-amd64/bin/java ()
    777 0:0 /usr/bin/jexec -> /usr/lib/jvm/java-17-openjdk-amd64/lib/jexec ()
    755 0:0 /usr/bin/mawk = m (mawk)
    755 0:0 /usr/bin/nawk = own (mawk)
    755 0:0 /usr/lib/jvm/ ()
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/ ()
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/bin/ ()
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/bin/java = j (openjdk-17-jre-headless)
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/lib/ ()
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/lib/bin/ ()
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/lib/bin/no = n (openjdk-17-jre-headless)
    755 0:0 /usr/lib/jvm/java-17-openjdk-amd64/lib/jexec = e (openjdk-17-jre-headless)
    ");
}

#[test]
fn scripts_are_judged_by_what_a_person_wrote() {
    let generated = "#!/bin/sh\nset -e\n# Automatically added by dh_installdeb/13\nrm -f /etc/old\n# End automatically added section\n\nexit 0\n";
    assert_eq!(scripts::remainder(generated, "1"), "");
    let alternatives =
        "# Automatically added by dh_installalternatives/13\n  ln -s a b\n# End automatically added section\n";
    assert_eq!(scripts::remainder(alternatives, "1"), "ln -s a b\n");
    assert_eq!(scripts::remainder("x 1.2-3\n", "4:1.2-3"), "x {version}\n");

    let shown = |name: &str, text: &str| {
        let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64");
        let problems = Archive::default().add(&control, &[]).script("postinst", text).root().unwrap().problems;
        problems.into_iter().map(|p| format!("{:?}: {}", p.code.name, p.message)).collect::<Vec<_>>()
    };
    assert_eq!(shown("aa", generated), [""; 0]);
    assert_eq!(shown("bash", "set -e\n"), [""; 0]);
    assert_eq!(shown("aa", "useradd a\n"), ["\"unknown-maintainer-script\": aa 1 has a postinst that is not known"]);
    let changed = "\"changed-maintainer-script\": the postinst of bash 1 is not the one that was read";
    assert_eq!(shown("bash", "ln -s bash /bin/sh\n"), [changed]);
}

#[test]
fn a_package_without_a_needed_file_is_an_error() {
    let error = Archive::default().add("Package: readline-common\nVersion: 1\nArchitecture: all", &[]).root();
    assert_eq!(error.unwrap_err().to_string(), "readline-common: has no file /usr/share/readline/inputrc");
}

#[test]
fn the_container_knows_its_own_name() {
    let with = |name: &str| {
        Archive::default()
            .add(
                "Package: libc-bin\nVersion: 1\nArchitecture: amd64",
                &["644 usr/share/libc-bin/nsswitch.conf = passwd: files\nhosts: files dns\n"],
            )
            .add(&format!("Package: {name}\nVersion: 1\nArchitecture: amd64"), &[])
            .file("etc/nsswitch.conf")
    };
    assert_eq!(with("libnss-myhostname"), "passwd: files\nhosts:          files myhostname dns\n");
    assert_eq!(with("libnss-other"), "passwd: files\nhosts: files dns\n");
}

#[test]
fn dpkg_is_told_what_is_left_out() {
    let text = Archive::default().file("etc/dpkg/dpkg.cfg.d/sparkbake");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    path-exclude=/usr/share/man/*
    path-exclude=/usr/share/info/*
    path-exclude=/usr/share/locale/*
    path-exclude=/usr/share/doc/*
    path-include=/usr/share/doc/*/copyright
    path-exclude=/usr/share/doc-base/*
    path-exclude=/usr/share/lintian/*
    path-exclude=/usr/share/bug/*
    ");
}

//! The shipped images, read back entry by entry and held against `docs/conformance.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use goblin::elf::Elf;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use crate::registries::downloaded;
use crate::{
    SHIPPED, cache, command_in, fresh, have, image, inputs_only, json, on_path, place, project, repository, said, tool,
};

/// One entry of a layer.
struct Entry {
    path: String,
    kind: EntryType,
    mode: u32,
    owner: (u64, u64),
    names: (Vec<u8>, Vec<u8>),
    mtime: u64,
    link: String,
    pax: Vec<String>,
    /// Contents of what the rules read: texts below `etc`, copyright files, ELF objects.
    bytes: Option<Vec<u8>>,
}

/// A layer as a runtime sees it.
struct Layer {
    diff_id: String,
    digest: String,
    size: u64,
    entries: Vec<Entry>,
}

/// What the two documents of an image say, and what its blobs hold.
struct Shipped {
    name: &'static str,
    manifest: Value,
    config: Value,
    layers: Vec<Layer>,
}

impl Shipped {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.layers.iter().flat_map(|layer| &layer.entries)
    }

    /// The merged tree: later layers win.
    fn merged(&self) -> BTreeMap<&str, &Entry> {
        self.entries().map(|entry| (entry.path.as_str(), entry)).collect()
    }

    fn text(&self, path: &str) -> String {
        let merged = self.merged();
        let entry = merged.get(path).unwrap_or_else(|| panic!("{}: no {path}", self.name));
        String::from_utf8(entry.bytes.clone().unwrap()).unwrap()
    }
}

/// Hashes what is read through it.
struct Hashing<R>(R, Sha256, u64);

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.update(&buffer[..read]);
        self.2 += read as u64;
        Ok(read)
    }
}

fn digest(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}

fn read(blob: &Path) -> Layer {
    let file = Hashing(fs::File::open(blob).unwrap(), Sha256::new(), 0);
    let tar = Hashing(flate2::read::GzDecoder::new(io::BufReader::with_capacity(1 << 20, file)), Sha256::new(), 0);
    let mut archive = Archive::new(tar);
    let mut entries = Vec::new();
    for entry in archive.entries().unwrap() {
        entries.push(read_entry(entry.unwrap()));
    }
    let mut tar = archive.into_inner();
    io::copy(&mut tar, &mut io::sink()).unwrap();
    let mut file = tar.0.into_inner().into_inner();
    let after = io::copy(&mut file, &mut io::sink()).unwrap();
    assert_eq!(after, 0, "bytes after the gzip member");
    Layer { diff_id: digest(tar.1), digest: digest(file.1), size: file.2, entries }
}

fn read_entry<R: Read>(mut entry: tar::Entry<'_, R>) -> Entry {
    let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
    let pax = entry.pax_extensions().unwrap();
    let pax = pax.map(|all| all.map(|one| one.unwrap().key().unwrap().to_owned()).collect()).unwrap_or_default();
    let link = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap()).unwrap_or_default();
    let header = entry.header().clone();
    let mut magic = Vec::new();
    entry.by_ref().take(4).read_to_end(&mut magic).unwrap();
    let wanted =
        magic == b"\x7fELF" || ["etc/", "usr/lib/os-release", "var/lib/dpkg/"].iter().any(|at| path.starts_with(at));
    let bytes = wanted.then(|| {
        entry.read_to_end(&mut magic).unwrap();
        magic
    });
    Entry {
        path,
        kind: header.entry_type(),
        mode: header.mode().unwrap(),
        owner: (header.uid().unwrap(), header.gid().unwrap()),
        names: (
            header.username_bytes().unwrap_or_default().to_vec(),
            header.groupname_bytes().unwrap_or_default().to_vec(),
        ),
        mtime: header.mtime().unwrap(),
        link,
        pax,
        bytes,
    }
}

/// The shipped images, each read once.
fn shipped() -> &'static [Shipped] {
    static ALL: OnceLock<Vec<Shipped>> = OnceLock::new();
    ALL.get_or_init(|| {
        cache();
        SHIPPED.map(shipped_image).into_iter().collect()
    })
}

fn shipped_image(name: &'static str) -> Shipped {
    let layout = place("shipped").join(name);
    let (manifest, config) = image(&layout);
    let digests = manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"].as_str().unwrap()[7..]);
    let layers = digests.map(|digest| read(&layout.join("blobs/sha256").join(digest))).collect();
    Shipped { name, manifest, config, layers }
}

/// Checks every image; what fails is said with the image's name.
fn each(check: impl Fn(&Shipped)) {
    for shipped in shipped() {
        println!("{}", shipped.name);
        check(shipped);
    }
}

/// Holds a document against a schema. Schemas refer to each other by addresses; each is a file of the same folder.
fn validate(schema: &Path, document: &Path) -> Output {
    let script = "import json, os, sys, jsonschema
load = lambda path: json.load(open(path))
folder = os.path.dirname(sys.argv[1])
beside = lambda uri: load(os.path.join(folder, os.path.basename(uri)))
resolver = jsonschema.RefResolver('', load(sys.argv[1]), handlers={'https': beside})
jsonschema.Draft4Validator(load(sys.argv[1]), resolver=resolver).validate(load(sys.argv[2]))";
    Command::new("/usr/bin/python3").arg("-c").arg(script).arg(schema).arg(document).output().unwrap()
}

/// What has OASIS's schema of SARIF 2.1.0 in it.
const SARIF: &str = "github.com/owenrumney/go-sarif/v3@v3.2.0";

#[test]
fn problems_in_sarif_follow_its_schema() {
    if !have("go", Command::new("go").arg("version").output().is_ok()) {
        return;
    }
    let project = project("sarif", "[target.aci]\ncpu = 2\nmemory-gb = 4\n\n[stack]\nspark = \"3.5.9\"\n");
    let module = PathBuf::from(downloaded(SARIF, &project));
    let source = fs::read_to_string(module.join("pkg/report/v210/sarif/schema.go")).unwrap();
    // It names itself where it refers to its own parts.
    let schema = project.join("sarif-schema-2.1.0.json");
    fs::write(&schema, source.split('`').nth(1).unwrap()).unwrap();
    let mistakes = "[target.aci]\ncpu = 2\nmemory-gb = 1.55\n\n[stack]\nspark = \"3.5.9\"\n\n[app]\ncommand = [\"python3\", \"/app/a b.py\"]\n\n[[app.copy]]\nfrom = \"a b.py\"\nto = \"/app/a b.py\"\n";
    fs::write(project.join("é %.toml"), mistakes).unwrap();
    fs::write(project.join("a b.py"), "x = 'é'\nspark.conf.set('spark.driver.memory', '9g')\nfrom\n").unwrap();
    for (names, results) in [(&["sparkbake.toml"][..], 0..1), (&["sparkbake.toml", "é %.toml"], 2..9)] {
        let arguments: Vec<&str> = ["check", "--output-format", "sarif"].iter().chain(names).copied().collect();
        let ran = command_in(&project, &project, &arguments).output().unwrap();
        let document = project.join("problems.sarif");
        fs::write(&document, &ran.stdout).unwrap();
        let count = json(&document)["runs"][0]["results"].as_array().unwrap().len();
        assert!(results.contains(&count), "{count}: {}", said(&ran));
        let held = validate(&schema, &document);
        assert!(held.status.success(), "{}", said(&held));
    }
    // The validator refuses what is none.
    assert!(!validate(&schema, &schema).status.success());
}

#[test]
fn the_documents_follow_the_published_schemas() {
    let schemas = Path::new("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema");
    if !have("image-spec's schemas", schemas.exists()) {
        return;
    }
    cache();
    let run = |schema: &str, document: &Path| validate(&schemas.join(schema), document);
    let blob = |layout: &Path, digest: &Value| layout.join("blobs/sha256").join(&digest.as_str().unwrap()[7..]);
    for name in SHIPPED {
        let layout = place("shipped").join(name);
        let manifest = blob(&layout, &json(&layout.join("index.json"))["manifests"][0]["digest"]);
        let config = blob(&layout, &json(&manifest)["config"]["digest"]);
        for (schema, document) in [
            ("image-layout-schema.json", layout.join("oci-layout")),
            ("image-index-schema.json", layout.join("index.json")),
            ("image-manifest-schema.json", manifest.clone()),
            ("config-schema.json", config),
        ] {
            let ran = run(schema, &document);
            assert!(ran.status.success(), "{name} {schema}: {}", said(&ran));
        }
        // The validator refuses what is none.
        assert!(!run("image-manifest-schema.json", &layout.join("oci-layout")).status.success());
    }
}

#[test]
fn every_digest_and_size_is_that_of_the_bytes() {
    each(|image| {
        let said = image.manifest["layers"].as_array().unwrap();
        let diff_ids = image.config["rootfs"]["diff_ids"].as_array().unwrap();
        assert_eq!(image.config["history"].as_array().unwrap().len(), said.len());
        assert_eq!((diff_ids.len(), image.layers.len()), (said.len(), said.len()));
        for ((layer, said), diff_id) in image.layers.iter().zip(said).zip(diff_ids) {
            assert_eq!(layer.digest, said["digest"].as_str().unwrap());
            assert_eq!(layer.size, said["size"].as_u64().unwrap());
            assert_eq!(layer.diff_id, diff_id.as_str().unwrap());
        }
        let distinct: BTreeSet<&str> = image.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        assert_eq!(distinct.len(), image.layers.len());
        assert!(image.layers.len() <= 20, "{} layers", image.layers.len());
    });
}

#[test]
fn a_layer_holds_each_path_once_below_its_parents_and_in_order() {
    each(|image| {
        let mut directories: BTreeMap<&str, (u32, (u64, u64), u64)> = BTreeMap::new();
        for layer in &image.layers {
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            assert_eq!(layer.entries.first().map(|entry| entry.path.as_str()), Some("./"));
            let mut previous = "";
            for entry in &layer.entries[1..] {
                let path = entry.path.trim_end_matches('/');
                assert!(previous < path, "{path} after {previous}");
                previous = path;
                let parent = path.rsplit_once('/').map(|(parent, _)| parent);
                assert!(parent.is_none_or(|parent| seen.contains(parent)), "{path} has no parent");
                if entry.kind == EntryType::Directory {
                    assert!(entry.path.ends_with('/'));
                    let attributes = (entry.mode, entry.owner, entry.mtime);
                    assert_eq!(*directories.entry(path).or_insert(attributes), attributes, "{path}");
                } else if entry.kind == EntryType::Link {
                    assert!(seen.contains(entry.link.as_str()), "{path} is a link to {}", entry.link);
                }
                seen.insert(path);
            }
            assert!(layer.entries.len() > 1);
        }
    });
}

#[test]
fn an_entry_is_of_a_plain_kind_with_numbers_for_names() {
    each(|image| {
        let epoch = image.layers[0].entries[0].mtime;
        let plain = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link];
        for entry in image.entries() {
            let name = entry.path.trim_end_matches('/').rsplit('/').next().unwrap();
            assert!(plain.contains(&entry.kind), "{} is {:?}", entry.path, entry.kind);
            assert!(!name.starts_with(".wh.") && name.len() <= 255, "{}", entry.path);
            assert_eq!(entry.names, (Vec::new(), Vec::new()), "{}", entry.path);
            assert_eq!(entry.mtime, epoch, "{}", entry.path);
            let allowed = ["path", "linkpath", "size"];
            assert!(entry.pax.iter().all(|key| allowed.contains(&key.as_str())), "{}: {:?}", entry.path, entry.pax);
            assert!(entry.kind == EntryType::Directory || entry.mode & 0o6000 == 0, "{} has a set-ID bit", entry.path);
        }
        assert!(!image.merged().contains_key("lost+found/"));
    });
}

#[test]
fn no_path_leads_through_a_link() {
    each(|image| {
        let merged = image.merged();
        for path in merged.keys() {
            let mut parent = path.trim_end_matches('/');
            while let Some((above, _)) = parent.rsplit_once('/') {
                assert!(!merged.get(above).is_some_and(|entry| entry.kind == EntryType::Symlink), "{path}");
                parent = above;
            }
        }
        for link in ["bin", "lib", "lib64", "sbin"] {
            assert_eq!(merged[link].link, format!("usr/{link}"));
        }
        assert_eq!(merged["var/run"].link, "/run");
    });
}

#[test]
fn the_user_is_a_number_with_an_account_and_a_home() {
    each(|image| {
        assert_eq!(image.config["config"]["User"], "185:185");
        let passwd = image.text("etc/passwd");
        let account = passwd.lines().find(|line| line.split(':').nth(2) == Some("185")).unwrap();
        let fields: Vec<&str> = account.split(':').collect();
        assert_eq!((fields[0], fields[3]), ("spark", "185"));
        let home = image.merged()[format!("{}/", fields[5].trim_start_matches('/')).as_str()];
        assert_eq!((home.owner, home.kind), ((185, 185), EntryType::Directory));
        assert!(image.text("etc/group").lines().any(|line| line.split(':').nth(2) == Some("185")));
    });
}

#[test]
fn the_directories_that_programs_expect_are_there() {
    each(|image| {
        let merged = image.merged();
        for (path, mode) in [("tmp/", 0o1777), ("var/tmp/", 0o1777), ("root/", 0o700), ("run/", 0o755)] {
            let entry = merged.get(path).unwrap_or_else(|| panic!("no {path}"));
            assert_eq!((entry.mode, entry.owner), (mode, (0, 0)), "{path}");
        }
    });
}

#[test]
fn every_library_that_is_needed_is_there() {
    each(|image| {
        let merged = image.merged();
        let present = |path: &str| {
            let mut path = path.to_owned();
            for _ in 0..8 {
                match merged.get(path.as_str()) {
                    Some(entry) if entry.kind == EntryType::Symlink => path = followed(&path, &entry.link),
                    Some(_) => return true,
                    None => return false,
                }
            }
            false
        };
        let mut objects = 0;
        for (path, entry) in &merged {
            let Some(bytes) = entry.bytes.as_ref().filter(|bytes| bytes.starts_with(b"\x7fELF")) else { continue };
            let elf = Elf::parse(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
            let own = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            let mut folders = vec!["usr/lib/x86_64-linux-gnu".to_owned(), "usr/lib".to_owned(), "usr/lib64".to_owned()];
            folders.extend(
                elf.runpaths
                    .iter()
                    .chain(&elf.rpaths)
                    .flat_map(|all| all.split(':'))
                    .map(|folder| followed("x", &folder.replace("$ORIGIN", &format!("/{own}")))),
            );
            // Opened before by what needs them: the JVM's own, and what a wheel brings beside it.
            if own.contains("/jvm/") || own.rsplit('.').next() == Some("libs") {
                folders.extend([own.to_owned(), format!("{own}/server")]);
            }
            for needed in &elf.libraries {
                let found = folders.iter().any(|folder| present(&format!("{folder}/{needed}")));
                assert!(found, "{path} needs {needed}");
            }
            objects += 1;
        }
        assert!(objects > 100, "{objects} objects");
    });
}

/// Where a link leads, from the root, without `.` and `..`.
fn followed(from: &str, link: &str) -> String {
    let start = if link.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(parent, _)| parent) };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn no_link_dangles() {
    each(|image| {
        let merged = image.merged();
        let there = |path: &str| merged.contains_key(path) || merged.contains_key(format!("{path}/").as_str());
        for (path, entry) in merged.iter().filter(|(_, entry)| entry.kind == EntryType::Symlink) {
            let mut target = followed(path, &entry.link);
            for merge in ["bin", "lib", "lib64", "sbin"] {
                if target.split('/').next() == Some(merge) {
                    target = format!("usr/{target}");
                }
            }
            assert!(there(&target), "{path} leads to {target}");
        }
    });
}

/// dpkg itself reads the database of the image.
#[test]
fn dpkg_knows_every_locked_package_and_its_licence() {
    if !on_path("dpkg-query") {
        return;
    }
    each(|image| {
        let folder = fresh("dpkg");
        let admin = folder.join("dpkg");
        for entry in image.entries().filter(|entry| entry.path.starts_with("var/lib/dpkg/")) {
            let path = admin.join(&entry.path["var/lib/dpkg/".len()..]);
            match &entry.bytes {
                _ if entry.kind == EntryType::Directory => fs::create_dir_all(path).unwrap(),
                Some(bytes) => fs::File::create(path).unwrap().write_all(bytes).unwrap(),
                None => {}
            }
        }
        fs::create_dir_all(admin.join("updates")).unwrap();
        let admin = format!("--admindir={}", admin.display());
        let listed = tool("dpkg-query", &[&admin, "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n"]);
        let lock = fs::read_to_string(repository().join(format!("lockfiles/{}.lock", image.name))).unwrap();
        let locked: BTreeSet<String> = lock
            .lines()
            .filter_map(|line| line.strip_prefix("coordinate = \"deb:")?.split_once('='))
            .map(|(name, rest)| format!("{name} {} installed", rest.rsplit_once(':').unwrap().0))
            .collect();
        assert_eq!(listed.lines().map(str::to_owned).collect::<BTreeSet<_>>(), locked);
        assert_eq!(tool("dpkg", &[&admin, "--audit"]), "");
        let merged = image.merged();
        for package in listed.lines().filter_map(|line| line.split(' ').next()) {
            let licence = format!("usr/share/doc/{package}/copyright");
            let linked = merged.get(format!("usr/share/doc/{package}").as_str());
            let linked = linked.is_some_and(|entry| entry.kind == EntryType::Symlink);
            assert!(linked || merged.contains_key(licence.as_str()), "no {licence}");
        }
    });
}

#[test]
fn debians_version_is_said_once() {
    each(|image| {
        let release = image.text("usr/lib/os-release");
        let id =
            release.lines().find_map(|line| line.strip_prefix("VERSION_ID=")).unwrap().trim_matches('"').to_owned();
        assert_eq!(image.text("etc/debian_version").split('.').next(), Some(id.as_str()));
        assert!(release.lines().any(|line| line == "ID=debian"), "{release}");
    });
}

#[test]
fn nothing_is_executed_to_build() {
    if !on_path("strace") {
        return;
    }
    cache();
    let (store, cwd) = (inputs_only("traced-store"), fresh("traced"));
    let program = crate::program();
    let ran = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", "trace=execve,execveat", "-o", "trace", program])
        .args(["build", "minimal", "--offline", "-o", "oci:x"])
        .current_dir(&cwd)
        .env("SPARKBAKE_CACHE_DIR", &store)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let trace = fs::read_to_string(cwd.join("trace")).unwrap();
    let started: Vec<&str> = trace.lines().filter(|line| line.contains("exec")).collect();
    assert!(started.len() == 1 && started[0].contains(program), "{trace}");
}

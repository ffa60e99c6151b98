//! `rebuild`: an image again from itself, from its project, and one that was tampered with.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use base64::Engine as _;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::registries::{Kind, Registry};
use crate::{
    Fresh, cache, command_in, fresh, image, inputs_only, json as read_json, manifest_digest, on_path, project, said,
    sparkbake, tool,
};

/// A profile that uses all that an image can be made from beside registries.
const OWN: &str = r#"
[target.aci]
cpu = 1
memory-gb = 2
sizes = { large = { cpu = 2, memory-gb = 4, sku = "spot" } }

[stack]
spark = "3.5.9"
java = "17"
python = "3.11"
debian = "bookworm"

[maven]
files = ["libs/ours.jar"]

[python]
files = ["dist/ours-1.0-py3-none-any.whl"]

[debian]
security = false
ca-certificates = ["corp.pem"]

[spark.conf]
"spark.sql.session.timeZone" = "UTC"

[[app.copy]]
from = "app"
to = "/app"

[app]
command = ["python3", "/app/score.py"]
ports = [8080]
env = { MODEL = "/app/model" }

[image]
repository = "registry.example/ours"
labels = { "com.example.team" = "data" }
"#;

/// A project of [`OWN`] in a folder of its own, built once as `own.oci`; `None` without OpenSSL.
fn own(name: &str) -> Option<Fresh> {
    static MADE: OnceLock<Fresh> = OnceLock::new();
    if !on_path("openssl") {
        return None;
    }
    let made = MADE.get_or_init(|| {
        cache();
        let directory = project("own", OWN);
        fill(&directory);
        sparkbake(&directory, &["build", "-o", "oci:own.oci"]);
        directory
    });
    let copy = fresh(name);
    tool("cp", &["-a", &format!("{}/.", made.display()), copy.to_str().unwrap()]);
    Some(copy)
}

/// The project of [`OWN`], without its profile.
pub(crate) fn fill(directory: &Path) {
    let zip = |path: &str, members: &[(&str, &str)]| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
    };
    zip("libs/ours.jar", &[("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n"), ("ours.txt", "ours")]);
    let info = |file: &str| format!("ours-1.0.dist-info/{file}");
    let (metadata, wheel) =
        ("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n", "Wheel-Version: 1.0\nTag: py3-none-any\n");
    let files = [("ours.py", "ours = 1\n"), (&info("METADATA"), metadata), (&info("WHEEL"), wheel)];
    let sum = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text));
    let lines = files.map(|(name, text)| format!("{name},sha256={},{}\n", sum(text), text.len()));
    let record = lines.concat();
    let record = (info("RECORD"), format!("{record}ours-1.0.dist-info/RECORD,,\n"));
    let all = [&files[..], &[(record.0.as_str(), record.1.as_str())]].concat();
    zip("dist/ours-1.0-py3-none-any.whl", &all);
    fs::create_dir_all(directory.join("app/model")).unwrap();
    fs::write(directory.join("app/score.py"), "print('one')\nprint('two')\n").unwrap();
    fs::write(directory.join("app/model/weights"), [0, 1, 2]).unwrap();
    std::os::unix::fs::symlink("model", directory.join("app/current")).unwrap();
    let pem = directory.join("corp.pem");
    let line = "req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -days 30 -subj /CN=Ours -out";
    tool("openssl", &line.split(' ').chain([pem.to_str().unwrap()]).collect::<Vec<_>>());
}

/// What `rebuild` says and ends with.
fn rebuild(store: &Path, cwd: &Path, args: &[&str]) -> (Option<i32>, String) {
    let ran = command_in(store, cwd, &[&["rebuild"], args].concat()).output().unwrap();
    (ran.status.code(), said(&ran))
}

#[test]
fn d9_an_image_is_made_again_from_itself_and_from_its_project() {
    let Some(cwd) = own("rebuild") else { return };
    // Another size, and Docker's media types.
    let docker = ["build", "--locked", "--size", "large", "--format", "docker", "-o", "oci-archive:large.tar"];
    sparkbake(&cwd, &docker);

    // A machine that has neither the project nor anything that was made.
    let (store, away) = (inputs_only("rebuild-store"), fresh("rebuild-away"));
    for name in ["own.oci", "large.tar"] {
        fs::rename(cwd.join(name), away.join(name)).unwrap();
    }
    let (code, said) = rebuild(&store, &away, &["oci:own.oci"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("same: sha256:") && said.contains("made from the image's own files: app;"), "{said}");
    let (code, said) = rebuild(&store, &away, &["oci-archive:large.tar", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\"same\": true"), "{said}");

    // The user's own wheel is installed in the image and not in it as a file.
    let wheel = hex::encode(Sha256::digest(fs::read(cwd.join("dist/ours-1.0-py3-none-any.whl")).unwrap()));
    fs::remove_file(store.join("blobs/sha256").join(&wheel)).unwrap();
    let (code, said) = rebuild(&store, &away, &["oci:own.oci"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("dist/ours-1.0-py3-none-any.whl: is a file of the image's maker"), "{said}");
    let typed = cwd.join("sparkbake.toml");
    let typed = typed.to_str().unwrap();
    let (code, said) = rebuild(&store, &away, &["oci:own.oci", "--profile", typed]);
    assert_eq!(code, Some(0), "{said}");

    // The project moved on: the first difference is named to the line.
    fs::write(cwd.join("app/score.py"), "print('one')\nprint('three')\n").unwrap();
    fs::write(typed, OWN.replace("= \"/app/model\"", "= \"/app/current\"")).unwrap();
    let (code, said) = rebuild(&store, &away, &["oci:own.oci", "--profile", typed]);
    assert_eq!(code, Some(1), "{said}");
    for expected in [
        "lock → /usr/lib/sparkbake/sparkbake.toml → content",
        "-MODEL = \"/app/model\"",
        "+MODEL = \"/app/current\"",
        "app              differs at 1 path: content 1",
        "/app/score.py: content",
        "config → config.Env.MODEL",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // The lock itself promises what it did.
    let (code, said) = rebuild(&store, &cwd, &["sparkbake.lock"]);
    assert_eq!((code, said.contains("same: sparkbake.lock, made again bit for bit: ")), (Some(0), true), "{said}");
    let lock = fs::read_to_string(cwd.join("sparkbake.lock")).unwrap();
    let digest = lock.lines().find(|line| line.starts_with("diff-id = ")).unwrap().to_owned();
    fs::write(cwd.join("sparkbake.lock"), lock.replacen(&digest, &digest.replace(['0', '1'], "2"), 1)).unwrap();
    let (code, said) = rebuild(&store, &cwd, &["sparkbake.lock"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("base             differs"), "{said}");
}

#[test]
fn locked_files_come_from_a_registry_of_ones_own() {
    let Some(cwd) = own("inputs") else { return };
    let Some(registry) = Registry::start(Kind::Docker, "inputs-registry") else { return };
    let (image, inputs) = (format!("{}/team/ours", registry.host), format!("{}/team/inputs", registry.host));
    let digest = manifest_digest(&cwd.join("own.oci"));
    let pushed = sparkbake(&cwd, &["push", "oci:own.oci", &image, "--inputs", &inputs]);
    assert_eq!(pushed, format!("{image}@{digest}\n"));
    let tags: Value =
        serde_json::from_str(&tool("skopeo", &["list-tags", "--tls-verify=false", &format!("docker://{inputs}")]))
            .unwrap();
    let tag = tags["Tags"][0].as_str().unwrap();
    assert!(tag.starts_with("inputs-"), "{tag}");
    let raw = ["inspect", "--raw", "--tls-verify=false", &format!("docker://{inputs}:{tag}")].map(str::to_owned);
    let manifest: Value =
        serde_json::from_str(&tool("skopeo", &raw.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.sparkbake.inputs.v1");
    let names = manifest["layers"].as_array().unwrap().iter();
    let names: Vec<_> =
        names.map(|one| one["annotations"]["org.opencontainers.image.title"].as_str().unwrap()).collect();
    for own in ["ours.jar", "ours-1.0-py3-none-any.whl", "pyspark-3.5.9.tar.gz"] {
        assert!(names.contains(&own), "{own}: {names:?}");
    }

    // Hosts that have nothing, and whose registries are gone.
    let nowhere = |store: &str, args: &[&str]| {
        let store = fresh(store);
        let mut command = command_in(&store, &cwd, args);
        for name in ["PYPI", "MAVEN", "DEBIAN", "DEBIAN_SECURITY"] {
            command.env(format!("SPARKBAKE_{name}_URL"), "http://127.0.0.1:9/");
        }
        command.output().unwrap()
    };
    let ran = nowhere("inputs-build", &["build", "--locked", "--inputs-from", &inputs, "-o", "oci:again.oci"]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("again.oci")), digest);

    // The same in one archive, which skopeo takes to a registry, and no network at all.
    sparkbake(&cwd, &["bundle", "own.bundle"]);
    let bundled = format!("docker://{}/team/bundled:{tag}", registry.host);
    tool(
        "skopeo",
        &[
            "copy",
            "-q",
            "--dest-tls-verify=false",
            &format!("oci-archive:{}:{tag}", cwd.join("own.bundle").display()),
            &bundled,
        ],
    );
    let bundle = ["build", "--locked", "--offline", "--bundle", "own.bundle", "-o", "oci:bundled.oci"];
    let ran = nowhere("bundle-build", &bundle);
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("bundled.oci")), digest);
    let whole = fs::read(cwd.join("own.bundle")).unwrap();
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (bytes, code) in [(&whole[..middle], 3), (&changed, 3)] {
        fs::write(cwd.join("own.bundle"), bytes).unwrap();
        let ran = nowhere("bundle-damaged", &bundle);
        assert_eq!(ran.status.code(), Some(code), "{}", said(&ran));
    }
    fs::write(cwd.join("own.bundle"), whole).unwrap();
    for own in ["libs", "dist", "app", "corp.pem", "own.oci", "again.oci", "bundled.oci"] {
        tool("rm", &["-r", cwd.join(own).to_str().unwrap()]);
    }
    let ran = nowhere("inputs-rebuild", &["rebuild", &image, "--inputs-from", &inputs]);
    assert!(ran.status.success(), "{}", said(&ran));
    let ran = nowhere("bundle-rebuild", &["rebuild", &image, "--bundle", "own.bundle"]);
    assert!(ran.status.success(), "{}", said(&ran));
    // What the repository has not is asked of the registries, and they are gone.
    let ran = nowhere("inputs-none", &["rebuild", &image, "--inputs-from", &format!("{inputs}-none")]);
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
}

/// A layout whose only image is changed.
struct Tampered<'a> {
    layout: &'a Path,
    manifest: Value,
    config: Value,
}

impl Tampered<'_> {
    fn put(&self, bytes: &[u8]) -> Value {
        let name = hex::encode(Sha256::digest(bytes));
        fs::write(self.layout.join("blobs/sha256").join(&name), bytes).unwrap();
        json!({ "digest": format!("sha256:{name}"), "size": bytes.len() })
    }

    fn place(&self, name: &str) -> usize {
        let history = self.config["history"].as_array().unwrap();
        history.iter().position(|entry| entry["created_by"] == format!("sparkbake: {name}")).unwrap()
    }

    fn tar(&self, at: usize) -> Vec<u8> {
        let digest = self.manifest["layers"][at]["digest"].as_str().unwrap();
        let packed = fs::read(self.layout.join("blobs/sha256").join(&digest[7..])).unwrap();
        let mut tar = Vec::new();
        GzDecoder::new(packed.as_slice()).read_to_end(&mut tar).unwrap();
        tar
    }

    fn set(&mut self, at: usize, tar: &[u8]) {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(tar).unwrap();
        let blob = self.put(&packed.finish().unwrap());
        self.manifest["layers"][at]["digest"] = blob["digest"].clone();
        self.manifest["layers"][at]["size"] = blob["size"].clone();
        self.config["rootfs"]["diff_ids"][at] = format!("sha256:{}", hex::encode(Sha256::digest(tar))).into();
    }

    /// The same, compressed as we never do.
    fn set_zstd(&mut self, at: usize, tar: &[u8]) {
        self.set(at, tar);
        let packed = ruzstd::encoding::compress_to_vec(tar, ruzstd::encoding::CompressionLevel::Fastest);
        let blob = self.put(&packed);
        self.manifest["layers"][at]["digest"] = blob["digest"].clone();
        self.manifest["layers"][at]["size"] = blob["size"].clone();
        self.manifest["layers"][at]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd".into();
    }

    fn close(mut self) {
        let config = self.put(self.config.to_string().as_bytes());
        self.manifest["config"]["digest"] = config["digest"].clone();
        self.manifest["config"]["size"] = config["size"].clone();
        let manifest = self.put(self.manifest.to_string().as_bytes());
        let mut index = read_json(&self.layout.join("index.json"));
        index["manifests"][0]["digest"] = manifest["digest"].clone();
        index["manifests"][0]["size"] = manifest["size"].clone();
        fs::write(self.layout.join("index.json"), index.to_string()).unwrap();
    }
}

/// The settings' layer with one entry after the other changed in one field.
fn changed(tar: &[u8]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut header = entry.header().clone();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("spark-defaults.conf") => {
                bytes = String::from_utf8(bytes).unwrap().replace("spark.driver.memory", "spark.driver.memorx").into();
            }
            Some("log4j2.properties") => {
                header.set_mode(0o600);
                header.set_mtime(1);
                header.set_uid(7);
                header.set_username("me").unwrap();
                out.append_pax_extensions([("SCHILY.xattr.user.x", b"1".as_slice())]).unwrap();
            }
            _ => {}
        }
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        out.append(&header, bytes.as_slice()).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn d9_what_was_tampered_with_is_named_to_the_field() {
    cache();
    let cwd = fresh("tampered");
    sparkbake(&cwd, &["build", "minimal", "-o", "oci:it.oci"]);
    let layout = cwd.join("it.oci");
    let (manifest, config) = image(&layout);
    let mut it = Tampered { layout: &layout, manifest, config };
    let (outline, settings) = (it.place("outline"), it.place("settings"));
    let (same, other) = (it.tar(outline), changed(&it.tar(settings)));
    it.set(outline, &same);
    it.set(settings, &other);
    it.config["config"]["StopSignal"] = "SIGKILL".into();
    it.manifest["annotations"]["com.example.by"] = "somebody".into();
    it.close();

    // The files alone, beside the untouched image.
    sparkbake(&cwd, &["build", "minimal", "-o", "oci:plain.oci"]);
    let ran = command_in(cache(), &cwd, &["diff", "oci:plain.oci", "oci:it.oci", "--files"]).output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{text}");
    let files = text.split("\nFiles\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    insta::assert_snapshot!(files, @r#"
    ~ settings /etc/spark/log4j2.properties: mode
    ~ settings /etc/spark/log4j2.properties: owner
    ~ settings /etc/spark/log4j2.properties: owner's name
    ~ settings /etc/spark/log4j2.properties: mtime
    ~ settings /etc/spark/log4j2.properties: xattr user.x
    ~ settings /etc/spark/spark-defaults.conf: content
    "#);

    let (code, text) = rebuild(cache(), &cwd, &["oci:it.oci"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("outline → same tar, other compression\n  image    sha256:"), "{text}");
    let ran = command_in(cache(), &cwd, &["rebuild", "oci:it.oci", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let mut told = Vec::new();
    for layer in report["layers"].as_array().unwrap() {
        let name = layer["name"].as_str().unwrap();
        if layer["verdict"] != "same" {
            told.push(format!("{name} {}", layer["verdict"].as_str().unwrap()));
        }
        for one in layer["differences"].as_array().unwrap() {
            let side = |side: &str| one[side].as_str().unwrap_or("-").split(", sha256").next().unwrap().to_owned();
            let (path, field) = (one["path"].as_str().unwrap(), one["field"].as_str().unwrap());
            // The right side of a time is the lock's.
            let sides = match field {
                "content" => String::new(),
                "mtime" => format!(": {}", side("left")),
                _ => format!(": {} | {}", side("left"), side("right")),
            };
            told.push(format!("{path} {field}{sides}"));
        }
        told.extend(layer["contents"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()));
    }
    for document in ["config", "manifest"] {
        for one in report[document].as_array().unwrap() {
            told.push(format!("{document} {}: {} | {}", one["field"], one["left"], one["right"]));
        }
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    outline other-compression
    settings differs
    /etc/spark/log4j2.properties mode: 0600 | 0644
    /etc/spark/log4j2.properties owner: 7:0 | 0:0
    /etc/spark/log4j2.properties owner's name: me: | :
    /etc/spark/log4j2.properties mtime: 1970-01-01T00:00:01Z (1)
    /etc/spark/log4j2.properties xattr user.x: 1 | -
    /etc/spark/spark-defaults.conf content
    @@ -6,3 +6,3 @@
     # the heap of the memory plan
    -spark.driver.memorx 1203m
    +spark.driver.memory 1203m
     
    config "config.StopSignal": "SIGKILL" | "SIGTERM"
    manifest "annotations.com.example.by": "somebody" | null
    "#);
}

#[test]
fn layers_in_zstd_are_read_where_images_are_compared() {
    cache();
    let cwd = fresh("zstd");
    sparkbake(&cwd, &["build", "minimal", "-o", "oci:plain.oci"]);
    for (name, change) in [("same.oci", false), ("other.oci", true)] {
        sparkbake(&cwd, &["build", "minimal", "-o", &format!("oci:{name}")]);
        let layout = cwd.join(name);
        let (manifest, config) = image(&layout);
        let mut it = Tampered { layout: &layout, manifest, config };
        for layer in ["lock", "settings"] {
            let at = it.place(layer);
            let tar = it.tar(at);
            it.set_zstd(at, &if change && layer == "settings" { changed(&tar) } else { tar });
        }
        it.close();
    }
    let (code, text) = rebuild(cache(), &cwd, &["oci:same.oci"]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.matches("same tar, other compression").count(), 3, "{text}");
    let (code, text) = rebuild(cache(), &cwd, &["oci:other.oci"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("settings         differs at 2 paths: content 1, mode 1"), "{text}");
    let diff = |to: &str| {
        let ran = command_in(cache(), &cwd, &["diff", "oci:plain.oci", to, "--files"]).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    assert!(!diff("oci:same.oci").contains("Files"), "{}", diff("oci:same.oci"));
    assert!(diff("oci:other.oci").contains("~ settings /etc/spark/spark-defaults.conf: content"));
}

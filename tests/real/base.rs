//! Images that stand on an image of others, by its digest.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sparkbake::digest::Digest;

use crate::containers::{EXPECTED_OF_MINIMAL, MINIMAL_JOB, healthy, job, run};
use crate::registries::{Kind, Meter, Registry};
use crate::{
    Fresh, cache, command_in, docker, fresh, have, image, inputs_only, json as read, manifest_digest, on_path, place,
    said, tool,
};

/// A layer of a base: its blob, digest of its tar, and media type.
#[derive(Clone)]
struct Layer {
    blob: Vec<u8>,
    diff_id: String,
    media_type: &'static str,
}

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layer of files and their texts.
fn layer(files: &[(&str, &str)]) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        // Paths that the library itself would refuse too.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, text.as_bytes()).unwrap();
    }
    packed(&tar.into_inner().unwrap())
}

/// A tar as a layer.
fn packed(tar: &[u8]) -> Layer {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(tar).unwrap();
    Layer { blob: gzip.finish().unwrap(), diff_id: Digest::of(tar).to_string(), media_type: GZIP }
}

/// Debian with Java and Python: the first two layers of the smallest shipped image.
fn debian() -> Vec<Layer> {
    cache();
    let layout = place("shipped").join("minimal");
    let (manifest, config) = image(&layout);
    let layer = |at: usize| Layer {
        blob: fs::read(blob(&layout, &manifest["layers"][at])).unwrap(),
        diff_id: config["rootfs"]["diff_ids"][at].as_str().unwrap().to_owned(),
        media_type: GZIP,
    };
    vec![layer(0), layer(1)]
}

fn blob(layout: &Path, descriptor: &Value) -> std::path::PathBuf {
    layout.join("blobs/sha256").join(&descriptor["digest"].as_str().unwrap()[7..])
}

/// What a config of others says.
fn config() -> Value {
    json!({
        "architecture": "amd64", "os": "linux", "created": "2026-05-17T08:00:00Z",
        "config": {
            "Env": ["PATH=/opt/tools:/usr/bin:/bin", "THEIRS=kept", "JAVA_TOOL_OPTIONS=-Xmx9g"],
            "User": "nobody", "Entrypoint": ["/bin/false"], "Labels": { "io.containerd.x": "y", "theirs": "dropped" },
        },
    })
}

/// Writes the image below `cwd` as the layout `name`; its digest.
fn write(cwd: &Path, name: &str, layers: &[Layer], mut config: Value, change: &dyn Fn(&mut Value)) -> String {
    let blobs = cwd.join(name).join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], media_type: &str| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    config["rootfs"] =
        json!({ "type": "layers", "diff_ids": layers.iter().map(|one| &one.diff_id).collect::<Vec<_>>() });
    let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let layers: Vec<Value> = layers.iter().map(|one| put(&one.blob, one.media_type)).collect();
    let mut manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers });
    change(&mut manifest);
    let manifest = put(manifest.to_string().as_bytes(), kind);
    let digest = manifest["digest"].as_str().unwrap().to_owned();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(cwd.join(name).join("index.json"), index.to_string()).unwrap();
    fs::write(cwd.join(name).join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    digest
}

/// The profile that stands on it.
fn profile(base: &str, more: &str) -> String {
    format!("[target.aci]\ncpu = 1\nmemory-gb = 2\n[stack]\nspark = \"3.5.9\"\nbase = \"{base}\"\n{more}")
}

/// A project on Debian with a layer of others above it, which takes a file away.
fn standing(name: &str) -> (Fresh, String, Vec<Layer>) {
    let cwd = fresh(name);
    let mut layers = debian();
    layers.push(layer(&[("opt/tools/theirs", "theirs\n"), ("usr/share/doc/tini/.wh.copyright", "")]));
    let digest = write(&cwd, "base.oci", &layers, config(), &|_| {});
    fs::write(cwd.join("sparkbake.toml"), profile(&format!("oci:base.oci@{digest}"), "")).unwrap();
    (cwd, digest, layers)
}

/// Runs with a store; standard output.
#[track_caller]
fn ran(store: &Path, cwd: &Path, args: &[&str]) -> String {
    let ran = command_in(store, cwd, args).output().unwrap();
    assert!(ran.status.success(), "{args:?}: {}", said(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_base_is_taken_as_it_is_mounted_where_it_lies_and_made_again() {
    let (cwd, digest, theirs) = standing("base");
    ran(cache(), &cwd, &["lock"]);
    let lock = fs::read_to_string(cwd.join("sparkbake.lock")).unwrap();
    assert!(lock.contains("java-home = \"/usr/lib/jvm/java-17-openjdk-amd64\"") && !lock.contains("deb:"), "{lock}");
    ran(cache(), &cwd, &["build", "--locked", "-o", "oci:image.oci"]);
    let (manifest, config) = image(&cwd.join("image.oci"));
    for (at, layer) in theirs.iter().enumerate() {
        assert_eq!(manifest["layers"][at]["digest"], Digest::of(&layer.blob).to_string());
        assert_eq!(config["rootfs"]["diff_ids"][at], layer.diff_id);
    }
    let environment: Vec<&str> = config["config"]["Env"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        environment.contains(&"THEIRS=kept") && environment.contains(&"PATH=/opt/spark/bin:/opt/tools:/usr/bin:/bin")
    );
    assert!(!environment.iter().any(|one| one.starts_with("JAVA_TOOL_OPTIONS")), "{environment:?}");
    assert_eq!((&config["config"]["User"], &config["created"]), (&json!("185:185"), &json!("2026-05-17T08:00:00Z")));
    let labels = config["config"]["Labels"].as_object().unwrap();
    assert_eq!(labels["org.opencontainers.image.base.digest"], digest.as_str());
    assert!(!labels.contains_key("io.containerd.x") && !labels.contains_key("theirs"));

    // Rebuilt where only the locked files are: the base is in the image.
    let away = fresh("base-away");
    fs::rename(cwd.join("image.oci"), away.join("image.oci")).unwrap();
    let said = ran(&inputs_only("base-inputs"), &away, &["rebuild", "oci:image.oci"]);
    assert!(said.contains("same: sha256:"), "{said}");
    let expected = manifest_digest(&away.join("image.oci"));

    // From a registry it is the same image; the base's layers are mounted, and nothing is fetched of them.
    for kind in [Kind::Docker, Kind::Distribution, Kind::Olareg] {
        let Some(registry) = Registry::start(kind, "base-registry") else { continue };
        let meter = Meter::before(&registry);
        ran(cache(), &cwd, &["push", "oci:base.oci", &format!("{}/team/base:12", meter.host)]);
        let text = profile(&format!("{}/team/base@{digest}", meter.host), "");
        let text = format!("{text}[image]\nrepository = \"{}/team/score\"\n", meter.host);
        fs::write(cwd.join("sparkbake.toml"), &text).unwrap();
        meter.take();
        let pushed = ran(cache(), &cwd, &["build", "--locked", "--push"]);
        assert!(pushed.trim().ends_with(&expected), "{kind:?}: {pushed}, not {expected}");
        let (sent, _) = meter.take();
        let own: u64 = manifest["layers"].as_array().unwrap()[3..].iter().filter_map(|one| one["size"].as_u64()).sum();
        assert!((sent as u64) < own + 200_000, "{kind:?}: {sent} bytes for {own} of our own");
        // A machine that has nothing, and another size.
        let empty = fresh("base-empty");
        ran(&empty, &cwd, &["build", "--locked", "--push", "--cpu", "2", "--memory", "4", "-t", "two"]);
        let (sent, received) = meter.take();
        assert!(sent < 20_000 && received < 60_000, "{kind:?}: {sent} bytes sent, {received} received");
        let said = ran(&inputs_only("base-inputs"), &away, &["rebuild", pushed.trim()]);
        assert!(said.contains("same: sha256:"), "{kind:?}: {said}");
        if kind == Kind::Docker {
            from_inputs(&registry, &cwd, &away, &digest, &expected);
        }
    }
}

/// The base's layers are among the inputs, so that a host that can reach nothing else needs nothing else.
fn from_inputs(registry: &Registry, cwd: &Path, away: &Path, base: &str, expected: &str) {
    let (to, inputs) = (format!("{}/team/other:1", registry.host), format!("{}/team/inputs", registry.host));
    ran(cache(), away, &["push", "oci:image.oci", &to, "--inputs", &inputs]);
    // By its digest alone: nobody says where it is.
    fs::write(cwd.join("sparkbake.toml"), profile(base, "")).unwrap();
    let empty = fresh("base-from-inputs");
    let mut build = command_in(&empty, cwd, &["build", "--locked", "--inputs-from", &inputs, "-o", "oci:again.oci"]);
    for name in ["PYPI", "MAVEN", "DEBIAN", "DEBIAN_SECURITY"] {
        build.env(format!("SPARKBAKE_{name}_URL"), "file:///nowhere");
    }
    let ran = build.output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(manifest_digest(&cwd.join("again.oci")), expected);
}

#[test]
fn spark_runs_on_a_base() {
    let Some(engine) = docker() else { return };
    let (cwd, ..) = standing("base-run");
    runs(&engine, &cwd, "on-a-base");
}

/// Builds the project and runs a job of Spark's in a container of it.
fn runs(engine: &str, cwd: &Path, tag: &str) {
    ran(cache(), cwd, &["build", "-o", "docker-archive:image.tar", "-t", tag]);
    tool("docker", &["--host", engine, "load", "--quiet", "-i", cwd.join("image.tar").to_str().unwrap()]);
    let script = job(&format!("job-{tag}"), MINIMAL_JOB);
    healthy(&run(engine, tag, 2_000_000_000, &script, &[]), &EXPECTED_OF_MINIMAL);
    tool("docker", &["--host", engine, "image", "rm", "--force", tag]);
}

/// A Debian that apt and dpkg installed, with all that they leave behind: device files, `/etc/alternatives`, byte
/// code. It is made anew, so only where all of the slow parts are asked for.
#[test]
fn spark_runs_on_a_debian_that_apt_installed() {
    let (all, suite) = (std::env::var_os("SPARKBAKE_TEST_ALL"), fs::read_to_string("/etc/os-release").unwrap());
    let Some(engine) = docker().filter(|_| all.is_some()) else { return };
    let bookworm = suite.contains("VERSION_CODENAME=bookworm");
    if !on_path("mmdebstrap") || !have("the archive of a bookworm", bookworm) {
        return;
    }
    let cwd = fresh("base-apt");
    let tar = cwd.join("root.tar");
    // From where this machine's own apt takes it.
    let sources = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"];
    let sources: String = sources.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let include = "--include=openjdk-17-jre-headless,python3,tini,ca-certificates";
    let mut make = Command::new("mmdebstrap");
    make.args(["--quiet", "--variant=minbase", include, "bookworm"]).arg(&tar).arg("-").stdin(Stdio::piped());
    let mut make = make.spawn().unwrap();
    make.stdin.take().unwrap().write_all(sources.as_bytes()).unwrap();
    assert!(make.wait().unwrap().success());
    let layers = [packed(&fs::read(&tar).unwrap())];
    fs::remove_file(&tar).unwrap();
    let digest = write(&cwd, "base.oci", &layers, config(), &|_| {});
    fs::write(cwd.join("sparkbake.toml"), profile(&format!("oci:base.oci@{digest}"), "")).unwrap();
    runs(&engine, &cwd, "on-apts");
}

/// Layers, config, a change of the manifest, more of the profile, and what is said.
type Case<'a> = (&'a [Layer], Value, &'a dyn Fn(&mut Value), &'a str, &'a str);

#[test]
fn a_base_that_cannot_be_stood_on_is_refused() {
    let cwd = fresh("base-refused");
    let whole = debian();
    let with = |more: Layer| [whole.clone(), vec![more]].concat();
    let plain: &dyn Fn(&mut Value) = &|_| {};
    let refuse = |name: &str, layers: &[Layer], config: Value, change: &dyn Fn(&mut Value), more: &str| {
        let digest = write(&cwd, name, layers, config, change);
        fs::write(cwd.join("sparkbake.toml"), profile(&format!("oci:{name}@{digest}"), more)).unwrap();
        let ran = command_in(cache(), &cwd, &["lock"]).output().unwrap();
        assert!(!ran.status.success() && !cwd.join("sparkbake.lock").exists(), "{name}: {}", said(&ran));
        fs::remove_dir_all(cwd.join(name)).unwrap();
        said(&ran)
    };
    let typed = |media_type| vec![Layer { media_type, ..layer(&[("x", "y")]) }];
    let arm = json!({ "architecture": "arm64", "os": "linux" });
    let url = |manifest: &mut Value| manifest["layers"][0]["urls"] = json!(["https://elsewhere.example/x"]);
    let both = |manifest: &mut Value| manifest["manifests"] = json!([]);
    let size = |manifest: &mut Value| manifest["layers"][0]["size"] = json!(-1);
    let huge = |manifest: &mut Value| manifest["layers"][1]["size"] = json!(u64::MAX);
    let empty = |manifest: &mut Value| manifest["layers"] = json!([]);
    let mut lies = layer(&[("x", "y")]);
    lies.diff_id = Digest::of(b"another").to_string();
    let known = Layer { diff_id: whole[0].diff_id.clone(), ..layer(&[("x", "y")]) };
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let cases: [Case<'_>; 16] = [
        (&whole, arm, plain, "", "the base is for linux/arm64"),
        (&typed(zstd), config(), plain, "", "tar+zstd: only gzip"),
        (&typed(foreign), config(), plain, "", "foreign.diff.tar.gzip: only gzip"),
        (&whole, config(), &url, "", "lies at a URL of its own"),
        (&whole, config(), &both, "", "has both `layers` and `manifests`"),
        (&whole, config(), &size, "", "invalid value"),
        (&whole, config(), &huge, "", "is larger than the 15 GB"),
        (&[], config(), &empty, "", "has no layers"),
        (&[lies], config(), plain, "", "is not what was promised"),
        (&[whole[0].clone(), whole[0].clone()], config(), plain, "", "has one layer twice"),
        (&with(layer(&[("../x", "y")])), config(), plain, "", "`..` component"),
        (&with(layer(&[("bin/x", "y")])), config(), plain, "", "/bin/x leads through /bin"),
        (&with(layer(&[("usr/bin/.wh.tini", "")])), config(), plain, "", "the base has no /usr/bin/tini"),
        (&whole[..1], config(), plain, "", "the base has no Java"),
        // What was read before under that diff id were other bytes.
        (&[known], config(), plain, "", "is not what was promised"),
        (&whole, config(), plain, "java = \"21\"\n", "`stack.java` is 21, and the base has 17."),
    ];
    for (at, (layers, config, change, more, expected)) in cases.into_iter().enumerate() {
        let said = refuse(&format!("case-{at}"), layers, config, change, more);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // One of sparkbake's own has a PySpark already.
    let shipped = place("shipped").join("minimal");
    let base = format!("oci:{}@{}", shipped.display(), manifest_digest(&shipped));
    fs::write(cwd.join("sparkbake.toml"), profile(&base, "")).unwrap();
    let ran = command_in(cache(), &cwd, &["lock"]).output().unwrap();
    assert!(said(&ran).contains("the base has pyspark-3.5.9 in"), "{}", said(&ran));
    assert_eq!(read(&shipped.join("index.json"))["manifests"].as_array().unwrap().len(), 1);
}

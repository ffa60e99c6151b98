//! Other people's programs read what we write, and see one config digest.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{
    cache, docker, fresh, have, image, json, manifest_digest, on_path, place, project, repository, said, sparkbake,
    tool,
};

fn config_digest(layout: &Path) -> String {
    image(layout).0["config"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn skopeo_reads_layout_and_archives() {
    if !on_path("skopeo") {
        return;
    }
    let cwd = fresh("skopeo");
    sparkbake(&cwd, &["build", "minimal", "-o", "oci:l", "-o", "oci-archive:a.tar", "-o", "docker-archive:d.tar"]);
    let expected = config_digest(&cwd.join("l"));
    let at = |kind: &str, path: &str| format!("{kind}:{}/{path}", cwd.display());
    for source in [at("oci", "l:minimal"), at("oci-archive", "a.tar:minimal"), at("docker-archive", "d.tar")] {
        let copied = cwd.join("copied");
        tool("skopeo", &["copy", "--quiet", "--insecure-policy", &source, &format!("dir:{}", copied.display())]);
        let manifest = json(&copied.join("manifest.json"));
        assert_eq!(manifest["config"]["digest"], expected.as_str(), "{source}");
        fs::remove_dir_all(copied).unwrap();
    }
}

#[test]
fn docker_reads_both_archives() {
    let Some(engine) = docker() else { return };
    let cwd = fresh("docker-reads");
    sparkbake(&cwd, &["build", "minimal", "-t", "reads:a", "-o", "oci:l", "-o", "oci-archive:a.tar"]);
    sparkbake(&cwd, &["build", "minimal", "-t", "reads:d", "-o", "docker-archive:d.tar"]);
    let expected = config_digest(&cwd.join("l"));
    for (archive, tag) in [("a.tar", "reads:a"), ("d.tar", "reads:d")] {
        let path = cwd.join(archive);
        tool("docker", &["--host", &engine, "load", "--quiet", "-i", path.to_str().unwrap()]);
        let seen = tool("docker", &["--host", &engine, "image", "inspect", "--format", "{{.Id}}", tag]);
        assert_eq!(seen.trim(), expected, "{archive}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn containerd_reads_the_archive() {
    let address = std::env::var("SPARKBAKE_TEST_CONTAINERD").ok();
    if !have("containerd", address.is_some()) || !on_path("ctr") {
        return;
    }
    let cwd = fresh("containerd");
    sparkbake(&cwd, &["build", "minimal", "-t", "localhost/reads:c", "-o", "oci:l", "-o", "oci-archive:a.tar"]);
    let ctr = |args: &[&str]| {
        let ours = ["--address", address.as_deref().unwrap(), "--namespace", "sparkbake-test"];
        tool("ctr", &[&ours[..], args].concat())
    };
    ctr(&["images", "import", "--no-unpack", "--digests", cwd.join("a.tar").to_str().unwrap()]);
    let (manifest, _) = image(&cwd.join("l"));
    let digest = manifest["config"]["digest"].as_str().unwrap();
    let seen = ctr(&["content", "get", digest]);
    let bytes = fs::read_to_string(cwd.join("l/blobs/sha256").join(&digest[7..])).unwrap();
    assert_eq!(seen, bytes);
    let listed = ctr(&["images", "list"]);
    let top = manifest_digest(&cwd.join("l"));
    assert!(listed.contains(&top), "{top} in\n{listed}");
}

#[test]
fn umoci_unpacks_the_tree_as_it_was_meant() {
    if !on_path("umoci") {
        return;
    }
    cache();
    let folder = fresh("umoci");
    let bundle = folder.join("bundle");
    let source = format!("{}:minimal", place("shipped").join("minimal").display());
    let ran = Command::new("umoci").args(["unpack", "--rootless", "--image", &source]).arg(&bundle).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let root = bundle.join("rootfs");
    for link in ["bin", "lib", "lib64", "sbin"] {
        assert_eq!(fs::read_link(root.join(link)).unwrap(), Path::new("usr").join(link));
    }
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!([mode("tmp"), mode("var/tmp"), mode("root"), mode("usr")], [0o1777, 0o1777, 0o700, 0o755]);
    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert!(
        passwd
            .lines()
            .any(|line| line.starts_with("spark:") && line.contains(":185:185:") && line.contains(":/home/spark:"))
    );
    assert!(root.join("opt/spark/jars").is_symlink() || fs::read_link(root.join("opt/spark")).is_ok());
    let set_id = tool("find", &[root.to_str().unwrap(), "-type", "f", "-perm", "/6000"]);
    assert_eq!(set_id, "");
    fs::remove_dir_all(&bundle).unwrap();
}

/// Long and non-ASCII names, read back by GNU tar and by umoci.
#[test]
fn odd_names_survive_every_reader() {
    if !on_path("umoci") {
        return;
    }
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let cwd = project("names", &format!("{text}\n[[app.copy]]\nfrom = \"app\"\nto = \"/app\"\n"));
    fs::copy(repository().join("lockfiles/minimal.lock"), cwd.join("sparkbake.lock")).unwrap();
    let deep = [&"d".repeat(200), &"e".repeat(200), &"f".repeat(254)].map(String::as_str).join("/");
    let names = [deep.as_str(), "Maße/ñandú-数据", "with space/and\"quote"];
    for name in names {
        let path = cwd.join("app").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    sparkbake(&cwd, &["build", "-o", "oci:l"]);
    let (manifest, _) = image(&cwd.join("l"));
    let last = manifest["layers"].as_array().unwrap().last().unwrap()["digest"].as_str().unwrap();
    let blob = cwd.join("l/blobs/sha256").join(&last[7..]);
    let listed = tool("tar", &["--quoting-style=literal", "-tzf", blob.to_str().unwrap()]);
    let bundle = cwd.join("bundle");
    let source = format!("{}:sparkbake", cwd.join("l").display());
    tool("umoci", &["unpack", "--rootless", "--image", &source, bundle.to_str().unwrap()]);
    for name in names {
        assert!(listed.lines().any(|line| line == format!("app/{name}")), "{name} in {listed}");
        assert_eq!(fs::read_to_string(bundle.join("rootfs/app").join(name)).unwrap(), name);
    }
    fs::remove_dir_all(bundle).unwrap();
}

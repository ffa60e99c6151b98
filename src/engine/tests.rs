#![expect(clippy::disallowed_methods, reason = "tests of what is written")]

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;

fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = ::tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(if path.ends_with('/') { 0o755 } else { 0o640 });
        header.set_mtime(0);
        header.set_uid(rustix::process::geteuid().as_raw().into());
        header.set_gid(rustix::process::getegid().as_raw().into());
        let link = content.strip_prefix("-> ");
        header.set_entry_type(match link {
            Some(_) => ::tar::EntryType::Symlink,
            None if path.ends_with('/') => ::tar::EntryType::Directory,
            None => ::tar::EntryType::Regular,
        });
        if let Some(link) = link {
            header.set_size(0);
            tar.append_link(&mut header, path, link).unwrap();
        } else {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

fn runtime() -> Runtime {
    Runtime::new("none", "/bin/true".into())
}

fn process() -> Process {
    Process {
        arguments: vec!["/e".to_owned(), "a b".to_owned()],
        environment: vec!["X=1".to_owned()],
        directory: "/".to_owned(),
        user: (185, 185),
    }
}

#[test]
fn layers_lie_over_each_other() {
    let (runtime, parent) = (runtime(), tempfile::tempdir().unwrap());
    let bundle = runtime.bundle(parent.path()).unwrap();
    bundle
        .lay(&*tar(&[
            ("usr/", ""),
            ("usr/bin/", ""),
            ("usr/bin/a", "1"),
            ("bin", "-> usr/bin"),
            ("d/", ""),
            ("d/x", "x"),
        ]))
        .unwrap();
    bundle
        .lay(&*tar(&[
            ("bin/b", "2"),
            ("usr/bin/.wh.a", ""),
            ("d/.wh..wh..opq", ""),
            ("d/y", "y"),
            ("usr/.wh.none", ""),
        ]))
        .unwrap();
    let root = parent.path().read_dir().unwrap().next().unwrap().unwrap().path().join("rootfs");
    let has = |path: &str| fs::read_to_string(root.join(path)).ok();
    assert_eq!(has("usr/bin/b").as_deref(), Some("2"));
    assert_eq!(has("d/y").as_deref(), Some("y"));
    for gone in ["usr/bin/a", "d/x", "usr/bin/.wh.a"] {
        assert_eq!(has(gone), None, "{gone}");
    }
    drop(bundle);
    assert_eq!(parent.path().read_dir().unwrap().count(), 0);
}

/// Nothing of a layer is written or removed beside the image.
#[test]
fn a_layer_cannot_lead_out_of_the_image() {
    let (runtime, parent) = (runtime(), tempfile::tempdir().unwrap());
    fs::write(parent.path().join("mine"), "mine").unwrap();
    let out = parent.path().to_str().unwrap();
    for last in ["out/mine", "out/.wh.mine", "out/.wh..wh..opq"] {
        let bundle = runtime.bundle(parent.path()).unwrap();
        let said = bundle.lay(&*tar(&[("out", &format!("-> {out}")), (last, "other")])).unwrap_err().to_string();
        assert!(said.contains("out"), "{said}");
        assert_eq!(fs::read_to_string(parent.path().join("mine")).unwrap(), "mine", "{last}");
    }
    assert!(runtime.bundle(parent.path()).unwrap().lay(&b"no tar at all, and long enough"[..]).is_err());
}

#[test]
fn the_config_has_the_limits_and_the_process() {
    let (runtime, parent) = (runtime(), tempfile::tempdir().unwrap());
    let mut bundle = runtime.bundle(parent.path()).unwrap();
    bundle.configure(&process(), Limits { memory: 1_500_000_000, cpu_milli: 1500 }).unwrap();
    let path = parent.path().read_dir().unwrap().next().unwrap().unwrap().path().join("config.json");
    let config: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let resources = &config["linux"]["resources"];
    assert_eq!(resources["memory"]["limit"], 1_500_000_000);
    assert_eq!(resources["memory"]["swap"], 1_500_000_000);
    assert_eq!(resources["cpu"]["quota"], 150_000);
    assert_eq!(config["process"]["user"]["uid"], 185);
    assert_eq!(config["process"]["args"][1], "a b");
}

#[test]
fn a_user_of_the_config() {
    for (text, expected) in
        [("185:185", Some((185, 185))), ("185", Some((185, 0))), ("", Some((0, 0))), ("spark", None)]
    {
        assert_eq!(user(text).ok(), expected, "{text}");
    }
}

#[test]
fn a_clients_words() {
    let client = Client::new("docker", "docker".into());
    let limits = Limits { memory: 2_000_000_000, cpu_milli: 500 };
    let run = client.run("image:1", limits, &["python3".to_owned()], Path::new("/id"));
    let words: Vec<_> = run.get_args().map(|word| word.to_str().unwrap()).collect();
    let expected = "run --rm --pull=never --cidfile /id --memory=2000000000 --memory-swap=2000000000 \
        --cpu-period=100000 --cpu-quota=50000 --shm-size=67108864 image:1 python3";
    assert_eq!(words.join(" "), expected);
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", text]);
    command
}

#[test]
fn what_runs_is_watched_to_its_end() {
    let mut lines = Vec::new();
    let ended = watch(
        shell("echo said >&2; sleep 1; exit 7"),
        true,
        &|| Some(shell("echo one; echo two; exec sleep 60")),
        &mut |line| lines.push(String::from_utf8_lossy(line).into_owned()),
    )
    .unwrap();
    assert_eq!((ended.code, ended.log.as_slice()), (7, b"said\n".as_slice()));
    assert_eq!(lines, ["one", "two"]);
    let killed = watch(shell("kill -9 $$"), true, &|| None, &mut |_| {}).unwrap();
    assert_eq!(killed.code, 137);
    assert!(watch(Command::new("/no/such"), true, &|| None, &mut |_| {}).is_err());
}

/// A program that is not there yet is asked for again.
#[test]
fn what_runs_beside_is_tried_until_it_speaks() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let beside = || match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => None,
        1 => Some(shell("exit 1")),
        _ => Some(shell("echo here")),
    };
    let mut count = 0;
    watch(shell("sleep 2"), true, &beside, &mut |_| count += 1).unwrap();
    assert_eq!(count, 1);
    assert_eq!(tries.into_inner(), 3);
}

#[test]
fn an_engine_that_is_not_there_says_so() {
    let environment = Environment::default();
    let said = find(&environment, None).unwrap_err().to_string();
    for kind in Kind::ALL {
        assert!(said.contains(&format!("{} is not on PATH", kind.name())), "{said}");
    }
    let said = find(&environment, Some(Kind::Crun)).unwrap_err().to_string();
    assert_eq!(said, "no container engine: crun is not on PATH");
}

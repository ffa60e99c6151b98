//! A world for one test: a project, a fresh store, and small registries as directories.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use sparkbake::digest::Digest;
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::archive;

/// A profile that the registries below can serve.
pub(crate) const PROFILE: &str = r#"[target.aci]
cpu = 2
memory-gb = 4

[stack]
spark = "3.5.9"
java = "17"
python = "3.11"
debian = "bookworm"

[debian]
security = false
keys = ["keys.gpg"]
"#;

/// The profile with a jar that the repository does not have: where every run with it ends at the latest.
pub(crate) fn with_missing_jar() -> String {
    format!("{PROFILE}\n[maven]\njars = [\"com.example:gone:1.0\"]\n")
}

/// The profile with all that [`World::whole`] has.
pub(crate) fn with_packages() -> String {
    format!("{PROFILE}\n[maven]\njars = [\"com.example:lib:1.0\"]\n\n[python]\nrequirements = [\"tiny\"]\n")
}

/// Name of the one Spark that the index has.
pub(crate) const SDIST: &str = "pyspark-3.5.9.tar.gz";

/// Everything below one temporary directory.
pub(crate) struct World {
    root: TempDir,
    /// Root of the Python index: a directory, until it is served.
    pypi: String,
}

impl World {
    /// Registries that are in order, and a project with this profile.
    pub(crate) fn new(profile: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let world = Self { pypi: directory_url(root.path(), "pypi"), root };
        world.write("project/sparkbake.toml", profile);
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/debian");
        let read = |name: &str| fs::read(data.join(name)).unwrap();
        world.write("project/keys.gpg", read("keys.gpg"));
        world.write("debian/dists/bookworm/InRelease", read("InRelease"));
        let packages = read("Packages.xz");
        let by_hash = format!("by-hash/SHA256/{}", Digest::of(&packages).hex());
        world.write(&format!("debian/dists/bookworm/main/binary-amd64/{by_hash}"), &packages);
        let sdist = sdist();
        world.write(&format!("pypi/pyspark/{SDIST}"), &sdist);
        world.list_sdist(&Digest::of(&sdist));
        world
    }

    /// The same with registries of which a whole image can be made: an archive, a jar `com.example:lib:1.0` and a wheel
    /// of `tiny` 1.0. All together are 100 KB.
    pub(crate) fn whole(profile: &str) -> Self {
        let world = Self::new(profile);
        let _ = fs::remove_dir_all(world.root().join("debian"));
        archive::write(&world.root().join("debian"), &world.root().join("project/keys.gpg"));
        let at = "maven/com/example/lib/1.0/lib-1.0";
        let jar = zipped(&[("noise", noise(500))]);
        world.write(&format!("{at}.jar.sha256"), Digest::of(&jar).hex());
        world.write(&format!("{at}.jar"), jar);
        world.write(
            &format!("{at}.pom"),
            "<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>lib</artifactId>\
             <version>1.0</version></project>",
        );
        let wheel = wheel("tiny", "", 0);
        let name = "tiny-1.0-py3-none-any.whl";
        let link = format!(r#"<a href="{name}#sha256={}">{name}</a>"#, Digest::of(&wheel).hex());
        world.write("pypi/tiny/index.html", link);
        world.write(&format!("pypi/tiny/{name}"), wheel);
        world
    }

    /// What everything lies below.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Bytes of a file, or of a directory's page.
    pub(crate) fn size(&self, path: &str) -> usize {
        let path = self.root.path().join(path);
        let page = path.join("index.html");
        fs::read(if page.exists() { page } else { path }).unwrap().len()
    }

    /// Removes the store.
    pub(crate) fn forget(&self) {
        let _ = fs::remove_dir_all(self.root.path().join("store"));
    }

    /// Puts a file below the root.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The index's page of PySpark with the digest that it promises: HTML for `file:`, JSON for the server.
    pub(crate) fn list_sdist(&self, digest: &Digest) {
        let hex = digest.hex();
        self.write("pypi/pyspark/index.html", format!(r#"<a href="{SDIST}#sha256={hex}">{SDIST}</a>"#));
        let page = serde_json::json!({
            "meta": { "api-version": "1.1" },
            "files": [{ "filename": SDIST, "url": SDIST, "size": sdist().len(), "hashes": { "sha256": hex } }],
        });
        self.write("pypi/pyspark/index.json", page.to_string());
    }

    /// A project of the index whose wheels need these.
    pub(crate) fn list_wheels(&self, name: &str, versions: &[(&str, &[&str])]) {
        self.list_wheels_in("pypi", name, versions);
    }

    /// The same of another index.
    pub(crate) fn list_wheels_in(&self, index: &str, name: &str, versions: &[(&str, &[&str])]) {
        let mut page = String::new();
        for (version, needs) in versions {
            let wheel = format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"));
            writeln!(page, r#"<a href="{wheel}#sha256={}" data-core-metadata="true">{wheel}</a>"#, "0".repeat(64))
                .unwrap();
            let mut metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
            for need in *needs {
                writeln!(metadata, "Requires-Dist: {need}").unwrap();
            }
            self.write(&format!("{index}/{name}/{wheel}.metadata"), metadata);
        }
        self.write(&format!("{index}/{name}/index.html"), page);
    }

    /// The command, with nothing of the user's surroundings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let root = self.root.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sparkbake"));
        command.args(args).current_dir(root.join("project")).env_clear();
        command.env("HOME", root).env("SPARKBAKE_CACHE_DIR", root.join("store"));
        command.env("SPARKBAKE_PYPI_URL", &self.pypi);
        command.env("SPARKBAKE_MAVEN_URL", directory_url(root, "maven"));
        command.env("SPARKBAKE_DEBIAN_URL", directory_url(root, "debian"));
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Names of the files of a directory, sorted; none where it is not there.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.path().join(directory)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Waits until the store holds the beginning of a download, so many bytes.
    pub(crate) fn await_partial(&self, size: usize) {
        let there = || {
            let entries = fs::read_dir(self.root.path().join("store/partial")).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.metadata().ok()).any(|file| file.len() == size as u64)
        };
        for _ in 0..6000 {
            if there() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no download of {size} bytes");
    }

    /// Serves the Python index on loopback from now on.
    pub(crate) fn serve_pypi(&mut self, manner: Manner) -> Server {
        let server = Server::start(self.root.path().join("pypi"), manner);
        self.pypi.clone_from(&server.url);
        server
    }
}

/// A directory below the root as a registry.
pub(crate) fn directory_url(root: &Path, name: &str) -> String {
    format!("file://{}/{name}/", root.display())
}

/// A source distribution that is just enough of PySpark, and does not compress.
pub(crate) fn sdist() -> Vec<u8> {
    let jar = zipped(&[("noise", noise(2000))]);
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let info = b"Metadata-Version: 2.1\nName: pyspark\nVersion: 3.5.9\n\n".to_vec();
    for (path, bytes) in [("PKG-INFO", info), ("deps/jars/noise-1.jar", jar)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("pyspark-3.5.9/{path}"), bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// So many times 64 bytes that do not compress to less than half.
fn noise(count: u32) -> Vec<u8> {
    (0..count).flat_map(|n| Digest::of(&n.to_le_bytes()).hex().into_bytes()).collect()
}

/// A wheel of version 1.0 with so many times 64 bytes of no use.
pub(crate) fn wheel(name: &str, requires: &str, noises: u32) -> Vec<u8> {
    let info = format!("{name}-1.0.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}");
    let kind = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let mut files: Vec<(String, Vec<u8>)> = vec![
        (format!("{name}/__init__.py"), b"x = 1\n".to_vec()),
        (format!("{name}/noise"), noise(noises)),
        (format!("{info}/METADATA"), metadata.into_bytes()),
        (format!("{info}/WHEEL"), kind.to_vec()),
    ];
    let mut record = String::new();
    for (path, bytes) in &files {
        let digest = URL_SAFE_NO_PAD.encode(hex::decode(Digest::of(bytes).hex()).unwrap());
        writeln!(record, "{path},sha256={digest},{}", bytes.len()).unwrap();
    }
    writeln!(record, "{info}/RECORD,,").unwrap();
    files.push((format!("{info}/RECORD"), record.into_bytes()));
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
    zipped(&files)
}

/// A zip archive of stored files.
fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(*path, SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What the server does with the first request for a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Sends half of it and closes.
    Cuts,
    /// Sends half of it and says nothing more.
    Stalls,
}

/// A server of a directory on loopback that fails at the first file that is no page.
pub(crate) struct Server {
    pub(crate) url: String,
    heard: Receiver<String>,
}

impl Server {
    fn start(directory: std::path::PathBuf, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (tell, heard) = channel();
        thread::spawn(move || {
            let mut stalled = Vec::new();
            let mut good = true;
            for stream in listener.incoming().flatten() {
                let Some(request) = request(&stream) else { continue };
                let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                let fails = good && !path.ends_with('/');
                good &= !fails;
                answer(&stream, &directory.join(path), &request, fails);
                let _ = tell.send(request);
                if fails && manner == Manner::Stalls {
                    stalled.push(stream);
                }
            }
        });
        Self { url, heard }
    }

    /// The next request whose path ends so; waits for it.
    pub(crate) fn next(&self, end: &str) -> String {
        let patience = Duration::from_mins(1);
        loop {
            let request = self.heard.recv_timeout(patience).unwrap();
            if request.split(' ').nth(1).is_some_and(|path| path.ends_with(end)) {
                return request;
            }
        }
    }
}

/// The head of a request, lower case but for its first line.
fn request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let mut head = lines.next()?.ok()?;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        head = format!("{head}\n{}", line.to_ascii_lowercase());
    }
    Some(head)
}

fn answer(mut stream: &TcpStream, path: &Path, request: &str, half: bool) {
    let page = [path.join("index.json"), path.join("index.html")].into_iter().find(|page| page.exists());
    let Ok(bytes) = fs::read(page.as_deref().unwrap_or(path)) else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return;
    };
    let from = request.split("range: bytes=").nth(1).and_then(|range| range.split('-').next()?.parse().ok());
    let kind = if bytes.starts_with(b"{") { "application/vnd.pypi.simple.v1+json" } else { "text/html" };
    let (status, rest) = match from {
        Some(from) => (
            format!("206 Partial Content\r\ncontent-range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
            &bytes[from..],
        ),
        None => ("200 OK".to_owned(), bytes.as_slice()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\netag: \"it\"\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        rest.len()
    );
    let sent = if half { &rest[..rest.len() / 2] } else { rest };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent)).and_then(|()| stream.flush());
}

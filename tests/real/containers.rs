//! Images that run: as their own user, without a network, under the memory limit of their size.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::{Fresh, cache, docker, emptied, fresh, project, repository, said, sparkbake, tool};

/// What every image must be able to do with Spark alone.
pub(crate) const MINIMAL_JOB: &str = r#"
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("sql", spark.sql("select sum(id) from range(100)").first()[0])
print("rdd", spark.sparkContext.parallelize(range(10)).map(lambda x: x * 2).sum())
spark.range(100).write.mode("overwrite").parquet("/tmp/parquet")
print("parquet", spark.read.parquet("/tmp/parquet").count())
spark.stop()
"#;

pub(crate) const EXPECTED_OF_MINIMAL: [&str; 3] = ["sql 4950", "rdd 90", "parquet 100"];

/// The session's end can race with a heartbeat; a warning of the same class that means something stays.
const LOG_JOB: &str = r#"
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
log = spark._jvm.org.apache.logging.log4j.LogManager.getLogger("org.apache.spark.executor.Executor")
log.warn("Issue communicating with driver in heartbeater", spark._jvm.java.lang.Exception("stopped"))
log.warn("something else")
spark.stop()
"#;

/// Pandas in both directions, and a UDF of it.
pub(crate) const PANDAS_JOB: &str = r#"
import pandas
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import LongType
spark = SparkSession.builder.getOrCreate()
double = pandas_udf(lambda column: column * 2, LongType())
print("udf", spark.range(100).select(double("id").alias("d")).groupBy().sum("d").first()[0])
print("pandas", int(spark.createDataFrame(pandas.DataFrame({"x": [1, 2, 3]})).toPandas()["x"].sum()))
spark.stop()
"#;

/// More than any size of the tests has.
const EATER: &str = r#"
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
hoard = []
while True:
    hoard.append(bytearray(64 << 20))
    for i in range(0, len(hoard[-1]), 4096):
        hoard[-1][i] = 1
"#;

/// The JVM asks a server that trusts a certificate authority of the profile's.
const TLS_JOB: &str = r#"
import http.server, ssl, threading
from pyspark.sql import SparkSession
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/job/server.pem")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"trusted")
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 8443), Answer)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
import urllib.request
print("python", urllib.request.urlopen("https://localhost:8443/").read().decode())
spark = SparkSession.builder.getOrCreate()
stream = spark._jvm.java.net.URL("https://localhost:8443/").openStream()
print("jvm", bytes(stream.readAllBytes()).decode())
spark.stop()
"#;

/// What the base owes to programs: Java's and Python's own parts, accounts, names, shells, certificates.
const BASE_JOB: &str = r#"
import ctypes.util, locale, os, pwd, socket, ssl, subprocess, zoneinfo
def say(*words): return subprocess.run(words, check=True, capture_output=True, text=True)
print("java", "17." in say("java", "-version").stderr)
roots = ssl.create_default_context().cert_store_stats()["x509_ca"]
listed = say("keytool", "-list", "-cacerts", "-storepass", "changeit").stdout
print("roots", roots > 100, listed.count("trustedCertEntry") == roots)
print("libc", ctypes.util.find_library("c"))
print("locale", locale.setlocale(locale.LC_ALL, "C.UTF-8"), "zone", zoneinfo.ZoneInfo("Europe/Berlin"))
print("user", pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.path.expanduser("~"))
print("localhost", socket.getaddrinfo("localhost", 80)[0][4][0] in ("127.0.0.1", "::1"))
print("host", socket.gethostbyname(socket.gethostname()) is not None)
print("date", say("date", "+%Z").stdout.strip(), say("bash", "-c", "echo bash").stdout.strip(), say("sh", "-c", "echo sh").stdout.strip())
print("links", [os.readlink(at) for at in ("/bin", "/lib", "/lib64", "/sbin")])
"#;

const EXPECTED_OF_BASE: [&str; 9] = [
    "java True",
    "roots True True",
    "libc libc.so.6",
    "locale C.UTF-8 zone Europe/Berlin",
    "user spark 185 /home/spark",
    "localhost True",
    "host True",
    "date UTC bash sh",
    "links ['usr/bin', 'usr/lib', 'usr/lib64', 'usr/sbin']",
];

/// The example of the repository, from where it lies in the job's folder.
const SCORE_JOB: &str = r#"
import os, subprocess
os.environ["TRIPS"] = "/job/data/trips.csv"
for step in ["train", "score"]:
    subprocess.run(["python3", f"/job/app/{step}.py"], check=True)
"#;

const EXPECTED_OF_SCORE: [&str; 2] =
    ["trained on 200 trips, error 0.55", "scored 200 trips: low 24, middle 88, high 88"];

/// A shipped image and the limit of its size.
pub(crate) struct Image {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
}

pub(crate) const MINIMAL: Image = Image { name: "minimal", bytes: 2_000_000_000 };
pub(crate) const LINES: [Image; 2] =
    [Image { name: "spark-3.5", bytes: 4_000_000_000 }, Image { name: "spark-4.1", bytes: 4_000_000_000 }];

/// Loads the shipped images once.
pub(crate) fn engine() -> Option<&'static str> {
    static ENGINE: OnceLock<Option<String>> = OnceLock::new();
    let ready = || {
        let address = docker()?;
        let cwd = emptied("load");
        for name in crate::SHIPPED {
            let archive = format!("docker-archive:{}/{name}.tar", cwd.display());
            sparkbake(&cwd, &["build", name, "-o", &archive]);
            let file = cwd.join(format!("{name}.tar"));
            tool("docker", &["--host", &address, "load", "--quiet", "-i", file.to_str().unwrap()]);
            fs::remove_file(file).unwrap();
        }
        Some(address)
    };
    ENGINE.get_or_init(ready).as_deref()
}

/// Runs a job in a container; `more` are options of `docker run`.
pub(crate) fn run(engine: &str, tag: &str, bytes: u64, job: &Path, more: &[&str]) -> Output {
    let memory = bytes.to_string();
    let mount = format!("{}:/job:ro", job.parent().unwrap().display());
    let script = format!("/job/{}", job.file_name().unwrap().to_str().unwrap());
    let mut command = Command::new("docker");
    command.args(["--host", engine, "run", "--rm", "--network", "none", "--memory", &memory, "--memory-swap", &memory]);
    command.args(["-v", &mount]).args(more).args([tag, "python3", &script]);
    command.output().unwrap()
}

pub(crate) fn job(directory: &str, text: &str) -> PathBuf {
    let path = emptied(directory).join("job.py");
    fs::write(&path, text).unwrap();
    path
}

/// The log of a run in which nothing went wrong.
pub(crate) fn healthy(ran: &Output, lines: &[&str]) {
    let log = said(ran);
    assert!(ran.status.success(), "{log}");
    for line in lines {
        assert!(log.lines().any(|said| said == *line), "no line `{line}` in\n{log}");
    }
    assert!(log.contains("sparkbake: planned for"), "no plan line in\n{log}");
    let bad =
        |line: &&str| line.contains("ERROR") || line.contains("Exception") || line.trim_start().starts_with("at org.");
    assert_eq!(log.lines().find(bad), None, "{log}");
}

const READ_ONLY: [&str; 5] = ["--read-only", "--tmpfs", "/tmp:exec", "-v", "/var/lib/spark/local"];

#[test]
fn minimal_runs_spark_alone() {
    let Some(engine) = engine() else { return };
    let job = job("job-minimal", MINIMAL_JOB);
    for more in [&[][..], &READ_ONLY[..]] {
        healthy(&run(engine, "minimal", MINIMAL.bytes, &job, more), &EXPECTED_OF_MINIMAL);
    }
}

/// All that the images with pandas must be able to do, as one folder of a job.
pub(crate) fn line_job(directory: &str) -> PathBuf {
    // One session after the other would start what one can do.
    let minimal = MINIMAL_JOB.replace("spark.stop()\n", "");
    let job = job(directory, &format!("{minimal}{PANDAS_JOB}{SCORE_JOB}"));
    for part in ["app", "data"] {
        let from = repository().join("examples/batch-score").join(part);
        let to = job.with_file_name(part);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    job
}

pub(crate) fn expected_of_lines() -> Vec<&'static str> {
    [&EXPECTED_OF_MINIMAL[..], &["udf 9900", "pandas 6"], &EXPECTED_OF_SCORE].concat()
}

/// With a root that can be written, as on the service; `runtimes` has the same job on a root that cannot.
#[test]
fn the_lines_run_pandas_parquet_and_the_example() {
    let Some(engine) = engine() else { return };
    let job = line_job("job-lines");
    for image in LINES {
        healthy(&run(engine, image.name, image.bytes, &job, &[]), &expected_of_lines());
    }
}

#[test]
fn the_base_gives_programs_what_they_expect() {
    let Some(engine) = engine() else { return };
    let job = job("job-base", BASE_JOB);
    for image in [&MINIMAL].into_iter().chain(&LINES) {
        healthy(&run(engine, image.name, image.bytes, &job, &[]), &EXPECTED_OF_BASE);
    }
}

/// The example as a user finds it: locked afresh, built, started with its own command.
#[test]
fn the_example_builds_and_runs_as_it_stands() {
    let Some(engine) = engine() else { return };
    let cwd = fresh("example");
    tool("cp", &["-r", &format!("{}/examples/batch-score/.", repository().display()), cwd.to_str().unwrap()]);
    sparkbake(&cwd, &["build", "-t", "example:test", "-o", "docker-archive:e.tar"]);
    tool("docker", &["--host", engine, "load", "--quiet", "-i", cwd.join("e.tar").to_str().unwrap()]);
    let memory = "4000000000";
    let ran = Command::new("docker")
        .args(["--host", engine, "run", "--rm", "--network", "none", "--memory", memory, "--memory-swap", memory])
        .arg("example:test")
        .output()
        .unwrap();
    healthy(&ran, &EXPECTED_OF_SCORE);
}

#[test]
fn the_log_drops_the_race_at_the_end_and_nothing_beside() {
    let Some(engine) = engine() else { return };
    let job = job("job-log", LOG_JOB);
    for tag in ["minimal", "spark-4.1"] {
        let ran = run(engine, tag, LINES[0].bytes, &job, &[]);
        healthy(&ran, &[]);
        assert!(said(&ran).contains("WARN Executor: something else"), "{}", said(&ran));
        assert!(!said(&ran).contains("heartbeater"), "{}", said(&ran));
    }
}

/// Nothing of it is locked in the repository: its suite still moves, with its security archive.
#[test]
fn trixie_is_locked_afresh_and_runs() {
    let Some(engine) = engine() else { return };
    let mut text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    for (from, to) in [
        ("spark = \"3.5.9\"", "spark = \"4.1.4\""),
        ("java = \"17\"", "java = \"21\""),
        ("python = \"3.11\"", "python = \"3.13\""),
        ("debian = \"bookworm\"", "debian = \"trixie\""),
        ("security = false", "security = true"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let cwd = project("trixie", &text);
    sparkbake(&cwd, &["lock"]);
    sparkbake(&cwd, &["build", "--locked", "-t", "trixie:test", "-o", "docker-archive:t.tar"]);
    let archive = cwd.join("t.tar");
    tool("docker", &["--host", engine, "load", "--quiet", "-i", archive.to_str().unwrap()]);
    let job = job("job-trixie", MINIMAL_JOB);
    for more in [&[][..], &READ_ONLY[..]] {
        healthy(&run(engine, "trixie:test", MINIMAL.bytes, &job, more), &EXPECTED_OF_MINIMAL);
    }
}

#[test]
fn a_container_that_is_too_small_is_refused_before_spark_starts() {
    let Some(engine) = engine() else { return };
    let job = job("job-small", MINIMAL_JOB);
    let ran = run(engine, "minimal", MINIMAL.bytes / 2, &job, &[]);
    assert_eq!(ran.status.code(), Some(78), "{}", said(&ran));
    let log = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("the container has only 953 MiB: give it memory-gb = 2"), "{log}");
}

#[test]
fn a_tmp_that_nothing_can_run_from_is_named() {
    let Some(engine) = engine() else { return };
    let job = job("job-noexec", MINIMAL_JOB);
    let ran = run(engine, "minimal", MINIMAL.bytes, &job, &["--read-only", "--tmpfs", "/tmp:noexec"]);
    assert_eq!(ran.status.code(), Some(78), "{}", said(&ran));
    assert!(said(&ran).contains("/tmp") && said(&ran).contains("noexec"), "{}", said(&ran));
}

#[test]
fn a_job_that_eats_memory_ends_with_the_reason() {
    let Some(engine) = engine() else { return };
    let job = job("job-eater", EATER);
    let ran = run(engine, "minimal", MINIMAL.bytes, &job, &[]);
    assert_eq!(ran.status.code(), Some(137), "{}", said(&ran));
    assert!(said(&ran).contains("the kernel killed"), "{}", said(&ran));
}

/// A root of our own, and beside it the job of a server that has a certificate of that root.
fn corporate() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let cwd = emptied("corporate");
        let openssl = |line: &str| {
            let ran = Command::new("openssl").args(line.split('|')).current_dir(&cwd).output().unwrap();
            assert!(ran.status.success(), "{}", said(&ran));
        };
        fs::write(cwd.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        openssl("req|-x509|-newkey|rsa:2048|-nodes|-keyout|ca.key|-out|corp.pem|-days|30|-subj|/CN=Corp Root");
        openssl("req|-newkey|rsa:2048|-nodes|-keyout|server.key|-out|server.csr|-subj|/CN=localhost");
        let signed = "-CA|corp.pem|-CAkey|ca.key|-CAcreateserial|-out|server.crt|-days|30|-extfile|names";
        openssl(&format!("x509|-req|-in|server.csr|{signed}"));
        let both = ["server.key", "server.crt"].map(|name| fs::read(cwd.join(name)).unwrap()).concat();
        let job = cwd.join("job");
        fs::create_dir(&job).unwrap();
        fs::write(job.join("server.pem"), both).unwrap();
        fs::write(job.join("job.py"), TLS_JOB).unwrap();
        cwd
    })
}

/// Builds a shipped image that trusts [`corporate`], as `output` in the folder that it returns; with it comes the job.
pub(crate) fn trusting(image: &Image, output: &str) -> (Fresh, PathBuf) {
    cache();
    let text = fs::read_to_string(repository().join(format!("profiles/{}.toml", image.name))).unwrap();
    let trusting = text.replace("security = false", "security = false\nca-certificates = [\"corp.pem\"]");
    assert_ne!(trusting, text);
    let cwd = project(&format!("tls-{}", output.split(':').next().unwrap()), &trusting);
    fs::copy(corporate().join("corp.pem"), cwd.join("corp.pem")).unwrap();
    sparkbake(&cwd, &["build", "-t", "tls-test", "-o", output]);
    (cwd, corporate().join("job/job.py"))
}

pub(crate) const EXPECTED_OF_TLS: [&str; 2] = ["python trusted", "jvm trusted"];

/// With a root that can be written; `runtimes` has the same on one that cannot.
#[test]
fn a_certificate_of_the_profile_is_trusted_by_python_and_java() {
    let Some(engine) = engine() else { return };
    for image in [&MINIMAL].into_iter().chain(&LINES) {
        let (cwd, job) = trusting(image, "docker-archive:tls.tar");
        let archive = cwd.join("tls.tar");
        tool("docker", &["--host", engine, "load", "--quiet", "-i", archive.to_str().unwrap()]);
        fs::remove_file(archive).unwrap();
        healthy(&run(engine, "tls-test", image.bytes, &job, &[]), &EXPECTED_OF_TLS);
    }
}

//! Images that run: as their own user, without a network, under the memory limit of their size.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::{cache, docker, fresh, project, repository, said, sparkbake, tool};

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
const PANDAS_JOB: &str = r#"
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

/// A shipped image and the limit of its size.
pub(crate) struct Image {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
}

pub(crate) const MINIMAL: Image = Image { name: "minimal", bytes: 2_000_000_000 };
pub(crate) const LINES: [Image; 2] =
    [Image { name: "spark-3.5", bytes: 4_000_000_000 }, Image { name: "spark-4.1", bytes: 4_000_000_000 }];

/// Loads the shipped images once.
fn engine() -> Option<&'static str> {
    static ENGINE: OnceLock<Option<String>> = OnceLock::new();
    let ready = || {
        let address = docker()?;
        let cwd = fresh("load");
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
fn run(engine: &str, tag: &str, bytes: u64, job: &Path, more: &[&str]) -> Output {
    let memory = bytes.to_string();
    let mount = format!("{}:/job:ro", job.parent().unwrap().display());
    let script = format!("/job/{}", job.file_name().unwrap().to_str().unwrap());
    let mut command = Command::new("docker");
    command.args(["--host", engine, "run", "--rm", "--network", "none", "--memory", &memory, "--memory-swap", &memory]);
    command.args(["-v", &mount]).args(more).args([tag, "python3", &script]);
    command.output().unwrap()
}

pub(crate) fn job(directory: &str, text: &str) -> std::path::PathBuf {
    let path = fresh(directory).join("job.py");
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

#[test]
fn the_lines_run_pandas_and_parquet() {
    let Some(engine) = engine() else { return };
    let job = job("job-pandas", &format!("{MINIMAL_JOB}{PANDAS_JOB}"));
    for image in LINES {
        for more in [&[][..], &READ_ONLY[..]] {
            let expected = ["sql 4950", "rdd 90", "parquet 100", "udf 9900", "pandas 6"];
            healthy(&run(engine, image.name, image.bytes, &job, more), &expected);
        }
    }
}

#[test]
fn the_lines_train_and_score() {
    let Some(engine) = engine() else { return };
    let example = repository().join("examples/batch-score");
    let app = format!("{}:/app:ro", example.join("app").display());
    let data = format!("{}:/data:ro", example.join("data").display());
    let job = job(
        "job-score",
        "import os\nfor step in ['train', 'score']:\n    code = os.system(f'python3 /app/{step}.py')\n    assert code == 0, code\n",
    );
    for image in LINES {
        let more = ["-v", &app, "-v", &data, "-e", "MODEL=/tmp/model", "-e", "SCORES=/tmp/scores"];
        let ran = run(engine, image.name, image.bytes, &job, &more);
        healthy(&ran, &["trained on 200 trips, error 0.55", "scored 200 trips: low 24, middle 88, high 88"]);
    }
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

#[test]
fn a_certificate_of_the_profile_is_trusted_by_python_and_java() {
    let Some(engine) = engine() else { return };
    let text = fs::read_to_string(repository().join("profiles/minimal.toml")).unwrap();
    let trusting = text.replace("security = false", "security = false\nca-certificates = [\"corp.pem\"]");
    assert_ne!(trusting, text);
    let cwd = project("tls", &trusting);
    let openssl = |args: &[&str]| {
        let ran = Command::new("openssl").args(args).current_dir(&cwd).output().unwrap();
        assert!(ran.status.success(), "{}", said(&ran));
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "corp.pem",
        "-days",
        "30",
        "-subj",
        "/CN=Corp Root",
    ]);
    openssl(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        "/CN=localhost",
    ]);
    fs::write(cwd.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "corp.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "server.crt",
        "-days",
        "30",
        "-extfile",
        "names",
    ]);
    let job = job("job-tls", TLS_JOB);
    let both = [fs::read(cwd.join("server.key")).unwrap(), fs::read(cwd.join("server.crt")).unwrap()].concat();
    fs::write(job.with_file_name("server.pem"), both).unwrap();
    cache();
    let archive = cwd.join("tls.tar");
    sparkbake(&cwd, &["build", "-t", "tls:test", "-o", &format!("docker-archive:{}", archive.display())]);
    tool("docker", &["--host", engine, "load", "--quiet", "-i", archive.to_str().unwrap()]);
    healthy(&run(engine, "tls:test", MINIMAL.bytes, &job, &[]), &["python trusted", "jvm trusted"]);
}

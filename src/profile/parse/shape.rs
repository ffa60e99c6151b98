//! What the profile's strings may look like. Each function says what is wrong with a text, or
//! nothing; the place is added by the walk.

use pep508_rs::VersionOrUrl;
use url::Url;

use super::walk::{list, nearest};
use crate::problem::Problem;
use crate::problem::codes::profile::BAD_VALUE;
use crate::profile::{LockKind, is_index, is_projects, requirement};
use crate::reference::{Origin, Repository};

/// Says what is wrong with a text, without a place.
pub(super) type Shape = fn(&str) -> Option<Problem>;

/// A misfit, with what stands beside its caret.
pub(super) fn misfit(message: String, label: String) -> Problem {
    Problem { label, ..Problem::new(BAD_VALUE, message) }
}

/// The text, cut where it is too long to be read in a message.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a shape returns it as it is")]
fn not(text: &str, what: &str, example: &str) -> Option<Problem> {
    Some(misfit(format!("`{}` is not {what}", shorten(text)), format!("expected the like of `{example}`")))
}

/// Any text.
pub(super) fn any(_: &str) -> Option<Problem> {
    None
}

/// Any text but none.
pub(super) fn filled(text: &str) -> Option<Problem> {
    text.trim().is_empty().then(|| misfit("an empty string".to_owned(), "expected a text".to_owned()))
}

/// How many numbers a dotted version has; `None` where it is not one.
fn numbers(text: &str) -> Option<usize> {
    let number = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.split('.').all(number).then(|| text.split('.').count())
}

/// A release of Spark, or a line of releases.
pub(super) fn spark(text: &str) -> Option<Problem> {
    match numbers(text) {
        Some(2 | 3) => None,
        _ => not(text, "a release or a line of Spark", "3.5.9` or `3.5")
            .map(|p| p.note("the profile names finished releases: a range or a preview would not be one stack")),
    }
}

/// A release of Hadoop.
pub(super) fn hadoop(text: &str) -> Option<Problem> {
    if numbers(text) == Some(3) { None } else { not(text, "a release of Hadoop", "3.3.4") }
}

/// A binary version of Scala.
pub(super) fn scala(text: &str) -> Option<Problem> {
    match numbers(text) {
        Some(2) => None,
        Some(3) => not(text, "a binary version of Scala", "2.12")
            .map(|p| p.help("leave the last number out: jars name Scala's binary version alone")),
        _ => not(text, "a binary version of Scala", "2.12"),
    }
}

/// A feature release of Java.
pub(super) fn java(text: &str) -> Option<Problem> {
    match numbers(text) {
        Some(1) => None,
        Some(2 | 3) if text.starts_with("1.8") => {
            not(text, "a feature release of Java", "17").map(|p| p.help("Java 1.8 is `8`"))
        }
        Some(_) => not(text, "a feature release of Java", "17")
            .map(|p| p.help("pin the update with `[debian] pin`: { openjdk-17-jre-headless = \"17.0.19*\" }")),
        None => not(text, "a feature release of Java", "17"),
    }
}

/// A minor version of Python.
pub(super) fn python(text: &str) -> Option<Problem> {
    match numbers(text) {
        Some(2) => None,
        Some(3) => not(text, "a minor version of Python", "3.11")
            .map(|p| p.help("leave the last number out: the Debian suite decides the patch release")),
        _ => not(text, "a minor version of Python", "3.11"),
    }
}

/// A codename of a Debian suite.
pub(super) fn debian(text: &str) -> Option<Problem> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    not(text, "the codename of a Debian suite", "bookworm").map(|p| p.help("Debian 12 is `bookworm`, 13 is `trixie`"))
}

/// A word of a list.
fn one_of(text: &str, what: &str, known: &[&str]) -> Option<Problem> {
    if known.contains(&text) {
        return None;
    }
    let problem = misfit(format!("`{}` is not {what}", shorten(text)), format!("expected one of {}", list(known)));
    Some(match nearest(text, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// A step of [`crate::profile::USES`].
pub(super) fn uses(text: &str) -> Option<Problem> {
    one_of(text, "a step that an app may use", crate::profile::USES)
}

/// A SKU of Azure Container Instances.
pub(super) fn sku(text: &str) -> Option<Problem> {
    one_of(text, "a SKU of Azure Container Instances", &super::Sku::ALL.map(super::Sku::name))
}

/// A level of Log4j.
pub(super) fn log_level(text: &str) -> Option<Problem> {
    one_of(text, "a level of Log4j", &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"])
}

/// A level of `[lints]`.
pub(super) fn lint_level(text: &str) -> Option<Problem> {
    one_of(text, "a level", &["allow", "warn", "deny"])
}

/// The name of a size: it becomes part of tags, so it obeys their rule (distribution-spec, "Pulling
/// manifests").
pub(super) fn size_name(text: &str) -> Option<Problem> {
    let fits = (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-');
    if fits { None } else { not(text, "a name of a size (lower-case letters, digits and inner hyphens)", "small") }
}

/// A word of a Maven coordinate: it can stand in a path or a URL without changing its shape.
fn word(text: &str) -> bool {
    !text.is_empty()
        && !text.contains("..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+~!".contains(&b))
}

/// The identity of a Maven coordinate: all but its version (Maven, "POM Reference": two versions of
/// one `group:artifact:extension:classifier` cannot both be on a class path).
pub(super) fn maven_identity(text: &str) -> String {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [group, artifact, _, _, classifier] if text.split(':').count() == 5 => {
            format!("{group}:{artifact}:{classifier}")
        }
        [group, artifact, ..] => format!("{group}:{artifact}"),
        _ => text.to_owned(),
    }
}

/// `group:artifact`, then perhaps a version, or extension (and classifier) and version.
pub(super) fn jar(text: &str) -> Option<Problem> {
    let parts: Vec<&str> = text.split(':').collect();
    let version = match parts.as_slice() {
        [_, _] => None,
        [.., version] if (3..=5).contains(&parts.len()) => Some(*version),
        _ => return not(text, "a Maven coordinate", "group:artifact` or `group:artifact:version"),
    };
    if let Some(problem) = version.and_then(maven_version) {
        return Some(problem);
    }
    if parts.into_iter().all(word) {
        return None;
    }
    not(text, "a Maven coordinate", "group:artifact` or `group:artifact:version")
        .map(|p| p.note("each part is of letters, digits and `. - _ + ~ !`"))
}

/// `group:artifact`.
pub(super) fn maven_name(text: &str) -> Option<Problem> {
    if text.split(':').count() == 2 && text.split(':').all(word) {
        return None;
    }
    not(text, "the name of a Maven artifact", "org.apache.derby:derby")
}

/// One version of a Maven artifact. Ranges and moving versions are refused: a profile that names one
/// would be another image tomorrow.
pub(super) fn maven_version(text: &str) -> Option<Problem> {
    if text.ends_with("-SNAPSHOT") || text == "LATEST" || text == "RELEASE" {
        return not(text, "a released version", "3.3.2").map(|p| p.note("what it names changes from day to day"));
    }
    if text.contains(['[', '(', ',', ']', ')', '*']) {
        return not(text, "one version", "3.3.2").map(|p| p.help("leave the version out to let the matrix choose it"));
    }
    if word(text) { None } else { not(text, "a version of a Maven artifact", "3.3.2") }
}

/// A requirement of PEP 508 without a URL. Length and depth are bounded, because the parser of markers
/// recurses.
pub(super) fn requirement(text: &str) -> Option<Problem> {
    if text.len() > 500 || text.matches('(').count() > 20 {
        return Some(misfit(
            "a requirement of more than 500 characters or 20 brackets".to_owned(),
            "too long".to_owned(),
        ));
    }
    match requirement::read::<Url>(text) {
        Ok(requirement) => match requirement.version_or_url {
            Some(VersionOrUrl::Url(_)) => not(text, "a requirement by version", "pandas==2.2.*")
                .map(|p| p.help("put the wheel beside the profile and name it in `[python] files`")),
            _ => None,
        },
        Err(reason) => not(text, "a requirement of PEP 508", "pandas==2.2.*")
            .map(|p| p.note(reason.lines().next().unwrap_or_default())),
    }
}

/// A requirement under its normalised name (PEP 503).
pub(super) fn normal_requirement(text: &str) -> String {
    requirement::read::<Url>(text).map_or_else(|_| text.to_owned(), |requirement| requirement.to_string())
}

/// A path relative to the profile that stays beside or below it.
pub(super) fn path(text: &str) -> Option<Problem> {
    let bad = |message: &str| {
        Some(misfit(format!("`{}` {message}", shorten(text)), "not a path below the profile".to_owned()))
    };
    if text.starts_with(['/', '~']) || text.get(1..2) == Some(":") {
        return bad("is not relative to the profile");
    }
    if text.contains('\\') || text.contains(char::is_control) {
        return bad("has a backslash or a control character");
    }
    if text.split('/').any(|part| part == "..") {
        return bad("leaves the directory of the profile")
            .map(|p| p.note("what is built must not depend on where the profile lies"));
    }
    if let Some(rest) = text.strip_prefix("./").filter(|rest| !rest.is_empty()) {
        return bad("is not in its plain form").map(|p| p.help(format!("write `{}`", shorten(rest))));
    }
    if text.split('/').any(|part| part.is_empty() || part == ".") {
        return bad("has an empty part or a `.`");
    }
    None
}

/// A path relative to the profile, or its own directory.
pub(super) fn tree(text: &str) -> Option<Problem> {
    if text == "." { None } else { path(text) }
}

fn ending(text: &str, end: &str, what: &str) -> Option<Problem> {
    path(text).or_else(|| {
        let fits = text.strip_suffix(end).is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/'));
        if fits { None } else { not(text, what, &format!("libs/ours{end}")) }
    })
}

/// A path of a jar.
pub(super) fn jar_path(text: &str) -> Option<Problem> {
    ending(text, ".jar", "the path of a jar")
}

/// A path of a wheel, whose name has five parts, or six with a build tag (PyPA, "Binary distribution
/// format": File name convention).
pub(super) fn wheel_path(text: &str) -> Option<Problem> {
    ending(text, ".whl", "the path of a wheel").or_else(|| {
        let name = text.rsplit('/').next().unwrap_or_default();
        let parts: Vec<&str> = name.split('-').collect();
        let fits = matches!(parts.len(), 5 | 6) && parts.iter().all(|part| !part.is_empty());
        if fits { None } else { not(text, "the path of a wheel", "dist/ours-1.0-py3-none-any.whl") }
    })
}

/// A path of another tool's lock.
pub(super) fn python_lock(text: &str) -> Option<Problem> {
    path(text).or_else(|| match LockKind::of(text) {
        Some(_) => None,
        None => not(text, "the path of a lock", "uv.lock`, `pylock.toml` or `requirements.txt"),
    })
}

/// The name of a Python index of the user's own.
pub(super) fn index(text: &str) -> Option<Problem> {
    if is_index(text) { None } else { not(text, "a name of an index (lower-case letters, digits and hyphens)", "corp") }
}

/// A project by its normalised name (PEP 503), or the beginning of such names and `*`.
pub(super) fn projects(text: &str) -> Option<Problem> {
    match text {
        "pyspark" => Some(misfit("`pyspark` is the stack's own".to_owned(), "comes with `stack.spark`".to_owned())),
        _ if is_projects(text) => None,
        _ => not(text, "the normalised name of a project, or the beginning of names and `*`", "our-features`, `our-*"),
    }
}

/// The name of a Debian package (Debian Policy 5.6.1).
pub(super) fn package(text: &str) -> Option<Problem> {
    let fits = text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b));
    match text.split_once('=') {
        _ if fits => None,
        Some((name, version)) => not(text, "the name of a Debian package", "libgomp1").map(|p| {
            p.help(format!("pin the version with `[debian] pin`: {{ {} = {:?} }}", shorten(name), shorten(version)))
        }),
        None => not(text, "the name of a Debian package", "libgomp1"),
    }
}

/// A version of a Debian package (Debian Policy 5.6.12), or a glob of such.
pub(super) fn package_version(text: &str) -> Option<Problem> {
    let fits = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-~:*".contains(&b));
    if fits { None } else { not(text, "a version of a Debian package, or a glob of such", "17.0.19*") }
}

/// A binary or source name of a class (JLS 13.1, 6.7).
pub(super) fn class(text: &str) -> Option<Problem> {
    let start = |c: char| c.is_alphabetic() || c == '_' || c == '$';
    let identifier = |part: &str| part.starts_with(start) && part.chars().all(|c| start(c) || c.is_alphanumeric());
    if text.split('.').all(identifier) {
        return None;
    }
    let problem = not(text, "the name of a class", "org.apache.hadoop.fs.azurebfs.SecureAzureBlobFileSystem");
    let dotted = text.trim_end_matches(".class").replace('/', ".");
    if dotted != text && dotted.split('.').all(identifier) {
        return problem.map(|p| p.help(format!("write `{}`", shorten(&dotted))));
    }
    problem
}

/// A key of Spark's settings. `spark-submit` ignores all others in its properties file
/// (`SparkSubmitArguments.ignoreNonSparkProperties`).
pub(super) fn setting(text: &str) -> Option<Problem> {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    match text.strip_prefix("spark.") {
        Some(rest) if fits && !rest.is_empty() => None,
        None if fits && !text.is_empty() => not(text, "a setting of Spark", "spark.sql.session.timeZone").map(|p| {
            p.note("spark-submit ignores settings without `spark.`")
                .help(format!("for a setting of Hadoop write `spark.hadoop.{}`", shorten(text)))
        }),
        _ => not(text, "a setting of Spark", "spark.sql.session.timeZone"),
    }
}

/// A value of a setting: one line of `spark-defaults.conf`.
pub(super) fn setting_value(text: &str) -> Option<Problem> {
    text.contains(char::is_control).then(|| {
        misfit("a setting with a line break or a control character".to_owned(), "expected one line".to_owned())
    })
}

/// A name of an environment variable, as Azure Container Instances takes it (its troubleshooting
/// page, "Issues during deployment": naming).
pub(super) fn variable(text: &str) -> Option<Problem> {
    let fits = (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        return None;
    }
    not(text, "the name of an environment variable", "MODEL_PATH")
        .map(|p| p.note("Azure Container Instances takes 1 to 63 letters, digits and underscores"))
}

/// An absolute path in the image, in its plain form.
pub(super) fn image_path(text: &str) -> Option<Problem> {
    let Some(parts) = text.strip_prefix('/') else {
        return not(text, "an absolute path in the image", "/app");
    };
    let bad =
        |message: &str| Some(misfit(format!("`{}` {message}", shorten(text)), "not a path for the image".to_owned()));
    if parts.is_empty() {
        return bad("is the root of the image").map(|p| p.help("copy into a directory of its own, as `/app`"));
    }
    if parts.contains('\\') || parts.contains(char::is_control) {
        return bad("has a backslash or a control character");
    }
    if parts.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return bad("is not in its plain form: no empty part, no `.`, no `..`, no slash at the end");
    }
    if parts.split('/').any(|part| part.starts_with(".wh.")) {
        return bad("has a part that begins with `.wh.`")
            .map(|p| p.note("in a layer such a name deletes a file (image-spec, layer.md, \"Whiteouts\")"));
    }
    match parts.split('/').next() {
        Some("proc" | "sys" | "dev" | "run") => bad("is hidden by what the container runtime mounts there").map(|p| {
            p.note("/proc, /sys and places below /dev are mounted when a container starts (runtime-spec, config-linux.md, \"Default Filesystems\"); the guest agent of confidential containers mounts /dev and /run")
        }),
        _ => None,
    }
}

/// A glob of one name.
pub(super) fn name_glob(text: &str) -> Option<Problem> {
    let fits = !text.is_empty() && !text.contains(['/', '\\']) && !text.contains(char::is_control);
    if fits { None } else { not(text, "a glob of a file's name", "*.ipynb") }
}

/// An image by its digest.
pub(super) fn base(text: &str) -> Option<Problem> {
    let reason = text.parse::<Origin>().err()?.reason;
    let example = "registry.example/base@sha256:…` or `oci:DIR@sha256:…";
    not(text, "an image by its digest", example).map(|problem| problem.note(format!("it {reason}")))
}

/// A repository of a registry, without tag and digest (distribution-spec, "Pulling manifests").
pub(super) fn repository(text: &str) -> Option<Problem> {
    let problem = not(text, "a repository of a registry", "registry.example/team/score");
    if text.contains("://") {
        return problem.map(|p| p.help("leave the scheme out"));
    }
    if text.contains('@') || text.split_once('/').is_some_and(|(_, name)| name.contains(':')) {
        return problem.map(|p| p.help("leave tag and digest out: `push` takes them"));
    }
    if text.parse::<Repository>().is_ok() { None } else { problem }
}

/// The `org.opencontainers.image.*` labels that the image-spec defines (annotations.md), less those
/// that sparkbake itself knows: when the image was made, and what it is based on.
const OPEN_CONTAINERS: &[&str] =
    &["authors", "url", "documentation", "source", "version", "revision", "vendor", "licenses", "title", "description"];

/// The key of a label. Reserved ones are refused: containerd acts on its own, and the image-spec keeps
/// `org.opencontainers` for itself (annotations.md, "Rules").
pub(super) fn label(text: &str) -> Option<Problem> {
    let reserved = |note: String| {
        let message = format!("the label `{}` is reserved", shorten(text));
        Some(misfit(message, "reserved".to_owned()).note(note))
    };
    if text.starts_with("io.containerd.") || text.starts_with("containerd.io/") {
        return reserved("containerd changes how it runs an image by its own labels".to_owned());
    }
    if let Some(rest) = text.strip_prefix("org.opencontainers.image.") {
        if matches!(rest, "created" | "base.name" | "base.digest" | "ref.name") {
            return reserved("sparkbake sets it, or leaves it out, from what it builds".to_owned());
        }
        if OPEN_CONTAINERS.contains(&rest) {
            return None;
        }
        let near = nearest(rest, OPEN_CONTAINERS.iter().copied());
        return reserved(format!("the image-spec defines {}", list(OPEN_CONTAINERS))).map(|p| {
            near.iter().fold(p, |p, near| p.help(format!("did you mean `org.opencontainers.image.{near}`?")))
        });
    }
    if text.starts_with("org.opencontainers.") {
        return reserved("the image-spec keeps `org.opencontainers` for itself".to_owned());
    }
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    if fits { None } else { not(text, "the key of a label", "com.example.team") }
}

/// Why Azure Container Instances does not open a port to the app, if so (its FAQ and troubleshooting
/// page: reserved ports).
pub(super) fn reserved_port(port: u32) -> bool {
    matches!(
        port,
        22 | 1025..=1027 | 3389..=3399 | 9999 | 19000 | 19080 | 19100 | 19390 | 20000..=30000 | 49152..=65534
    )
}

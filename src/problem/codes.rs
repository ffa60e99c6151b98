//! Every kind of problem: its name, its default level, and what `sparkbake explain NAME` says.
//!
//! A new line belongs to the section of the room that raises it, and into `ALL` of that section.

#![expect(missing_docs, reason = "every constant carries its explanation")]

use super::Level;

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// Kebab-case name, unique, stable across releases.
    pub name: &'static str,
    /// Level where the user says nothing.
    pub level: Level,
    /// Whether there is nothing to go on with where it is found, so that no `[lints]` entry can let it pass.
    pub stops: bool,
    /// What it means and why it matters, in a few sentences.
    pub explanation: &'static str,
}

impl Code {
    /// The same kind of problem where it rests on a guess: no more than a warning.
    #[must_use]
    pub fn doubtful(self) -> Self {
        Self { level: self.level.min(Level::Warn), ..self }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Code {}

const fn stop(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Deny, stops: true, explanation }
}

const fn deny(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Deny, stops: false, explanation }
}

const fn warn(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Warn, stops: false, explanation }
}

const fn allow(name: &'static str, explanation: &'static str) -> Code {
    Code { name, level: Level::Allow, stops: false, explanation }
}

/// Every code there is, in the order of the rooms.
pub fn all() -> impl Iterator<Item = &'static Code> {
    SECTIONS.iter().flat_map(|section| section.iter())
}

/// The code of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

const SECTIONS: &[&[Code]] = &[
    profile::ALL,
    matrix::ALL,
    debian::ALL,
    base::ALL,
    python::ALL,
    maven::ALL,
    lock::ALL,
    memory::ALL,
    spark::ALL,
    classpath::ALL,
    app::ALL,
];

/// Raised by `profile/`.
#[expect(missing_docs, reason = "each constant carries its own explanation")]
pub mod profile {
    use super::{Code, stop, warn};

    pub const SYNTAX: Code = stop("toml-syntax", "The profile is not TOML. Nothing else can be checked before it is.");
    pub const UNKNOWN_KEY: Code = stop(
        "unknown-key",
        "The profile has a key that sparkbake does not know. It is refused, because a misspelt key that is ignored would build another image than the one asked for.",
    );
    pub const MISSING_KEY: Code = stop(
        "missing-key",
        "The profile lacks a key that has no default. The size of the container is one: heap, threads and Python workers are computed from it, and no guess would be right.",
    );
    pub const WRONG_TYPE: Code = stop(
        "wrong-type",
        "A value of the profile has another type than its key takes. Versions are strings: as a number, 3.10 would be 3.1.",
    );
    pub const BAD_VALUE: Code =
        stop("bad-value", "A value of the profile has the right type but cannot be what its key means.");
    pub const DUPLICATE: Code = stop(
        "duplicate",
        "The profile says the same thing twice. Where the two differ, nobody could tell which one was meant.",
    );
    pub const REQUIRED_VERSION: Code = stop(
        "required-version",
        "The profile asks for another version of sparkbake with `required-version`. Older versions may not know its keys, and other versions may encode layers with another recipe.",
    );
    pub const BESIDE_BASE: Code = stop(
        "beside-a-base",
        "A key of [debian] stands beside [stack] base. Nothing of Debian's is installed into a base, so the key would have no effect.",
    );
    pub const UNUSED_LINT: Code =
        warn("unused-lint", "An entry of [lints] matches no problem. It may be misspelt, or its reason may be gone.");
    pub(super) const ALL: &[Code] = &[
        SYNTAX,
        UNKNOWN_KEY,
        MISSING_KEY,
        WRONG_TYPE,
        BAD_VALUE,
        DUPLICATE,
        REQUIRED_VERSION,
        BESIDE_BASE,
        UNUSED_LINT,
    ];
}

/// Raised by `matrix/`.
pub mod matrix {
    use super::{Code, allow, deny, stop, warn};

    pub const UNKNOWN_VERSION: Code = stop(
        "unknown-version",
        "A pin of [stack] is no version that the compatibility facts know, or not written the way its key takes it.",
    );
    pub const FAILS: Code = deny(
        "stack-fails",
        "Two parts of the image are known to fail together. The message names the step at which it shows and the rule; `sparkbake explain RULE` tells more.",
    );
    pub const DEGRADES: Code = warn(
        "stack-degrades",
        "Two parts of the image work together with a loss, or fail at a step that nothing shows the app to use.",
    );
    pub const UNSUPPORTED: Code = warn(
        "stack-unsupported",
        "Upstream does not list this combination. It may work; nobody there has tested that it does.",
    );
    pub const UNWISE: Code = warn(
        "stack-unwise",
        "The combination works, but something else speaks against it, such as the end of its support.",
    );
    pub const NOTE: Code = allow(
        "stack-note",
        "Something about the combination is worth knowing, and nothing has to be done. `sparkbake matrix check` shows such notes.",
    );
    pub const NEWER: Code = warn(
        "newer-than-the-facts",
        "The profile asks for a PySpark that came out after the compatibility facts were written. What it carries is read from its source distribution; which Java, connectors and Python packages it works with, nobody has told sparkbake.",
    );
    pub(super) const ALL: &[Code] = &[UNKNOWN_VERSION, FAILS, DEGRADES, UNSUPPORTED, UNWISE, NOTE, NEWER];
}

/// Raised by `debian/`.
pub mod debian {
    use super::{Code, deny, stop, warn};

    pub const BAD_KEY: Code =
        stop("bad-key", "A file of [debian] keys holds no OpenPGP public key. Signatures by it could not be checked.");
    pub const UNKNOWN_SUITE: Code = stop(
        "unknown-suite",
        "The Debian suite is not one whose Java, Python and file layout sparkbake knows. An image of another suite would be a guess.",
    );
    pub const NO_JAVA: Code = stop(
        "no-java-in-suite",
        "The Debian suite has no OpenJDK of the wanted feature release. Java comes from the suite, so that it gets the suite's security updates.",
    );
    pub const UNKNOWN_PACKAGE: Code =
        stop("unknown-package", "No package of that name is in the Debian suite, and none provides it.");
    pub const SEVERAL_PROVIDERS: Code = stop(
        "several-providers",
        "The name is a virtual package that several packages provide. Which of them belongs into the image is the user's choice.",
    );
    pub const PIN_WITHOUT_VERSION: Code = stop(
        "pin-without-version",
        "A Debian pin matches no version that the archive has. Debian keeps only the newest version of a package in a suite.",
    );
    pub const UNSATISFIABLE: Code = stop(
        "unsatisfiable-dependency",
        "A package needs another one that the suite does not have, or has only in another version. As apt does, sparkbake takes the candidate version of each package and never searches for older ones.",
    );
    pub const CONFLICT: Code = stop(
        "package-conflict",
        "Two of the chosen packages declare that they cannot be installed together (Conflicts or Breaks, Debian Policy 7.3 and 7.4).",
    );
    pub const UNUSED_PIN: Code = warn(
        "unused-pin",
        "A Debian pin names a package that is not in the image. It may be misspelt, or no longer needed.",
    );
    pub const UNKNOWN_SCRIPT: Code = deny(
        "unknown-maintainer-script",
        "A Debian package has a maintainer script whose effect sparkbake does not know. It runs no script of the image, so what the script would have done is missing.",
    );
    pub const CHANGED_SCRIPT: Code = warn(
        "changed-maintainer-script",
        "A maintainer script of a Debian package is another one than the one whose effect was written down. Nearly always a word of it changed in a point release.",
    );
    pub(super) const ALL: &[Code] = &[
        UNKNOWN_SCRIPT,
        CHANGED_SCRIPT,
        BAD_KEY,
        UNKNOWN_SUITE,
        NO_JAVA,
        UNKNOWN_PACKAGE,
        SEVERAL_PROVIDERS,
        PIN_WITHOUT_VERSION,
        UNSATISFIABLE,
        CONFLICT,
        UNUSED_PIN,
    ];
}

/// Raised by `pypi/`.
pub mod python {
    use super::{Code, deny, stop};

    pub const REQUIREMENT: Code = stop(
        "python-requirement",
        "A requirement cannot be read as PEP 508, or it asks for something that a locked image cannot hold: a URL, or a PySpark that differs from the stack's.",
    );
    pub const UNKNOWN_PROJECT: Code = stop("python-unknown-project", "The package index has no project of that name.");
    pub const NO_WHEEL: Code = stop(
        "python-no-wheel",
        "No file of the project can be installed in the image: sparkbake installs wheels and runs nothing of a package at build time, so a project that is published as source alone cannot be used from the index. A wheel of one's own can be named in python.files.",
    );
    pub const UNSATISFIABLE: Code = stop(
        "python-unsatisfiable",
        "The requirements contradict each other, or those of the packages that they bring along.",
    );
    pub const LOCK: Code = stop(
        "python-lock",
        "The file of [python] lock cannot be read as what its name says, is for another Python, or does not pin every package with a digest. Nothing is taken that it does not pin.",
    );
    pub const FILE_CLASH: Code =
        deny("python-file-clash", "Two packages install a file at the same path; one would overwrite the other.");
    pub(super) const ALL: &[Code] = &[REQUIREMENT, UNKNOWN_PROJECT, NO_WHEEL, UNSATISFIABLE, LOCK, FILE_CLASH];
}

/// Raised by `base/`.
pub mod base {
    use super::{Code, deny, stop};

    pub const LACKS: Code = stop(
        "base-lacks",
        "The image of [stack] base lacks something that every image of sparkbake's needs: a Java, a Python, or a program that the entrypoint or Spark's scripts start. It is not installed for you, because nothing of a base is changed.",
    );
    pub const DIFFERS: Code =
        stop("base-differs", "A pin of [stack] asks for another version than the image of [stack] base has.");
    pub const TWICE: Code = deny(
        "base-has-its-own",
        "The image of [stack] base has something already where the image gets a file of its own. A layer lies over those below it file by file, so that two versions would be mixed.",
    );
    pub(super) const ALL: &[Code] = &[LACKS, DIFFERS, TWICE];
}

/// Raised by `maven/`.
pub mod maven {
    use super::{Code, stop};

    pub const MOVING: Code = stop(
        "maven-moving-version",
        "LATEST, RELEASE and SNAPSHOT versions name another file tomorrow. A lock cannot pin them.",
    );
    pub const CONFLICT: Code = stop(
        "maven-version-conflict",
        "No version of an artifact satisfies every version range that the closure puts on it.",
    );
    pub const PARENT: Code = stop(
        "maven-missing-parent",
        "A POM inherits from, or imports, a POM that the repository does not have. Its dependencies cannot be known, and Maven refuses it too.",
    );
    pub const UNKNOWN_JAR: Code = stop(
        "maven-unknown-jar",
        "The profile asks for a jar that is no coordinate, or without a version where the matrix knows none.",
    );
    pub const NOTHING_TO_OVERRIDE: Code = stop(
        "nothing-to-override",
        "[maven] override replaces a jar that Spark ships. It ships none of this name, so there is nothing to replace.",
    );
    pub const UNKNOWN: Code = stop(
        "maven-unknown-artifact",
        "The repository has no POM of an artifact that the profile asks for. The group, the artifact or the version is misspelt, or it lies in another repository.",
    );
    pub const COORDINATE: Code = stop(
        "maven-bad-coordinate",
        "A POM of the closure depends on something that no repository can hold, most often because a property in it is defined nowhere.",
    );
    pub(super) const ALL: &[Code] = &[MOVING, CONFLICT, PARENT, UNKNOWN_JAR, NOTHING_TO_OVERRIDE, UNKNOWN, COORDINATE];
}

/// Raised by `lock/`.
pub mod lock {
    use super::{Code, stop};

    pub const STALE: Code = stop(
        "stale-lock",
        "The lockfile was made from other values than the profile has now. The build would not be the one that was locked.",
    );
    pub const MISSING: Code = stop(
        "no-lock",
        "There is no lockfile, and the command may not write one (`--locked`, `lock --check`). Commit the lockfile, so that everybody builds the same image.",
    );
    pub(super) const ALL: &[Code] = &[STALE, MISSING];
}

/// Raised by `memory/`.
pub mod memory {
    use super::{Code, stop};

    pub const NOT_A_SIZE: Code = stop(
        "not-an-aci-size",
        "Azure Container Instances offers no container of this size: it is below the least or above the greatest of the SKU, or off the step of 0.1 vCPU and 0.1 GB. The deployment would be refused after the image was built and pushed.",
    );
    pub const TOO_SMALL: Code = stop(
        "memory-too-small",
        "What is left for Java's heap after the platform, Python and the memory that the JVM needs beside its heap is less than 512 MiB. Spark itself refuses a heap below about 450 MiB, and a plan that leaves out one of the other terms ends in a silent kill by the kernel.",
    );
    pub const HEAP_DOES_NOT_FIT: Code = stop(
        "pinned-heap-does-not-fit",
        "The pinned heap is greater than what the size leaves for it, or smaller than Spark can start with. A heap that is too great is not refused by Java: the kernel kills the JVM once the heap has grown.",
    );
    pub(super) const ALL: &[Code] = &[NOT_A_SIZE, TOO_SMALL, HEAP_DOES_NOT_FIT];
}

/// Raised by `spark/`.
pub mod spark {
    use super::{Code, deny, warn};

    pub const FIGHTS_THE_PLAN: Code = deny(
        "setting-fights-the-plan",
        "A setting, of [spark.conf] or made by the app's code, takes back a number that the memory plan has computed for the size of the container, or memory that the plan does not know of. PySpark hands the settings of the first session to spark-submit, where they beat the baked ones.",
    );
    pub const BREAKS_THE_START: Code =
        deny("setting-breaks-the-start", "With this setting the Java gateway does not start, in any container.");
    pub const BAD_SETTING: Code = deny(
        "bad-setting",
        "A key or a value of [spark.conf] cannot be written into spark-defaults.conf, which is a Java properties file with one setting a line.",
    );
    pub const UNKNOWN_SETTING: Code =
        warn("unknown-setting", "No jar of the image knows this key. Spark ignores a misspelt setting without a word.");
    pub const BAD_VALUE: Code = deny(
        "setting-value",
        "The jars of the image declare this setting with a kind, a unit, or bounds, and its value is outside of them. Spark throws when the session starts or when the setting is first asked for.",
    );
    pub const REMOVED_SETTING: Code = deny(
        "setting-removed",
        "The setting was removed from Spark SQL, which refuses every value but the one that had been the default.",
    );
    pub const DEPRECATED_SETTING: Code = warn(
        "setting-deprecated",
        "The setting still works or does nothing, and Spark says on every start that it is going.",
    );
    pub const NO_EFFECT: Code = warn(
        "setting-without-effect",
        "The setting sizes executors or speaks to a cluster manager. The image is one container in which Spark runs in local mode, and nothing reads it there.",
    );
    pub const PATH_MISSING: Code = deny(
        "path-missing",
        "A setting of Spark, or the app's code, names a file or directory that no layer of the image brings. Java passes over a class path entry that is not there without a word; Spark warns of a missing jar and goes on, and its classes are missed later; it ends over a file of spark.files or an archive of Python. What a volume brings when the container starts can be allowed in [lints]; in code it is a warning where its directory is not in the image either.",
    );
    pub const RULE_OVERRIDDEN: Code = warn(
        "rule-setting-overridden",
        "A setting of [spark.conf] replaces one that a rule of the compatibility matrix asks for.",
    );
    pub const TOO_LATE: Code = deny(
        "setting-too-late",
        "The app sets something on a running session that Spark takes before its start alone. For most such settings Spark throws CANNOT_MODIFY_CONFIG; the others it takes without a word, and nothing changes.",
    );
    pub(super) const ALL: &[Code] = &[
        FIGHTS_THE_PLAN,
        BREAKS_THE_START,
        BAD_SETTING,
        BAD_VALUE,
        UNKNOWN_SETTING,
        REMOVED_SETTING,
        DEPRECATED_SETTING,
        NO_EFFECT,
        PATH_MISSING,
        RULE_OVERRIDDEN,
        TOO_LATE,
    ];
}

/// Raised by `classpath/`.
pub mod classpath {
    use super::{Code, deny, warn};

    pub const TOO_NEW: Code = deny(
        "class-too-new",
        "A jar holds class files of a newer version than the image's Java reads. The JVM refuses them with UnsupportedClassVersionError when they are first used.",
    );
    pub const UNREADABLE: Code = deny(
        "jar-unreadable",
        "The JVM cannot use a jar: it is no zip archive as Java reads it, or its manifest is malformed. It says nothing when that happens; the classes are simply missing.",
    );
    pub const MALFORMED: Code = deny(
        "class-malformed",
        "A jar holds class files that break the rules of the format (JVMS 4). The JVM refuses them with ClassFormatError when they are first used.",
    );
    pub const MISSING: Code =
        deny("class-missing", "A class that [classpath] require or a setting names is in no jar of the class path.");
    pub const BROKEN: Code = deny(
        "class-broken",
        "A class that [classpath] require or a setting names is there, and cannot be loaded, linked, or asked for its members. The note tells the JVM's error and the class that causes it.",
    );
    pub const JAR_REMOVED: Code = deny(
        "jar-removed",
        "Classes of a jar that Spark ships are needed by others, and the jar is not there any more: it was left out, or replaced by one that does not have them.",
    );
    pub const DOES_NOT_LINK: Code = deny(
        "does-not-link",
        "Classes of one jar use classes, methods or fields that another has not, has in another shape, or does not let them use. The JVM finds out when the instruction runs, with the error that the notes name. The two jars were made for other versions of each other.",
    );
    pub const DOUBTFUL: Code = warn(
        "doubtful-link",
        "As does-not-link, and every such instruction stands inside a handler for all errors: the library may expect it.",
    );
    pub const WRONG_SCALA: Code = deny(
        "wrong-scala",
        "A jar was built for another Scala than the one on the class path: it needs classes that only the other has. Scala 2.12 and 2.13 are not binary compatible.",
    );
    pub const DEPENDENCY_MISSING: Code = warn(
        "dependency-missing",
        "A jar of your own uses packages that no jar of the class path has. A dependency may have been forgotten.",
    );
    pub const SERVICE: Code = warn(
        "service-broken",
        "A jar names a class as the provider of a service that is in use, and the class is missing, cannot be loaded, is no subtype of the service, or has no public constructor without parameters. Who asks for the service's providers gets ServiceConfigurationError.",
    );
    pub const PACKAGE_SPLIT: Code = deny(
        "package-split",
        "Two jars share a package that one of them seals (`Sealed: true`) or signs. The JVM throws SecurityException for the classes of whichever it reads second.",
    );
    pub const INDEX: Code = deny(
        "index-hides-classes",
        "A jar has an index (META-INF/INDEX.LIST) that lists another jar of the class path and leaves out packages of it. Java before 21 does not look for those in the other jar once it has read the index.",
    );
    pub const DUPLICATES: Code = warn(
        "duplicate-classes",
        "Two jars hold different class files of one name. Which of them is loaded depends on the order in which the file system lists the jars.",
    );
    pub const ORDER_DECIDES: Code = deny(
        "order-decides",
        "Two jars hold different class files of one name, and code links with one of them only. Whether it runs depends on the order in which the file system lists the jars.",
    );
    pub const TWO_VERSIONS: Code = deny(
        "two-versions-of-a-library",
        "One library is on the class path in two versions. Classes of both get mixed, in an order that nothing fixes.",
    );
    pub(super) const ALL: &[Code] = &[
        TOO_NEW,
        UNREADABLE,
        MALFORMED,
        MISSING,
        BROKEN,
        JAR_REMOVED,
        DOES_NOT_LINK,
        DOUBTFUL,
        WRONG_SCALA,
        DEPENDENCY_MISSING,
        SERVICE,
        PACKAGE_SPLIT,
        INDEX,
        DUPLICATES,
        ORDER_DECIDES,
        TWO_VERSIONS,
    ];
}

/// Raised by `plan/` and `app/` about the user's own files.
pub mod app {
    use super::{Code, allow, deny, stop, warn};

    pub const UNREADABLE_FILE: Code = stop("unreadable-file", "A file that the profile names cannot be read.");
    pub const CANNOT_COPY: Code = stop(
        "cannot-copy",
        "What [[app.copy]] names cannot become a layer: it is absent, holds nothing, or holds something that an image cannot.",
    );
    pub const SYNTAX: Code = deny(
        "python-syntax",
        "A Python file of the app is not what the image's Python can read. It fails with SyntaxError as soon as it is run or imported. In a file that the image's command does not reach it is a warning.",
    );
    pub const UNREAD: Code = warn(
        "app-not-read",
        "Code of the app is not looked at: a file is larger than 2 MiB or no UTF-8, or there are too many of them.",
    );
    pub const PRIVATE_KEY: Code = warn(
        "private-key-copied",
        "A file that [[app.copy]] would bring begins as a private key in PEM does. An image is read by everybody who can pull it, and its layers stay in the registry; secrets are for the moment when the container starts.",
    );
    pub const MODULE: Code = deny(
        "module-not-in-image",
        "The app imports a module that neither Python, nor an installed distribution, nor the app itself has where Python looks for it. Imports inside of `try` with a handler for ImportError, and those for type checkers, are left alone; those inside of functions and conditions are warnings.",
    );
    pub const VARIABLE: Code = deny(
        "environment-fights-the-image",
        "The app's code sets a variable of the environment that the image has set for what is baked, or that is handed to Java or to spark-submit, so that Spark starts otherwise than planned.",
    );
    pub const DOWNLOADS: Code = deny(
        "downloads-at-start",
        "The app makes Spark resolve and download jars from a Maven repository each time it starts. That needs the network, takes its time, may bring other files tomorrow, and is verified against nothing. What is named in [maven] jars is locked, verified and in the image.",
    );
    pub const SOURCE: Code = deny(
        "data-source-missing",
        "The app reads or writes with a data source, or imports a library, whose jar is not in the image. Spark fails with \"Failed to find data source\" or ClassNotFoundException.",
    );
    pub const DRIVER: Code = deny(
        "jdbc-driver-missing",
        "The app connects by JDBC, and the jar with the driver's class is not in the image. Spark fails with ClassNotFoundException, or with \"No suitable driver\".",
    );
    pub const FILE_SYSTEM: Code = deny(
        "file-system-missing",
        "The app reads or writes an address whose file system is in a jar that the image does not have. Hadoop fails with \"No FileSystem for scheme\" or ClassNotFoundException.",
    );
    pub const LIBRARY: Code = warn(
        "library-starts-spark",
        "A library that the app uses makes a Spark session of its own, with settings that take back what is baked.",
    );
    pub const COLLECTS: Code = allow(
        "collects-to-driver",
        "The app brings a whole result to Python with toPandas() or collect(). The rows pass through the heap of the driver and are held in Python once more. Whether that is much only the data tells, so nothing is said unless [lints] asks for it.",
    );
    pub(super) const ALL: &[Code] = &[
        UNREADABLE_FILE,
        CANNOT_COPY,
        SYNTAX,
        UNREAD,
        PRIVATE_KEY,
        MODULE,
        VARIABLE,
        DOWNLOADS,
        SOURCE,
        DRIVER,
        FILE_SYSTEM,
        LIBRARY,
        COLLECTS,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: Vec<&str> = all().map(|code| code.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for code in all() {
            assert!(
                code.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                code.name
            );
            assert!(code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}

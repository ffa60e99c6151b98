//! Causes in words: one [`Problem`] each, with counts, call sites, the jar and a remedy.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::codes::classpath as code;
use crate::problem::{Problem, plural};

use super::causes::{Cause, Causes};
use super::duplicates::{Pair, Pairs};
use super::facts::Facts;
use super::findings::{Finding, FindingKind, Guard};
use super::id::Id;
use super::identity;
use super::jar::Shelf;
use super::scala;
use super::site::{dotted, site};
use super::universe::{RUNTIME, Universe};
use super::{Jar, Role};

/// Call sites that a report shows of one cause.
const SITES: usize = 2;

/// What the words are made from.
pub(super) struct Words<'a, 'u> {
    pub(super) universe: &'u Universe<'a>,
    /// The jars of the class path, in its order.
    pub(super) path: &'u [&'u Jar],
    pub(super) facts: &'u [&'u Facts],
    pub(super) java: u32,
}

impl Words<'_, '_> {
    fn jar(&self, number: u32) -> Option<&Jar> {
        self.path.get(usize::try_from(number).ok()?).copied()
    }

    fn jar_name(&self, number: u32) -> String {
        match self.jar(number) {
            Some(jar) => jar.name.clone(),
            None => format!("Java {}", self.java),
        }
    }

    /// A problem for each cause.
    pub(super) fn causes(&self, causes: &Causes<'_>, pairs: &Pairs, removed: &[&Jar]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (cause, findings) in &causes.by_cause {
            if let Cause::Between(a, b) = *cause {
                // Where two copies of a class are to blame, their pair says so.
                let told = |of: &(u32, u32)| [(a, b), (b, a)].contains(of) || a == b && [of.0, of.1].contains(&a);
                let of_pair = pairs.iter().any(|(of, pair)| pair.sensitive > 0 && told(of));
                if of_pair || self.of_one_release(a, b) {
                    continue;
                }
            }
            // A jar that came lacks something of jars that came with it.
            let ours = |finding: &&&Finding| match *cause {
                Cause::Changed(to) => !self.of_one_release(self.universe.jar(finding.source), to),
                _ => true,
            };
            let findings: Vec<&Finding> = findings.iter().filter(ours).copied().collect();
            if !findings.is_empty() {
                problems.extend(self.cause(*cause, &findings, removed));
            }
        }
        problems
    }

    /// Whether both jars are of one release of one project: what they lack of each other, upstream left out,
    /// and no choice of the user's can mend it.
    fn of_one_release(&self, a: u32, b: u32) -> bool {
        let identity = |number| self.identity(number).and_then(|i| Some((i.group?, i.version)));
        a != b && identity(a).is_some() && identity(a) == identity(b)
    }

    fn identity(&self, number: u32) -> Option<identity::Identity> {
        let at = usize::try_from(number).ok()?;
        let (jar, facts) = (self.path.get(at)?, self.facts.get(at)?);
        let identity = identity::of(&jar.name, &facts.jar)?;
        let asked = Some(&jar.group).filter(|group| !group.is_empty()).cloned();
        Some(identity::Identity { group: asked.or(identity.group), ..identity })
    }

    fn cause(&self, cause: Cause, findings: &[&Finding], removed: &[&Jar]) -> Option<Problem> {
        let is_owed = |finding: &Finding| matches!(finding.kind, FindingKind::NotImplemented | FindingKind::NotPublic);
        let weak = findings.iter().all(|finding| finding.guard == Guard::Weak || is_owed(finding));
        let references = findings.len();
        let missing: BTreeSet<String> =
            findings.iter().filter(|f| f.kind.is_absence()).map(|f| dotted(&f.target_name(self.universe))).collect();
        let (jar, mut problem) = match cause {
            Cause::Removed(at) => {
                let gone = removed.get(usize::try_from(at).ok()?)?;
                let message = format!(
                    "{} is not there, and {} of it {} needed by {}",
                    gone.name,
                    plural(missing.len(), "class", "classes"),
                    if missing.len() == 1 { "is" } else { "are" },
                    plural(sources(findings), "class", "classes"),
                );
                let problem = gone.problem(code::JAR_REMOVED, message);
                (None, problem.help(format!("keep {}, or replace it with one that has these classes", gone.name)))
            }
            Cause::Changed(to) => {
                let jar = self.jar(to)?;
                let users: BTreeSet<u32> = findings.iter().map(|f| self.universe.jar(f.source)).collect();
                let users: Vec<String> = users.into_iter().map(|user| self.jar_name(user)).collect();
                let users: Vec<&str> = users.iter().map(String::as_str).collect();
                let message = format!(
                    "{} does not do for {}: it {}",
                    jar.name,
                    listed(&users, "", ""),
                    self.what(findings, &missing)
                );
                let problem = jar.problem(if weak { code::DOUBTFUL } else { code::DOES_NOT_LINK }, message);
                (None, problem.help(format!("another version of {}, or Spark's own", self.library(to))))
            }
            Cause::Scala(at, built) => {
                let jar = self.jar(at)?;
                let image = scala::of_image(self.universe)?;
                let message = format!("{} is built for Scala {built}, and the class path has Scala {image}", jar.name);
                (Some(jar), jar.problem(code::WRONG_SCALA, message).help(scala_remedy(&jar.name, built, image)))
            }
            Cause::Between(from, to) => {
                let jar = self.jar(from)?;
                let blamed = self.blamed(from, to);
                // A jar that does not fit itself mostly has parts that nobody uses.
                let code = if weak || from == to { code::DOUBTFUL } else { code::DOES_NOT_LINK };
                let message = self.between(from, to, findings, &missing);
                (Some(jar), blamed.problem(code, message).help(self.remedy(from, to)))
            }
            Cause::Absent(at) => {
                let jar = self.jar(at)?;
                let packages: BTreeSet<&str> = missing.iter().filter_map(|n| Some(n.rsplit_once('.')?.0)).collect();
                let message = format!(
                    "{} needs {} that no jar has, of {}",
                    jar.name,
                    plural(missing.len(), "class", "classes"),
                    listed(&packages.into_iter().collect::<Vec<_>>(), "package", "packages"),
                );
                let problem = jar.problem(code::DEPENDENCY_MISSING, message);
                (Some(jar), problem.help("add the library that has them to `[maven] jars`"))
            }
        };
        problem = self.with_sites(problem, findings);
        if references > SITES {
            problem = problem.note(format!("{references} references in {} classes in all", sources(findings)));
        }
        let _ = jar;
        Some(problem)
    }

    /// The jar that the user can do something about: the one of the two that Spark did not bring.
    fn blamed(&self, from: u32, to: u32) -> &Jar {
        let jars = [self.jar(from), self.jar(to)];
        let own = jars.iter().flatten().find(|jar| jar.role != Role::Stock);
        own.or(jars.iter().flatten().next()).copied().unwrap_or(&NOBODY)
    }

    fn between(&self, from: u32, to: u32, findings: &[&Finding], missing: &BTreeSet<String>) -> String {
        let name = self.jar_name(from);
        let it = if from == to { "itself".to_owned() } else { self.jar_name(to) };
        format!("{name} does not fit {it}, which {}", self.what(findings, missing))
    }

    /// What a jar lacks: completes "which …".
    fn what(&self, findings: &[&Finding], missing: &BTreeSet<String>) -> String {
        let wrong: BTreeSet<(String, Id)> = findings
            .iter()
            .filter(|f| !f.kind.is_absence())
            .map(|f| (f.target_name(self.universe), f.member_id(self.universe)))
            .collect();
        let gone = (!missing.is_empty()).then(|| plural(missing.len(), "class", "classes"));
        let wrong = (!wrong.is_empty()).then(|| plural(wrong.len(), "member", "members"));
        let lacks = gone.map(|gone| format!("lacks {gone}"));
        let has = wrong.map(|wrong| format!("has {wrong} in another shape or not at all"));
        lacks.into_iter().chain(has).collect::<Vec<_>>().join(" and ")
    }

    /// `group:artifact` where it is known, else the file's name.
    fn library(&self, number: u32) -> String {
        match self.identity(number) {
            Some(identity) => match identity.group {
                Some(group) => format!("{group}:{}", identity.artifact),
                None => identity.artifact,
            },
            None => self.jar_name(number),
        }
    }

    fn remedy(&self, from: u32, to: u32) -> String {
        if from == to {
            return "a sibling jar may have what it lacks: add that; else the jar was put together from versions that do not match, and another build of it will do"
                .to_owned();
        }
        let from_name = self.library(from);
        if to == RUNTIME {
            return format!("a version of {from_name} that is made for Java {}, or another `[stack] java`", self.java);
        }
        let version = self.identity(to).map(|identity| identity.version);
        let to_name = self.library(to);
        match version {
            Some(version) => {
                format!("a version of {from_name} that is made for {to_name} {version}, or another {to_name}")
            }
            None => format!("versions of {from_name} and {to_name} that were made for each other"),
        }
    }

    /// Adds call sites: each of another class, those outside of every handler first.
    fn with_sites(&self, mut problem: Problem, findings: &[&Finding]) -> Problem {
        let mut ordered: Vec<&&Finding> = findings.iter().collect();
        ordered.sort_by_key(|finding| (finding.guard, !matches!(finding.kind, FindingKind::Load(_)), finding.kind));
        let mut bytes = Shelf::new(self.path.iter().map(|jar| jar.bytes.as_ref()));
        let mut seen = BTreeSet::new();
        for finding in ordered {
            if seen.len() == SITES {
                break;
            }
            if !seen.insert(finding.source) {
                continue;
            }
            let site = site(self.universe, finding, &mut bytes);
            problem = problem.note(phrase(finding, &site));
        }
        problem
    }

    /// Problems of pairs of jars with the same classes; a fat jar that meets many others is one.
    pub(super) fn duplicates(&self, pairs: &Pairs) -> Vec<Problem> {
        let is_stock = |number: u32| self.jar(number).is_some_and(|jar| jar.role == Role::Stock);
        let mut by_jar: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for (&(first, second), pair) in pairs {
            if pair.differing > 0 && !(is_stock(first) && is_stock(second)) {
                by_jar.entry(if is_stock(first) { second } else { first }).or_default().push((first, second));
            }
        }
        let mut problems = Vec::new();
        for (blamed, met) in by_jar {
            match met.as_slice() {
                [(first, second)] => {
                    problems.extend(pairs.get(&(*first, *second)).and_then(|p| self.pair(*first, *second, p)));
                }
                many => problems.extend(self.fat(blamed, many, pairs)),
            }
        }
        problems
    }

    /// A jar that has other copies of the classes of many.
    fn fat(&self, blamed: u32, met: &[(u32, u32)], pairs: &Pairs) -> Option<Problem> {
        let jar = self.jar(blamed)?;
        let of: Vec<&Pair> = met.iter().filter_map(|pair| pairs.get(pair)).collect();
        let others: Vec<String> = met.iter().map(|&(a, b)| self.jar_name(if a == blamed { b } else { a })).collect();
        let sensitive: usize = of.iter().map(|pair| pair.sensitive).sum();
        let differing: usize = of.iter().map(|pair| pair.differing).sum();
        let code = if sensitive > 0 { code::ORDER_DECIDES } else { code::DUPLICATES };
        let message = format!(
            "{} has {} that {} other jars have in another shape",
            jar.name,
            plural(differing, "class", "classes"),
            met.len()
        );
        let mut problem = jar.problem(code, message).note(format!("the other jars are {}", others.join(", ")));
        if let Some((class, _, target)) = of.iter().find_map(|pair| pair.site.as_ref()) {
            let from = dotted(&self.universe.name(*class));
            let n = plural(sensitive, "reference links", "references link");
            problem = problem.note(format!("{n} with one copy only: {from} with one of {target}, say"));
        }
        let problem = problem.note("which copy the JVM loads depends on the order of the directory");
        Some(problem.help(format!("a build of {} without other libraries in it", jar.name)))
    }

    fn pair(&self, first: u32, second: u32, pair: &Pair) -> Option<Problem> {
        let (a, b) = (self.jar(first)?, self.jar(second)?);
        if a.role == Role::Stock && b.role == Role::Stock || pair.differing == 0 {
            return None;
        }
        let versions = self.identity(first).zip(self.identity(second));
        let twice = versions.is_some_and(|(a, b)| a.is_other_version_of(&b));
        let (blamed, other) = if a.role == Role::Stock { (b, a) } else { (a, b) };
        let whose = if other.role == Role::Stock { "Spark's own " } else { "" };
        let (code, message) = if twice {
            (code::TWO_VERSIONS, format!("{} and {whose}{} are one library twice", blamed.name, other.name))
        } else if pair.sensitive > 0 {
            let n = plural(pair.sensitive, "reference links", "references link");
            let message = format!(
                "{} and {whose}{} have different classes of one name, and {n} with one copy only",
                blamed.name, other.name
            );
            (code::ORDER_DECIDES, message)
        } else {
            let message = format!(
                "{} and {whose}{} have {} of one name",
                blamed.name,
                other.name,
                plural(pair.differing, "different class", "different classes")
            );
            (code::DUPLICATES, message)
        };
        let mut problem = blamed.problem(code, message).note(format!(
            "{} in both, {} with other bytes (by CRC-32 and size), such as {}",
            plural(pair.total, "class is", "classes are"),
            pair.differing,
            pair.example
        ));
        if let Some((class, _, target)) = &pair.site {
            let from = dotted(&self.universe.name(*class));
            problem = problem.note(format!("{from} links with one copy of {target} and not with the other"));
        }
        let or = if other.role == Role::Stock { ", or replace Spark's with `[maven] override`" } else { "" };
        Some(
            problem
                .note("which copy the JVM loads depends on the order of the directory")
                .help(format!("leave one out with `[maven] exclude`{or}")),
        )
    }
}

static NOBODY: std::sync::LazyLock<Jar> = std::sync::LazyLock::new(|| Jar {
    name: String::new(),
    via: String::new(),
    at: None,
    role: Role::Stock,
    group: String::new(),
    known_by: String::new(),
    bytes: Box::new(Vec::new()),
});

/// The first of a list by name, and how many there are beyond.
fn listed(names: &[&str], one: &str, many: &str) -> String {
    match names {
        [only] => format!("{one} {only}").trim_start().to_owned(),
        [first, rest @ ..] => format!("{many} {first} and {} more", rest.len()).trim_start().to_owned(),
        [] => format!("no {one}"),
    }
}

fn sources(findings: &[&Finding]) -> usize {
    findings.iter().map(|finding| finding.source).collect::<BTreeSet<_>>().len()
}

/// One finding as a sentence.
pub(super) fn phrase(finding: &Finding, site: &super::site::Site) -> String {
    use super::link::load::FaultKind;
    use FindingKind as Kind;
    let (from, to, error) = (&site.from, &site.to, finding.kind.error());
    let what = match finding.kind {
        Kind::Load(FaultKind::Missing) | Kind::MissingClass | Kind::UnloadableClass | Kind::Verify => {
            format!("{from} needs {to}")
        }
        Kind::Load(FaultKind::Malformed) => format!("{from} is no class file that the JVM takes"),
        Kind::Load(FaultKind::TooNew) => format!("{from} is compiled for a newer Java"),
        Kind::Load(FaultKind::Circular) => format!("{from} is its own superclass by a detour"),
        Kind::Load(FaultKind::SuperIsInterface) => format!("{from} extends {to}, which is an interface"),
        Kind::Load(FaultKind::InterfaceIsClass) => format!("{from} implements {to}, which is a class"),
        Kind::Load(FaultKind::SuperIsFinal) => format!("{from} extends {to}, which is final"),
        Kind::Load(FaultKind::NotPermitted) => format!("{from} extends {to}, which is sealed and does not permit it"),
        Kind::Load(FaultKind::SuperNotAccessible) => format!("{from} extends {to}, which it may not use"),
        Kind::Load(FaultKind::OverridesFinal) => format!("{from} overrides a final method of {to}"),
        Kind::Load(FaultKind::BadManifest) => format!("{from} is in a jar whose manifest is malformed"),
        Kind::Load(FaultKind::BadSignature) => format!("{from} is in a jar whose signature is broken"),
        Kind::VerifyTypes => format!("{from} is not verified against {to}"),
        Kind::LinkAbove => format!("{from} extends {to}, which is not linked"),
        Kind::NoSuchField | Kind::NoSuchMethod => format!("{from} uses {to}, which does not exist"),
        Kind::Conflict => format!("{from} calls {to}, for which several interfaces have a default"),
        Kind::NotAnInterface => format!("{from} calls {to} as an interface's method, and it is a class's"),
        Kind::NotAClass => format!("{from} calls {to} as a class's method, and it is an interface's"),
        Kind::IsStatic => format!("{from} uses {to} as an instance's, and it is static"),
        Kind::IsNotStatic => format!("{from} uses {to} as static, and it is an instance's"),
        Kind::ClassAccess | Kind::MemberAccess => format!("{from} uses {to}, which is not accessible to it"),
        Kind::FinalWrite => format!("{from} writes {to}, which is final"),
        Kind::NotImplemented => format!("{from} has no {to}"),
        Kind::NotPublic => format!("{from} has only a {to} that is not public"),
        Kind::AbstractNew => format!("{from} makes an instance of {to}, which is abstract"),
    };
    format!("{error}: {what}")
}

/// What to write instead of a jar for another Scala.
fn scala_remedy(file: &str, built: &str, image: &str) -> String {
    let suffix = format!("_{built}");
    match file.find(&suffix).and_then(|at| file.get(..at)) {
        Some(stem) => format!("use {stem}_{image}"),
        None => format!("use the build of it for Scala {image}"),
    }
}

//! Mediation: breadth first, the nearest wins, as Maven 3 does it.
//!
//! A hard range that a choice turns out to break starts the walk again with the range known from the start.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::effective::{Lack, Poms};
use super::pom::{Declared, Gav};
use super::version::{Constraint, Range, Version};
use super::{Exclusion, Root, place};
use crate::artifact::Coordinate;
use crate::error::{Error, Failure};
use crate::outside::Index;
use crate::problem::Problem;
use crate::problem::codes::maven as codes;

/// Most walks, and most requests in one of them.
const MAX_WALKS: usize = 100;
const MAX_REQUESTS: usize = 200_000;
/// Most relocations in a row.
const MAX_RELOCATIONS: usize = 16;

/// One artifact of the closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// A [`Coordinate::Maven`].
    pub coordinate: Coordinate,
    /// Who asked for it: `maven.jars` or `group:artifact`, first the one that decided.
    pub via: Vec<String>,
    /// Who wanted which other version.
    pub wanted: Vec<(String, String)>,
}

/// The closure in class path order. Files of type `pom` are in it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Every chosen artifact.
    pub chosen: Vec<Chosen>,
    /// POMs that are malformed, each with the reason; like Maven we go on without their dependencies.
    pub ignored: BTreeMap<String, String>,
}

/// Group, artifact, extension, classifier: what there is one of.
type Key = [String; 4];
type Ranges = BTreeMap<Key, Vec<Range>>;

/// Exclusions along the way from a root.
struct Cut {
    own: Vec<(String, String)>,
    outer: Option<Rc<Cut>>,
}

#[derive(Clone)]
struct Wish {
    key: Key,
    version: String,
    parent: Option<usize>,
    root: usize,
    cut: Rc<Cut>,
    on_path: bool,
    /// A file of the machine's, which has no POM (scope `system`).
    local: bool,
}

struct Node {
    request: Wish,
    version: String,
    children: Vec<usize>,
    on_path: bool,
    via: Vec<String>,
    wanted: Vec<(String, String)>,
}

struct Walk<'a, 'b> {
    poms: &'a mut Poms<'b>,
    asked: &'a super::Request,
    forced: &'a Ranges,
    nodes: Vec<Node>,
    chosen: BTreeMap<Key, usize>,
    refused: BTreeMap<Key, Wish>,
    problems: Vec<Problem>,
    ignored: BTreeMap<String, String>,
}

/// The closure of the roots.
///
/// # Errors
/// [`Failure::Problems`] for roots that the repository does not have, moving versions, ranges that cannot
/// meet, missing parents and BOMs, and coordinates that no file can have;
/// [`Failure::World`] where the index fails.
pub fn resolve(asked: &super::Request, index: &dyn Index) -> Result<Resolution, Failure> {
    let mut poms = Poms::new(index, &asked.platform);
    let mut forced = Ranges::new();
    for _ in 0..MAX_WALKS {
        let (nodes, chosen) = (Vec::new(), BTreeMap::new());
        let (refused, problems, ignored) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut walk = Walk { poms: &mut poms, asked, forced: &forced, nodes, chosen, refused, problems, ignored };
        match walk.run()? {
            Some((key, range)) => forced.entry(key).or_default().push(range),
            None => return walk.finish(),
        }
    }
    Err(Problem::new(codes::CONFLICT, format!("the version ranges are not settled after {MAX_WALKS} walks")).into())
}

impl Walk<'_, '_> {
    /// Walks level by level; a range that a choice breaks ends the walk.
    fn run(&mut self) -> Result<Option<(Key, Range)>, Error> {
        let own = self.asked.exclude.iter().map(|e| (e.group.clone(), e.artifact.clone())).collect();
        let cut = Rc::new(Cut { own, outer: None });
        let mut level: Vec<Wish> = Vec::new();
        let mut places: BTreeMap<Key, usize> = BTreeMap::new();
        for (root, Root { coordinate, .. }) in self.asked.roots.iter().enumerate() {
            let Coordinate::Maven { group, artifact, version, extension, classifier } = coordinate else { continue };
            let key = [group, artifact, extension, classifier].map(Clone::clone);
            let cut = if self.is_alone(&key) { Rc::new(Cut::all()) } else { cut.clone() };
            let version = version.clone();
            let request = Wish { key: key.clone(), version, parent: None, root, cut, on_path: true, local: false };
            // As among the dependencies of a POM: the last of one key stands, in the place of the first.
            if let Some(earlier) = places.get(&key).and_then(|&at| level.get_mut(at)) {
                *earlier = request;
            } else {
                places.insert(key, level.len());
                level.push(request);
            }
        }
        let mut seen = 0;
        while !level.is_empty() {
            seen += level.len();
            if seen > MAX_REQUESTS {
                return Err(Error::registry("the closure", format!("more than {MAX_REQUESTS} dependencies")));
            }
            let gavs: Vec<Gav> = level.iter().filter(|r| !r.version.starts_with(['[', '('])).map(Wish::gav).collect();
            self.poms.warm(gavs.into_iter().filter(place::is_plain))?;
            let mut next = Vec::new();
            for request in level {
                if let Some(broken) = self.take(request, &mut next)? {
                    return Ok(Some(broken));
                }
            }
            level = next;
        }
        Ok(None)
    }

    fn take(&mut self, mut request: Wish, next: &mut Vec<Wish>) -> Result<Option<(Key, Range)>, Error> {
        let constraint = match Constraint::parse(&request.version) {
            Ok(constraint) => constraint,
            Err(reason) => {
                self.complain(codes::CONFLICT, &request, reason, take_over(&request));
                return Ok(None);
            }
        };
        let Some(mut version) = self.candidate(&request, &constraint)? else { return Ok(None) };
        let dependencies = if request.local { Vec::new() } else { self.follow(&mut request, &mut version)? };
        // Once more, for it may have been relocated; its own exclusions are for what is below it.
        let above = request.parent.and_then(|at| self.nodes.get(at));
        if above.is_some_and(|node| node.request.cut.cuts(&request.key)) {
            return Ok(None);
        }
        Ok(self.mediate(request, version, &constraint, dependencies, next))
    }

    /// Goes where the POM relocates to, and reads what is declared there.
    fn follow(&mut self, request: &mut Wish, version: &mut String) -> Result<Vec<Declared>, Error> {
        for _ in 0..MAX_RELOCATIONS {
            let gav = Gav { version: version.clone(), ..request.gav() };
            match self.poms.effective(&gav)? {
                Ok(pom) => {
                    let Some(to) = &pom.relocation else { return Ok(pom.dependencies.clone()) };
                    let to = to.clone();
                    request.key[0] = to.group.unwrap_or_else(|| gav.group.clone());
                    request.key[1] = to.artifact.unwrap_or_else(|| gav.artifact.clone());
                    *version = to.version.unwrap_or(gav.version);
                    // What another name leads here by is managed like any other; a move to another version is not.
                    let renamed = [&gav.group, &gav.artifact] != [&request.key[0], &request.key[1]];
                    if let Some(managed) = self.asked.managed.get(&request.key)
                        && renamed
                        && request.parent.is_some()
                    {
                        version.clone_from(managed);
                    }
                }
                Err(Lack::Missing) => {
                    if request.parent.is_none() {
                        self.unknown(request, version)?;
                    }
                    return Ok(Vec::new());
                }
                Err(Lack::Invalid(reason)) => {
                    self.ignored.insert(gav.to_string(), reason);
                    return Ok(Vec::new());
                }
                Err(Lack::Unresolvable(what)) => {
                    let message = format!("{what} of {gav} is not in the repository");
                    self.complain(codes::PARENT, request, message, take_over(request));
                    return Ok(Vec::new());
                }
            }
        }
        Ok(Vec::new())
    }

    /// What the profile asked for is not in the repository, not even as a POM.
    fn unknown(&mut self, request: &Wish, version: &str) -> Result<(), Error> {
        let known = self.poms.versions(&request.key[0], &request.key[1])?;
        let name = request.name();
        let (message, help) = if known.is_empty() {
            let help =
                "compare group and artifact with the library's own page; Scala libraries end in `_2.12` or `_2.13`";
            (format!("no such artifact in the registry: {name}"), help.to_owned())
        } else {
            let newest: Vec<&str> = known.iter().rev().take(5).map(Version::text).collect();
            let near = known.iter().map(|v| (strsim::damerau_levenshtein(v.text(), version), v.text()));
            // Of equally near versions the highest.
            let near = near.filter(|(distance, _)| *distance <= 2).rev().min_by_key(|(distance, _)| *distance);
            let near = near.map_or(String::new(), |(_, text)| format!("did you mean `{name}:{text}`? "));
            (format!("{name} has no version {version}"), format!("{near}the newest are {}", newest.join(", ")))
        };
        self.complain(codes::UNKNOWN, request, message, help);
        Ok(())
    }

    /// The version a request stands for; the highest of a range.
    fn candidate(&mut self, request: &Wish, constraint: &Constraint) -> Result<Option<String>, Error> {
        let version = match constraint {
            Constraint::Soft(version) => Some(version.text().to_owned()),
            Constraint::Hard(range) => self.highest(request, range)?,
        };
        let Some(version) = version else {
            let message = format!("no version of {} fits `{}`", request.name(), request.version);
            self.complain(codes::CONFLICT, request, message, take_over(request));
            return Ok(None);
        };
        let moving = version == "LATEST" || version == "RELEASE" || version.ends_with("-SNAPSHOT");
        if moving {
            let message = format!("{}:{version} is not one fixed file", request.name());
            self.complain(codes::MOVING, request, message, take_over(request));
        }
        Ok((!moving).then_some(version))
    }

    fn highest(&mut self, request: &Wish, range: &Range) -> Result<Option<String>, Error> {
        if let Some(version) = range.single() {
            return Ok(Some(version.text().to_owned()));
        }
        let forced = self.forced.get(&request.key).map_or(&[][..], Vec::as_slice);
        let all = self.poms.versions(&request.key[0], &request.key[1])?;
        let fits =
            |v: &&Version| !v.text().ends_with("-SNAPSHOT") && range.holds(v) && forced.iter().all(|f| f.holds(v));
        let kept = self.asked.kept.get(&request.name());
        let kept = kept.and_then(|kept| all.iter().filter(fits).find(|v| v.text() == kept));
        Ok(kept.or_else(|| all.iter().rev().find(fits)).map(|v| v.text().to_owned()))
    }

    fn mediate(
        &mut self,
        request: Wish,
        version: String,
        constraint: &Constraint,
        dependencies: Vec<Declared>,
        next: &mut Vec<Wish>,
    ) -> Option<(Key, Range)> {
        let who = request.parent.map_or("maven.jars".to_owned(), |at| self.nodes[at].request.name());
        if let Some(node) = self.chosen.get(&request.key).and_then(|&at| self.nodes.get_mut(at)) {
            if let Constraint::Hard(range) = constraint
                && !range.holds(&Version::new(&node.version))
            {
                return Some((request.key, range.clone()));
            }
            node.on_path |= request.on_path;
            if !node.via.contains(&who) {
                node.via.push(who.clone());
            }
            if matches!(constraint, Constraint::Soft(_)) && version != node.version {
                node.wanted.push((who, version));
            }
            return None;
        }
        let forced = self.forced.get(&request.key).map_or(&[][..], Vec::as_slice);
        if !forced.iter().all(|range| range.holds(&Version::new(&version))) {
            if let Constraint::Hard(range) = constraint
                && !forced.contains(range)
            {
                return Some((request.key, range.clone()));
            }
            self.refused.entry(request.key.clone()).or_insert(request);
            return None;
        }
        let at = self.nodes.len();
        if let Some(parent) = request.parent {
            self.nodes[parent].children.push(at);
        }
        next.extend(dependencies.into_iter().filter_map(|dependency| self.child(&request, dependency, at)));
        self.chosen.insert(request.key.clone(), at);
        let (children, wanted, on_path) = (Vec::new(), Vec::new(), request.on_path);
        self.nodes.push(Node { version, children, on_path, via: vec![who], wanted, request });
        None
    }

    /// A dependency of the node at `parent`, if it belongs to a run-time closure.
    fn child(&self, of: &Wish, declared: Declared, parent: usize) -> Option<Wish> {
        let mut child = of.child(declared, parent)?;
        if let Some(managed) = self.asked.managed.get(&child.key) {
            child.version.clone_from(managed);
        }
        if self.is_alone(&child.key) {
            child.cut = Rc::new(Cut::all());
        }
        Some(child)
    }

    fn is_alone(&self, [group, artifact, ..]: &Key) -> bool {
        self.asked.alone.iter().any(|Exclusion { group: g, artifact: a }| g == group && a == artifact)
    }

    fn complain(&mut self, code: crate::problem::Code, request: &Wish, message: String, help: String) {
        let mut chain = vec![request.name()];
        let mut parent = request.parent;
        while let Some(node) = parent.and_then(|at| self.nodes.get(at)) {
            chain.push(format!("{}:{}", node.request.name(), node.version));
            parent = node.request.parent;
        }
        chain.reverse();
        let problem = Problem::new(code, message).note(format!("asked for by {}", chain.join(" → "))).help(help);
        self.problems.push(match self.asked.roots.get(request.root) {
            Some(root) => problem.at(&root.at, "asked for here"),
            None => problem,
        });
    }

    fn finish(mut self) -> Result<Resolution, Failure> {
        for (key, request) in std::mem::take(&mut self.refused) {
            if !self.chosen.contains_key(&key) {
                let ranges: Vec<&str> = self.forced.get(&key).into_iter().flatten().map(Range::text).collect();
                let message = format!("no version of {} fits {}", request.name(), ranges.join(" and "));
                self.complain(codes::CONFLICT, &request, message, take_over(&request));
            }
        }
        let chosen = self.collect();
        if !self.problems.is_empty() {
            return Err(self.problems.into());
        }
        Ok(Resolution { chosen, ignored: self.ignored })
    }

    /// The nodes on the class path, depth first.
    fn collect(&mut self) -> Vec<Chosen> {
        let mut chosen = Vec::new();
        let mut unsafe_nodes = Vec::new();
        let mut open: Vec<usize> =
            (0..self.nodes.len()).rev().filter(|&at| self.nodes[at].request.parent.is_none()).collect();
        let mut done = BTreeSet::new();
        while let Some(at) = open.pop() {
            let node = &self.nodes[at];
            open.extend(node.children.iter().rev());
            if done.insert(at) && node.on_path {
                let [group, artifact, extension, classifier] = node.request.key.clone();
                let version = node.version.clone();
                let coordinate = Coordinate::Maven { group, artifact, version, extension, classifier };
                if place::file(&coordinate).is_none() {
                    unsafe_nodes.push((node.request.clone(), coordinate.to_string()));
                }
                chosen.push(Chosen { coordinate, via: node.via.clone(), wanted: node.wanted.clone() });
            }
        }
        for (request, text) in unsafe_nodes {
            let text: String = text.chars().take(200).collect();
            let message = format!("`{text}` is no coordinate that a file can have");
            self.complain(codes::COORDINATE, &request, message, take_over(&request));
        }
        chosen
    }
}

/// The remedy for a request that cannot be met.
fn take_over(request: &Wish) -> String {
    let name = request.name();
    if request.parent.is_none() {
        return format!("ask for another release: `{name}:VERSION`");
    }
    format!("take over the choice: `exclude = [\"{name}\"]` in [maven], and `{name}:VERSION` in jars if it is needed")
}

impl Cut {
    /// Lets nothing through.
    fn all() -> Self {
        Self { own: vec![("*".to_owned(), "*".to_owned())], outer: None }
    }

    fn cuts(&self, [group, artifact, ..]: &Key) -> bool {
        let fits = |(g, a): &(String, String)| (g == "*" || g == group) && (a == "*" || a == artifact);
        self.own.iter().any(fits)
            || self
                .outer
                .as_ref()
                .is_some_and(|outer| outer.cuts(&[group.clone(), artifact.clone(), String::new(), String::new()]))
    }
}

impl Wish {
    fn name(&self) -> String {
        format!("{}:{}", self.key[0], self.key[1])
    }

    fn gav(&self) -> Gav {
        Gav { group: self.key[0].clone(), artifact: self.key[1].clone(), version: self.version.clone() }
    }

    /// A dependency of the node at `parent`, if it belongs to a run-time closure.
    fn child(&self, declared: Declared, parent: usize) -> Option<Self> {
        let scope = declared.scope.as_deref().unwrap_or("compile");
        if matches!(scope, "test" | "provided") || declared.optional.as_deref() == Some("true") {
            return None;
        }
        let (extension, own) = match declared.kind.as_str() {
            "jar" | "maven-plugin" | "ejb" => ("jar", ""),
            "test-jar" => ("jar", "tests"),
            "ejb-client" => ("jar", "client"),
            "java-source" => ("jar", "sources"),
            "javadoc" => ("jar", "javadoc"),
            other => (other, ""),
        };
        let classifier = if declared.classifier.is_empty() { own.to_owned() } else { declared.classifier };
        let key = [declared.group, declared.artifact, extension.to_owned(), classifier];
        if self.cut.cuts(&key) {
            return None;
        }
        let cut = if declared.exclusions.is_empty() {
            self.cut.clone()
        } else {
            Rc::new(Cut { own: declared.exclusions, outer: Some(self.cut.clone()) })
        };
        let on_path = matches!(scope, "compile" | "runtime");
        let (version, parent, root) = (declared.version?, Some(parent), self.root);
        Some(Self { key, version, parent, root, cut, on_path, local: scope == "system" })
    }
}

//! One class or member of a class path: where it comes from and why, whether it loads and links, and who
//! refers to it ([`explain`]).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outside::ReadAt;
use crate::problem::plural;

use super::class::{ClassFile, Places, flag};
use super::facts::{ClassFacts, Facts, Kind, how};
use super::findings::{Finding, FindingKind};
use super::id::{Id, Table, id, member, package};
use super::jar::{self, Shelf};
use super::link::changes::Changes;
use super::link::load::Loads;
use super::link::resolve::{Resolved, resolve};
use super::link::verification::is_refusal;
use super::report::phrase;
use super::site::{Site, dotted, member_name, parameters, site};
use super::universe::{ABSENT, ClassNo, DEEP, Placed, RUNTIME, Universe, text};
use super::{Jar, Ready, Request, Role, is_on_path, jimage, link};

mod words;

/// The longest chain of causes that is told.
const CHAIN: usize = 16;

/// What is known of a class, and of members of it where one was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// Binary name.
    pub class: String,
    /// Where the JVM takes it from; none where it finds no such class.
    pub from: Option<Copy>,
    /// Why from there, or why it is not found.
    pub because: String,
    /// Copies that are not taken, in the order of the class path.
    pub shadowed: Vec<Copy>,
    /// Superclasses, the nearest first.
    pub superclasses: Vec<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// References of it that fail when they are used.
    pub fails: Vec<String>,
    /// Classes that name it.
    pub users: Users,
    /// The name of the member that was asked for.
    pub member: Option<String>,
    /// Members of that name.
    pub members: Vec<Member>,
}

/// A class file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Copy {
    /// File name of its jar; none for a class of the runtime.
    pub jar: Option<String>,
    /// Module of the runtime; none for a class of a jar.
    pub module: Option<String>,
    /// Place of the jar on the class path, from 1.
    pub place: Option<usize>,
    /// Name of the entry, which tells the folder of a multi-release jar.
    pub entry: Option<String>,
    /// Whether it has the bytes of the copy that is taken, by CRC-32 and size.
    pub same: bool,
    /// What brought the jar.
    pub via: String,
}

/// Whether a class can be used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fate {
    /// `links`, `loads` (and does not link), `does-not-load`, `absent`.
    pub state: &'static str,
    /// The first error, and what leads to it, a sentence each.
    pub chain: Vec<String>,
}

/// Classes that name something.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Users {
    /// How many.
    pub classes: usize,
    /// By jar.
    pub jars: BTreeMap<String, usize>,
    /// One of them: with the method that uses it, where it is a member.
    pub example: Option<String>,
}

/// A field or method.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// As source has it.
    pub name: String,
    /// Whether it is a field.
    pub field: bool,
    /// Where it is looked for, in the order of the JVM Specification.
    pub steps: Vec<Step>,
    /// Section of the specification that has the steps.
    pub rule: &'static str,
    /// Whether it is found.
    pub found: bool,
    /// The class that has it, or the error.
    pub outcome: String,
    /// Classes that name it by this class.
    pub users: Users,
}

/// A class in which a member is looked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// Binary name.
    pub class: String,
    /// Its flags where it declares the member.
    pub declares: Option<String>,
}

impl Explanation {
    /// Whether the class links, and each member that was asked for is there.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let members = self.member.is_none() || !self.members.is_empty();
        self.fate.state == "links" && members && self.members.iter().all(|member| member.found)
    }
}

/// Explains the class or member that a text names: `a.B`, `a.B$C`, `a.B#m`, `a.B.m(int)`, or as a report has it.
/// `image` is the runtime's `lib/modules`.
#[must_use]
pub fn explain(request: &Request<'_>, image: &dyn ReadAt, asked: &str) -> Explanation {
    let layer = request.layer();
    let Ready { path, bytes, universe, loads, .. } = Ready::of(request, &layer, is_on_path);
    let gone: Vec<(&Jar, &Facts)> = request.of_jars(|role| role == Role::Removed).collect();
    let asked = Asked::parse(asked, &|name| exists(&universe, name));
    let number = id(asked.class.as_bytes());
    let explainer =
        Explainer { universe: &universe, loads: &loads, path: &path, bytes: &bytes, image, java: request.java, number };
    let class = universe.find(number);
    let findings = explainer.findings(class, request.threads);
    let (from, shadowed) = explainer.copies();
    Explanation {
        because: explainer.because(from.as_ref(), &shadowed, &asked.class, &gone),
        superclasses: class.map(|class| explainer.superclasses(class)).unwrap_or_default(),
        fate: explainer.fate(class, &findings),
        fails: class.map(|class| explainer.fails(class, &findings)).unwrap_or_default(),
        users: explainer.users(),
        members: asked.member.as_ref().map(|wanted| explainer.members(class, wanted)).unwrap_or_default(),
        member: asked.member.map(|wanted| wanted.name),
        class: dotted(&asked.class),
        from,
        shadowed,
    }
}

/// Whether some class file has that name, found or not.
fn exists(universe: &Universe<'_>, name: &str) -> bool {
    let number = id(name.as_bytes());
    universe.find(number).is_some() || files(universe, number).next().is_some()
}

/// Every class file of a name, in the order of the class path, the runtime's first.
fn files<'u, 'a>(
    universe: &'u Universe<'a>,
    number: Id,
) -> impl Iterator<Item = (&'u Placed<'a>, ClassNo, &'a ClassFacts)> + 'u {
    universe.segments.iter().flat_map(move |segment| {
        let classes = segment.numbers.iter().zip(&segment.facts.classes);
        let is_it = move |facts: &ClassFacts| segment.facts.symbol(facts.name).is_some_and(|s| s.id == number);
        classes.filter(move |(_, facts)| is_it(facts)).map(move |(class, facts)| (segment, *class, facts))
    })
}

/// What was asked for.
struct Asked {
    /// Internal name.
    class: String,
    member: Option<Wanted>,
}

/// Members that are asked for.
struct Wanted {
    name: String,
    /// Types of the parameters, where they were given.
    parameters: Option<String>,
}

impl Asked {
    fn parse(text: &str, exists: &dyn Fn(&str) -> bool) -> Self {
        let text = text.trim();
        let (head, parameters) = match text.split_once('(') {
            Some((head, rest)) => (head, rest.split_once(')').map(|(inside, _)| inside)),
            None => (text, None),
        };
        let is_new = head.starts_with("new ");
        // A report has the type before the name.
        let head = head.rsplit(' ').next().unwrap_or(head);
        let given = parameters.map(|list| list.chars().filter(|c| !c.is_whitespace()).collect());
        let of = |class: &str, name: &str| {
            let member = Wanted { name: name.to_owned(), parameters: given.clone() };
            Self { class: nested(class, exists), member: Some(member) }
        };
        if is_new {
            return of(head, "<init>");
        }
        if let Some((class, name)) = head.split_once('#') {
            return of(class, name);
        }
        let whole = nested(head, exists);
        match head.rsplit_once('.') {
            Some((class, name)) if parameters.is_some() => of(class, name),
            Some((class, name)) if !exists(&whole) && exists(&nested(class, exists)) => of(class, name),
            _ => Self { class: whole, member: None },
        }
    }
}

/// The internal name of a class: in source a nested class has a dot.
fn nested(text: &str, exists: &dyn Fn(&str) -> bool) -> String {
    let plain = text.replace('.', "/");
    let mut name = plain.clone();
    loop {
        if exists(&name) {
            return name;
        }
        let Some(slash) = name.rfind('/') else { return plain };
        name.replace_range(slash..=slash, "$");
    }
}

struct Explainer<'a, 'u> {
    universe: &'u Universe<'a>,
    loads: &'u Loads,
    path: &'u [&'u Jar],
    bytes: &'u [&'u dyn ReadAt],
    image: &'u dyn ReadAt,
    java: u32,
    /// Number of the class's name.
    number: Id,
}

impl Explainer<'_, '_> {
    fn jar(&self, number: u32) -> Option<&Jar> {
        self.path.get(usize::try_from(number).ok()?).copied()
    }

    /// What does not link of the class and those above it.
    fn findings(&self, class: Option<ClassNo>, threads: usize) -> Vec<Finding> {
        let Some(class) = class else { return Vec::new() };
        let segments = self.universe.segments_of(&[class]);
        let nothing = Table::default();
        let changes = Changes::of(self.universe, &|_| true, &nothing, true);
        link::link_segments(self.universe, self.loads, self.bytes, &changes, &segments, threads)
    }

    /// The copy that is taken, and the others.
    fn copies(&self) -> (Option<Copy>, Vec<Copy>) {
        let taken = self.universe.find(self.number);
        let content = taken.and_then(|class| self.universe.class(class)).map(|(_, facts)| (facts.crc, facts.size));
        let copy = |segment: &Placed<'_>, facts: &ClassFacts| {
            let jar = self.jar(segment.jar);
            let package = segment.facts.symbol(facts.name).map_or(0, |symbol| symbol.package);
            let module = if segment.jar == RUNTIME { self.universe.layer.module(package) } else { None };
            Copy {
                jar: jar.map(|jar| jar.name.clone()),
                module: module.map(str::to_owned),
                place: jar.and_then(|_| usize::try_from(segment.jar).ok()).map(|at| at + 1),
                entry: jar.and_then(|jar| jar::entry_name(jar.bytes.as_ref(), facts.offset)),
                same: content == Some((facts.crc, facts.size)),
                via: jar.map(|jar| jar.via.clone()).unwrap_or_default(),
            }
        };
        let (mut from, mut shadowed) = (None, Vec::new());
        for (segment, class, facts) in files(self.universe, self.number) {
            if Some(class) == taken && class != ABSENT {
                from = Some(copy(segment, facts));
            } else {
                shadowed.push(copy(segment, facts));
            }
        }
        (from, shadowed)
    }

    fn because(&self, from: Option<&Copy>, shadowed: &[Copy], class: &str, gone: &[(&Jar, &Facts)]) -> String {
        let number = id(package(class.as_bytes()));
        let of_package = dotted(&String::from_utf8_lossy(package(class.as_bytes())));
        match (from, self.universe.layer.module(number)) {
            (Some(Copy { module: Some(module), .. }), _) => {
                format!("its package belongs to the module {module} of Java {}, before every jar", self.java)
            }
            (Some(_), _) if shadowed.is_empty() => {
                format!("no other of {} has it", plural(self.path.len(), "jar", "jars"))
            }
            (Some(_), _) => {
                "the first on the class path that has it; a directory's own order may be another".to_owned()
            }
            (None, Some(module)) => format!(
                "its package belongs to the module {module} of Java {}, which has no such class, so no jar is looked into",
                self.java
            ),
            (None, None) if !shadowed.is_empty() => "it is a class of a module that is not there".to_owned(),
            (None, None) => {
                let had = gone.iter().find(|(_, facts)| has_class(facts, self.number));
                match (had, self.universe.jar_of_package(number).and_then(|jar| self.jar(jar))) {
                    (Some((jar, _)), _) => format!("{} of the distribution has it, and is not there", jar.name),
                    (None, Some(jar)) => format!("no jar has it, and {} has others of {of_package}", jar.name),
                    (None, None) => format!("no jar has a class of {of_package}"),
                }
            }
        }
    }

    fn superclasses(&self, class: ClassNo) -> Vec<String> {
        self.universe.chain(class).skip(1).map(|class| dotted(&self.universe.name(class))).collect()
    }

    fn shelf(&self) -> Shelf<'_> {
        Shelf::new(self.bytes.iter().copied())
    }

    fn fate(&self, class: Option<ClassNo>, findings: &[Finding]) -> Fate {
        let Some(class) = class else { return Fate { state: "absent", chain: Vec::new() } };
        if let Some(chain) = self.load_chain(class) {
            return Fate { state: "does-not-load", chain };
        }
        let mut reader = self.shelf();
        let mut chain = Vec::new();
        let mut at = class;
        while let Some(finding) = findings.iter().find(|f| f.source == at && is_refusal(f.kind)) {
            chain.push(phrase(finding, &site(self.universe, finding, &mut reader)));
            if finding.kind != FindingKind::LinkAbove || chain.len() == CHAIN {
                if finding.found != ABSENT {
                    chain.extend(self.load_chain(finding.found).unwrap_or_default());
                }
                break;
            }
            at = finding.found;
        }
        Fate { state: if chain.is_empty() { "links" } else { "loads" }, chain }
    }

    /// From the class up to the one at which the fault shows.
    fn load_chain(&self, class: ClassNo) -> Option<Vec<String>> {
        let fault = self.loads.fault(class)?;
        let mut chain = Vec::new();
        let mut at = class;
        while at != fault.at && chain.len() < CHAIN {
            let parents = self.universe.superclass(at).into_iter().chain(self.universe.interfaces(at));
            let next = parents.into_iter().find(|parent| self.loads.fault(*parent) == Some(fault))?;
            let [own, above] = [at, next].map(|class| dotted(&self.universe.name(class)));
            chain.push(format!("{own} extends {above}, which cannot be loaded"));
            at = next;
        }
        let other = self.universe.class(fault.at).map(|(segment, _)| dotted(&text(segment.facts, fault.other)));
        let site = Site { from: dotted(&self.universe.name(fault.at)), to: other.unwrap_or_default() };
        chain.insert(0, phrase(&Finding::of_load(class, fault), &site));
        Some(chain)
    }

    fn fails(&self, class: ClassNo, findings: &[Finding]) -> Vec<String> {
        let mut reader = self.shelf();
        let own = findings.iter().filter(|f| f.source == class && f.kind.is_reference());
        own.map(|finding| phrase(finding, &site(self.universe, finding, &mut reader))).collect()
    }

    /// Class files that name the class in a way that may resolve it.
    fn naming(&self) -> Vec<ClassNo> {
        let mut found = Vec::new();
        for segment in self.universe.segments.iter().filter(|segment| segment.jar != RUNTIME) {
            let Some(at) = segment.facts.symbols.iter().position(|symbol| symbol.id == self.number) else { continue };
            for (&class, facts) in segment.numbers.iter().zip(&segment.facts.classes) {
                let mentions = facts.mentions.of(&segment.facts.mentions);
                let names = mentions.iter().any(|mention| usize::try_from(mention.symbol) == Ok(at));
                let is_own = segment.facts.symbol(facts.name).is_some_and(|symbol| symbol.id == self.number);
                if names && !is_own && class != ABSENT && !self.universe.is_hidden(class) {
                    found.push(class);
                }
            }
        }
        found
    }

    fn users(&self) -> Users {
        let mut users = Users::default();
        for class in self.naming() {
            users.add(self.jar(self.universe.jar(class)), || dotted(&self.universe.name(class)));
        }
        users
    }

    /// Every member of a name that the class or one above it declares, or that somebody names by this class.
    fn members(&self, class: Option<ClassNo>, wanted: &Wanted) -> Vec<Member> {
        let mut found: BTreeMap<(Vec<u8>, bool), Users> = BTreeMap::new();
        let is_it = |name: &[u8], of: &[u8]| {
            name == wanted.name.as_bytes()
                && wanted.parameters.as_ref().is_none_or(|p| Some(p) == parameters(of).as_ref())
        };
        let mut reader = self.shelf();
        let lineage = class.into_iter().flat_map(|class| self.universe.lineage(class));
        for above in lineage {
            // Nobody inherits a constructor.
            if wanted.name == "<init>" && Some(above) != class {
                continue;
            }
            let Some(bytes) = self.bytes(above, &mut reader) else { continue };
            let Ok(parsed) = ClassFile::parse(&bytes, Places::default()) else { continue };
            for (members, field) in [(&parsed.fields, true), (&parsed.methods, false)] {
                for declared in members {
                    let (Some(name), Some(of)) =
                        (parsed.pool.utf8(declared.name), parsed.pool.utf8(declared.descriptor))
                    else {
                        continue;
                    };
                    if is_it(name, of) {
                        found.entry((of.to_vec(), field)).or_default();
                    }
                }
            }
        }
        for user in self.naming() {
            for (of, field, method) in self.named_by(user, &mut reader, &is_it) {
                let from = || format!("{}.{method}", dotted(&self.universe.name(user)));
                found.entry((of, field)).or_default().add(self.jar(self.universe.jar(user)), from);
            }
        }
        found.into_iter().map(|((of, field), users)| self.member(class, &wanted.name, &of, field, users)).collect()
    }

    fn bytes(&self, class: ClassNo, reader: &mut Shelf<'_>) -> Option<Vec<u8>> {
        if self.universe.jar(class) == RUNTIME {
            return jimage::class(self.image, self.universe.name_bytes(class));
        }
        reader.class(self.universe, class)
    }

    /// The members of the class that another names: descriptor, whether a field, and a method that does.
    fn named_by(
        &self,
        user: ClassNo,
        reader: &mut Shelf<'_>,
        is_it: &dyn Fn(&[u8], &[u8]) -> bool,
    ) -> Vec<(Vec<u8>, bool, String)> {
        let owns = self.universe.class(user).is_some_and(|(segment, facts)| {
            let mentions = facts.mentions.of(&segment.facts.mentions).iter();
            let owners = mentions.filter(|mention| mention.how & how::OWNER != 0);
            owners.into_iter().any(|m| segment.facts.symbol(m.symbol).is_some_and(|symbol| symbol.id == self.number))
        });
        let mut found = Vec::new();
        let Some(bytes) = owns.then(|| self.bytes(user, reader)).flatten() else { return found };
        let Ok(parsed) = ClassFile::parse(&bytes, Places::default()) else { return found };
        let pool = &parsed.pool;
        for index in 1..pool.count() {
            let Some((owner, name, of)) = pool.member(index) else { continue };
            let (Some(owner), Some(name), Some(of)) = (pool.class_name(owner), pool.utf8(name), pool.utf8(of)) else {
                continue;
            };
            if id(owner) == self.number && is_it(name, of) {
                let method = super::site::user(&parsed, index).unwrap_or_default();
                found.push((of.to_vec(), pool.tag(index) == super::class::pool::tag::FIELD, method));
            }
        }
        found
    }

    fn member(&self, class: Option<ClassNo>, name: &str, of: &[u8], field: bool, users: Users) -> Member {
        let universe = self.universe;
        let number = member(id(name.as_bytes()), id(of));
        let is_interface = class.is_some_and(|class| universe.is_interface(class));
        let (kind, rule) = match (field, name, is_interface) {
            (true, ..) => (Kind::Field, "JVMS 5.4.3.2"),
            (_, "<init>", _) => (Kind::Constructor, "JVMS 5.4.3.3, and never inherited"),
            (.., true) => (Kind::InterfaceMethod, "JVMS 5.4.3.4"),
            _ => (Kind::Method, "JVMS 5.4.3.3"),
        };
        let owner = class.map_or_else(String::new, |class| dotted(&universe.name(class)));
        let full = member_name(&owner, name.as_bytes(), of);
        let Some(class) = class.filter(|class| self.loads.is_loadable(*class)) else {
            let outcome = "NoClassDefFoundError: the class itself is not there".to_owned();
            return Member { name: full, field, steps: Vec::new(), rule, found: false, outcome, users };
        };
        let mut found = resolve(universe, class, kind, number);
        if found == Resolved::Nothing {
            // Signature polymorphic (JVMS 2.9.3).
            found = resolve(universe, class, kind, member(id(name.as_bytes()), 0));
        }
        let at = if let Resolved::Found(at, _) = found { Some(at) } else { None };
        let mut steps = Vec::new();
        for class in order(universe, class, kind) {
            let declared = universe.declared(class, field, number);
            steps.push(Step {
                class: dotted(&universe.name(class)),
                declares: declared.map(|declared| access(declared.flags)),
            });
            if at == Some(class) {
                break;
            }
        }
        let outcome = match found {
            Resolved::Found(at, declared) => {
                format!("{} in {}, of {}", access(declared.flags), dotted(&universe.name(at)), self.place(at))
            }
            Resolved::Conflict => "IncompatibleClassChangeError: several interfaces have a default".to_owned(),
            Resolved::Nothing if field => "NoSuchFieldError".to_owned(),
            Resolved::Nothing => "NoSuchMethodError".to_owned(),
        };
        Member { name: full, field, steps, rule, found: at.is_some(), outcome, users }
    }

    /// The jar or module that a class comes from.
    fn place(&self, class: ClassNo) -> String {
        let module = || self.universe.layer.module(self.universe.package(class)).unwrap_or("Java").to_owned();
        self.jar(self.universe.jar(class)).map_or_else(module, |jar| jar.name.clone())
    }
}

/// The classes in which a member is looked for, in their order.
fn order(universe: &Universe<'_>, class: ClassNo, kind: Kind) -> Vec<ClassNo> {
    let chain: Vec<ClassNo> = universe.chain(class).collect();
    let all = universe.lineage(class);
    match kind {
        Kind::Constructor => vec![class],
        Kind::Field => fields(universe, class),
        _ => {
            let above = all.filter(|class| !chain.contains(class)).collect::<Vec<_>>();
            chain.iter().copied().chain(above).collect()
        }
    }
}

/// The class, its superinterfaces, its superclass: depth first.
fn fields(universe: &Universe<'_>, class: ClassNo) -> Vec<ClassNo> {
    let mut order: Vec<ClassNo> = Vec::new();
    let mut pending = vec![class];
    while let Some(class) = pending.pop() {
        if order.contains(&class) || order.len() > DEEP {
            continue;
        }
        order.push(class);
        pending.extend(universe.superclass(class));
        let interfaces: Vec<ClassNo> = universe.interfaces(class).collect();
        pending.extend(interfaces.into_iter().rev());
    }
    order
}

fn has_class(facts: &Facts, number: Id) -> bool {
    facts.segments.iter().any(|segment| {
        segment.classes.iter().any(|class| segment.symbol(class.name).is_some_and(|symbol| symbol.id == number))
    })
}

/// Access flags as source has them.
fn access(flags: u16) -> String {
    let names = [
        (flag::PUBLIC, "public"),
        (flag::PRIVATE, "private"),
        (flag::PROTECTED, "protected"),
        (flag::STATIC, "static"),
        (flag::FINAL, "final"),
        (flag::ABSTRACT, "abstract"),
    ];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>();
    if flags & (flag::PUBLIC | flag::PRIVATE | flag::PROTECTED) == 0 {
        return std::iter::once("package-private").chain(set).collect::<Vec<_>>().join(" ");
    }
    set.join(" ")
}

impl Users {
    fn add(&mut self, jar: Option<&Jar>, name: impl FnOnce() -> String) {
        self.classes += 1;
        *self.jars.entry(jar.map(|jar| jar.name.clone()).unwrap_or_default()).or_default() += 1;
        if self.example.is_none() {
            self.example = Some(name());
        }
    }
}

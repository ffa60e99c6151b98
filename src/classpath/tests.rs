//! Values in, problems out: class files put together by hand, jars of stored entries.

use super::*;
use crate::problem::Level;
use crate::profile::Located;

mod asked;

/// A class file, put together constant by constant.
struct Class {
    name: String,
    superclass: String,
    major: u16,
    flags: u16,
    methods: Vec<(u16, String, String)>,
    calls: Vec<(String, String, String)>,
    /// The static method that calls them.
    caller: &'static str,
}

fn class(name: &str) -> Class {
    Class {
        name: name.to_owned(),
        superclass: "java/lang/Object".to_owned(),
        major: 52,
        flags: 0x21,
        methods: Vec::new(),
        calls: Vec::new(),
        caller: "run",
    }
}

impl Class {
    fn extends(mut self, superclass: &str) -> Self {
        superclass.clone_into(&mut self.superclass);
        self
    }

    /// A public static method that does nothing.
    fn method(mut self, name: &str, descriptor: &str) -> Self {
        self.methods.push((0x9, name.to_owned(), descriptor.to_owned()));
        self
    }

    /// A static method, `run` unless `caller` is another, calls it.
    fn calls(mut self, owner: &str, name: &str, descriptor: &str) -> Self {
        self.calls.push((owner.to_owned(), name.to_owned(), descriptor.to_owned()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut pool = Constants::default();
        let this = pool.class(&self.name);
        let superclass = if self.superclass.is_empty() { 0 } else { pool.class(&self.superclass) };
        let code = pool.utf8("Code");
        let mut run = Vec::new();
        for (owner, name, descriptor) in &self.calls {
            let index = pool.method(owner, name, descriptor);
            run.extend([&[0xb8][..], &index.to_be_bytes()].concat());
        }
        run.push(0xb1);
        let mut methods: Vec<(u16, u16, u16, Vec<u8>)> = Vec::new();
        for (flags, name, descriptor) in &self.methods {
            methods.push((*flags, pool.utf8(name), pool.utf8(descriptor), vec![0xb1]));
        }
        if !self.calls.is_empty() {
            methods.push((0x9, pool.utf8(self.caller), pool.utf8("()V"), run));
        }
        let mut bytes = [&[0xca, 0xfe, 0xba, 0xbe, 0, 0][..], &self.major.to_be_bytes()].concat();
        bytes.extend(pool.bytes());
        for half in [self.flags, this, superclass, 0, 0, u16::try_from(methods.len()).unwrap()] {
            bytes.extend(half.to_be_bytes());
        }
        for (flags, name, descriptor, body) in methods {
            let size = u32::try_from(body.len()).unwrap();
            for half in [flags, name, descriptor, 1, code] {
                bytes.extend(half.to_be_bytes());
            }
            bytes.extend((size + 12).to_be_bytes());
            bytes.extend([0, 4, 0, 8]);
            bytes.extend(size.to_be_bytes());
            bytes.extend(body);
            bytes.extend([0; 4]);
        }
        bytes.extend([0; 2]);
        bytes
    }
}

#[derive(Default)]
struct Constants(Vec<Vec<u8>>);

impl Constants {
    fn add(&mut self, constant: Vec<u8>) -> u16 {
        let known = self.0.iter().position(|known| *known == constant);
        let at = known.unwrap_or_else(|| {
            self.0.push(constant);
            self.0.len() - 1
        });
        u16::try_from(at + 1).unwrap()
    }

    fn utf8(&mut self, text: &str) -> u16 {
        let size = u16::try_from(text.len()).unwrap().to_be_bytes();
        self.add([&[1][..], &size, text.as_bytes()].concat())
    }

    fn class(&mut self, name: &str) -> u16 {
        let name = self.utf8(name);
        self.add([&[7][..], &name.to_be_bytes()].concat())
    }

    fn method(&mut self, owner: &str, name: &str, descriptor: &str) -> u16 {
        let (owner, name, descriptor) = (self.class(owner), self.utf8(name), self.utf8(descriptor));
        let both = self.add([&[12][..], &name.to_be_bytes(), &descriptor.to_be_bytes()].concat());
        self.add([&[10][..], &owner.to_be_bytes(), &both.to_be_bytes()].concat())
    }

    fn bytes(&self) -> Vec<u8> {
        let count = u16::try_from(self.0.len() + 1).unwrap().to_be_bytes();
        [count.to_vec(), self.0.concat()].concat()
    }
}

/// A jar of stored entries, as the zip format has them.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (path, data) in entries {
        let (size, length) = (u32::try_from(data.len()).unwrap(), u16::try_from(path.len()).unwrap());
        let crc: u32 = data.iter().fold(7, |sum: u32, b| sum.wrapping_mul(31).wrapping_add(u32::from(*b)));
        let offset = u32::try_from(bytes.len()).unwrap();
        let fields = [&[0; 8][..], &crc.to_le_bytes(), &size.to_le_bytes(), &size.to_le_bytes(), &length.to_le_bytes()];
        bytes.extend(
            [&b"PK\x03\x04\x14\0"[..], &[0; 8], &fields[1..].concat(), &[0; 2], path.as_bytes(), data].concat(),
        );
        let head = [&b"PK\x01\x02\x14\0\x14\0"[..], &fields.concat(), &[0; 12], &offset.to_le_bytes()].concat();
        directory.extend([&head, path.as_bytes()].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    bytes.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0; 2]].concat());
    bytes
}

fn jar(name: &str, role: Role, classes: &[Class]) -> Jar {
    let bytes: Vec<(String, Vec<u8>)> = classes.iter().map(|c| (format!("{}.class", c.name), c.bytes())).collect();
    let entries: Vec<(&str, &[u8])> = bytes.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    raw(name, role, zip(&entries))
}

fn raw(name: &str, role: Role, bytes: Vec<u8>) -> Jar {
    let via = if role == Role::Stock { "" } else { "maven.jars" };
    Jar {
        name: name.to_owned(),
        group: String::new(),
        via: via.to_owned(),
        at: None,
        role,
        known_by: String::new(),
        bytes: Box::new(bytes),
    }
}

/// A runtime with one class.
fn runtime() -> Runtime {
    let mut gatherer = gather::Gatherer::default();
    let object = class("java/lang/Object").extends("").bytes();
    let found = gather::Found { name: b"java/lang/Object", entry: None, bytes: &object };
    gatherer.take(&found, gather::Depth::Members);
    let base = modules::Module {
        name: "java.base".to_owned(),
        exports: vec!["java/lang".to_owned()],
        packages: vec!["java/lang".to_owned()],
        ..modules::Module::default()
    };
    Runtime { contents: jimage::Contents { segments: vec![gatherer.finish()], modules: vec![base] } }
}

fn located(text: &str) -> Located<String> {
    Located { value: text.to_owned(), at: At::default() }
}

/// What a class path answers.
fn asked<T>(jars: &[Jar], require: &[Required], ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let bytes: Vec<&dyn ReadAt> = jars.iter().map(|jar| jar.bytes.as_ref()).collect();
    let (facts, runtime, flags) = (facts(&bytes, 17, 1), runtime(), ModuleFlags::default());
    ask(&Request {
        jars,
        facts: &facts,
        runtime: &runtime,
        java: 17,
        flags: &flags,
        require,
        details: false,
        threads: 1,
    })
}

/// Each problem's level, code, message and notes.
fn found(jars: &[Jar], require: &[&str]) -> String {
    let require: Vec<Required> = require.iter().map(|name| Required::from(located(name))).collect();
    asked(jars, &require, |request| shown(&report_of(request).problems))
}

fn report_of(request: &Request<'_>) -> Report {
    let has_baseline = request.jars.iter().any(|jar| matches!(jar.role, Role::Stock | Role::Removed));
    let baseline = has_baseline.then(|| baseline(request));
    verify(request, baseline.as_ref())
}

fn shown(problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let level = if problem.code.level == Level::Deny { "error" } else { "warning" };
        let head = format!("{level}[{}]: {}", problem.code.name, problem.message);
        let notes = problem.notes.iter().map(|note| format!("  {note}"));
        let help = problem.help.iter().map(|help| format!("  help: {help}"));
        std::iter::once(head).chain(notes).chain(help).collect::<Vec<_>>().join("\n")
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn jars_that_fit() {
    let library = || jar("lib-1.0.jar", Role::Stock, &[class("l/A").method("m", "(I)V"), class("l/B").extends("l/A")]);
    assert_eq!(found(&[library()], &["l.A", "l/B"]), "");
    let user = jar("use-1.0.jar", Role::Added, &[class("u/U").calls("l/B", "m", "(I)V").extends("l/B")]);
    assert_eq!(found(&[library(), user], &[]), "");
}

#[test]
fn an_added_jar_that_does_not_fit() {
    let library = jar("lib-1.0.jar", Role::Stock, &[class("l/A").method("m", "(I)V")]);
    let user = class("u/U").calls("l/A", "m", "(J)V").calls("l/Gone", "m", "()V").calls("optional/O", "m", "()V");
    insta::assert_snapshot!(found(&[library, jar("use-1.0.jar", Role::Added, &[user])], &[]), @r#"
    error[does-not-link]: use-1.0.jar does not fit lib-1.0.jar, which lacks 1 class and has 1 member in another shape or not at all
      use-1.0.jar is here because of maven.jars
      NoClassDefFoundError: u.U.run needs l.Gone
      help: a version of use that is made for lib 1.0, or another lib
    "#);
}

#[test]
fn a_jar_that_is_gone() {
    let old = jar("lib-1.0.jar", Role::Removed, &[class("l/A"), class("l/B")]);
    let user = jar("spark-x.jar", Role::Stock, &[class("s/S").extends("l/A"), class("s/T").extends("s/S")]);
    insta::assert_snapshot!(found(&[old, user], &[]), @r#"
    error[jar-removed]: lib-1.0.jar is not there, and 1 class of it is needed by 1 class
      lib-1.0.jar is here because of maven.jars
      NoClassDefFoundError: s.S needs l.A
      help: keep lib-1.0.jar, or replace it with one that has these classes
    "#);
}

#[test]
fn another_scala() {
    let scala = jar("scala-library-2.12.18.jar", Role::Stock, &[class("scala/collection/GenTraversableOnce")]);
    let user = class("u/U").calls("scala/collection/IterableOnce", "m", "()V").calls("scala/collection/X", "m", "()V");
    insta::assert_snapshot!(found(&[scala, jar("thing_2.13-1.0.jar", Role::Added, &[user])], &[]), @r#"
    error[wrong-scala]: thing_2.13-1.0.jar is built for Scala 2.13, and the class path has Scala 2.12
      thing_2.13-1.0.jar is here because of maven.jars
      NoClassDefFoundError: u.U.run needs scala.collection.IterableOnce
      help: use thing_2.12
    "#);
}

#[test]
fn one_s_own_jar_without_its_dependency() {
    let scala = jar("scala-library-2.12.18.jar", Role::Stock, &[class("scala/collection/GenTraversableOnce")]);
    let user = || vec![class("u/U").calls("com/acme/Lib", "m", "()V")];
    assert_eq!(found(&[jar("a-1.jar", Role::Added, &user())], &[]), "");
    insta::assert_snapshot!(found(&[scala, jar("ours.jar", Role::Own, &user())], &[]), @r#"
    warning[dependency-missing]: ours.jar needs 1 class that no jar has, of package com.acme
      ours.jar is here because of maven.jars
      NoClassDefFoundError: u.U.run needs com.acme.Lib
      help: add the library that has them to `[maven] jars`
    "#);
}

#[test]
fn required_classes() {
    let jars = || [jar("a-1.jar", Role::Added, &[class("x/A"), class("x/A$B"), class("x/C").extends("y/Gone")])];
    assert_eq!(found(&jars(), &["x.A", "x/A", "x.A.B", "x.A$B"]), "");
    insta::assert_snapshot!(found(&jars(), &["z.A", "x.C", "java.lang.Strnig"]), @r#"
    error[class-missing]: no jar has the required class z.A
      help: did you mean `x.A`?
    error[class-broken]: the required class x.C cannot be loaded
      NoClassDefFoundError: x.C needs y.Gone
    error[class-missing]: no jar can give the required class java.lang.Strnig
      its package belongs to the module java.base of the Java runtime, so the JVM does not look for it in a jar
    "#);
}

#[test]
fn providers_of_services() {
    let with = |name: &str, role, service: &str, classes: &[Class]| {
        let bytes: Vec<(String, Vec<u8>)> = classes.iter().map(|c| (format!("{}.class", c.name), c.bytes())).collect();
        let mut entries: Vec<(&str, &[u8])> = bytes.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        entries.push(("META-INF/services/java.lang.Object", service.as_bytes()));
        raw(name, role, zip(&entries))
    };
    let broken = || with("a-1.jar", Role::Stock, "x.Gone\nx.A\n", &[class("x/A")]);
    assert_eq!(found(&[broken()], &[]), "", "the distribution's own");
    let gone = jar("g-1.jar", Role::Removed, &[class("x/Gone")]);
    let own = with("b-1.jar", Role::Added, "y.Gone # comment\n\ny.B\n", &[class("y/B"), class("y/C").extends("y/D")]);
    let refused = with("c-1.jar", Role::Added, "y.C\n", &[]);
    insta::assert_snapshot!([found(&[broken(), gone], &[]), found(&[own, refused], &[])].join("\n---\n"), @r#"
    warning[service-broken]: a-1.jar names 1 provider of java.lang.Object that Java refuses
      ServiceConfigurationError: java.lang.Object: Provider x.Gone not found
      help: add the jar that has them, or leave this one out: whoever asks for the service fails
    ---
    warning[doubtful-link]: b-1.jar does not fit itself, which lacks 1 class
      b-1.jar is here because of maven.jars
      NoClassDefFoundError: y.C needs y.D
      help: a sibling jar may have what it lacks: add that; else the jar was put together from versions that do not match, and another build of it will do
    warning[service-broken]: b-1.jar names 2 providers of java.lang.Object that Java refuses
      b-1.jar is here because of maven.jars
      ServiceConfigurationError: java.lang.Object: Provider y.Gone not found
      ServiceConfigurationError: java.lang.Object: y.B has no public constructor without parameters
      help: add the jar that has them, or leave this one out: whoever asks for the service fails
    "#);
}

#[test]
fn jars_that_the_jvm_does_not_read() {
    let broken = |bytes: &[u8]| found(&[raw("x.jar", Role::Added, bytes.to_vec())], &[]);
    let mut encrypted = zip(&[("a/B.class", b"")]);
    let at = encrypted.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    encrypted[at + 8] = 1;
    let manifest = zip(&[("META-INF/MANIFEST.MF", b"no colon\n"), ("a/B.class", &class("a/B").bytes())]);
    let cut = zip(&[("a/B.class", &class("a/B").bytes()[..40])]);
    let all = [broken(b""), broken(&[0; 100]), broken(&encrypted), broken(&manifest), broken(&cut)];
    insta::assert_snapshot!(all.join("\n"), @r#"
    error[jar-unreadable]: the JVM cannot open x.jar: it is no zip archive: its end record is missing
      x.jar is here because of maven.jars
      it says nothing about it: the jar's classes are simply not there
    error[jar-unreadable]: the JVM cannot open x.jar: it is no zip archive: its end record is missing
      x.jar is here because of maven.jars
      it says nothing about it: the jar's classes are simply not there
    error[jar-unreadable]: the JVM cannot open x.jar: an entry is encrypted
      x.jar is here because of maven.jars
      it says nothing about it: the jar's classes are simply not there
    error[jar-unreadable]: the manifest of x.jar is malformed: a line has no colon
      x.jar is here because of maven.jars
      no class of a jar with such a manifest can be loaded
    error[class-malformed]: x.jar has 1 class file that the JVM refuses
      x.jar is here because of maven.jars
      ClassFormatError: a.B is cut short in its constants
    "#);
}

#[test]
fn class_files_of_a_newer_java() {
    let newer = Class { major: 65, ..class("y/D") };
    let module = ("META-INF/versions/21/y/E.class", Class { major: 65, ..class("y/E") }.bytes());
    let one = jar("b-2.0.jar", Role::Added, &[newer]);
    let other = raw("c.jar", Role::Added, zip(&[(module.0, &module.1)]));
    insta::assert_snapshot!(found(&[one, other], &[]), @r#"
    error[class-too-new]: b-2.0.jar is compiled for Java 21, and the image has Java 17
      b-2.0.jar is here because of maven.jars
      1 class, such as y.D
      an older JVM refuses them with UnsupportedClassVersionError (JVMS 4.1)
      help: `java = "21"`, or a version of the jar that is made for Java 17
    "#);
}

#[test]
fn classes_of_one_name() {
    let stock = || jar("a-1.0.jar", Role::Stock, &[class("x/A").method("m", "()V"), class("x/B")]);
    let added = |name: &str, classes: &[Class]| found(&[stock(), jar(name, Role::Added, classes)], &[]);
    assert_eq!(added("b-2.0.jar", &[class("x/A").method("m", "()V"), class("x/C")]), "", "one and the same");
    let twice = [stock(), jar("c-1.jar", Role::Stock, &[class("x/A")])];
    assert_eq!(found(&twice, &[]), "", "Spark's own duplicates");
    let differing = added("b-2.0.jar", &[class("x/A").method("m", "()V").method("n", "()V")]);
    let versions = added("a-1.1.jar", &[class("x/A").method("n", "()V")]);
    let deciding = added("b-2.0.jar", &[class("x/A").method("n", "()V"), class("y/U").calls("x/A", "n", "()V")]);
    insta::assert_snapshot!([differing, versions, deciding].join("\n---\n"), @r#"
    warning[duplicate-classes]: b-2.0.jar and Spark's own a-1.0.jar have 1 different class of one name
      b-2.0.jar is here because of maven.jars
      1 class is in both, 1 with other bytes (by CRC-32 and size), such as x.A
      which copy the JVM loads depends on the order of the directory
      help: leave one out with `[maven] exclude`, or replace Spark's with `[maven] override`
    ---
    error[two-versions-of-a-library]: a-1.1.jar and Spark's own a-1.0.jar are one library twice
      a-1.1.jar is here because of maven.jars
      1 class is in both, 1 with other bytes (by CRC-32 and size), such as x.A
      which copy the JVM loads depends on the order of the directory
      help: leave one out with `[maven] exclude`, or replace Spark's with `[maven] override`
    ---
    error[order-decides]: b-2.0.jar and Spark's own a-1.0.jar have different classes of one name, and 1 reference links with one copy only
      b-2.0.jar is here because of maven.jars
      1 class is in both, 1 with other bytes (by CRC-32 and size), such as x.A
      y.U links with one copy of x.A and not with the other
      which copy the JVM loads depends on the order of the directory
      help: leave one out with `[maven] exclude`, or replace Spark's with `[maven] override`
    "#);
}

#[test]
fn facts_read_back_from_their_bytes() {
    let user = class("u/U").calls("l/A", "m", "(J)V").extends("l/B");
    let jar = jar("lib.jar", Role::Own, &[class("l/A").method("m", "(I)V"), user]);
    let facts = facts(&[jar.bytes.as_ref()], 17, 1).remove(0);
    let bytes = facts.to_bytes();
    let again = Facts::from_bytes(&bytes).unwrap();
    assert_eq!((&again.segments, &again.jar), (&facts.segments, &facts.jar));
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(Facts::from_bytes(&other).is_none() && Facts::from_bytes(&bytes[..at]).is_none(), "{at}");
    }
    let runtime = runtime();
    let again = Runtime::from_bytes(&runtime.to_bytes()).unwrap();
    assert_eq!(again.contents.modules, runtime.contents.modules);
    assert_eq!(again.contents.segments, runtime.contents.segments);
}

#[test]
fn hostile_bytes_are_refused_and_no_more() {
    let sound = class("a/B").method("m", "(I)V").calls("a/C", "m", "()V").bytes();
    for cut in 0..sound.len() {
        assert!(class::ClassFile::parse(&sound[..cut], class::Places::default()).is_err(), "{cut}");
    }
    // Every byte, changed in turn, ends in an answer.
    for at in 0..sound.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = sound.clone();
            bytes[at] = value;
            let jar = raw("x.jar", Role::Added, zip(&[("a/B.class", &bytes)]));
            let _ = found(&[jar], &["a.B"]);
        }
    }
    let archive = zip(&[("META-INF/MANIFEST.MF", b"Class-Path: x.jar\n"), ("a/B.class", &sound)]);
    for at in 0..archive.len() {
        let mut bytes = archive.clone();
        bytes[at] ^= 0xff;
        let _ = found(&[raw("x.jar", Role::Added, bytes)], &[]);
        let _ = found(&[raw("x.jar", Role::Added, archive[..at].to_vec())], &[]);
    }
}

//! Classes that somebody asks for: by a setting, by `--explain`, by an override.

use super::*;

#[test]
fn instances_that_settings_ask_for() {
    let listener = "org/apache/spark/scheduler/SparkListenerInterface";
    let conf = "(Lorg/apache/spark/SparkConf;)V";
    let with = |name: &str, flags: u16, constructor: (u16, &str)| {
        let mut class = class(name).extends(listener);
        class.flags = flags;
        class.methods.push((constructor.0, "<init>".to_owned(), constructor.1.to_owned()));
        class
    };
    let mut fails = with("m/Fails", 0x21, (0x1, "()V")).calls("m/Gone", "m", "()V");
    fails.caller = "<clinit>";
    let jars = [
        jar("spark-core_2.12-3.5.9.jar", Role::Stock, &[class(listener), class("org/apache/spark/SparkConf")]),
        jar(
            "mine-1.jar",
            Role::Added,
            &[
                with("m/Plain", 0x21, (0x1, "()V")),
                with("m/Conf", 0x21, (0x1, conf)),
                with("m/Closed", 0x21, (0x2, "()V")),
                with("m/Other", 0x21, (0x1, "(I)V")),
                with("m/Hidden", 0x20, (0x1, "()V")),
                with("m/Abstract", 0x421, (0x1, "()V")),
                class("m/Stranger").method("x", "()V"),
                fails,
            ],
        ),
    ];
    let names = "m.Plain,m.Conf,m.Closed,m.Other,m.Hidden,m.Abstract,m.Stranger,m.Fails";
    let require = named_classes(&[(located("spark.extraListeners"), located(names))]);
    insta::assert_snapshot!(asked(&jars, &require, |request| shown(&report_of(request).problems)), @r"
    warning[doubtful-link]: mine-1.jar does not fit itself, which lacks 1 class
      mine-1.jar is here because of maven.jars
      NoClassDefFoundError: m.Fails.<clinit> needs m.Gone
      help: a sibling jar may have what it lacks: add that; else the jar was put together from versions that do not match, and another build of it will do
    error[class-broken]: the required class m.Closed has no instance that Spark could make
      NoSuchMethodException: m.Closed has no public constructor (org.apache.spark.SparkConf) or ()
      it is made by Utils.loadExtensions
    error[class-broken]: the required class m.Other has no instance that Spark could make
      NoSuchMethodException: m.Other has no public constructor (org.apache.spark.SparkConf) or ()
      it is made by Utils.loadExtensions
    error[class-broken]: the required class m.Hidden has no instance that Spark could make
      IllegalAccessException: m.Hidden is not public
      it is made by Utils.loadExtensions
    error[class-broken]: the required class m.Abstract has no instance that Spark could make
      InstantiationException: m.Abstract is abstract
      it is made by Utils.loadExtensions
    error[class-broken]: the required class m.Stranger has no instance that Spark could make
      m.Stranger is no org.apache.spark.scheduler.SparkListenerInterface
      it is made by Utils.loadExtensions
    error[class-broken]: the required class m.Fails fails as soon as it is used
      NoClassDefFoundError: m.Fails.<clinit> needs m.Gone
    ");
}

/// What is told of each of these names, one below the other.
fn explained(names: &[&str]) -> String {
    let copies = |value: &str| class("l/A").method("m", "(I)V").method(value, "()V");
    let jars = [
        jar("a-1.jar", Role::Added, &[copies("x"), class("l/B").extends("l/A")]),
        jar("b-1.jar", Role::Added, &[copies("y"), class("l/C").extends("l/D"), class("l/D").extends("l/Gone")]),
        jar("c-1.jar", Role::Added, &[class("u/U").calls("l/B", "m", "(I)V").calls("l/B", "m", "(J)V")]),
        jar("d-1.jar", Role::Removed, &[class("r/R")]),
    ];
    let explained = |name: &&str| asked(&jars, &[], |request| explain(request, &Vec::new(), name).to_string());
    names.iter().map(explained).collect::<Vec<_>>().join("\n")
}

#[test]
fn classes_explained() {
    let names = ["l.A", "l/C", "java.lang.Object", "r.R", "x.y.Z", "java.lang.Strnig"];
    insta::assert_snapshot!(explained(&names), @r"
    l.A
      from          a-1.jar, jar 1
      because       the first on the class path that has it; a directory's own order may be another
      came by       maven.jars
      hides         b-1.jar, jar 2 (differs)
      extends       java.lang.Object
      state         loads and links
      named by      1 class: a-1.jar (1); such as l.B

    l.C
      from          b-1.jar, jar 2
      because       no other of 3 jars has it
      came by       maven.jars
      extends       l.D
      state         does not load
      since         NoClassDefFoundError: l.D needs l.Gone
                    l.C extends l.D, which cannot be loaded
      named by      no class of a jar

    java.lang.Object
      from          the module java.base
      because       its package belongs to the module java.base of Java 17, before every jar
      state         loads and links
      named by      2 classes: a-1.jar (1), c-1.jar (1); such as l.A

    r.R
      from          nowhere
      because       d-1.jar of the distribution has it, and is not there
      named by      no class of a jar

    x.y.Z
      from          nowhere
      because       no jar has a class of x.y
      named by      no class of a jar

    java.lang.Strnig
      from          nowhere
      because       its package belongs to the module java.base of Java 17, which has no such class, so no jar is looked into
      named by      no class of a jar
    ");
}

#[test]
fn members_explained() {
    insta::assert_snapshot!(explained(&["l.B#m", "l.B.m(long)", "l.B.n", "u.U"]), @r"
    l.B
      from          a-1.jar, jar 1
      because       no other of 3 jars has it
      came by       maven.jars
      extends       l.A, java.lang.Object
      state         loads and links
      named by      1 class: c-1.jar (1); such as u.U

    void l.B.m(int)
      JVMS 5.4.3.3  not in l.B
                    l.A has it (public static)
      found         public static in l.A, of a-1.jar
      named by      1 class: c-1.jar (1); such as u.U.run

    void l.B.m(long)
      JVMS 5.4.3.3  not in l.B
                    not in l.A
                    not in java.lang.Object
      fails         NoSuchMethodError
      named by      1 class: c-1.jar (1); such as u.U.run

    l.B
      from          a-1.jar, jar 1
      because       no other of 3 jars has it
      came by       maven.jars
      extends       l.A, java.lang.Object
      state         loads and links
      named by      1 class: c-1.jar (1); such as u.U

    void l.B.m(long)
      JVMS 5.4.3.3  not in l.B
                    not in l.A
                    not in java.lang.Object
      fails         NoSuchMethodError
      named by      1 class: c-1.jar (1); such as u.U.run

    l.B
      from          a-1.jar, jar 1
      because       no other of 3 jars has it
      came by       maven.jars
      extends       l.A, java.lang.Object
      state         loads and links
      named by      1 class: c-1.jar (1); such as u.U

    l.B.n
      no class above it has one, and no class names one

    u.U
      from          c-1.jar, jar 3
      because       no other of 3 jars has it
      came by       maven.jars
      extends       java.lang.Object
      state         loads and links
      fails         NoSuchMethodError: u.U.run uses void l.B.m(long), which does not exist
      named by      no class of a jar
    ");
}

#[test]
fn an_override_is_proved() {
    let user = class("s/S").calls("l/A", "old", "()V").calls("l/A", "new", "()V").calls("l/A", "both", "()V");
    let jars = [
        jar("lib-1.0.jar", Role::Removed, &[class("l/A").method("old", "()V").method("both", "()V")]),
        jar("lib-2.0.jar", Role::Added, &[class("l/A").method("new", "()V").method("both", "()V")]),
        jar("spark-x.jar", Role::Stock, &[user]),
    ];
    let proofs = asked(&jars, &[], |request| report_of(request).proofs);
    let said: Vec<String> = proofs.iter().map(Proof::to_string).collect();
    insta::assert_snapshot!(said.join("\n"), @r"lib-2.0.jar for lib-1.0.jar: 1 reference breaks, 1 stops breaking, such as NoSuchMethodError: s.S.run uses void l.A.new(), which does not exist");
}

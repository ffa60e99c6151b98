//! What the targets share: [`verified`].

use sparkbake::classpath::{self, Facts, Jar, ModuleFlags, Request, Role, Runtime};
use sparkbake::problem::At;
use sparkbake::profile::Located;

/// Gathers the facts of a jar, keeps them as bytes, and verifies it as a class path of its own. Without a runtime
/// all packages are the jar's, `java/lang` too.
pub fn verified(bytes: Vec<u8>) {
    let facts = classpath::facts(&[&bytes], 17, 1);
    for facts in &facts {
        let kept = facts.to_bytes();
        assert!(Facts::from_bytes(&kept).is_some_and(|again| again.to_bytes() == kept));
    }
    let (name, via, known_by) = ("x.jar".to_owned(), String::new(), String::new());
    let jars = [Jar { name, via, at: None, role: Role::Added, known_by, bytes: Box::new(bytes) }];
    let located = |text: &str| Located { value: text.to_owned(), at: At::default() };
    let mut require = classpath::named_classes(&[(located("spark.hadoop.fs.b.impl"), located("a.B"))]);
    require.push(located("java.lang.Object").into());
    let (runtime, flags) = (Runtime::default(), ModuleFlags::default());
    let request = Request {
        jars: &jars,
        facts: &facts,
        runtime: &runtime,
        java: 17,
        flags: &flags,
        require: &require,
        details: true,
        threads: 1,
    };
    let _ = classpath::verify(&request, None);
    for asked in ["a.B", "a.B#m", "new a.B()"] {
        let _ = classpath::explain(&request, &Vec::new(), asked).to_string();
    }
}

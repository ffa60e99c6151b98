//! Repositories made up in a few lines, and the closures that Maven makes of them: `tests/real` asks it.

use std::collections::BTreeMap;

/// The pages of a repository by their paths. Each line is a POM of the group, or a list of versions:
///
/// ```text
/// a:1 ^ parent:1 = b:1 c:2@runtime d | b:3 bom:1@import + <properties>…</properties>
/// b = 1 2 3
/// ```
///
/// After `=` dependencies, after `|` managed ones, after `+` XML. A dependency is
/// `name[#classifier][~type][:version][@scope-or-optional][!excluded]…`.
pub(super) fn repository(group: &str, text: &str) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, xml) = line.split_once(" + ").unwrap_or((line, ""));
        let (line, managed) = line.split_once('|').unwrap_or((line, ""));
        let (head, dependencies) = line.split_once('=').unwrap_or((line, ""));
        let (name, parent) = head.split_once('^').unwrap_or((head, ""));
        let Some((artifact, version)) = name.trim().split_once(':') else {
            let list: String =
                dependencies.split_whitespace().map(|v| ["<version>", v, "</version>"].concat()).collect();
            let list = format!("<metadata><versioning><versions>{list}</versions></versioning></metadata>");
            pages.insert(format!("{group}/{}/maven-metadata.xml", name.trim()), list);
            continue;
        };
        let packaging = if artifact.starts_with("parent") || artifact.starts_with("bom") { "pom" } else { "jar" };
        let parent = parent.trim().split_once(':').map_or(String::new(), |(artifact, version)| {
            format!(
                "<parent><groupId>g</groupId><artifactId>{artifact}</artifactId><version>{version}</version></parent>"
            )
        });
        let [dependencies, managed] =
            [dependencies, managed].map(|list| list.split_whitespace().map(dependency).collect::<String>());
        let pom = format!(
            "<project><modelVersion>4.0.0</modelVersion>{parent}<groupId>g</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version><packaging>{packaging}</packaging><dependencies>{dependencies}</dependencies>\
             <dependencyManagement><dependencies>{managed}</dependencies></dependencyManagement>{xml}</project>"
        );
        let pom = pom.replace("<groupId>g</groupId>", &format!("<groupId>{group}</groupId>"));
        pages.insert(format!("{group}/{artifact}/{version}/{artifact}-{version}.pom"), pom);
    }
    pages
}

/// What is asked of a repository: `root |managed !excluded`.
pub(super) struct Asked<'a> {
    pub(super) roots: Vec<&'a str>,
    pub(super) managed: Vec<&'a str>,
    pub(super) exclude: Vec<&'a str>,
}

pub(super) fn asked(text: &str) -> Asked<'_> {
    let mut asked = Asked { roots: Vec::new(), managed: Vec::new(), exclude: Vec::new() };
    for word in text.split_whitespace() {
        match word.strip_prefix('|').ok_or_else(|| word.strip_prefix('!')) {
            Ok(managed) => asked.managed.push(managed),
            Err(Some(excluded)) => asked.exclude.push(excluded),
            Err(None) => asked.roots.push(word),
        }
    }
    asked
}

/// A `<dependency>`.
pub(super) fn dependency(text: &str) -> String {
    let (text, exclusions) = text.split_once('!').map_or((text, None), |(text, out)| (text, Some(out)));
    let (text, scope) = text.split_once('@').unwrap_or((text, ""));
    let (name, version) = text.split_once(':').unwrap_or((text, ""));
    let (name, kind) = name.split_once('~').unwrap_or((name, ""));
    let (artifact, classifier) = name.split_once('#').unwrap_or((name, ""));
    let exclusion = |out: &str| {
        let group = if out == "*" { "*" } else { "g" };
        format!("<exclusion><groupId>{group}</groupId><artifactId>{out}</artifactId></exclusion>")
    };
    let exclusions: String = exclusions.into_iter().flat_map(|list| list.split('!')).map(exclusion).collect();
    let scope = match scope {
        "" => String::new(),
        "optional" => "<optional>true</optional>".to_owned(),
        "import" => "<type>pom</type><scope>import</scope>".to_owned(),
        "system" => "<scope>system</scope><systemPath>/dev/null</systemPath>".to_owned(),
        scope => format!("<scope>{scope}</scope>"),
    };
    let tag = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("<{name}>{text}</{name}>") };
    let [version, classifier, kind] =
        [("version", version), ("classifier", classifier), ("type", kind)].map(|(n, t)| tag(n, t));
    let exclusions = tag("exclusions", &exclusions);
    format!(
        "<dependency><groupId>g</groupId><artifactId>{artifact}</artifactId>{version}{classifier}{kind}{scope}{exclusions}</dependency>"
    )
}

/// Name, repository, roots, closure. Maven 3.8.7 makes the same class paths of them, in the same order, where the
/// repository is declared without snapshots.
pub(super) const CLOSURES: &[(&str, &str, &str, &str)] = &[
    ("the nearest wins", "a:1 = b:1 x:1\nb:1 = c:1\nc:1 = x:2\nx:1\nx:2", "a:1", "a:1 b:1 c:1 x:1"),
    ("nearer, though declared later", "a:1 = b:1 x:1\nb:1 = x:2\nx:1\nx:2 = y:1\ny:1", "a:1", "a:1 b:1 x:1"),
    ("the first declared breaks a tie", "a:1 = b:1 c:1\nb:1 = x:1\nc:1 = x:2\nx:1\nx:2", "a:1", "a:1 b:1 x:1 c:1"),
    ("and the first root", "a:1 = x:1\nb:1 = x:2\nx:1\nx:2", "b:1 a:1", "b:1 x:2 a:1"),
    ("a root is nearest of all", "a:1 = x:1\nx:1\nx:2", "a:1 x:2", "a:1 x:2"),
    ("the last of two roots, in the first's place", "a:1\na:2\nb:1", "a:1 b:1 a:2", "a:2 b:1"),
    ("what a loser needs is not there", "a:1 = b:1 x:1\nb:1 = x:2\nx:1\nx:2 = z:1\nz:1", "a:1", "a:1 b:1 x:1"),
    ("a circle", "a:1 = b:1\nb:1 = a:1 c:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "scopes",
        "a:1 = b:1@runtime c:1@test d:1@provided e:1@compile\nb:1 = f:1\ne:1 = h:1@test\nb:1\nf:1\nc:1\nd:1\ne:1\nh:1",
        "a:1",
        "a:1 b:1 e:1",
    ),
    (
        "provided at one place, compile at another",
        "a:1 = b:1 x:1@provided\nb:1 = c:1\nc:1 = x:2\nx:1\nx:2",
        "a:1",
        "a:1 b:1 c:1 x:2",
    ),
    ("optional", "a:1 = b:1@optional c:1\nb:1\nc:1 = b:2\nb:2", "a:1", "a:1 c:1 b:2"),
    (
        "excluded below one dependency",
        "a:1 = b:1!x c:1\nb:1 = d:1\nd:1 = x:1\nc:1 = e:1\ne:1 = f:1\nf:1 = x:2\nx:1\nx:2",
        "a:1",
        "a:1 b:1 d:1 c:1 e:1 f:1 x:2",
    ),
    ("all excluded", "a:1 = b:1!* c:1\nb:1 = x:1\nc:1\nx:1", "a:1", "a:1 b:1 c:1"),
    ("the root's management counts not for itself", "a:1 = b:1 | x:9\nb:1 = x:1\nx:1\nx:9", "a:1", "a:1 b:1 x:1"),
    ("management fills in versions", "a:1 ^ parent:1 = b\nparent:1 = | b:2\nb:2", "a:1", "a:1 b:2"),
    ("and scopes and exclusions", "a:1 = b c | b:1@test c:1!x\nb:1\nc:1 = x:1\nx:1", "a:1", "a:1 c:1"),
    ("an own version beside management", "a:1 = b:1 | b:2\nb:1\nb:2", "a:1", "a:1 b:1"),
    ("own management before a BOM's", "a:1 = x | bom:1@import x:2\nbom:1 = | x:1\nx:1\nx:2", "a:1", "a:1 x:2"),
    (
        "the parent's before a BOM's",
        "a:1 ^ parent:1 = x | bom:1@import\nparent:1 = | x:2\nbom:1 = | x:1\nx:1\nx:2",
        "a:1",
        "a:1 x:2",
    ),
    (
        "the first BOM before the second",
        "a:1 = x y | bom:1@import bomb:1@import\nbom:1 = | x:1\nbomb:1 = | x:2 y:2\nx:1\ny:2",
        "a:1",
        "a:1 x:1 y:2",
    ),
    ("a BOM of a BOM", "a:1 = x | bom:1@import\nbom:1 = | bomb:1@import\nbomb:1 = | x:3\nx:3", "a:1", "a:1 x:3"),
    ("inherited dependencies come last", "a:1 ^ parent:1 = b:1\nparent:1 = c:1\nb:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "properties of the child",
        "a:1 ^ parent:1 + <properties><v>2</v></properties>\nparent:1 = x:${v} + <properties><v>1</v></properties>\nx:2",
        "a:1",
        "a:1 x:2",
    ),
    ("the project's own values", "a:1 = b:${project.version} c:${version}\nb:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "relocation",
        "a:1 = old:1\nold:1 + <distributionManagement><relocation><artifactId>new</artifactId></relocation></distributionManagement>\nnew:1 = x:1\nx:1",
        "a:1",
        "a:1 new:1 x:1",
    ),
    (
        "a range takes the highest",
        "a:1 = x:[1,2)\nx = 1 1.5 1.10 2-SNAPSHOT 2\nx:1\nx:1.5\nx:1.10 = y:1\ny:1",
        "a:1",
        "a:1 x:1.10 y:1",
    ),
    (
        "a range overrules a nearer recommendation",
        "a:1 = x:1 b:1\nb:1 = x:[2,3)\nx = 1 2 3\nx:1\nx:2\nx:3",
        "a:1",
        "a:1 b:1 x:2",
    ),
    (
        "two ranges meet",
        "a:1 = b:1 c:1\nb:1 = x:[1,3]\nc:1 = x:[1,2]\nx = 1 2 3\nx:1\nx:2\nx:3",
        "a:1",
        "a:1 b:1 x:2 c:1",
    ),
    ("a dependency without a POM", "a:1 = b:1 c:1\nc:1", "a:1", "a:1 b:1 c:1"),
    (
        "classifiers are artifacts of their own",
        "a:1 = x:1 x#tests:2 b:1\nb:1 = x#tests:3\nx:1 = y:1\nx:2 = z:1\nx:3\ny:1\nz:1",
        "a:1",
        "a:1 x:1 y:1 x#tests:2 z:1 b:1",
    ),
    ("the last of a dependency declared twice", "a:1 = x:1 b:1 x:2\nb:1\nx:1\nx:2", "a:1", "a:1 x:2 b:1"),
    ("the first of a management entry declared twice", "a:1 = x | x:1 x:2\nx:1\nx:2", "a:1", "a:1 x:1"),
    (
        "the parent's management before the child's import",
        "a:1 ^ parent:1 = x y | bom:1@import\nparent:1 = | x:2\nbom:1 = | x:1 y:1\nx:1\nx:2\ny:1",
        "a:1",
        "a:1 x:2 y:1",
    ),
    (
        "the child's import before the parent's",
        "a:1 ^ parent:1 = x | bom:1@import\nparent:1 = | bomb:1@import\nbom:1 = | x:1\nbomb:1 = | x:2\nx:1\nx:2",
        "a:1",
        "a:1 x:1",
    ),
    (
        "the project's management moves what is transitive, and a root only without a version of its own",
        "a:1 = x:1 b:1\nb:1\nb:2\nx:1\nx:2",
        "a:1 b:1 |x:2 |b:2",
        "a:1 x:2 b:1",
    ),
    (
        "and what was relocated",
        "a:1 = old:1\nold:1 + <distributionManagement><relocation><artifactId>new</artifactId></relocation></distributionManagement>\nnew:1 = x:1\nnew:2 = y:1\nx:1\ny:1",
        "a:1 |new:2",
        "a:1 new:2 y:1",
    ),
    (
        "but not what was relocated among its own versions",
        "a:1 = x:1\nx:1 + <distributionManagement><relocation><version>2</version></relocation></distributionManagement>\nx:2 = y:1\ny:1",
        "a:1",
        "a:1 x:2 y:1",
    ),
    (
        "and never revives",
        "a:1 = x:1@test y:1@provided z:1@optional b:1\nb:1\nx:2\ny:2\nz:2",
        "a:1 |x:2 |y:2 |z:2",
        "a:1 b:1",
    ),
    ("the project excludes", "a:1 = b:1 c:1\nb:1 = x:1\nc:1 = x:2\nx:1\nx:2", "a:1 !x", "a:1 b:1 c:1"),
    (
        "the parent's own values",
        "a:1 ^ parent:3 = x:${project.parent.version} y:${parent.version} z:${pom.version}\nparent:3\nx:3\ny:3\nz:1",
        "a:1",
        "a:1 x:3 y:3 z:1",
    ),
    (
        "properties of the project's own name in a BOM are the BOM's",
        "a:1 = x y | bom:2@import\nbom:2 = | x:${project.version} y:${v} + <properties><v>5</v></properties>\nx:2\ny:5",
        "a:1",
        "a:1 x:2 y:5",
    ),
    ("a union of ranges", "a:1 = x:(,1],[3,4)\nx = 1 2 3 4\nx:1\nx:3\nx:4", "a:1", "a:1 x:3"),
    (
        "a recommendation within a range stays",
        "a:1 = x:1.5 b:1\nb:1 = x:[1,2)\nx = 1 1.5 1.9 2\nx:1.5\nx:1.9",
        "a:1",
        "a:1 x:1.5 b:1",
    ),
    ("a range outdoes even a root", "b:1 = x:[2,3)\nx = 1 2\nx:1\nx:2", "x:1 b:1", "b:1 x:2"),
    (
        "qualifiers in ranges",
        "a:1 = x:[1.0,2.0)\nx = 1.0-foo 1.0 1.0-1 2.0-alpha 2.0\nx:1.0\nx:2.0-alpha\nx:1.0-1",
        "a:1",
        "a:1 x:2.0-alpha",
    ),
    (
        "a test jar is the artifact of that classifier",
        "a:1 = x~test-jar:1 b:1\nb:1 = x#tests:2\nx:1\nx:2",
        "a:1",
        "a:1 x#tests:1 b:1",
    ),
    (
        "a POM as a dependency brings its own",
        "a:1 = p~pom:1 b:1\np:1 = x:1\nb:1 = x:2\nx:1\nx:2",
        "a:1",
        "a:1 p:1 x:1 b:1",
    ),
    ("system", "a:1 = b:1@system c:1\nb:1 = x:1\nc:1\nx:1", "a:1", "a:1 c:1"),
    (
        "run-time below compile below run-time",
        "a:1 = b:1@runtime\nb:1 = c:1@compile d:1@runtime\nc:1\nd:1 = e:1@provided\ne:1",
        "a:1",
        "a:1 b:1 c:1 d:1",
    ),
    (
        "a winner's exclusions count, the loser's do not",
        "a:1 = b:1 c:1!x\nb:1 = c:1\nc:1 = x:1 y:1\nx:1\ny:1",
        "a:1",
        "a:1 b:1 c:1 y:1",
    ),
    (
        "a management's exclusions are those of the dependency that names none",
        "a:1 = b:1 c:1!y | b:1!x c:1!x\nb:1 = x:1 y:1\nc:1 = x:2 z:1\nx:1\nx:2\ny:1\nz:1",
        "a:1",
        "a:1 b:1 y:1 c:1 x:2 z:1",
    ),
    (
        "a parent of a parent",
        "a:1 ^ parent:1 = x\nparent:1 ^ parents:1 = | y:1\nparents:1 = y | x:2\nx:2\ny:1",
        "a:1",
        "a:1 x:2 y:1",
    ),
    (
        "a profile that Maven alone makes active",
        "a:1 = b:${v} + <properties><v>1</v></properties><profiles><profile><id>maven</id><activation><file><exists>${user.dir}</exists></file></activation><properties><v>2</v></properties></profile></profiles>\nb:1\nb:2",
        "a:1",
        "a:1 b:2",
    ),
    (
        "a profile for the system",
        "a:1 = b:1 + <profiles><profile><id>linux</id><activation><os><family>unix</family><name>Linux</name><arch>amd64</arch></os></activation><dependencies><dependency><groupId>g</groupId><artifactId>c</artifactId><version>1</version></dependency></dependencies></profile><profile><id>mac</id><activation><os><family>mac</family></os></activation><dependencies><dependency><groupId>g</groupId><artifactId>d</artifactId><version>1</version></dependency></dependencies></profile></profiles>\nb:1\nc:1\nd:1",
        "a:1",
        "a:1 b:1 c:1",
    ),
    (
        "default profiles, a level each",
        "a:1 ^ parent:1 = + <profiles><profile><id>default</id><activation><activeByDefault>true</activeByDefault></activation><dependencies><dependency><groupId>g</groupId><artifactId>d</artifactId><version>1</version></dependency></dependencies></profile></profiles>\nparent:1 = + <profiles><profile><id>new</id><activation><jdk>[17,)</jdk></activation><dependencies><dependency><groupId>g</groupId><artifactId>j</artifactId><version>1</version></dependency></dependencies></profile></profiles>\nd:1\nj:1",
        "a:1",
        "a:1 d:1 j:1",
    ),
    (
        "a long circle that begins below the root",
        "a:1 = b:1\nb:1 = c:1\nc:1 = b:2 d:1\nb:2 = e:1\nd:1\ne:1",
        "a:1",
        "a:1 b:1 c:1 d:1",
    ),
    (
        "wildcards in one half of an exclusion",
        "a:1 = b:1!* c:1\nb:1 = d:1\nc:1 = d:2\nd:1\nd:2 = e:1\ne:1",
        "a:1",
        "a:1 b:1 c:1 d:2 e:1",
    ),
    (
        "an optional root of a loser is not asked",
        "a:1 = b:2 c:1\nc:1 = b:1\nb:1 = x:1@optional y:1\nb:2 = x:2\nx:1\nx:2\ny:1",
        "a:1",
        "a:1 b:2 x:2 c:1",
    ),
];

use super::*;

/// A machine of files: `~/…` in the user's home, all else in the system.
fn machine(files: &[(&str, &str)], vars: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
    let dir = tempfile::tempdir().unwrap();
    let (home, system) = (dir.path().join("home"), dir.path().join("system"));
    for (path, text) in files {
        let path = match path.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => system.join(path.trim_start_matches('/')),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment { vars, home: Some(home), cwd: system.clone(), system, ..Environment::default() };
    (dir, environment)
}

/// The endpoint as a line, or why there is none.
fn found(files: &[(&str, &str)], vars: &[(&str, &str)], registry: Registry) -> String {
    let (dir, environment) = machine(files, vars);
    let text = match discover(&environment).get(registry) {
        Ok(endpoint) => {
            let urls: Vec<&str> = endpoint.mirrors.iter().map(|root| root.url.as_str()).collect();
            format!("{} < {}", urls.join(" "), endpoint.origin)
        }
        Err(error) => error.to_string(),
    };
    text.replace(&dir.path().display().to_string(), "")
}

const PIP: &str = "[global]\nindex-url = https://pip.example/simple\n";
const UV: &str =
    "[[index]]\nurl = \"https://further.example\"\n[[index]]\nurl = \"https://uv.example/simple\"\ndefault = true\n";
const OURS: &str = "pypi = [\"https://a.example/simple\", \"https://b.example/simple\"]\n";

#[test]
fn the_first_source_that_names_an_index_decides() {
    let files = [("~/.config/sparkbake/endpoints.toml", OURS), ("/etc/pip.conf", PIP), ("/etc/uv/uv.toml", UV)];
    let var = [("SPARKBAKE_PYPI_URL", "file:///m, https://v.example/s/")];
    assert_eq!(
        found(&files, &var, Registry::Pypi),
        "file:///m/ https://v.example/s/ < environment: SPARKBAKE_PYPI_URL"
    );
    assert_eq!(
        found(&files, &[], Registry::Pypi),
        "https://a.example/simple/ https://b.example/simple/ < endpoints.toml: /home/.config/sparkbake/endpoints.toml"
    );
    assert_eq!(found(&files[1..], &[], Registry::Pypi), "https://pip.example/simple/ < pip.conf: /system/etc/pip.conf");
    assert_eq!(found(&files[2..], &[], Registry::Pypi), "https://uv.example/simple/ < uv.toml: /system/etc/uv/uv.toml");
    let var = [("PIP_INDEX_URL", "https://env.example/")];
    assert_eq!(found(&files[1..], &var, Registry::Pypi), "https://env.example/ < environment: PIP_INDEX_URL");
}

#[test]
fn an_unusable_source_is_not_passed_over() {
    for (text, reason) in [
        ("pypi = [\"ftp://u:canary@a.example\"]", "ftp: URLs are not supported; use https, http or file"),
        ("pypi = [\"canary\"]", "its value is not a URL: relative URL without a base"),
    ] {
        let files = [("~/.config/sparkbake/endpoints.toml", text), ("/etc/pip.conf", PIP)];
        let origin = "endpoint from endpoints.toml: /home/.config/sparkbake/endpoints.toml";
        assert_eq!(found(&files, &[], Registry::Pypi), format!("{origin}: {reason}"));
    }
    let files = [("~/.config/sparkbake/endpoints.toml", "pipy = \"https://canary@a.example\""), ("/etc/pip.conf", PIP)];
    let error = found(&files, &[], Registry::Pypi);
    assert!(error.contains("unknown field `pipy`") && !error.contains("canary"), "{error}");
}

const DEB822: &str = "Types: deb\n# a comment\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\n\
    Components: main\n\nTypes: deb\nURIs: http://m.example/debian-security\nSuites: bookworm-security\nComponents: main\n\n\
    Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n\n\
    Types: deb-src\nURIs: http://src.example/debian\nSuites: bookworm\nComponents: main\n";

#[test]
fn apt_names_the_archive_and_the_security_archive() {
    let files = [
        ("/etc/apt/sources.list.d/debian.sources", DEB822),
        ("/etc/apt/sources.list.d/other.list", "deb https://other.example bookworm main\n"),
    ];
    let origin = "apt: /system/etc/apt/sources.list.d/debian.sources";
    assert_eq!(found(&files, &[], Registry::Debian), format!("http://m.example/debian/ < {origin}"));
    assert_eq!(found(&files, &[], Registry::DebianSecurity), format!("http://m.example/debian-security/ < {origin}"));
    let lines = "# deb http://no.example/debian bookworm main\n\
        deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] http://one.example/d/ trixie main contrib\n\
        deb http://two.example/debian trixie-updates main\n\
        deb http://sec.example/ trixie-security main\n";
    let files = [("/etc/apt/sources.list", lines)];
    assert_eq!(found(&files, &[], Registry::Debian), "http://one.example/d/ < apt: /system/etc/apt/sources.list");
    assert_eq!(found(&files, &[], Registry::DebianSecurity), "http://sec.example/ < apt: /system/etc/apt/sources.list");
}

#[test]
fn a_system_that_is_not_debian_is_told_what_to_type() {
    let files = [("/etc/apt/sources.list", "deb http://u.example/ubuntu jammy main\n")];
    let (_dir, environment) = machine(&files, &[]);
    let Err(Error::NoEndpoint { registry, help, .. }) = discover(&environment).get(Registry::Debian).cloned() else {
        panic!("Ubuntu's archive is not Debian's");
    };
    assert_eq!(registry, "debian");
    assert!(help.starts_with("run `sparkbake endpoints set debian URL`."), "{help}");
    assert!(!help.contains("://"));
}

const SETTINGS: &str = "<?xml version='1.0'?><settings xmlns='x'><!-- c --><mirrors>\
    <mirror><id>other</id><mirrorOf>other</mirrorOf><url>https://o.example</url></mirror>\
    <mirror><id>m</id><mirrorOf>*,!private</mirrorOf><url>https://m.example/a&amp;b</url></mirror></mirrors>\
    <servers><server><id>m</id><username>u</username><password>${env.PASS}</password></server></servers></settings>";

#[test]
fn maven_settings_name_mirror_and_password() {
    let files = [("~/.m2/settings.xml", SETTINGS)];
    let (_dir, environment) = machine(&files, &[("PASS", "canary")]);
    let endpoints = discover(&environment);
    let endpoint = endpoints.get(Registry::Maven).unwrap();
    assert_eq!(endpoint.mirrors[0].url.as_str(), "https://m.example/a&b/");
    let known = endpoint.mirrors[0].credentials.as_ref().unwrap();
    assert_eq!((known.user.as_str(), known.password.reveal()), ("u", "canary"));
    assert!(!format!("{endpoints:?} {environment:?}").contains("canary"));
}

#[test]
fn spark_s_own_ivy_is_the_last_resort() {
    let (_dir, environment) = machine(&[], &[]);
    let endpoints = discover(&environment);
    assert!(matches!(endpoints.get(Registry::Maven), Err(Error::NoEndpoint { registry, .. }) if registry == "maven"));
    endpoints.suggest_maven("https://ivy.example/maven2/".into());
    assert_eq!(endpoints.get(Registry::Maven).unwrap().mirrors[0].url.as_str(), "https://ivy.example/maven2/");
}

#[test]
fn what_is_set_is_found_again_beside_what_was_there() {
    let (_dir, environment) = machine(&[("~/.config/sparkbake/endpoints.toml", OURS)], &[]);
    let path = set(&environment, Registry::Debian, None, "http://u:p%40ss@d.example/debian").unwrap();
    let mut written = Written::read(&path).unwrap().unwrap();
    assert_eq!(written.of(Registry::Pypi, None).len(), 2);
    let endpoints = discover(&environment);
    let root = &endpoints.get(Registry::Debian).unwrap().mirrors[0];
    assert_eq!(root.url.as_str(), "http://d.example/debian/");
    assert_eq!(root.credentials.as_ref().unwrap().password.reveal(), "p@ss");
    assert!(set(&environment, Registry::Debian, None, "d.example").is_err());
    assert!(set(&environment, Registry::Debian, None, "").is_err());
}

#[derive(Debug, Default)]
struct Notes(Mutex<BTreeMap<String, String>>);

impl Memory for Notes {
    fn recall(&self, program: &str) -> Option<String> {
        self.0.lock().unwrap().get(program).cloned()
    }

    fn keep(&self, program: &str, said: &str) {
        self.0.lock().unwrap().insert(program.to_owned(), said.to_owned());
    }
}

/// pip is slow to start: what it says is kept until the program is another.
#[test]
fn a_tool_is_asked_once_what_its_default_is() {
    let script = |version: u32| {
        format!(
            "#!/bin/sh\necho {version} >>\"$0.asked\"\necho '--index-url (default https://v{version}.example/simple)'\n"
        )
    };
    let (dir, mut environment) = machine(&[("/bin/pip", &script(1))], &[]);
    let pip = dir.path().join("system/bin/pip");
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&pip, may_run).unwrap();
    environment.vars.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", pip.parent().unwrap().display()));
    let notes = Arc::new(Notes::default());
    let ask = || {
        let endpoints = discover(&environment).remembering(Arc::<Notes>::clone(&notes));
        endpoints.get(Registry::Pypi).unwrap().mirrors[0].url.to_string()
    };
    let asked = || fs::read_to_string(dir.path().join("system/bin/pip.asked")).unwrap();
    assert_eq!([ask(), ask()], ["https://v1.example/simple/"; 2]);
    assert_eq!(asked(), "1\n");
    fs::write(&pip, script(22)).unwrap();
    assert_eq!(ask(), "https://v22.example/simple/");
    assert_eq!(asked(), "1\n22\n");
}

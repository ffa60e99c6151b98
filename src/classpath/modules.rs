//! The modules of a Java runtime: which are there when the main class is on the class path, and what
//! of them such classes may use (JLS 7.7, JVMS 4.7.25, `java.lang.module`).

use std::collections::{BTreeMap, BTreeSet};

use super::bytes::Cursor;
use super::class::{ClassFile, Places, Pool};
use super::id::{Id, Table, id};

/// A module as its description says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    /// Whether `--add-modules` must name it: `jdk.incubator.*`.
    pub(super) on_demand: bool,
    /// Names of modules, those that are needed at compile time only left out.
    pub(super) requires: Vec<String>,
    /// Packages with slashes that everybody may use.
    pub(super) exports: Vec<String>,
    /// Packages that everybody may open by reflection.
    pub(super) opens: Vec<String>,
    /// Services that it uses.
    pub(super) uses: Vec<String>,
    /// Services that it provides.
    pub(super) provides: Vec<String>,
    /// Every package.
    pub(super) packages: Vec<String>,
}

/// `ACC_STATIC_PHASE` of `requires`.
const STATIC_PHASE: u16 = 0x0040;
/// `ACC_OPEN` of a module.
const OPEN: u16 = 0x0020;
/// `DO_NOT_RESOLVE_BY_DEFAULT` of `ModuleResolution`.
const ON_DEMAND: u16 = 0x0001;

impl Module {
    /// Reads a `module-info.class`.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let class = ClassFile::read(bytes, Places::default()).ok()?;
        let pool = &class.pool;
        let mut body = Cursor::new(class.attributes.module);
        let mut module = Self { name: text(pool.module(body.u2()?)?), ..Self::default() };
        module.on_demand = class.attributes.module_resolution & ON_DEMAND != 0;
        let is_open = body.u2()? & OPEN != 0;
        body.u2()?;
        for _ in 0..body.u2()? {
            let (required, flags, _) = (body.u2()?, body.u2()?, body.u2()?);
            if flags & STATIC_PHASE == 0 {
                module.requires.push(text(pool.module(required)?));
            }
        }
        module.exports = unqualified(&mut body, pool)?;
        module.opens = unqualified(&mut body, pool)?;
        if is_open {
            module.opens = super::class::indices(class.attributes.module_packages)
                .filter_map(|i| pool.module(i))
                .map(text)
                .collect();
        }
        for _ in 0..body.u2()? {
            module.uses.push(text(pool.class_name(body.u2()?)?));
        }
        for _ in 0..body.u2()? {
            module.provides.push(text(pool.class_name(body.u2()?)?));
            let count = usize::from(body.u2()?);
            body.take(count * 2)?;
        }
        Some(module)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The packages of a list of `exports` or `opens` that name no module.
fn unqualified(body: &mut Cursor<'_>, pool: &Pool<'_>) -> Option<Vec<String>> {
    let mut packages = Vec::new();
    for _ in 0..body.u2()? {
        let (package, _, count) = (body.u2()?, body.u2()?, usize::from(body.u2()?));
        if count == 0 {
            packages.push(text(pool.module(package)?));
        }
        body.take(count * 2)?;
    }
    Some(packages)
}

/// `--add-modules`, `--add-exports` and `--add-opens` of the Java command line, as far as they concern the class path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleFlags {
    /// Names of modules, or `ALL-SYSTEM` and the like.
    pub add_modules: Vec<String>,
    /// `MODULE/PACKAGE`, of both kinds of flag: either makes the package's public classes linkable.
    pub open: Vec<String>,
}

impl ModuleFlags {
    /// Adds the flags of a command line, each in the form with an equals sign.
    pub fn add<'t>(&mut self, flags: impl Iterator<Item = &'t str>) {
        for flag in flags {
            let Some((name, value)) = flag.split_once('=') else { continue };
            match name {
                "--add-modules" => self.add_modules.extend(value.split(',').map(str::to_owned)),
                "--add-opens" | "--add-exports" => {
                    // Only what is opened to the class path counts.
                    if let Some((package, to)) = value.split_once('=')
                        && to.split(',').any(|to| to == "ALL-UNNAMED")
                    {
                        self.open.push(package.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The packages of the modules that the JVM starts with.
#[derive(Debug, Default)]
pub(super) struct BootLayer {
    /// Number of a package → 1 where the class path may use it, else 0.
    packages: Table,
    names: BTreeMap<Id, String>,
}

impl BootLayer {
    /// Resolves modules as for a main class on the class path.
    pub(super) fn resolve(modules: &[Module], flags: &ModuleFlags) -> Self {
        let by_name: BTreeMap<&str, &Module> = modules.iter().map(|module| (module.name.as_str(), module)).collect();
        let is_root = |module: &&Module| {
            let asked = flags.add_modules.iter().any(|name| *name == module.name || name == "ALL-SYSTEM");
            asked || !module.on_demand && !module.exports.is_empty()
        };
        let mut pending: Vec<&Module> = modules.iter().filter(is_root).collect();
        let mut resolved: BTreeSet<&str> = BTreeSet::new();
        loop {
            while let Some(module) = pending.pop() {
                if resolved.insert(&module.name) {
                    pending.extend(module.requires.iter().filter_map(|name| by_name.get(name.as_str())));
                }
            }
            // Modules that provide what a resolved one uses come too.
            let used: BTreeSet<&String> =
                modules.iter().filter(|m| resolved.contains(m.name.as_str())).flat_map(|m| &m.uses).collect();
            let binds = |module: &&Module| {
                !resolved.contains(module.name.as_str())
                    && !module.on_demand
                    && module.provides.iter().any(|service| used.contains(service))
            };
            pending.extend(modules.iter().filter(binds));
            if pending.is_empty() {
                break;
            }
        }
        let mut layer = Self::default();
        for module in modules.iter().filter(|module| resolved.contains(module.name.as_str())) {
            for package in &module.packages {
                let opened = |list: &[String]| list.iter().any(|name| name == package);
                let dotted = format!("{}/{}", module.name, package.replace('/', "."));
                let usable = opened(&module.exports) || opened(&module.opens) || flags.open.contains(&dotted);
                let number = id(package.as_bytes());
                layer.packages.get_or_insert(number, u32::from(usable));
                layer.names.insert(number, module.name.clone());
            }
        }
        layer
    }

    /// Whether a package belongs to a module that is there: then the class path is not searched for it.
    pub(super) fn owns(&self, package: Id) -> bool {
        self.packages.contains(package)
    }

    /// Whether classes of the class path may use a package's public classes.
    pub(super) fn is_usable(&self, package: Id) -> bool {
        self.packages.get(package) == Some(1)
    }

    /// The module of a package.
    pub(super) fn module(&self, package: Id) -> Option<&str> {
        self.names.get(&package).map(String::as_str)
    }
}

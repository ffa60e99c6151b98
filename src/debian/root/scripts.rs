//! Maintainer scripts are read, never run: [`check`] tells which of them nobody has judged yet.
//!
//! Only `preinst` and `postinst` would run at an installation. Of these counts what a person wrote:
//! comments and the sections of debhelper's harmless generators fall away, and the package's own
//! version becomes a placeholder, so that a rebuild changes no digest.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::Error;
use crate::problem::Problem;
use crate::problem::codes::debian as codes;

use super::Unpacked;

/// Generators whose sections do nothing in an image: removal of old configuration files, services,
/// menus, byte code, caches that triggers make, and libnss modules, which `nsswitch` enters.
const HARMLESS: [&str; 12] = [
    "dh_installdeb",
    "dh_installinit",
    "dh_installmenu",
    "dh_installnss",
    "dh_installsystemd",
    "dh_installsystemduser",
    "dh_makeshlibs",
    "dh_python3",
    "dh_installdebconf",
    "dh_perl",
    "dh_icons",
    "dh_fonts",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    script: Vec<Known>,
}

/// The judged scripts of a package.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    package: String,
    effect: String,
    digests: Vec<String>,
}

/// A problem for each script that is not known, and for each that has changed.
pub(super) fn check(packages: &[Unpacked<'_>]) -> Result<Vec<Problem>, Error> {
    let table: Table = toml::from_str(include_str!("scripts.toml")).map_err(|e| Error::archive("scripts.toml", e))?;
    let table: BTreeMap<&str, &Known> = table.script.iter().map(|known| (known.package.as_str(), known)).collect();
    let mut problems = Vec::new();
    for package in packages {
        for name in ["preinst", "postinst"] {
            let Some(script) = package.package.scripts.get(name) else { continue };
            let digest = match &script.text {
                None => script.sha256,
                Some(text) => match remainder(text, package.version) {
                    rest if rest.is_empty() => continue,
                    rest => Digest::of(rest.as_bytes()),
                },
            };
            match table.get(package.name) {
                Some(known) if known.digests.contains(&digest.hex()) => {}
                known => problems.push(problem(package, name, &digest, known.copied())),
            }
        }
    }
    Ok(problems)
}

fn problem(package: &Unpacked<'_>, script: &str, digest: &Digest, known: Option<&Known>) -> Problem {
    let (name, version) = (package.name, package.version);
    let Some(known) = known else {
        return Problem::new(codes::UNKNOWN_SCRIPT, format!("{name} {version} has a {script} that is not known"))
            .note("scripts of packages are never run; what they would do must be known to be made, or to be left out")
            .note(format!("its remainder has the digest {digest}"))
            .help("leave the package out, or read the script and allow `unknown-maintainer-script` in [lints]");
    };
    Problem::new(codes::CHANGED_SCRIPT, format!("the {script} of {name} {version} is not the one that was read"))
        .note(format!("what is made of the known one: {}", known.effect))
        .note(format!("its remainder has the digest {digest}"))
}

/// What a person wrote of a script, a trimmed line each; empty where that does nothing.
pub(super) fn remainder(text: &str, version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut rest = String::new();
    let mut generated = false;
    let mut idle = true;
    for line in text.split('\n').map(str::trim) {
        if let Some(generator) = line.strip_prefix("# Automatically added by ") {
            generated = HARMLESS.contains(&generator.split('/').next().unwrap_or_default());
        } else if line.starts_with("# End automatically added section") {
            generated = false;
        }
        if generated || line.is_empty() || line.starts_with('#') {
            continue;
        }
        idle &= matches!(line, "set -e" | "exit 0");
        rest.push_str(&line.replace(version, "{version}"));
        rest.push('\n');
    }
    if idle { String::new() } else { rest }
}

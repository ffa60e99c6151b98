//! Maintainer scripts: every one that would have run is known, or a problem.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Unpacked;
use crate::digest::Digest;
use crate::error::Error;
use crate::problem::codes::debian as codes;
use crate::problem::{Code, Problem};

/// The scripts that a first installation runs (Debian Policy 6.5).
const RUN: [&str; 2] = ["preinst", "postinst"];
/// Digits of a digest that `scripts.toml` holds.
const DIGITS: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    package: Vec<Script>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    #[expect(dead_code, reason = "for whoever reads the data")]
    effect: String,
    digests: Vec<String>,
}

/// A problem for each script whose effect nobody has written down.
pub(super) fn problems(packages: &[Unpacked<'_>]) -> Result<Vec<Problem>, Error> {
    let known: Known =
        toml::from_str(include_str!("scripts.toml")).map_err(|error| Error::archive("scripts.toml", error))?;
    let known: BTreeMap<&str, &[String]> =
        known.package.iter().map(|script| (script.name.as_str(), script.digests.as_slice())).collect();
    let mut problems = Vec::new();
    for package in packages {
        for name in RUN {
            let Some(script) = package.package.scripts.get(name) else { continue };
            let rest = script.text.as_deref().map(rest);
            if rest.as_deref() == Some("") {
                continue;
            }
            let digest = rest.map(|rest| Digest::of(rest.as_bytes()).hex()[..DIGITS].to_owned());
            match known.get(package.name) {
                None => {
                    problems.push(problem(
                        codes::UNKNOWN_SCRIPT,
                        package,
                        name,
                        "is not known: it has never been read",
                    ));
                }
                Some(digests) if digest.is_none_or(|digest| !digests.contains(&digest)) => {
                    problems.push(problem(
                        codes::CHANGED_SCRIPT,
                        package,
                        name,
                        "is another one than the one that was read",
                    ));
                }
                Some(_) => {}
            }
        }
    }
    Ok(problems)
}

fn problem(code: Code, package: &Unpacked<'_>, script: &str, what: &str) -> Problem {
    Problem::new(code, format!("the {script} of {} {} {what}", package.name, package.version))
        .note("sparkbake runs no script of the image; what scripts leave behind is data of its own")
        .help(format!("read the script; if the image needs nothing of it, allow it: `[lints] {} = [{{ only = \"{}\", level = \"allow\", reason = \"…\" }}]`", code.name, package.name))
}

/// What is left of a script without the blocks that debhelper writes, comments and blank lines.
fn rest(text: &str) -> String {
    let mut out = String::new();
    let mut generated = false;
    for line in text.split('\n').map(str::trim) {
        if line.starts_with("# Automatically added by") {
            generated = true;
        } else if line.starts_with("# End automatically added section") {
            generated = false;
        } else if !generated && !line.is_empty() && !line.starts_with('#') && line != "set -e" && line != "exit 0" {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

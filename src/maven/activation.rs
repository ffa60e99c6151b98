//! When a profile of a POM is active (Maven, "Introduction to Build Profiles").
//!
//! Maven decides by the JVM that runs it. Here it is the image's: its full Java version and its
//! architecture, on Linux. Nothing of the machine that runs sparkbake takes part.

use super::Platform;
use super::xml::Element;

/// Directories that every JVM has. POMs ask for them where they want a profile to be active in Maven and not in tools
/// that read POMs without one.
const ALWAYS_THERE: [&str; 3] = ["${user.dir}", "${user.home}", "${java.home}"];

/// The conditions of one profile, all of which must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Activation {
    /// Active where no other profile of the same POM is.
    pub(super) by_default: bool,
    jdk: Option<String>,
    os: Option<[Option<String>; 4]>,
    property: Option<(String, Option<String>)>,
    exists: Option<String>,
    missing: Option<String>,
}

impl Activation {
    /// Reads an `<activation>`.
    pub(super) fn read(element: &Element) -> Self {
        let file = |name| element.child("file").and_then(|file| file.value(name));
        Self {
            by_default: element.value("activeByDefault").is_some_and(|text| text == "true"),
            jdk: element.value("jdk"),
            os: element.child("os").map(|os| ["name", "family", "arch", "version"].map(|part| os.value(part))),
            property: element.child("property").and_then(|p| Some((p.value("name")?, p.value("value")))),
            exists: file("exists"),
            missing: file("missing"),
        }
    }

    /// Whether it has conditions and all of them hold.
    ///
    /// # Errors
    /// Why Maven would call the whole POM invalid.
    pub(super) fn holds(&self, platform: &Platform) -> Result<bool, String> {
        let mut conditions = Vec::new();
        if let Some(jdk) = &self.jdk {
            conditions.push(jdk_matches(jdk, &platform.jdk)?);
        }
        if let Some(os) = &self.os {
            conditions.push(os_matches(os, platform));
        }
        if let Some((name, value)) = &self.property {
            conditions.push(property_matches(name, value.as_deref(), platform));
        }
        if let Some(path) = self.exists.as_ref().or(self.missing.as_ref()) {
            // A POM from a repository has no base directory; no file but these exists in the image yet.
            let there = ALWAYS_THERE.contains(&path.trim_end_matches('/'));
            conditions.push(self.exists.is_some() == there && !path.contains("basedir}"));
        }
        Ok(!conditions.is_empty() && conditions.iter().all(|&holds| holds))
    }
}

/// Splits off a leading `!`.
fn negated(text: &str) -> (bool, &str) {
    text.strip_prefix('!').map_or((false, text), |rest| (true, rest))
}

fn jdk_matches(condition: &str, jdk: &str) -> Result<bool, String> {
    if !condition.starts_with(['[', '(']) {
        let (not, prefix) = negated(condition);
        return Ok(jdk.starts_with(prefix) != not);
    }
    let mut bounds = Vec::new();
    for token in condition.split(',') {
        let closed = token.starts_with('[') || (!token.starts_with('(') && token.ends_with(']'));
        let bound = match token.strip_prefix(['[', '(']) {
            Some(lower) => lower,
            None => token.strip_suffix([']', ')']).unwrap_or(token),
        };
        bounds.push((bound, closed));
    }
    let (lower, upper) = (bounds[0], bounds.get(1).copied().unwrap_or(("99999999", false)));
    Ok(match beside_bound(jdk, lower, true)? {
        0 => true,
        order if order < 0 => false,
        _ => beside_bound(jdk, upper, false)? <= 0,
    })
}

/// Compares three numbers of the JDK's version with those of a bound; an open bound is never met.
fn beside_bound(jdk: &str, (bound, closed): (&str, bool), lower: bool) -> Result<i8, String> {
    let open = if lower { -1 } else { 1 };
    if bound.is_empty() {
        return Ok(-open);
    }
    let kept: String = jdk.chars().filter(|c| c.is_ascii_digit() || ".-_".contains(*c)).collect();
    let number = |text: Option<&str>| {
        let text = text.unwrap_or("0").trim();
        text.parse::<u32>().map_err(|_| format!("`{bound}` does not bound a range of JDK versions"))
    };
    let mut ours = kept.split(['.', '-', '_']);
    let mut theirs = bound.split('.');
    for _ in 0..3 {
        match number(ours.next())?.cmp(&number(theirs.next())?) {
            std::cmp::Ordering::Less => return Ok(-1),
            std::cmp::Ordering::Greater => return Ok(1),
            std::cmp::Ordering::Equal => {}
        }
    }
    Ok(if closed { 0 } else { open })
}

fn os_matches([name, family, arch, version]: &[Option<String>; 4], platform: &Platform) -> bool {
    let part = |wanted: &Option<String>, holds: &dyn Fn(&str) -> bool| {
        wanted.as_deref().is_none_or(|text| {
            let text = text.to_ascii_lowercase();
            let (not, text) = negated(&text);
            holds(text) != not
        })
    };
    part(name, &|text| text == "linux")
        && part(family, &|text| text == "unix" || text == "linux")
        && part(arch, &|text| text == platform.arch)
        // The kernel's version is the host's business: no version is it.
        && part(version, &|_| false)
}

fn property_matches(name: &str, value: Option<&str>, platform: &Platform) -> bool {
    let (not, name) = negated(name);
    let actual = system_property(name, platform);
    match value {
        None => actual.is_some() != not,
        Some(value) => {
            let (not, value) = negated(value);
            (actual.as_deref() == Some(value)) != not
        }
    }
}

/// The system properties of a JVM in the image that do not depend on the machine it runs on.
pub(super) fn system_property(name: &str, platform: &Platform) -> Option<String> {
    let feature = || platform.jdk.split('.').next().unwrap_or_default().to_owned();
    match name {
        "java.version" => Some(platform.jdk.clone()),
        "java.specification.version" | "java.vm.specification.version" => Some(feature()),
        "os.name" => Some("Linux".to_owned()),
        "os.arch" => Some(platform.arch.clone()),
        "file.separator" => Some("/".to_owned()),
        "path.separator" => Some(":".to_owned()),
        _ => None,
    }
}

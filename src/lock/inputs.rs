//! Which of the profile's values the lock follows from, and which of them have changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::profile::{Located, Profile};
use crate::reference::Origin;

/// A value of the profile that is not what the lock was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Key path: `python.requirements`.
    pub key: String,
    /// What the lock was made from; `None` where the key is new.
    pub locked: Option<String>,
    /// What the profile says now; `None` where the key is gone.
    pub now: Option<String>,
}

/// The values that the locked layers follow from, by key path. Sizes, settings, the app and labels
/// are not among them: they never make a lock stale.
///
/// `own` holds the digests of the files that the profile names, by the path it names them with.
#[must_use]
pub fn inputs(profile: &Profile, own: &BTreeMap<String, Digest>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let stack = &profile.stack;
    for (key, pin) in [
        ("stack.spark", &stack.spark),
        ("stack.hadoop", &stack.hadoop),
        ("stack.scala", &stack.scala),
        ("stack.java", &stack.java),
        ("stack.python", &stack.python),
        ("stack.debian", &stack.debian),
    ] {
        if let Some(pin) = pin {
            all.insert(key.to_owned(), pin.value.clone());
        }
    }
    if let Some(origin) = stack.base.as_ref().and_then(|base| base.value.parse::<Origin>().ok()) {
        all.insert("stack.base".to_owned(), origin.digest.to_string());
    }
    let (maven, python, debian) = (&profile.maven, &profile.python, &profile.debian);
    for (key, values) in [
        ("maven.jars", &maven.jars),
        ("maven.exclude", &maven.exclude),
        ("python.requirements", &python.requirements),
        ("debian.packages", &debian.packages),
        ("classpath.require", &profile.require),
    ] {
        if !values.is_empty() {
            all.insert(key.to_owned(), list(values));
        }
    }
    for (table, pairs) in [("maven.override", &maven.overrides), ("debian.pin", &debian.pins)] {
        for (name, value) in pairs {
            all.insert(format!("{table}.{}", name.value), value.value.clone());
        }
    }
    for (index, projects) in &python.indexes {
        all.insert(format!("python.indexes.{}", index.value), list(projects));
    }
    let files = [
        ("maven.files", &maven.files),
        ("python.files", &python.files),
        ("debian.keys", &debian.keys),
        ("debian.ca-certificates", &debian.ca_certificates),
    ];
    let files = files.map(|(key, paths)| (key, paths.as_slice()));
    for (key, paths) in files.into_iter().chain([("python.lock", python.lock.as_slice())]) {
        for path in paths {
            let digest = own.get(&path.value).map_or_else(|| "absent".to_owned(), Digest::to_string);
            all.insert(format!("{key}.{}", path.value), digest);
        }
    }
    if let Some(security) = &debian.security {
        all.insert("debian.security".to_owned(), security.value.to_string());
    }
    all
}

/// In the order written: it decides between equally near Maven versions.
fn list(values: &[Located<String>]) -> String {
    values.iter().map(|value| value.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// What differs between the values that a lock was made from and those of now.
#[must_use]
pub fn changes(locked: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Change> {
    let keys: BTreeSet<&String> = locked.keys().chain(now.keys()).collect();
    let changed = keys.into_iter().filter(|key| locked.get(*key) != now.get(*key));
    changed
        .map(|key| Change { key: key.clone(), locked: locked.get(key).cloned(), now: now.get(key).cloned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_its_key_and_both_values() {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let change = |key: &str, locked: Option<&str>, now: Option<&str>| Change {
            key: key.to_owned(),
            locked: locked.map(str::to_owned),
            now: now.map(str::to_owned),
        };
        let (locked, now) = (map(&[("a", "1"), ("b", "2"), ("c", "3")]), map(&[("b", "2"), ("c", "4"), ("d", "5")]));
        let expected = [change("a", Some("1"), None), change("c", Some("3"), Some("4")), change("d", None, Some("5"))];
        assert_eq!(changes(&locked, &now), expected);
    }
}

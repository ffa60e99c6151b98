//! Which wheels run on the target, and which of them pip would rather have: [`Tags`].
//!
//! The order is that of the binary distribution format's reference implementation
//! (`packaging.tags.sys_tags`; PyPA specifications "Platform compatibility tags", PEP 600 for
//! `manylinux_2_X`). glibc of the suites: bookworm 2.36, trixie 2.41.

use std::collections::BTreeMap;

/// The compatible tags of one target with their rank; 0 is the best.
#[derive(Debug, Clone)]
pub struct Tags {
    ranks: BTreeMap<String, usize>,
}

/// glibc's version in a Debian suite, by codename; `None` where the suite is not known.
#[must_use]
pub fn glibc(suite: &str) -> Option<(u32, u32)> {
    match suite {
        "bullseye" => Some((2, 31)),
        "bookworm" => Some((2, 36)),
        "trixie" => Some((2, 41)),
        _ => None,
    }
}

/// The parts of a wheel's file name (PyPA "Binary distribution format", File name convention).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The project, as spelt in the file name.
    pub name: String,
    /// The version, as spelt in the file name.
    pub version: String,
    /// Build number and the rest of the build tag; `(0, "")` where there is none.
    pub build: (u64, String),
    /// Every tag that the compressed tag set stands for: `cp311-cp311-linux_x86_64`.
    pub tags: Vec<String>,
}

impl WheelName {
    /// Reads a wheel's file name; `None` where it is not one.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        let parts: Vec<&str> = file.strip_suffix(".whl")?.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, "", tags),
            [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, *build, tags),
            _ => return None,
        };
        let digits = build.len() - build.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = if build.is_empty() { 0 } else { build[..digits].parse().ok()? };
        let [pythons, abis, platforms] = tags else { return None };
        let sets = [pythons, abis, platforms].map(|set| set.split('.').collect::<Vec<_>>());
        if sets.iter().map(Vec::len).product::<usize>() > 4096 {
            return None;
        }
        let mut all = Vec::new();
        for python in &sets[0] {
            for abi in &sets[1] {
                all.extend(sets[2].iter().map(|platform| format!("{python}-{abi}-{platform}")));
            }
        }
        Some(Self {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            build: (number, build[digits..].to_owned()),
            tags: all,
        })
    }
}

impl Tags {
    /// The tags of `CPython 3.minor` on Linux with that glibc and machine (`x86_64`, `aarch64`).
    #[must_use]
    pub fn of(minor: u32, glibc: (u32, u32), arch: &str) -> Self {
        let platforms = platforms(glibc, arch);
        let mut list: Vec<String> = Vec::new();
        let cp = |minor: u32| format!("cp3{minor}");
        for abi in [cp(minor).as_str(), "abi3", "none"] {
            list.extend(platforms.iter().map(|platform| format!("{}-{abi}-{platform}", cp(minor))));
        }
        for older in (2..minor).rev() {
            list.extend(platforms.iter().map(|platform| format!("{}-abi3-{platform}", cp(older))));
        }
        let mut pythons = vec![format!("py3{minor}"), "py3".to_owned()];
        pythons.extend((0..minor).rev().map(|older| format!("py3{older}")));
        for python in &pythons {
            list.extend(platforms.iter().map(|platform| format!("{python}-none-{platform}")));
        }
        list.push(format!("{}-none-any", cp(minor)));
        list.extend(pythons.iter().map(|python| format!("{python}-none-any")));
        Self { ranks: list.into_iter().enumerate().map(|(rank, tag)| (tag, rank)).collect() }
    }

    /// The rank of the best tag of a wheel; `None` where the wheel does not run on the target.
    #[must_use]
    pub fn rank(&self, wheel: &WheelName) -> Option<usize> {
        wheel.tags.iter().filter_map(|tag| self.ranks.get(tag)).min().copied()
    }
}

/// Platform tags, newest glibc first, each followed by its older name (PEP 600, "Legacy manylinux
/// tags"); the oldest that exists is 2.5 for x86_64 and 2.17 for every other machine.
fn platforms((major, minor): (u32, u32), arch: &str) -> Vec<String> {
    let oldest = if arch == "x86_64" { 5 } else { 17 };
    let mut out = Vec::new();
    for minor in (oldest..=minor).rev() {
        out.push(format!("manylinux_{major}_{minor}_{arch}"));
        match minor {
            17 => out.push(format!("manylinux2014_{arch}")),
            12 => out.push(format!("manylinux2010_{arch}")),
            5 => out.push(format!("manylinux1_{arch}")),
            _ => {}
        }
    }
    out.push(format!("linux_{arch}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookworm_takes_what_pip_takes_there() {
        let tags = Tags::of(11, (2, 36), "x86_64");
        // `pip debug --verbose` with CPython 3.11 on glibc 2.36 lists as many.
        let platforms = 32 + 3 + 1;
        assert_eq!(tags.ranks.len(), platforms * (3 + 9 + 13) + 1 + 13);
        for (file, expected) in [
            ("pandas-2.2.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", true),
            ("pyarrow-25.0.1-cp311-cp311-manylinux_2_28_x86_64.whl", true),
            ("x-1-cp311-cp311-manylinux_2_39_x86_64.whl", false),
            ("x-1-cp312-cp312-manylinux_2_17_x86_64.whl", false),
            ("x-1-cp37-abi3-manylinux1_x86_64.whl", true),
            ("x-1-cp312-abi3-manylinux1_x86_64.whl", false),
            ("x-1-cp311-cp311-musllinux_1_2_x86_64.whl", false),
            ("x-1-cp311-cp311-manylinux2014_aarch64.whl", false),
            ("x-1-py2.py3-none-any.whl", true),
            ("x-1-2b-py3-none-any.whl", true),
            ("x-1-py2-none-any.whl", false),
            ("x-1-cp311-cp311-linux_x86_64.whl", true),
        ] {
            assert_eq!(tags.rank(&WheelName::parse(file).unwrap()).is_some(), expected, "{file}");
        }
        let rank = |file| tags.rank(&WheelName::parse(file).unwrap()).unwrap();
        assert!(rank("x-1-cp311-cp311-manylinux_2_28_x86_64.whl") < rank("x-1-cp311-cp311-manylinux2014_x86_64.whl"));
        assert!(rank("x-1-cp311-cp311-manylinux1_x86_64.whl") < rank("x-1-cp38-abi3-manylinux_2_28_x86_64.whl"));
        assert!(rank("x-1-cp38-abi3-linux_x86_64.whl") < rank("x-1-py3-none-any.whl"));
    }

    #[test]
    fn file_names_that_are_no_wheels() {
        for file in ["x-1.tar.gz", "x-1.whl", "x-1-py3-none.whl", "x-1-b2-py3-none-any.whl", "a-b-c-d-e-f-g.whl"] {
            assert_eq!(WheelName::parse(file), None, "{file}");
        }
    }
}

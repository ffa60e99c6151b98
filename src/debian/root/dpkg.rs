//! dpkg's database, so that scanners and `dpkg -l` see every package (Debian's dpkg, `dpkg(1)`: FILES).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::merge::{EXCLUDED, Tree};
use super::{Request, path};
use crate::error::Error;
use crate::tree::{Entry, ImagePath, Source};

/// Which package brought which path, before anything else was added.
pub(super) struct Files(BTreeMap<String, Vec<ImagePath>>);

impl Files {
    pub(super) fn before_effects(tree: &Tree) -> Self {
        Self(tree.by_package())
    }
}

/// `status`, `info/*` and what was left out, as dpkg would have been told.
pub(super) fn add(request: &Request<'_>, files: &Files, tree: &mut Tree) -> Result<(), Error> {
    let mut packages: Vec<_> = request.packages.iter().collect();
    packages.sort_by_key(|package| package.name);
    let file = |at: &str, text: String| path(at).map(|at| Entry::file(at, 0o644, Source::Bytes(text.into_bytes())));
    let mut status = String::new();
    for one in packages {
        for (i, (name, value)) in one.package.control.iter().enumerate() {
            let _ = writeln!(status, "{name}: {value}");
            if i == 0 {
                status.push_str("Status: install ok installed\n");
            }
        }
        status.push('\n');
        let same = one.package.field("Multi-Arch") == Some("same");
        let arch = one.package.field("Architecture").unwrap_or_default();
        let stem = if same { format!("{}:{arch}", one.name) } else { one.name.to_owned() };
        let list = files.0.get(one.name).map(Vec::as_slice).unwrap_or_default();
        let list: String = std::iter::once("/.\n".to_owned())
            .chain(list.iter().filter(|path| !path.is_root()).map(|path| format!("{path}\n")))
            .collect();
        tree.put("", file(&format!("var/lib/dpkg/info/{stem}.list"), list)?);
        if !one.package.md5sums.is_empty() {
            tree.put("", file(&format!("var/lib/dpkg/info/{stem}.md5sums"), one.package.md5sums.clone())?);
        }
        if !one.package.conffiles.is_empty() {
            let text = one.package.conffiles.join("\n") + "\n";
            tree.put("", file(&format!("var/lib/dpkg/info/{stem}.conffiles"), text)?);
        }
    }
    tree.put("", file("var/lib/dpkg/status", status)?);
    let mut excluded = "# What sparkbake left out of the packages; licences stay.\n".to_owned();
    for prefix in EXCLUDED {
        let _ = writeln!(excluded, "path-exclude=/{prefix}*");
    }
    excluded.push_str("path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n");
    tree.put("", file("etc/dpkg/dpkg.cfg.d/sparkbake", excluded)?);
    Ok(())
}

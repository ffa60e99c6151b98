//! dpkg's database, as dpkg itself would have left it: scanners and `dpkg -l` read it.
//!
//! The file format is dpkg's own with `info/format` 1, where `Multi-Arch: same` packages carry their
//! architecture in the names of their files. Absent on purpose: the scripts, which must never run
//! later either, and digests of configuration files in `status`.

use std::fmt::Write as _;

use crate::error::Error;
use crate::tree::{Entry, ImagePath, MemberKind, Source};

use super::Unpacked;
use super::effects::Exclude;
use super::tree::{self, Tree};

/// The files below `/var/lib/dpkg`.
pub(super) fn files(packages: &[Unpacked<'_>], tree: &Tree<'_>, excludes: &[Exclude]) -> Result<Vec<Entry>, Error> {
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|i| packages[*i].name);
    let mut status = String::new();
    let mut files = vec![file("info/format", "1\n".to_owned())?];
    for index in order {
        let package = &packages[index];
        stanza(&mut status, package);
        let field = |name| package.package.field(name).unwrap_or_default();
        let stem = match field("Multi-Arch") {
            "same" => format!("info/{}:{}", package.name, field("Architecture")),
            _ => format!("info/{}", package.name),
        };
        files.push(file(&format!("{stem}.list"), list(index, package, tree, excludes)?)?);
        if !package.package.md5sums.is_empty() {
            files.push(file(&format!("{stem}.md5sums"), package.package.md5sums.clone())?);
        }
        if !package.package.conffiles.is_empty() {
            files.push(file(&format!("{stem}.conffiles"), package.package.conffiles.join("\n") + "\n")?);
        }
    }
    files.push(file("status", status)?);
    Ok(files)
}

/// A package's paragraph; `Status` follows its name, as dpkg writes it.
fn stanza(status: &mut String, package: &Unpacked<'_>) {
    let state = "Status: install ok installed\n";
    for (name, text) in &package.package.control {
        let space = if text.is_empty() || text.starts_with('\n') { "" } else { " " };
        // Writing into a String cannot fail.
        let _ = writeln!(status, "{name}:{space}{text}");
        if name.eq_ignore_ascii_case("Package") {
            status.push_str(state);
        }
    }
    status.push('\n');
}

/// The paths that a package has in the image, under the names by which it has them.
fn list(index: usize, package: &Unpacked<'_>, tree: &Tree<'_>, excludes: &[Exclude]) -> Result<String, Error> {
    let mut list = String::new();
    for member in &package.package.members {
        let path = tree::canonical(&member.path)?;
        let plain = matches!(member.kind, MemberKind::File { .. } | MemberKind::Hardlink(_));
        let key = (index, path);
        if tree.lost.contains(&key) || excludes.iter().any(|e| e.covers(&key.1, plain)) {
            continue;
        }
        if member.path.as_str().contains('\n') {
            return Err(Error::archive(package.name, "has a path with a line break"));
        }
        list.push('/');
        list.push_str(if member.path.is_root() { "." } else { member.path.as_str() });
        list.push('\n');
    }
    Ok(list)
}

fn file(name: &str, text: String) -> Result<Entry, Error> {
    let path = ImagePath::new(format!("var/lib/dpkg/{name}")).map_err(|e| Error::archive("dpkg's database", e))?;
    Ok(Entry::file(path, 0o644, Source::Bytes(text.into_bytes())))
}

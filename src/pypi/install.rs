//! What installing a wheel puts where: [`entries`], pip's layout in Debian's scheme ([`Site`]).
//!
//! Only files are emitted; the directories above them are the layer's to make, root's and 0755. No
//! byte code is written, `INSTALLER` says `sparkbake`, and `RECORD` is written anew and sorted.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::ReadAt;
use crate::problem::{Problem, codes};
use crate::tree::{Entry, ImagePath, Kind, Member, MemberKind, Source};

use super::wheel::{Script, Wheel, base64};
use super::{INTERPRETER, Site};

/// Contents of `INSTALLER` (PyPA "Recording installed projects").
pub(super) const INSTALLER: &[u8] = b"sparkbake\n";
/// The largest script whose first line is rewritten, in bytes.
const SCRIPT_MAX: u64 = 16 << 20;

/// The files of an installed wheel, sorted by path. `archive` is the wheel's digest and `spool` what
/// [`super::wheel::unpack`] wrote for it.
///
/// # Errors
/// [`Error::Archive`] where two members come to lie at one path or a `.data` directory has a scheme
/// that does not exist; [`Error::Read`] where the spool cannot be read.
pub fn entries(wheel: &Wheel, archive: &Digest, site: &Site, spool: &dyn ReadAt) -> Result<Vec<Entry>, Error> {
    let what = format!("{} {}", wheel.name, wheel.version);
    let mut files = Files { what: &what, entries: BTreeMap::new() };
    for member in &wheel.members {
        let MemberKind::File { offset, size, sha256 } = member.kind else { continue };
        let Some((path, mode, script)) = place(wheel, member, site, &what)? else { continue };
        let mut source = Source::Member { archive: *archive, offset, size };
        let mut digest = sha256;
        if script && let Some(bytes) = with_interpreter(spool, offset, size, &what)? {
            digest = Digest::of(&bytes);
            source = Source::Bytes(bytes);
        }
        files.add(Entry::file(path, mode, source), digest)?;
    }
    for script in &wheel.scripts {
        let path = joined(&site.bin, &script.name, &what)?;
        files.add_bytes(path, 0o755, program(script).into_bytes())?;
    }
    files.finish(site, &wheel.dist_info)
}

/// Two archives that write one path.
///
/// Each of `installed` is a project's name with its entries. One problem a pair of projects, naming
/// the first path; [`codes::python::FILE_CLASH`].
#[must_use]
pub fn clashes(installed: &[(&str, &[Entry])]) -> Vec<Problem> {
    let mut owners: BTreeMap<&ImagePath, &str> = BTreeMap::new();
    let mut pairs: BTreeMap<(&str, &str), (&ImagePath, usize)> = BTreeMap::new();
    for (name, entries) in installed {
        for entry in entries.iter().filter(|entry| entry.kind != Kind::Directory) {
            if let Some(other) = owners.insert(&entry.path, name)
                && other != *name
            {
                pairs.entry((other, name)).or_insert((&entry.path, 0)).1 += 1;
            }
        }
    }
    let problem = |((one, other), (path, count)): ((&str, &str), (&ImagePath, usize))| {
        Problem::new(codes::python::FILE_CLASH, format!("{one} and {other} both install {path}"))
            .note(format!("{count} path(s) are in both; pip would let the later one win, silently"))
            .help(format!("require only one of {one} and {other}"))
    };
    pairs.into_iter().map(problem).collect()
}

/// Where a member goes, with its mode and whether it is a script; `None` for what is written anew.
fn place(wheel: &Wheel, member: &Member, site: &Site, what: &str) -> Result<Option<(ImagePath, u32, bool)>, Error> {
    let path = member.path.as_str();
    let mode = if member.mode & 0o111 == 0 { 0o644 } else { 0o755 };
    if let Some(name) = path.strip_prefix(&wheel.dist_info).and_then(|rest| rest.strip_prefix('/'))
        && matches!(name, "RECORD" | "RECORD.jws" | "RECORD.p7s" | "INSTALLER" | "REQUESTED" | "direct_url.json")
    {
        return Ok(None);
    }
    let Some(below) = path.strip_prefix(&wheel.data_dir).and_then(|rest| rest.strip_prefix('/')) else {
        return Ok(Some((joined(&site.lib, path, what)?, mode, false)));
    };
    let (scheme, rest) = below.split_once('/').unwrap_or((below, ""));
    let (root, mode, script) = match scheme {
        "purelib" | "platlib" => (site.lib.clone(), mode, false),
        // Wheels made on other systems lack the bit; the format lets the installer add it.
        "scripts" => (site.bin.clone(), 0o755, true),
        "data" => (site.data.clone(), mode, false),
        "headers" => (joined(&site.include, &wheel.name, what)?, mode, false),
        _ => return Err(Error::archive(what, format!("{path}: there is no scheme `{}`", scheme.escape_debug()))),
    };
    Ok(Some((joined(&root, rest, what)?, mode, script)))
}

pub(super) fn joined(root: &ImagePath, below: &str, what: &str) -> Result<ImagePath, Error> {
    root.join(below).map_err(|bad| Error::archive(what, bad))
}

/// The script with our interpreter in its first line, where that line starts with `#!python`.
fn with_interpreter(spool: &dyn ReadAt, offset: u64, size: u64, what: &str) -> Result<Option<Vec<u8>>, Error> {
    const MARK: &[u8] = b"#!python";
    if !(MARK.len() as u64..=SCRIPT_MAX).contains(&size) {
        return Ok(None);
    }
    let mut start = [0; MARK.len()];
    spool.read_exact_at(&mut start, offset).map_err(Error::read(what))?;
    if start != MARK {
        return Ok(None);
    }
    rewritten(spool, offset, size, what).map(Some)
}

/// The bytes of a script with its whole first line replaced by our interpreter's.
pub(super) fn rewritten(spool: &dyn ReadAt, offset: u64, size: u64, what: &str) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(size.min(SCRIPT_MAX)).unwrap_or_default();
    let mut bytes = vec![0; length];
    spool.read_exact_at(&mut bytes, offset).map_err(Error::read(what))?;
    let end = bytes.iter().position(|&b| b == b'\n').map_or(length, |at| at + 1);
    let mut out = format!("#!{INTERPRETER}\n").into_bytes();
    out.extend_from_slice(&bytes[end..]);
    Ok(out)
}

/// The program of an entry point. The guard keeps `multiprocessing`'s children from running it again.
fn program(Script { module, attribute, .. }: &Script) -> String {
    let root = attribute.split('.').next().unwrap_or(attribute);
    format!(
        "#!{INTERPRETER}\nimport sys\n\nfrom {module} import {root}\n\nif __name__ == \"__main__\":\n    sys.exit({attribute}())\n"
    )
}

/// The files of one project while they are collected, each with its digest for `RECORD`.
pub(super) struct Files<'a> {
    pub(super) what: &'a str,
    pub(super) entries: BTreeMap<ImagePath, (Entry, Digest)>,
}

impl Files<'_> {
    pub(super) fn add(&mut self, entry: Entry, digest: Digest) -> Result<(), Error> {
        let path = entry.path.clone();
        match self.entries.insert(path.clone(), (entry, digest)) {
            Some(_) => Err(Error::archive(self.what, format!("two of its files are installed as {path}"))),
            None => Ok(()),
        }
    }

    pub(super) fn add_bytes(&mut self, path: ImagePath, mode: u32, bytes: Vec<u8>) -> Result<(), Error> {
        let digest = Digest::of(&bytes);
        self.add(Entry::file(path, mode, Source::Bytes(bytes)), digest)
    }

    /// Adds `INSTALLER` and `RECORD`.
    pub(super) fn finish(mut self, site: &Site, dist_info: &str) -> Result<Vec<Entry>, Error> {
        let info = joined(&site.lib, dist_info, self.what)?;
        self.add_bytes(joined(&info, "INSTALLER", self.what)?, 0o644, INSTALLER.to_vec())?;
        let path = joined(&info, "RECORD", self.what)?;
        let mut lines: Vec<String> = Vec::with_capacity(self.entries.len() + 1);
        for (path, (entry, digest)) in &self.entries {
            let length = match &entry.kind {
                Kind::File(source) => source.size(),
                _ => 0,
            };
            lines.push(format!("{},sha256={},{length}\n", field(&relative(path, &site.lib)), base64(digest)));
        }
        lines.push(format!("{},,\n", field(&relative(&path, &site.lib))));
        lines.sort();
        self.add_bytes(path, 0o644, lines.concat().into_bytes())?;
        Ok(self.entries.into_values().map(|(entry, _)| entry).collect())
    }
}

/// A path as seen from a directory: `../../../bin/x`.
fn relative(path: &ImagePath, from: &ImagePath) -> String {
    let parts = |p: &ImagePath| p.as_str().split('/').map(str::to_owned).collect::<Vec<_>>();
    let (path, from) = (parts(path), parts(from));
    let shared = path.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let mut out = vec!["..".to_owned(); from.len() - shared];
    out.extend_from_slice(&path[shared..]);
    out.join("/")
}

/// A CSV field, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

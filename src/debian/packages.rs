//! A `Packages` index (deb822, Policy 5.1; repository format): [`read`] borrows every value from the
//! text, and [`Relations`] reads a dependency field (Policy 7.1) when somebody asks for it.
//!
//! A name or version that leaves this room has been checked, so that it can stand in messages and
//! paths. Absent on purpose: fields that no stage needs, and writing.

use memchr::{memchr, memmem};

use crate::artifact::{Artifact, Coordinate};
use crate::digest::Digest;
use crate::error::Error;

use super::version;

/// One stanza. Texts are as they stand in the index, folded lines with their line breaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// `Package`.
    pub name: &'a str,
    /// `Version`.
    pub version: &'a str,
    /// `Architecture`.
    pub arch: &'a str,
    /// `Multi-Arch`; empty where it is left out.
    pub multi_arch: &'a str,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Priority`.
    pub priority: &'a str,
    /// `Pre-Depends`.
    pub pre_depends: &'a str,
    /// `Depends`.
    pub depends: &'a str,
    /// `Recommends`.
    pub recommends: &'a str,
    /// `Provides`.
    pub provides: &'a str,
    /// `Conflicts`.
    pub conflicts: &'a str,
    /// `Breaks`.
    pub breaks: &'a str,
    /// `Replaces`.
    pub replaces: &'a str,
    /// `Source`; empty where it is the package's own name.
    pub source: &'a str,
    /// `Filename`, unchecked: [`Package::artifact`] checks it.
    pub(super) filename: &'a str,
    size: &'a str,
    sha256: &'a str,
}

impl<'a> Package<'a> {
    /// The file that the stanza promises, `via` left empty.
    ///
    /// # Errors
    /// [`Error::Registry`] where name, version, size or digest are malformed, or the file does not
    /// lie below `pool/`.
    pub fn artifact(&self) -> Result<Artifact, Error> {
        let broken = |reason: &str| {
            Error::registry(format!("package {}", self.name.escape_default()), format!("its stanza has {reason}"))
        };
        if !is_name(self.name) {
            return Err(broken("no name by Policy 5.6.1"));
        }
        if !version::is_version(self.version) {
            return Err(broken("no version by Policy 5.6.12"));
        }
        if !is_pool_path(self.filename) {
            return Err(broken("a Filename that is not a clean path below pool/"));
        }
        Ok(Artifact {
            coordinate: Coordinate::Debian {
                name: self.name.to_owned(),
                version: self.version.to_owned(),
                arch: self.arch.to_owned(),
            },
            file: self.filename.to_owned(),
            size: self.size.parse().map_err(|_| broken("no Size"))?,
            index: None,
            sha256: Digest::from_hex(self.sha256).map_err(|_| broken("no SHA256"))?,
            via: Vec::new(),
        })
    }

    /// Where a field's value is kept; names that differ in case alone are one (Policy 5.1).
    fn slot(&mut self, field: &str) -> Option<&mut &'a str> {
        let is = |name: &str| field.eq_ignore_ascii_case(name);
        Some(match field.len() {
            4 if is("Size") => &mut self.size,
            6 if is("Breaks") => &mut self.breaks,
            6 if is("SHA256") => &mut self.sha256,
            6 if is("Source") => &mut self.source,
            7 if is("Depends") => &mut self.depends,
            7 if is("Package") => &mut self.name,
            7 if is("Version") => &mut self.version,
            8 if is("Filename") => &mut self.filename,
            8 if is("Priority") => &mut self.priority,
            8 if is("Provides") => &mut self.provides,
            8 if is("Replaces") => &mut self.replaces,
            9 if is("Conflicts") => &mut self.conflicts,
            10 if is("Multi-Arch") => &mut self.multi_arch,
            10 if is("Recommends") => &mut self.recommends,
            11 if is("Pre-Depends") => &mut self.pre_depends,
            12 if is("Architecture") => &mut self.arch,
            _ => return None,
        })
    }
}

/// The stanzas of an index that can be installed on `arch`: its own and those of `all`.
///
/// # Errors
/// [`Error::Registry`] about `what` where the text is not deb822, or a stanza lacks its name,
/// version or architecture, or says a field twice.
pub fn read<'a>(what: &str, text: &'a str, arch: &str) -> Result<Vec<Package<'a>>, Error> {
    // Debian's stanzas have about 800 bytes; one growth at most.
    let mut packages = Vec::with_capacity(text.len() / 1024);
    let mut rest = text.trim_start_matches('\n');
    let blank_line = memmem::Finder::new("\n\n");
    while !rest.is_empty() {
        let end = blank_line.find(rest.as_bytes()).unwrap_or(rest.len());
        let (stanza, after) = rest.split_at(end);
        rest = after.trim_start_matches('\n');
        let package = read_stanza(stanza).map_err(|reason| {
            let start = stanza.lines().next().unwrap_or_default();
            Error::registry(what, format!("stanza `{}`: {reason}", start.escape_debug()))
        })?;
        if package.arch == arch || package.arch == "all" {
            packages.push(package);
        }
    }
    Ok(packages)
}

fn read_stanza(stanza: &str) -> Result<Package<'_>, &'static str> {
    let mut package = Package::default();
    for (name, value) in fields(stanza) {
        let name = name.ok_or("a line is no field")?;
        if name.eq_ignore_ascii_case("Essential") {
            package.essential = value.eq_ignore_ascii_case("yes");
        } else if let Some(slot) = package.slot(name) {
            if !slot.is_empty() {
                return Err("a field stands twice");
            }
            *slot = value;
        }
    }
    if package.name.is_empty() || package.version.is_empty() || package.arch.is_empty() {
        return Err("Package, Version or Architecture is missing");
    }
    Ok(package)
}

/// The fields of one stanza: name and value, the value trimmed, with its folded lines. A line that
/// is neither field nor continuation has no name.
pub(super) fn fields(stanza: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let mut rest = stanza;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            end = memchr(b'\n', &rest.as_bytes()[end..]).map_or(rest.len(), |at| end + at + 1);
            if !rest[end..].starts_with([' ', '\t']) {
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        let name =
            field.split_once(':').filter(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()));
        Some(name.map_or((None, field), |(name, value)| (Some(name), value.trim())))
    })
}

/// Policy 5.6.1: at least two of lower-case letters, digits and `+ - .`, begun by a letter or digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (2..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}

/// A path that stays below `pool/` whatever it is joined to, made of characters that need no
/// escaping in a URL.
fn is_pool_path(path: &str) -> bool {
    path.len() <= 1024 && path.starts_with("pool/") && is_clean_path(path)
}

/// A relative path without empty, `.` and `..` parts, of letters, digits and `. _ + ~ : % = -`.
pub(super) fn is_clean_path(path: &str) -> bool {
    path.split('/').all(|part| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~:%=-".contains(&b))
    })
}

/// How a relation bounds the version (Policy 7.1). The obsolete `<` and `>` mean `<=` and `>=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<<`
    Earlier,
    /// `<=`
    AtMost,
    /// `=`
    Exactly,
    /// `>=`
    AtLeast,
    /// `>>`
    Later,
}

impl Comparison {
    /// As Policy spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::AtMost => "<=",
            Self::Exactly => "=",
            Self::AtLeast => ">=",
            Self::Later => ">>",
        }
    }
}

/// One alternative of a dependency, or one entry of `Provides`, `Conflicts` or `Breaks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The package or virtual package.
    pub name: &'a str,
    /// The text after `name:`: `any`, `native` or an architecture; empty where none is given.
    pub qualifier: &'a str,
    /// The bound on its version.
    pub bound: Option<(Comparison, &'a str)>,
}

impl Relation<'_> {
    /// Whether the bound lets this version pass.
    #[must_use]
    pub fn admits(&self, candidate: &str) -> bool {
        self.bound.is_none_or(|(comparison, bound)| {
            let order = version::compare(candidate, bound);
            match comparison {
                Comparison::Earlier => order.is_lt(),
                Comparison::AtMost => order.is_le(),
                Comparison::Exactly => order.is_eq(),
                Comparison::AtLeast => order.is_ge(),
                Comparison::Later => order.is_gt(),
            }
        })
    }
}

impl std::fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        if !self.qualifier.is_empty() {
            write!(f, ":{}", self.qualifier)?;
        }
        if let Some((comparison, version)) = self.bound {
            write!(f, " ({} {version})", comparison.name())?;
        }
        Ok(())
    }
}

/// A dependency field's groups, each the alternatives of which one must hold.
pub type Relations<'a> = Vec<Vec<Relation<'a>>>;

/// Reads a dependency field for `arch`; alternatives restricted to other architectures are left out.
///
/// # Errors
/// The entry that is none by Policy 7.1, escaped.
pub fn relations<'a>(field: &'a str, arch: &str) -> Result<Relations<'a>, String> {
    let mut groups = Vec::new();
    for group in field.split(',').map(str::trim).filter(|group| !group.is_empty()) {
        let mut alternatives = Vec::with_capacity(1);
        for text in group.split('|') {
            let (relation, holds) =
                relation(text.trim(), arch).ok_or_else(|| format!("`{}`", text.trim().escape_debug()))?;
            if holds {
                alternatives.push(relation);
            }
        }
        if !alternatives.is_empty() {
            groups.push(alternatives);
        }
    }
    Ok(groups)
}

/// `name[:qualifier] [(op version)] [[arch…]]`, and whether it holds on `arch`.
fn relation<'a>(text: &'a str, arch: &str) -> Option<(Relation<'a>, bool)> {
    let end = text.find([' ', '\t', '\n', '\r', '(', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let (name, qualifier) = name.split_once(':').map_or((name, ""), |(name, q)| (name, q));
    if !is_name(name) || (text[..end].contains(':') && !is_arch(qualifier)) {
        return None;
    }
    let mut rest = rest.trim_start();
    let mut bound = None;
    if let Some(inner) = rest.strip_prefix('(') {
        let (inner, after) = inner.split_once(')')?;
        let inner = inner.trim();
        let digits = inner.find(|c: char| !matches!(c, '<' | '=' | '>'))?;
        let comparison = match &inner[..digits] {
            "<<" => Comparison::Earlier,
            "<=" | "<" => Comparison::AtMost,
            "=" => Comparison::Exactly,
            ">=" | ">" => Comparison::AtLeast,
            ">>" => Comparison::Later,
            _ => return None,
        };
        let version = inner[digits..].trim();
        if !version::is_version(version) {
            return None;
        }
        bound = Some((comparison, version));
        rest = after.trim_start();
    }
    let mut holds = true;
    if let Some(inner) = rest.strip_prefix('[') {
        let (inner, after) = inner.split_once(']')?;
        holds = holds_on(inner, arch)?;
        rest = after.trim_start();
    }
    rest.is_empty().then_some((Relation { name, qualifier, bound }, holds))
}

/// Policy 7.1: a list of architectures names those it holds on, or with `!` those it does not.
fn holds_on(list: &str, arch: &str) -> Option<bool> {
    let mut names = list.split_ascii_whitespace().peekable();
    let negated = names.peek()?.starts_with('!');
    let mut found = false;
    for name in names {
        let bare = name.strip_prefix('!').unwrap_or(name);
        if name.starts_with('!') != negated || !is_arch(bare) {
            return None;
        }
        found |= matches!(bare, "any" | "linux-any") || bare == arch || bare.strip_prefix("any-") == Some(arch);
    }
    Some(found != negated)
}

fn is_arch(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

//! The root file system that Debian's packages and their maintainer scripts would leave, as entries.
//!
//! In go unpacked packages, out come entries below a merged `/usr`. No script is run: what scripts do
//! is data ([`effects`]) or computed here (accounts, certificates, `ld.so.cache`, dpkg's database),
//! and a script whose effect is not known is a problem. Absent on purpose: any choice of packages.

use std::collections::BTreeMap;

use super::deb;
use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{self, Blobs};
use crate::problem::Problem;
use crate::tree::{Entry, ImagePath, Kind, Source};

mod accounts;
mod certificates;
mod dpkg;
mod effects;
mod ldso;
mod merge;
mod scripts;

pub use merge::Owned;
use merge::Tree;

/// What a root file system is made of.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The packages, each once.
    pub packages: &'a [Unpacked<'a>],
    /// Java's feature release.
    pub java: &'a str,
    /// Python's minor.
    pub python: &'a str,
    /// The user's certificates: file stem and PEM text.
    pub certificates: &'a [(String, Vec<u8>)],
    /// Seconds since 1970: the date of the entries of Java's keystore.
    pub epoch: u64,
}

/// A package that was unpacked.
#[derive(Debug, Clone, Copy)]
pub struct Unpacked<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Digest of the `.deb`, whose spool holds the contents.
    pub archive: Digest,
    /// What it holds.
    pub package: &'a deb::Package,
}

/// A root file system.
#[derive(Debug, Clone)]
pub struct Root {
    /// Every entry with the package that brought it, in the order of paths.
    pub entries: Vec<Owned>,
    /// Files whose set-ID bits were dropped.
    pub dropped_set_id: Vec<ImagePath>,
    /// Maintainer scripts whose effect is not known.
    pub problems: Vec<Problem>,
}

/// A configuration file larger than this is not read.
const CONFIGURATION_MAX: u64 = 8 << 20;

/// Lays the packages out and does by rule what their scripts would have done.
///
/// # Errors
/// [`Error::Archive`] where two packages bring unequal files to one path, where a package brings a
/// path that no image may hold, or a file that an effect needs is not there; [`Error::Read`].
pub fn root(request: &Request<'_>, blobs: &dyn Blobs) -> Result<Root, Error> {
    let mut tree = merge::merge(request.packages)?;
    let files = dpkg::Files::before_effects(&tree);
    effects::apply(request, &mut tree)?;
    accounts::add(&mut tree, blobs)?;
    name_service(&mut tree, blobs)?;
    add_certificates(request, &mut tree, blobs)?;
    dpkg::add(request, &files, &mut tree)?;
    link_cache(&mut tree, blobs)?;
    let (entries, dropped_set_id) = tree.finish();
    Ok(Root { entries, dropped_set_id, problems: scripts::problems(request.packages)? })
}

/// A path that is a constant of ours.
fn path(text: &str) -> Result<ImagePath, Error> {
    ImagePath::new(text).map_err(|bad| Error::archive("the root file system", bad))
}

/// The bytes of a small file of the tree; `None` where there is no such file.
fn read(tree: &Tree, at: &ImagePath, blobs: &dyn Blobs) -> Result<Option<Vec<u8>>, Error> {
    let Some(Entry { kind: Kind::File(source), .. }) = tree.get(at) else { return Ok(None) };
    if source.size() > CONFIGURATION_MAX {
        return Err(Error::archive(at.to_string(), "is larger than a configuration file"));
    }
    let from = outside::open(source, blobs)?;
    let mut bytes = vec![0; usize::try_from(source.size()).unwrap_or(0)];
    from.read_exact_at(&mut bytes, 0).map_err(Error::read(at.to_string()))?;
    Ok(Some(bytes))
}

/// With libnss-myhostname the container's own name always resolves (its postinst edits the line).
fn name_service(tree: &mut Tree, blobs: &dyn Blobs) -> Result<(), Error> {
    let at = path("etc/nsswitch.conf")?;
    if !tree.has_package("libnss-myhostname") {
        return Ok(());
    }
    let Some(bytes) = read(tree, &at, blobs)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let edited: String = text
        .lines()
        .map(|line| match line.strip_prefix("hosts:") {
            Some(_) => "hosts:          files myhostname dns\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    tree.put("", Entry::file(at, 0o644, Source::Bytes(edited.into_bytes())));
    Ok(())
}

/// `update-ca-certificates` and the hook of ca-certificates-java.
fn add_certificates(request: &Request<'_>, tree: &mut Tree, blobs: &dyn Blobs) -> Result<(), Error> {
    if !tree.has_package("ca-certificates") {
        return Ok(());
    }
    let shipped: Vec<ImagePath> = tree
        .below("usr/share/ca-certificates/")
        .filter(|at| at.name().rsplit_once('.').is_some_and(|(_, extension)| extension == "crt"))
        .cloned()
        .collect();
    let mut all = Vec::new();
    let mut configured = String::new();
    for at in shipped {
        let Some(pem) = read(tree, &at, blobs)? else { continue };
        configured.push_str(at.as_str().trim_start_matches("usr/share/ca-certificates/"));
        configured.push('\n');
        let stem = at.name().trim_end_matches(".crt").to_owned();
        tree.put("", Entry::symlink(path(&format!("etc/ssl/certs/{}", certificates::link(&stem)))?, at.to_string()));
        all.push((stem, pem));
    }
    for (stem, pem) in request.certificates {
        let at = path(&format!("usr/local/share/ca-certificates/{stem}.crt"))?;
        tree.put("", Entry::symlink(path(&format!("etc/ssl/certs/{}", certificates::link(stem)))?, at.to_string()));
        tree.put("", Entry::file(at, 0o644, Source::Bytes(pem.clone())));
        all.push((stem.clone(), pem.clone()));
    }
    let bundle = certificates::bundle(&all, request.epoch)?;
    for (hash, stem) in bundle.hashes {
        tree.put("", Entry::symlink(path(&format!("etc/ssl/certs/{hash}"))?, stem));
    }
    let file = |at: &str, bytes| path(at).map(|at| Entry::file(at, 0o644, Source::Bytes(bytes)));
    tree.put("", file("etc/ssl/certs/ca-certificates.crt", bundle.pem)?);
    tree.put("", file("etc/ca-certificates.conf", configured.into_bytes())?);
    if tree.has_package("ca-certificates-java") {
        tree.put("", file("etc/ssl/certs/java/cacerts", bundle.keystore)?);
    }
    Ok(())
}

/// `ldconfig`: the directories of bookworm's and trixie's `/etc/ld.so.conf.d`, then the built-in ones.
fn link_cache(tree: &mut Tree, blobs: &dyn Blobs) -> Result<(), Error> {
    let directories =
        ["usr/local/lib", "usr/local/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64"];
    let directories = directories.iter().map(|at| path(at)).collect::<Result<Vec<_>, _>>()?;
    let entries: BTreeMap<ImagePath, Entry> = tree.entries().map(|entry| (entry.path.clone(), entry.clone())).collect();
    let cache = ldso::cache(&entries, blobs, &directories)?;
    tree.put("", Entry::file(path("etc/ld.so.cache")?, 0o644, Source::Bytes(cache)));
    Ok(())
}

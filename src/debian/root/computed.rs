//! What scripts would have made from the contents of the packages: accounts, the order of name
//! services, the trust store, the links of Java's tools and the loader's cache.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Blobs, ReadAt};
use crate::tree::{Entry, ImagePath, Kind, Source};

use super::tree::Tree;
use super::{Request, certificates, ldso, path};

/// The user that Spark runs as; its numbers are the `spark_uid` of Spark's own images.
const USER: (&str, u32) = ("spark", 185);
/// Group `shadow` (base-passwd), which may read `/etc/shadow`.
const SHADOW: u32 = 42;
/// The most bytes of a file that is read here; the largest are some 10 KiB.
const MAX_READ: u64 = 1 << 20;
/// Directories of libraries in the order of Debian's `/etc/ld.so.conf.d`, then the loader's default.
const LIBRARIES: [&str; 4] = ["usr/local/lib", "usr/local/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib"];

/// Reads small files of packages; each archive is opened once.
struct Contents<'a> {
    blobs: &'a dyn Blobs,
    opened: BTreeMap<Digest, Box<dyn ReadAt>>,
}

impl Contents<'_> {
    fn bytes(&mut self, entry: &Entry) -> Result<Vec<u8>, Error> {
        let fault = |reason: String| Error::archive(entry.path.to_string(), reason);
        let Kind::File(source) = &entry.kind else { return Err(fault("is no regular file".to_owned())) };
        if source.size() > MAX_READ {
            return Err(fault(format!("is larger than {MAX_READ} bytes")));
        }
        let (digest, offset, size, whole) = match source {
            Source::Bytes(bytes) => return Ok(bytes.clone()),
            Source::Blob { digest, size } => (digest, 0, *size, true),
            Source::Member { archive, offset, size } => (archive, *offset, *size, false),
        };
        if !self.opened.contains_key(digest) {
            let opened = if whole { self.blobs.open(digest)? } else { self.blobs.unpacked(digest)? };
            self.opened.insert(*digest, opened);
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(|e| fault(e.to_string()))?];
        if let Some(opened) = self.opened.get(digest) {
            opened.read_exact_at(&mut bytes, offset).map_err(|e| fault(e.to_string()))?;
        }
        Ok(bytes)
    }

    fn text(&mut self, tree: &Tree<'_>, name: &str) -> Result<String, Error> {
        let entry = tree.get(&path(name)?).ok_or_else(|| Error::archive(format!("/{name}"), "is missing"))?;
        String::from_utf8(self.bytes(entry)?).map_err(|e| Error::archive(format!("/{name}"), e))
    }
}

/// Makes all of it, as far as the packages are there.
pub(super) fn apply(request: &Request<'_>, blobs: &dyn Blobs, tree: &mut Tree<'_>) -> Result<(), Error> {
    let mut contents = Contents { blobs, opened: BTreeMap::new() };
    if request.has("base-passwd") {
        accounts(tree, &mut contents)?;
    }
    if request.has("libc-bin") {
        name_services(request, tree, &mut contents)?;
    }
    trust_store(request, tree, &mut contents)?;
    java_tools(request, tree)
}

/// `/etc/ld.so.cache`; the tree must be complete.
pub(super) fn loader_cache(request: &Request<'_>, blobs: &dyn Blobs, tree: &mut Tree<'_>) -> Result<(), Error> {
    if !request.has("libc-bin") {
        return Ok(());
    }
    let directories = LIBRARIES.iter().map(|name| path(*name)).collect::<Result<Vec<_>, _>>()?;
    let entries = tree.entries().map(|entry| (entry.path.clone(), entry.clone())).collect();
    let cache = ldso::cache(&entries, blobs, &directories)?;
    tree.claim(Entry::file(path("etc/ld.so.cache")?, 0o644, Source::Bytes(cache)))
}

/// `/etc/passwd`, `/etc/group` and `/etc/shadow`: Debian's masters and Spark's user, all locked
/// (passwd(5), shadow(5)). The shadow's dates stay empty, as they would tell the day of the build.
fn accounts(tree: &mut Tree<'_>, contents: &mut Contents<'_>) -> Result<(), Error> {
    let (user, id) = USER;
    let number = id.to_string();
    let mut passwd = String::new();
    let mut shadow = String::new();
    let master = contents.text(tree, "usr/share/base-passwd/passwd.master")?;
    let spark = format!("{user}:*:{id}:{id}:Spark:/home/{user}:/bin/bash");
    for line in master.lines().chain([spark.as_str()]) {
        let fields: Vec<&str> = line.splitn(3, ':').collect();
        let [name, _, rest] = fields[..] else {
            return Err(Error::archive("base-passwd", format!("has the account `{}`", line.escape_debug())));
        };
        // Writing into a String cannot fail.
        let _ = writeln!(passwd, "{name}:x:{rest}");
        let _ = writeln!(shadow, "{name}:*:::::::");
    }
    let mut group = contents.text(tree, "usr/share/base-passwd/group.master")?;
    let _ = writeln!(group, "{user}:*:{id}:");
    for (text, what) in [(&passwd, "an account"), (&group, "a group")] {
        let taken =
            |line: &&str| line.starts_with(&format!("{user}:")) || line.split(':').nth(2) == Some(number.as_str());
        if text.lines().filter(taken).count() != 1 {
            return Err(Error::archive("base-passwd", format!("has {what} named {user} or numbered {id} already")));
        }
    }
    tree.claim(text_file("etc/passwd", passwd)?)?;
    tree.claim(text_file("etc/group", group)?)?;
    let shadow = text_file("etc/shadow", shadow)?;
    tree.claim(Entry { mode: 0o640, ..shadow.owned_by(0, SHADOW) })
}

/// `/etc/nsswitch.conf`. With libnss-myhostname every container knows its own name, which Java and
/// Hadoop look up, even where `/etc/hosts` lacks it (nss-myhostname(8)).
fn name_services(request: &Request<'_>, tree: &mut Tree<'_>, contents: &mut Contents<'_>) -> Result<(), Error> {
    let mut text = String::new();
    for line in contents.text(tree, "usr/share/libc-bin/nsswitch.conf")?.lines() {
        let hosts = line.starts_with("hosts:") && request.has("libnss-myhostname");
        text.push_str(if hosts { "hosts:          files myhostname dns" } else { line });
        text.push('\n');
    }
    tree.ours(text_file("etc/nsswitch.conf", text)?);
    Ok(())
}

/// `/etc/ssl/certs` of the certificates of ca-certificates and the user.
fn trust_store(request: &Request<'_>, tree: &mut Tree<'_>, contents: &mut Contents<'_>) -> Result<(), Error> {
    let (mozilla, local) = (path("usr/share/ca-certificates")?, path("usr/local/share/ca-certificates")?);
    let mut list = String::new();
    let mut trusted: Vec<(String, Vec<u8>)> = Vec::new();
    let mut links = Vec::new();
    for entry in tree.below(&mozilla) {
        let Some(stem) = entry.path.name().strip_suffix(".crt") else { continue };
        trusted.push((stem.to_owned(), contents.bytes(entry)?));
        links.push((stem.to_owned(), entry.path.to_string()));
        list.push_str(&entry.path.as_str()[mozilla.as_str().len() + 1..]);
        list.push('\n');
    }
    for (stem, pem) in request.certificates {
        let place = local.join(&format!("{stem}.crt")).map_err(|e| Error::archive(format!("{stem}.crt"), e))?;
        links.push((stem.clone(), place.to_string()));
        trusted.push((stem.clone(), pem.clone()));
        tree.ours(Entry::file(place, 0o644, Source::Bytes(pem.clone())));
    }
    if trusted.is_empty() {
        return Ok(());
    }
    let bundle = certificates::bundle(&trusted, request.epoch)?;
    let certs = |name: &str| path(format!("etc/ssl/certs/{name}"));
    for (stem, target) in links {
        tree.ours(Entry::symlink(certs(&certificates::link(&stem))?, target));
    }
    for (hash, target) in &bundle.hashes {
        tree.ours(Entry::symlink(certs(hash)?, target.as_str()));
    }
    tree.claim(Entry::file(certs("ca-certificates.crt")?, 0o644, Source::Bytes(bundle.pem)))?;
    tree.ours(text_file("etc/ca-certificates.conf", list)?);
    if request.has("ca-certificates-java") {
        tree.claim(Entry::file(certs("java/cacerts")?, 0o644, Source::Bytes(bundle.keystore)))?;
    }
    Ok(())
}

/// `/usr/bin/java` and its like. Debian leads them through `/etc/alternatives`; an image has one Java.
fn java_tools(request: &Request<'_>, tree: &mut Tree<'_>) -> Result<(), Error> {
    let homes = path("usr/lib/jvm")?;
    let prefix = format!("java-{}-openjdk-", request.java);
    let tool = |entry: &&Entry| {
        let mut parts = entry.path.as_str()[homes.as_str().len() + 1..].split('/');
        let home = parts.next().is_some_and(|home| home.starts_with(&prefix));
        let place = (parts.next(), parts.next(), parts.next());
        home && matches!(place, (Some("bin"), Some(_), None) | (Some("lib"), Some("jexec"), None))
    };
    let tools: Vec<ImagePath> = tree.below(&homes).filter(tool).map(|entry| entry.path.clone()).collect();
    for target in tools {
        tree.ours(Entry::symlink(path(format!("usr/bin/{}", target.name()))?, target.to_string()));
    }
    Ok(())
}

fn text_file(name: &str, text: String) -> Result<Entry, Error> {
    Ok(Entry::file(path(name)?, 0o644, Source::Bytes(text.into_bytes())))
}

//! Lock → store: [`fetch`] downloads what the store lacks, side by side, verified while it is written,
//! and goes on where an earlier run broke off. [`pin`] learns the digest of files that have none yet.

use crate::artifact::{Artifact, Coordinate};
use crate::digest::Digest;
use crate::error::Error;
use crate::maven;
use crate::net::{Registries, Sink};
use crate::outside::{Index, Page, Registry};
use crate::problem::plural;
use crate::store::Partial;
use crate::threads::all;
use crate::ui::{Transfer, Ui, size};

#[cfg(test)]
mod tests;

/// Downloads that run at once.
const WIDTH: usize = 8;

/// Finds the pages where a Python distribution may lie (its file name and digest are in the
/// artifact); an empty list where the index has it no more.
pub type Locate<'a> = dyn Fn(&Artifact) -> Result<Vec<Page>, Error> + Sync + 'a;

/// Brings every artifact into the store. Files that are there are verified and left alone.
///
/// # Errors
/// The first by the artifacts' order: [`Error::Offline`], [`Error::Digest`], [`Error::Registry`]
/// where no mirror has a file any more, and what the network and the disk fail with.
pub fn fetch(artifacts: &[Artifact], registries: &Registries<'_>, locate: &Locate<'_>, ui: &Ui) -> Result<(), Error> {
    let missing = missing(artifacts, registries)?;
    if missing.is_empty() {
        return Ok(());
    }
    let total = missing.iter().map(|artifact| artifact.size).sum();
    ui.step("Fetching", format_args!("{}, {}", plural(missing.len(), "file", "files"), size(total)));
    let transfer = ui.transfer("Fetching", total);
    all(&missing, WIDTH, |artifact| one(artifact, registries, locate, &transfer))?;
    Ok(())
}

/// The artifacts that the store lacks, each digest once.
fn missing<'a>(artifacts: &'a [Artifact], registries: &Registries<'_>) -> Result<Vec<&'a Artifact>, Error> {
    let there = all(artifacts, WIDTH, |artifact| registries.store.intact(&artifact.sha256, artifact.size))?;
    let mut seen = std::collections::BTreeSet::new();
    let mut missing: Vec<&Artifact> =
        artifacts.iter().zip(there).filter(|(a, there)| !there && seen.insert(a.sha256)).map(|(a, _)| a).collect();
    // The largest first, so that none is left alone at the end.
    missing.sort_by_key(|artifact| std::cmp::Reverse(artifact.size));
    Ok(missing)
}

fn one(
    artifact: &Artifact,
    registries: &Registries<'_>,
    locate: &Locate<'_>,
    transfer: &Transfer,
) -> Result<(), Error> {
    let what = artifact.coordinate.to_string();
    if registries.offline {
        return Err(Error::Offline { what });
    }
    let pages = places(artifact).map_or_else(|| locate(artifact), Ok)?;
    let (store, digest) = (registries.store, &artifact.sha256);
    let mut last = None;
    for page in &pages {
        let partial = store.partial(digest, artifact.size)?;
        if store.intact(digest, artifact.size)? {
            transfer.advance(artifact.size);
            return Ok(());
        }
        let resumed = partial.position() > 0;
        match attempt(artifact, page, partial, registries, transfer) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // The beginning may be another file's, left by a mirror that lied: once more, from the start.
            Err(Error::Digest { .. }) if resumed => {
                let partial = store.partial(digest, artifact.size)?;
                if attempt(artifact, page, partial, registries, transfer)? {
                    return Ok(());
                }
            }
            Err(error @ (Error::NoEndpoint { .. } | Error::Http { .. })) => last = last.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        Error::registry(
            what,
            format!(
                "no configured registry has {} with digest {} any more; use a mirror that keeps old files, \
                 a bundle, or `lock --upgrade`",
                artifact.file,
                digest.short()
            ),
        )
    }))
}

/// Whether the page gave the artifact.
fn attempt(
    artifact: &Artifact,
    page: &Page,
    partial: Partial,
    registries: &Registries<'_>,
    transfer: &Transfer,
) -> Result<bool, Error> {
    transfer.doing(artifact.file.rsplit('/').next().unwrap_or_default());
    transfer.advance(partial.position());
    let mut sink = Watched { inner: partial, transfer };
    if sink.position() < artifact.size || artifact.size == 0 {
        let found = registries.download(page, artifact.size, &mut sink);
        if !matches!(found, Ok(Some(_))) {
            transfer.retreat(sink.position());
            return found.map(|_| false);
        }
    }
    let bytes = sink.position();
    let done =
        registries.store.complete(&sink.inner, &artifact.sha256, &format!("{} ({})", artifact.coordinate, page.path));
    if done.is_err() {
        transfer.retreat(bytes);
    }
    done.map(|()| true)
}

/// A sink whose bytes show in a bar.
struct Watched<'a, S> {
    inner: S,
    transfer: &'a Transfer,
}

impl<S: Sink> Sink for Watched<'_, S> {
    fn position(&self) -> u64 {
        self.inner.position()
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.transfer.retreat(self.inner.position());
        self.inner.restart()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.transfer.advance(bytes.len() as u64);
        self.inner.append(bytes)
    }
}

/// Where a file lies by its coordinate alone; `None` for Python, whose index must be asked.
fn places(artifact: &Artifact) -> Option<Vec<Page>> {
    let page =
        |registry, path: String| Page { expect: Some((artifact.size, artifact.sha256)), ..Page::new(registry, path) };
    match &artifact.coordinate {
        Coordinate::Maven { .. } => Some(vec![page(Registry::Maven, maven_path(&artifact.coordinate)?)]),
        Coordinate::Debian { .. } => Some(vec![
            page(Registry::Debian, artifact.file.clone()),
            page(Registry::DebianSecurity, artifact.file.clone()),
        ]),
        Coordinate::Pypi { .. } => None,
    }
}

/// Maven, "Repository Layout": `group/as/directories/artifact/version/artifact-version[-classifier].extension`.
fn maven_path(coordinate: &Coordinate) -> Option<String> {
    let Coordinate::Maven { group, artifact, version, extension, classifier } = coordinate else { return None };
    let dash = if classifier.is_empty() { "" } else { "-" };
    let group = group.replace('.', "/");
    Some(format!("{group}/{artifact}/{version}/{artifact}-{version}{dash}{classifier}.{extension}"))
}

/// Downloads Maven files whose digest is not known yet, compares each with the strongest sum that
/// the repository keeps beside it, and tells digest and size in bytes, in the order asked.
///
/// # Errors
/// [`Error::Registry`] where a file is not there, [`Error::Digest`] where it is not what its sum
/// promises, and what the network and the disk fail with.
pub fn pin(pages: &[Page], registries: &Registries<'_>, ui: &Ui) -> Result<Vec<(Digest, u64)>, Error> {
    let transfer = ui.work("Pinning", pages.len() as u64);
    all(pages, WIDTH, |page| {
        transfer.doing(page.path.rsplit('/').next().unwrap_or_default());
        let pinned = pin_one(page, registries, ui);
        transfer.advance(1);
        pinned
    })
}

fn pin_one(page: &Page, registries: &Registries<'_>, ui: &Ui) -> Result<(Digest, u64), Error> {
    let check = |partial: &Partial| {
        if let Some(sum) = Sum::beside(page, registries)? {
            // Which of the two is wrong nobody knows: the next run asks for both again.
            return sum.check(&page.path, partial).or_else(|error| registries.forget(&sum.page).and(Err(error)));
        }
        ui.warn(format_args!("{} has no checksum beside it; its bytes are believed as they came", page.path));
        Ok(())
    };
    let found = registries.bring(page, None, &check)?;
    found.ok_or_else(|| Error::registry(page.path.clone(), "the registry does not have it"))
}

/// A sum that a repository keeps beside a file (Maven Resolver, "Expected Checksums").
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    page: Page,
    algorithm: &'static str,
    hex: String,
}

impl Sum {
    /// The strongest that there is.
    fn beside(page: &Page, registries: &Registries<'_>) -> Result<Option<Self>, Error> {
        for (algorithm, digits) in [("sha512", 128), ("sha256", 64), ("sha1", 40)] {
            let side = Page::new(page.registry, format!("{}.{algorithm}", page.path));
            let Some(served) = registries.get(&side)? else { continue };
            let hex = maven::parse_checksum(&String::from_utf8_lossy(&served.bytes), digits);
            let hex = hex.ok_or_else(|| Error::registry(side.path.clone(), format!("it holds no {algorithm} sum")))?;
            return Ok(Some(Self { page: side, algorithm, hex }));
        }
        Ok(None)
    }

    fn check(&self, what: &str, file: &Partial) -> Result<(), Error> {
        let got = match self.algorithm {
            "sha512" => sum_of::<sha2::Sha512>(file)?,
            "sha256" => file.digest().hex(),
            _ => sum_of::<sha1::Sha1>(file)?,
        };
        if got == self.hex {
            return Ok(());
        }
        let expected = format!("{}:{}", self.algorithm, self.hex);
        Err(Error::Digest { what: what.to_owned(), expected, got: format!("{}:{got}", self.algorithm) })
    }
}

fn sum_of<H: sha2::Digest>(file: &Partial) -> Result<String, Error> {
    let mut hash = H::new();
    file.review(|bytes| hash.update(bytes))?;
    Ok(hex::encode(hash.finalize()))
}

//! The indexes of Debian's archives: which there are, that they are signed and current, and their
//! packages' texts, decompressed within bounds.

use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use lzma_rust2::XzReader;

use crate::digest::Digest;
use crate::error::Error;
use crate::outside::{Index, Page, Registry};

use super::packages::{self, Package};
use super::release::{self, Release};
use super::{Believed, Request, registry_of};

/// Largest `Packages`, decompressed. Debian's have 60 MB.
const LARGEST_PACKAGES: u64 = 512 << 20;
/// Memory that an xz stream may ask for, in KiB: what `xz -9` needs, 64 MiB and a little.
const XZ_MEMORY_KIB: u32 = 96 << 10;

/// A suite of an archive.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    registry: Registry,
    suite: String,
    required: bool,
}

impl Archive {
    fn page(&self, path: &str) -> Page {
        Page::new(self.registry, format!("dists/{}/{path}", self.suite))
    }

    fn what(&self, path: &str) -> String {
        format!("{} of {}", path, self.suite)
    }
}

/// A suite and its verified release.
#[derive(Debug)]
pub(super) struct Found {
    archive: Archive,
    release: Release,
}

impl Found {
    /// As the lock keeps it.
    pub(super) fn believed(&self) -> Believed {
        Believed {
            suite: self.archive.suite.clone(),
            date: self.release.date_text.clone(),
            keys: self.release.keys.clone(),
        }
    }
}

/// The suites that take part, the preferred first where two have the same version.
pub(super) fn archives(request: &Request) -> Vec<Archive> {
    let archive =
        |registry, suffix: &str, required| Archive { registry, suite: format!("{}{suffix}", request.suite), required };
    let mut archives = vec![archive(Registry::Debian, "", true), archive(Registry::Debian, "-updates", false)];
    if request.security {
        archives.push(archive(Registry::DebianSecurity, "-security", true));
    }
    archives
}

/// Fetches and verifies each `InRelease`; one that is not required may be absent.
pub(super) fn releases(archives: &[Archive], request: &Request, index: &dyn Index) -> Result<Vec<Found>, Error> {
    index.prefetch(&archives.iter().map(|archive| archive.page("InRelease")).collect::<Vec<_>>());
    let mut found = Vec::new();
    for archive in archives {
        let what = archive.what("InRelease");
        let Some(served) = index.get(&archive.page("InRelease"))? else {
            if archive.required {
                return Err(Error::registry(what, format!("the {} registry does not have it", archive.registry)));
            }
            continue;
        };
        let release = release::read(&what, &served.bytes, &request.keyring, request.now)?;
        // A good signature on another suite's release must not pass for this suite.
        if release.codename != archive.suite {
            return Err(Error::registry(what, format!("it is the release of {}", release.codename)));
        }
        found.push(Found { archive: archive.clone(), release });
    }
    Ok(found)
}

/// An index as a release promises it.
struct Promise {
    page: Page,
    plain: Option<Page>,
    what: String,
    xz: bool,
    unpacked: Option<(u64, Digest)>,
}

fn promise(found: &Found, arch: &str) -> Result<Promise, Error> {
    let directory = format!("main/binary-{arch}");
    let path = format!("{directory}/Packages");
    let (archive, release) = (&found.archive, &found.release);
    for (extension, xz) in [("xz", true), ("gz", false)] {
        let packed = format!("{path}.{extension}");
        if let Some((size, digest)) = release.files.get(&packed) {
            let expect = Some((*size, *digest));
            let plain = Page { expect, ..archive.page(&packed) };
            let hashed = archive.page(&format!("{directory}/by-hash/SHA256/{}", digest.hex()));
            let hashed = Page { expect, ..hashed };
            let what = archive.what(&packed);
            let unpacked = release.files.get(&path).copied();
            let by_hash = release.acquire_by_hash;
            let (page, plain) = if by_hash { (hashed, Some(plain)) } else { (plain, None) };
            return Ok(Promise { page, plain, what, xz, unpacked });
        }
    }
    Err(Error::registry(archive.what("InRelease"), format!("it names neither {path}.xz nor {path}.gz")))
}

/// The texts of the suites' `Packages`, fetched by the digests that the releases promise and
/// decompressed side by side; one that an earlier run decompressed is taken as it is.
pub(super) fn packages(found: &[Found], request: &Request, index: &dyn Index) -> Result<Vec<String>, Error> {
    let promises: Vec<Promise> = found.iter().map(|f| promise(f, &request.arch)).collect::<Result<_, _>>()?;
    let kept: Vec<Option<String>> = side_by_side(&promises, |promise| {
        let known = promise.unpacked.and_then(|(_, digest)| index.kept(&digest).filter(|it| Digest::of(it) == digest));
        Ok(known.and_then(|bytes| String::from_utf8(bytes).ok()))
    })?;
    let pairs: Vec<(&Promise, Option<String>)> = promises.iter().zip(kept).collect();
    let missing = pairs.iter().filter(|(_, kept)| kept.is_none());
    index.prefetch(&missing.map(|(promise, _)| promise.page.clone()).collect::<Vec<_>>());
    side_by_side(pairs, |(promise, kept)| {
        if let Some(text) = kept {
            return Ok(text);
        }
        let served = match (index.get(&promise.page)?, &promise.plain) {
            (None, Some(plain)) => index.get(plain)?,
            (served, _) => served,
        };
        let served = served.ok_or_else(|| Error::registry(&promise.what, "the registry does not have it"))?;
        let text = unpack(promise, &served.bytes)?;
        if let Some((_, digest)) = &promise.unpacked {
            index.keep(digest, text.as_bytes());
        }
        Ok(text)
    })
}

fn unpack(promise: &Promise, packed: &[u8]) -> Result<String, Error> {
    // The seam has checked this where it keeps its word; it costs little to be sure before decoding.
    if let Some((size, expected)) = &promise.page.expect {
        let (length, got) = (packed.len() as u64, Digest::of(packed));
        if (length, got) != (*size, *expected) {
            let told = |size: u64, digest: Digest| format!("{digest} of {size} bytes");
            let (expected, got) = (told(*size, *expected), told(length, got));
            return Err(Error::Digest { what: promise.what.clone(), expected, got });
        }
    }
    let bound = promise.unpacked.map_or(LARGEST_PACKAGES, |(size, _)| size.min(LARGEST_PACKAGES));
    let mut text = Vec::with_capacity(usize::try_from(promise.unpacked.map_or(0, |_| bound)).unwrap_or(0));
    let packed = Cursor::new(packed);
    let read = if promise.xz {
        XzReader::new_mem_limit(packed, false, XZ_MEMORY_KIB).take(bound + 1).read_to_end(&mut text)
    } else {
        GzDecoder::new(packed).take(bound + 1).read_to_end(&mut text)
    };
    read.map_err(|e| Error::archive(&promise.what, e))?;
    if text.len() as u64 > bound {
        return Err(Error::archive(&promise.what, format!("it unpacks to more than {bound} bytes")));
    }
    if let Some((_, expected)) = &promise.unpacked {
        let got = Digest::of(&text);
        if got != *expected {
            return Err(Error::mismatch(&promise.what, expected, &got));
        }
    }
    String::from_utf8(text).map_err(|_| Error::archive(&promise.what, "it is not UTF-8"))
}

/// Reads the texts of the suites side by side. A file's path alone says which archive it is in
/// ([`registry_of`]), so an index that names files of the other archive is refused.
pub(super) fn read<'a>(found: &[Found], texts: &'a [String], arch: &str) -> Result<Vec<Vec<Package<'a>>>, Error> {
    let pairs: Vec<(&Found, &'a String)> = found.iter().zip(texts).collect();
    side_by_side(pairs, |(found, text)| {
        let what = found.archive.what("Packages");
        let packages = packages::read(&what, text, arch)?;
        match packages.iter().find(|package| registry_of(package.filename) != found.archive.registry) {
            Some(package) => Err(Error::registry(
                what,
                format!("{} lies in the pool of another archive", package.name.escape_debug()),
            )),
            None => Ok(packages),
        }
    })
}

/// The results of one thread for each item, in the items' order; the first error of that order.
fn side_by_side<I: Send, T: Send>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn outcome(packed: &[u8], expect: Option<(u64, Digest)>, unpacked: Option<(u64, Digest)>) -> String {
        let page = Page { expect, ..Page::new(Registry::Debian, "P") };
        let promise = Promise { page, plain: None, what: "P".to_owned(), xz: false, unpacked };
        unpack(&promise, packed).unwrap_or_else(|error| error.to_string().chars().take(40).collect())
    }

    #[test]
    fn bytes_are_bounded_and_checked_before_and_after_decoding() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[b'x'; 20]).unwrap();
        let packed = encoder.finish().unwrap();
        let (size, digest) = (packed.len() as u64, Digest::of(&packed));
        let text = Digest::of(&[b'x'; 20]);
        for (expect, unpacked, expected) in [
            (Some((size, digest)), Some((20, text)), "xxxxxxxxxxxxxxxxxxxx"),
            (Some((size + 1, digest)), None, "P is not what was promised: expected sha"),
            (Some((size, text)), None, "P is not what was promised: expected sha"),
            (None, Some((19, text)), "P: it unpacks to more than 19 bytes"),
            (None, Some((20, digest)), "P is not what was promised: expected sha"),
        ] {
            assert_eq!(outcome(&packed, expect, unpacked), expected);
        }
    }
}

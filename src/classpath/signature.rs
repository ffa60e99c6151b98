//! Signature files (`META-INF/NAME.SF`) against the manifest, as `sun.security.util.SignatureFileVerifier` (JDK 17)
//! compares them. The blocks beside them are believed: whether a certificate is sound does not matter to the
//! class loader, and whose it is cannot be read here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::manifest::{Attribute, last, main_section, sections};

/// What a signature file makes of its jar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts for nothing: it cannot be read, or its digests are older than SHA-2, which Java forbids by
    /// `jdk.jar.disabledAlgorithms`.
    Uncounted,
    Sound,
    /// `SecurityException` for every class of the jar.
    Broken(String),
}

/// Compares a signature file with the manifest that it signs.
pub(super) fn judge(manifest: &[u8], file: &[u8]) -> Verdict {
    let Ok(signed) = sections(file) else { return Verdict::Uncounted };
    let Some((main, entries)) = signed.split_first() else { return Verdict::Uncounted };
    let whole = matches(main, "-digest-manifest", manifest);
    let head = matches(main, "-digest-manifest-main-attributes", main_section(manifest));
    match (whole, head) {
        (None, None) => Verdict::Uncounted,
        (Some(true), _) => Verdict::Sound,
        (_, Some(false)) => Verdict::Broken("invalid signature file digest for Manifest main attributes".to_owned()),
        _ => of_entries(manifest, entries),
    }
}

/// Every entry of the signature file must have its section in the manifest.
fn of_entries(manifest: &[u8], entries: &[Vec<Attribute>]) -> Verdict {
    let present = sections(manifest).unwrap_or_default();
    let name = |section: &Vec<Attribute>| last(section, "name").map(|(_, name, _)| name.clone());
    let mut present: Vec<Vec<u8>> = present.iter().filter_map(name).collect();
    present.sort_unstable();
    match entries.iter().filter_map(name).find(|name| present.binary_search(name).is_err()) {
        None => Verdict::Sound,
        Some(name) => {
            Verdict::Broken(format!("no manifest section for signature file entry {}", String::from_utf8_lossy(&name)))
        }
    }
}

/// Whether a digest by that name is the one of `bytes`; none where the file has none that counts.
fn matches(main: &[Attribute], suffix: &str, bytes: &[u8]) -> Option<bool> {
    let digests = main.iter().filter_map(|(name, value, _)| {
        let computed = match name.strip_suffix(suffix)? {
            "sha-256" => Sha256::digest(bytes).to_vec(),
            "sha-384" => Sha384::digest(bytes).to_vec(),
            "sha-512" => Sha512::digest(bytes).to_vec(),
            _ => return None,
        };
        Some(STANDARD.decode(value).is_ok_and(|expected| expected == computed))
    });
    digests.reduce(|one, other| one || other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_file_and_the_manifest_beside_it() {
        let manifest = b"Manifest-Version: 1.0\r\n\r\nName: a/B.class\r\nSHA-256-Digest: x\r\n\r\n";
        let sum = |bytes: &[u8]| STANDARD.encode(Sha256::digest(bytes));
        let file = |whole: &str, head: &str, entry: &str| {
            format!(
                "Signature-Version: 1.0\r\nSHA-256-Digest-Manifest: {whole}\r\n\
                 SHA-256-Digest-Manifest-Main-Attributes: {head}\r\n\r\nName: {entry}\r\nSHA-256-Digest: y\r\n\r\n"
            )
        };
        let judge = |file: &str| super::judge(manifest, file.as_bytes());
        let (whole, head) = (sum(manifest), sum(b"Manifest-Version: 1.0\r\n\r\n"));
        assert_eq!(judge(&file(&whole, "else", "a/C.class")), Verdict::Sound);
        assert_eq!(judge(&file("else", &head, "a/B.class")), Verdict::Sound);
        let broken = |reason: &str| Verdict::Broken(reason.to_owned());
        let no_section = broken("no manifest section for signature file entry a/C.class");
        assert_eq!(judge(&file("else", &head, "a/C.class")), no_section);
        let foreign = broken("invalid signature file digest for Manifest main attributes");
        assert_eq!(judge(&file("else", "else", "a/B.class")), foreign);
        assert_eq!(judge("Signature-Version: 1.0\r\nSHA1-Digest-Manifest: x\r\n"), Verdict::Uncounted);
        assert_eq!(judge("no colon"), Verdict::Uncounted);
    }
}

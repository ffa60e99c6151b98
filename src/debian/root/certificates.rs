//! Certificates as three readers want them: one bundle, OpenSSL's links by hash, Java's keystore.

use std::collections::{BTreeMap, BTreeSet};

use sha1::{Digest as _, Sha1};

use crate::error::Error;

/// What [`bundle`] makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// `/etc/ssl/certs/ca-certificates.crt`.
    pub pem: Vec<u8>,
    /// Links of `/etc/ssl/certs`: `HASH.N` and the stem of the file that it leads to.
    pub hashes: Vec<(String, String)>,
    /// `/etc/ssl/certs/java/cacerts`: a JKS keystore with the password `changeit`.
    pub keystore: Vec<u8>,
}

/// More certificates than this in one file are not a trust anchor's.
const CERTIFICATES_MAX: usize = 1000;
/// A JKS entry's length fields and OpenSSL's own readers take more, but no certificate has it.
const DER_MAX: usize = 1 << 16;

/// The three from files by stem and PEM text; `epoch` is the date of the keystore's entries.
///
/// # Errors
/// [`Error::Archive`] names the file that holds no certificate, or something else.
pub fn bundle(certificates: &[(String, Vec<u8>)], epoch: u64) -> Result<Bundle, Error> {
    let mut sorted: Vec<&(String, Vec<u8>)> = certificates.iter().collect();
    sorted.sort();
    let mut pem = Vec::new();
    let mut subjects: BTreeMap<String, Vec<(Vec<u8>, String)>> = BTreeMap::new();
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let mut aliases = BTreeSet::new();
    for (stem, text) in sorted {
        let fault = |reason: &str| Error::archive(format!("certificate {stem}"), reason);
        pem.extend_from_slice(text);
        if !text.ends_with(b"\n") {
            pem.push(b'\n');
        }
        for der in read_pem(text).map_err(fault)? {
            let hash = subject_hash(&der).ok_or_else(|| fault("is not an X.509 certificate"))?;
            let known = subjects.entry(format!("{hash:08x}")).or_default();
            if !known.iter().any(|(other, _)| *other == der) {
                known.push((der.clone(), stem.clone()));
            }
            let mut alias = format!("debian:{}.pem", stem.to_lowercase());
            for n in 2.. {
                if aliases.insert(alias.clone()) {
                    break;
                }
                alias = format!("debian:{}_{n}.pem", stem.to_lowercase());
            }
            entries.push((alias, der));
        }
    }
    let links = subjects
        .into_iter()
        .flat_map(|(hash, same)| same.into_iter().enumerate().map(move |(n, (_, stem))| (format!("{hash}.{n}"), stem)));
    entries.sort();
    Ok(Bundle { pem, hashes: links.collect(), keystore: keystore(&entries, epoch) })
}

/// The certificates of a PEM text (RFC 7468), as DER. Text around them is allowed, as by OpenSSL.
fn read_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "is not text")?;
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, next) = after.split_once("-----END CERTIFICATE-----").ok_or("ends inside of a certificate")?;
        let der = base64(body).ok_or("holds a certificate that is not base64")?;
        if der.len() > DER_MAX || found.len() >= CERTIFICATES_MAX {
            return Err("is larger than any trust anchor");
        }
        found.push(der);
        rest = next;
    }
    if found.is_empty() { Err("holds no certificate in PEM form") } else { Ok(found) }
}

/// RFC 4648, section 4, with white space between.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0_u32, 0, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    // What is left holds one byte and four bits of nothing, or two bytes and two bits.
    match (count, padding) {
        (0, 0) => {}
        (2, 2) => out.extend_from_slice(&(bits >> 4).to_be_bytes()[3..]),
        (3, 1) => out.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => return None,
    }
    Some(out)
}

/// One DER value (X.690): tag, contents, and what follows.
struct Value<'a> {
    tag: u8,
    /// With its header.
    whole: &'a [u8],
    contents: &'a [u8],
}

fn value(der: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let bytes = usize::from(first & 0x7f);
        if bytes == 0 || bytes > 4 {
            return None;
        }
        let (length, rest) = rest.split_at_checked(bytes)?;
        (length.iter().fold(0, |n, &byte| n << 8 | usize::from(byte)), rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    let whole = &der[..der.len() - rest.len()];
    Some((Value { tag, whole, contents }, rest))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
/// The version of a certificate: context-specific, constructed, number 0.
const VERSION: u8 = 0xa0;

/// OpenSSL's `X509_NAME_hash`: SHA-1 over the canonical encoding of the subject, its first four bytes
/// little-endian (openssl-rehash(1); OpenSSL `crypto/x509/x_name.c`, `x509_name_canon`).
fn subject_hash(der: &[u8]) -> Option<u32> {
    let (certificate, _) = value(der).filter(|(v, rest)| v.tag == SEQUENCE && rest.is_empty())?;
    let (to_be_signed, _) = value(certificate.contents).filter(|(v, _)| v.tag == SEQUENCE)?;
    let mut rest = to_be_signed.contents;
    if rest.first() == Some(&VERSION) {
        rest = value(rest)?.1;
    }
    let (_, rest) = value(rest).filter(|(v, _)| v.tag == INTEGER)?;
    // Signature algorithm, issuer, validity; then the subject.
    let (_, rest) = value(rest)?;
    let (_, rest) = value(rest)?;
    let (_, rest) = value(rest)?;
    let (subject, _) = value(rest).filter(|(v, _)| v.tag == SEQUENCE)?;
    let mut canonical = Vec::new();
    let mut sets = subject.contents;
    while !sets.is_empty() {
        let (set, next) = value(sets).filter(|(v, _)| v.tag == SET)?;
        let mut attributes = Vec::new();
        let mut rest = set.contents;
        while !rest.is_empty() {
            let (attribute, after) = value(rest).filter(|(v, _)| v.tag == SEQUENCE)?;
            let (kind, text) = value(attribute.contents)?;
            let (text, _) = value(text)?;
            let mut one = kind.whole.to_vec();
            one.extend(canonical_text(&text)?);
            attributes.push(encoded(SEQUENCE, &one));
            rest = after;
        }
        // DER sorts the members of a set.
        attributes.sort();
        canonical.extend(encoded(SET, &attributes.concat()));
        sets = next;
    }
    let digest = Sha1::digest(&canonical);
    Some(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]))
}

/// A string in lower case, as UTF-8, without white space around it and with single blanks in it;
/// every other value as it is.
fn canonical_text(text: &Value<'_>) -> Option<Vec<u8>> {
    const UTF8: u8 = 0x0c;
    let decoded: String = match text.tag {
        // NumericString is not among OpenSSL's canonical types, nor are the times.
        UTF8 | 0x13 | 0x16 | 0x1a => String::from_utf8(text.contents.to_vec()).ok()?,
        // TeletexString is taken for Latin-1.
        0x14 => text.contents.iter().map(|&byte| char::from(byte)).collect(),
        0x1e => {
            let units: Vec<u16> =
                text.contents.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()?
        }
        0x1c => text
            .contents
            .chunks_exact(4)
            .map(|four| char::from_u32(u32::from_be_bytes([four[0], four[1], four[2], four[3]])))
            .collect::<Option<_>>()?,
        _ => return Some(text.whole.to_vec()),
    };
    let mut out = String::with_capacity(decoded.len());
    for word in
        decoded.split(|c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')).filter(|word| !word.is_empty())
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.make_ascii_lowercase();
    Some(encoded(UTF8, out.as_bytes()))
}

fn encoded(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(contents);
    out
}

/// A JKS keystore of trusted certificates (OpenJDK, `sun.security.provider.JavaKeyStore`).
fn keystore(entries: &[(String, Vec<u8>)], epoch: u64) -> Vec<u8> {
    const PASSWORD: &str = "changeit";
    let utf = |out: &mut Vec<u8>, text: &str| {
        // Aliases and types are ASCII or plain UTF-8, which modified UTF-8 equals below U+10000.
        let bytes = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
        out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];
    out.extend(count(entries.len()));
    for (alias, der) in entries {
        out.extend([0, 0, 0, 2]);
        utf(&mut out, alias);
        out.extend(epoch.saturating_mul(1000).to_be_bytes());
        utf(&mut out, "X.509");
        out.extend(count(der.len()));
        out.extend_from_slice(der);
    }
    let mut seal = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        seal.update(unit.to_be_bytes());
    }
    seal.update(b"Mighty Aphrodite");
    seal.update(&out);
    out.extend_from_slice(&seal.finalize());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9v\nYmFy", Some("foobar")),
            ("Zg=", None),
            ("Z", None),
            ("Zg==Zg==", None),
            ("Zm9-", None),
        ] {
            assert_eq!(base64(text), expected.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let said = |pem: &str| bundle(&[("x".to_owned(), pem.as_bytes().to_vec())], 0).unwrap_err().to_string();
        insta::assert_snapshot!(said("nothing"), @"certificate x: holds no certificate in PEM form");
        insta::assert_snapshot!(said("-----BEGIN CERTIFICATE-----\nZm9v\n"), @"certificate x: ends inside of a certificate");
        insta::assert_snapshot!(said("-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n"), @"certificate x: holds a certificate that is not base64");
        insta::assert_snapshot!(said("-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"), @"certificate x: is not an X.509 certificate");
    }
}

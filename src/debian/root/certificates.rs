//! What `update-ca-certificates` and the Java hook make of the trusted certificates: one PEM bundle,
//! OpenSSL's links by subject hash, and Java's keystore.
//!
//! In go the PEM files of `/usr/share/ca-certificates`, out come values; writing is the caller's.
//! Absent on purpose: any judgement of a certificate (dates, signatures, constraints). Of the DER
//! only the way to the subject is read.

use std::collections::{BTreeMap, BTreeSet};

use sha1::{Digest as _, Sha1};

use crate::error::Error;

/// Most files and most certificates in all of them; Debian 12 has 140 of each.
const MAX_CERTIFICATES: usize = 4096;
/// Most bytes of one file.
const MAX_FILE: usize = 1 << 20;
/// Most certificates of one subject hash: `MAX_COLLISIONS` of `openssl rehash`.
const MAX_COLLISIONS: usize = 256;

/// The trust store in the three forms that an image has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// `/etc/ssl/certs/ca-certificates.crt`.
    pub pem: Vec<u8>,
    /// Links of `/etc/ssl/certs` and the `.pem` that each leads to, sorted: `4042bcee.0`, `ISRG_Root_X1.pem`.
    pub hashes: Vec<(String, String)>,
    /// `/etc/ssl/certs/java/cacerts`: a JKS keystore with the password `changeit`.
    pub keystore: Vec<u8>,
}

/// One certificate of a file.
struct Certificate {
    /// Its file, as [`link`] names it.
    link: String,
    /// Place in the file, from one.
    place: usize,
    /// Certificates in the file.
    of: usize,
    der: Vec<u8>,
}

/// Makes the trust store of files (stem, PEM text of one or more certificates); `epoch` is the
/// keystore's date, in seconds since 1970. The order of `certificates` does not matter.
///
/// # Errors
/// [`Error::Archive`] that names the file: a stem that is no file name or collides with another, text
/// without certificates or with something else than certificates, damaged base64 or DER.
pub fn bundle(certificates: &[(String, Vec<u8>)], epoch: u64) -> Result<Bundle, Error> {
    if certificates.len() > MAX_CERTIFICATES {
        return Err(Error::archive("ca-certificates", format!("more than {MAX_CERTIFICATES} files")));
    }
    let mut links = BTreeSet::new();
    let mut files = Vec::with_capacity(certificates.len());
    let mut read: Vec<Certificate> = Vec::with_capacity(certificates.len());
    for (stem, text) in certificates {
        let refuse = |reason: &str| Error::archive(format!("{}.crt", stem.escape_debug()), reason);
        if stem.is_empty() || stem.contains(|c: char| c == '/' || c.is_control()) {
            return Err(refuse("this is no name of a certificate's file"));
        }
        let link = link(stem);
        if !links.insert(link.clone()) {
            return Err(refuse("another certificate's file has the same link in /etc/ssl/certs"));
        }
        let ders = ders(text).map_err(refuse)?;
        if read.len() + ders.len() > MAX_CERTIFICATES {
            return Err(refuse("there are too many certificates"));
        }
        let of = ders.len();
        read.extend(ders.into_iter().enumerate().map(|(i, der)| Certificate {
            link: link.clone(),
            place: i + 1,
            of,
            der,
        }));
        files.push((format!("{stem}.crt"), text));
    }
    // `sort` of whole file names in the C locale: `A-B.crt` comes before `A.crt`.
    files.sort();
    let mut pem = Vec::with_capacity(files.iter().map(|(_, text)| text.len() + 1).sum());
    for (_, text) in files {
        pem.extend_from_slice(text);
        if !pem.ends_with(b"\n") {
            pem.push(b'\n');
        }
    }
    read.sort_by(|a, b| (&a.link, a.place).cmp(&(&b.link, b.place)));
    Ok(Bundle { pem, hashes: hashes(&read)?, keystore: keystore(&read, epoch)? })
}

/// The name in `/etc/ssl/certs` of a certificate's file: function `add` of `update-ca-certificates`.
#[must_use]
pub fn link(stem: &str) -> String {
    let name = stem.replace([' ', ','], "_").replace(['(', ')'], "=");
    format!("{name}.pem")
}

/// The links of `openssl rehash` (apps/rehash.c): files in the order of their names, those that hold
/// more than one certificate and repetitions of a certificate left out.
fn hashes(certificates: &[Certificate]) -> Result<Vec<(String, String)>, Error> {
    let mut buckets: BTreeMap<u32, Vec<&Certificate>> = BTreeMap::new();
    for certificate in certificates {
        let refuse = |reason: &str| Error::archive(certificate.link.escape_debug().to_string(), reason);
        let hash = subject_hash(&certificate.der).map_err(refuse)?;
        if certificate.of != 1 {
            continue;
        }
        let bucket = buckets.entry(hash).or_default();
        if bucket.iter().any(|known| known.der == certificate.der) {
            continue;
        }
        if bucket.len() == MAX_COLLISIONS {
            return Err(refuse("too many certificates have this subject"));
        }
        bucket.push(certificate);
    }
    let links = buckets.iter().flat_map(|(hash, bucket)| {
        bucket.iter().enumerate().map(move |(n, certificate)| (format!("{hash:08x}.{n}"), certificate.link.clone()))
    });
    let mut links: Vec<_> = links.collect();
    links.sort();
    Ok(links)
}

/// Java's keystore in its first format (`sun.security.provider.JavaKeyStore`): magic, version, entries,
/// and a SHA-1 that the password begins. Debian's aliases, sorted; the second certificate of a file is `….pem-2`.
fn keystore(certificates: &[Certificate], epoch: u64) -> Result<Vec<u8>, Error> {
    let refuse = |what: &str, reason: &str| Error::archive(what.escape_debug().to_string(), reason);
    let date = epoch.checked_mul(1000).and_then(|ms| i64::try_from(ms).ok());
    let date = date.ok_or_else(|| refuse("cacerts", "the date is beyond Java's"))?;
    let mut entries = BTreeMap::new();
    for Certificate { link, place, der, .. } in certificates {
        let alias = format!("debian:{}", link.to_lowercase());
        let alias = if *place == 1 { alias } else { format!("{alias}-{place}") };
        if entries.insert(alias, der).is_some() {
            return Err(refuse(link, "another file's name differs only in case: Java's keystore would hold only one"));
        }
    }
    let long = |_| refuse("cacerts", "an entry is too long");
    let mut body = Vec::new();
    body.extend_from_slice(&0xfeed_feed_u32.to_be_bytes());
    body.extend_from_slice(&2_u32.to_be_bytes());
    body.extend_from_slice(&u32::try_from(entries.len()).map_err(long)?.to_be_bytes());
    for (alias, der) in entries {
        body.extend_from_slice(&2_u32.to_be_bytes()); // a trusted certificate
        let alias = modified_utf8(&alias);
        body.extend_from_slice(&u16::try_from(alias.len()).map_err(long)?.to_be_bytes());
        body.extend_from_slice(&alias);
        body.extend_from_slice(&date.to_be_bytes());
        body.extend_from_slice(b"\0\x05X.509");
        body.extend_from_slice(&u32::try_from(der.len()).map_err(long)?.to_be_bytes());
        body.extend_from_slice(der);
    }
    let password: Vec<u8> = "changeit".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let sum = Sha1::new().chain_update(password).chain_update("Mighty Aphrodite").chain_update(&body).finalize();
    body.extend_from_slice(&sum);
    Ok(body)
}

/// Java's `DataOutput.writeUTF` without its length: each UTF-16 unit by itself, NUL in two bytes.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        let [high, low] = unit.to_be_bytes();
        let last = 0x80 | (low & 0x3f);
        let middle = (high & 0x0f) << 2 | low >> 6;
        match unit {
            1..=0x7f => out.push(low),
            0 | 0x80..=0x7ff => out.extend([0xc0 | middle, last]),
            _ => out.extend([0xe0 | high >> 4, 0x80 | middle, last]),
        }
    }
    out
}

/// The certificates of a PEM text (RFC 7468); text around them is let be.
fn ders(text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    if text.len() > MAX_FILE {
        return Err("the file is larger than 1 MiB");
    }
    let mut found = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for line in text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii) {
        match (line, &mut open) {
            (b"-----BEGIN CERTIFICATE-----", None) => open = Some(Vec::new()),
            (b"-----END CERTIFICATE-----", Some(body)) => {
                found.push(base64(body).ok_or("a certificate is not base64")?);
                open = None;
            }
            (line, _) if line.starts_with(b"-----") => return Err("there is something else than certificates in it"),
            (line, Some(body)) => body.extend_from_slice(line),
            (_, None) => {}
        }
    }
    match open {
        Some(_) => Err("the last certificate has no end"),
        None if found.is_empty() => Err("there is no certificate in it"),
        None => Ok(found),
    }
}

/// The bytes of canonical base64 (RFC 4648 section 4): padded, unused bits zero.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let (groups, []) = text.as_chunks::<4>() else { return None };
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (i, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|b| **b == b'=').count();
        if padding > 2 || padding > 0 && i + 1 != groups.len() {
            return None;
        }
        let mut bits = 0_u32;
        for byte in &group[..4 - padding] {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let [_, bytes @ ..] = (bits << (6 * padding)).to_be_bytes();
        let (kept, unused) = bytes.split_at(3 - padding);
        if unused.iter().any(|b| *b != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    }
    Some(out)
}

/// Universal tags of X.680 section 8.6, SEQUENCE and SET in their constructed form.
mod tag {
    pub(super) const INTEGER: u8 = 2;
    pub(super) const OBJECT_IDENTIFIER: u8 = 6;
    pub(super) const UTF8_STRING: u8 = 12;
    pub(super) const PRINTABLE_STRING: u8 = 19;
    pub(super) const TELETEX_STRING: u8 = 20;
    pub(super) const IA5_STRING: u8 = 22;
    pub(super) const VISIBLE_STRING: u8 = 26;
    pub(super) const UNIVERSAL_STRING: u8 = 28;
    pub(super) const BMP_STRING: u8 = 30;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const VERSION: u8 = 0xa0;
}

const DAMAGED: &str = "a certificate is not the DER of X.509";

/// DER (X.690 section 10) that is still to read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag and content.
    fn next(&mut self) -> Result<(u8, &'a [u8]), &'static str> {
        let [tag, first, rest @ ..] = self.0 else { return Err(DAMAGED) };
        let (length, rest) = match usize::from(*first) {
            short @ ..=0x7f => (short, rest),
            long @ 0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(long - 0x80).ok_or(DAMAGED)?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            // Neither indefinite (0x80) nor beyond 16 MiB.
            _ => return Err(DAMAGED),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(DAMAGED)?;
        // A tag of several bytes is in no Name, and a length has one spelling.
        if tag & 0x1f == 0x1f || self.0.len() - rest.len() - length != header(*tag, length).len() {
            return Err(DAMAGED);
        }
        self.0 = rest;
        Ok((*tag, content))
    }

    fn expect(&mut self, tag: u8) -> Result<&'a [u8], &'static str> {
        self.next().and_then(|(found, content)| if found == tag { Ok(content) } else { Err(DAMAGED) })
    }
}

/// The tag and the length of an element, in DER.
fn header(tag: u8, length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let digits = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
    match (digits, u8::try_from(digits.len())) {
        ([], _) => vec![tag, 0],
        ([short @ ..0x80], _) => vec![tag, *short],
        (_, Ok(count)) => [&[tag, 0x80 | count], digits].concat(),
        (_, Err(_)) => Vec::new(), // a usize has fewer digits
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = header(tag, content.len());
    out.extend_from_slice(content);
    out
}

/// What `openssl x509 -subject_hash` prints (`X509_NAME_hash_ex`): the first four bytes, least first,
/// of the SHA-1 of the subject's canonical encoding.
fn subject_hash(der: &[u8]) -> Result<u32, &'static str> {
    let digest: [u8; 20] = Sha1::digest(canonical(subject(der)?)?).into();
    Ok(digest[..4].iter().rev().fold(0, |hash, byte| hash << 8 | u32::from(*byte)))
}

/// The content of the subject's Name (RFC 5280 section 4.1).
fn subject(der: &[u8]) -> Result<&[u8], &'static str> {
    let mut file = Der(der);
    let mut certificate = Der(file.expect(tag::SEQUENCE)?);
    if !file.0.is_empty() {
        return Err(DAMAGED);
    }
    let mut signed = Der(certificate.expect(tag::SEQUENCE)?);
    if signed.0.first() == Some(&tag::VERSION) {
        signed.expect(tag::VERSION)?;
    }
    signed.expect(tag::INTEGER)?; // serial number
    signed.expect(tag::SEQUENCE)?; // algorithm
    signed.expect(tag::SEQUENCE)?; // issuer
    signed.expect(tag::SEQUENCE)?; // validity
    signed.expect(tag::SEQUENCE)
}

/// OpenSSL's canonical encoding of a Name (`x509_name_canon`): its sets without the sequence around
/// them, strings normalised.
fn canonical(name: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(name.len());
    let mut name = Der(name);
    while !name.0.is_empty() {
        let mut set = Der(name.expect(tag::SET)?);
        let mut attributes = Vec::new();
        while !set.0.is_empty() {
            let mut attribute = Der(set.expect(tag::SEQUENCE)?);
            let kind = attribute.expect(tag::OBJECT_IDENTIFIER)?;
            let (tag, value) = attribute.next()?;
            if !attribute.0.is_empty() {
                return Err(DAMAGED);
            }
            let value = match string(tag, value)? {
                Some(text) => element(tag::UTF8_STRING, normalised(&text).as_bytes()),
                None => element(tag, value),
            };
            attributes.push(element(tag::SEQUENCE, &[element(tag::OBJECT_IDENTIFIER, kind), value].concat()));
        }
        attributes.sort();
        out.extend(element(tag::SET, &attributes.concat()));
    }
    Ok(out)
}

/// The text of a string of one of the types in `ASN1_MASK_CANON`; OpenSSL reads Teletex as Latin-1.
fn string(tag: u8, value: &[u8]) -> Result<Option<String>, &'static str> {
    let text = match tag {
        tag::UTF8_STRING => str::from_utf8(value).ok().map(str::to_owned),
        tag::PRINTABLE_STRING | tag::TELETEX_STRING | tag::IA5_STRING | tag::VISIBLE_STRING => {
            Some(value.iter().copied().map(char::from).collect())
        }
        tag::BMP_STRING => match value.as_chunks::<2>() {
            (units, []) => units.iter().map(|unit| char::from_u32(u16::from_be_bytes(*unit).into())).collect(),
            _ => None,
        },
        tag::UNIVERSAL_STRING => match value.as_chunks::<4>() {
            (units, []) => units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect(),
            _ => None,
        },
        _ => return Ok(None),
    };
    text.map(Some).ok_or("a certificate's subject is not text")
}

/// ASCII letters lower-case, no space around, one space for several (`asn1_string_canon`).
fn normalised(text: &str) -> String {
    let words = text.split([' ', '\t', '\n', '\x0b', '\x0c', '\r']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

#[cfg(test)]
mod tests;

//! Whose signatures count: [`Keyring`], and what a clear-signed document is worth by it.
//!
//! The mathematics is the `pgp` crate's. All that makes a good signature a trusted one is decided
//! here (RFC 9580, sections 5.2 and 10.1): which primary keys are believed, that a subkey is bound
//! both ways, who may sign, expiry, revocation, and which hashes are strong enough. A document with
//! anything around the one signed text is refused (RUSTSEC-2024-0447).

use std::fmt;
use std::io::Cursor;

use pgp::composed::{CleartextSignedMessage, Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, PublicParams, Tag, Timestamp, VerifyingKey};
use serde::Deserialize;

use crate::error::{Error, Failure};
use crate::problem::codes::debian as codes;
use crate::problem::{At, Problem};

/// Largest clear-signed document. Debian's largest has 150 KiB.
const LARGEST_DOCUMENT: usize = 8 << 20;
/// Largest file of keys. Debian's whole keyring has 56 KiB.
const LARGEST_KEYS: usize = 4 << 20;
/// Most signatures of one document. Debian's have three.
const MOST_SIGNATURES: usize = 16;
/// Seconds that a date may lie ahead of the clock, as apt's `Acquire::Max-FutureTime`.
pub(super) const MAX_FUTURE: u64 = 10;
/// Shortest RSA modulus in bytes: 2048 bits (NIST SP 800-131A).
const SHORTEST_RSA: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownKeys {
    key: Vec<KnownKey>,
}

/// A primary key of Debian's archives: data of `keys.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownKey {
    /// Fingerprint of the primary key, upper-case hexadecimal.
    pub fingerprint: String,
    /// Its user ID without the address.
    pub what: String,
}

/// The primary keys that are believed wherever their material comes from.
///
/// # Errors
/// [`Error::Registry`] where `keys.toml` itself is broken, which a test excludes.
pub fn known_keys() -> Result<Vec<KnownKey>, Error> {
    let keys: KnownKeys = toml::from_str(include_str!("keys.toml")).map_err(|e| Error::registry("keys.toml", e))?;
    Ok(keys.key)
}

/// The public keys that a signature may come from.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<SignedPublicKey>,
    /// The machine's files that could not be read, each with the reason.
    unread: Vec<String>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

impl Keyring {
    /// Reads keys, binary or armoured. Of `files` (name and bytes) only keys that [`known_keys`]
    /// names are taken, and one that cannot be read is another vendor's affair until no key is left;
    /// of `extra`, which the user named in `[debian] keys`, all.
    ///
    /// # Errors
    /// A `bad-key` problem where one of `extra` holds no OpenPGP keys.
    pub fn read(files: &[(String, Vec<u8>)], extra: &[(At, Vec<u8>)]) -> Result<Self, Failure> {
        let known = known_keys()?;
        let mut keys = Vec::new();
        let mut unread = Vec::new();
        for (name, bytes) in files {
            match read_keys(bytes) {
                Ok(found) => {
                    let trusted =
                        found.into_iter().filter(|key| known.iter().any(|k| k.fingerprint == fingerprint(key)));
                    keys.extend(trusted);
                }
                Err(reason) => unread.push(format!("{name} cannot be read: {reason}")),
            }
        }
        let mut problems = Vec::new();
        for (at, bytes) in extra {
            match read_keys(bytes) {
                Ok(found) => keys.extend(found),
                Err(reason) => problems.push(
                    Problem::new(codes::BAD_KEY, format!("the file holds no OpenPGP public keys: {reason}"))
                        .at(at, "named here")
                        .help("export the key: `gpg --export FINGERPRINT > key.gpg`"),
                ),
            }
        }
        if problems.is_empty() { Ok(Self { keys, unread }) } else { Err(problems.into()) }
    }

    /// Fingerprints of the primary keys, upper-case hexadecimal.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(fingerprint)
    }

    /// The text of a clear-signed document, and the fingerprints of the primary keys whose
    /// signatures on it are good at `now` (seconds since 1970): at least one.
    ///
    /// # Errors
    /// [`Error::Registry`] about `what`, with what is wrong with each signature where none is good.
    pub(super) fn verify(&self, what: &str, document: &[u8], now: u64) -> Result<(String, Vec<String>), Error> {
        if self.keys.is_empty() {
            let reason = "no trusted key is at hand: install debian-archive-keyring, or name keys in [debian] keys";
            let reasons = [reason.to_owned()].into_iter().chain(self.unread.iter().cloned());
            return Err(Error::registry(what, reasons.collect::<Vec<_>>().join("; ")));
        }
        let text = one_document(document).map_err(|reason| Error::registry(what, reason))?;
        let (message, _) = CleartextSignedMessage::from_string(text)
            .map_err(|e| Error::registry(what, format!("not a clear-signed document: {e}")))?;
        if message.signatures().len() > MOST_SIGNATURES {
            return Err(Error::registry(what, format!("more than {MOST_SIGNATURES} signatures")));
        }
        let signed = message.signed_text();
        let mut good = Vec::new();
        let mut reasons = Vec::new();
        for signature in message.signatures() {
            match self.signer(signature, signed.as_bytes(), now) {
                Ok(key) => good.push(fingerprint(key)),
                Err(reason) => reasons.push(reason),
            }
        }
        if good.is_empty() {
            let reasons = if reasons.is_empty() { "it has none".to_owned() } else { reasons.join("; ") };
            return Err(Error::registry(what, format!("no signature by a trusted key: {reasons}")));
        }
        good.sort();
        good.dedup();
        Ok((signed, good))
    }

    /// The key that made a signature, if everything about both is in order.
    fn signer(&self, signature: &Signature, signed: &[u8], now: u64) -> Result<&SignedPublicKey, String> {
        let issuer = issuer(signature);
        if !matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary)) {
            return Err(format!("signature by {issuer} is not one of a document"));
        }
        check_form(signature, now).map_err(|reason| format!("signature by {issuer} {reason}"))?;
        let mut verdict = format!("key {issuer} is unknown");
        for key in &self.keys {
            let made = if names(signature, &key.primary_key) {
                signature.verify(&key.primary_key, signed).map_err(|_| "does not fit the text".to_owned()).and_then(
                    |()| {
                        let own = primary_state(key, now)?;
                        may_sign(own, &key.primary_key, signature)
                    },
                )
            } else if let Some(subkey) = key.public_subkeys.iter().find(|subkey| names(signature, &subkey.key)) {
                signature.verify(&subkey.key, signed).map_err(|_| "does not fit the text".to_owned()).and_then(|()| {
                    primary_state(key, now)?;
                    may_sign(subkey_state(key, subkey, now)?, &subkey.key, signature)
                })
            } else {
                continue;
            };
            match made {
                Ok(()) => return Ok(key),
                Err(reason) => verdict = format!("signature by {issuer} {reason}"),
            }
        }
        Err(verdict)
    }
}

fn fingerprint(key: &SignedPublicKey) -> String {
    format!("{:X}", key.primary_key.fingerprint())
}

/// Whom a signature names as its maker: fingerprint or key id, for people.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|f| format!("{f:X}"));
    let id = || signature.issuer_key_id().first().map(|id| format!("{id}").to_uppercase());
    fingerprint.or_else(id).unwrap_or_else(|| "nobody".to_owned())
}

fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let prints = signature.issuer_fingerprint();
    if prints.is_empty() {
        return signature.issuer_key_id().contains(&&key.legacy_key_id());
    }
    prints.contains(&&key.fingerprint())
}

fn read_keys(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, String> {
    if bytes.len() > LARGEST_KEYS {
        return Err(format!("it is larger than {LARGEST_KEYS} bytes"));
    }
    let (keys, _) = SignedPublicKey::from_reader_many(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    if keys.is_empty() { Err("it is empty".to_owned()) } else { Ok(keys) }
}

/// The document as text, if it is exactly one clear-signed message from the first byte to the last.
fn one_document(document: &[u8]) -> Result<&str, String> {
    const ARMOUR: [&str; 3] =
        ["-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"];
    if document.len() > LARGEST_DOCUMENT {
        return Err(format!("larger than {LARGEST_DOCUMENT} bytes"));
    }
    if document.iter().any(|b| matches!(b, 0 | b'\r')) {
        return Err("it holds a NUL or a carriage return".to_owned());
    }
    let text = std::str::from_utf8(document).map_err(|_| "it is not UTF-8".to_owned())?;
    if !text.starts_with(ARMOUR[0]) || !text.trim_end_matches('\n').ends_with(ARMOUR[2]) {
        return Err("there is text outside of the signed document, or no signed document".to_owned());
    }
    if !text.lines().filter(|line| line.starts_with("-----")).eq(ARMOUR) {
        return Err("it is not exactly one signed document".to_owned());
    }
    Ok(text)
}

/// What every signature must be, whatever it signs: of a strong hash, made before now, not expired,
/// with no critical demand that is not understood.
fn check_form(signature: &Signature, now: u64) -> Result<(), String> {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    let config = signature.config().ok_or("is of an unknown version")?;
    if !matches!(config.hash_alg, Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512) {
        return Err(format!("uses the weak hash {}", config.hash_alg));
    }
    let unknown = |data: &SubpacketData| {
        matches!(data, SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_))
    };
    if config.hashed_subpackets().any(|packet| packet.is_critical && unknown(&packet.data)) {
        return Err("makes a critical demand that is not understood".to_owned());
    }
    let made = signature.created().ok_or("has no date")?;
    if u64::from(made.as_secs()) > now.saturating_add(MAX_FUTURE) {
        return Err("is dated in the future".to_owned());
    }
    if ended(made, signature.signature_expiration_time(), now) {
        return Err("has expired".to_owned());
    }
    Ok(())
}

/// Whether a span that began at `from` is over; an absent or zero span never is (RFC 9580, 5.2.3.13).
fn ended(from: Timestamp, span: Option<Duration>, now: u64) -> bool {
    let span = span.map_or(0, Duration::as_secs);
    span != 0 && u64::from(from.as_secs()) + u64::from(span) <= now
}

/// Of the self-signatures in force the newest decides (RFC 9580, 5.2.3.10).
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created().map(Timestamp::as_secs))
}

/// The self-signature that is in force for a primary key that is neither expired nor revoked.
fn primary_state(key: &SignedPublicKey, now: u64) -> Result<&Signature, String> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
        return Err("is by a revoked key".to_owned());
    }
    let own = |signature: &&Signature| names(signature, primary) && check_form(signature, now).is_ok();
    let direct = key.details.direct_signatures.iter().filter(own).filter(|s| s.verify_key(primary).is_ok());
    let users = key.details.users.iter().flat_map(|user| {
        let sound = move |s: &Signature| s.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let revoked = user
            .signatures
            .iter()
            .any(|s| s.typ() == Some(SignatureType::CertRevocation) && names(s, primary) && sound(s));
        let of_user = user.signatures.iter().filter(own);
        of_user.filter(move |s| !revoked && s.typ() != Some(SignatureType::CertRevocation) && sound(s))
    });
    let state = newest(direct.chain(users)).ok_or("is by a key without a sound self-signature")?;
    if ended(primary.created_at(), state.key_expiration_time(), now) {
        return Err("is by an expired key".to_owned());
    }
    Ok(state)
}

/// The binding in force of a subkey that is neither expired nor revoked and is bound both ways.
fn subkey_state<'a>(key: &SignedPublicKey, subkey: &'a SignedPublicSubKey, now: u64) -> Result<&'a Signature, String> {
    let primary = &key.primary_key;
    let sound = |signature: &Signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok();
    let is = |signature: &Signature, typ| signature.typ() == Some(typ);
    if subkey.signatures.iter().any(|s| is(s, SignatureType::SubkeyRevocation) && sound(s)) {
        return Err("is by a revoked subkey".to_owned());
    }
    let bindings = subkey
        .signatures
        .iter()
        .filter(|s| is(s, SignatureType::SubkeyBinding) && check_form(s, now).is_ok() && sound(s));
    let binding = newest(bindings).ok_or("is by a subkey that its primary key does not bind")?;
    if ended(subkey.key.created_at(), binding.key_expiration_time(), now) {
        return Err("is by an expired subkey".to_owned());
    }
    // RFC 9580, 5.2.1.9: a signing subkey must itself have agreed to the binding.
    let agreed = binding.embedded_signature().is_some_and(|back| {
        check_form(back, now).is_ok() && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
    });
    if agreed { Ok(binding) } else { Err("is by a subkey that never agreed to its primary key".to_owned()) }
}

/// Whether a key in this state may have made this signature: by its flags, age and strength.
fn may_sign(state: &Signature, key: &impl VerifyingKey, made: &Signature) -> Result<(), String> {
    if !state.key_flags().sign() {
        return Err("is by a key that may not sign".to_owned());
    }
    if made.created().is_none_or(|at| at.as_secs() < key.created_at().as_secs()) {
        return Err("is older than its key".to_owned());
    }
    match key.public_params() {
        PublicParams::RSA(rsa) if rsa.write_len() > SHORTEST_RSA => Ok(()),
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => Ok(()),
        PublicParams::RSA(_) => Err("is by an RSA key shorter than 2048 bits".to_owned()),
        _ => Err("is by a key that is neither RSA nor Ed25519".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] = include_bytes!("../../tests/data/debian/silent.InRelease");
    const NOW: u64 = 1_780_272_000;

    fn keyring(change: impl FnOnce(&mut Vec<SignedPublicKey>)) -> Keyring {
        let mut keys = read_keys(include_bytes!("../../tests/data/debian/keys.gpg")).unwrap();
        change(&mut keys);
        Keyring { keys, unread: Vec::new() }
    }

    fn signing(keys: &mut [SignedPublicKey]) -> &mut SignedPublicKey {
        let found = keys.iter_mut().find(|key| key.details.users.iter().any(|u| u.id.id().starts_with(b"silent")));
        found.unwrap()
    }

    #[test]
    fn a_subkey_must_be_bound_both_ways() {
        assert!(keyring(|_| ()).verify("R", DOCUMENT, NOW).is_ok());

        let stolen = keyring(|keys| {
            let subkeys = std::mem::take(&mut signing(keys).public_subkeys);
            keys[0].public_subkeys.extend(subkeys);
        });
        let reason = stolen.verify("R", DOCUMENT, NOW).unwrap_err().to_string();
        assert!(reason.ends_with("is by a subkey that its primary key does not bind"), "{reason}");

        let unbound = keyring(|keys| signing(keys).public_subkeys[0].signatures.clear());
        let reason = unbound.verify("R", DOCUMENT, NOW).unwrap_err().to_string();
        assert!(reason.ends_with("is by a subkey that its primary key does not bind"), "{reason}");

        let silent = keyring(|keys| {
            let binding = &mut signing(keys).public_subkeys[0].signatures[0];
            let at = binding
                .config()
                .unwrap()
                .unhashed_subpackets()
                .position(|p| matches!(p.data, SubpacketData::EmbeddedSignature(_)));
            binding.unhashed_subpacket_remove(at.unwrap()).unwrap();
        });
        let reason = silent.verify("R", DOCUMENT, NOW).unwrap_err().to_string();
        assert!(reason.ends_with("is by a subkey that never agreed to its primary key"), "{reason}");
    }

    #[test]
    fn a_key_needs_a_self_signature() {
        let bare = keyring(|keys| signing(keys).details.users.clear());
        let reason = bare.verify("R", DOCUMENT, NOW).unwrap_err().to_string();
        assert!(reason.ends_with("is by a key without a sound self-signature"), "{reason}");
    }
}

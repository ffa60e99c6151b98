use super::*;
use crate::digest::Digest;

/// UTF8String: C=HU, O="  Étoile   BLANCHE  ", CN="Root\tCA  Főtan".
const UTF8: &str = "\
-----BEGIN CERTIFICATE-----
MIIBzzCCAXagAwIBAgIBATAKBggqhkjOPQQDAjBHMQswCQYDVQQGEwJIVTEeMBwG
A1UECgwVICDDiXRvaWxlICAgQkxBTkNIRSAgMRgwFgYDVQQDDA9Sb290CUNBICBG
xZF0YW4wHhcNMjYxMTI1MDgyMzAzWhcNMzYxMTIyMDgyMzAzWjBHMQswCQYDVQQG
EwJIVTEeMBwGA1UECgwVICDDiXRvaWxlICAgQkxBTkNIRSAgMRgwFgYDVQQDDA9S
b290CUNBICBGxZF0YW4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASoy4E/Lecf
sWoii36zAPeX5HimxML4Qyv+T1UBdxfUa01TPvKS+SrHX+tqCPMdOD7/czVc6Ovg
5q2+G04yyAXzo1MwUTAdBgNVHQ4EFgQUFyp7Yx37YusW/TXUAqAv05ZNr9swHwYD
VR0jBBgwFoAUFyp7Yx37YusW/TXUAqAv05ZNr9swDwYDVR0TAQH/BAUwAwEB/zAK
BggqhkjOPQQDAgNHADBEAiALI1G4K4nw8IGnf1TakIN8WEVB3eDLHC6zG5zgHzls
LgIgN9PHoKzlPCPVsH0NkymsoDFihxFHisCrXnr9ipsQoK0=
-----END CERTIFICATE-----
";
/// TeletexString: C=DE, O="Übung  Firma", CN=Wurzel; version 1.
const TELETEX: &str = "\
-----BEGIN CERTIFICATE-----
MIIBUDCB+AIBAjAKBggqhkjOPQQDAjA1MQswCQYDVQQGEwJERTEVMBMGA1UEChQM
3GJ1bmcgIEZpcm1hMQ8wDQYDVQQDEwZXdXJ6ZWwwHhcNMjYxMTI1MDgyMzAzWhcN
MzYxMTIyMDgyMzAzWjA1MQswCQYDVQQGEwJERTEVMBMGA1UEChQM3GJ1bmcgIEZp
cm1hMQ8wDQYDVQQDEwZXdXJ6ZWwwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASo
y4E/LecfsWoii36zAPeX5HimxML4Qyv+T1UBdxfUa01TPvKS+SrHX+tqCPMdOD7/
czVc6Ovg5q2+G04yyAXzMAoGCCqGSM49BAMCA0cAMEQCIC0IEd3gOxgZicupYD1H
lawR9Norws3VCJfpEL6pzn/wAiB5kYdeYH3dAuuIKrTtPOoqu5QbOqwPywBImljc
v9o0mg==
-----END CERTIFICATE-----
";
/// C=XX and one set of O=Mm, OU="zz Unit", CN="aa  Name", whose order changes with the space.
const SET: &str = "\
-----BEGIN CERTIFICATE-----
MIIBXzCCAQQCAQMwCgYIKoZIzj0EAwIwOzELMAkGA1UEBhMCWFgxLDAJBgNVBAoM
Ak1tMA4GA1UECwwHenogVW5pdDAPBgNVBAMMCGFhICBOYW1lMB4XDTI2MTEyNTA4
MjMwM1oXDTM2MTEyMjA4MjMwM1owOzELMAkGA1UEBhMCWFgxLDAJBgNVBAoMAk1t
MA4GA1UECwwHenogVW5pdDAPBgNVBAMMCGFhICBOYW1lMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEqMuBPy3nH7FqIot+swD3l+R4psTC+EMr/k9VAXcX1GtNUz7y
kvkqx1/ragjzHTg+/3M1XOjr4OatvhtOMsgF8zAKBggqhkjOPQQDAgNJADBGAiEA
u0/jfySfber61RT0xwkSkurmH6igOhrGk9RmDxR4gAICIQC57QH11zXhbVdsytM/
16hyMqCn05JvNkDmmBPVY/0eJw==
-----END CERTIFICATE-----
";

fn file(stem: &str, text: &str) -> (String, Vec<u8>) {
    (stem.to_owned(), text.as_bytes().to_vec())
}

fn refused(files: &[(String, Vec<u8>)]) -> String {
    bundle(files, 0).unwrap_err().to_string()
}

/// What `openssl x509 -subject_hash` prints of each.
#[test]
fn subject_hashes_are_openssl_s() {
    for (text, expected) in [(UTF8, 0xee79_b211), (TELETEX, 0x9575_050b), (SET, 0x899c_0294_u32)] {
        assert_eq!(subject_hash(&ders(text.as_bytes()).unwrap()[0]), Ok(expected), "{text}");
    }
}

#[test]
fn strings_of_wide_types_are_text() {
    let cases: [(u8, &[u8], _); 6] = [
        (tag::BMP_STRING, b"\x01\x51\0a", Ok(Some("őa".to_owned()))),
        (tag::BMP_STRING, b"\xd8\0", Err("a certificate's subject is not text")),
        (tag::UNIVERSAL_STRING, b"\0\x01\xf6\0", Ok(Some("\u{1f600}".to_owned()))),
        (tag::UNIVERSAL_STRING, b"\0\0a", Err("a certificate's subject is not text")),
        (tag::UTF8_STRING, b"\xff", Err("a certificate's subject is not text")),
        (3, b"\0\x01", Ok(None)),
    ];
    for (tag, value, expected) in cases {
        assert_eq!(string(tag, value), expected, "{tag} {value:?}");
    }
    assert_eq!(normalised(" \x0b A \t\u{c9}  z\r\n"), "a \u{c9} z");
}

#[test]
fn the_three_forms_of_a_store() {
    let both = format!("a comment\n{UTF8}{}", SET.replace('\n', "\r\n"));
    let mut files = [
        file("B", TELETEX.trim_end()),
        file("B-2", TELETEX),
        file("C", SET),
        file("Főtan (1)", UTF8),
        file("Two", &both),
    ];
    let made = bundle(&files, 1_700_000_000).unwrap();
    // In the C locale `B-2.crt` sorts before `B.crt`.
    assert_eq!(String::from_utf8_lossy(&made.pem), [TELETEX, TELETEX, SET, UTF8, &both].concat());
    // B repeats the certificate of B-2, and Two holds two.
    let links = [("899c0294.0", "C.pem"), ("9575050b.0", "B-2.pem"), ("ee79b211.0", "Főtan_=1=.pem")];
    assert_eq!(made.hashes, links.map(|(link, to)| (link.to_owned(), to.to_owned())));
    // Of a keystore written by another program and listed by keytool.
    let digest = "8715608ae0e83cf66f8189e917a8528ca5016e47f74bae866889d3987228b70b";
    assert_eq!(Digest::of(&made.keystore).hex(), digest);
    files.reverse();
    assert_eq!(bundle(&files, 1_700_000_000).unwrap(), made);
}

/// Another certificate of the same subject gets the next number, in the order of names.
#[test]
fn equal_subjects_are_counted() {
    let mut other = ders(TELETEX.as_bytes()).unwrap().remove(0);
    *other.last_mut().unwrap() ^= 1;
    let certificates = [ders(TELETEX.as_bytes()).unwrap().remove(0), other].map(|der| (der, 1));
    let named = certificates.into_iter().zip(["A.pem", "B.pem"]);
    let read: Vec<_> =
        named.map(|((der, of), link)| Certificate { link: link.to_owned(), place: 1, of, der }).collect();
    let links = [("9575050b.0", "A.pem"), ("9575050b.1", "B.pem")];
    assert_eq!(hashes(&read).unwrap(), links.map(|(link, to)| (link.to_owned(), to.to_owned())));
}

#[test]
fn garbage_is_refused_with_its_name() {
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
    let wrapped = |body: &str| format!("{begin}{body}\n{end}");
    let damaged = |edit: fn(&mut Vec<u8>)| {
        let mut der = ders(SET.as_bytes()).unwrap().remove(0);
        edit(&mut der);
        subject_hash(&der)
    };
    let cases = [
        ("x", String::new(), "x.crt: there is no certificate in it"),
        ("x", "\0\u{1}junk".to_owned(), "x.crt: there is no certificate in it"),
        ("x", begin.to_owned(), "x.crt: the last certificate has no end"),
        ("x", end.to_owned(), "x.crt: there is something else than certificates in it"),
        ("x", format!("{SET}-----BEGIN PRIVATE KEY-----"), "x.crt: there is something else than certificates in it"),
        ("x", format!("{begin}{SET}"), "x.crt: there is something else than certificates in it"),
        ("x", wrapped("AAA"), "x.crt: a certificate is not base64"),
        ("x", wrapped("AA=A"), "x.crt: a certificate is not base64"),
        ("x", wrapped("AA==AAAA"), "x.crt: a certificate is not base64"),
        ("x", wrapped("AAA*"), "x.crt: a certificate is not base64"),
        ("x", wrapped("AB=="), "x.crt: a certificate is not base64"),
        ("x", wrapped(""), "x.pem: a certificate is not the DER of X.509"),
        ("x", wrapped("MAA="), "x.pem: a certificate is not the DER of X.509"),
        ("x", "A".repeat(MAX_FILE + 1), "x.crt: the file is larger than 1 MiB"),
        ("../x", SET.to_owned(), "../x.crt: this is no name of a certificate's file"),
        ("x\n", SET.to_owned(), "x\\n.crt: this is no name of a certificate's file"),
        ("", SET.to_owned(), ".crt: this is no name of a certificate's file"),
    ];
    for (stem, text, expected) in cases {
        assert_eq!(refused(&[file(stem, &text)]), expected);
    }
    let edits: [fn(&mut Vec<u8>); 4] = [
        |der| der.push(0),
        |der| der.truncate(der.len() - 1),
        |der| der[1] = 0x80,
        |der| drop(der.splice(1..2, [0x83, 0])),
    ];
    for edit in edits {
        assert_eq!(damaged(edit), Err(DAMAGED));
    }
    assert_eq!(
        refused(&[file("a b", SET), file("a,b", SET)]),
        "a,b.crt: another certificate's file has the same link in /etc/ssl/certs"
    );
    assert_eq!(
        refused(&[file("a", SET), file("A", SET)]),
        "a.pem: another file's name differs only in case: Java's keystore would hold only one"
    );
    assert_eq!(bundle(&[], u64::MAX).unwrap_err().to_string(), "cacerts: the date is beyond Java's");
}

#[test]
fn base64_of_every_length() {
    for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmE=", "fooba"), ("+/+/", "")]
    {
        let expected = if text == "+/+/" { vec![0xfb, 0xff, 0xbf] } else { bytes.as_bytes().to_vec() };
        assert_eq!(base64(text.as_bytes()), Some(expected));
    }
}

/// The example of `java.io.DataInput`: NUL and what is beyond the first plane.
#[test]
fn modified_utf8_is_java_s() {
    assert_eq!(modified_utf8("a\0é€\u{1f600}"), b"a\xc0\x80\xc3\xa9\xe2\x82\xac\xed\xa0\xbd\xed\xb8\x80");
}

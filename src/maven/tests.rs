use super::*;

#[test]
fn requests_read_as_written() {
    let read = |text| parse_request(text).map(|r| (r.artifact, r.version, r.extension, r.classifier));
    let all = |a: &str, v: Option<&str>, e: &str, c: &str| Ok((a.into(), v.map(Into::into), e.into(), c.into()));
    assert_eq!(read("g:a"), all("a", None, "jar", ""));
    assert_eq!(read("g:a:1"), all("a", Some("1"), "jar", ""));
    assert_eq!(read("g:a:zip:x:1"), all("a", Some("1"), "zip", "x"));
    assert!(read("g").is_err() && read("g:a/b:1").is_err());
}

#[test]
fn three_forms_of_sums() {
    let hex = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    for text in [hex.to_owned(), format!("{hex}  a.jar\n"), format!("SHA1(a.jar)= {hex}")] {
        assert_eq!(parse_checksum(&text, 40).as_deref(), Some(hex));
    }
    assert_eq!(parse_checksum("<html>", 40), None);
}

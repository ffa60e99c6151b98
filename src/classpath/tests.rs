use super::*;

/// A jar of stored entries, as the zip format has them.
fn jar(name: &str, stock: bool, entries: &[(&str, &[u8])]) -> Jar {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (path, data) in entries {
        let (size, length) = (u32::try_from(data.len()).unwrap(), u16::try_from(path.len()).unwrap());
        let crc: u32 = data.iter().fold(7, |sum: u32, b| sum.wrapping_mul(31).wrapping_add(u32::from(*b)));
        let offset = u32::try_from(bytes.len()).unwrap();
        let fields = [&[0; 8][..], &crc.to_le_bytes(), &size.to_le_bytes(), &size.to_le_bytes(), &length.to_le_bytes()];
        bytes.extend(
            [&b"PK\x03\x04\x14\0"[..], &[0; 8], &fields[1..].concat(), &[0; 2], path.as_bytes(), data].concat(),
        );
        let head = [&b"PK\x01\x02\x14\0\x14\0"[..], &fields.concat(), &[0; 12], &offset.to_le_bytes()].concat();
        directory.extend([&head, path.as_bytes()].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    bytes.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0; 2]].concat());
    Jar { name: name.to_owned(), via: "maven.jars".to_owned(), at: None, stock, bytes: Box::new(bytes) }
}

const JAVA_8: &[u8] = b"\xca\xfe\xba\xbe\0\0\0\x34";
const JAVA_8_OTHER: &[u8] = b"\xca\xfe\xba\xbe\0\0\0\x34\0";
const JAVA_21: &[u8] = b"\xca\xfe\xba\xbe\0\0\0\x41";

fn found(jars: &[Jar], require: &[&str]) -> Vec<(&'static str, String)> {
    let require: Vec<_> = require.iter().map(|name| Located { value: (*name).to_owned(), at: At::default() }).collect();
    verify(jars, 17, &require).unwrap().into_iter().map(|p| (p.code.name, p.message)).collect()
}

#[test]
fn problems_of_jars() {
    let stock = || jar("a-1.0.jar", true, &[("x/A.class", JAVA_8), ("x/B.class", JAVA_8)]);
    let one = |entries: &[(&str, &[u8])]| found(&[stock(), jar("b-2.0.jar", false, entries)], &[]);
    assert_eq!(one(&[("x/A.class", JAVA_8), ("x/C.class", JAVA_8)]), []);
    assert_eq!(one(&[("META-INF/versions/21/y/D.class", JAVA_21), ("module-info.class", JAVA_21)]), []);
    assert_eq!(
        one(&[("x/A.class", JAVA_8_OTHER), ("x/B.class", JAVA_8)]),
        [("duplicate-classes", "b-2.0.jar and Spark's own a-1.0.jar have 1 different classes of one name".to_owned())]
    );
    assert_eq!(
        one(&[("y/D.class", JAVA_21)]),
        [("class-too-new", "b-2.0.jar is compiled for Java 21, and the image has Java 17".to_owned())]
    );
    assert_eq!(
        found(&[stock(), jar("a-1.1.jar", false, &[("x/A.class", JAVA_8)])], &[]),
        [("two-versions-of-a-library", "a-1.1.jar and Spark's own a-1.0.jar are one library twice".to_owned())]
    );
    let twice = [stock(), jar("c-1.jar", true, &[("x/A.class", JAVA_8_OTHER)])];
    assert_eq!(found(&twice, &[]), [], "Spark's own duplicates");
}

#[test]
fn required_classes() {
    let jars = [jar("a-1.jar", true, &[("x/A.class", JAVA_8), ("x/A$B.class", JAVA_8)])];
    assert_eq!(found(&jars, &["x.A", "x/A", "x.A.B", "x.A$B"]), []);
    assert_eq!(found(&jars, &["z.A"]), [("class-missing", "no jar has the required class z.A".to_owned())]);
}

#[test]
fn what_is_no_jar_is_an_error() {
    for bytes in [Vec::new(), vec![0; 100], b"PK\x05\x06\0\0\0\0\x01\0\x01\0\xff\0\0\0\xff\0\0\0\0\0".to_vec()] {
        let jar = Jar { name: "x.jar".to_owned(), via: String::new(), at: None, stock: false, bytes: Box::new(bytes) };
        assert!(matches!(verify(&[jar], 17, &[]), Err(Error::Archive { .. })));
    }
}

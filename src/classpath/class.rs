//! Class files: the version in their first eight bytes (JVMS 4.1).

/// Length of the head: magic, minor and major version.
pub(super) const HEAD: usize = 8;

/// The major version, or `None` where the bytes are no class file.
pub(super) fn major(head: [u8; HEAD]) -> Option<u16> {
    let [0xca, 0xfe, 0xba, 0xbe, _, _, high, low] = head else { return None };
    Some(u16::from_be_bytes([high, low]))
}

/// The newest major version that a feature release of Java takes: 61 for 17 (JVMS, table 4.1-A).
pub(super) fn newest_for(java: u32) -> u16 {
    u16::try_from(java.saturating_add(44)).unwrap_or(u16::MAX)
}

/// The feature release of Java that introduced a major version.
pub(super) fn java_of(major: u16) -> u16 {
    major.saturating_sub(44)
}

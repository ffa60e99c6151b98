//! base-passwd's accounts, and the one that the app runs as.

use super::merge::Tree;
use super::{path, read};
use crate::error::Error;
use crate::outside::Blobs;
use crate::tree::{Entry, Source};

/// Number of the user and of the group, as in Spark's own image; name and home follow `spark/`.
const LINES: [(&str, &str, &str); 2] = [
    ("usr/share/base-passwd/passwd.master", "etc/passwd", "spark:*:185:185:Spark:/home/spark:/bin/sh\n"),
    ("usr/share/base-passwd/group.master", "etc/group", "spark:*:185:\n"),
];

/// `/etc/passwd`, `/etc/group` and the home directory. Nobody logs in: every password is `*`.
pub(super) fn add(tree: &mut Tree, blobs: &dyn Blobs) -> Result<(), Error> {
    for (master, at, own) in LINES {
        let mut text = read(tree, &path(master)?, blobs)?.unwrap_or_default();
        text.extend_from_slice(own.as_bytes());
        tree.put("", Entry::file(path(at)?, 0o644, Source::Bytes(text)));
    }
    tree.put("", Entry::directory(path("home/spark")?, 0o755).owned_by(185, 185));
    Ok(())
}

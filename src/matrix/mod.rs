//! The compatibility matrix: from a profile's pins to the one consistent [`Stack`].

use serde::{Deserialize, Serialize};

/// The row of the matrix that an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// PySpark's release: `3.5.9`.
    pub spark: String,
    /// Scala's binary version: `2.12`.
    pub scala: String,
    /// Version of the Hadoop client.
    pub hadoop: String,
    /// Java's feature release: `17`.
    pub java: String,
    /// Python's minor: `3.11`.
    pub python: String,
    /// Codename of the Debian suite.
    pub debian: String,
}

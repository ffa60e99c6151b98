//! maven.

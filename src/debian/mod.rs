//! debian.

pub mod deb;

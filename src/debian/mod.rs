//! debian.

pub mod keyring;
pub mod packages;
pub mod release;
pub mod version;

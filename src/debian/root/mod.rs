//! Debian's root file system: what the packages' scripts would have made.

mod ldso;

//! Tests of the whole room over an archive in a map.

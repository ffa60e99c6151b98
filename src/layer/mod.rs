//! layer.

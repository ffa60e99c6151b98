//! endpoints.

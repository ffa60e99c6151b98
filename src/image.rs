//! OCI documents as bytes.

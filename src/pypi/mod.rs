//! pypi.

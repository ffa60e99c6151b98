//! classpath.

//! spark.

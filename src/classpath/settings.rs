//! Classes that Spark's settings name: each is asked for by name when the session starts.

use crate::profile::Located;

/// Settings whose value is a list of classes, or one.
const CLASSES: [&str; 11] = [
    "spark.sql.extensions",
    "spark.serializer",
    "spark.closure.serializer",
    "spark.kryo.registrator",
    "spark.kryo.classesToRegister",
    "spark.extraListeners",
    "spark.plugins",
    "spark.sql.queryExecutionListeners",
    "spark.sql.streaming.streamingQueryListeners",
    "spark.sql.sources.commitProtocolClass",
    "spark.sql.parquet.output.committer.class",
];
/// Settings that take a short name or a class.
const EITHER: [&str; 3] = ["spark.shuffle.manager", "spark.io.compression.codec", "spark.sql.cache.serializer"];

/// The classes that these settings name, each at its value.
#[must_use]
pub fn named_classes(settings: &[(Located<String>, Located<String>)]) -> Vec<Located<String>> {
    let mut found = Vec::new();
    for (key, value) in settings {
        let names = value.value.split(',').map(str::trim).filter(|name| !name.is_empty());
        // A class outside of every package is no class of a library.
        let classes = names.filter(|name| is_class_setting(&key.value) && name.contains('.'));
        found.extend(classes.map(|name| Located { value: name.to_owned(), at: value.at.clone() }));
    }
    found
}

fn is_class_setting(key: &str) -> bool {
    // `spark.sql.catalog.NAME` is a class, `spark.sql.catalog.NAME.OPTION` belongs to it.
    let catalog = key.strip_prefix("spark.sql.catalog.").is_some_and(|name| !name.contains('.'));
    // FileSystem and AbstractFileSystem by scheme.
    let file_system = key.strip_prefix("spark.hadoop.fs.").is_some_and(|rest| rest.rsplit('.').next() == Some("impl"));
    catalog || file_system || CLASSES.contains(&key) || EITHER.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::At;

    #[test]
    fn settings_that_name_classes() {
        let named = |key: &str, value: &str| {
            let located = |text: &str| Located { value: text.to_owned(), at: At::default() };
            let found = named_classes(&[(located(key), located(value))]);
            found.into_iter().map(|class| class.value).collect::<Vec<_>>().join(" ")
        };
        for (key, value, expected) in [
            ("spark.sql.extensions", "a.B, c.D,", "a.B c.D"),
            ("spark.sql.catalog.spark_catalog", "a.Catalog", "a.Catalog"),
            ("spark.sql.catalog.lake.type", "a.b", ""),
            ("spark.hadoop.fs.abfss.impl", "a.Fs", "a.Fs"),
            ("spark.hadoop.fs.AbstractFileSystem.abfss.impl", "a.Afs", "a.Afs"),
            ("spark.hadoop.fs.abfss.impl.disable.cache", "true", ""),
            (
                "spark.serializer",
                "org.apache.spark.serializer.KryoSerializer",
                "org.apache.spark.serializer.KryoSerializer",
            ),
            ("spark.io.compression.codec", "zstd", ""),
            ("spark.sql.session.timeZone", "Europe.Berlin", ""),
        ] {
            assert_eq!(named(key, value), expected, "{key}");
        }
    }
}

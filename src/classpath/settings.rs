//! Classes that Spark's settings name, and how Spark makes an instance of each.

use crate::profile::Located;

/// A class that somebody will ask for by name.
#[derive(Debug, Clone)]
pub struct Required {
    /// Its binary or source name.
    pub class: Located<String>,
    /// What is done with it; none where it is only asked for.
    pub making: Option<&'static Making>,
}

impl From<Located<String>> for Required {
    fn from(class: Located<String>) -> Self {
        Self { class, making: None }
    }
}

/// How an instance is made of a class.
#[derive(Debug)]
pub struct Making {
    /// Internal name of what it must be.
    pub(super) of: &'static str,
    /// Descriptors of the constructors that are looked for, in their order; none where no instance is made.
    pub(super) constructors: &'static [&'static str],
    /// Whether class and constructor need not be public.
    pub(super) any_access: bool,
    /// Where Spark or Hadoop does it.
    pub(super) source: &'static str,
}

const NO_ARGUMENTS: &[&str] = &["()V"];
const CONF: &str = "(Lorg/apache/spark/SparkConf;)V";
const CONF_OR_NONE: &[&str] = &[CONF, "()V"];
const DRIVER_OR_CONF: &[&str] = &["(Lorg/apache/spark/SparkConf;Z)V", CONF, "()V"];
const PROTOCOL: &[&str] = &["(Ljava/lang/String;Ljava/lang/String;Z)V", "(Ljava/lang/String;Ljava/lang/String;)V"];
const FILE_SYSTEM: &[&str] = &["(Ljava/net/URI;Lorg/apache/hadoop/conf/Configuration;)V"];

const fn making(of: &'static str, constructors: &'static [&'static str], source: &'static str) -> Making {
    Making { of, constructors, any_access: false, source }
}

/// Settings whose value is a class or a list of them; `*` stands for one word. Read from the bytecode of
/// Spark 3.5.9 and Hadoop 3.3.4.
static SETTINGS: [(&str, Making); 19] = [
    ("spark.sql.extensions", making("scala/Function1", NO_ARGUMENTS, "SparkSession.applyExtensions")),
    ("spark.serializer", making("org/apache/spark/serializer/Serializer", DRIVER_OR_CONF, INSTANTIATE)),
    ("spark.closure.serializer", making("org/apache/spark/serializer/Serializer", DRIVER_OR_CONF, INSTANTIATE)),
    ("spark.shuffle.manager", making("org/apache/spark/shuffle/ShuffleManager", DRIVER_OR_CONF, INSTANTIATE)),
    (
        "spark.kryo.registrator",
        making("org/apache/spark/serializer/KryoRegistrator", NO_ARGUMENTS, "KryoSerializer.newKryo"),
    ),
    ("spark.kryo.classesToRegister", making("java/lang/Object", &[], "KryoSerializer.newKryo")),
    ("spark.extraListeners", making("org/apache/spark/scheduler/SparkListenerInterface", CONF_OR_NONE, EXTENSIONS)),
    ("spark.plugins", making("org/apache/spark/api/plugin/SparkPlugin", CONF_OR_NONE, EXTENSIONS)),
    (
        "spark.sql.queryExecutionListeners",
        making("org/apache/spark/sql/util/QueryExecutionListener", CONF_OR_NONE, EXTENSIONS),
    ),
    (
        "spark.sql.streaming.streamingQueryListeners",
        making("org/apache/spark/sql/streaming/StreamingQueryListener", CONF_OR_NONE, EXTENSIONS),
    ),
    (
        "spark.sql.sources.commitProtocolClass",
        Making {
            of: "org/apache/spark/internal/io/FileCommitProtocol",
            constructors: PROTOCOL,
            any_access: false,
            source: "FileCommitProtocol.instantiate",
        },
    ),
    (
        "spark.sql.streaming.commitProtocolClass",
        making("org/apache/spark/internal/io/FileCommitProtocol", PROTOCOL, "FileCommitProtocol.instantiate"),
    ),
    // Which constructor is called depends on what the committer extends.
    (
        "spark.sql.parquet.output.committer.class",
        making("org/apache/hadoop/mapreduce/OutputCommitter", &[], "SQLHadoopMapReduceCommitProtocol"),
    ),
    (
        "spark.io.compression.codec",
        making("org/apache/spark/io/CompressionCodec", &[CONF], "CompressionCodec.createCodec"),
    ),
    (
        "spark.sql.cache.serializer",
        making("org/apache/spark/sql/columnar/CachedBatchSerializer", NO_ARGUMENTS, "InMemoryRelation.getSerializer"),
    ),
    (
        "spark.sql.catalog.*",
        making("org/apache/spark/sql/connector/catalog/CatalogPlugin", NO_ARGUMENTS, "Catalogs.load"),
    ),
    ("spark.sql.catalog.*.driver", making("java/sql/Driver", NO_ARGUMENTS, "DriverRegistry.register")),
    (
        "spark.hadoop.fs.*.impl",
        Making {
            of: "org/apache/hadoop/fs/FileSystem",
            constructors: NO_ARGUMENTS,
            any_access: true,
            source: "ReflectionUtils.newInstance",
        },
    ),
    (
        "spark.hadoop.fs.AbstractFileSystem.*.impl",
        Making {
            of: "org/apache/hadoop/fs/AbstractFileSystem",
            constructors: FILE_SYSTEM,
            any_access: true,
            source: "AbstractFileSystem.newInstance",
        },
    ),
];
const INSTANTIATE: &str = "Utils.instantiateSerializerOrShuffleManager";
const EXTENSIONS: &str = "Utils.loadExtensions";

/// The classes that these settings name, each at its value.
#[must_use]
pub fn named_classes(settings: &[(Located<String>, Located<String>)]) -> Vec<Required> {
    let mut found = Vec::new();
    for (key, value) in settings {
        let Some((_, making)) = SETTINGS.iter().find(|(pattern, _)| matches(pattern, &key.value)) else { continue };
        let names = value.value.split(',').map(str::trim).filter(|name| !name.is_empty());
        // A class outside of every package is no class of a library, and a short name is none at all.
        found.extend(names.filter(|name| name.contains('.')).map(|name| Required {
            class: Located { value: name.to_owned(), at: value.at.clone() },
            making: Some(making),
        }));
    }
    found
}

/// Whether a key is of that pattern.
fn matches(pattern: &str, key: &str) -> bool {
    let (mut wanted, mut words) = (pattern.split('.'), key.split('.'));
    loop {
        match (wanted.next(), words.next()) {
            (None, None) => return true,
            (Some(wanted), Some(word)) if wanted == "*" || wanted == word => {}
            _ => return false,
        }
    }
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
            let shown = found.into_iter().map(|required| {
                let making = required.making.map_or("", |making| making.of.rsplit('/').next().unwrap_or_default());
                format!("{}: {making}", required.class.value)
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        for (key, value, expected) in [
            ("spark.sql.extensions", "a.B, c.D,", "a.B: Function1 c.D: Function1"),
            ("spark.sql.catalog.spark_catalog", "a.Catalog", "a.Catalog: CatalogPlugin"),
            ("spark.sql.catalog.lake.type", "a.b", ""),
            ("spark.sql.catalog.pg.driver", "org.postgresql.Driver", "org.postgresql.Driver: Driver"),
            ("spark.hadoop.fs.abfss.impl", "a.Fs", "a.Fs: FileSystem"),
            ("spark.hadoop.fs.AbstractFileSystem.abfss.impl", "a.Afs", "a.Afs: AbstractFileSystem"),
            ("spark.hadoop.fs.abfss.impl.disable.cache", "true", ""),
            ("spark.serializer", "a.KryoSerializer", "a.KryoSerializer: Serializer"),
            ("spark.io.compression.codec", "zstd", ""),
            ("spark.sql.session.timeZone", "Europe.Berlin", ""),
        ] {
            assert_eq!(named(key, value), expected, "{key}");
        }
    }
}

//! Data sources, drivers, file systems and files.

use super::{PROFILE, found, said, said_of, shown};

#[test]
fn data_sources_and_their_jars() {
    insta::assert_snapshot!(said("def run(spark, df):
    spark.read.format('delta').load('/data')
    df.write.format('Kafka').option('x', 1).save()
    spark.readStream.format('cosmos.oltp').load()
    spark.read.format('parquet').load('/data')
    spark.read.format('iceberg').load('db.t')
    'a {}'.format('avro')
"), @r#"
    error[data-source-missing] :2 'delta' -- no jar in the image has the data source `delta` => `[maven] jars = ["io.delta:delta-spark_2.12:3.3.3"]` => `[spark.conf]` with "spark.sql.extensions" = "io.delta.sql.DeltaSparkSessionExtension" and "spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    error[data-source-missing] :3 'Kafka' -- no jar in the image has the data source `Kafka` => `[maven] jars = ["org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.9"]`
    error[data-source-missing] :4 'cosmos.oltp' -- no jar in the image has the data source `cosmos.oltp` => `[maven] jars = ["com.azure.cosmos.spark:azure-cosmos-spark_3-5_2-12:4.49.2"]`
    "#);
    insta::assert_snapshot!(said("def run(spark):
    spark.read.format('com.example.Source').load()
    spark.read.format('com.example.wide').load()
    spark.read.format('com.example.other').load()
    spark.read.format('org.apache.spark.sql.parquet').load()
    spark.read.format('my_own_source').load()
"), @"error[data-source-missing] :4 'com.example.other' -- no jar in the image has the data source `com.example.other` => name the jar that has it in `[maven] jars` or `[maven] files`");
    insta::assert_snapshot!(said("def run(spark, name):
    spark.sql(f'CREATE TABLE {name} (a INT) USING delta')
    spark.sql('CREATE TABLE t (a INT) USING DELTA LOCATION \"/data\"')
    spark.sql('MERGE INTO a USING b ON a.x = b.x')
"), @r#"error[data-source-missing] :3 'CREATE TABLE t (a INT) USING DELTA LOCATION "/data"' -- no jar in the image has the data source `DELTA` => `[maven] jars = ["io.delta:delta-spark_2.12:3.3.3"]` => `[spark.conf]` with "spark.sql.extensions" = "io.delta.sql.DeltaSparkSessionExtension" and "spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog""#);
    insta::assert_snapshot!(said("from delta.tables import DeltaTable\nfrom pyspark.sql.avro.functions import from_avro\n"), @r#"
    error[data-source-missing] :1 delta.tables -- `delta.tables` calls classes that no jar in the image has => `[maven] jars = ["io.delta:delta-spark_2.12:3.3.3"]` => `[spark.conf]` with "spark.sql.extensions" = "io.delta.sql.DeltaSparkSessionExtension" and "spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    error[data-source-missing] :2 pyspark.sql.avro.functions -- `pyspark.sql.avro.functions` calls classes that no jar in the image has => `[maven] jars = ["org.apache.spark:spark-avro_2.12:3.5.9"]`
    "#);
}

#[test]
fn drivers_of_jdbc() {
    insta::assert_snapshot!(said("URL = 'jdbc:sqlserver://host:1433;databaseName=x'
def run(spark, df):
    spark.read.jdbc(URL, 't', properties={'driver': 'com.microsoft.sqlserver.jdbc.SQLServerDriver'})
    df.write.format('jdbc').option('url', 'jdbc:mysql://host/x').option('driver', 'com.mysql.cj.jdbc.Driver').save()
    spark.read.format('jdbc').options(url='jdbc:postgresql://host/x', driver='org.postgresql.Driver').load()
    spark.read.format('jdbc').option('driver', 'com.acme.Driver').load()
"), @r#"
    error[jdbc-driver-missing] :3 URL -- no jar in the image has a JDBC driver for `jdbc:sqlserver:` => `[maven] jars = ["com.microsoft.sqlserver:mssql-jdbc:13.4.0.jre11"]`
    error[jdbc-driver-missing] :4 'jdbc:mysql://host/x' -- no jar in the image has a JDBC driver for `jdbc:mysql:` => `[maven] jars = ["com.mysql:mysql-connector-j:VERSION"]`
    error[jdbc-driver-missing] :6 'com.acme.Driver' -- no jar in the image has the JDBC driver com.acme.Driver => name the jar that has it in `[maven] jars` or `[maven] files`
    "#);
    insta::assert_snapshot!(said("URL = 'jdbc:oracle:thin:@host:1521/x'\n"), @r#"warning[jdbc-driver-missing] :1 'jdbc:oracle:thin:@host:1521/x' -- no jar in the image has a JDBC driver for `jdbc:oracle:` => `[maven] jars = ["com.oracle.database.jdbc:ojdbc11:VERSION"]`"#);
}

#[test]
fn file_systems() {
    insta::assert_snapshot!(said("ACCOUNT = 'x'
IN = f'abfss://in@{ACCOUNT}.dfs.core.windows.net/a'
def run(spark, df):
    spark.read.parquet(IN)
    df.write.csv('s3a://bucket/out')
    spark.read.load('wasbs://c@x.blob.core.windows.net/')
    spark.sparkContext.textFile('hdfs://name/x')
    spark.read.json('https://host/x')
"), @r#"
    error[file-system-missing] :4 IN -- no jar in the image has a file system for `abfss://` => `[maven] jars = ["org.apache.hadoop:hadoop-azure:3.3.4"]`
    error[file-system-missing] :5 's3a://bucket/out' -- no jar in the image has a file system for `s3a://` => `[maven] jars = ["org.apache.hadoop:hadoop-aws:3.3.4"]`
    error[file-system-missing] :6 'wasbs://c@x.blob.core.windows.net/' -- no jar in the image has a file system for `wasbs://` => `[maven] jars = ["org.apache.hadoop:hadoop-azure:3.3.4"]`
    "#);
    insta::assert_snapshot!(said("import pandas as pd\npd.read_csv('gs://bucket/x')\n"), @r#"warning[file-system-missing] :2 'gs://bucket/x' -- no jar in the image has a file system for `gs://` => `[maven] jars = ["com.google.cloud.bigdataoss:gcs-connector:VERSION"]`"#);
}

#[test]
fn files_for_spark() {
    insta::assert_snapshot!(said_of(&[
        ("app/main.py", "from pyspark.sql import SparkSession
spark = (SparkSession.builder
    .config('spark.jars', '/app/libs/there.jar,/app/libs/gone.jar,https://host/x.jar')
    .config('spark.driver.extraClassPath', '/opt/spark/jars/*:/opt/drivers/*:/app/libs/')
    .getOrCreate())
spark.sparkContext.addPyFile('/app/deps.zip')
spark.sparkContext.addFile('file:///app/conf/x.json')
spark.sparkContext.addFile('y.json')
spark.sparkContext.addFile('/mnt/share/z.json')
"),
        ("app/libs/there.jar", ""),
        ("app/other/x.json", ""),
        ("app/conf/z.json", ""),
    ]), @"
    error[path-missing] :3 '/app/libs/there.jar,/app/libs/gone.jar,https://host/x.jar' -- /app/libs/gone.jar is not in the image => jars in `[maven] jars` and `[maven] files` are on the class path without any setting
    warning[path-missing] :4 '/opt/spark/jars/*:/opt/drivers/*:/app/libs/' -- /opt/drivers/* is not in the image => jars in `[maven] jars` and `[maven] files` are on the class path without any setting
    error[path-missing] :6 '/app/deps.zip' -- /app/deps.zip is not in the image => an `[[app.copy]]` brings it
    error[path-missing] :7 'file:///app/conf/x.json' -- file:///app/conf/x.json is not in the image => there is /app/other/x.json
    warning[path-missing] :8 'y.json' -- y.json is not in the image => an `[[app.copy]]` brings it
    warning[path-missing] :9 '/mnt/share/z.json' -- /mnt/share/z.json is not in the image => there is /app/conf/z.json
    ");
    // A jar that is handed to Spark may hold the driver.
    insta::assert_snapshot!(said_of(&[
        ("app/main.py", "from pyspark.sql import SparkSession
spark = SparkSession.builder.config('spark.jars', '/app/mssql-jdbc-12.jar').getOrCreate()
spark.read.jdbc('jdbc:sqlserver://host', 't')
spark.read.jdbc('jdbc:mysql://host', 't')
"),
        ("app/mssql-jdbc-12.jar", ""),
    ]), @r#"error[jdbc-driver-missing] :4 'jdbc:mysql://host' -- no jar in the image has a JDBC driver for `jdbc:mysql:` => `[maven] jars = ["com.mysql:mysql-connector-j:VERSION"]`"#);
}

#[test]
fn classes_that_settings_name() {
    insta::assert_snapshot!(said("from pyspark.sql import SparkSession
spark = (SparkSession.builder
    .config('spark.sql.extensions', 'io.delta.sql.DeltaSparkSessionExtension, com.example.Source')
    .config('spark.sql.catalog.spark_catalog', 'org.apache.spark.sql.delta.catalog.DeltaCatalog')
    .config('spark.sql.catalog.lake', 'org.apache.iceberg.spark.SparkCatalog')
    .config('spark.serializer', 'org.apache.spark.serializer.KryoSerializerr')
    .config('spark.extraListeners', 'com.acme.Listener')
    .getOrCreate())
"), @r#"
    error[data-source-missing] :3 'io.delta.sql.DeltaSparkSessionExtension, com.example.Source' -- no jar in the image has the class io.delta.sql.DeltaSparkSessionExtension, which `spark.sql.extensions` names => `[maven] jars = ["io.delta:delta-spark_2.12:3.3.3"]` => `[spark.conf]` with "spark.sql.extensions" = "io.delta.sql.DeltaSparkSessionExtension" and "spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    error[data-source-missing] :6 'org.apache.spark.serializer.KryoSerializerr' -- no jar in the image has the class org.apache.spark.serializer.KryoSerializerr, which `spark.serializer` names => name the jar that has it in `[maven] jars` or `[maven] files`
    error[data-source-missing] :7 'com.acme.Listener' -- no jar in the image has the class com.acme.Listener, which `spark.extraListeners` names => name the jar that has it in `[maven] jars` or `[maven] files`
    "#);
}

#[test]
fn an_older_stack_names_its_own_coordinate() {
    let code = "def run(spark):\n    spark.read.format('xml').load('/data')\n";
    insta::assert_snapshot!(shown(&found(PROFILE, "3.11", &[("app/main.py", code)])), @r#"error[data-source-missing] :2 'xml' -- no jar in the image has the data source `xml` => `[maven] jars = ["com.databricks:spark-xml_2.12:0.18.0"]`"#);
}

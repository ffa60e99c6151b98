"""The job of a cell: starts Spark, takes the steps that it is given, in order, and says how each ended.

A step that fails does not keep the next from being tried, unless it belongs to the start.
"""

import sys
import tempfile
import traceback

WORK = tempfile.mkdtemp()
SPARK = None


def start_import():
    import pyspark.sql

    return pyspark.sql


def start_gateway():
    from pyspark import SparkContext

    SparkContext._ensure_initialized()
    return SparkContext._gateway


def start_session():
    global SPARK
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("cell")
    for step in sys.argv[1:]:
        for key, value in SETTINGS.get(step, {}).items():
            builder = builder.config(key, value)
    SPARK = builder.getOrCreate()
    return SPARK


def query():
    return SPARK.sql("select sum(id) from range(100) where id % 2 = 0").first()[0] == 2450


def files():
    path = WORK + "/files"
    SPARK.range(100).write.parquet(path)
    return SPARK.read.parquet(path).count() == 100


def python_udf():
    from pyspark.sql.functions import udf

    twice = udf(lambda x: x * 2, "bigint")
    rdd = SPARK.sparkContext.parallelize(range(10), 2).map(lambda x: x + 1).sum()
    return rdd == 55 and SPARK.range(10).select(twice("id").alias("x")).groupBy().sum("x").first()[0] == 90


def frame():
    import pandas

    return pandas.DataFrame({"k": [1, 2], "t": pandas.to_datetime(["2024-01-01", "2024-01-02"])})


def to_pandas():
    SPARK.conf.set("spark.sql.execution.arrow.pyspark.enabled", "false")
    made = SPARK.createDataFrame(frame())
    return made.toPandas()["k"].sum() == 3


def arrow():
    import pandas
    from pyspark.sql.functions import pandas_udf

    SPARK.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
    SPARK.conf.set("spark.sql.execution.arrow.pyspark.fallback.enabled", "false")

    def once_more(x: pandas.Series) -> pandas.Series:
        return x + 1

    more = pandas_udf(once_more, "bigint")
    table = SPARK.range(10).select(more("id").alias("x")).toPandas()
    return table["x"].sum() == 55 and SPARK.createDataFrame(frame()).count() == 2


def pandas_on_spark():
    import pyspark.pandas

    return pyspark.pandas.range(10)["id"].sum() == 45


def ml():
    from pyspark.ml.feature import VectorAssembler

    table = VectorAssembler(inputCols=["id"], outputCol="v").transform(SPARK.range(3))
    return len(table.collect()) == 3


def streaming():
    stream = SPARK.readStream.format("rate").load().writeStream.format("memory").queryName("q")
    stream = stream.option("checkpointLocation", WORK + "/checkpoint").trigger(once=True).start()
    stream.awaitTermination(120)
    return stream.exception() is None


def delta():
    path = WORK + "/delta"
    SPARK.range(10).write.format("delta").save(path)
    SPARK.range(5).write.format("delta").mode("append").save(path)
    return SPARK.read.format("delta").load(path).count() == 15


def iceberg():
    SPARK.sql("create table local.db.t (id bigint, v string) using iceberg")
    SPARK.sql("insert into local.db.t select id, string(id) from range(10)")
    SPARK.sql("merge into local.db.t t using (select 1 as id, 'x' as v) s on t.id = s.id when matched then update set *")
    return SPARK.table("local.db.t").where("v = 'x'").count() == 1


def avro():
    path = WORK + "/avro"
    SPARK.range(10).write.format("avro").save(path)
    return SPARK.read.format("avro").load(path).count() == 10


def file_system(uri):
    """Brings a file system up as far as the network."""
    jvm = SPARK.sparkContext._jvm
    conf = SPARK.sparkContext._jsc.hadoopConfiguration()
    made = jvm.org.apache.hadoop.fs.FileSystem.newInstance(jvm.java.net.URI(uri), conf)
    return made.getUri().toString() == uri


def abfs():
    return file_system("abfs://container@account.dfs.invalid")


def s3a():
    return file_system("s3a://bucket")


# What the connectors ask for before the session.
SETTINGS = {
    "connector:delta": {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    },
    "connector:iceberg": {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.local": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.local.type": "hadoop",
        "spark.sql.catalog.local.warehouse": WORK + "/iceberg",
    },
    "connector:abfs": {
        "spark.hadoop.fs.azure.account.key.account.dfs.invalid": "a2V5",
        "spark.hadoop.fs.azure.account.hns.enabled": "true",
    },
    "connector:s3a": {"spark.hadoop.fs.s3a.access.key": "key", "spark.hadoop.fs.s3a.secret.key": "secret"},
}

START = {"import": start_import, "gateway": start_gateway, "session": start_session}
STEPS = {
    "query": query,
    "files": files,
    "python-udf": python_udf,
    "to-pandas": to_pandas,
    "arrow": arrow,
    "pandas-on-spark": pandas_on_spark,
    "ml": ml,
    "streaming": streaming,
    "connector:delta": delta,
    "connector:iceberg": iceberg,
    "connector:avro": avro,
    "connector:abfs": abfs,
    "connector:s3a": s3a,
}


def take(step, do):
    try:
        good = bool(do())
    except BaseException:
        traceback.print_exc()
        good = False
    print("STEP", step, "passed" if good else "failed", flush=True)
    return good


if all(take(step, do) for step, do in START.items()):
    for name in sys.argv[1:]:
        take(name, STEPS[name])
    SPARK.stop()
print("END", flush=True)

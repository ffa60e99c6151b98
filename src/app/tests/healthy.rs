//! Apps as people write them, of which nothing is said.

use super::{said, said_of};

#[test]
fn a_batch_job() {
    assert_eq!(
        said(
            r#""""Reads orders, adds them up and writes them. Formats like jdbc:sqlserver://x are for readers here."""

import argparse
import logging
import os
import sys
from datetime import date, datetime, timedelta
from typing import Optional

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructField, StructType

logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="{asctime} {message}", style="{")
log = logging.getLogger(__name__)
SCHEMA = StructType([StructField("id", StringType()), StructField("amount", DoubleType())])


def session(name: str, shuffle: Optional[int] = None) -> SparkSession:
    builder = SparkSession.builder.appName(name).config("spark.sql.session.timeZone", "UTC")
    if shuffle:
        builder = builder.config("spark.sql.shuffle.partitions", shuffle)
    return builder.getOrCreate()


def totals(orders: DataFrame) -> DataFrame:
    window = Window.partitionBy("id").orderBy(F.col("day").desc())
    ranked = orders.withColumn("rank", F.row_number().over(window))
    return ranked.filter("rank = 1").groupBy("id").agg(F.sum("amount").alias("total"))


def main(argv=None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--day", type=date.fromisoformat, default=date.today() - timedelta(days=1))
    parser.add_argument("--out", default="/data/out")
    options = parser.parse_args(argv)
    spark = session("orders", shuffle=int(os.environ.get("PARTITIONS", "8")))
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    orders = spark.read.schema(SCHEMA).option("header", True).csv(f"/data/orders/{options.day:%Y/%m/%d}")
    log.info("%d orders", orders.count())
    totals(orders).write.mode("overwrite").partitionBy("id").parquet(options.out)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
"#
        ),
        ""
    );
}

#[test]
fn udfs_and_pandas() {
    assert_eq!(
        said(
            r#"import functools
import pandas as pd
import numpy as np
import pyspark.pandas as ps
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.functions import pandas_udf, udf

spark = (
    SparkSession.builder
    .appName("scores")
    .config("spark.sql.execution.arrow.pyspark.enabled", "true")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", 5_000)
    .getOrCreate()
)


@functools.lru_cache(maxsize=None)
def model():
    import pickle

    with open("/app/model.pkl", "rb") as file:
        return pickle.load(file)


@pandas_udf("double")
def score(amount: pd.Series) -> pd.Series:
    return pd.Series(model().predict(np.asarray(amount).reshape(-1, 1)))


shout = udf(lambda text: "{}!".format(text.upper()))
frame = spark.range(10).withColumn("x", score("id")).withColumn("y", shout(F.lit("a")))
rows = [row.asDict() for row in frame.limit(5).collect()]
print(*(f"{key}={value!r}" for row in rows for key, value in row.items()), sep="\n")
"#
        ),
        ""
    );
}

#[test]
fn streams_threads_and_context_managers() {
    assert_eq!(
        said(
            r#"from __future__ import annotations
import asyncio
import contextlib
import dataclasses
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession


@dataclasses.dataclass(frozen=True)
class Options:
    source: str = "/data/in"
    checkpoint: str = "/data/checkpoint"


@contextlib.contextmanager
def spark_session():
    spark = SparkSession.builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


def run(options: Options) -> None:
    with spark_session() as spark:
        stream = spark.readStream.format("rate").option("rowsPerSecond", 5).load()
        query = stream.writeStream.format("parquet").option("path", "/data/out")
        query = query.option("checkpointLocation", options.checkpoint).trigger(availableNow=True).start()
        signal.signal(signal.SIGTERM, lambda *_: query.stop())
        query.awaitTermination()
        with ThreadPoolExecutor(4) as pool:
            spark.sparkContext.setLocalProperty("spark.scheduler.pool", "a")
            list(pool.map(lambda table: spark.table(table).write.saveAsTable(f"{table}_copy"), ["a", "b"]))


async def heartbeat(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(1)


run(Options())
"#
        ),
        ""
    );
}

#[test]
fn a_package_with_settings_of_its_own() {
    let main = "import json\nfrom pathlib import Path\n\nfrom etl import config\nfrom etl.jobs.load import Load\nfrom etl.session import spark\n\n\
        HERE = Path(__file__).parent\nsettings = json.loads((HERE / 'etl' / 'settings.json').read_text())\n\
        Load(spark(**config.SPARK), settings).run()\n";
    let session = "from pyspark.sql import SparkSession\n\n\ndef spark(**settings):\n    builder = SparkSession.builder\n    \
        for key, value in settings.items():\n        builder = builder.config(key, value)\n    return builder.getOrCreate()\n";
    assert_eq!(
        said_of(&[
            ("app/main.py", main),
            ("app/etl/__init__.py", "from .config import SPARK\n\n__all__ = ['SPARK']\n"),
            ("app/etl/config.py", "SPARK = dict(appName='etl')\nMASTER = None\n"),
            ("app/etl/session.py", session),
            ("app/etl/jobs/__init__.py", ""),
            (
                "app/etl/jobs/base.py",
                "import abc\n\n\nclass Job(abc.ABC):\n    def __init__(self, spark, settings):\n        self.spark = spark\n"
            ),
            (
                "app/etl/jobs/load.py",
                "from . import base\nfrom .. import config\n\n\nclass Load(base.Job):\n    def run(self):\n        return config\n"
            ),
            ("app/etl/settings.json", "{}"),
            (
                "app/tests/test_load.py",
                "import pytest\nfrom pyspark.sql import SparkSession\n\nspark = SparkSession.builder.master('local[4]').getOrCreate()\n"
            ),
        ]),
        ""
    );
}

/// Other things are called `set`, `config`, `master`, `format`, `collect` and `options`, too.
#[test]
fn words_that_are_not_sparks() {
    for code in [
        "import configparser\nparser = configparser.ConfigParser()\nparser.set('main', 'spark', 'x')\n",
        "class Git:\n    def master(self, name):\n        return name\n\n\nGit().master('yarn')\n",
        "import json, os\nredis.set('spark', 'x')\nclient.config('maxmemory', '8g')\napp.options(url='http://x')\n",
        "print('{} {}'.format('delta', 'avro'), f'{1:>10}', '%s' % 'kafka')\n",
        "import gc\ngc.collect()\nmetrics = registry.collect()\n",
        "s = 'spark.driver.memory'\nprint(s, '8g')\nsettings = {'spark.driver.memory': '8g'}\n",
        "import os\nos.environ['TZ'] = 'UTC'\nos.environ.setdefault('PYTHONHASHSEED', '0')\nhome = os.environ['HOME']\n",
        "urls = ['http://x', 'https://y', 'ftp://z', 'file:///tmp/a', 'hdfs://n/x', 'redis://r']\n",
        "import subprocess\nsubprocess.run(['ls', '/data'], check=True)\n",
        "import importlib\nplugin = importlib.import_module('plugins.' + name)\n",
    ] {
        assert_eq!(said(code), "", "{code}");
    }
}

"""Scores the trips with the saved model and writes them as Parquet."""

import os

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.types import StringType

TRIPS = os.environ.get("TRIPS", "/data/trips.csv")
MODEL = os.environ.get("MODEL", "/tmp/model")
SCORES = os.environ.get("SCORES", "/tmp/scores")
SCHEMA = "trip INT, zone STRING, kilometres DOUBLE, minutes DOUBLE, fare DOUBLE"


@F.pandas_udf(StringType())
def band(fare: pd.Series) -> pd.Series:
    """Whether a fare is low, middle or high."""
    return pd.cut(fare, [float("-inf"), 10, 25, float("inf")], labels=["low", "middle", "high"]).astype(str)


def main() -> None:
    spark = SparkSession.builder.appName("score").getOrCreate()
    trips = spark.read.csv(TRIPS, header=True, schema=SCHEMA)
    scored = PipelineModel.load(MODEL).transform(trips)
    scored = scored.select("trip", "zone", F.round("prediction", 2).alias("expected"), band("prediction").alias("band"))
    scored.write.mode("overwrite").parquet(SCORES)

    written = spark.read.parquet(SCORES)
    counts = {row["band"]: row["count"] for row in written.groupBy("band").count().collect()}
    bands = ", ".join(f"{name} {counts.get(name, 0)}" for name in ("low", "middle", "high"))
    print(f"scored {written.count()} trips: {bands}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()

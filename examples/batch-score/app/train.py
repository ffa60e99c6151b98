"""Trains a model of a taxi trip's fare and saves it."""

import os

from pyspark.ml import Pipeline
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import SparkSession

TRIPS = os.environ.get("TRIPS", "/data/trips.csv")
MODEL = os.environ.get("MODEL", "/tmp/model")
SCHEMA = "trip INT, zone STRING, kilometres DOUBLE, minutes DOUBLE, fare DOUBLE"


def main() -> None:
    # Heap, threads and master are baked into the image; an app that sets them undoes the plan.
    spark = SparkSession.builder.appName("train").getOrCreate()
    trips = spark.read.csv(TRIPS, header=True, schema=SCHEMA)
    pipeline = Pipeline(
        stages=[
            StringIndexer(inputCol="zone", outputCol="zone_index", handleInvalid="keep"),
            OneHotEncoder(inputCols=["zone_index"], outputCols=["zone_vector"]),
            VectorAssembler(inputCols=["kilometres", "minutes", "zone_vector"], outputCol="features"),
            LinearRegression(labelCol="fare", featuresCol="features", regParam=0.01),
        ]
    )
    model = pipeline.fit(trips)
    model.write().overwrite().save(MODEL)
    error = RegressionEvaluator(labelCol="fare", metricName="rmse").evaluate(model.transform(trips))
    print(f"trained on {trips.count()} trips, error {error:.2f}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()

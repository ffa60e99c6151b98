"""Doubles numbers in Python functions, which Spark 3.3 cannot send to a Python 3.11."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("double").getOrCreate()
print("sum:", spark.sparkContext.parallelize([1, 2, 3]).map(lambda n: 2 * n).sum())
spark.stop()

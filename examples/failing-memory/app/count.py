"""Caches 300 million numbers, with a heap that no container of 2 GB can hold."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("count").config("spark.driver.memory", "8g").getOrCreate()
numbers = spark.range(300_000_000).selectExpr("rand() AS x").cache()
print("rows:", numbers.count())
spark.stop()

"""Calls a function of a jar. The profile puts it on the class path, and the file is not in the image."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("upper").getOrCreate()
spark.sql("CREATE TEMPORARY FUNCTION upper_de AS 'com.example.UpperDe'")
spark.sql("SELECT upper_de('strasse')").show()
spark.stop()

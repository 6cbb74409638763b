"""Apache Spark, local or connected."""

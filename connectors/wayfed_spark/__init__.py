"""Apache Spark, local or connected."""

from typing import Final

from wayfed_spark.connector import SparkConnector

__all__ = ["CONNECTOR"]

CONNECTOR: Final = SparkConnector()
"""What the entry point ``spark`` of ``wayfed.platforms`` names."""

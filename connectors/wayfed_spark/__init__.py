"""Apache Spark, on this machine, on a cluster, or in a session of the user's."""

from wayfed_spark.connector import CONNECTOR

__all__ = ["CONNECTOR"]

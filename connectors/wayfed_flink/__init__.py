"""Apache Flink, on this machine or on a session cluster of the user's."""

from wayfed_flink.connector import CONNECTOR

__all__ = ["CONNECTOR"]

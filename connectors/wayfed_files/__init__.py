"""Tables in Parquet, CSV, NDJSON and Arrow IPC files, and in objects of this process."""

from wayfed_files.connector import CONNECTOR

__all__ = ["CONNECTOR"]

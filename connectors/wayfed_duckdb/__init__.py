"""DuckDB in this process: the engine that a context has where nothing else is said."""

from wayfed_duckdb.connector import CONNECTOR

__all__ = ["CONNECTOR"]

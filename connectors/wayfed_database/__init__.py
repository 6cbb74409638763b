"""Databases: metadata by their own drivers or SQLAlchemy, data by ADBC."""

from typing import Final

from wayfed_database.connector import DatabaseConnector

__all__ = ["CONNECTOR"]

CONNECTOR: Final = DatabaseConnector()
"""What the entry point ``database`` of ``wayfed.platforms`` names."""

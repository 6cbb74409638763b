"""Python functions as a platform: what no optimizer can look into runs here, batch by batch."""

from __future__ import annotations

from wayfed_python.connector import CONNECTOR

__all__ = ["CONNECTOR"]

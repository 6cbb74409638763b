"""Databases: metadata by SQLAlchemy, data by ADBC."""

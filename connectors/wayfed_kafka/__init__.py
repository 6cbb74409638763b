"""Apache Kafka: topics as tables, read between fixed offsets and written in transactions."""

from typing import Final

from wayfed_kafka.connector import KafkaConnector

__all__ = ["CONNECTOR"]

CONNECTOR: Final = KafkaConnector()
"""What the entry point ``kafka`` of ``wayfed.platforms`` names."""

"""What the bytes of a record are: JSON, Avro, or just bytes."""

from wayfed_kafka.formats.interface import Format, Undecodable

__all__ = ["Format", "Undecodable"]

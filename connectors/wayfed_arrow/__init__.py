"""Our types as Arrow's, rows as streams of batches, and functions over them."""

from wayfed_arrow.streams import Stream, conform, stream_of
from wayfed_arrow.types import arrow_schema, arrow_type, from_arrow_type, schema_from_arrow

__all__ = [
    "Stream",
    "arrow_schema",
    "arrow_type",
    "conform",
    "from_arrow_type",
    "schema_from_arrow",
    "stream_of",
]

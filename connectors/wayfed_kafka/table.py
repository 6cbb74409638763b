"""What the rows of a topic are: a value's columns, and on request what Kafka says of a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import (
    BINARY,
    INT32,
    INT64,
    TEXT,
    TIMESTAMP_UTC,
    DataType,
    Field,
    List,
    Schema,
    Struct,
)

if TYPE_CHECKING:
    from wayfed_kafka.formats import Format
    from wayfed_kafka.location import Location
    from wayfed_kafka.ranges import Range

KEY: Final = "key"
PARTITION: Final = "partition"
OFFSET: Final = "offset"
TIMESTAMP: Final = "timestamp"
HEADERS: Final = "headers"
METADATA: Final = (KEY, PARTITION, OFFSET, TIMESTAMP, HEADERS)
"""What Kafka says of a record besides its value, in the order of the columns."""

KEY_FORMATS: Final = {"text": TEXT, "raw": BINARY}
ON_ERROR: Final = ("fail", "skip", "dead_letter")
TOMBSTONES: Final = ("keep", "skip")
ISOLATIONS: Final = ("read_committed", "read_uncommitted")


@dataclass(frozen=True, slots=True)
class TopicTable:
    """A topic as a table, between offsets.

    Parameters
    ----------
    location
        The topic.
    ranges
        Its partitions, in order, and what is read of each.
    format
        How values become columns.
    metadata
        Which of METADATA are columns too.
    key_format
        ``text`` or ``raw``.
    committed
        Whether aborted and open transactions are left out.
    on_error
        What becomes of a record that is not of the format: it ends the run (``fail``), is left out
        (``skip``), or is left out and sent to another topic (``dead_letter``).
    dead_letter
        That topic.
    tombstones
        Whether a record without a value is a row of NULLs (``keep``) or none (``skip``).
    """

    location: Location
    ranges: tuple[Range, ...]
    format: Format
    metadata: tuple[str, ...] = ()
    key_format: str = "text"
    committed: bool = True
    on_error: str = "fail"
    dead_letter: str | None = None
    tombstones: str = "keep"

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.location.topic or ""

    @property
    def schema(self) -> Schema:
        """The columns."""
        return Schema((*self.format.schema, *(self.field(name) for name in self.metadata)))

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        return all(each.end is not None for each in self.ranges)

    def field(self, name: str) -> Field:
        """Return the column that one of METADATA is."""
        kinds: dict[str, DataType] = {
            KEY: KEY_FORMATS[self.key_format],
            PARTITION: INT32,
            OFFSET: INT64,
            TIMESTAMP: TIMESTAMP_UTC,
            HEADERS: List(Struct((("key", TEXT), ("value", BINARY)))),
        }
        return Field(name, kinds[name], nullable=name not in (PARTITION, OFFSET))

"""Values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import BINARY, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class RawFormat:
    """A value as one column of bytes."""

    schema: Final = Schema((Field("value", BINARY),))
    remedy: Final = None

    def __str__(self) -> str:
        return "raw bytes"

    def decode(self, values: Sequence[bytes], columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """Return the values."""
        import pyarrow as pa

        return [pa.chunked_array([pa.array(values, pa.binary())]) for _ in columns]

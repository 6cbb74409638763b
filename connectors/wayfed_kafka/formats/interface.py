"""What is asked of a format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from wayfed_optimizer.types import Schema


class Undecodable(Exception):
    """Some value is not of the format; which one, decoding fewer of them tells."""


class Format(Protocol):
    """How the values of records become columns."""

    @property
    def schema(self) -> Schema:
        """The columns."""
        ...

    @property
    def remedy(self) -> str | None:
        """What to do about a value that is not of the format, besides leaving it out."""
        ...

    def __str__(self) -> str:
        """Return what people call it, and where its columns come from."""
        ...

    def decode(self, values: Sequence[bytes], columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """Return some columns of values, each with exactly one row a value.

        Raises
        ------
        Undecodable
            Where a value is not of the format; says why.
        """
        ...

"""How many different values a Parquet column has, from the sizes in its footer.

A chunk that is encoded with a dictionary holds each value once, and then for every row a number of
as many bits as the dictionary needs: its size tells how many values there are (Parquet format
specification, "Dictionary Encoding"). Chunks are taken together by how far their ranges overlap.
"""

from __future__ import annotations

from contextlib import suppress
from math import exp, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from wayfed_optimizer.statistics.positions import position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_WIDTHS: Final = {"INT32": 4.0, "INT64": 8.0, "INT96": 12.0, "FLOAT": 4.0, "DOUBLE": 8.0}
_HEADER: Final = 17
"""Bytes that the header of a dictionary's page takes, at least."""
_TELLING: Final = 1_000
"""Dictionaries of fewer bytes are no larger than what else a chunk holds."""
_UNIQUE: Final = 0.98
_DIGITS: Final = 8


class Chunk(NamedTuple):
    """What the footer tells of a column in one row group.

    Attributes
    ----------
    values
        How many there are that are not NULL.
    distinct
        How many different ones; None where nothing tells.
    low, high
        The ends of its values; None where they are not known.
    """

    values: float
    distinct: float | None
    low: object
    high: object


def chunk_of(column: Any, length: int | None) -> Chunk:
    """Return what a column chunk tells; `length` is that of values of a fixed length of bytes."""
    told = column.statistics
    low = high = None
    nulls = 0
    if told is not None:
        nulls = told.null_count if told.has_null_count else 0
        if told.has_min_max:
            with suppress(OverflowError):  # Python has no dates beyond the years 1 to 9999
                low, high = told.min, told.max
        if told.has_distinct_count and told.distinct_count:
            return Chunk(column.num_values - nulls, float(told.distinct_count), low, high)
    values = float(column.num_values - nulls)
    width = _WIDTHS.get(column.physical_type) or (length or _text_width(low, high))
    return Chunk(values, _in_dictionary(column, values, width), low, high)


def _text_width(low: object, high: object) -> float | None:
    """Return the bytes of a text with its length, taken to be as long as the first and the last."""
    if not isinstance(low, str | bytes) or not isinstance(high, str | bytes):
        return None
    return 4.0 + (len(low) + len(high)) / 2


def _in_dictionary(column: Any, values: float, width: float | None) -> float | None:
    if not values or width is None or not column.has_dictionary_page:
        return None
    page = column.data_page_offset - column.dictionary_page_offset
    fewest = max(1.0, (page - _HEADER) / width)
    most = max(fewest, _of_size(column.total_uncompressed_size, values, width))
    found = most if most * width > _TELLING else sqrt(fewest * most)
    return min(values, found)


def _of_size(size: float, values: float, width: float) -> float:
    """Return how many entries make a dictionary, and numbers of its entries, of so many bytes."""
    bits = 1
    while (entries := (size - values * bits / 8) / width) > 2**bits:
        bits += 1
    return min(values, max(2.0 ** (bits - 1), entries))


def distinct_of(chunks: Sequence[Chunk]) -> float | None:
    """Return how many different values chunks have together; None where one does not tell.

    Examples
    --------
    >>> distinct_of([Chunk(100, 10, 0, 9), Chunk(100, 10, 0, 9)])
    10.0
    >>> distinct_of([Chunk(100, 10, 0, 9), Chunk(100, 10, 10, 19)])
    20.0
    """
    told = [chunk for chunk in chunks if chunk.values]
    counts = [chunk.distinct for chunk in told if chunk.distinct is not None]
    if not told or len(counts) < len(told):
        return None
    apart = float(sum(counts))
    if len(told) == 1:
        return apart
    rows = sum(chunk.values for chunk in told)
    same = min(apart, _domain(apart / len(told), rows / len(told), rows))
    share = _overlap(told)
    together: float = same**share * apart ** (1 - share)
    return round(max(together, *counts), 3)


def _domain(distinct: float, values: float, rows: float) -> float:
    """Return how many values `rows` rows have, of which `values` at random have `distinct`."""
    if distinct >= _UNIQUE * values:
        return rows
    low, high = 1e-6, 1e12  # rows a value, in a chunk
    for _ in range(80):
        middle = sqrt(low * high)
        if (1 - exp(-middle)) / middle > distinct / values:
            low = middle
        else:
            high = middle
    domain = values / low
    return domain * (1 - exp(-rows / domain))


def _overlap(chunks: Sequence[Chunk]) -> float:
    """Return how far the ranges of chunks are the same, 0 (each has its own) to 1."""
    ends = [(_place(chunk.low), _place(chunk.high)) for chunk in chunks]
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    if len(known) < len(ends):
        return 1.0
    whole = max(high for _, high in known) - min(low for low, _ in known)
    if whole <= 0:
        return 1.0
    spans = sum(high - low for low, high in known) / whole
    return min(1.0, max(0.0, (spans - 1) / (len(known) - 1)))


def _place(value: object) -> float | None:
    if isinstance(value, str):
        digits = enumerate(value[:_DIGITS])
        return sum((ord(digit) / 65536.0 ** (place + 1) for place, digit in digits), 0.0)
    return position(value)

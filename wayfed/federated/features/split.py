"""Which rows are held out: decided by a row's content, so that every engine decides alike."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from wayfed_optimizer.errors import InvalidOption, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from wayfed.arrays import Arrays

Cut: TypeAlias = int | float | str | datetime.date | datetime.datetime


@dataclass(frozen=True, slots=True)
class ByContent:
    """Hold out a fraction of the rows, chosen by a hash of all that stands in them.

    Rows that are equal are told apart by their number among their equals, so that neither the
    order of the rows nor the engine that read them matters.
    """

    fraction: float

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the split needs beside the features."""
        return ()


@dataclass(frozen=True, slots=True)
class ByHash:
    """Hold out a fraction of the keys; see `by_hash`."""

    key: tuple[str, ...]
    fraction: float

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the split needs beside the features."""
        return self.key


@dataclass(frozen=True, slots=True)
class ByTime:
    """Hold out what lies at or after a cut; see `by_time`."""

    column: str
    cut: int | float | str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the split needs beside the features."""
        return (self.column,)


Split: TypeAlias = ByContent | ByHash | ByTime


def by_hash(key: str | Sequence[str], *, test: float = 0.2) -> ByHash:
    """Hold out a fraction of the keys, so that no key is on both sides.

    Parameters
    ----------
    key
        The columns whose values are hashed, such as a customer's number.
    test
        The fraction of keys that is held out.

    Examples
    --------
    >>> by_hash("customer_id", test=0.25)
    ByHash(key=('customer_id',), fraction=0.25)
    """
    return ByHash((key,) if isinstance(key, str) else tuple(key), test)


def by_time(column: str, cut: Cut) -> ByTime:
    """Hold out the rows whose `column` is at or after `cut`; a NULL counts as before it.

    Parameters
    ----------
    column
        A date, timestamp or number.
    cut
        The first value that is held out; dates also as ISO 8601 text.

    Examples
    --------
    >>> by_time("month", 10)
    ByTime(column='month', cut=10)
    >>> import datetime
    >>> by_time("booked_at", datetime.date(2013, 10, 1))
    ByTime(column='booked_at', cut='2013-10-01')
    """
    if isinstance(cut, datetime.datetime) and cut.tzinfo is not None:
        cut = cut.astimezone(datetime.UTC).replace(tzinfo=None)
    return ByTime(column, cut.isoformat() if isinstance(cut, datetime.date) else cut)


def as_split(test: float | Split | None) -> Split | None:
    """Read `test=`: a fraction, a split, or nothing held out (None, 0)."""
    if isinstance(test, ByContent | ByHash | ByTime):
        return test
    if test is None or test == 0:
        return None
    if isinstance(test, float):
        return ByContent(test)
    raise InvalidOption(
        f"test={test!r} says nothing about which rows to hold out",
        hint="a fraction such as 0.2, wf.by_time(column, cut) or wf.by_hash(key)",
    )


def split_to_dict(split: Split | None) -> dict[str, Any] | None:
    """Give plain values, fit for JSON."""
    match split:
        case None:
            return None
        case ByContent(fraction):
            return {"by": "content", "fraction": fraction}
        case ByHash(key, fraction):
            return {"by": "hash", "key": list(key), "fraction": fraction}
        case ByTime(column, cut):
            return {"by": "time", "column": column, "cut": cut}


def split_from_dict(plain: Mapping[str, Any] | None) -> Split | None:
    """Read what `split_to_dict` wrote."""
    match plain:
        case None:
            return None
        case {"by": "content", "fraction": float(fraction)}:
            return ByContent(fraction)
        case {"by": "hash", "key": list(key), "fraction": float(fraction)}:
            return ByHash(tuple(map(str, key)), fraction)
        case {"by": "time", "column": str(column), "cut": (int() | float() | str()) as cut}:
            return ByTime(column, cut)
    raise InvalidOption(f"{plain!r} is not a split")


def held_out(
    split: Split | None, arrays: Arrays, hashes: NDArray[np.uint64], order: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Say of each row, as they stand in `arrays`, whether it is held out.

    Parameters
    ----------
    split
        How to decide.
    arrays
        The party's rows.
    hashes, order
        Their hashes and their canonical order (`wayfed.federated.features.canonical`).
    """
    import numpy as np

    from wayfed.federated.features.canonical import hash_rows, occurrences, uniform

    match split:
        case None:
            return np.zeros(arrays.rows, dtype=np.bool_)
        case ByContent(fraction):
            return uniform(hashes[0], occurrences(hashes, order)) < fraction
        case ByHash(key, fraction):
            keys = hash_rows(arrays, key)
            return uniform(keys[0], np.zeros(arrays.rows, dtype=np.uint64)) < fraction
        case ByTime(column, cut):
            return _at_or_after(arrays, column, cut)


def _at_or_after(arrays: Arrays, column: str, cut: float | str) -> NDArray[np.bool_]:
    import numpy as np

    values = arrays[column]
    if (values.dtype.kind == "M") != isinstance(cut, str) or values.dtype.kind not in "Miuf":
        raise TypeMismatch(
            f"column '{column}' is {arrays.schema.field(column).type} and cannot be cut at {cut!r}",
            hint="cut a date or timestamp at a date or ISO 8601 text, a number at a number",
        )
    try:
        edge = np.datetime64(cut) if isinstance(cut, str) else cut
    except ValueError as error:
        raise InvalidOption(
            f"{cut!r} is not a date or time", hint="write it as 2013-10-01 or 2013-10-01T12:00:00"
        ) from error
    after: NDArray[np.bool_] = np.ma.getdata(values) >= edge
    return after & ~np.ma.getmaskarray(values)


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise InvalidOption(f"a fraction of rows lies between 0 and 1, not at {fraction!r}")

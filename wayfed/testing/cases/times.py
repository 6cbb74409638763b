"""Functions of dates and timestamps, from year 1 to 9999."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from wayfed.testing.case import Row, Scalar, called
from wayfed_optimizer.expressions import literal

_DAYS: Final = (
    date(1, 1, 1),
    date(1582, 10, 10),
    date(1900, 2, 28),
    date(1969, 12, 31),
    date(2000, 2, 29),
    date(2023, 12, 31),
    date(2024, 12, 30),
    date(9999, 12, 31),
)
_MOMENTS: Final = (
    datetime(1, 1, 1, 0, 0, 0, 1),
    datetime(1582, 10, 10, 12),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 13, 30, 15, 250_000),
    datetime(9999, 12, 31, 23, 59, 59, 999_999),
)
_PARTS: Final[dict[str, Callable[[Any], int]]] = {
    "year": lambda x: x.year,
    "quarter": lambda x: (x.month + 2) // 3,
    "month": lambda x: x.month,
    "day": lambda x: x.day,
    "week": lambda x: x.isocalendar().week,
    "iso_year": lambda x: x.isocalendar().year,
    "day_of_week": lambda x: x.isoweekday(),
    "day_of_year": lambda x: x.timetuple().tm_yday,
}
_CLOCK: Final[dict[str, Callable[[Any], int]]] = {
    "hour": lambda x: x.hour,
    "minute": lambda x: x.minute,
    "second": lambda x: x.second,
    "millisecond": lambda x: x.second * 1000 + x.microsecond // 1000,
    "microsecond": lambda x: x.second * 1_000_000 + x.microsecond,
}


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=dt.UTC)


def _parts() -> tuple[Scalar, ...]:
    found = []
    for name, part in _PARTS.items():
        found.append(called(name, "D1", ("date",), *((day, part(day)) for day in _DAYS)))
    for name, part in {**_PARTS, **_CLOCK}.items():
        line = "D2" if name in _CLOCK else "D1"
        found += [
            called(name, line, ("timestamp",), *((at, part(at)) for at in _MOMENTS)),
            called(name, line, ("timestamp_utc",), *((_zoned(at), part(at)) for at in _MOMENTS)),
        ]
    return tuple(found)


_AT: Final = datetime(2024, 5, 16, 13, 30, 15, 250_000)
_BEFORE: Final = datetime(1969, 11, 30, 23, 59, 59, 999_999)
_STARTS: Final = {
    "millennium": (datetime(2000, 1, 1), datetime(1000, 1, 1)),
    "century": (datetime(2000, 1, 1), datetime(1900, 1, 1)),
    "decade": (datetime(2020, 1, 1), datetime(1960, 1, 1)),
    "year": (datetime(2024, 1, 1), datetime(1969, 1, 1)),
    "quarter": (datetime(2024, 4, 1), datetime(1969, 10, 1)),
    "month": (datetime(2024, 5, 1), datetime(1969, 11, 1)),
    "week": (datetime(2024, 5, 13), datetime(1969, 11, 24)),
    "day": (datetime(2024, 5, 16), datetime(1969, 11, 30)),
    "hour": (datetime(2024, 5, 16, 13), datetime(1969, 11, 30, 23)),
    "minute": (datetime(2024, 5, 16, 13, 30), datetime(1969, 11, 30, 23, 59)),
    "second": (datetime(2024, 5, 16, 13, 30, 15), datetime(1969, 11, 30, 23, 59, 59)),
    "millisecond": (_AT, datetime(1969, 11, 30, 23, 59, 59, 999_000)),
    "microsecond": (_AT, _BEFORE),
}


def _truncations() -> tuple[Scalar, ...]:
    found = []
    for unit, (start, before) in _STARTS.items():
        constant = literal(unit)
        examples: tuple[Row, ...] = ((_AT, start), (_BEFORE, before))
        zoned = tuple(tuple(map(_zoned, pair)) for pair in examples)
        found += [
            called("date_trunc", "D3", ("timestamp", constant), *examples),
            called("date_trunc", "D3", ("timestamp_utc", constant), *zoned),
        ]
        if unit not in _CLOCK:
            days = ((_AT.date(), start.date()), (date(1, 1, 1), date(1, 1, 1)))
            found.append(called("date_trunc", "D3", ("date", constant), *days))
    return tuple(found)


_DIFFERENCES: Final[dict[str, tuple[tuple[datetime, datetime, int], ...]]] = {
    "millennium": ((datetime(1999, 12, 31, 23), datetime(2000, 1, 1), 1),),
    "century": ((datetime(1, 12, 31, 23), datetime(2000, 1, 1), 20),),
    "decade": ((datetime(9, 12, 31, 23), datetime(2000, 1, 1), 200),),
    "year": ((datetime(2023, 12, 31, 23), datetime(2024, 1, 1), 1),),
    "quarter": ((datetime(2024, 3, 31), datetime(2024, 4, 1), 1),),
    "month": ((datetime(2024, 1, 31), datetime(2024, 2, 1), 1),),
    "week": (
        (datetime(2024, 5, 12), datetime(2024, 5, 13), 1),
        (datetime(2024, 5, 13), datetime(2024, 5, 19), 0),
        (datetime(1969, 12, 28), datetime(1969, 12, 29), 1),
    ),
    "day": ((datetime(2024, 2, 28, 23, 59, 59, 999_999), datetime(2024, 2, 29), 1),),
    "hour": ((datetime(2024, 1, 1, 0, 59), datetime(2024, 1, 1, 1), 1),),
    "minute": ((datetime(2024, 1, 1, 0, 0, 59), datetime(2024, 1, 1, 0, 1), 1),),
    "second": ((datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1), 1),),
    "millisecond": (
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1), 1),
        (datetime(1, 1, 1), datetime(9999, 12, 31), 315_537_811_200_000),
    ),
    "microsecond": (
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1), 1),
        (datetime(1, 1, 1), datetime(9999, 12, 31), 315_537_811_200_000_000),
    ),
}


def _differences() -> tuple[Scalar, ...]:
    found = []
    for unit, pairs in _DIFFERENCES.items():
        constant = literal(unit)
        there = (*pairs, *((end, start, -count) for start, end, count in pairs))
        whole = ((datetime(2024, 1, 1), datetime(2024, 1, 1), 0),)
        examples = (*there, *whole)
        zoned = tuple((_zoned(start), _zoned(end), count) for start, end, count in examples)
        found += [
            called("date_diff", "D4", ("timestamp", "timestamp", constant), *examples),
            called("date_diff", "D4", ("timestamp_utc", "timestamp_utc", constant), *zoned),
        ]
        if unit not in _CLOCK:
            days = tuple((start.date(), end.date(), count) for start, end, count in examples)
            found.append(called("date_diff", "D4", ("date", "date", constant), *days))
    return tuple(found)


_ADDED: Final = (
    called(
        "add_days",
        "D5",
        ("date", "int64"),
        (date(2024, 2, 28), 1, date(2024, 2, 29)),
        (date(2024, 3, 1), -1, date(2024, 2, 29)),
        (date(1582, 10, 4), 1, date(1582, 10, 5)),
        (date(1, 1, 1), 0, date(1, 1, 1)),
        (date(9999, 12, 30), 1, date(9999, 12, 31)),
    ),
    called(
        "add_days",
        "D5",
        ("timestamp", "int64"),
        (datetime(2024, 2, 28, 1, 2, 3, 4), 2, datetime(2024, 3, 1, 1, 2, 3, 4)),
        (datetime(1970, 1, 1), -1, datetime(1969, 12, 31)),
        (_BEFORE, 31, datetime(1969, 12, 31, 23, 59, 59, 999_999)),
    ),
    called(
        "add_days", "D5", ("timestamp_utc", literal(1)), (_zoned(_AT), _zoned(_AT.replace(day=17)))
    ),
    called(
        "add_months",
        "D7",
        ("date", "int64"),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), -48, date(2020, 2, 29)),
        (date(2024, 3, 31), -1, date(2024, 2, 29)),
        (date(2023, 2, 28), 1, date(2023, 3, 28)),
        (date(1582, 9, 30), 1, date(1582, 10, 30)),
        (date(9999, 11, 30), 1, date(9999, 12, 30)),
        (date(9999, 12, 31), 0, date(9999, 12, 31)),
        (date(1, 2, 28), -1, date(1, 1, 28)),
        (date(1, 1, 1), 119_987, date(9999, 12, 1)),
    ),
    called(
        "add_months",
        "D7",
        ("timestamp", "int64"),
        (datetime(2024, 1, 31, 1, 2, 3, 4), 1, datetime(2024, 2, 29, 1, 2, 3, 4)),
        (_BEFORE, 3, datetime(1970, 2, 28, 23, 59, 59, 999_999)),
    ),
    called(
        "add_months",
        "D7",
        ("timestamp_utc", literal(1)),
        (_zoned(_AT), _zoned(_AT.replace(month=6))),
    ),
    called(
        "add_microseconds",
        "D8",
        ("timestamp", "int64"),
        (datetime(1970, 1, 1), -1, datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        (_BEFORE, 1, datetime(1969, 12, 1)),
        (_AT, 3_600_000_000, datetime(2024, 5, 16, 14, 30, 15, 250_000)),
        (datetime(1, 1, 1), 315_537_897_599_999_999, datetime(9999, 12, 31, 23, 59, 59, 999_999)),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999), -315_537_897_599_999_999, datetime(1, 1, 1)),
    ),
    called(
        "add_microseconds",
        "D8",
        ("timestamp_utc", literal(750_000)),
        (_zoned(_AT), _zoned(datetime(2024, 5, 16, 13, 30, 16))),
    ),
)

_MADE: Final = (
    called(
        "make_date",
        "D9",
        ("int64", "int64", "int64"),
        (2024, 2, 29, date(2024, 2, 29)),
        (1, 1, 1, date(1, 1, 1)),
        (9999, 12, 31, date(9999, 12, 31)),
        (42, 1, 27, date(42, 1, 27)),
    ),
    called("make_date", "D9", ("int32", literal(2), literal(28)), (1900, date(1900, 2, 28))),
    called(
        "last_day",
        "D9",
        ("date",),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(1900, 2, 28), date(1900, 2, 28)),
        (date(2023, 12, 31), date(2023, 12, 31)),
        (date(9999, 12, 1), date(9999, 12, 31)),
        (date(1, 4, 30), date(1, 4, 30)),
    ),
    called(
        "last_day", "D9", ("timestamp",), (_BEFORE, date(1969, 11, 30)), (_AT, date(2024, 5, 31))
    ),
    called("last_day", "D9", ("timestamp_utc",), (_zoned(_AT), date(2024, 5, 31))),
)

_FORMAT: Final = "%Y|%y|%m|%d|%H:%M:%S.%f|%j|%b|%B|%a|%A|100%%"
_FORMATS: Final = (
    *(
        called(
            "strftime",
            "D10",
            (kind, literal(_FORMAT)),
            *((convert(at), at.strftime(f"{at.year:04}|{_FORMAT[3:]}")) for at in _MOMENTS),
        )
        for kind, convert in (("timestamp", datetime.replace), ("timestamp_utc", _zoned))
    ),
    called(
        "strftime",
        "D10",
        ("date", literal("%d. %b %Y, %H:%M")),
        (date(2024, 2, 29), "29. Feb 2024, 00:00"),
        (date(42, 12, 1), "01. Dec 0042, 00:00"),
    ),
    called("strftime", "D10", ("date", literal("%H")), (date(2024, 2, 29), "00")),
    called(
        "strftime",
        "D10",
        ("timestamp", literal('it\'s {0} "YYYY" \\ T%HZ')),
        (_AT, 'it\'s {0} "YYYY" \\ T13Z'),
    ),
    called(
        "strptime",
        "D11",
        ("text", literal("%Y-%m-%d %H:%M:%S.%f")),
        *((at.isoformat(" ", "microseconds"), at) for at in _MOMENTS),
    ),
    called(
        "strptime",
        "D11",
        ("text", literal("%d/%b/%Y at %Hh")),
        ("29/Feb/2024 at 07h", datetime(2024, 2, 29, 7)),
    ),
    called("strptime", "D11", ("text", literal("%Y%m%d")), ("20240229", datetime(2024, 2, 29))),
    called(
        "strptime", "D11", ("text", literal("%B %d, %Y")), ("May 01, 2024", datetime(2024, 5, 1))
    ),
    called("strptime", "D11", ("text", literal("%Y-%j")), ("2024-060", datetime(2024, 2, 29))),
)

_SECONDS: Final = (
    (datetime(1970, 1, 1), 0.0),
    (datetime(2000, 2, 29, 13, 30, 15, 250_000), 951831015.25),
    (datetime(1969, 12, 31, 23, 59, 59, 500_000), -0.5),
    (datetime(1, 1, 1), -62135596800.0),
)
_EPOCHS: Final = (
    called("epoch", "D6", ("timestamp",), *_SECONDS),
    called("epoch", "D6", ("timestamp_utc",), *((_zoned(at), seconds) for at, seconds in _SECONDS)),
)

TIMES: Final = (*_parts(), *_truncations(), *_differences(), *_ADDED, *_MADE, *_FORMATS, *_EPOCHS)
"""Cases of lines D."""

"""Dates and timestamps, in SQLite."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.calendar import ages_apart
from wayfed_sql.dialects.shared import by_unit
from wayfed_sql.dialects.sqlite.formats import Assembled
from wayfed_sql.templates import OTHER, PRODUCT, SUM, Template, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

# SQLite rounds half a millisecond up, and so into the next day.
_WHOLE_SECOND: Final = "SUBSTR({0}, 1, 19)"

_DAY: Final = "SUBSTR({0}, 1, 10)"

_MONTH: Final = f"CAST(STRFTIME('%m', {_DAY}) AS INTEGER)"

_FROM_MONDAY: Final = f"(CAST(STRFTIME('%w', {_DAY}) AS INTEGER) + 6) % 7"


def _part(code: str) -> Template:
    return Template(f"CAST(STRFTIME('%{code}', {_WHOLE_SECOND}) AS INTEGER)")


def _truncated(date: str) -> Row:
    """Make the row that gives a day, at midnight if it is a timestamp."""
    return by_type(Template(f"{date} || ' 00:00:00.000000'", 5), date=Template(date))


_MONTHS: Final = (
    "(CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) * 12 "
    "+ CAST(STRFTIME('%m', SUBSTR({{{0}}}, 1, 10)) AS INTEGER))"
)

_YEARS: Final = "CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER)"

_QUARTERS: Final = (
    "(CAST(STRFTIME('%Y', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) * 4 "
    "+ (CAST(STRFTIME('%m', SUBSTR({{{0}}}, 1, 10)) AS INTEGER) + 2) / 3)"
)

_DAYS: Final = "CAST(STRFTIME('%J', SUBSTR({{{0}}}, 1, 10)) + 0.5 AS INTEGER)"

_WEEKS: Final = f"({_DAYS} / 7)"


def _of_age(digits: int) -> str:
    """Return the text of the first day of the years that begin with the same digits."""
    return f"REPLACE(SUBSTR({{0}}, 1, {digits}) || '{'0' * (4 - digits)}-01-01', '0000-', '0001-')"


def _difference(form: str) -> Template:
    return Template(f"{form.format(1)} - {form.format(0)}", SUM)


def _clock_difference(length: int, fill: str, seconds: int) -> Template:
    """Count from timestamps cut to `length` characters and filled up to whole seconds."""
    start, end = (
        f"CAST(STRFTIME('%s', SUBSTR({{{i}}} || ' 00:00:00', 1, {length}) || '{fill}') AS INTEGER)"
        for i in (0, 1)
    )
    return Template(f"({end} - {start}) / {seconds}", PRODUCT)


# Counted from the year 0, so that the rest of the division is a fraction of a second.
_YEAR_0: Final = 62167219200
_MICROSECONDS: Final = (
    "(CAST(STRFTIME('%s', SUBSTR({0}, 1, 19)) AS INTEGER) * 1000000 "
    "+ CAST(SUBSTR({0}, 21, 6) AS INTEGER) + {1})"
)
_FRACTION: Final = f"(({_MICROSECONDS} + {_YEAR_0}000000) % 1000000)"
_MONTH_AFTER: Final = "DATE(SUBSTR({0}, 1, 7) || '-01', {1} || ' months')"


def _clamped(month: str, day: str) -> str:
    """Return the text of a day in the month that begins at `month`, or of its last."""
    last = f"COALESCE(STRFTIME('%d', {month}, '+1 month', '-1 day'), '31')"
    return f"SUBSTR({month}, 1, 8) || MIN({day}, {last})"


def _sum(moment: str, rest: str, checked: str | None = None) -> Row:
    """Make the row of a computed day or second, with the rest of a timestamp behind it.

    SQLite has a year 0, and NULL beyond 9999; what overflows is its only error. `checked`
    begins with the year of `moment`, and is shorter.
    """
    failure = "ABS(-9223372036854775807 - ({0} || {1} = {0} || {1}))"

    def row(text: str) -> Template:
        return Template(f"CASE WHEN {checked or moment} >= '0001' THEN {text} ELSE {failure} END")

    return by_type(row(f"{moment} || {rest}"), date=row(moment))


_ISO: Final = "PRINTF('%04d-%02d-%02d', {0}, {1}, {2})"
_THURSDAY: Final = f"DATE({_DAY}, (3 - ({_FROM_MONDAY})) || ' days')"


def _fractions(of_second: int) -> str:
    """Return the form of how many parts of a second lie between 1970 and an argument."""
    digits = len(str(of_second)) - 1
    text = "({{{0}}} || ' 00:00:00.000000')"
    seconds = f"CAST(STRFTIME('%s', SUBSTR({text}, 1, 19)) AS INTEGER)"
    return f"({seconds} * {of_second} + CAST(SUBSTR({text}, 21, {digits}) AS INTEGER))"


TIMES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "year": _part("Y"),
        "quarter": Template(f"({_MONTH} + 2) / 3", PRODUCT),
        "month": _part("m"),
        "day": _part("d"),
        "hour": _part("H"),
        "minute": _part("M"),
        "second": Template("CAST(SUBSTR({0}, 18, 2) AS INTEGER)"),
        "millisecond": Template(
            "CAST(SUBSTR({0}, 18, 2) || SUBSTR({0}, 21, 3) AS INTEGER)",
        ),
        "microsecond": Template("CAST(SUBSTR({0}, 18, 2) || SUBSTR({0}, 21, 6) AS INTEGER)"),
        "week": Template(f"(CAST(STRFTIME('%j', {_THURSDAY}) AS INTEGER) + 6) / 7", PRODUCT),
        "iso_year": Template(f"CAST(SUBSTR({_THURSDAY}, 1, 4) AS INTEGER)"),
        "day_of_week": Template(f"{_FROM_MONDAY} + 1", SUM),
        "day_of_year": _part("j"),
        "date_trunc": by_unit(
            {
                "millennium": _truncated(_of_age(1)),
                "century": _truncated(_of_age(2)),
                "decade": _truncated(_of_age(3)),
                "year": _truncated("SUBSTR({0}, 1, 4) || '-01-01'"),
                "quarter": _truncated(
                    f"DATE({_DAY}, 'start of month', '-' || (({_MONTH} - 1) % 3) || ' months')"
                ),
                "month": _truncated("SUBSTR({0}, 1, 7) || '-01'"),
                "week": _truncated(f"DATE({_DAY}, '-' || ({_FROM_MONDAY}) || ' days')"),
                "day": _truncated(_DAY),
                "hour": by_type(
                    Template("SUBSTR({0}, 1, 13) || ':00:00.000000'", 5), date=Template("{0}")
                ),
                "minute": by_type(
                    Template("SUBSTR({0}, 1, 16) || ':00.000000'", 5), date=Template("{0}")
                ),
                "second": by_type(
                    Template("SUBSTR({0}, 1, 19) || '.000000'", 5), date=Template("{0}")
                ),
                "millisecond": by_type(
                    Template("SUBSTR({0}, 1, 23) || '000'", 5), date=Template("{0}")
                ),
                "microsecond": Template("{0}"),
            }
        ),
        "add_days": _sum(f"DATE({_DAY}, {{1}} || ' days')", "SUBSTR({0}, 11)"),
        "add_months": _sum(
            _clamped(_MONTH_AFTER, "SUBSTR({0}, 9, 2)"), "SUBSTR({0}, 11)", _MONTH_AFTER
        ),
        "add_microseconds": _sum(
            f"DATETIME(({_MICROSECONDS} - {_FRACTION}) / 1000000, 'unixepoch')",
            f"PRINTF('.%06d', {_FRACTION})",
        ),
        "make_date": Template(
            f"CASE WHEN DATE({_ISO}, '0 days') = {_ISO} AND {_ISO} >= '0001' THEN {_ISO} "
            "ELSE ABS(-9223372036854775807 - ({0} + {1} + {2} = {0} + {1} + {2})) END"
        ),
        "last_day": Template(_clamped("SUBSTR({0}, 1, 7) || '-01'", "'31'"), OTHER),
        "date_diff": by_unit(
            {
                **ages_apart("CAST(SUBSTR({0}, 1, 4) AS INTEGER)"),
                "millisecond": _difference(_fractions(1000)),
                "microsecond": _difference(_fractions(1000000)),
                "year": _difference(_YEARS),
                "quarter": _difference(_QUARTERS),
                "month": _difference(_MONTHS),
                "week": _difference(_WEEKS),
                "day": _difference(_DAYS),
                "hour": _clock_difference(13, ":00:00", 3600),
                "minute": _clock_difference(16, ":00", 60),
                "second": _clock_difference(19, "", 1),
            }
        ),
        "strftime": Assembled(),
        "epoch": Template(
            "CAST(STRFTIME('%s', SUBSTR({0}, 1, 19)) AS REAL) "
            "+ CAST('0' || SUBSTR({0}, 20) AS REAL)",
            SUM,
        ),
    }
)

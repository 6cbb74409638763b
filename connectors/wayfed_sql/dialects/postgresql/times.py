"""Dates and timestamps, in PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.calendar import OUTSIDE, ages_apart, bounded, of_ages
from wayfed_sql.dialects.formats import TO_CHAR, Formatted, strptime
from wayfed_sql.dialects.shared import UNITS, by_unit
from wayfed_sql.templates import PRODUCT, SUM, Template, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

_SECONDS = "CAST(EXTRACT(EPOCH FROM DATE_TRUNC('{unit}', CAST({{{0}}} AS TIMESTAMP))) AS BIGINT)"


def _part(part: str) -> Template:
    return Template(f"CAST(EXTRACT({part} FROM {{0}}) AS BIGINT)")


def _difference(start: str, end: str, divisor: int = 1) -> Template:
    text = f"{end} - {start}"
    return Template(text, SUM) if divisor == 1 else Template(f"({text}) / {divisor}", PRODUCT)


def _seconds_difference(unit: str, seconds: int) -> Template:
    start, end = (_SECONDS.format(i, unit=unit) for i in (0, 1))
    return _difference(start, end, seconds)


_YEARS = "CAST(EXTRACT(YEAR FROM {{{0}}}) AS BIGINT)"

_YEAR = _YEARS.format(0)

_MONTHS = f"({_YEARS} * 12 + CAST(EXTRACT(MONTH FROM {{{{{{0}}}}}}) AS BIGINT))"

_QUARTERS = f"({_YEARS} * 4 + CAST(EXTRACT(QUARTER FROM {{{{{{0}}}}}}) AS BIGINT))"


def _parts(of_second: int, argument: int) -> str:
    """Return the text of how many parts of a second lie between 1970 and an argument."""
    seconds = f"EXTRACT(EPOCH FROM CAST({{{argument}}} AS TIMESTAMP))"
    return f"CAST(FLOOR({seconds} * {of_second}) AS BIGINT)"


def _sum(moment: str) -> Template:
    return bounded(moment, f"CAST('{OUTSIDE}: ' || {moment} AS {{type}})")


TIMES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "year": _part("YEAR"),
        "quarter": _part("QUARTER"),
        "month": _part("MONTH"),
        "day": _part("DAY"),
        "hour": _part("HOUR"),
        "minute": _part("MINUTE"),
        "second": Template("CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS BIGINT)"),
        "millisecond": Template("CAST(FLOOR(EXTRACT(MILLISECOND FROM {0})) AS BIGINT)"),
        "microsecond": _part("MICROSECOND"),
        "week": _part("WEEK"),
        "iso_year": _part("ISOYEAR"),
        "day_of_week": _part("ISODOW"),
        "day_of_year": _part("DOY"),
        "date_trunc": by_unit(
            {
                unit: by_type(
                    Template(f"DATE_TRUNC('{unit}', {{0}})"),
                    date=Template(f"CAST(DATE_TRUNC('{unit}', CAST({{0}} AS TIMESTAMP)) AS DATE)"),
                )
                for unit in UNITS
            }
            | of_ages("CAST(MAKE_DATE(CAST({year} AS INTEGER), 1, 1) AS {{type}})", _YEAR)
            | {"microsecond": Template("{0}")}
        ),
        "add_days": by_type(
            _sum("({0} + CAST({1} AS INTEGER) * INTERVAL '1 day')"),
            date=_sum("({0} + CAST({1} AS INTEGER))"),
        ),
        "add_months": _sum("CAST({0} + CAST({1} AS INTEGER) * INTERVAL '1 month' AS {type})"),
        # Intervals are multiplied as doubles: days apart, all of them are exact.
        "add_microseconds": _sum(
            "({0} + {1} / 86400000000 * INTERVAL '1 day' "
            "+ {1} % 86400000000 * INTERVAL '1 microsecond')"
        ),
        "make_date": _sum(
            "MAKE_DATE(CAST({0} AS INTEGER), CAST({1} AS INTEGER), CAST({2} AS INTEGER))"
        ),
        "last_day": Template(
            "CAST(DATE_TRUNC('month', CAST({0} AS TIMESTAMP)) + INTERVAL '1 month -1 day' AS DATE)"
        ),
        "date_diff": by_unit(
            {
                **ages_apart(_YEAR),
                "millisecond": Template(f"{_parts(1000, 1)} - {_parts(1000, 0)}", SUM),
                "microsecond": Template(f"{_parts(1000000, 1)} - {_parts(1000000, 0)}", SUM),
                "year": _difference(_YEARS.format(0), _YEARS.format(1)),
                "quarter": _difference(_QUARTERS.format(0), _QUARTERS.format(1)),
                "month": _difference(_MONTHS.format(0), _MONTHS.format(1)),
                "week": _seconds_difference("week", 604800),
                "day": _seconds_difference("day", 86400),
                "hour": _seconds_difference("hour", 3600),
                "minute": _seconds_difference("minute", 60),
                "second": _seconds_difference("second", 1),
            }
        ),
        "strftime": Formatted(TO_CHAR, "TO_CHAR({0}, {format})"),
        "strptime": strptime(
            TO_CHAR,
            "CAST(TO_TIMESTAMP({0}, {format}) AS TIMESTAMP)",
            "TO_CHAR({read}, {format})",
            "CAST('{why}: ' || {0} AS TIMESTAMP)",
        ),
        "epoch": Template("CAST(EXTRACT(EPOCH FROM {0}) AS DOUBLE PRECISION)"),
    }
)

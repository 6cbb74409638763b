"""Dates and timestamps, in Spark."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.calendar import OUTSIDE, ages_apart, bounded, of_ages
from wayfed_sql.dialects.formats import JAVA, Formatted, strptime
from wayfed_sql.dialects.shared import by_unit
from wayfed_sql.templates import PRODUCT, SUM, Template, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


def _part(part: str) -> Template:
    return Template(f"CAST(EXTRACT({part} FROM {{0}}) AS BIGINT)")


def _boundaries(form: str) -> Template:
    return Template(f"{form.format(1)} - {form.format(0)}", SUM)


def _seconds(unit: str, seconds: int) -> Template:
    start, end = (f"UNIX_SECONDS(CAST(DATE_TRUNC('{unit}', {{{i}}}) AS TIMESTAMP))" for i in (0, 1))
    return Template(f"({end} - {start}) DIV {seconds}", PRODUCT)


def _trunc(unit: str) -> Row:
    return by_type(
        Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})"),
        date=Template(f"TRUNC({{0}}, '{unit}')"),
    )


def _clock(unit: str) -> Row:
    return by_type(Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})"), date=Template("{0}"))


def _sum(moment: str) -> Template:
    return bounded(moment, f"RAISE_ERROR('{OUTSIDE}')")


TIMES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "year": _part("YEAR"),
        "quarter": _part("QUARTER"),
        "month": _part("MONTH"),
        "day": _part("DAY"),
        "hour": _part("HOUR"),
        "minute": _part("MINUTE"),
        "second": Template("CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS BIGINT)"),
        "millisecond": Template("CAST(FLOOR(EXTRACT(SECOND FROM {0}) * 1000) AS BIGINT)"),
        "microsecond": Template("CAST(EXTRACT(SECOND FROM {0}) * 1000000 AS BIGINT)"),
        "week": _part("WEEK"),
        "iso_year": _part("YEAROFWEEK"),
        "day_of_week": _part("DOW_ISO"),
        "day_of_year": _part("DOY"),
        "date_trunc": by_unit(
            {
                **{unit: _trunc(unit) for unit in ("year", "quarter", "month", "week")},
                **{unit: _clock(unit) for unit in ("day", "hour", "minute", "second")},
                "millisecond": _clock("millisecond"),
                "microsecond": Template("{0}"),
                **of_ages("CAST(MAKE_DATE({year}, 1, 1) AS {{type}})", "YEAR({0})"),
            }
        ),
        "add_days": by_type(
            _sum("({0} + MAKE_DT_INTERVAL(CAST({1} AS INT)))"),
            date=_sum("DATE_ADD({0}, CAST({1} AS INT))"),
        ),
        "add_months": by_type(
            _sum("({0} + MAKE_YM_INTERVAL(0, CAST({1} AS INT)))"),
            date=_sum("ADD_MONTHS({0}, CAST({1} AS INT))"),
        ),
        "add_microseconds": _sum(
            "CAST(TIMESTAMP_MICROS(UNIX_MICROS(CAST({0} AS TIMESTAMP)) + {1}) AS {type})"
        ),
        "make_date": _sum("MAKE_DATE(CAST({0} AS INT), CAST({1} AS INT), CAST({2} AS INT))"),
        "last_day": Template("LAST_DAY({0})"),
        "date_diff": by_unit(
            {
                **ages_apart("CAST(YEAR({0}) AS BIGINT)", "DIV"),
                "millisecond": Template(
                    "UNIX_MILLIS(CAST({1} AS TIMESTAMP)) - UNIX_MILLIS(CAST({0} AS TIMESTAMP))", SUM
                ),
                "microsecond": Template(
                    "UNIX_MICROS(CAST({1} AS TIMESTAMP)) - UNIX_MICROS(CAST({0} AS TIMESTAMP))", SUM
                ),
                "year": _boundaries("CAST(YEAR({{{0}}}) AS BIGINT)"),
                "quarter": _boundaries("(CAST(YEAR({{{0}}}) AS BIGINT) * 4 + QUARTER({{{0}}}))"),
                "month": _boundaries("(CAST(YEAR({{{0}}}) AS BIGINT) * 12 + MONTH({{{0}}}))"),
                "week": Template(
                    "CAST(DATEDIFF(TRUNC({1}, 'week'), TRUNC({0}, 'week')) AS BIGINT) DIV 7",
                    PRODUCT,
                ),
                "day": Template("CAST(DATEDIFF({1}, {0}) AS BIGINT)"),
                "hour": _seconds("hour", 3600),
                "minute": _seconds("minute", 60),
                "second": _seconds("second", 1),
            }
        ),
        "strftime": Formatted(JAVA, "DATE_FORMAT({0}, {format})"),
        "strptime": strptime(
            JAVA,
            "TO_TIMESTAMP_NTZ({0}, {format})",
            "DATE_FORMAT({read}, {format})",
            "RAISE_ERROR('{why}')",
        ),
        "epoch": Template("UNIX_MICROS(CAST({0} AS TIMESTAMP)) / 1000000D", PRODUCT),
    }
)

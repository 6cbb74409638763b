"""Dates and timestamps, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.calendar import OUTSIDE, ages_apart, bounded, of_ages
from wayfed_sql.dialects.formats import STRFTIME, Formatted, strptime
from wayfed_sql.dialects.shared import UNITS, by_unit
from wayfed_sql.templates import PRODUCT, Template, by_type, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


def _sum(moment: str) -> Template:
    return bounded(moment, f"ERROR('{OUTSIDE}')")


TIMES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **{
            name: Template(f"EXTRACT({part} FROM {{0}})")
            for name, part in (
                ("year", "YEAR"),
                ("quarter", "QUARTER"),
                ("month", "MONTH"),
                ("day", "DAY"),
                ("hour", "HOUR"),
                ("minute", "MINUTE"),
                ("second", "SECOND"),
                ("millisecond", "MILLISECOND"),
                ("microsecond", "MICROSECOND"),
                ("week", "WEEK"),
                ("iso_year", "ISOYEAR"),
                ("day_of_week", "ISODOW"),
                ("day_of_year", "DOY"),
            )
        },
        "date_trunc": by_unit(
            {
                **{
                    unit: Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})")
                    for unit in UNITS
                },
                **of_ages("CAST(MAKE_DATE({year}, 1, 1) AS {{type}})", "YEAR({0})"),
                "microsecond": Template("{0}"),
            }
        ),
        "make_date": _sum("MAKE_DATE({0}, {1}, {2})"),
        "last_day": function("LAST_DAY"),
        "add_days": by_type(
            _sum("({0} + TO_DAYS(CAST({1} AS INTEGER)))"), date=_sum("({0} + CAST({1} AS INTEGER))")
        ),
        "add_months": _sum("CAST({0} + TO_MONTHS(CAST({1} AS INTEGER)) AS {type})"),
        "add_microseconds": _sum("({0} + TO_MICROSECONDS({1}))"),
        "date_diff": by_unit(
            {
                **ages_apart("YEAR({0})", "//"),
                **{unit: Template(f"DATE_DIFF('{unit}', {{0}}, {{1}})") for unit in UNITS},
                "microsecond": Template("DATE_DIFF('microsecond', {0}, {1})"),
                "week": Template(
                    "DATE_DIFF('day', DATE_TRUNC('week', {0}), DATE_TRUNC('week', {1})) // 7",
                    PRODUCT,
                ),
            }
        ),
        "strftime": Formatted(STRFTIME, "STRFTIME({0}, {format})"),
        "strptime": strptime(
            STRFTIME, "STRPTIME({0}, {format})", "STRFTIME({read}, {format})", "ERROR('{why}')"
        ),
        # EPOCH of an instant loses digits before 1970.
        "epoch": Template("EPOCH_US({0}) / 1000000", PRODUCT),
    }
)

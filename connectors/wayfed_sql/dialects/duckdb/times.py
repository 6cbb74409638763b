"""Dates and timestamps, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.calendar import OUTSIDE, bounded
from wayfed_sql.dialects.shared import UNITS, by_unit
from wayfed_sql.templates import PRODUCT, Template, by_type

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
                ("day_of_week", "ISODOW"),
                ("day_of_year", "DOY"),
            )
        },
        "date_trunc": by_unit(
            {unit: Template(f"CAST(DATE_TRUNC('{unit}', {{0}}) AS {{type}})") for unit in UNITS}
        ),
        "add_days": by_type(
            _sum("({0} + TO_DAYS(CAST({1} AS INTEGER)))"), date=_sum("({0} + CAST({1} AS INTEGER))")
        ),
        "add_months": _sum("CAST({0} + TO_MONTHS(CAST({1} AS INTEGER)) AS {type})"),
        "add_microseconds": _sum("({0} + TO_MICROSECONDS({1}))"),
        "date_diff": by_unit(
            {
                **{unit: Template(f"DATE_DIFF('{unit}', {{0}}, {{1}})") for unit in UNITS},
                "week": Template(
                    "DATE_DIFF('day', DATE_TRUNC('week', {0}), DATE_TRUNC('week', {1})) // 7",
                    PRODUCT,
                ),
            }
        ),
        # EPOCH of an instant loses digits before 1970.
        "epoch": Template("EPOCH_US({0}) / 1000000", PRODUCT),
    }
)

"""Dates and timestamps, in Flink."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import DATE
from wayfed_sql.dialects.formats import STRFTIME, Formatted
from wayfed_sql.dialects.shared import UNITS, by_unit
from wayfed_sql.templates import OTHER, Choice, Template, by_type, function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

_UNITS: Final = (*UNITS, "microsecond", "decade", "century", "millennium")


def _part(name: str, extracted: str = "") -> Row:
    """Make the row of a part: Flink's own of timestamps is wrong before 1970."""
    part = Template(f"wf_part_of_time({{0}}, '{name}')")
    return by_type(part, date=Template(f"EXTRACT({extracted or name.upper()} FROM {{0}})"))


def _is_mixed(site: Site) -> bool:
    """Say whether one of two times is a date, and the other one is none."""
    return len({arg.type == DATE for arg in site.args[:2]}) > 1


_DATE_DIFF: Final = Choice(
    (
        (
            _is_mixed,
            Template("wf_date_diff(CAST({0} AS TIMESTAMP(6)), CAST({1} AS TIMESTAMP(6)), {2})"),
        ),
    ),
    function("wf_date_diff"),
)

TIMES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **{name: _part(name) for name in ("year", "quarter", "month", "day", "week")},
        **{
            name: _part(name) for name in ("hour", "minute", "second", "millisecond", "microsecond")
        },
        "iso_year": _part("iso_year", "ISOYEAR"),
        "day_of_week": _part("day_of_week", "ISODOW"),
        "day_of_year": _part("day_of_year", "DOY"),
        "date_trunc": by_unit(dict.fromkeys(_UNITS, function("wf_date_trunc"))),
        "date_diff": by_unit(dict.fromkeys(_UNITS, _DATE_DIFF)),
        "add_days": function("wf_add_days"),
        "add_months": function("wf_add_months"),
        "add_microseconds": function("wf_add_microseconds"),
        "make_date": function("wf_make_date"),
        "last_day": function("wf_last_day"),
        "epoch": function("wf_epoch"),
        "strftime": Formatted(STRFTIME, "wf_write_time({0}, {format})"),
        "strptime": Formatted(STRFTIME, "wf_read_time({0}, {format})", reads=True),
    }
)


def _read(prefix: str) -> Mapping[tuple[str, str], Row]:
    """Make the rows of casts from text: Flink reads February 30 as the day before."""
    return MappingProxyType(
        {
            ("text", "date"): Template(f"wf_{prefix}_date({{0}})"),
            ("text", "timestamp"): Template(f"wf_{prefix}_timestamp({{0}})"),
            ("text", "timestamp_utc"): Template(f"CAST(wf_{prefix}_instant({{0}}) AS {{type}})"),
        }
    )


CASTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType(
    {
        ("timestamp", "text"): function("wf_time_text"),
        ("timestamp_utc", "text"): Template("wf_time_text({0}) || '+00'", OTHER),
        # Its own has the day after for what is before 1970.
        **{
            (kind, "date"): Template("CAST(wf_date_trunc({0}, 'day') AS DATE)")
            for kind in ("timestamp", "timestamp_utc")
        },
        **_read("to"),
    }
)
SAFE_CASTS: Final = _read("try")

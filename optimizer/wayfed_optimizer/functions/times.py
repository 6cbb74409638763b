"""Functions of dates and timestamps."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, one_of, same
from wayfed_optimizer.functions.row import Function, Raises
from wayfed_optimizer.types import DATE, FLOAT64, INT64, TEXT, TIMESTAMP, TIMESTAMP_UTC, is_temporal

_INSTANT: Final = one_of(TIMESTAMP, TIMESTAMP_UTC)
_DAY: Final = one_of(DATE, TIMESTAMP, TIMESTAMP_UTC)
TIMES: Final = (
    Function("year", fixed(INT64, _DAY), "x", "Year."),
    Function("quarter", fixed(INT64, _DAY), "x", "Quarter, 1 to 4."),
    Function("month", fixed(INT64, _DAY), "x", "Month, 1 to 12."),
    Function("day", fixed(INT64, _DAY), "x", "Day of the month."),
    Function("hour", fixed(INT64, _INSTANT), "x", "Hour, 0 to 23."),
    Function("minute", fixed(INT64, _INSTANT), "x", "Minute, 0 to 59."),
    Function("second", fixed(INT64, _INSTANT), "x", "Whole second, 0 to 59."),
    Function("millisecond", fixed(INT64, _INSTANT), "x", "Whole milliseconds of the minute."),
    Function("microsecond", fixed(INT64, _INSTANT), "x", "Microseconds of the minute."),
    Function("week", fixed(INT64, _DAY), "x", "Week of the year that it belongs to (ISO 8601)."),
    Function("iso_year", fixed(INT64, _DAY), "x", "Year that its week belongs to (ISO 8601)."),
    Function("day_of_week", fixed(INT64, _DAY), "x", "Monday 1 to Sunday 7 (ISO 8601)."),
    Function("day_of_year", fixed(INT64, _DAY), "x", "Day of the year, from 1."),
    Function(
        "date_trunc",
        same(is_temporal, TEXT),
        "x, unit",
        "x at the start of its millennium, century, decade, year, quarter, month, week, day, hour, "
        "minute, second, millisecond or microsecond.",
    ),
    Function("add_days", same(is_temporal, INT64), "x, n", "x and n days.", raises=Raises.ALWAYS),
    Function(
        "add_months",
        same(is_temporal, INT64),
        "x, n",
        "The same day n months later, or the last of a month that is shorter.",
        raises=Raises.ALWAYS,
    ),
    Function(
        "add_microseconds",
        same(_INSTANT, INT64),
        "x, n",
        "x and n microseconds.",
        raises=Raises.ALWAYS,
    ),
    Function(
        "make_date",
        fixed(DATE, INT64, INT64, INT64),
        "year, month, day",
        "The date with these numbers; an error where there is none.",
        raises=Raises.ALWAYS,
    ),
    Function("last_day", fixed(DATE, _DAY), "x", "The last day of its month."),
    Function(
        "date_diff",
        fixed(INT64, is_temporal, is_temporal, TEXT),
        "start, end, unit",
        "Number of unit boundaries crossed from start to end.",
    ),
    Function(
        "strftime",
        fixed(TEXT, _DAY, TEXT),
        "x, format",
        "x written by a constant format: %Y %y %m %d %H %M %S %f %j %b %B %a %A %%.",
    ),
    Function(
        "strptime",
        fixed(TIMESTAMP, TEXT, TEXT),
        "x, format",
        "The timestamp that strftime writes so; an error where there is none.",
        raises=Raises.ALWAYS,
    ),
    Function("epoch", fixed(FLOAT64, _INSTANT), "x", "Seconds since 1970-01-01 00:00 (UTC)."),
)

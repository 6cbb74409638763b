"""Dates and timestamps as constants of SQL text, and arithmetic of dates and days."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidSql
from wayfed_optimizer.expressions import Expression, Literal, call, literal
from wayfed_optimizer.types import DATE, TIMESTAMP, TIMESTAMP_UTC, is_integer

if TYPE_CHECKING:
    from wayfed_optimizer.types import DataType

_MOMENT: Final = re.compile(
    r"\s*(\d{1,4})-(\d{1,2})-(\d{1,2})"
    r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?"
    r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?\s*",
    re.IGNORECASE | re.ASCII,
)
_BEYOND: Final = re.compile(
    r"\s*(?:[+-]\s*\d+-|\d{5,}-|0{1,4}-|.*\(bc\)|[+-]?inf|epoch)", re.IGNORECASE
)


def read_moment(text: str, kind: DataType) -> Literal | None:
    """Return the date or timestamp that a constant text writes, or None for an engine to read it.

    Raises
    ------
    InvalidSql
        Where it lies outside of the years 1 to 9999, which engines would not notice, or is no time.
    """
    if _BEYOND.match(text):
        raise InvalidSql(f"'{text}' is no {kind}", hint="years are those from 1 to 9999")
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if kind == DATE and (hour or zone):
        return None
    digits = (fraction or "0").ljust(6, "0")
    if digits[6:].strip("0"):
        raise InvalidSql(f"'{text}' is no {kind}", hint="times are in microseconds")
    try:
        day_of = datetime.date(int(year), int(month), int(day))
        if kind == DATE:
            return Literal(day_of, kind)
        clock = datetime.time(int(hour or 0), int(minute or 0), int(second or 0), int(digits[:6]))
        moment = datetime.datetime.combine(day_of, clock, _zone(zone))
        if kind == TIMESTAMP:
            return Literal(moment, kind) if zone is None else None
        utc = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return Literal(utc.astimezone(datetime.UTC), TIMESTAMP_UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidSql(f"'{text}' is no {kind}") from error


def _zone(text: str | None) -> datetime.tzinfo | None:
    if text is None:
        return None
    if text.upper() == "Z":
        return datetime.UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return datetime.timezone(-offset if text[0] == "-" else offset)


def of_days(function: str, left: Expression, right: Expression) -> Expression | None:
    """Return a date and some days, or the days between two dates; None for what is neither."""
    if function == "subtract" and left.type == right.type == DATE:
        return call("date_diff", right, left, literal("day"))
    if function == "add" and right.type == DATE:
        left, right = right, left
    if function not in ("add", "subtract") or left.type != DATE or not is_integer(right.type):
        return None
    if function == "add":
        return call("add_days", left, right)
    days = literal(-right.value) if isinstance(right, Literal) and right.value else right
    return call("add_days", left, days if days is not right else call("negate", right))

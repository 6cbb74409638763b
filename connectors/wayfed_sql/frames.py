"""Frames of window functions, written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.types import Decimal

if TYPE_CHECKING:
    from wayfed_optimizer.expressions import Frame, SortKey
    from wayfed_sql.dialect import Dialect


def frame_text(frame: Frame, order_by: tuple[SortKey, ...], dialect: Dialect) -> str:
    """Write a frame.

    Raises
    ------
    Unsupported
        Where the engine has no such frames, or does not measure the order in them.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Frame
    >>> from wayfed_sql import DUCKDB
    >>> frame_text(Frame("rows", -6, 0), (), DUCKDB)
    'ROWS BETWEEN 6 PRECEDING AND CURRENT ROW'
    """
    used = [f"frame of {frame.units}"]
    if frame.exclude:
        used.append("frame that excludes")
    if frame.has_distance:
        measured = "decimals" if isinstance(order_by[0].expression.type, Decimal) else "numbers"
        used.append(f"frame of a range of {'times' if frame.unit else measured}")
    for each in used:
        if each in dialect.without:
            raise dialect.refuse(each)
    start = "UNBOUNDED PRECEDING" if frame.start is None else _bound(frame.start, frame.unit)
    end = "UNBOUNDED FOLLOWING" if frame.end is None else _bound(frame.end, frame.unit)
    exclude = f" EXCLUDE {frame.exclude.upper()}" if frame.exclude else ""
    return f"{frame.units.upper()} BETWEEN {start} AND {end}{exclude}"


def _bound(distance: float, unit: str) -> str:
    if distance == 0:
        return "CURRENT ROW"
    written = str(abs(distance))
    if unit == "microsecond":
        written = f"INTERVAL '{abs(distance) / 1e6:f}' SECOND"
    elif unit:
        written = f"INTERVAL '{written}' {unit.upper()}"
    return f"{written} {'PRECEDING' if distance < 0 else 'FOLLOWING'}"

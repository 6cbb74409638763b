"""Functions over windows: how ``column.over(…)`` says which rows they see."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, TypeAlias

from wayfed_optimizer.errors import InvalidOption, PlanError
from wayfed_optimizer.expressions import Call, Expression, Frame, SortKey, WindowCall
from wayfed_optimizer.functions import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed.columns import Order

Rows: TypeAlias = "tuple[int | None, int | None] | None"
Distance: TypeAlias = "int | float | datetime.timedelta | None"

_DAY = datetime.timedelta(days=1)
_SECOND = datetime.timedelta(seconds=1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def frame_of(
    rows: Rows,
    groups: Rows,
    within: tuple[Distance, Distance] | None,
    unit: str | None,
    exclude: str | None,
) -> Frame | None:
    """Return the frame that the arguments of `Column.over` say, if they say one.

    Raises
    ------
    InvalidOption
        Where they say more than one, or something that is none.
    """
    said = [
        name for name, value in (("rows", rows), ("groups", groups), ("range", within)) if value
    ]
    if len(said) > 1:
        raise InvalidOption(f"{' and '.join(said)} are two frames", hint="say one of them")
    if unit and not within:
        raise InvalidOption("unit= says what a range= is counted in")
    if not said:
        return Frame("range", None, 0, exclude=exclude) if exclude else None
    if within is None:
        start, end = rows or groups or (None, None)
        return Frame(said[0], start, end, exclude=exclude or "")
    distances, counted = _distances(within, unit)
    return Frame("range", *distances, counted, exclude or "")


def _distances(
    within: tuple[Distance, Distance], unit: str | None
) -> tuple[tuple[int | float | None, int | float | None], str]:
    """Return both bounds of a range in one unit: the largest in which they are whole."""
    times = [each for each in within if isinstance(each, datetime.timedelta)]
    if not times:
        start, end = (each for each in within if not isinstance(each, datetime.timedelta))
        return (start, end), unit or ""
    if unit or any(isinstance(each, int | float) and each for each in within):
        raise InvalidOption("a range of times is of timedeltas, or of numbers and a unit=")
    name, size = next(
        (name, size)
        for name, size in (("day", _DAY), ("second", _SECOND), ("microsecond", _MICROSECOND))
        if all(each % size == datetime.timedelta() for each in times)
    )
    start, end = (each // size if isinstance(each, datetime.timedelta) else each for each in within)
    return (start, end), name


def over_window(
    function: Expression,
    partition: Sequence[Expression],
    keys: Sequence[Expression],
    orders: Sequence[Order],
    frame: Frame | None,
    *,
    ignore_nulls: bool,
) -> WindowCall:
    """Return a function over a window.

    Raises
    ------
    PlanError
        Where it is none that sees several rows, or has an order or DISTINCT of its own.
    """
    if not isinstance(function, Call) or function.row.kind is Kind.SCALAR:
        raise PlanError(
            f"over() is for a window or aggregate function, and {function} is none",
            hint="call over() on each function: wf.sum('a').over(…) / wf.count().over(…)",
        )
    if function.order_by or function.distinct:
        raise PlanError(
            f"{function} sees its rows in an order of its own, or each value once",
            hint="over(order_by=…) says the order: wf.first_value('a').over(order_by='b')",
        )
    sort = tuple(
        SortKey(expression, order.descending, order.nulls_first)
        for expression, order in zip(keys, orders, strict=True)
    )
    return WindowCall(function.function, function.args, tuple(partition), sort, frame, ignore_nulls)

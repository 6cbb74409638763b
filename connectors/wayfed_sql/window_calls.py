"""Window functions of SQL text: OVER, named windows, frames, IGNORE NULLS."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import Call, Frame, Literal, WindowCall, cast_to
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.types import FLOAT64, TIMESTAMP, DataType, is_integer, is_numeric
from wayfed_sql.constants import constant
from wayfed_sql.sql_nodes import position, refuse, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.expressions import Expression, SortKey
    from wayfed_sql.aggregate_calls import Binding

_TIMES: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "year": ("month", 12),
        "quarter": ("month", 3),
        "month": ("month", 1),
        "week": ("day", 7),
        "day": ("day", 1),
        "hour": ("second", 3600),
        "minute": ("second", 60),
        "second": ("second", 1),
        "millisecond": ("microsecond", 1000),
        "microsecond": ("microsecond", 1),
    }
)
"""Units of intervals, in those of frames."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A bound of a frame: how far, negative before the current row, and in which unit of time."""

    distance: int | float | None
    unit: str = ""


def bind_window(node: exp.Expr, binder: Binding, windows: Mapping[str, exp.Window]) -> Expression:
    """Return a function over a window.

    Parameters
    ----------
    windows
        The windows of a WINDOW clause, by name in lower case.

    Raises
    ------
    PlanError
        Windows that are not there, frames that plans cannot say, functions that see no rows.
    """
    require(node, "this", "partition_by", "order", "spec", "alias", "over")
    partition, order, spec = _definition(node, windows, ())
    function = node.this
    ignore_nulls = isinstance(function, exp.IgnoreNulls) and not isinstance(
        function.this, exp.AnyValue
    )
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    inner = binder.function(function)
    if not isinstance(inner, Call) or inner.row.kind is Kind.SCALAR:
        raise refuse(node, hint="OVER stands behind an aggregate or window function")
    if inner.order_by or inner.distinct:
        raise Unsupported(
            f"{'ORDER BY' if inner.order_by else 'DISTINCT'} in {inner.function} over a window",
            where=position(node),
        )
    keys = tuple(binder.sort_key(key) for key in order.expressions) if order else ()
    frame = _frame(spec, binder) if spec is not None else None
    return WindowCall(
        inner.function,
        inner.args,
        tuple(binder.bind(each) for each in partition or ()),
        keys if frame is None else _measurable(keys, frame),
        frame,
        ignore_nulls,
    )


def _definition(
    node: exp.Expr, windows: Mapping[str, exp.Window], seen: tuple[str, ...]
) -> tuple[list[exp.Expr] | None, exp.Expr | None, exp.Expr | None]:
    """Return PARTITION BY, ORDER BY and the frame, with those of the window it builds on."""
    partition, order, spec = (node.args.get(k) for k in ("partition_by", "order", "spec"))
    name = node.args.get("alias")
    if name is None:
        return partition, order, spec
    base = windows.get(name.name.lower())
    if base is None or name.name.lower() in seen:
        raise InvalidSql(
            f"there is no window '{name.name}'", available=tuple(windows), where=position(name)
        )
    inner = _definition(base, windows, (*seen, name.name.lower()))
    for clause, own, theirs in zip(
        ("PARTITION BY", "ORDER BY"), (partition, order), inner, strict=False
    ):
        if own and theirs:
            raise InvalidSql(f"window '{name.name}' has its {clause} already", where=position(name))
    return partition or inner[0], order or inner[1], spec or inner[2]


def _frame(spec: exp.Expr, binder: Binding) -> Frame:
    require(spec, "kind", "start", "start_side", "end", "end_side", "exclude")
    units = str(spec.args.get("kind") or "ROWS").lower()
    start = _bound(spec.args.get("start"), spec.args.get("start_side"), binder)
    # A frame with one bound ends at the current row.
    end = _bound(spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"), binder)
    exclude = spec.args.get("exclude")
    excluded = str(exclude.name if isinstance(exclude, exp.Expr) else exclude or "").lower()
    start, end = _of_one_unit(start, end, spec)
    if units != "range":
        for bound in (start, end):
            if isinstance(bound.distance, float) or bound.unit:
                raise InvalidSql(f"bounds in {units} are whole numbers", where=position(spec))
    return Frame(
        units,
        start.distance,
        end.distance,
        start.unit or end.unit,
        "" if excluded == "no others" else excluded,
    )


def _of_one_unit(start: _Bound, end: _Bound, spec: exp.Expr) -> tuple[_Bound, _Bound]:
    """Return both bounds in the same unit of time, if they have any."""
    units = {bound.unit for bound in (start, end) if bound.distance not in (0, None)}
    if len(units) < 2:
        return start, end
    if units == {"second", "microsecond"}:
        return _in_microseconds(start), _in_microseconds(end)
    raise Unsupported(
        "a frame whose bounds differ in unit",
        hint="say both in months, in days, or in parts of them",
        where=position(spec),
    )


def _in_microseconds(bound: _Bound) -> _Bound:
    if bound.unit != "second" or bound.distance is None:
        return bound
    return _Bound(bound.distance * 1_000_000, "microsecond")


def _bound(value: object, side: object, binder: Binding) -> _Bound:
    match str(value).upper():
        case "CURRENT ROW":
            return _Bound(0)
        case "UNBOUNDED":
            return _Bound(None)
    if not isinstance(value, exp.Expr):
        raise Unsupported(f"a frame bound of {value}")
    sign = -1 if str(side).upper() == "PRECEDING" else 1
    if isinstance(value, exp.Interval):
        distance, unit = _interval(value, binder)
        return _Bound(sign * distance, unit)
    found = constant(value, binder.bind)
    if not isinstance(found, Literal) or not is_numeric(found.type) or found.value is None:
        raise Unsupported(
            f"a frame bound of {value.sql()}", hint="bounds are constants", where=position(value)
        )
    whole = found.value == int(found.value)
    number = int(found.value) if whole else float(found.value)
    if number < 0:
        raise InvalidSql("a frame's bound is not negative", where=position(value))
    return _Bound(sign * number)


def _interval(node: exp.Interval, binder: Binding) -> tuple[int, str]:
    unit = node.args.get("unit")
    text = node.this.name if node.this is not None else ""
    if unit is None and " " in text:
        text, _, name = text.strip().partition(" ")
    else:
        name = unit.name if unit is not None else ""
    found = _TIMES.get(name.lower().removesuffix("s"))
    if found is None or not text.lstrip("-").isdigit():
        raise Unsupported(
            f"a frame bound of {node.sql(dialect='duckdb')}",
            hint="one whole number and one unit, such as INTERVAL 3 DAYS",
            where=position(node),
        )
    unit_of_frame, count = found
    return int(text) * count, unit_of_frame


def _measurable(keys: tuple[SortKey, ...], frame: Frame) -> tuple[SortKey, ...]:
    """Return the order so that a frame can be measured in it: whole numbers, say, in halves."""
    if not frame.has_distance or len(keys) != 1:
        return keys
    key = keys[0]
    kind: DataType | None = None
    if is_integer(key.expression.type) and any(isinstance(b, float) for b in frame.bounds):
        kind = FLOAT64
    if key.expression.type.name == "date" and frame.unit in ("second", "microsecond"):
        kind = TIMESTAMP
    if kind is None:
        return keys
    return (type(key)(cast_to(key.expression, kind), key.descending, key.nulls_first),)

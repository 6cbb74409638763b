"""Conditions on where a record stands, which may tell the offsets to read before they are read."""

from __future__ import annotations

import datetime
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.ranges import Range
from wayfed_kafka.table import OFFSET, PARTITION, TIMESTAMP
from wayfed_optimizer.expressions import Call, Column, InList, Literal
from wayfed_optimizer.types import INTEGERS, TIMESTAMP_UTC

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from wayfed_optimizer.expressions import Expression

_OPERATORS: Final = {
    "equal": "=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}
_MIRRORED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TESTS: Final = {"=": "eq", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_KERNELS: Final = {sign: name for name, sign in _OPERATORS.items()}
_PLACES: Final = (PARTITION, OFFSET, TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column of integers or instants compared with constants: with one, or ``in`` some."""

    column: str
    operator: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        if self.operator == "in":
            return f"{self.column} in ({', '.join(map(str, self.values))})"
        return f"{self.column} {self.operator} {self.values[0]}"

    def mask(self, values: pa.Array) -> pa.Array:
        """Return for which values it is true; NULL where they are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = values.type if pa.types.is_timestamp(values.type) else pa.int64()
        if self.operator == "in":
            found = pc.is_in(values.cast(kind), pa.array(self.values, kind))
            return pc.if_else(values.is_valid(), found, pa.scalar(None, pa.bool_()))
        return getattr(pc, _KERNELS[self.operator])(values, pa.scalar(self.values[0], kind))


def comparisons_of(predicate: Expression) -> tuple[Comparison, ...] | None:
    """Return the comparisons of which a condition is the conjunction; None where it is not one."""
    match predicate:
        case Call(function="and", args=args):
            parts = [comparisons_of(arg) for arg in args]
            if any(part is None for part in parts):
                return None
            return tuple(each for part in parts for each in part or ())
        case Call(function=function, args=(Column(), Literal())) if function in _OPERATORS:
            column, literal = predicate.args
            return _comparison(column, _OPERATORS[function], (literal,))
        case Call(function=function, args=(Literal(), Column())) if function in _OPERATORS:
            literal, column = predicate.args
            return _comparison(column, _MIRRORED[_OPERATORS[function]], (literal,))
        case InList(arg=Column() as column, values=values):
            return _comparison(column, "in", values)
    return None


def _comparison(
    column: Expression, sign: str, literals: Iterable[Expression]
) -> tuple[Comparison, ...] | None:
    kinds = (TIMESTAMP_UTC,) if column.type == TIMESTAMP_UTC else INTEGERS
    if not isinstance(column, Column) or column.name not in _PLACES or column.type not in kinds:
        return None
    values = []
    for literal in literals:
        if not isinstance(literal, Literal) or literal.value is None or literal.type not in kinds:
            return None
        values.append(literal.value)
    return (Comparison(column.name, sign, tuple(values)),) if values else None


def narrowed(ranges: Sequence[Range], comparisons: Sequence[Comparison]) -> tuple[Range, ...]:
    """Return what is left to read of partitions, by comparisons of partition and offset.

    Examples
    --------
    >>> ranges = (Range(0, 0, 100), Range(1, 0, 100))
    >>> narrowed(ranges, (Comparison("partition", "=", (1,)), Comparison("offset", ">", (41,))))
    (Range(partition=1, start=42, end=100),)
    """
    found = []
    for each in ranges:
        left = each
        for comparison in comparisons:
            if comparison.column == PARTITION and not _holds(comparison, each.partition):
                left = replace(left, end=left.start)
            elif comparison.column == OFFSET:
                left = _cut(left, comparison)
        if left.end is None or left.end > left.start:
            found.append(left)
    return tuple(found)


def earliest_instant(comparisons: Sequence[Comparison]) -> int | None:
    """Return the instant, in milliseconds, before which no record is wanted.

    There is no such thing for the end: a record may be older than one that came before it.
    """
    bounds = [
        min(map(_floor, each.values))
        for each in comparisons
        if each.column == TIMESTAMP and each.operator in ("=", ">", ">=", "in")
    ]
    return max(0, *bounds) if bounds else None  # no record is older than 1970


def _floor(moment: datetime.datetime) -> int:
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(milliseconds=1)


def _holds(comparison: Comparison, value: int) -> bool:
    if comparison.operator == "in":
        return value in comparison.values
    return bool(getattr(operator, _TESTS[comparison.operator])(value, comparison.values[0]))


def _cut(left: Range, comparison: Comparison) -> Range:
    low, high = min(comparison.values), max(comparison.values)
    first = {"=": low, "in": low, ">=": low, ">": low + 1}.get(comparison.operator)
    behind = {"=": high + 1, "in": high + 1, "<=": high + 1, "<": high}.get(comparison.operator)
    start, end = left.start, left.end
    if first is not None:
        start = max(start, first)
    if behind is not None:
        end = behind if end is None else min(end, behind)
    return Range(left.partition, start, end if end is None else max(start, end))

"""How many rows a relation has, estimated from the statistics of the tables below it.

Selectivities follow System R (Selinger et al., "Access path selection in a relational database
management system", SIGMOD 1979): 1/distinct for equality, the covered part of the value range for
comparisons, containment of the smaller key set for joins; fixed guesses where nothing is known.
"""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, Column, Expression, InList, Literal, conjuncts
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Explode,
    Filter,
    Hint,
    Iterate,
    Join,
    JoinKind,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    SetKind,
    SetOperation,
    Values,
    Write,
)
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
)
from wayfed_optimizer.types import DataType, Decimal, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EQUALITY: Final = 0.05
_RANGE: Final = 0.3
_PATTERN: Final = 0.1
_OTHER: Final = 0.3
_ELEMENTS: Final = 4.0
"""How many elements a list is taken to have."""
_WIDTHS: Final = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "float32": 4,
    "date": 4,
    "decimal": 16,
    "text": 16,
    "binary": 32,
    "list": 48,
    "struct": 32,
}
_UNKNOWN_COLUMN: Final = ColumnStatistics()


class Cardinalities:
    """Row estimates of relations over tables whose statistics `tables` gives; remembers them."""

    def __init__(self, tables: Callable[[str], TableStatistics]) -> None:
        self._tables = tables
        self._rows: dict[Relation, Estimate] = {}
        self._columns: dict[Relation, Mapping[str, ColumnStatistics]] = {}

    def rows(self, relation: Relation) -> Estimate:
        """Return the estimated number of rows."""
        known = self._rows.get(relation)
        if known is None:
            known = self._rows[relation] = self._estimate(relation)
        return known

    def known(self) -> Mapping[Relation, Estimate]:
        """Return every estimate made so far."""
        return self._rows

    def assume(self, relation: Relation, rows: Estimate) -> None:
        """Take `rows` as the estimate of a relation, whatever lies below it."""
        self._rows[relation] = rows

    def width(self, relation: Relation) -> float:
        """Return the estimated bytes a row."""
        return sum(
            self._column(relation, f.name).width or width_of(f.type) for f in relation.schema
        )

    def bytes(self, relation: Relation) -> float:
        """Return the estimated bytes of all rows."""
        return self.rows(relation).likely * max(1.0, self.width(relation))

    def _column(self, relation: Relation, name: str) -> ColumnStatistics:
        known = self._columns.get(relation)
        if known is None:
            known = self._columns[relation] = self._columns_of(relation)
        return known.get(name, _UNKNOWN_COLUMN)

    def _columns_of(self, relation: Relation) -> Mapping[str, ColumnStatistics]:
        match relation:
            case Read(table):
                return self._tables(table).columns
            case Select(source, outputs):
                return {
                    o.name: self._column(source, o.expression.name)
                    for o in outputs
                    if isinstance(o.expression, Column)
                }
            case Aggregate(source, keys, _):
                return {
                    k.name: self._column(source, k.expression.name)
                    for k in keys
                    if isinstance(k.expression, Column)
                }
        return {
            f.name: self._column(source, f.name)
            for source in relation.inputs
            for f in source.schema
        }

    def _estimate(self, relation: Relation) -> Estimate:  # noqa: PLR0912  # a case for each relation
        match relation:
            case Read(table):
                return self._tables(table).rows
            case Values(_, constants):
                return Estimate.exactly(len(constants))
            case Filter(source, predicate):
                return self._filtered(source, predicate)
            case Join():
                return self._joined(relation)
            case Aggregate(source, keys, _):
                return self._grouped(source, tuple(k.expression for k in keys))
            case Distinct(source, on):
                names = on or source.schema.names
                return self._grouped(source, tuple(_column_of(source.schema, n) for n in names))
            case Limit(source, count, offset):
                rows = self.rows(source)
                return rows if count is None else rows.at_most(count + offset)
            case SetOperation(kind, left, right):
                rows = self.rows(left)
                return rows.plus(self.rows(right)) if kind is SetKind.UNION else rows
            case Explode(source):
                return self.rows(source).scaled(_ELEMENTS, spread=5.0)
            case Sample(source, _, low, high):
                return self.rows(source).scaled(high - low, spread=1.1)
            case Hint(source, _, rows_hint) if rows_hint is not None:
                return Estimate.exactly(rows_hint, Provenance.HINT)
            case Iterate(initial):
                return self.rows(initial)
            case Write():
                return Estimate.exactly(0)
        return self.rows(relation.inputs[0])

    def _filtered(self, source: Relation, predicate: Expression) -> Estimate:
        rows = self.rows(source)
        selectivity = 1.0
        # The strongest condition counts whole, the next half its exponent, and so on: conditions
        # are seldom independent (exponential back-off, as in SQL Server's estimator since 2014).
        parts = sorted(self._selectivity(source, part) for part in conjuncts(predicate))
        for position, part in enumerate(parts[:4]):
            selectivity *= part ** (0.5**position)
        return rows.scaled(selectivity, spread=3.0)

    def _selectivity(self, source: Relation, predicate: Expression) -> float:
        match predicate:
            case Call("equal", (Column(name), Literal())) | Call(
                "equal", (Literal(), Column(name))
            ):
                distinct = self._column(source, name).distinct
                return 1.0 / max(1.0, distinct) if distinct else _EQUALITY
            case InList(Column(name), values):
                distinct = self._column(source, name).distinct
                return min(1.0, len(values) / max(1.0, distinct or 1.0 / _EQUALITY))
            case Call(
                "less" | "less_equal" | "greater" | "greater_equal" as name,
                (Column(column), Literal(value)),
            ):
                return self._covered(self._column(source, column), name, value)
            case Call("is_null", (Column(name),)):
                nulls = self._column(source, name).null_fraction
                return _EQUALITY if nulls is None else nulls
            case Call("is_not_null", (Column(name),)):
                nulls = self._column(source, name).null_fraction
                return 1.0 - (_EQUALITY if nulls is None else nulls)
            case Call("or", args):
                return min(1.0, sum(self._selectivity(source, arg) for arg in args))
            case Call("not", (arg,)):
                return 1.0 - self._selectivity(source, arg)
            case Call(
                "like" | "ilike" | "contains" | "starts_with" | "ends_with" | "regexp_matches"
            ):
                return _PATTERN
            case Literal(value):
                return 1.0 if value else 0.0
        return _OTHER

    def _covered(self, column: ColumnStatistics, comparison: str, value: object) -> float:
        low, high, at = map(_position, (column.low, column.high, value))
        if low is None or high is None or at is None or high <= low:
            return _RANGE
        below = min(1.0, max(0.0, (at - low) / (high - low)))
        return below if comparison.startswith("less") else 1.0 - below

    def _joined(self, join: Join) -> Estimate:
        left, right = self.rows(join.left), self.rows(join.right)
        if join.kind is JoinKind.ASOF:
            return left
        matched = left.times(right)
        for left_name, right_name in join.on:
            a = self._distinct(join.left, left_name, left)
            b = self._distinct(join.right, right_name, right)
            matched = matched.scaled(1.0 / max(1.0, a, b), spread=2.0)
        if join.predicate is not None:
            matched = matched.scaled(_RANGE, spread=3.0)
        match join.kind:
            case JoinKind.SEMI:
                return matched.at_most(left.likely)
            case JoinKind.ANTI:
                return left.scaled(0.5, spread=2.0)
            case JoinKind.LEFT:
                return _at_least(matched, left)
            case JoinKind.RIGHT:
                return _at_least(matched, right)
            case JoinKind.FULL:
                return _at_least(_at_least(matched, left), right)
        return matched

    def _distinct(self, relation: Relation, name: str, rows: Estimate) -> float:
        known = self._column(relation, name).distinct
        return min(known, rows.likely) if known else rows.likely

    def _grouped(self, source: Relation, keys: tuple[Expression, ...]) -> Estimate:
        if not keys:
            return Estimate.exactly(1)
        rows = self.rows(source)
        groups = 1.0
        for key in keys:
            known = self._column(source, key.name).distinct if isinstance(key, Column) else None
            groups *= known if known else max(1.0, rows.likely**0.5)
        estimate = Estimate.around(groups, Provenance.DERIVED, 3.0)
        return estimate.at_most(max(1.0, rows.high)).at_most(max(1.0, rows.likely))


def _at_least(estimate: Estimate, floor: Estimate) -> Estimate:
    return Estimate(
        max(estimate.low, floor.low),
        max(estimate.likely, floor.likely),
        max(estimate.high, floor.high),
        estimate.confidence,
        estimate.provenance,
    )


def _column_of(schema: Schema, name: str) -> Column:
    field = schema[name]
    return Column(name, field.type, field.nullable)


def _position(value: object) -> float | None:
    """Return where a value lies on a line, for parts of ranges; None where that has no meaning."""
    match value:
        case bool() | None:
            return None
        case int() | float() | decimal.Decimal():
            return float(value)
        case datetime.datetime():
            return value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp()
        case datetime.date():
            return float(value.toordinal()) * 86400.0 - 62135683200.0
    return None


def width_of(kind: DataType) -> float:
    """Return the bytes that a value of a type takes in Arrow, as far as the type tells."""
    return 16.0 if isinstance(kind, Decimal) else float(_WIDTHS.get(kind.name, 8))

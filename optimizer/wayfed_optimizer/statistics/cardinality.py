"""How many rows a relation has, estimated from the statistics of the tables below it.

What is known of a column is carried through the plan: a filter narrows it, a join brings two sides
together, a group has each value once. Where nothing is known, fixed guesses stand (Selinger et al.,
"Access path selection in a relational database management system", SIGMOD 1979), and their
intervals are wide.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, Column, Expression, Named, WindowCall
from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Explode,
    Filter,
    FirstMatches,
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
    Sort,
    Values,
    Window,
    Write,
    walk_once,
)
from wayfed_optimizer.statistics.aggregated import aggregate_statistics, window_statistics
from wayfed_optimizer.statistics.computed import UNKNOWN, statistics_of, together
from wayfed_optimizer.statistics.dependence import Dependence
from wayfed_optimizer.statistics.estimates import (
    ColumnStatistics,
    Estimate,
    Provenance,
    TableStatistics,
    nothing_observed,
)
from wayfed_optimizer.statistics.hints import most_rows
from wayfed_optimizer.statistics.joins import (
    Side,
    both,
    matched_share,
    matching_share,
    matching_share_of_key,
    unmatched_share,
)
from wayfed_optimizer.statistics.narrowed import filtered, sampled
from wayfed_optimizer.statistics.predicates import share_of
from wayfed_optimizer.statistics.shares import EVEN, GUESSED, Share
from wayfed_optimizer.types import DataType, Decimal, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_ELEMENTS: Final = 4.0
"""How many elements a list is taken to have."""
_NEARLY: Final = 0.98
"""A column with so many values for its rows is taken for a key."""
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
_VARYING: Final = frozenset({"text", "binary", "list", "struct"})
"""Types whose values are not all of one size."""
_OBSERVED_IS: Final = 0.95
"""How sure it is that data which did not seem to change has as many rows as before."""
_TRUSTED: Final = frozenset({Provenance.EXACT, Provenance.FOOTER})


class Cardinalities:
    """Row estimates of relations over tables; remembers them.

    Parameters
    ----------
    tables
        Gives what is known of a table.
    observed
        Gives the rows that a relation had when it was last run over the same data.
    """

    def __init__(
        self,
        tables: Callable[[str], TableStatistics],
        observed: Callable[[Relation], float | None] = nothing_observed,
    ) -> None:
        self._tables = tables
        self._observed = observed
        self._rows: dict[Relation, Estimate] = {}
        self._columns: dict[tuple[Relation, str], ColumnStatistics] = {}
        self._widths: dict[Relation, Mapping[str, float]] = {}
        self._dependence = Dependence(self._is_key)
        self._twins: dict[Relation, Relation] = {}
        self._named: dict[str, Relation] = {}

    def rows(self, relation: Relation) -> Estimate:
        """Return the estimated number of rows."""
        known = self._rows.get(relation)
        if known is None:
            known = self._rows[relation] = self._seen(relation) or self._estimate(relation)
        return known

    def known(self) -> Mapping[Relation, Estimate]:
        """Return every estimate made so far."""
        return self._rows

    def assume(self, relation: Relation, rows: Estimate) -> None:
        """Take `rows` as the estimate of a relation, whatever lies below it."""
        self._rows[relation] = rows

    def stands_for(self, relation: Relation, other: Relation) -> None:
        """Take of a relation all that is known of another one, whose rows it has."""
        self._rows[relation] = self.rows(other)
        self._twins[relation] = other
        if isinstance(relation, Read):
            self._named[relation.table] = other

    def heed(self, root: Relation) -> None:
        """Take what the hints of a plan say as the estimates of what they are about.

        Engines are not told hints: it is the relation below one that they run and explain shows.
        """
        found = [r for r in walk_once(root) if isinstance(r, Hint) and r.rows is not None]
        for hint in reversed(found):
            below = hint.input
            while isinstance(below, Hint):
                below = below.input
            self.assume(below, self._hinted(below, hint.rows or 0))

    def width(self, relation: Relation) -> float:
        """Return the estimated bytes a row."""
        return sum(self._widths_of(relation).values())

    def bytes(self, relation: Relation) -> float:
        """Return the estimated bytes of all rows."""
        return self.rows(relation).likely * max(1.0, self.width(relation))

    def column(self, relation: Relation, name: str) -> ColumnStatistics:
        """Return what is known of a column of a relation."""
        key = (relation, name)
        known = self._columns.get(key)
        if known is None:
            known = self._columns[key] = self._column(relation, name)
        return known

    def _widths_of(self, relation: Relation) -> Mapping[str, float]:
        """Return the bytes of a value of each column: what leaves out rows does not change them."""
        known = self._widths.get(relation)
        if known is None:
            known = self._widths[relation] = self._find_widths(relation)
        return known

    def _find_widths(self, relation: Relation) -> Mapping[str, float]:
        if (twin := self._twin(relation)) is not None:
            below = self._widths_of(twin)
            return {name: below[name] for name in relation.schema.names}
        match relation:
            case Select(source, outputs):
                below = self._widths_of(source)
                return {
                    output.name: below[output.expression.name]
                    if isinstance(output.expression, Column)
                    else self._width_of(relation, output.name)
                    for output in outputs
                }
            case Join(left, right, kind):
                if kind in (JoinKind.SEMI, JoinKind.ANTI):
                    return self._widths_of(left)
                return {**self._widths_of(left), **self._widths_of(right)}
            case Filter() | Sort() | Limit() | Distinct() | Sample() | Hint() | Cache():
                return self._widths_of(relation.inputs[0])
        return {name: self._width_of(relation, name) for name in relation.schema.names}

    def _width_of(self, relation: Relation, name: str) -> float:
        return self.column(relation, name).width or width_of(relation.schema[name].type)

    def _seen(self, relation: Relation) -> Estimate | None:
        rows = self._observed(relation)
        if rows is None:
            return None
        if isinstance(relation, Read) and self._tables(relation.table).rows.provenance in _TRUSTED:
            return None
        return Estimate(rows, rows, rows, _OBSERVED_IS, Provenance.OBSERVED)

    def _twin(self, relation: Relation) -> Relation | None:
        if isinstance(relation, Read):
            return self._named.get(relation.table)
        return self._twins.get(relation)

    def _column(self, relation: Relation, name: str) -> ColumnStatistics:
        if (twin := self._twin(relation)) is not None:
            return self.column(twin, name)
        match relation:
            case Read(table):
                return self._of_table(table, relation.schema, name)
            case Select(source, outputs):
                expression = _named(outputs, name)
                return statistics_of(expression, lambda n: self.column(source, n))
            case Filter(source, predicate):
                return self._kept_by(source, predicate, relation, name)
            case Join():
                return self._of_join(relation, name)
            case Aggregate(source, keys, aggregates):
                return self._of_group(relation, source, keys, aggregates, name)
            case Window(source, outputs) if name not in source.schema:
                return self._of_window(source, _named(outputs, name))
            case SetOperation(_, left, right):
                return _either(self.column(left, name), self.column(right, name))
            case Explode(source, column) if name == column:
                return UNKNOWN
            case Values(schema, constants):
                place = schema.names.index(name)
                return _listed([row[place].value for row in constants])
        for source in relation.inputs:
            if name in source.schema:
                before, after = self.rows(source).likely, self.rows(relation).likely
                return sampled(self.column(source, name), before, after)
        return UNKNOWN

    def _of_table(self, table: str, schema: Schema, name: str) -> ColumnStatistics:
        told = self._tables(table)
        known = told.columns.get(name, UNKNOWN)
        if known.distinct is None and any(key == {name} for key in told.keys):
            known = replace(known, distinct=max(1.0, told.rows.likely))
        if known.null_fraction is None and name in schema and not schema[name].nullable:
            known = replace(known, null_fraction=0.0)
        return known

    def _kept_by(
        self, source: Relation, predicate: Expression, relation: Relation, name: str
    ) -> ColumnStatistics:
        def column(of: str) -> ColumnStatistics:
            return self.column(source, of)

        found, touched = filtered(name, column(name), predicate, column)
        before, after = self.rows(source).likely, self.rows(relation).likely
        if not touched:
            return sampled(found, before, after)
        if found.distinct is not None and found.distinct > after:
            return found.with_distinct(max(1.0, after))
        return found

    def _of_join(self, join: Join, name: str) -> ColumnStatistics:
        side = join.left if name in join.left.schema else join.right
        known = self.column(side, name)
        before, after = self.rows(side).likely, self.rows(join).likely
        if join.kind is JoinKind.INNER:
            for pair in join.on:
                if name in pair:
                    a, b = (self.column(s, n) for s, n in zip(join.inputs, pair, strict=True))
                    met = both(a, b) if name == pair[0] else both(b, a)
                    return (
                        met
                        if met.distinct is None or met.distinct <= after
                        else met.with_distinct(max(1.0, after))
                    )
        if join.kind in (JoinKind.LEFT, JoinKind.FULL) and side is join.right and after > 0:
            return replace(known, null_fraction=None, common=MappingProxyType({}))
        return sampled(known, before, after)

    def _of_group(
        self,
        relation: Relation,
        source: Relation,
        keys: tuple[Named, ...],
        aggregates: tuple[Named, ...],
        name: str,
    ) -> ColumnStatistics:
        groups = max(1.0, self.rows(relation).likely)
        for key in keys:
            if key.name == name:
                known = statistics_of(key.expression, lambda n: self.column(source, n))
                distinct = None if known.distinct is None else min(known.distinct, groups)
                distinct = groups if len(keys) == 1 else distinct
                return replace(known, distinct=distinct, common=MappingProxyType({}))
        call = _named(aggregates, name)
        rows = self.rows(source).likely
        if not isinstance(call, Call):
            return UNKNOWN
        return aggregate_statistics(call, rows, groups, lambda n: self.column(source, n))

    def _of_window(self, source: Relation, call: Expression) -> ColumnStatistics:
        if not isinstance(call, WindowCall):
            return UNKNOWN
        rows = self.rows(source)
        partitions = self._groups(source, call.partition_by, rows)
        return window_statistics(call, rows.likely, max(1.0, partitions.likely))

    def _estimate(self, relation: Relation) -> Estimate:  # noqa: PLR0912  # a case for each relation
        match relation:
            case Read(table):
                twin = self._twin(relation)
                return self._tables(table).rows if twin is None else self.rows(twin)
            case Values(_, constants):
                return Estimate.exactly(len(constants))
            case Filter(source, predicate):
                share = share_of(predicate, lambda name: self.column(source, name))
                return _part(self.rows(source), share)
            case Join():
                return self._joined(relation)
            case Aggregate(source, keys, _):
                return self._grouped(source, tuple(key.expression for key in keys))
            case Distinct(source, on):
                names = on or source.schema.names
                return self._grouped(source, tuple(_column_of(source.schema, n) for n in names))
            case Limit(source, count, offset):
                return _limited(self.rows(source), count, offset)
            case SetOperation(kind, left, right, keeps_all):
                return self._combined(kind, left, right, keeps_all=keeps_all)
            case Explode(source):
                return self.rows(source).scaled(_ELEMENTS, spread=5.0)
            case Sample(source, _, low, high):
                return self.rows(source).scaled(high - low, spread=1.1)
            case Hint(source, _, rows_hint) if rows_hint is not None:
                return self._hinted(source, rows_hint)
            case Iterate(initial):
                return self.rows(initial)
            case FirstMatches(_, body):
                return self.rows(body)
            case Write():
                return Estimate.exactly(0)
        return self.rows(relation.inputs[0])

    def _hinted(self, source: Relation, rows: int) -> Estimate:
        """Take a hint, as far as it does not say more than there can be."""
        likely = min(float(rows), most_rows(source, self._tables))
        return self._seen(source) or Estimate.exactly(likely, Provenance.HINT)

    def _joined(self, join: Join) -> Estimate:
        left, right = self.rows(join.left), self.rows(join.right)
        if join.kind is JoinKind.ASOF:
            return left
        here, there = self._sides(join)
        condition = self._condition(join)
        if join.kind in (JoinKind.SEMI, JoinKind.ANTI):
            return _part(left, self._kept(join, here, there, condition))
        matched = left.times(right)
        if join.on:
            matched = _part(matched, self._matching(join, here, there))
        matched = _part(matched, condition)
        if there.is_unique:
            matched = matched.at_most(left.high)
        if here.is_unique:
            matched = matched.at_most(right.high)
        return self._outer(join, matched, left, right)

    def _matching(self, join: Join, here: Side, there: Side) -> Share:
        """Return the part of all pairs that match; where one column is a key, the others filter."""
        if len(join.on) == 1:
            return matching_share(here, there)
        for place, (a, b) in enumerate(join.on):
            if self._is_unique(join.left, frozenset({a})) or self._is_unique(
                join.right, frozenset({b})
            ):
                return matching_share_of_key(here, there, place)
        return matching_share(here, there)

    def _outer(self, join: Join, matched: Estimate, left: Estimate, right: Estimate) -> Estimate:
        if join.kind in (JoinKind.LEFT, JoinKind.FULL):
            matched = _at_least(matched, left)
        if join.kind in (JoinKind.RIGHT, JoinKind.FULL):
            matched = _at_least(matched, right)
        return matched

    def _kept(self, join: Join, here: Side, there: Side, condition: Share) -> Share:
        share = matched_share(here, there) if join.on else Share(0.5, GUESSED)
        if condition.likely < 1.0:
            # A row stays where any of its matches passes.
            matches = max(1.0, there.rows / max(1.0, there.distinct)) if join.on else there.rows
            passes = 1.0 - (1.0 - condition.likely) ** matches
            share = Share(share.likely * passes, max(share.off_by, condition.off_by))
        if join.kind is JoinKind.SEMI:
            return share
        if condition.likely < 1.0:
            return Share(max(0.05, 1.0 - share.likely), GUESSED)
        return unmatched_share(here, there) if join.on else Share(0.5, GUESSED)

    def _sides(self, join: Join) -> tuple[Side, Side]:
        found = []
        for place, side in enumerate((join.left, join.right)):
            names = tuple(pair[place] for pair in join.on)
            unique = bool(names) and self._is_unique(side, frozenset(names))
            keys = tuple(self.column(side, name) for name in names)
            found.append(Side(self.rows(side).likely, keys, unique))
        return found[0], found[1]

    def _condition(self, join: Join) -> Share:
        if join.predicate is None:
            return Share(1.0, 1.0)

        def column(name: str) -> ColumnStatistics:
            return self.column(join.left if name in join.left.schema else join.right, name)

        return share_of(join.predicate, column)

    def _is_unique(self, relation: Relation, names: frozenset[str]) -> bool:
        return self._dependence.is_unique(relation, names)

    def _is_key(self, read: Read, names: frozenset[str]) -> bool:
        if (twin := self._twin(read)) is not None:
            return self._is_unique(twin, names)
        told = self._tables(read.table)
        if any(key <= names for key in told.keys):
            return True
        enough = told.rows.likely * _NEARLY
        return any((told.columns.get(name, UNKNOWN).distinct or 0.0) >= enough for name in names)

    def _grouped(self, source: Relation, keys: tuple[Expression, ...]) -> Estimate:
        rows = self.rows(source)
        if not keys:
            return Estimate.exactly(1)
        return self._groups(source, keys, rows).at_most(max(1.0, rows.high))

    def _groups(self, source: Relation, keys: tuple[Expression, ...], rows: Estimate) -> Estimate:
        """Return how many combinations of values the keys have."""
        names = [key.name for key in keys if isinstance(key, Column)]
        if names and self._is_unique(source, frozenset(names)):
            return rows
        needed = self._independent(source, names)
        counts, off_by = [], EVEN
        for key in keys:
            if isinstance(key, Column) and key.name not in needed:
                continue
            known = statistics_of(key, lambda n: self.column(source, n))
            if known.distinct is None:
                off_by = GUESSED
            null = 1.0 if known.null_fraction else 0.0
            counts.append((known.distinct or max(1.0, rows.likely**0.5)) + null)
        if len(counts) == 1 and off_by == EVEN:
            off_by = 1.5
        likely = together(counts, max(1.0, rows.likely))
        return Estimate.around(likely, Provenance.DERIVED, off_by)

    def _independent(self, source: Relation, names: Iterable[str]) -> set[str]:
        """Return those of several columns that do not follow from the others."""
        kept = list(dict.fromkeys(names))
        if len(kept) < 2:
            return set(kept)
        by_count = sorted(kept, key=lambda name: self.column(source, name).distinct or 0.0)
        for name in by_count:
            others = frozenset(kept) - {name}
            if others and name in self._dependence.determined(source, others):
                kept.remove(name)
        return set(kept)

    def _combined(
        self, kind: SetKind, left: Relation, right: Relation, *, keeps_all: bool
    ) -> Estimate:
        rows, others = self.rows(left), self.rows(right)
        if kind is SetKind.UNION:
            both_rows = rows.plus(others)
            if keeps_all:
                return both_rows
            found = self._different(left).plus(self._different(right))
            most = max(self._different(left).likely, self._different(right).likely)
            likely = (most + found.likely) / 2
            return Estimate(
                min(most, found.low), likely, max(likely, found.high), 0.7, found.provenance
            ).at_most(both_rows.high)
        first = rows if keeps_all else self._different(left)
        if kind is SetKind.INTERSECT:
            fewest = min(first.likely, others.likely)
            return Estimate(0, fewest / 2, fewest, 0.7, first.provenance)
        return Estimate(
            max(0.0, first.low - others.high),
            first.likely * 0.75,
            first.high,
            0.7,
            first.provenance,
        )

    def _different(self, relation: Relation) -> Estimate:
        names = relation.schema.names
        return self._grouped(relation, tuple(_column_of(relation.schema, n) for n in names))


def _part(rows: Estimate, share: Share) -> Estimate:
    """Return a part of some rows: at least one, where there may be any."""
    if share == (1.0, 1.0):
        return rows
    found = rows.scaled(share.likely, spread=share.off_by).at_most(max(rows.high, 0.0))
    if share.likely <= 0 or found.likely >= 1.0 or rows.likely < 1.0:
        return found
    return Estimate(found.low, 1.0, max(1.0, found.high), found.confidence, found.provenance)


def _limited(rows: Estimate, count: int | None, offset: int) -> Estimate:
    passed = Estimate(
        max(0.0, rows.low - offset),
        max(0.0, rows.likely - offset),
        max(0.0, rows.high - offset),
        rows.confidence,
        rows.provenance,
    )
    return passed if count is None else passed.at_most(count)


def _at_least(estimate: Estimate, floor: Estimate) -> Estimate:
    return Estimate(
        max(estimate.low, floor.low),
        max(estimate.likely, floor.likely),
        max(estimate.high, floor.high),
        estimate.confidence,
        estimate.provenance,
    )


def _either(a: ColumnStatistics, b: ColumnStatistics) -> ColumnStatistics:
    """Return what is known of a column whose values come from two sides."""
    if a.distinct is None or b.distinct is None:
        return ColumnStatistics(width=a.width)
    return ColumnStatistics(distinct=max(a.distinct, b.distinct), width=a.width)


def _listed(values: list[object]) -> ColumnStatistics:
    if not values:
        return UNKNOWN
    common: dict[object, float] = {}
    nulls = 0
    for value in values:
        if value is None or (isinstance(value, float) and is_nan(value)):
            nulls += value is None
            continue
        try:
            common[value] = common.get(value, 0.0) + 1 / len(values)
        except TypeError:  # lists have no hash
            return UNKNOWN
    return ColumnStatistics(
        distinct=max(1.0, float(len(common))),
        null_fraction=nulls / len(values),
        common=MappingProxyType(common),
    )


def is_nan(value: float) -> bool:
    """Say whether a number is none."""
    return value != value  # noqa: PLR0124  # only NaN is not itself


def _named(outputs: tuple[Named, ...], name: str) -> Expression:
    return next(output.expression for output in outputs if output.name == name)


def _column_of(schema: Schema, name: str) -> Column:
    field = schema[name]
    return Column(name, field.type, field.nullable)


def width_of(kind: DataType) -> float:
    """Return the bytes that a value of a type takes in Arrow, as far as the type tells."""
    return 16.0 if isinstance(kind, Decimal) else float(_WIDTHS.get(kind.name, 8))

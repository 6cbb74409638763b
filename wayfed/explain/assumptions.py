"""What was assumed where nothing is known, and what would tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, Column, InList, conjuncts
from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Hint,
    Join,
    Limit,
    Read,
    Relation,
    Sample,
    Select,
    Sort,
    reads,
    walk_once,
)
from wayfed_optimizer.statistics import ColumnStatistics, Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.expressions import Expression
    from wayfed_optimizer.statistics import Estimate

_RANGES: Final = frozenset(["less", "less_equal", "greater", "greater_equal"])
_ANALYSED: Final = frozenset(["postgresql", "sqlite"])
"""Stores that know their columns once somebody says ANALYZE."""
_MANY: Final = 10_000
"""What is guessed of fewer rows costs little, however wrong it is."""


def assumptions_of(
    root: Relation, environment: Environment, estimates: Mapping[Relation, Estimate]
) -> tuple[str, ...]:
    """Return a sentence for each thing that was guessed, each with its remedy.

    Parameters
    ----------
    root
        The plan after the rewrite rules: filters stand at their tables there.
    environment
        What is known of the tables.
    estimates
        The rows of the plan's relations.
    """
    found = (
        *_troubles(root, environment),
        *_sizes(root, environment),
        *_values(root, environment),
        *_parts(root, estimates),
    )
    return tuple(dict.fromkeys(found))


def _troubles(root: Relation, environment: Environment) -> Iterator[str]:
    """Yield why sources told little of themselves: they were late, or down, or contradict it."""
    for read in reads(root):
        if read.table in environment.sources:
            trouble = environment.statistics_of(read.table).trouble
            if trouble:
                yield f"{read.table}: {trouble}"


def _sizes(root: Relation, environment: Environment) -> Iterator[str]:
    for read in reads(root):
        if read.table not in environment.sources:
            continue
        rows = environment.statistics_of(read.table).rows
        if rows.provenance is Provenance.DEFAULT:
            yield (
                f"nothing is known of the size of {read.table}: {rows.likely:,.0f} rows; "
                f"{_remedy(read.table, environment)}"
            )


def _values(root: Relation, environment: Environment) -> Iterator[str]:
    """Yield for each table the columns that a plan compares, and of which nothing is known."""
    unknown: dict[str, dict[str, None]] = {}
    for relation, name, is_range in _compared(root):
        table, column = _origin(relation, name) or ("", "")
        if table not in environment.sources:
            continue
        known = environment.statistics_of(table)
        if known.rows.high < _MANY:
            continue
        statistics = known.columns.get(column, ColumnStatistics())
        ranged = is_range and statistics.low is not None
        if not (ranged or statistics.distinct or statistics.common or statistics.histogram):
            unknown.setdefault(table, {})[column] = None
    for table, columns in unknown.items():
        yield (
            f"nothing is known of the values of {', '.join(columns)} in {table}: how many rows "
            f"they filter, join or group is a guess; {_remedy(table, environment)}"
        )


def _parts(root: Relation, estimates: Mapping[Relation, Estimate]) -> Iterator[str]:
    """Yield filters on what is computed: of that no statistics tell anything."""
    for relation in walk_once(root):
        if not isinstance(relation, Filter):
            continue
        rows, left = estimates.get(relation.input), estimates.get(relation)
        if rows is None or left is None or rows.likely < _MANY:
            continue
        guessed = [str(p) for p in conjuncts(relation.predicate) if not _is_plain(p)]
        if guessed:
            part = f"{left.likely / rows.likely:.0%}".replace("%", " %")
            yield (
                f"{' and '.join(guessed)} compares what is computed: that {part} of "
                f"{rows.likely:,.0f} rows pass is a guess; .hint(rows=…) after the filter tells"
            )


def _compared(root: Relation) -> Iterator[tuple[Relation, str, bool]]:
    """Yield the columns whose values decide how many rows there are; and whether by their order."""
    for relation in walk_once(root):
        match relation:
            case Filter(source, predicate):
                for part in conjuncts(predicate):
                    match part:
                        case Call(name, (Column(column), _)) if _is_plain(part):
                            yield source, column, name in _RANGES
                        case InList(Column(column)):
                            yield source, column, False
            case Join(on=pairs):
                for left, right in pairs:
                    yield relation.left, left, False
                    yield relation.right, right, False
            case Aggregate(source, keys, _):
                for key in keys:
                    if isinstance(key.expression, Column):
                        yield source, key.expression.name, False


def _is_plain(predicate: Expression) -> bool:
    """Say whether a condition is of a column itself, of which statistics may tell."""
    match predicate:
        case Call("is_null" | "is_not_null", (Column(),)) | InList(Column()):
            return True
        case Call(_, (Column(), other)):
            return not isinstance(other, Call)
        case Call("equal", (_, Column())) | Column():
            return True
        case Call("or" | "not" | "and", parts):
            return all(map(_is_plain, parts))
    return False


def _origin(relation: Relation, name: str) -> tuple[str, str] | None:
    """Return the table and column that a relation's column is, where nothing computes it."""
    match relation:
        case Read(table):
            return table, name
        case Select(source, outputs) | Aggregate(source, outputs, _):
            found = next((o.expression for o in outputs if o.name == name), None)
            return _origin(source, found.name) if isinstance(found, Column) else None
        case Join():
            side = relation.left if name in relation.left.schema.names else relation.right
            return _origin(side, name)
        case Filter(source) | Sort(source) | Limit(source) | Hint(source) | Sample(source):
            return _origin(source, name)
        case Distinct(source):
            return _origin(source, name)
    return None


def _remedy(table: str, environment: Environment) -> str:
    owner = environment.sources[table].channel.owner or ""
    if owner.partition(":")[0] in _ANALYSED:
        return "ANALYZE there or .hint(rows=…) here tells"
    return ".hint(rows=…) tells"

"""What users say about rows, where it cannot be true: more than there can be, or two things."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from wayfed_optimizer.relations import (
    Aggregate,
    Cache,
    Distinct,
    Filter,
    Hint,
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
    walk_once,
)
from wayfed_optimizer.statistics.estimates import Provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wayfed_optimizer.statistics.estimates import TableStatistics

_COUNTED = frozenset({Provenance.EXACT, Provenance.FOOTER})


def most_rows(relation: Relation, tables: Callable[[str], TableStatistics]) -> float:
    """Return the number of rows that a relation cannot have more of, as far as that is certain."""
    match relation:
        case Read(table):
            rows = tables(table).rows
            return rows.high if rows.provenance in _COUNTED else inf
        case Values(_, constants):
            return float(len(constants))
        case Aggregate(_, ()):
            return 1.0
        case Limit(source, int(count), _):
            return min(float(count), most_rows(source, tables))
        case Join(left, _, JoinKind.SEMI | JoinKind.ANTI | JoinKind.ASOF):
            return most_rows(left, tables)
        case Join(left, right, JoinKind.INNER | JoinKind.CROSS):
            return most_rows(left, tables) * most_rows(right, tables)
        case SetOperation(SetKind.INTERSECT | SetKind.EXCEPT, left):
            return most_rows(left, tables)
        case SetOperation(SetKind.UNION, left, right):
            return most_rows(left, tables) + most_rows(right, tables)
        case (
            Filter(source)
            | Select(source)
            | Sort(source)
            | Sample(source)
            | Distinct(source)
            | Aggregate(source)
            | Window(source)
            | Cache(source)
            | Hint(source)
            | Limit(source)
        ):
            return most_rows(source, tables)
    return inf


def contradictions(root: Relation, tables: Callable[[str], TableStatistics]) -> Iterator[str]:
    """Yield what is wrong with the hints of a plan, and what is taken instead."""
    for relation in walk_once(root):
        if not isinstance(relation, Hint) or relation.rows is None:
            continue
        most = most_rows(relation.input, tables)
        if relation.rows > most:
            yield (f".hint(rows={relation.rows}) says more than there can be: {most:,.0f} is taken")
        below = relation.input
        while isinstance(below, Hint | Sort | Select | Cache):
            if isinstance(below, Hint) and below.rows not in (None, relation.rows):
                yield (
                    f".hint(rows={below.rows}) and .hint(rows={relation.rows}) are of the same "
                    "rows: the later is taken"
                )
            below = below.input

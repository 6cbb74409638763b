"""What Spark is asked for a fragment: one statement, over views that functions make."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed_optimizer.platform import Compiled, TableReference
from wayfed_optimizer.relations import (
    MapBatches,
    Read,
    Relation,
    Sort,
    transform,
    walk,
    walk_once,
)
from wayfed_sql import SPARK, to_sql

if TYPE_CHECKING:
    from wayfed_optimizer.physical import Fragment


@dataclass(frozen=True, slots=True)
class FunctionView:
    """A view of the rows that a function makes.

    Parameters
    ----------
    name
        Of the view.
    sql
        What the function gets.
    mapped
        The function.
    kept
        Whether its rows are kept, as Spark would call the function again: it is read more than
        once, or sorted, for which Spark first looks at a sample of all rows.
    """

    name: str
    sql: str
    mapped: MapBatches
    kept: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """What Spark is asked.

    Parameters
    ----------
    query
        The statement.
    views
        Those that it reads besides inputs, each after those it reads itself.
    shared
        The inputs that are read more than once.
    """

    query: str
    views: tuple[FunctionView, ...] = ()
    shared: frozenset[str] = frozenset()


def statement(fragment: Fragment) -> Compiled:
    """Return a fragment as Spark SQL over views that are called as its inputs are."""
    found: dict[str, MapBatches] = {}

    def as_view(relation: Relation) -> Relation:
        if not isinstance(relation, MapBatches):
            return relation
        name = _free_name(fragment, len(found) + 1)
        found[name] = relation
        return Read(name, relation.schema)

    relation = transform(fragment.relation, as_view)
    tables = {name: TableReference((name,)) for name in (*fragment.inputs, *found)}
    parts = (relation, *(mapped.input for mapped in found.values()))
    readers = Counter(r.table for part in parts for r in walk(part) if isinstance(r, Read))
    shared = {name for name, count in readers.items() if count > 1}
    kept = shared | {name for part in parts for name in _sorted(part)}
    views = tuple(
        FunctionView(name, to_sql(mapped.input, SPARK, tables), mapped, name in kept)
        for name, mapped in found.items()
    )
    query = to_sql(relation, SPARK, tables)
    return Compiled(_text(query, views), payload=Statement(query, views, frozenset(shared)))


def _sorted(part: Relation) -> set[str]:
    """Return the tables whose rows pass through a sort."""
    sorts = [relation for relation in walk_once(part) if isinstance(relation, Sort)]
    return {r.table for sort in sorts for r in walk_once(sort) if isinstance(r, Read)}


def _free_name(fragment: Fragment, number: int) -> str:
    name = f"{fragment.id}_mapped{number}"
    while name in fragment.inputs:
        name += "_"
    return name


def _text(query: str, views: tuple[FunctionView, ...]) -> str:
    told = [
        f"-- {view.name}: {view.mapped.name} ({view.mapped.kind.value}) in Python workers, over\n"
        f"{view.sql};\n"
        for view in views
    ]
    return "".join((*told, query))

"""What Spark is asked for a fragment: one statement, over views that functions make."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wayfed_optimizer.platform import Compiled, TableReference
from wayfed_optimizer.relations import MapBatches, Read, Relation, transform, walk
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
        Whether it is read more than once: then its rows are kept, so that each reader has the same.
    """

    name: str
    sql: str
    mapped: MapBatches
    kept: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A query, and the views that it reads besides inputs, each after those it reads itself."""

    query: str
    views: tuple[FunctionView, ...] = ()


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
    views = tuple(
        FunctionView(name, to_sql(mapped.input, SPARK, tables), mapped, readers[name] > 1)
        for name, mapped in found.items()
    )
    query = to_sql(relation, SPARK, tables)
    return Compiled(_text(query, views), payload=Statement(query, views))


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

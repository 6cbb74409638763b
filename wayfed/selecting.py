"""What verbs are given (names, expressions, functions over the row), as typed expressions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from wayfed.columns import Column, Order, Scope, as_column, as_order, named
from wayfed.tracing import Row, row_of, trace, trace_column, trace_outputs
from wayfed_optimizer.errors import PlanError
from wayfed_optimizer.expressions import Column as Reference
from wayfed_optimizer.expressions import (
    Expression,
    Named,
    SortKey,
    WindowCall,
    column,
    contains_kind,
    walk,
)
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.relations import Filter, Read, Relation, Select, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wayfed.columns import Value
    from wayfed_optimizer.node import Node

Selector: TypeAlias = "str | Column | Callable[[Row], object]"
"""A column by name or SQL text, an expression, or a function over the row."""


def scope_of(relation: Relation) -> Scope:
    """Return the columns of a relation, called after the one table that it reads, if it is one."""
    tables = _tables(relation)
    return Scope(relation.schema, next(iter(tables)) if len(tables) == 1 else None)


@lru_cache(maxsize=256)
def _tables(relation: Relation) -> frozenset[str]:
    """Return the tables that a relation reads; kept, because each verb stands on the last one."""
    if isinstance(relation, Read):
        return frozenset((relation.table,))
    return frozenset().union(*map(_tables, relation.below))


def field_of(relation: Relation, name: str) -> Reference:
    """Return a column of a relation; raises ColumnNotFound where it has none of that name."""
    scope = scope_of(relation)
    return column(scope.schema, name, of=scope.of)


def row_over(relation: Relation) -> Row:
    """Return the row that functions over a relation are traced on."""
    scope = scope_of(relation)
    return row_of(scope.schema, scope.of)


def one_column(selector: object, relation: Relation) -> Column:
    """Return the column that a selector means; a value that is no text is a constant."""
    if isinstance(selector, str):
        return named(selector)
    if isinstance(selector, Column) or not callable(selector):
        return as_column(selector)
    return trace_column(selector, row_over(relation))


def outputs_of(
    selectors: Iterable[Selector | Iterable[Selector]],
    also: Mapping[str, Selector | Value],
    relation: Relation,
) -> tuple[Named, ...]:
    """Return what selectors select, each with its name; `also` gives names of its own.

    A function may select several columns, with the names that it gives them; ``"*"`` selects all.
    """
    scope = scope_of(relation)
    pairs = list(_with_names(selectors, relation))
    pairs += [(name, one_column(selector, relation)) for name, selector in also.items()]
    return tuple(Named(name, column.bind(scope)) for name, column in pairs)


def _with_names(selectors: Iterable[object], relation: Relation) -> Iterator[tuple[str, Column]]:
    for selector in selectors:
        if isinstance(selector, str) and selector == "*":
            yield from ((name, named(name)) for name in relation.schema.names)
        elif isinstance(selector, list | tuple):
            yield from _with_names(selector, relation)
        elif callable(selector):
            yield from trace_outputs(selector, row_over(relation))
        else:
            column = one_column(selector, relation)
            yield column.name or column.text, column


def condition_of(conditions: Iterable[Selector | bool], relation: Relation) -> list[Expression]:
    """Return conditions as expressions."""
    scope = scope_of(relation)
    return [one_column(condition, relation).bind(scope) for condition in conditions]


def sort_keys(
    keys: Iterable[object], relation: Relation, *, descending: bool, nulls_first: bool
) -> tuple[SortKey, ...]:
    """Return what to sort by; `descending` and `nulls_first` hold for keys that do not say."""
    scope = scope_of(relation)
    orders: list[Order] = []
    for key in keys:
        found = trace(key, row_over(relation)) if callable(key) else key
        if isinstance(found, Order):
            orders.append(found)
            continue
        order = as_order(found) if isinstance(found, str) else Order(as_column(found))
        orders.append(Order(order.column, order.descending or descending, nulls_first))
    return tuple(SortKey(o.column.bind(scope), o.descending, o.nulls_first) for o in orders)


def select(relation: Relation, outputs: tuple[Named, ...]) -> Relation:
    """Return the select of `outputs`, over a window relation for the window functions in them."""
    below, expressions = _with_windows(relation, [output.expression for output in outputs])
    return Select(
        below,
        tuple(Named(o.name, e) for o, e in zip(outputs, expressions, strict=True)),
    )


def keep(relation: Relation, predicate: Expression) -> Relation:
    """Return the rows for which `predicate` is true; it may look at windows."""
    below, (condition,) = _with_windows(relation, [predicate])
    filtered = Filter(below, condition)
    return filtered if below is relation else project(filtered, relation.schema.names)


def project(relation: Relation, names: Iterable[str]) -> Select:
    """Return some columns of a relation."""
    fields = [relation.schema.field(name) for name in names]
    return Select(
        relation, tuple(Named(f.name, Reference(f.name, f.type, f.nullable)) for f in fields)
    )


def _with_windows(
    relation: Relation, expressions: list[Expression]
) -> tuple[Relation, list[Expression]]:
    """Put a Window below for the window calls in `expressions`, which then name its columns."""
    for expression in expressions:
        if contains_kind(expression, Kind.WINDOW):
            raise PlanError(
                f"{expression} needs to know over which rows",
                hint="write .over(partition_by=…, order_by=…) behind it",
            )
    calls = dict.fromkeys(
        node for root in expressions for node in walk(root) if isinstance(node, WindowCall)
    )
    if not calls:
        return relation, expressions
    taken = set(relation.schema.names)
    names = {found: fresh_name(found.function, taken) for found in calls}

    def change(node: Node) -> Node:
        if isinstance(node, WindowCall):
            return Reference(names[node], node.type, node.nullable)
        return node.map_nodes(change)

    window = Window(relation, tuple(Named(name, found) for found, name in names.items()))
    changed = [node for node in map(change, expressions) if isinstance(node, Expression)]
    return window, changed


def fresh_name(stem: str, taken: set[str]) -> str:
    """Return a name like `stem` that is not in `taken`, and put it there."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name

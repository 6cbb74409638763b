"""Aggregates in two steps: over parts of a group, and over what came of the parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call, Column, Expression, Named, call, literal
from wayfed_optimizer.relations import Aggregate, Relation, Select
from wayfed_optimizer.rewrite.alternatives.totals import total_of

if TYPE_CHECKING:
    from collections.abc import Callable

_AS_IT_IS: Final = frozenset(("min", "max", "bool_and", "bool_or", "any_value"))
"""Aggregates that are the same over parts and over what came of them."""

_COUNTS: Final = frozenset(("count", "count_if"))


@dataclass(frozen=True, slots=True)
class Partial:
    """An aggregate in two steps.

    Parameters
    ----------
    parts
        What is computed of each part.
    combined
        What is computed over the parts, of their columns.
    result
        What is asked for, of the columns of `combined`.
    """

    parts: tuple[Named, ...]
    combined: tuple[Named, ...]
    result: Expression


def partial_of(aggregate: Named, named: Callable[[str], str]) -> Partial | None:
    """Return an aggregate in two steps, of which the first cannot fail; None where there is none.

    Each part may come several times: it then counts as often as its rows would.

    Parameters
    ----------
    aggregate
        The aggregate, under the name of its column.
    named
        Makes a name for a column of a part.

    Examples
    --------
    >>> from wayfed_optimizer.types import INT64
    >>> found = partial_of(Named("n", call("count", Column("a", INT64))), lambda name: name)
    >>> str(found.combined[0]), str(found.result)
    ('sum(n) as n', 'coalesce(n, 0)')
    """
    expression = aggregate.expression
    if not isinstance(expression, Call) or expression.distinct or expression.order_by:
        return None
    if expression.function == "mean":
        return _mean(aggregate, expression, named)
    found = total_of(Named(named(aggregate.name), expression))
    if found is None:
        return None
    part, asked = found
    if expression.function in _COUNTS:
        total = _combined(part, "sum")
        return Partial((part,), (total,), call("coalesce", _column(total), literal(0)))
    if expression.function == "sum":
        return Partial((part,), (_combined(part, "sum"),), asked)
    if expression.function in _AS_IT_IS:
        return Partial((part,), (_combined(part, expression.function),), asked)
    return None


def combined(
    node: Aggregate,
    keys: tuple[Named, ...],
    joined: Relation,
    partials: tuple[Partial, ...],
    *,
    once: bool = False,
) -> Relation:
    """Return what an aggregation asks for, from rows that have the first step of it.

    Parameters
    ----------
    node
        The aggregation as it is written.
    keys
        Its keys, of the columns of `joined`.
    joined
        Rows with the columns of `parts`.
    partials
        Each of the aggregates, in two steps.
    once
        Whether no two of the rows are of one group: then there is nothing to combine.
    """
    made = {key.name: key.expression for key in keys}
    if not once:
        second = tuple(named for partial in partials for named in partial.combined)
        apart = tuple(_named_apart(key, second) for key in keys)
        joined = Aggregate(joined, apart, second)
        for key, named in zip(keys, apart, strict=True):
            made[key.name] = Column(named.name, key.expression.type, key.expression.nullable)
    for aggregate, partial in zip(node.aggregates, partials, strict=True):
        made[aggregate.name] = partial.result
    return Select(joined, tuple(Named(name, made[name]) for name in node.schema.names))


def _named_apart(key: Named, others: tuple[Named, ...]) -> Named:
    names = {named.name for named in others}
    name = key.name
    while name in names:
        name = f"{name} of a group"
    return Named(name, key.expression)


def _mean(aggregate: Named, mean: Call, named: Callable[[str], str]) -> Partial | None:
    name = aggregate.name
    found = total_of(Named(named(f"sum of {name}"), call("sum", *mean.args)))
    if found is None:
        return None
    parts = (found[0], Named(named(f"count of {name}"), call("count", *mean.args)))
    combined = tuple(_combined(part, "sum") for part in parts)
    return Partial(parts, combined, call("divide", *map(_column, combined)))


def _combined(part: Named, function: str) -> Named:
    return Named(part.name, call(function, _column(part)))


def _column(named: Named) -> Column:
    return Column(named.name, named.expression.type, named.expression.nullable)

"""What an engine does not do, found by writing it: the closest look that there is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Column
from wayfed_optimizer.platform import TableReference
from wayfed_optimizer.relations import (
    Distinct,
    Join,
    Limit,
    Read,
    Relation,
    Select,
    Sort,
    expressions_of,
)
from wayfed_sql.query import to_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_sql.dialect import Dialect


class _AnyTable(dict[str, TableReference]):
    """Every table there may be, under its own name."""

    def __missing__(self, name: str) -> TableReference:
        return TableReference((name,))


def refusal(relation: Relation, dialect: Dialect) -> tuple[str, str] | None:
    """Return (what, why) for the first thing of `relation` itself that an engine does not do.

    Returns None where it can be written, its inputs aside. It sees what capabilities cannot, which
    know functions by name: how long a decimal is, whether a unit of time is a constant.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import Named, call, column
    >>> from wayfed_optimizer.relations import Select
    >>> from wayfed_optimizer.types import Schema
    >>> from wayfed_sql import DUCKDB, SQLITE
    >>> read = Read("t", Schema.of(a="decimal(15,2)"))
    >>> amount = column(read.schema, "a")
    >>> double = Select(read, (Named("double", call("add", amount, amount)),))
    >>> refusal(double, DUCKDB), refusal(double, SQLITE)
    (None, ('add', 'decimals beyond 15 digits are not exact there'))
    """
    if isinstance(relation, Read) or _only_names_columns(relation, dialect):
        return None
    return _refused_in_writing(relation, dialect)


def _only_names_columns(relation: Relation, dialect: Dialect) -> bool:
    """Say whether there is nothing in a relation but columns, which an engine tells by their names.

    Most relations are such, and writing each would take longer than all else that planning asks.
    """
    match relation:
        case Join(kind=kind, on=on, predicate=None, asof=None):
            plain = bool(on) and kind in dialect.joins
        case Select() | Sort() | Limit() | Distinct():
            plain = {Column}.issuperset(map(type, expressions_of(relation)))
        case _:
            return False
    names = [each.schema.names for each in (relation, *relation.inputs)]
    return plain and not any(map(dialect.refuse_names, names))


@lru_cache(maxsize=4096)
def _refused_in_writing(relation: Relation, dialect: Dialect) -> tuple[str, str] | None:
    alone = relation.with_inputs(_stand_in(relation))
    try:
        to_sql(alone, dialect, _AnyTable())
    except Unsupported as error:
        return error.operation, error.reason or "not available there"
    return None


def _stand_in(relation: Relation) -> Callable[[Relation], Relation]:
    names = {each: f"input {i}" for i, each in enumerate(relation.inputs)}
    return lambda each: Read(names[each], each.schema)

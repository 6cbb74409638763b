"""Functions that run as Python: which columns they return, said by a schema or an annotation."""

from __future__ import annotations

import datetime
import decimal
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from wayfed_optimizer.errors import PlanError, TypeMismatch
from wayfed_optimizer.expressions import named_type
from wayfed_optimizer.types import (
    BINARY,
    BOOL,
    DATE,
    FLOAT64,
    INT64,
    TEXT,
    TIMESTAMP,
    DataType,
    Field,
    Schema,
)

SchemaLike: TypeAlias = Schema | Mapping[str, "DataType | str"]
"""Columns and their types: ``{"total": "decimal(12,2)", "name": "text"}``."""

_TYPES: Final[Mapping[object, DataType]] = {
    bool: BOOL,
    int: INT64,
    float: FLOAT64,
    str: TEXT,
    bytes: BINARY,
    datetime.date: DATE,
    datetime.datetime: TIMESTAMP,
}


def as_schema(columns: SchemaLike) -> Schema:
    """Return columns and types as a schema.

    Examples
    --------
    >>> as_schema({"total": "decimal(12,2)", "name": "text"})
    Schema(total decimal(12,2), name text)
    """
    if isinstance(columns, Schema):
        return columns
    if not isinstance(columns, Mapping):
        raise PlanError(
            f"a {type(columns).__name__} is not a schema",
            hint="give names and types: {'amount': 'float64', 'name': 'text'}",
        )
    return Schema(Field(name, named_type(kind)) for name, kind in columns.items())


def annotated_schema(function: Callable[..., object]) -> Schema | None:
    """Return the columns that a function is annotated to return: a TypedDict's or NamedTuple's.

    An iterable of these says the same of functions that return several rows. None where the
    annotation says nothing about columns.

    Examples
    --------
    >>> class Fee(typing.NamedTuple):
    ...     fee: float
    ...     currency: str | None
    >>> def fee_of(row) -> Fee: ...
    >>> annotated_schema(fee_of)
    Schema(fee float64 not null, currency text)
    """
    try:
        returned = typing.get_type_hints(function).get("return")
    except (NameError, TypeError):  # names that only a type checker sees; callables without hints
        return None
    if typing.get_origin(returned) in (list, *_ITERABLES):
        (returned,) = typing.get_args(returned)[:1] or (None,)
    is_record = typing.is_typeddict(returned) or hasattr(returned, "_fields")
    if not is_record or not isinstance(returned, type):
        return None
    hints = typing.get_type_hints(returned)
    return Schema(_field(name, hint, returned.__name__) for name, hint in hints.items())


_ITERABLES: Final = (
    Iterable,
    typing.get_origin(typing.Iterator[int]),
    typing.get_origin(typing.Generator[int, None, None]),
)


def _field(name: str, hint: Any, record: str) -> Field:
    members = typing.get_args(hint) if _is_union(hint) else (hint,)
    kinds = [member for member in members if member is not type(None)]
    kind = _TYPES.get(kinds[0]) if len(kinds) == 1 else None
    if kind is None:
        remedy = "decimal(p,s)" if decimal.Decimal in kinds else "int64"
        raise TypeMismatch(
            f"{name}: {hint} of {record} says no column type",
            hint=f"give the types: schema={{'{name}': '{remedy}', …}}",
        )
    return Field(name, kind, nullable=len(kinds) < len(members))


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def required_schema(function: Callable[..., object], verb: str) -> Schema:
    """Return the columns that a function's annotation says; raises PlanError without one."""
    found = annotated_schema(function)
    if found is None:
        raise PlanError(
            f"{verb}() cannot know which columns the function returns",
            hint="say it: schema={'name': 'text', 'total': 'float64'}",
        )
    return found

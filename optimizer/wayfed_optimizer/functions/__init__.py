"""The one table of functions: what each is called, takes, gives, and how engines agree on it.

A new function is a new row here, a template in the connectors' SQL tables, and a conformance case.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import FunctionNotFound
from wayfed_optimizer.functions.aggregates import AGGREGATES
from wayfed_optimizer.functions.logic import COMPARISON, NULLS
from wayfed_optimizer.functions.nested import LISTS
from wayfed_optimizer.functions.numbers import ARITHMETIC, MATH
from wayfed_optimizer.functions.row import Agreement, Function, Kind, Nulls, Pushes, Raises
from wayfed_optimizer.functions.texts import TEXTS
from wayfed_optimizer.functions.times import TIMES
from wayfed_optimizer.functions.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FUNCTIONS",
    "FUNCTION_TABLE_VERSION",
    "Agreement",
    "Function",
    "Kind",
    "Nulls",
    "Pushes",
    "Raises",
    "find_function",
]

FUNCTION_TABLE_VERSION: Final = 2
"""Grows whenever a row is added or changes its meaning; parties negotiate it."""

_FAMILIES: Final = (ARITHMETIC, COMPARISON, NULLS, TEXTS, TIMES, MATH, LISTS, AGGREGATES, WINDOWS)

FUNCTIONS: Final = MappingProxyType({f.name: f for family in _FAMILIES for f in family})
"""All functions by name."""


def find_function(name: str, *, kinds: Iterable[Kind] = tuple(Kind)) -> Function:
    """Return the function called `name`.

    Raises
    ------
    FunctionNotFound
        With the names of the given kinds and the closest of them.
    """
    kinds = tuple(kinds)
    found = FUNCTIONS.get(name)
    if found is None or found.kind not in kinds:
        raise FunctionNotFound(name, [f.name for f in FUNCTIONS.values() if f.kind in kinds])
    return found

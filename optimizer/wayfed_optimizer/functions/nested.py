"""Functions of lists. Positions count from 1, as in SQL, and from the end where they are negative.

The fields of structs are no functions: their types hang on names, not on types alone (see `Member`
and `Record` among the expressions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.coercion import common_type, is_ordered
from wayfed_optimizer.functions.row import Function, Kind, Nulls
from wayfed_optimizer.types import BOOL, INT64, NULL, DataType, List, is_integer

if TYPE_CHECKING:
    from wayfed_optimizer.coercion import Types


def _listed(types: Types) -> tuple[Types, DataType] | None:
    kind = common_type(types) if types else None
    return None if kind in (None, NULL) else ((kind,) * len(types), List(kind))


def _element(types: Types) -> tuple[Types, DataType] | None:
    match types:
        case (List(element=element), position) if is_integer(position):
            return (types[0], INT64), element
    return None


def _length(types: Types) -> tuple[Types, DataType] | None:
    return (types, INT64) if len(types) == 1 and isinstance(types[0], List) else None


def _contains(types: Types) -> tuple[Types, DataType] | None:
    match types:
        case (List(element=element), value):
            kind = common_type((element, value))
            return None if kind is None else ((List(kind), kind), BOOL)
    return None


def _gathered(types: Types) -> tuple[Types, DataType] | None:
    return (types, List(types[0])) if len(types) == 1 and types[0] != NULL else None


def _sorted(types: Types) -> tuple[Types, DataType] | None:
    match types:
        case (List(element=element),) if is_ordered(element):
            return types, types[0]
    return None


LISTS: Final = (
    Function("list", _listed, "a, …", "The list of these values.", nulls=Nulls.NEVER),
    Function(
        "element",
        _element,
        "list, position",
        "The element at a position, from 1 on, or from the end with -1; NULL where there is none.",
        nulls=Nulls.MAY,
    ),
    Function("list_length", _length, "list", "Number of elements, NULLs among them."),
    Function("list_contains", _contains, "list, x", "Whether an element equals x."),
    Function(
        "list_agg",
        _gathered,
        "x",
        "The values as a list, NULLs among them, in an order or none; NULL over nothing.",
        kind=Kind.AGGREGATE,
        nulls=Nulls.MAY,
        ordered=True,
        reveals=True,
    ),
    Function("list_sort", _sorted, "list", "The elements in their order, NULLs last."),
)

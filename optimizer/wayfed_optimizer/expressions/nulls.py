"""Where NULLs lead: what is NULL, or not true, as soon as a column is NULL."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.expressions.nodes import Call, Cast, Column, Expression, InList
from wayfed_optimizer.functions import Nulls, find_function

_NONE: Final[frozenset[str]] = frozenset()


def rejects_null(condition: Expression) -> frozenset[str]:
    """Return columns of which none is NULL where a condition is true.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call, literal
    >>> from wayfed_optimizer.types import INT64
    >>> a, b = Column("a", INT64), Column("b", INT64)
    >>> either = call("or", call("greater", call("add", a, b), literal(1)), call("equal", a, b))
    >>> sorted(rejects_null(either))
    ['a', 'b']
    """
    match condition:
        case Call("and", args):
            return _NONE.union(*map(rejects_null, args))
        case Call("or", args):
            first, *rest = map(rejects_null, args)
            return first.intersection(*rest)
        case Call("is_not_null", (arg,)) | Call("not", (arg,)):
            return null_with(arg)
    return null_with(condition)


def null_with(expression: Expression) -> frozenset[str]:
    """Return columns any one of which makes an expression NULL by being NULL itself."""
    match expression:
        case Column(name):
            return frozenset((name,))
        case InList(arg):
            return null_with(arg)
        case Call("and" | "or"):
            return _NONE
        case Cast(arg):
            return null_with(arg)
        case Call(function, args) if find_function(function).nulls is Nulls.ANY:
            return _NONE.union(*map(null_with, args))
    return _NONE

"""Aggregates over rows that a plan leaves out later: those that cannot fail there."""

from __future__ import annotations

import decimal
from typing import Final

from wayfed_optimizer.expressions import (
    Call,
    Cast,
    Column,
    Expression,
    Literal,
    Named,
    cast_to,
    facts_of,
)
from wayfed_optimizer.expressions.facts import parts_of
from wayfed_optimizer.functions import Raises
from wayfed_optimizer.types import MAX_PRECISION, Decimal, is_float, is_integer

_DIGITS_OF_INT64: Final = 19
_ROWS: Final = 10**7
"""A sum of decimals is taken to have room where so many of the greatest values have."""


def total_of(aggregate: Named) -> tuple[Named, Expression] | None:
    """Return an aggregate that does not raise, whatever it is of, and what is asked of it.

    A sum of integers is taken as a decimal, which has room, and becomes an integer again above.
    None where computing it may raise.

    Examples
    --------
    >>> from wayfed_optimizer.expressions import call
    >>> from wayfed_optimizer.types import INT64
    >>> roomy, asked = total_of(Named("n", call("sum", Column("a", INT64))))
    >>> str(roomy), str(asked)
    ('sum(cast(a as decimal(19,0))) as n', 'cast(n as int64)')
    """
    call = aggregate.expression
    if not isinstance(call, Call) or any(_is_fixed(part) for part in parts_of(call)):
        return None
    result: Expression = Column(aggregate.name, call.type, call.nullable)
    if call.row.raises is Raises.NEVER:
        return aggregate, result
    if call.function != "sum" or call.distinct:
        return None
    (argument,) = call.args
    if is_integer(argument.type):
        roomy = Call("sum", (cast_to(argument, Decimal(_DIGITS_OF_INT64, 0)),))
        total = Column(aggregate.name, roomy.type, roomy.nullable)
        return Named(aggregate.name, roomy), Cast(total, call.type)
    return (aggregate, result) if _has_room(argument) else None


def _has_room(argument: Expression) -> bool:
    if not isinstance(argument.type, Decimal):
        return is_float(argument.type)
    greatest = _greatest(argument)
    digits = MAX_PRECISION - argument.type.scale
    return greatest is not None and greatest * _ROWS < 10**digits


def _greatest(expression: Expression) -> int | None:
    """Return what no value of an exact number exceeds, its sign aside; None where nothing is known.

    A constant is not greater than itself, whatever its type could hold.
    """
    match expression:
        case Literal(value=int() | decimal.Decimal() as value):
            return abs(int(value)) + 1
        case Cast(arg) if is_integer(arg.type) or isinstance(arg.type, Decimal):
            return _greatest(arg)
        case Call("add" | "subtract", (a, b)):
            x, y = _greatest(a), _greatest(b)
            return None if x is None or y is None else x + y
        case Call("multiply", (a, b)):
            x, y = _greatest(a), _greatest(b)
            return None if x is None or y is None else x * y
    kind = expression.type
    if is_integer(kind):
        return int(2 ** (int(kind.name[3:]) - 1))
    return int(10 ** (kind.precision - kind.scale)) if isinstance(kind, Decimal) else None


def _is_fixed(argument: Expression) -> bool:
    facts = facts_of(argument)
    return facts.raises or facts.fixed

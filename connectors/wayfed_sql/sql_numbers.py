"""Functions of numbers in SQL: their names, and those with a syntax of their own."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import Expression, Literal, call, literal
from wayfed_optimizer.types import INT64
from wayfed_sql.sql_nodes import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.sql_makers import Arguments, Bind, Maker, Reader

_MOST_BITS: Final = 62
"""How far a 1 can be shifted in an int64 that has a sign."""


def _log(node: exp.Expr, bind: Bind) -> Expression:
    base, arg = node.this, node.args.get("expression")
    if arg is None:
        return call("log10", bind(base))
    if isinstance(base, exp.Literal) and base.name == "10":
        return call("log10", bind(arg))
    return call("divide", call("ln", bind(arg)), call("ln", bind(base)))


def _of_bits(function: str) -> Reader:
    def read(node: exp.Expr, bind: Bind) -> Expression:
        require(node, "this", "expression")
        return call(function, bind(node.this), bind(node.expression))

    return read


def _shift(function: str) -> Reader:
    """Make the reader of a shift: the product with a power of 2, or the floor of the quotient."""

    def read(node: exp.Expr, bind: Bind) -> Expression:
        require(node, "this", "expression", "requires_int128")
        value, count = bind(node.this), bind(node.expression)
        if not isinstance(count, Literal) or not isinstance(count.value, int | None):
            raise Unsupported("a shift by other than a constant number of bits")
        if count.value is not None and count.value < 0:
            raise Unsupported("a shift by other than a constant number of bits")
        if count.value is None:
            return Literal(None, INT64)
        left = min(count.value, 2 * _MOST_BITS)
        result = value
        while left or result is value:
            bits = min(left, _MOST_BITS)
            result, left = call(function, result, literal(2**bits)), left - bits
        return result

    return read


def _pi(args: Arguments) -> Expression:
    if args:
        raise Unsupported("pi with an argument")
    return literal(math.pi)


ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ceiling": "ceil",
        "pow": "power",
        "isnan": "is_nan",
        "log": "log10",
        "mod": "remainder",
        "truncate": "trunc",
        "xor": "bitwise_xor",
    }
)
MAKERS: Final[Mapping[str, Maker]] = MappingProxyType({"pi": _pi})
NODES: Final[Mapping[type[exp.Expr], Reader]] = MappingProxyType(
    {
        exp.Log: _log,
        exp.BitwiseAnd: _of_bits("bitwise_and"),
        exp.BitwiseOr: _of_bits("bitwise_or"),
        exp.BitwiseXor: _of_bits("bitwise_xor"),
        exp.BitwiseNot: lambda node, bind: call("bitwise_not", bind(node.this)),
        exp.BitwiseLeftShift: _shift("multiply"),
        exp.BitwiseRightShift: _shift("floor_divide"),
    }
)

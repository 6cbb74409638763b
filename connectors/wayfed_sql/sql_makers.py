"""How a function of SQL text becomes a call: from its arguments, or from the node that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sqlglot import expressions as exp

from wayfed_optimizer.expressions import Expression, cast_to
from wayfed_optimizer.types import TEXT

Arguments: TypeAlias = tuple[Expression, ...]
Maker: TypeAlias = Callable[[Arguments], Expression]
"""Makes the call of a function that has its arguments in an order or form of its own."""
Bind: TypeAlias = Callable[[exp.Expr], Expression]
Reader: TypeAlias = Callable[[exp.Expr, Bind], Expression]
"""Makes the call for a node with a syntax of its own, given what binds the nodes in it."""


def as_text(arg: Expression) -> Expression:
    """Return a value as text, as ``||`` does with numbers."""
    return cast_to(arg, TEXT)

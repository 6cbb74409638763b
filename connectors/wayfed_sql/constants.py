"""Constants of SQL text: what they come to, and what text is read as beside other types."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import Expression, Literal
from wayfed_optimizer.rewrite.normalise.expressions import simplified
from wayfed_optimizer.types import (
    BOOL,
    INT64,
    NULL,
    TEXT,
    DataType,
    is_float,
    is_integer,
    is_numeric,
)
from wayfed_sql.sql_nodes import position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_sql.sql_makers import Bind

_TRUTHS: Final = {"true": True, "t": True, "false": False, "f": False}


def constant(node: exp.Expr, bind: Bind) -> Expression:
    """Return what an expression comes to: a literal where that is known before it runs."""
    return simplified(bind(node))


def whole_number(node: exp.Expr | None, bind: Bind, *, of: str) -> int | None:
    """Return the whole number that a LIMIT or OFFSET comes to; None for NULL.

    Raises
    ------
    InvalidSql, Unsupported
        Where it is negative, or nothing that is known before the query runs.
    """
    if node is None:
        return None
    found = None if node.find(exp.Column, exp.Query) else constant(node, bind)
    if not isinstance(found, Literal) or not (is_integer(found.type) or found.type == NULL):
        hint = f"{of} takes a whole number"
        raise Unsupported(f"{of} {node.sql(dialect='duckdb')}", hint=hint, where=position(node))
    if found.value is not None and found.value < 0:
        raise InvalidSql(f"{of} {found.value} is negative", where=position(node))
    return None if found.value is None else int(found.value)


def alike(args: Sequence[Expression]) -> tuple[Expression, ...]:
    """Read text constants that stand beside numbers or booleans as those, as SQL does.

    Raises
    ------
    InvalidSql
        Where the text is no such thing.
    """
    others = [arg.type for arg in args if not _is_text(arg)]
    kind = common_type(others) if others else None
    if kind is None or not (is_numeric(kind) or kind == BOOL):
        return tuple(args)
    return tuple(_read(arg.value, kind) if _is_text(arg) else arg for arg in args)  # type: ignore[attr-defined]  # text constants are literals


def condition(arg: Expression) -> Expression:
    """Read a text constant that stands for a condition as the boolean that it writes."""
    return _read(arg.value, BOOL) if isinstance(arg, Literal) and _is_text(arg) else arg


def _is_text(arg: Expression) -> bool:
    return isinstance(arg, Literal) and arg.type == TEXT and arg.value is not None


def _read(text: str, kind: DataType) -> Literal:
    written = text.strip().lower()
    try:
        if kind == BOOL:
            return Literal(_TRUTHS[written], BOOL)
        if is_integer(kind):
            return Literal(int(written), INT64)
        if is_float(kind):
            return Literal(float(written), kind)
        from wayfed_optimizer.expressions import literal

        return literal(decimal.Decimal(written))
    except (ValueError, KeyError, decimal.InvalidOperation) as error:
        hint = f"write a constant of {kind}, or cast the other side to text"
        raise InvalidSql(f"'{text}' is not {kind}", hint=hint) from error

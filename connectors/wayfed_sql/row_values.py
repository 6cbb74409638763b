"""Rows of values compared in SQL text: ``(a, b) = (1, 2)``, ``(a, b) IN ((1, 2), (3, 4))``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql
from wayfed_optimizer.expressions import Expression, call
from wayfed_sql.sql_nodes import position, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STRICT: Final = {"less_equal": "less", "greater_equal": "greater"}


def parts_of(node: exp.Expr) -> list[exp.Expr] | None:
    """Return the values of a row, if a node is one."""
    inner = node.unnest()
    return inner.expressions if isinstance(inner, exp.Tuple) else None


def compared_rows(
    name: str,
    left: exp.Expr,
    right: exp.Expr,
    bind: Callable[[exp.Expr], Expression],
    compare: Callable[[str, Expression, Expression], Expression],
) -> Expression:
    """Return the comparison of two rows, value by value, as the standard has it."""
    a, b = parts_of(left), parts_of(right)
    if a is None or b is None:
        raise refuse(right if a else left, hint="a row is compared with a row")
    if len(a) != len(b):
        raise InvalidSql(
            f"rows of {len(a)} and {len(b)} values are compared", where=position(right)
        )
    pairs = [(bind(x), bind(y)) for x, y in zip(a, b, strict=True)]
    match name:
        case "equal":
            return _all("and", [compare("equal", x, y) for x, y in pairs])
        case "not_equal":
            return _all("or", [compare("not_equal", x, y) for x, y in pairs])
        case "less" | "less_equal" | "greater" | "greater_equal":
            return _ordered(name, pairs, compare)
    raise refuse(left, hint="rows are compared with = <> < <= > >=")


def _ordered(
    name: str,
    pairs: Sequence[tuple[Expression, Expression]],
    compare: Callable[[str, Expression, Expression], Expression],
) -> Expression:
    """Return that the first values decide, and those after them only where they are equal."""
    (x, y), *rest = pairs
    if not rest:
        return compare(name, x, y)
    tied = call("and", compare("equal", x, y), _ordered(name, rest, compare))
    return call("or", compare(_STRICT.get(name, name), x, y), tied)


def _all(junction: str, tests: Sequence[Expression]) -> Expression:
    return tests[0] if len(tests) == 1 else call(junction, *tests)

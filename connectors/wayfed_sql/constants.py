"""What expressions of constants come to, where SQL wants a number: limits, bounds of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed_optimizer.rewrite.normalise.expressions import simplified

if TYPE_CHECKING:
    from sqlglot import expressions as exp

    from wayfed_optimizer.expressions import Expression
    from wayfed_sql.sql_makers import Bind


def constant(node: exp.Expr, bind: Bind) -> Expression:
    """Return what an expression comes to: a literal where that is known before it runs."""
    return simplified(bind(node))

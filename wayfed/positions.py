"""Functions of a row's place among others: ranks, and the values of rows before and after it.

Each is for a window: ``wf.rank().over(order_by="amount")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.columns import Column, apply, as_column, combine, named
from wayfed_optimizer.expressions import Expression, call, cast_to

if TYPE_CHECKING:
    from wayfed.functions import Argument


def row_number() -> Column:
    """Give the rows of a partition the numbers 1, 2, 3 and so on.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.row_number().over(order_by="amount")
    Column(row_number() over (order by amount))
    """
    return apply("row_number")


def rank() -> Column:
    """Rank with gaps after ties: 1, 1, 3.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.rank().over(order_by="amount")
    Column(rank() over (order by amount))
    """
    return apply("rank")


def dense_rank() -> Column:
    """Rank without gaps after ties: 1, 1, 2.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.dense_rank().over(order_by="amount")
    Column(dense_rank() over (order by amount))
    """
    return apply("dense_rank")


def ntile(buckets: int) -> Column:
    """Deal the rows of a partition into buckets 1 to n, in order.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.ntile(4).over(order_by="amount")
    Column(ntile(4) over (order by amount))
    """
    return apply("ntile", buckets)


def lag(column: str | Column, rows: int = 1, default: Argument = None) -> Column:
    """Take the value of the row that stands some rows before this one, else `default`.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.lag("amount").over(order_by="day")
    Column(lag(amount, 1) over (order by day))
    """
    return _shifted("lag", column, rows, default)


def lead(column: str | Column, rows: int = 1, default: Argument = None) -> Column:
    """Take the value of the row that stands some rows after this one, else `default`.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.lead("amount").over(order_by="day")
    Column(lead(amount, 1) over (order by day))
    """
    return _shifted("lead", column, rows, default)


def first_value(column: str | Column) -> Column:
    """Take the value of the first row of the frame.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.first_value("amount").over(order_by="day", rows=(None, None))
    Column(first_value(amount) over (order by day))
    """
    return apply("first_value", named(column))


def last_value(column: str | Column) -> Column:
    """Take the value of the last row of the frame.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.last_value("amount").over(order_by="day", rows=(None, None))
    Column(last_value(amount) over (order by day))
    """
    return apply("last_value", named(column))


def nth_value(column: str | Column, n: int) -> Column:
    """Take the value of the nth row of the frame, counted from 1.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.nth_value("amount", 2).over(order_by="day", rows=(None, None))
    Column(nth_value(amount, 2) over (order by day))
    """
    return apply("nth_value", named(column), n)


def percent_rank() -> Column:
    """Rank among the other rows, from 0 to 1.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.percent_rank().over(order_by="amount")
    Column(percent_rank() over (order by amount))
    """
    return apply("percent_rank")


def cume_dist() -> Column:
    """Take the share of rows that come no later in the order.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.cume_dist().over(order_by="amount")
    Column(cume_dist() over (order by amount))
    """
    return apply("cume_dist")


def _shifted(function: str, column: str | Column, rows: int, default: Argument) -> Column:
    if default is None:
        return apply(function, named(column), rows)
    value = named(default) if isinstance(default, str) else as_column(default)
    shifted = named(column)

    def build(x: Expression, offset: Expression, other: Expression) -> Expression:
        return call(function, x, offset, cast_to(other, x.type))

    return combine(build, f"{function}({shifted.text}, {rows}, {value.text})", shifted, rows, value)

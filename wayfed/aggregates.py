"""Aggregates beyond sums and means: quantiles, correlations, firsts in an order, joined texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.columns import Column, apply, as_orders, combine, named
from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.expressions import Call, Expression, Literal, SortKey
from wayfed_optimizer.types import TEXT

if TYPE_CHECKING:
    from wayfed.columns import Order, SortKeys


def quantile(column: str | Column, fraction: float) -> Column:
    """Find the value below which a fraction of all values lies, between the two around it.

    Parameters
    ----------
    fraction
        From 0, the least value, to 1, the greatest.

    Raises
    ------
    InvalidOption
        Where the fraction is none.

    Examples
    --------
    >>> import wayfed as wf
    >>> with wf.context() as ctx:
    ...     rows = ctx.read({"amount": [1.0, 2.0, 10.0]})
    ...     rows.group_by().agg(q=wf.quantile("amount", 0.75)).to_numpy()["q"].item()
    6.0
    """
    return apply("quantile", named(column), _fraction(fraction))


def quantile_disc(column: str | Column, fraction: float) -> Column:
    """Find the least value that at least a fraction of all values do not exceed.

    Raises
    ------
    InvalidOption
        Where the fraction is not from 0 to 1.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.quantile_disc("day", 0.9)
    Column(quantile_disc(day, 0.9))
    """
    return apply("quantile_disc", named(column), _fraction(fraction))


def mode(column: str | Column) -> Column:
    """Find the most frequent value; of several, the least.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.mode("segment")
    Column(mode(segment))
    """
    return apply("mode", named(column))


def stddev_pop(column: str | Column) -> Column:
    """Take the standard deviation of a whole population (n).

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.stddev_pop("amount")
    Column(stddev_pop(amount))
    """
    return apply("stddev_pop", named(column))


def variance_pop(column: str | Column) -> Column:
    """Take the variance of a whole population (n).

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.variance_pop("amount")
    Column(variance_pop(amount))
    """
    return apply("variance_pop", named(column))


def corr(y: str | Column, x: str | Column) -> Column:
    """Take the correlation of two columns, over the rows where neither is NULL.

    It is NULL where either is constant.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.corr("price", "size")
    Column(corr(price, size))
    """
    return apply("corr", named(y), named(x))


def covar_samp(y: str | Column, x: str | Column) -> Column:
    """Take the sample covariance (n - 1) of two columns; NULL below two rows.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.covar_samp("price", "size")
    Column(covar_samp(price, size))
    """
    return apply("covar_samp", named(y), named(x))


def covar_pop(y: str | Column, x: str | Column) -> Column:
    """Take the covariance (n) of two columns.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.covar_pop("price", "size")
    Column(covar_pop(price, size))
    """
    return apply("covar_pop", named(y), named(x))


def regr_count(y: str | Column, x: str | Column) -> Column:
    """Count the rows where neither y nor x is NULL.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_count("price", "size")
    Column(regr_count(price, size))
    """
    return apply("regr_count", named(y), named(x))


def regr_avgx(y: str | Column, x: str | Column) -> Column:
    """Take the mean of x over the rows where neither is NULL.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_avgx("price", "size")
    Column(regr_avgx(price, size))
    """
    return apply("regr_avgx", named(y), named(x))


def regr_avgy(y: str | Column, x: str | Column) -> Column:
    """Take the mean of y over the rows where neither is NULL.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_avgy("price", "size")
    Column(regr_avgy(price, size))
    """
    return apply("regr_avgy", named(y), named(x))


def regr_slope(y: str | Column, x: str | Column) -> Column:
    """Take the slope of the line of least squares; NULL where x is constant.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_slope("price", "size")
    Column(regr_slope(price, size))
    """
    return apply("regr_slope", named(y), named(x))


def regr_intercept(y: str | Column, x: str | Column) -> Column:
    """Take the value at 0 of the line of least squares; NULL where x is constant.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_intercept("price", "size")
    Column(regr_intercept(price, size))
    """
    return apply("regr_intercept", named(y), named(x))


def regr_r2(y: str | Column, x: str | Column) -> Column:
    """Take the share of the variance of y that the line of least squares explains.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_r2("price", "size")
    Column(regr_r2(price, size))
    """
    return apply("regr_r2", named(y), named(x))


def regr_sxx(y: str | Column, x: str | Column) -> Column:
    """Sum up the squared distances of x from its mean.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_sxx("price", "size")
    Column(regr_sxx(price, size))
    """
    return apply("regr_sxx", named(y), named(x))


def regr_syy(y: str | Column, x: str | Column) -> Column:
    """Sum up the squared distances of y from its mean.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_syy("price", "size")
    Column(regr_syy(price, size))
    """
    return apply("regr_syy", named(y), named(x))


def regr_sxy(y: str | Column, x: str | Column) -> Column:
    """Sum up the products of both distances from the means.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.regr_sxy("price", "size")
    Column(regr_sxy(price, size))
    """
    return apply("regr_sxy", named(y), named(x))


def approx_count_distinct(column: str | Column) -> Column:
    """Count the different values, NULL left out; engines that estimate may be per cents off.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.approx_count_distinct("customer_id")
    Column(approx_count_distinct(customer_id))
    """
    return apply("approx_count_distinct", named(column))


def bit_and(column: str | Column) -> Column:
    """Keep the bits that are set in all values.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.bit_and("flags")
    Column(bit_and(flags))
    """
    return apply("bit_and", named(column))


def bit_or(column: str | Column) -> Column:
    """Keep the bits that are set in any value.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.bit_or("flags")
    Column(bit_or(flags))
    """
    return apply("bit_or", named(column))


def bit_xor(column: str | Column) -> Column:
    """Keep the bits that are set in an odd number of values.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.bit_xor("flags")
    Column(bit_xor(flags))
    """
    return apply("bit_xor", named(column))


def first(column: str | Column, *, by: SortKeys) -> Column:
    """Take the value of the row that comes first in an order, NULL included.

    Parameters
    ----------
    by
        The order: columns by name or expression, ``wf.col("day").desc()`` backwards. Of rows that
        are equal in it, which comes first is the engine's choice.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.first("price", by="day")
    Column(first(price order by day))
    """
    return _in_order("first", column, as_orders(by))


def last(column: str | Column, *, by: SortKeys) -> Column:
    """Take the value of the row that comes last in an order, where rows with NULL come last.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.last("price", by="day")
    Column(last(price order by day))
    """
    return _in_order("last", column, as_orders(by))


def string_agg(
    column: str | Column, separator: str = ",", *, order_by: SortKeys = (), distinct: bool = False
) -> Column:
    """Join texts, NULLs left out; NULL over nothing.

    Parameters
    ----------
    order_by
        The order in which they are joined; without it, it is the engine's choice.
    distinct
        Whether texts that come again are left out; they can be ordered by themselves only.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.string_agg("item", ", ", order_by="bought_at")
    Column(string_agg(item, ', ' order by bought_at))
    """
    return _in_order(
        "string_agg", column, as_orders(order_by), Literal(separator, TEXT), distinct=distinct
    )


def _fraction(fraction: float) -> float:
    if not 0 <= fraction <= 1:
        raise InvalidOption(f"the fraction of a quantile is 0 to 1, and not {fraction:g}")
    return float(fraction)


def _in_order(
    name: str,
    column: str | Column,
    orders: tuple[Order, ...],
    *constants: Literal,
    distinct: bool = False,
) -> Column:
    """Return an aggregate over rows in an order; `last` is the first of those turned around."""
    values = named(column)
    function, turned = ("first", True) if name == "last" else (name, False)

    def build(x: Expression, *keys: Expression) -> Expression:
        sort = (
            SortKey(key, order.descending is not turned, order.nulls_first is not turned)
            for key, order in zip(keys, orders, strict=True)
        )
        return Call(function, (x, *constants), distinct, tuple(sort))

    shown = ", ".join((values.text, *map(str, constants)))
    order = f" order by {', '.join(map(str, orders))}" if orders else ""
    text = f"{name}({'distinct ' if distinct else ''}{shown}{order})"
    return combine(build, text, values, *(each.column for each in orders))

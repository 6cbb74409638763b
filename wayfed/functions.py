"""The functions of the table as functions: ``wf.sum("amount")``, ``wf.coalesce("fee", 0)``.

A text given for a column is the column's name, or SQL text where no column is called so; a constant
text is written ``wf.lit("…")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from wayfed.columns import Column, apply, as_column, as_orders, combine, named
from wayfed_optimizer.expressions import Call, Expression, Record, SortKey, call

if TYPE_CHECKING:
    import datetime
    import decimal

    from wayfed.columns import SortKeys

Argument: TypeAlias = (
    "str | Column | bool | int | float | bytes | datetime.date | decimal.Decimal | None"
)
"""A column by name, expression or SQL text, or a constant that is not text."""


def _call(function: str, *arguments: Argument) -> Column:
    return apply(function, *(named(a) if isinstance(a, str) else a for a in arguments))


def _distinct(function: str, column: str | Column) -> Column:
    values = named(column)

    def build(x: Expression) -> Expression:
        made = call(function, x)
        return Call(function, made.args, distinct=True) if isinstance(made, Call) else made

    return combine(build, f"{function}(distinct {values.text})", values)


def count(column: str | Column | None = None) -> Column:
    """Count the rows, or those in which `column` is not NULL.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.count(), wf.count("email")
    (Column(count()), Column(count(email)))
    """
    return _call("count") if column is None else _call("count", column)


def count_if(condition: str | Column) -> Column:
    """Count the rows for which a condition is true.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.count_if(wf.col("amount") > 10)
    Column(count_if(amount > 10))
    """
    return _call("count_if", condition)


def count_distinct(column: str | Column) -> Column:
    """Count the different values, NULL left out.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.count_distinct("customer_id")
    Column(count_distinct(customer_id))
    """
    return _call("count_distinct", column)


def sum(column: str | Column, *, distinct: bool = False) -> Column:
    """Sum up: int64 of integers, exact of decimals; NULL over nothing; `distinct` values once.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.sum("amount")
    Column(sum(amount))
    """
    return _distinct("sum", column) if distinct else _call("sum", column)


def mean(column: str | Column, *, distinct: bool = False) -> Column:
    """Take the arithmetic mean, as float64; NULL over nothing; of `distinct` values once.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.mean("amount")
    Column(mean(amount))
    """
    return _distinct("mean", column) if distinct else _call("mean", column)


def min(column: str | Column) -> Column:
    """Find the least value; NULL over nothing.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.min("amount")
    Column(min(amount))
    """
    return _call("min", column)


def max(column: str | Column) -> Column:
    """Find the greatest value; NULL over nothing.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.max("amount")
    Column(max(amount))
    """
    return _call("max", column)


def stddev(column: str | Column) -> Column:
    """Take the sample standard deviation (n - 1); NULL below two values.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.stddev("amount")
    Column(stddev(amount))
    """
    return _call("stddev", column)


def variance(column: str | Column) -> Column:
    """Take the sample variance (n - 1); NULL below two values.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.variance("amount")
    Column(variance(amount))
    """
    return _call("variance", column)


def median(column: str | Column) -> Column:
    """Take the middle value, or the mean of the two in the middle.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.median("amount")
    Column(median(amount))
    """
    return _call("median", column)


def any_value(column: str | Column) -> Column:
    """Take some value that is not NULL, if there is one; engines may take different ones.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.any_value("segment")
    Column(any_value(segment))
    """
    return _call("any_value", column)


def bool_and(column: str | Column) -> Column:
    """Say whether it is true in all rows.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.bool_and("is_open")
    Column(bool_and(is_open))
    """
    return _call("bool_and", column)


def bool_or(column: str | Column) -> Column:
    """Say whether it is true in any row.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.bool_or("is_fraud")
    Column(bool_or(is_fraud))
    """
    return _call("bool_or", column)


def coalesce(*columns: Argument) -> Column:
    """Take the first that is not NULL.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.coalesce("fee", 0)
    Column(coalesce(fee, 0))
    """
    return _call("coalesce", *columns)


def greatest(*columns: Argument) -> Column:
    """Take the greatest, NULLs left out.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.greatest("bid", "ask")
    Column(greatest(bid, ask))
    """
    return _call("greatest", *columns)


def least(*columns: Argument) -> Column:
    """Take the least, NULLs left out.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.least("bid", "ask")
    Column(least(bid, ask))
    """
    return _call("least", *columns)


def concat(*columns: Argument) -> Column:
    """Join texts; NULL when any of them is.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.concat("first", wf.lit(" "), "last")
    Column(concat(first, ' ', last))
    """
    return _call("concat", *columns)


def make_date(year: Argument, month: Argument, day: Argument) -> Column:
    """Make the date with these numbers; there being none is an error.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.make_date("year", "month", 1)
    Column(make_date(year, month, 1))
    """
    return _call("make_date", year, month, day)


def concat_ws(separator: str | Column, *columns: Argument) -> Column:
    """Join the texts that are not NULL, with a separator between them, which is a text as it is.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.concat_ws(", ", "last", "first")
    Column(concat_ws(', ', last, first))
    """
    return _call("concat_ws", as_column(separator), *columns)


def abs(x: Argument) -> Column:
    """Take the absolute value.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.abs("x")
    Column(abs(x))
    """
    return _call("abs", x)


def sign(x: Argument) -> Column:
    """Take the sign: -1, 0 or 1.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.sign("x")
    Column(sign(x))
    """
    return _call("sign", x)


def floor(x: Argument) -> Column:
    """Round down to a whole number.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.floor("x")
    Column(floor(x))
    """
    return _call("floor", x)


def ceil(x: Argument) -> Column:
    """Round up to a whole number.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.ceil("x")
    Column(ceil(x))
    """
    return _call("ceil", x)


def sqrt(x: Argument) -> Column:
    """Take the square root; NULL below zero.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.sqrt("x")
    Column(sqrt(x))
    """
    return _call("sqrt", x)


def ln(x: Argument) -> Column:
    """Take the natural logarithm; NULL at zero and below.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.ln("x")
    Column(ln(x))
    """
    return _call("ln", x)


def log10(x: Argument) -> Column:
    """Take the logarithm to base 10; NULL at zero and below.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.log10("x")
    Column(log10(x))
    """
    return _call("log10", x)


def exp(x: Argument) -> Column:
    """Raise e to the power of it.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.exp("x")
    Column(exp(x))
    """
    return _call("exp", x)


def list(*values: Argument) -> Column:
    """Put values into a list, in their common type.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.list("low", "high")
    Column(list(low, high))
    """
    return _call("list", *values)


def list_agg(column: str | Column, *, order_by: SortKeys = ()) -> Column:
    """Gather the values of a group in a list, NULLs among them; NULL over nothing.

    Without `order_by` their order is the engine's choice.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.list_agg("item", order_by="bought_at")
    Column(list_agg(item order by bought_at))
    """
    values, orders = named(column), as_orders(order_by)

    def build(x: Expression, *keys: Expression) -> Expression:
        sort = (
            SortKey(key, order.descending, order.nulls_first)
            for key, order in zip(keys, orders, strict=True)
        )
        return Call("list_agg", (x,), order_by=tuple(sort))

    shown = f" order by {', '.join(map(str, orders))}" if orders else ""
    text = f"list_agg({values.text}{shown})"
    return combine(build, text, values, *(order.column for order in orders))


def struct(**fields: Argument) -> Column:
    """Put values into a struct, each as the field of its name.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.struct(lat="latitude", unit=wf.lit("degree"))
    Column(struct(lat: latitude, unit: 'degree'))
    """
    columns = tuple(named(f) if isinstance(f, str) else as_column(f) for f in fields.values())
    shown = ", ".join(f"{name}: {c.text}" for name, c in zip(fields, columns, strict=True))
    names = tuple(fields)
    return combine(lambda *args: Record(names, args), f"struct({shown})", *columns)


def sin(x: Argument) -> Column:
    """Take the sine of radians.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.sin("x")
    Column(sin(x))
    """
    return _call("sin", x)


def cos(x: Argument) -> Column:
    """Take the cosine of radians.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.cos("x")
    Column(cos(x))
    """
    return _call("cos", x)


def round(x: Argument, digits: int = 0) -> Column:
    """Round half away from zero, to `digits` after the point.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.round("amount", 2)
    Column(round(amount, 2))
    """
    return as_column(named(x) if isinstance(x, str) else x).round(digits)


def power(x: Argument, exponent: Argument) -> Column:
    """Raise x to a power; NULL where that is no real number.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.power("x", 2)
    Column(power(x, 2))
    """
    return _call("power", x, exponent)

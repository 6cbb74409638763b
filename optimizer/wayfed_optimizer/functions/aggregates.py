"""Functions of many rows."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.coercion import fixed, is_any, is_ordered, same, summation
from wayfed_optimizer.functions.row import Agreement, Function, Kind, Nulls, Raises
from wayfed_optimizer.types import BOOL, FLOAT64, INT64, TEXT, is_integer

_AGGREGATE: Final = Kind.AGGREGATE
_NUMBER_TO_FLOAT: Final = fixed(FLOAT64, FLOAT64)
_NUMBERS_TO_FLOAT: Final = fixed(FLOAT64, FLOAT64, FLOAT64)

AGGREGATES: Final = (
    Function(
        "count",
        fixed(INT64, is_any, optional=1),
        "[x]",
        "Number of rows, or of those where x is not NULL.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "count_distinct",
        fixed(INT64, is_any),
        "x",
        "Number of different values of x, NULL left out.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "count_if",
        fixed(INT64, BOOL),
        "condition",
        "Number of rows for which the condition is true.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "sum",
        summation,
        "x",
        "Sum; NULL over nothing.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        raises=Raises.OVERFLOW,
    ),
    Function(
        "mean",
        _NUMBER_TO_FLOAT,
        "x",
        "Arithmetic mean as float64; NULL over nothing.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    *(
        Function(
            name,
            same(is_ordered),
            "x",
            doc,
            kind=_AGGREGATE,
            nulls=Nulls.MAY,
            reveals=True,
        )
        for name, doc in (("min", "Least value."), ("max", "Greatest value."))
    ),
    Function(
        "stddev",
        _NUMBER_TO_FLOAT,
        "x",
        "Sample standard deviation (n - 1); NULL below two values.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "variance",
        _NUMBER_TO_FLOAT,
        "x",
        "Sample variance (n - 1); NULL below two values.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
    ),
    Function(
        "median",
        _NUMBER_TO_FLOAT,
        "x",
        "Middle value, or the mean of the two in the middle.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        reveals=True,
    ),
    Function(
        "any_value",
        same(is_any),
        "x",
        "Some value that is not NULL, if there is one.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.ENGINE,
        reveals=True,
    ),
    *(
        Function(name, fixed(BOOL, BOOL), "x", doc, _AGGREGATE, Nulls.MAY, reveals=True)
        for name, doc in (
            ("bool_and", "Whether all are true."),
            ("bool_or", "Whether any is true."),
        )
    ),
    *(
        Function(
            name,
            _NUMBER_TO_FLOAT,
            "x",
            doc,
            kind=_AGGREGATE,
            nulls=Nulls.MAY,
            agreement=Agreement.RELATIVE,
        )
        for name, doc in (
            ("stddev_pop", "Standard deviation of a population (n); NULL over nothing."),
            ("variance_pop", "Variance of a population (n); NULL over nothing."),
        )
    ),
    *(
        Function(
            name,
            _NUMBERS_TO_FLOAT,
            "y, x",
            f"{doc} Over the rows where neither is NULL.",
            kind=_AGGREGATE,
            nulls=Nulls.MAY,
            agreement=Agreement.RELATIVE,
        )
        for name, doc in (
            ("corr", "Correlation; NULL where either is constant."),
            ("covar_samp", "Sample covariance (n - 1); NULL below two rows."),
            ("covar_pop", "Covariance of a population (n); NULL over nothing."),
            ("regr_avgx", "Mean of x."),
            ("regr_avgy", "Mean of y."),
            ("regr_slope", "Slope of the line of least squares; NULL where x is constant."),
            ("regr_intercept", "Value of that line at 0; NULL where x is constant."),
            ("regr_r2", "Share of the variance that it explains; NULL where x is constant."),
            ("regr_sxx", "Sum of squared distances of x from its mean."),
            ("regr_syy", "Sum of squared distances of y from its mean."),
            ("regr_sxy", "Sum of products of both distances from the means."),
        )
    ),
    Function(
        "regr_count",
        fixed(INT64, FLOAT64, FLOAT64),
        "y, x",
        "Number of rows where neither is NULL.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
    ),
    Function(
        "quantile",
        _NUMBERS_TO_FLOAT,
        "x, fraction",
        "Value below which a fraction lies, between the two next to it.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        agreement=Agreement.RELATIVE,
        reveals=True,
    ),
    Function(
        "quantile_disc",
        same(is_ordered, FLOAT64),
        "x, fraction",
        "Least value that at least a fraction of all values do not exceed.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        reveals=True,
    ),
    Function(
        "mode",
        same(is_ordered),
        "x",
        "The most frequent value, the least of several.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        reveals=True,
    ),
    Function(
        "approx_count_distinct",
        fixed(INT64, is_any),
        "x",
        "Number of different values, NULL left out; engines may be some per cent off.",
        kind=_AGGREGATE,
        nulls=Nulls.NEVER,
        agreement=Agreement.ENGINE,
    ),
    Function(
        "first",
        same(is_any),
        "x",
        "x of the first row in an order, be it NULL; of some row where there is no order.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        ordered=True,
        reveals=True,
    ),
    Function(
        "string_agg",
        fixed(TEXT, TEXT, TEXT),
        "x, separator",
        "The texts joined, NULLs left out; NULL over nothing.",
        kind=_AGGREGATE,
        nulls=Nulls.MAY,
        ordered=True,
        reveals=True,
    ),
    *(
        Function(name, same(is_integer), "x", doc, _AGGREGATE, Nulls.MAY, reveals=True)
        for name, doc in (
            ("bit_and", "The bits that are set in all values."),
            ("bit_or", "The bits that are set in any value."),
            ("bit_xor", "The bits that are set in an odd number of values."),
        )
    ),
)

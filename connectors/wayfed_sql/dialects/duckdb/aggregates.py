"""Aggregates and windows, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.duckdb.decimals import ExactMean
from wayfed_sql.templates import Template, aggregate, by_count, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row

_SLOPES: Final = "REGR_SXX({0}, {1}){over} > 0"
"""Where x is constant, lines of least squares are NaN there."""

AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_distinct": Template("COUNT(DISTINCT {0}){over}"),
        "approx_count_distinct": Template("APPROX_COUNT_DISTINCT({0}){over}"),
        "sum": by_type(
            Template("SUM({distinct}{0}){over}", any_width=True),
            integer=Template("CAST(SUM({distinct}{0}){over} AS BIGINT)"),
        ),
        "mean": ExactMean(aggregate("AVG")),
        "min": Template("MIN({distinct}{0}){over}", any_width=True),
        "max": Template("MAX({distinct}{0}){over}", any_width=True),
        "median": Template("MEDIAN({distinct}{0}){over}"),
        "quantile": Template("QUANTILE_CONT({distinct}{0}, {1}){over}"),
        "quantile_disc": Template("QUANTILE_DISC({distinct}{0}, {1}){over}"),
        # It takes the first of several most frequent values that it meets.
        "mode": Template("MODE({0} ORDER BY {0}){over}"),
        "any_value": Template("ANY_VALUE({0}){over}"),
        "first": Template("FIRST({0}{order}){over}"),
        "corr": Template(
            f"CASE WHEN {_SLOPES} AND REGR_SYY({{0}}, {{1}}){{over}} > 0 "
            "THEN CORR({0}, {1}){over} END"
        ),
        "regr_slope": Template(f"CASE WHEN {_SLOPES} THEN REGR_SLOPE({{0}}, {{1}}){{over}} END"),
        "regr_intercept": Template(
            f"CASE WHEN {_SLOPES} THEN REGR_AVGY({{0}}, {{1}}){{over}} - "
            "REGR_SLOPE({0}, {1}){over} * REGR_AVGX({0}, {1}){over} END"
        ),
        "first_value": Template("FIRST_VALUE({0}{nulls}){over}"),
        "last_value": Template("LAST_VALUE({0}{nulls}){over}"),
        "nth_value": Template("NTH_VALUE({0}, {1}{nulls}){over}"),
        **{
            name: by_count(
                *(
                    Template(f"{name.upper()}({args}{{nulls}}){{over}}")
                    for args in ("{0}", "{0}, {1}", "{0}, {1}, {2}")
                )
            )
            for name in ("lag", "lead")
        },
    }
)

"""Aggregates and windows, in PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.aggregates import QuantileDisc
from wayfed_sql.templates import Template, by_count, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "sum": by_type(
            Template("SUM({distinct}{0}){over}"),
            integer=Template("CAST(SUM({distinct}{0}){over} AS BIGINT)"),
            float32=Template("SUM({distinct}CAST({0} AS DOUBLE PRECISION)){over}"),
        ),
        "min": by_type(Template("MIN({0}){over}"), bool=Template("BOOL_AND({0}){over}")),
        "max": by_type(Template("MAX({0}){over}"), bool=Template("BOOL_OR({0}){over}")),
        "median": Template("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {0})"),
        "quantile": Template("PERCENTILE_CONT({1}) WITHIN GROUP (ORDER BY {0})"),
        "quantile_disc": QuantileDisc(Template("PERCENTILE_DISC({1}) WITHIN GROUP (ORDER BY {0})")),
        "mode": Template("MODE() WITHIN GROUP (ORDER BY {0})"),
        "first": Template("(ARRAY_AGG({0}{order}))[1]"),
        "nth_value": Template("NTH_VALUE({0}, CAST({1} AS INTEGER)){over}"),
        "any_value": Template("(ARRAY_AGG({0}) FILTER (WHERE {0} IS NOT NULL))[1]"),
        "ntile": Template("CAST(NTILE(CAST({0} AS INTEGER)){over} AS BIGINT)"),
        **{
            name: by_count(
                Template(f"{name.upper()}({{0}}){{over}}"),
                Template(f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER)){{over}}"),
                Template(
                    f"{name.upper()}({{0}}, CAST({{1}} AS INTEGER), "
                    "CAST({2} AS {type})){over}"
                ),
            )
            for name in ("lag", "lead")
        },
    }
)

"""Aggregates and windows, in Spark."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import BOOL, Decimal
from wayfed_sql.dialects.aggregates import QuantileDisc
from wayfed_sql.templates import Choice, Template, Text, aggregate, by_count, by_type, exact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site


def _counted(name: str) -> Template:
    return Template(f"CAST({name}({{args}}){{over}} AS BIGINT)")


@dataclass(frozen=True, slots=True)
class _First:
    """Makes the row of `first`: the value that goes with the least or greatest of its keys.

    A flag before each key says where its NULLs go, so that the record of them all is never NULL.
    """

    def render(self, site: Site) -> Text:
        """Write the call; raises Unsupported where keys go both ways."""
        if not site.keys:
            return aggregate("FIRST").render(site)
        ways = [key.descending for key in site.keys if key.type != BOOL]
        descending = ways[0] if ways else site.keys[0].descending
        if any(way != descending for way in ways):
            raise site.refuse("ORDER BY in both directions in first", "its records go one way")
        parts = (
            f"({key.sql}) IS {'' if key.nulls_first == descending else 'NOT '}NULL, "
            f"{key.sql if key.descending == descending else f'NOT ({key.sql})'}"
            for key in site.keys
        )
        name = "MAX_BY" if descending else "MIN_BY"
        loose = isinstance(site.type, Decimal)
        value = exact(site, 0).sql
        return Text(f"{name}({value}, STRUCT({', '.join(parts)})){site.over}", loose=loose)


def _is_separated(site: Site) -> bool:
    return isinstance(site.args[1], Literal)


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_if": Template("COUNT_IF({0}){over}"),
        "approx_count_distinct": Template("APPROX_COUNT_DISTINCT({0}){over}"),
        "sum": by_type(
            Template("SUM({distinct}{0}){over}"), float32=Template("SUM({distinct}{0}){over}")
        ),
        "median": Template("MEDIAN({0}){over}"),
        "quantile": Template("PERCENTILE({0}, {1}){over}"),
        "quantile_disc": QuantileDisc(
            Template(
                "GET(SORT_ARRAY(COLLECT_LIST({0})), "
                "CAST(GREATEST(CEIL({1} * COUNT({0})), 1) AS INT) - 1)"
            )
        ),
        "mode": Template("MODE() WITHIN GROUP (ORDER BY {0})"),
        "corr": Template(
            "CASE WHEN REGR_SXX({0}, {1}){over} > 0 AND REGR_SYY({0}, {1}){over} > 0 "
            "THEN REGR_SXY({0}, {1}){over} / "
            "(SQRT(REGR_SXX({0}, {1}){over}) * SQRT(REGR_SYY({0}, {1}){over})) END"
        ),
        "any_value": Template("ANY_VALUE({0}, true){over}"),
        "first": _First(),
        "string_agg": Choice(
            (
                (
                    lambda site: _is_separated(site) and bool(site.keys),
                    Template("LISTAGG({distinct}{0}, {1}) WITHIN GROUP ({order})"),
                ),
                (_is_separated, Template("LISTAGG({distinct}{0}, {1}){over}")),
            ),
            "the separator must be a constant",
        ),
        "row_number": _counted("ROW_NUMBER"),
        "rank": _counted("RANK"),
        "dense_rank": _counted("DENSE_RANK"),
        "ntile": Template("CAST(NTILE(CAST({0} AS INT)){over} AS BIGINT)"),
        "first_value": Template("FIRST_VALUE({0}){nulls}{over}"),
        "last_value": Template("LAST_VALUE({0}){nulls}{over}"),
        "nth_value": Template("NTH_VALUE({0}, CAST({1} AS INT)){nulls}{over}"),
        **{
            name: by_count(
                *(
                    Template(f"{name.upper()}({args}){{nulls}}{{over}}")
                    for args in ("{0}", "{0}, {1}", "{0}, {1}, {2}")
                )
            )
            for name in ("lag", "lead")
        },
    }
)

"""Aggregates and windows, in Spark."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.templates import Template, aggregate, by_count, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


def _counted(name: str) -> Template:
    return Template(f"CAST({name}({{args}}){{over}} AS BIGINT)")


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_if": Template("COUNT_IF({0}){over}"),
        "sum": by_type(Template("SUM({0}){over}"), float32=Template("SUM({0}){over}")),
        "median": Template("MEDIAN({0}){over}"),
        "any_value": Template("ANY_VALUE({0}, true){over}"),
        "row_number": _counted("ROW_NUMBER"),
        "rank": _counted("RANK"),
        "dense_rank": _counted("DENSE_RANK"),
        "ntile": Template("CAST(NTILE(CAST({0} AS INT)){over} AS BIGINT)"),
        "first_value": aggregate("FIRST_VALUE"),
        "last_value": aggregate("LAST_VALUE"),
        **{
            name: by_count(
                Template(f"{name.upper()}({{0}}){{over}}"),
                Template(f"{name.upper()}({{0}}, {{1}}){{over}}"),
                Template(f"{name.upper()}({{0}}, {{1}}, {{2}}){{over}}"),
            )
            for name in ("lag", "lead")
        },
    }
)

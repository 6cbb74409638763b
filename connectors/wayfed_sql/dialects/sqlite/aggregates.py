"""Aggregates and windows, in SQLite."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import Decimal
from wayfed_sql.dialects.sqlite.digits import BEYOND, DIGITS
from wayfed_sql.templates import PRODUCT, Choice, Template, by_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site


def _precision(site: Site) -> int:
    kind = site.args[0].type
    return kind.precision if isinstance(kind, Decimal) else 0


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_distinct": Template("COUNT(DISTINCT {0})"),
        "sum": by_type(
            Template("SUM({distinct}{0}){over}"),
            decimal=Choice(
                (
                    (
                        lambda site: _precision(site) <= DIGITS,
                        Template(
                            "SUM({distinct}CAST(ROUND({0} * 1e{scale}) AS INTEGER)){over} "
                            "/ 1e{scale}",
                            PRODUCT,
                        ),
                    ),
                ),
                BEYOND,
            ),
        ),
        "string_agg": Template("GROUP_CONCAT({0}, {1}){over}"),
        "any_value": Template("MAX({0}){over}"),
        "bool_and": Template("MIN({0}){over}"),
        "bool_or": Template("MAX({0}){over}"),
    }
)

"""Aggregates and windows as most engines write them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import FLOAT64
from wayfed_sql.templates import Choice, Template, Text, aggregate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

_LITTLE: Final = 1e-13


@dataclass(frozen=True, slots=True)
class QuantileDisc:
    """Makes the row of `quantile_disc` from that of an engine that multiplies with doubles.

    A seventh hundredth of 100 rows is a little more than 7 there, and must not round up to 8.
    """

    row: Row

    def render(self, site: Site) -> Text:
        """Write the call with a fraction that is a little less."""
        fraction = site.args[1]
        if not isinstance(fraction, Literal):
            raise site.refuse(site.function, "the fraction must be a constant")
        less = Literal(max(0.0, fraction.value - _LITTLE), FLOAT64)
        value, _ = site.texts
        written = Text(repr(less.value), constant=True)
        return self.row.render(site._replace(args=(site.args[0], less), texts=(value, written)))


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count": Choice(
            ((lambda site: not site.args, Template("COUNT(*){over}")),), aggregate("COUNT")
        ),
        "count_distinct": Template("COUNT(DISTINCT {0})"),
        "count_if": Template("COUNT(*) FILTER (WHERE {0}){over}"),
        "mean": aggregate("AVG"),
        "min": aggregate("MIN"),
        "max": aggregate("MAX"),
        "stddev": aggregate("STDDEV_SAMP"),
        "variance": aggregate("VAR_SAMP"),
        "stddev_pop": aggregate("STDDEV_POP"),
        "variance_pop": aggregate("VAR_POP"),
        "bool_and": aggregate("BOOL_AND"),
        "bool_or": aggregate("BOOL_OR"),
        "bit_and": aggregate("BIT_AND"),
        "bit_or": aggregate("BIT_OR"),
        "bit_xor": aggregate("BIT_XOR"),
        "corr": aggregate("CORR"),
        **{
            name: Template(f"{name.upper()}({{0}}, {{1}}){{over}}")
            for name in (
                "covar_samp",
                "covar_pop",
                "regr_avgx",
                "regr_avgy",
                "regr_count",
                "regr_slope",
                "regr_intercept",
                "regr_r2",
                "regr_sxx",
                "regr_syy",
                "regr_sxy",
            )
        },
        "approx_count_distinct": Template("COUNT(DISTINCT {0})"),
        "string_agg": Template("STRING_AGG({distinct}{0}, {1}{order}){over}"),
        "row_number": aggregate("ROW_NUMBER"),
        "rank": aggregate("RANK"),
        "dense_rank": aggregate("DENSE_RANK"),
        "percent_rank": aggregate("PERCENT_RANK"),
        "cume_dist": aggregate("CUME_DIST"),
        "ntile": aggregate("NTILE"),
        "lag": aggregate("LAG"),
        "lead": aggregate("LEAD"),
        "first_value": aggregate("FIRST_VALUE"),
        "last_value": aggregate("LAST_VALUE"),
        "nth_value": aggregate("NTH_VALUE"),
    }
)

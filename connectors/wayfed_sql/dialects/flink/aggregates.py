"""Aggregates and windows, in Flink."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import INT64, Decimal
from wayfed_sql.templates import (
    PRODUCT,
    Choice,
    Template,
    Text,
    aggregate,
    any_float,
    by_type,
    exact,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Key, Row, Site

_UNSHIFTED: Final = frozenset({"binary", "list", "struct"})

# So many digits fewer than 38 that no number of rows there is sums up to more.
_FEW: Final = 28

# Each half of the digits is summed up by itself: neither overflows below 2^31 rows.
_SUM_OF_HALVES: Final = Template(
    "wf_sum_of_halves(SUM({0} / 4294967296){over}, SUM(MOD({0}, 4294967296)){over})"
)

_SUM_OF_DIFFERENT: Final = Template(
    "wf_to_whole(SUM({distinct}CAST({0} AS DECIMAL(19, 0))){over}, 64)"
)

_SUM_OF_MANY_DIGITS: Final = Template(
    "wf_decimal_sum(SUM({distinct}{0}){over}, COUNT({distinct}{0}){over}, "
    "MIN({0}){over}, MAX({0}){over})"
)


# Half of the digits each: neither sum can need more than 38.
_SUM_OF_LONG: Final = Template(
    "wf_decimal_sum_of_halves(SUM(wf_decimal_high({0})){over}, SUM(wf_decimal_low({0})){over}, "
    "38, {scale})"
)


def _is_column(site: Site) -> bool:
    """Say whether an argument costs nothing to write twice."""
    return not site.distinct and site.texts[0].column is not None


def _is_short(site: Site) -> bool:
    """Say whether no number of integers that there is sums up to more than 64 bits."""
    return site.args[0].type != INT64


def _has_few_digits(site: Site) -> bool:
    kind = site.args[0].type
    return isinstance(kind, Decimal) and kind.precision <= _FEW


def _small(name: str) -> Row:
    """Make the row of `min` or `max`."""
    generic = "wf_least" if name == "MIN" else "wf_greatest"
    floats = Template(f"CAST(wf_ordered({name}(wf_order({{0}})){{over}}) AS {{type}})")
    return by_type(
        aggregate(name),
        float32=floats,
        float64=floats,
        binary=Template(f"{generic}({{0}}){{over}}"),
    )


def _way(key: Key) -> str:
    return f"{'d' if key.descending else 'a'}{'f' if key.nulls_first else 'l'}"


def _ordered(site: Site) -> str:
    """Return what our aggregates are told of an order: the ways of its keys, and the keys."""
    if not site.keys:
        return ""
    ways = "".join(map(_way, site.keys))
    return f", '{ways}', ROW({', '.join(key.sql for key in site.keys)})"


@dataclass(frozen=True, slots=True)
class _First:
    """Makes the row of `first`."""

    def render(self, site: Site) -> Text:
        """Write the call."""
        value = exact(site, 0).sql
        return Text(f"wf_first({value}{_ordered(site)}){site.over}")


@dataclass(frozen=True, slots=True)
class _StringAgg:
    """Makes the row of `string_agg`, whose order Flink's own does not know."""

    def render(self, site: Site) -> Text:
        """Write the call."""
        text, separator = (exact(site, i).sql for i in (0, 1))
        distinct = "TRUE" if site.distinct else "FALSE"
        return Text(f"wf_string_agg({text}, {separator}, {distinct}{_ordered(site)}){site.over}")


@dataclass(frozen=True, slots=True)
class _InFrame:
    """Makes the row of a value of a frame, for which Flink's own see no NULLs."""

    name: str

    def render(self, site: Site) -> Text:
        """Write the call."""
        args = [exact(site, i).sql for i in range(len(site.args))]
        args[1:] = [f"CAST({count} AS BIGINT)" for count in args[1:]]
        name = f"{self.name}_present" if site.nulls else self.name
        return Text(f"{name}({', '.join(args)}){site.over}")


def _is_constant(site: Site) -> bool:
    return isinstance(site.args[1], Literal)


def _of_fraction(name: str, value: str) -> Row:
    call = Template(f"{name}({value}, CAST({{1}} AS DOUBLE)){{over}}")
    return Choice(((_is_constant, call),), "the fraction must be a constant")


def _counted(name: str) -> Row:
    return Template(f"CAST({name}({{args}}){{over}} AS BIGINT)")


def _framed(site: Site, frame: str) -> str:
    """Return the window of a call with a frame of rows."""
    return f"{site.over.removesuffix(')')} ROWS BETWEEN {frame})"


@dataclass(frozen=True, slots=True)
class _Shift:
    """Makes the row of `lag` or `lead`: Flink's own gives its default where the value is NULL."""

    name: str
    direction: str

    def render(self, site: Site) -> Text:
        """Write the call."""
        distance = site.args[1] if len(site.args) > 1 else Literal(1, INT64)
        if not isinstance(distance, Literal) or distance.value is None or distance.value < 0:
            raise site.refuse(site.function, "its distance must be a constant, and not below 0")
        if site.nulls:
            raise site.refuse(f"IGNORE NULLS in {site.function}", "it has none")
        bound = f"{distance.value} {self.direction}" if distance.value else "CURRENT ROW"
        there = _framed(site, f"{bound} AND {bound}")
        value = exact(site, 0).sql
        found = f"{self.name}({value}, {distance.value}){site.over}"
        if site.type.name in _UNSHIFTED:
            found = f"wf_first({value}){there}"
        if len(site.args) < 3:
            return Text(found)
        default = f"CAST({exact(site, 2).sql} AS {site.types(site.type)})"
        return Text(f"CASE WHEN COUNT(*){there} = 0 THEN {default} ELSE {found} END")


@dataclass(frozen=True, slots=True)
class _CumeDist:
    """Makes the row of `cume_dist`: Flink's own tells rows apart that are equal in the order."""

    def render(self, site: Site) -> Text:
        """Write the share of the rows up to here and its equals."""
        if "ORDER BY" not in site.over:
            return Text(f"CUME_DIST(){site.over}")
        everything = _framed(site, "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")
        return Text(f"CAST(COUNT(*){site.over} AS DOUBLE) / COUNT(*){everything}", PRODUCT)


def _of_statistics(name: str) -> Row:
    return Template(f"{name}({{distinct}}CAST({{0}} AS DOUBLE)){{over}}")


AGGREGATES: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "count_distinct": Choice(
            ((any_float, Template("COUNT(DISTINCT wf_order({0}))")),),
            Template("COUNT(DISTINCT {0})"),
        ),
        "approx_count_distinct": Choice(
            ((any_float, Template("APPROX_COUNT_DISTINCT(wf_order({0}))")),),
            Template("APPROX_COUNT_DISTINCT({0})"),
        ),
        "count_if": Template("COUNT(CASE WHEN {0} THEN 1 END){over}"),
        "sum": by_type(
            Template("SUM({distinct}{0}){over}"),
            integer=Choice(
                (
                    (_is_short, Template("SUM({distinct}CAST({0} AS BIGINT)){over}")),
                    (lambda site: bool(site.distinct), _SUM_OF_DIFFERENT),
                ),
                _SUM_OF_HALVES,
            ),
            float32=Template("SUM({distinct}CAST({0} AS DOUBLE)){over}"),
            decimal=Choice(
                (
                    (_has_few_digits, Template("SUM({distinct}{0}){over}")),
                    (_is_column, _SUM_OF_LONG),
                ),
                _SUM_OF_MANY_DIGITS,
            ),
        ),
        "mean": Template("AVG({distinct}CAST({0} AS DOUBLE)){over}"),
        "min": _small("MIN"),
        "max": _small("MAX"),
        "any_value": by_type(
            aggregate("MIN"),
            **{
                name: Template("wf_first_present({0}){over}")
                for name in ("float32", "float64", "binary", "list", "struct")
            },
        ),
        "bool_and": Template("MIN({0}){over}"),
        "bool_or": Template("MAX({0}){over}"),
        "bit_and": Template("CAST(wf_all_bits(CAST({0} AS BIGINT)){over} AS {type})"),
        "bit_or": Template("CAST(wf_any_bits(CAST({0} AS BIGINT)){over} AS {type})"),
        "bit_xor": Template("CAST(wf_odd_bits(CAST({0} AS BIGINT)){over} AS {type})"),
        "stddev": _of_statistics("wf_stddev_samp"),
        "variance": _of_statistics("wf_var_samp"),
        "stddev_pop": _of_statistics("wf_stddev_pop"),
        "variance_pop": _of_statistics("wf_var_pop"),
        "regr_count": Template(
            "COUNT(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN 1 END){over}"
        ),
        **{
            name: Template(f"wf_{name}(CAST({{0}} AS DOUBLE), CAST({{1}} AS DOUBLE)){{over}}")
            for name in (
                *("corr", "covar_samp", "covar_pop", "regr_avgx", "regr_avgy", "regr_slope"),
                *("regr_intercept", "regr_r2", "regr_sxx", "regr_syy", "regr_sxy"),
            )
        },
        "median": Template("wf_quantile(CAST({0} AS DOUBLE), CAST(0.5 AS DOUBLE)){over}"),
        "quantile": _of_fraction("wf_quantile", "CAST({0} AS DOUBLE)"),
        "quantile_disc": _of_fraction("wf_quantile_disc", "{0}"),
        "mode": Template("wf_mode({0}){over}"),
        "first": _First(),
        "string_agg": _StringAgg(),
        "ntile": Choice(
            (
                (
                    lambda site: isinstance(site.args[0], Literal),
                    Template("CAST(NTILE({0}){over} AS BIGINT)"),
                ),
            ),
            "the number of buckets must be a constant",
        ),
        "first_value": _InFrame("wf_first"),
        "last_value": _InFrame("wf_last"),
        "nth_value": _InFrame("wf_nth"),
        "lag": _Shift("LAG", "PRECEDING"),
        "lead": _Shift("LEAD", "FOLLOWING"),
        "percent_rank": aggregate("PERCENT_RANK"),
        "cume_dist": _CumeDist(),
        **{name: _counted(name.upper()) for name in ("row_number", "rank", "dense_rank")},
    }
)

"""Numbers, comparisons and logic, in Spark."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_sql.dialects.shared import FLOAT_SIGN, modulo, of_angles
from wayfed_sql.templates import (
    PRODUCT,
    SUM,
    UNARY,
    Choice,
    Template,
    any_float,
    by_count,
    by_type,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

# Spark's own FLOOR and CEIL of doubles are BIGINT: above 2^52 doubles are whole anyway.
_WHOLE: Final = (
    "CASE WHEN ABS({x}) < 4503599627370496D THEN CAST({name}({x}) AS DOUBLE) ELSE {x} END"
)

_TOWARDS_0: Final = "CASE WHEN {0} < 0 THEN CEIL({0}) ELSE FLOOR({0}) END"

_INFINITE: Final = "CAST('Infinity' AS DOUBLE)"


def _has_plain_exponent(site: Site) -> bool:
    """Say whether the exponent is a constant with which powers of all numbers are defined."""
    exponent = site.args[1]
    if not isinstance(exponent, Literal) or exponent.value is None:
        return False
    return bool(exponent.value >= 0 and exponent.value == exponent.value // 1)


def _whole(name: str) -> Row:
    return by_type(
        Template(_WHOLE.format(name=name, x="{0}")),
        integer=Template("{0}"),
        decimal=Template(f"CAST({name}({{0}}) AS {{type}})"),
    )


_FLOOR_DIVIDE_FLOATS: Final = Template(_WHOLE.format(name="FLOOR", x="{0} / NULLIF({1}, 0)"))

# Java's powers of 1 and -1 are NaN where those of IEEE 754-2008 are 1.
_POWER: Final = Template(
    f"CASE WHEN ({{0}} = 1 OR {{0}} = -1 AND ABS({{1}}) = {_INFINITE}) AND {{1}} IS NOT NULL "
    "THEN 1D WHEN {0} > 0 OR ({0} = 0 AND {1} >= 0) OR ({0} < 0 AND {1} = RINT({1})) "
    "THEN POWER({0}, {1}) END"
)

NUMBERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "floor_divide": Choice(
            ((any_float, _FLOOR_DIVIDE_FLOATS),),
            Template(
                "{0} DIV NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                SUM,
            ),
        ),
        "modulo": modulo("({0} % NULLIF({1}, 0))"),
        "remainder": Template("{0} % NULLIF({1}, 0)", PRODUCT),
        "bitwise_xor": Template("({0} ^ {1})"),
        "trunc": by_type(
            Template(
                "CASE WHEN ABS({0}) < 4503599627370496D "
                f"THEN CAST({_TOWARDS_0} AS DOUBLE) ELSE {{0}} END"
            ),
            integer=Template("{0}"),
            decimal=Template(f"CAST({_TOWARDS_0} AS {{type}})"),
        ),
        **of_angles(_INFINITE),
        "is_nan": Template("CASE WHEN {0} IS NOT NULL THEN ISNAN({0}) END"),
        # Java rounds the opposite of a decimal to 34 digits.
        "negate": by_type(Template("-{0}", UNARY), decimal=Template("CAST(0 - {0} AS {type})")),
        "abs": by_type(
            function("ABS"),
            decimal=Template("CASE WHEN {0} < 0 THEN CAST(0 - {0} AS {type}) ELSE {0} END"),
        ),
        "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
        "floor": _whole("FLOOR"),
        "ceil": _whole("CEIL"),
        "power": Choice(((_has_plain_exponent, function("POWER")),), _POWER),
        "round": by_count(
            by_type(function("ROUND"), integer=Template("{0}")),
            Template("ROUND({0}, CAST({1} AS INT))"),
        ),
    }
)

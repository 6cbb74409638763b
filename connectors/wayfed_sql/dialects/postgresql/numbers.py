"""Numbers, comparisons and logic, in PostgreSQL."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.shared import FLOAT_SIGN, FLOOR_DIVIDE_FLOATS, modulo, of_angles
from wayfed_sql.templates import (
    COMPARISON,
    PRODUCT,
    SUM,
    Choice,
    Template,
    any_float,
    by_count,
    by_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

_NO_REST = "it divides floats without a rest"

# A cast to numeric keeps 15 digits of a double; its text keeps them all.
_NUMERIC = "CAST(CAST({0} AS TEXT) AS NUMERIC)"


def _no_float(site: Site) -> bool:
    return not any_float(site)


NUMBERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "floor_divide": Choice(
            ((any_float, FLOOR_DIVIDE_FLOATS),),
            Template(
                "{0} / NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                SUM,
            ),
        ),
        "modulo": Choice(((_no_float, modulo("({0} % NULLIF({1}, 0))")),), _NO_REST),
        "remainder": Choice(((_no_float, Template("{0} % NULLIF({1}, 0)", PRODUCT)),), _NO_REST),
        "bitwise_xor": Template("({0} # {1})"),
        "trunc": by_type(
            Template("TRUNC({0})"),
            integer=Template("{0}"),
            decimal=Template("CAST(TRUNC({0}) AS {type})"),
        ),
        **of_angles("CAST('Infinity' AS DOUBLE PRECISION)"),
        "is_nan": Template("{0} = 'NaN'", COMPARISON),
        "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
        "floor": by_type(Template("FLOOR({0})"), integer=Template("{0}")),
        "ceil": by_type(Template("CEIL({0})"), integer=Template("{0}")),
        "round": by_count(
            by_type(
                Template(f"CAST(ROUND({_NUMERIC}) AS DOUBLE PRECISION)"),
                integer=Template("{0}"),
                decimal=Template("ROUND({0})"),
            ),
            by_type(
                Template(f"CAST(ROUND({_NUMERIC}, CAST({{1}} AS INTEGER)) AS DOUBLE PRECISION)"),
                integer=Template("CAST(ROUND({0}, CAST({1} AS INTEGER)) AS BIGINT)"),
                decimal=Template("ROUND({0}, CAST({1} AS INTEGER))"),
            ),
        ),
    }
)

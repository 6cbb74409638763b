"""Numbers, comparisons and logic, in DuckDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_sql.dialects.duckdb.decimals import DecimalOperator
from wayfed_sql.dialects.shared import FLOAT_SIGN, FLOOR_DIVIDE_FLOATS, modulo, of_angles
from wayfed_sql.templates import (
    PRODUCT,
    SUM,
    Choice,
    Operator,
    Template,
    any_float,
    by_count,
    by_type,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row


NUMBERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "add": DecimalOperator(Operator("+", SUM)),
        "subtract": DecimalOperator(Operator("-", SUM)),
        "multiply": DecimalOperator(Operator("*", PRODUCT)),
        "floor_divide": Choice(
            ((any_float, FLOOR_DIVIDE_FLOATS),),
            Template(
                "{0} // NULLIF({1}, 0) - CASE WHEN {0} % NULLIF({1}, 0) <> 0 "
                "AND ({0} < 0) <> ({1} < 0) THEN 1 ELSE 0 END",
                SUM,
            ),
        ),
        "modulo": modulo("MOD({0}, NULLIF({1}, 0))"),
        "remainder": Template("MOD({0}, NULLIF({1}, 0))"),
        "is_nan": function("ISNAN"),
        "bitwise_xor": function("XOR"),
        "trunc": by_type(
            function("TRUNC"),
            integer=Template("{0}"),
            decimal=Template("CAST(TRUNC({0}) AS {type})"),
        ),
        **of_angles("CAST('inf' AS DOUBLE)"),
        "sign": Choice(((any_float, FLOAT_SIGN),), Template("CAST(SIGN({0}) AS BIGINT)")),
        "floor": by_type(function("FLOOR"), integer=Template("{0}")),
        "ceil": by_type(function("CEIL"), integer=Template("{0}")),
        "round": by_count(
            by_type(function("ROUND"), integer=Template("{0}")),
            Template("ROUND({0}, {1})"),
        ),
    }
)

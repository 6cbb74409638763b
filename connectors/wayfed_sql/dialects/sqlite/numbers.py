"""Numbers, comparisons and logic, in SQLite."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Literal
from wayfed_optimizer.types import Decimal
from wayfed_sql.dialects.shared import FUNCTIONS, modulo, of_angles
from wayfed_sql.dialects.sqlite.digits import BEYOND, DIGITS
from wayfed_sql.templates import (
    COMPARISON,
    PRODUCT,
    SUM,
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


def _fits(site: Site) -> bool:
    kinds = (site.type, *(arg.type for arg in site.args))
    return all(not isinstance(kind, Decimal) or kind.precision <= DIGITS for kind in kinds)


def _has_decimal(site: Site) -> bool:
    return any(isinstance(arg.type, Decimal) for arg in site.args)


def _decimals_fitting(row: Row, exact: Row) -> Choice:
    """Choose `row` where there are no decimals, `exact` where they fit into a double."""
    return Choice(((lambda site: not _has_decimal(site), row), (_fits, exact)), BEYOND)


def _has_digits(site: Site) -> bool:
    """Say whether the second argument is a constant number of digits behind the point."""
    digits = site.args[1]
    return isinstance(digits, Literal) and digits.value is not None and digits.value >= 0


def _rounded(symbol: str) -> Template:
    return Template(f"ROUND({{0}} {symbol} {{1}}, {{scale}})")


NUMBERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "add": _decimals_fitting(FUNCTIONS["add"], _rounded("+")),
        "subtract": _decimals_fitting(FUNCTIONS["subtract"], _rounded("-")),
        "multiply": _decimals_fitting(FUNCTIONS["multiply"], _rounded("*")),
        "divide": Template("{0} / {1}", PRODUCT),
        **{
            name: _decimals_fitting(FUNCTIONS[name], FUNCTIONS[name])
            for name in (
                "negate",
                "equal",
                "not_equal",
                "less",
                "less_equal",
                "greater",
                "greater_equal",
                "abs",
                "count_distinct",
                "min",
                "max",
            )
        },
        "is_distinct": _decimals_fitting(*[Template("{0} IS NOT {1}", COMPARISON)] * 2),
        "bitwise_xor": Template("(({0} | {1}) - ({0} & {1}))"),
        "trunc": by_type(function("TRUNC"), integer=Template("{0}")),
        "cbrt": Template("SIGN({0}) * POW(ABS({0}), 1.0 / 3)", PRODUCT),
        **of_angles("9e999"),
        "is_nan": Template("{0} <> {0}", COMPARISON),
        "floor_divide": Choice(
            ((any_float, Template("FLOOR({0} / {1})")),),
            Template(
                "{0} / {1} - ({0} % {1} <> 0 AND ({0} < 0) <> ({1} < 0))",
                SUM,
            ),
        ),
        "modulo": Choice(((any_float, modulo("MOD({0}, {1})")),), modulo("({0} % {1})")),
        "remainder": Choice(
            ((any_float, Template("MOD({0}, {1})")),), Template("{0} % {1}", PRODUCT)
        ),
        "coalesce": by_count(Template("{0}"), function("COALESCE")),
        "greatest": by_count(Template("{0}"), Template("MAX({rotations})")),
        "least": by_count(Template("{0}"), Template("MIN({rotations})")),
        "sign": function("SIGN"),
        "floor": by_type(function("FLOOR"), integer=Template("{0}")),
        "ceil": by_type(function("CEIL"), integer=Template("{0}")),
        "round": by_count(
            by_type(
                function("ROUND"),
                integer=Template("{0}"),
            ),
            Choice(
                (
                    (
                        lambda site: not _has_decimal(site) and _has_digits(site),
                        by_type(function("ROUND"), integer=Template("{0}")),
                    ),
                ),
                "it rounds binary fractions, and to no less than whole numbers",
            ),
        ),
    }
)

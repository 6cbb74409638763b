"""Numbers, comparisons and logic, in Flink, whose integers wrap and whose decimals become NULL."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Call
from wayfed_optimizer.types import FLOAT64, INT64, Decimal, is_float
from wayfed_sql.overflow import is_bounded
from wayfed_sql.templates import (
    COMPARISON,
    PRODUCT,
    SUM,
    UNARY,
    Choice,
    Operator,
    Template,
    Text,
    any_float,
    by_count,
    by_type,
    exact,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

MOST_DIGITS: Final = 38
_DIGITS: Final = MappingProxyType({"int8": 3, "int16": 5, "int32": 10, "int64": 19})


def as_float(site: Site, index: int) -> Text:
    """Return an argument as a DOUBLE, which a constant with a point in it is not."""
    text = site.texts[index]
    if site.args[index].type == FLOAT64 and not text.loose:
        return text
    return Text(f"CAST({text.sql} AS DOUBLE)")


def _as_whole(site: Site, index: int) -> Text:
    if site.args[index].type == INT64 and not site.texts[index].loose:
        return site.texts[index]
    return Text(f"CAST({site.texts[index].sql} AS BIGINT)")


def _as_decimal(site: Site, index: int) -> Text:
    kind = site.args[index].type
    if isinstance(kind, Decimal):
        return exact(site, index)
    return Text(f"CAST({site.texts[index].sql} AS DECIMAL({_DIGITS[kind.name]}, 0))")


@dataclass(frozen=True, slots=True)
class _Arithmetic:
    """Makes the row of a sum, difference or product: Flink's own where it cannot overflow."""

    symbol: str
    level: int
    checked: str

    def render(self, site: Site) -> Text:
        """Write the call."""
        kind, indices = site.type, range(len(site.args))
        if is_float(kind):
            return self._own([as_float(site, i) for i in indices])
        if isinstance(kind, Decimal):
            operands = [_as_decimal(site, i) for i in indices]
            if kind.precision < MOST_DIGITS:
                return self._own(operands)._replace(loose=True)
            listed = ", ".join(text.sql for text in operands)
            made = f"wf_decimal_{self.checked}({listed}, {kind.precision}, {kind.scale})"
            return Text(made)
        if is_bounded(Call(site.function, site.args)):
            return self._own([_as_whole(site, i) for i in indices])
        return Text(f"wf_{self.checked}_exact({', '.join(text.sql for text in site.texts)})")

    def _own(self, operands: list[Text]) -> Text:
        left, right = operands
        sql = f"{left.within(self.level - 1)} {self.symbol} {right.within(self.level)}"
        return Text(sql, self.level)


def _is_bounded(site: Site) -> bool:
    return is_bounded(Call(site.function, site.args))


def _signed(own: str, checked: str) -> Row:
    return by_type(
        Template(own.format("{0}"), UNARY),
        integer=Choice(
            ((_is_bounded, Template(own.format("CAST({0} AS BIGINT)"), UNARY)),), function(checked)
        ),
    )


def _compared(symbol: str) -> Row:
    """Make the row of a comparison: Flink's own takes NaN for nothing, not even itself."""
    return Choice(
        ((any_float, Template(f"wf_order({{0}}) {symbol} wf_order({{1}})", COMPARISON)),),
        Operator(symbol, COMPARISON),
    )


@dataclass(frozen=True, slots=True)
class _Extreme:
    """Makes the row of `greatest` or `least`, which are NULL there where any argument is."""

    name: str

    def render(self, site: Site) -> Text:
        """Write the call over all turns of the arguments, each the first of them that is there."""
        floats = is_float(site.type)
        args = [exact(site, i).sql for i in range(len(site.args))]
        if floats:
            args = [f"wf_order({arg})" for arg in args]
        turns = (", ".join(args[i:] + args[:i]) for i in range(len(args)))
        found = f"{self.name}({', '.join(f'COALESCE({turn})' for turn in turns)})"
        if not floats:
            return Text(found, loose=isinstance(site.type, Decimal))
        return Text(f"CAST(wf_ordered({found}) AS {site.types(site.type)})")


def _of_numbers(whole: str, floats: str) -> Row:
    return Choice(((any_float, function(floats)),), function(whole))


def _rounded(name: str) -> Row:
    return by_type(
        function(f"wf_{name}"),
        integer=Template("{0}"),
        decimal=_Rounded(f"wf_decimal_{name}"),
    )


@dataclass(frozen=True, slots=True)
class _Rounded:
    """Makes the row of a function of decimals that is told the type of its result."""

    name: str

    def render(self, site: Site) -> Text:
        """Write the call."""
        args = [exact(site, i).sql for i in range(len(site.args))]
        if len(args) > 1:
            args[1] = f"CAST({args[1]} AS BIGINT)"
        kind = site.type
        shape = [kind.precision, kind.scale] if isinstance(kind, Decimal) else []
        return Text(f"{self.name}({', '.join([*args, *map(str, shape)])})")


NUMBERS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "add": _Arithmetic("+", SUM, "add"),
        "subtract": _Arithmetic("-", SUM, "subtract"),
        "multiply": _Arithmetic("*", PRODUCT, "multiply"),
        "floor_divide": _of_numbers("wf_floor_divide", "wf_floor_divide_floats"),
        "modulo": _of_numbers("wf_modulo", "wf_modulo_floats"),
        "remainder": _of_numbers("wf_remainder", "wf_remainder_floats"),
        "negate": _signed("-{}", "wf_negate_exact"),
        "abs": _signed("ABS({})", "wf_abs_exact"),
        "sign": by_type(
            Template("SIGN(CAST({0} AS BIGINT))"),
            decimal=function("wf_decimal_sign"),
            float32=function("wf_sign"),
            float64=function("wf_sign"),
        ),
        "floor": _rounded("floor"),
        "ceil": _rounded("ceil"),
        "trunc": _rounded("trunc"),
        "round": by_type(
            function("wf_round"),
            integer=by_count(Template("{0}"), function("wf_round_whole")),
            decimal=_Rounded("wf_decimal_round"),
        ),
        "equal": _compared("="),
        "not_equal": _compared("<>"),
        "less": _compared("<"),
        "less_equal": _compared("<="),
        "greater": _compared(">"),
        "greater_equal": _compared(">="),
        "is_distinct": Choice(
            (
                (
                    any_float,
                    Template("wf_order({0}) IS DISTINCT FROM wf_order({1})", COMPARISON),
                ),
            ),
            Template("{0} IS DISTINCT FROM {1}", COMPARISON),
        ),
        "greatest": _Extreme("GREATEST"),
        "least": _Extreme("LEAST"),
        **{
            name: function(f"wf_{name}")
            for name in (
                *("is_nan", "sqrt", "ln", "log10", "exp", "power", "sin", "cos", "tan", "cot"),
                *("asin", "acos", "atan", "degrees", "radians", "cbrt"),
            )
        },
        "atan2": function("wf_atan2"),
        "bitwise_and": function("wf_bit_and"),
        "bitwise_or": function("wf_bit_or"),
        "bitwise_xor": function("wf_bit_xor"),
        "bitwise_not": function("wf_bit_not"),
        "single_value": function("wf_single_value"),
    }
)

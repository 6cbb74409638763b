"""Aggregates of SQL text, with what SQL lets stand in and behind their parentheses.

DISTINCT and ORDER BY within them, FILTER (WHERE …) and WITHIN GROUP (ORDER BY …) behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from sqlglot import expressions as exp

from wayfed_optimizer.errors import InvalidSql, Unsupported
from wayfed_optimizer.expressions import (
    Call,
    Expression,
    Literal,
    SortKey,
    call,
    case,
    cast_to,
    literal,
)
from wayfed_optimizer.functions import FUNCTIONS, Agreement, Kind
from wayfed_optimizer.types import INT32, NULL, TEXT, is_float, is_integer, is_numeric
from wayfed_sql.sql_functions import is_aggregate, make_call
from wayfed_sql.sql_makers import as_text
from wayfed_sql.sql_nodes import refuse, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wayfed_optimizer.types import DataType

_NAMES: Final[Mapping[type[exp.Expr], str]] = MappingProxyType(
    {
        exp.LogicalAnd: "bool_and",
        exp.LogicalOr: "bool_or",
        exp.CountIf: "count_if",
        exp.StddevSamp: "stddev",
        exp.VariancePop: "variance_pop",
        exp.ApproxDistinct: "approx_count_distinct",
        exp.BitwiseAndAgg: "bit_and",
        exp.BitwiseOrAgg: "bit_or",
        exp.BitwiseXorAgg: "bit_xor",
        exp.GroupConcat: "string_agg",
        exp.ArrayAgg: "list_agg",
        exp.PercentileCont: "quantile_cont",
        exp.PercentileDisc: "quantile_disc",
    }
)
"""Aggregates that sqlglot calls otherwise than SQL does."""
_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "var_pop": "variance_pop",
        "approx_distinct": "approx_count_distinct",
        "min_by": "arg_min",
        "max_by": "arg_max",
        "listagg": "string_agg",
        "group_concat": "string_agg",
    }
)
_UNREPEATED: Final = frozenset(
    {"min", "max", "bool_and", "bool_or", "any_value", "bit_and", "bit_or", "count_distinct"}
)
"""Aggregates that values which come again do not change."""
_OF_ANY_TYPE: Final = frozenset(
    {name for name, row in FUNCTIONS.items() if row.kind is not Kind.SCALAR}
    | {"last", "arg_min", "arg_max", "quantile_cont"}
)
"""Functions of whose arguments a bare NULL is an int32."""
_CHOOSY: Final = frozenset({"mode", "quantile_cont", "quantile_disc", "arg_min", "arg_max"})
"""Aggregates without an order of their own that another system gives a meaning to."""
_FLAGS: Final = frozenset({"big_int", "deterministic", "nulls_excluded", "null_on_zero_variance"})


class Binding(Protocol):
    """What binds the parts of a call."""

    def bind(self, node: exp.Expr) -> Expression:
        """Return the expression that a node means."""
        ...

    def function(self, node: exp.Expr) -> Expression:
        """Return the call that a node means, before what follows it says over which rows."""
        ...

    def sort_key(self, node: exp.Expr) -> SortKey:
        """Return a key of an ORDER BY."""
        ...


@dataclass(slots=True)
class _Aggregate:
    """A call while it is read."""

    args: list[Expression] = field(default_factory=list)
    distinct: bool = False
    order_by: tuple[SortKey, ...] = ()


def bind_aggregate(node: exp.Expr, binder: Binding) -> Expression:
    """Return the call of an aggregate, or of a window function, which SQL writes the same way.

    Raises
    ------
    PlanError
        Names, types, and clauses that the function does not take.
    """
    name, arguments = node.name, {"expressions": node.expressions}
    if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous):
        name, arguments = _NAMES.get(type(node)) or str(node.sql_name()).lower(), node.args
    read = _Aggregate()
    for key, value in arguments.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Expr):
                _read_argument(part, read, binder)
            elif part and key not in _FLAGS:
                raise Unsupported(f"{key.upper().replace('_', ' ')} in {name}")
    if isinstance(node, exp.Quantile):
        raise refuse(node, hint="quantile_cont(x, p) or quantile_disc(x, p) say which one")
    return make_aggregate(name, tuple(read.args), distinct=read.distinct, order_by=read.order_by)


def bind_count(node: exp.Expr, binder: Binding) -> Expression:
    """Return COUNT of rows, of values, or of different values."""
    if node.this is None or isinstance(node.this, exp.Star):
        return call("count")
    if node.expressions or len(getattr(node.this, "expressions", ())) > 1:
        raise Unsupported("COUNT of several columns")
    return bind_aggregate(node, binder)


def _read_argument(node: exp.Expr, read: _Aggregate, binder: Binding) -> None:
    if isinstance(node, exp.Order):
        read.order_by = tuple(binder.sort_key(key) for key in node.expressions)
        if node.this is None:
            return
        node = node.this
    if isinstance(node, exp.Distinct):
        require(node, "expressions")
        read.distinct = True
        if None in node.expressions:
            raise InvalidSql("DISTINCT stands before a value")
        read.args += [binder.bind(each) for each in node.expressions]
    else:
        read.args.append(binder.bind(node))


def make_aggregate(
    name: str,
    args: tuple[Expression, ...],
    *,
    distinct: bool = False,
    order_by: tuple[SortKey, ...] = (),
) -> Expression:
    """Make the call of an aggregate by the name that it has in SQL.

    Raises
    ------
    FunctionNotFound, TypeMismatch, Unsupported
        Where there is none, or it takes no such arguments, or neither DISTINCT nor an order.
    """
    name = _ALIASES.get(name.lower(), name.lower())
    if name in _OF_ANY_TYPE:
        args = tuple(Literal(None, INT32) if arg.type == NULL else arg for arg in args)
    if name == "any_value" and order_by and args:
        # Some value becomes the first that is not NULL.
        name, order_by = "first", (SortKey(call("is_null", args[0])), *order_by)
    maker = _MAKERS.get(name)
    if order_by and name in _CHOOSY:
        raise Unsupported(f"ORDER BY in {name}", hint="its result does not hang on one here")
    made = maker(args, order_by) if maker is not None else make_call(name, args)
    if not isinstance(made, Call) or made.row.kind is Kind.SCALAR:
        if distinct or order_by:
            raise Unsupported(f"{'DISTINCT' if distinct else 'ORDER BY'} in {name}")
        return made
    if order_by and made.row.kind is not Kind.AGGREGATE:
        raise Unsupported(f"ORDER BY in {name}", hint="its order stands behind OVER")
    if order_by and made.row.agreement is Agreement.RELATIVE and is_float(made.type):
        raise Unsupported(f"ORDER BY in {name} of floats", hint="the order of sums is not fixed")
    if order_by and not made.order_by and made.row.ordered:
        made = Call(made.function, made.args, order_by=order_by)
    return _distinct(made) if distinct else made


def _distinct(made: Call) -> Call:
    if made.function in _UNREPEATED:
        return made
    if made.function == "count":
        return Call("count_distinct", made.args)
    if made.function == "mode":
        # Each value comes once: the least of them all.
        return Call("min", made.args)
    if made.row.kind is not Kind.AGGREGATE:
        raise Unsupported(f"DISTINCT in {made.function}")
    return Call(made.function, made.args, distinct=True, order_by=made.order_by)


def bind_filter(node: exp.Expr, binder: Binding) -> Expression:
    """Return an aggregate over the rows that meet a condition: the others count as NULL."""
    found = binder.function(node.this)
    if not isinstance(found, Call) or not is_aggregate(found):
        raise refuse(node, hint="FILTER stands behind an aggregate")
    return over_rows(found, binder.bind(node.expression.this))


def bind_any_value(node: exp.Expr, binder: Binding) -> Expression:
    """Return ANY_VALUE, which sqlglot reads as one that is said to ignore NULLs."""
    if not isinstance(node.this, exp.AnyValue):
        raise Unsupported("IGNORE NULLS without OVER")
    return binder.function(node.this)


def over_rows(made: Call, condition: Expression) -> Call:
    """Return an aggregate of the rows for which a condition is true."""
    match made.function:
        case "count" if not made.args:
            return Call("count_if", (condition,))
        case "count_if":
            return Call("count_if", (call("and", made.args[0], condition),))
        case "list_agg":
            raise Unsupported("FILTER behind list_agg", hint="filter before the aggregation")
    kept = case(((condition, made.args[0]),))
    order = tuple(
        SortKey(kept if k.expression == made.args[0] else k.expression, k.descending, k.nulls_first)
        for k in made.order_by
    )
    if made.function == "first":
        # NULL may be the first value: other rows must come after all that are left.
        left_out = call("not", call("coalesce", condition, literal(False)))
        order = (SortKey(left_out), *order)
    return Call(made.function, (kept, *made.args[1:]), made.distinct, order)


def bind_within_group(node: exp.Expr, binder: Binding) -> Expression:
    """Return PERCENTILE_CONT(p), PERCENTILE_DISC(p) or MODE() WITHIN GROUP (ORDER BY x)."""
    require(node, "this", "expression")
    if node.expression is None:
        raise refuse(node, hint="WITHIN GROUP takes one key")
    keys = [binder.sort_key(key) for key in node.expression.expressions]
    if len(keys) != 1:
        raise refuse(node, hint="WITHIN GROUP takes one key")
    x, descending = keys[0].expression, keys[0].descending
    match node.this:
        case exp.PercentileCont(this=fraction):
            return _quantile_cont((x, binder.bind(fraction)), descending=descending)
        case exp.PercentileDisc(this=fraction) | exp.Quantile(this=fraction):
            return _quantile_disc((x, binder.bind(fraction)), descending=descending)
        case exp.Mode(this=None):
            if not descending:
                return call("mode", x)
            return call("negate", call("mode", _negated(x)))
    raise refuse(node)


def _quantile_cont(args: Sequence[Expression], *, descending: bool = False) -> Expression:
    x, fraction, downwards = _fraction(args)
    if downwards != descending:
        fraction = 1 - fraction
    return call("quantile", x, literal(fraction))


def _quantile_disc(args: Sequence[Expression], *, descending: bool = False) -> Expression:
    x, fraction, downwards = _fraction(args)
    if downwards == descending:
        return call("quantile_disc", x, literal(fraction))
    found = call("negate", call("quantile_disc", _negated(x), literal(fraction)))
    return cast_to(found, x.type)


def _negated(x: Expression) -> Expression:
    if not is_numeric(x.type):
        raise Unsupported(f"a descending order of {x.type} in WITHIN GROUP")
    return call("negate", x)


def _fraction(args: Sequence[Expression]) -> tuple[Expression, float, bool]:
    """Return the value, the fraction, and whether its sign turns the order around."""
    if len(args) != 2 or not isinstance(args[1], Literal) or not is_numeric(args[1].type):
        raise Unsupported("a quantile of other than one constant fraction")
    fraction = float(args[1].value)
    if not -1 <= fraction <= 1:
        raise InvalidSql(f"the fraction of a quantile is 0 to 1, and not {fraction:g}")
    return args[0], abs(fraction), fraction < 0


def _string_agg(args: tuple[Expression, ...], order_by: tuple[SortKey, ...]) -> Call:
    if not 1 <= len(args) <= 2:
        raise Unsupported("string_agg of other than a text and a separator")
    separator = args[1] if len(args) > 1 else Literal(",", TEXT)
    return Call("string_agg", (as_text(args[0]), as_text(separator)), order_by=order_by)


def _first(args: tuple[Expression, ...], order_by: tuple[SortKey, ...]) -> Call:
    return Call("first", args, order_by=order_by)


def _last(args: tuple[Expression, ...], order_by: tuple[SortKey, ...]) -> Call:
    if not order_by:
        raise Unsupported("last without ORDER BY", hint="last(x ORDER BY y) says which is last")
    turned = tuple(SortKey(k.expression, not k.descending, not k.nulls_first) for k in order_by)
    return Call("first", args, order_by=turned)


def _by_other(descending: bool) -> Callable[..., Call]:
    """Make the maker of arg_min or arg_max: over the rows where neither argument is NULL."""

    def make(args: tuple[Expression, ...], _: tuple[SortKey, ...]) -> Call:
        if len(args) != 2:
            raise Unsupported("several values of arg_min or arg_max")
        x, by = args
        there = call("and", call("is_not_null", x), call("is_not_null", by))
        return over_rows(Call("first", (x,), order_by=(SortKey(by, descending),)), there)

    return make


def _shift(name: str) -> Callable[..., Expression]:
    """Make the maker of lag or lead, whose default is of the value's type where it fits in."""

    def make(args: tuple[Expression, ...], order_by: tuple[SortKey, ...]) -> Expression:
        if order_by:
            raise Unsupported(f"ORDER BY in {name}", hint="its order stands behind OVER")
        if len(args) == 3:
            default = cast_to(args[2], args[0].type) if _fits(args[2], args[0].type) else args[2]
            args = (*args[:2], default)
        return call(name, *args)

    return make


def _fits(default: Expression, kind: DataType) -> bool:
    if default.type == NULL or (is_integer(default.type) and is_integer(kind)):
        return True
    numbers = is_numeric(default.type) and is_numeric(kind)
    return numbers and isinstance(cast_to(default, kind), Literal)


_MAKERS: Final[Mapping[str, Callable[..., Expression]]] = MappingProxyType(
    {
        "lag": _shift("lag"),
        "lead": _shift("lead"),
        "string_agg": _string_agg,
        "first": _first,
        "last": _last,
        "arg_min": _by_other(descending=False),
        "arg_max": _by_other(descending=True),
        "quantile_cont": lambda args, _: _quantile_cont(args),
        "quantile_disc": lambda args, _: _quantile_disc(args),
    }
)

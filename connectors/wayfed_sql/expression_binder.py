"""Expressions of SQL text to expressions of plans: names looked up, types checked.

sqlglot keeps what it does not know as arguments of its nodes; each kind of node here says which
arguments it understands, and any other is refused, never ignored.
"""

from __future__ import annotations

import decimal
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlglot import expressions as exp

from wayfed_optimizer.errors import (
    InvalidSql,
    PlanError,
    TypeMismatch,
    Unsupported,
)
from wayfed_optimizer.expressions import (
    Expression,
    Literal,
    SortKey,
    call,
    case,
    cast_to,
    in_list,
    literal,
)
from wayfed_optimizer.types import DATE, FLOAT64, INT32, NULL, TEXT, TIMESTAMP, TIMESTAMP_UTC
from wayfed_sql import nested
from wayfed_sql.aggregate_calls import (
    bind_aggregate,
    bind_any_value,
    bind_count,
    bind_filter,
    bind_within_group,
)
from wayfed_sql.constants import alike, condition
from wayfed_sql.correlation import Form, of_query_around, subquery
from wayfed_sql.grouping_sets import Grouping
from wayfed_sql.intervals import add_interval
from wayfed_sql.row_values import compared_rows, parts_of
from wayfed_sql.sql_functions import NODES, make_call
from wayfed_sql.sql_makers import as_text
from wayfed_sql.sql_moments import of_days, read_moment
from wayfed_sql.sql_nodes import PLACE, position, refuse, require, unwrapped
from wayfed_sql.sql_types import bind_type
from wayfed_sql.window_calls import bind_window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.types import DataType, Field
    from wayfed_sql.scope import Scope

_BINARY: Final[Mapping[type[exp.Expr], str]] = MappingProxyType(
    {
        exp.Add: "add",
        exp.Sub: "subtract",
        exp.Mul: "multiply",
        exp.Div: "divide",
        exp.IntDiv: "floor_divide",
        exp.Mod: "remainder",
        exp.Pow: "power",
        exp.EQ: "equal",
        exp.NEQ: "not_equal",
        exp.LT: "less",
        exp.LTE: "less_equal",
        exp.GT: "greater",
        exp.GTE: "greater_equal",
        exp.NullSafeNEQ: "is_distinct",
        exp.Like: "like",
        exp.ILike: "ilike",
    }
)
_NAMES: Final[Mapping[type[exp.Expr], str]] = MappingProxyType(
    {
        exp.Length: "length",
        exp.DayOfYear: "day_of_year",
        exp.DayOfWeekIso: "day_of_week",
        exp.DayOfMonth: "day",
        exp.TimeToUnix: "epoch",
        exp.IsNan: "is_nan",
        exp.StartsWith: "starts_with",
        exp.EndsWith: "ends_with",
        exp.Pow: "power",
    }
)
"""Functions that sqlglot calls otherwise than the function table does."""
_OPPOSITES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "equal": "not_equal",
        "not_equal": "equal",
        "less": "greater_equal",
        "less_equal": "greater",
        "greater": "less_equal",
        "greater_equal": "less",
    }
)
"""The comparison that is true where another is false, and NULL where it is NULL."""
_COMPARISONS: Final = frozenset({*_OPPOSITES, "is_distinct"})
_FLAGS: Final = frozenset({"safe", "typed", "big_int", "ignore_nulls", "coalesce", "_type"})
"""Arguments of sqlglot's nodes that say what the function table means anyway."""
_KINDS: Final = (exp.Week, exp.DayOfWeek)

"""Functions that count otherwise in each engine."""


class ExpressionBinder:
    """Binds expressions in one scope.

    Parameters
    ----------
    scope
        What names mean; None where there are none.
    query
        Binds a subquery within the scope.
    windows
        The windows of a WINDOW clause, by name in lower case.
    """

    def __init__(
        self,
        scope: Scope,
        query: Callable[[exp.Expr, Scope], Relation],
        windows: Mapping[str, exp.Window] = MappingProxyType({}),
    ) -> None:
        self.scope = scope
        self._query = query
        self._windows = windows
        self.aliases: dict[str, Expression] = {}
        """What outputs are called, for the clauses that may name them where no column is."""

    def bind(self, node: exp.Expr) -> Expression:
        """Return the expression that a node means.

        Raises
        ------
        PlanError
            Names that are not there, types that do not fit, what plans cannot say.
        """
        try:
            return of_query_around(self._bound(node), self.scope.laterals)
        except PlanError as error:
            # The innermost node that fails knows the place best.
            if PLACE not in (error.where or ""):
                error.where = position(node)
            raise

    def function(self, node: exp.Expr) -> Expression:
        """Return the call that a node means, before what follows it says over which rows."""
        return self._bound(node)

    def _bound(self, node: exp.Expr) -> Expression:
        kind = type(node)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, node)
        if kind in NODES:
            return NODES[kind](node, self.bind)
        if kind in _BINARY:
            return self._binary(node)
        if isinstance(node, exp.Func):
            return self._function(node)
        raise refuse(node)

    def sort_key(self, node: exp.Expr) -> SortKey:
        """Return a key of an ORDER BY; NULLs come last unless said."""
        require(node, "this", "desc", "nulls_first")
        key = self.bind(node.this)
        return SortKey(
            Literal(None, INT32) if key.type == NULL else key,
            bool(node.args.get("desc")),
            bool(node.args.get("nulls_first")),
        )

    def _binary(self, node: exp.Expr) -> Expression:
        require(node, "this", "expression", "typed", "safe", "negate")
        left, right = node.this, node.expression
        for side in (left, right):
            if isinstance(side, exp.Any | exp.All):
                return self._quantified(node)
        name = _BINARY[type(node)]
        if parts_of(left) or parts_of(right):
            return compared_rows(name, left, right, self.bind, _comparison)
        a, b = self.bind(left), self.bind(right)
        result = of_days(name, a, b)
        if result is None:
            result = _comparison(name, a, b) if name in _COMPARISONS else call(name, a, b)
        return call("not", result) if node.args.get("negate") else result

    def _quantified(self, node: exp.Expr) -> Expression:
        """Return a comparison with any or all rows of a subquery."""
        right = node.expression
        comparison = _BINARY[type(node)]
        if comparison not in _OPPOSITES:
            raise refuse(node, hint="ANY and ALL take = <> < <= > >=")
        query = right.this
        if not isinstance(unwrapped(query), exp.Query):
            raise refuse(right)
        if isinstance(right, exp.Any):
            return self._compared(node.this, query, comparison)
        return call("not", self._compared(node.this, query, _OPPOSITES[comparison]))

    def _column(self, node: exp.Expr) -> Expression:
        if isinstance(node, exp.Column) and node.args.get("table"):
            member = nested.struct_path(node, self.scope)
            if member is not None:
                return member
        require(node, "this", "table")
        identifier = node.this
        if not isinstance(identifier, exp.Identifier):
            raise refuse(identifier)
        table = node.args.get("table")
        return self.scope.find(
            identifier.name,
            table.name if table else None,
            quoted=bool(identifier.args.get("quoted")),
            where=lambda: position(identifier),
            output=None if table else self.aliases.get(identifier.name.lower()),
        )

    def _literal(self, node: exp.Expr) -> Expression:
        return literal(node.name if node.args.get("is_string") else _number(node.name))

    def _negative(self, node: exp.Expr) -> Expression:
        operand = node.this
        if isinstance(operand, exp.Literal) and not operand.args.get("is_string"):
            return literal(_number(f"-{operand.name}"))
        return call("negate", self.bind(operand))

    def _junction(self, node: exp.Expr) -> Expression:
        require(node, "this", "expression")
        name = "and" if isinstance(node, exp.And) else "or"
        parts: list[exp.Expr] = []
        pending: list[exp.Expr] = [node]
        while pending:
            part = pending.pop()
            if type(part) is type(node):
                pending.extend((part.expression, part.this))
            else:
                parts.append(part)
        return call(name, *map(self.bind, parts))

    def _not(self, node: exp.Expr) -> Expression:
        inner = node.this
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return call("is_not_null", self.bind(inner.this))
        return call("not", self.bind(inner))

    def _is(self, node: exp.Expr) -> Expression:
        require(node, "this", "expression")
        arg = self.bind(node.this)
        if isinstance(node.expression, exp.Null):
            return call("is_null", arg)
        if isinstance(node.expression, exp.Boolean):
            wanted = bool(node.expression.this)
            test = arg if wanted else call("not", arg)
            return call("coalesce", test, literal(False))
        raise refuse(node.expression)

    def _same(self, node: exp.Expr) -> Expression:
        same = _comparison("is_distinct", self.bind(node.this), self.bind(node.expression))
        return call("not", same)

    def _between(self, node: exp.Expr) -> Expression:
        require(node, "this", "low", "high", "symmetric")
        arg, low, high = (self.bind(each) for each in (node.this, *_bounds(node)))

        def between(low: Expression, high: Expression) -> Expression:
            above = _comparison("greater_equal", arg, low)
            return call("and", above, _comparison("less_equal", arg, high))

        if not node.args.get("symmetric"):
            return between(low, high)
        return call("or", between(low, high), between(high, low))

    def _in(self, node: exp.Expr) -> Expression:
        require(node, "this", "expressions", "query")
        if query := node.args.get("query"):
            return self._compared(node.this, query, "equal")
        if parts_of(node.this):
            rows = [
                compared_rows("equal", node.this, each, self.bind, _comparison)
                for each in node.expressions
            ]
            return rows[0] if len(rows) == 1 else call("or", *rows)
        arg = self.bind(node.this)
        values = [self.bind(value) for value in node.expressions]
        if all(isinstance(value, Literal) for value in values):
            try:
                return in_list(arg, tuple(values))
            except TypeMismatch:
                if arg.type == TEXT or any(value.type == TEXT for value in values):
                    raise
        tests = [call("equal", arg, value) for value in values]
        return tests[0] if len(tests) == 1 else call("or", *tests)

    def _compared(self, arg: exp.Expr, query: exp.Expr, comparison: str) -> Expression:
        """Return whether a comparison holds for any row of a subquery."""
        relation = self._query(unwrapped(query), self.scope)
        while isinstance(arg, exp.Paren):
            arg = arg.this
        nodes = arg.expressions if isinstance(arg, exp.Tuple) else [arg]
        if len(nodes) > 1 and comparison not in ("equal", "not_equal"):
            raise refuse(arg, hint="rows are compared with = and <> only")
        args = tuple(map(self.bind, nodes))
        if len(args) == len(relation.schema):
            args = tuple(map(partial(_operand, comparison), args, relation.schema))
        return subquery(Form.ANY, relation, self.scope.depth, args, comparison)

    def _subquery(self, node: exp.Expr) -> Expression:
        require(node, "this", "alias")
        relation = self._query(unwrapped(node), self.scope)
        return subquery(Form.VALUE, relation, self.scope.depth)

    def _exists(self, node: exp.Expr) -> Expression:
        relation = self._query(unwrapped(node.this), self.scope)
        return subquery(Form.EXISTS, relation, self.scope.depth)

    def _case(self, node: exp.Expr) -> Expression:
        require(node, "this", "ifs", "default")
        subject = self.bind(node.this) if node.this else None
        branches = []
        for branch in node.args["ifs"]:
            test = self.bind(branch.this)
            met = condition(test) if subject is None else _comparison("equal", subject, test)
            branches.append((met, self.bind(branch.args["true"])))
        default = node.args.get("default")
        return case(tuple(branches), self.bind(default) if default else None)

    def _if(self, node: exp.Expr) -> Expression:
        require(node, "this", "true", "false")
        keys = ("this", "true", "false")
        return make_call("if", tuple(self.bind(node.args[k]) for k in keys if node.args.get(k)))

    def _cast(self, node: exp.Expr) -> Expression:
        require(node, "this", "to", "safe", "_type")
        kind = bind_type(node.args["to"])
        safe = isinstance(node, exp.TryCast)
        arg = self.bind(node.this)
        try:
            constant = _read_constant(arg, kind)
        except InvalidSql:
            if not safe:
                raise
            return Literal(None, kind)
        return constant if constant is not None else cast_to(arg, kind, safe=safe)

    def _concatenation(self, node: exp.Expr) -> Expression:
        require(node, "this", "expression", "safe")
        parts: list[exp.Expr] = []
        rest: exp.Expr = node
        while isinstance(rest, exp.DPipe):
            parts.append(rest.expression)
            rest = rest.this
        parts.append(rest)
        return call("concat", *(as_text(self.bind(part)) for part in reversed(parts)))

    def _window(self, node: exp.Expr) -> Expression:
        return bind_window(node, self, self._windows)

    def _grouping(self, node: exp.Expr) -> Expression:
        if not node.expressions:
            raise InvalidSql("GROUPING is of one key or more")
        return Grouping(tuple(map(self.bind, node.expressions)))

    def _function(self, node: exp.Func) -> Expression:
        if isinstance(node, exp.Collate):
            raise refuse(node, hint="text compares by code point")
        if isinstance(node, _KINDS):
            raise refuse(node, hint="isodow(x) counts from Monday, 1 to 7")
        if isinstance(node, exp.AggFunc | exp.Anonymous):
            return bind_aggregate(node, self)
        name = _NAMES.get(type(node)) or str(node.sql_name()).lower()
        args: list[Expression] = []
        for key, value in node.args.items():
            if isinstance(value, exp.Expr):
                args.append(self.bind(value))
            elif isinstance(value, list):
                args.extend(map(self.bind, value))
            elif value and key not in _FLAGS:
                raise Unsupported(f"{key.upper().replace('_', ' ')} in {name}")
        return make_call(name, tuple(args))

    def _interval_sum(self, node: exp.Expr) -> Expression:
        left, right = node.this, node.expression
        if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
            left, right = right, left
        if not isinstance(right, exp.Interval) or isinstance(left, exp.Interval):
            raise refuse(node, hint="an interval is added to a date or timestamp")
        return add_interval(
            self.bind(left), right, self.bind, -1 if isinstance(node, exp.Sub) else 1
        )

    def _sum_or_interval(self, node: exp.Expr) -> Expression:
        if isinstance(node.this, exp.Interval) or isinstance(node.expression, exp.Interval):
            return self._interval_sum(node)
        return self._binary(node)


def _number(text: str) -> int | float | decimal.Decimal:
    """Read a number: an int64 where it is one, a float with an exponent, else a decimal."""
    try:
        if "e" in text.lower():
            return float(text)
        if "." not in text and -(2**63) <= int(text) < 2**63:
            return int(text)
        return decimal.Decimal(text)
    except (ValueError, decimal.InvalidOperation) as error:
        # The tokenizer takes a sign behind an exponent for part of the number.
        hint = "put spaces around the sign: 1e308 - 1"
        raise InvalidSql(f"'{text}' is not a number", hint=hint) from error


def _read_constant(arg: Expression, kind: DataType) -> Literal | None:
    """Return a constant that text or NULL is cast to, where it can be read here."""
    if not isinstance(arg, Literal):
        return None
    if arg.value is None:
        return Literal(None, kind)
    if arg.type != TEXT or kind not in (DATE, TIMESTAMP, TIMESTAMP_UTC, FLOAT64):
        return None
    try:
        return Literal(float(arg.value), kind) if kind == FLOAT64 else read_moment(arg.value, kind)
    except ValueError:
        return None


def _nested(
    make: Callable[[exp.Expr, Callable[[exp.Expr], Expression]], Expression],
) -> Callable[[ExpressionBinder, exp.Expr], Expression]:
    return lambda binder, node: make(node, binder.bind)


def _operand(comparison: str, arg: Expression, inner: Field) -> Expression:
    """Return what is compared with a column of a subquery."""
    if arg.type == NULL:
        return Literal(None, inner.type)
    if arg.type != inner.type:
        call(comparison, arg, Literal(None, inner.type))  # says so where they cannot be compared
    return arg


def _comparison(name: str, a: Expression, b: Expression) -> Expression:
    return call(name, *alike((a, b)))


def _bounds(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return node.args["low"], node.args["high"]


def _of_inner(binder: ExpressionBinder, node: exp.Expr) -> Expression:
    return binder.bind(node.this)


_HANDLERS: Final[Mapping[type[exp.Expr], Callable[[ExpressionBinder, exp.Expr], Expression]]] = (
    MappingProxyType(
        {
            exp.Column: ExpressionBinder._column,
            exp.Literal: ExpressionBinder._literal,
            exp.ByteString: lambda _, node: literal(node.name),
            exp.Boolean: lambda _, node: literal(bool(node.this)),
            exp.Null: lambda _binder, _node: Literal(None, NULL),
            exp.Paren: _of_inner,
            exp.Neg: ExpressionBinder._negative,
            exp.Add: ExpressionBinder._sum_or_interval,
            exp.Sub: ExpressionBinder._sum_or_interval,
            exp.And: ExpressionBinder._junction,
            exp.Or: ExpressionBinder._junction,
            exp.Not: ExpressionBinder._not,
            exp.Is: ExpressionBinder._is,
            exp.NullSafeEQ: ExpressionBinder._same,
            exp.Between: ExpressionBinder._between,
            exp.In: ExpressionBinder._in,
            exp.Subquery: ExpressionBinder._subquery,
            exp.Exists: ExpressionBinder._exists,
            exp.Case: ExpressionBinder._case,
            exp.If: ExpressionBinder._if,
            exp.Cast: ExpressionBinder._cast,
            exp.TryCast: ExpressionBinder._cast,
            exp.DPipe: ExpressionBinder._concatenation,
            exp.Count: lambda binder, node: bind_count(node, binder),
            exp.Filter: lambda binder, node: bind_filter(node, binder),
            exp.WithinGroup: lambda binder, node: bind_within_group(node, binder),
            exp.IgnoreNulls: lambda binder, node: bind_any_value(node, binder),
            exp.Window: ExpressionBinder._window,
            exp.Grouping: ExpressionBinder._grouping,
            exp.GroupingId: ExpressionBinder._grouping,
            **{kind: _nested(make) for kind, make in nested.MAKERS.items()},
        }
    )
)

"""Expressions of SQL text to expressions of plans: names looked up, types checked.

sqlglot keeps what it does not know as arguments of its nodes; each kind of node here says which
arguments it understands, and any other is refused, never ignored.
"""

from __future__ import annotations

import datetime
import decimal
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
    Call,
    Expression,
    Frame,
    Literal,
    SortKey,
    WindowCall,
    call,
    case,
    cast_to,
    in_list,
    literal,
)
from wayfed_optimizer.types import DATE, FLOAT64, NULL, TEXT, TIMESTAMP, TIMESTAMP_UTC
from wayfed_sql import nested
from wayfed_sql.correlation import Form, of_query_around, subquery
from wayfed_sql.intervals import add_interval
from wayfed_sql.sql_functions import NODES, is_aggregate, make_call
from wayfed_sql.sql_makers import as_text
from wayfed_sql.sql_nodes import PLACE, position, refuse, require, unwrapped
from wayfed_sql.sql_types import bind_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed_optimizer.relations import Relation
    from wayfed_optimizer.types import DataType
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
        exp.LogicalAnd: "bool_and",
        exp.LogicalOr: "bool_or",
        exp.CountIf: "count_if",
        exp.StddevSamp: "stddev",
        exp.IsNan: "is_nan",
        exp.StartsWith: "starts_with",
        exp.EndsWith: "ends_with",
        exp.AnyValue: "any_value",
        exp.RowNumber: "row_number",
        exp.DenseRank: "dense_rank",
        exp.FirstValue: "first_value",
        exp.LastValue: "last_value",
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
        self.aliases: Mapping[str, Expression] = {}
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
        return SortKey(
            self.bind(node.this),
            bool(node.args.get("desc")),
            bool(node.args.get("nulls_first")),
        )

    def _binary(self, node: exp.Expr) -> Expression:
        require(node, "this", "expression", "typed", "safe", "negate")
        left, right = node.this, node.expression
        for side in (left, right):
            if isinstance(side, exp.Any | exp.All):
                return self._quantified(node)
        a, b = self.bind(left), self.bind(right)
        name = _BINARY[type(node)]
        result = call(name, a, b)
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
        return call("not", call("is_distinct", self.bind(node.this), self.bind(node.expression)))

    def _between(self, node: exp.Expr) -> Expression:
        require(node, "this", "low", "high")
        arg = self.bind(node.this)
        return call(
            "and",
            call("greater_equal", arg, self.bind(node.args["low"])),
            call("less_equal", arg, self.bind(node.args["high"])),
        )

    def _in(self, node: exp.Expr) -> Expression:
        require(node, "this", "expressions", "query")
        if query := node.args.get("query"):
            return self._compared(node.this, query, "equal")
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
        arg = arg.unnest()
        nodes = arg.expressions if isinstance(arg, exp.Tuple) else [arg]
        if len(nodes) > 1 and comparison not in ("equal", "not_equal"):
            raise refuse(arg, hint="rows are compared with = and <> only")
        args = tuple(map(self.bind, nodes))
        for each, inner in zip(args, relation.schema, strict=False):
            if each.type != inner.type:
                # Says so where they cannot be compared.
                call(comparison, each, Literal(None, inner.type))
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
            condition = test if subject is None else call("equal", subject, test)
            branches.append((condition, self.bind(branch.args["true"])))
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
        constant = _read_constant(arg, kind)
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

    def _count(self, node: exp.Expr) -> Expression:
        require(node, "this", "expressions", "big_int")
        arg = node.this
        if arg is None or isinstance(arg, exp.Star):
            return call("count")
        if isinstance(arg, exp.Distinct):
            require(arg, "expressions")
            if len(arg.expressions) != 1:
                raise Unsupported("COUNT(DISTINCT …) of several columns")
            return call("count_distinct", self.bind(arg.expressions[0]))
        if node.expressions:
            raise Unsupported("COUNT of several columns")
        return call("count", self.bind(arg))

    def _aggregate_filter(self, node: exp.Expr) -> Expression:
        found = self._bound(node.this)
        if not isinstance(found, Call) or not is_aggregate(found):
            raise refuse(node)
        condition = self.bind(node.expression.this)
        if not found.args:
            return call("count_if", condition)
        arg = found.args[0]
        if found.function == "count_if":
            return call("count_if", call("and", arg, condition))
        return call(found.function, case(((condition, arg),)))

    def _ignore_nulls(self, node: exp.Expr) -> Expression:
        if not isinstance(node.this, exp.AnyValue):
            raise Unsupported("IGNORE NULLS")
        return self.bind(node.this)

    def _window(self, node: exp.Expr) -> Expression:
        require(node, "this", "partition_by", "order", "spec", "alias", "over")
        partition, order, spec = (node.args.get(k) for k in ("partition_by", "order", "spec"))
        if name := node.args.get("alias"):
            base = self._windows.get(name.name.lower())
            if base is None:
                raise InvalidSql(f"there is no window '{name.name}'", where=position(name))
            partition = partition or base.args.get("partition_by")
            order = order or base.args.get("order")
            spec = spec or base.args.get("spec")
        inner = self._windowed(node.this)
        return WindowCall(
            inner.function,
            inner.args,
            tuple(self.bind(each) for each in partition or ()),
            tuple(self.sort_key(key) for key in order.expressions) if order else (),
            _frame(spec) if spec is not None else None,
        )

    def _windowed(self, node: exp.Expr) -> Call:
        inner = self._bound(node)
        if not isinstance(inner, Call):
            raise refuse(node)
        return inner

    def _function(self, node: exp.Func) -> Expression:
        if isinstance(node, exp.Collate):
            raise refuse(node, hint="text compares by code point")
        if isinstance(node, _KINDS):
            raise refuse(node, hint="isodow(x) counts from Monday, 1 to 7")
        if isinstance(node, exp.Anonymous):
            return make_call(node.name, tuple(map(self.bind, node.expressions)))
        name = _NAMES.get(type(node)) or str(node.sql_name()).lower()
        args: list[Expression] = []
        for key, value in node.args.items():
            if isinstance(value, exp.Distinct):
                args.extend(self._distinct_argument(name, value))
            elif isinstance(value, exp.Expr):
                args.append(self.bind(value))
            elif isinstance(value, list):
                args.extend(map(self.bind, value))
            elif value and key not in _FLAGS:
                raise Unsupported(f"{key.upper().replace('_', ' ')} in {name}")
        return make_call(name, tuple(args))

    def _distinct_argument(self, name: str, value: exp.Distinct) -> list[Expression]:
        """Return the argument of an aggregate that repeated values do not change."""
        if name not in ("min", "max", "bool_and", "bool_or", "any_value"):
            raise Unsupported(f"DISTINCT in {name}", hint="distinct() first, then aggregate")
        return [self.bind(each) for each in value.expressions]

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
        if kind == FLOAT64:
            return Literal(float(arg.value), kind)
        if kind == DATE:
            return Literal(datetime.date.fromisoformat(arg.value), kind)
        moment = datetime.datetime.fromisoformat(arg.value)
    except ValueError:
        return None
    if kind == TIMESTAMP:
        return Literal(moment, kind) if moment.tzinfo is None else None
    return Literal(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC), kind)


def _frame(spec: exp.Expr) -> Frame:
    require(spec, "kind", "start", "start_side", "end", "end_side")
    units = str(spec.args.get("kind") or "ROWS").lower()
    start = _bound(spec.args.get("start"), spec.args.get("start_side"))
    # A frame with one bound ends at the current row.
    end = _bound(spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"))
    return Frame(units, start, end)


def _bound(value: object, side: object) -> int | None:
    if isinstance(value, exp.Literal) and not value.args.get("is_string") and value.name.isdigit():
        rows = int(value.name)
        return -rows if str(side).upper() == "PRECEDING" else rows
    match str(value).upper():
        case "CURRENT ROW":
            return 0
        case "UNBOUNDED":
            return None
    raise Unsupported(f"a frame bound of {value}", hint="bounds are whole numbers of rows")


def _nested(
    make: Callable[[exp.Expr, Callable[[exp.Expr], Expression]], Expression],
) -> Callable[[ExpressionBinder, exp.Expr], Expression]:
    return lambda binder, node: make(node, binder.bind)


def _of_inner(binder: ExpressionBinder, node: exp.Expr) -> Expression:
    return binder.bind(node.this)


_HANDLERS: Final[Mapping[type[exp.Expr], Callable[[ExpressionBinder, exp.Expr], Expression]]] = (
    MappingProxyType(
        {
            exp.Column: ExpressionBinder._column,
            exp.Literal: ExpressionBinder._literal,
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
            exp.Count: ExpressionBinder._count,
            exp.Filter: ExpressionBinder._aggregate_filter,
            exp.IgnoreNulls: ExpressionBinder._ignore_nulls,
            exp.Window: ExpressionBinder._window,
            **{kind: _nested(make) for kind, make in nested.MAKERS.items()},
        }
    )
)

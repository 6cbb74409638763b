"""Columns before they are bound: what `col` and `lit` give, and what operators make of them.

A `Column` is a recipe for an expression. Within a verb it is bound to the columns that are there,
which checks names and types. A column that a traced function got from its row is bound at once, so
that an error is found on the function's own line.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Final, TypeAlias

from wayfed.methods import ScalarMethods
from wayfed.nested import NestedMethods
from wayfed.operators import add, either, every, fill, subtract
from wayfed.single import NoSingleValue
from wayfed.windows import Distance, Rows, frame_of, over_window
from wayfed_optimizer.errors import ColumnNotFound, PlanError, TypeMismatch
from wayfed_optimizer.expressions import (
    Expression,
    Literal,
    call,
    cast_to,
    column,
    in_list,
    literal,
    named_type,
)

if TYPE_CHECKING:
    import decimal

    from wayfed_optimizer.types import DataType, Schema

Value: TypeAlias = (
    "Column | bool | int | float | str | bytes | datetime.date | decimal.Decimal | None"
)
"""An operand: a column, or a constant (text is text here, not a column's name)."""


_MOST_OPERATIONS: Final = 10_000
"""Operations in one expression, one that is used twice counted twice."""

SortKeys: TypeAlias = "str | Column | Order | Sequence[str | Column | Order]"


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that an expression can name, and what errors call the relation they are of."""

    schema: Schema
    of: str | None = None


Build: TypeAlias = Callable[[Scope], Expression]


class Column(ScalarMethods, NestedMethods, NoSingleValue):
    """A value in each row: a column of the data, a constant, or what is computed from them.

    Comparison, arithmetic and ``& | ~`` work as on numbers. A column has no truth value, as it has
    another one in each row: branch with `when`. NULL is neither equal to anything nor different
    from it: ask with `is_null`.

    Examples
    --------
    >>> import wayfed as wf
    >>> (wf.col("amount") > 10) & wf.col("iban").starts_with("FR")
    Column((amount > 10) and starts_with(iban, 'FR'))
    """

    __slots__ = ("_bound", "_build", "_is_operation", "_name", "_operations", "_scope", "_text")
    __array_ufunc__ = None  # numpy leaves operators to us: np.float64(2) * column
    __hash__ = None  # type: ignore[assignment]  # == makes a column, so no set can hold columns

    def __init__(
        self,
        build: Build,
        text: str,
        *,
        name: str | None = None,
        scope: Scope | None = None,
        is_operation: bool = False,
        operations: int = 0,
    ) -> None:
        self._build = build
        self._text = text
        self._name = name
        self._scope = scope
        self._is_operation = is_operation
        self._operations = operations
        self._bound: tuple[Scope, Expression] | None = None
        if scope is not None:
            self.bind(scope)

    def bind(self, scope: Scope) -> Expression:
        """Return the typed expression that this is over the columns of `scope`.

        Raises
        ------
        ColumnNotFound, TypeMismatch
            Where the columns are not there, or do not have types that go together.
        PlanError
            Where it is hundreds of operations deep.
        """
        if self._bound is None or self._bound[0] is not scope:
            try:
                self._bound = (scope, self._build(scope))
            except RecursionError as error:
                raise PlanError(
                    f"an expression is nested too deeply: {self._text:.60}…",
                    hint="compute it in steps: .with_columns(step=…).cache(), and go on from there",
                ) from error
        return self._bound[1]

    @property
    def name(self) -> str | None:
        """Its alias, or the name of the column that it passes on; None for what is computed."""
        return self._name

    @property
    def text(self) -> str:
        """The expression as one would write it, which also names a result without an alias."""
        return self._text

    @property
    def operations(self) -> int:
        """How many operations it is made of."""
        return self._operations

    @property
    def scope(self) -> Scope | None:
        """The columns that it is bound to already, where a traced function made it."""
        return self._scope

    def __repr__(self) -> str:
        alias = f" as {self._name}" if self._name and self._name != self._text else ""
        return f"Column({self._text}{alias})"

    # Arithmetic

    def __add__(self, other: Value | datetime.timedelta) -> Column:
        if isinstance(other, datetime.timedelta):
            return _later(self, other)
        return _operation(add, "+", self, other)

    def __radd__(self, other: Value) -> Column:
        return _operation(add, "+", other, self)

    def __sub__(self, other: Value | datetime.timedelta) -> Column:
        if isinstance(other, datetime.timedelta):
            return _later(self, -other)
        return _operation(subtract, "-", self, other)

    def __rsub__(self, other: Value) -> Column:
        return _operation(subtract, "-", other, self)

    def __mul__(self, other: Value) -> Column:
        return _operation("multiply", "*", self, other)

    def __rmul__(self, other: Value) -> Column:
        return _operation("multiply", "*", other, self)

    def __truediv__(self, other: Value) -> Column:
        return _operation("divide", "/", self, other)

    def __rtruediv__(self, other: Value) -> Column:
        return _operation("divide", "/", other, self)

    def __floordiv__(self, other: Value) -> Column:
        return _operation("floor_divide", "//", self, other)

    def __rfloordiv__(self, other: Value) -> Column:
        return _operation("floor_divide", "//", other, self)

    def __mod__(self, other: Value) -> Column:
        return _operation("modulo", "%", self, other)

    def __rmod__(self, other: Value) -> Column:
        return _operation("modulo", "%", other, self)

    def __pow__(self, other: Value) -> Column:
        return apply("power", self, other)

    def __rpow__(self, other: Value) -> Column:
        return apply("power", other, self)

    def __neg__(self) -> Column:
        return apply("negate", self)

    def __pos__(self) -> Column:
        return self

    def __abs__(self) -> Column:
        return self.abs()

    def __round__(self, digits: int = 0) -> Column:
        return self.round(digits)

    def __floor__(self) -> Column:
        return self.floor()

    def __ceil__(self) -> Column:
        return self.ceil()

    # Comparison and logic

    def __eq__(self, other: object) -> Column:  # type: ignore[override]  # == makes a condition
        return _operation("equal", "==", self, _not_none(other, "=="))

    def __ne__(self, other: object) -> Column:  # type: ignore[override]  # != makes a condition
        return _operation("not_equal", "!=", self, _not_none(other, "!="))

    def __lt__(self, other: Value) -> Column:
        return _operation("less", "<", self, other)

    def __le__(self, other: Value) -> Column:
        return _operation("less_equal", "<=", self, other)

    def __gt__(self, other: Value) -> Column:
        return _operation("greater", ">", self, other)

    def __ge__(self, other: Value) -> Column:
        return _operation("greater_equal", ">=", self, other)

    def __and__(self, other: Column | bool) -> Column:
        return _operation(every, "and", self, _condition(other, "&"))

    def __rand__(self, other: Column | bool) -> Column:
        return _operation(every, "and", _condition(other, "&"), self)

    def __or__(self, other: Column | bool) -> Column:
        return _operation(either, "or", self, _condition(other, "|"))

    def __ror__(self, other: Column | bool) -> Column:
        return _operation(either, "or", _condition(other, "|"), self)

    def __invert__(self) -> Column:
        return apply("not", self)

    def _apply(self, function: str, *operands: object) -> Column:
        return apply(function, self, *operands)

    def _computed(self, build: Callable[[Expression], Expression], text: str) -> Column:
        return combine(build, text, self)

    # Names, types and order

    def alias(self, name: str) -> Column:
        """Give it a name, which a column of a result that holds it then has."""
        return Column(
            self._build,
            self._text,
            name=name,
            scope=self._scope,
            is_operation=self._is_operation,
            operations=self._operations,
        )

    def cast(self, kind: DataType | str) -> Column:
        """Convert to a type; what does not fit it ends the query with an error."""
        return self._cast(kind, safe=False)

    def try_cast(self, kind: DataType | str) -> Column:
        """Convert to a type; what does not fit it becomes NULL."""
        return self._cast(kind, safe=True)

    def _cast(self, kind: DataType | str, *, safe: bool) -> Column:
        wanted = named_type(kind)
        function = "try_cast" if safe else "cast"

        def build(arg: Expression) -> Expression:
            return cast_to(arg, wanted, safe=safe)

        return combine(build, f"{function}({self._text} as {wanted})", self)

    def asc(self, *, nulls_first: bool = False) -> Order:
        """Sort upwards by it; NULLs come last unless said."""
        return Order(self, descending=False, nulls_first=nulls_first)

    def desc(self, *, nulls_first: bool = False) -> Order:
        """Sort downwards by it; NULLs come last unless said."""
        return Order(self, descending=True, nulls_first=nulls_first)

    # Choice among constants

    def fill_null(self, value: Value) -> Column:
        """Put `value` in place of NULL; its type must fit."""
        return combine(fill, f"coalesce({self._text}, {as_column(value)._text})", self, value)

    def is_in(self, values: Iterable[object]) -> Column:
        """Whether it is one of `values`, which are constants."""
        if isinstance(values, str | Column):
            raise PlanError(
                "is_in() takes several constants",
                hint="write is_in([…]); rows of another dataset: join(other, how='semi')",
            )
        constants = tuple(map(_constant, values))
        shown = ", ".join(map(str, constants))
        return combine(
            lambda arg: in_list(arg, constants),
            f"{self._text} in ({shown})",
            self,
            is_operation=True,
        )

    def between(self, low: Value, high: Value) -> Column:
        """Whether it is at least `low` and at most `high`."""
        return (self >= low) & (self <= high)

    # Windows

    def over(
        self,
        *,
        partition_by: str | Column | Sequence[str | Column] = (),
        order_by: SortKeys = (),
        rows: Rows = None,
        groups: Rows = None,
        range: tuple[Distance, Distance] | None = None,
        unit: str | None = None,
        exclude: str | None = None,
        ignore_nulls: bool = False,
    ) -> Column:
        """Compute a window or aggregate function over the rows of the same partition.

        Parameters
        ----------
        partition_by
            Rows that are equal on these are seen together; all rows where there are none.
        order_by
            Their order, by name, column, or ``column.desc()``. An aggregate over ordered rows runs
            from the first to the current one and its equals, unless `rows` says otherwise.
        rows
            The first and last row that are seen, counted from the current one and negative before
            it; None is unbounded: ``rows=(-6, 0)`` sees seven rows.
        groups
            The same, where rows that are equal in the order count as one.
        range, unit
            How far the values that are ordered by may be from the current row's: numbers,
            timedeltas, or numbers of a `unit` of time, "month", "day", "second", "microsecond".
        exclude
            What is left out of it: the "current row", its "group" of equals, or the "ties" with it.
        ignore_nulls
            Whether lag, lead, and first, last and nth values look past NULLs.

        Raises
        ------
        PlanError
            What it is called on is not a single window or aggregate function.

        Examples
        --------
        >>> import wayfed as wf
        >>> wf.row_number().over(partition_by="account", order_by=wf.col("amount").desc())
        Column(row_number() over (partition by account order by amount desc))
        """
        keys = as_columns(partition_by)
        orders = as_orders(order_by)
        frame = frame_of(rows, groups, range, unit, exclude)

        def build(*parts: Expression) -> Expression:
            function, rest = parts[0], parts[1:]
            partition, sort = rest[: len(keys)], rest[len(keys) :]
            return over_window(function, partition, sort, orders, frame, ignore_nulls=ignore_nulls)

        by = f"partition by {', '.join(key._text for key in keys)}" if keys else ""
        order = f"order by {', '.join(map(str, orders))}" if orders else ""
        text = f"{self._text} over ({' '.join(filter(None, (by, order)))})"
        return combine(build, text, self, *keys, *(order.column for order in orders))


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A column to sort by, and which way; made by `Column.asc` and `Column.desc`."""

    column: Column
    descending: bool = False
    nulls_first: bool = False

    def __str__(self) -> str:
        return (
            f"{self.column._text}{' desc' if self.descending else ''}"
            f"{' nulls first' if self.nulls_first else ''}"
        )

    def __repr__(self) -> str:
        return f"Order({self})"


def col(name: str) -> Column:
    """Return the column called `name` of whatever dataset the expression is used on.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.col("amount") * 2
    Column(amount * 2)
    """
    return Column(lambda scope: column(scope.schema, name, of=scope.of), name, name=name)


def lit(value: object, kind: DataType | str | None = None) -> Column:
    """Return a constant, of the type that its Python value suggests or of the type given.

    Examples
    --------
    >>> import wayfed as wf
    >>> wf.lit("retail"), wf.lit(None, "int64")
    (Column('retail'), Column(NULL))
    """
    constant = _constant(value)
    if kind is not None:
        constant = literal(constant.value, named_type(kind))
    return Column(lambda _: constant, str(constant))


def named(reference: str | Column) -> Column:
    """Return the column that a name stands for, or else the SQL text that it is."""
    if isinstance(reference, Column):
        return reference
    if not isinstance(reference, str):
        raise PlanError(
            f"a {type(reference).__name__} is not a column ({reference!r:.40})",
            hint="give a column's name, an expression such as wf.col('a') + 1, or wf.lit(value)",
        )
    return Column(lambda scope: _resolve(reference, scope), reference)


def _resolve(text: str, scope: Scope) -> Expression:
    if text in scope.schema:
        return column(scope.schema, text)
    if text.isidentifier():
        raise ColumnNotFound(text, scope.schema.names, of=scope.of)
    from wayfed_sql import parse_expression

    return parse_expression(text, scope.schema)


def as_column(value: object) -> Column:
    """Return an operand as a column: itself, or a constant."""
    return value if isinstance(value, Column) else lit(value)


def as_order(key: str | Column | Order) -> Order:
    """Return what to sort by; in text, ``desc`` may follow."""
    if isinstance(key, Order):
        return key
    if isinstance(key, str) and " " in key:
        name, _, direction = key.rpartition(" ")
        if direction.lower() in ("asc", "desc"):
            return Order(named(name.strip()), descending=direction.lower() == "desc")
    return Order(named(key))


def as_columns(one_or_more: str | Column | Sequence[str | Column]) -> tuple[Column, ...]:
    """Return one or several references as columns."""
    if isinstance(one_or_more, str | Column):
        return (named(one_or_more),)
    return tuple(map(named, one_or_more))


def as_orders(one_or_more: SortKeys) -> tuple[Order, ...]:
    """Return one or several things to sort by."""
    if isinstance(one_or_more, str | Column | Order):
        return (as_order(one_or_more),)
    return tuple(map(as_order, one_or_more))


def apply(function: str, *operands: object) -> Column:
    """Return a function of the table applied to operands."""
    columns = tuple(map(as_column, operands))
    text = f"{function}({', '.join(c._text for c in columns)})"
    return combine(lambda *args: call(function, *args), text, *columns)


def combine(
    build: Callable[..., Expression], text: str, *operands: object, is_operation: bool = False
) -> Column:
    """Return what `build` makes of the operands' expressions; at once where one is bound.

    Raises
    ------
    PlanError
        Where it would be too long to plan, as what doubles with every step soon is.
    """
    columns = tuple(map(as_column, operands))
    operations = 1 + sum(c._operations for c in columns)
    if operations > _MOST_OPERATIONS:
        raise PlanError(
            f"an expression of {operations:,} operations is too long: {text:.60}…",
            hint="name its steps, .with_columns(step=…).with_columns(…): what is used twice is"
            " then computed once",
        )
    scope = next((c._scope for c in columns if c._scope is not None), None)

    def build_all(scope: Scope) -> Expression:
        return build(*map(methodcaller("bind", scope), columns))

    return Column(build_all, text, scope=scope, is_operation=is_operation, operations=operations)


def _operation(
    function: str | Callable[[Expression, Expression], Expression],
    symbol: str,
    left: object,
    right: object,
) -> Column:
    columns = (as_column(left), as_column(right))
    text = f" {symbol} ".join(f"({c._text})" if c._is_operation else c._text for c in columns)
    build = function if callable(function) else lambda a, b: call(function, a, b)
    return combine(build, text, *columns, is_operation=True)


def _later(moment: Column, interval: datetime.timedelta) -> Column:
    days, rest = divmod(interval, datetime.timedelta(days=1))
    if rest:
        return moment.add_microseconds(interval // datetime.timedelta(microseconds=1))
    return moment.add_days(days)


def _constant(value: object) -> Literal:
    if isinstance(value, Literal):
        return value
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if callable(value):
        name = getattr(value, "__name__", "a function")
        raise TypeMismatch(
            f"'{name}' is a function, not a value",
            hint=f"a column of that name is written t['{name}'], a function's result {name}(…)",
        )
    return literal(value)


def _not_none(other: object, operator: str) -> object:
    if other is None:
        test = "is_null" if operator == "==" else "is_not_null"
        raise PlanError(
            f"{operator} None is never true: NULL is not equal to anything",
            hint=f"write column.{test}()",
        )
    return other


def _condition(other: object, operator: str) -> object:
    if isinstance(other, Column | bool):
        return other
    raise PlanError(
        f"{operator} combines conditions, and {other!r} is none",
        hint=f"it binds tighter than comparisons: write (a > 1) {operator} (b < 2)",
    )

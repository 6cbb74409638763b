"""The classes of expressions: typed, immutable, checked when they are made."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.coercion import is_castable, is_ordered
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, TypeMismatch
from wayfed_optimizer.functions import Function, Kind, Nulls, find_function
from wayfed_optimizer.node import Node
from wayfed_optimizer.types import BOOL, NULL, DataType, List, Struct, is_numeric, is_temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed_optimizer.expressions.facts import Facts
    from wayfed_optimizer.expressions.frames import Frame
    from wayfed_optimizer.relations import Relation


class Expression(Node):
    """Something with a value in each row.

    Attributes
    ----------
    type
        The type of the value.
    nullable
        Whether the value may be NULL.
    """

    __slots__ = ("_facts",)
    type: DataType
    nullable: bool
    _facts: Facts


@dataclass(frozen=True, slots=True, eq=False)
class Column(Expression):
    """The value of a column of the input."""

    name: str
    type: DataType
    nullable: bool = True

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Expression):
    """A constant; `value` is what Python has for its type (int, float, Decimal, str, date …)."""

    value: Any
    type: DataType
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        self.derive(nullable=self.value is None)

    def parts(self) -> tuple[object, ...]:
        """Return value and type; by repr, because 0.0 is not -0.0 and NaN is NaN here."""
        return repr(self.value), self.type

    def map_nodes(self, change: Callable[[Node], Node]) -> Literal:
        """Return self: a constant has nothing below it."""
        return self

    def __str__(self) -> str:
        if self.value is None:
            return "NULL"
        if isinstance(self.value, str):
            return "'" + self.value.replace("'", "''") + "'"
        if isinstance(self.value, bool):
            return str(self.value).upper()
        if isinstance(self.value, datetime.date):
            return f"{self.type.name.upper()} '{self.value}'"
        return str(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Call(Expression):
    """A function of the table applied to arguments that already have the types it takes.

    Aggregates may be `distinct`, over the different values of the first argument, and those whose
    row says that they are `ordered` may have `order_by`: the order in which they see the rows.
    """

    function: str
    args: tuple[Expression, ...]
    distinct: bool = False
    order_by: tuple[SortKey, ...] = ()
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        row = find_function(self.function)
        if self.distinct and (row.kind is not Kind.AGGREGATE or not self.args):
            raise TypeMismatch(f"{row.signature} takes no DISTINCT", hint="aggregates of x do")
        if self.distinct and any(key.expression not in self.args for key in self.order_by):
            raise TypeMismatch(f"with DISTINCT, {row.name} is ordered by its values only")
        if self.order_by and not row.ordered:
            raise TypeMismatch(f"{row.signature} takes no order", hint="its result has none")
        self.derive(
            type=_checked_result(row, self.args), nullable=_call_is_nullable(row, self.args)
        )

    @property
    def row(self) -> Function:
        """The function's row of the table."""
        return find_function(self.function)

    def __str__(self) -> str:
        operator = self.row.operator
        if operator and len(self.args) > 1:
            return f" {operator} ".join(_operand(arg) for arg in self.args)
        order = f" order by {', '.join(map(str, self.order_by))}" if self.order_by else ""
        distinct = "distinct " if self.distinct else ""
        return f"{self.function}({distinct}{', '.join(map(str, self.args))}{order})"


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Expression):
    """`arg` as `type`; `safe` gives NULL where a plain cast raises (SQL: TRY_CAST)."""

    arg: Expression
    type: DataType
    safe: bool = False
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        if not is_castable(self.arg.type, self.type):
            raise TypeMismatch(f"{self.arg.type} cannot be cast to {self.type}")
        self.derive(nullable=self.safe or self.arg.nullable)

    def __str__(self) -> str:
        return f"{'try_cast' if self.safe else 'cast'}({self.arg} as {self.type})"


@dataclass(frozen=True, slots=True, eq=False)
class Case(Expression):
    """The value of the first branch whose condition is true, else `otherwise`."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        for condition, _ in self.branches:
            require_boolean(condition, what="the condition of a branch")
        values = (*(value for _, value in self.branches), self.otherwise)
        if len({value.type for value in values}) != 1:
            raise TypeMismatch(
                "the branches of a case have different types: "
                + ", ".join(str(value.type) for value in values),
                hint="cast them to one type",
            )
        self.derive(type=self.otherwise.type, nullable=any(value.nullable for value in values))

    def __str__(self) -> str:
        branches = " ".join(f"when {c} then {v}" for c, v in self.branches)
        return f"case {branches} else {self.otherwise} end"


@dataclass(frozen=True, slots=True, eq=False)
class InList(Expression):
    """Whether `arg` is one of `values`, in three-valued logic."""

    arg: Expression
    values: tuple[Literal, ...]
    type: DataType = field(init=False, default=BOOL)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        for value in self.values:
            if value.type != self.arg.type and not (
                is_numeric(value.type) and is_numeric(self.arg.type)
            ):
                raise TypeMismatch(f"{value} is {value.type}, but {self.arg} is {self.arg.type}")
        nullable = self.arg.nullable or any(value.nullable for value in self.values)
        self.derive(nullable=nullable)

    def __str__(self) -> str:
        return f"{self.arg} in ({', '.join(map(str, self.values))})"


@dataclass(frozen=True, slots=True, eq=False)
class Member(Expression):
    """The value of a struct's field; NULL where the struct is."""

    arg: Expression
    name: str
    type: DataType = field(init=False)
    nullable: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        kind = self.arg.type
        if not isinstance(kind, Struct):
            raise TypeMismatch(
                f"{self.arg} is {kind}, and only structs have fields", hint=_other_access(kind)
            )
        members = dict(kind.fields)
        if self.name not in members:
            raise ColumnNotFound(self.name, tuple(members), of=str(self.arg))
        self.derive(type=members[self.name])

    def __str__(self) -> str:
        return f"{_operand(self.arg)}.{self.name}"


def _other_access(kind: DataType) -> str | None:
    return "element(list, position) takes a list apart" if isinstance(kind, List) else None


@dataclass(frozen=True, slots=True, eq=False)
class Record(Expression):
    """A struct of the values of `args`, each under its name; never NULL itself."""

    names: tuple[str, ...]
    args: tuple[Expression, ...]
    type: DataType = field(init=False)
    nullable: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if not len(set(self.names)) == len(self.names) == len(self.args) > 0:
            raise InvalidOption(
                "a struct has one value for each of its names", available=self.names
            )
        for name, arg in zip(self.names, self.args, strict=True):
            if arg.type == NULL:
                raise TypeMismatch(f"field {name} is a bare NULL, which has no type")
        self.derive(
            type=Struct(tuple((n, a.type) for n, a in zip(self.names, self.args, strict=True)))
        )

    def __str__(self) -> str:
        members = (f"{name}: {arg}" for name, arg in zip(self.names, self.args, strict=True))
        return f"struct({', '.join(members)})"


class SubqueryKind(Enum):
    """What a subquery stands for."""

    SCALAR = "scalar"
    IN = "in"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True, eq=False)
class Subquery(Expression):
    """A relation used as a value: its one value, whether `arg` is in it, or whether it has rows."""

    kind: SubqueryKind
    relation: Relation
    arg: Expression | None = None
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        if self.kind is SubqueryKind.EXISTS:
            self.derive(type=BOOL, nullable=False)
            return
        fields = self.relation.schema.fields
        if len(fields) != 1:
            raise TypeMismatch(
                f"a subquery used as a value has {len(fields)} columns instead of 1",
                available=self.relation.schema.names,
            )
        scalar = self.kind is SubqueryKind.SCALAR
        self.derive(type=fields[0].type if scalar else BOOL, nullable=True)

    def __str__(self) -> str:
        arg = f"{self.arg} " if self.arg is not None else ""
        return f"{arg}{self.kind.value} (subquery)"


@dataclass(frozen=True, slots=True, eq=False)
class SortKey(Node):
    """An expression to order by; NULLs come last, both ways, unless said."""

    expression: Expression
    descending: bool = False
    nulls_first: bool = False

    def __str__(self) -> str:
        direction = " desc" if self.descending else ""
        return f"{self.expression}{direction}" + (" nulls first" if self.nulls_first else "")


@dataclass(frozen=True, slots=True, eq=False)
class WindowCall(Expression):
    """A window or aggregate function over the rows of the same partition.

    `ignore_nulls` leaves the rows out of sight in which the first argument is NULL.
    """

    function: str
    args: tuple[Expression, ...]
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: Frame | None = None
    ignore_nulls: bool = False
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        require_ordered(self.order_by)
        row = find_function(self.function, kinds=(Kind.WINDOW, Kind.AGGREGATE))
        if self.ignore_nulls and not row.skips_nulls:
            raise TypeMismatch(f"{row.signature} takes no IGNORE NULLS")
        if self.frame is not None and self.frame.has_distance:
            _require_measurable(self.frame, self.order_by)
        self.derive(
            type=_checked_result(row, self.args), nullable=_call_is_nullable(row, self.args)
        )

    def __str__(self) -> str:
        nulls = " ignore nulls" if self.ignore_nulls else ""
        call = f"{self.function}({', '.join(map(str, self.args))}{nulls})"
        partition = f"partition by {', '.join(map(str, self.partition_by))}"
        order = f"order by {', '.join(map(str, self.order_by))}"
        over = " ".join(
            text
            for text, there in ((partition, self.partition_by), (order, self.order_by))
            if there
        )
        return f"{call} over ({over})"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Expression):
    """A value that is given when the plan runs."""

    name: str
    type: DataType
    nullable: bool = True

    def __str__(self) -> str:
        return f":{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Opaque(Expression):
    """A Python function of the values in a row, which no optimizer can look into.

    `function` is a callable here, and the name of an installed entry point on the wire.
    """

    name: str
    function: Callable[..., object] | str
    args: tuple[Expression, ...]
    type: DataType
    nullable: bool = field(init=False, default=True)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True, eq=False)
class Named(Node):
    """An expression and the name of the column that it makes."""

    name: str
    expression: Expression

    @property
    def is_plain(self) -> bool:
        """Whether it only passes a column on, under its own name."""
        return isinstance(self.expression, Column) and self.expression.name == self.name

    def __str__(self) -> str:
        return str(self.name) if self.is_plain else f"{self.expression} as {self.name}"


def _require_measurable(frame: Frame, keys: tuple[SortKey, ...]) -> None:
    """Raise TypeMismatch unless a frame's distance can be measured in what is ordered by."""
    if len(keys) != 1:
        raise TypeMismatch(
            f"a frame of {frame} is measured in one key, and the order has {len(keys)}",
            hint="frames of rows and groups take any order",
        )
    kind = keys[0].expression.type
    if not (is_temporal(kind) if frame.unit else is_numeric(kind)):
        raise TypeMismatch(
            f"a frame of {frame} cannot be measured in {keys[0].expression}, which is {kind}",
            hint="times are measured in units, such as INTERVAL 1 DAY, and numbers in numbers",
        )


def require_ordered(keys: tuple[SortKey, ...]) -> None:
    """Raise TypeMismatch unless what is ordered by has an order."""
    for key in keys:
        kind = key.expression.type
        if kind != NULL and not is_ordered(kind):
            raise TypeMismatch(
                f"{key.expression} is {kind}, and {kind.name}s have no order",
                hint="sort by their fields or elements",
            )


def require_boolean(expression: Expression, *, what: str = "a condition") -> None:
    """Raise TypeMismatch unless `expression` is a boolean."""
    if expression.type not in (BOOL, NULL):
        raise TypeMismatch(
            f"{what} must be a bool, but {expression} is {expression.type}",
            hint="compare it with something: for example x > 0, or x.is_not_null()",
        )


def _checked_result(row: Function, args: tuple[Expression, ...]) -> DataType:
    types = tuple(arg.type for arg in args)
    found = row.rule(types)
    if found is None or found[0] != types:
        raise mismatch(row, args)
    return found[1]


def mismatch(row: Function, args: tuple[Expression, ...]) -> TypeMismatch:
    """Return the error that a function does not take these arguments."""
    given = ", ".join(f"{arg} is {arg.type}" for arg in args) or "nothing was given"
    return TypeMismatch(
        f"{row.signature} does not take these: {given}", hint=_fitting_cast(row, args) or row.doc
    )


def _fitting_cast(row: Function, args: tuple[Expression, ...]) -> str | None:
    """Say which cast of one argument to another's type makes a function take them."""
    for position, arg in enumerate(args):
        for kind in dict.fromkeys(other.type for other in args):
            types = [each.type for each in args]
            types[position] = kind
            if not isinstance(arg, Literal) and row.rule(tuple(types)) is not None:
                return f"cast one of them, for example {arg} to {kind}"
    return None


def _call_is_nullable(row: Function, args: tuple[Expression, ...]) -> bool:
    match row.nulls:
        case Nulls.NEVER:
            return False
        case Nulls.MAY:
            return True
        case Nulls.ALL:
            return all(arg.nullable for arg in args)
        case Nulls.ANY:
            return any(arg.nullable for arg in args)


def _operand(arg: Expression) -> str:
    nested = isinstance(arg, Call) and arg.row.operator is not None and len(arg.args) > 1
    return f"({arg})" if nested or isinstance(arg, Case) else str(arg)


PLAIN_NODES: Final = (
    Column,
    Literal,
    Call,
    Cast,
    Case,
    InList,
    Member,
    Record,
    Subquery,
    WindowCall,
    Parameter,
    Opaque,
)
"""Every class of expression."""

"""Expressions over the rows of one relation: typed, immutable, checked when they are made.

The classes are few; what can be computed is a matter of the function table. `call`, `cast_to` and
`literal` make expressions from operands as people write them, adding the casts that the types ask
for; the classes themselves take only what already fits.
"""

from __future__ import annotations

import datetime
import decimal
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import PlanError, TypeMismatch
from wayfed_optimizer.functions import Function, Kind, Nulls, Raises, find_function
from wayfed_optimizer.node import Node
from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    NULL,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_UTC,
    DataType,
    Decimal,
    List,
    Schema,
    Struct,
    is_float,
    is_integer,
    is_numeric,
    is_temporal,
    parse_type,
    type_of_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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

    __slots__ = ()
    type: DataType
    nullable: bool


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
    """A function of the table applied to arguments that already have the types it takes."""

    function: str
    args: tuple[Expression, ...]
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        row = find_function(self.function)
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
        return f"{self.function}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Expression):
    """`arg` as `type`; `safe` gives NULL where a plain cast raises (SQL: TRY_CAST)."""

    arg: Expression
    type: DataType
    safe: bool = False
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        if not _castable(self.arg.type, self.type):
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
class Frame(Node):
    """The rows around the current one that a window function sees.

    `start` and `end` count rows (or peers, in units "range") from the current one, negative before
    it; None is unbounded.
    """

    units: str = "range"
    start: int | None = None
    end: int | None = 0


@dataclass(frozen=True, slots=True, eq=False)
class WindowCall(Expression):
    """A window or aggregate function over the rows of the same partition."""

    function: str
    args: tuple[Expression, ...]
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: Frame | None = None
    type: DataType = field(init=False)
    nullable: bool = field(init=False)

    def __post_init__(self) -> None:
        row = find_function(self.function, kinds=(Kind.WINDOW, Kind.AGGREGATE))
        self.derive(
            type=_checked_result(row, self.args), nullable=_call_is_nullable(row, self.args)
        )

    def __str__(self) -> str:
        call = f"{self.function}({', '.join(map(str, self.args))})"
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


def _checked_result(row: Function, args: tuple[Expression, ...]) -> DataType:
    types = tuple(arg.type for arg in args)
    found = row.rule(types)
    if found is None or found[0] != types:
        raise _mismatch(row, args)
    return found[1]


def _mismatch(row: Function, args: tuple[Expression, ...]) -> TypeMismatch:
    given = ", ".join(f"{arg} is {arg.type}" for arg in args) or "nothing was given"
    return TypeMismatch(f"{row.signature} does not take these: {given}", hint=row.doc)


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


def _castable(source: DataType, target: DataType) -> bool:
    if source in (target, NULL) or target == TEXT:
        return not isinstance(source, List | Struct) or source == target
    if source == TEXT:
        return not isinstance(target, List | Struct)
    if is_temporal(source) or is_temporal(target):
        return is_temporal(source) and is_temporal(target)
    plain = is_numeric(source) or source == BOOL
    if isinstance(source, List) and isinstance(target, List):
        return _castable(source.element, target.element)
    return plain and (is_numeric(target) or target == BOOL)


def literal(value: object, kind: DataType | None = None) -> Literal:
    """Make a constant, of the type that its Python value suggests or of the type given.

    Raises
    ------
    TypeMismatch
        Where no type holds the value.

    Examples
    --------
    >>> str(literal(2.5).type), str(literal("it's"))
    ('float64', "'it''s'")
    """
    found = type_of_value(value)
    if found == TIMESTAMP_UTC and isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.UTC)
    constant = Literal(value, found)
    if kind is None or kind == found:
        return constant
    result = cast_to(constant, kind)
    if not isinstance(result, Literal):
        raise TypeMismatch(f"{constant} is not a {kind}")
    return result


def call(name: str, *args: Expression) -> Call:
    """Apply a function, casting the arguments to what it takes.

    Raises
    ------
    FunctionNotFound, TypeMismatch
        Where there is no such function, or it does not take these arguments.

    Examples
    --------
    >>> str(call("add", literal(1), literal(2.5)))
    '1.0 + 2.5'
    """
    row = find_function(name)
    adapted = _adapt_text_literals(args)
    found = row.rule(tuple(arg.type for arg in adapted))
    if found is None:
        raise _mismatch(row, args)
    return Call(name, tuple(map(cast_to, adapted, found[0])))


def _adapt_text_literals(args: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Read text constants that stand beside dates as the dates they write, as SQL does."""
    times = [arg.type for arg in args if is_temporal(arg.type)]
    if not times:
        return args
    return tuple(
        _parsed(arg, times[0]) if isinstance(arg, Literal) and arg.type == TEXT else arg
        for arg in args
    )


def _parsed(constant: Literal, kind: DataType) -> Literal:
    try:
        value = datetime.datetime.fromisoformat(constant.value)
    except ValueError:
        return constant
    if kind == TIMESTAMP_UTC and value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC)
    midnight = value.time() == datetime.time()
    if kind == DATE and midnight:
        return Literal(value.date(), DATE)
    return Literal(value, TIMESTAMP if value.tzinfo is None else TIMESTAMP_UTC)


def cast_to(arg: Expression, kind: DataType, *, safe: bool = False) -> Expression:
    """Return `arg` as `kind`: itself where it is one, a constant where it can be computed here."""
    if arg.type == kind:
        return arg
    if isinstance(arg, Literal):
        converted = _convert_literal(arg.value, arg.type, kind)
        if converted is not None:
            return converted
    return Cast(arg, kind, safe)


def _convert_literal(value: Any, source: DataType, kind: DataType) -> Literal | None:
    """Return the constant in its new type where that loses nothing, else None."""
    if value is None:
        return Literal(None, kind)
    if is_integer(source) and is_integer(kind):
        bits = int(kind.name[3:]) - 1
        return Literal(value, kind) if -(2**bits) <= value < 2**bits else None
    if kind == FLOAT64 and is_numeric(source):
        return Literal(float(value), kind)
    if isinstance(kind, Decimal) and (is_integer(source) or isinstance(source, Decimal)):
        exact = decimal.Decimal(value)
        with decimal.localcontext(prec=80):
            scaled = exact.quantize(decimal.Decimal(1).scaleb(-kind.scale))
        fits = scaled == exact and abs(exact) < decimal.Decimal(10) ** (kind.precision - kind.scale)
        return Literal(scaled, kind) if fits else None
    if source == DATE and kind == TIMESTAMP:
        return Literal(datetime.datetime.combine(value, datetime.time()), kind)
    return None


def case(
    branches: tuple[tuple[Expression, Expression], ...], otherwise: Expression | None = None
) -> Case:
    """Make a case expression, casting the branches to their common type."""
    last = otherwise if otherwise is not None else Literal(None, NULL)
    values = (*(value for _, value in branches), last)
    kind = common_type([value.type for value in values])
    if kind is None:
        raise TypeMismatch(
            "the branches have no common type: " + ", ".join(f"{v} is {v.type}" for v in values),
            hint="cast them to one type",
        )
    cast = tuple((condition, cast_to(value, kind)) for condition, value in branches)
    return Case(cast, cast_to(last, kind))


def in_list(arg: Expression, values: tuple[object, ...]) -> Expression:
    """Make the test whether `arg` is one of some Python values."""
    if not values:
        return Literal(False, BOOL)
    made = tuple(value if isinstance(value, Literal) else literal(value) for value in values)
    if is_temporal(arg.type):
        made = tuple(_parsed(v, arg.type) if v.type == TEXT else v for v in made)
    kind = common_type([arg.type, *(value.type for value in made)])
    if kind is None:
        wrong = next(v for v in made if common_type([arg.type, v.type]) is None)
        raise TypeMismatch(f"{wrong} is {wrong.type}, but {arg} is {arg.type}")
    if is_numeric(kind) and not is_float(kind):
        return InList(
            arg, tuple(Literal(v.value, arg.type if v.value is None else v.type) for v in made)
        )
    return InList(cast_to(arg, kind), tuple(_constant(value, kind) for value in made))


def _constant(value: Literal, kind: DataType) -> Literal:
    made = cast_to(value, kind)
    if not isinstance(made, Literal):
        raise TypeMismatch(f"{value} is not a {kind}")
    return made


def conjuncts(predicate: Expression) -> tuple[Expression, ...]:
    """Return the parts of a predicate that must all be true."""
    if isinstance(predicate, Call) and predicate.function == "and":
        return tuple(part for arg in predicate.args for part in conjuncts(arg))
    return (predicate,)


def conjunction(parts: tuple[Expression, ...]) -> Expression:
    """Return the predicate that all `parts` are true; TRUE where there are none."""
    if not parts:
        return Literal(True, BOOL)
    return parts[0] if len(parts) == 1 else Call("and", parts)


def walk(root: Expression) -> Iterator[Expression]:
    """Yield `root` and every expression below it, parents first; not into subqueries."""
    yield root
    for node in root.nodes():
        if isinstance(node, Expression):
            yield from walk(node)
        elif isinstance(node, SortKey):
            yield from walk(node.expression)


@lru_cache(maxsize=8192)
def columns_of(root: Expression) -> frozenset[str]:
    """Return the names of the columns that an expression reads.

    Examples
    --------
    >>> a, b = Column("a", parse_type("int64")), Column("b", parse_type("int64"))
    >>> sorted(columns_of(call("add", a, b)))
    ['a', 'b']
    """
    return frozenset(node.name for node in walk(root) if isinstance(node, Column))


def substitute(root: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """Return `root` with columns replaced by expressions, by name."""

    def change(node: Node) -> Node:
        if isinstance(node, Column):
            return replacements.get(node.name, node)
        return node.map_nodes(change) if isinstance(node, Expression | SortKey) else node

    result = change(root)
    if not isinstance(result, Expression):
        raise PlanError(f"{root} became something that is not an expression")
    return result


@lru_cache(maxsize=8192)
def may_raise(root: Expression) -> bool:
    """Say whether evaluating an expression may end the query with an error."""
    return any(_raises_itself(node) for node in walk(root))


def _raises_itself(node: Expression) -> bool:
    match node:
        case Call() | WindowCall():
            raises = find_function(node.function).raises
            return raises is Raises.ALWAYS or (
                raises is Raises.OVERFLOW and not is_float(node.type)
            )
        case Cast(arg, kind, safe):
            return not safe and not _is_widening(arg.type, kind)
        case Opaque() | Subquery(kind=SubqueryKind.SCALAR):
            return True
    return False


def _is_widening(source: DataType, target: DataType) -> bool:
    if target == TEXT or source == NULL:
        return True
    if target == FLOAT64 and is_numeric(source):
        return True
    return common_type([source, target]) == target


def contains_kind(root: Expression, kind: Kind) -> bool:
    """Say whether an expression calls a function of a kind, outside of window calls."""
    return any(isinstance(n, Call) and find_function(n.function).kind is kind for n in walk(root))


def is_volatile(root: Expression) -> bool:
    """Say whether two evaluations over one row may differ."""
    return any(
        isinstance(n, Opaque) or (isinstance(n, Call) and n.row.volatile) for n in walk(root)
    )


def require_boolean(expression: Expression, *, what: str = "a condition") -> None:
    """Raise TypeMismatch unless `expression` is a boolean."""
    if expression.type not in (BOOL, NULL):
        raise TypeMismatch(
            f"{what} must be a bool, but {expression} is {expression.type}",
            hint="compare it with something: for example x > 0, or x.is_not_null()",
        )


def require_columns(expression: Expression, schema: Schema, *, of: str | None = None) -> None:
    """Raise unless every column that `expression` reads is in `schema` with the same type."""
    for name in columns_of(expression):
        found = schema.field(name, of=of)
        used = next(n for n in walk(expression) if isinstance(n, Column) and n.name == name)
        if used.type != found.type:
            raise TypeMismatch(f"column {name} is {found.type}, but is used as {used.type}")


def column(schema: Schema, name: str, *, of: str | None = None) -> Column:
    """Return the expression for a column of `schema`, by name."""
    found = schema.field(name, of=of)
    return Column(found.name, found.type, found.nullable)


def named_type(kind: DataType | str) -> DataType:
    """Return a type given itself or by name."""
    return parse_type(kind) if isinstance(kind, str) else kind


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
    Subquery,
    WindowCall,
    Parameter,
    Opaque,
)
"""Every class of expression."""

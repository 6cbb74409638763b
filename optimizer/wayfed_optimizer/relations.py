"""Relations: what a plan is made of. Immutable; each knows its schema and checks itself when made.

A column's name is unique within its relation, and the two sides of a join have no name in common:
whoever builds a join renames first. Rules can therefore move expressions by name alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from operator import is_
from typing import TYPE_CHECKING, ClassVar, Final

from wayfed_optimizer.errors import DuplicateColumn, InvalidOption, TypeMismatch
from wayfed_optimizer.expressions import (
    Call,
    Column,
    Expression,
    Literal,
    Named,
    SortKey,
    Subquery,
    WindowCall,
    contains_kind,
    facts_of,
    require_boolean,
    require_columns,
)
from wayfed_optimizer.expressions import walk as walk_expression
from wayfed_optimizer.functions import Kind
from wayfed_optimizer.node import Node
from wayfed_optimizer.types import (
    NULL,
    Field,
    Schema,
    is_numeric,
    is_temporal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Relation(Node):
    """A multiset of rows.

    Attributes
    ----------
    schema
        Its columns.
    """

    __slots__ = ()
    _below: ClassVar[tuple[str, ...]] = ("input",)
    schema: Schema

    @property
    def inputs(self) -> tuple[Relation, ...]:
        """The relations that this one is computed from."""
        found = tuple(getattr(self, name) for name in self._below)
        return found if None not in found else tuple(r for r in found if r is not None)

    @property
    def bounded(self) -> bool:
        """Whether the rows come to an end."""
        return all(relation.bounded for relation in self.inputs)

    def with_inputs(self, change: Callable[[Relation], Relation]) -> Relation:
        """Return this relation over changed inputs; itself where nothing changed."""
        old = self.inputs
        new = tuple(map(change, old))
        if all(map(is_, old, new)):
            return self
        values = dict(zip(self.__match_args__, self.parts(), strict=True))
        return type(self)(**(values | dict(zip(self._below, new, strict=False))))

    @property
    def below(self) -> tuple[Relation, ...]:
        """The inputs, and then the relations of subqueries in the relation's own expressions."""
        return (*self.inputs, *_subqueries_in(self))

    def with_below(self, change: Callable[[Relation], Relation]) -> Relation:
        """Return this relation over changed inputs and subqueries, in the order of `below`."""
        if not any(True for _ in _subqueries_in(self)):
            return self.with_inputs(change)

        def in_expression(node: Node) -> Node:
            match node:
                case Relation():
                    return node
                case Subquery(kind, relation, arg):
                    return Subquery(kind, change(relation), arg and _expression(arg))
                case Expression() if not facts_of(node).fixed:
                    return node
            return node.map_nodes(in_expression)

        def _expression(arg: Expression) -> Expression:
            changed = in_expression(arg)
            assert isinstance(changed, Expression)  # noqa: S101  # what an expression becomes
            return changed

        return self.with_inputs(change).map_nodes(in_expression)


@dataclass(frozen=True, slots=True, eq=False)
class Read(Relation):
    """The rows of a table of the catalog; `schema` may leave out columns that nobody needs."""

    _below: ClassVar[tuple[str, ...]] = ()
    table: str
    schema: Schema
    is_bounded: bool = True

    @property
    def bounded(self) -> bool:
        """Whether the table comes to an end."""
        return self.is_bounded


@dataclass(frozen=True, slots=True, eq=False)
class Values(Relation):
    """Rows of constants that stand in the plan itself (SQL: VALUES).

    One row without columns is what a SELECT without FROM selects from.
    """

    _below: ClassVar[tuple[str, ...]] = ()
    schema: Schema
    rows: tuple[tuple[Literal, ...], ...]

    def __post_init__(self) -> None:
        types = tuple(f.type for f in self.schema)
        for number, values in enumerate(self.rows):
            if tuple(value.type for value in values) != types:
                given = ", ".join(str(value.type) for value in values) or "nothing"
                raise TypeMismatch(
                    f"row {number} of the values holds {given}",
                    available=tuple(map(str, self.schema)),
                )


@dataclass(frozen=True, slots=True, eq=False)
class Select(Relation):
    """For each row of `input` the values of `outputs` (SQL: SELECT)."""

    input: Relation
    outputs: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        _require_no(self.outputs, Kind.AGGREGATE, "a select", "aggregate in group_by().agg()")
        for output in self.outputs:
            require_columns(output.expression, self.input.schema)
        self.derive(schema=_schema_of(self.outputs))


@dataclass(frozen=True, slots=True, eq=False)
class Filter(Relation):
    """Rows of `input` for which `predicate` is true (SQL: WHERE)."""

    input: Relation
    predicate: Expression
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        require_boolean(self.predicate, what="the condition of a filter")
        require_columns(self.predicate, self.input.schema)
        if contains_kind(self.predicate, Kind.AGGREGATE):
            raise TypeMismatch(
                f"{self.predicate} aggregates, and a filter looks at single rows",
                hint="filter after group_by().agg()",
            )
        self.derive(schema=self.input.schema)


class JoinKind(Enum):
    """Which rows of a join there are besides the pairs that match."""

    INNER = "inner"
    LEFT = "left"
    RIGHT = "right"
    FULL = "full"
    SEMI = "semi"
    ANTI = "anti"
    CROSS = "cross"
    ASOF = "asof"


@dataclass(frozen=True, slots=True, eq=False)
class Join(Relation):
    """Pairs of rows for which all key pairs of `on` are equal and `predicate` is true.

    `on` pairs a column of `left` with one of `right`; NULL equals nothing. `semi` and `anti` keep
    the columns of `left` only. `asof` (left column, right column) pairs each left row with the one
    right row, equal on `on`, that has the greatest right value not above the left value; a left row
    without one is kept, as in a left join.
    """

    _below: ClassVar[tuple[str, ...]] = ("left", "right")
    left: Relation
    right: Relation
    kind: JoinKind = JoinKind.INNER
    on: tuple[tuple[str, str], ...] = ()
    predicate: Expression | None = None
    asof: tuple[str, str] | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        left, right = self.left.schema, self.right.schema
        pairs = (*self.on, *((self.asof,) if self.asof else ()))
        for left_name, right_name in pairs:
            _require_joinable(left.field(left_name), right.field(right_name))
        if clash := set(left.names) & set(right.names):
            raise DuplicateColumn(
                f"both sides of a join have {', '.join(sorted(clash))}",
                hint="rename one of them, or give join() another suffix=",
            )
        if (self.kind is JoinKind.ASOF) != (self.asof is not None):
            raise InvalidOption("an asof join needs the pair of columns to compare, others none")
        if self.kind is JoinKind.CROSS and (self.on or self.predicate):
            raise InvalidOption("a cross join has no keys and no condition", hint="use how='inner'")
        if self.predicate is not None:
            require_boolean(self.predicate, what="the condition of a join")
            require_columns(self.predicate, Schema((*left, *right)))
        self.derive(schema=_join_schema(self.kind, left, right))


def _require_joinable(left: Field, right: Field) -> None:
    both_numbers = is_numeric(left.type) and is_numeric(right.type)
    if left.type != right.type and not both_numbers:
        raise TypeMismatch(
            f"the join key {left.name} is {left.type}, but {right.name} is {right.type}",
            hint=f"cast one of them, for example .cast({right.name}='{left.type}')",
        )


def _join_schema(kind: JoinKind, left: Schema, right: Schema) -> Schema:
    match kind:
        case JoinKind.SEMI | JoinKind.ANTI:
            return left
        case JoinKind.LEFT | JoinKind.ASOF:
            return Schema((*left, *right.as_nullable()))
        case JoinKind.RIGHT:
            return Schema((*left.as_nullable(), *right))
        case JoinKind.FULL:
            return Schema((*left.as_nullable(), *right.as_nullable()))
        case JoinKind.INNER | JoinKind.CROSS:
            return Schema((*left, *right))


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate(Relation):
    """One row for each distinct value of `keys`, or one row in all where there are no keys."""

    input: Relation
    keys: tuple[Named, ...]
    aggregates: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        _require_no(self.keys, Kind.AGGREGATE, "a grouping key", "group by single-row values")
        for named in (*self.keys, *self.aggregates):
            require_columns(named.expression, self.input.schema)
        for named in self.aggregates:
            inner = named.expression
            if not isinstance(inner, Call) or inner.row.kind is not Kind.AGGREGATE:
                raise TypeMismatch(f"{named.expression} is not an aggregate")
            _require_no(
                tuple(Named(named.name, arg) for arg in inner.args),
                Kind.AGGREGATE,
                f"the argument of {inner.function}",
                "aggregate in two steps",
            )
        self.derive(schema=_schema_of((*self.keys, *self.aggregates)))


@dataclass(frozen=True, slots=True, eq=False)
class Window(Relation):
    """The columns of `input`, and one more for each window call of `outputs`."""

    input: Relation
    outputs: tuple[Named, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        for output in self.outputs:
            require_columns(output.expression, self.input.schema)
            if not isinstance(output.expression, WindowCall):
                raise TypeMismatch(f"{output.expression} is not a window function")
        self.derive(schema=Schema((*self.input.schema, *_schema_of(self.outputs))))


@dataclass(frozen=True, slots=True, eq=False)
class Sort(Relation):
    """The rows of `input` in the order of `keys`; rows that are equal on them in any order."""

    input: Relation
    keys: tuple[SortKey, ...]
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        for key in self.keys:
            require_columns(key.expression, self.input.schema)
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Limit(Relation):
    """At most `count` rows of `input` (all, where None) after the first `offset`."""

    input: Relation
    count: int | None
    offset: int = 0
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if (self.count is not None and self.count < 0) or self.offset < 0:
            raise InvalidOption("a limit and its offset are 0 or more")
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(Relation):
    """The different rows of `input`; with `on`, some one row for each value of those columns."""

    input: Relation
    on: tuple[str, ...] = ()
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        for name in self.on:
            self.input.schema.field(name)
        self.derive(schema=self.input.schema)


class SetKind(Enum):
    """How a set operation puts its inputs together."""

    UNION = "union"
    INTERSECT = "intersect"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True, eq=False)
class SetOperation(Relation):
    """The rows of two inputs together; NULL equals NULL; `all` keeps duplicates as SQL does."""

    _below: ClassVar[tuple[str, ...]] = ("left", "right")
    kind: SetKind
    left: Relation
    right: Relation
    all: bool = False
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        left, right = self.left.schema, self.right.schema
        if len(left) != len(right):
            raise TypeMismatch(
                f"the sides of a {self.kind.value} have {len(left)} and {len(right)} columns"
            )
        for a, b in zip(left, right, strict=True):
            if a.name != b.name or a.type != b.type:
                raise TypeMismatch(
                    f"the sides of a {self.kind.value} differ: "
                    f"{a.name} {a.type} and {b.name} {b.type}",
                    hint="select() the same names in the same order, cast() to the same types",
                )
        self.derive(
            schema=Schema(
                Field(a.name, a.type, a.nullable or b.nullable)
                for a, b in zip(left, right, strict=True)
            )
        )


class MapKind(Enum):
    """What a Python function is given and what it returns."""

    ROW = "row to row"
    ROWS = "row to rows"
    BATCHES = "batch to batch"


@dataclass(frozen=True, slots=True, eq=False)
class MapBatches(Relation):
    """The rows that a Python function makes of those of `input`; no rule looks into it.

    `function` is a callable here, and the name of an installed entry point on the wire.
    """

    input: Relation
    name: str
    function: Callable[..., object] | str
    kind: MapKind
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Sample(Relation):
    """Rows whose keys hash into [`low`, `high`) of the unit interval, the same everywhere."""

    input: Relation
    keys: tuple[str, ...]
    low: float
    high: float
    seed: int = 0
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise InvalidOption(f"a sample is a part of 0 to 1, not {self.low} to {self.high}")
        for name in self.keys:
            self.input.schema.field(name)
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Cache(Relation):
    """The rows of `input`, computed once and kept by the context under `key`."""

    input: Relation
    key: str
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Iterate(Relation):
    """`body` applied again and again, first to `initial`, then to its own result.

    In `body` and `until` the current rows are ``Read(variable, …)``. It ends after
    `max_iterations`, or as soon as `until`, a relation of one boolean, is true.
    """

    _below: ClassVar[tuple[str, ...]] = ("initial", "body", "until")
    initial: Relation
    body: Relation
    variable: str
    max_iterations: int
    until: Relation | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if self.max_iterations < 1:
            raise InvalidOption("a loop needs max_iterations of 1 or more")
        before, after = self.initial.schema, self.body.schema
        changed = [
            f"{a.name} {a.type}"
            for a, b in zip(before, after, strict=False)
            if (a.name, a.type) != (b.name, b.type)
        ]
        if changed or len(before) != len(after):
            raise TypeMismatch(
                "the body of a loop must keep the columns and types of its input",
                available=changed,
            )
        self.derive(schema=after)


@dataclass(frozen=True, slots=True, eq=False)
class Watermark(Relation):
    """`input`, none of whose rows comes over `delay_seconds` late, by `column`."""

    input: Relation
    column: str
    delay_seconds: float
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        _require_time(self.input.schema.field(self.column))
        self.derive(schema=self.input.schema)


@dataclass(frozen=True, slots=True, eq=False)
class TimeWindow(Relation):
    """Each row of `input` with start and end of each window of `size_seconds` it falls into.

    Windows start every `slide_seconds`, counted from 1970-01-01; equal to the size they tile time.
    """

    input: Relation
    column: str
    size_seconds: float
    slide_seconds: float
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        time = self.input.schema.field(self.column)
        _require_time(time)
        if not 0 < self.slide_seconds <= self.size_seconds:
            raise InvalidOption("a time window needs 0 < slide <= size, in seconds")
        added = (Field("window_start", time.type, False), Field("window_end", time.type, False))
        self.derive(schema=Schema((*self.input.schema, *added)))


class WriteMode(Enum):
    """What happens when the target is already there."""

    ERROR = "error"
    APPEND = "append"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True, eq=False)
class Write(Relation):
    """The rows of `input` put into the table `target` of the catalog; itself without rows."""

    input: Relation
    target: str
    mode: WriteMode = WriteMode.ERROR
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self.derive(schema=Schema(()))


@dataclass(frozen=True, slots=True, eq=False)
class Hint(Relation):
    """The rows of `input`, and what the user knows: the platform to use, the number of rows."""

    input: Relation
    platform: str | None = None
    rows: int | None = None
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 0:
            raise InvalidOption("a row count is 0 or more")
        self.derive(schema=self.input.schema)


RELATIONS: Final[tuple[type[Relation], ...]] = (
    Read,
    Values,
    Select,
    Filter,
    Join,
    Aggregate,
    Window,
    Sort,
    Limit,
    Distinct,
    SetOperation,
    MapBatches,
    Sample,
    Cache,
    Iterate,
    Watermark,
    TimeWindow,
    Write,
    Hint,
)
"""Every class of relation, as capabilities and the wire form list them."""


def _schema_of(outputs: tuple[Named, ...]) -> Schema:
    for output in outputs:
        if output.expression.type == NULL:
            raise TypeMismatch(
                f"column {output.name} is a bare NULL, which has no type",
                hint=f"cast it, for example .cast({output.name}='text')",
            )
    return Schema(Field(o.name, o.expression.type, o.expression.nullable) for o in outputs)


def _require_no(outputs: tuple[Named, ...], kind: Kind, place: str, remedy: str) -> None:
    for output in outputs:
        if not isinstance(output.expression, Column) and contains_kind(output.expression, kind):
            raise TypeMismatch(f"{output.expression} aggregates within {place}", hint=remedy)


def _require_time(time: Field) -> None:
    if not is_temporal(time.type):
        raise TypeMismatch(f"{time.name} is {time.type}, not a date or timestamp")


def walk(root: Relation) -> Iterator[Relation]:
    """Yield `root` and all below it, parents first, shared ones as often as used."""
    yield root
    for relation in root.below:
        yield from walk(relation)


def reads(root: Relation) -> tuple[Read, ...]:
    """Return the reads of a plan, in the order they are written, each once."""
    return tuple(dict.fromkeys(node for node in walk(root) if isinstance(node, Read)))


def expressions_of(relation: Relation) -> tuple[Expression, ...]:
    """Return the expressions that a relation evaluates itself."""
    found: list[Expression] = []
    for node in relation.nodes():
        match node:
            case Named(_, expression) | SortKey(expression):
                found.append(expression)
            case Expression():
                found.append(node)
    return tuple(found)


def _subqueries_in(relation: Relation) -> Iterator[Relation]:
    for root in expressions_of(relation):
        if facts_of(root).fixed:
            for node in walk_expression(root):
                if isinstance(node, Subquery):
                    yield node.relation


def transform(root: Relation, change: Callable[[Relation], Relation]) -> Relation:
    """Return the plan with `change` applied to every relation, inputs first; shared ones once."""
    done: dict[Relation, Relation] = {}

    def visit(relation: Relation) -> Relation:
        found = done.get(relation)
        if found is None:
            found = done[relation] = change(relation.with_below(visit))
        return found

    return visit(root)

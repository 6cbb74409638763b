"""What a case of the conformance suite is: rows, something to compute, and the answer to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wayfed_optimizer.expressions import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    InList,
    Literal,
    Member,
    Record,
    Subquery,
    WindowCall,
    call,
    cast_to,
    walk,
)
from wayfed_optimizer.functions import FUNCTIONS, Agreement, Nulls
from wayfed_optimizer.types import Field, Schema, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wayfed.dataset import Dataset
    from wayfed_optimizer.types import DataType

Row = tuple[Any, ...]
"""Values in the order of columns."""

LETTERS = "abcd"
"""The names of a function's arguments as columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """An expression over columns a, b, c … and what it makes of some rows.

    Parameters
    ----------
    about
        The function, or the kind of expression.
    line
        The line of docs/semantics.md that it holds engines to.
    expression
        What is computed.
    types
        Of a, b, c …
    examples
        Values of a, b, c … and then the result.
    """

    about: str
    line: str
    expression: Expression
    types: tuple[DataType, ...]
    examples: tuple[Row, ...]

    @property
    def name(self) -> str:
        """What tells the case from the others."""
        if not self.types:
            return f"{self.expression} as {self.expression.type}"
        return f"{self.expression} of {', '.join(map(str, self.types))}"

    @property
    def tolerance(self) -> float:
        """How far a result may be off, relative to its size."""
        return tolerance_of(self.expression)

    def all_examples(self) -> tuple[Row, ...]:
        """Return the examples, and that a NULL among the arguments is NULL where the table says."""
        row = FUNCTIONS.get(self.about)
        if row is None or row.nulls is not Nulls.ANY or self.about in ("and", "or"):
            return self.examples
        *arguments, _ = self.examples[0]
        patterns = (
            tuple(None if i == null else value for i, value in enumerate(arguments))
            for null in range(len(arguments))
        )
        return (*self.examples, *((*pattern, None) for pattern in patterns))


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """An aggregate of columns a, b, c …, and what it makes of some groups of values.

    Parameters
    ----------
    type, others
        Of a, and of b, c …
    groups
        The values of a group, or its rows where there are several columns, and the result; NULL is
        added to groups at will.
    """

    about: str
    line: str
    expression: Expression
    type: DataType
    groups: tuple[tuple[Row, Any], ...]
    others: tuple[DataType, ...] = ()

    @property
    def name(self) -> str:
        """What tells the case from the others."""
        return f"{self.expression} of {', '.join(map(str, (self.type, *self.others)))}"

    @property
    def tolerance(self) -> float:
        """How far a result may be off, relative to its size."""
        return tolerance_of(self.expression)


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """A window call over the rows of `WINDOW_ROWS`, and its values in the order of their ids."""

    about: str
    line: str
    expression: WindowCall
    expected: Row

    @property
    def name(self) -> str:
        """What tells the case from the others."""
        frame = self.expression.frame
        units = f" {frame}" if frame else ""
        return f"{self.expression}{units}"

    @property
    def tolerance(self) -> float:
        """How far a result may be off, relative to its size."""
        return tolerance_of(self.expression)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A plan over the tables of `TABLES`, and its rows.

    Parameters
    ----------
    about
        The relation, and what about it.
    plan
        From tables by name to the plan.
    expected
        Its rows; in this order, where the plan says one.
    ordered
        Whether the plan ends in an order.
    needs_nan
        Whether NaN is among its values.
    together
        Cases of one such name have columns of the same types, and may be asked in one query.
    turn
        Which of them are chosen where a platform is asked a part only.
    """

    about: str
    line: str
    name: str
    plan: Callable[[Mapping[str, Dataset]], Dataset]
    expected: tuple[Row, ...]
    ordered: bool = False
    needs_nan: bool = False
    together: str = ""
    turn: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A plan that no engine may give an answer to: it raises an ExecutionError everywhere."""

    about: str
    line: str
    name: str
    plan: Callable[[Mapping[str, Dataset]], Dataset]


AnyCase = Scalar | Grouped | Windowed | Plan | Failure


def title(case: AnyCase) -> str:
    """Return what a case is called in reports and marks."""
    return f"{case.line} {case.about}: {case.name}"


def called(about: str, line: str, arguments: tuple[str | Literal, ...], *examples: Row) -> Scalar:
    """Make the case of a function's call with columns, given by their types, and constants."""
    types = tuple(parse_type(each) for each in arguments if isinstance(each, str))
    columns = iter(columns_of(types))
    args = (each if isinstance(each, Literal) else next(columns) for each in arguments)
    return Scalar(about, line, call(about, *args), types, examples)


def converted(line: str, source: str, target: str, *examples: Row, safe: bool = False) -> Scalar:
    """Make the case of a cast, or of one that gives NULL where it fails."""
    kinds = (parse_type(source),)
    (argument,) = columns_of(kinds)
    cast = cast_to(argument, parse_type(target), safe=safe)
    return Scalar("try_cast" if safe else "cast", line, cast, kinds, examples)


def aggregated(about: str, line: str, kind: str, *groups: tuple[Row, Any]) -> Grouped:
    """Make the case of an aggregate of one column."""
    found = parse_type(kind)
    return Grouped(about, line, call(about, Column("a", found)), found, groups)


def aggregated_rows(
    about: str, line: str, expression: Expression, kinds: str, *groups: tuple[Row, Any]
) -> Grouped:
    """Make the case of an aggregate of columns a, b, c … with these types."""
    first, *others = map(parse_type, kinds.split())
    return Grouped(about, line, expression, first, groups, tuple(others))


def columns_of(types: tuple[DataType, ...]) -> tuple[Column, ...]:
    """Return the columns a, b, c … of some types."""
    return tuple(Column(name, kind) for name, kind in zip(LETTERS, types, strict=False))


def schema_of(types: Mapping[str, DataType]) -> Schema:
    """Return the schema of nullable columns."""
    return Schema(Field(name, kind, True) for name, kind in types.items())


def tolerance_of(root: Expression) -> float:
    """Return how far two engines may be apart in an expression, relative to its size."""
    agreements = {FUNCTIONS[name].agreement for name in functions_in(root)}
    return 1e-9 if Agreement.RELATIVE in agreements else 0.0


_KINDS = {Case: "case", InList: "in", Subquery: "subquery", Member: "field", Record: "struct"}


def functions_in(root: Expression) -> frozenset[str]:
    """Return the names of the functions of the table that an expression calls."""
    calls = (node.function for node in walk(root) if isinstance(node, Call | WindowCall))
    return frozenset(calls)


def is_about(case: Scalar | Grouped | Windowed) -> bool:
    """Say whether the expression of a case has in it what the case says it is about."""
    if case.about in FUNCTIONS:
        return case.about in functions_in(case.expression)
    match case.expression:
        case Cast(safe=safe):
            return case.about == ("try_cast" if safe else "cast")
        case Literal():
            return case.about == "literal"
    return case.about == _KINDS.get(type(case.expression))


def has_nan(row: Row) -> bool:
    """Say whether a value of a row is NaN."""
    return any(
        has_nan(value)
        if isinstance(value, tuple)
        else isinstance(value, float) and math.isnan(value)
        for value in row
    )

"""Makes expressions from operands as people write them, adding the casts that the types ask for."""

from __future__ import annotations

import datetime
import decimal
from typing import TYPE_CHECKING, Any

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import PlanError, TypeMismatch
from wayfed_optimizer.expressions.nodes import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    InList,
    Literal,
    SortKey,
    mismatch,
)
from wayfed_optimizer.functions import find_function
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
    is_float,
    is_integer,
    is_numeric,
    is_temporal,
    parse_type,
    type_of_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.node import Node
    from wayfed_optimizer.types import Schema


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
        raise mismatch(row, args)
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


def substitute(root: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """Return `root` with columns replaced by expressions, by name."""

    def change(node: Node) -> Node:
        if isinstance(node, Column):
            found = replacements.get(node.name, node)
            return node if found == node else found
        return node.map_nodes(change) if isinstance(node, Expression | SortKey) else node

    result = change(root)
    if not isinstance(result, Expression):
        raise PlanError(f"{root} became something that is not an expression")
    return result


def column(schema: Schema, name: str, *, of: str | None = None) -> Column:
    """Return the expression for a column of `schema`, by name."""
    found = schema.field(name, of=of)
    return Column(found.name, found.type, found.nullable)


def named_type(kind: DataType | str) -> DataType:
    """Return a type given itself or by name."""
    return parse_type(kind) if isinstance(kind, str) else kind

"""What Python's operators mean as expressions, where it is more than one function of the table."""

from __future__ import annotations

from wayfed_optimizer.coercion import common_type
from wayfed_optimizer.errors import TypeMismatch
from wayfed_optimizer.expressions import Call, Expression, Literal, call, cast_to
from wayfed_optimizer.types import TEXT, is_float, is_temporal


def every(a: Expression, b: Expression) -> Expression:
    """Return what is true where both are."""
    return call("and", *_operands("and", a), *_operands("and", b))


def either(a: Expression, b: Expression) -> Expression:
    """Return what is true where either is."""
    return call("or", *_operands("or", a), *_operands("or", b))


def _operands(function: str, condition: Expression) -> tuple[Expression, ...]:
    """Return what one call combines, so that hundreds of conditions are not as many deep."""
    if isinstance(condition, Call) and condition.function == function:
        return condition.args
    return (condition,)


def add(a: Expression, b: Expression) -> Expression:
    """Return the sum of numbers, or one text behind the other."""
    return call("concat" if a.type == b.type == TEXT else "add", a, b)


def subtract(a: Expression, b: Expression) -> Expression:
    """Return the difference of numbers; that of times is refused."""
    if is_temporal(a.type) and is_temporal(b.type):
        raise TypeMismatch(
            f"{a} - {b} would be an interval, and no column holds intervals",
            hint="count the days, hours … between them: start.date_diff(end, 'day')",
        )
    return call("subtract", a, b)


def fill(arg: Expression, value: Expression) -> Expression:
    """Return `arg` with `value` in place of NULL, in the type of `arg`.

    Raises
    ------
    TypeMismatch
        Where that type does not hold the value.
    """
    wider = common_type([arg.type, value.type])
    if wider is not None:
        converted = cast_to(value, arg.type)
        fits = wider == arg.type or is_float(arg.type) or isinstance(converted, Literal)
        if fits:
            return call("coalesce", arg, converted)
    raise TypeMismatch(
        f"{value} is {value.type}, and cannot stand for NULL in {arg}, which is {arg.type}",
        hint=f"give a value of type {arg.type}, or cast the column: .cast('{value.type}')",
    )

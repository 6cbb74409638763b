"""Samples as conditions: a hash of the keys' text, so that every engine draws the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.expressions import (
    Call,
    Cast,
    Expression,
    call,
    cast_to,
    column,
    conjunction,
    literal,
)
from wayfed_optimizer.types import TEXT, TIMESTAMP, TIMESTAMP_UTC, is_float

if TYPE_CHECKING:
    from wayfed_optimizer.relations import Sample

_BITS: Final = 60
"""Bits of the function `hash`."""


def sample_condition(sample: Sample) -> Expression | None:
    """Return the condition that a row is in the sample; None where all rows are.

    The hash is of the seed and the keys, written as text, with a ``|`` before each key.

    Raises
    ------
    Unsupported
        Where a key is a float or binary, which engines write differently.
    """
    low, high = round(sample.low * 2**_BITS), round(sample.high * 2**_BITS)
    pieces: list[Expression] = [literal(str(sample.seed))]
    for name in sample.keys:
        key = column(sample.input.schema, name)
        if is_float(key.type) or key.type.name in ("binary", "list", "struct"):
            raise Unsupported(
                f"a sample by '{name}'",
                None,
                f"engines write {key.type} differently",
                hint="sample by a key that is an integer, text, a date or a decimal",
            )
        written = Cast(key, TIMESTAMP) if key.type == TIMESTAMP_UTC else key
        pieces.append(literal("|"))
        pieces.append(Call("coalesce", (cast_to(written, TEXT), literal("NULL"))))
    hashed = call("hash", call("concat", *pieces))
    bounds: list[Expression] = []
    if low > 0:
        bounds.append(call("greater_equal", hashed, literal(low)))
    if high < 2**_BITS:
        bounds.append(call("less", hashed, literal(high)))
    return conjunction(tuple(bounds)) if bounds else None

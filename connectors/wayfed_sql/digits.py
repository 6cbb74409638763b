"""How many digits numbers have at most: an engine may compute in 64 bits what is known to fit."""

from __future__ import annotations

from decimal import Decimal as Number
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import Decimal, is_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_optimizer.types import DataType
    from wayfed_sql.templates import Text

_OF_INTEGERS: Final[Mapping[str, int]] = MappingProxyType(
    {"int8": 3, "int16": 5, "int32": 10, "int64": 19}
)
MOST: Final = 38


def digits_between(low: object, high: object, kind: DataType) -> int | None:
    """Return the digits of a column's values between two bounds, its scale's among them.

    Examples
    --------
    >>> digits_between(Number("-1.5"), Number("120"), Decimal(15, 2))
    5
    """
    if not isinstance(kind, Decimal) and not is_integer(kind):
        return None
    if not isinstance(low, int | Number) or not isinstance(high, int | Number):
        return None
    most = max(abs(Number(low)), abs(Number(high)))
    return max(1, most.adjusted() + 1 + scale_of(kind)) if most else 1


def digits_of_type(kind: DataType) -> int:
    """Return the digits of the largest number of a type that is exact."""
    return kind.precision if isinstance(kind, Decimal) else _OF_INTEGERS.get(kind.name, MOST)


def digits_of(text: Text, kind: DataType) -> int:
    """Return the digits of what is written: those that are known, or else those of its type."""
    of_type = digits_of_type(kind)
    return of_type if text.digits is None else min(text.digits, of_type)


def digits_cast(text: Text, source: DataType, target: DataType) -> int | None:
    """Return the digits of what is written after a cast; None where they are not known."""
    if not isinstance(target, Decimal) or not (isinstance(source, Decimal) or is_integer(source)):
        return None
    shift = target.scale - scale_of(source)
    # Rounding may carry into one digit more.
    return min(
        target.precision, digits_of(text, source) + max(shift, shift + 1 if shift < 0 else 0)
    )


def scale_of(kind: DataType) -> int:
    """Return the digits behind the point."""
    return kind.scale if isinstance(kind, Decimal) else 0

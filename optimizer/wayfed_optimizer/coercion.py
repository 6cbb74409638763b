"""Which types go together: the common type of several, and the type rules that functions share.

A *type rule* takes the types of the arguments and answers the types that they are cast to and the
type of the result, or None where the function does not take such arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from wayfed_optimizer.types import (
    BOOL,
    DATE,
    FLOAT64,
    FLOATS,
    INT64,
    INTEGERS,
    MAX_PRECISION,
    NULL,
    TEXT,
    TIMESTAMP,
    DataType,
    Decimal,
    List,
    Struct,
    as_decimal,
    is_float,
    is_integer,
    is_numeric,
    is_temporal,
)

Types: TypeAlias = tuple[DataType, ...]
TypeRule: TypeAlias = Callable[[Types], "tuple[Types, DataType] | None"]
Matcher: TypeAlias = Callable[[DataType], bool]


def common_type(types: Sequence[DataType]) -> DataType | None:
    """Return the smallest type that holds the values of all `types`, or None if there is none.

    Examples
    --------
    >>> from wayfed_optimizer.types import INT32, INT64
    >>> str(common_type([INT32, INT64, NULL])), common_type([INT32, TEXT])
    ('int64', None)
    """
    known = [kind for kind in types if kind != NULL]
    if not known:
        return NULL
    result: DataType | None = known[0]
    for kind in known[1:]:
        if result is None:
            return None
        result = _common_of_two(result, kind)
    return result


def _common_of_two(a: DataType, b: DataType) -> DataType | None:
    if a == b:
        return a
    if is_numeric(a) and is_numeric(b):
        return _common_number(a, b)
    if {a, b} == {DATE, TIMESTAMP}:
        return TIMESTAMP
    if isinstance(a, List) and isinstance(b, List):
        element = _common_of_two(a.element, b.element)
        return List(element) if element else None
    return None


def _common_number(a: DataType, b: DataType) -> DataType:
    if is_float(a) or is_float(b):
        return FLOAT64
    if is_integer(a) and is_integer(b):
        return max(a, b, key=INTEGERS.index)
    x, y = as_decimal(a), as_decimal(b)
    scale = max(x.scale, y.scale)
    whole = max(x.precision - x.scale, y.precision - y.scale)
    return Decimal(min(MAX_PRECISION, whole + scale), scale)


def is_castable(source: DataType, target: DataType) -> bool:
    """Say whether values of one type can be cast to another; some of them may still fail to."""
    if source in (target, NULL) or target == TEXT:
        return not isinstance(source, List | Struct) or source == target
    if source == TEXT:
        return not isinstance(target, List | Struct)
    if is_temporal(source) or is_temporal(target):
        return is_temporal(source) and is_temporal(target)
    plain = is_numeric(source) or source == BOOL
    if isinstance(source, List) and isinstance(target, List):
        return _widens(source.element, target.element)
    return plain and (is_numeric(target) or target == BOOL)


def _widens(source: DataType, target: DataType) -> bool:
    """Say whether every engine gives every value of one type the same value of the other.

    What a list's elements are cast by is the engine's own cast, which may round or fail.
    """
    if isinstance(source, List) and isinstance(target, List):
        return _widens(source.element, target.element)
    if is_integer(source) and (is_integer(target) or isinstance(target, Decimal)):
        return as_decimal(source).precision <= as_decimal(target).precision - _scale(target)
    if isinstance(source, Decimal) and isinstance(target, Decimal):
        whole = target.precision - target.scale >= source.precision - source.scale
        return whole and target.scale >= source.scale
    return source in (target, NULL) or (is_numeric(source) and target == FLOAT64)


def _scale(kind: DataType) -> int:
    return kind.scale if isinstance(kind, Decimal) else 0


def is_any(_: DataType) -> bool:
    """Match every type."""
    return True


def one_of(*kinds: DataType) -> Matcher:
    """Match the given types."""
    return lambda kind: kind in kinds


def fixed(result: DataType, *arguments: DataType | Matcher, optional: int = 0) -> TypeRule:
    """Make the rule of a function with these arguments, of which the last `optional` may be absent.

    An argument is a type, to which what can be is cast, or a matcher, which leaves it as it is.
    """

    def rule(types: Types) -> tuple[Types, DataType] | None:
        if not len(arguments) - optional <= len(types) <= len(arguments):
            return None
        cast = tuple(map(_argument, types, arguments))
        return None if None in cast else (cast, result)  # type: ignore[return-value]  # no None is left

    return rule


def same(first: DataType | Matcher, *others: DataType | Matcher, optional: int = 0) -> TypeRule:
    """Make the rule of a function whose result has the type of its first argument."""

    def rule(types: Types) -> tuple[Types, DataType] | None:
        found = fixed(NULL, first, *others, optional=optional)(types)
        return (found[0], found[0][0]) if found else None

    return rule


def _argument(kind: DataType, wanted: DataType | Matcher) -> DataType | None:
    if not isinstance(wanted, DataType):
        return kind if kind == NULL or wanted(kind) else None
    if kind in (wanted, NULL):
        return wanted
    return wanted if _common_of_two(kind, wanted) == wanted or _to_float(kind, wanted) else None


def _to_float(kind: DataType, wanted: DataType) -> bool:
    return wanted == FLOAT64 and is_numeric(kind)


def arithmetic(decimal_result: Callable[[Decimal, Decimal], DataType]) -> TypeRule:
    """Make the rule of ``+ - *``: int64 for integers, float64 for floats, exact for decimals."""

    def rule(types: Types) -> tuple[Types, DataType] | None:
        if len(types) != 2 or not all(is_numeric(kind) or kind == NULL for kind in types):
            return None
        a, b = (INT64 if kind == NULL else kind for kind in types)
        if is_float(a) or is_float(b):
            return (FLOAT64, FLOAT64), FLOAT64
        if is_integer(a) and is_integer(b):
            return (INT64, INT64), INT64
        x, y = as_decimal(a), as_decimal(b)
        return (x, y), decimal_result(x, y)

    return rule


def decimal_sum(x: Decimal, y: Decimal) -> DataType:
    """Return the type of ``x + y``: the larger scale and one more digit, at most 38."""
    scale = max(x.scale, y.scale)
    whole = max(x.precision - x.scale, y.precision - y.scale)
    return Decimal(min(MAX_PRECISION, whole + scale + 1), scale)


def decimal_product(x: Decimal, y: Decimal) -> DataType:
    """Return the type of ``x * y``: the sum of scales; raises TypeMismatch beyond a scale of 38."""
    return Decimal(min(MAX_PRECISION, x.precision + y.precision), x.scale + y.scale)


def integers_or_floats(types: Types) -> tuple[Types, DataType] | None:
    """Rule of ``//`` and ``%``: int64 for integers, float64 for all other numbers."""
    if not all(is_numeric(kind) or kind == NULL for kind in types) or len(types) != 2:
        return None
    kind = FLOAT64 if any(is_float(t) or isinstance(t, Decimal) for t in types) else INT64
    return (kind, kind), kind


def comparison(types: Types) -> tuple[Types, DataType] | None:
    """Rule of ``= < …``: integers and decimals compare exactly, a float makes both float64."""
    if len(types) != 2:
        return None
    kind = common_type(types)
    if kind is None:
        return None
    mixed = is_numeric(kind) and not is_float(kind) and NULL not in types
    return (types if mixed else (kind, kind)), BOOL


def ordering(types: Types) -> tuple[Types, DataType] | None:
    """Rule of ``<`` and its like: that of ``=``, where values have an order."""
    return comparison(types) if _have_order(types) else None


def _have_order(types: Types) -> bool:
    return all(kind == NULL or is_ordered(kind) for kind in types)


def conjunction(types: Types) -> tuple[Types, DataType] | None:
    """Rule of AND and OR over two or more booleans."""
    fits = len(types) > 1 and all(kind in (BOOL, NULL) for kind in types)
    return ((BOOL,) * len(types), BOOL) if fits else None


def unified(types: Types) -> tuple[Types, DataType] | None:
    """Rule of coalesce, greatest, least: one or more arguments, all cast to their common type."""
    kind = common_type(types) if types else None
    return ((kind,) * len(types), kind) if kind else None


def unified_in_order(types: Types) -> tuple[Types, DataType] | None:
    """Rule of greatest and least: that of coalesce, where values have an order."""
    return unified(types) if _have_order(types) else None


def texts(types: Types) -> tuple[Types, DataType] | None:
    """Rule of concat: one or more texts."""
    fits = bool(types) and all(kind in (TEXT, NULL) for kind in types)
    return ((TEXT,) * len(types), TEXT) if fits else None


def negation(types: Types) -> tuple[Types, DataType] | None:
    """Rule of unary minus, abs and trunc: integers widen to int64, floats to float64."""
    if len(types) != 1 or not is_numeric(types[0]):
        return None
    if isinstance(types[0], Decimal):
        return types, types[0]
    kind = FLOAT64 if types[0] in FLOATS else INT64
    return (kind,), kind


def rounding(types: Types) -> tuple[Types, DataType] | None:
    """Rule of floor, ceil and round(x[, digits]): exact, and a decimal may need one digit more."""
    if not 1 <= len(types) <= 2:
        return None
    digits = tuple(INT64 if kind == NULL else kind for kind in types[1:])
    if not all(map(is_integer, digits)):
        return None
    found = negation((INT64,) if types[0] == NULL else types[:1])
    if found is None:
        return None
    result = found[1]
    if isinstance(result, Decimal):
        result = Decimal(min(MAX_PRECISION, result.precision + 1), result.scale)
    return (*found[0], *digits), result


def summation(types: Types) -> tuple[Types, DataType] | None:
    """Rule of sum: int64 for integers, decimal(38, s) for decimals, float64 for floats."""
    if len(types) != 1 or not is_numeric(types[0]):
        return None
    kind = types[0]
    if isinstance(kind, Decimal):
        return types, Decimal(MAX_PRECISION, kind.scale)
    return types, INT64 if is_integer(kind) else FLOAT64


def shifted(types: Types) -> tuple[Types, DataType] | None:
    """Rule of lag and lead: (x[, offset[, default]]) with the type of x."""
    if not 1 <= len(types) <= 3 or (len(types) > 1 and not is_integer(types[1])):
        return None
    if len(types) == 3 and common_type((types[0], types[2])) != types[0]:
        return None
    return (*types[:2], *((types[0],) if len(types) == 3 else ())), types[0]


def is_ordered(kind: DataType) -> bool:
    """Match the types whose values have an order: all but lists and structs."""
    return is_numeric(kind) or is_temporal(kind) or kind.name in ("bool", "text", "binary")

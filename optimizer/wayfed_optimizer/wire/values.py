"""Codecs of single values: how text, numbers, types, schemas and constants stand in JSON."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from wayfed_optimizer.errors import (
    DuplicateColumn,
    InvalidPlan,
    TypeMismatch,
    Unsupported,
    suggestion,
)
from wayfed_optimizer.node import Node
from wayfed_optimizer.types import (
    INTEGERS,
    MAX_TYPE_NESTING,
    NULL,
    PLAIN,
    DataType,
    Decimal,
    Field,
    List,
    Schema,
    Struct,
    parse_type,
)

if TYPE_CHECKING:
    from enum import Enum

Refer: TypeAlias = Callable[[Node], int]
"""Gives the index under which a node was written."""
Resolve: TypeAlias = Callable[[object, str, type[Node]], Node]
"""Gives the node of a class for an index, read at a place."""

_T = TypeVar("_T")
_INT64: Final = range(-(2**63), 2**63)
_DECIMAL_TEXT: Final = re.compile(r"-?[0-9]{1,80}(\.[0-9]{1,80})?(E[+-][0-9]{1,3})?")
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one kind are written as JSON, and read where they stand at a place."""

    write: Callable[[Any, Refer], object]
    read: Callable[[object, str, Resolve], Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands, in parsed JSON, for what no plan may contain; says why."""

    reason: str


def refuse(found: object, expected: str, place: str) -> InvalidPlan:
    """Return the error that `expected` should stand at `place`, where `found` does."""
    shown = found.reason if isinstance(found, Refused) else _shown(found)
    return InvalidPlan(f"expected {expected}, found {shown}", where=place)


def _shown(found: object) -> str:
    match found:
        case None:
            return "null"
        case bool():
            return str(found).lower()
        case dict():
            return "an object"
        case list():
            return "a list"
    return f"{found!r:.60}"


def _read_plain(kind: type[_T], expected: str) -> Callable[[object, str, Resolve], _T]:
    def read(found: object, place: str, _: Resolve) -> _T:
        if type(found) is not kind:
            raise refuse(found, expected, place)
        return found

    return read


def _unchanged(value: object, _: Refer) -> object:
    return value


def _read_text(found: object, place: str, _: Resolve) -> str:
    if type(found) is not str:
        raise refuse(found, "text", place)
    if not found.isascii():
        try:
            found.encode()
        except UnicodeEncodeError:
            raise refuse(found, "Unicode text without lone surrogates", place) from None
    return found


def _write_integer(value: int, _: Refer) -> int:
    if value not in _INT64:
        raise InvalidPlan(f"{value} does not fit int64")
    return int(value)


def _read_integer(found: object, place: str, _: Resolve) -> int:
    if type(found) is not int or found not in _INT64:
        raise refuse(found, "an integer of 64 bits", place)
    return found


def _write_float(value: float, _: Refer) -> object:
    value = float(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _read_float(found: object, place: str, _: Resolve) -> float:
    if isinstance(found, str) and found in _NOT_FINITE:
        return _NOT_FINITE[found]
    if type(found) is not float or not math.isfinite(found):
        raise refuse(found, "a number with a point or an exponent", place)
    return found


def _write_function(value: object, _: Refer) -> str:
    if not isinstance(value, str):
        name = getattr(value, "__qualname__", "a function")
        raise Unsupported(
            f"sending the Python function {name}",
            reason="a plan holds no code",
            hint="install it at the receiver as an entry point, and give its name instead",
        )
    return value


TEXT: Final = Codec(_unchanged, _read_text)
FLAG: Final = Codec(_unchanged, _read_plain(bool, "true or false"))
INTEGER: Final = Codec(_write_integer, _read_integer)
FLOAT: Final = Codec(_write_float, _read_float)
NUMBER: Final = Codec(
    lambda value, refer: (_write_integer if type(value) is int else _write_float)(value, refer),
    lambda found, place, resolve: (_read_integer if type(found) is int else _read_float)(
        found, place, resolve
    ),
)
FUNCTION: Final = Codec(_write_function, _read_text)


def _write_type(kind: DataType, refer: Refer) -> object:
    match kind:
        case List(element=element):
            return {"list": _write_type(element, refer)}
        case Struct(fields=fields):
            return {"struct": [[name, _write_type(member, refer)] for name, member in fields]}
    return str(kind)


def _read_type(found: object, place: str, resolve: Resolve) -> DataType:
    if place.count(".list") + place.count(".struct") > MAX_TYPE_NESTING:
        raise InvalidPlan(f"a type is nested more than {MAX_TYPE_NESTING} times", where=place)
    match found:
        case "null":
            return NULL
        case str() if found in PLAIN:
            return PLAIN[found]
        case str() if found.startswith("decimal("):
            try:
                return parse_type(found)
            except TypeMismatch as error:
                error.where = place
                raise
        case {"list": element, **rest} if not rest:
            return List(_read_type(element, f"{place}.list", resolve))
        case {"struct": list(fields), **rest} if not rest:
            return Struct(tuple(_read_members(fields, f"{place}.struct", resolve)))
    hint = suggestion(found, PLAIN) if isinstance(found, str) else None
    refusal = refuse(found, "a type", place)
    refusal.hint, refusal.available = hint, (*PLAIN, "decimal(p,s)")
    raise refusal


def _read_members(fields: list[object], place: str, resolve: Resolve) -> list[tuple[str, DataType]]:
    return [
        _MEMBER.read(member, f"{place}[{position}]", resolve)
        for position, member in enumerate(fields)
    ]


TYPE: Final = Codec(_write_type, _read_type)


def optional(codec: Codec) -> Codec:
    """Return the codec of a value that may be absent."""
    return Codec(
        lambda value, refer: None if value is None else codec.write(value, refer),
        lambda found, place, resolve: None if found is None else codec.read(found, place, resolve),
    )


def many(codec: Codec) -> Codec:
    """Return the codec of a tuple of any length."""

    def read(found: object, place: str, resolve: Resolve) -> tuple[Any, ...]:
        if not isinstance(found, list):
            raise refuse(found, "a list", place)
        return tuple(
            codec.read(item, f"{place}[{position}]", resolve) for position, item in enumerate(found)
        )

    return Codec(lambda value, refer: [codec.write(item, refer) for item in value], read)


def row(*codecs: Codec) -> Codec:
    """Return the codec of a tuple of as many values as there are codecs."""

    def read(found: object, place: str, resolve: Resolve) -> tuple[Any, ...]:
        if not isinstance(found, list) or len(found) != len(codecs):
            raise refuse(found, f"a list of {len(codecs)}", place)
        return tuple(
            codec.read(item, f"{place}[{position}]", resolve)
            for position, (codec, item) in enumerate(zip(codecs, found, strict=True))
        )

    return Codec(
        lambda value, refer: [
            codec.write(item, refer) for codec, item in zip(codecs, value, strict=True)
        ],
        read,
    )


def one_of(choices: type[Enum]) -> Codec:
    """Return the codec of an enumeration, written by its values."""
    by_value = {str(choice.value): choice for choice in choices}

    def read(found: object, place: str, _: Resolve) -> Enum:
        if not isinstance(found, str) or found not in by_value:
            error = refuse(found, f"a {choices.__name__}", place)
            error.available = tuple(by_value)
            error.hint = suggestion(found, by_value) if isinstance(found, str) else None
            raise error
        return by_value[found]

    return Codec(lambda value, _: value.value, read)


_MEMBER: Final = row(TEXT, TYPE)
_FIELD: Final = row(TEXT, TYPE, FLAG)
_FIELDS: Final = many(_FIELD)


def _write_schema(schema: Schema, refer: Refer) -> object:
    return _FIELDS.write([(f.name, f.type, f.nullable) for f in schema], refer)


def _read_schema(found: object, place: str, resolve: Resolve) -> Schema:
    fields = [Field(*values) for values in _FIELDS.read(found, place, resolve)]
    for position, read in enumerate(fields):
        if read.type == NULL:
            raise InvalidPlan(f"column {read.name} has no type", where=f"{place}[{position}]")
    try:
        return Schema(fields)
    except DuplicateColumn as error:
        error.where = place
        raise


SCHEMA: Final = Codec(_write_schema, _read_schema)


def write_constant(value: Any, kind: DataType) -> object:
    """Return the JSON of the value of a literal of type `kind`.

    Raises
    ------
    TypeMismatch
        Where it is not a value of that type.
    """
    try:
        written = None if value is None else _write_constant(value, kind)
        read_constant(written, kind, "")
    except (AttributeError, TypeError, ValueError, OverflowError, InvalidPlan) as error:
        raise TypeMismatch(f"the constant {value!r:.60} is not a {kind}") from error
    return written


def _write_constant(value: Any, kind: DataType) -> object:
    match kind.name:
        case "bool" | "text" | "int8" | "int16" | "int32" | "int64":
            return value
        case "float32" | "float64":
            return _write_float(value, _no_nodes)
        case "decimal":
            return str(value)
        case "binary":
            return base64.b64encode(value).decode()
        case "timestamp_utc":
            return value.astimezone(datetime.UTC).isoformat()
        case "date" | "timestamp":
            return value.isoformat()
    raise TypeMismatch(f"there are no constants of {kind}")


def read_constant(found: object, kind: DataType, place: str) -> object:
    """Return the value of a literal of type `kind` from its JSON.

    Raises
    ------
    InvalidPlan
        Where it is not one.
    """
    if found is None:
        return None
    value = _parse_constant(found, kind, place)
    if value is None:
        raise refuse(found, f"a constant of {kind}", place)
    return value


def _parse_constant(found: object, kind: DataType, place: str) -> object:
    if kind in INTEGERS:
        bits = int(kind.name[3:]) - 1
        return found if type(found) is int and -(2**bits) <= found < 2**bits else None
    match kind.name:
        case "bool":
            return found if type(found) is bool else None
        case "float32" | "float64":
            return _read_float(found, place, _no_node)
    if type(found) is not str:
        return None
    if kind.name == "text":
        return _read_text(found, place, _no_node)
    try:
        value = _parse_text(found, kind)
        same = value is not None and _write_constant(value, kind) == found
    except (ValueError, OverflowError, decimal.InvalidOperation):
        return None
    return value if same else None


def _parse_text(text: str, kind: DataType) -> object:
    match kind.name:
        case "decimal":
            return _parse_decimal(text, kind)
        case "binary":
            return base64.b64decode(text, validate=True)
        case "date":
            return datetime.date.fromisoformat(text)
        case "timestamp" | "timestamp_utc":
            value = datetime.datetime.fromisoformat(text)
            zoned = value.tzinfo is not None
            return value if zoned == (kind.name == "timestamp_utc") else None
    return None


def _parse_decimal(text: str, kind: DataType) -> decimal.Decimal | None:
    if not isinstance(kind, Decimal) or not _DECIMAL_TEXT.fullmatch(text):
        return None
    value = decimal.Decimal(text)
    exponent = value.as_tuple().exponent
    fits = isinstance(exponent, int) and -exponent <= kind.scale
    return value if fits and (not value or value.adjusted() < kind.precision - kind.scale) else None


def _no_nodes(_: Node) -> int:
    raise InvalidPlan("a constant holds no nodes")


def _no_node(_: object, place: str, __: type[Node]) -> Node:
    raise InvalidPlan("a constant holds no nodes", where=place)
